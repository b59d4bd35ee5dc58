"""The interval in which a true precision lies, by hand."""

from __future__ import annotations

import pytest

from app.channels.sensors.precision import Precision


@pytest.mark.parametrize(
    ("confirmed", "decided", "rate", "low", "high"),
    [(0, 10, 0.0, 0.0, 0.2775), (10, 10, 1.0, 0.7225, 1.0), (50, 100, 0.5, 0.4038, 0.5962)],
)
def test_the_interval_is_wilsons(confirmed, decided, rate, low, high) -> None:
    measured = Precision(confirmed, decided)
    assert measured.rate == rate
    assert measured.interval == pytest.approx((low, high), abs=1e-4)


def test_without_decisions_nothing_is_known() -> None:
    assert (Precision(0, 0).rate, Precision(0, 0).interval) == (None, None)
    assert not Precision(0, 3).too_low(0.5, enough=4)
    assert not Precision(0, 4).too_low(0, enough=4)
