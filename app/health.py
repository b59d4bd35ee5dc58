"""健康检查: whether the process lives, and whether it can do its work."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import migrate
from app.dispatch.active import active_rulebook
from app.errors import NotReady
from app.identity.access import OPEN
from app.requests import Services, ServicesDep

_TIMEOUT_SECONDS = 3.0

router = APIRouter(prefix="/health", tags=["运行 Operations"])
_newest = lru_cache(migrate.newest)


class Check(BaseModel):
    """One thing the service needs, and how it stands."""

    ok: bool
    detail: str


class Readiness(BaseModel):
    ready: bool
    checks: dict[str, Check]


@router.get("/live", openapi_extra=OPEN)
async def live() -> dict[str, str]:
    """进程存活 The process answers."""
    return {"status": "alive"}


@router.get("/ready", responses={503: {"model": Readiness}}, openapi_extra=OPEN)
async def ready(parts: ServicesDep, response: Response) -> Readiness:
    """就绪 The database answers, is migrated to what the code needs, and a rulebook is in force."""
    checks = await examine(parts)
    if not all(check.ok for check in checks.values()):
        response.status_code = 503
    return Readiness(ready=response.status_code != 503, checks=checks)


async def examine(parts: Services) -> dict[str, Check]:
    """Each check's outcome; what could not be looked at any more counts as failed."""
    checks = {
        name: Check(ok=False, detail="not looked at") for name in ("database", "migrations", "rulebook")
    }
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), parts.database.transaction() as connection:
            await connection.execute(text("SELECT 1"))
            checks["database"] = Check(ok=True, detail="answers")
            at = await connection.run_sync(migrate.current)
            checks["migrations"] = Check(ok=at == _newest(), detail=f"at {at}, the code needs {_newest()}")
            if checks["migrations"].ok:
                version = await active_rulebook(connection, parts.clock.now())
                checks["rulebook"] = Check(ok=True, detail=f"version {version.number} in force")
    except NotReady as error:
        missing = next(name for name, check in checks.items() if not check.ok)
        checks[missing] = Check(ok=False, detail=error.detail)
    except (SQLAlchemyError, TimeoutError) as error:
        checks["database"] = Check(ok=False, detail=f"cannot be reached: {type(error).__name__}")
    return checks
