"""静默: a class of a source that is too often wrong is muted, with a notice; heard again when it got better,
or when somebody says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.sensors import classes
from app.channels.sensors.classes import ClassOfSource
from app.channels.sensors.precision import Precision
from app.errors import Conflict, NotFound
from app.identity.principal import SYSTEM, Principal
from app.settings import SensorSettings

log = structlog.get_logger(__name__)


async def review(
    connection: AsyncConnection, client: UUID, label: str, now: datetime, settings: SensorSettings
) -> None:
    """Mutes the class, or ends its silence, by what its leads came to."""
    rule = await classes.locked(connection, client, label)
    if rule is None:
        return
    if rule.muted_at is not None:
        tried = await classes.precision(connection, client, label, rule.muted_at)
        if tried.decided >= settings.probes and not tried.too_low(
            settings.min_precision, enough=settings.probes
        ):
            note = f"静默期间试放 {tried.decided} 条，{tried.confirmed} 条属实 / it got better when tried"
            await _unmuted(connection, rule, tried, SYSTEM, note, now)
        return
    measured = await classes.precision(connection, client, label, counted_since(rule, now, settings))
    if measured.too_low(settings.min_precision, enough=settings.enough_decisions):
        note = (
            f"近 {settings.window_days} 天 {measured.decided} 条中 {measured.confirmed} 条属实，"
            f"低于 {settings.min_precision:.0%} / below the least precision"
        )
        await classes.set_muted(connection, rule, now, rule.counted_from)
        await classes.add_notice(connection, rule, "muted", measured, actor=SYSTEM, note=note, now=now)
        log.warning(
            "sensor_class_muted",
            client=str(client),
            label=label,
            confirmed=measured.confirmed,
            decided=measured.decided,
        )


def counted_since(rule: ClassOfSource, now: datetime, settings: SensorSettings) -> datetime:
    since = now - timedelta(days=settings.window_days)
    return since if rule.counted_from is None else max(since, rule.counted_from)


async def unmute(
    connection: AsyncConnection,
    client: UUID,
    label: str,
    actor: Principal,
    note: str,
    now: datetime,
    settings: SensorSettings,
) -> None:
    """Errors: `NotFound`, also for a source not wholly within the caller's areas; `Conflict` when the class
    is not muted."""
    areas = await classes.client_areas(connection, client)
    rule = await classes.locked(connection, client, label)
    if rule is None or areas is None or not all(map(actor.covers, areas)):
        raise NotFound("没有这个识别类别，或不在您的辖区 / no such class, or not within your areas")
    if rule.muted_at is None:
        raise Conflict("该类别未被静默 / the class is not muted")
    measured = await classes.precision(connection, client, label, counted_since(rule, now, settings))
    await _unmuted(connection, rule, measured, actor, note, now)


async def _unmuted(
    connection: AsyncConnection,
    rule: ClassOfSource,
    measured: Precision,
    actor: Principal,
    note: str,
    now: datetime,
) -> None:
    """From now on it is counted anew: what it was muted for must not mute it again at once."""
    await classes.set_muted(connection, rule, None, now)
    await classes.add_notice(connection, rule, "unmuted", measured, actor=actor, note=note, now=now)
    log.warning("sensor_class_unmuted", client=str(rule.client_id), label=rule.label, by=actor.name)
