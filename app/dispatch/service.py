"""规则库的版本: draft, check, compare, activate, and try out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.dispatch import store
from app.dispatch.active import RulebookVersion, active_rulebook, rulebook_version
from app.dispatch.checking import check
from app.dispatch.comparison import TableDiff, diff, digest
from app.dispatch.explaining import Explanation, explain, facts_at_place, facts_in_area
from app.dispatch.findings import Finding, Report
from app.dispatch.rulebook import Rulebook
from app.dispatch.store import VersionHead
from app.errors import Conflict, Forbidden, InvalidInput, NotFound, RulebookRefused
from app.geo import Datum, to_storage
from app.grid.lookup import locate_with_component
from app.identity.principal import SYSTEM, Principal

#: A refusal tells so many findings; the check tells all.
_FINDINGS_TOLD = 100


class VersionState(StrEnum):
    """版本状态 at a moment."""

    DRAFT = "draft"  # 草稿: never activated
    SCHEDULED = "scheduled"  # 待启用
    ACTIVE = "active"  # 启用中
    RETIRED = "retired"  # 已停用


@dataclass(frozen=True, slots=True)
class ListedVersion:
    head: VersionHead
    state: VersionState


async def list_versions(
    connection: AsyncConnection, now: datetime, reader: Principal = SYSTEM
) -> list[ListedVersion]:
    """Every version of the reader's district, the newest first."""
    active = await store.version_in_force(connection, now)
    heads = [head for head in await store.heads(connection) if reader.meets(head.district_code)]
    return [ListedVersion(head, _state(head, active, now)) for head in heads]


async def listed(connection: AsyncConnection, number: int, now: datetime) -> ListedVersion:
    """One version. Errors: `NotFound`."""
    head = await _head(connection, number)
    return ListedVersion(head, _state(head, await store.version_in_force(connection, now), now))


async def numbered(connection: AsyncConnection, number: int, reader: Principal = SYSTEM) -> RulebookVersion:
    """The version of that number with its content. Errors: `NotFound`, also for one of another district than
    the reader's."""
    head = await _head(connection, number)
    if not reader.meets(head.district_code):
        raise _unknown(number)
    return await rulebook_version(connection, head.id)


def check_scope(administrator: Principal, rulebook: Rulebook) -> None:
    """A rulebook is for the whole district. Errors: `Forbidden` for who administers less, or another one."""
    if not administrator.covers(rulebook.district_code):
        raise Forbidden(
            f"The rulebook is for the whole district {rulebook.district_code}: ask an administrator of it."
        )


async def save_draft(
    connection: AsyncConnection, rulebook: Rulebook, *, by: UUID, now: datetime
) -> VersionHead:
    """Stores the rulebook as a new version; the same content again gives the version there already is."""
    await store.lock(connection)
    content = digest(rulebook)
    known = await store.head_of_digest(connection, rulebook.district_code, content)
    return known or await store.add_version(connection, rulebook, content, by=by, now=now)


async def check_on_grid(connection: AsyncConnection, rulebook: Rulebook, now: datetime) -> Report:
    """The check, against the areas of the grid as it is now; before an import of one, by their form only."""
    codes = await store.area_codes(connection, now)
    return await asyncio.to_thread(check, rulebook, area_codes=codes or None)


def changes(version: RulebookVersion, over: RulebookVersion) -> tuple[TableDiff, ...]:
    """What the version changes over another."""
    return diff(over.rulebook, version.rulebook)


