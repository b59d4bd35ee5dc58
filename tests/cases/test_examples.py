"""The replies that docs/api.md shows have the form of those that the service gives."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from scripts.docs import ROOT
from tests.cases.desk import Desk
from tests.world import PASSWORD

_SHOWN = re.compile(r"<!-- reply: ([\w ]+) -->\n```json\n(.*?)```", re.DOTALL)
SHOWN: dict[str, Any] = {
    name: json.loads(text) for name, text in _SHOWN.findall((ROOT / "docs" / "api.md").read_text())
}


async def _replies(desk: Desk) -> dict[str, Any]:
    """The story that the page tells."""
    form = {"username": "wei", "password": PASSWORD}
    token = await desk.http.post("/api/v1/auth/token", data=form)
    await desk.report("wei")
    report = await desk.try_report("wei")
    case = report.json()["case"]
    await desk.try_act("clerk", case, "accept")
    stale = await desk.try_act("clerk", case, "accept")
    await desk.look("leader", case)
    refused = await desk.try_act("leader", case, "close")
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")
    explanation = await desk.get("leader", f"/cases/{case['number']}/explanation")
    told = {
        "token": token, "report": report, "stale": stale, "not allowed": refused, "explanation": explanation,
    }  # fmt: skip
    return {name: reply.json() for name, reply in told.items()}


def _fits(shown: Any, real: Any, path: str) -> None:
    """Everything shown is there with the same kind of value, or nothing; a shown list may be shorter."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), path
        for name, value in shown.items():
            assert name in real, f"{path}.{name}"
            _fits(value, real[name], f"{path}.{name}")
    elif isinstance(shown, list):
        assert isinstance(real, list), path
        assert real or not shown, path
        for value in shown:
            _fits(value, real[0], f"{path}[]")
    elif shown is not None and real is not None:
        assert type(shown) is type(real) or {type(shown), type(real)} == {int, float}, path


@pytest.mark.parametrize("name", SHOWN)
async def test_a_shown_reply_has_the_form_of_the_real_one(desk: Desk, name: str):
    _fits(SHOWN[name], (await _replies(desk))[name], name)


async def test_what_is_told_in_words_is_told_so(desk: Desk):
    real = await _replies(desk)
    assert real["not allowed"]["allowed"] == SHOWN["not allowed"]["allowed"]
    assert real["not allowed"]["detail"] == SHOWN["not allowed"]["detail"]
    assert real["explanation"]["decision"] == SHOWN["explanation"]["decision"]
    assert real["stale"]["current"] == SHOWN["stale"]["current"]
