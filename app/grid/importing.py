"""导入入库: storing a district's layers, all or nothing, and reading them back to check others against."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy import any_, delete, func, insert, literal_column, null, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import driver_of, new_id
from app.errors import Conflict
from app.geo import SRID
from app.grid import gazetteer
from app.grid.findings import Finding, FindingKind, SizeUnit, TopologyReport, spot
from app.grid.layers import Layer, Layers, Objects, present, repaired, shaped
from app.grid.loading import Progress
from app.grid.manifest import AREA_LAYERS, LAYER_LABELS, LayerKind
from app.grid.merging import Merged, Moments, merge_terms, merge_versions, prepare
from app.grid.tables import Area, Component, ImportRun, Poi, RoadSegment, StreetChief
from app.grid.targets import TARGETS

#: Any constant will do: one import at a time.
_LOCK = 0x47524944
_TABLES: dict[LayerKind, type[Area | RoadSegment | StreetChief | Component | Poi]] = {
    **dict.fromkeys(AREA_LAYERS, Area),
    LayerKind.ROADS: RoadSegment,
    LayerKind.CHIEFS: StreetChief,
    LayerKind.COMPONENTS: Component,
    LayerKind.POIS: Poi,
}
#: What is not compared to tell a changed row: its key, when it began, and what it came from.
_NOT_COMPARED = frozenset({"code", "segment_code", "level", "deputy", "valid_from", "predecessors"})


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did. `run_id` is None when it changed nothing, which leaves no record either."""

    run_id: UUID | None
    counts: dict[LayerKind, Merged]


async def with_stored(connection: AsyncConnection, layers: Layers) -> Layers:
    """The layers, and for each that the import lacks the one stored, to check the others against."""
    stored = {kind: await _stored(connection, kind, layers.district_code) for kind in layers.absent()}
    return layers.with_stored({kind: layer for kind, layer in stored.items() if len(layer)})


async def _stored(connection: AsyncConnection, kind: LayerKind, district: str) -> Layer:
    table, names = _TABLES[kind], list(TARGETS[kind])
    shape = null() if kind is LayerKind.CHIEFS else literal_column("ST_AsBinary(geom)")
    statement = select(*(getattr(table, name) for name in names), shape).where(
        table.district_code == district, table.valid_to.is_(None)
    )
    if kind in AREA_LAYERS:
        statement = statement.where(Area.level == AREA_LAYERS[kind])
    rows = (await connection.execute(statement)).all()
    cells = np.empty((len(rows), len(names) + 1), dtype=object)
    for row, values in enumerate(rows):
        cells[row, :] = values
    columns = {name: cells[:, index] for index, name in enumerate(names)}
    return Layer(kind, np.asarray(shapely.from_wkb(cells[:, -1]), dtype=object), columns)


async def reused_codes(connection: AsyncConnection, layers: Layers) -> list[Finding]:
    """Area codes of the import that were voided before: a voided code is never given again."""
    findings: list[Finding] = []
    for kind in layers.imported() & AREA_LAYERS.keys():
        layer = layers.layers[kind]
        shape_of = dict(zip(layer.codes, layer.geometries, strict=True))
        voided = await connection.execute(
            select(Area.code, func.max(func.coalesce(Area.valid_to, Area.valid_from)))
            .where(Area.code == any_(list(shape_of)))  # type: ignore[arg-type]
            .group_by(Area.code)
            .having(func.bool_and(Area.valid_to.is_not(None)))
            .order_by(Area.code)
        )
        for code, voided_at in voided:
            note = f"{code} was voided on {voided_at.date()}"
            place = spot(shape_of[code])
            findings.append(Finding(FindingKind.REUSED_CODE, kind, (code,), place, 1, SizeUnit.ROW, note))
    return findings


