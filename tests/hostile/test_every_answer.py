"""Whatever is asked, by whomever: an answer that the API's description announces, and never a 5xx.

Schemathesis reads the description and asks: at the edges of every parameter and field and just beyond them,
then at random, then along the links between operations. It holds each answer against the description: its
status, content type, headers and schema, and that what the description forbids is refused.

`pytest tests/hostile/test_every_answer.py --hypothesis-profile=thorough` asks at every edge, and ten
times as much at random.
"""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import GenerationConfig
from schemathesis.core.parameters import ParameterLocation

from app.problems import MEDIA_TYPE
from tests.access.scene import HOME
from tests.access.table import ROUTES
from tests.hostile.conftest import Api

#: The ordinary run asks the same each time; the thorough one seeks what is new.
THOROUGH = settings.get_current_profile_name() == "thorough"
CALLERS = list(HOME)
MAY = {f"{route.method} {route.path}": sorted(route.may) for route in ROUTES}

load_all_checks()
#: The description cannot tell every rule (a code must be the rulebook's, a box not inside out): what fits it
#: may be refused with 422. Who must be known for what is proved in `tests/access`.
EXCLUDED = CHECKS.get_by_names(["positive_data_acceptance", "ignored_auth"])


class Asking:
    """Sends cases in the name of callers, for what lies in the scene, and holds the answers against the
    description."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.versions: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()

    def __call__(self, case: Case, caller: str) -> Response:
        self._point_at_the_scene(case, caller)
        reply = case.call(headers=self.api.headers(caller))
        case.validate_response(reply, excluded_checks=EXCLUDED)
        if reply.status_code >= 400:
            assert reply.headers["content-type"] == [MEDIA_TYPE]
            assert case.method == "HEAD" or reply.json()["detail"], "tells nobody what to do"
        if reply.status_code == 200 and "etag" in reply.headers and "case" in (case.path_parameters or {}):
            self.versions[caller] = reply.headers["etag"][0]
        self.statuses[reply.status_code] += 1
        return reply

    def _point_at_the_scene(self, case: Case, caller: str) -> None:
        """What fits the description would name nothing that exists: where it may, it names what does."""
        names = self.api.scene.names_for(caller)
        components = case.meta.components if case.meta else {}

        def fits(location: ParameterLocation) -> bool:
            return location not in components or components[location].mode is GenerationMode.POSITIVE

        if fits(ParameterLocation.PATH):
            for name in (case.path_parameters or {}).keys() & names.keys():
                case.path_parameters[name] = str(names[name])
        if "If-Match" in (case.headers or {}) and fits(ParameterLocation.HEADER):
            case.headers["If-Match"] = self.versions.get(caller, f'"{names["version"]}"')


@pytest.fixture(scope="module")
def ask(api: Api) -> Asking:
    return Asking(api)


def operations(api: Api) -> list[Any]:
    return [found.ok() for found in api.schema.get_all_operations()]


def at_the_edges(api: Api, operation: Any) -> list[Case]:
    """In an ordinary run, of an operation with very many every second or third and so on."""
    modes = list(GenerationMode)
    found = api.schema.iter_coverage_cases(
        operation, generation_modes=modes, generation_config=GenerationConfig()
    )
    cases = list(found)
    return cases if THOROUGH else cases[:: -(-len(cases) // 150)]


def test_each_edge_of_each_operation_is_answered_as_declared(api: Api, ask: Asking) -> None:
    """Each role and the stranger ask in turn, and every other time somebody whom the operation is for."""
    for operation in operations(api):
        turns = zip(cycle(CALLERS), cycle(MAY.get(operation.label, CALLERS)), strict=False)
        callers = (caller for pair in turns for caller in pair)
        asked = [
            ask(case, caller).status_code
            for case, caller in zip(at_the_edges(api, operation), callers, strict=False)
        ]
        assert asked, operation.label
    assert min(ask.statuses[status] for status in (200, 201, 204, 401, 403, 404, 405, 422)) > 0


@pytest.mark.parametrize("caller", CALLERS)
def test_whatever_comes_to_mind_is_answered_as_declared(api: Api, ask: Asking, caller: str) -> None:
    anything = st.one_of(
        st.sampled_from([one for one in operations(api) if caller in MAY.get(one.label, CALLERS)]),
        st.sampled_from(operations(api)),
    )
    cases = st.tuples(anything, st.sampled_from(GenerationMode)).flatmap(
        lambda drawn: drawn[0].as_strategy(generation_mode=drawn[1])
    )

    @given(cases)
    @settings(
        max_examples=settings.default.max_examples // 4,
        derandomize=not THOROUGH,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def whatever(case: Case) -> None:
        ask(case, caller)

    whatever()


def test_along_the_links_each_answer_is_as_declared(api: Api) -> None:
    """Somebody with every role: what one answer names, the next question is about."""
    api.schema.apply_stateful_inference(None)
    machine = api.schema.as_state_machine()

    class Linked(machine):  # type: ignore[valid-type, misc]
        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": api.headers("all_rounder")}

        def validate_response(self, response: Response, case: Case, **more: Any) -> None:
            case.validate_response(response, excluded_checks=EXCLUDED)

    run_state_machine_as_test(
        Linked,
        settings=settings(
            max_examples=settings.default.max_examples // 10,
            stateful_step_count=10,
            derandomize=not THOROUGH,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        ),
    )
