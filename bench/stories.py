"""办理故事: what the clients do, request by request, as the people of a district do it."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

from app.dispatch.rulebook import Condition
from app.geo import Datum, from_storage
from app.identity.principal import Role
from bench.city import City
from bench.crew import API, Crew, Headers
from bench.district import CELL_LAT, CELL_LON
from bench.load import Client, Story, request

_PROBLEMS = (
    "店外摆放商品占道", "垃圾成堆无人清理", "共享单车乱停乱放", "墙面乱贴小广告", "摊贩占道经营油烟大",
    "渣土车抛洒滴漏",
)  # fmt: skip
_PLACES = (
    "路口东北角", "公交站旁", "小学门口", "菜市场入口", "小区北门", "人行道上", "桥下空地", "绿化带内",
)  # fmt: skip
_STREETS = ("兴隆台街", "石油大街", "渤海路", "双兴大街", "惠宾大街", "泰山路", "芦花街", "迎宾街")


class Reports:
    """Reports from all over the district, no two from the same place; the same seed gives the same ones."""

    def __init__(self, place: City, seed: int) -> None:
        self._place = place
        self._rng = Random(seed)

    def somewhere(self) -> tuple[str, float, float]:
        """The code of a street, and a point in a cell of it."""
        plan, rng = self._place.plan, self._rng
        column, row = plan.anywhere(rng)
        lon, lat = plan.middle(column, row)
        lon += rng.uniform(-0.3, 0.3) * CELL_LON
        lat += rng.uniform(-0.3, 0.3) * CELL_LAT
        return plan.code_at(column, row)[:9], lon, lat

    def condition(self) -> Condition:
        return self._rng.choice(self._place.conditions)

    def words(self) -> dict[str, str]:
        rng = self._rng
        street = rng.choice(_STREETS)
        number = rng.randrange(1, 400)
        what = f"{street}{rng.choice(_PLACES)}{rng.choice(_PROBLEMS)}，影响行人通行，请尽快派人处理"
        return {"description": what, "address": f"{street}{number}号"}

    def key(self) -> str:
        """A key that no request has borne."""
        return str(UUID(int=self._rng.getrandbits(128)))


class Inspectors:
    """The inspectors of each street, and what they report."""

    def __init__(self, crew: Crew, reports: Reports) -> None:
        self._of_street: dict[str, list[Headers]] = {}
        self._reports = reports
        for person in crew.of(Role.INSPECTOR):
            for area in person.areas:
                self._of_street.setdefault(area, []).append(crew.headers[person])

    def report(self, category: str) -> bytes:
        """The request of an inspector who saw something of that minor, as a phone sends it."""
        street, lon, lat = self._reports.somewhere()
        x, y = from_storage(lon, lat, Datum.GCJ02)
        body: dict[str, Any] = {
            "action": "report", "source": "inspector", "position": {"x": x, "y": y, "datum": "gcj02"},
            "category": category, "component_code": None, "external_number": None, **self._reports.words(),
        }  # fmt: skip
        headers = self._of_street[street][0] | {"Idempotency-Key": self._reports.key()}
        return request("POST", f"{API}/cases", headers, body)


def intake(place: City, crew: Crew, seed: int) -> Story:
    """上报: a report taken in."""
    reports = Reports(place, seed)
    inspectors = Inspectors(crew, reports)

    async def story(client: Client) -> None:
        await client.send("report", inspectors.report(reports.condition().category))

    return story


def bare_intake(place: City, seed: int) -> Story:
    """The same reports to the bare endpoint."""
    reports = Reports(place, seed)

    async def story(client: Client) -> None:
        _, lon, lat = reports.somewhere()
        body = {
            "action": "report", "source": "inspector", "x": lon, "y": lat, "datum": "cgcs2000",
            "category": reports.condition().category, "component_code": None, "external_number": None,
            **reports.words(),
        }  # fmt: skip
        await client.send("report", request("POST", "/cases", {"Idempotency-Key": reports.key()}, body))

    return story


#: Requests of one whole life.
STEPS = 8


def lifecycle(place: City, crew: Crew, seed: int) -> Story:
    """全流程: report, accept, file, dispatch, sign, hand back, check, close, each by who does it."""
    reports = Reports(place, seed)
    inspectors = Inspectors(crew, reports)
    clerk, leader, dispatcher = (
        crew.headers[crew.of(role)[0]] for role in (Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.DISPATCHER)
    )

    async def story(client: Client) -> None:
        condition = reports.condition()
        opened = json.loads(await client.send("report", inspectors.report(condition.category)))
        path = f"{API}/cases/{opened['case']['id']}/actions"
        version = 0

        async def act(action: str, who: Headers, **words: Any) -> Callable[[], dict[str, Any]]:
            nonlocal version
            version += 1
            headers = who | {"If-Match": f'"{version}"'}
            reply = await client.send(action, request("POST", path, headers, {"action": action, **words}))
            return lambda: dict(json.loads(reply))

        await act("accept", clerk)
        await act("file", leader, condition=condition.code)
        dispatched = (await act("dispatch", dispatcher))()
        officer = crew.officer(dispatched["lead_unit"])
        await act("sign", officer)
        handed_back = (await act("hand_back", officer, result="已清理，恢复原状"))()
        await act("check", crew.by_name(handed_back["inspector_name"]), passed=True)
        await act("close", leader)

    return story


def look_up(place: City, crew: Crew, seed: int) -> Story:
    """位置查询: what lies at a point."""
    reports = Reports(place, seed)
    leader = crew.headers[crew.of(Role.SHIFT_LEADER)[0]]

    async def story(client: Client) -> None:
        _, lon, lat = reports.somewhere()
        path = f"{API}/places?x={lon:.7f}&y={lat:.7f}&datum=cgcs2000"
        await client.send("look up", request("GET", path, leader))

    return story


def _of_a_street(place: City, crew: Crew, seed: int, path: str) -> Story:
    rng = Random(seed)
    leader = crew.headers[crew.of(Role.SHIFT_LEADER)[0]]
    asked = [
        request("GET", f"{API}{path}stage=signing&stage=handling&area={street}", leader)
        for street in place.plan.street_codes
    ]

    async def story(client: Client) -> None:
        await client.send("list", rng.choice(asked))

    return story


def queue_page(place: City, crew: Crew, seed: int) -> Story:
    """待办列表: what a street's units have to sign for or to handle, by due time."""
    return _of_a_street(place, crew, seed, "/cases?limit=50&")


def queue_count(place: City, crew: Crew, seed: int) -> Story:
    """待办件数 of the same."""
    return _of_a_street(place, crew, seed, "/cases/count?")
