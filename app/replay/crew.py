"""The people of a roster at work: who acts for whom, and who is on duty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

from app.dispatch.rulebook import Rulebook
from app.identity.principal import Role
from app.replay.line import Actor, Line
from app.replay.report import ReplayReport
from app.replay.roster import Person

#: Who hands in what comes from a source; everything else is entered by a clerk.
_FROM_INSPECTORS = frozenset({"inspector", "patrol"})
_FROM_CHIEFS = frozenset({"street_chief"})
_FROM_SYSTEMS = frozenset({"hotline", "citizen", "camera", "sensor", "transferred"})
#: 409, since a replay before this one was interrupted.
_ON_DUTY_ALREADY = 409


class Crew:
    """Everybody of the roster with a connection, and the systems that hand in what others tell them."""

    def __init__(
        self,
        people: tuple[Person, ...],
        rulebook: Rulebook,
        line: Line,
        *,
        ids: Mapping[str, UUID],
        password: str,
        api_key: str,
    ) -> None:
        """`ids` are those of the accounts by user name."""
        self._line = line
        self._zone = ZoneInfo(rulebook.calendar.timezone)
        self._actors = {person.username: Actor(line, person.username, password) for person in people}
        self._systems = Actor(line, "systems", api_key=api_key)
        self._by_id = {str(ids[username]): actor for username, actor in self._actors.items()}
        self._people = {person.username: person for person in people}
        self._by_role: dict[Role, list[str]] = defaultdict(list)
        for person in people:
            self._by_role[person.role].append(person.username)
        self._officers = {p.unit: p.username for p in people if p.role is Role.UNIT_OFFICER}
        self._on_duty: set[str] = set()

    def one_of(self, roles: Iterable[Role], rng: Random) -> Actor:
        """Somebody who holds one of the roles."""
        return self._actors[rng.choice([name for role in roles for name in self._by_role[role]])]

    def another(self, than: Actor, role: Role) -> Actor:
        """Somebody else who holds the role."""
        return self._actors[next(name for name in self._by_role[role] if name != than.username)]

    def officer(self, unit: str) -> Actor:
        """Who acts for the unit."""
        return self._actors[self._officers[unit]]

    def holder(self, account: str | None) -> Actor | None:
        """The one of that account id; None for nobody, or somebody who is not of the crew."""
        return self._by_id.get(account or "")

    async def reporter(self, report: ReplayReport, rng: Random) -> Actor:
        """Who hands in the report: the inspector on duty or the chief of the place, a system, or a clerk."""
        if report.source in _FROM_SYSTEMS:
            return self._systems
        able: Iterable[str] = ()
        if report.source in _FROM_INSPECTORS:
            able = sorted(self._on_duty)
        elif report.source in _FROM_CHIEFS:
            able = self._by_role[Role.STREET_CHIEF]
        if able:
            cell = await self._cell(report)
            if here := [name for name in able if cell.startswith(self._people[name].areas)]:
                return self._actors[rng.choice(here)]
        return self.one_of((Role.INTAKE_CLERK,), rng)

    async def _cell(self, report: ReplayReport) -> str:
        """The cell the reporter stands in, as the service's map tells; empty outside."""
        place = {"x": report.x, "y": report.y, "datum": report.datum.value}
        clerk = self._actors[self._by_role[Role.INTAKE_CLERK][0]]
        reply = await clerk.send("GET", "/places", params=place)
        return str(reply.json()["cell_code"] or "")

    async def change_shifts(self) -> None:
        """Those whose shift is over go off duty, those whose shift it is come on."""
        hour = self._line.clock.now().astimezone(self._zone).time()
        at_work = (p.username for p in self._people.values() if p.shift and p.shift.holds(hour))
        await self._on_duty_now(set(at_work))

    async def _on_duty_now(self, wanted: set[str]) -> None:
        for username in sorted(self._on_duty - wanted):
            await self._actors[username].send("DELETE", "/duty")
        for username in sorted(wanted - self._on_duty):
            beat = {"area_codes": list(self._people[username].areas)}
            await self._actors[username].send("POST", "/duty", json=beat, also=(_ON_DUTY_ALREADY,))
        self._on_duty = wanted

    async def go_home(self, *, stay_on_duty: bool) -> None:
        """Ends every login and, unless the inspectors `stay_on_duty`, their shifts."""
        if not stay_on_duty:
            await self._on_duty_now(set())
        for actor in self._actors.values():
            await actor.log_out()
