"""案卷日志: append-only, chained by hash within a case, sealed over all cases.

Each entry's hash covers its content and the hash of the case's entry before it, so a changed or missing
entry shows. A seal covers every entry of all cases since the seal before it, so a case that vanished
whole shows too. Writers of different cases never wait for each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases.case import FIELDS, Case, fold
from app.cases.draw import Draw, again
from app.cases.tables import CaseRow, JournalRow, SealRow
from app.db import new_id, table_of
from app.identity.principal import Principal

_JOURNAL = table_of(JournalRow)
_SEAL = table_of(SealRow)
_CASE = table_of(CaseRow)

#: What the first entry of a case is chained to.
GENESIS = "0" * 64


def entry_hash(previous: str, content: dict[str, Any]) -> str:
    """SHA-256, in hex, over the hash before and the entry's content as canonical JSON."""
    return hashlib.sha256(f"{previous}\n{_CANONICAL.encode(content)}".encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _content(entry: Any) -> dict[str, Any]:
    """What the hash covers. `entry` has the journal's columns as attributes."""
    return {
        "id": str(entry.id),
        "case_id": str(entry.case_id),
        "version": entry.version,
        "at": entry.at.isoformat(),
        "action": entry.action,
        "actor_id": str(entry.actor_id),
        "actor_name": entry.actor_name,
        "from_stage": entry.from_stage,
        "to_stage": entry.to_stage,
        "data": entry.data,
        "district_code": entry.district_code,
    }


@dataclass(frozen=True, slots=True)
class Entry:
    """日志条目: one thing that happened to a case."""

    id: UUID
    case_id: UUID
    version: int
    at: datetime
    action: str
    actor_id: UUID
    actor_name: str
    from_stage: str | None
    to_stage: str
    data: dict[str, Any]
    district_code: str
    previous: str = GENESIS
    hash: str = ""

    def parameters(self) -> dict[str, Any]:
        """The values of `APPEND`."""
        return {f"entry_{name}": getattr(self, name) for name in Entry.__slots__}


def next_entry(
    before: Case | None,
    *,
    case_id: UUID,
    district_code: str,
    now: datetime,
    action: str,
    actor: Principal,
    to_stage: str,
    data: dict[str, Any],
) -> Entry:
    """The entry that follows the case's newest, chained to it. `data` must be plain JSON."""
    entry = Entry(
        id=new_id(),
        case_id=case_id,
        version=1 if before is None else before.version + 1,
        at=now,
        action=action,
        actor_id=actor.id,
        actor_name=actor.name,
        from_stage=None if before is None else before.stage.value,
        to_stage=to_stage,
        data=data,
        district_code=district_code,
        previous=GENESIS if before is None else before.head,
    )
    return replace(entry, hash=entry_hash(entry.previous, _content(entry)))


#: What an entry tells; the clocks it changed are read from here into their table, too.
DATA = bindparam("entry_data", type_=JSONB)
#: Written in one statement with the case (`store.py`): there is no change without its entry.
APPEND = insert(_JOURNAL).values(
    {name: DATA if name == "data" else bindparam(f"entry_{name}") for name in Entry.__slots__}
)
_ENTRIES = select(_JOURNAL).where(_JOURNAL.c.case_id == bindparam("case_id")).order_by(_JOURNAL.c.version)


async def entries(connection: AsyncConnection, case_id: UUID) -> list[Any]:
    """The case's journal in order, as rows with the journal's columns."""
    found = await connection.execute(_ENTRIES, {"case_id": case_id})
    return list(found)


@dataclass(frozen=True, slots=True)
class Flaw:
    """篡改痕迹: something that cannot be if nobody touched the database by hand."""

    what: str
    case_id: UUID | None = None
    number: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification looked at and found."""

    entries: int
    cases: int
    seals: int
    flaws: tuple[Flaw, ...]


async def verify(connection: AsyncConnection) -> Verification:
    """`inspect` on one unmoving picture of the database; must be the first thing in its transaction."""
    # Or a case that changes meanwhile would look like a flaw.
    await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    return await inspect(connection)


async def inspect(connection: AsyncConnection) -> Verification:
    """Goes through the whole journal once: every chain, every case row against its fold, every seal."""
    flaws: list[Flaw] = []
    entries_seen = cases_seen = 0
    async for chains in _chains(connection):
        rows = await _case_rows(connection, [chain[0].case_id for chain in chains])
        for chain in chains:
            cases_seen += 1
            entries_seen += len(chain)
            kept = rows.get(chain[0].case_id)
            flaws += _chain_flaws(chain, kept.number if kept else None) or _row_flaws(chain, kept)
    flaws += [
        Flaw("日志已不存在 / the journal is gone", row.id, row.number)
        for row in await connection.execute(_WITHOUT_JOURNAL)
    ]
    seals, seal_flaws = await _seal_flaws(connection)
    return Verification(entries_seen, cases_seen, seals, (*flaws, *seal_flaws))


_WITHOUT_JOURNAL = select(_CASE.c.id, _CASE.c.number).where(
    ~select(_JOURNAL.c.seq).where(_JOURNAL.c.case_id == _CASE.c.id).exists()
)


async def _chains(connection: AsyncConnection, batch: int = 500) -> AsyncIterator[list[list[Any]]]:
    """The journals of all cases, some at a time."""
    ordered = select(_JOURNAL).order_by(_JOURNAL.c.case_id, _JOURNAL.c.version)
    chains: list[list[Any]] = []
    async with connection.stream(ordered.execution_options(yield_per=2000)) as rows:
        async for row in rows:
            if chains and chains[-1][0].case_id == row.case_id:
                chains[-1].append(row)
                continue
            if len(chains) == batch:
                yield chains
                chains = []
            chains.append([row])
    if chains:
        yield chains


async def _case_rows(connection: AsyncConnection, ids: list[UUID]) -> dict[UUID, Case]:
    columns = [_CASE.c[name] for name in FIELDS]
    found = await connection.execute(select(*columns).where(_CASE.c.id.in_(ids)))
    return {row.id: Case.model_validate(row._asdict()) for row in found}


def _chain_flaws(chain: list[Any], number: str | None) -> list[Flaw]:
    flaws = []
    previous, expected = GENESIS, 1
    for row in chain:
        if row.version != expected:
            flaws.append(
                Flaw(f"缺少第 {expected} 条 / entry {expected} is missing", row.case_id, number, expected)
            )
        elif row.previous != previous:
            flaws.append(
                Flaw("与前一条不相连 / not chained to the one before", row.case_id, number, row.version)
            )
        if entry_hash(row.previous, _content(row)) != row.hash:
            flaws.append(Flaw("内容被改动 / content was changed", row.case_id, number, row.version))
        if "draw" in row.data and not _agrees(row.data):
            what = "抽取结果与种子不符 / the draw is not what its seed gives"
            flaws.append(Flaw(what, row.case_id, number, row.version))
        previous, expected = row.hash, row.version + 1
    return flaws


def _agrees(data: dict[str, Any]) -> bool:
    """Whether the draw, done again, gives what it says, and the one drawn has the task."""
    try:
        told = Draw.model_validate(data["draw"])
    except ValidationError:
        return False
    given = data["changes"].get("inspector_id", data["draw"]["chosen"])
    return again(told) == told and given == data["draw"]["chosen"]


def _row_flaws(chain: list[Any], kept: Case | None) -> list[Flaw]:
    case_id = chain[0].case_id
    if kept is None:
        return [Flaw("案卷已不存在 / the case row is gone", case_id)]
    try:
        told = fold((entry.version, entry.hash, entry.data) for entry in chain).case
    except ValueError:
        return [Flaw("日志不能还原案卷 / the journal does not add up to a case", case_id, kept.number)]
    if told.version != kept.version or told.head != kept.head:
        return [Flaw("案卷与日志末条不符 / row and last entry differ", case_id, kept.number, kept.version)]
    changed = [name for name in FIELDS if getattr(told, name) != getattr(kept, name)]
    if changed:
        return [Flaw(f"案卷字段被改动 / fields were changed: {', '.join(changed)}", case_id, kept.number)]
    return []


# -- seals ---------------------------------------------------------------------------------------------


async def boundary(connection: AsyncConnection) -> int:
    """The newest entry's number, when none with a smaller number can still appear; 0 without entries.

    The lock lets the writers under way finish and holds new ones off; commit at once to let them go on.
    """
    await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    await connection.execute(text("LOCK TABLE journal IN SHARE MODE"))
    return int((await connection.execute(select(func.coalesce(func.max(_JOURNAL.c.seq), 0)))).scalar_one())


async def seal(connection: AsyncConnection, end: int, now: datetime) -> int:
    """封印: seals all entries since the last seal up to `end`, a `boundary`; gives how many (0: no seal)."""
    await connection.execute(text("LOCK TABLE journal_seal IN SHARE ROW EXCLUSIVE MODE"))
    last = (await connection.execute(select(_SEAL).order_by(_SEAL.c.number.desc()).limit(1))).one_or_none()
    begin = last.last_seq if last else 0
    if end <= begin:
        return 0
    count, digest = await _digest(connection, last.digest if last else b"", begin, end)
    await connection.execute(
        insert(_SEAL).values(
            number=last.number + 1 if last else 1, sealed_at=now, last_seq=end, entries=count, digest=digest
        )
    )
    return count


async def _digest(connection: AsyncConnection, before: bytes, begin: int, end: int) -> tuple[int, bytes]:
    digest = hashlib.sha256(before)
    count = 0
    covered = (
        select(_JOURNAL.c.seq, _JOURNAL.c.case_id, _JOURNAL.c.version, _JOURNAL.c.hash)
        .where(_JOURNAL.c.seq > begin, _JOURNAL.c.seq <= end)
        .order_by(_JOURNAL.c.seq)
        .execution_options(yield_per=5000)
    )
    async with connection.stream(covered) as rows:
        async for row in rows:
            digest.update(f"{row.seq} {row.case_id} {row.version} {row.hash}\n".encode())
            count += 1
    return count, digest.digest()


async def _seal_flaws(connection: AsyncConnection) -> tuple[int, list[Flaw]]:
    flaws: list[Flaw] = []
    before, begin, expected = b"", 0, 1
    seals = list(await connection.execute(select(_SEAL).order_by(_SEAL.c.number)))
    for row in seals:
        count, digest = await _digest(connection, before, begin, row.last_seq)
        if row.number != expected:
            flaws.append(Flaw(f"缺少第 {expected} 号封印 / seal {expected} is missing"))
        elif count != row.entries or digest != row.digest:
            what = f"第 {row.number} 号封印不符：封存 {row.entries} 条，现有 {count} 条"
            flaws.append(Flaw(f"{what} / seal {row.number} is broken"))
        before, begin, expected = row.digest, row.last_seq, row.number + 1
    return len(seals), flaws
