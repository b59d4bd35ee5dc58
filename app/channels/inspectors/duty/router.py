"""Routes of duty."""

from __future__ import annotations

from fastapi import APIRouter

from app.channels.inspectors.duty import service
from app.channels.inspectors.duty.schemas import DutyChange, DutyReply
from app.errors import Conflict
from app.identity.access import InspectorOnly
from app.problems import problem_responses
from app.requests import ClockDep, Conn, ServicesDep

router = APIRouter(prefix="/inspectors/me/duty")


@router.get("", summary="我的勤务 Am I on duty")
async def read_duty(inspector: InspectorOnly, connection: Conn, clock: ClockDep) -> DutyReply:
    return await service.duty(connection, inspector, clock.now())


@router.put("", summary="勤务报备 Go on or off duty", responses=problem_responses(Conflict))
async def change_duty(
    inspector: InspectorOnly, connection: Conn, parts: ServicesDep, asked: DutyChange
) -> DutyReply:
    """Tasks in the beat come to the inspector while on duty. A repeat changes nothing."""
    settings = parts.settings.inspectors
    return await service.change(connection, inspector, asked, parts.clock.now(), settings)
