"""随机抽取 (核查独立): who verifies or checks is drawn by lot among those on duty for the cell.

Neither the reporter nor anybody of the units that handle takes part, nor one who lately had that unit's
checks, or that reporter's verifications, far more often than the others. Among the rest fewer open tasks and
fewer such meetings weigh more. The result hangs on nothing but the seed and what is recorded beside it, so
anybody can draw a record again. Pure; only `fresh_seed` asks the machine for chance.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

#: So many meetings more than the others' chance alone explains: nobody is left out, or favoured, for fewer.
GRACE = 3
#: The weight of one who has the fewest tasks, before meetings are counted. Weights are whole numbers, so that
#: every language reckons the same.
_WHOLE = 3_000_000


class Task(StrEnum):
    """任务 an inspector is given."""

    VERIFY = "verify"  # 核实, before filing
    CHECK = "check"  # 核查, after handling


TASK_LABELS = {Task.VERIFY: "核实", Task.CHECK: "核查"}


class Because(StrEnum):
    """回避原因: why somebody on duty took no part."""

    REPORTER = "reporter"
    UNIT = "unit"
    UNFIT = "unfit"
    TOO_OFTEN = "too_often"


BECAUSE_LABELS = {
    Because.REPORTER: "上报人",
    Because.UNIT: "处置单位人员",
    Because.UNFIT: "账号停用或已不任监督员",
    Because.TOO_OFTEN: "近期与该单位或该上报人同组过多",
}


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class Candidate(_Kept):
    """候选人, with the open tasks and the meetings that the weight comes from."""

    id: UUID
    username: str
    name: str
    tasks: int
    met: int
    weight: int


class Excluded(_Kept):
    """回避的人 who was on duty."""

    id: UUID
    username: str
    name: str
    tasks: int
    met: int
    because: Because


class Draw(_Kept):
    """抽取记录, as the journal keeps it. `chosen` is empty when nobody could be drawn. Without a `seed`
    nobody drew: a person named the inspector."""

    task: Task
    seed: str | None
    pair_days: int = Field(description="Days back in which meetings were counted.")
    pair_percent: int = Field(description="How often a pair may come up, as a share of the others' average.")
    candidates: tuple[Candidate, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    chosen: UUID | None
    chosen_name: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """值班监督员. `met`: how often this one lately had that unit's checks, or reporter's verifications."""

    id: UUID
    username: str
    name: str
    tasks: int
    met: int
    barred: Because | None = None


def fresh_seed() -> str:
    """From the machine's own chance at the moment of the draw: nobody chooses it or knows it before."""
    return secrets.token_hex(16)


def draw(task: Task, people: Iterable[Person], *, pair_days: int, pair_percent: int, seed: str) -> Draw:
    """Draws one of those who are not barred."""
    ordered = sorted(people, key=lambda person: person.username)
    free = [person for person in ordered if person.barred is None]
    too_often = {person.id for person in free if _too_often(person, free, pair_percent)}
    lots = [person for person in free if person.id not in too_often]
    candidates = tuple(_candidates(lots))
    won = _winner(candidates, seed)
    return Draw(
        task=task,
        seed=seed,
        pair_days=pair_days,
        pair_percent=pair_percent,
        candidates=candidates,
        excluded=tuple(_excluded(ordered, too_often)),
        chosen=won.id if won else None,
        chosen_name=won.name if won else None,
    )


def named(task: Task, chosen: UUID, name: str, *, pair_days: int, pair_percent: int) -> Draw:
    """指派: somebody named the inspector; recorded as what it is."""
    return Draw(
        task=task, seed=None, pair_days=pair_days, pair_percent=pair_percent, chosen=chosen, chosen_name=name
    )


