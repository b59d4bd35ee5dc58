"""令牌: signed access tokens (JWT), opaque refresh tokens and API keys. Pure: no clock, no tables."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid4

import jwt

from app.errors import Unauthenticated

_ALGORITHM = "HS256"
_ISSUER = "chengguan"
_KEY_MARK = "cg"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says: the account and the login session it belongs to."""

    account: UUID
    session: UUID


def issue_access(claims: AccessClaims, *, secret: str, now: datetime, life: timedelta) -> str:
    """A signed token that holds from `now` for `life`."""
    issued = int(now.timestamp())
    payload = {
        "iss": _ISSUER,
        "sub": str(claims.account),
        "kind": "account",
        "sid": str(claims.session),
        "jti": uuid4().hex,
        "iat": issued,
        "exp": issued + int(life.total_seconds()),
    }
    return jwt.encode(payload, secret, algorithm=_ALGORITHM)


def read_access(token: str, *, secret: str, now: datetime) -> AccessClaims:
    """The token's claims. Errors: `Unauthenticated` when it is forged, expired or not one of ours."""
    claims, expires = _signed(token, secret)
    if expires <= now.timestamp():
        raise Unauthenticated("the access token has expired; renew it with the refresh token or log in again")
    return claims


@lru_cache(maxsize=4096)  # a phone sends the same token with every request of a quarter of an hour
def _signed(token: str, secret: str) -> tuple[AccessClaims, int]:
    """What a token with our signature says, and when it ends (seconds of the epoch)."""
    try:
        payload = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            issuer=_ISSUER,
            # The library would compare with the machine's time; ours is the service's clock.
            options={
                "require": ["iss", "sub", "kind", "sid", "jti", "iat", "exp"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        claims = AccessClaims(account=UUID(payload["sub"]), session=UUID(payload["sid"]))
        expires = int(payload["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        raise Unauthenticated("the access token is not valid; log in again") from None
    if payload["kind"] != "account":
        raise Unauthenticated("this is not an access token; log in again")
    return claims, expires


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """`<session>.<secret>`: only the hash of the secret is stored."""

    session: UUID
    secret: str

    @classmethod
    def new(cls, session: UUID) -> RefreshToken:
        return cls(session, secrets.token_urlsafe(32))

    @classmethod
    def read(cls, text: str) -> RefreshToken:
        """Errors: `Unauthenticated` when the text has not the form of a refresh token."""
        session, _, secret = text.partition(".")
        try:
            return cls(UUID(hex=session), secret)
        except ValueError:
            raise Unauthenticated("the refresh token is not valid; log in again") from None

    @property
    def hash(self) -> str:
        return _sha256(self.secret)

    def __str__(self) -> str:
        return f"{self.session.hex}.{self.secret}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`cg_<prefix>_<secret>`: the prefix finds the client, the hash of the whole proves it."""

    prefix: str
    secret: str

    @classmethod
    def new(cls) -> ApiKey:
        return cls(secrets.token_hex(6), secrets.token_urlsafe(32))

    @classmethod
    def read(cls, text: str) -> ApiKey:
        """Errors: `Unauthenticated` when the text has not the form of a key."""
        match text.split("_", 2):
            case [mark, prefix, secret] if mark == _KEY_MARK:
                return cls(prefix, secret)
        raise unknown_key()

    @property
    def hash(self) -> str:
        return _sha256(str(self))

    def is_hashed_as(self, stored: str) -> bool:
        return hmac.compare_digest(self.hash, stored)

    def __str__(self) -> str:
        return f"{_KEY_MARK}_{self.prefix}_{self.secret}"


def unknown_key() -> Unauthenticated:
    return Unauthenticated("the API key is not valid or was revoked; ask an administrator for a new one")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
