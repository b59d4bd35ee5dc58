"""The small city with 150 cases, ten of every stage; what each is like is drawn by lot."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from app.cases.case import Case, Pending
from app.cases.workflow import ENDS, WITH_UNIT, Stage
from app.db import new_id
from app.postgres import PrivateCluster
from app.requests import Services
from tests.cases.desk import put
from tests.city import Founded, copied
from tests.world import CELLS, DISTRICT, MONDAY_9AM, World, cell_code, middle

NOW = MONDAY_9AM
MINORS = {"C0102": "C01", "E0101": "E01", "E0110": "E01", "E0405": "E04"}
UNITS = (
    "enforcement", "enforcement_west", "enforcement_east", "sanitation", "water", "west_office",
    "east_office",
)  # fmt: skip
TEXTS = (
    "店外经营占道", "路口井盖缺失", "井盖弹跳有响声", "楼后垃圾成堆", "Café 门前堆放桌椅",
    "横幅写着 100%_满意\\保证", "横幅写着 1000 满意", "夜间施工噪声扰民",
)  # fmt: skip
ADDRESSES = ("中心路 1 号", "中心路 12 号", "西街菜市场", "东街小学门口")


@pytest.fixture(scope="session")
def populated(cluster: PrivateCluster, founded: Founded) -> tuple[str, list[Case]]:
    """A copy of the city with 150 cases, ten of every stage; what each is like is drawn by lot."""
    city, world = founded
    made: list[Case] = []

    async def populate(_: Any, services: Services) -> None:
        lot = Random(20260302)
        async with services.database.transaction() as connection:
            rulebook = (await connection.execute(text("SELECT id FROM rulebook_version"))).scalar_one()
            made.extend(_case(lot, stage, n, rulebook, world) for n, stage in enumerate(list(Stage) * 10))
            for case in lot.sample(made, len(made)):
                await put(connection, case)

    return cluster.database_url(copied(cluster, city, populate)), made


@pytest.fixture(scope="session")
def shared_url(populated: tuple[str, list[Case]]) -> str:
    return populated[0]


@pytest.fixture
def cases(populated: tuple[str, list[Case]]) -> list[Case]:
    return populated[1]


def _case(lot: Random, stage: Stage, n: int, rulebook: Any, world: World) -> Case:
    cell = lot.choice(list(CELLS))
    place = middle(cell)
    lon, lat = place["x"] + lot.uniform(-0.0004, 0.0004), place["y"] + lot.uniform(-0.0004, 0.0004)
    minor = lot.choice([*MINORS, None]) if stage not in WITH_UNIT else lot.choice(list(MINORS))
    due_at = None if stage in ENDS or lot.random() < 0.2 else NOW + timedelta(hours=lot.randint(-3, 5))
    inspector = lot.choice(["wei", "lan", "dong"]) if stage in (Stage.VERIFYING, Stage.CHECKING) else None
    reporter = lot.choice(["wei", "lan", "dong", "hotline", "clerk", "chief"])
    return Case(
        id=new_id(),
        number=f"{DISTRICT}-20260{1 + n % 2}01-{n:07d}",
        district_code=DISTRICT,
        stage=stage,
        version=1,
        head="",
        source="hotline" if reporter == "hotline" else "inspector",
        category=minor,
        condition=f"{minor}-1" if stage in WITH_UNIT else None,
        description=lot.choice(TEXTS),
        address=lot.choice(ADDRESSES),
        lon=lon, lat=lat, raw_x=lon, raw_y=lat, datum=place["datum"],
        area_code=cell_code(cell),
        street_code=cell_code(cell)[:9],
        chief_account="chief" if lot.random() < 0.3 else None,
        reporter_id=world.ids[reporter],
        reporter_name=reporter,
        inspector_id=world.ids[inspector] if inspector else None,
        inspector_name=inspector,
        rulebook_id=rulebook,
        lead_unit=lot.choice(UNITS) if stage in WITH_UNIT or stage is Stage.CLOSED else None,
        assisting_units=tuple(lot.sample(UNITS, lot.choice([0, 0, 1, 2]))) if stage in WITH_UNIT else (),
        reported_at=NOW - timedelta(hours=6 * lot.randint(1, 40)),  # many at the same moment
        filed_at=NOW if stage in WITH_UNIT or stage is Stage.CLOSED else None,
        ended_at=NOW if stage in ENDS else None,
        due_at=due_at,
        amber_at=due_at - timedelta(hours=1) if due_at else None,
        self_handled=stage is Stage.CLOSED and lot.random() < 0.3,
        overdue=lot.choice([True, False]) if stage in (Stage.CHECKING, Stage.CLOSING, Stage.CLOSED) else None,
        exempt=lot.random() < 0.1,
        declines=lot.randint(0, 2), extensions=lot.randint(0, 2), suspensions=lot.randint(0, 1),
        reworks=lot.randint(0, 2),
        listed=lot.random() < 0.2,
        pending=lot.choice([None, None, *Pending]) if stage in WITH_UNIT else None,
        merged_into=new_id() if stage is Stage.MERGED else None,
    )  # fmt: skip
