"""拉取: pages of recorded orders from a folder or over HTTP, each taken in with the cursor of the next."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.channels.hotline import service, store
from app.channels.hotline.mapping import FeedFields
from app.channels.hotline.service import Hotline, Outcome, hotline_of
from app.db import new_id
from app.errors import InvalidInput, NotReady
from app.identity.principal import Principal
from app.identity.service import principal_of_client
from app.requests import Services
from app.settings import HotlineSettings

log = structlog.get_logger(__name__)

#: Pages of one run at most; the rest is for the next.
_PAGES = 200
#: The largest page read, in bytes.
_LARGEST = 10_000_000


@dataclass(frozen=True, slots=True)
class Page:
    """Orders, and the cursor of the page behind them; None: there is none yet."""

    orders: list[Any]
    next: str | None


class Feed(Protocol):
    async def page(self, cursor: str) -> Page | None:
        """The page at the cursor (empty: the first), None when there is none yet. Errors: `NotReady`."""


async def pull(services: Services) -> int:
    """Takes in what the feed has since the last time; returns how many orders were new or had changed."""
    settings = services.settings.hotline
    if settings.feed is None:
        return 0
    hotline = hotline_of(services.settings)
    done = 0
    try:
        async with services.database.transaction() as connection:
            actor = await _client(connection, settings)
            cursor = await store.cursor(connection, settings.feed)
        async with _opened(settings, hotline.mapping.feed) as feed:
            for _ in range(_PAGES):
                if (page := await feed.page(cursor)) is None:
                    break
                async with services.database.transaction() as connection:
                    done += await _take(connection, services, hotline, page, actor)
                    if page.next is not None:
                        await store.move(connection, settings.feed, page.next, services.clock.now())
                if page.next in (None, cursor):
                    break
                cursor = page.next
    except (NotReady, InvalidInput) as problem:
        log.warning("hotline_feed", reason=problem.detail)
    return done


async def _client(connection: AsyncConnection, settings: HotlineSettings) -> Principal:
    if settings.feed_client is None:
        raise NotReady("set CHENGGUAN_HOTLINE__FEED_CLIENT: in whose name fetched orders are taken in")
    return await principal_of_client(connection, settings.feed_client)


async def _take(
    connection: AsyncConnection, services: Services, hotline: Hotline, page: Page, actor: Principal
) -> int:
    now = services.clock.now()
    done = 0
    for start in range(0, len(page.orders), service.MOST):
        some = page.orders[start : start + service.MOST]
        answers = await service.take_all(connection, hotline, some, actor, now)
        refused = [
            {
                "id": new_id(),
                "number": answer.number.replace("\x00", ""),
                "reason": answer.refusal.detail,
                "at": now,
            }
            for answer in answers
            if answer.refusal is not None
        ]
        await store.refuse(connection, refused)
        done += sum(answer.outcome in (Outcome.TAKEN, Outcome.CHANGED) for answer in answers)
        if refused:
            log.warning("hotline_orders_refused", orders=len(refused))
    return done


def _opened(settings: HotlineSettings, fields: FeedFields) -> AbstractAsyncContextManager[Feed]:
    assert settings.feed is not None
    if settings.feed.startswith(("http://", "https://")):
        return _over_http(settings, fields)
    return _in_folder(Path(settings.feed), fields)


# -- a folder --------------------------------------------------------------------------------------------


@asynccontextmanager
async def _in_folder(folder: Path, fields: FeedFields) -> AsyncIterator[Feed]:
    yield Folder(folder, fields)


class Folder:
    """A page is a file `*.json`, a list of orders or one; in the order of their names, the last one's name is
    the cursor. Names must grow, as those with a date in front do."""

    def __init__(self, folder: Path, fields: FeedFields) -> None:
        self._folder, self._fields = folder, fields

    async def page(self, cursor: str) -> Page | None:
        try:
            names = sorted(path.name for path in self._folder.iterdir() if path.suffix == ".json")
            if (name := next((name for name in names if name > cursor), None)) is None:
                return None
            content = (self._folder / name).read_bytes()
        except OSError as error:
            raise NotReady(f"the feed's folder cannot be read: {error.strerror}") from error
        return Page(_orders(content, self._fields)[0], name)


# -- over HTTP -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _over_http(settings: HotlineSettings, fields: FeedFields) -> AsyncIterator[Feed]:
    import httpx  # only where a feed is read: an API process needs none of it

    key = settings.feed_authorization
    headers = {"Authorization": key.get_secret_value()} if key else {}
    async with httpx.AsyncClient(headers=headers, timeout=settings.feed_timeout_seconds) as client:
        yield Http(client, settings.feed or "", fields)


class Http:
    """A page is the reply to `GET feed?after=<cursor>`; where its orders and the next cursor are, and how the
    parameter is called, the mapping tells."""

    def __init__(self, client: Any, address: str, fields: FeedFields) -> None:
        self._client, self._address, self._fields = client, address, fields

    async def page(self, cursor: str) -> Page | None:
        import httpx

        asked = {self._fields.parameter: cursor} if cursor else {}
        try:
            reply = await self._client.get(self._address, params=asked)
            reply.raise_for_status()
        except httpx.HTTPError as error:
            raise NotReady(f"the feed does not answer: {type(error).__name__}") from error
        orders, following = _orders(reply.content, self._fields)
        return Page(orders, following) if orders or following not in (None, cursor) else None


def _orders(content: bytes, fields: FeedFields) -> tuple[list[Any], str | None]:
    """The orders of a page, and the next cursor if it tells one. Errors: `InvalidInput`."""
    if len(content) > _LARGEST:
        raise InvalidInput("a page of the feed is too large")
    try:
        told = json.loads(content)
    except ValueError as error:
        raise InvalidInput("a page of the feed is not JSON") from error
    if isinstance(told, list):
        return told, None
    orders, following = _inside(told, fields.orders), _inside(told, fields.next)
    if orders is None and isinstance(told, dict):
        return [told], None
    if not isinstance(orders, list):
        raise InvalidInput(f"a page of the feed has no list {fields.orders}")
    return orders, None if following in (None, "") else str(following)[:1000]


def _inside(told: Any, path: str) -> Any:
    for step in path.split("."):
        told = told.get(step) if isinstance(told, dict) else None
    return told
