"""The API: parts put together, no logic."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from app import health, logs, metrics, problems
from app.cases import router as cases
from app.channels.catalogue import CHANNELS
from app.clock import Clock, WallClock
from app.db import Database
from app.dispatch import router as dispatch
from app.door import Door, Turnstile
from app.errors import Forbidden, InvalidInput, NotReady, Overloaded, Unauthenticated
from app.grid import router as grid
from app.identity import access
from app.identity import router as identity
from app.line import Line
from app.middleware import BodyGuard, RequestMiddleware
from app.photos import router as photos
from app.photos import uploads
from app.session import open_services
from app.settings import Settings
from app.suggestions import router as suggestions
from app.watchdog import leave_with_parent

_TAGS = [
    {"name": "身份 Identity", "description": "登录、账号、接口客户端 Logging in, accounts, API clients."},
    {
        "name": "网格 Grid",
        "description": "区、街道、社区、单元网格、道路、街长、部件 Where, and who is in office there.",
    },
    {"name": "派遣规则 Dispatch", "description": "规则库、责任矩阵、时限 Who must act, and by when."},
    {"name": "案卷 Cases", "description": "从上报到结案 From the report to closure."},
    {"name": "照片 Photos", "description": "断点续传、验看、查看 Resumable upload, evidence, pictures."},
    *({"name": channel.tag, "description": channel.summary} for channel in CHANNELS),
    {"name": "运行 Operations", "description": "健康检查 Health."},
]


def create_app(
    settings: Settings, *, clock: Clock | None = None, database: Database | None = None
) -> FastAPI:
    """The service over these settings. A `database` given is used as it is and left open."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services(settings, clock=clock or WallClock(), database=database) as parts:
            app.state.services = parts
            app.state.metrics.watch(parts.database)
            yield

    app = FastAPI(
        title="城管 Chengguan",
        summary="数字化城市管理: from a report in a grid cell to a verified, closed case",
        version=version("chengguan"),
        openapi_tags=_TAGS,
        lifespan=lifespan,
    )
    app.state.metrics = metrics.Metrics()
    line = Line(settings.pool.size, patience=settings.server.wait_seconds)
    # The last added is the outermost.
    app.add_middleware(BodyGuard, limits=settings.server)
    app.add_middleware(Turnstile, line=line)
    app.add_middleware(RequestMiddleware, metrics=app.state.metrics)
    app.add_middleware(Door, line=line)
    problems.install(app)
    declared = problems.problem_responses(Unauthenticated, Forbidden, InvalidInput, NotReady, Overloaded)
    # Routes are tried in this order: the most asked first.
    for router in (
        cases.router,
        grid.router,
        uploads.router,
        photos.router,
        suggestions.router,
        dispatch.router,
        identity.router,
    ):
        app.include_router(router, prefix="/api/v1", responses=declared)
    for channel in CHANNELS:
        for router in channel.routers:
            app.include_router(router, prefix="/api/v1", responses=declared, tags=[channel.tag])
        for router in channel.roots:
            app.include_router(router)
    app.include_router(health.router)
    app.include_router(metrics.router)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Adds to the OpenAPI document what is the same for all routes: how to log in, the problem document's
    schema that their responses refer to, and beside every body how one that cannot be read is refused."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("Problem", problems.Problem.model_json_schema())
        access.describe(document)
        unreadable = problems.transport_responses(400, 413, 415)
        for operation in (found for item in document["paths"].values() for found in item.values()):
            if "requestBody" in operation:
                operation["responses"] |= unreadable
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def build() -> FastAPI:
    """For `uvicorn --factory`: the service over the environment's settings."""
    leave_with_parent()
    settings = Settings()
    logs.configure(settings.log)
    app = create_app(settings)
    # What stays is not walked again by the collector, and what a request makes goes without it: its full
    # rounds over half a million objects took a quarter of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    return app
