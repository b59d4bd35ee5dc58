"""规则库工作簿: a rulebook as one XLSX file for the city's staff, a sheet for each table.

Every sheet has the Chinese heading in its first row and the column's name in its second; data begin in
the third. Columns of text are formatted as text: a code typed as a number has lost its leading zeros, so
a number in such a column is refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from app.dispatch.columns import (
    SETTINGS,
    TABLES,
    Column,
    ColumnKind,
    Problems,
    Table,
    assemble,
    columns_of,
    same_line_ends,
)
from app.dispatch.folder import LARGEST_UNPACKED
from app.dispatch.labels import WORDS
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput

_GUIDE = "说明 guide"
_SETTINGS = "设置 settings"
_FIRST_ROW = 3
#: Rows further down are formatted but empty ones in which no rulebook ends.
_LAST_ROW = 50_000

_HEADING = PatternFill("solid", fgColor="1F4E78")
_NAMES = PatternFill("solid", fgColor="DDEBF7")
_LINE = Border(bottom=Side(style="thin", color="9DC3E6"))
_NUMBER_FORMATS = {
    ColumnKind.INTEGER: "0",
    ColumnKind.NUMBER: "General",
    ColumnKind.FLAG: "General",
    ColumnKind.DATE: "yyyy-mm-dd",
}
_TEXT_FORMAT = "@"
_FEATURES = (
    "第一行是中文名称，第二行是列名，请勿改动；数据从第三行起，每行一条。",
    "Row 1 is the Chinese heading, row 2 the column's name: leave both as they are. Data begin in row 3.",
    "编码列已设为文本格式，请勿改为数字，以免丢失开头的 0。",
    "Codes are text: as numbers they would lose leading zeros, and the import refuses them.",
    "一个单元格内有多项时用英文分号 ; 分隔。 Several values in one cell are separated by ;",
    "主办单位按次序写，如 @owner > housing > @street_office：前者无法确定时由后者承担。",
    "The lead is a chain tried in turn; @owner, @street_office, @local:duty are relative to the case.",
)


def write_workbook(rulebook: Rulebook, target: Path | io.BytesIO) -> None:
    """Writes the rulebook as an XLSX file."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    _write_guide(workbook.create_sheet(_GUIDE))
    _write_settings(workbook.create_sheet(_SETTINGS), rulebook)
    for table in TABLES:
        _write_table(workbook.create_sheet(_title(table)), table, rulebook)
    workbook.save(target)


def read_workbook(source: Path | bytes) -> Rulebook:
    """The rulebook of an XLSX file. Errors: `RulebookRefused`, naming sheet, row and column of every problem;
    `InvalidInput` when the file is no workbook."""
    content = source if isinstance(source, bytes) else source.read_bytes()
    try:
        if sum(entry.file_size for entry in ZipFile(io.BytesIO(content)).infolist()) > LARGEST_UNPACKED:
            raise InvalidInput("The workbook is too large for a rulebook: remove pictures and empty rows.")
        workbook = load_workbook(io.BytesIO(content))
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise InvalidInput("The file is no XLSX workbook: save it as .xlsx and try again.") from error
    problems = Problems()
    # A sheet is known by the English end of its title, so that the Chinese part may be reworded.
    sheets = {sheet.title.split()[-1]: sheet for sheet in workbook.worksheets if sheet.title.strip()}
    settings = _read_settings(sheets.get("settings"), problems)
    tables = {table.name: list(_read_table(sheets.get(table.name), table, problems)) for table in TABLES}
    return assemble(settings, tables, problems, settings_place=f"sheet {_SETTINGS}")


def _title(table: Table) -> str:
    return f"{table.label} {table.name}"


def _write_guide(sheet: Worksheet) -> None:
    sheet.append(["规则库工作簿 Rulebook workbook"])
    sheet["A1"].font = Font(bold=True, size=14)
    for line in _FEATURES:
        sheet.append([line])
    sheet.append([])
    _append_heading(sheet, ("列名 column", "取值 value", "含义 meaning"))
    for column in dict.fromkeys(column for table in TABLES for column in table.columns):
        for choice in column.choices or ():
            sheet.append([f"{column.label} {column.name}", choice.value, WORDS[type(choice)][choice]])
    for letter, width in (("A", 28), ("B", 20), ("C", 40)):
        sheet.column_dimensions[letter].width = width


def _append_heading(sheet: Worksheet, texts: Sequence[str]) -> None:
    sheet.append(list(texts))
    _style_heading(sheet, sheet.max_row)


def _style_heading(sheet: Worksheet, row: int) -> None:
    for cell in sheet[row]:
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = _HEADING
        cell.alignment = Alignment(vertical="center", wrap_text=True)


def _write_settings(sheet: Worksheet, rulebook: Rulebook) -> None:
    _write_headings(sheet, ("名称", "设置项", "值"), ("label", "key", "value"))
    for row, setting in enumerate(SETTINGS, _FIRST_ROW):
        _put_text(sheet.cell(row, 1), setting.column.label)
        _put_text(sheet.cell(row, 2), setting.key)
        _put(sheet.cell(row, 3), setting.column, setting.value(rulebook))
        if setting.column.choices and setting.column.kind is ColumnKind.TEXT:
            _offer(sheet, setting.column, f"C{row}")
    for letter, width in (("A", 24), ("B", 28), ("C", 60)):
        sheet.column_dimensions[letter].width = width


