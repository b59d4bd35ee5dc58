"""离线期间: what happened to a case since the phone knew it, in words."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from app.cases.permission import Situation
from app.cases.workflow import BY_ACTION, STAGE_LABELS, Action, Stage
from app.errors import ChengguanError, VersionConflict

_MOST = 20


def told(error: ChengguanError, entries: list[Any], s: Situation) -> ChengguanError:
    """The refusal, with what happened meanwhile in its words and as `meanwhile`."""
    if entries:
        zone = ZoneInfo(s.rulebook.calendar.timezone)
        happened = "；".join(_words(entry, zone) for entry in entries[-_MOST:])
        error.detail = f"您离线期间：{happened}。{error.detail}"
        error.extra["meanwhile"] = [_plain(entry) for entry in entries[-_MOST:]]
    return error


def overtaken(entries: list[Any], s: Situation) -> VersionConflict | None:
    """Whether others have led the case to another stage since: what was seen there is of another time."""
    me = s.actor.id
    if not any(entry.from_stage != entry.to_stage and entry.actor_id != me for entry in entries):
        return None
    case = s.folded.case
    zh, en = STAGE_LABELS[case.stage]
    return VersionConflict(
        f"案卷现为“{zh}”，此操作未执行 / the case went on while you were offline and is {en}: not done",
        current={"version": case.version, "stage": case.stage.value},
    )


def _words(entry: Any, zone: ZoneInfo) -> str:
    label = BY_ACTION[Action(entry.action)].label
    went = ""
    if entry.from_stage != entry.to_stage:
        went = f"，案卷{STAGE_LABELS[Stage(entry.to_stage)][0]}"
    return f"{entry.at.astimezone(zone):%m-%d %H:%M} 由{entry.actor_name}{label}{went}"


def _plain(entry: Any) -> dict[str, Any]:
    return {
        "version": entry.version,
        "at": entry.at.isoformat(),
        "action": entry.action,
        "label": BY_ACTION[Action(entry.action)].label,
        "actor_name": entry.actor_name,
        "stage": entry.to_stage,
    }
