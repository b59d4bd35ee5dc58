"""Every action of the workflow over HTTP, by everybody who sees the case and those who must not.

Who may do what is written here by hand: names of people, not roles, since the party counts as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from app.cases.workflow import Action, Stage
from tests.access import situations as on
from tests.access.scene import ABROAD, BESIDE, HOME, STREET
from tests.access.situations import STAGES, TOMORROW, Case, Situation
from tests.access.table import REPORTERS
from tests.cases.desk import Desk
from tests.photos.pictures import uploaded
from tests.world import PEOPLE, middle

#: Who asks. They all see the case, but for the units before it is dispatched, the API client, and the
#: hotline where it was not the one who reported.
WATCHERS = (
    "wei", "lan", "clerk", "leader", "second_leader", "dispatcher", "west_officer", "enforcer", "chief",
    "evaluator", "second_evaluator", "admin", "hotline", "client", "anonymous",
)  # fmt: skip
LEADERS = "leader second_leader"
EVALUATORS = "evaluator second_evaluator"
ACCEPTING = f"clerk {LEADERS}"
CENTRE = f"clerk {LEADERS} dispatcher"
OPEN = "reported verifying auditing filing dispatching signing handling ruling suspended checking closing"
ALWAYS = f"{OPEN} closed refused voided merged"
WITH_UNIT = "signing handling ruling suspended checking closing"

Content = Callable[[Desk, Case], Awaitable[dict[str, Any]]]


async def _another_report(desk: Desk, _: Case) -> dict[str, Any]:
    return {"into": (await on.reported(desk))["id"]}


async def _the_order(_: Desk, case: Case) -> dict[str, Any]:
    return {"order": next(clock["id"] for clock in case["clocks"] if clock["kind"] == "replying")}


@dataclass(frozen=True)
class Rule:
    """`right`: who may. `guarded`: who would by role and party, but is kept out by what happened (409).
    `@inspector` is whoever has the task."""

    stages: str
    situation: Situation
    right: str
    body: dict[str, Any] = field(default_factory=dict)
    content: Content | None = None
    guarded: str = ""
    own: Callable[[str], dict[str, Any]] = lambda _: {}

    def people(self, case: Case) -> set[str]:
        return {case["inspector_name"] if name == "@inspector" else name for name in self.right.split()}


_NOTE = {"note": "情况属实"}
_TEXT = {"text": "情况属实"}
_ORDER = {"level": "urgent", "text": "今日回复", "reply_due_at": TOMORROW}

RULES = {
    "accept": Rule("reported", on.reported, ACCEPTING),
    "request_verification": Rule("reported filing", on.reported, ACCEPTING),
    "verify": Rule("verifying", on.verifying, "@inspector", {"exists": True}),
    "audit_pass": Rule("auditing", on.auditing, ACCEPTING),
    "audit_fail": Rule("auditing", on.auditing, ACCEPTING, _NOTE),
    "refuse": Rule("reported filing", on.reported, ACCEPTING, {"reason": "not_found"}),
    "merge": Rule("reported filing", on.reported, ACCEPTING, content=_another_report),
    "unmerge": Rule("merged", on.merged, ACCEPTING, _NOTE),
    "locate": Rule("reported verifying filing", on.reported, ACCEPTING, {"position": middle("W2")}),
    "file": Rule("filing", on.filing, LEADERS, {"condition": "E0405-1"}),
    "dispatch": Rule("dispatching", on.dispatching, "dispatcher"),
    "sign": Rule("signing", on.signing, "west_officer"),
    "decline": Rule("signing handling", on.handling, "west_officer", {"reason": "not_mine", **_NOTE}),
    "return_to_unit": Rule("ruling", on.ruling, "dispatcher", _NOTE),
    "redispatch": Rule("ruling", on.ruling, "dispatcher", {"lead": "sanitation", **_NOTE}),
    "reach_milestone": Rule("handling", on.illegal_building, "enforcer", {"milestone": "停工"}),
    "assist": Rule("signing handling", on.handling, "enforcer", _NOTE),
    "request_extension": Rule("handling", on.handling, "west_officer", {"reason": "weather"}),
    "approve_extension": Rule("handling", on.extension_asked, "dispatcher"),
    "reject_extension": Rule("handling", on.extension_asked, "dispatcher", _NOTE),
    "request_suspension": Rule("handling", on.handling, "west_officer",
                               {"reason": "engineering", "until": TOMORROW}),
    "approve_suspension": Rule("handling", on.suspension_asked, "dispatcher"),
    "reject_suspension": Rule("handling", on.suspension_asked, "dispatcher", _NOTE),
    "resume": Rule("suspended", on.suspended, "dispatcher"),
    "hand_back": Rule("handling", on.handling, "west_officer", {"result": "已清理"}),
    "check": Rule("checking", on.checking, "@inspector", {"passed": True}),
    "recheck": Rule("closing", on.closing, LEADERS, _NOTE),
    "rework": Rule("closing", on.closing, LEADERS, _NOTE),
    "close": Rule("closing", on.closing, LEADERS),
    "request_voiding": Rule(OPEN, on.handling, CENTRE, {"reason": "filed_in_error"}),
    "approve_voiding": Rule(OPEN, on.voiding_asked, "second_leader", guarded="leader"),
    "reject_voiding": Rule(OPEN, on.voiding_asked, LEADERS, _NOTE),
    "assign_inspector": Rule("verifying checking", on.checking, ACCEPTING),
    "remind": Rule(OPEN, on.handling, f"{CENTRE} {EVALUATORS} hotline", _NOTE),
    "supervise": Rule(OPEN, on.handling, f"{LEADERS} dispatcher {EVALUATORS}", _ORDER),
    "reply_supervision": Rule(WITH_UNIT, on.supervised, "west_officer", _TEXT, _the_order),
    "note": Rule(ALWAYS, on.handling,
                 f"wei lan {CENTRE} west_officer enforcer chief {EVALUATORS}", _TEXT),
    "supplement": Rule(ALWAYS, on.handling, "clerk hotline",
                       {"changes": [{"field": "description", "after": "又摆出来了"}]}),
    "call_back": Rule(ALWAYS, on.handling, f"{ACCEPTING} {EVALUATORS} hotline", {"reached": False}),
    "reveal_caller": Rule(ALWAYS, on.handling, "", {"reason": "联系来电人"},
                          guarded=f"{ACCEPTING} west_officer enforcer"),
    "attach": Rule(OPEN, on.handling, f"wei lan clerk {LEADERS} west_officer enforcer chief hotline",
                   {"kind": "near"}, own=lambda who: {"photo": photo_of(who)}),
    "appeal": Rule("closed", on.closed_late, "west_officer", _TEXT),
    "review_appeal": Rule("closed", on.appealed, f"{LEADERS} {EVALUATORS}", {"upheld": True, **_NOTE}),
    "decide_appeal": Rule("closed", on.appeal_reviewed, "second_evaluator", {"upheld": True, **_NOTE},
                          guarded="evaluator"),
}  # fmt: skip
SITUATIONS = {rule.situation: [name for name, one in RULES.items() if one.situation is rule.situation]
              for rule in RULES.values()}  # fmt: skip


def photo_of(who: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"photo of {who}"))


def test_every_action_the_api_offers_has_its_rule():
    ours = {
        Action.REPORT, Action.REPORT_HANDLED, Action.ABSORB, Action.RELEASE, Action.FOLLOW,
        Action.RECORD_OVERRUN,
    }  # fmt: skip
    assert set(RULES) == set(Action) - ours
    assert set(STAGES) == set(Stage)


def _sees(who: str, case: Case) -> bool:
    if who in ("west_officer", "enforcer"):
        return case["lead_unit"] is not None
    return who != "client" and (who != "hotline" or case["reporter_name"] == "hotline")


def _expected(who: str, rule: Rule, case: Case) -> int:
    if who == "anonymous":
        return 401
    if who in rule.people(case):
        return 200
    if who in rule.guarded.split():
        return 409
    return 403 if _sees(who, case) else 404


def _foreigners(rule: Rule, case: Case) -> set[str]:
    """Those of the right role who have no business with the case."""
    found = set()
    for name in rule.people(case):
        (role,) = PEOPLE[name].roles
        found |= {STREET[role], ABROAD[role], BESIDE.get(role, STREET[role])}
    return found


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: " ".join(SITUATIONS[one]))
async def test_who_may_take_an_action(desk, connection, situation):
    case = await situation(desk)
    if "attach" in SITUATIONS[situation]:
        for who in set(WATCHERS) - {"anonymous"}:
            await uploaded(connection, photo_of(who), desk.world.ids[who], who)
    for name in SITUATIONS[situation]:
        rule = RULES[name]
        body = rule.body | (await rule.content(desk, case) if rule.content else {})
        expected = {who: _expected(who, rule, case) for who in WATCHERS}
        expected |= dict.fromkeys(_foreigners(rule, case), 404)
        got = {}
        for who in expected:
            savepoint = await connection.begin_nested()
            got[who] = (await desk.try_act(who, case, name, **body, **rule.own(who))).status_code
            await savepoint.rollback()
        assert got == expected, name


@pytest.mark.parametrize("stage", STAGES)
async def test_in_another_stage_an_action_is_refused_with_those_allowed(desk, stage):
    case = await STAGES[stage](desk)
    assert case["stage"] == stage
    offered = {}
    for name, rule in RULES.items():
        if stage in rule.stages.split():
            continue
        who = rule.right.split()[0].replace("@inspector", "wei")
        # Those who do not see the case at this stage cannot even be told its stage.
        who = who if _sees(who, case) else "all_rounder"
        if who not in offered:
            seen = (await desk.get(who, f"/cases/{case['id']}")).json()
            offered[who] = [action["action"] for action in seen["available_actions"]]
        content = {"into": case["id"]} if name == "merge" else {}
        content |= {"order": case["id"]} if name == "reply_supervision" else {}
        reply = await desk.try_act(who, case, name, **rule.body, **content, **rule.own(who))
        assert reply.status_code == 409, f"{who} {name}: {reply.text}"
        problem = reply.json()
        assert (problem["code"], problem["stage"]) == ("action_not_allowed", stage)
        assert problem["allowed"] == offered[who]
        assert name not in problem["allowed"]


@pytest.mark.parametrize(
    ("action", "may"), [("report", REPORTERS), ("report_handled", {"inspector", "street_chief"})]
)
async def test_who_may_report(desk, connection, action, may):
    for role, who in HOME.items():
        savepoint = await connection.begin_nested()
        reply = await desk.try_report(who, action=action)
        await savepoint.rollback()
        assert reply.status_code == (201 if role in may else 401 if who == "anonymous" else 403), role
