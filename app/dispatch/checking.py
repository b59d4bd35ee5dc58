"""规则库检查: everything that is wrong with a rulebook, told at once and before it is in force."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

from app.dispatch.calendar_checking import calendar_findings, horizon_findings
from app.dispatch.comparison import KEYS, row_code
from app.dispatch.coverage import coverage
from app.dispatch.deadline_words import limit_words
from app.dispatch.deadlines import due
from app.dispatch.elementary import Areas
from app.dispatch.findings import (
    Finding,
    FindingKind,
    Report,
    Severity,
    error,
    unknown_area,
    unknown_source,
    warning,
)
from app.dispatch.matrix import compiled
from app.dispatch.matrix_checking import reference_findings, row_findings
from app.dispatch.references import is_unit_code
from app.dispatch.rulebook import Category, ClockKind, CodeSet, Limit, Rulebook, Unit
from app.identity.principal import Role

__all__ = ["Finding", "FindingKind", "Report", "Severity", "check"]

#: Clocks whose limit is not a stage limit: the condition, the request or the order gives it.
WITHOUT_STAGE_LIMIT = frozenset(
    {ClockKind.HANDLING, ClockKind.MILESTONE, ClockKind.SUSPENSION, ClockKind.REPLYING}
)


def check(
    rulebook: Rulebook, *, area_codes: Collection[str] | None = None, now: datetime | None = None
) -> Report:
    """Everything wrong with the rulebook; without errors it never leaves a case undecided or without a limit.

    `area_codes`: every area code of the grid, down to the finest level loaded; None when it is not known,
    which checks areas by their form only. `now`: when it is to be in force, to see whether its calendar
    reaches far enough.
    """
    areas = Areas(rulebook.district_code, area_codes)
    calendar = list(calendar_findings(rulebook.calendar))
    findings = [
        *_duplicates(rulebook),
        *_units(rulebook, areas),
        *_categories(rulebook),
        *_policy(rulebook),
        *calendar,
        *_limits(rulebook),
        *_stage_limits(rulebook),
    ]
    unusable = any(finding.severity is Severity.ERROR for finding in calendar)
    if not unusable:
        findings += _late_milestones(rulebook)
        findings += horizon_findings(rulebook, now) if now else ()
    rows = list(row_findings(rulebook, areas))
    findings += [*rows, *reference_findings(rulebook)]
    wrong = {finding.where for finding in rows if finding.severity is Severity.ERROR}
    if not unusable:
        findings += [
            finding
            for finding in coverage(compiled(rulebook), areas)
            if finding.kind is not FindingKind.ROW_UNREACHED or finding.where not in wrong
        ]
    return Report.of(findings)


def _duplicates(rulebook: Rulebook) -> Iterator[Finding]:
    for table in KEYS:
        codes = Counter(row_code(row, table) for row in getattr(rulebook, table))
        for code in (code for code, times in codes.items() if times > 1):
            yield error(
                FindingKind.DUPLICATE_CODE,
                f"{table} {code}",
                f"代码 {code} 在表 {table} 中出现 {codes[code]} 次。",
                f"{code} stands {codes[code]} times in {table}.",
            )
    for code in rulebook.condition_by_code.keys() & rulebook.category_by_code.keys():
        yield error(
            FindingKind.DUPLICATE_CODE,
            f"conditions {code}",
            f"代码 {code} 既是立案条件又是类别。",
            f"{code} is both a condition and a category.",
        )


def _units(rulebook: Rulebook, areas: Areas) -> Iterator[Finding]:
    yield from _tree("units", rulebook.units)
    for unit in rulebook.units:
        where = f"units {unit.code}"
        if not is_unit_code(unit.code):
            yield error(
                FindingKind.BAD_REFERENCE,
                where,
                f"单位代码 {unit.code!r} 不得含空格、逗号、冒号、@ 或 >。",
                f"The unit code {unit.code!r} may not hold a space, comma, colon, @ or >.",
            )
        yield from (unknown_area(where, area) for area in unit.areas if not areas.exists(area))


def _categories(rulebook: Rulebook) -> Iterator[Finding]:
    yield from _tree("categories", rulebook.categories)
    used = {condition.category for condition in rulebook.conditions}
    for category in rulebook.categories:
        where = f"categories {category.code}"
        parent = rulebook.category_by_code.get(category.parent or "")
        if parent and (parent.kind is not category.kind or parent.parent):
            yield error(
                FindingKind.ORPHAN_PARENT,
                where,
                f"{category.name} 的上级 {parent.code} 不是同类的大类。",
                f"The parent {parent.code} of {category.code} is not a major of the same kind.",
            )
        if category.parent and category.code not in used:
            yield warning(
                FindingKind.MINOR_WITHOUT_CONDITION,
                where,
                f"小类 {category.name}（{category.code}）没有立案条件。",
                f"The minor {category.code} has no condition.",
            )
    for condition in rulebook.conditions:
        minor = rulebook.category_by_code.get(condition.category)
        if minor is None or not minor.parent:
            yield error(
                FindingKind.UNKNOWN_CATEGORY,
                f"conditions {condition.code}",
                f"立案条件 {condition.code} 的小类 {condition.category} 不存在或不是小类。",
                f"{condition.category} of condition {condition.code} is not a minor.",
            )


def _tree(table: str, rows: Iterable[Unit] | Iterable[Category]) -> Iterator[Finding]:
    parents = {row.code: row.parent for row in rows}
    for code, parent in parents.items():
        if parent and parent not in parents:
            yield error(
                FindingKind.ORPHAN_PARENT,
                f"{table} {code}",
                f"{code} 的上级 {parent} 不存在。",
                f"The parent {parent} of {code} does not exist.",
            )
        above, seen = parent, set[str]()
        while above and above != code and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above == code:
            yield error(
                FindingKind.CYCLE,
                f"{table} {code}",
                f"{code} 是自己的上级。",
                f"{code} is above itself.",
            )


def _policy(rulebook: Rulebook) -> Iterator[Finding]:
    policy = rulebook.policy
    if policy.fallback_unit not in rulebook.unit_by_code:
        yield error(
            FindingKind.FALLBACK_MISSING,
            "policy fallback_unit",
            f"兜底单位 {policy.fallback_unit} 不在单位表中。",
            f"The fallback unit {policy.fallback_unit} is not among the units.",
        )
    for field in ("accept_roles", "file_roles", "close_roles"):
        roles = getattr(policy, field)
        if not roles or Role.SYSTEM in roles:
            yield error(
                FindingKind.UNKNOWN_ROLE,
                f"policy {field}",
                f"{field} 没有可用的岗位。",
                f"{field} names no role that an account can have.",
            )
    for source in policy.verify_sources:
        if source not in rulebook.codes_of(CodeSet.SOURCE):
            yield unknown_source("policy verify_sources", source)


def _limits(rulebook: Rulebook) -> Iterator[Finding]:
    classes = [area_class.code for area_class in rulebook.area_classes]
    for row in rulebook.limits:
        if row.condition not in rulebook.condition_by_code or row.area_class not in ("*", *classes):
            yield error(
                FindingKind.LIMIT_UNKNOWN,
                f"limits {row_code(row, 'limits')}",
                f"时限所指的立案条件 {row.condition} 或区域类别 {row.area_class} 不存在。",
                f"The limit's condition {row.condition} or area class {row.area_class} does not exist.",
            )
    without_any: list[str] = []
    for condition in rulebook.conditions:
        missing = [code for code in classes if "" not in rulebook.handling_limits(condition.code, code)]
        if missing or not (classes or "" in rulebook.handling_limits(condition.code, None)):
            named = "、".join(missing) or "*"
            yield error(
                FindingKind.LIMIT_MISSING,
                f"conditions {condition.code}",
                f"立案条件 {condition.code} 在区域类别 {named} 没有处置时限。",
                f"Condition {condition.code} has no limit in area class {', '.join(missing) or '*'}.",
            )
        elif "" not in rulebook.handling_limits(condition.code, None):
            without_any.append(condition.code)
    if without_any:
        yield warning(
            FindingKind.LIMIT_MISSING,
            "limits *",
            f"{len(without_any)} 个立案条件（如 {without_any[0]}）在未划定区域类别的地方没有处置时限。",
            f"{len(without_any)} conditions ({without_any[0]}, …) have no limit where no area class is.",
        )


def _late_milestones(rulebook: Rulebook) -> Iterator[Finding]:
    """Units differ, so the due times are compared, from a fixed start at the beginning of the calendar."""
    calendar = rulebook.calendar
    start = datetime(calendar.first_year, 1, 2, tzinfo=UTC)

    def ends(limit: Limit) -> datetime | None:
        try:
            return due(start, limit, calendar).at
        except ValueError:  # longer than the calendar
            return None

    for row in rulebook.limits:
        final = rulebook.handling_limits(row.condition, row.area_class).get("")
        if not row.milestone or final is None:
            continue
        step, end = ends(row.limit), ends(final)
        if step and end and step > end:
            yield warning(
                FindingKind.MILESTONE_LATE,
                f"limits {row_code(row, 'limits')}",
                f"阶段“{row.milestone}”时限 {limit_words(row.limit)} 晚于总时限 {limit_words(final)}。",
                f"The milestone {row.milestone} ends after the limit itself.",
            )


def _stage_limits(rulebook: Rulebook) -> Iterator[Finding]:
    given = {row.clock for row in rulebook.stage_limits}
    for clock in ClockKind:
        if clock not in WITHOUT_STAGE_LIMIT and clock not in given:
            yield error(
                FindingKind.STAGE_LIMIT_MISSING,
                f"stage_limits {clock}",
                f"环节 {clock} 没有时限。",
                f"The stage {clock} has no limit.",
            )
        elif clock in WITHOUT_STAGE_LIMIT and clock in given:
            yield warning(
                FindingKind.LIMIT_UNKNOWN,
                f"stage_limits {clock}",
                f"环节 {clock} 的时限另有规定，此行不起作用。",
                f"The limit of {clock} is given elsewhere; this row has no effect.",
            )
