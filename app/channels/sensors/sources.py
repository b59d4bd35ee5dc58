"""感知来源: what the classes of a source mean, set by whoever administers it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.sensors import classes
from app.channels.sensors.classes import ClassOfSource, Standing
from app.channels.sensors.schemas import ClassReply, ClassRule
from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import CodeSet, Rulebook
from app.errors import InvalidInput, NotFound
from app.identity.principal import Principal
from app.settings import SensorSettings


async def put(
    connection: AsyncConnection,
    client: UUID,
    label: str,
    rule: ClassRule,
    administrator: Principal,
    now: datetime,
    settings: SensorSettings,
) -> ClassReply:
    """Says what a class of a source means, anew or for the first time.

    Errors: `NotFound` for a source not wholly within the administrator's areas, `InvalidInput`.
    """
    areas = await classes.client_areas(connection, client)
    if areas is None or not all(map(administrator.covers, areas)):
        raise NotFound("没有这个接入系统，或不在您的辖区 / no such API client, or not within your areas")
    _check(rule, (await active_rulebook(connection, now)).rulebook)
    meant = ClassOfSource(
        client_id=client, label=label, muted_at=None, counted_from=None, **rule.model_dump(mode="json")
    )
    await classes.put(connection, meant, now)
    (standing,) = await classes.standings(
        connection, administrator.areas, _since(now, settings), only=(client, label), limit=1
    )
    return told(standing)


def _check(rule: ClassRule, rulebook: Rulebook) -> None:
    """Errors: `InvalidInput` for codes the rulebook in force does not have."""
    category = rulebook.category_by_code.get(rule.category)
    if category is None or category.parent is None:
        raise InvalidInput(
            f"规则库中没有小类 {rule.category} / no such minor", fields={"category": "unknown code"}
        )
    if rule.condition is not None:
        condition = rulebook.condition_by_code.get(rule.condition)
        if condition is None or condition.category != rule.category:
            raise InvalidInput(
                f"小类 {rule.category} 没有立案条件 {rule.condition} / not a condition of the minor",
                fields={"condition": "unknown code"},
            )
    if rule.source not in rulebook.codes_of(CodeSet.SOURCE):
        raise InvalidInput(
            f"规则库的问题来源中没有 {rule.source} / not in the code set source",
            fields={"source": "not in the code set"},
        )


async def standings(
    connection: AsyncConnection,
    reader: Principal,
    now: datetime,
    settings: SensorSettings,
    *,
    after: tuple[UUID, str] | None,
    limit: int,
) -> list[Standing]:
    """Classes of sources that see something of the reader's areas, with their precision."""
    return await classes.standings(connection, reader.areas, _since(now, settings), after=after, limit=limit)


def told(standing: Standing) -> ClassReply:
    rule, measured = standing.rule, standing.precision
    return ClassReply(
        client_id=rule.client_id,
        client_name=standing.client_name,
        label=rule.label,
        **{name: getattr(rule, name) for name in ClassRule.model_fields},
        muted_at=rule.muted_at,
        confirmed=measured.confirmed,
        decided=measured.decided,
        precision=measured.rate,
        interval=measured.interval,
    )


def _since(now: datetime, settings: SensorSettings) -> datetime:
    return now - timedelta(days=settings.window_days)
