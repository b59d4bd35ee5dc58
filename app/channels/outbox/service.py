"""接收方管理: receivers of webhooks, made and changed within the administrator's own areas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import stream
from app.cases.stream import Cursor
from app.channels.outbox import signing, store
from app.channels.outbox.addresses import is_public
from app.channels.outbox.schemas import NewWebhook, WebhookChanges
from app.db import new_id
from app.errors import Conflict, Forbidden, InvalidInput, NotFound
from app.identity.principal import Principal
from app.requests import Services

#: How long messages are signed with the old secret, too, after a receiver was given a new one.
OLD_SECRET_COUNTS = timedelta(hours=24)


def checked_url(url: str, *, private: bool) -> str:
    """The address as stored. Errors: `InvalidInput` for one that nothing may be sent to.

    Of a name nobody knows today where it leads when something is sent: that is checked then.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _bad_url("not an address") from None
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad_url("write https://host/path, without user, password and fragment")
    if not host.isascii():
        raise _bad_url("write the host in ASCII (xn--…)")
    if private:
        return url
    if parts.scheme != "https":
        raise _bad_url("https only; CHENGGUAN_OUTBOX__PRIVATE_RECEIVERS allows plain HTTP")
    try:
        public = is_public(host)
    except ValueError:
        public = host != "localhost" and not host.endswith((".localhost", ".local", ".internal"))
    if not public:
        raise _bad_url("a private address; CHENGGUAN_OUTBOX__PRIVATE_RECEIVERS allows them")
    return url


def _bad_url(detail: str) -> InvalidInput:
    return InvalidInput(f"接收地址不可用 / the url cannot be used: {detail}", fields={"url": detail})


async def add(
    connection: AsyncConnection, administrator: Principal, new: NewWebhook, parts: Services, now: datetime
) -> tuple[Row[Any], str]:
    """Makes a receiver and its secret. Errors: `InvalidInput`, `Forbidden` for areas outside one's own,
    `Conflict` when the name is taken."""
    _check_scope(administrator, new.areas)
    secret = signing.new_secret()
    cursor = Cursor() if new.from_the_beginning else await stream.newest(connection)
    webhook_id = new_id()
    added = await store.add_webhook(
        connection,
        id=webhook_id,
        name=new.name,
        url=checked_url(new.url, private=parts.settings.outbox.private_receivers),
        secret=signing.encrypted(secret, parts.secret),
        areas=sorted(set(new.areas)),
        actions=sorted({action.value for action in new.actions}),
        active=True,
        cursor=cursor.token(),
        delivered=0,
        failures=0,
        created_at=now,
        changed_at=now,
    )
    if not added:
        raise Conflict(f"名称“{new.name}”已被使用 / the name is taken; choose another")
    return await find(connection, administrator, webhook_id), secret


async def find(
    connection: AsyncConnection, administrator: Principal, webhook_id: UUID, *, lock: bool = False
) -> Row[Any]:
    """A receiver within the administrator's areas. Errors: `NotFound`."""
    found = await store.webhook(connection, webhook_id, administrator.areas, lock=lock)
    if found is None:
        raise NotFound("您的辖区内没有此接收方 / there is no such receiver within your areas")
    return found


async def change(
    connection: AsyncConnection,
    administrator: Principal,
    webhook_id: UUID,
    changes: WebhookChanges,
    parts: Services,
    now: datetime,
) -> Row[Any]:
    """Changes a receiver. Errors: `NotFound`, `InvalidInput`, `Forbidden`, `Conflict`."""
    await find(connection, administrator, webhook_id, lock=True)
    values: dict[str, Any] = {"changed_at": now}
    if changes.name is not None:
        values["name"] = changes.name
    if changes.url is not None:
        values["url"] = checked_url(changes.url, private=parts.settings.outbox.private_receivers)
    if changes.areas is not None:
        _check_scope(administrator, changes.areas)
        values["areas"] = sorted(set(changes.areas))
    if changes.actions is not None:
        values["actions"] = sorted({action.value for action in changes.actions})
    if changes.active is not None:
        values |= {"active": changes.active, "disabled_because": None}
    if changes.active or changes.url is not None:
        values |= {"failures": 0, "failing_since": None, "next_try_at": None}
    await store.change_webhook(connection, webhook_id, **values)
    return await find(connection, administrator, webhook_id)


async def renew_secret(
    connection: AsyncConnection, administrator: Principal, webhook_id: UUID, parts: Services, now: datetime
) -> tuple[Row[Any], str]:
    """A new secret; the old one counts beside it for a day. Errors: `NotFound`."""
    before = await find(connection, administrator, webhook_id, lock=True)
    secret = signing.new_secret()
    await store.change_webhook(
        connection,
        webhook_id,
        secret=signing.encrypted(secret, parts.secret),
        old_secret=before.secret if signing.is_readable(before.secret, parts.secret) else None,
        old_secret_until=now + OLD_SECRET_COUNTS,
        changed_at=now,
    )
    return await find(connection, administrator, webhook_id), secret


async def remove(connection: AsyncConnection, administrator: Principal, webhook_id: UUID) -> None:
    """Takes a receiver away with all that waits for it. Errors: `NotFound`."""
    await find(connection, administrator, webhook_id, lock=True)
    await store.delete_webhook(connection, webhook_id)


async def send_again(
    connection: AsyncConnection,
    administrator: Principal,
    webhook_id: UUID,
    events: Sequence[UUID] | None,
    now: datetime,
) -> int:
    """Has dead letters sent again, with what waits behind them; gives how many. Errors: `NotFound`."""
    await find(connection, administrator, webhook_id, lock=True)
    return await store.revive(connection, webhook_id, events, now)


async def discard(
    connection: AsyncConnection, administrator: Principal, webhook_id: UUID, event: UUID
) -> None:
    """Gives up a dead letter; what waits behind it goes on. Errors: `NotFound`."""
    await find(connection, administrator, webhook_id, lock=True)
    if not await store.drop(connection, webhook_id, event):
        raise NotFound("没有这件死信 / there is no such dead letter")


def _check_scope(administrator: Principal, areas: Sequence[str]) -> None:
    if foreign := [area for area in areas if not administrator.covers(area)]:
        raise Forbidden(f"不在您的辖区内：{'、'.join(foreign)} / these areas are not within yours")
