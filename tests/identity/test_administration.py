"""Administrators make and change accounts and API clients, each within the own areas."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import ManualClock
from app.identity import store
from app.identity.principal import Role
from app.identity.tables import AccountTable, ApiClientTable
from app.requests import Services
from tests.identity.people import (
    DISTRICT,
    NEIGHBOUR_DISTRICT,
    PASSWORD,
    STREET,
    hire,
    login,
    renew,
    try_login,
    whoami,
)

ACCOUNTS = "/api/v1/accounts"
CLIENTS = "/api/v1/api-clients"


@pytest.fixture
async def chief(http: httpx.AsyncClient, services: Services) -> dict[str, str]:
    """The district's administrator, logged in."""
    await hire(services, "futian.admin", Role.ADMINISTRATOR)
    return await login(http, "futian.admin")


@pytest.fixture
async def street_admin(http: httpx.AsyncClient, services: Services) -> dict[str, str]:
    """The administrator of one street of the district, logged in."""
    await hire(services, "street.admin", Role.ADMINISTRATOR, areas=[STREET])
    return await login(http, "street.admin")


def wang_li(**changes: Any) -> dict[str, Any]:
    return {
        "username": "wang.li",
        "display_name": "王丽",
        "password": PASSWORD,
        "roles": ["intake_clerk"],
        "areas": [DISTRICT],
        **changes,
    }


async def test_a_new_account_can_log_in_and_is_shown_without_its_password(
    http: httpx.AsyncClient, chief: dict[str, str]
) -> None:
    made = await http.post(ACCOUNTS, json=wang_li(unit="12345"), headers=chief)
    assert made.status_code == 201
    account = made.json()
    assert account["username"] == "wang.li"
    assert account["roles"] == ["intake_clerk"]
    assert account["unit"] == "12345"
    assert account["active"]
    assert not any("password" in field for field in account)
    assert (await try_login(http, "wang.li")).status_code == 200
    assert (await http.get(f"{ACCOUNTS}/{account['id']}", headers=chief)).json() == account


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "王"),
        ("username", "a"),
        ("username", "wang li"),
        ("display_name", " "),
        ("display_name", "王\n丽"),
        ("password", "short"),
        ("password", "x" * 257),
        ("roles", []),
        ("roles", ["mayor"]),
        ("roles", ["system"]),
        ("areas", []),
        ("areas", ["福田区"]),
        ("areas", ["44030"]),
        ("unit", ""),
        ("is_root", True),
    ],
)
async def test_what_is_against_the_rules_is_named(
    http: httpx.AsyncClient, chief: dict[str, str], field: str, value: Any
) -> None:
    refused = await http.post(ACCOUNTS, json=wang_li(**{field: value}), headers=chief)
    assert refused.status_code == 422
    assert [name.split(".")[0] for name in refused.json()["fields"]] == [field]


async def test_the_password_is_not_the_username(http: httpx.AsyncClient, chief: dict[str, str]) -> None:
    body = wang_li(username="long.enough.name", password="Long.Enough.Name")
    assert (await http.post(ACCOUNTS, json=body, headers=chief)).status_code == 422


async def test_a_username_is_taken_in_either_case(http: httpx.AsyncClient, chief: dict[str, str]) -> None:
    assert (await http.post(ACCOUNTS, json=wang_li(), headers=chief)).status_code == 201
    again = await http.post(ACCOUNTS, json=wang_li(username="WANG.LI"), headers=chief)
    assert again.status_code == 409


