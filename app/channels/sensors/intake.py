"""接收感知记录: each observation once, and many of one thing into one lead (线索)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import geo
from app.alone import alone_with
from app.channels.sensors import classes, leads, store
from app.channels.sensors.classes import ClassOfSource
from app.channels.sensors.schemas import LeadState, NewObservation, ObservationReply, Outcome
from app.channels.sensors.store import Lead
from app.db import new_id
from app.dispatch.active import active_rulebook
from app.errors import InvalidInput
from app.grid import lookup
from app.grid.place import Place
from app.identity.principal import Principal
from app.settings import SensorSettings

#: A source's clock may run ahead by so much, and its line be down for so long.
_AHEAD = timedelta(minutes=5)
_OLDEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Sighting:
    """An observation that is to be kept, with what its class means and where it lies."""

    new: NewObservation
    rule: ClassOfSource
    place: Place
    cell: str


async def take(
    connection: AsyncConnection,
    observations: Sequence[NewObservation],
    source: Principal,
    now: datetime,
    settings: SensorSettings,
) -> list[ObservationReply]:
    """Answers each by itself, in the same order; what is refused is not kept. Errors: `NotReady`."""
    # One batch of a source after the other: or a repeat on its way would not be known.
    await alone_with(connection, f"sensors {source.id}")
    rulebook = (await active_rulebook(connection, now)).rulebook
    rules = await classes.classes_of(connection, source.id)
    known = await store.answered(connection, source.id, {one.own_id for one in observations})
    looked_at = [
        await _sighting(connection, one, rules, source, now, rulebook.policy.snap_m)
        if one.own_id not in known
        else ""
        for one in observations
    ]
    # All in one order, so that two sources never wait for each other in a ring.
    for category in sorted({found.rule.category for found in looked_at if isinstance(found, Sighting)}):
        await alone_with(connection, f"sensors category {category}")
    replies = []
    for one, found in zip(observations, looked_at, strict=True):
        if (before := known.get(one.own_id)) is not None:
            reply = ObservationReply(
                own_id=one.own_id, outcome=before.outcome, lead=before.lead_id, repeated=True
            )
        elif isinstance(found, str):
            reply = ObservationReply(own_id=one.own_id, outcome=Outcome.REFUSED, reason=found)
        else:
            outcome, lead = await _placed(connection, found, source, now, rulebook.district_code, settings)
            await _keep(connection, found, source, now, outcome, lead)
            known[one.own_id] = store.Answered(outcome, lead)
            reply = ObservationReply(own_id=one.own_id, outcome=outcome, lead=lead)
        replies.append(reply)
    return replies


async def _sighting(
    connection: AsyncConnection,
    new: NewObservation,
    rules: dict[str, ClassOfSource],
    source: Principal,
    now: datetime,
    snap_m: float,
) -> Sighting | str:
    """The sighting, or why it is refused."""
    rule = rules.get(new.label)
    if rule is None:
        return f"识别类别“{new.label}”尚未对照，请管理员设置 / this class is not mapped: ask an administrator"
    if not now - _OLDEST <= new.seen_at <= now + _AHEAD:
        return f"时间 {new.seen_at.isoformat()} 在将来或超过 {_OLDEST.days} 天 / in the future or too old"
    try:
        lon, lat = geo.to_storage(new.position.x, new.position.y, new.position.datum)
    except InvalidInput as error:
        return error.detail
    place = await lookup.locate(connection, lon, lat, now, snap_m=snap_m)
    if place.cell_code is None:
        return "地点不在本区任何单元网格内 / the place lies in no cell of the district"
    if not source.covers(place.cell_code):
        return f"网格 {place.cell_code} 不在本来源的辖区 / the place lies outside this source's areas"
    return Sighting(new, rule, place, place.cell_code)


async def _placed(
    connection: AsyncConnection,
    found: Sighting,
    source: Principal,
    now: datetime,
    district: str,
    settings: SensorSettings,
) -> tuple[Outcome, UUID | None]:
    """Puts the sighting to the lead it belongs to, or opens one; a class that is muted now and then only."""
    new, rule = found.new, found.rule
    if new.confidence < rule.min_confidence:
        return Outcome.UNSURE, None
    if rule.muted_at is not None and not await _probes(connection, rule, now, settings):
        return Outcome.MUTED, None
    lon, lat = found.place.lon, found.place.lat
    same = await store.same_thing(
        connection,
        rule.category,
        lon,
        lat,
        radius_m=rule.radius_m,
        seen_at=new.seen_at,
        since=new.seen_at - timedelta(minutes=rule.window_minutes),
    )
    if same is not None:
        await store.add_sighting(connection, same.id, new.seen_at, new.confidence, new.picture)
        return Outcome.JOINED, same.id
    lead = Lead(
        id=new_id(),
        district_code=district,
        state=LeadState.OPEN,
        category=rule.category,
        condition=rule.condition,
        source=rule.source,
        probe=rule.muted_at is not None,
        area_code=found.cell,
        lon=lon,
        lat=lat,
        sightings=1,
        confidence=new.confidence,
        picture=new.picture,
        first_seen_at=new.seen_at,
        last_seen_at=new.seen_at,
        opened_at=now,
        due_at=now + timedelta(hours=settings.verify_hours),
    )
    await store.open_lead(connection, lead)
    await store.add_event(connection, lead.id, now, "opened", source, label=rule.label, own_id=new.own_id)
    await leads.give(connection, lead, now)
    return Outcome.OPENED, lead.id


async def _probes(
    connection: AsyncConnection, rule: ClassOfSource, now: datetime, settings: SensorSettings
) -> bool:
    """Whether a muted class is due to be tried again: one lead in a while shows whether it got better."""
    since = now - timedelta(hours=settings.probe_hours)
    if rule.muted_at is None or rule.muted_at > since:
        return False
    return not await classes.probed_since(connection, rule.client_id, rule.label, since)


async def _keep(
    connection: AsyncConnection,
    found: Sighting,
    source: Principal,
    now: datetime,
    outcome: Outcome,
    lead: UUID | None,
) -> None:
    new, place = found.new, found.place
    await store.add_observation(
        connection,
        id=new_id(),
        client_id=source.id,
        own_id=new.own_id,
        label=new.label,
        confidence=new.confidence,
        seen_at=new.seen_at,
        received_at=now,
        device=new.device,
        picture=new.picture,
        raw_x=new.position.x,
        raw_y=new.position.y,
        datum=new.position.datum.value,
        lon=place.lon,
        lat=place.lat,
        area_code=found.cell,
        outcome=outcome.value,
        lead_id=lead,
    )
