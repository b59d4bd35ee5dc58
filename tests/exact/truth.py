"""What the database says, read without the service, and the invariants that hold between any two requests."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import Case, ClockState, fold
from app.db import Database

Row: TypeAlias = dict[str, Any]

_WHOLE = text(
    """
    SELECT 'case' AS what, case_file.id AS case_id, to_jsonb(case_file) - 'pairs' - 'geom' AS row, 0 AS place
    FROM case_file
    UNION ALL
    SELECT 'clock', case_id, to_jsonb(case_clock), 0 FROM case_clock
    UNION ALL
    SELECT 'entry', case_id, to_jsonb(journal), version FROM journal
    ORDER BY what, case_id, place
    """
)
_TABLES = text(
    """
    SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT LIKE 'procrastinate%' AND tablename <> 'spatial_ref_sys'
    ORDER BY tablename
    """
)

#: Whose step it is: the clock that runs at each stage, beside it the unit's own, and what stands still.
RUNS = {
    "reported": "accepting", "verifying": "verifying", "auditing": "auditing", "filing": "filing",
    "dispatching": "dispatching", "signing": "signing handling", "handling": "handling", "ruling": "ruling",
    "suspended": "suspension", "checking": "checking", "closing": "closing", "closed": "", "refused": "",
    "voided": "", "merged": "",
}  # fmt: skip
STANDS_STILL = {"ruling": "handling", "suspended": "handling"}


@dataclass(frozen=True)
class Told:
    """Everything told of one case."""

    case: Row
    clocks: list[Row]
    journal: list[Row]


async def read(connection: AsyncConnection) -> dict[str, Told]:
    """Every case by its id."""
    told: dict[str, Told] = {}
    rows = list(await connection.execute(_WHOLE))
    for row in rows:
        if row.what == "case":
            told[str(row.case_id)] = Told(row.row, [], [])
    for row in rows:
        of = told[str(row.case_id)]
        if row.what != "case":
            (of.clocks if row.what == "clock" else of.journal).append(row.row)
    return told


async def footprint(connection: AsyncConnection) -> dict[str, str]:
    """A digest of every table: whether anything at all was written."""
    names = (await connection.execute(_TABLES)).scalars().all()
    digests = " UNION ALL ".join(
        f"SELECT '{name}' AS name, coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')"
        f" AS digest FROM {name} t"
        for name in names
    )
    return {row.name: row.digest for row in await connection.execute(text(digests))}


def check(told: Told) -> None:
    """What holds for every case at every moment."""
    _adds_up(told)
    _is_gapless(told.journal)
    _is_chained(told.journal)
    _runs_where_work_is_owed(told)


def _adds_up(told: Told) -> None:
    folded = fold((entry["version"], entry["hash"], entry["data"]) for entry in told.journal)
    assert folded.case == Case.model_validate({name: told.case[name] for name in Case.model_fields})
    kept = [
        ClockState.model_validate({name: one[name] for name in ClockState.model_fields})
        for one in told.clocks
    ]
    assert {clock.id: clock for clock in folded.clocks} == {clock.id: clock for clock in kept}


def _is_gapless(journal: list[Row]) -> None:
    assert [entry["version"] for entry in journal] == list(range(1, len(journal) + 1))
    for before, after in pairwise(journal):
        assert after["from_stage"] == before["to_stage"]
        assert moment(after["at"]) >= moment(before["at"])


def _is_chained(journal: list[Row]) -> None:
    """The hash as docs/operations.md tells it, reckoned here anew."""
    previous = "0" * 64
    for entry in journal:
        covered = {name: entry[name] for name in _COVERED} | {"at": moment(entry["at"]).isoformat()}
        content = json.dumps(covered, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        assert entry["previous"] == previous
        previous = hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()
        assert entry["hash"] == previous


_COVERED = (
    "id", "case_id", "version", "at", "action", "actor_id", "actor_name", "from_stage", "to_stage", "data",
    "district_code",
)  # fmt: skip


def _runs_where_work_is_owed(told: Told) -> None:
    stage = told.case["stage"]
    going = [clock for clock in told.clocks if clock["stopped_at"] is None]
    still = [clock["kind"] for clock in going if clock["pauses"] and clock["pauses"][-1]["end"] is None]
    running = [clock["kind"] for clock in going if not clock["pauses"] or clock["pauses"][-1]["end"]]
    beside = {"milestone", "replying", "appealing"}
    assert sorted(kind for kind in running if kind not in beside) == sorted(RUNS[stage].split())
    assert sorted(kind for kind in still if kind not in beside) == STANDS_STILL.get(stage, "").split()
    assert not {"replying", "appealing"} & set(still)
    # The steps on the way run and stand with the handling they are part of.
    assert "milestone" not in running or "handling" in running
    assert "milestone" not in still or "handling" in still
    assert "replying" not in running or told.case["ended_at"] is None
    in_review = told.case["appeal"] in ("first_review", "second_review")
    assert running.count("appealing") == (stage == "closed" and in_review)
    for kind, clocks in groupby(sorted(going, key=lambda c: c["kind"]), key=lambda c: c["kind"]):
        names = [clock["name"] for clock in clocks]
        assert len(names) == len(set(names)), f"two of {kind} at once"
    assert (told.case["ended_at"] is None) == (stage not in ("closed", "refused", "voided", "merged"))


def moment(value: str | None) -> Any:
    return None if value is None else datetime.fromisoformat(value)


async def whole(database: Database) -> dict[str, Told]:
    """Everything told."""
    async with database.transaction() as connection:
        return await read(connection)


def known_as(ids: dict[str, UUID]) -> dict[str | None, str | None]:
    """Names of people by their ids as the rows have them."""
    return {None: None} | {str(found): name for name, found in ids.items()}
