"""排队: how many requests are worked on at once, and who may wait for a place.

To let everybody wait is to answer nobody in time: whoever would have to wait longer than is bearable is
told so at once (`docs/decisions/0014-turned-away-at-the-door.md`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

from app.errors import Overloaded

#: Those refused are asked to come again after 1 to so many seconds, so that they do not all come at once.
SPREAD_SECONDS = 5
#: How much the newest request counts in the mean time that a place is held.
_WEIGHT = 0.1


class Line:
    """`places` to work at. The others wait in the order they came, for `patience` seconds at most."""

    def __init__(self, places: int, *, patience: float) -> None:
        self._places = self._free = places
        self._patience = patience
        self._turns: deque[asyncio.Future[None]] = deque()
        self._held = 0.0
        self._refused = 0

    @property
    def too_long(self) -> bool:
        """Whether who joins now is likely to wait in vain: so many before them, so long each."""
        return len(self._turns) * self._held > self._patience * self._places

    def refusal(self) -> Overloaded:
        """What one that is refused is told."""
        self._refused += 1
        return Overloaded(
            "请求过多，请稍后再试 / too many at once: try again shortly, with the same Idempotency-Key",
            retry_after=1 + self._refused % SPREAD_SECONDS,
        )

    async def enter(self) -> float:
        """Takes a place, to be given back by `leave` with what this returns. Errors: `Overloaded`."""
        if self._free:
            self._free -= 1
        else:
            await self._wait()
        return monotonic()

    def leave(self, since: float) -> None:
        """Hands the place on."""
        self._held += _WEIGHT * (monotonic() - since - self._held)
        self._hand_on()

    async def _wait(self) -> None:
        if self.too_long:
            raise self.refusal()
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._turns.append(turn)
        giving_up = loop.call_later(self._patience, self._give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._turns.remove(turn)
            elif turn.exception() is None:
                self._hand_on()  # the place came too late to be taken
            raise
        finally:
            giving_up.cancel()

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            self._turns.remove(turn)
            turn.set_exception(self.refusal())

    def _hand_on(self) -> None:
        if self._turns:
            self._turns.popleft().set_result(None)
        else:
            self._free += 1
