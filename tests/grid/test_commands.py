"""The grid on the command line: looking at files, importing them, and saying what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app as chengguan
from tests.grid.town import WEST, square


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cloned_url: str):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("CHENGGUAN_DATA", str(tmp_path))
    monkeypatch.setenv("CHENGGUAN_DATABASE_URL", cloned_url)

    def invoked(*arguments: object) -> Result:
        return CliRunner().invoke(chengguan, ["grid", *map(str, arguments)])

    return invoked


def test_a_clean_town_is_checked_imported_and_imported_again(town, run, tmp_path):
    manifest = town.write(tmp_path)
    checked = run("check", manifest)
    assert checked.exit_code == 0, checked.output
    assert "没有发现问题 no findings" in checked.output
    imported = run("import", manifest)
    assert imported.exit_code == 0, imported.output
    assert "入库 storing 单元网格 cells" in imported.output
    again = run("import", manifest)
    assert "没有变化 nothing has changed" in again.output


def test_a_spoiled_town_is_reported_and_refused_unless_accepted(town, run, tmp_path):
    town.one("cells", WEST + "001001").shape = square(0, 0, 0.9)
    manifest, report = town.write(tmp_path), tmp_path / "findings.geojson"
    checked = run("check", manifest, "--report", report)
    assert checked.exit_code == 1
    assert "缝隙 gap" in checked.output
    (feature,) = json.loads(report.read_text("utf-8"))["features"]
    assert feature["properties"]["kind"] == "gap"
    report.unlink()
    refused = run("import", manifest, "--report", report)
    assert refused.exit_code == 1
    assert "the layers were refused: gap 1" in refused.stderr
    assert report.exists()
    accepted = run("import", manifest, "--accept", "gap,overlap")
    assert accepted.exit_code == 0, accepted.output


@pytest.mark.parametrize("command", ["check", "import"])
def test_what_cannot_be_read_is_one_clear_line(run, tmp_path, command):
    done = run(command, tmp_path / "gone.toml")
    assert done.exit_code == 1
    assert done.stderr.strip().count("\n") == 0
    assert "cannot read" in done.stderr


def test_an_unknown_kind_is_one_clear_line(town, run, tmp_path):
    done = run("import", town.write(tmp_path), "--accept", "holes")
    assert done.exit_code == 1
    assert "the kinds are empty_geometry, invalid_ring" in done.stderr
