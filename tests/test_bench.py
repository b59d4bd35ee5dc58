"""The benchmarks still run: all of them for a moment, on a village. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.figures import put
from bench.report import TABLES, TITLES
from scripts.docs import ROOT


def test_every_work_can_be_measured_and_told(tmp_path: Path):
    figures = tmp_path / "figures.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--into", str(figures)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr

    found = json.loads(figures.read_text())
    assert {one["work"] for one in found["works"]} == set(TITLES)
    for one in found["works"]:
        for name, side in one["sides"].items():
            assert side["rate"]["median"] > 0, f"{one['work']}: {name}"
    assert found["memory"]["processes"].keys() == {"API 1", "API 2", "worker"}
    told = {name: make(found) for name, make in TABLES.items()}
    assert all("not measured" not in text for name, text in told.items() if name != "performance-targets")


def test_what_was_not_measured_again_stays(tmp_path: Path):
    file = tmp_path / "figures.json"
    put({"works": ["then"], "memory": {"minutes": 60}}, file)
    put({"works": ["now"]}, file)
    assert json.loads(file.read_text()) == {"works": ["now"], "memory": {"minutes": 60}}
