"""SQL of the grid's lists, street chiefs, components and duty shifts. The import's is in `importing.py`,
the look-up's in `lookup.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import new_id
from app.geo import SRID, Box
from app.grid.codes import CODE_LENGTH, AreaLevel
from app.grid.tables import Area, Component, DutyShift, RoadSegment, StreetChief, holds_at
from app.prepared import Prepared

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
Rows: TypeAlias = Sequence[AnyRow]


def _described(table: type[Area | RoadSegment | StreetChief | Component | DutyShift]) -> list[Any]:
    """Every column but the geometry, which costs most of a row."""
    return [column for column in table.__table__.columns if column.name != "geom"]


def _geojson(column: Any) -> Any:
    """RFC 7946 has no member that names the coordinate system: option 0 leaves it out."""
    return cast(func.ST_AsGeoJSON(column, 8, 0), JSON).label("geometry")


def _within(code: Any, areas: Sequence[Any]) -> ColumnElement[bool]:
    """Whether the code lies within one of the areas."""
    return or_(*(func.starts_with(code, area) for area in areas))


def _meets(code: Any, areas: Sequence[Any]) -> ColumnElement[bool]:
    """Whether the area of the code lies within one of the areas, or holds one of them."""
    return or_(_within(code, areas), *(func.starts_with(area, code) for area in areas))


# Areas


async def list_areas(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    at: datetime,
    level: AreaLevel | None,
    parent: str | None,
    after: str,
    limit: int,
) -> Rows:
    """Versions that hold at the moment, by code, beginning after a code."""
    statement = (
        select(*_described(Area))
        .where(holds_at(Area, at), _within(Area.code, areas), Area.code > after)
        .order_by(Area.code)
        .limit(limit)
    )
    if level is not None:
        statement = statement.where(Area.level == level)
    if parent is not None:
        statement = statement.where(Area.parent_code == parent)
    return (await connection.execute(statement)).all()


async def find_area(connection: AsyncConnection, code: str, at: datetime) -> AnyRow | None:
    statement = select(*_described(Area), _geojson(Area.geom)).where(Area.code == code, holds_at(Area, at))
    return (await connection.execute(statement)).one_or_none()


async def area_versions(connection: AsyncConnection, code: str) -> Rows:
    """Every version of the area, oldest first."""
    statement = select(*_described(Area)).where(Area.code == code).order_by(Area.valid_from)
    return (await connection.execute(statement)).all()


async def unknown_areas(connection: AsyncConnection, codes: Sequence[str], at: datetime) -> list[str]:
    """Which of the codes are no area at the moment."""
    known = await connection.scalars(select(Area.code).where(Area.code.in_(codes), holds_at(Area, at)))
    return sorted(set(codes) - set(known))


# Road segments and street chiefs


_SEGMENT_LIES_IN = func.coalesce(RoadSegment.street_code, RoadSegment.district_code)


def _segment_seen(areas: Sequence[str]) -> ColumnElement[bool]:
    return _meets(_SEGMENT_LIES_IN, areas)


def _segment_kept(areas: Sequence[str]) -> ColumnElement[bool]:
    """Whose street lies within the areas as a whole: a part of it does not appoint the street's chief."""
    return _within(_SEGMENT_LIES_IN, areas)


async def list_segments(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    at: datetime,
    street: str | None,
    after: str,
    limit: int,
) -> Rows:
    statement = (
        select(*_described(RoadSegment), _geojson(RoadSegment.geom))
        .where(holds_at(RoadSegment, at), _segment_seen(areas), RoadSegment.code > after)
        .order_by(RoadSegment.code)
        .limit(limit)
    )
    if street is not None:
        statement = statement.where(RoadSegment.street_code == street)
    return (await connection.execute(statement)).all()


async def segment_district(
    connection: AsyncConnection, areas: Sequence[str], code: str, at: datetime
) -> str | None:
    """District of a segment that holds at the moment, where its street lies within the areas."""
    statement = select(RoadSegment.district_code).where(
        RoadSegment.code == code, holds_at(RoadSegment, at), _segment_kept(areas)
    )
    return (await connection.execute(statement)).scalar_one_or_none()


def _chiefs(at: datetime) -> Select[*tuple[Any, ...]]:
    """Terms on segments that hold at the moment."""
    return select(*_described(StreetChief)).join(
        RoadSegment, and_(RoadSegment.code == StreetChief.segment_code, holds_at(RoadSegment, at))
    )


