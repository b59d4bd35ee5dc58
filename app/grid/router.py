"""Routes of places, areas, road segments, street chiefs, components and duty."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from app.errors import Conflict, NotFound
from app.geo import Box, Datum, box_of
from app.grid import gazetteer, service, store
from app.grid.codes import AreaLevel
from app.grid.schemas import (
    AreaCode,
    AreaReply,
    AreaWithGeometry,
    ChiefChanges,
    ChiefReply,
    ComponentChange,
    ComponentReply,
    NewChief,
    NewShift,
    PlaceFoundReply,
    PlaceReply,
    RawPair,
    SegmentReply,
    ShiftReply,
)
from app.identity.access import AdministratorAsking, Asked, Asking, CentreAsking, InspectorAsking, asking
from app.identity.principal import Role
from app.paging import Page, PageDep, cut
from app.problems import problem_responses
from app.requests import At

router = APIRouter(tags=["网格 Grid"])


async def _box(
    bbox: Annotated[
        str | None,
        Query(
            description="west,south,east,north in degrees.",
            max_length=100,
            examples=["114.0,22.5,114.1,22.6"],
        ),
    ] = None,
) -> Box | None:
    return None if bbox is None else box_of(bbox)


BoxDep = Annotated[Box | None, Depends(_box)]
CodeInPath = Annotated[str, Path(pattern=r"^\d{6,18}$")]
SeesComponents = Annotated[
    Asked, asking(Role.ADMINISTRATOR, Role.SHIFT_LEADER, Role.INSPECTOR, Role.UNIT_OFFICER)
]


@router.get("/places", summary="位置查询 What lies at a point", responses=problem_responses(NotFound))
async def read_place(
    ask: Asking,
    x: Annotated[float, Query(description="Longitude, or metres east.", examples=[114.0645])],
    y: Annotated[float, Query(description="Latitude, or metres north.", examples=[22.5268])],
    datum: Datum = Datum.CGCS2000,
    at: At = None,
) -> PlaceReply:
    """Its cell, community, street, district, the road segments within range and the chiefs in office."""
    found = await service.place(ask.connection, ask.principal, x, y, datum, at or ask.now)
    raw = RawPair(x=x, y=y, datum=datum)
    members = {name: getattr(found, name) for name in PlaceReply.model_fields if name != "raw"}
    return PlaceReply.model_validate({"raw": raw, **members}, from_attributes=True)


@router.get("/grid/gazetteer", summary="地名查询 Places an address in words may mean")
async def search_gazetteer(
    ask: Asking,
    words: Annotated[
        str,
        Query(
            min_length=2,
            max_length=gazetteer.LONGEST,
            description="An address as people write it.",
            examples=["兴隆台街与石油大街路口往东50米"],
        ),
    ],
    area: Annotated[AreaCode | None, Query(description="Only places in this area.")] = None,
    limit: Annotated[int, Query(ge=1, le=20)] = 5,
    at: At = None,
) -> list[PlaceFoundReply]:
    """Roads, crossings, points of interest, communities, streets within the caller's areas, surest first."""
    found = await gazetteer.search(
        ask.connection, words, area=area, limit=limit, within=ask.principal.areas, at=at or ask.now
    )
    return [PlaceFoundReply.model_validate(place) for place in found]


@router.get("/areas", summary="区域列表 Areas")
async def list_areas(
    ask: Asking,
    page: PageDep,
    level: AreaLevel | None = None,
    parent: Annotated[AreaCode | None, Query(description="Code of the area they lie in.")] = None,
    at: At = None,
) -> Page[AreaReply]:
    """Those within the caller's areas, by code, without their borders."""
    (after,) = page.after(str) or ("",)
    rows = await store.list_areas(
        ask.connection,
        ask.principal.areas,
        at=at or ask.now,
        level=level,
        parent=parent,
        after=after,
        limit=page.limit + 1,
    )
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.code,))
    return Page(items=[AreaReply.model_validate(row) for row in shown], next_cursor=next_cursor)


@router.get("/areas/{code}", summary="查看区域 An area", responses=problem_responses(NotFound))
async def read_area(ask: Asking, code: CodeInPath, at: At = None) -> AreaWithGeometry:
    return AreaWithGeometry.model_validate(
        await service.area(ask.connection, ask.principal, code, at or ask.now)
    )


@router.get(
    "/areas/{code}/history", summary="区域沿革 An area's versions", responses=problem_responses(NotFound)
)
async def read_area_history(ask: Asking, code: CodeInPath) -> list[AreaReply]:
    """Oldest first. A voided one tells why, and what took over."""
    rows = await service.area_history(ask.connection, ask.principal, code)
    return [AreaReply.model_validate(row) for row in rows]


