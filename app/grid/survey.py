"""The import as a whole: read, hold against what is stored, check, store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from app.db import Database
from app.grid.findings import FindingKind, TopologyReport
from app.grid.importing import ImportResult, reused_codes, store, with_stored
from app.grid.layers import Layers
from app.grid.loading import Progress, load
from app.grid.manifest import Manifest, read_manifest
from app.grid.topology import check


async def survey(
    database: Database, manifest: Manifest, progress: Progress = lambda _: None
) -> tuple[Layers, TopologyReport]:
    """The manifest's layers beside those stored, and the report on them. Stores nothing, and holds no
    transaction while it computes.

    Errors: `InvalidInput` as `load` and `check` raise it.
    """
    layers = await asyncio.to_thread(load, manifest, progress)
    async with database.transaction() as connection:
        layers = await with_stored(connection, layers)
        reused = await reused_codes(connection, layers)
    report = await asyncio.to_thread(check, layers, manifest.tolerance, progress)
    return layers, report.extended(reused)


async def import_district(
    database: Database,
    manifest_file: Path,
    *,
    now: datetime,
    accepted: Collection[FindingKind] = (),
    progress: Progress = lambda _: None,
    on_report: Callable[[TopologyReport], None] = lambda _: None,
) -> ImportResult:
    """Imports the district of a manifest in one transaction. `on_report` is given the report before
    anything is stored or refused. Errors: those of `read_manifest`, `survey` and `store`."""
    layers, report = await survey(database, read_manifest(manifest_file), progress)
    on_report(report)
    async with database.transaction() as connection:
        return await store(
            connection,
            layers,
            report,
            manifest_name=manifest_file.name,
            now=now,
            accepted=accepted,
            progress=progress,
        )
