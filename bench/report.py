"""结果表: the tables of `docs/performance.md`, made from the figures of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts.markdown import table

FILE = Path(__file__).resolve().parent.parent / "docs" / "performance.json"

Figures = dict[str, Any]

#: What each work is called, what one operation of it is, and what it is held against.
TITLES = {
    "intake": "上报 report taken in",
    "lifecycle": "全流程 whole life, 8 requests",
    "queue_page": "待办列表 page of 50 of a street's work",
    "queue_count": "待办件数 its count",
    "look_up": "位置查询 point looked up",
    "sweep": "超时扫描 overrun recorded by the sweep",
    "bulk": "批量上报 report of many",
    "grid": "网格导入 cell of a map imported",
}
_AT = 8
_MILLION = 1_000_000
_NOT_MEASURED = "not measured"
#: The service on a ground with none but the open work.
WITHOUT = "without cases"


def _works(found: Figures, work: str, connections: int | None = None) -> list[dict[str, Any]]:
    return [
        one for one in found.get("works", ())
        if one["work"] == work and connections in (None, one["connections"])
    ]  # fmt: skip


def _first(work: dict[str, Any]) -> dict[str, Any]:
    """The side of the service."""
    figures: dict[str, Any] = work["sides"]["service"]
    return figures


def _at(work: str) -> int:
    """The number of clients at which the targets look at the work."""
    return 1 if work in ("sweep", "bulk", "grid") else _AT


# -- targets ----------------------------------------------------------------------------------------------


def targets(found: Figures) -> str:
    """Each thing to be reached beside what was measured."""
    rows = (
        ("intake", "at least 0.5 of the bare endpoint", *_share(found, "intake", "bare endpoint", 0.5)),
        ("lifecycle", "at least 60 a second", *_rate(found, "lifecycle", 60)),
        ("queue page", "at most 3 times its bare SQL", *_times(found, "queue_page", 3)),
        ("bulk", "at least 0.3 of COPY and a spatial join", *_share(found, "bulk", "COPY and join", 0.3)),
        ("every work", "at most 15 % worse at a million cases than at none", *_growing_worse(found, 0.15)),
        ("memory", "at most 200 MB a process", *_memory(found, "rss_most", 200, "MB")),
        ("memory", "flat over an hour of load", *_memory(found, "slope_mb_per_hour", 5, "MB more an hour")),
    )  # fmt: skip
    return table(("of", "to reach", "measured", ""), rows)


def _judged(words: list[str], *, met: bool) -> tuple[str, str]:
    return (" · ".join(words), "met" if met else "**not met**") if words else (_NOT_MEASURED, "")


def _share(found: Figures, work: str, other: str, least: float) -> tuple[str, str]:
    shares = [(one["cases"], one["sides"][other]["share"]) for one in _works(found, work, _at(work))]
    words = [f"{_cases(cases)}: {_between(share)}" for cases, share in shares]
    return _judged(words, met=all(share["median"] >= least for _, share in shares))


def _rate(found: Figures, work: str, least: float) -> tuple[str, str]:
    rates = [(one["cases"], _first(one)["rate"]) for one in _works(found, work, _AT)]
    words = [f"{_cases(cases)}: {_between(rate)}" for cases, rate in rates]
    return _judged(words, met=all(rate["median"] >= least for _, rate in rates))


def _times(found: Figures, work: str, most: float) -> tuple[str, str]:
    times = [
        (one["cases"], 1 / one["sides"]["pgbench"]["share"]["median"]) for one in _works(found, work, _AT)
    ]
    words = [f"{_cases(cases)}: {_round(value)}" for cases, value in times]
    return _judged(words, met=all(value <= most for _, value in times))


def _growing_worse(found: Figures, most: float) -> tuple[str, str]:
    """Of every work the rate at a million as a share of that at none: in turns, or else of another hour."""
    words, met = [], True
    for work in TITLES:
        at = {one["cases"]: one for one in _works(found, work, _at(work))}
        if _MILLION not in at:
            continue
        full = at[_MILLION]["sides"]
        if WITHOUT in full:
            share = full[WITHOUT]["share"]["median"]
        elif 0 in at:
            share = full["service"]["rate"]["median"] / _first(at[0])["rate"]["median"]
        else:
            continue
        words.append(f"{work} {share - 1:+.0%}")
        met &= share >= 1 - most
    return _judged(words, met=met)


def _memory(found: Figures, name: str, most: float, unit: str) -> tuple[str, str]:
    processes = found.get("memory", {}).get("processes", {})
    words = [f"{process}: {figures[name]:.0f} {unit}" for process, figures in processes.items()]
    return _judged(words, met=all(figures[name] <= most for figures in processes.values()))


# -- everything that was measured --------------------------------------------------------------------------


def works(found: Figures) -> str:
    """A row for each work, size and number of clients."""
    heads = (
        "work", "cases", "clients", "a second", "p50", "p95", "p99 ms", "CPU ms: API", "PostgreSQL", "load",
        "held against", "a second", "share",
    )  # fmt: skip
    return table(heads, _work_rows(found))


def _work_rows(found: Figures) -> Iterator[list[str]]:
    for work, title in TITLES.items():
        for one in _works(found, work):
            service, *others = one["sides"].items()
            figures = service[1]
            ms, cpu = figures.get("ms", {}), figures.get("cpu_ms", {})
            against = [(name, side["rate"], side.get("share")) for name, side in others]
            yield [
                title, _cases(one["cases"]), str(one["connections"]), _between(figures["rate"]),
                *(_round(ms.get(name)) for name in ("p50", "p95", "p99")),
                *(_round(cpu.get(name)) for name in ("api", "postgres", "load")),
                "<br>".join(name for name, _, _ in against),
                "<br>".join(_between(rate) for _, rate, _ in against),
                "<br>".join(_between(share) for _, _, share in against if share),
            ]  # fmt: skip


def queries(found: Figures) -> str:
    """Milliseconds of every list at every size."""
    sizes = found.get("queries", [])
    if not sizes:
        return _NOT_MEASURED
    heads = ["query", *(f"{_cases(size['cases'])}: page" for size in sizes)]
    heads += [f"{_cases(size['cases'])}: count" for size in sizes]
    by_size = [{one["query"]: one for one in size["found"]} for size in sizes]
    rows = (
        [
            name,
            *(_round(size[name].get("page")) for size in by_size),
            *(_round(size[name].get("count")) for size in by_size),
        ]
        for name in by_size[0]
    )
    return table(heads, rows)


def growth(found: Figures) -> str:
    """What making the cases took."""
    rows = (
        (_cases(one["cases"]), one["seconds"], one["cpu_seconds"], one["gb"])
        for one in found.get("growth", ())
    )
    return table(("cases", "seconds to make", "of processor", "GB with indexes and journal"), rows)


def memory(found: Figures) -> str:
    """Each process's memory over the load."""
    run = found.get("memory")
    if not run:
        return _NOT_MEASURED
    rows = (
        (
            name, side["rss_first"], side["rss_last"], side["rss_most"], side["pss_most"], side["uss_most"],
            side["slope_mb_per_hour"],
        )
        for name, side in run["processes"].items()
    )  # fmt: skip
    heads = ("process", "RSS settled", "at the end", "most", "PSS most", "USS most", "MB more an hour")
    told = (
        f"{run['minutes']:g} minutes of whole lives, lists and look-ups, {run['rate']:g} requests a second:"
    )
    return f"{told}\n\n{table(heads, rows)}"


def machine(found: Figures) -> str:
    """On what, when and by which command."""
    run = found.get("run") or found.get("memory")
    if not run:
        return _NOT_MEASURED
    commands = "<br>".join(f"`{command}`" for command in run["commands"])
    rows = [("measured", run["measured"]), ("by", commands), ("cells", f"{run['cells']:,}")]
    return table(("", ""), [*rows, *run["machine"].items()])


def _cases(cases: int) -> str:
    return f"{cases // _MILLION} M" if cases and cases % _MILLION == 0 else f"{cases:,}"


def _round(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _between(value: dict[str, float]) -> str:
    """The median, and what it lies between where there was more than one round."""
    if value["least"] == value["most"]:
        return _round(value["median"])
    return f"{_round(value['median'])} ({_round(value['least'])}–{_round(value['most'])})"


TABLES: dict[str, Callable[[Figures], str]] = {
    "performance-targets": targets,
    "performance-works": works,
    "performance-queries": queries,
    "performance-growth": growth,
    "performance-memory": memory,
    "performance-machine": machine,
}


def stored() -> Figures:
    """The figures the documentation tells of."""
    figures: Figures = json.loads(FILE.read_text())
    return figures
