"""The hotline's API: orders and call-backs in, in the city's own fields; and where they stand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from app.cases.schemas import Period
from app.cases.scope import visible
from app.cases.stream import TOKEN_LENGTH, Cursor
from app.channels.hotline import rates, reading, schemas, service, store, telling
from app.channels.hotline.service import hotline_of
from app.dispatch.active import active_rulebook
from app.errors import ActionNotAllowed, Conflict, NotFound
from app.etag import NOT_KEPT
from app.identity.access import Asked, Asking, CentreAsking, asking
from app.identity.principal import Role
from app.problems import problem_responses

router = APIRouter(prefix="/hotline")

_ORDER_EXAMPLE: dict[str, Any] = {
    "工单编号": "热线-260302-000123",
    "工单类型": "投诉",
    "标题": "烧烤摊占道",
    "主要内容": "人行道上烧烤摊占道，油烟大",
    "来电人": "张三",
    "来电人电话/账号": "13800001234",
    "被反映街乡镇": "西街街道",
    "小区点位": "中心路与石油大街路口东北角",
}
_CALL_BACK_EXAMPLE: dict[str, Any] = {"是否接通": "是", "是否解决": "解决", "是否满意": "满意"}

HotlineAsking = Annotated[Asked, asking(Role.INTEGRATION)]
_OF_AN_ORDER = problem_responses(NotFound, Conflict, ActionNotAllowed)


@router.post("/orders", summary="推送工单")
async def push_orders(
    content: Annotated[schemas.Documents, Body(openapi_examples={"beijing": {"value": [_ORDER_EXAMPLE]}})],
    ask: HotlineAsking,
) -> schemas.OrderAnswers:
    """One order or a list of them, in the city's own fields. Each is answered by itself, one sent again is
    known, and all that are not refused are stored when the answer comes."""
    hotline = hotline_of(ask.parts.settings)
    documents = content if isinstance(content, list) else [content]
    answers = await service.take_all(ask.connection, hotline, documents, ask.principal, ask.now)
    return schemas.OrderAnswers(orders=[schemas.answer(one) for one in answers])


@router.get("/orders", summary="工单变化")
async def changed_orders(
    ask: Asking,
    after: Annotated[
        str | None,
        Query(max_length=TOKEN_LENGTH, description="`cursor` of the last time; unset: from the first on."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Changes looked through at most.")] = 100,
) -> schemas.OrderChanges:
    """Orders of which something changed since, as far as the caller may see them. What is being written while
    one asks comes the next time; nothing is passed over."""
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    cursor = Cursor() if after is None else Cursor.read(after)
    changed, page = await store.changed(ask.connection, visible(ask.principal, rulebook), cursor, limit)
    kept = await store.kept(ask.connection, changed)
    return schemas.OrderChanges(
        items=[schemas.reply(one, rulebook) for one in kept],
        cursor=page.cursor.token(),
        more=page.more,
    )


@router.get("/orders/{order}", summary="工单状态", responses=problem_responses(NotFound))
async def read_order(order: str, ask: Asking) -> schemas.OrderReply:
    """Where the order stands; the caller is masked."""
    return schemas.reply(*await service.find(ask.connection, order, ask.principal, ask.now))


@router.get("/orders/{order}/reply", summary="回单", responses=problem_responses(NotFound))
async def read_reply(order: str, ask: Asking) -> dict[str, str]:
    """The same in the city's own fields and codes."""
    hotline = hotline_of(ask.parts.settings)
    kept, rulebook = await service.find(ask.connection, order, ask.principal, ask.now)
    return telling.reply(hotline.mapping, kept.told(rulebook))


@router.post("/orders/{order}/return", summary="退单", responses=_OF_AN_ORDER)
async def return_order(order: str, body: schemas.Return, ask: Asking) -> schemas.OrderReply:
    """Refuses the order's case, with the reason, inside the limit."""
    hotline = hotline_of(ask.parts.settings)
    return schemas.reply(
        *await service.give_back(
            ask.connection, hotline, order, body.reason, body.note, ask.principal, ask.now
        )
    )


@router.post("/orders/{order}/answer", summary="答复", responses=_OF_AN_ORDER)
async def answer_order(order: str, body: schemas.Answer, ask: Asking) -> schemas.OrderReply:
    """The result and the words for the citizen; without it, the case's end and the unit's words stand."""
    hotline = hotline_of(ask.parts.settings)
    return schemas.reply(
        *await service.answer(ask.connection, hotline, order, body.result, body.text, ask.principal, ask.now)
    )


@router.post("/orders/{order}/call-back", summary="回访结果", responses=_OF_AN_ORDER)
async def call_back(
    order: str,
    content: Annotated[schemas.Document, Body(openapi_examples={"beijing": {"value": _CALL_BACK_EXAMPLE}})],
    ask: Asking,
) -> schemas.OrderReply:
    """What the citizen said when called, in the city's own fields and codes."""
    hotline = hotline_of(ask.parts.settings)
    said = reading.call_back(hotline.mapping, content)
    return schemas.reply(
        *await service.call_back(ask.connection, hotline, order, said, ask.principal, ask.now)
    )


@router.post("/orders/{order}/caller", summary="查看来电人", dependencies=[NOT_KEPT], responses=_OF_AN_ORDER)
async def reveal_caller(order: str, body: schemas.Reveal, ask: Asking) -> schemas.CallerReply:
    """The caller's name and number in full. Who looked, and why, is an entry of the case's journal."""
    hotline = hotline_of(ask.parts.settings)
    found = await service.reveal(ask.connection, hotline, order, body.reason, ask.principal, ask.now)
    return schemas.CallerReply(name=found.name, phone=found.phone)


@router.get("/rates", summary="三率")
async def three_rates(query: Annotated[Period, Query()], ask: CentreAsking) -> schemas.Rates:
    """响应率, 解决率, 满意率 by lead unit, over the orders received in the period."""
    rulebook = (await active_rulebook(ask.connection, ask.now)).rulebook
    settings = ask.parts.settings.hotline
    rows = await store.rates(
        ask.connection, visible(ask.principal, rulebook), query.since, query.until,
        partly=settings.partly_share, fair=settings.fair_share,
    )  # fmt: skip
    return rates.of_units(rows, rulebook, settings)


@router.get("/refusals", summary="未受理的拉取工单")
async def refusals(
    ask: CentreAsking, limit: Annotated[int, Query(ge=1, le=200)] = 100
) -> list[schemas.Refusal]:
    """Orders of the feed that were not taken in, the newest first: they are sent again or asked about."""
    return [schemas.Refusal(**row) for row in await store.refusals(ask.connection, limit)]