async def list_chiefs(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    at: datetime,
    segment: str | None,
    after: tuple[str, str, int] | None,
    limit: int,
) -> Rows:
    """Chiefs in office at the moment, by segment, level and deputy rank."""
    post = (StreetChief.segment_code, StreetChief.level, StreetChief.deputy)
    statement = (
        _chiefs(at).where(_segment_seen(areas), holds_at(StreetChief, at)).order_by(*post).limit(limit)
    )
    if segment is not None:
        statement = statement.where(StreetChief.segment_code == segment)
    if after is not None:
        statement = statement.where(func.row(*post) > func.row(*after))
    return (await connection.execute(statement)).all()


async def find_chief(
    connection: AsyncConnection, areas: Sequence[str], chief: UUID, at: datetime
) -> AnyRow | None:
    """The term, where the segment's street lies within the areas."""
    statement = _chiefs(at).where(_segment_kept(areas), StreetChief.id == chief)
    return (await connection.execute(statement)).one_or_none()


async def add_chief(connection: AsyncConnection, values: Mapping[str, Any]) -> AnyRow:
    """Errors: `IntegrityError` when the term overlaps another of its post."""
    statement = insert(StreetChief).values(id=new_id(), **values).returning(*_described(StreetChief))
    return (await connection.execute(statement)).one()


async def change_chief(connection: AsyncConnection, chief: UUID, values: Mapping[str, Any]) -> AnyRow:
    """Errors: `IntegrityError` when the term then overlaps another of its post."""
    statement = (
        update(StreetChief)
        .where(StreetChief.id == chief)
        .values(**values)
        .returning(*_described(StreetChief))
    )
    return (await connection.execute(statement)).one()


async def colliding_term(
    connection: AsyncConnection,
    post: tuple[str, str, int],
    term: tuple[datetime, datetime | None],
    *,
    apart_from: UUID | None = None,
) -> AnyRow | None:
    """The first stored term of the post (segment, level, deputy) that overlaps the term."""
    segment, level, deputy = post
    start, end = term
    statement = (
        select(StreetChief.name, StreetChief.valid_from, StreetChief.valid_to)
        .where(
            StreetChief.segment_code == segment,
            StreetChief.level == level,
            StreetChief.deputy == deputy,
            or_(StreetChief.valid_to.is_(None), StreetChief.valid_to > start),
        )
        .order_by(StreetChief.valid_from)
        .limit(1)
    )
    if end is not None:
        statement = statement.where(StreetChief.valid_from < end)
    if apart_from is not None:
        statement = statement.where(StreetChief.id != apart_from)
    return (await connection.execute(statement)).one_or_none()


# Components


def _components(areas: Sequence[str], at: datetime) -> Select[*tuple[Any, ...]]:
    """Those that may be seen: by their cell, or by the district where they stand in none."""
    place = func.coalesce(Component.cell_code, Component.district_code)
    return select(*_described(Component), _geojson(Component.geom)).where(
        holds_at(Component, at), _within(place, areas)
    )


async def list_components(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    at: datetime,
    box: Box | None,
    category: str | None,
    cell: str | None,
    after: str,
    limit: int,
) -> Rows:
    """By code. `category` and `cell` may be the beginning of a code."""
    statement = _components(areas, at).where(Component.code > after).order_by(Component.code).limit(limit)
    if box is not None:
        statement = statement.where(func.ST_Intersects(Component.geom, func.ST_MakeEnvelope(*box, SRID)))
    if category is not None:
        statement = statement.where(Component.category.startswith(category, autoescape=True))
    if cell is not None:
        statement = statement.where(Component.cell_code.startswith(cell, autoescape=True))
    return (await connection.execute(statement)).all()


async def find_component(
    connection: AsyncConnection, areas: Sequence[str], code: str, at: datetime
) -> AnyRow | None:
    return (await connection.execute(_components(areas, at).where(Component.code == code))).one_or_none()


