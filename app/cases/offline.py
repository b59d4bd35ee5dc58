"""离线: what a phone says of something that was done without a connection.

It is kept beside the service's own moment and judges nothing: deadlines go by the service's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Offline:
    """离线指令 as the phone made it. `at` is by the phone's clock, `corrected` by ours, as far as the phone
    told how late it was when it sent."""

    id: str
    at: datetime
    corrected: datetime

    def told(self) -> dict[str, str]:
        """For the journal."""
        return {"id": self.id, "at": self.at.isoformat(), "corrected": self.corrected.isoformat()}
