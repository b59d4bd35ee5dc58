"""立案条件推荐: conditions ranked by a report's words. Only ranked: filing stays with people."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncConnection

from app.dispatch.active import active_rulebook
from app.dispatch.rulebook import Rulebook
from app.errors import NotReady
from app.requests import Services
from app.suggestions import store
from app.suggestions.grams import grams
from app.suggestions.learning import Lesson
from app.suggestions.likeness import likeness, words_of
from app.suggestions.model import GramTold, Learned, Measured, Ranked, judged
from app.suggestions.store import ModelHead

log = structlog.get_logger(__name__)

#: With fewer filed cases nothing is learned: the rulebook's own words do better.
LEAST_CASES = 200
#: Older cases than these many are not learned from: the words change.
MOST_CASES = 20_000
#: How long a model is used before the worker learns anew, when it looks once a day.
_FRESH = timedelta(hours=20)
#: How long learning may take, seconds.
_PATIENCE = 1800.0
#: Of what is told of a gram or a model, bytes: a gram may have a weight for each of some hundred conditions.
_LONGEST_LINE = 2**20


class Method(StrEnum):
    """By what the conditions are ranked."""

    LEARNED = "learned"  # 由已立案案卷学习
    SIMILARITY = "similarity"  # 与规则库条文相似


@dataclass(frozen=True, slots=True)
class Suggestions:
    """推荐: ranked conditions of the rulebook in force. `reason` says why there are none, or none learned."""

    method: Method
    ranked: Sequence[Ranked]
    reason: str
    model: ModelHead | None
    rulebook: Rulebook


async def suggest(connection: AsyncConnection, text: str, now: datetime, *, limit: int = 5) -> Suggestions:
    """Conditions of the rulebook in force that the words speak for, the likeliest first."""
    rulebook = (await active_rulebook(connection, now)).rulebook
    model = await store.newest_model(connection)
    if model is None:
        filed = await store.count_filed(connection, LEAST_CASES)
        few = f"已立案 {filed} 件，不足 {LEAST_CASES} 件" if filed < LEAST_CASES else "尚未学习"
        reason = f"{few}，按与条文的相似度排列 / nothing learned yet: ranked by likeness with the rulebook"
    elif better(model.measured):
        known = await store.known_grams(connection, model.id, grams(text))
        ranked = judged(text, model.conditions, model.sharpness, known, rulebook.condition_by_code, limit)
        if ranked:
            return Suggestions(Method.LEARNED, ranked, "", model, rulebook)
        reason = "描述中没有学过的词语 / none of the words was learned"
    else:
        reason = (
            "实测学习结果不及文字相似度，按相似度排列"
            " / what was learned did worse on held-out cases than likeness with the rulebook's words"
        )
    ranked = likeness(rulebook).ranked(text, limit)
    if not ranked:
        reason = "描述与立案条件没有相同的词语 / the words are like no condition's"
    return Suggestions(Method.SIMILARITY, ranked, reason, model, rulebook)


def better(measured: Measured) -> bool:
    """Whether what was learned did at least as well on the held-out cases as the rulebook's own words."""
    return measured.learned[-1].top_3 >= measured.similarity.top_3


async def learn_when_due(services: Services) -> int:
    """Learns suggestions anew from the filed cases, once a day; gives 1 when it did."""
    now = services.clock.now()
    async with services.database.transaction() as connection:
        model = await store.newest_model(connection)
        if model is not None and now - model.learned_at < _FRESH:
            return 0
        if await store.count_filed(connection, LEAST_CASES) < LEAST_CASES:
            return 0
    return int(await learn(services) is not None)


async def learn(services: Services) -> Measured | None:
    """Learns from the filed cases of the rulebook in force and keeps the model; gives how good it is, or None
    of too few cases. Errors: `NotReady` when learning fails."""
    now = services.clock.now()
    async with services.database.transaction() as connection:
        version = await active_rulebook(connection, now)
        cases = await store.filed(connection, version.rulebook.condition_by_code, MOST_CASES)
    if len(cases) < LEAST_CASES or len({condition for _, condition in cases}) < 2:
        return None
    lesson = Lesson(cases, words_of(version.rulebook))
    async with (
        _in_a_process_of_its_own(lesson) as (learned, grams),
        services.database.transaction() as connection,
    ):
        await store.keep_model(connection, learned, grams, rulebook_id=version.id, now=now)
    last = learned.measured.learned[-1]
    log.info("learned", cases=learned.cases, grams=learned.grams, top_1=last.top_1, top_3=last.top_3)
    return learned.measured


@asynccontextmanager
async def _in_a_process_of_its_own(lesson: Lesson) -> AsyncIterator[tuple[Learned, AsyncIterator[GramTold]]]:
    """What is learned, and its grams one by one: a worker that held them all would stay as large as that."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.suggestions.learning", limit=_LONGEST_LINE,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    complaint = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(_PATIENCE):
            await _teach(process.stdin, lesson)
            if not _is_whole(told := await process.stdout.readline()):
                reason = (await complaint).decode(errors="replace").strip()[-400:]
                raise NotReady(f"learning failed: {reason}")
            yield Learned.model_validate_json(told), _grams(process.stdout)
    except TimeoutError as error:
        raise NotReady(f"learning took longer than {_PATIENCE:.0f} seconds") from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        complaint.cancel()


async def _grams(lines: asyncio.StreamReader) -> AsyncIterator[GramTold]:
    async for line in lines:
        if _is_whole(line):  # it may have ended amid one
            yield from_json(line)


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n")


async def _teach(pupil: asyncio.StreamWriter, lesson: Lesson) -> None:
    with suppress(ConnectionError):  # it ended early, and says why
        for line in lesson.lines():
            pupil.write(line)
            await pupil.drain()
        pupil.close()
