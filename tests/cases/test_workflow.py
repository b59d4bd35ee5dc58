"""The transition table, walked exhaustively and held against a golden copy written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from types import SimpleNamespace
from typing import get_args
from uuid import UUID, uuid4

import pytest

from app.cases import draw
from app.cases.actions import CaseCommand
from app.cases.case import Case, Folded
from app.cases.effects import EFFECTS, GIVES_TASK
from app.cases.guards import GUARD_WORDS, Guard
from app.cases.outcome import Found
from app.cases.permission import GUARDS, Situation, available, permit
from app.cases.workflow import (
    BY_ACTION,
    ENDS,
    OPEN,
    STAGE_CLOCKS,
    STAGE_LABELS,
    TRANSITIONS,
    Action,
    PolicyRoles,
    Stage,
    check_table,
)
from app.errors import ActionNotAllowed, Forbidden
from app.identity.principal import Principal, Role
from tests.cases.golden import ROWS, GoldenRow
from tests.world import RULEBOOK, WEST


def _role(role: Role | PolicyRoles) -> str:
    return role.name if isinstance(role, PolicyRoles) else role.value


def test_the_table_is_the_golden_one():
    assert {row.action.value for row in TRANSITIONS} == set(ROWS)
    for row in TRANSITIONS:
        told = GoldenRow(
            action=row.action.value,
            sources=frozenset(stage.value for stage in row.sources),
            target=row.target.value if row.target else None,
            roles=frozenset(map(_role, row.roles)),
            party=row.party.value,
            guards=tuple(guard.value for guard in row.guards),
            clocks={
                sign: [clock.value for clock in clocks]
                for sign, clocks in zip("+-=~", (row.starts, row.stops, row.pauses, row.resumes), strict=True)
            },
        )
        assert told == ROWS[row.action.value], row.action


def test_everything_has_words_and_everything_is_carried_out():
    assert set(STAGE_LABELS) == set(Stage)
    assert set(GUARD_WORDS) == set(GUARDS) == set(Guard)
    assert set(STAGE_CLOCKS) == OPEN == set(Stage) - ENDS
    assert set(EFFECTS) == set(Action) - {Action.REPORT, Action.REPORT_HANDLED}


def test_the_api_offers_every_action_that_somebody_may_take():
    offered = {get_args(model.model_fields["action"].annotation)[0] for model in _commands()}
    own = {row.action for row in TRANSITIONS if row.roles == {Role.SYSTEM}}
    assert offered == set(Action) - own - {Action.REPORT, Action.REPORT_HANDLED}


def test_only_a_case_with_a_task_has_an_inspector():
    """The draw counts an inspector's open tasks by the inspector alone."""
    tasks = {Stage.VERIFYING, Stage.CHECKING}
    command, found = SimpleNamespace(exists=True, passed=True), Found(draw=_DRAWN)
    for row in TRANSITIONS:
        into = {row.target} if row.target else row.sources
        if row.action in GIVES_TASK:
            assert into <= tasks
            assert EFFECTS[row.action](command, _at_task(), found).fields["inspector_id"] is not None
        elif row.sources & tasks and not into & tasks:
            assert EFFECTS[row.action](command, _at_task(), found).fields["inspector_id"] is None


_DRAWN = draw.named(draw.Task.CHECK, uuid4(), "i", pair_days=30, pair_percent=150)


def _at_task():
    return _situation(Stage.CHECKING, Role.INSPECTOR)


def _commands():
    return get_args(get_args(CaseCommand)[0])


