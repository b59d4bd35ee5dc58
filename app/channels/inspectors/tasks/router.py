"""Routes of tasks, of the cell one stands in, and of what may be reported."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app.channels.inspectors.tasks import service
from app.channels.inspectors.tasks.schemas import MOST, Choices, HereReply, TaskQuery, TaskReply, choices
from app.dispatch.active import active_rulebook
from app.errors import InvalidInput, NotFound, OutsideDistrict
from app.etag import UNCHANGED, IfNoneMatch, unchanged
from app.geo import Datum
from app.identity.access import Asking, InspectorAsking
from app.problems import problem_responses

router = APIRouter()


@router.get("/tasks", summary="我的任务")
async def tasks(query: Annotated[TaskQuery, Query()], ask: Asking) -> list[TaskReply]:
    """What was given to the caller, the most urgent or the nearest first."""
    return await service.tasks(ask.connection, ask.principal, query, ask.now)


@router.get(
    "/inspectors/me/cell",
    summary="所在单元网格 The cell I stand in",
    responses=problem_responses(NotFound, InvalidInput, OutsideDistrict),
)
async def read_cell(
    ask: InspectorAsking,
    x: Annotated[float, Query(description="Longitude, or metres east.", examples=[122.0712])],
    y: Annotated[float, Query(description="Latitude, or metres north.", examples=[41.1198])],
    datum: Datum = Datum.GCJ02,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Open cases at most.")] = 50,
) -> HereReply:
    """With its open cases that the caller may see, the nearest first."""
    return await service.here(ask.connection, ask.principal, x, y, datum, ask.now, limit)


@router.get(
    "/inspectors/conditions",
    summary="可选立案条件 What may be reported",
    response_model=Choices,
    responses=UNCHANGED,
)
async def read_choices(
    ask: Asking, response: Response, if_none_match: IfNoneMatch = None
) -> Choices | Response:
    """Majors, minors and conditions, small enough for a phone to keep until the rulebook changes."""
    version = await active_rulebook(ask.connection, ask.now)
    if (same := unchanged(version.number, if_none_match, response)) is not None:
        return same
    return choices(version.number, version.rulebook)
