"""The rulebook as a workbook: unchanged there and back, and what spreadsheets do to codes is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from openpyxl import Workbook, load_workbook

from app.demo import RULEBOOK
from app.dispatch import folder, workbook
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput, RulebookRefused
from tests.dispatch.rulebooks import rulebooks


def written(book: Rulebook) -> bytes:
    target = io.BytesIO()
    workbook.write_workbook(book, target)
    return target.getvalue()


@pytest.fixture(scope="module")
def demo() -> Rulebook:
    return folder.read_folder(RULEBOOK)


@pytest.fixture(scope="module")
def demo_file(demo: Rulebook) -> bytes:
    return written(demo)


@pytest.fixture
def edited(demo_file: bytes) -> Callable[[Callable[[Workbook], None]], bytes]:
    """The demo workbook after somebody's edit."""

    def edit(change: Callable[[Workbook], None]) -> bytes:
        opened = load_workbook(io.BytesIO(demo_file))
        change(opened)
        target = io.BytesIO()
        opened.save(target)
        return target.getvalue()

    return edit


def faults(content: bytes) -> dict[str, str]:
    with pytest.raises(RulebookRefused) as refused:
        workbook.read_workbook(content)
    return refused.value.fields


@settings(max_examples=30, deadline=None)
@given(rulebooks)
def test_any_rulebook_comes_back_from_its_workbook_unchanged(book: Rulebook) -> None:
    assert workbook.read_workbook(written(book)) == book


def test_folder_to_workbook_to_folder_gives_the_same_bytes(demo_file: bytes, tmp_path: Path) -> None:
    folder.write_folder(workbook.read_workbook(demo_file), tmp_path)
    for file in RULEBOOK.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_staff_find_headings_in_chinese_choices_and_frozen_panes(demo_file: bytes) -> None:
    opened = load_workbook(io.BytesIO(demo_file))
    units = opened["责任单位 units"]
    assert [cell.value for cell in units[1]][:2] == ["编码", "名称"]
    assert [cell.value for cell in units[2]][:2] == ["code", "name"]
    assert units.freeze_panes == "A3"
    assert units.column_dimensions["A"].number_format == "@"
    [offered] = units.data_validations.dataValidation
    assert offered.formula1 == '"department,street_office,community,enterprise,owner"'
    assert any("部件" in str(row[2].value) for row in opened["说明 guide"].iter_rows(min_row=2))


def test_an_empty_list_stays_empty_though_its_default_is_not(demo: Rulebook) -> None:
    book = demo.model_copy(update={"policy": demo.policy.model_copy(update={"verify_sources": ()})})
    assert workbook.read_workbook(written(book)).policy.verify_sources == ()


def test_a_code_typed_as_a_number_is_refused(edited: Callable[..., bytes]) -> None:
    def spoil(opened: Workbook) -> None:
        opened["区域类别 area_classes"]["A3"] = 7

    [(place, message)] = faults(edited(spoil)).items()
    assert place == "sheet 区域类别 area_classes, row 3, column code"
    assert "7 stands there as a number where text is needed" in message


def test_a_date_range_that_the_spreadsheet_made_a_date_is_refused(edited: Callable[..., bytes]) -> None:
    def spoil(opened: Workbook) -> None:
        sheet = opened["责任矩阵 matrix"]
        column = [cell.value for cell in sheet[2]].index("dates") + 1
        sheet.cell(3, column, date(2026, 10, 1))

    assert "a date" in faults(edited(spoil))["sheet 责任矩阵 matrix, row 3, column dates"]


def test_a_formula_is_refused(edited: Callable[..., bytes]) -> None:
    def spoil(opened: Workbook) -> None:
        opened["责任单位 units"]["B3"] = "=B4"

    assert "formula" in faults(edited(spoil))["sheet 责任单位 units, row 3, column name"]


def test_all_faults_are_told_at_once(edited: Callable[..., bytes]) -> None:
    def spoil(opened: Workbook) -> None:
        opened["责任单位 units"]["D3"] = "bureau"
        opened["处置时限 limits"]["D4"] = True
        opened["类别 categories"]["A2"] = "kode"
        del opened["代码集 codes"]
        opened["设置 settings"]["C7"] = 0

    found = faults(edited(spoil))
    assert found.keys() >= {
        "sheet 责任单位 units, row 3, column kind",
        "sheet 处置时限 limits, row 4, column amount",
        "sheet 类别 categories, column kode",
        "sheet 类别 categories, column code",
        "sheet 代码集 codes",
    }


def test_numbers_flags_and_dates_are_read_however_they_were_typed(edited: Callable[..., bytes]) -> None:
    def retype(opened: Workbook) -> None:
        opened["处置时限 limits"]["D3"] = "2"
        days = opened["日历特例 calendar_days"]
        days.append([date(2026, 3, 5), True, "本地节日"])
        days.append(["2026-03-06", "false", None])

    book = workbook.read_workbook(edited(retype))
    assert book.limits[0].amount == 2
    assert [(day.day, day.workday) for day in book.calendar.days] == [
        (date(2026, 3, 5), True),
        (date(2026, 3, 6), False),
    ]


def test_empty_rows_between_and_reworded_headings_change_nothing(
    edited: Callable[..., bytes], demo: Rulebook
) -> None:
    def rearrange(opened: Workbook) -> None:
        opened["责任单位 units"].insert_rows(5, 2)
        opened["责任单位 units"].title = "我们的单位 units"
        opened["责任单位 units" if "责任单位 units" in opened else "我们的单位 units"]["A1"] = "单位编码"

    assert workbook.read_workbook(edited(rearrange)) == demo


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"code,name\n"])
def test_what_is_no_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="XLSX"):
        workbook.read_workbook(content)
