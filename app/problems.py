"""Every error as an RFC 9457 problem document (`application/problem+json`).

`ANSWERS` gives each domain error its status; a test proves that none is missing. A problem's `type` is
`/problems/<code>` and stays the same over the service's life; `code` is for programs, `title` and
`detail` for people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from app import errors
from app.errors import ChengguanError

MEDIA_TYPE = "application/problem+json"
#: Seconds a client should wait before it tries again after a 503.
RETRY_AFTER = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """The status an error is answered with, and its title in Chinese."""

    status: int
    title_zh: str


ANSWERS: dict[type[ChengguanError], Answer] = {
    errors.Unauthenticated: Answer(HTTPStatus.UNAUTHORIZED, "请先登录"),
    errors.TooManyAttempts: Answer(HTTPStatus.TOO_MANY_REQUESTS, "尝试次数过多"),
    errors.Forbidden: Answer(HTTPStatus.FORBIDDEN, "岗位或辖区无此权限"),
    errors.NotFound: Answer(HTTPStatus.NOT_FOUND, "未找到"),
    errors.InvalidInput: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "内容有误"),
    errors.OutsideDistrict: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "位置不在辖区任何单元网格内"),
    errors.GridRefused: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "网格数据整体未通过检查"),
    errors.RulebookRefused: Answer(HTTPStatus.UNPROCESSABLE_ENTITY, "规则库整体未通过检查"),
    errors.Conflict: Answer(HTTPStatus.CONFLICT, "当前状态下无法办理"),
    errors.ActionNotAllowed: Answer(HTTPStatus.CONFLICT, "案卷当前环节不允许此操作"),
    errors.IdempotencyConflict: Answer(HTTPStatus.CONFLICT, "幂等键已用于另一请求"),
    errors.VersionConflict: Answer(HTTPStatus.PRECONDITION_FAILED, "案卷已被他人更新"),
    errors.VersionRequired: Answer(HTTPStatus.PRECONDITION_REQUIRED, "请注明所修改的版本"),
    errors.UnknownProtocol: Answer(HTTPStatus.PRECONDITION_FAILED, "不支持的协议版本"),
    errors.ChecksumMismatch: Answer(460, "校验和不符"),  # the number that tus gave it
    errors.NotReady: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "服务尚未就绪"),
    errors.Overloaded: Answer(HTTPStatus.SERVICE_UNAVAILABLE, "请求过多"),
}

#: What the web framework itself refuses: code and titles by status.
_TRANSPORT: dict[int, tuple[str, str]] = {
    400: ("unreadable", "请求无法解析 · The request cannot be read"),
    404: ("no_such_path", "没有此路径 · No such path"),
    405: ("method_not_allowed", "此路径不支持该方法 · The path does not take this method"),
    413: ("too_large", "请求内容过大 · The body is too large"),
    415: ("unsupported_content_type", "不支持的内容类型 · The content type is not supported"),
    500: ("internal_error", "服务内部错误 · The service failed"),
}


class Problem(BaseModel):
    """问题文档 (RFC 9457). Some errors add members: `fields`, `allowed`, `current`, `retry_after`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Names the kind of error for good.", examples=["/problems/not_found"])
    title: str = Field(description="The kind of error, Chinese and English.")
    status: int
    detail: str = Field(description="What is wrong here and what to do.")
    instance: str = Field(description="Path of the request.")
    code: str = Field(description="The kind of error, for programs.")
    request_id: str | None = Field(None, description="As in the `X-Request-ID` header and the logs.")
    fields: dict[str, str] | None = Field(None, description="A field's path and what is wrong with it.")


def title_of(error: type[ChengguanError]) -> str:
    """Chinese title first, English beside it."""
    return f"{ANSWERS[error].title_zh} · {error.title}"


