"""随机抽取: the lot, held against reckoning by hand and against chance; its seeds are counted, not drawn."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cases.draw import GRACE, Because, Draw, Person, Task, again, draw, fresh_seed, named, ticket, words


def people(*told: tuple[int, int]) -> list[Person]:
    """Persons with so many open tasks who met so often."""
    return [Person(UUID(int=n + 1), f"p{n:02}", f"某{n}", tasks, met) for n, (tasks, met) in enumerate(told)]


def drawn(among: Iterable[Person], seed: str, percent: int = 150) -> Draw:
    return draw(Task.CHECK, among, pair_days=30, pair_percent=percent, seed=seed)


def shares(among: list[Person], rounds: int) -> dict[str, float]:
    """How often each was drawn over that many seeds."""
    won = Counter(drawn(among, f"seed {n}").chosen_name for n in range(rounds))
    return {person.name: won[person.name] / rounds for person in among}


def test_the_seed_alone_decides_and_anybody_can_reckon_it():
    told = drawn(people((0, 0), (1, 0), (0, 3)), "0123456789abcdef")
    weights = [1_000_000, 250_000, 500_000]
    assert [one.weight for one in told.candidates] == weights
    number = int(hashlib.sha256(b"0123456789abcdef").hexdigest(), 16) % sum(weights)
    assert ticket(told) == (number, 1_750_000)
    by_hand = 0 if number < 1_000_000 else 1 if number < 1_250_000 else 2
    assert told.chosen == UUID(int=by_hand + 1)
    assert drawn(reversed(people((0, 0), (1, 0), (0, 3))), "0123456789abcdef") == told


def test_equals_are_drawn_equally_often():
    """Chi-square with seven degrees of freedom: 24.3 is passed by chance once in a thousand."""
    rounds, among = 3000, people(*[(2, 5)] * 8)
    expected = rounds / len(among)
    squares = ((share * rounds - expected) ** 2 / expected for share in shares(among, rounds).values())
    assert sum(squares) < 24.3


def test_others_are_drawn_as_often_as_they_weigh():
    among = people((0, 0), (1, 0), (2, 0), (0, 3), (1, 3))
    told = drawn(among, "any")
    total = sum(one.weight for one in told.candidates)
    rounds = 3000
    seen = shares(among, rounds)
    for one in told.candidates:
        share = one.weight / total
        assert abs(seen[one.name] - share) < 4 * (share * (1 - share) / rounds) ** 0.5


def test_nobody_is_swamped():
    """Tasks come twice as fast as one alone does them, to six: nobody has many more than the others."""
    lot, tasks, widest = Random(1), Counter[str](), 0
    for n in range(3000):
        among = [Person(UUID(int=k + 1), f"p{k}", f"p{k}", tasks[f"p{k}"], 0) for k in range(6)]
        tasks[drawn(among, f"{n}").chosen_name or ""] += 1
        if n > 30:
            busy = sorted(name for name, many in tasks.items() if many)
            tasks[lot.choice(busy)] -= 1
        widest = max(widest, max(tasks.values()) - min(tasks[f"p{k}"] for k in range(6)))
    assert widest <= 8


def test_no_pair_comes_up_too_often():
    """Beats that overlap unevenly: one is always on duty, the others come and go."""
    lot, met = Random(2), Counter[int]()
    for n in range(2000):
        present = [0, *(k for k in range(1, 5) if lot.random() < 0.6)]
        among = [Person(UUID(int=k + 1), f"p{k}", f"p{k}", lot.randrange(3), met[k]) for k in present]
        told = drawn(among, f"{n}")
        assert told.chosen is not None
        chosen = told.chosen.int - 1
        average = sum(met[k] for k in present) / len(present)
        assert met[chosen] <= 1.5 * average + GRACE
        met[chosen] += 1
    # By presence alone the first would have had 1.67 times the average of the others.
    assert max(met.values()) < 1.4 * 2000 / 5


def test_who_met_far_oftener_is_left_out_and_the_others_drawn():
    among = people((0, 20), (0, 2), (0, 2))
    told = drawn(among, "x")
    assert [(one.username, one.because) for one in told.excluded] == [("p00", Because.TOO_OFTEN)]
    assert {drawn(among, f"{n}").chosen_name for n in range(50)} == {"某1", "某2"}
    # By chance alone: 5 and 0.
    assert drawn(people((0, 5), (0, 0), (0, 2)), "x").excluded == ()


def test_the_barred_are_told_and_never_drawn():
    free, *rest = people(*[(0, 0)] * 4)
    reasons = (Because.REPORTER, Because.UNIT, Because.UNFIT)
    barred = [
        Person(one.id, one.username, one.name, 0, 0, because)
        for one, because in zip(rest, reasons, strict=True)
    ]
    assert {drawn([free, *barred], f"{n}").chosen_name for n in range(50)} == {"某0"}
    assert [one.because for one in drawn([free, *barred], "x").excluded] == [*reasons]
    nobody = drawn(barred, "x")
    assert (nobody.chosen, nobody.candidates) == (None, ())
    assert again(nobody) == nobody
    assert "无人可抽取" in words(nobody)[-1]


counts = st.tuples(st.integers(0, 50), st.integers(0, 400))


@given(
    told=st.lists(counts, min_size=1, max_size=12), seed=st.text(max_size=40), percent=st.integers(100, 400)
)
def test_there_is_always_somebody_and_a_record_drawn_again_is_the_same(
    told: list[tuple[int, int]], seed: str, percent: int
):
    record = drawn(people(*told), seed, percent)
    assert record.chosen is not None
    assert all(one.weight >= 1 for one in record.candidates)
    read = Draw.model_validate_json(record.model_dump_json())
    assert read == record
    assert again(read) == record


@pytest.mark.parametrize("what", ["chosen", "seed", "weight", "tasks", "left_out"])
def test_a_record_that_was_touched_is_not_what_its_seed_gives(what: str):
    # A seed that draws the first: whatever is touched shows.
    seed = next(
        f"{n}" for n in range(99) if drawn(people((0, 0), (0, 0), (0, 0)), f"{n}").chosen_name == "某0"
    )
    true = drawn(people((0, 0), (0, 0), (0, 0)), seed)
    first, second, third = true.candidates
    touched = {
        "chosen": {"chosen": second.id, "chosen_name": second.name},
        "seed": {
            "seed": next(f"{n}" for n in range(99) if drawn(people(*[(0, 0)] * 3), f"{n}").chosen != first.id)
        },
        "weight": {"candidates": (first.model_copy(update={"weight": 2_000_000}), second, third)},
        "tasks": {"candidates": (first.model_copy(update={"tasks": 5}), second, third)},
        "left_out": {"candidates": (second, third)},
    }[what]
    record = true.model_copy(update=touched)
    assert again(record) != record


def test_a_person_who_names_somebody_draws_nothing():
    told = named(Task.VERIFY, UUID(int=7), "韦某", pair_days=30, pair_percent=150)
    assert (told.seed, told.candidates, again(told)) == (None, (), told)
    assert words(told) == ["核实由 韦某 承担：人工指派，非随机抽取。"]


def test_seeds_are_long_and_never_the_same():
    seeds = {fresh_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(len(seed) == 32 for seed in seeds)
