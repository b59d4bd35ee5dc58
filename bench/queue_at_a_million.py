"""待办列表的速度: what the queue's statements cost as the number of cases grows.

    python -m bench.queue_at_a_million [SIZE ...] [--folder FOLDER]

For each size (10,000, 100,000 and 1,000,000 unless named) it fills a private cluster with cases of an
invented district, about 1,000 a day of which 97 % have ended, and runs the statements of `app.cases.queue`
as different callers cause them. It prints the median milliseconds in which the database finds a page of 50
and a count, and how many times the page takes what the newest 51 cases without any condition take. A million
takes about ten minutes and 5 GB in FOLDER (a temporary one unless named; the server's user must reach it).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import Select, Text, bindparam, func, make_url, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app import migrate
from app.cases import queue, store
from app.cases.case import Case
from app.cases.schemas import QueuePageQuery
from app.cases.scope import visible
from app.cases.tables import CaseRow
from app.db import Database
from app.dispatch.rulebook import Calendar, Category, CategoryKind, Policy, Rulebook, Unit, UnitKind
from app.identity.principal import Principal, Role
from app.paging import PageRequest, encode
from app.postgres import PrivateCluster

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
DISTRICT = "990101"
RUNS = 15

# -- the district ---------------------------------------------------------------------------------------

THINGS = [
    "垃圾", "井盖", "摊贩", "广告", "车辆", "路灯", "树枝", "污水", "噪音", "油烟", "护栏", "标牌",
    "渣土", "沙发",
]  # fmt: skip
STATES = ["成堆", "破损", "占道", "乱贴", "乱停", "不亮", "倒伏", "外溢", "扰民", "缺失"]
NAMES = ["兴隆", "石油", "泰山", "市府", "惠宾", "大众", "林丰", "香稻", "芳草", "鹤翔"]
ROADS = [name + kind for name in NAMES for kind in ("街", "路", "大街", "巷")]
SIDES = [
    "东北角", "西侧人行道", "南侧绿化带", "公交站旁", "小学门口", "菜市场入口", "小区北门", "桥下",
]  # fmt: skip
REMARKS = [
    "影响行人通行", "请尽快派人处理", "已经反映过两次", "气味很大苍蝇乱飞", "夜里看不清容易摔跤",
    "附近居民意见很大", "影响市容", "堵住了消防通道",
]  # fmt: skip
CELLS = [
    f"{DISTRICT}{street:03d}{community:03d}{cell:03d}"
    for street in range(1, 9) for community in range(1, 11) for cell in range(1, 18)
]  # fmt: skip
MAJORS = [f"E{major:02d}" for major in range(1, 8)]
MINORS = [f"{major}{minor:02d}" for major in MAJORS for minor in range(1, 21)]
DEPARTMENTS = [f"D{number:02d}" for number in range(1, 13)]
OFFICES = [f"S{street}" for street in range(1, 9)]
SQUADS = [f"Q{street}" for street in range(1, 9)]
OWNERS = [f"O{number:02d}" for number in range(1, 12)]
#: Stages and how common they are, of the open and of the ended cases.
OPEN = {
    "handling": 45, "checking": 14, "signing": 10, "closing": 8, "reported": 6, "dispatching": 5, "filing": 5,
    "verifying": 3, "suspended": 3, "ruling": 1,
}  # fmt: skip
ENDED = {"closed": 95.5, "refused": 2, "merged": 2, "voided": 0.5}

RULEBOOK = Rulebook(
    name="bench", district_code=DISTRICT, policy=Policy(fallback_unit="D01"), calendar=Calendar(slots=()),
    units=(
        Unit(code="ENF", name="行政执法局", kind=UnitKind.DEPARTMENT),
        *(Unit(code=code, name=code, kind=UnitKind.DEPARTMENT, parent="ENF") for code in SQUADS),
        *(Unit(code=code, name=code, kind=UnitKind.DEPARTMENT) for code in DEPARTMENTS),
        *(Unit(code=code, name=code, kind=UnitKind.STREET_OFFICE) for code in OFFICES),
        *(Unit(code=code, name=code, kind=UnitKind.OWNER) for code in OWNERS),
    ),
    categories=(
        *(Category(code=code, name=code, kind=CategoryKind.EVENT) for code in MAJORS),
        *(Category(code=code, name=code, kind=CategoryKind.EVENT, parent=code[:3]) for code in MINORS),
    ),
    conditions=(), limits=(), matrix=(), area_classes=(), stage_limits=(),
)  # fmt: skip

#: From the innermost outwards: the dice, the place and minor, the stage and people, texts and units, the row.
_FILL = """
INSERT INTO case_file (
  id, number, district_code, stage, version, head, source, category, condition, description, address, lon,
  lat, raw_x, raw_y, datum, area_code, street_code, area_class, chief_name, chief_account, reporter_id,
  reporter_name, inspector_id,
  inspector_name, rulebook_id, matrix_row, decision, lead_unit, assisting_units, reported_at,
  filed_at, dispatched_at, signed_at, handed_back_at, ended_at, due_at, amber_at, handling_due_at, verified,
  check_passed, self_handled, overdue, exempt, declines, extensions, suspensions, reworks, reminders,
  duplicates, listed, pending, merged_into, pairs)
