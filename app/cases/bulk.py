"""批量受理: many reports of one sender at once, as `intake` takes them one by one.

What is told of each is the same: its place, number, first clock, journal entry. Only the hint at near
duplicates is left out. The look-ups are one statement for all, the writing is COPY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from app import geo
from app.cases import store
from app.cases.actions import Report
from app.cases.advance import beginning
from app.cases.intake import check_allowed, known_of, number_of
from app.cases.lookups import check_codes
from app.dispatch.active import RulebookVersion, active_rulebook
from app.errors import ChengguanError, Conflict, InvalidInput
from app.grid import lookup
from app.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one report: the number of its case, known before or not, or why it was refused."""

    number: str | None = None
    known: bool = False
    refused: ChengguanError | None = None


async def report_many(
    connection: AsyncConnection, commands: Sequence[Report], actor: Principal, now: datetime
) -> list[Outcome]:
    """Takes in reports, each for itself; gives what came of each, in their order.

    Each needs its order number (`external_number`), so that all of it can be sent again: an order that is
    known, from before or from earlier in the list, is told with its case.
    Errors: `Conflict` when somebody took one of the orders meanwhile; then nothing is stored: send it again.
    """
    version = await active_rulebook(connection, now)
    rulebook = version.rulebook
    orders = [command.external_number for command in commands if command.external_number is not None]
    known = await store.known_orders(connection, actor.id, orders)
    outcomes: dict[int, Outcome] = {}
    new: dict[str, int] = {}
    for turn, command in enumerate(commands):
        order = command.external_number
        try:
            if order is None:
                raise InvalidInput(
                    "批量上报须有工单号 external_number / give each report its order number",
                    fields={"external_number": "missing"},
                )
            if command.photos:
                raise InvalidInput(
                    "批量上报不能带照片 / reports in bulk come without photos", fields={"photos": "not here"}
                )
            if order not in known and order not in new:
                check_allowed(command, actor, rulebook)
                check_codes(command, rulebook)
                new[order] = turn
        except ChengguanError as refusal:
            outcomes[turn] = Outcome(refused=refusal)

    if new:
        outcomes |= await _taken(
            connection, {turn: commands[turn] for turn in new.values()}, actor, now, version
        )
    for turn, command in enumerate(commands):
        if turn not in outcomes:
            order = command.external_number or ""
            outcomes[turn] = (
                Outcome(known[order], known=True) if order in known else _repeated(outcomes[new[order]])
            )
    return [outcomes[turn] for turn in range(len(commands))]


async def _taken(
    connection: AsyncConnection,
    commands: dict[int, Report],
    actor: Principal,
    now: datetime,
    version: RulebookVersion,
) -> dict[int, Outcome]:
    rulebook = version.rulebook
    places = await lookup.locate_many(
        connection, list(map(_spot, commands.values())), now, snap_m=rulebook.policy.snap_m, asker=actor
    )
    outcomes: dict[int, Outcome] = {}
    fields: dict[int, dict[str, Any]] = {}
    for (turn, command), (place, part) in zip(commands.items(), places, strict=True):
        try:
            fields[turn] = known_of(command, actor, place, part, version, now)
        except ChengguanError as refusal:
            outcomes[turn] = Outcome(refused=refusal)
    serials = await store.next_serials(connection, len(fields))
    numbers = [number_of(serial, now, rulebook) for serial in serials]
    begun = [
        beginning(commands[turn], {**found, "number": number}, actor, rulebook)
        for (turn, found), number in zip(fields.items(), numbers, strict=True)
    ]
    try:
        # Always in one order: two who take in the same orders at once wait for each other, but not both.
        await store.begin_cases(connection, sorted(begun, key=lambda one: one[0].case.external_number or ""))
    except asyncpg.UniqueViolationError as taken:
        raise Conflict(
            "有工单同时被受理，请重试 / an order was taken meanwhile: send it all again"
        ) from taken
    return outcomes | {turn: Outcome(number) for turn, number in zip(fields, numbers, strict=True)}


def _repeated(first: Outcome) -> Outcome:
    return first if first.refused else Outcome(first.number, known=True)


def _spot(command: Report) -> tuple[float, float, str | None]:
    lon, lat = geo.to_storage(command.position.x, command.position.y, command.position.datum)
    return lon, lat, command.component_code