@router.get("/road-segments", summary="路段列表 Road segments")
async def list_segments(
    ask: Asking,
    page: PageDep,
    street: Annotated[AreaCode | None, Query(description="Code of the street they lie in.")] = None,
    at: At = None,
) -> Page[SegmentReply]:
    (after,) = page.after(str) or ("",)
    rows = await store.list_segments(
        ask.connection,
        ask.principal.areas,
        at=at or ask.now,
        street=street,
        after=after,
        limit=page.limit + 1,
    )
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.code,))
    return Page(items=[SegmentReply.model_validate(row) for row in shown], next_cursor=next_cursor)


@router.get("/street-chiefs", summary="街长列表 Street chiefs in office")
async def list_chiefs(
    ask: Asking,
    page: PageDep,
    segment: Annotated[str | None, Query(description="Code of a road segment.")] = None,
    at: At = None,
) -> Page[ChiefReply]:
    """Those whose segment's street meets the caller's areas."""
    after = page.after(str, str, int)
    rows = await store.list_chiefs(
        ask.connection,
        ask.principal.areas,
        at=at or ask.now,
        segment=segment,
        after=after,
        limit=page.limit + 1,
    )
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.segment_code, row.level, row.deputy))
    return Page(items=[ChiefReply.model_validate(row) for row in shown], next_cursor=next_cursor)


@router.post(
    "/street-chiefs",
    summary="任命街长 Appoint a street chief",
    status_code=201,
    responses=problem_responses(NotFound, Conflict),
)
async def appoint_chief(ask: AdministratorAsking, new: NewChief) -> ChiefReply:
    """Terms of one post (segment, level and deputy rank) may not overlap."""
    return ChiefReply.model_validate(await service.appoint_chief(ask.connection, ask.principal, new, ask.now))


@router.patch(
    "/street-chiefs/{chief_id}",
    summary="修改街长任期 Correct or end a term",
    responses=problem_responses(NotFound, Conflict),
)
async def change_chief(ask: AdministratorAsking, chief_id: UUID, changes: ChiefChanges) -> ChiefReply:
    """`valid_to` ends it. Somebody new in office is a new term, not a changed name."""
    return ChiefReply.model_validate(
        await service.change_chief(ask.connection, ask.principal, chief_id, changes, ask.now)
    )


@router.get("/components", summary="部件列表 Components")
async def list_components(
    ask: Asking,
    page: PageDep,
    box: BoxDep,
    category: Annotated[str | None, Query(description="Category code, or the beginning of one.")] = None,
    cell: Annotated[AreaCode | None, Query(description="Cell code, or an area's they lie in.")] = None,
    at: At = None,
) -> Page[ComponentReply]:
    (after,) = page.after(str) or ("",)
    rows = await store.list_components(
        ask.connection,
        ask.principal.areas,
        at=at or ask.now,
        box=box,
        category=category,
        cell=cell,
        after=after,
        limit=page.limit + 1,
    )
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.code,))
    return Page(items=[ComponentReply.model_validate(row) for row in shown], next_cursor=next_cursor)


@router.get("/components/{code}", summary="查看部件 A component", responses=problem_responses(NotFound))
async def read_component(ask: Asking, code: CodeInPath, at: At = None) -> ComponentReply:
    return ComponentReply.model_validate(
        await service.component(ask.connection, ask.principal, code, at or ask.now)
    )


@router.patch(
    "/components/{code}",
    summary="更新部件状态 Set a component's state",
    responses=problem_responses(NotFound, Conflict),
)
async def change_component(ask: SeesComponents, code: CodeInPath, change: ComponentChange) -> ComponentReply:
    """The state before stays on record. A unit officer sets those of the own unit's components."""
    return ComponentReply.model_validate(
        await service.set_component_state(ask.connection, ask.principal, code, change.state, ask.now)
    )


@router.post("/duty", summary="上岗 Go on duty", status_code=201, responses=problem_responses(Conflict))
async def go_on_duty(ask: InspectorAsking, new: NewShift) -> ShiftReply:
    """Tasks in the beat's cells come to the inspector from now on, at most until `until`."""
    return ShiftReply.model_validate(
        await service.go_on_duty(ask.connection, ask.principal, new.area_codes, ask.now, until=new.until)
    )


@router.delete("/duty", summary="下岗 Go off duty", status_code=204, responses=problem_responses(Conflict))
async def go_off_duty(ask: InspectorAsking) -> None:
    await service.go_off_duty(ask.connection, ask.principal, ask.now)


@router.get("/duty", summary="在岗监督员 Inspectors on duty")
async def list_shifts(ask: CentreAsking, page: PageDep, at: At = None) -> Page[ShiftReply]:
    """Those whose beat meets the caller's areas, longest on duty first."""
    after = page.after(datetime, UUID)
    rows = await store.list_shifts(
        ask.connection, ask.principal.areas, at=at or ask.now, after=after, limit=page.limit + 1
    )
    shown, next_cursor = cut(rows, page.limit, lambda row: (row.started_at, row.id))
    return Page(items=[ShiftReply.model_validate(row) for row in shown], next_cursor=next_cursor)
