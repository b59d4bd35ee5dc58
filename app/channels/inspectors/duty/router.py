"""Routes of duty."""

from __future__ import annotations

from fastapi import APIRouter

from app.channels.inspectors.duty import service
from app.channels.inspectors.duty.schemas import DutyChange, DutyReply
from app.errors import Conflict
from app.identity.access import InspectorAsking
from app.problems import problem_responses

router = APIRouter(prefix="/inspectors/me/duty")


@router.get("", summary="我的勤务 Am I on duty")
async def read_duty(ask: InspectorAsking) -> DutyReply:
    return await service.duty(ask.connection, ask.principal, ask.now)


@router.put("", summary="勤务报备 Go on or off duty", responses=problem_responses(Conflict))
async def change_duty(ask: InspectorAsking, change: DutyChange) -> DutyReply:
    """Tasks in the beat come to the inspector while on duty. A repeat changes nothing."""
    settings = ask.parts.settings.inspectors
    return await service.change(ask.connection, ask.principal, change, ask.now, settings)
