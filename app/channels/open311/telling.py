"""对外说明: a case and its journal as the reporter and a stranger may read them. Pure.

What people at work write to each other is told to nobody; the reporter is told the unit's own words of what
it did. A stranger is told neither the description nor the address, and the place to a hundred metres, unless
the city decides otherwise (`PublicView`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.cases.workflow import ENDS, Action, Stage
from app.channels.open311 import offers
from app.channels.open311.queries import State
from app.channels.open311.store import COARSE, Found, Happened
from app.dispatch.rulebook import CodeSet, Rulebook
from app.settings import PublicView

#: What a stage means to who waits for the end. Chinese first.
STAGE_NOTES: dict[Stage, str] = {
    Stage.REPORTED: "已收到，待受理 / received, to be accepted",
    Stage.VERIFYING: "监督员正在现场核实 / being verified on the spot",
    Stage.AUDITING: "已当场处置，待审核 / handled on the spot, to be audited",
    Stage.FILING: "已受理，待立案 / accepted, to be filed",
    Stage.DISPATCHING: "已立案，待派遣 / filed, to be dispatched",
    Stage.SIGNING: "已派遣，待处置单位签收 / dispatched to the responsible unit",
    Stage.HANDLING: "处置中 / being handled",
    Stage.RULING: "正在重新确定处置单位 / the responsible unit is being settled anew",
    Stage.SUSPENDED: "因工程或季节原因暂缓，到期自动恢复 / on hold for engineering or season",
    Stage.CHECKING: "处置单位已反馈，待现场核查 / handled, to be checked on the spot",
    Stage.CLOSING: "已核查，待结案 / checked, to be closed",
    Stage.CLOSED: "已处置，经核查结案 / handled, checked and closed",
    Stage.REFUSED: "不予受理 / not accepted",
    Stage.VOIDED: "已作废 / voided",
    Stage.MERGED: "与另一案卷为同一问题，合并办理 / the same problem as another, which goes on for both",
}
assert set(STAGE_NOTES) == set(Stage)


def request(found: Found, rulebook: Rulebook, public: PublicView) -> dict[str, Any]:
    """The case as `GET requests` tells it."""
    case = found.case
    whole = found.own or public is PublicView.FULL
    minor = rulebook.category_by_code.get(case.category or "")
    place: tuple[float | None, ...] = (
        (case.lat, case.lon) if whole else (round(case.lat, COARSE), round(case.lon, COARSE))
    )
    if not case.placed:
        place = (None, None)
    local = _clock_of(rulebook)
    return {
        "service_request_id": case.number,
        "status": state(case.stage).value,
        "status_notes": _status_notes(found, rulebook),
        "service_name": offers.named(minor) if minor else None,
        "service_code": case.category,
        "description": case.description.removesuffix(media_lines(found.media_urls)) if whole else None,
        "agency_responsible": rulebook.unit_name(case.lead_unit),
        "service_notice": None,
        "requested_datetime": local(case.reported_at),
        "updated_datetime": local(found.updated_at),
        "expected_datetime": local(case.handling_due_at),
        "address": (case.address or None) if whole else None,
        "address_id": found.address_id if whole else None,
        "zipcode": None,
        "lat": place[0],
        "long": place[1],
        "media_url": next(iter(found.media_urls), None) if whole else None,
    }


def state(stage: Stage) -> State:
    return State.CLOSED if stage in ENDS else State.OPEN


def media_lines(addresses: Any) -> str:
    """What stands below the description of who sent pictures: who works on the case shall see them."""
    return "".join(f"\n照片 Picture: {address}" for address in addresses)


def _status_notes(found: Found, rulebook: Rulebook) -> str:
    note = STAGE_NOTES[found.case.stage]
    if found.case.stage is Stage.REFUSED:
        return note + _reason(found.refusal, rulebook)
    outcome = found.case.outcome
    came_of_it = f"；{STAGE_NOTES[outcome]}" if found.case.stage is Stage.MERGED and outcome else ""
    return note + _into(found.merged_number) + came_of_it


def _reason(code: str | None, rulebook: Rulebook) -> str:
    reason = rulebook.codes_of(CodeSet.REFUSAL).get(code or "")
    return f"：{offers.both(reason.name, reason.name_en)}" if reason else ""


def _into(number: str | None) -> str:
    return f"：{number}" if number else ""


def _clock_of(rulebook: Rulebook) -> Callable[[datetime | None], str | None]:
    """Moments in the city's own time with its offset, to the second, as the standard writes them."""
    zone = ZoneInfo(rulebook.calendar.timezone)
    return lambda moment: None if moment is None else moment.astimezone(zone).isoformat(timespec="seconds")


