"""SQL of app.dispatch: rulebook versions and activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import new_id
from app.dispatch.rulebook import Rulebook
from app.dispatch.tables import RulebookActivation, RulebookVersionRow
from app.grid.tables import Area, holds_at
from app.prepared import Prepared


@dataclass(frozen=True, slots=True)
class VersionHead:
    """A stored version without its content. `active_from` lists the moments it was activated for."""

    id: UUID
    number: int
    district_code: str
    name: str
    note: str
    digest: str
    created_at: datetime
    created_by: UUID
    active_from: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Activation:
    """启用: from `effective_from` on, the version holds, until a later activation."""

    version_id: UUID
    district_code: str
    effective_from: datetime


_Version = RulebookVersionRow
_HEAD = (
    _Version.id,
    _Version.number,
    _Version.district_code,
    _Version.name,
    _Version.note,
    _Version.digest,
    _Version.created_at,
    _Version.created_by,
)


async def lock(connection: AsyncConnection) -> None:
    """Lets one transaction at a time add versions or activations; readers do not wait."""
    await connection.execute(text("LOCK TABLE rulebook_version IN SHARE ROW EXCLUSIVE MODE"))


async def add_version(
    connection: AsyncConnection, rulebook: Rulebook, digest: str, *, by: UUID, now: datetime
) -> VersionHead:
    """Stores a version under the next number. The caller holds the lock."""
    newest = (await connection.execute(select(func.max(_Version.number)))).scalar()
    values: dict[str, Any] = {
        "id": new_id(),
        "number": (newest or 0) + 1,
        "district_code": rulebook.district_code,
        "name": rulebook.name,
        "note": rulebook.note,
        "digest": digest,
        "created_at": now,
        "created_by": by,
    }
    await connection.execute(insert(_Version).values(content=rulebook.model_dump(mode="json"), **values))
    return VersionHead(**values)


async def heads(connection: AsyncConnection) -> list[VersionHead]:
    """Every version, the newest first."""
    rows = (await connection.execute(_head_query().order_by(_Version.number.desc()))).all()
    return [_head(row) for row in rows]


async def head_of_digest(connection: AsyncConnection, district_code: str, digest: str) -> VersionHead | None:
    """The version with the same content, when there is one."""
    query = _head_query().where(_Version.district_code == district_code, _Version.digest == digest)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _head(row)


async def head_of_number(connection: AsyncConnection, number: int) -> VersionHead | None:
    row = (await connection.execute(_head_query().where(_Version.number == number))).one_or_none()
    return None if row is None else _head(row)


async def content(connection: AsyncConnection, version_id: UUID) -> tuple[int, dict[str, Any]] | None:
    """Number and content of a version."""
    query = select(_Version.number, _Version.content).where(_Version.id == version_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (row.number, row.content)


#: The version that holds at the moment `at`: of the latest activation not after it.
IN_FORCE = (
    select(RulebookActivation.version_id)
    .where(RulebookActivation.effective_from <= bindparam("at"))
    .order_by(RulebookActivation.effective_from.desc())
    .limit(1)
)
_IN_FORCE = Prepared(IN_FORCE)


async def version_in_force(connection: AsyncConnection, at: datetime) -> UUID | None:
    """Id of the version that holds at the moment: of the latest activation not after it."""
    found: UUID | None = await _IN_FORCE.value(connection, at=at)
    return found


async def activations(connection: AsyncConnection) -> Sequence[Activation]:
    """Every activation, the latest moment first."""
    query = select(
        RulebookActivation.version_id, RulebookActivation.district_code, RulebookActivation.effective_from
    ).order_by(RulebookActivation.effective_from.desc())
    return [Activation(*row) for row in (await connection.execute(query)).all()]


async def add_activation(
    connection: AsyncConnection, head: VersionHead, *, effective_from: datetime, by: UUID, now: datetime
) -> None:
    """The caller holds the lock."""
    await connection.execute(
        insert(RulebookActivation).values(
            id=new_id(),
            version_id=head.id,
            district_code=head.district_code,
            effective_from=effective_from,
            activated_at=now,
            activated_by=by,
        )
    )


async def area_codes(connection: AsyncConnection, at: datetime) -> frozenset[str]:
    """Codes of all areas valid at the moment; empty before a grid was imported."""
    query = select(Area.code).where(holds_at(Area, at))
    return frozenset((await connection.execute(query)).scalars())


def _head_query() -> Select[Any]:
    active_from = (
        select(func.array_agg(RulebookActivation.effective_from))
        .where(RulebookActivation.version_id == _Version.id)
        .scalar_subquery()
    )
    return select(*_HEAD, active_from.label("active_from"))


def _head(row: Row[Any]) -> VersionHead:
    return VersionHead(**{**row._mapping, "active_from": tuple(sorted(row.active_from or ()))})
