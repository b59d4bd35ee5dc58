"""办理所需与所得: what an action is given besides the situation, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.cases.case import ClockState, Pending
from app.cases.draw import Draw
from app.cases.permission import Situation
from app.cases.photo import Examined
from app.cases.placing import Placed
from app.dispatch.matrix import Decision
from app.grid.place import ComponentFact


@dataclass(frozen=True, slots=True)
class Found:
    """What the service looked up for the action before it is carried out."""

    decision: Decision | None = None
    component: ComponentFact | None = None
    draw: Draw | None = None
    placed: Placed | None = None
    photo: Examined | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The fields that change, and clocks changed beyond what the table says."""

    fields: dict[str, Any] = field(default_factory=dict)
    clocks: tuple[ClockState, ...] = ()


Effect = Callable[[Any, Situation, Found], Outcome]


#: Fields of a case that has no request waiting for approval.
NOTHING_PENDING: dict[str, Any] = {"pending": None, "pending_by": None, "pending_until": None}


def unless_voiding(s: Situation) -> dict[str, Any]:
    """Leaving the unit's hands ends its requests; a voiding request stays."""
    return {} if s.folded.case.pending is Pending.VOIDING else NOTHING_PENDING