SELECT id, number, :district, stage, 8, md5(g::text), source, category,
  CASE WHEN filed THEN category || '-' || (1 + g % 3) END, description, address, lon, lat, lon, lat,
  'cgcs2000', cell, left(cell, 9), 'A', chief, chief, md5(reporter)::uuid, reporter,
  CASE WHEN tasked THEN md5(inspector)::uuid END, CASE WHEN tasked THEN inspector END, :rulebook,
  CASE WHEN lead IS NOT NULL THEN 'M' || minor END,
  CASE WHEN lead IS NOT NULL THEN jsonb_build_object(
    'row', 'M' || minor, 'lead', lead, 'losers', jsonb_build_array('M1', 'M2', 'M3'),
    'why', jsonb_build_array(
      '适用责任矩阵第 M' || minor || ' 行：小类，全区，任何时间。', '主办单位按“属地”确定为 ' || lead || '。',
      '另有 3 行也相符，但规定较宽，未采用：M1、M2、M3。')) END,
  lead,
  CASE WHEN lead IS NULL OR dice[6] > 0.2 THEN '{}' WHEN dice[6] < 0.1 THEN '{ENF}'
    ELSE ARRAY['S' || street] END,
  reported_at, CASE WHEN filed THEN reported_at + interval '20 min' END,
  CASE WHEN lead IS NOT NULL THEN reported_at + interval '30 min' END,
  CASE WHEN lead IS NOT NULL THEN reported_at + interval '1 hour' END,
  CASE WHEN handed_back THEN reported_at + interval '5 hours' END,
  CASE WHEN ended THEN reported_at + interval '1 day' END,
  due_at, due_at - interval '2 hours', CASE WHEN stage = 'handling' THEN due_at END,
  NULL, handed_back, false, CASE WHEN handed_back THEN dice[7] < 0.05 END, false, (dice[8] < 0.03)::int,
  (dice[9] < 0.04)::int, (stage = 'suspended')::int, (dice[10] < 0.01)::int, 0, 0, dice[11] < 0.002,
  CASE WHEN NOT ended AND dice[12] < 0.02 THEN 'extension' END, CASE WHEN stage = 'merged' THEN id END,
  ARRAY[number, right(number, 7)] || ARRAY(
    SELECT DISTINCT substr(said, at, 2)
    FROM unnest(ARRAY[description, address]) AS said, generate_series(1, length(said) - 1) AS at)
