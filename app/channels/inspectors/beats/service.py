"""责任网格: who may set which beat, and what makes one nonsense."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alone import alone_with
from app.channels.inspectors.beats import store
from app.channels.inspectors.beats.schemas import (
    BeatCounts,
    BeatMap,
    BeatReply,
    CellFeature,
    CellProperties,
    InspectorOf,
    ListedBeat,
)
from app.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.geo import Datum, drawn_in, geojson
from app.grid.store import AnyRow, Rows
from app.identity.principal import Principal

#: One change of beats at a time: whether cells are taken is asked of all of them.
_ALL_BEATS = "beats"
_NO_BEAT = "没有这个责任网格，或不在您的辖区内 / no such beat within your areas"


async def beat(connection: AsyncConnection, actor: Principal, code: str, at: datetime) -> AnyRow:
    """Errors: `NotFound` where there is none then, or the caller may not see it."""
    found = await store.find(connection, actor.areas, code, at)
    if found is None:
        raise NotFound(_NO_BEAT)
    return found


async def replies(connection: AsyncConnection, beats: Rows) -> list[BeatReply]:
    """The beats as they are shown, with their inspectors' names."""
    people = await store.people(connection, sorted({one for beat in beats for one in beat.inspectors}))
    return [
        BeatReply(
            code=beat.code,
            name=beat.name,
            cells=beat.cells,
            inspectors=[
                InspectorOf(account_id=who.id, username=who.username, name=who.display_name)
                for who in map(people.get, beat.inspectors)
                if who is not None
            ],
            valid_from=beat.valid_from,
            valid_to=beat.valid_to,
        )
        for beat in beats
    ]


async def drawn(connection: AsyncConnection, beats: Rows, datum: Datum, at: datetime) -> BeatMap:
    """The beats' cells for a map of that datum. A cell that is no more is not drawn."""
    found = await store.shapes(connection, sorted({cell for beat in beats for cell in beat.cells}), at)
    borders = drawn_in(shapely.from_wkb([bytes(row.border) for row in found]), datum)
    cells = {row.code: (row.name, geojson(border)) for row, border in zip(found, borders, strict=True)}
    return BeatMap(
        features=[
            CellFeature(
                id=f"{beat.code}/{code}",
                geometry=cells[code][1],
                properties=CellProperties(
                    code=code, name=cells[code][0], beat=beat.code, beat_name=beat.name
                ),
            )
            for beat in beats
            for code in beat.cells
            if code in cells
        ],
        beats=await replies(connection, beats),
    )


async def put(
    connection: AsyncConnection,
    actor: Principal,
    wanted: Sequence[ListedBeat],
    now: datetime,
    *,
    shared_cells: bool,
) -> BeatCounts:
    """Makes the beats, or changes them from their `valid_from` on; what is so already stays as it is.

    Errors: `NotFound` for a beat and `Forbidden` for cells not within the caller's areas, `InvalidInput` for
    unknown cells and inspectors, `Conflict` for cells in two beats at once or a change of the past.
    """
    codes = [one.code for one in wanted]
    if len(set(codes)) < len(codes):
        raise InvalidInput("同一责任网格出现两次 / a beat is listed twice", fields={"beats": "code twice"})
    await alone_with(connection, _ALL_BEATS)
    stored = await store.newest(connection, codes)
    if any(not _covers(actor, beat.cells) for beat in stored.values()):
        raise NotFound(_NO_BEAT)
    await _check_cells(connection, actor, wanted, now)
    accounts = await _accounts(connection, wanted)
    counts = BeatCounts(added=0, changed=0, unchanged=0)
    rows: list[dict[str, Any]] = []
    for one in wanted:
        row = {
            "code": one.code, "name": one.name, "cells": one.cells, "valid_to": one.valid_to,
            "inspectors": sorted(accounts[name] for name in one.inspectors),
        }  # fmt: skip
        last, start = stored.get(one.code), one.valid_from or now
        if last is not None and holds(last, start) and all(getattr(last, name) == row[name] for name in row):
            counts.unchanged += 1
            continue
        _check_period(one, last, start, now)
        if last is not None and (last.valid_to is None or last.valid_to > start):
            await store.end(connection, [last.id], start)
        counts.added += last is None
        counts.changed += last is not None
        rows.append(row | {"valid_from": start, "changed_by": actor.id, "changed_at": now})
    await store.add(connection, rows)
    if not shared_cells:
        await _check_taken(connection, [row["code"] for row in rows])
    return counts