@pytest.mark.parametrize(
    ("spoiled", "complaint"),
    [
        (lambda rows: rows[1:], "exactly one row"),
        (lambda rows: (*rows, rows[0]), "exactly one row"),
        (lambda rows: _without_target(rows, Stage.MERGED), "no action leads to"),
        (lambda rows: _changed(rows, Action.NOTE, target=Stage.FILING), "leads out of the end"),
        (lambda rows: _only_round_trips(rows), "trap"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(spoiled, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_table(spoiled(TRANSITIONS))


def _changed(rows, action, **changes):
    return tuple(replace(row, **changes) if row.action is action else row for row in rows)


def _without_target(rows, stage):
    return tuple(replace(row, target=None) if row.target is stage else row for row in rows)


def _only_round_trips(rows):
    """A suspension nobody can resume or void."""
    return tuple(replace(row, sources=row.sources - {Stage.SUSPENDED}) for row in rows)


# -- every stage, action and role ------------------------------------------------------------------------


def _situation(stage: Stage, role: Role) -> Situation:
    """A case in the stage, in which the caller is every party there is."""
    me = uuid4()
    case = Case.model_validate(
        {
            "id": uuid4(), "number": "n", "district_code": "990101", "stage": stage, "version": 1, "head": "",
            "source": "inspector", "description": "d", "lon": 120, "lat": 30, "raw_x": 120, "raw_y": 30,
            "datum": "cgcs2000", "area_code": f"{WEST}001001", "reporter_id": uuid4(), "reporter_name": "r",
            "rulebook_id": UUID(int=0), "reported_at": datetime(2026, 3, 2, tzinfo=UTC),
            "lead_unit": "west_office", "assisting_units": ("west_office",), "inspector_id": me,
            "merged_into": None,
        }
    )  # fmt: skip
    actor = Principal(me, "me", "account", frozenset({role}), (WEST,), "west_office")
    return Situation(Folded(case, ()), actor, datetime(2026, 3, 2, 1, tzinfo=UTC), RULEBOOK, UUID(int=0))


@pytest.mark.parametrize("stage", Stage)
def test_no_action_outside_the_table_is_permitted(stage):
    """1,000 and more cells: stage × action × role."""
    for action, role in product(Action, Role):
        row = BY_ACTION[action]
        situation = _situation(stage, role)
        may = role in row.allowed_roles(RULEBOOK.policy)
        holds = all(GUARDS[guard](situation) for guard in row.guards)
        expected = stage in row.sources and may and holds
        assert (row in available(situation)) is expected, (action, role)
        if expected:
            assert permit(action, situation) is row
        elif not may:
            with pytest.raises(Forbidden):
                permit(action, situation)
        else:
            with pytest.raises(ActionNotAllowed) as refused:
                permit(action, situation)
            assert refused.value.extra["allowed"] == [row.action.value for row in available(situation)]


def test_only_the_party_concerned():
    for action, stage in (
        (Action.SIGN, Stage.SIGNING), (Action.HAND_BACK, Stage.HANDLING), (Action.ASSIST, Stage.HANDLING),
    ):  # fmt: skip
        own = _situation(stage, Role.UNIT_OFFICER)
        permit(action, own)
        for unit in ("east_office", "sanitation", None):
            with pytest.raises(Forbidden):
                permit(action, replace(own, actor=replace(own.actor, unit=unit)))
    task = _situation(Stage.CHECKING, Role.INSPECTOR)
    permit(Action.CHECK, task)
    with pytest.raises(Forbidden):
        permit(Action.CHECK, replace(task, actor=replace(task.actor, id=uuid4())))


def test_a_unit_above_acts_for_the_one_below():
    own = _situation(Stage.SIGNING, Role.UNIT_OFFICER)
    led = own.folded.case.model_copy(update={"lead_unit": "enforcement_west"})
    above = replace(own, folded=Folded(led, ()), actor=replace(own.actor, unit="enforcement"))
    permit(Action.SIGN, above)
    with pytest.raises(Forbidden):
        permit(Action.SIGN, replace(above, actor=replace(above.actor, unit="enforcement_east")))


def test_who_files_and_closes_is_the_citys_choice():
    clerks = RULEBOOK.model_copy(
        update={
            "policy": RULEBOOK.policy.model_copy(
                update={"file_roles": (Role.INTAKE_CLERK,), "close_roles": (Role.EVALUATOR,)}
            )
        }
    )
    filing = _situation(Stage.FILING, Role.INTAKE_CLERK)
    with pytest.raises(Forbidden):
        permit(Action.FILE, filing)
    permit(Action.FILE, replace(filing, rulebook=clerks))
    with pytest.raises(Forbidden):
        permit(Action.FILE, replace(_situation(Stage.FILING, Role.SHIFT_LEADER), rulebook=clerks))
