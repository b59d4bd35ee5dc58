"""准确率: how often what a class of a source says was really there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

#: Of a normal distribution, for an interval that holds 95 of 100 times.
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the leads decided on the spot, those that were real."""

    confirmed: int
    decided: int

    @property
    def rate(self) -> float | None:
        return self.confirmed / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true rate lies (Wilson score interval): with few decisions it is wide."""
        if not self.decided:
            return None
        n, p = self.decided, self.confirmed / self.decided
        spread = 1 + _Z**2 / n
        centre = (p + _Z**2 / (2 * n)) / spread
        half = _Z * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / spread
        return max(0.0, centre - half), min(1.0, centre + half)

    def too_low(self, least: float, *, enough: int) -> bool:
        """Whether, after enough decisions, the rate lies below the least that is wanted."""
        return self.decided >= enough and self.confirmed < least * self.decided
