"""人员: who sends the requests: everybody of the district, logged in once, inspectors on duty."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from app.identity.principal import Role
from app.replay.roster import Person
from bench.city import PASSWORD, City
from bench.load import Address

API = "/api/v1"

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Crew:
    """People and the headers that each of them sends."""

    headers: dict[Person, Headers]

    def of(self, role: Role) -> list[Person]:
        return [person for person in self.headers if person.role is role]

    def by_name(self, name: str) -> Headers:
        """The headers of the person whose name a reply shows."""
        return next(headers for person, headers in self.headers.items() if person.name == name)

    def officer(self, unit: str) -> Headers:
        """The headers of the officer of a unit."""
        return next(
            headers for person, headers in self.headers.items()
            if person.role is Role.UNIT_OFFICER and person.unit == unit
        )  # fmt: skip


def log_in(address: Address, place: City) -> Crew:
    """Logs everybody in and sends the inspectors on duty."""
    with httpx.Client(base_url=f"http://{address.host}:{address.port}{API}", timeout=60) as http:
        crew = Crew({person: _token(http, person) for person in place.people})
        _on_duty(http, ((person, crew.headers[person]) for person in crew.of(Role.INSPECTOR)))
    return crew


def _token(http: httpx.Client, person: Person) -> Headers:
    form = {"grant_type": "password", "username": person.username, "password": PASSWORD}
    reply = http.post("/auth/token", data=form).raise_for_status()
    return {"Authorization": f"Bearer {reply.json()['access_token']}"}


def _on_duty(http: httpx.Client, inspectors: Iterable[tuple[Person, Headers]]) -> None:
    already = 409
    for person, headers in inspectors:
        reply = http.post("/duty", headers=headers, json={"area_codes": list(person.areas)})
        if reply.status_code != already:
            reply.raise_for_status()
