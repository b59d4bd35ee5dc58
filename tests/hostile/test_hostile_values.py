"""Hostile values in every field, parameter and header: refused in clear words, or kept as plain words.

The fields come from the API's description, so a new one is attacked as soon as it exists. What a refusal must
be is checked by the client (`tests/contract.py`): a status and a code that the operation declares, and words
that say what to do. That it has written nothing is checked by the sender, over every row of every table.

`pytest tests/hostile --hypothesis-profile=thorough` spares nothing: every value in
every field of every action.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import httpx
import pytest
from hypothesis import settings

from app.cases.workflow import Action
from tests.cases.desk import Desk
from tests.hostile.conftest import Sender
from tests.hostile.fields import Field, every_field

THOROUGH = settings.get_current_profile_name() == "thorough"
FIELDS = list(every_field())
OPERATIONS = sorted({field.route.operation for field in FIELDS})

SQL = (
    "'; DROP TABLE case_file; --",
    "1' OR '1'='1",
    "x') ; DELETE FROM journal; COMMIT; --",
    "\\'; SELECT pg_sleep(60); --",
    "%' UNION SELECT password_hash FROM account --",
    "{0} %s %(x)s :x $1 ${jndi:ldap://x} {{7*7}}",
)
ODD = (
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud83d",
    "\u202eabc\u202c",
    "\uffff\ufffe",
    "e" + "\u0301" * 3_000,
    "\u200b\u200d\ufeff",
    "x" * 100_000,
    "\r\nSet-Cookie: a=b",
)
AGES = (
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
    "10000-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "2026-02-30T09:00:00Z", "2026-03-02T24:00:00Z",
    "2026-03-02T09:00:00", "20260302", "1e308", "-1", "infinity", "now", "",
)  # fmt: skip
NUMBERS = (
    2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 1e308, -1e308, 5e-324, "NaN", "Infinity", "-Infinity", "0x10",
    "١٢", "1_000", True, [], {},
)  # fmt: skip
#: What stands where something else is asked for.
OTHERS = ([], {}, -1.5, True, None)


def of(operation: str, *kinds: str) -> list[Field]:
    return [f for f in FIELDS if f.route.operation == operation and (not kinds or f.kinds & set(kinds))]


def dealt(values: Sequence[Any], fields: list[Field]) -> Iterator[tuple[Field, Any]]:
    """Every value to every field; to more than a few fields, in an ordinary run, three each in turn."""
    hands = len(values) if THOROUGH or len(fields) <= 3 else 3
    deck = cycle(values)
    for field in fields:
        for value in islice(deck, hands):
            yield field, value


async def attack(send: Sender, field: Field, value: Any) -> httpx.Response | None:
    """None: the value cannot even be written there."""
    content = field.holding(value)
    if "json" in content:
        headers = {"Content-Type": "application/json"}
        return await send(field.route, content=json.dumps(content["json"]).encode(), headers=headers)
    try:
        return await send(field.route, **content)
    except (UnicodeEncodeError, httpx.LocalProtocolError, httpx.InvalidURL):
        return None


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_sql_in_every_text_is_only_text(send: Sender, operation: str) -> None:
    for field, words in dealt(SQL, of(operation, "text", "id")):
        reply = await attack(send, field, words)
        assert reply is not None
        if reply.status_code == 201 and field.where == "json":
            untold = field.path[-1] in ("password", "result")  # replies do not repeat them
            told = json.dumps(reply.json(), ensure_ascii=False).replace("\\\\", "\\")
            assert untold or words in told, str(field)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_odd_characters_in_every_text_are_kept_or_refused(send: Sender, operation: str) -> None:
    for field, words in dealt(ODD, of(operation, "text", "id")):
        reply = await attack(send, field, words)
        kept = field.where == "json" and not operation.endswith("/explain")
        if reply is not None and "\x00" in words and kept:
            assert reply.status_code in (401, 403, 404, 409, 422), (str(field), reply.text)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if of(name, "moment")])
async def test_other_ages_in_every_moment_are_refused_or_empty(send: Sender, operation: str) -> None:
    for field, moment in dealt(AGES, of(operation, "moment")):
        reply = await attack(send, field, moment)
        assert reply is not None
        if field.where == "json":
            assert reply.status_code == 422, (str(field), moment, reply.text)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if of(name, "number", "integer")])
async def test_numbers_beyond_all_measure_are_refused_or_taken(send: Sender, operation: str) -> None:
    for field, number in dealt(NUMBERS, of(operation, "number", "integer")):
        await attack(send, field, number)


@pytest.mark.parametrize(
    "operation", [name for name in OPERATIONS if any(f.where == "json" for f in of(name))]
)
async def test_what_is_of_another_kind_is_refused_or_taken(send: Sender, operation: str) -> None:
    for field, other in dealt(OTHERS, [one for one in of(operation) if one.where == "json"]):
        await attack(send, field, other)


def test_every_action_is_attacked():
    ours = {
        Action.REPORT, Action.REPORT_HANDLED, Action.ABSORB, Action.RELEASE, Action.FOLLOW,
        Action.RECORD_OVERRUN,
    }  # fmt: skip
    fields = of("POST /cases/{case}/actions")
    assert {field.body["action"] for field in fields if field.where == "json"} == set(Action) - ours


@pytest.mark.parametrize(
    "words",
    [*SQL, "\u202eabc\u202c", "x\uffff\ufffe", "e" + "\u0301" * 1_999],
    ids=lambda words: ascii(words)[:20],
)
async def test_the_words_of_an_action_are_kept_as_they_are(desk: Desk, words: str) -> None:
    case = await desk.report("lan")
    await desk.act("clerk", case, "note", text=words)
    *_, kept = (await desk.get("clerk", f"/cases/{case['id']}/journal")).json()
    assert kept["command"] == {"text": words}
