"""读单: an order or call-back in a city's own fields and codes, as ours. Pure.

What is wrong is told by their field's name, never with its value: it may be somebody's number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from app.channels.hotline.mapping import CODED, CallBackFields, Mapping, OrderFields, Paths
from app.channels.hotline.order import CalledBack, Caller, Order
from app.errors import InvalidInput

_JOINED = {"category": " → ", "tags": "、"}
_SUMMED = {"reminders"}
_MEASURED = {"x", "y"}


def order(mapping: Mapping, document: Any) -> tuple[Order, Caller]:
    """The order of their document, and who called. Errors: `InvalidInput`."""
    found = _found(mapping, mapping.order, document)
    caller = {"name": found.pop("caller_name", ""), "phone": found.pop("caller_phone", "")}
    if not found.get("description"):
        found["description"] = found.get("title", "")
    if not (found.get("x") and found.get("y")):  # 0, 0 is how many systems write that they do not know
        found.pop("x", None)
        found.pop("y", None)
    return _made(Order, found, mapping.order), _made(Caller, caller, mapping.order, "caller_")


def number(mapping: Mapping, document: Any) -> str:
    """The order's number as far as it can be read, to answer with."""
    if not isinstance(document, dict):
        return ""
    try:
        said = " ".join(_text(document, path) for path in mapping.order.number)
        return said[:64].encode(errors="replace").decode()
    except InvalidInput:
        return ""


def call_back(mapping: Mapping, document: Any) -> CalledBack:
    """The call-back of their document; who knows what the citizen said has reached them. Errors:
    `InvalidInput`."""
    found = _found(mapping, mapping.call_back, document)
    flags = {name: found[name] == "yes" for name in ("reached", "contacted") if name in found}
    if "reached" not in flags:
        if not found.keys() & {"solved", "satisfaction", "contacted"}:
            raise InvalidInput("没有回访结果 / the document tells no result of a call-back")
        flags["reached"] = True
    said: CalledBack = _made(CalledBack, found | flags, mapping.call_back)
    return said


def _found(mapping: Mapping, fields: OrderFields | CallBackFields, document: Any) -> dict[str, Any]:
    """What the document says of each field, those left out that it leaves empty."""
    if not isinstance(document, dict):
        raise InvalidInput("每件须为 JSON 对象 / each one is a JSON object")
    found: dict[str, Any] = {}
    for name in type(fields).model_fields:
        paths: Paths = getattr(fields, name)
        texts = [said for path in paths if (said := _text(document, path))]
        if not texts:
            continue
        if name in CODED:
            found[name] = _code(mapping, name, texts[0], paths[0])
        elif name == "received_at":
            found[name] = _moment(mapping, texts[0], paths[0])
        elif name in _SUMMED | _MEASURED:
            found[name] = sum(_numbers(texts, paths[0], int if name in _SUMMED else float))
        else:
            found[name] = _JOINED.get(name, " ").join(texts)
    return found


def _text(document: dict[str, Any], path: str) -> str:
    inside: Any = document
    for step in (path,) if path in document else path.split("."):
        inside = inside.get(step) if isinstance(inside, dict) else None
    if inside is None:
        return ""
    if isinstance(inside, bool) or not isinstance(inside, str | int | float):
        raise _wrong(path, "须为文字或数字 / must be text or a number")
    return str(inside).strip()


def _code(mapping: Mapping, field: str, said: str, path: str) -> str:
    if (meant := mapping.meaning(field, said)) is None:
        known = "、".join(mapping.codes.get(field, {}))
        raise _wrong(path, f"未知代码，可用：{known} / an unknown code")
    return meant


def _moment(mapping: Mapping, said: str, path: str) -> str:
    try:
        local = datetime.strptime(said, mapping.time.format)  # noqa: DTZ007
        return local.replace(tzinfo=local.tzinfo or mapping.time.tzinfo).astimezone(UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise _wrong(path, f"时间格式应为 / write a moment like {mapping.time.format}") from error


def _numbers(texts: list[str], path: str, kind: type[int] | type[float]) -> list[float]:
    try:
        return [kind(text) for text in texts]
    except ValueError as error:
        raise _wrong(path, "须为数字 / must be a number") from error


def _made(
    model: type[Any], found: dict[str, Any], fields: OrderFields | CallBackFields, prefix: str = ""
) -> Any:
    try:
        return model.model_validate(found)
    except ValidationError as error:
        wrong = {
            "、".join(getattr(fields, f"{prefix}{one['loc'][0]}", ())) or str(one["loc"][0]): one["msg"]
            for one in error.errors()
        }
        raise InvalidInput(
            "工单内容有误：" + "；".join(f"{name}: {message}" for name, message in wrong.items()),
            fields=wrong,
        ) from None


def _wrong(path: str, message: str) -> InvalidInput:
    return InvalidInput(f"{path}: {message}", fields={path: message})
