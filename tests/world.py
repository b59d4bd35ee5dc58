"""小城: a named small city that the stories of the tests are set in.

Two streets side by side, 东街 and 西街, of two communities and four cells each; one road, 中心路, runs along
the middle; every role has somebody. Cells are squares of 0.001° (about 100 m), counted from 西街's
south-western corner at 120.000° E, 30.000° N:

    y=30.002 ┌────┬────┬────┬────┐
             │W3  │W4  │E3  │E4  │   W: 西街 990101001, E: 东街 990101002
    中心路    ├────┼────┼────┼────┤   communities: 1, 2 are 001; 3, 4 are 002
             │W1  │W2  │E1  │E2  │
    y=30.000 └────┴────┴────┴────┘
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

import httpx
from shapely import LineString, MultiLineString, MultiPolygon, Point, Polygon, box, unary_union
from sqlalchemy import insert

from app.clock import ManualClock
from app.db import Database, new_id
from app.dispatch import service as rulebooks
from app.dispatch.rulebook import (
    AreaClass,
    Calendar,
    Category,
    CategoryKind,
    ChiefLevel,
    ClockKind,
    Code,
    CodeSet,
    Condition,
    HandlingLimit,
    LimitUnit,
    MatrixRow,
    Policy,
    Rulebook,
    StageLimit,
    Unit,
    UnitKind,
    WorkSlot,
)
from app.grid import gazetteer
from app.grid.tables import Area, Component, DutyShift, ImportRun, RoadSegment, StreetChief
from app.identity import service as accounts
from app.identity.principal import Role

DISTRICT = "990101"
WEST = "990101001"
EAST = "990101002"
#: Where the stories begin: Monday 2026-03-02, 09:00 in the city.
MONDAY_9AM = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FOUNDED = datetime(2025, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse 电池 staple"
#: 污水井盖 in the middle of W1, owned by the water company.
MANHOLE = "9901010102000001"

CELLS = {
    "W1": (WEST, "001001", 120.000, 30.000),
    "W2": (WEST, "001002", 120.001, 30.000),
    "W3": (WEST, "002001", 120.000, 30.001),
    "W4": (WEST, "002002", 120.001, 30.001),
    "E1": (EAST, "001001", 120.002, 30.000),
    "E2": (EAST, "001002", 120.003, 30.000),
    "E3": (EAST, "002001", 120.002, 30.001),
    "E4": (EAST, "002002", 120.003, 30.001),
}


def cell_code(cell: str) -> str:
    """The 15-digit code of a cell of the drawing."""
    street, rest, _, _ = CELLS[cell]
    return street + rest


def middle(cell: str) -> dict[str, Any]:
    """A position in the middle of a cell, in the storage datum."""
    _, _, x, y = CELLS[cell]
    return {"x": round(x + 0.0005, 6), "y": round(y + 0.0005, 6), "datum": "cgcs2000"}


RULEBOOK = Rulebook(
    name="小城规则库",
    district_code=DISTRICT,
    policy=Policy(fallback_unit="centre"),
    calendar=Calendar(
        slots=(WorkSlot(start=time(8), end=time(12)), WorkSlot(start=time(14), end=time(18))),
        first_year=2025,
        last_year=2026,
    ),
    units=(
        Unit(code="centre", name="城管指挥中心", kind=UnitKind.DEPARTMENT),
        Unit(code="enforcement", name="行政执法局", kind=UnitKind.DEPARTMENT),
        Unit(code="enforcement_west", name="西街执法中队", kind=UnitKind.DEPARTMENT, parent="enforcement",
             areas=(WEST,), duties=("enforcement",)),
        Unit(code="enforcement_east", name="东街执法中队", kind=UnitKind.DEPARTMENT, parent="enforcement",
             areas=(EAST,), duties=("enforcement",)),
        Unit(code="sanitation", name="环卫中心", kind=UnitKind.DEPARTMENT),
        Unit(code="water", name="水务公司", kind=UnitKind.OWNER),
        Unit(code="west_office", name="西街街道办事处", kind=UnitKind.STREET_OFFICE, areas=(WEST,)),
        Unit(code="east_office", name="东街街道办事处", kind=UnitKind.STREET_OFFICE, areas=(EAST,)),
    ),
    categories=(
        Category(code="C01", name="公用设施", kind=CategoryKind.COMPONENT),
        Category(code="C0102", name="污水井盖", kind=CategoryKind.COMPONENT, parent="C01"),
        Category(code="E01", name="市容环境", kind=CategoryKind.EVENT),
        Category(code="E0101", name="私搭乱建", kind=CategoryKind.EVENT, parent="E01"),
        Category(code="E0110", name="暴露垃圾", kind=CategoryKind.EVENT, parent="E01"),
        Category(code="E04", name="街面秩序", kind=CategoryKind.EVENT),
        Category(code="E0405", name="店外经营", kind=CategoryKind.EVENT, parent="E04"),
    ),
    conditions=(
        Condition(code="C0102-1", category="C0102", text="井盖缺失，行人车辆可能陷落", closing="补装井盖"),
        Condition(code="E0101-1", category="E0101", text="未经批准正在搭建", closing="拆除并清理"),
        Condition(code="E0110-1", category="E0110", text="路面有成堆垃圾", closing="清运干净"),
        Condition(code="E0405-1", category="E0405", text="店铺将货物摆到门外", closing="货物收回店内"),
    ),
    limits=(
        HandlingLimit(condition="C0102-1", amount=2, unit=LimitUnit.URGENT_HOUR),
        HandlingLimit(condition="E0101-1", amount=20, unit=LimitUnit.WORK_DAY),
        HandlingLimit(condition="E0101-1", milestone="停工", amount=4, unit=LimitUnit.WORK_HOUR),
        HandlingLimit(condition="E0110-1", amount=4, unit=LimitUnit.WORK_HOUR),
        HandlingLimit(condition="E0405-1", amount=2, unit=LimitUnit.WORK_HOUR),
    ),
    matrix=(
        MatrixRow(code="components", category="component", lead="@owner > @street_office"),
        MatrixRow(code="events", category="event", lead="@street_office", assisting=("enforcement",)),
        MatrixRow(code="rubbish", category="E0110", lead="sanitation"),
        MatrixRow(code="building", category="E0101", lead="@local:enforcement",
                  assisting=("@street_office",)),
    ),
    area_classes=(AreaClass(code="A", name="一类区域"), AreaClass(code="B", name="二类区域")),
    stage_limits=tuple(
        StageLimit(clock=clock, amount=amount, unit=LimitUnit.MINUTE)
        for clock, amount in {
            ClockKind.ACCEPTING: 15, ClockKind.VERIFYING: 30, ClockKind.FILING: 15, ClockKind.DISPATCHING: 15,
            ClockKind.SIGNING: 60, ClockKind.RULING: 15, ClockKind.CHECKING: 30, ClockKind.CLOSING: 30,
            ClockKind.AUDITING: 60, ClockKind.APPEALING: 2880,
        }.items()
    ),
    chief_levels=(ChiefLevel(code="street", name="街长", rank=1),),
    codes=tuple(
        Code(set=code_set, code=code, name=name)
        for code_set, code, name in (
            (CodeSet.SOURCE, "inspector", "监督员上报"), (CodeSet.SOURCE, "hotline", "12345热线"),
            (CodeSet.SOURCE, "citizen", "市民上报"), (CodeSet.SOURCE, "sensor", "物联感知"),
            (CodeSet.REFUSAL, "not_found", "现场不存在"), (CodeSet.REFUSAL, "outside_scope", "不属职责"),
            (CodeSet.DECLINE, "not_mine", "不属本单位"), (CodeSet.EXTENSION, "weather", "恶劣天气"),
            (CodeSet.SUSPENSION, "engineering", "列入工程"), (CodeSet.VOIDING, "filed_in_error", "误立案"),
            (CodeSet.SUPERVISION, "ordinary", "一般督办"), (CodeSet.SUPERVISION, "urgent", "紧急督办"),
        )
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """Somebody of the city. `areas` are what the account may see, `beat` where an inspector is on duty."""

    roles: tuple[Role, ...]
    areas: tuple[str, ...] = (DISTRICT,)
    unit: str | None = None
    beat: tuple[str, ...] = ()


PEOPLE: dict[str, Person] = {
    "wei": Person((Role.INSPECTOR,), (WEST,), beat=(WEST,)),  # 西街监督员
    "lan": Person((Role.INSPECTOR,), (DISTRICT,), beat=(WEST, EAST)),  # 全区监督员
    "dong": Person((Role.INSPECTOR,), (EAST,), beat=(EAST,)),  # 东街监督员
    "clerk": Person((Role.INTAKE_CLERK,)),
    "leader": Person((Role.SHIFT_LEADER,)),
    "second_leader": Person((Role.SHIFT_LEADER,)),
    "dispatcher": Person((Role.DISPATCHER,)),
    "east_dispatcher": Person((Role.DISPATCHER,), (EAST,)),
    "west_officer": Person((Role.UNIT_OFFICER,), unit="west_office"),
    "east_officer": Person((Role.UNIT_OFFICER,), unit="east_office"),
    "enforcer": Person((Role.UNIT_OFFICER,), unit="enforcement"),
    "sweeper": Person((Role.UNIT_OFFICER,), unit="sanitation"),
    "plumber": Person((Role.UNIT_OFFICER,), unit="water"),
    "chief": Person((Role.STREET_CHIEF,), (WEST,)),
    "evaluator": Person((Role.EVALUATOR,)),
    "second_evaluator": Person((Role.EVALUATOR,)),
    "admin": Person((Role.ADMINISTRATOR,)),
    "hotline": Person((Role.INTEGRATION,)),
}


@dataclass
class World:
    """The city as tests use it: who is who, and the headers each sends."""

    ids: dict[str, UUID] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)


async def found(database: Database, rulebook: Rulebook = RULEBOOK) -> World:
    """Builds the city in an empty, migrated database. Headers come with `log_in`."""
    world = World()
    async with database.transaction() as connection:
        await _map(connection)
        await gazetteer.renew(connection)
        head = await rulebooks.save_draft(connection, rulebook, by=UUID(int=0), now=FOUNDED)
        await rulebooks.activate(connection, head.number, effective_from=FOUNDED, by=UUID(int=0), now=FOUNDED)
        for name, person in PEOPLE.items():
            world.ids[name] = await accounts.create_account(
                connection,
                username=name,
                display_name=name,
                password=PASSWORD,
                roles=list(person.roles),
                areas=list(person.areas),
                unit=person.unit,
                now=FOUNDED,
            )
            if person.beat:
                await connection.execute(
                    insert(DutyShift).values(
                        id=new_id(), account_id=world.ids[name], username=name, area_codes=list(person.beat),
                        started_at=FOUNDED,
                    )
                )  # fmt: skip
    return world


async def log_in(http: httpx.AsyncClient, world: World, *names: str) -> None:
    """Logs in those named, or everybody."""
    for name in names or PEOPLE:
        form = {"grant_type": "password", "username": name, "password": PASSWORD}
        reply = await http.post("/api/v1/auth/token", data=form)
        assert reply.status_code == 200, reply.text
        world.headers[name] = {"Authorization": f"Bearer {reply.json()['access_token']}"}


async def _map(connection: Any) -> None:
    run = new_id()
    await connection.execute(
        insert(ImportRun).values(
            id=run, district_code=DISTRICT, manifest="tests", digest="", counts={}, findings={}, accepted=[],
            imported_at=FOUNDED,
        )
    )  # fmt: skip
    squares = {cell_code(name): box(x, y, x + 0.001, y + 0.001) for name, (_, _, x, y) in CELLS.items()}
    areas: dict[str, tuple[str, str, Polygon | MultiPolygon]] = {
        code: ("cell", code, square) for code, square in squares.items()
    }
    for length, level in ((12, "community"), (9, "street"), (6, "district")):
        for code in sorted({cell[:length] for cell in squares}):
            parts = [square for cell, square in squares.items() if cell.startswith(code)]
            areas[code] = (level, _NAMES.get(code, code), unary_union(parts))
    for code, (level, name, shape) in areas.items():
        await connection.execute(
            insert(Area).values(
                id=new_id(), district_code=DISTRICT, level=level, code=code, name=name,
                parent_code=_parent(code),
                area_class="A" if level == "cell" and code.startswith(WEST) else "B",
                geom=_ewkt(MultiPolygon([shape])), predecessors=[], valid_from=FOUNDED,
                import_id=run,
            )
        )  # fmt: skip
    for code, street, start in (("R-W", WEST, 120.0), ("R-E", EAST, 120.002)):
        line = MultiLineString([LineString([(start, 30.001), (start + 0.002, 30.001)])])
        await connection.execute(
            insert(RoadSegment).values(
                id=new_id(), district_code=DISTRICT, code=code, name="中心路",
                road_class="main", street_code=street,
                geom=_ewkt(line), valid_from=FOUNDED, import_id=run,
            )
        )  # fmt: skip
    await connection.execute(
        insert(StreetChief).values(
            id=new_id(), district_code=DISTRICT, segment_code="R-W", level="street", deputy=0, name="陈街长",
            account="chief", unit="west_office", visible_range_m=100, valid_from=FOUNDED, import_id=run,
        )
    )  # fmt: skip
    await connection.execute(
        insert(Component).values(
            id=new_id(), district_code=DISTRICT, code=MANHOLE, category="C0102", name="污水井盖",
            owner_unit="water", maintainer_unit="water", state="intact", cell_code=cell_code("W1"),
            geom=_ewkt(Point(120.0005, 30.0005)), valid_from=FOUNDED, import_id=run,
        )
    )  # fmt: skip


_NAMES = {DISTRICT: "小城区", WEST: "西街街道", EAST: "东街街道"}


def _parent(code: str) -> str | None:
    return {6: None, 9: code[:6], 12: code[:9], 15: code[:12]}[len(code)]


def _ewkt(shape: Any) -> str:
    return f"SRID=4490;{shape.wkt}"


def clock_at(moment: datetime = MONDAY_9AM) -> ManualClock:
    """A clock at the beginning of a story."""
    return ManualClock(moment)
