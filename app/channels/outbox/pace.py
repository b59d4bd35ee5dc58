"""重试: when a failed delivery is tried again, and when a receiver is left in peace. Pure.

An entry is tried again after 5 s, 10 s, 20 s … at most 6 hours, spread by chance, so that what failed at once
does not come back at once. When so many attempts in a row fail that the receiver must be down, the backlog
stays in the journal, and two messages at a time feel whether it is back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

_FIRST = timedelta(seconds=5)
_LONGEST = timedelta(hours=6)
_LONGEST_PROBE = timedelta(minutes=5)
#: Failures in a row from which a receiver counts as down.
DOWN = 5
_chance = Random()  # noqa: S311


def again_at(now: datetime, attempts: int) -> datetime:
    """When an entry is tried again that failed this many times."""
    return now + _spread(min(_FIRST * 2 ** min(attempts - 1, 20), _LONGEST))


def probe_at(now: datetime, failures: int) -> datetime:
    """When a receiver that is down is tried again, after this many failures in a row."""
    return now + _spread(min(_FIRST * 2 ** min(max(failures - DOWN, 0), 20), _LONGEST_PROBE))


def _spread(delay: timedelta) -> timedelta:
    return delay * _chance.uniform(0.5, 1.0)
