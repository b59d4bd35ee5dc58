"""Routes of the rulebook: its versions, the one in force, trying one out."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response, UploadFile

from app.dispatch import schemas, service
from app.dispatch.active import RulebookVersion, active_rulebook
from app.dispatch.files import read_uploaded, workbook
from app.dispatch.rulebook import CategoryKind
from app.errors import Conflict, InvalidInput, NotFound, RulebookRefused
from app.etag import UNCHANGED, IfNoneMatch, unchanged
from app.identity.access import AdministratorAsking, Asked, Asking, CentreAsking
from app.problems import problem_responses

router = APIRouter(prefix="/rulebooks", tags=["派遣规则 Dispatch"])

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_MAX_NUMBER = 2**31 - 1
Number = Annotated[int, Path(ge=1, le=_MAX_NUMBER, description="版本号 The version's number.", examples=[3])]


@router.get("", summary="规则库版本 Versions")
async def list_versions(ask: CentreAsking) -> list[schemas.VersionReply]:
    """Every version, the newest first, and which one is in force."""
    versions = await service.list_versions(ask.connection, ask.now, ask.principal)
    return [schemas.VersionReply.of(version) for version in versions]


@router.post(
    "",
    summary="导入规则库 Upload a draft",
    status_code=201,
    responses=problem_responses(InvalidInput, RulebookRefused),
)
async def upload(ask: AdministratorAsking, file: UploadFile) -> schemas.DraftReply:
    """A workbook (.xlsx) or a zipped folder. Stored as a draft with its check; nothing is in force yet."""
    rulebook = await asyncio.to_thread(read_uploaded, await file.read())
    service.check_scope(ask.principal, rulebook)
    head = await service.save_draft(ask.connection, rulebook, by=ask.principal.id, now=ask.now)
    return schemas.DraftReply(
        version=schemas.VersionReply.of(await service.listed(ask.connection, head.number, ask.now)),
        report=schemas.ReportReply.of(await service.check_on_grid(ask.connection, rulebook, ask.now)),
    )


@router.get(
    "/active",
    summary="现行规则库 The rulebook in force",
    response_model=schemas.RulebookReply,
    responses=UNCHANGED,
)
async def read_active(
    ask: Asking, response: Response, if_none_match: IfNoneMatch = None
) -> schemas.RulebookReply | Response:
    version = await active_rulebook(ask.connection, ask.now)
    if (same := unchanged(version.number, if_none_match, response)) is not None:
        return same
    return schemas.RulebookReply.of(version)


@router.get(
    "/active/conditions",
    summary="现行立案条件 Filing conditions in force",
    response_model=list[schemas.ConditionReply],
    responses=UNCHANGED,
)
async def read_conditions(
    ask: Asking,
    response: Response,
    minor: Annotated[str | None, Query(description="Only of this minor.", examples=["C0101"])] = None,
    kind: Annotated[CategoryKind | None, Query(description="Only of components or events.")] = None,
    if_none_match: IfNoneMatch = None,
) -> list[schemas.ConditionReply] | Response:
    """What a report may be filed for, with closing conditions and limits, for reporting apps to keep."""
    version = await active_rulebook(ask.connection, ask.now)
    if (same := unchanged(version.number, if_none_match, response)) is not None:
        return same
    return schemas.conditions_of(version.rulebook, minor=minor, kind=kind)


@router.get(
    "/{number}",
    summary="规则库内容 One version",
    responses=problem_responses(NotFound),
)
async def read_version(ask: CentreAsking, number: Number) -> schemas.RulebookReply:
    return schemas.RulebookReply.of(await _seen(ask, number))


@router.get(
    "/{number}/check",
    summary="检查规则库 Check a version",
    responses=problem_responses(NotFound),
)
async def check_version(ask: CentreAsking, number: Number) -> schemas.ReportReply:
    """Gaps, ties, rows never reached, units gone, limits missing, calendar holes: against today's grid."""
    version = await _seen(ask, number)
    return schemas.ReportReply.of(await service.check_on_grid(ask.connection, version.rulebook, ask.now))


@router.get(
    "/{number}/diff",
    summary="比较两个版本 What a version changes",
    responses=problem_responses(NotFound),
)
async def diff_version(
    ask: CentreAsking,
    number: Number,
    against: Annotated[
        int | None, Query(ge=1, le=_MAX_NUMBER, description="The other version; the active one if left out.")
    ] = None,
) -> schemas.DiffReply:
    version = await _seen(ask, number)
    other = await service.version_or_active(ask.connection, against, ask.now, ask.principal)
    return schemas.DiffReply.of(version.number, other.number, service.changes(version, other))


@router.get(
    "/{number}/workbook",
    summary="下载工作簿 Download as a workbook",
    response_class=Response,
    responses={200: {"content": {_XLSX: {}}}, **problem_responses(NotFound)},
)
async def download_workbook(ask: CentreAsking, number: Number) -> Response:
    """The version as one XLSX file; edited and uploaded again it becomes the next draft."""
    version = await _seen(ask, number)
    content = await asyncio.to_thread(workbook, version.rulebook)
    name = f"rulebook-{version.rulebook.district_code}-{version.number}.xlsx"
    return Response(
        content,
        media_type=_XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post(
    "/{number}/activations",
    summary="启用 Put a version in force",
    status_code=201,
    responses=problem_responses(NotFound, Conflict, InvalidInput, RulebookRefused),
)
async def activate(
    ask: AdministratorAsking, number: Number, activation: schemas.NewActivation
) -> schemas.VersionReply:
    """From the moment named on. An older version activated again takes a change back."""
    version = await _seen(ask, number)
    service.check_scope(ask.principal, version.rulebook)
    await service.activate(
        ask.connection,
        version.number,
        effective_from=activation.effective_from,
        by=ask.principal.id,
        now=ask.now,
    )
    return schemas.VersionReply.of(await service.listed(ask.connection, version.number, ask.now))


@router.post(
    "/{number}/explain",
    summary="试算派遣与时限 Try a version on a problem",
    responses=problem_responses(NotFound),
)
async def explain_problem(
    ask: CentreAsking, number: Number, trial: schemas.Trial
) -> schemas.ExplanationReply:
    """Who would lead and assist, by which row and why, and until when. Nothing is stored."""
    version = await _seen(ask, number)
    at = trial.at or ask.now
    if trial.position is not None:
        position = (trial.position.x, trial.position.y, trial.position.datum)
        explanation = await service.explain_at(
            ask.connection,
            version.rulebook,
            condition=trial.condition,
            position=position,
            at=at,
            source=trial.source,
            component_code=trial.component_code,
            reader=ask.principal,
        )
    else:
        assert trial.area_code is not None  # the schema sees to it
        explanation = service.explain_in(
            version.rulebook,
            trial.area_code,
            condition=trial.condition,
            at=at,
            source=trial.source,
            reader=ask.principal,
        )
    return schemas.ExplanationReply.of(version, explanation)


async def _seen(ask: Asked, number: int) -> RulebookVersion:
    """The version named in the path, of the caller's own district."""
    return await service.numbered(ask.connection, number, ask.principal)
