"""The rulebook on the command line, from checking a folder to trying the version in force."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app as chengguan
from app.demo import RULEBOOK
from app.dispatch import folder, workbook
from tests.dispatch.lanxi import EVERYTHING, row, rulebook


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("CHENGGUAN_DATA", str(tmp_path))
    return CliRunner()


def run(runner: CliRunner, *arguments: object) -> Result:
    return runner.invoke(chengguan, ["rulebook", *map(str, arguments)])


def test_a_clean_rulebook_passes_the_check(runner: CliRunner) -> None:
    done = run(runner, "check", RULEBOOK)
    assert done.exit_code == 0, done.output
    assert "0 错误 errors" in done.output


def test_findings_are_shown_and_errors_fail(runner: CliRunner, tmp_path: Path) -> None:
    workbook.write_workbook(rulebook(EVERYTHING, row("ODD", "GONE", category="E04")), tmp_path / "book.xlsx")
    done = run(runner, "check", tmp_path / "book.xlsx")
    assert done.exit_code == 1
    assert "matrix ODD" in done.output


def test_every_fault_of_unreadable_files_is_named(runner: CliRunner, tmp_path: Path) -> None:
    folder.write_folder(rulebook(), tmp_path / "book")
    (tmp_path / "book" / "area_classes.csv").write_text("code,name\nA,\n,B 类\n", "utf-8")
    done = run(runner, "check", tmp_path / "book")
    assert done.exit_code == 1
    assert "area_classes.csv, line 2, column name" in done.stderr
    assert "area_classes.csv, line 3, column code" in done.stderr


def test_a_path_that_is_not_there_is_one_clear_line(runner: CliRunner, tmp_path: Path) -> None:
    done = run(runner, "check", tmp_path / "nowhere")
    assert done.exit_code == 1
    assert "does not exist" in done.stderr


@pytest.mark.cloned
def test_from_import_to_trial(
    runner: CliRunner, cloned_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", cloned_url)
    imported = run(runner, "import", RULEBOOK)
    assert imported.exit_code == 0, imported.output
    assert "版本 version 1" in imported.output
    assert "草稿 draft" in run(runner, "list").output

    activated = run(runner, "activate", 1, "--from", "2026-01-01T00:00")
    assert activated.exit_code == 0, activated.output
    assert "2025-12-31T16:00:00+00:00" in activated.output
    assert "启用中 active" in run(runner, "list").output

    for target in ("out", "out.xlsx"):
        done = run(runner, "export", "active", tmp_path / target)
        assert done.exit_code == 0, done.output
    assert folder.read_folder(tmp_path / "out") == folder.read_folder(RULEBOOK)
    assert workbook.read_workbook(tmp_path / "out.xlsx") == folder.read_folder(RULEBOOK)

    place = ("--x", 122.07, "--y", 41.12, "--datum", "gcj02")
    told = run(runner, "explain", "--condition", "E0402-1", *place, "--at", "2026-03-06T17:00")
    assert told.exit_code == 0, told.output
    assert "区行政执法局" in told.output
    assert "专项行动5 占道经营专项整治" in told.output
    assert "时限 due" in told.output


@pytest.mark.cloned
def test_exporting_onto_a_file_is_refused(
    runner: CliRunner, cloned_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", cloned_url)
    assert run(runner, "import", RULEBOOK).exit_code == 0
    (tmp_path / "taken").write_text("")
    done = run(runner, "export", 1, tmp_path / "taken")
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


@pytest.mark.cloned
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("activate", 7), "no rulebook version 7"),
        (("export", "active", "out"), "No rulebook is in force"),
        (("export", "newest", "out"), "`active`"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    runner: CliRunner,
    cloned_url: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    complaint: str,
) -> None:
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", cloned_url)
    done = run(runner, *arguments)
    assert done.exit_code == 1
    assert complaint in done.stderr
