"""Every place of the API where a client writes something, found in its description."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.access.table import ROUTES, Route
from tests.contract import document, operations
from tests.world import WEST, middle

JSON = "application/json"
#: What a body needs that cannot be guessed from its schema.
_KNOWN: dict[str, Any] = {
    "position": middle("W1"), "condition": "E0405-1", "area_codes": [WEST], "areas": [WEST],
    "roles": ["inspector"], "into": "00000000-0000-0000-0000-000000000001", "until": "2026-03-20T09:00:00Z",
    "reply_due_at": "2026-03-20T09:00:00Z", "valid_from": "2026-03-20T09:00:00Z",
    "valid_to": "2026-04-20T09:00:00Z", "effective_from": "2026-03-20T09:00:00Z",
    "at": "2026-03-02T09:00:00Z",
    "photo": "00000000-0000-0000-0000-000000000001",
    "inspector": "00000000-0000-0000-0000-000000000001",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A field of a body, a parameter of query or path, or a header. `kind` is `text`, `moment`, `number`…"""

    route: Route
    where: str
    path: tuple[str, ...]
    kinds: frozenset[str]
    body: Any = None

    def __str__(self) -> str:
        action = f" {self.body['action']}" if isinstance(self.body, dict) and "action" in self.body else ""
        return f"{self.route.operation}{action} {self.where} {'.'.join(self.path)}"

    def holding(self, value: Any) -> dict[str, Any]:
        """What to send so that the field holds the value."""
        (name,) = self.path[-1:]
        match self.where:
            case "path":
                return {"path": {name: str(value)}}
            case "query":
                return {"params": self.route.params | {name: str(value)}}
            case "header":
                return {"headers": {name: str(value)}}
        body = deepcopy(self.body)
        inside = body
        for step in self.path[:-1]:
            inside = inside.setdefault(step, {})
        inside[name] = value
        return {"json" if self.where == "json" else "data": body}


def every_field() -> Iterator[Field]:
    """Of every route; of the actions, of each action's own body."""
    for route in ROUTES:
        told = operations()[f"{route.method} {route.path}"]
        for parameter in told.get("parameters", []):
            kinds = frozenset(_kinds(parameter["schema"]))
            yield Field(route, parameter["in"], (parameter["name"],), kinds)
        for media_type, content in told.get("requestBody", {}).get("content", {}).items():
            if media_type.startswith("multipart"):
                continue
            where = "json" if media_type == JSON else "form"
            given = route.json if where == "json" else route.data
            schema = content["schema"]
            for one in schema.get("oneOf", [schema]):
                body = sample(one) if "oneOf" in schema else {**sample(one), **(given or {})}
                for path, kinds in _fields(_resolved(one)):
                    yield Field(route, where, path, kinds, body)


def sample(schema: dict[str, Any]) -> dict[str, Any]:
    """A body with what it must have."""
    schema = _resolved(schema)
    return {name: _value(name, schema["properties"][name]) for name in schema.get("required", [])}


def _value(name: str, schema: dict[str, Any]) -> Any:
    schema = _resolved(schema)
    if name in _KNOWN:
        return _KNOWN[name]
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kinds = {"boolean": True, "integer": 1, "number": 1.0, "array": []}
    return kinds.get(schema.get("type", ""), "无")


def _fields(
    schema: dict[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], frozenset[str]]]:
    for name, told in schema.get("properties", {}).items():
        path = (*above, name)
        yield path, frozenset(_kinds(told))
        for one in (_resolved(told), *map(_resolved, told.get("anyOf", []))):
            yield from _fields(one, path)


def _kinds(schema: dict[str, Any]) -> Iterator[str]:
    schema = _resolved(schema)
    for one in schema.get("anyOf", []):
        yield from _kinds(one)
    if schema.get("type") == "array":
        yield from _kinds(schema["items"])
    elif schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
        yield {"date-time": "moment", "uuid": "id"}.get(schema.get("format", ""), "text")
    elif "type" in schema and schema["type"] != "null":
        yield str(schema["type"])


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found
