"""The benchmarks still run: all of them for a moment, on a village. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bench.figures import put
from bench.report import TABLES, TITLES
from scripts.docs import ROOT


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the database's server may enter, whoever it runs as."""
    with TemporaryDirectory(prefix="chengguan-bench-") as path:
        yield Path(path)


def measured(folder: Path, *works: str) -> dict[str, Any]:
    """The figures of a quick run whose districts are kept in the folder."""
    figures = folder / "figures.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", *works, "--quick", "--keep", "--folder", folder, "--into", figures],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return dict(json.loads(figures.read_text()))


def test_every_work_can_be_measured_and_told(folder: Path):
    found = measured(folder)
    assert {one["work"] for one in found["works"]} == set(TITLES)
    for one in found["works"]:
        for name, side in one["sides"].items():
            assert side["rate"]["median"] > 0, f"{one['work']}: {name}"
    assert found["memory"]["processes"].keys() == {"API 1", "API 2", "worker"}
    told = {name: make(found) for name, make in TABLES.items()}
    assert all("not measured" not in text for name, text in told.items() if name != "performance-targets")

    again = measured(folder, "look_up")  # goes on with the districts that are there
    assert again["growth"] == found["growth"]
    assert len(again["works"]) == len(found["works"])
    assert again["run"]["commands"][1:]


def run_of(command: str, *works: tuple[str, int, int], machine: str = "this") -> dict[str, Any]:
    rows = [{"work": work, "cases": cases, "connections": 8, "rate": rate} for work, cases, rate in works]
    run = {"commands": [command], "machine": {"processor": machine}}
    return {"run": run, "works": rows, "queries": [], "growth": []}


def test_what_was_not_measured_again_stays(tmp_path: Path):
    file = tmp_path / "figures.json"
    put({"memory": {"minutes": 60}}, file)
    put(run_of("all", ("intake", 0, 300), ("intake", 1000, 250), ("lifecycle", 0, 50)), file)
    put(run_of("again", ("intake", 0, 350)), file)
    found = json.loads(file.read_text())
    assert {(one["work"], one["cases"]): one["rate"] for one in found["works"]} == {
        ("intake", 0): 350, ("intake", 1000): 250, ("lifecycle", 0): 50,
    }  # fmt: skip
    assert found["run"]["commands"] == ["all", "again"]
    assert found["memory"] == {"minutes": 60}


def test_figures_of_another_machine_are_not_mixed_in(tmp_path: Path):
    file = tmp_path / "figures.json"
    put(run_of("then", ("intake", 0, 300)), file)
    put(run_of("now", ("lifecycle", 0, 50), machine="another"), file)
    found = json.loads(file.read_text())
    assert [one["work"] for one in found["works"]] == ["lifecycle"]
    assert found["run"]["commands"] == ["now"]
