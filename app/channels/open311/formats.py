"""格式: the standard's answers and errors, as JSON and as XML. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from xml.etree import ElementTree

from fastapi import Response

from app.errors import ChengguanError, Forbidden, InvalidInput, NotFound, Unauthenticated
from app.problems import ANSWERS


class Format(StrEnum):
    """What a path ends with."""

    JSON = "json"
    XML = "xml"


_MEDIA_TYPES = {Format.JSON: "application/json", Format.XML: "text/xml; charset=utf-8"}

#: What one thing of a list is called in XML; in JSON lists are plain.
_ONE_OF = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
}

#: What XML 1.0 has no place for, not even escaped.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: `content` under the name that XML gives it."""

    root: str
    content: Sequence[Any] | Mapping[str, Any]
    status: int = 200

    def body(self, form: Format) -> str:
        if form is Format.JSON:
            return json.dumps(self.content, ensure_ascii=False)
        written = ElementTree.tostring(_element(self.root, self.content), encoding="unicode")
        return f'<?xml version="1.0" encoding="utf-8"?>\n{written}'

    def response(self, form: Format, headers: Mapping[str, str] | None = None) -> Response:
        return respond(self.body(form), self.status, form, headers)


def respond(body: str, status: int, form: Format, headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status, dict(headers or {}), _MEDIA_TYPES[form])


def _element(name: str, content: Any) -> ElementTree.Element:
    element = ElementTree.Element(name)
    if isinstance(content, Mapping):
        element.extend(_element(key, value) for key, value in content.items())
    elif isinstance(content, list | tuple):
        element.extend(_element(_ONE_OF[name], value) for value in content)
    elif isinstance(content, bool):
        element.text = "true" if content else "false"
    elif content is not None:
        element.text = _NO_XML.sub("\ufffd", str(content))
    return element


#: The statuses the standard has for what our own API answers otherwise.
_STATUSES: dict[type[ChengguanError], int] = {Unauthenticated: 403, Forbidden: 403, NotFound: 404}


def refusal(error: ChengguanError) -> Answer:
    """The standard's form of an error: a list of code and description, the status as its code."""
    status = _STATUSES.get(type(error)) or int(ANSWERS[type(error)].status)
    if isinstance(error, InvalidInput):
        status = 400
    return Answer("errors", [{"code": status, "description": error.detail}], status)