FROM (
  SELECT *, stage IN ('closed', 'voided', 'refused', 'merged') AS ended,
    stage NOT IN ('reported', 'verifying', 'filing', 'refused', 'merged') AS filed,
    stage IN ('closed', 'checking', 'closing') AS handed_back, stage IN ('verifying', 'checking') AS tasked,
    CASE WHEN stage IN ('reported', 'verifying', 'filing', 'dispatching', 'refused', 'merged') THEN NULL
      WHEN minor % 20 < 10 THEN (:departments)[1 + minor % 12]
      WHEN minor % 20 < 16 THEN 'S' || street
      WHEN minor % 20 < 18 THEN 'Q' || street ELSE (:owners)[1 + minor % 11] END AS lead,
    CASE WHEN stage IN ('closed', 'voided', 'refused', 'merged') THEN NULL
      WHEN dice[13] < 0.1 THEN :now - dice[14] * interval '5 days'
      WHEN dice[13] < 0.15 THEN :now + dice[14] * interval '2 hours'
      ELSE :now + interval '2 hours' + dice[14] * interval '20 days' END AS due_at,
    (:roads)[1 + (g * 7) % 40] || (1 + g % 300) || '号' AS address,
    (:roads)[1 + (g * 7) % 40] || '与' || (:roads)[1 + (g * 13) % 40] || '路口' || (:sides)[1 + g % 8]
      || CASE WHEN dice[15] < 0.3 THEN
           chr(19968 + (dice[16] * 2000)::int) || chr(19968 + (dice[17] * 2000)::int) || '超市门前'
         ELSE '' END
      || (:things)[1 + minor % 14] || (:states)[1 + minor / 14]
      || '，' || (:remarks)[1 + g % 8] || '，' || (:remarks)[1 + (g / 8) % 8] AS description,
    CASE WHEN dice[18] < 0.55 THEN 'inspector' ELSE machine END AS source,
    CASE WHEN dice[18] < 0.55 THEN inspector ELSE machine END AS reporter,
    :district || to_char(reported_at, '-YYYYMMDD-') || lpad(g::text, 7, '0') AS number,
    122 + (cell_at % 40 + dice[19]) * 0.001 AS lon, 41 + (cell_at / 40 + dice[20]) * 0.001 AS lat,
    (lpad(to_hex((extract(epoch FROM reported_at) * 1000)::bigint), 12, '0') || '70008'
      || substr(md5(g::text), 1, 15))::uuid AS id
  FROM (
    SELECT *, (:minors)[1 + minor] AS category, (:cells)[1 + cell_at] AS cell,
      substr((:cells)[1 + cell_at], 7, 3)::int AS street,
      'chief' || cell_at % 200 AS chief, 'inspector' || cell_at / 10 AS inspector,
      CASE WHEN dice[18] < 0.85 THEN 'hotline' ELSE 'sensor' END AS machine,
      CASE WHEN dice[3] < CASE WHEN g > :size * 0.96 THEN 0.6 ELSE 0.006 END
        THEN (:open_stages)[1 + width_bucket(dice[4], :open_shares)]
        ELSE (:ended_stages)[1 + width_bucket(dice[4], :ended_shares)] END AS stage
    FROM (
      SELECT g, dice, :now - (:size - g) * interval '86 seconds' AS reported_at,
        least(139, width_bucket(dice[1], :minor_shares)) AS minor,
        (floor(dice[2] * dice[2] * 1360)::int * 7) % 1360 AS cell_at
      FROM (
        SELECT g, ARRAY(SELECT random() FROM generate_series(1, 20) WHERE g > 0) AS dice
        FROM generate_series(1, :size) AS g
      ) AS thrown
    ) AS placed
  ) AS judged
) AS told
"""
_CLOCKS = """
INSERT INTO case_clock (
  id, case_id, kind, name, started_at, amount, limit_unit, times, pauses, due_at, amber_at, because,
  stopped_at)
SELECT gen_random_uuid(), id, CASE WHEN ended_at IS NULL THEN 'handling' ELSE 'closing' END, '', reported_at,
  4, 'work_hour', 1, '[]', coalesce(due_at, ended_at), coalesce(due_at, ended_at) - interval '1 hour', '',
  ended_at