async def test_accounts_are_listed_in_pages(
    http: httpx.AsyncClient, services: Services, chief: dict[str, str]
) -> None:
    for name in ("c.inspector", "a.inspector", "b.inspector"):
        await hire(services, name, Role.INSPECTOR)
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(2):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await http.get(ACCOUNTS, params=query, headers=chief)).json()
        seen += [account["username"] for account in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["a.inspector", "b.inspector", "c.inspector", "futian.admin"]
    assert cursor is None


# Scope


async def test_an_administrator_neither_sees_nor_changes_what_lies_outside(
    http: httpx.AsyncClient, services: Services, street_admin: dict[str, str]
) -> None:
    own = await hire(services, "own.inspector", Role.INSPECTOR, areas=[f"{STREET}002"])
    foreign = [
        await hire(services, "next.street", Role.INSPECTOR, areas=["440304002"]),
        await hire(services, "both.streets", Role.INSPECTOR, areas=[STREET, "440304002"]),
        await hire(services, "whole.district", Role.INSPECTOR, areas=[DISTRICT]),
    ]
    listed = (await http.get(ACCOUNTS, headers=street_admin)).json()["items"]
    assert [account["username"] for account in listed] == ["own.inspector", "street.admin"]

    for account in (*foreign, uuid4()):
        url = f"{ACCOUNTS}/{account}"
        new = {"password": "another long password"}
        assert (await http.get(url, headers=street_admin)).status_code == 404
        assert (await http.patch(url, json={"active": False}, headers=street_admin)).status_code == 404
        assert (await http.post(f"{url}/password", json=new, headers=street_admin)).status_code == 404
    assert (await http.get(f"{ACCOUNTS}/{own}", headers=street_admin)).status_code == 200
    assert (await try_login(http, "whole.district")).status_code == 200


@pytest.mark.parametrize("areas", [[DISTRICT], [STREET, NEIGHBOUR_DISTRICT], ["44030400"]])
async def test_nobody_gives_away_more_than_the_own_areas(
    http: httpx.AsyncClient, services: Services, street_admin: dict[str, str], areas: list[str]
) -> None:
    own = await hire(services, "own.inspector", Role.INSPECTOR, areas=[STREET])
    made = await http.post(ACCOUNTS, json=wang_li(areas=areas), headers=street_admin)
    widened = await http.patch(f"{ACCOUNTS}/{own}", json={"areas": areas}, headers=street_admin)
    client = {"name": "hotline", "roles": ["integration"], "areas": areas}
    keyed = await http.post(CLIENTS, json=client, headers=street_admin)
    assert [made.status_code, widened.status_code, keyed.status_code] == [403, 403, 403]


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.ADMINISTRATOR, Role.SYSTEM)])
async def test_only_administrators_administer(
    http: httpx.AsyncClient, services: Services, role: Role
) -> None:
    somebody = await hire(services, "somebody", role)
    headers = await login(http, "somebody")
    new_client = {"name": "hotline", "roles": ["integration"], "areas": [DISTRICT]}
    refused = [
        await http.get(ACCOUNTS, headers=headers),
        await http.post(ACCOUNTS, json=wang_li(), headers=headers),
        await http.get(f"{ACCOUNTS}/{somebody}", headers=headers),
        await http.patch(f"{ACCOUNTS}/{somebody}", json={"roles": ["administrator"]}, headers=headers),
        await http.post(f"{ACCOUNTS}/{somebody}/password", json={"password": "a" * 12}, headers=headers),
        await http.get(CLIENTS, headers=headers),
        await http.post(CLIENTS, json=new_client, headers=headers),
        await http.delete(f"{CLIENTS}/{uuid4()}", headers=headers),
    ]
    assert {reply.status_code for reply in refused} == {403}
    assert refused[0].json()["roles"] == ["administrator"]
    assert "管理员 (administrator)" in refused[0].json()["detail"]


# Changing


async def test_only_what_is_sent_is_changed(
    http: httpx.AsyncClient, services: Services, chief: dict[str, str]
) -> None:
    account = await hire(services, "zhao", Role.UNIT_OFFICER, unit="水务局")
    url = f"{ACCOUNTS}/{account}"
    assert isinstance(services.clock, ManualClock)
    services.clock.advance(timedelta(minutes=1))
    before = (await http.get(url, headers=chief)).json()

    after = (await http.patch(url, json={"roles": ["dispatcher", "evaluator"]}, headers=chief)).json()
    assert after.pop("changed_at") > before.pop("changed_at")
    assert after == {**before, "roles": ["dispatcher", "evaluator"]}

    after = (await http.patch(url, json={"unit": None}, headers=chief)).json()
    assert after["unit"] is None


