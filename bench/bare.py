"""最简接口: the least an endpoint that takes in reports could be, to hold the service's own against.

FastAPI and asyncpg in as many processes as the service, run by the same code: a validated body, one
statement that writes the rows the service writes, a short reply. Nobody logs in, no rule is read, nothing is
logged.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Header
from pydantic import BaseModel, Field

from app.db import libpq_url, new_id
from app.server import serve
from app.settings import Settings
from bench.statements import INTAKE, numbered

_TYPES = {
    "case_id": "uuid", "entry_id": "uuid", "clock_id": "uuid", "now": "timestamptz", "lon": "float8",
    "lat": "float8", "category": "text", "description": "text", "address": "text", "reporter": "uuid",
    "key": "text", "pairs": "text[]",
}  # fmt: skip
_STATEMENT = numbered(INTAKE, _TYPES)
_REPORTER = UUID(hashlib.md5(b"reporter", usedforsecurity=False).hexdigest())


class BareReport(BaseModel):
    """Ten fields, as the service's own report has."""

    action: str = "report"
    source: str = "inspector"
    x: float = Field(ge=-180, le=180)
    y: float = Field(ge=-90, le=90)
    datum: str = "cgcs2000"
    address: str = Field("", max_length=200)
    description: str = Field(min_length=1, max_length=2000)
    category: str = Field(max_length=64)
    component_code: str | None = None
    external_number: str | None = None


class BareReply(BaseModel):
    id: UUID
    number: str


def build() -> FastAPI:
    """For `uvicorn --factory`."""
    settings = Settings()
    assert settings.database_url is not None
    url = libpq_url(settings.database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=settings.pool.size, max_size=settings.pool.size) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/health/live")
    async def alive() -> str:
        return "ok"

    @app.post("/cases", status_code=201)
    async def report(body: BareReport, idempotency_key: Annotated[str, Header()]) -> BareReply:
        texts = (body.description, body.address)
        pairs = sorted({text[at : at + 2] for text in texts for at in range(len(text) - 1)})
        row = await app.state.pool.fetchrow(
            _STATEMENT, new_id(), new_id(), new_id(), datetime.now(UTC), body.x, body.y, body.category,
            body.description, body.address, _REPORTER, idempotency_key, pairs,
        )  # fmt: skip
        return BareReply(id=row["id"], number=row["number"])

    return app


def main() -> None:
    settings = Settings()
    serve(
        settings, host="127.0.0.1", port=0, workers=settings.server.workers,
        tell=lambda url: print(url, flush=True), api="bench.bare:build",
    )  # fmt: skip


if __name__ == "__main__":
    main()
