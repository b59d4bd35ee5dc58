"""重复上报: earlier cases that may tell of the same problem, ranked; and what was merged into a case (并案).

Merging only ever leads from a case under way into one that is open, so merged cases are trees: following
`merged_into` ends, at the case that goes on for all (主案).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import geo
from app.cases.case import Case
from app.cases.likeness import Reach, likeness
from app.cases.store import CASE_COLUMNS
from app.cases.tables import CaseRow
from app.cases.workflow import Action, Stage
from app.db import table_of
from app.dispatch.rulebook import CodeSet, Rulebook
from app.prepared import Prepared

_CASE = table_of(CaseRow)

#: Candidates looked at, the nearest; and told.
_LOOKED_AT, _TOLD = 100, 10
#: Ends that are an answer to whoever reported; a case merged further has its answer elsewhere.
ANSWERS = frozenset({Stage.CLOSED, Stage.REFUSED, Stage.VOIDED})


# -- looking for duplicates ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Near:
    """疑似重复: an earlier case close by, how alike it is (0 to 100) and why. `distance_m` in metres."""

    id: UUID
    number: str
    stage: Stage
    description: str
    reported_at: datetime
    distance_m: float
    score: int
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A row of `_EARLIER`."""

    id: UUID
    number: str
    stage: str
    category: str | None
    condition: str | None
    component_code: str | None
    description: str
    address: str
    reported_at: datetime
    distance_m: float


_EARLIER = Prepared(
    text(
        """
    SELECT id, number, stage, category, condition, component_code, description, address, reported_at,
           ST_Distance(geom::geography, here.point) AS distance_m
    FROM case_file, (SELECT ST_SetSRID(ST_MakePoint(:lon, :lat), 4490)::geography AS point) AS here
    WHERE geom && ST_MakeEnvelope(:west, :south, :east, :north, 4490)
      AND reported_at BETWEEN :since AND :until
      AND ST_DWithin(geom::geography, here.point, :radius_m)
      AND id <> :itself
      AND stage NOT IN ('refused', 'voided', 'merged')
      AND placed
      AND area_code LIKE ANY (:areas)
    ORDER BY distance_m, reported_at DESC, id DESC
    LIMIT :most
    """
    )
)


async def near(
    connection: AsyncConnection, case: Case, rulebook: Rulebook, areas: Iterable[str]
) -> list[Near]:
    """Earlier cases in the areas that reach the policy's score, the likeliest first."""
    if not case.placed:
        return []
    policy = rulebook.policy
    west, south, east, north = geo.around(case.lon, case.lat, policy.duplicate_radius_m)
    rows = await _EARLIER.rows(
        connection,
        lon=case.lon,
        lat=case.lat,
        west=west,
        south=south,
        east=east,
        north=north,
        radius_m=policy.duplicate_radius_m,
        since=case.reported_at - timedelta(hours=policy.duplicate_hours),
        until=case.reported_at,
        itself=case.id,
        areas=[f"{area}%" for area in areas],
        most=_LOOKED_AT,
    )
    reach = reach_of(rulebook)
    found = [_ranked(case, _Earlier(**row), reach) for row in rows]
    # Sorting keeps the order of equals: the nearest, then the newest.
    found.sort(key=lambda one: -one.score)
    return [one for one in found if one.score >= policy.duplicate_score][:_TOLD]


def reach_of(rulebook: Rulebook) -> Reach:
    """What the rulebook says of tellings of one problem."""

    def major_of(minor: str) -> str | None:
        category = rulebook.category_by_code.get(minor)
        return category.parent if category else None

    return Reach(rulebook.policy.duplicate_radius_m, rulebook.policy.duplicate_hours, major_of)


def _ranked(case: Case, earlier: _Earlier, reach: Reach) -> Near:
    like = likeness(case, earlier, earlier.distance_m, reach)
    return Near(
        id=earlier.id, number=earlier.number, stage=Stage(earlier.stage), description=earlier.description,
        reported_at=earlier.reported_at, distance_m=earlier.distance_m, score=like.score, why=like.why,
    )  # fmt: skip


# -- what was merged ----------------------------------------------------------------------------------------


