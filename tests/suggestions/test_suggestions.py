"""立案条件推荐 over the API: cold, learned, and what becomes of it under another rulebook."""

from __future__ import annotations

import os
import sys

import pytest
from sqlalchemy import func, select

from app import worker
from app.cases.case import Case
from app.cases.store import load
from app.db import new_id
from app.errors import NotReady
from app.suggestions import service
from app.suggestions.tables import ConditionGramRow, ConditionModelRow
from tests.cases.desk import put
from tests.suggestions.test_words import SAID

CONDITIONS = {"A": "C0102-1", "B": "E0110-1", "C": "E0405-1"}
ENOUGH = 70


async def file_many(desk, connection, times: int) -> None:
    """`times` filed cases of each of three conditions."""
    made = await desk.filed()
    loaded = await load(connection, made["id"], desk.services.clock.now())
    assert loaded is not None
    folded, _ = loaded
    for number in range(times):
        for code, said in SAID.items():
            await put(connection, _like(folded.case, number, CONDITIONS[code], said[number % 3]))


def _like(case: Case, number: int, condition: str, description: str) -> Case:
    fresh = {"id": new_id(), "number": f"{condition}-{number}", "condition": condition}
    return case.model_copy(update={**fresh, "description": f"{number}号{description}"})


async def suggestions(desk, case, who: str = "clerk"):
    reply = await desk.get(who, f"/cases/{case['id']}/suggestions")
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_with_too_few_cases_the_rulebooks_words_rank_and_say_so(desk):
    case = await desk.report(description="路面有一堆垃圾，臭得很")
    told = await suggestions(desk, case)
    assert told["method"] == "similarity"
    assert told["model"] is None
    assert "不足 200 件" in told["reason"]
    first = told["suggestions"][0]
    assert (first["condition"], first["text"], first["category"]) == ("E0110-1", "路面有成堆垃圾", "E0110")
    assert any("垃圾" in word for word in first["words"])


async def test_words_like_no_condition_get_none_with_the_reason(desk):
    case = await desk.report(description="🙂🙂🙂")
    told = await suggestions(desk, case)
    assert told["suggestions"] == []
    assert "没有相同的词语" in told["reason"]


async def test_filed_cases_teach_in_a_process_of_their_own(desk, connection, services):
    await file_many(desk, connection, ENOUGH)
    assert await service.learn_when_due(services) == 1
    assert not any(name.startswith("sklearn") for name in _loaded_by_the_service())
    case = await desk.report(description="下水道盖子不见了，快来人", category=None)
    told = await suggestions(desk, case)
    assert (told["method"], told["reason"]) == ("learned", "")
    first, *others = told["suggestions"]
    assert first["condition"] == "C0102-1"
    assert first["share"] > max((one["share"] for one in others), default=0)
    assert any("盖子" in word for word in first["words"])
    model = told["model"]
    assert model["cases"] == 3 * ENOUGH + 1
    assert model["measured"]["held_out"] == 42
    assert model["measured"]["learned"][-1]["top_1"] > 0.9
    assert (await desk.look("clerk", case))["stage"] == "reported"  # nothing is filed by it


def _loaded_by_the_service() -> list[str]:
    """What a process that has loaded the API and the worker holds; this one may hold more by other tests."""
    import subprocess

    code = "import sys, app.main, app.worker; print(*sys.modules)"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    ).stdout.split()


async def test_it_is_learned_anew_once_a_day_and_the_old_grams_go(desk, connection, services):
    await file_many(desk, connection, ENOUGH)
    assert await service.learn_when_due(services) == 1
    assert await service.learn_when_due(services) == 0
    desk.later(hours=21)
    assert await service.learn_when_due(services) == 1
    counted = select(
        select(func.count()).select_from(ConditionModelRow).scalar_subquery(),
        select(func.count(ConditionGramRow.model_id.distinct())).scalar_subquery(),
    )
    assert (await connection.execute(counted)).one() == (2, 1)


async def test_nothing_is_learned_from_too_few_nor_in_a_simulation(desk, services):
    assert await service.learn_when_due(services) == 0
    assert await service.learn(services) is None
    assert "learn_conditions" in {job.name for job in worker.JOBS}
    assert "learn_conditions" not in await worker.run_once(services)


async def test_who_takes_in_sees_it_for_cases_in_sight_alone(desk):
    case = await desk.report()
    for who, status in (("leader", 200), ("wei", 403), ("evaluator", 403)):
        assert (await desk.get(who, f"/cases/{case['id']}/suggestions")).status_code == status
    nowhere = "00000000-0000-0000-0000-000000000001"
    assert (await desk.get("clerk", f"/cases/{nowhere}/suggestions")).status_code == 404


async def test_learning_that_fails_says_so_and_keeps_what_was_known(desk, connection, services, monkeypatch):
    await file_many(desk, connection, ENOUGH)
    monkeypatch.setattr(service, "_PATIENCE", 0.01)
    with pytest.raises(service.NotReady, match="longer than"):
        await service.learn(services)
    assert (await connection.execute(select(func.count()).select_from(ConditionModelRow))).scalar_one() == 0


DIES_AMID_IT = """
import sys
sys.stdin.buffer.read()
print('{"conditions": ["C0102-1"], "sharpness": 3.0, "cases": 211, "grams": 2, "measured": {"held_out": 1,'
      ' "learned": [{"cases": 1, "top_1": 1, "top_3": 1}],'
      ' "similarity": {"cases": 0, "top_1": 0, "top_3": 0},'
      ' "commonest": {"cases": 1, "top_1": 0, "top_3": 0}}}')
print('["井盖", 1.5, [0], [0.7]]')
"""
DIES_AMID_A_LINE = DIES_AMID_IT + """print('["垃圾", 1.5, [0', end='')"""
FAILS = "import sys; sys.exit('no library')"


@pytest.mark.parametrize(
    ("pupil", "reason"), [(DIES_AMID_IT, "amid"), (DIES_AMID_A_LINE, "amid"), (FAILS, "no library")]
)
async def test_learning_that_fails_stores_nothing(
    desk, connection, services, monkeypatch, tmp_path, pupil, reason
):
    await file_many(desk, connection, ENOUGH)
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\n{pupil}")
    program.chmod(0o755)
    monkeypatch.setattr(service.sys, "executable", str(program))
    with pytest.raises(NotReady, match=reason):
        await service.learn(services)
    stored = select(func.count()).select_from(ConditionModelRow)
    assert (await connection.execute(stored)).scalar_one() == 0
