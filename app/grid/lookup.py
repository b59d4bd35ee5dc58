"""Looking up a point: its cell, community, street, district, near segments and chiefs in office."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.grid.place import ComponentFact, Place


async def locate(
    connection: AsyncConnection, lon: float, lat: float, at: datetime, *, snap_m: float = 0
) -> Place:
    """What lies at the point (CGCS2000 degrees) at the moment, in one statement.

    A point on a border belongs to the cell with the smallest code, always. A point outside every cell
    gets the nearest one in `nearest`; within `snap_m` metres of it, it counts as inside.
    """
    raise NotImplementedError


async def component(connection: AsyncConnection, code: str, at: datetime) -> ComponentFact | None:
    """The component of that 16-digit code valid at the moment, or None."""
    raise NotImplementedError
