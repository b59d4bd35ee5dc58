"""The standard's paths, below `/open311/v2`: `.json` and `.xml` alike, errors in the standard's form.

They are not in the API's description: the standard has its own, and a client looks for that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.channels.open311 import queries, service
from app.channels.open311.formats import Answer, Format, refusal, respond
from app.channels.open311.queries import NewRequest, NewUpdate, RequestsQuery, UpdatesQuery
from app.channels.open311.service import Visit
from app.dispatch.active import active_rulebook
from app.errors import ChengguanError, InvalidInput, NotFound
from app.idempotency import REPLAYED_HEADER, Reply, fingerprint, once
from app.identity.principal import Principal
from app.identity.service import principal_of_key
from app.requests import services as parts_of
from app.settings import Environment

PREFIX = "/open311/v2"
router = APIRouter(prefix=PREFIX, include_in_schema=False)

#: What came with a request, in query and form, in order; a name may come several times.
_Pairs = list[tuple[str, str]]
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@router.get("/discovery.{form}")
async def discovery(request: Request, form: str) -> Response:
    settings = (await parts_of(request)).settings
    kind = "test" if settings.environment is Environment.DEMO else "production"
    endpoint = str(request.base_url).rstrip("/") + PREFIX

    async def act(visit: Visit, _: _Pairs) -> Answer:
        return await service.discovery(visit, endpoint, kind)

    return await _answered(request, form, act)


@router.get("/services.{form}")
async def services(request: Request, form: str) -> Response:
    async def act(visit: Visit, _: _Pairs) -> Answer:
        return service.services(visit)

    return await _answered(request, form, act)


@router.get("/services/{code}.{form}")
async def definition(request: Request, code: str, form: str) -> Response:
    async def act(visit: Visit, _: _Pairs) -> Answer:
        return service.definition(visit, code)

    return await _answered(request, form, act)


@router.get("/requests.{form}")
async def requests(request: Request, form: str) -> Response:
    async def act(visit: Visit, pairs: _Pairs) -> Answer:
        return await service.requests(visit, queries.read(RequestsQuery, pairs))

    return await _answered(request, form, act)


@router.get("/requests/{number}.{form}")
async def one_request(request: Request, number: str, form: str) -> Response:
    async def act(visit: Visit, _: _Pairs) -> Answer:
        return await service.request(visit, number)

    return await _answered(request, form, act)


@router.get("/tokens/{token}.{form}")
async def token(request: Request, token: str, form: str) -> Response:
    async def act(visit: Visit, _: _Pairs) -> Answer:
        return await service.token(visit, token)

    return await _answered(request, form, act)


@router.get("/servicerequestupdates.{form}")
async def updates(request: Request, form: str) -> Response:
    async def act(visit: Visit, pairs: _Pairs) -> Answer:
        return await service.updates(visit, queries.read(UpdatesQuery, pairs))

    return await _answered(request, form, act)


@router.post("/requests.{form}")
async def report(request: Request, form: str) -> Response:
    async def act(visit: Visit, pairs: _Pairs) -> Answer:
        return await service.report(visit, queries.read(NewRequest, pairs))

    return await _answered(request, form, act)


@router.post("/servicerequestupdates.{form}")
async def add_update(request: Request, form: str) -> Response:
    async def act(visit: Visit, pairs: _Pairs) -> Answer:
        return await service.add_update(visit, queries.read(NewUpdate, pairs))

    return await _answered(request, form, act)


# -- every request ---------------------------------------------------------------------------------------


async def _answered(
    request: Request, named: str, act: Callable[[Visit, _Pairs], Awaitable[Answer]]
) -> Response:
    """Carries out a request in a transaction of its own. What is refused is rolled back before it is told, so
    the transaction is opened here and not by the framework."""
    try:
        form = Format(named)
    except ValueError:
        return refusal(NotFound("格式只有 json 和 xml / the formats are json and xml")).response(Format.XML)
    try:
        pairs = await _sent(request)
        parts = await parts_of(request)
        now = parts.clock.now()
        async with parts.database.transaction() as connection:
            key = _value(pairs, "api_key") or request.headers.get("x-api-key", "")
            visit = Visit(
                connection=connection,
                client=await _client(key, connection, now),
                now=now,
                rulebook=(await active_rulebook(connection, now)).rulebook,
                settings=parts.settings.open311,
            )
            visit.check_jurisdiction(_value(pairs, "jurisdiction_id"))
            if request.method == "POST":
                visit.known()
            return await _once(request, form, visit, pairs, act)
    except ChengguanError as error:
        return refusal(error).response(form)


async def _once(
    request: Request,
    form: Format,
    visit: Visit,
    pairs: _Pairs,
    act: Callable[[Visit, _Pairs], Awaitable[Answer]],
) -> Response:
    """With an `Idempotency-Key`, a repeat is given the first answer."""
    key = request.headers.get("idempotency-key")
    if request.method != "POST" or key is None:
        return (await act(visit, pairs)).response(form)
    if not 1 <= len(key) <= 200:
        raise InvalidInput("Idempotency-Key 应为 1 至 200 个字符 / 1 to 200 characters")

    async def reply() -> Reply:
        answer = await act(visit, pairs)
        return Reply(answer.status, answer.body(form))

    done = await once(
        visit.connection,
        principal=visit.known().id,
        key=key,
        fingerprint=await fingerprint(request),
        now=visit.now,
        act=reply,
    )
    marked = {REPLAYED_HEADER: "true"} if done.replayed else {}
    return respond(done.body, done.status, form, marked)


async def _client(api_key: str, connection: AsyncConnection, now: datetime) -> Principal | None:
    """The API client of a key, None without one. Errors: `Unauthenticated` for a key that is none."""
    if not api_key:
        return None
    known = await principal_of_key(connection, api_key, now=now)
    structlog.contextvars.bind_contextvars(principal=str(known.id))
    return known


async def _sent(request: Request) -> _Pairs:
    """Everything the request names. Errors: `InvalidInput` for a body that is no form."""
    pairs = list(request.query_params.multi_items())
    if request.method != "POST" or not await request.body():
        return pairs
    if not request.headers.get("content-type", "").startswith(_FORMS):
        raise InvalidInput("请以表单提交 / send a form: application/x-www-form-urlencoded")
    try:
        async with request.form() as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    raise InvalidInput(
                        "不接收文件，请用 media_url 给出图片地址 / no files: give its address as media_url"
                    )
                pairs.append((name, value))
    except HTTPException as unreadable:
        if unreadable.status_code != 400:
            raise
        raise InvalidInput(f"表单无法解析 / the form cannot be read: {unreadable.detail}") from None
    return pairs


def _value(pairs: _Pairs, name: str) -> str:
    """The last value given under the name; empty without one."""
    return next((value for found, value in reversed(pairs) if found == name), "")
