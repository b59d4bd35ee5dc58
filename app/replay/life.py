"""One case in a replay: what its people know and share, and how they wait and act."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from app.cases.workflow import Action
from app.dispatch.deadlines import Pause, due
from app.dispatch.rulebook import ClockKind, CodeSet, Limit, Rulebook
from app.identity.principal import Role
from app.replay.behaviour import Behaviour
from app.replay.crew import Crew
from app.replay.line import Actor, Docket, Surprise, Surprised
from app.replay.report import ReplayReport
from app.replay.timeline import Timeline


@dataclass(slots=True)
class Scene:
    """What all lives share, and what they leave behind; `outside` counts reports of places elsewhere."""

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


@dataclass(frozen=True, slots=True)
class Plan:
    """What the unit intends for one run of the handling clock: the share of the limit it will take."""

    share: float
    asks_extension: bool


class Life:
    """One case, from its report on. `rng` makes every choice; `docket` is there once it was reported."""

    docket: Docket

    def __init__(self, report: ReplayReport, scene: Scene, rng: Random) -> None:
        self.report = report
        self.scene = scene
        self.rulebook = scene.rulebook
        self.behaviour = scene.behaviour
        self.crew = scene.crew
        self.rng = rng
        #: The service's hints at near duplicates.
        self.near: list[dict[str, Any]] = []
        #: By the id of the clock: what the unit intends, and the share of a milestone's limit it will take.
        self.plans: dict[str, Plan] = {}
        self.milestones: dict[str, float] = {}
        self._happened: set[str] = set()

    # -- choices ---------------------------------------------------------------------------------------

    def chance(self, share: float) -> bool:
        """Whether it happens, so many times in one."""
        return self.rng.random() < share

    def once(self, what: str, share: float) -> bool:
        """`chance`, asked the first time only; False ever after."""
        if what in self._happened:
            return False
        self._happened.add(what)
        return self.chance(share)

    def one_of(self, *roles: Role) -> Actor:
        """Somebody who holds one of the roles."""
        return self.crew.one_of(roles, self.rng)

    @property
    def officer(self) -> Actor:
        """Who acts for the lead unit."""
        return self.crew.officer(self.docket.reply["lead_unit"])

    def code(self, code_set: CodeSet, *wanted: str) -> str:
        """The first of these codes that the rulebook knows, or else the first it has."""
        known = self.rulebook.codes_of(code_set)
        return next((code for code in wanted if code in known), next(iter(known)))

    # -- waiting ---------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.scene.timeline.clock.now()

    async def until(self, moment: datetime) -> None:
        """Waits for the moment."""
        await self.scene.timeline.until(moment)

    async def turn(self, kind: ClockKind) -> None:
        """Waits until the one of the centre whose turn it is comes to it."""
        share = self.behaviour.stage.draw(self.rng)
        await self.until(self.after(self.rulebook.stage_limit[kind], share, self.now))

    def after(self, limit: Limit, share: float, since: datetime, pauses: tuple[Pause, ...] = ()) -> datetime:
        """When that share of the limit is used up."""
        part = limit.model_copy(update={"amount": limit.amount * share})
        return due(since, part, self.rulebook.calendar, pauses).at

    def of_handling(self, share: float, milestone: str = "") -> datetime:
        """When that share of the original handling limit, or of a milestone's, is used up."""
        reply, kind = self.docket.reply, ClockKind.MILESTONE if milestone else ClockKind.HANDLING
        (clock,) = (c for c in self.docket.clocks(kind) if c["name"] == milestone)
        limits = self.rulebook.handling_limits(reply["condition"], reply["area_class"])
        pauses = tuple(
            Pause(datetime.fromisoformat(p["start"]), datetime.fromisoformat(p["end"]))
            for p in clock["pauses"]
        )
        return self.after(limits[milestone], share, datetime.fromisoformat(clock["started_at"]), pauses)

    # -- acting ----------------------------------------------------------------------------------------

    async def act(self, actor: Actor, action: Action, **words: Any) -> None:
        """The actor carries out the action, with the lapses people and networks have. Errors: `Surprised`."""
        if self.docket.told != actor.username and self.chance(self.behaviour.opens):
            await actor.open(self.docket)
        if self.docket.told == actor.username and not self.docket.offers(action):
            said = f"not offered while {self.docket.stage}"
            raise Surprised(Surprise(self.now, actor.username, action, said))
        repeat, stale = self.chance(self.behaviour.repeats), self.chance(self.behaviour.stale)
        await actor.act(self.docket, action, words, repeat=repeat, stale=stale)
