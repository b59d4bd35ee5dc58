"""后台任务的样子: what a kind of background work is; `worker.py` runs them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.requests import Services
from app.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of background work. `run` returns how many things it did; `cron` may have a sixth field,
    seconds."""

    name: str
    cron: Callable[[WorkerSettings], str]
    run: Callable[[Services], Awaitable[int]]
    #: Whether simulations, which run every job again and again, run it too.
    simulated: bool = True
