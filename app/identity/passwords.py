"""口令: hashed with Argon2id, always in a thread, since one hash takes a core some tens of milliseconds."""

from __future__ import annotations

import asyncio
import functools
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.errors import InvalidInput

SHORTEST = 10
LONGEST = 256

#: OWASP's parameters for one core a login, so that a shift's beginning does not stop the service.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def check_rules(password: str, *, username: str) -> None:
    """Errors: `InvalidInput` for a password that is too short, too long or the username."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise _refused(f"choose a password of {SHORTEST} to {LONGEST} characters")
    if password.strip().lower() == username:
        raise _refused("choose a password that is not the username")


async def hashed(password: str) -> str:
    """The hash to store, with its salt and parameters."""
    return await asyncio.to_thread(_hasher.hash, _normal(password))


async def matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one hashed; None, for nobody, takes as long and is False."""
    return await asyncio.to_thread(_verify, password, stored)


def outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than those used now."""
    return _hasher.check_needs_rehash(stored)


def _verify(password: str, stored: str | None) -> bool:
    try:
        _hasher.verify(stored or _nobodys_hash(), _normal(password))
    except VerifyMismatchError:
        return False
    return stored is not None


@functools.cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody")


def _normal(password: str) -> str:
    """One form for characters that keyboards and input methods write in several (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def _refused(detail: str) -> InvalidInput:
    return InvalidInput(detail, fields={"password": detail})