# -- updates ---------------------------------------------------------------------------------------------

_Words = Callable[[Happened, Rulebook], str]


def _always(words: str) -> _Words:
    return lambda _happened, _rulebook: words


def _to_unit(happened: Happened, rulebook: Rulebook) -> str:
    unit = rulebook.unit_name(happened.data["changes"].get("lead_unit"))
    return f"已派遣至{unit or '处置单位'} / dispatched to the responsible unit"


def _verified(happened: Happened, _rulebook: Rulebook) -> str:
    if happened.data["changes"].get("verified"):
        return "现场核实属实 / verified on the spot"
    return "现场核实未发现所报问题 / not found on the spot"


def _handed_back(happened: Happened, _rulebook: Rulebook) -> str:
    words = "处置单位反馈：已处置 / the unit reports it done"
    return f"{words}：{happened.data['command'].get('result', '')}" if happened.own else words


def _checked(happened: Happened, _rulebook: Rulebook) -> str:
    if happened.data["changes"].get("check_passed"):
        return "现场核查通过 / the check on the spot has passed"
    return "现场核查未通过 / the check on the spot has not passed"


def _followed(happened: Happened, _rulebook: Rulebook) -> str:
    """What came of the case it was merged into; its result for who reported."""
    command = happened.data["command"]
    words = f"{command['number']}：{STAGE_NOTES[Stage(command['stage'])]}"
    return f"{words}：{command['text']}" if happened.own and command.get("text") else words


#: The actions that change something for who waits, in words. Whatever is not here is the city's own business.
UPDATES: dict[Action, _Words] = {
    Action.ACCEPT: _always("已受理 / accepted"),
    Action.REQUEST_VERIFICATION: _always("已派监督员现场核实 / an inspector was sent to verify it"),
    Action.VERIFY: _verified,
    Action.REFUSE: lambda happened, rulebook: (
        STAGE_NOTES[Stage.REFUSED] + _reason(happened.data["command"].get("reason"), rulebook)
    ),
    Action.MERGE: lambda happened, _: STAGE_NOTES[Stage.MERGED] + _into(happened.merged_number),
    Action.UNMERGE: _always("撤销并案，单独办理 / no longer merged: it goes on by itself"),
    Action.FOLLOW: _followed,
    Action.FILE: _always("已立案 / filed"),
    Action.DISPATCH: _to_unit,
    Action.REDISPATCH: _to_unit,
    Action.SIGN: _always("处置单位已签收 / the unit has signed for it"),
    Action.APPROVE_EXTENSION: _always("处置时限已延长 / the time to handle it was extended"),
    Action.APPROVE_SUSPENSION: _always(STAGE_NOTES[Stage.SUSPENDED]),
    Action.RESUME: _always("恢复处置 / handling goes on"),
    Action.HAND_BACK: _handed_back,
    Action.CHECK: _checked,
    Action.REWORK: _always("退回返工 / sent back for rework"),
    Action.CLOSE: _always("已结案 / closed"),
    Action.APPROVE_VOIDING: _always("已作废 / voided"),
}


def update(happened: Happened, rulebook: Rulebook) -> dict[str, Any]:
    """An entry of the journal as `GET servicerequestupdates` tells it."""
    return {
        "update_id": str(happened.id),
        "service_request_id": happened.number,
        "status": state(Stage(happened.to_stage)).value,
        "updated_datetime": _clock_of(rulebook)(happened.at),
        "description": UPDATES[Action(happened.action)](happened, rulebook),
        "media_url": None,
    }