async def store(
    connection: AsyncConnection,
    layers: Layers,
    report: TopologyReport,
    *,
    manifest_name: str,
    now: datetime,
    accepted: Collection[FindingKind] = (),
    progress: Progress = lambda _: None,
) -> ImportResult:
    """Stores the layers that came with the import, inside the caller's transaction.

    A change takes effect on the row's `valid_from` when that lies after the stored version's, else `now`.
    Errors: `GridRefused` when the report holds kinds not accepted; `Conflict` when stored versions
    stand in the way, since they begin later or, for chiefs, overlap a term.
    """
    report.refuse_unless(accepted)
    run_id = new_id()
    await connection.execute(text("SET LOCAL statement_timeout = '10min'"))
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    await connection.execute(
        insert(ImportRun).values(
            id=run_id,
            district_code=layers.district_code,
            manifest=manifest_name,
            digest=await asyncio.to_thread(_digest, layers),
            counts={},
            findings=report.counts,
            accepted=sorted(accepted),
            imported_at=now,
        )
    )
    counts: dict[LayerKind, Merged] = {}
    moments = Moments(now, layers.effective_from)
    try:
        await connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
        for kind in LayerKind:
            if kind in layers.imported():
                progress(f"入库 storing {LAYER_LABELS[kind]}")
                counts[kind] = await _store_layer(connection, layers.layers[kind], layers, run_id, moments)
        await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except IntegrityError as error:
        raise Conflict(
            f"stored versions stand in the way, give a later valid_from or end them first: {_told(error)}"
        ) from error
    if not any(merged.added + merged.changed + merged.closed for merged in counts.values()):
        await connection.execute(delete(ImportRun).where(ImportRun.id == run_id))
        return ImportResult(None, counts)
    progress("地名库 gazetteer")
    await gazetteer.renew(connection)
    told = {kind: asdict(merged) for kind, merged in counts.items()}
    await connection.execute(update(ImportRun).where(ImportRun.id == run_id).values(counts=told))
    return ImportResult(run_id, counts)


async def _store_layer(
    connection: AsyncConnection, layer: Layer, layers: Layers, run_id: UUID, moments: Moments
) -> Merged:
    table, targets = _TABLES[layer.kind].__tablename__, tuple(TARGETS[layer.kind])
    level = AREA_LAYERS.get(layer.kind)
    constants: dict[str, Any] = {"district_code": layers.district_code, "import_id": run_id}
    if level:
        constants["level"] = level.value
    shape = () if layer.kind is LayerKind.CHIEFS else ("geom",)
    copied = ("id", *constants, *targets, *shape)
    columns = (*copied, "cell_code") if layer.kind is LayerKind.COMPONENTS else copied

    rows = await asyncio.to_thread(lambda: list(_rows(_storable(layer), tuple(constants.values()))))
    await prepare(connection, table, columns)
    driver = driver_of(connection)
    await driver.set_type_codec("geometry", encoder=lambda wkb: wkb, decoder=lambda wkb: wkb, format="binary")
    await driver.copy_records_to_table("incoming", records=rows, columns=copied)
    await connection.execute(text("ANALYZE incoming"))

    district = layers.district_code
    compared = [name for name in (*targets, *shape) if name not in _NOT_COMPARED]
    if layer.kind is LayerKind.CHIEFS:
        return await merge_terms(connection, columns, compared, district=district, moments=moments)
    return await merge_versions(
        connection, table, columns, compared, district=district, level=level, moments=moments
    )


def _storable(layer: Layer) -> Layer:
    """What can be stored of an accepted layer: rows with a geometry, the first of each code, their
    invalid rings repaired."""
    if layer.kind is LayerKind.CHIEFS:
        return layer
    with_shape = np.flatnonzero(present(layer.geometries))
    _, first = np.unique(layer.codes[with_shape].astype(str), return_index=True)
    kept = layer.rows(np.sort(with_shape[first]))
    if layer.kind not in AREA_LAYERS:
        return kept
    return Layer(kept.kind, shaped(kept.kind, repaired(kept.geometries)), kept.columns)


def _rows(layer: Layer, constants: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    columns: list[Objects] = [layer.columns[name] for name in TARGETS[layer.kind]]
    if layer.kind is not LayerKind.CHIEFS:
        located = shapely.set_srid(layer.geometries, SRID)
        columns.append(shapely.to_wkb(located, include_srid=True))
    for values in zip(*columns, strict=True):
        yield (new_id(), *constants, *values)


def _digest(layers: Layers) -> str:
    digest = hashlib.sha256()
    for kind in sorted(layers.imported()):
        layer = layers.layers[kind]
        digest.update(kind.encode())
        for name, column in sorted(layer.columns.items()):
            digest.update(f"{name}{column.tolist()!r}".encode())
        for wkb in shapely.to_wkb(layer.geometries):
            digest.update(wkb or b"-")
    return digest.hexdigest()


def _told(error: IntegrityError) -> str:
    """PostgreSQL's own words on which rows collide."""
    return getattr(error.orig, "detail", None) or str(error.orig)
