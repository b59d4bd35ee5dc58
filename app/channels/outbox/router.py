"""The API of what goes out: feed, live feed, what a device missed, and the receivers of webhooks."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.cases import stream
from app.cases.scope import visible
from app.cases.stream import TOKEN_LENGTH, Cursor
from app.channels.outbox import events, service, store, sync
from app.channels.outbox.events import CloudEvent
from app.channels.outbox.live import Hub
from app.channels.outbox.pace import DOWN
from app.channels.outbox.schemas import (
    Delivery,
    NewSecret,
    NewWebhook,
    Resend,
    Resent,
    Webhook,
    WebhookChanges,
    delivery_reply,
    webhook_reply,
)
from app.channels.outbox.sync import Synced
from app.dispatch.active import active_rulebook
from app.errors import Conflict, NotFound, Overloaded
from app.etag import NOT_KEPT
from app.identity.access import AdministratorAsking, Asked, Asking, Credentials
from app.paging import Page, PageDep, cut
from app.problems import problem_responses
from app.requests import Services

router = APIRouter()

#: The cursor that stands behind everything there is.
_NOW = "now"
_After = Annotated[
    str | None,
    Query(
        max_length=TOKEN_LENGTH,
        pattern=r"^[^\x00]*$",
        description="A cursor from here: `Feed-Cursor`, or an event's `id` of the live feed; `now` for what"
        " comes from now on. Without it: from the beginning.",
    ),
]


class _Batch(JSONResponse):
    """Events that are JSON already."""

    media_type = events.BATCH_MEDIA_TYPE

    def render(self, content: bytes) -> bytes:
        return content


async def _cursor(after: str | None, ask: Asked) -> Cursor:
    if after is None:
        return Cursor()
    return await stream.newest(ask.connection) if after == _NOW else Cursor.read(after)


@router.get(
    "/feed",
    summary="事件流",
    response_model=list[CloudEvent],
    response_class=_Batch,
    responses={
        200: {
            "headers": {
                "Feed-Cursor": {"schema": {"type": "string"}, "description": "Send it as `after`."},
                "Feed-More": {
                    "schema": {"type": "string", "enum": ["true", "false"]},
                    "description": "Whether more can be had at once.",
                },
                "Link": {"schema": {"type": "string"}, "description": 'The next page, `rel="next"`.'},
            }
        }
    },
)
async def read_feed(
    ask: Asking, after: _After = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> Response:
    """What happened to the cases the caller may see now, oldest first, in order within each case."""
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    cursor = await _cursor(after, ask)
    page = await stream.page(ask.connection, cursor, visible(ask.principal, rulebook), limit)
    token = page.cursor.token()
    following = urlencode({"after": token, "limit": limit})
    return _Batch(
        events.batch_json(page.entries),
        headers={
            "Feed-Cursor": token,
            "Feed-More": "true" if page.more else "false",
            "Link": f'</api/v1/feed?{following}>; rel="next"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/feed/live",
    summary="实时事件流 (SSE)",
    response_class=Response,
    responses=problem_responses(Overloaded)
    | {
        200: {
            "description": "Server-sent events: `event` is the type, `data` a CloudEvent, `id` the cursor.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def live_feed(
    request: Request,
    ask: Asking,
    after: _After = _NOW,
    last_event_id: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=TOKEN_LENGTH, description="Goes before `after`.")
    ] = None,
) -> Response:
    """The same as it happens: after what was missed since the cursor, each event within a second or two."""
    cursor = await _cursor(last_event_id or after, ask)
    await stream.check(ask.connection, cursor)
    hub = _hub(request, ask.parts)
    hub.check_room()
    return StreamingResponse(
        hub.listen(Credentials.of(request), cursor),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _hub(request: Request, parts: Services) -> Hub:
    """The process's one hub over these parts."""
    hub: Hub | None = getattr(request.app.state, "live_hub", None)
    if hub is None or hub.services is not parts:
        hub = request.app.state.live_hub = Hub(parts)
    return hub


@router.get("/sync", summary="增量同步", response_model=Synced)
async def synchronise(
    ask: Asking,
    since: Annotated[
        str | None,
        Query(max_length=TOKEN_LENGTH * 2, pattern=r"^[^\x00]*$", description="`token` of the reply before."),
    ] = None,
) -> Response:
    """The open cases the caller may see; with a token only what changed since, and what is to be removed."""
    done = await sync.sync(ask.connection, ask.principal, since, ask.now)
    return Response(done.model_dump_json(), media_type="application/json")


