"""账号 and 接入系统 as they are shown, and what their fields must fulfil. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NotRequired
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, with_config
from typing_extensions import TypedDict

from app.errors import InvalidInput
from app.identity.principal import ROLE_LABELS, Role

_USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")
_AREA = re.compile(r"[0-9]{6,15}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True, slots=True)
class Account:
    """账号: a person who logs in with a password. `areas` and `unit` are the scope."""

    id: UUID
    username: str
    display_name: str
    roles: tuple[Role, ...]
    areas: tuple[str, ...]
    unit: str | None
    active: bool
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ApiClient:
    """接入系统: a program that asks with an API key; `key_prefix` is the part of it that is no secret."""

    id: UUID
    name: str
    key_prefix: str
    roles: tuple[Role, ...]
    areas: tuple[str, ...]
    unit: str | None
    active: bool
    created_at: datetime
    last_used_at: datetime | None


@with_config(ConfigDict(extra="forbid"))
class NewAccount(TypedDict):
    """What makes an account."""

    username: Annotated[str, Field(examples=["wang.li"])]
    display_name: Annotated[str, Field(examples=["王丽"])]
    password: Annotated[str, Field(description="10 characters or more, and not the username.")]
    roles: Annotated[list[Role], Field(examples=[[Role.INTAKE_CLERK]])]
    areas: Annotated[list[str], Field(examples=[["440304"]])]
    unit: NotRequired[str | None]


@with_config(ConfigDict(extra="forbid"))
class AccountChanges(TypedDict, total=False):
    """What of an account may be changed; what is left out stays, and `"unit": null` takes the unit away."""

    display_name: str
    roles: list[Role]
    areas: list[str]
    unit: str | None
    active: StrictBool


@with_config(ConfigDict(extra="forbid"))
class NewApiClient(TypedDict):
    """What makes an API client."""

    name: Annotated[str, Field(examples=["12345 热线"])]
    roles: Annotated[list[Role], Field(examples=[[Role.INTEGRATION]])]
    areas: Annotated[list[str], Field(examples=[["440304"]])]
    unit: NotRequired[str | None]


def checked_username(username: str) -> str:
    """The username as stored: lower-case, 2 to 64 of `a-z 0-9 . _ @ -`. Errors: `InvalidInput`."""
    folded = username.strip().lower()
    if not _USERNAME.fullmatch(folded):
        raise _refused("username", "write 2 to 64 of the characters a-z 0-9 . _ @ -, a letter or digit first")
    return folded


def checked_text(field: str, text: str) -> str:
    """The text without blanks around it, 1 to 100 characters on one line. Errors: `InvalidInput`."""
    stripped = text.strip()
    if not _TEXT.fullmatch(stripped):
        raise _refused(field, "write 1 to 100 characters on one line")
    return stripped


def checked_roles(roles: Sequence[Role]) -> tuple[Role, ...]:
    """The roles as stored. Errors: `InvalidInput` for none, or for 系统, which nobody is given."""
    if not roles:
        raise _refused("roles", "give at least one role")
    if Role.SYSTEM in roles:
        raise _refused("roles", f"leave out {label(Role.SYSTEM)}: it is the service's own")
    return tuple(sorted(set(roles)))


def checked_areas(areas: Sequence[str]) -> tuple[str, ...]:
    """The area codes as stored. Errors: `InvalidInput` for none, or for one that is not 6 to 15 digits."""
    if not areas:
        raise _refused("areas", "give at least one area code; an account without areas could see nothing")
    for area in areas:
        if not _AREA.fullmatch(area):
            raise _refused("areas", f"write {area!r} as an area code of 6 to 15 digits")
    return tuple(sorted(set(areas)))


def checked_unit(unit: str | None) -> str | None:
    """The unit code as stored, None for no unit. Errors: `InvalidInput`."""
    return None if unit is None else checked_text("unit", unit)


def label(role: Role) -> str:
    """The role as people read it: 管理员 (administrator)."""
    return f"{ROLE_LABELS[role]} ({role})"


def _refused(field: str, detail: str) -> InvalidInput:
    return InvalidInput(f"{field}: {detail}", fields={field: detail})
