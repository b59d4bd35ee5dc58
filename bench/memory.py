"""内存: what each process holds over a long steady load, and whether it grows."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from bench import stories
from bench.city import City
from bench.contest import Server
from bench.crew import Crew
from bench.load import Client, Story, play
from bench.machine import memory_mb
from bench.service import CHENGGUAN, ROOT

_CONNECTIONS = 8
#: Seconds between two looks; those at the beginning, while caches fill, are left out of the slope.
_EVERY = 5.0
_SETTLING = 0.25


def mixed(place: City, crew: Crew) -> Story:
    """Whole lives, and between two of them pages, counts and look-ups, as a day has them."""
    life = stories.lifecycle(place, crew, 11)
    looks = (
        stories.queue_page(place, crew, 12), stories.queue_count(place, crew, 13),
        stories.look_up(place, crew, 14),
    )  # fmt: skip
    turns = count()

    async def story(client: Client) -> None:
        if next(turns) % 4 == 0:
            await life(client)
        else:
            for look in looks:
                await look(client)

    return story


async def watched(server: Server, place: City, crew: Crew, worker: int, minutes: float) -> dict[str, Any]:
    """The memory of each process under load for that long."""
    seconds = minutes * 60
    processes = {f"API {n}": pid for n, pid in enumerate(server.address.processes, start=1)} | {
        "worker": worker
    }
    samples: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in processes}
    began = monotonic()

    async def watch() -> None:
        while True:
            for name, process in processes.items():
                now = memory_mb(process)
                samples[name].append((monotonic() - began, now["rss"], now["pss"], now["uss"]))
            await asyncio.sleep(min(_EVERY, seconds / 8))

    watching = asyncio.create_task(watch())
    done = await play(server.address, _CONNECTIONS, seconds, mixed(place, crew))
    watching.cancel()
    return {
        "minutes": round(minutes, 1),
        "requests": done.requests,
        "rate": round(done.requests / done.seconds, 1),
        "processes": {name: _told(found) for name, found in samples.items()},
    }


def _told(samples: list[tuple[float, float, float, float]]) -> dict[str, float]:
    found = np.array(samples)
    settled = found[found[:, 0] >= found[-1, 0] * _SETTLING]
    slope = np.polyfit(settled[:, 0], settled[:, 1], 1)[0] * 3600 if len(settled) > 2 else 0.0
    largest = found.max(axis=0)
    return {
        "rss_first": round(float(settled[0, 1]), 1), "rss_last": round(float(found[-1, 1]), 1),
        "rss_most": round(float(largest[1]), 1), "pss_most": round(float(largest[2]), 1),
        "uss_most": round(float(largest[3]), 1), "slope_mb_per_hour": round(float(slope), 2),
        "samples": len(samples),
    }  # fmt: skip


@contextmanager
def background(env: dict[str, str], log: Path) -> Iterator[int]:
    """The worker with its jobs, as it is run beside the API."""
    with log.open("a") as written:
        worker = subprocess.Popen([*CHENGGUAN, "worker"], env=env, cwd=ROOT, stdout=written, stderr=written)
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait(60)