async def set_component_state(connection: AsyncConnection, version: UUID, state: str, now: datetime) -> None:
    """Closes the version and opens the next with the new state; one that began this instant is set."""
    begun = await connection.execute(
        update(Component).where(Component.id == version, Component.valid_from == now).values(state=state)
    )
    if begun.rowcount:
        return
    kept = [
        column for column in Component.__table__.columns if column.name not in ("id", "state", "valid_from")
    ]
    following = select(*(literal(value) for value in (new_id(), state, now)), *kept).where(
        Component.id == version
    )
    # One statement: the two versions may not overlap once it ends, and the select still sees the old one.
    closed = (
        update(Component).where(Component.id == version).values(valid_to=now).returning(Component.id).cte()
    )
    await connection.execute(
        insert(Component)
        .from_select(["id", "state", "valid_from", *(column.name for column in kept)], following)
        .add_cte(closed)
    )


# Duty


@dataclass(frozen=True, slots=True)
class OnDuty:
    """值班监督员."""

    account_id: UUID
    username: str


async def start_shift(
    connection: AsyncConnection, who: OnDuty, area_codes: Sequence[str], now: datetime, until: datetime | None
) -> AnyRow:
    """Errors: `IntegrityError` when the account has an open shift."""
    over = and_(DutyShift.account_id == who.account_id, DutyShift.ended_at.is_(None), DutyShift.until <= now)
    await connection.execute(update(DutyShift).where(over).values(ended_at=DutyShift.until))
    statement = (
        insert(DutyShift)
        .values(
            id=new_id(),
            account_id=who.account_id,
            username=who.username,
            area_codes=list(area_codes),
            started_at=now,
            until=until,
        )
        .returning(*_described(DutyShift))
    )
    return (await connection.execute(statement)).one()


async def end_shift(connection: AsyncConnection, account: UUID, now: datetime) -> bool:
    """Whether there was an open shift to end."""
    ended = await connection.execute(
        update(DutyShift)
        .where(DutyShift.account_id == account, DutyShift.ended_at.is_(None))
        .values(ended_at=func.least(now, DutyShift.until))
    )
    return bool(ended.rowcount)


def _beat_meets(areas: Sequence[Any]) -> ColumnElement[bool]:
    beat = func.unnest(DutyShift.area_codes).column_valued("beat")
    return select(beat).where(_meets(beat, areas)).exists()


async def list_shifts(
    connection: AsyncConnection,
    areas: Sequence[str],
    *,
    at: datetime,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Rows:
    """Shifts under way at the moment whose beat meets the areas, oldest first."""
    order = (DutyShift.started_at, DutyShift.id)
    statement = (
        select(*_described(DutyShift)).where(_under_way(at), _beat_meets(areas)).order_by(*order).limit(limit)
    )
    if after is not None:
        statement = statement.where(func.row(*order) > func.row(*after))
    return (await connection.execute(statement)).all()


def _under_way(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    return and_(
        DutyShift.started_at <= at,
        or_(DutyShift.ended_at.is_(None), DutyShift.ended_at > at),
        or_(DutyShift.until.is_(None), DutyShift.until > at),
    )


_AT = bindparam("at", type_=DutyShift.started_at.type)
_ON_DUTY = select(DutyShift.account_id, DutyShift.username).order_by(
    DutyShift.started_at, DutyShift.account_id
)
_IN_AREA = Prepared(_ON_DUTY.where(_under_way(_AT), _beat_meets((bindparam("area", type_=Text()),))))
# Said twice, so that of ten thousand shifts under way the index on the open ones finds the few.
_HOLDS = DutyShift.area_codes.overlap(bindparam("codes", type_=ARRAY(Text())))
_IN_CELL = Prepared(
    _ON_DUTY.where(
        _under_way(_AT),
        or_(and_(DutyShift.ended_at.is_(None), _HOLDS), and_(DutyShift.ended_at > _AT, _HOLDS)),
    )
)


async def on_duty(connection: AsyncConnection, area_code: str, at: datetime) -> list[OnDuty]:
    """监督员 on duty at the moment whose beat holds the cell, longest on duty first. For the code of a larger
    area: those whose beat meets it."""
    if len(area_code) > CODE_LENGTH[AreaLevel.COMMUNITY]:
        codes = [area_code[:length] for length in range(1, len(area_code) + 1)]
        found = await _IN_CELL.rows(connection, codes=codes, at=at)
    else:
        found = await _IN_AREA.rows(connection, area=area_code, at=at)
    return [OnDuty(row["account_id"], row["username"]) for row in found]
