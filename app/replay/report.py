"""What a replay is fed with: reports, and what was true of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.geo import Datum


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A report as it comes in, and what the people of the replay will find.

    `moment` is aware; `x`, `y` are in `datum`; `source` is a code of the rulebook's set `source`.
    `condition` is the filing condition a clerk would choose, None for what the rulebook has no condition
    for (the clerk refuses it). `exists` tells whether there is such a problem on the spot.
    `external_number` is the sender's own order number.
    """

    moment: datetime
    source: str
    x: float
    y: float
    datum: Datum
    condition: str | None
    description: str
    address: str = ""
    component_code: str | None = None
    exists: bool = True
    external_number: str | None = None