@pytest.mark.parametrize(
    "changes",
    [{"roles": None}, {"roles": []}, {"areas": []}, {"active": None}, {"username": "other"}, {"unit": " "}],
)
async def test_a_change_against_the_rules_changes_nothing(
    http: httpx.AsyncClient, services: Services, chief: dict[str, str], changes: dict[str, Any]
) -> None:
    url = f"{ACCOUNTS}/{await hire(services, 'zhao', Role.UNIT_OFFICER, unit='水务局')}"
    before = (await http.get(url, headers=chief)).json()
    assert (await http.patch(url, json=changes, headers=chief)).status_code == 422
    assert (await http.get(url, headers=chief)).json() == before


async def test_a_reset_password_ends_old_logins_and_the_block(
    http: httpx.AsyncClient, services: Services, chief: dict[str, str]
) -> None:
    account = await hire(services, "zhao", Role.INSPECTOR)
    old = (await try_login(http, "zhao")).json()
    for _ in range(5):
        await try_login(http, "zhao", "forgotten it")
    assert (await try_login(http, "zhao")).status_code == 429

    url = f"{ACCOUNTS}/{account}/password"
    assert (await http.post(url, json={"password": "zhao"}, headers=chief)).status_code == 422
    assert (await http.post(url, json={"password": "a new long one"}, headers=chief)).status_code == 204
    assert (await whoami(http, old["access_token"])).status_code == 401
    assert (await renew(http, old["refresh_token"])).status_code == 401
    assert (await try_login(http, "zhao")).status_code == 401
    assert (await try_login(http, "zhao", "a new long one")).status_code == 200


# API clients


async def new_client(http: httpx.AsyncClient, administrator: dict[str, str], **changes: Any) -> Any:
    body = {"name": "12345 热线", "roles": ["integration"], "areas": [DISTRICT], **changes}
    reply = await http.post(CLIENTS, json=body, headers=administrator)
    assert reply.status_code == 201, reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.json()


async def test_a_key_is_shown_once_and_lets_the_client_in(
    http: httpx.AsyncClient, connection: AsyncConnection, chief: dict[str, str]
) -> None:
    made = await new_client(http, chief)
    mark, prefix, secret = made["key"].split("_", 2)
    assert (mark, prefix) == ("cg", made["client"]["key_prefix"])
    me = (await http.get("/api/v1/me", headers={"X-API-Key": made["key"]})).json()
    assert (me["kind"], me["name"], me["roles"]) == ("client", "12345 热线", ["integration"])

    listed = await http.get(CLIENTS, headers=chief)
    assert [client["name"] for client in listed.json()["items"]] == ["12345 热线"]
    assert secret not in listed.text
    stored = (await connection.execute(select(ApiClientTable.key_hash))).scalar_one()
    assert secret not in stored


async def test_a_key_that_is_not_the_clients_is_refused(
    http: httpx.AsyncClient, chief: dict[str, str]
) -> None:
    key = (await new_client(http, chief))["key"]
    prefix = key.split("_")[1]
    for wrong in (key[:-1], f"{key}x", f"cg_{prefix}_", f"cg_{prefix}", "cg_0_0", "", key.upper()):
        assert (await http.get("/api/v1/me", headers={"X-API-Key": wrong})).status_code == 401, wrong


async def test_a_revoked_key_ends_at_once_and_stays_listed(
    http: httpx.AsyncClient, chief: dict[str, str]
) -> None:
    made = await new_client(http, chief)
    assert (await http.delete(f"{CLIENTS}/{made['client']['id']}", headers=chief)).status_code == 204
    assert (await http.get("/api/v1/me", headers={"X-API-Key": made["key"]})).status_code == 401
    listed = (await http.get(CLIENTS, headers=chief)).json()["items"]
    assert [client["active"] for client in listed] == [False]