def again(told: Draw) -> Draw:
    """The draw once more, from what the record says."""
    if told.seed is None:
        return told.model_copy(update={"candidates": (), "excluded": ()})
    people = [
        *(Person(one.id, one.username, one.name, one.tasks, one.met) for one in told.candidates),
        *(
            Person(one.id, one.username, one.name, one.tasks, one.met, _fixed(one.because))
            for one in told.excluded
        ),
    ]
    return draw(told.task, people, pair_days=told.pair_days, pair_percent=told.pair_percent, seed=told.seed)


def ticket(told: Draw) -> tuple[int, int]:
    """签号: the number drawn, counted from 0, and how many there were."""
    total = sum(one.weight for one in told.candidates)
    return (0, total) if told.seed is None else (_number(told.seed, total), total)


def _number(seed: str, total: int) -> int:
    """What the seed says, below the total."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()) % total if total else 0


def _too_often(person: Person, free: list[Person], percent: int) -> bool:
    """Never of all: whoever met least is at or below the average."""
    return (person.met - GRACE) * len(free) * 100 > percent * sum(one.met for one in free)


def _candidates(lots: list[Person]) -> Iterator[Candidate]:
    fewest = min((person.tasks for person in lots), default=0)
    for one in lots:
        weight = max(1, _WHOLE // ((1 + one.tasks - fewest) ** 2 * (GRACE + one.met)))
        yield Candidate(
            id=one.id, username=one.username, name=one.name, tasks=one.tasks, met=one.met, weight=weight
        )


def _excluded(people: list[Person], too_often: set[UUID]) -> Iterator[Excluded]:
    for one in people:
        because = Because.TOO_OFTEN if one.id in too_often else one.barred
        if because is not None:
            yield Excluded(
                id=one.id, username=one.username, name=one.name, tasks=one.tasks, met=one.met, because=because
            )


def _fixed(because: Because) -> Because | None:
    """What is reckoned from the record is reckoned again; the rest is as it was."""
    return None if because is Because.TOO_OFTEN else because


def _winner(candidates: tuple[Candidate, ...], seed: str) -> Candidate | None:
    """The one in whose stretch the seed's number falls, the candidates' weights laid end to end."""
    left = _number(seed, sum(one.weight for one in candidates))
    for one in candidates:
        left -= one.weight
        if left < 0:
            return one
    return None


def words(told: Draw) -> list[str]:
    """The draw in sentences."""
    label = TASK_LABELS[told.task]
    if told.seed is None:
        return [f"{label}由 {told.chosen_name} 承担：人工指派，非随机抽取。"]
    said = [f"{label}人员随机抽取：值班 {len(told.candidates) + len(told.excluded)} 人。"]
    said += [f"{one.name}（{one.username}）回避：{BECAUSE_LABELS[one.because]}。" for one in told.excluded]
    if told.chosen is None:
        return [*said, "无人可抽取，任务待有人到岗时再抽。"]
    number, total = ticket(told)
    said += [
        f"{one.name}（{one.username}）：在办 {one.tasks} 件，近 {told.pair_days} 天同组 {one.met} 次，"
        f"权重 {one.weight}。"
        for one in told.candidates
    ]
    return [*said, f"种子 {told.seed} 得签号 {number}（共 {total}），抽中 {told.chosen_name}。"]


class DrawTold(Draw):
    """抽取说明: a giving of a task, and whether drawing again from its seed gives the same."""

    version: int = Field(description="The journal entry that holds it.")
    at: datetime
    by: str
    drawn: bool = Field(description="False when a person named the inspector.")
    agrees: bool = Field(description="Whether the record drawn again gives what it says.")
    words: list[str]

    @classmethod
    def of(cls, version: int, at: datetime, by: str, told: Draw) -> DrawTold:
        """The record, drawn again and put in words."""
        agrees = again(told) == told
        said = [] if told.seed is None else ["复算一致。" if agrees else "复算不一致！"]
        return cls(
            **dict(told), version=version, at=at, by=by, drawn=told.seed is not None, agrees=agrees,
            words=[*words(told), *said],
        )  # fmt: skip
