"""What may be said with each action: mostly what fits the case, sometimes what does not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.exact.city import City
from tests.exact.doing import Body
from tests.exact.model import Case, photos_of
from tests.world import CELLS, MANHOLE, middle

CONDITIONS = ("E0405-1", "E0110-1", "E0101-1", "C0102-1")
_LEADS = ("sanitation", "west_office", "enforcement", "water", "east_office", "enforcement_west", "nobody")
_AWAY = (
    timedelta(hours=2), timedelta(days=1, minutes=7), timedelta(days=15), timedelta(minutes=-5),
    timedelta(days=30), timedelta(days=400),
)  # fmt: skip
_NOWHERE = "01985f3e-8a1c-7d44-9f0b-0a1b2c3d4e5f"


def _of(choices: tuple[Any, ...] | list[Any], which: int) -> Any:
    return choices[which % len(choices)]


def _spoilt(code: str, which: int) -> str:
    """The code, or once in a while one that the rulebook does not have."""
    return "no_such_code" if which % 11 == 10 else code


def body_of(who: str, action: str, case: Case, city: City, now: datetime, which: int) -> Body:
    """A body for the action; `which` chooses among those there are, the smallest being the plainest."""
    if action == "attach":
        return {"action": action, **_photo(who, which)}
    return {"action": action, **_content(action, case, city, now, which)}


def _photo(who: str, which: int) -> Body:
    """Mostly near, so that a kind gets full; sometimes another's photo, or none."""
    mine = photos_of(who)
    photo = _of([*mine, *mine, photos_of("nobody")[0], photos_of("lan")[0]], which)
    return {"photo": photo, "kind": _of(("near", "near", "near", "far", "reference", "after"), which // 18)}


def _content(action: str, case: Case, city: City, now: datetime, which: int) -> Body:
    match action:
        case "verify":
            return {"exists": which % 4 != 3}
        case "check":
            return {"passed": which % 3 != 2}
        case "review_appeal" | "decide_appeal":
            return {"upheld": which % 3 != 2, "note": "已核"}
        case "merge":
            others = [other.id for other in city.cases if other is not case]
            return {"into": _of([*others, case.id, _NOWHERE], which)}
        case "locate":
            return {"position": middle(_of(tuple(CELLS), which))}
        case "supplement":
            return {
                "changes": [{"field": "description", "before": "占道经营", "after": "占道经营，堵了盲道"}]
            }
        case "call_back":
            rated = {"solved": _of(("solved", "partly", "unsolved"), which), "satisfaction": "satisfied"}
            return {"reached": which % 3 != 2, **(rated if which % 3 else {})}
        case "reveal_caller":
            return {"reason": "联系来电人"}
        case "file":
            part = {"component_code": MANHOLE if which % 16 < 12 else "9901010102999999"}
            return {
                "condition": _of((*CONDITIONS, "E9999-9"), which // 4),
                **(part if which % 4 == 3 else {}),
            }
        case "dispatch":
            named = {"lead": _of(_LEADS, which // 3), **({"reason": "分工调整"} if which % 5 else {})}
            with_others = {"assisting": ["water", "sanitation", "water"]} if which % 7 == 6 else {}
            return {**(named if which % 3 == 2 else {}), **with_others}
        case "redispatch":
            with_others = {"assisting": ["west_office", _of(_LEADS, which // 7)]} if which % 3 == 2 else {}
            return {"lead": _of(_LEADS, which), "note": "裁定", **with_others}
        case "decline":
            suggested = {"suggested_unit": _of(("water", "nobody"), which // 4)} if which % 4 == 3 else {}
            return {"reason": _spoilt("not_mine", which), "note": "不属本单位", **suggested}
        case "refuse":
            return {"reason": _spoilt("not_found", which)}
        case "request_extension":
            return {"reason": _spoilt("weather", which)}
        case "request_voiding":
            return {"reason": _spoilt("filed_in_error", which)}
        case "request_suspension":
            away = _of(_AWAY, which)
            return {"reason": _spoilt("engineering", which), "until": (now + away).isoformat()}
        case "supervise":
            away = _of((timedelta(hours=1), timedelta(days=3), timedelta(minutes=1), timedelta(0)), which)
            return {"level": "urgent", "text": "限期回复", "reply_due_at": (now + away).isoformat(),
                    "listed": which % 8 >= 4}  # fmt: skip
        case "reply_supervision":
            orders = [clock.name for clock in case.clocks if clock.kind == "replying"]
            return {"order": _of([*reversed(orders), _NOWHERE], which), "text": "已办"}
        case "reach_milestone":
            return {"milestone": _of(("停工", "处罚", "拆除"), which)}
        case "assign_inspector":
            return {} if which % 2 else {"username": _of(("lan", "wei", "dong", "clerk"), which // 2)}
        case "hand_back":
            return {"result": "已处理"}
        case "note" | "appeal":
            return {"text": "情况说明"}
        case "sign":
            return {}
    return {"note": "情况属实"}
