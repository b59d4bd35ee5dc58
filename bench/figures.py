"""数据文件: the figures of a run as JSON, from which the tables of the documentation are made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import machine
from bench.report import TABLES

if TYPE_CHECKING:
    from bench.run import Bench

Figures = dict[str, Any]


#: What tells two rows of a run apart.
_KEYS = {"works": ("work", "cases", "connections"), "queries": ("cases",), "growth": ("cases",)}


def collected(bench: Bench, arguments: Sequence[str]) -> Figures:
    """Everything a run found out, and on what."""
    run = {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commands": [" ".join(("python -m bench", *arguments))],
        "cells": bench.cells,
        "machine": machine.description() | {"PostgreSQL": bench.postgres},
    }
    found: Figures = {}
    if bench.works or bench.queries:
        found |= {"run": run, "growth": bench.growth, "works": bench.works, "queries": bench.queries}
    if bench.memory:
        found["memory"] = run | bench.memory
    return found


def put(found: Figures, into: Path) -> None:
    """Puts what was found into the file; what this run did not measure stays as it was, unless it was
    measured on another machine or with other versions."""
    before: Figures = json.loads(into.read_text()) if into.exists() else {}
    into.write_text(json.dumps(before | _joined(before, found), indent=1, ensure_ascii=False) + "\n")


def _joined(before: Figures, found: Figures) -> Figures:
    if "run" not in found or before.get("run", {}).get("machine") != found["run"]["machine"]:
        return found
    rows = {name: _newest([*before[name], *found[name]], key) for name, key in _KEYS.items()}
    commands = [*before["run"]["commands"], *found["run"]["commands"]]
    return found | rows | {"run": found["run"] | {"commands": list(dict.fromkeys(commands))}}


def _newest(rows: list[Figures], key: tuple[str, ...]) -> list[Figures]:
    """Of each key its last row, the smaller sizes first."""
    last = {tuple(row[name] for name in key): row for row in rows}
    return sorted(last.values(), key=lambda row: (row["cases"], row.get("connections", 0)))


def readable(found: Figures) -> str:
    """For people at a terminal: the tables of the documentation."""
    return "\n\n".join(f"# {name}\n{make(found)}" for name, make in TABLES.items())
