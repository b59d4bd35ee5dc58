"""事件: a journal entry as others read it, a CloudEvent (version 1.0) in JSON.

`id` is the entry's own and the same in feed, live feed and webhooks, so that a repeat is known by it.
`sequence` and `partitionkey` are CloudEvents' extensions: the entry's number within its case, and the case.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from app.cases.workflow import BY_ACTION, STAGE_LABELS, Action, Stage

TYPE_PREFIX = "chengguan.case."
MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"


class Actor(BaseModel):
    """办理人."""

    id: UUID
    name: str


class CaseChange(BaseModel):
    """案卷变化. `command` is what the actor said, `changes` the fields it changed, as in the journal."""

    case_id: UUID
    case_number: str
    version: int
    action: Action
    label: str
    from_stage: Stage | None
    to_stage: Stage
    to_stage_label: str
    area_code: str
    actor: Actor
    command: dict[str, Any]
    changes: dict[str, Any]


class CloudEvent(BaseModel):
    """事件 (CloudEvents 1.0)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "specversion": "1.0",
                    "id": "01985f3e-8a1c-7d44-9f0b-0a1b2c3d4e5f",
                    "source": "urn:chengguan:211103",
                    "type": "chengguan.case.dispatch",
                    "subject": "211103-20260302-0000017",
                    "time": "2026-03-02T01:15:00Z",
                    "sequence": "0000000004",
                }
            ]
        }
    )

    specversion: Literal["1.0"]
    id: UUID = Field(description="Of the journal entry: a repeat has the same.")
    source: str = Field(description="The district: `urn:chengguan:<code>`.")
    type: str = Field(description="`chengguan.case.<action>`.")
    subject: str = Field(description="案卷编号 The case number.")
    time: datetime
    datacontenttype: Literal["application/json"]
    partitionkey: UUID = Field(description="The case: within it events come in order.")
    sequence: str = Field(description="The entry's number within its case, ten digits.")
    data: CaseChange


def cloud_event(entry: Any) -> dict[str, Any]:
    """The event of an entry as `app.cases.stream` gives it."""
    action, stage = Action(entry.action), Stage(entry.to_stage)
    return {
        "specversion": "1.0",
        "id": str(entry.id),
        "source": f"urn:chengguan:{entry.district_code}",
        "type": f"{TYPE_PREFIX}{action}",
        "subject": entry.number,
        "time": entry.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "partitionkey": str(entry.case_id),
        "sequence": f"{entry.version:010}",
        "data": {
            "case_id": str(entry.case_id),
            "case_number": entry.number,
            "version": entry.version,
            "action": action,
            "label": BY_ACTION[action].label,
            "from_stage": entry.from_stage,
            "to_stage": stage,
            "to_stage_label": STAGE_LABELS[stage][0],
            "area_code": entry.area_code,
            "actor": {"id": str(entry.actor_id), "name": entry.actor_name},
            "command": entry.data["command"],
            "changes": entry.data["changes"],
        },
    }


def as_json(entry: Any) -> bytes:
    """The event as it goes over the line, on one line."""
    return to_json(cloud_event(entry))


def batch_json(entries: list[Any]) -> bytes:
    """Several events as CloudEvents' JSON batch."""
    return to_json([cloud_event(entry) for entry in entries])
