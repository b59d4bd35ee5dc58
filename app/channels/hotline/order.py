"""热线工单: an order and a call-back, whatever a city calls their fields. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.cases.case import Satisfaction, Solved
from app.cases.command import CodeText, Line, OptionalWords, Words
from app.moment import Moment

_Short = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64, pattern=r"^[^\x00]*$")]


class Kind(StrEnum):
    """工单类型."""

    DEMAND = "demand"  # 诉求
    COMPLAINT = "complaint"  # 投诉
    CONSULTATION = "consultation"  # 咨询
    HELP = "help"  # 求助
    SUGGESTION = "suggestion"  # 建议
    OTHER = "other"


class Phase(StrEnum):
    """工单状态, as the hotline is told it."""

    RECEIVED = "received"  # 已接收
    ACCEPTED = "accepted"  # 已签收
    HANDLING = "handling"  # 办理中
    DONE = "done"  # 已办结
    RETURNED = "returned"  # 已退单
    DECLINED = "declined"  # 不予受理
    VOIDED = "voided"  # 已作废


PHASE_LABELS: dict[Phase, str] = {
    Phase.RECEIVED: "已接收",
    Phase.ACCEPTED: "已签收",
    Phase.HANDLING: "办理中",
    Phase.DONE: "已办结",
    Phase.RETURNED: "已退单",
    Phase.DECLINED: "不予受理",
    Phase.VOIDED: "已作废",
}


class Result(StrEnum):
    """办理结果, as the hotline is told it."""

    SOLVED = "solved"  # 解决
    PARTLY = "partly"  # 部分解决
    UNSOLVED = "unsolved"  # 未解决
    RETURNED = "returned"  # 退单


RESULT_LABELS: dict[Result, str] = {
    Result.SOLVED: "解决",
    Result.PARTLY: "部分解决",
    Result.UNSOLVED: "未解决",
    Result.RETURNED: "退单",
}


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Caller(_Said):
    """来电人."""

    name: _Short = ""
    phone: _Short = ""

    def __bool__(self) -> bool:
        return bool(self.name or self.phone)


class Order(_Said):
    """工单 without the caller. `reminders` is how often the hotline reminded of it (催办) so far; `x` and `y`
    are in the datum its mapping names."""

    number: CodeText
    kind: Kind = Kind.OTHER
    title: Line = ""
    description: Words
    category: Line = ""
    tags: Line = ""
    street: Line = ""
    community: Line = ""
    address: Line = ""
    x: float | None = Field(None, allow_inf_nan=False)
    y: float | None = Field(None, allow_inf_nan=False)
    received_at: Moment | None = None
    reminders: int = Field(0, ge=0, le=10_000)
    reminder: OptionalWords = ""


class CalledBack(_Said):
    """回访结果 as the hotline hands it in."""

    reached: bool | None = None
    contacted: bool | None = None
    solved: Solved | None = None
    satisfaction: Satisfaction | None = None
    note: OptionalWords = ""
