"""投递: what happened, sent to the receivers of webhooks: each at its own pace, in order within a case.

Every receiver has its cursor in the journal. What follows it is sent, a batch at a time, several cases at
once and each case's entries one by one. Then, in one transaction, the cursor moves behind the batch, and
what has not arrived is kept in `webhook_delivery`; while an entry is kept, later ones of its case are kept
behind it and the other cases go on. Who is stopped between sending and that transaction sends the batch
again: receivers know a repeat by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, takewhile
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import stream
from app.cases.stream import Cursor
from app.channels.outbox import events, pace, signing, store
from app.channels.outbox.sending import GONE, Answer, Sender
from app.db import new_id
from app.errors import ChengguanError
from app.requests import Services

log = structlog.get_logger(__name__)

#: Entries read, and waiting cases looked at, in one go.
_BATCH = 100
#: Seconds after which a batch begins no more messages, and how long nobody else takes over from a worker.
_BATCH_SECONDS = 30.0
_LEASE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Letter:
    """One entry for one receiver. `kept`: it waits in the table already."""

    entry: Any
    kept: bool = False
    attempts: int = 0


@dataclass
class _Work:
    """What a worker took on for a receiver, and what came of it, in the order of the answers."""

    webhook: Row[Any]
    lease: UUID
    cursor: Cursor
    cases: list[list[_Letter]]
    behind: list[Any]
    answers: list[tuple[_Letter, Answer]] = field(default_factory=list)

    @property
    def was_down(self) -> bool:
        return is_down(self.webhook)

    @property
    def failures(self) -> int:
        """Failures in a row as they stand now."""
        before = self.webhook.failures
        in_a_row = list(takewhile(lambda one: not one[1].arrived, reversed(self.answers)))
        return len(in_a_row) + (before if len(in_a_row) == len(self.answers) else 0)

    @property
    def arrived(self) -> list[_Letter]:
        return [letter for letter, answer in self.answers if answer.arrived]

    @property
    def untried(self) -> list[_Letter]:
        answered = {letter.entry.id for letter, _ in self.answers}
        return [one for letters in self.cases for one in letters if one.entry.id not in answered]


def is_down(webhook: Row[Any]) -> bool:
    """Whether so many messages failed in a row that the receiver takes none."""
    return bool(webhook.failures >= pace.DOWN)


async def deliver(services: Services, webhook_id: UUID) -> int:
    """Sends a receiver all that is due; gives how many messages arrived."""
    arrived = 0
    while (work := await _take(services, webhook_id)) is not None:
        await _send(services, work)
        async with services.database.transaction() as connection:
            await _account(connection, services, work)
        arrived += len(work.arrived)
    return arrived


# -- taking -----------------------------------------------------------------------------------------------


async def _take(services: Services, webhook_id: UUID) -> _Work | None:
    """Takes on what is due for a receiver; None when there is nothing, or another worker was quicker."""
    now = services.clock.now()
    async with services.database.transaction() as connection:
        webhook = await store.free_webhook(connection, webhook_id, now)
        if webhook is None:
            return None
        kept = await _due(connection, webhook, now)
        rows, cursor, moved = await _following(connection, webhook)
        if not kept and not moved:
            return None
        locked = await store.free_webhook(connection, webhook_id, now, lock=True)
        if locked is None or tuple(locked) != tuple(webhook):
            return None
        waiting = await store.with_waiting(connection, webhook_id, {row.case_id for row in rows})
        fresh = sorted((row for row in rows if row.case_id not in waiting), key=_of_case)
        lease = new_id()
        await store.change_webhook(connection, webhook_id, lease=lease, leased_until=now + _LEASE)
        return _Work(
            webhook,
            lease,
            cursor,
            kept + [[_Letter(row) for row in case] for _, case in groupby(fresh, key=_case_id)],
            [row for row in rows if row.case_id in waiting],
        )


def _case_id(entry: Any) -> UUID:
    found: UUID = entry.case_id
    return found


def _of_case(entry: Any) -> tuple[UUID, int]:
    return entry.case_id, entry.version


async def _due(connection: AsyncConnection, webhook: Row[Any], now: datetime) -> list[list[_Letter]]:
    """What was kept and may be tried now, by case; of a receiver that is down, one message."""
    down = is_down(webhook)
    cases = await store.due_cases(connection, webhook.id, None if down else now, 1 if down else _BATCH)
    if not cases:
        return []
    rows = await store.waiting(connection, webhook.id, cases)
    letters = [
        [_Letter(row, True, row.attempts) for row in takewhile(lambda one: not one.dead, case)]
        for _, case in groupby(rows, key=_case_id)
    ]
    return [letters[0][:1]] if down else letters


async def _following(connection: AsyncConnection, webhook: Row[Any]) -> tuple[Sequence[Any], Cursor, bool]:
    """What follows the receiver's cursor, the cursor behind it, and whether that is further on; for a
    receiver that is down, one message."""
    wanted = store.told_to(webhook.areas, webhook.actions)
    cursor = Cursor.read(webhook.cursor)
    moved = False
    while True:
        batch = await stream.read(connection, cursor, _BATCH, of=wanted, kept_here=True)
        moved = moved or batch.scanned > 0
        if batch.rows and is_down(webhook):
            return batch.rows[:1], batch.up_to(batch.rows[0]), True
        cursor = batch.cursor
        if batch.rows or not batch.more:
            return batch.rows, cursor, moved


# -- sending ----------------------------------------------------------------------------------------------


async def _send(services: Services, work: _Work) -> None:
    """Sends the cases side by side; stops when the receiver turns out to be down, or takes too long."""
    if not work.cases:
        return
    settings = services.settings.outbox
    secrets = [
        signing.decrypted(stored, services.secret) for stored in _secrets(work.webhook, services.clock.now())
    ]
    until = asyncio.get_running_loop().time() + _BATCH_SECONDS
    gate = asyncio.Semaphore(settings.concurrency)

    def may_go_on() -> bool:
        late = asyncio.get_running_loop().time() >= until
        return not late and (work.was_down or work.failures < pace.DOWN)

    async with Sender(work.webhook.url, settings) as sender:

        async def one_case(letters: list[_Letter]) -> None:
            async with gate:
                for letter in letters:
                    if not may_go_on():
                        return
                    body = events.as_json(letter.entry).decode()
                    now = services.clock.now()
                    signed = signing.headers(secrets, str(letter.entry.id), body, now)
                    answer = await sender.send(body, {**signed, "Content-Type": events.MEDIA_TYPE})
                    work.answers.append((letter, answer))
                    if not answer.arrived:
                        return

        await asyncio.gather(*map(one_case, work.cases))


def _secrets(webhook: Row[Any], now: datetime) -> list[str]:
    """The secrets that count: the new one, and the old one for a while."""
    old_counts = webhook.old_secret is not None and now < webhook.old_secret_until
    return [webhook.secret, *([webhook.old_secret] if old_counts else [])]


# -- accounting -------------------------------------------------------------------------------------------


async def _account(connection: AsyncConnection, services: Services, work: _Work) -> None:
    """Writes down what came of it, unless another worker took over meanwhile: then it will, too."""
    webhook, now, settings = work.webhook, services.clock.now(), services.settings.outbox
    if not await store.is_leased(connection, webhook.id, work.lease):
        log.warning("webhook_taken_over", webhook=webhook.name)
        return
    await store.acknowledged(connection, webhook.id, [one.entry.id for one in work.arrived if one.kept])
    kept = [_kept(webhook.id, one.entry, now) for one in work.untried if not one.kept]
    kept += [_kept(webhook.id, entry, now) for entry in work.behind]
    for letter, answer in work.answers:
        if answer.arrived:
            continue
        counts = answer.is_about_the_message or not work.was_down
        attempts = letter.attempts + counts
        outcome = {
            "attempts": attempts,
            "dead": attempts >= settings.attempts,
            "next_try_at": pace.again_at(now, max(attempts, 1)),
            "status": answer.status,
            "error": answer.error,
        }
        if letter.kept:
            await store.failed(connection, webhook.id, letter.entry.id, **outcome)
        else:
            kept.append({**_kept(webhook.id, letter.entry, now), **outcome})
    await store.queue(connection, kept)
    changes = {"cursor": work.cursor.token(), "lease": None, "leased_until": None}
    if work.answers:
        changes |= _standing(work, now, timedelta(hours=settings.disable_hours))
    await store.change_webhook(connection, webhook.id, **changes)


def _kept(webhook_id: UUID, entry: Any, now: datetime) -> dict[str, Any]:
    """An entry that waits, not tried yet."""
    return {
        "webhook_id": webhook_id,
        "entry_id": entry.id,
        "case_id": entry.case_id,
        "version": entry.version,
        "dead": False,
        "attempts": 0,
        "next_try_at": now,
        "status": None,
        "error": None,
        "queued_at": now,
    }


def _standing(work: _Work, now: datetime, patience: timedelta) -> dict[str, Any]:
    """How the receiver stands after the answers; one that took nothing for long is switched off."""
    webhook, failures, arrived = work.webhook, work.failures, len(work.arrived)
    since = (now if arrived else webhook.failing_since or now) if failures else None
    changes: dict[str, Any] = {
        "failures": failures,
        "failing_since": since,
        "next_try_at": pace.probe_at(now, failures) if failures >= pace.DOWN else None,
    }
    if arrived:
        changes |= {"delivered": webhook.delivered + arrived, "delivered_at": now}
    because = None
    if any(answer.status == GONE for _, answer in work.answers):
        because = "接收方答复 410：不再接收 / the receiver answered 410: it is gone"
    elif since is not None and now - since >= patience:
        because = f"自 {since.isoformat()} 起持续失败，已停用 / nothing arrived since then"
    if because is not None:
        changes |= {"active": False, "disabled_because": because}
        log.warning("webhook_disabled", webhook=webhook.name, reason=because)
    return changes


# -- all receivers ----------------------------------------------------------------------------------------


class Outbox:
    """Sends what happened to the receivers of webhooks; gives how many messages arrived.

    A run waits a moment for those it began and leaves the slow ones to themselves: the next run, a second
    later, begins only for the others, so that a slow receiver holds up nobody.
    """

    def __init__(self, patience_seconds: float | None = 0.9) -> None:
        self._patience = patience_seconds
        self._begun: dict[UUID, asyncio.Task[int]] = {}

    async def __call__(self, services: Services) -> int:
        async with services.database.transaction() as connection:
            free = await store.free_webhooks(connection, services.clock.now())
        loop = asyncio.get_running_loop()
        self._begun = {one: task for one, task in self._begun.items() if task.get_loop() is loop}
        for webhook_id in free:
            if webhook_id not in self._begun:
                self._begun[webhook_id] = asyncio.create_task(_guarded(services, webhook_id))
        if self._begun:
            await asyncio.wait(self._begun.values(), timeout=self._patience)
        return sum(self._ended())

    def _ended(self) -> Iterable[int]:
        for webhook_id, task in list(self._begun.items()):
            if task.done():
                del self._begun[webhook_id]
                yield 0 if task.cancelled() else task.result()


async def _guarded(services: Services, webhook_id: UUID) -> int:
    """One receiver's trouble is not the others'."""
    try:
        return await deliver(services, webhook_id)
    except ChengguanError as error:
        log.error("webhook_not_served", webhook=str(webhook_id), reason=error.detail)
    except Exception:
        log.exception("webhook_not_served", webhook=str(webhook_id))
    return 0
