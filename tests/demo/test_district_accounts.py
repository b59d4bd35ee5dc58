"""Every post of the demo district is filled, so that a case can go its whole way."""

from __future__ import annotations

import pytest

from app.demo import RULEBOOK, plan
from app.demo.accounts import DemoAccount, accounts
from app.demo.district import DEFAULT_SEED, build
from app.dispatch.folder import read_folder
from app.dispatch.rulebook import Rulebook
from app.identity.account import checked_username
from app.identity.principal import Role


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_folder(RULEBOOK)


@pytest.fixture(scope="module")
def people(rulebook: Rulebook) -> tuple[DemoAccount, ...]:
    return accounts(DEFAULT_SEED, build(DEFAULT_SEED).chiefs, rulebook)


def test_usernames_are_valid_and_used_once(people: tuple[DemoAccount, ...]) -> None:
    names = [account.username for account in people]
    assert [checked_username(name) for name in names] == names
    assert len(set(names)) == len(names)


def test_every_role_that_people_have_is_filled(people: tuple[DemoAccount, ...]) -> None:
    assert {account.role for account in people} == set(Role) - {Role.INTEGRATION, Role.SYSTEM}


def test_every_unit_of_the_rulebook_has_an_officer(
    people: tuple[DemoAccount, ...], rulebook: Rulebook
) -> None:
    officers = {account.unit for account in people if account.role is Role.UNIT_OFFICER}
    assert officers == set(rulebook.unit_by_code)


def test_every_street_has_inspectors_who_can_check_one_another(people: tuple[DemoAccount, ...]) -> None:
    for office in plan.OFFICES:
        assert sum(a.role is Role.INSPECTOR and a.areas == (office.code,) for a in people) >= 2


def test_every_account_a_chief_is_known_by_exists(people: tuple[DemoAccount, ...]) -> None:
    known = {chief.account for chief in build(DEFAULT_SEED).chiefs if chief.account}
    assert known == {account.username for account in people if account.role is Role.STREET_CHIEF}
