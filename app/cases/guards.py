"""办理条件: what must hold of a case before an action, and what the caller is told when it does not.

Which action asks for which is a row of the transition table (`workflow.py`); how each is judged,
`permission.py`. Pure.
"""

from __future__ import annotations

from enum import StrEnum


class Guard(StrEnum):
    """条件: what must hold of the case. The words are what the caller is told when it does not."""

    PLACED = "placed"
    VERIFIED_IF_NEEDED = "verified_if_needed"
    NOT_REPORTER = "not_reporter"
    DECLINES_LEFT = "declines_left"
    NOT_OVERDUE = "not_overdue"
    NOTHING_PENDING = "nothing_pending"
    EXTENSIONS_LEFT = "extensions_left"
    SUSPENSIONS_LEFT = "suspensions_left"
    EXTENSION_PENDING = "extension_pending"
    SUSPENSION_PENDING = "suspension_pending"
    VOIDING_PENDING = "voiding_pending"
    NOT_REQUESTER = "not_requester"
    CHECK_PASSED = "check_passed"
    MILESTONE_RUNNING = "milestone_running"
    ORDER_UNANSWERED = "order_unanswered"
    APPEALABLE = "appealable"
    APPEAL_IN_FIRST_REVIEW = "appeal_in_first_review"
    APPEAL_IN_SECOND_REVIEW = "appeal_in_second_review"
    NOT_FIRST_REVIEWER = "not_first_reviewer"
    CALLER_KNOWN = "caller_known"


GUARD_WORDS: dict[Guard, tuple[str, str]] = {
    Guard.PLACED: (
        "案卷地点尚未确定，请先定位",
        "where it is is not known yet: locate the case first",
    ),
    Guard.VERIFIED_IF_NEEDED: (
        "该来源的问题须先核实属实",
        "a report from this source must first be verified as real",
    ),
    Guard.NOT_REPORTER: ("上报人不得审核自己的处置", "the reporter may not audit the own handling"),
    Guard.DECLINES_LEFT: ("回退次数已用完，裁定为最终结果", "no declines are left: the last ruling is final"),
    Guard.NOT_OVERDUE: ("须在处置时限内提出", "it must be asked before the handling limit ends"),
    Guard.NOTHING_PENDING: ("另有申请待审批", "another request is still waiting for approval"),
    Guard.EXTENSIONS_LEFT: ("延期次数已用完", "no extensions are left"),
    Guard.SUSPENSIONS_LEFT: ("挂账次数已用完", "no suspensions are left"),
    Guard.EXTENSION_PENDING: ("没有待审批的延期申请", "no extension has been asked for"),
    Guard.SUSPENSION_PENDING: ("没有待审批的挂账申请", "no suspension has been asked for"),
    Guard.VOIDING_PENDING: ("没有待审批的作废申请", "no voiding has been asked for"),
    Guard.NOT_REQUESTER: ("申请人不得审批自己的申请", "the one who asked may not approve it"),
    Guard.CHECK_PASSED: ("核查通过后方可结案", "the check on the spot must have passed"),
    Guard.MILESTONE_RUNNING: ("没有进行中的阶段时限", "no milestone is running"),
    Guard.ORDER_UNANSWERED: ("没有待回复的督办", "no supervision order waits for a reply"),
    Guard.APPEALABLE: (
        "只有被判超期、未申诉过且在申诉期内的案卷可以申诉",
        "only a case judged overdue can be appealed, once and within the days allowed",
    ),
    Guard.APPEAL_IN_FIRST_REVIEW: ("没有待初审的申诉", "no appeal waits for its first review"),
    Guard.APPEAL_IN_SECOND_REVIEW: ("没有待复审的申诉", "no appeal waits for its second review"),
    Guard.NOT_FIRST_REVIEWER: ("初审人不得复审", "the second reviewer must be somebody else"),
    Guard.CALLER_KNOWN: ("没有登记来电人", "no caller came with the report"),
}