# -- receivers of webhooks ----------------------------------------------------------------------------------


def _shown(row: Any) -> Webhook:
    return webhook_reply(row, down=row.failures >= DOWN)


@router.post(
    "/webhooks",
    summary="登记接收方 Make a receiver",
    status_code=201,
    dependencies=[NOT_KEPT],
    responses=problem_responses(Conflict),
)
async def create_webhook(ask: AdministratorAsking, new: NewWebhook) -> NewSecret:
    """Its areas must lie within the administrator's own. The secret is shown in this reply only."""
    row, secret = await service.add(ask.connection, ask.principal, new, ask.parts, ask.now)
    return NewSecret(webhook=_shown(row), secret=secret)


@router.get("/webhooks", summary="接收方列表 Receivers")
async def list_webhooks(ask: AdministratorAsking, page: PageDep) -> Page[Webhook]:
    """Those within the administrator's areas, by name."""
    (after,) = page.after(str) or ("",)
    rows = await store.webhooks(ask.connection, ask.principal.areas, after=after, limit=page.limit + 1)
    shown, cursor = cut(rows, page.limit, lambda row: (row.name,))
    return Page(items=[_shown(row) for row in shown], next_cursor=cursor)


@router.get("/webhooks/{webhook_id}", summary="查看接收方 A receiver", responses=problem_responses(NotFound))
async def read_webhook(ask: AdministratorAsking, webhook_id: UUID) -> Webhook:
    return _shown(await service.find(ask.connection, ask.principal, webhook_id))


@router.patch(
    "/webhooks/{webhook_id}",
    summary="修改接收方 Change a receiver",
    responses=problem_responses(NotFound, Conflict),
)
async def change_webhook(ask: AdministratorAsking, webhook_id: UUID, changes: WebhookChanges) -> Webhook:
    """One that was switched off goes on where it stopped."""
    return _shown(
        await service.change(ask.connection, ask.principal, webhook_id, changes, ask.parts, ask.now)
    )


@router.delete(
    "/webhooks/{webhook_id}",
    summary="删除接收方 Delete a receiver",
    status_code=204,
    responses=problem_responses(NotFound),
)
async def delete_webhook(ask: AdministratorAsking, webhook_id: UUID) -> None:
    """What waits for it is gone with it."""
    await service.remove(ask.connection, ask.principal, webhook_id)


@router.post(
    "/webhooks/{webhook_id}/secret",
    summary="更换密钥 Give a new secret",
    dependencies=[NOT_KEPT],
    responses=problem_responses(NotFound),
)
async def renew_secret(ask: AdministratorAsking, webhook_id: UUID) -> NewSecret:
    """For a day messages are signed with the old one, too."""
    row, secret = await service.renew_secret(ask.connection, ask.principal, webhook_id, ask.parts, ask.now)
    return NewSecret(webhook=_shown(row), secret=secret)


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    summary="待送与死信 What waits, and dead letters",
    responses=problem_responses(NotFound),
)
async def list_deliveries(
    ask: AdministratorAsking,
    page: PageDep,
    webhook_id: UUID,
    dead: Annotated[bool | None, Query(description="Only dead letters, or only others.")] = None,
) -> Page[Delivery]:
    """Messages that have not arrived, oldest first."""
    await service.find(ask.connection, ask.principal, webhook_id)
    (after,) = page.after(UUID) or (None,)
    rows = await store.deliveries(ask.connection, webhook_id, dead=dead, after=after, limit=page.limit + 1)
    shown, cursor = cut(rows, page.limit, lambda row: (row.entry_id,))
    return Page(items=[delivery_reply(row) for row in shown], next_cursor=cursor)


@router.post(
    "/webhooks/{webhook_id}/resend",
    summary="重送死信 Send dead letters again",
    responses=problem_responses(NotFound),
)
async def resend(ask: AdministratorAsking, webhook_id: UUID, which: Resend) -> Resent:
    """Each is tried as often as a new message, and then what waits behind it."""
    return Resent(
        resent=await service.send_again(ask.connection, ask.principal, webhook_id, which.events, ask.now)
    )


@router.delete(
    "/webhooks/{webhook_id}/deliveries/{event_id}",
    summary="放弃死信 Give up a dead letter",
    status_code=204,
    responses=problem_responses(NotFound),
)
async def discard(ask: AdministratorAsking, webhook_id: UUID, event_id: UUID) -> None:
    """What waits behind it in its case goes on."""
    await service.discard(ask.connection, ask.principal, webhook_id, event_id)