def _write_table(sheet: Worksheet, table: Table, rulebook: Rulebook) -> None:
    columns = table.columns
    _write_headings(sheet, [column.label for column in columns], [column.name for column in columns])
    rows = table.rows(rulebook)
    widths = [len(column.name) + 4 for column in columns]
    for number, row in enumerate(rows, _FIRST_ROW):
        for index, column in enumerate(columns):
            cell = sheet.cell(number, index + 1)
            _put(cell, column, getattr(row, column.name))
            widths[index] = max(widths[index], _display_width(cell.value))
    for index, column in enumerate(columns):
        letter = get_column_letter(index + 1)
        dimension = sheet.column_dimensions[letter]
        dimension.width = min(widths[index] + 2, 60)
        dimension.number_format = _NUMBER_FORMATS.get(column.kind, _TEXT_FORMAT)
        if column.choices or column.kind is ColumnKind.FLAG:
            _offer(sheet, column, f"{letter}{_FIRST_ROW}:{letter}{len(rows) + 1000}")
    sheet.auto_filter.ref = f"A2:{get_column_letter(len(columns))}{max(len(rows), 1) + 2}"


def _write_headings(sheet: Worksheet, labels: Sequence[str], names: Sequence[str]) -> None:
    _append_heading(sheet, labels)
    sheet.append(list(names))
    for cell in sheet[2]:
        cell.fill, cell.border, cell.font = _NAMES, _LINE, Font(italic=True)
    sheet.freeze_panes = f"A{_FIRST_ROW}"


def _put(cell: Cell | MergedCell, column: Column, value: Any) -> None:
    if column.kind in _NUMBER_FORMATS:
        cell.value = value
        cell.number_format = _NUMBER_FORMATS[column.kind]
    else:
        _put_text(cell, column.text(value))


def _put_text(cell: Cell | MergedCell, text: str) -> None:
    if text:
        cell.value = text
        cell.data_type = "s"  # text that begins with "=" or looks like an error stays text
    cell.number_format = _TEXT_FORMAT
    cell.alignment = Alignment(vertical="top", wrap_text=True)


def _offer(sheet: Worksheet, column: Column, cells: str) -> None:
    """A list to choose from in the cells."""
    words = [choice.value for choice in column.choices] if column.choices else ["TRUE", "FALSE"]
    offered = DataValidation("list", formula1=f'"{",".join(words)}"', allow_blank=not column.required)
    offered.error = f"请选择 choose one of: {', '.join(words)}"[:255]
    offered.showErrorMessage = True
    offered.add(cells)
    sheet.add_data_validation(offered)


def _display_width(value: Any) -> int:
    text = str(value) if value is not None else ""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def _read_settings(sheet: Worksheet | None, problems: Problems) -> dict[str, Any]:
    if sheet is None:
        problems.add(f"sheet {_SETTINGS}", "the sheet is missing")
        return {}
    columns = {setting.key: setting.column for setting in SETTINGS}
    found: dict[str, Any] = {}
    for row in sheet.iter_rows(min_row=_FIRST_ROW, max_row=min(sheet.max_row, _LAST_ROW), max_col=3):
        key = str(row[1].value).strip() if row[1].value is not None else ""
        if not key:
            continue
        place = f"sheet {sheet.title}, {key}"
        if key in found:
            problems.add(place, "the setting stands there twice")
        # An empty value is an empty list or text: a setting has no row of its own when it keeps its default.
        found[key] = _read_cell(row[2], columns[key], place, problems) if key in columns else None
        if found[key] is None and key in columns:
            found[key] = columns[key].read("")
    return found


def _read_table(
    sheet: Worksheet | None, table: Table, problems: Problems
) -> Iterator[tuple[str, dict[str, Any]]]:
    if sheet is None:
        problems.add(f"sheet {_title(table)}", "the sheet is missing; without rows it still has its headings")
        return
    if sheet.max_row > _LAST_ROW:
        problems.add(f"sheet {sheet.title}", f"more than {_LAST_ROW} rows; delete the empty ones at the end")
        return
    heading = [str(cell.value or "") for cell in sheet[2]]
    columns = columns_of(table, heading, f"sheet {sheet.title}", problems)
    for row in sheet.iter_rows(min_row=_FIRST_ROW):
        place = f"sheet {sheet.title}, row {row[0].row}"
        cells = {
            column.name: value
            for column, cell in zip(columns, row, strict=True)
            if column is not None
            and (value := _read_cell(cell, column, f"{place}, column {column.name}", problems)) is not None
        }
        if cells:
            yield place, cells


def _read_cell(cell: Any, column: Column, place: str, problems: Problems) -> Any:
    """What the model is given for a cell; None for an empty one, and for one that was refused."""
    value = cell.value
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if cell.data_type in ("f", "e"):
        problems.add(place, "a formula or its error stands there; put the value itself")
        return None
    if isinstance(value, str):
        return column.read(same_line_ends(value))
    fits = {
        ColumnKind.INTEGER: isinstance(value, int | float),
        ColumnKind.NUMBER: isinstance(value, int | float),
        ColumnKind.FLAG: isinstance(value, bool),
        ColumnKind.DATE: isinstance(value, date),
    }
    if fits.get(column.kind, False) and isinstance(value, bool) == (column.kind is ColumnKind.FLAG):
        return value.date() if isinstance(value, datetime) else value
    wanted = "text" if column.kind in (ColumnKind.TEXT, ColumnKind.LIST) else f"a {column.kind}"
    problems.add(
        place,
        f"{value!s} stands there as {_told_type(value)} where {wanted} is needed: format the cell as text"
        " and type it again, with its leading zeros",
    )
    return None


def _told_type(value: Any) -> str:
    return (
        "a truth value"
        if isinstance(value, bool)
        else "a number"
        if isinstance(value, int | float)
        else "a date"
    )
