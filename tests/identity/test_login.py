"""Logging in, staying logged in, and everything that must not work."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import ManualClock
from app.db import Database, new_id
from app.identity import passwords, store
from app.identity.principal import Role
from app.identity.tables import AccountTable, LoginSessionTable, LoginThrottleTable
from app.main import create_app
from app.requests import Services
from tests.identity.people import PASSWORD, hire, login, renew, try_login, whoami


@pytest.fixture
def clock(services: Services) -> ManualClock:
    assert isinstance(services.clock, ManualClock)
    return services.clock


@pytest.fixture
async def clerk(services: Services) -> str:
    """Wang Li, who takes the calls."""
    await hire(services, "wang.li", Role.INTAKE_CLERK, areas=["440304"], unit="监督中心")
    return "wang.li"


async def test_who_logs_in_is_known_with_roles_and_scope(http: httpx.AsyncClient, clerk: str) -> None:
    reply = await try_login(http, " Wang.Li ")
    assert reply.status_code == 200
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json()["token_type"] == "bearer"
    assert reply.json()["expires_in"] == 15 * 60

    me = (await whoami(http, reply.json()["access_token"])).json()
    assert me.pop("id")
    assert me == {
        "name": "wang.li 某某",
        "kind": "account",
        "roles": ["intake_clerk"],
        "role_labels": {"intake_clerk": "受理员"},
        "areas": ["440304"],
        "unit": "监督中心",
    }


async def test_nobody_is_known_without_a_token(http: httpx.AsyncClient) -> None:
    reply = await http.get("/api/v1/me")
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_wrong_password_and_unknown_user_are_told_alike(http: httpx.AsyncClient, clerk: str) -> None:
    wrong = await try_login(http, clerk, "not the password")
    unknown = await try_login(http, "nobody.here")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"]


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_half_a_form_is_refused(http: httpx.AsyncClient, missing: str) -> None:
    form = {"username": "wang.li", "password": PASSWORD}
    del form[missing]
    assert (await http.post("/api/v1/auth/token", data=form)).status_code == 422


async def test_refresh_form_without_its_token_is_refused(http: httpx.AsyncClient) -> None:
    reply = await http.post("/api/v1/auth/token", data={"grant_type": "refresh_token"})
    assert reply.status_code == 422
    assert "refresh_token" in reply.json()["fields"]


# The throttle


async def test_guessing_is_blocked_and_the_clock_ends_it(
    http: httpx.AsyncClient, clock: ManualClock, clerk: str
) -> None:
    for _ in range(5):
        assert (await try_login(http, clerk, "a wrong guess")).status_code == 401
    blocked = await try_login(http, clerk)
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"] == str(15 * 60)

    clock.advance(timedelta(minutes=14))
    still = await try_login(http, clerk)
    assert (still.status_code, still.headers["Retry-After"]) == (429, "60")

    clock.advance(timedelta(minutes=1))
    assert (await try_login(http, clerk)).status_code == 200


async def test_a_username_nobody_has_is_blocked_too(http: httpx.AsyncClient) -> None:
    answers = [(await try_login(http, "nobody.here")).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]


async def test_success_begins_the_count_anew(http: httpx.AsyncClient, clerk: str) -> None:
    for _ in range(2):
        for _ in range(4):
            assert (await try_login(http, clerk, "a wrong guess")).status_code == 401
        assert (await try_login(http, clerk)).status_code == 200


async def test_old_failures_are_forgotten(http: httpx.AsyncClient, clock: ManualClock, clerk: str) -> None:
    for _ in range(4):
        await try_login(http, clerk, "a wrong guess")
    clock.advance(timedelta(minutes=15))
    for _ in range(4):
        assert (await try_login(http, clerk, "a wrong guess")).status_code == 401
    assert (await try_login(http, clerk)).status_code == 200


async def test_one_address_cannot_try_everybody(http: httpx.AsyncClient, services: Services) -> None:
    """Fifty failures over many usernames block the address, and the fifty-first guess is not looked at."""
    await hire(services, "unlucky", Role.INSPECTOR)
    async with services.database.transaction() as connection:
        await connection.execute(
            insert(LoginThrottleTable).values(
                subject="address:127.0.0.1",
                failures=49,
                forgotten_at=services.clock.now() + timedelta(minutes=5),
            )
        )
    assert (await try_login(http, "unlucky")).status_code == 200
    assert (await try_login(http, "unlucky", "a wrong guess")).status_code == 401
    assert (await try_login(http, "unlucky")).status_code == 429


async def test_neighbours_in_one_ipv6_network_count_as_one(app: Any, services: Services) -> None:
    for host in range(1, 4):
        transport = httpx.ASGITransport(app, client=(f"2001:db8::{host}", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://chengguan.test") as http:
            await try_login(http, f"guess.{host}")
    async with services.database.transaction() as connection:
        counted = await connection.execute(
            select(LoginThrottleTable.subject, LoginThrottleTable.failures).where(
                LoginThrottleTable.subject.startswith("address:")
            )
        )
        assert [tuple(row) for row in counted] == [("address:2001:db8::/64", 3)]


@pytest.mark.cloned
async def test_parallel_guesses_do_not_slip_past_the_limit(services: Services, cloned_url: str) -> None:
    """Twenty guesses at once over real connections: five are looked at, fifteen are refused."""
    database = Database(cloned_url, pool_size=8, pool_timeout=30)
    parts = Services(services.settings, database, services.clock, services.secret)
    try:
        await hire(parts, "wang.li", Role.INTAKE_CLERK)
        made = create_app(parts.settings, clock=parts.clock, database=database)
        async with (
            made.router.lifespan_context(made),
            httpx.AsyncClient(transport=httpx.ASGITransport(made), base_url="http://chengguan.test") as http,
        ):
            replies = await asyncio.gather(*(try_login(http, "wang.li", f"guess {n:06}") for n in range(20)))
            assert sorted(reply.status_code for reply in replies) == [401] * 5 + [429] * 15
            assert (await try_login(http, "wang.li")).status_code == 429
    finally:
        await database.close()


# Access tokens


async def test_an_access_token_ends_by_the_services_clock(
    http: httpx.AsyncClient, clock: ManualClock, clerk: str
) -> None:
    access = (await try_login(http, clerk)).json()["access_token"]
    clock.advance(timedelta(minutes=15) - timedelta(seconds=1))
    assert (await whoami(http, access)).status_code == 200
    clock.advance(timedelta(seconds=1))
    expired = await whoami(http, access)
    assert expired.status_code == 401
    assert "expired" in expired.json()["detail"]


FORGERIES: dict[str, Any] = {
    "no signature": lambda claims, secret: jwt.encode(claims, None, algorithm="none"),
    "another key": lambda claims, secret: jwt.encode(claims, "x" * 40, algorithm="HS256"),
    "another algorithm": lambda claims, secret: jwt.encode(claims, secret * 2, algorithm="HS512"),
    "another issuer": lambda claims, secret: jwt.encode({**claims, "iss": "other"}, secret),
    "another kind": lambda claims, secret: jwt.encode({**claims, "kind": "client"}, secret),
    "no expiry": lambda claims, secret: jwt.encode(
        {name: claims[name] for name in claims if name != "exp"}, secret
    ),
    "no session": lambda claims, secret: jwt.encode({**claims, "sid": 7}, secret),
    "not an account": lambda claims, secret: jwt.encode({**claims, "sub": "root"}, secret),
    "somebody else's session": lambda claims, secret: jwt.encode(
        {**claims, "sub": "00000000-0000-0000-0000-000000000000"}, secret
    ),
    "not a token": lambda claims, secret: "城管".encode().hex(),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_is_refused(
    http: httpx.AsyncClient, services: Services, clerk: str, forgery: str
) -> None:
    real = (await try_login(http, clerk)).json()["access_token"]
    claims = jwt.decode(real, options={"verify_signature": False})
    assert (await whoami(http, jwt.encode(claims, services.secret))).status_code == 200
    assert (await whoami(http, FORGERIES[forgery](claims, services.secret))).status_code == 401


async def test_a_token_with_changed_claims_is_refused(http: httpx.AsyncClient, clerk: str) -> None:
    header, payload, signature = (await try_login(http, clerk)).json()["access_token"].split(".")
    changed = payload[:-2] + ("AA" if payload[-2:] != "AA" else "BB")
    assert (await whoami(http, f"{header}.{changed}.{signature}")).status_code == 401


async def test_a_deactivated_account_loses_access_at_once(
    http: httpx.AsyncClient, connection: AsyncConnection, clerk: str
) -> None:
    tokens = (await try_login(http, clerk)).json()
    await connection.execute(update(AccountTable).where(AccountTable.username == clerk).values(active=False))
    assert (await whoami(http, tokens["access_token"])).status_code == 401
    assert (await renew(http, tokens["refresh_token"])).status_code == 401
    assert (await try_login(http, clerk)).status_code == 401


async def test_a_changed_role_counts_at_once(
    http: httpx.AsyncClient, connection: AsyncConnection, clerk: str
) -> None:
    headers = await login(http, clerk)
    assert (await http.get("/api/v1/accounts", headers=headers)).status_code == 403
    await connection.execute(
        update(AccountTable).where(AccountTable.username == clerk).values(roles=["administrator"])
    )
    assert (await http.get("/api/v1/accounts", headers=headers)).status_code == 200


# Refresh tokens


async def test_each_renewal_gives_the_next_token(
    http: httpx.AsyncClient, clock: ManualClock, clerk: str
) -> None:
    tokens = (await try_login(http, clerk)).json()
    seen = {tokens["refresh_token"]}
    for _ in range(3):
        clock.advance(timedelta(days=29))
        reply = await renew(http, tokens["refresh_token"])
        assert reply.status_code == 200
        tokens = reply.json()
        assert (await whoami(http, tokens["access_token"])).status_code == 200
        seen.add(tokens["refresh_token"])
    assert len(seen) == 4


async def test_a_refresh_token_ends_by_the_services_clock(
    http: httpx.AsyncClient, clock: ManualClock, clerk: str
) -> None:
    tokens = (await try_login(http, clerk)).json()
    clock.advance(timedelta(days=30))
    assert (await renew(http, tokens["refresh_token"])).status_code == 401


async def test_a_refresh_token_used_twice_ends_the_whole_login(http: httpx.AsyncClient, clerk: str) -> None:
    """The thief used the stolen token first; when its owner comes with it, both are shut out."""
    stolen = (await try_login(http, clerk)).json()
    elsewhere = (await try_login(http, clerk)).json()
    thief = (await renew(http, stolen["refresh_token"])).json()
    assert (await whoami(http, thief["access_token"])).status_code == 200

    assert (await renew(http, stolen["refresh_token"])).status_code == 401
    assert (await renew(http, thief["refresh_token"])).status_code == 401
    assert (await whoami(http, thief["access_token"])).status_code == 401
    assert (await whoami(http, elsewhere["access_token"])).status_code == 200


@pytest.mark.parametrize("text", ["", "nonsense", "0198f3c2a7b17c3e9d4f5a6b7c8d9e0f.secret", "城管.1"])
async def test_what_is_no_refresh_token_is_refused(http: httpx.AsyncClient, text: str) -> None:
    assert (await renew(http, text)).status_code in (401, 422)


async def test_logging_out_ends_every_token_of_the_login(http: httpx.AsyncClient, clerk: str) -> None:
    tokens = (await try_login(http, clerk)).json()
    form = {"refresh_token": tokens["refresh_token"]}
    assert (await http.post("/api/v1/auth/logout", data=form)).status_code == 204
    assert (await whoami(http, tokens["access_token"])).status_code == 401
    assert (await renew(http, tokens["refresh_token"])).status_code == 401
    assert (await http.post("/api/v1/auth/logout", data=form)).status_code == 204


async def test_no_token_is_stored_as_it_is(
    http: httpx.AsyncClient, connection: AsyncConnection, clerk: str
) -> None:
    secret = (await try_login(http, clerk)).json()["refresh_token"].partition(".")[2]
    stored = (await connection.execute(select(LoginSessionTable.token_hash))).scalars().all()
    assert len(stored) == 1
    assert secret not in stored[0]


# Passwords at rest


async def test_an_old_hash_is_renewed_when_its_owner_logs_in(
    http: httpx.AsyncClient, connection: AsyncConnection, clerk: str
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    await connection.execute(update(AccountTable).values(password_hash=weak))
    assert (await try_login(http, clerk)).status_code == 200
    renewed = (await connection.execute(select(AccountTable.password_hash))).scalar_one()
    assert passwords.outdated(weak)
    assert not passwords.outdated(renewed)
    assert (await try_login(http, clerk)).status_code == 200


async def test_what_has_expired_is_swept(
    http: httpx.AsyncClient, connection: AsyncConnection, clock: ManualClock, clerk: str
) -> None:
    await try_login(http, clerk)
    clock.advance(timedelta(days=29))
    await try_login(http, clerk)
    await try_login(http, clerk, "a wrong guess")
    clock.advance(timedelta(days=1))
    deleted = await store.delete_expired(connection, clock.now())
    assert deleted == 3, "the first login, and the failures of the username and of the address"
    assert await store.delete_expired(connection, clock.now()) == 0
    left = await connection.execute(select(func.count()).select_from(LoginSessionTable))
    assert left.scalar_one() == 1


async def test_a_password_reset_while_logging_in_wins(
    services: Services, connection: AsyncConnection, clerk: str
) -> None:
    """Between judging the old password and opening the session the password was reset."""
    judged = await store.credentials(connection, clerk)
    assert judged is not None
    await connection.execute(update(AccountTable).values(password_hash="reset"))

    now = services.clock.now()
    opened = await store.open_session(
        connection, judged, session=new_id(), token_hash="x", now=now, expires_at=now + timedelta(days=1)
    )
    await store.renew_hash(connection, judged, "a better hash of the old password")
    assert not opened
    assert (await connection.execute(select(AccountTable.password_hash))).scalar_one() == "reset"
