"""勤务报备: an inspector goes on and off duty, and may say so late or twice.

The shift itself is the grid's: whoever draws a checker asks it who is on duty. It ends by itself when the
inspector forgets to end it, and an end told late moves it to where it was.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.alone import alone_with
from app.channels.inspectors.beats import store as beats
from app.channels.inspectors.duty import store
from app.channels.inspectors.duty.schemas import DutyChange, DutyReply
from app.errors import Conflict, InvalidInput
from app.geo import to_storage
from app.grid import service as grid
from app.grid.lookup import locate
from app.grid.schemas import ShiftReply
from app.grid.store import AnyRow
from app.identity.principal import Principal
from app.settings import InspectorSettings

#: How far a phone's clock may be ahead.
SKEW = timedelta(minutes=2)


async def duty(connection: AsyncConnection, inspector: Principal, now: datetime) -> DutyReply:
    """Whether the inspector is on duty now."""
    shift = await store.newest_shift(connection, inspector.id)
    return DutyReply(
        on=shift is not None and under_way(shift, now),
        shift=None if shift is None else ShiftReply.model_validate(shift),
    )


def under_way(shift: AnyRow, now: datetime) -> bool:
    """Whether the shift goes on."""
    return shift.ended_at is None and (shift.until is None or shift.until > now)


async def change(
    connection: AsyncConnection,
    inspector: Principal,
    asked: DutyChange,
    now: datetime,
    settings: InspectorSettings,
) -> DutyReply:
    """Goes on or off duty; what is so already, and what was reported before, stays as it is.

    Errors: `InvalidInput` for a moment ahead or too long ago, or no beat; `Forbidden` for areas that are not
    the inspector's; `Conflict` when on duty elsewhere.
    """
    _check_moment(asked.at, now, timedelta(hours=settings.late_hours))
    at = min(asked.at, now)
    await alone_with(connection, f"duty {inspector.id}")  # one report of an inspector at a time
    if not await store.known(connection, inspector.id, asked.on, asked.at):
        shift = await store.newest_shift(connection, inspector.id)
        if asked.on:
            shift = await _begin(connection, inspector, asked, shift, at, now, settings)
        else:
            shift = await _end(connection, shift, at)
        if shift is not None:
            await _keep(connection, inspector, asked, shift, now)
    return await duty(connection, inspector, now)


def _check_moment(at: datetime, now: datetime, late: timedelta) -> None:
    if at > now + SKEW:
        raise InvalidInput(
            "报备时间晚于当前时间，请校准手机时间 / this moment is ahead: set the phone's clock",
            fields={"at": "in the future"},
        )
    if at < now - late:
        raise InvalidInput(
            f"报备已超过 {late} / too late to report: ask the shift leader", fields={"at": "too long ago"}
        )


async def _begin(
    connection: AsyncConnection,
    inspector: Principal,
    asked: DutyChange,
    newest: AnyRow | None,
    at: datetime,
    now: datetime,
    settings: InspectorSettings,
) -> AnyRow | None:
    if newest is not None and under_way(newest, now):
        if asked.area_codes is not None and set(asked.area_codes) != set(newest.area_codes):
            raise Conflict("您已在其他区域上岗，请先下岗 / you are on duty elsewhere: go off duty first")
        return newest
    over = _over_at(newest)
    if over is not None and at < over:
        return None  # of a shift that came and went meanwhile
    areas = asked.area_codes or await beats.cells_of(connection, inspector.id, at)
    if not areas:
        raise InvalidInput(
            "您没有责任网格，请选择今天的区域 / you have no beat: name today's areas in area_codes",
            fields={"area_codes": "no beat to take them from"},
        )
    until = at + timedelta(hours=settings.shift_hours)
    await grid.go_on_duty(connection, inspector, list(areas), at, until=until)
    return await store.newest_shift(connection, inspector.id)


def _over_at(shift: AnyRow | None) -> datetime | None:
    return None if shift is None else shift.ended_at or shift.until


async def _end(connection: AsyncConnection, newest: AnyRow | None, at: datetime) -> AnyRow | None:
    """Ends the shift that goes on, or moves the end of one that was forgotten; None when there is neither."""
    if newest is None or at < newest.started_at:
        return None
    forgotten = newest.ended_at is not None and newest.ended_at == newest.until and at < newest.ended_at
    if newest.ended_at is not None and not forgotten:
        return None
    await store.set_end(connection, newest.id, min(at, newest.until or at))
    return newest


async def _keep(
    connection: AsyncConnection, inspector: Principal, asked: DutyChange, shift: AnyRow, now: datetime
) -> None:
    lon = lat = in_beat = None
    if asked.position is not None:
        lon, lat = to_storage(asked.position.x, asked.position.y, asked.position.datum)
        cell = (await locate(connection, lon, lat, now)).cell_code or ""
        in_beat = cell.startswith(tuple(shift.area_codes))
    await store.add_report(
        connection, account_id=inspector.id, shift_id=shift.id, begins=asked.on, at=asked.at, received_at=now,
        lon=lon, lat=lat, in_beat=in_beat,
    )  # fmt: skip
