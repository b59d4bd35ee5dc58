"""服务目录: what a citizen may report. A service is a minor (小类) of the rulebook in force, its group the
major; the filing conditions are the question asked with it. Pure."""

from __future__ import annotations

from typing import Any

from app.dispatch.rulebook import Category, CategoryKind, Condition, Rulebook
from app.errors import InvalidInput

#: 立案条件, as the reporter sees it. The city files by what it finds itself.
CONDITION = "condition"
#: 部件编码 on the thing's plate.
COMPONENT = "component_code"


def services(rulebook: Rulebook) -> list[dict[str, Any]]:
    """Every minor, as `GET services` tells it."""
    return [_service(minor, rulebook) for minor in rulebook.categories if minor.parent is not None]


def minor_of(rulebook: Rulebook, service_code: str) -> Category | None:
    """The minor a service code stands for."""
    found = rulebook.category_by_code.get(service_code)
    return found if found is not None and found.parent is not None else None


def definition(rulebook: Rulebook, minor: Category) -> dict[str, Any]:
    """The questions that go with a service."""
    asked = []
    if conditions := _conditions(rulebook, minor):
        asked.append(
            {
                "variable": True,
                "code": CONDITION,
                "datatype": "singlevaluelist",
                "required": False,
                "datatype_description": "请选择一项 / choose one",
                "order": 1,
                "description": "现场是哪种情况？ / What do you see there?",
                "values": [{"key": one.code, "name": both(one.text, one.text_en)} for one in conditions],
            }
        )
    if minor.kind is CategoryKind.COMPONENT:
        asked.append(
            {
                "variable": True,
                "code": COMPONENT,
                "datatype": "string",
                "required": False,
                "datatype_description": "16 位数字 / 16 digits",
                "order": 2,
                "description": "设施标牌上的部件编码 / the number on the thing's plate",
                "values": [],
            }
        )
    return {"service_code": minor.code, "attributes": asked}


def answers(rulebook: Rulebook, minor: Category, given: dict[str, list[str]]) -> dict[str, str]:
    """What the reporter answered, by the question's code. Errors: `InvalidInput`."""
    asked = {question["code"]: question for question in definition(rulebook, minor)["attributes"]}
    found = {}
    for code, values in given.items():
        if code not in asked:
            known = "、".join(asked) or "无 none"
            raise InvalidInput(
                f"服务 {minor.code} 没有属性 {code[:40]}；有：{known}"
                f" / the service has no such attribute: see services/{minor.code}"
            )
        (value, *more) = values
        choices = [choice["key"] for choice in asked[code]["values"]]
        if more or (choices and value not in choices):
            raise InvalidInput(
                f"属性 {code} 请从 {'、'.join(choices)} 中选一项 / give attribute {code} one of its values"
            )
        found[code] = value
    return found


def named(minor: Category) -> str:
    return both(minor.name, minor.name_en)


def _service(minor: Category, rulebook: Rulebook) -> dict[str, Any]:
    major = rulebook.category_by_code[minor.parent or ""]
    conditions = _conditions(rulebook, minor)
    words = (major.name, minor.name, major.name_en, minor.name_en)
    return {
        "service_code": minor.code,
        "service_name": named(minor),
        "description": "；".join(one.text for one in conditions),
        "metadata": bool(definition(rulebook, minor)["attributes"]),
        "type": "realtime",
        "keywords": ",".join(dict.fromkeys(word.replace(",", " ") for word in words if word)),
        "group": named(major),
    }


def _conditions(rulebook: Rulebook, minor: Category) -> list[Condition]:
    return [one for one in rulebook.conditions if one.category == minor.code]


def both(chinese: str, english: str) -> str:
    """Chinese first, the English beside it where there is one."""
    return f"{chinese} / {english}" if english else chinese
