"""One case's people: what each of them does when it is their turn, from the report to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from app.cases.workflow import Action, Stage
from app.dispatch.deadlines import Pause, due
from app.dispatch.rulebook import CategoryKind, ClockKind, CodeSet, Limit, Rulebook
from app.identity.principal import Role
from app.replay.behaviour import Behaviour, Pace
from app.replay.crew import Crew
from app.replay.line import Actor, Docket, Surprise, Surprised
from app.replay.report import ReplayReport
from app.replay.timeline import Timeline


@dataclass(slots=True)
class Scene:
    """What all lives share, and what they leave behind."""

    rulebook: Rulebook
    behaviour: Behaviour
    crew: Crew
    timeline: Timeline
    dockets: list[Docket] = field(default_factory=list)
    surprises: list[Surprise] = field(default_factory=list)
    outside: int = 0

    def begin(self, story: Coroutine[Any, Any, None]) -> None:
        """Lets a story begin; one that ends in a surprise is noted and does not end the others."""
        self.timeline.begin(self._noted(story))

    async def _noted(self, story: Coroutine[Any, Any, None]) -> None:
        try:
            await story
        except Surprised as surprised:
            self.surprises.append(surprised.surprise)


@dataclass(slots=True)
class Plan:
    """What the unit intends for one run of the handling clock: the share of the limit it will take."""

    share: float
    asks_extension: bool


class Life:
    """Leads one report through the service. `rng` makes every choice."""

    def __init__(self, report: ReplayReport, scene: Scene, rng: Random) -> None:
        self._report = report
        self._scene = scene
        self._rulebook = scene.rulebook
        self._behaviour = scene.behaviour
        self._crew = scene.crew
        self._rng = rng
        self._near: list[dict[str, Any]] = []
        self._plans: dict[str, Plan] = {}
        self._milestones: dict[str, float] = {}
        self._declines = 0
        self._once: set[str] = set()
        self._docket: Docket

    async def lead(self) -> None:
        """The case's life, up to its end."""
        if not await self._hand_in():
            return
        while self._docket.open:
            await _TURNS[self._docket.stage](self)
        if self._docket.reply["overdue"] and self._chance(self._behaviour.appealed):
            await self._appeal()

    # -- choices and waiting ---------------------------------------------------------------------------

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share

    def _first_time(self, what: str) -> bool:
        if what in self._once:
            return False
        self._once.add(what)
        return True

    @property
    def _now(self) -> datetime:
        return self._scene.timeline.clock.now()

    async def _until(self, moment: datetime) -> None:
        await self._scene.timeline.until(moment)

    def _after(self, limit: Limit, share: float, since: datetime, pauses: tuple[Pause, ...] = ()) -> datetime:
        """When that share of the limit is used up."""
        part = limit.model_copy(update={"amount": limit.amount * share})
        return due(since, part, self._rulebook.calendar, pauses).at

    async def _turn(self, kind: ClockKind, pace: Pace | None = None) -> None:
        """Waits until the one whose turn it is comes to it."""
        share = (pace or self._behaviour.stage).draw(self._rng)
        await self._until(self._after(self._rulebook.stage_limit[kind], share, self._now))

    def _code(self, code_set: CodeSet, *wanted: str) -> str:
        """The first of these codes that the rulebook knows, or else the first it has."""
        known = self._rulebook.codes_of(code_set)
        return next((code for code in wanted if code in known), next(iter(known)))

    # -- acting ----------------------------------------------------------------------------------------

    async def _act(self, actor: Actor, action: Action, **words: Any) -> None:
        behaviour, docket = self._behaviour, self._docket
        if docket.told != actor.username and self._chance(behaviour.opens):
            await actor.open(docket)
        if docket.told == actor.username and not docket.offers(action):
            said = f"not offered while {docket.stage}"
            raise Surprised(Surprise(self._now, actor.username, action, said))
        repeat, stale = self._chance(behaviour.repeats), self._chance(behaviour.stale)
        await actor.act(docket, action, words, repeat=repeat, stale=stale)

    def _one_of(self, *roles: Role) -> Actor:
        return self._crew.one_of(roles, self._rng)

    @property
    def _officer(self) -> Actor:
        return self._crew.officer(self._docket.reply["lead_unit"])

    # -- collection and filing -------------------------------------------------------------------------

    async def _hand_in(self) -> bool:
        """Reports the problem; whether it lies in the district."""
        report = self._report
        reporter = await self._crew.reporter(report, self._rng)
        body: dict[str, Any] = {
            "source": report.source,
            "position": {"x": report.x, "y": report.y, "datum": report.datum.value},
            "address": report.address,
            "description": report.description,
        }
        if report.condition is not None:
            body["category"] = self._rulebook.condition_by_code[report.condition].category
        if report.component_code is not None:
            body["component_code"] = report.component_code
        if report.external_number is not None:
            body["external_number"] = report.external_number
        if self._handles_it_at_once():
            body |= {"action": Action.REPORT_HANDLED.value, "result": "现场已处置"}
        repeat = self._chance(self._behaviour.repeats)
        taken = await reporter.report(body, repeat=repeat)
        if taken is None:
            self._scene.outside += 1
            return False
        self._docket, self._near = taken
        self._scene.dockets.append(self._docket)
        return True

    def _handles_it_at_once(self) -> bool:
        report = self._report
        if report.source != "inspector" or report.condition is None or not report.exists:
            return False
        minor = self._rulebook.condition_by_code[report.condition].category
        event = self._rulebook.category_by_code[minor].kind is CategoryKind.EVENT
        return event and self._chance(self._behaviour.own_handling)

    async def _audit(self) -> None:
        await self._turn(ClockKind.AUDITING)
        policy = self._rulebook.policy
        auditor = self._one_of(*policy.accept_roles, *policy.close_roles)
        if self._chance(self._behaviour.audit_fails):
            await self._act(auditor, Action.AUDIT_FAIL, note="照片中问题仍在")
        else:
            await self._act(auditor, Action.AUDIT_PASS)

    async def _take_in(self) -> None:
        await self._turn(ClockKind.ACCEPTING)
        clerk = self._one_of(*self._rulebook.policy.accept_roles)
        if self._report.condition is None:
            reason = self._code(CodeSet.REFUSAL, "outside_scope")
            await self._act(clerk, Action.REFUSE, reason=reason, note="不属城市管理范围")
        elif twin := await self._twin(clerk):
            await self._act(clerk, Action.MERGE, into=twin, note="同一地点的同一问题")
        elif self._report.source in self._rulebook.policy.verify_sources or self._chance(
            self._behaviour.doubted
        ):
            await self._act(clerk, Action.REQUEST_VERIFICATION)
        else:
            await self._act(clerk, Action.ACCEPT)

    async def _twin(self, clerk: Actor) -> str | None:
        """The id of the case this one repeats: the nearest of the hints, if near enough and still open."""
        hint = next((h for h in self._near if h["distance_m"] <= self._behaviour.same_place_m), None)
        if hint is None:
            return None
        twin = Docket(hint, "")
        await clerk.open(twin)
        return str(hint["id"]) if twin.open else None

    async def _verify(self) -> None:
        await self._turn(ClockKind.VERIFYING)
        if inspector := await self._inspector():
            await self._act(inspector, Action.VERIFY, exists=self._report.exists)

    async def _inspector(self) -> Actor | None:
        """Who has the task; None as long as nobody on duty could be found."""
        inspector = self._crew.holder(self._docket.reply["inspector_id"])
        if inspector is None:
            await self._until(self._now + self._behaviour.worker_every)
            await self._one_of(Role.SHIFT_LEADER).open(self._docket)
        return inspector

    async def _file(self) -> None:
        await self._turn(ClockKind.FILING)
        filer = self._one_of(*self._rulebook.policy.file_roles)
        if self._docket.reply["verified"] is False:
            reason = self._code(CodeSet.REFUSAL, "not_found")
            await self._act(filer, Action.REFUSE, reason=reason, note="现场未发现")
        else:
            await self._act(filer, Action.FILE, condition=self._report.condition)

    # -- dispatch --------------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        await self._turn(ClockKind.DISPATCHING)
        dispatcher = self._one_of(Role.DISPATCHER)
        by_hand: dict[str, Any] = {}
        if self._chance(self._behaviour.dispatched_by_hand):
            by_hand = {"lead": self._rulebook.policy.fallback_unit, "reason": "多部门交叉，由中心协调"}
        await self._act(dispatcher, Action.DISPATCH, **by_hand)
        self._begin_beside()

    async def _rule(self) -> None:
        await self._turn(ClockKind.RULING)
        dispatcher = self._one_of(Role.DISPATCHER)
        reply = self._docket.reply
        others = [*reply["assisting_units"], self._rulebook.policy.fallback_unit]
        other = next((unit for unit in others if unit != reply["lead_unit"]), None)
        if other is not None and self._chance(self._behaviour.redispatched):
            await self._act(dispatcher, Action.REDISPATCH, lead=other, note="改由牵头职责单位办理")
        else:
            await self._act(dispatcher, Action.RETURN_TO_UNIT, note="按责任清单属本单位职责")

    # -- handling --------------------------------------------------------------------------------------

    async def _sign(self) -> None:
        await self._turn(ClockKind.SIGNING, self._behaviour.signing)
        officer = self._officer
        share = self._behaviour.declined if self._declines == 0 else self._behaviour.declined_again
        if self._chance(share) and await officer.may(self._docket, Action.DECLINE):
            self._declines += 1
            reason = self._code(CodeSet.DECLINE, "not_mine")
            await self._act(officer, Action.DECLINE, reason=reason, note="不属本单位职责范围")
        else:
            await self._act(officer, Action.SIGN)

    async def _handle(self) -> None:
        """The unit goes through what it has to do by and by, until the case leaves its hands."""
        for moment, step in sorted(self._agenda(), key=lambda entry: entry[0]):
            await self._until(moment)
            if self._in_hand():
                await step()
            if not self._in_hand():
                return

    def _in_hand(self) -> bool:
        return self._docket.stage is Stage.HANDLING

    def _agenda(self) -> list[tuple[datetime, Callable[[], Awaitable[None]]]]:
        behaviour, reply = self._behaviour, self._docket.reply
        (clock,) = self._docket.clocks(ClockKind.HANDLING)
        limits = self._rulebook.handling_limits(reply["condition"], reply["area_class"])
        since = datetime.fromisoformat(clock["started_at"])
        pauses = tuple(
            Pause(datetime.fromisoformat(p["start"]), datetime.fromisoformat(p["end"]))
            for p in clock["pauses"]
        )
        if (plan := self._plans.get(clock["id"])) is None:
            share = behaviour.handling.draw(self._rng)
            short = share > behaviour.short_of_time and self._chance(behaviour.asks_extension)
            plan = self._plans[clock["id"]] = Plan(share, short)

        def at(share: float) -> datetime:
            return self._after(limits[""], share, since, pauses)

        finish = at(plan.share)
        if not self._report.exists:
            return [(at(plan.share / 2), self._find_nothing), (finish, self._hand_back)]
        agenda: list[tuple[datetime, Callable[[], Awaitable[None]]]] = [(finish, self._hand_back)]
        for milestone in self._docket.clocks(ClockKind.MILESTONE):
            share = self._milestones.setdefault(milestone["id"], behaviour.milestone.draw(self._rng))
            moment = self._after(limits[milestone["name"]], share, since, pauses)
            agenda.append((min(moment, finish), self._reach(milestone["name"])))
        if plan.asks_extension:
            agenda.append((at(0.7), self._ask_extension))
        if self._first_time("suspension") and self._chance(behaviour.suspended):
            agenda.append((at(plan.share * 0.3), self._ask_suspension))
        return agenda

    def _reach(self, milestone: str) -> Callable[[], Awaitable[None]]:
        async def reach() -> None:
            await self._act(self._officer, Action.REACH_MILESTONE, milestone=milestone)

        return reach

    async def _hand_back(self) -> None:
        condition = self._rulebook.condition_by_code[self._docket.reply["condition"]]
        await self._act(self._officer, Action.HAND_BACK, result=f"已处置：{condition.closing}")

    async def _ask_extension(self) -> None:
        officer = self._officer
        if not await officer.may(self._docket, Action.REQUEST_EXTENSION):
            return
        reason = self._code(CodeSet.EXTENSION, "materials", "weather")
        await self._act(officer, Action.REQUEST_EXTENSION, reason=reason)
        dispatcher = self._one_of(Role.DISPATCHER)
        if self._chance(self._behaviour.extension_granted):
            await self._act(dispatcher, Action.APPROVE_EXTENSION)
        else:
            await self._act(dispatcher, Action.REJECT_EXTENSION, note="时限内可以完成")

    async def _ask_suspension(self) -> None:
        officer = self._officer
        if not await officer.may(self._docket, Action.REQUEST_SUSPENSION):
            return
        until = self._now + timedelta(days=self._rng.randint(*self._behaviour.suspension_days))
        reason = self._code(CodeSet.SUSPENSION, "engineering")
        await self._act(officer, Action.REQUEST_SUSPENSION, reason=reason, until=until.isoformat())
        dispatcher = self._one_of(Role.DISPATCHER)
        if self._chance(self._behaviour.suspension_granted):
            await self._act(dispatcher, Action.APPROVE_SUSPENSION)
        else:
            await self._act(dispatcher, Action.REJECT_SUSPENSION, note="不具备挂账条件")

    async def _sit_out(self) -> None:
        """A suspension ends by itself: the worker resumes the case."""
        (clock,) = self._docket.clocks(ClockKind.SUSPENSION)
        over = max(self._now, datetime.fromisoformat(clock["due_at"]))
        await self._until(over + self._behaviour.worker_every + timedelta(minutes=1))
        await self._officer.open(self._docket)

    async def _find_nothing(self) -> None:
        """There is no such problem, which nobody verified: the centre voids the case, by two people."""
        await self._act(self._officer, Action.NOTE, text="现场查看未发现所报问题")
        leader = self._one_of(Role.SHIFT_LEADER)
        if not await leader.may(self._docket, Action.REQUEST_VOIDING):
            return
        await self._act(leader, Action.REQUEST_VOIDING, reason=self._code(CodeSet.VOIDING, "vanished"))
        second = self._crew.another(leader, Role.SHIFT_LEADER)
        if self._chance(self._behaviour.voiding_rejected):
            await self._act(second, Action.REJECT_VOIDING, note="请再次到场确认")
        else:
            await self._act(second, Action.APPROVE_VOIDING)

    # -- checking and closing --------------------------------------------------------------------------

    async def _check(self) -> None:
        await self._turn(ClockKind.CHECKING)
        if inspector := await self._inspector():
            failed = self._docket.reply["reworks"] == 0 and self._chance(self._behaviour.rework)
            await self._act(inspector, Action.CHECK, passed=not failed)

    async def _close(self) -> None:
        await self._turn(ClockKind.CLOSING)
        leader = self._one_of(*self._rulebook.policy.close_roles)
        if not self._docket.reply["check_passed"]:
            await self._act(leader, Action.REWORK, note="核查未通过，请继续处置")
        elif self._first_time("recheck") and self._chance(self._behaviour.rechecked):
            await self._act(leader, Action.RECHECK, note="照片不清，请重新核查")
        else:
            await self._act(leader, Action.CLOSE)

    async def _appeal(self) -> None:
        await self._until(self._now + timedelta(days=self._rng.uniform(0.5, 3)))
        officer = self._officer
        if not await officer.may(self._docket, Action.APPEAL):
            return
        await self._act(officer, Action.APPEAL, text="现场道路封闭，无法按时进场")
        await self._turn(ClockKind.APPEALING)
        upheld = self._chance(self._behaviour.upheld)
        first = self._one_of(Role.SHIFT_LEADER)
        await self._act(first, Action.REVIEW_APPEAL, upheld=upheld, note="初审意见")
        if upheld:
            decided = self._chance(self._behaviour.upheld)
            second = self._one_of(Role.EVALUATOR)
            await self._act(second, Action.DECIDE_APPEAL, upheld=decided, note="复审意见")

    # -- beside the stages -----------------------------------------------------------------------------

    def _begin_beside(self) -> None:
        """What others do about a case while the unit has it."""
        for share, story in (
            (self._behaviour.assisted, self._assist),
            (self._behaviour.reminded, self._remind),
            (self._behaviour.supervised, self._supervise),
            (self._behaviour.noted, self._note),
        ):
            if self._chance(share):
                self._scene.begin(story())

    async def _some_time(self) -> None:
        """Waits for some part of the time the unit has."""
        left = datetime.fromisoformat(self._docket.reply["handling_due_at"]) - self._now
        await self._until(self._now + left * self._rng.uniform(0.1, 0.9))

    async def _assist(self) -> None:
        await self._some_time()
        for unit in self._docket.reply["assisting_units"]:
            officer = self._crew.officer(unit)
            if await officer.may(self._docket, Action.ASSIST):
                await self._act(officer, Action.ASSIST, note="已到场配合")
            return

    async def _remind(self) -> None:
        await self._some_time()
        clerk = self._one_of(Role.INTAKE_CLERK)
        if await clerk.may(self._docket, Action.REMIND):
            await self._act(clerk, Action.REMIND, note="来电人再次询问，请抓紧办理")

    async def _note(self) -> None:
        await self._some_time()
        await self._act(self._one_of(Role.SHIFT_LEADER), Action.NOTE, text="请注意安全防护")

    async def _supervise(self) -> None:
        await self._some_time()
        leader = self._one_of(Role.SHIFT_LEADER, Role.EVALUATOR)
        if not await leader.may(self._docket, Action.SUPERVISE):
            return
        before = {clock["id"] for clock in self._docket.clocks(ClockKind.REPLYING)}
        reply_by = self._now + timedelta(hours=self._rng.randint(4, 48))
        await self._act(
            leader, Action.SUPERVISE, level=self._code(CodeSet.SUPERVISION, "ordinary"),
            text="请说明办理进展", reply_due_at=reply_by.isoformat(),
            listed=self._chance(self._behaviour.listed),
        )  # fmt: skip
        (order,) = (c for c in self._docket.clocks(ClockKind.REPLYING) if c["id"] not in before)
        await self._until(self._now + (reply_by - self._now) * self._behaviour.stage.draw(self._rng))
        officer = self._officer
        if await officer.may(self._docket, Action.REPLY_SUPERVISION):
            await self._act(officer, Action.REPLY_SUPERVISION, order=order["id"], text="正在处置，按期完成")


_TURNS: dict[Stage, Callable[[Life], Awaitable[None]]] = {
    Stage.REPORTED: Life._take_in,
    Stage.AUDITING: Life._audit,
    Stage.VERIFYING: Life._verify,
    Stage.FILING: Life._file,
    Stage.DISPATCHING: Life._dispatch,
    Stage.SIGNING: Life._sign,
    Stage.RULING: Life._rule,
    Stage.HANDLING: Life._handle,
    Stage.SUSPENDED: Life._sit_out,
    Stage.CHECKING: Life._check,
    Stage.CLOSING: Life._close,
}