FROM case_file
"""
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename IN ('case_file', 'case_clock') AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
_RULEBOOK = """
INSERT INTO rulebook_version (id, district_code, number, name, note, digest, content, created_at, created_by)
VALUES (:id, :district, 1, 'bench', '', '', '{}', :now, :id)
"""


def account(name: str) -> UUID:
    """The id by which the cases know somebody."""
    return UUID(md5(name.encode(), usedforsecurity=False).hexdigest())


def _upto(weights: list[float]) -> list[float]:
    """The bounds between which a number from 0 to 1 means the first, second ... thing."""
    return [sum(weights[: n + 1]) / sum(weights) for n in range(len(weights) - 1)]


async def fill(connection: AsyncConnection, size: int) -> None:
    """Makes the cases; the indexes are built afterwards, at once."""
    rulebook = account("rulebook")
    await connection.execute(text(_RULEBOOK), {"id": rulebook, "district": DISTRICT, "now": NOW})
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
    definitions = {row.indexname: row.indexdef for row in await connection.execute(text(_INDEXES))}
    for name in definitions:
        await connection.execute(text(f"DROP INDEX {name}"))
    await connection.execute(text("SELECT setseed(0.5)"))
    texts = {
        "cells": CELLS, "minors": MINORS, "departments": DEPARTMENTS, "owners": OWNERS, "roads": ROADS,
        "sides": SIDES, "things": THINGS, "states": STATES, "remarks": REMARKS, "open_stages": list(OPEN),
        "ended_stages": list(ENDED),
    }  # fmt: skip
    numbers = {
        "size": size, "now": NOW, "district": DISTRICT, "rulebook": rulebook,
        "open_shares": _upto(list(OPEN.values())), "ended_shares": _upto(list(ENDED.values())),
        "minor_shares": _upto([1 / (n + 2) for n in range(len(MINORS))]),
    }  # fmt: skip
    typed = text(_FILL).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in texts))
    await connection.execute(typed, texts | numbers)
    await connection.execute(text(_CLOCKS))
    for definition in definitions.values():
        await connection.execute(text(definition))


# -- who asks what ----------------------------------------------------------------------------------------


def _caller(
    name: str, role: Role, areas: tuple[str, ...] = (DISTRICT,), unit: str | None = None
) -> Principal:
    return Principal(account(name), name, "account", frozenset({role}), areas, unit, name)


LEADER = _caller("leader", Role.SHIFT_LEADER)
STREET = _caller("street", Role.DISPATCHER, (f"{DISTRICT}003",))
INSPECTOR = _caller("inspector7", Role.INSPECTOR, tuple(CELLS[70:80]))
DEPARTMENT = _caller("department", Role.UNIT_OFFICER, unit="D01")
BUREAU = _caller("bureau", Role.UNIT_OFFICER, unit="ENF")
OFFICE = _caller("office", Role.UNIT_OFFICER, unit="S3")
OWNER = _caller("owner", Role.UNIT_OFFICER, unit="O10")
CHIEF = _caller("chief7", Role.STREET_CHIEF, (f"{DISTRICT}001",))
HOTLINE = _caller("hotline", Role.INTEGRATION)
NEWCOMER = _caller("newcomer", Role.INTEGRATION)

_LONG_AGO = encode(("newest", NOW - timedelta(days=5), UUID(int=0)))
_HANDLING = ["signing", "handling"]
ASKED: list[tuple[str, Principal, dict[str, Any]]] = [
    ("centre: all, by due time", LEADER, {}),
    ("centre: newest", LEADER, {"sort": "newest"}),
    ("centre: newest, from a cursor", LEADER, {"sort": "newest", "cursor": _LONG_AGO}),
    ("centre: to be closed", LEADER, {"stage": ["closing"]}),
    ("centre: being handled, newest", LEADER, {"stage": ["handling"], "sort": "newest"}),
    ("centre: closed, newest", LEADER, {"stage": ["closed"], "sort": "newest"}),
    ("centre: red", LEADER, {"lamp": "red"}),
    ("centre: amber", LEADER, {"lamp": "amber"}),
    ("centre: amber with units", LEADER, {"lamp": "amber", "stage": _HANDLING}),
    ("centre: waiting for approval", LEADER, {"pending": True}),
    ("centre: listed", LEADER, {"listed": True, "sort": "newest"}),
    ("centre: judged overdue", LEADER, {"overdue": True, "sort": "newest"}),
    ("centre: one street", LEADER, {"area": f"{DISTRICT}003", "sort": "newest"}),
    ("centre: one community", LEADER, {"area": f"{DISTRICT}003004", "sort": "newest"}),
    ("centre: one cell", LEADER, {"area": CELLS[400], "sort": "newest"}),
    ("centre: a common minor", LEADER, {"category": MINORS[0], "sort": "newest"}),
    ("centre: a rare minor", LEADER, {"category": MINORS[-1], "sort": "newest"}),
    ("centre: a condition", LEADER, {"condition": f"{MINORS[100]}-1", "sort": "newest"}),
    ("centre: a small unit", LEADER, {"unit": "O10", "sort": "newest"}),
    ("centre: a month", LEADER, {"since": NOW - timedelta(days=40), "until": NOW - timedelta(days=10),
                                 "sort": "newest"}),
    ("centre: a block on the map", LEADER, {"bbox": "122.0100,41.0100,122.0105,41.0105", "sort": "newest"}),
    ("centre: the map, with units", LEADER, {"bbox": "122.01,41.01,122.02,41.02", "stage": _HANDLING}),
    ("centre: most of the map", LEADER, {"bbox": "122.0,41.0,122.03,41.03", "sort": "newest"}),
    ("centre: a common word", LEADER, {"q": "影响", "sort": "newest"}),
    ("centre: a common phrase", LEADER, {"q": "垃圾成堆", "sort": "newest"}),
    ("centre: two words", LEADER, {"q": "泰山街 垃圾", "sort": "newest"}),
    ("centre: a rare word", LEADER, {"q": "劷勪", "sort": "newest"}),
    ("centre: a case's serial", LEADER, {"q": "0005000"}),
    ("street's dispatcher: with units", STREET, {"stage": _HANDLING}),
    ("inspector: newest of ten cells", INSPECTOR, {"sort": "newest"}),
    ("large department: its open cases", DEPARTMENT, {"stage": _HANDLING}),
    ("bureau of squads: its open cases", BUREAU, {"stage": _HANDLING}),
    ("street office: its open cases", OFFICE, {"stage": _HANDLING}),
    ("owner: its open cases", OWNER, {"stage": _HANDLING}),
    ("owner: everything, by due time", OWNER, {}),
    ("street chief: newest", CHIEF, {"sort": "newest"}),
    ("hotline: its own, by due time", HOTLINE, {}),
    ("new client: its own, by due time", NEWCOMER, {}),
    ("two filters without a common case", LEADER, {"area": f"{DISTRICT}003", "unit": "S5", "sort": "newest"}),
]  # fmt: skip


def _found(page: Select[Any]) -> Select[int]:
    """The page found, but not sent: sending and reading 51 cases takes longer."""
    return select(func.count()).select_from(page.subquery())


async def _milliseconds(run: Callable[[], Awaitable[Any]]) -> float:
    """The median after a first run that warms."""
    await run()
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        await run()
        taken.append((time.perf_counter() - began) * 1000)
        if sum(taken) > 5000:
            break
    return statistics.median(taken)


async def measure(connection: AsyncConnection) -> None:
    """Prints the table for one size."""
    await store.plan_for_these_values(connection)
    case = CaseRow.__table__.c
    bare = select(*store.CASE_COLUMNS).order_by(case.reported_at.desc(), case.id.desc()).limit(51)
    floor = await _milliseconds(lambda: connection.execute(_found(bare)))
    print(f"{'bare index scan of 51 cases':36} {floor:8.1f} ms")
    for name, caller, asked in ASKED:
        query = QueuePageQuery.model_validate(asked)
        filters, scope = query.filters(RULEBOOK, caller.id), visible(caller, RULEBOOK)
        page = queue.page_statement(filters, scope, query.sort, PageRequest(50, query.cursor), NOW)
        count = queue.count_statement(filters, scope, NOW)
        paged = await _milliseconds(lambda page=page: connection.execute(_found(page)))
        counted = await _milliseconds(lambda count=count: connection.execute(count))
        print(f"{name:36} {paged:8.1f} ms {paged / floor:7.1f} x   count {counted:8.1f} ms", flush=True)
    row = (await connection.execute(bare)).first()
    assert row is not None
    newest = Case.model_validate(row._asdict())
    for name, run in {
        "near duplicates": lambda: store.near(connection, newest, [DISTRICT], radius_m=50, hours=24),
        "clocks that ran out": lambda: store.with_overdue_clocks(connection, NOW, 200),
        "figures of a month": lambda: store.figures(
            connection, visible(LEADER, RULEBOOK), NOW - timedelta(days=30), NOW
        ),
        "figures of a year": lambda: store.figures(
            connection, visible(LEADER, RULEBOOK), NOW - timedelta(days=365), NOW
        ),
    }.items():
        print(f"{name:36} {await _milliseconds(run):8.1f} ms", flush=True)


async def _at(url: str, size: int) -> None:
    database = Database(url)
    async with database.transaction() as connection:
        await fill(connection, size)
    async with database.engine.connect() as connection:
        alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await alone.execute(text("SET statement_timeout = 0"))
        await alone.execute(text("VACUUM ANALYZE case_file, case_clock"))
    print(f"\n{size:,} cases")
    async with database.transaction() as connection:
        await measure(connection)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="What the queue's statements cost as the number of cases grows."
    )
    parser.add_argument("sizes", metavar="SIZE", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--folder", type=Path, help="where the cluster lives; a temporary folder unless named"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="queue-") as temporary:
        Path(temporary).chmod(0o755)
        with PrivateCluster(asked.folder or Path(temporary) / "pg", durable=False) as cluster:
            host = make_url(cluster.url).query["host"]
            for size in asked.sizes:
                with psycopg.connect(
                    host=host, user="chengguan", dbname="postgres", autocommit=True
                ) as admin:
                    admin.execute(f"DROP DATABASE IF EXISTS queue_{size}".encode())
                    admin.execute(f"CREATE DATABASE queue_{size}".encode())
                url = cluster.database_url(f"queue_{size}")
                migrate.upgrade(url)
                asyncio.run(_at(url, size))


if __name__ == "__main__":
    main()
