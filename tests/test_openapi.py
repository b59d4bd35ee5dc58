"""The API's description: what a client generator needs is there, and errors are described as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_reference_leads_somewhere(document: dict[str, Any]):
    assert document["openapi"].startswith("3.1")
    for reference in set(references(document)):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_every_operation_has_a_name_a_group_and_a_summary_in_chinese(document: dict[str, Any]):
    groups = {tag["name"] for tag in document["tags"]}
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    for name, operation in operations(document):
        assert set(operation["tags"]) <= groups, name
        said = operation["summary"] + operation.get("description", "")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in said), name


def test_every_refusal_is_described_as_a_problem(document: dict[str, Any]):
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400" and "/health/" not in name:
                assert list(response["content"]) == ["application/problem+json"], f"{name} {status}"
    assert "detail" in document["components"]["schemas"]["Problem"]["required"]