class ReportTold(BaseModel):
    """一次上报 of a problem: the case's own, or one that was merged into it."""

    id: UUID
    number: str
    source: str
    reporter_id: UUID
    reporter_name: str
    external_number: str | None
    reported_at: datetime
    merged_into: UUID | None
    outcome: Stage | None


_below = select(_CASE.c.id).where(_CASE.c.merged_into == bindparam("id")).cte("below", recursive=True)
_below = _below.union(select(_CASE.c.id).join(_below, _CASE.c.merged_into == _below.c.id))
_MERGED_INTO_IT = Prepared(
    select(*CASE_COLUMNS).where(_CASE.c.id.in_(select(_below.c.id))).order_by(_CASE.c.reported_at, _CASE.c.id)
)
_above = (
    select(_CASE.c.id, _CASE.c.merged_into).where(_CASE.c.id == bindparam("id")).cte("above", recursive=True)
)
_above = _above.union(
    select(_CASE.c.id, _CASE.c.merged_into).join(_above, _CASE.c.id == _above.c.merged_into)
)
_PRIMARY = Prepared(
    select(*CASE_COLUMNS).where(_CASE.c.id.in_(select(_above.c.id)), _CASE.c.merged_into.is_(None))
)
_MERGED_DIRECTLY_INTO = Prepared(select(_CASE.c.merged_into).where(_CASE.c.id == bindparam("id")))
_UNTOLD = Prepared(
    text(
        """
    WITH RECURSIVE untold AS (
        SELECT id, merged_into AS above FROM case_file WHERE merged_into IS NOT NULL AND outcome IS NULL
        UNION
        SELECT untold.id, higher.merged_into
        FROM untold JOIN case_file AS higher ON higher.id = untold.above
        WHERE higher.merged_into IS NOT NULL
    )
    SELECT untold.id FROM untold JOIN case_file AS primary_case ON primary_case.id = untold.above
    WHERE primary_case.stage IN ('closed', 'refused', 'voided')
    ORDER BY untold.id
    LIMIT :most
    """
    )
)


async def merged_into_it(connection: AsyncConnection, case_id: UUID) -> list[Case]:
    """Every case that was merged into this one, or into one that was, in the order of their reports.

    With the case itself these are all reports of the problem: who is told of its end, or called back.
    """
    found = await _MERGED_INTO_IT.rows(connection, id=case_id)
    return [Case.model_validate(dict(row)) for row in found]


async def primary_of(connection: AsyncConnection, case_id: UUID) -> Case:
    """主案: the case that goes on for this one; itself when it is not merged."""
    row = await _PRIMARY.row(connection, id=case_id)
    assert row is not None
    return Case.model_validate(dict(row))


async def directly_into(connection: AsyncConnection, case_id: UUID) -> UUID | None:
    """The case this one was merged into, which may itself be merged."""
    found: UUID | None = await _MERGED_DIRECTLY_INTO.value(connection, id=case_id)
    return found


async def untold(connection: AsyncConnection, limit: int) -> list[UUID]:
    """Merged cases whose primary has ended and that have not been told."""
    return [row["id"] for row in await _UNTOLD.rows(connection, most=limit)]


_SAID_AT_THE_END = {
    Stage.CLOSED: ((Action.HAND_BACK, Action.REPORT_HANDLED), "result", None),
    Stage.REFUSED: ((Action.REFUSE,), "reason", CodeSet.REFUSAL),
    Stage.VOIDED: ((Action.REQUEST_VOIDING,), "reason", CodeSet.VOIDING),
}
_LAST_SAID = Prepared(
    text(
        """
    SELECT data -> 'command' ->> :field FROM journal
    WHERE case_id = :case_id AND action = ANY (:actions)
    ORDER BY version DESC LIMIT 1
    """
    )
)


async def answer(connection: AsyncConnection, ended: Case, rulebook: Rulebook) -> str:
    """What whoever reported is told of the end: what was done, or why nothing was."""
    actions, field, code_set = _SAID_AT_THE_END[ended.stage]
    said: str = (
        await _LAST_SAID.value(connection, field=field, case_id=ended.id, actions=[*map(str, actions)]) or ""
    )
    if code_set is None:
        return said
    code = rulebook.codes_of(code_set).get(said)
    return code.name if code else said
