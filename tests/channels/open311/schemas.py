"""The standard's own schemas, and answers of other cities' servers, from the shared real data."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from xml.etree import ElementTree

from jsonschema import Draft4Validator, FormatChecker

from tests.conftest import shared_file

_FOLDER = "data/open311"


@cache
def _read(name: str) -> Any:
    return json.loads(shared_file(f"{_FOLDER}/schema_georeport_v2/{name}.json").read_text())


def check(name: str, content: Any) -> None:
    """Fails where the content is not what the standard's schema says."""
    Draft4Validator(_read(name), format_checker=FormatChecker()).validate(content)


def check_reply(name: str, content: Any) -> None:
    """The same by a definition of the standard's Swagger description."""
    described = _read("swagger")
    schema = {"definitions": described["definitions"], **described["definitions"][name]}
    Draft4Validator(schema).validate(content)


def of_others(name: str) -> Any:
    """What a real server has answered."""
    file = shared_file(f"{_FOLDER}/fixtures/{name}")
    return (
        json.loads(file.read_text()) if file.suffix == ".json" else ElementTree.fromstring(file.read_bytes())
    )


def shape(element: ElementTree.Element) -> set[str]:
    """The paths of tags below an element."""
    found = {child.tag for child in element}
    for child in element:
        found |= {f"{child.tag}/{path}" for path in shape(child)}
    return found
