"""What an inspector has to do, and what lies where the inspector stands."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.scope import visible
from app.channels.inspectors.tasks import schemas, store
from app.channels.inspectors.tasks.schemas import HereReply, TaskQuery, TaskReply
from app.channels.inspectors.tasks.store import TaskSort
from app.dispatch.active import active_rulebook
from app.errors import NotFound, OutsideDistrict
from app.geo import Datum, to_storage
from app.grid.lookup import locate
from app.grid.schemas import ChiefNearReply
from app.identity.principal import Principal


async def tasks(
    connection: AsyncConnection, actor: Principal, query: TaskQuery, now: datetime
) -> list[TaskReply]:
    """The caller's tasks in the order asked for. Errors: `InvalidInput` for a position that is no place."""
    rulebook = (await active_rulebook(connection, now)).rulebook
    found = await store.find(
        connection,
        store.tasks(actor, query.kind, now),
        visible(actor, rulebook),
        here=query.here(),
        sort=query.sort,
        limit=query.limit,
    )
    return [schemas.task(case, metres, rulebook, now) for case, metres in found]


async def here(
    connection: AsyncConnection, actor: Principal, x: float, y: float, datum: Datum, now: datetime, limit: int
) -> HereReply:
    """The cell a report from here would go to, and its open cases, the nearest first.

    Errors: `InvalidInput` for no place on earth, `OutsideDistrict` for none of the district's, `NotFound`
    for one in areas the caller may not see.
    """
    rulebook = (await active_rulebook(connection, now)).rulebook
    point = to_storage(x, y, datum)
    place = await locate(connection, *point, now, snap_m=rulebook.policy.snap_m)
    if place.cell_code is None:
        raise OutsideDistrict("所在位置不在任何单元网格内 / you stand in no cell of the district")
    if not actor.covers(place.cell_code):
        raise NotFound("所在位置不在您的辖区内 / this place lies outside your areas")
    found = await store.find(
        connection,
        store.open_in(place.cell_code),
        visible(actor, rulebook),
        here=point,
        sort=TaskSort.DISTANCE,
        limit=limit + 1,
    )
    return HereReply(
        cell_code=place.cell_code,
        community_code=place.community_code,
        community_name=place.community_name,
        street_code=place.street_code,
        street_name=place.street_name,
        district_code=place.district_code,
        area_class=place.area_class,
        chiefs=[ChiefNearReply.model_validate(chief) for chief in place.chiefs],
        cases=[schemas.near(case, metres, rulebook, now) for case, metres in found[:limit]],
        more=len(found) > limit,
    )
