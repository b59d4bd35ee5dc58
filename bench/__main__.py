"""`python -m bench`: measures, and writes what was measured; `docs/performance.md` tells how to read it."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop

from bench import figures
from bench.run import QUICK, WORKS, Asked, Bench


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}; all unless named")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that everything still runs")
    parser.add_argument("--sizes", type=int, nargs="+", help="cases beside the open work, smallest first")
    parser.add_argument("--connections", type=int, nargs="+", help="clients at once")
    parser.add_argument("--seconds", type=float, help="of a round")
    parser.add_argument("--rounds", type=int, help="of each side")
    parser.add_argument(
        "--memory-minutes", type=float, help="of steady load, watching memory; then only works that are named"
    )
    parser.add_argument("--into", type=Path, help="JSON file to put the figures into; printed unless named")
    parser.add_argument("--folder", type=Path, help="where the databases lie while they are measured")
    parser.add_argument(
        "--keep", action="store_true", help="leave them in the folder, and go on with those that are there"
    )
    given_arguments = sys.argv[1:] if arguments is None else arguments
    told = vars(parser.parse_args(given_arguments))
    into, folder, keep = told.pop("into"), told.pop("folder"), told.pop("keep")
    if keep and folder is None:
        parser.error("--keep: in which --folder?")
    asked = QUICK if told.pop("quick") else Asked()
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if value
    }
    if unknown := set(given.get("works", ())) - {*WORKS}:
        parser.error(f"no such work: {', '.join(sorted(unknown))}")
    if "memory_minutes" in given and "works" not in given:
        given = {"works": (), "sizes": (100_000,)} | given
    asked = dataclasses.replace(asked, **given)
    if asked.main not in asked.connections:
        asked = dataclasses.replace(asked, main=max(asked.connections))
    with nullcontext(folder) if keep else TemporaryDirectory(prefix="bench-", dir=folder) as place:
        Path(place).mkdir(exist_ok=True)
        Path(place).chmod(0o755)
        bench = Bench(asked, Path(place))

        def put() -> None:
            if into is not None:
                figures.put(figures.collected(bench, given_arguments), into)

        uvloop.run(bench.measure(put))
    if into is None:
        print(figures.readable(figures.collected(bench, given_arguments)))


if __name__ == "__main__":
    main()
