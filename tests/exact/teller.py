"""One story: requests to the real service, each held against the city as it ought to be."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import httpx
from hypothesis import event, note

from app import worker
from app.clock import ManualClock
from app.requests import Services
from tests.exact import truth
from tests.exact.city import DRAWN, City
from tests.exact.doing import Body, had_by
from tests.exact.minutes import CITY, CalendarEnded
from tests.exact.model import Case, Clock, Refused, available, sees
from tests.exact.truth import Told, moment
from tests.world import PEOPLE, World, cell_code, middle

_JOBS = {job.name: job for job in worker.JOBS}
_KEPT_FOR = timedelta(hours=24)
#: Columns that hold a person's id where the city has the name.
_PEOPLE = ("pending_by", "appeal_reviewer", "verifier_id", "checker_id")
_WEEKDAYS = "一二三四五六日"


class Teller:
    """Tells a story of the city and its service side by side. `note`s print when the story goes wrong."""

    def __init__(
        self, http: httpx.AsyncClient, services: Services, world: World, books: dict[str, Any]
    ) -> None:
        self.http, self.services, self.world, self.books = http, services, world, books
        assert isinstance(services.clock, ManualClock)
        self.clock = services.clock
        self.city = City()
        self.told: dict[str, Told] = {}
        #: Requests sent with a key: who, path, key, headers, body; and the reply while it is kept.
        self.sent: list[dict[str, Any]] = []
        self.activated = {services.clock.now()}

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def say(self, words: str) -> None:
        local = self.now.astimezone(CITY)
        note(f"{local:%m-%d} 周{_WEEKDAYS[local.weekday()]} {local:%H:%M}  {words}")

    # -- the service and the city --

    async def look(self) -> None:
        """After each step: the invariants, and every case as it ought to be."""
        before, self.told = self.told, await truth.whole(self.services.database)
        assert set(self.told) == {case.id for case in self.city.cases}
        for case in self.city.cases:
            told = self.told[case.id]
            if told != before.get(case.id):
                truth.check(told)
            self._compare(case, told)

    def _compare(self, case: Case, told: Told) -> None:
        people = truth.known_as(self.world.ids)
        row = told.case
        actual = {name: row[name] for name in case.facts}
        actual |= {name: people[row[name]] for name in _PEOPLE}
        actual |= {name: moment(row[name]) for name in case.facts if name.endswith(("_at", "_until"))}
        actual |= {"stage": row["stage"], "version": row["version"], "rulebook": row["rulebook_id"]}
        ought = {
            **case.facts,
            "stage": case.stage,
            "version": case.version,
            "rulebook": self.books[case.kept]["id"],
        }
        wrong = {
            name: {"is": actual[name], "ought": ought[name]} for name in ought if actual[name] != ought[name]
        }
        assert wrong == {}, f"{case.name}: {wrong}"
        kept, expected = Counter(map(_kept_clock, told.clocks)), Counter(map(_told_clock, case.clocks))
        wrong_clocks = {"is": list(kept - expected), "ought": list(expected - kept)}
        assert wrong_clocks == {"is": [], "ought": []}, case.name
        self._compare_lamp(case, row)

    def _compare_lamp(self, case: Case, row: truth.Row) -> None:
        """The case has the times of its clock that ends first; of two that end together, of either."""
        running = [clock for clock in case.running() if clock.kind != "replying" and not clock.paused]
        first = min((clock.ends()[0] for clock in running), default=None)
        ends = {clock.ends() for clock in running if clock.ends()[0] == first} or {(None, None)}
        assert (moment(row["due_at"]), moment(row["amber_at"])) in ends, case.name
        handling = [clock.ends()[0] for clock in case.running("handling")]
        assert moment(row["handling_due_at"]) == (handling[0] if handling else None)

    async def _footprint(self) -> dict[str, str]:
        async with self.services.database.transaction() as connection:
            return await truth.footprint(connection)

    async def _unchanged(self, before: dict[str, str]) -> None:
        assert await self._footprint() == before, "a refused request left something behind"

    async def _post(self, who: str, path: str, body: Body, key: str | None, **headers: str) -> httpx.Response:
        keyed = {"Idempotency-Key": key} if key else {}
        sent = {**self.world.headers[who], **headers, **keyed}
        reply = await self.http.post(f"/api/v1{path}", headers=sent, json=body)
        if key and reply.is_success:
            self.sent.append(
                {"who": who, "path": path, "key": key, "headers": headers, "body": body, "reply": reply,
                 "at": self.now}
            )  # fmt: skip
        return reply

    # -- what people do --

    async def report(self, who: str, cell: str, body: Body, key: str | None) -> None:
        area = cell_code(cell)
        body = {**body, "position": middle(cell), "description": "占道经营"}
        case, expected = None, 201
        try:
            case = self.city.may_report(who, body, area)
            expected = 201 if case is None else 200
            case = case or self.city.reported(who, body, cell, self.now)
        except Refused as refused:
            expected = refused.status
        except CalendarEnded:
            expected = 503
        before = await self._footprint() if case is None else {}
        reply = await self._post(who, "/cases", body, key)
        told = {
            name: value for name, value in body.items() if name not in ("action", "position", "description")
        }
        self.say(f"{who} {body['action']} {cell} {told or ''} → {_short(reply)}")
        assert reply.status_code == expected, reply.text
        if case is None:
            await self._unchanged(before)
            return
        if expected == 201:
            case.id = reply.json()["case"]["id"]
            self.city.cases.append(case)
        self._compare_reply(who, self.city.judge(case), reply.json()["case"])

    async def act(self, who: str, case: Case, body: Body, *, version: int, key: str | None) -> None:
        """Any action by anybody; whether it is carried out is for the city to say."""
        expected, guard = 200, None
        before = self.city.judge(case)
        try:
            if not sees(who, case):
                raise Refused(404)
            if version != case.version:
                raise Refused(412)
            self.city.act(who, case, body, self.now)
        except Refused as refused:
            expected, guard = refused.status, refused.guard
        except CalendarEnded:
            expected = 503
        footprint = await self._footprint() if expected != 200 else {}
        reply = await self._post(who, f"/cases/{case.id}/actions", body, key, **{"If-Match": f'"{version}"'})
        told = {name: value for name, value in body.items() if name not in ("action", "note", "text")}
        stale = "" if version == before.version else f"（凭第 {version} 版）"
        self.say(f"{who} {body['action']} {case.name}{stale} {told or ''} → {_short(reply)}")
        event(f"{body['action']} {reply.status_code}")
        assert reply.status_code == expected, reply.text
        answer = reply.json()
        if expected == 200:
            after = self.city.named(case.id)
            assert after is not None
            self._learn_order(after, answer)
            self._learn_inspector(after, answer)
            self._compare_reply(who, self.city.judge(after), answer)
            return
        if expected == 409:
            assert answer.get("guard") == guard
            assert answer["allowed"] == available(who, before, self.now)
            assert answer["stage"] == before.stage
        if expected == 412:
            assert answer["current"] == {"version": before.version, "stage": before.stage}
        await self._unchanged(footprint)

    def _learn_order(self, case: Case, answer: dict[str, Any]) -> None:
        """A supervision order is known by the name the service gave it."""
        known = {clock.name for clock in case.clocks}
        for clock in case.clocks:
            if clock.kind in ("replying", "suspension") and not clock.name:
                (clock.name,) = (
                    one["name"]
                    for one in answer["clocks"]
                    if one["kind"] == clock.kind and one["name"] not in known
                )

    def _learn_inspector(self, case: Case, answer: dict[str, Any]) -> None:
        """Whom a task went to is for the lot to say among those who may have it."""
        if case["inspector_name"] == DRAWN:
            case.facts["inspector_name"] = answer["inspector_name"]
            had_by(case, to_verify=case.stage == "verifying")
            assert case["inspector_name"] in self.city.free_inspectors(case)

    def _compare_reply(self, who: str, case: Case, answer: dict[str, Any]) -> None:
        assert (answer["version"], answer["stage"]) == (case.version, case.stage)
        offered = [action["action"] for action in answer["available_actions"]]
        assert offered == available(who, case, self.now)

    async def look_at(self, who: str, case: Case) -> None:
        reply = await self.http.get(f"/api/v1/cases/{case.id}", headers=self.world.headers[who])
        assert reply.status_code == (200 if sees(who, case) else 404), f"{who} {case.name}"
        if reply.is_success:
            self._compare_reply(who, self.city.judge(case), reply.json())

    async def repeat(self, which: int, *, changed: bool) -> None:
        """Sends once more what was sent before."""
        first = self.sent[which % len(self.sent)]
        body = {**first["body"], "note": "另一件事"} if changed else first["body"]
        headers = {**self.world.headers[first["who"]], **first["headers"], "Idempotency-Key": first["key"]}
        before = await self._footprint()
        reply = await self.http.post(f"/api/v1{first['path']}", headers=headers, json=body)
        self.say(f"{first['who']} 重发 {body['action']}{'（内容不同）' if changed else ''} → {_short(reply)}")
        if changed:
            # A body with something foreign in it is read before the key is.
            assert reply.status_code in (409, 422), reply.text
            if reply.status_code == 409:
                assert reply.json()["code"] == "idempotency_conflict"
        else:
            assert (reply.status_code, reply.json()) == (first["reply"].status_code, first["reply"].json())
            assert reply.headers["Idempotency-Replayed"] == "true"
            for name in ("ETag", "Location"):
                assert reply.headers.get(name) == first["reply"].headers.get(name)
        await self._unchanged(before)

    async def duty(self, who: str) -> None:
        """Goes off duty, or on."""
        headers = self.world.headers[who]
        if who in self.city.on_duty:
            reply = await self.http.delete("/api/v1/duty", headers=headers)
            self.city.on_duty -= {who}
        else:
            beat = {"area_codes": list(PEOPLE[who].beat)}
            reply = await self.http.post("/api/v1/duty", headers=headers, json=beat)
            self.city.on_duty |= {who}
        self.say(f"{who} {'上岗' if who in self.city.on_duty else '下岗'} → {_short(reply)}")
        assert reply.is_success, reply.text

    async def activate(self, book: str) -> None:
        """Other rules from now on."""
        reply = await self.http.post(
            f"/api/v1/rulebooks/{self.books[book]['number']}/activations",
            headers=self.world.headers["admin"], json={},
        )  # fmt: skip
        self.say(f"admin 启用 {book} → {_short(reply)}")
        assert reply.status_code == (409 if self.now in self.activated else 201), reply.text
        if reply.is_success:
            self.city.in_force = book
        self.activated.add(self.now)

    # -- time --

    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))

    def moments_ahead(self) -> list[datetime]:
        """When something will fall due or turn amber, or it will be too late to appeal."""
        ends = {end for case in self.city.cases for clock in case.running() for end in clock.ends()}
        appeals = {
            case["ended_at"] + timedelta(case.policy.appeal_days) for case in self.city.cases if case.ended
        }
        return sorted(end for end in ends | appeals if end is not None and end > self.now)

    async def work(self, job: str) -> None:
        done = await _JOBS[job].run(self.services)
        self.say(f"后台 {job}：{done}")
        if job == "sweep":
            before = sum(case.version for case in self.city.cases)
            self.city.sweep(self.now)
            assert done == sum(case.version for case in self.city.cases) - before
        if job == "assign_tasks":
            await self._given_out(done)
        if job == "tell_outcomes":
            assert done == len(self.city.to_be_told())
            self.city.tell_outcomes()
        if job == "clean":
            self.sent = [one for one in self.sent if one["at"] >= self.now - _KEPT_FOR]

    async def _given_out(self, done: int) -> None:
        waiting = self.city.waiting_for_inspector()
        assert done == len(waiting)
        told = await truth.whole(self.services.database)
        for case in waiting:
            given = told[case.id].case["inspector_name"]
            assert given in self.city.free_inspectors(case)
            case.facts["inspector_name"] = given
            had_by(case, to_verify=case.stage == "verifying")
            case.version += 1


def _short(reply: httpx.Response) -> str:
    """What a reader of the story wants to know of a reply."""
    if not reply.content:
        return str(reply.status_code)
    told = reply.json()
    if reply.is_success:
        told = told.get("case", told)
        return (
            f"{reply.status_code} {told.get('stage', '')} v{told['version']}" if "version" in told else "200"
        )
    return f"{reply.status_code} {told['code']} {told.get('guard', '')}".strip()


def _told_clock(clock: Clock) -> tuple[Any, ...]:
    due, amber = clock.ends()
    return (
        clock.kind, clock.name, clock.unit, clock.started, due, amber, clock.times, tuple(clock.pauses),
        clock.stopped, clock.overran,
    )  # fmt: skip


def _kept_clock(row: truth.Row) -> tuple[Any, ...]:
    pauses = tuple((moment(pause["start"]), moment(pause["end"])) for pause in row["pauses"])
    return (
        row["kind"], row["name"], row["unit"], moment(row["started_at"]), moment(row["due_at"]),
        moment(row["amber_at"]), row["times"], pauses, moment(row["stopped_at"]), moment(row["overran_at"]),
    )  # fmt: skip