def problem(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """The reply that carries a problem document."""
    document = _document(request.scope["path"], status, code, title, detail, extra or {})
    return JSONResponse(document, status_code=int(status), headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _document(
    path: str, status: int, code: str, title: str, detail: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        **extra,
        "type": f"/problems/{code}",
        "title": title,
        "status": int(status),
        "detail": detail,
        "instance": quote(path),
        "code": code,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
    }


def told(error: ChengguanError, path: str) -> dict[str, Any]:
    """The problem document of one refusal among several results of a request."""
    kind = type(error)
    return _document(path, ANSWERS[kind].status, kind.code, title_of(kind), error.detail, error.extra)


def refused(request: Request, error: ChengguanError) -> JSONResponse:
    """The reply to what the domain refuses."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.Overloaded):
        request.app.state.metrics.shed.inc()
    if isinstance(error, (errors.TooManyAttempts, errors.NotReady)):
        headers["Retry-After"] = str(error.extra.get("retry_after", RETRY_AFTER))
    elif isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    kind = type(error)
    return problem(
        request,
        ANSWERS[kind].status,
        kind.code,
        title_of(kind),
        error.detail,
        headers=headers,
        extra=error.extra,
    )


async def _domain(request: Request, error: ChengguanError) -> JSONResponse:
    return refused(request, error)


#: How pydantic names the member of an enumeration; people should read its value only.
_PYTHON_ENUM = re.compile(r"<\w+\.\w+: ('[^']*')>")


async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
    fields: dict[str, str] = {}
    for found in error.errors():
        source, *path = found["loc"]
        fields[".".join(map(str, path)) or str(source)] = _PYTHON_ENUM.sub(r"\1", found["msg"])
    named = ", ".join(list(fields)[:5])
    return refused(request, errors.InvalidInput(f"correct these fields: {named}", fields=fields))


async def _transport(request: Request, error: HTTPException) -> JSONResponse:
    headers = {"Allow": _methods(request)} if error.status_code == 405 else error.headers
    return transport_problem(request, error.status_code, str(error.detail), headers=headers)


def _methods(request: Request) -> str:
    """Every method the path takes (RFC 9110 §10.2.1); the framework names those of its first route only."""

    def taken(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(filter(taken, ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")))


def transport_problem(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem that no domain error stands for: an unknown path, a body too large, our own fault."""
    code, title = _TRANSPORT.get(status, (f"http_{status}", f"请求未完成 · HTTP {status}"))
    return problem(request, status, code, title, detail, headers=headers)


def unexpected(request: Request) -> JSONResponse:
    """The reply to an error nobody foresaw: no details, but the id under which the log tells them."""
    return transport_problem(request, 500, "the service failed; its log has the reason under this request id")


def install(app: FastAPI) -> None:
    """Answers every error raised below the routes with a problem document."""
    app.add_exception_handler(ChengguanError, _domain)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _transport)  # type: ignore[arg-type]


def problem_responses(*refusals: type[ChengguanError]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: each error it may answer with, by status, with an example.

    A status named again further in takes the place of the one outside: name all of its errors there.
    """
    declared: dict[int | str, dict[str, Any]] = {}
    for error in refusals:
        status = int(ANSWERS[error].status)
        detail = (error.__doc__ or error.title).split("\n")[0].strip()
        _declare(declared, status, error.code, title_of(error), detail)
    return declared


def transport_responses(*statuses: int) -> dict[str, dict[str, Any]]:
    """The same for what the web framework refuses."""
    declared: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        code, title = _TRANSPORT[status]
        _declare(declared, status, code, title, title)
    return {str(status): response for status, response in declared.items()}


def _declare(
    declared: dict[int | str, dict[str, Any]], status: int, code: str, title: str, detail: str
) -> None:
    schema = {"$ref": "#/components/schemas/Problem"}
    described = {"description": title, "content": {MEDIA_TYPE: {"schema": schema, "examples": {}}}}
    examples = declared.setdefault(status, described)["content"][MEDIA_TYPE]["examples"]
    examples[code] = {
        "summary": title,
        "value": {
            "type": f"/problems/{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "/api/v1/…",
            "code": code,
            "request_id": "0198f3c2a7b17c3e9d4f5a6b7c8d9e0f",
        },
    }
