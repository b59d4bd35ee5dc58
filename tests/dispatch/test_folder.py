"""The rulebook as a folder of plain files: unchanged there and back, and every fault named at once."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from app.demo import RULEBOOK
from app.dispatch import folder, rulebook
from app.dispatch.columns import SETTINGS, TABLES
from app.dispatch.labels import HEADINGS, WORDS
from app.dispatch.rulebook import Rulebook
from app.errors import InvalidInput, RulebookRefused
from tests.dispatch.rulebooks import rulebooks


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The demo rulebook's files, to be spoilt."""
    return Path(shutil.copytree(RULEBOOK, tmp_path / "rulebook"))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")


def faults(path: Path) -> dict[str, str]:
    with pytest.raises(RulebookRefused) as refused:
        folder.read_folder(path)
    return refused.value.fields


@settings(max_examples=50, deadline=None)
@given(rulebooks)
def test_any_rulebook_comes_back_from_its_folder_unchanged(book: Rulebook) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder.write_folder(book, Path(name))
        assert folder.read_folder(Path(name)) == book


def test_the_demo_files_are_exactly_what_the_service_writes(tmp_path: Path) -> None:
    folder.write_folder(folder.read_folder(RULEBOOK), tmp_path)
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_bytes() for file in RULEBOOK.iterdir()}


def test_every_field_of_the_models_has_its_place_and_its_heading() -> None:
    placed = {(table.model, column.name) for table in TABLES for column in table.columns}
    owners = {"": Rulebook, "policy": rulebook.Policy, "calendar": rulebook.Calendar}
    placed |= {(owners[setting.group], setting.column.name) for setting in SETTINGS}
    nested = {(Rulebook, table.name) for table in TABLES} | {(Rulebook, "policy"), (Rulebook, "calendar")}
    nested.add((rulebook.Calendar, "days"))
    models = {*owners.values(), *(table.model for table in TABLES)}
    fields = {(model, name) for model in models for name in model.model_fields}
    assert placed | nested >= fields
    assert {name for _, name in placed} == set(HEADINGS)


def test_every_stored_word_is_explained_to_people() -> None:
    columns = [column for table in TABLES for column in table.columns] + [s.column for s in SETTINGS]
    for choices in {column.choices for column in columns if column.choices}:
        assert set(WORDS[choices]) >= set(choices)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(copy: Path) -> None:
    for file in copy.iterdir():
        text = file.read_text(encoding="utf-8")
        file.write_text("\ufeff" + text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert folder.read_folder(copy) == folder.read_folder(RULEBOOK)


def test_columns_may_stand_in_any_order_and_optional_ones_be_left_out(copy: Path) -> None:
    (copy / "area_classes.csv").write_text("name,code\n核心区,A\n一般区,B\n其他区,C\n", encoding="utf-8")
    assert [row.code for row in folder.read_folder(copy).area_classes] == ["A", "B", "C"]


def test_a_separator_too_many_makes_no_part(copy: Path) -> None:
    replace(copy / "matrix.csv", "housing;@street_office", "; housing ;; @street_office;")
    assert folder.read_folder(copy) == folder.read_folder(RULEBOOK)


def test_all_faults_are_told_at_once_with_file_line_and_column(copy: Path) -> None:
    replace(copy / "units.csv", ",department,", ",bureau,")
    replace(copy / "limits.csv", "C0101-2,*,,4,work_hour", "C0101-2,*,,many,work_hour")
    replace(copy / "rulebook.toml", "max_declines = 2", "max_declines = 0\nmax_patience = 3")
    replace(copy / "rulebook.toml", '"211103"', '"21110"')
    (copy / "codes.csv").unlink()
    replace(copy / "stage_limits.csv", "clock,amount,unit", "clock,amount,units")
    (copy / "unit.csv").write_text("code\n")
    found = faults(copy)
    assert "bureau" in found["units.csv, line 2, column kind"]
    assert "many" in found["limits.csv, line 3, column amount"]
    assert found.keys() >= {
        "rulebook.toml, policy.max_declines",
        "rulebook.toml, policy.max_patience",
        "rulebook.toml, district_code",
        "codes.csv",
        "stage_limits.csv, column units",
        "stage_limits.csv, column unit",
        "unit.csv",
    }


def test_a_line_is_counted_as_an_editor_counts_it(copy: Path) -> None:
    (copy / "area_classes.csv").write_text('code,name\nA,"核心\n区"\n,无编码\n', encoding="utf-8")
    assert set(faults(copy)) == {"area_classes.csv, line 4, column code"}


def test_a_file_in_another_encoding_is_named(copy: Path) -> None:
    (copy / "area_classes.csv").write_bytes("code,name\nA,核心区\n".encode("gb18030"))
    assert "UTF-8" in faults(copy)["area_classes.csv, line 2"]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        ('A,"核心', "area_classes.csv, line 2"),
        ("A,核心区,Core,extra", "area_classes.csv, line 2"),
        ("A,核心\x07区", "area_classes.csv, line 2, column name"),
    ],
)
def test_broken_rows_are_named(copy: Path, row: str, place: str) -> None:
    (copy / "area_classes.csv").write_text(f"code,name,name_en\n{row}\n", encoding="utf-8")
    assert place in faults(copy)


def test_settings_that_are_no_toml_are_named_with_their_line(copy: Path) -> None:
    replace(copy / "rulebook.toml", "[policy]", "[policy")
    assert "line" in faults(copy)["rulebook.toml"]


def test_a_folder_without_a_rulebook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"rulebook\.toml"):
        folder.read_folder(tmp_path)


@pytest.mark.parametrize("inside", ["", "our rulebook/"])
def test_a_zipped_folder_is_read_as_the_folder(tmp_path: Path, inside: str) -> None:
    archive = tmp_path / "rulebook.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for file in RULEBOOK.iterdir():
            content.write(file, inside + file.name)
    assert folder.read_zip(archive.read_bytes()) == folder.read_folder(RULEBOOK)


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(InvalidInput, match="zip"):
        folder.read_zip(b"not an archive")
