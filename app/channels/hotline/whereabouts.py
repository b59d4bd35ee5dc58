"""找地点: from what an order says to where it is, or to no more than is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.command import Position
from app.cases.whereabouts import Whereabouts, by_words
from app.channels.hotline.mapping import Mapping
from app.channels.hotline.order import Order
from app.identity.principal import Principal


async def find(
    connection: AsyncConnection,
    order: Order,
    mapping: Mapping,
    district: str,
    asker: Principal,
    now: datetime,
    *,
    threshold: float,
) -> Whereabouts:
    """By its coordinates; else by its address in words, where these mean one spot with at least the score of
    the threshold; else the area it names. Errors: `NotReady` without a map."""
    if order.x is not None and order.y is not None:
        return Whereabouts(Position(x=order.x, y=order.y, datum=mapping.datum))
    return await by_words(
        connection, order.address, asker, now,
        district=district, street=order.street, community=order.community, threshold=threshold,
    )  # fmt: skip


def told(where: Whereabouts) -> dict[str, Any]:
    """How it was found, as the order keeps it."""
    if where.within is not None:
        return {"by": "area", "area": where.within}
    if where.score is not None:
        return {"by": "words", "name": where.name, "score": where.score}
    return {"by": "position"}
