"""检查结果: what is wrong with a rulebook, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.dispatch.matrix import Facts


class Severity(StrEnum):
    """An error keeps a rulebook from being activated; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class FindingKind(StrEnum):
    """What can be wrong."""

    CONDITION_UNANSWERED = "condition_unanswered"  # 无人负责
    TIE = "tie"  # 规则并列
    ROW_UNREACHED = "row_unreached"  # 规则不可达
    UNKNOWN_UNIT = "unknown_unit"  # 单位不存在
    UNKNOWN_CATEGORY = "unknown_category"  # 类别不存在
    UNKNOWN_AREA = "unknown_area"  # 区域不存在
    UNKNOWN_SOURCE = "unknown_source"  # 来源不存在
    UNKNOWN_ROLE = "unknown_role"  # 岗位不当
    BAD_REFERENCE = "bad_reference"  # 单位指称有误
    AMBIGUOUS_REFERENCE = "ambiguous_reference"  # 单位指称不唯一
    BAD_WINDOW = "bad_window"  # 时段有误
    LIMIT_MISSING = "limit_missing"  # 缺处置时限
    LIMIT_UNKNOWN = "limit_unknown"  # 时限无对应
    MILESTONE_LATE = "milestone_late"  # 阶段时限晚于总时限
    STAGE_LIMIT_MISSING = "stage_limit_missing"  # 缺环节时限
    CALENDAR_HOLE = "calendar_hole"  # 日历缺口
    DUPLICATE_CODE = "duplicate_code"  # 代码重复
    ORPHAN_PARENT = "orphan_parent"  # 上级不存在
    CYCLE = "cycle"  # 上下级成环
    MINOR_WITHOUT_CONDITION = "minor_without_condition"  # 小类无立案条件
    LEAD_ASSISTS = "lead_assists"  # 主办兼协办
    FALLBACK_MISSING = "fallback_missing"  # 无兜底单位


#: What to do about each kind (Chinese, English).
REMEDIES: dict[FindingKind, tuple[str, str]] = {
    FindingKind.CONDITION_UNANSWERED: (
        "为该立案条件、其类别或全部问题增加一行覆盖所示情形的规则。",
        "Add a row for the condition, its category or everything that covers the case shown.",
    ),
    FindingKind.TIE: (
        "使其中一行更具体（类别、区域、权属、时段、来源），或合并两行。",
        "Make one row more specific (category, area, ownership, time, source), or merge the two.",
    ),
    FindingKind.ROW_UNREACHED: (
        "删除该行，或改变其范围使其能够适用。",
        "Remove the row, or change its scope so that it can apply.",
    ),
    FindingKind.UNKNOWN_UNIT: (
        "在单位表中补上该单位，或改为现有单位。",
        "Add the unit to the units, or name one that exists.",
    ),
    FindingKind.UNKNOWN_CATEGORY: (
        "改为类别表或立案条件表中已有的代码。",
        "Use a code of the categories or conditions; a condition belongs to a minor.",
    ),
    FindingKind.UNKNOWN_AREA: (
        "改为本区现有的街道、社区或单元网格代码。",
        "Use the code of an area of the district that exists.",
    ),
    FindingKind.UNKNOWN_SOURCE: (
        "在代码集 source 中补上该来源，或改为已有来源。",
        "Add the source to the code set `source`, or use one that is there.",
    ),
    FindingKind.UNKNOWN_ROLE: (
        "至少指定一个岗位，且不得为“系统”。",
        "Name at least one role, and not `system`.",
    ),
    FindingKind.BAD_REFERENCE: (
        "写单位代码，或 @street_office、@community、@local:职责、@owner、@maintainer、@street_chief、"
        "@principle、@fallback。",
        "Write a unit code, or @street_office, @community, @local:DUTY, @owner, @maintainer, @street_chief,"
        " @principle, @fallback.",
    ),
    FindingKind.AMBIGUOUS_REFERENCE: (
        "使每个区域只有一个单位承担该职责。",
        "Let one unit only answer for each area.",
    ),
    FindingKind.BAD_WINDOW: (
        "时段写如 18:00-23:00，星期写如 1-5 或 6,7，日期写如 10-01..11-30 或 2026-10-01..2026-11-30。",
        "Write hours like 18:00-23:00, weekdays like 1-5 or 6,7, dates like 10-01..11-30 or"
        " 2026-10-01..2026-11-30.",
    ),
    FindingKind.LIMIT_MISSING: (
        "为该立案条件补上处置时限，区域类别写 * 即适用于其余各类。",
        "Add a handling limit for the condition; area class * stands for every class not named.",
    ),
    FindingKind.LIMIT_UNKNOWN: (
        "删除该行，或改正其立案条件、区域类别或环节。",
        "Remove the row, or correct its condition, area class or clock.",
    ),
    FindingKind.MILESTONE_LATE: (
        "缩短阶段时限或延长总时限。",
        "Shorten the milestone or lengthen the limit.",
    ),
    FindingKind.STAGE_LIMIT_MISSING: (
        "补上该环节的时限。",
        "Add the limit of that stage.",
    ),
    FindingKind.CALENDAR_HOLE: (
        "改正工作日历：时区、国家、起止年份、工作时段、周末及调休日。",
        "Correct the calendar: time zone, country, years, work slots, weekend, days.",
    ),
    FindingKind.DUPLICATE_CODE: (
        "每个代码在表中只用一次。",
        "Use each code once in its table.",
    ),
    FindingKind.ORPHAN_PARENT: (
        "改为已有的上级，或留空。",
        "Name a parent that exists and fits, or leave it empty.",
    ),
    FindingKind.CYCLE: (
        "改正上级，使其不再循环。",
        "Correct the parents so that none is above itself.",
    ),
    FindingKind.MINOR_WITHOUT_CONDITION: (
        "为该小类补上立案条件，否则无法立案。",
        "Add a condition to the minor: without one no case of it can be filed.",
    ),
    FindingKind.LEAD_ASSISTS: (
        "从协办中去掉主办单位。",
        "Take the lead out of the assisting units.",
    ),
    FindingKind.FALLBACK_MISSING: (
        "在办理规则中指定单位表里的一个单位为兜底单位。",
        "Name a unit of the units as the policy's fallback.",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong. `where` is the table and the row's code, `matrix M12`; `example` a case it hits."""

    kind: FindingKind
    severity: Severity
    where: str
    message: str
    message_en: str
    example: Facts | None = None

    @property
    def remedy(self) -> str:
        """What to do (Chinese)."""
        return REMEDIES[self.kind][0]

    @property
    def remedy_en(self) -> str:
        return REMEDIES[self.kind][1]


def error(
    kind: FindingKind, where: str, message: str, message_en: str, example: Facts | None = None
) -> Finding:
    return Finding(kind, Severity.ERROR, where, message, message_en, example)


def warning(kind: FindingKind, where: str, message: str, message_en: str) -> Finding:
    return Finding(kind, Severity.WARNING, where, message, message_en)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, errors first."""

    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Report:
        return cls(tuple(sorted(findings, key=lambda finding: finding.severity is Severity.WARNING)))

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    @property
    def ok(self) -> bool:
        """Whether the rulebook may be activated: no errors."""
        return not self.errors


def unknown_area(where: str, code: str) -> Finding:
    return error(
        FindingKind.UNKNOWN_AREA,
        where,
        f"区域 {code} 不是本区的区域代码。",
        f"{code} is not an area of the district.",
    )


def unknown_source(where: str, source: str) -> Finding:
    return error(
        FindingKind.UNKNOWN_SOURCE, where, f"来源 {source} 不在代码集中。", f"There is no source {source}."
    )
