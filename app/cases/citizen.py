"""来电人: what is told for the citizen: supplements, call-backs, and who looked at the name."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.cases.case import Satisfaction, Solved
from app.cases.command import CodeText, Command, OptionalWords, Words
from app.cases.workflow import Action

#: The field of a change that tells of the caller: its texts are masked.
CALLER = "caller"


class TextChange(BaseModel):
    """改动 of one text of a report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: CodeText
    before: OptionalWords = ""
    after: OptionalWords = ""


class Supplement(Command):
    """补充: what the one who reported says now instead. The first words stay the case's."""

    action: Literal[Action.SUPPLEMENT]
    changes: tuple[TextChange, ...] = Field(min_length=1, max_length=20)
    note: OptionalWords = ""


class CallBack(Command):
    """回访: what the citizen said when called after, and whether they were reached (接通) at all.

    `contacted`: the unit had been in touch (响应); null, like `solved` and `satisfaction`, when not asked.
    """

    action: Literal[Action.CALL_BACK]
    reached: StrictBool
    contacted: StrictBool | None = None
    solved: Solved | None = None
    satisfaction: Satisfaction | None = None
    note: OptionalWords = ""


class RevealCaller(Command):
    """查看来电人: the entry that somebody looked, and why; the channel that has the data shows it."""

    action: Literal[Action.REVEAL_CALLER]
    reason: Words
