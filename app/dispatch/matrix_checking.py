"""责任矩阵检查: what is wrong with single rows and with what they refer to. How rows stand to each other is
told by `coverage`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.dispatch.elementary import Areas
from app.dispatch.findings import Finding, FindingKind, error, unknown_area, unknown_source, warning
from app.dispatch.matrix import category_depth
from app.dispatch.references import STREET_OFFICE, Reference, ServingUnits, parse_reference
from app.dispatch.rulebook import CodeSet, MatrixRow, Rulebook
from app.dispatch.windows import parse_dates, parse_hours, parse_weekdays


def row_findings(rulebook: Rulebook, areas: Areas) -> Iterator[Finding]:
    """Of each row: its category, area, source, window and references."""
    for row in rulebook.matrix:
        yield from _row(row, rulebook, areas)


def _row(row: MatrixRow, rulebook: Rulebook, areas: Areas) -> Iterator[Finding]:
    where = f"matrix {row.code}"
    if category_depth(row.category, rulebook) is None:
        yield error(
            FindingKind.UNKNOWN_CATEGORY,
            where,
            f"类别 {row.category} 不存在。",
            f"There is no category or condition {row.category}.",
        )
    if row.area and not areas.exists(row.area):
        yield unknown_area(where, row.area)
    if row.source and row.source not in rulebook.codes_of(CodeSet.SOURCE):
        yield unknown_source(where, row.source)
    yield from _window(row, where, rulebook)
    names = [*row.lead.split(">"), *row.assisting]
    references = list[Reference]()
    for name in names:
        try:
            references.append(parse_reference(name))
        except ValueError as wrong:
            yield error(
                FindingKind.BAD_REFERENCE, where, f"单位指称 {name.strip()!r} 有误。", f"Miswritten: {wrong}."
            )
    absolute = [reference.name for reference in references if reference.relative is None]
    for unit in dict.fromkeys([*absolute, *([row.owner] if row.owner else [])]):
        if unit not in rulebook.unit_by_code:
            yield error(FindingKind.UNKNOWN_UNIT, where, f"单位 {unit} 不存在。", f"There is no unit {unit}.")
    if names[0].strip() in row.assisting:
        yield warning(
            FindingKind.LEAD_ASSISTS,
            where,
            f"{names[0].strip()} 既主办又协办。",
            f"{names[0].strip()} both leads and assists.",
        )


def _window(row: MatrixRow, where: str, rulebook: Rulebook) -> Iterator[Finding]:
    parsers: tuple[tuple[str, Callable[[str], object]], ...] = (
        (row.hours, parse_hours),
        (row.weekdays, parse_weekdays),
        (row.dates, parse_dates),
    )
    for text, parse in parsers:
        try:
            parse(text)
        except ValueError as wrong:
            yield error(FindingKind.BAD_WINDOW, where, f"“{text}”写法有误。", f"Miswritten: {wrong}.")
            return
    named = [dates.years for dates in parse_dates(row.dates)]
    calendar = rulebook.calendar
    if named and all(
        years and (years[-1] < calendar.first_year or years[0] > calendar.last_year) for years in named
    ):
        yield warning(
            FindingKind.BAD_WINDOW,
            where,
            f"日期 {row.dates} 不在日历年份 {calendar.first_year}-{calendar.last_year} 之内。",
            f"The dates {row.dates} lie outside the calendar's years.",
        )


def reference_findings(rulebook: Rulebook) -> Iterator[Finding]:
    """Relative references that nobody answers to, or several equally."""
    serving = ServingUnits(rulebook.units)
    used: dict[Reference, str] = {STREET_OFFICE: "units"}
    for row in rulebook.matrix:
        for text in (*row.lead.split(">"), *row.assisting):
            try:
                reference = parse_reference(text)
            except ValueError:
                continue
            if reference.by_place:
                used.setdefault(reference, f"matrix {row.code}")
    for reference, where in used.items():
        if not serving.anyone(reference):
            tell = error if reference.name else warning
            yield tell(
                FindingKind.BAD_REFERENCE,
                where,
                f"没有单位可作为{reference.label}（{reference.text}）。",
                f"No unit answers to {reference.text}.",
            )
        for area, units in serving.ambiguous(reference).items():
            codes = [unit.code for unit in units]
            yield error(
                FindingKind.AMBIGUOUS_REFERENCE,
                f"units {codes[0]}",
                f"{'、'.join(codes)} 在{f'区域 {area}' if area else '全区'}同为{reference.label}。",
                f"{', '.join(codes)} answer equally to {reference.text} in {area or 'the whole district'}.",
            )
