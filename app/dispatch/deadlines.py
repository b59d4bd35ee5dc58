"""时限: by when. Pure functions over a limit, a calendar and pauses; each answer tells its reason.

Sources: domain practice of GB/T 30428.8; urgent units by the wall clock, work units inside work slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.dispatch.rulebook import Calendar, Limit


@dataclass(frozen=True, slots=True)
class Pause:
    """暂停: a half-open interval [start, end) in which the clock stood still; `end` None: it still does."""

    start: datetime
    end: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a limit ends (aware UTC), when its amber light begins, and why, in words (Chinese)."""

    at: datetime
    amber_at: datetime
    because: str


def due(
    start: datetime,
    limit: Limit,
    calendar: Calendar,
    pauses: Sequence[Pause] = (),
    *,
    times: int = 1,
    amber_percent: int = 80,
) -> Deadline:
    """When the limit, granted `times` times over (extensions), ends for a clock started at `start`.

    `start` is aware. Pauses must be closed, sorted and disjoint. Errors: ValueError on a naive start, an
    open pause, or a calendar that has no work slots left within its years.
    """
    raise NotImplementedError


def used_fraction(
    start: datetime, now: datetime, limit: Limit, calendar: Calendar, pauses: Sequence[Pause] = (), *, times: int = 1
) -> float:
    """The part of the limit used up by `now` (1.0: due), pauses left out."""
    raise NotImplementedError
