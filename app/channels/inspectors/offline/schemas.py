"""What a phone hands in that was offline, and what it is told of each."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.cases.command import CodeText
from app.cases.schemas import CaseReply, NearReply
from app.moment import Moment
from app.problems import Problem

#: Commands of one batch at most: each is a transaction, and the phone waits for all of them.
MOST = 50

ClientId = Annotated[str, StringConstraints(min_length=8, max_length=100, pattern=r"^[!-~]+$")]


class OfflineCommand(BaseModel):
    """离线指令. Either a report, or an action on `case` or on the case that the report `made_by` made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: ClientId = Field(description="The phone's own, for good: a UUID. A repeat with it is not done again.")
    at: Moment = Field(description="When it was done, by the phone's clock.")
    case: CodeText | None = Field(None, description="The case's id or number.")
    made_by: ClientId | None = Field(None, description="The `id` of an earlier report, instead of `case`.")
    known_version: int | None = Field(
        None, ge=1, le=2**31 - 1, description="The case's version on the phone."
    )
    command: dict[str, Any] = Field(
        description="As for `POST /cases` and `POST /cases/{case}/actions`, with its `action`: `report`, "
        "`report_handled`, `verify`, `check`, `attach` or `note`.",
        examples=[{"action": "check", "passed": True}],
    )


class OfflineBatch(BaseModel):
    """离线批次. The commands are carried out in their order, each by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sent_at: Moment = Field(description="The phone's clock as it sends: tells how far it is off.")
    commands: tuple[OfflineCommand, ...] = Field(min_length=1, max_length=MOST)


class Result(BaseModel):
    """结果 of one command: its case, or why it was refused."""

    id: str
    status: int = Field(description="As if it had been sent alone: 200, 201, or that of the problem.")
    replayed: bool = Field(description="It had been carried out before; this is what was told then.")
    case: CaseReply | None = None
    near: list[NearReply] | None = None
    problem: Problem | None = None


class OfflineReply(BaseModel):
    """结果, in the order of the commands."""

    results: list[Result]
