"""对比: the service and what it is held against, in turns, so that a busy machine is busy for both."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.load import Address, Story, play
from bench.machine import cpu_seconds

#: The first second or two of a process that has just started tell nothing.
WARMING = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round gave. `took` are seconds; `cpu` seconds of processor by whom."""

    operations: float
    seconds: float
    took: list[float] = field(default_factory=list)
    cpu: Mapping[str, float] = field(default_factory=dict)
    refused: int = 0
    steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.operations / self.seconds


#: Works for some seconds with some connections.
Side = Callable[[float, int], Awaitable[Sample]]


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load and the database beneath it, by their first processes."""

    process: int
    postmaster: int
    address: Address

    def cpu(self) -> dict[str, float]:
        """Processor seconds so far."""
        return {"api": cpu_seconds(self.process), "postgres": cpu_seconds(self.postmaster)}


def over_http(server: Server, story: Story, *, requests: int = 1) -> Side:
    """The side that plays a story; `requests` make one operation."""

    async def side(seconds: float, connections: int) -> Sample:
        before = server.cpu()
        done = await play(server.address, connections, seconds, story)
        used = {name: value - before[name] for name, value in server.cpu().items()} | {"load": done.cpu}
        took = [second for kind in done.took.values() for second in kind]
        steps = {kind: statistics.median(seconds) for kind, seconds in done.took.items()}
        return Sample(done.requests / requests, done.seconds, took, used, done.refused, steps)

    return side


async def compare(
    sides: Mapping[str, Side], *, seconds: float, rounds: int, connections: int
) -> dict[str, dict[str, Any]]:
    """The figures of each side over the rounds."""
    for side in sides.values():
        await side(min(seconds, WARMING), connections)
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            samples[name].append(await side(seconds, connections))
    return figures_of(samples)


def figures_of(samples: Mapping[str, list[Sample]]) -> dict[str, dict[str, Any]]:
    """Each side's figures; beside those of the others the first one's rate as a share of theirs."""
    figures = {name: _figures(found) for name, found in samples.items()}
    first, *others = samples
    for name in others:
        shares = [mine.rate / theirs.rate for mine, theirs in zip(samples[first], samples[name], strict=True)]
        figures[name]["share"] = _middle(shares)
    return figures


def _figures(samples: list[Sample]) -> dict[str, Any]:
    operations = sum(sample.operations for sample in samples)
    took = sorted(second * 1000 for sample in samples for second in sample.took)
    figures: dict[str, Any] = {"rate": _middle([sample.rate for sample in samples])}
    if took:
        figures["ms"] = {f"p{share}": round(_quantile(took, share / 100), 2) for share in (50, 95, 99)}
    if samples[0].cpu:
        figures["cpu_ms"] = {
            name: round(sum(sample.cpu[name] for sample in samples) / operations * 1000, 3)
            for name in samples[0].cpu
        }
        figures["cores"] = {
            name: round(sum(s.cpu[name] for s in samples) / sum(s.seconds for s in samples), 2)
            for name in samples[0].cpu
        }
    if len(samples[0].steps) > 1:
        figures["steps_ms"] = {
            kind: round(statistics.median(s.steps[kind] for s in samples if kind in s.steps) * 1000, 2)
            for kind in samples[0].steps
        }
    if refused := sum(sample.refused for sample in samples):
        figures["refused"] = refused
    return figures


def _middle(values: list[float]) -> dict[str, float]:
    """The median and what it lies between."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, 3) for name, value in found.items()}


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
