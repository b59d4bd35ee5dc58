"""Who works in the demo district: an account for each post, with invented names and no passwords."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from app.demo import plan
from app.demo.names import person
from app.demo.people import Chief
from app.dispatch.rulebook import Rulebook
from app.identity.principal import Role

#: Inspectors of each street office: a problem's checker must not be its reporter.
INSPECTORS = 4
#: How many sit in the two centres, by role and the beginning of their usernames.
CENTRE = (
    (Role.INTAKE_CLERK, "clerk", 3),
    (Role.SHIFT_LEADER, "leader", 2),
    (Role.DISPATCHER, "dispatcher", 3),
    (Role.EVALUATOR, "evaluator", 1),
    (Role.ADMINISTRATOR, "admin", 1),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """账号 to be created. `areas` and `unit` are its scope."""

    username: str
    display_name: str
    role: Role
    areas: tuple[str, ...]
    unit: str | None = None


def accounts(seed: int, chiefs: tuple[Chief, ...], rulebook: Rulebook) -> tuple[DemoAccount, ...]:
    """The centres' people, four inspectors a street office, an officer for each unit, the street chiefs."""
    rng = Random(f"{seed}/accounts")
    named = {chief.account: chief.name for chief in chiefs if chief.account and chief.valid_to is None}
    return tuple(_accounts(rng, named, rulebook))


def _accounts(rng: Random, chief_names: dict[str, str], rulebook: Rulebook) -> Iterator[DemoAccount]:
    district = (plan.DISTRICT_CODE,)
    for role, stem, number in CENTRE:
        for serial in range(1, number + 1):
            yield DemoAccount(f"{stem}{serial}", person(rng), role, district)
    for office in plan.OFFICES:
        short = office.unit.removeprefix("street_")
        for serial in range(1, INSPECTORS + 1):
            yield DemoAccount(f"inspector.{short}{serial}", person(rng), Role.INSPECTOR, (office.code,))
        chief = f"chief.{short}"
        yield DemoAccount(chief, chief_names[chief], Role.STREET_CHIEF, (office.code,), office.unit)
    for unit in rulebook.units:
        yield DemoAccount(
            f"unit.{unit.code}", person(rng), Role.UNIT_OFFICER, unit.areas or district, unit.code
        )