async def activate(
    connection: AsyncConnection,
    number: int,
    *,
    effective_from: datetime | None = None,
    by: UUID,
    now: datetime,
) -> VersionHead:
    """Puts the version in force from a moment (now when none is given), until a later activation.

    The first activation of a database may name any moment, later ones none that has passed. Activating an
    older version again is how a change is taken back.
    Errors: `NotFound`; `RulebookRefused` when the check finds errors; `InvalidInput` on a moment in the
    past; `Conflict` when another activation has the same moment or serves another district.
    """
    version = await numbered(connection, number)
    report = await check_on_grid(connection, version.rulebook, now)
    if not report.ok:
        raise _refused(number, report)
    await store.lock(connection)
    head = await _head(connection, number)
    moment = effective_from or now
    earlier = await store.activations(connection)
    if any(other.district_code != head.district_code for other in earlier):
        raise Conflict(
            f"This database serves district {earlier[0].district_code}, the rulebook is for"
            f" {head.district_code}: activate it in that district's own database."
        )
    if earlier and moment < now:
        raise InvalidInput(
            f"A rulebook cannot be activated for the past: choose a moment from {now.isoformat()} on.",
            fields={"effective_from": "in the past"},
        )
    if any(other.effective_from == moment for other in earlier):
        raise Conflict(f"Another activation holds from {moment.isoformat()}: choose another moment.")
    await store.add_activation(connection, head, effective_from=moment, by=by, now=now)
    return await _head(connection, number)


async def explain_at(
    connection: AsyncConnection,
    rulebook: Rulebook,
    *,
    condition: str,
    position: tuple[float, float, Datum],
    at: datetime,
    source: str,
    component_code: str | None = None,
    reader: Principal = SYSTEM,
) -> Explanation:
    """What the rulebook would decide for a problem at a position (x, y, datum).

    Errors: `InvalidInput` on a position that is none, an unknown component or condition; `NotFound` where
    the reader may not look.
    """
    lon, lat = to_storage(*position)
    place, found = await locate_with_component(
        connection, lon, lat, at, code=component_code, snap_m=rulebook.policy.snap_m, asker=reader
    )
    lies_in = place.cell_code or place.community_code or place.street_code or place.district_code
    if lies_in is not None:
        _check_place(reader, lies_in)
    if component_code and found is None:
        raise InvalidInput(
            f"There is no component {component_code} at that moment: correct the code or leave it out.",
            fields={"component_code": "unknown"},
        )
    facts = facts_at_place(place, condition=condition, at=at, source=source, component=found)
    return explain(rulebook, facts, area_class=place.area_class)


def explain_in(
    rulebook: Rulebook, area_code: str, *, condition: str, at: datetime, source: str, reader: Principal
) -> Explanation:
    """What the rulebook would decide for a problem somewhere in an area.

    Errors: `InvalidInput` on an unknown condition; `NotFound` where the reader may not look.
    """
    _check_place(reader, area_code)
    facts = facts_in_area(area_code, condition=condition, at=at, source=source)
    return explain(rulebook, facts, area_class=None)


def _check_place(reader: Principal, area_code: str) -> None:
    if not reader.meets(area_code):
        raise NotFound("The place lies outside your areas: choose one within them.")


async def version_or_active(
    connection: AsyncConnection, number: int | None, now: datetime, reader: Principal = SYSTEM
) -> RulebookVersion:
    """The version of that number, or the one in force. Errors: `NotFound`, `NotReady`."""
    if number is None:
        return await active_rulebook(connection, now)
    return await numbered(connection, number, reader)


async def _head(connection: AsyncConnection, number: int) -> VersionHead:
    head = await store.head_of_number(connection, number)
    if head is None:
        raise _unknown(number)
    return head


def _unknown(number: int) -> NotFound:
    return NotFound(f"There is no rulebook version {number}: list the versions there are.")


def _state(head: VersionHead, active: UUID | None, now: datetime) -> VersionState:
    if head.id == active:
        return VersionState.ACTIVE
    if any(moment > now for moment in head.active_from):
        return VersionState.SCHEDULED
    return VersionState.RETIRED if head.active_from else VersionState.DRAFT


def _refused(number: int, report: Report) -> RulebookRefused:
    first = report.errors[0]
    return RulebookRefused(
        f"Version {number} has {len(report.errors)} errors and cannot be activated; first {first.where}:"
        f" {first.message_en} Correct them and import it again.",
        findings=[_told(finding) for finding in report.errors[:_FINDINGS_TOLD]],
    )


def _told(finding: Finding) -> dict[str, str]:
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "where": finding.where,
        "message": finding.message,
        "message_en": finding.message_en,
        "remedy": finding.remedy,
        "remedy_en": finding.remedy_en,
    }