async def test_a_client_is_revoked_only_from_within_its_areas(
    http: httpx.AsyncClient, chief: dict[str, str], street_admin: dict[str, str]
) -> None:
    made = await new_client(http, chief)
    refused = await http.delete(f"{CLIENTS}/{made['client']['id']}", headers=street_admin)
    assert refused.status_code == 404
    assert (await http.get("/api/v1/me", headers={"X-API-Key": made["key"]})).status_code == 200
    assert (await http.get(CLIENTS, headers=street_admin)).json()["items"] == []


async def test_a_client_name_is_taken_once(http: httpx.AsyncClient, chief: dict[str, str]) -> None:
    await new_client(http, chief)
    body = {"name": "12345 热线", "roles": ["integration"], "areas": [DISTRICT]}
    assert (await http.post(CLIENTS, json=body, headers=chief)).status_code == 409


async def test_when_a_client_was_last_seen_is_right_to_the_hour(
    http: httpx.AsyncClient, services: Services, chief: dict[str, str]
) -> None:
    key = {"X-API-Key": (await new_client(http, chief))["key"]}
    assert isinstance(services.clock, ManualClock)
    start = services.clock.now()

    async def last_seen_after(minutes: int) -> timedelta:
        services.clock.set(start + timedelta(minutes=minutes))  # type: ignore[attr-defined]
        await http.get("/api/v1/me", headers=key)
        async with services.database.transaction() as connection:
            (client,) = await store.clients_within(connection, [DISTRICT])
        assert client.last_used_at is not None
        return client.last_used_at - start

    assert await last_seen_after(0) == timedelta(0)
    assert await last_seen_after(59) == timedelta(0)
    assert await last_seen_after(60) == timedelta(hours=1)


# For other packages, and the rules the database keeps itself


async def test_who_is_there_for_an_area(services: Services, connection: AsyncConnection) -> None:
    """Those whose areas cover the cell: of the street and of the district, not of the cells beside it."""
    await hire(services, "of.street", Role.INSPECTOR, areas=["440305", STREET])
    await hire(services, "of.district", Role.INSPECTOR, Role.INTAKE_CLERK)
    await hire(services, "of.next.street", Role.INSPECTOR, areas=["440304002"])
    await hire(services, "of.other.cell", Role.INSPECTOR, areas=[f"{STREET}001002"])
    await hire(services, "clerk", Role.INTAKE_CLERK)
    gone = await hire(services, "gone", Role.INSPECTOR)
    await store.change_account(connection, gone, [DISTRICT], {"active": False})

    there = await store.active_accounts(connection, Role.INSPECTOR, f"{STREET}001001")
    assert [account.username for account in there] == ["of.district", "of.street"]
    assert await store.active_accounts(connection, Role.INSPECTOR, "440306") == []


@pytest.mark.parametrize("role", Role)
async def test_the_database_knows_every_role_that_is_given(
    services: Services, connection: AsyncConnection, role: Role
) -> None:
    """A role added to the code without a migration fails here."""
    await hire(services, "somebody", Role.INSPECTOR)
    statement = update(AccountTable).values(roles=[role.value])
    if role is Role.SYSTEM:
        with pytest.raises(Exception, match="roles_known"):
            await connection.execute(statement)
    else:
        await connection.execute(statement)


async def test_the_documentation_shows_both_ways_in(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert schemes["Account"]["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token"
    assert schemes["ApiClient"] | {"description": ""} == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "",
    }
    ways_in = document["paths"][ACCOUNTS]["get"]["security"]
    assert sorted(name for way in ways_in for name in way) == ["Account", "ApiClient"]
    assert len(ways_in) == 2, "either of the two is enough"
