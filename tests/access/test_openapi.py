"""The API's description is valid, complete, and what it shows as an example is taken as it stands.

That each status the API answers with is declared is seen in every test of the city: `tests/contract.py`.
"""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.cases.workflow import TRANSITIONS, Action
from app.identity.principal import Role
from tests.access.table import ANYBODY, KNOWN, ROUTES, Route
from tests.contract import document, operations

each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)


def described(route: Route) -> dict[str, Any]:
    return operations()[f"{route.method} {route.path}"]


def test_the_document_is_valid_openapi_3_1():
    assert document()["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document()).validate()


def test_operation_ids_are_unique():
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names))


@each_route
def test_a_route_is_told_with_tag_summary_and_its_refusals(route: Route):
    told = described(route)
    assert len(told["tags"]) == 1
    assert told["summary"]
    declared = set(told["responses"])
    assert str(route.status) in declared
    assert {str(status) for status in route.but.values()} <= declared
    if route.may != ANYBODY:
        assert "401" in declared
    if not route.may >= KNOWN:
        assert "403" in declared
    for outcome in (route.foreign.street, route.foreign.district):
        if isinstance(outcome, int):
            assert str(outcome) in declared
    if "requestBody" in told:
        assert {"400", "413", "422"} <= declared


@each_route
def test_a_route_tells_how_to_log_in_unless_it_is_open(route: Route):
    schemes = [name for way in described(route).get("security", []) for name in way]
    assert schemes == ([] if route.may == ANYBODY else ["Account", "ApiClient"])


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Of a schema of the document; its references lead into the document's components."""
    return Draft202012Validator({**schema, "components": document()["components"]})


def _bodies() -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, content)
        for name, operation in operations().items()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]


def test_the_examples_of_bodies_are_valid():
    shown = 0
    for name, content in _bodies():
        validator = _validator(content["schema"])
        for example in content.get("examples", {}).values():
            assert not list(validator.iter_errors(example["value"])), name
            shown += 1
    assert shown >= 4


def test_report_and_actions_show_examples():
    bodies = dict(_bodies())
    assert bodies["POST /api/v1/cases"]["examples"]
    shown = bodies["POST /api/v1/cases/{case}/actions"]["examples"]
    assert {example["value"]["action"] for example in shown.values()} <= set(Action)
    assert len(shown) >= 3


def test_the_body_of_actions_is_one_model_for_each_action():
    schema = dict(_bodies())["POST /api/v1/cases/{case}/actions"]["schema"]
    own = {row.action for row in TRANSITIONS if row.roles == {Role.SYSTEM}}
    reports = {Action.REPORT, Action.REPORT_HANDLED}
    assert set(schema["discriminator"]["mapping"]) == set(Action) - own - reports
    assert len(schema["oneOf"]) == len(schema["discriminator"]["mapping"])


def test_every_example_of_a_schema_fits_it():
    for name, schema in document()["components"]["schemas"].items():
        for field, told in schema.get("properties", {}).items():
            for example in told.get("examples", []):
                assert not list(_validator(told).iter_errors(example)), f"{name}.{field}"


def test_refusals_are_told_with_an_example_that_fits():
    problem = _validator(document()["components"]["schemas"]["Problem"])
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            for code, example in (
                response.get("content", {}).get("application/problem+json", {}).get("examples", {}).items()
            ):
                assert not list(problem.iter_errors(example["value"])), name
                assert (example["value"]["status"], example["value"]["code"]) == (int(status), code)


async def test_report_and_action_replies_fit_what_is_told_of_them(desk):
    case = await desk.report("lan")
    told = operations()["POST /api/v1/cases"]["responses"]["201"]["content"]["application/json"]["schema"]
    reply = await desk.try_report("lan")
    assert not list(_validator(told).iter_errors(reply.json()))
    told = operations()["POST /api/v1/cases/{case}/actions"]["responses"]["200"]
    reply = await desk.try_act("clerk", case, "accept")
    assert not list(_validator(told["content"]["application/json"]["schema"]).iter_errors(reply.json()))
