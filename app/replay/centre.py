"""监督中心、指挥中心: what the two centres do when a case stands with them, and inspectors for them."""

from __future__ import annotations

from typing import Any

from app.cases.workflow import Action
from app.dispatch.rulebook import CategoryKind, ClockKind, CodeSet
from app.identity.principal import Role
from app.replay.beside import begin_beside
from app.replay.life import Life
from app.replay.line import Actor, Docket


async def hand_in(life: Life) -> bool:
    """Reports the problem; whether it lies in the district."""
    report = life.report
    reporter = await life.crew.reporter(report, life.rng)
    body: dict[str, Any] = {
        "source": report.source,
        "position": {"x": report.x, "y": report.y, "datum": report.datum.value},
        "address": report.address,
        "description": report.description,
    }
    if report.condition is not None:
        body["category"] = life.rulebook.condition_by_code[report.condition].category
    if report.component_code is not None:
        body["component_code"] = report.component_code
    if report.external_number is not None:
        body["external_number"] = report.external_number
    if _handles_it_at_once(life):
        body |= {"action": Action.REPORT_HANDLED.value, "result": "现场已处置"}
    repeat = life.chance(life.behaviour.repeats)
    taken = await reporter.report(body, repeat=repeat)
    if taken is None:
        life.scene.outside += 1
        return False
    life.docket, life.near = taken
    life.scene.dockets.append(life.docket)
    return True


def _handles_it_at_once(life: Life) -> bool:
    report = life.report
    if report.source != "inspector" or report.condition is None or not report.exists:
        return False
    minor = life.rulebook.condition_by_code[report.condition].category
    event = life.rulebook.category_by_code[minor].kind is CategoryKind.EVENT
    return event and life.chance(life.behaviour.own_handling)


async def audit(life: Life) -> None:
    """自行处置审核 of what an inspector dealt with on the spot."""
    await life.turn(ClockKind.AUDITING)
    policy = life.rulebook.policy
    auditor = life.one_of(*policy.accept_roles, *policy.close_roles)
    if life.chance(life.behaviour.audit_fails):
        await life.act(auditor, Action.AUDIT_FAIL, note="照片中问题仍在")
    else:
        await life.act(auditor, Action.AUDIT_PASS)


async def take_in(life: Life) -> None:
    """受理: refuses, merges, asks for verification or accepts."""
    await life.turn(ClockKind.ACCEPTING)
    clerk = life.one_of(*life.rulebook.policy.accept_roles)
    if life.report.condition is None:
        reason = life.code(CodeSet.REFUSAL, "outside_scope")
        await life.act(clerk, Action.REFUSE, reason=reason, note="不属城市管理范围")
    elif twin := await _twin(life, clerk):
        await life.act(clerk, Action.MERGE, into=twin, note="同一地点的同一问题")
    elif life.report.source in life.rulebook.policy.verify_sources or life.chance(life.behaviour.doubted):
        await life.act(clerk, Action.REQUEST_VERIFICATION)
    else:
        await life.act(clerk, Action.ACCEPT)


async def _twin(life: Life, clerk: Actor) -> str | None:
    """The id of the case this one repeats: the nearest of the hints, if near enough and still open."""
    hint = next((h for h in life.near if h["distance_m"] <= life.behaviour.same_place_m), None)
    if hint is None:
        return None
    twin = Docket(hint, "")
    await clerk.open(twin)
    return str(hint["id"]) if twin.open else None


async def verify(life: Life) -> None:
    """核实: whether the problem exists."""
    await life.turn(ClockKind.VERIFYING)
    if inspector := await _inspector(life):
        await life.act(inspector, Action.VERIFY, exists=life.report.exists)


async def _inspector(life: Life) -> Actor | None:
    """Who has the task; None as long as nobody on duty could be found."""
    inspector = life.crew.holder(life.docket.reply["inspector_id"])
    if inspector is None:
        await life.until(life.now + life.behaviour.worker_every)
        await life.one_of(Role.SHIFT_LEADER).open(life.docket)
    return inspector


async def file(life: Life) -> None:
    """立案, unless nothing was found on the spot."""
    await life.turn(ClockKind.FILING)
    filer = life.one_of(*life.rulebook.policy.file_roles)
    if life.docket.reply["verified"] is False:
        reason = life.code(CodeSet.REFUSAL, "not_found")
        await life.act(filer, Action.REFUSE, reason=reason, note="现场未发现")
    else:
        await life.act(filer, Action.FILE, condition=life.report.condition)


async def dispatch(life: Life) -> None:
    """派遣, by the matrix or by hand."""
    await life.turn(ClockKind.DISPATCHING)
    dispatcher = life.one_of(Role.DISPATCHER)
    by_hand: dict[str, Any] = {}
    if life.chance(life.behaviour.dispatched_by_hand):
        by_hand = {"lead": life.rulebook.policy.fallback_unit, "reason": "多部门交叉，由中心协调"}
    await life.act(dispatcher, Action.DISPATCH, **by_hand)
    begin_beside(life)


async def rule(life: Life) -> None:
    """裁定 on a decline."""
    await life.turn(ClockKind.RULING)
    dispatcher = life.one_of(Role.DISPATCHER)
    reply = life.docket.reply
    others = [*reply["assisting_units"], life.rulebook.policy.fallback_unit]
    other = next((unit for unit in others if unit != reply["lead_unit"]), None)
    if other is not None and life.chance(life.behaviour.redispatched):
        await life.act(dispatcher, Action.REDISPATCH, lead=other, note="改由牵头职责单位办理")
    else:
        await life.act(dispatcher, Action.RETURN_TO_UNIT, note="按责任清单属本单位职责")


async def check(life: Life) -> None:
    """核查: whether the problem is gone."""
    await life.turn(ClockKind.CHECKING)
    if inspector := await _inspector(life):
        failed = life.docket.reply["reworks"] == 0 and life.chance(life.behaviour.rework)
        await life.act(inspector, Action.CHECK, passed=not failed)


async def close(life: Life) -> None:
    """结案, or 返工 when the check failed."""
    await life.turn(ClockKind.CLOSING)
    leader = life.one_of(*life.rulebook.policy.close_roles)
    if not life.docket.reply["check_passed"]:
        await life.act(leader, Action.REWORK, note="核查未通过，请继续处置")
    elif life.once("recheck", life.behaviour.rechecked):
        await life.act(leader, Action.RECHECK, note="照片不清，请重新核查")
    else:
        await life.act(leader, Action.CLOSE)
