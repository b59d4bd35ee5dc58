"""入参: what clients send, checked. What the standard and this service do not know is passed over: other
servers have parameters of their own, and clients send them to all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from app.cases.command import CodeText, Line, OptionalWords
from app.errors import InvalidInput
from app.moment import Moment

#: The standard's longest span between two dates, and the one looked at when none is named.
SPAN = timedelta(days=90)
#: The standard's most requests in one answer.
MOST = 1000


def _one_list(given: Any) -> list[str]:
    """Values given several times or with commas between them."""
    parts = [given] if isinstance(given, str) else given
    return [word for part in parts for word in map(str.strip, part.split(",")) if word]


def _last(given: Any) -> Any:
    return given[-1] if isinstance(given, list) else given


def _dated(given: Any) -> Any:
    """The `+` of an offset, sent as it is in a query, arrives as a blank."""
    found = _last(given)
    return found.replace(" ", "+") if isinstance(found, str) else found


def _of_this_age(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 2999:
        raise ValueError("name a date between 1970 and 2999")
    return moment


def _web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s\x00-\x1f<>\"]+", text):
        raise ValueError("give a web address that begins with http:// or https://")
    return text


Codes = Annotated[tuple[CodeText, ...], BeforeValidator(_one_list), Field(max_length=200)]
Date = Annotated[Moment, BeforeValidator(_dated), AfterValidator(_of_this_age)]
Latitude = Annotated[float, BeforeValidator(_last), Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, BeforeValidator(_last), Field(ge=-180, le=180, allow_inf_nan=False)]
Address = Annotated[str, StringConstraints(max_length=500), AfterValidator(_web_address)]
OneCode = Annotated[CodeText, BeforeValidator(_last)]


class State(StrEnum):
    """状态 of a request: all the standard knows."""

    OPEN = "open"
    CLOSED = "closed"


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Paged(_Asked):
    """分页: the extension most servers have."""

    page: Annotated[int, BeforeValidator(_last), Field(ge=1, le=100_000)] = 1
    page_size: Annotated[int, BeforeValidator(_last), Field(ge=1, le=MOST)] = MOST

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.page_size


class RequestsQuery(_Paged):
    """What `GET requests` may be told."""

    service_request_id: Codes = ()
    service_code: Codes = ()
    status: Annotated[tuple[State, ...], BeforeValidator(_one_list)] = ()
    start_date: Date | None = None
    end_date: Date | None = None
    updated_after: Date | None = None
    updated_before: Date | None = None
    lat: Latitude | None = None
    long: Longitude | None = None
    radius: Annotated[float, BeforeValidator(_last), Field(gt=0, le=20_000)] = 200

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.lat is None) != (self.long is None):
            raise ValueError("lat and long go together")
        return self

    def period(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """From when until when requests were made; open where ids or changes are asked for instead."""
        if self.service_request_id:
            return None, None
        if self.start_date is None and self.end_date is None and (self.updated_after or self.updated_before):
            return None, None
        return span(self.start_date, self.end_date, now)


class UpdatesQuery(_Paged):
    """What `GET servicerequestupdates` may be told."""

    service_request_id: Codes = ()
    start_date: Date | None = None
    end_date: Date | None = None


class NewRequest(_Asked):
    """What `POST requests` is told, but for who reports: that is not even looked at."""

    service_code: OneCode
    description: Annotated[OptionalWords, BeforeValidator(_last)] = ""
    lat: Latitude | None = None
    long: Longitude | None = None
    address_string: Annotated[Line, BeforeValidator(_last)] = ""
    address_id: OneCode | None = None
    account_id: OneCode | None = None
    device_id: OneCode | None = None
    media_url: tuple[Address, ...] = Field((), max_length=5)
    attributes: dict[str, list[str]] = Field({}, max_length=50)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.lat is None) != (self.long is None):
            raise ValueError("lat and long go together")
        return self


class NewUpdate(_Asked):
    """What `POST servicerequestupdates` is told."""

    service_request_id: OneCode
    update_id: OneCode | None = None
    status: Annotated[
        State | None, BeforeValidator(lambda given: _last(given).lower() if given else None)
    ] = None
    description: Annotated[
        str,
        BeforeValidator(_last),
        StringConstraints(strip_whitespace=True, max_length=1500, pattern=r"^[^\x00]*$"),
    ] = ""
    media_url: tuple[Address, ...] = Field((), max_length=1)


Query = TypeVar("Query", bound=_Asked)

_ATTRIBUTE = re.compile(r"attribute\[([^\[\]]{1,64})\](?:\[\])?")


def read(model: type[Query], pairs: Iterable[tuple[str, str]]) -> Query:
    """What a client sent, in the form of the model; a blank was not sent. Errors: `InvalidInput`."""
    given: dict[str, Any] = {}
    attributes: dict[str, list[str]] = {}
    for name, value in pairs:
        if not value.strip():
            continue
        if found := _ATTRIBUTE.fullmatch(name):
            attributes.setdefault(found[1], []).append(value)
        else:
            given.setdefault(name, []).append(value)
    given.pop("attributes", None)
    if attributes and "attributes" in model.model_fields:
        given["attributes"] = attributes
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidInput("; ".join(map(_told, error.errors()))) from None


def _told(found: Mapping[str, Any]) -> str:
    name = str(found["loc"][0]) if found["loc"] else ""
    if found["type"] == "missing":
        return f"没有给出 {name} / {name} was not provided"
    reason = str(found["msg"]).removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason


def span(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime | None]:
    """The dates of a search: at most `SPAN` apart, the newest `SPAN` when none is named.

    Errors: `InvalidInput` when they are farther apart or the wrong way round.
    """
    if start is None:
        return (end or now) - SPAN, end
    if end is None:
        return start, start + SPAN
    if not timedelta(0) <= end - start <= SPAN:
        raise InvalidInput(
            f"start_date 应早于 end_date，且相距不超过 {SPAN.days} 天"
            f" / name a start_date before the end_date, at most {SPAN.days} days apart"
        )
    return start, end
