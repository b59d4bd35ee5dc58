"""登录: passwords and refresh tokens against access tokens, and the throttle on guessing.

Each step is a transaction of its own: a failure has to stay counted although the request is refused,
and no connection is held while a password is hashed.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import new_id
from app.errors import TooManyAttempts, Unauthenticated
from app.identity import passwords, store, tokens
from app.identity.tokens import AccessClaims, RefreshToken
from app.requests import Services
from app.settings import TokenSettings

log = structlog.get_logger(__name__)

#: An office of many people shares one address, so an address may fail this many times as often as a username.
_ADDRESS_ALLOWANCE = 10


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What logging in gives: `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


async def log_in(parts: Services, *, username: str, password: str, address: str | None) -> TokenPair:
    """Begins a login session. `address` is the caller's network address, None when there is none.

    Errors: `Unauthenticated` for a wrong username or password, `TooManyAttempts` after too many of them.
    """
    username = username.strip().lower()
    throttle = _Throttle(parts.settings.tokens, username=username, address=address)
    async with parts.database.transaction() as connection:
        await throttle.count(connection, parts.clock.now())
        judged = await store.credentials(connection, username)
    right = await passwords.matches(password, judged.password_hash if judged else None)
    if judged is None or not right:
        raise _wrong()
    better = await passwords.hashed(password) if passwords.outdated(judged.password_hash) else None

    now = parts.clock.now()
    refresh = RefreshToken.new(new_id())
    async with parts.database.transaction() as connection:
        await throttle.forgive(connection)
        opened = await store.open_session(
            connection,
            judged,
            session=refresh.session,
            token_hash=refresh.hash,
            now=now,
            expires_at=now + timedelta(days=parts.settings.tokens.refresh_days),
        )
        if not opened:
            raise _wrong()
        if better is not None:
            await store.renew_hash(connection, judged, better)
    return _pair(parts, AccessClaims(judged.account, refresh.session), refresh, now)


async def renew(parts: Services, refresh_token: str) -> TokenPair:
    """Gives new tokens for the session's newest refresh token, which ends with it.

    Any other token of the session is one that was used before, by its owner or by a thief: the whole
    session ends. Errors: `Unauthenticated`.
    """
    old = RefreshToken.read(refresh_token)
    new = RefreshToken.new(old.session)
    now = parts.clock.now()
    async with parts.database.transaction() as connection:
        account = await store.renew_session(
            connection,
            old.session,
            old_hash=old.hash,
            new_hash=new.hash,
            now=now,
            expires_at=now + timedelta(days=parts.settings.tokens.refresh_days),
        )
        if account is None and await store.end_session(connection, old.session):
            log.warning("login_session_ended", session=str(old.session), reason="refresh token used again")
    if account is None:
        raise Unauthenticated("the refresh token has ended; log in again")
    return _pair(parts, AccessClaims(account, old.session), new, now)


async def log_out(connection: AsyncConnection, refresh_token: str) -> None:
    """Ends the refresh token's session and with it its access tokens; one that has ended already is fine."""
    await store.end_session(connection, RefreshToken.read(refresh_token).session)


async def unblock(connection: AsyncConnection, username: str) -> None:
    """Lets the username (lower-case) try again at once, as after its password was reset."""
    await store.forget_failures(connection, _subject(username))


def _pair(parts: Services, claims: AccessClaims, refresh: RefreshToken, now: datetime) -> TokenPair:
    life = timedelta(minutes=parts.settings.tokens.access_minutes)
    access = tokens.issue_access(claims, secret=parts.secret, now=now, life=life)
    return TokenPair(access, str(refresh), int(life.total_seconds()))


def _wrong() -> Unauthenticated:
    return Unauthenticated("the username or the password is wrong")


class _Throttle:
    """The counts of failures that one attempt to log in falls under: the username's and the address's."""

    def __init__(self, settings: TokenSettings, *, username: str, address: str | None) -> None:
        self._block = timedelta(minutes=settings.login_block_minutes)
        self._username = _subject(username)
        self._address = None if address is None else f"address:{_network(address)}"
        # Always in this order, so that two attempts never wait for each other.
        self._limits = {self._username: settings.login_failures}
        if self._address is not None:
            self._limits[self._address] = settings.login_failures * _ADDRESS_ALLOWANCE

    async def count(self, connection: AsyncConnection, now: datetime) -> None:
        """Counts the attempt as a failure until it proves right. Errors: `TooManyAttempts`."""
        for subject, limit in self._limits.items():
            if not await store.count_attempt(
                connection, subject, limit=limit, now=now, forgotten_at=now + self._block
            ):
                until = await store.blocked_until(connection, subject) or now
                raise TooManyAttempts(
                    "too many failed logins: wait before you try again",
                    retry_after=max(1, math.ceil((until - now).total_seconds())),
                )

    async def forgive(self, connection: AsyncConnection) -> None:
        """The attempt proved right: the username begins anew, the address gets this one back."""
        await store.forget_failures(connection, self._username)
        if self._address is not None:
            await store.uncount_attempt(connection, self._address)


def _subject(username: str) -> str:
    return f"username:{username}"


def _network(address: str) -> str:
    """What one caller can choose freely counts as one: an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
