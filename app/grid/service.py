"""What may be asked of the grid, and by whom: scope, street chiefs' terms, component states, duty."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.geo import Datum, to_storage
from app.grid import store
from app.grid.codes import ComponentState
from app.grid.lookup import locate
from app.grid.place import Place
from app.grid.schemas import ChiefChanges, NewChief
from app.grid.store import AnyRow
from app.identity.principal import Principal, Role


async def place(
    connection: AsyncConnection, principal: Principal, x: float, y: float, datum: Datum, at: datetime
) -> Place:
    """What lies at the point. Errors: `InvalidInput` for no place on earth, `NotFound` for one in areas
    the caller may not see."""
    found = await locate(connection, *to_storage(x, y, datum), at)
    code = found.cell_code or found.community_code or found.street_code or found.district_code
    code = code or (found.nearest.code if found.nearest else None)
    if code is not None and not principal.covers(code):
        raise NotFound("the place lies outside your areas")
    return found


async def area(connection: AsyncConnection, principal: Principal, code: str, at: datetime) -> AnyRow:
    """Errors: `NotFound` where there is none then, or the caller may not see it."""
    found = await store.find_area(connection, code, at) if principal.covers(code) else None
    if found is None:
        raise NotFound(f"no area {code} at {at.isoformat()} within your areas")
    return found


async def area_history(connection: AsyncConnection, principal: Principal, code: str) -> store.Rows:
    """Errors: `NotFound` for a code never used, or that the caller may not see."""
    found = await store.area_versions(connection, code) if principal.covers(code) else ()
    if not found:
        raise NotFound(f"no area {code} within your areas")
    return found


async def appoint_chief(
    connection: AsyncConnection, principal: Principal, new: NewChief, now: datetime
) -> AnyRow:
    """Errors: `NotFound` for an unknown segment, `Conflict` when the post is held during the term."""
    start = new.valid_from or now
    _check_term(start, new.valid_to)
    district = await store.segment_district(connection, principal.areas, new.segment_code, now)
    if district is None:
        raise NotFound(f"no road segment {new.segment_code} within your areas")
    values = new.model_dump() | {"valid_from": start, "district_code": district}
    try:
        async with connection.begin_nested():
            return await store.add_chief(connection, values)
    except IntegrityError:
        await _refuse_overlap(connection, (new.segment_code, new.level, new.deputy), (start, new.valid_to))


async def change_chief(
    connection: AsyncConnection, principal: Principal, chief: UUID, changes: ChiefChanges, now: datetime
) -> AnyRow:
    """Errors: `NotFound`; `Conflict` when the post is held by another during the changed term."""
    found = await store.find_chief(connection, principal.areas, chief, now)
    if found is None:
        raise NotFound("no such street chief's term within your areas")
    values = changes.model_dump(exclude_unset=True)
    if not values:
        return found
    end = values.get("valid_to", found.valid_to)
    _check_term(found.valid_from, end)
    try:
        async with connection.begin_nested():
            return await store.change_chief(connection, chief, values)
    except IntegrityError:
        post = (found.segment_code, found.level, found.deputy)
        await _refuse_overlap(connection, post, (found.valid_from, end), chief)


def _check_term(start: datetime, end: datetime | None) -> None:
    if end is not None and end <= start:
        raise InvalidInput("a term ends after it begins", fields={"valid_to": f"after {start.isoformat()}"})


async def _refuse_overlap(
    connection: AsyncConnection,
    post: tuple[str, str, int],
    term: tuple[datetime, datetime | None],
    chief: UUID | None = None,
) -> NoReturn:
    held = await store.colliding_term(connection, post, term, apart_from=chief)
    if held is None:
        raise Conflict("the post is held during this term: end the other term first")
    until = f"until {held.valid_to.isoformat()}" if held.valid_to else "with no end"
    raise Conflict(
        f"{held.name} holds this post from {held.valid_from.isoformat()} {until}: end that term first, "
        "or begin this one after it"
    )


async def component(connection: AsyncConnection, principal: Principal, code: str, at: datetime) -> AnyRow:
    """Errors: `NotFound` where there is none then, or the caller may not see it."""
    found = await store.find_component(connection, principal.areas, code, at)
    if found is None:
        raise NotFound(f"no component {code} at {at.isoformat()} within your areas")
    return found


async def set_component_state(
    connection: AsyncConnection, principal: Principal, code: str, state: ComponentState, now: datetime
) -> AnyRow:
    """Errors: `NotFound`; `Forbidden` for a unit officer of neither its owner nor its maintainer."""
    found = await component(connection, principal, code, now)
    units = {found.owner_unit, found.maintainer_unit} - {None}
    anywhere = principal.has(Role.ADMINISTRATOR, Role.SHIFT_LEADER, Role.INSPECTOR)
    if not anywhere and principal.unit not in units:
        raise Forbidden("a unit officer sets the state of the unit's own components only")
    if found.state != state:
        await store.set_component_state(connection, found.id, state, now)
    return await component(connection, principal, code, now)


async def go_on_duty(
    connection: AsyncConnection,
    principal: Principal,
    area_codes: list[str],
    now: datetime,
    *,
    until: datetime | None = None,
) -> AnyRow:
    """Errors: `Forbidden` for a program, or a beat not within the inspector's areas; `InvalidInput` for one
    that is no area, or an end that is past; `Conflict` when already on duty."""
    if until is not None and until <= now:
        raise InvalidInput("the shift would be over already", fields={"until": f"after {now.isoformat()}"})
    if principal.username is None:
        raise Forbidden("only people go on duty: log in with an account")
    inspector = store.OnDuty(principal.id, principal.username)
    foreign = [code for code in area_codes if not principal.covers(code)]
    if foreign:
        raise Forbidden(f"{foreign[0]} is not yours: choose the beat within {', '.join(principal.areas)}")
    unknown = await store.unknown_areas(connection, area_codes, now)
    if unknown:
        raise InvalidInput(
            f"there is no area {unknown[0]}: choose the beat among the areas there are",
            fields={"area_codes": f"unknown: {', '.join(unknown)}"},
        )
    try:
        async with connection.begin_nested():
            return await store.start_shift(connection, inspector, sorted(set(area_codes)), now, until)
    except IntegrityError as error:
        raise Conflict("you are on duty already: go off duty before you change the beat") from error


async def go_off_duty(connection: AsyncConnection, principal: Principal, now: datetime) -> None:
    """Errors: `Conflict` when not on duty."""
    if not await store.end_shift(connection, principal.id, now):
        raise Conflict("you are not on duty")