async def retire(connection: AsyncConnection, actor: Principal, code: str, now: datetime) -> None:
    """Ends the beat now; what is past stays. Errors: `NotFound`."""
    await alone_with(connection, _ALL_BEATS)
    last = (await store.newest(connection, [code])).get(code)
    if last is None or not _covers(actor, last.cells) or (last.valid_to is not None and last.valid_to <= now):
        raise NotFound(_NO_BEAT)
    await store.end_all(connection, code, now)


def _covers(actor: Principal, cells: Sequence[str]) -> bool:
    return all(map(actor.covers, cells))


def holds(beat: AnyRow, at: datetime) -> bool:
    """Whether the version holds at the moment."""
    return bool(beat.valid_from <= at and (beat.valid_to is None or beat.valid_to > at))


async def _check_cells(
    connection: AsyncConnection, actor: Principal, wanted: Sequence[ListedBeat], now: datetime
) -> None:
    cells = sorted({cell for one in wanted for cell in one.cells})
    foreign = [cell for cell in cells if not actor.covers(cell)]
    if foreign:
        raise Forbidden(f"单元网格 {foreign[0]} 不在您的辖区内 / this cell is not within your areas")
    unknown = await store.unknown_cells(connection, cells, now)
    if unknown:
        raise InvalidInput(
            f"没有单元网格 {unknown[0]} / there is no such cell: take its code from the map",
            fields={"cells": f"unknown: {', '.join(unknown[:10])}"},
        )


async def _accounts(connection: AsyncConnection, wanted: Sequence[ListedBeat]) -> dict[str, UUID]:
    """The accounts of the inspectors named, each of whose areas hold the cells of their beats."""
    named = sorted({name for one in wanted for name in one.inspectors})
    known = {row.username: row for row in await store.inspectors_named(connection, named)}
    for one in wanted:
        for name in one.inspectors:
            areas = tuple(known[name].areas) if name in known else ()
            if not areas or not all(cell.startswith(areas) for cell in one.cells):
                raise InvalidInput(
                    f"{name} 不是 {one.code} 全部网格的监督员 / no inspector whose areas hold these cells",
                    fields={"inspectors": f"not eligible: {name}"},
                )
    return {name: row.id for name, row in known.items()}


def _check_period(one: ListedBeat, last: AnyRow | None, start: datetime, now: datetime) -> None:
    if one.valid_to is not None and one.valid_to <= start:
        raise InvalidInput(
            "失效时间须晚于生效时间 / a beat ends after it begins", fields={"valid_to": "not after its start"}
        )
    if last is None:
        return
    if start < now:
        raise Conflict(
            f"{one.code} 已存在，过去的责任网格不能更改 / the past stays: begin the change now or later"
        )
    if start < last.valid_from:
        raise Conflict(
            f"{one.code} 已有更晚的安排，自 {last.valid_from.isoformat()} 起 / a later change is planned"
        )


async def _check_taken(connection: AsyncConnection, codes: Sequence[str]) -> None:
    twice = await store.taken_twice(connection, codes)
    if twice is not None:
        raise Conflict(
            f"单元网格 {twice.cell} 同时属于 {twice.code} 和 {twice.other}（{twice.other_name}）"
            " / a cell lies in one beat at a time: take it out of the other first",
            cell=twice.cell,
            beat=twice.other,
        )
