"""核查独立 over the API: tasks are drawn, the draw is recorded, explained and can be done again."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.cases import jobs, journal
from app.cases.case import Case
from app.cases.draw import Draw, again
from tests.cases.desk import Desk, put
from tests.world import WEST


async def draws(desk: Desk, case: dict[str, Any], who: str = "leader") -> list[dict[str, Any]]:
    reply = await desk.get(who, f"/cases/{case['id']}/draws")
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()
    return found


async def in_the_west(connection, *names: str) -> None:
    """So many more inspectors, on duty in 西街."""
    for name in names:
        await connection.execute(
            text(
                """
                WITH made AS (
                    INSERT INTO account (id, username, display_name, password_hash, roles, areas, unit,
                                         active, created_at, changed_at)
                    SELECT gen_random_uuid(), :name, :name, password_hash, roles, areas, unit, active,
                           created_at, changed_at
                    FROM account WHERE username = 'wei' RETURNING id
                )
                INSERT INTO duty_shift (id, account_id, username, area_codes, started_at)
                SELECT gen_random_uuid(), id, :name, ARRAY[:west], '2025-01-01Z' FROM made
                """
            ),
            {"name": name, "west": WEST},
        )


async def test_a_verification_is_drawn_and_told(desk, services):
    case = await desk.report("hotline", "W1", source="hotline")
    await desk.act("clerk", case, "request_verification")
    (told,) = await draws(desk, case)
    assert (told["task"], told["drawn"], told["agrees"]) == ("verify", True, True)
    assert [one["username"] for one in told["candidates"]] == ["lan", "wei"]
    assert told["chosen_name"] == case["inspector_name"]
    assert told["words"][-1] == "复算一致。"
    record = {name: told[name] for name in Draw.model_fields}
    assert again(Draw.model_validate(record)) == Draw.model_validate(record)
    explained = (await desk.get("clerk", f"/cases/{case['id']}/explanation")).json()
    assert explained["draws"] == [told["words"]]


async def test_the_reporter_is_told_to_have_taken_no_part(desk):
    case = await desk.handed_back("W1")  # reported by lan
    (told,) = await draws(desk, case)
    assert [one["username"] for one in told["candidates"]] == ["wei"]
    assert [(one["username"], one["because"]) for one in told["excluded"]] == [("lan", "reporter")]
    assert any("lan" in line and "上报人" in line for line in told["words"])


async def test_nobody_of_the_units_that_handle_is_drawn(desk, connection):
    await connection.execute(text("UPDATE account SET unit = 'enforcement_west' WHERE username = 'wei'"))
    case = await desk.report("hotline", "W1", source="inspector", category="E0405")
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")  # led by the office, assisted by enforcement
    await desk.act("west_officer", case, "sign")
    await desk.act("west_officer", case, "hand_back", result="已处理")
    assert case["inspector_name"] == "lan"
    (told,) = await draws(desk, case)
    assert [(one["username"], one["because"]) for one in told["excluded"]] == [("wei", "unit")]


async def test_chance_and_not_the_name_decides(desk, connection):
    """Twenty verifications among eight."""
    await in_the_west(connection, *(f"w{n}" for n in range(6)))
    seen = []
    for _ in range(20):
        case = await desk.report("hotline", "W1", source="hotline")
        await desk.act("clerk", case, "request_verification")
        seen.append(case["inspector_name"])
        (told,) = await draws(desk, case)
        assert len(told["candidates"]) + len(told["excluded"]) == 8
        assert told["agrees"]
    assert len(set(seen)) >= 5
    assert max(map(seen.count, seen)) <= 7


async def test_meetings_with_the_unit_count(desk, connection):
    """One who had the unit's checks twenty times this month is not drawn for its next."""
    done = await desk.closed("W1")  # checked by wei: lan reported it
    row = (await connection.execute(text("SELECT * FROM case_file WHERE id = :id"), {"id": done["id"]})).one()
    case = Case.model_validate({name: getattr(row, name) for name in Case.model_fields})
    assert case.checker_id == desk.world.ids["wei"]
    for n in range(20):
        change = {"id": uuid4(), "number": f"990101-20260301-{n:07d}"}
        await put(connection, case.model_copy(update=change))
    await in_the_west(connection, "w1", "w2")
    fresh = await desk.handed_back("W2")
    (told,) = await draws(desk, fresh)
    assert {one["username"]: one["because"] for one in told["excluded"]} == {
        "lan": "reporter", "wei": "too_often",
    }  # fmt: skip
    assert [(one["username"], one["met"]) for one in told["candidates"]] == [("w1", 0), ("w2", 0)]
    assert next(one["met"] for one in told["excluded"] if one["username"] == "wei") == 21
    # Another unit's checks, or those of long ago, do not count.
    desk.later(days=31)
    later = await desk.handed_back("W3")
    (told,) = await draws(desk, later)
    assert all(one["met"] <= 1 for one in told["candidates"])


async def test_naming_somebody_is_recorded_as_no_draw(desk):
    case = await desk.report("hotline", "W1", source="hotline")
    await desk.act("clerk", case, "request_verification")
    await desk.act("leader", case, "assign_inspector", username="lan")
    await desk.act("clerk", case, "assign_inspector")
    first, by_name, again_by_lot = await draws(desk, case)
    assert (first["drawn"], by_name["drawn"], again_by_lot["drawn"]) == (True, False, True)
    assert (by_name["chosen_name"], by_name["by"], by_name["seed"]) == ("lan", "leader", None)
    assert "人工指派" in by_name["words"][0]


async def test_a_waiting_task_is_drawn_once_when_somebody_comes(desk, services, connection):
    await connection.execute(text("UPDATE duty_shift SET ended_at = started_at + interval '1 day'"))
    case = await desk.handed_back("W1")
    (nobody,) = await draws(desk, case)
    assert (nobody["chosen"], nobody["agrees"], nobody["candidates"]) == (None, True, [])
    assert await jobs.assign_tasks(services) == 0
    await connection.execute(text("UPDATE duty_shift SET ended_at = NULL WHERE username IN ('wei', 'lan')"))
    assert await jobs.assign_tasks(services) == 1
    _, told = await draws(desk, case)
    assert (told["chosen_name"], told["by"], told["drawn"]) == ("wei", "system", True)


@pytest.mark.parametrize("field", ["chosen", "seed"])
async def test_a_touched_draw_is_found_by_the_journals_proof(desk, connection, field):
    case = await desk.report("hotline", "W1", source="hotline")
    await desk.act("clerk", case, "request_verification")
    assert (await journal.inspect(connection)).flaws == ()
    touched = {"chosen": str(desk.world.ids["dong"]), "seed": None}[field]
    await connection.execute(text("SET LOCAL session_replication_role = replica"))  # past the triggers
    await connection.execute(
        text(
            "UPDATE journal SET data = jsonb_set(data, CAST(:path AS text[]), CAST(:value AS jsonb))"
            " WHERE data ? 'draw'"
        ),
        {"path": ["draw", field], "value": json.dumps(touched)},
    )
    flaws = [flaw.what for flaw in (await journal.inspect(connection)).flaws]
    assert any("抽取结果与种子不符" in what for what in flaws)
