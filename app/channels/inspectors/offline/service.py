"""离线办理: a batch of commands made offline, carried out in order, each in a transaction of its own.

Each has the phone's own id, so a batch whose reply was lost is sent again as it is. Deadlines and the journal
go by the service's clock; the phone's moment stands beside it in the entry, and judges nothing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import problems
from app.cases import intake, journal, schemas
from app.cases import service as cases
from app.cases.actions import Attach, Check, Note, Report, Verify
from app.cases.offline import Offline
from app.cases.permission import Situation
from app.cases.workflow import BY_ACTION
from app.channels.inspectors.offline import meanwhile, store
from app.channels.inspectors.offline.schemas import OfflineBatch, OfflineCommand
from app.channels.inspectors.offline.store import Done
from app.db import json_text
from app.errors import (
    ChengguanError,
    Conflict,
    Forbidden,
    IdempotencyConflict,
    InvalidInput,
    NotReady,
    VersionConflict,
    VersionRequired,
)
from app.identity.principal import Principal
from app.requests import Services

_Command = Report | Verify | Check | Attach | Note
_COMMANDS: TypeAdapter[_Command] = TypeAdapter(Annotated[_Command, Field(discriminator="action")])


async def carry_out(
    parts: Services, inspector: Principal, batch: OfflineBatch, path: str
) -> list[dict[str, Any]]:
    """The result of each command. What cannot be done now for want of the service ends the batch: what comes
    after it may build on it, and is to be sent again with it."""
    results: list[dict[str, Any]] = []
    ended: NotReady | None = None
    for item in batch.commands:
        try:
            if ended is not None:
                raise ended
            async with parts.database.transaction() as connection:
                done, replayed = await _once(connection, item, inspector, parts.clock.now(), batch.sent_at)
            results.append(
                {"id": item.id, "status": done.status, "replayed": replayed, **json.loads(done.content)}
            )
        except ChengguanError as refusal:
            if isinstance(refusal, NotReady) and ended is None:
                ended = NotReady(
                    "前面的指令未能执行，请从该条起重发 / send again from the command before that failed"
                )
            told = problems.told(refusal, path)
            results.append({"id": item.id, "status": told["status"], "replayed": False, "problem": told})
    return results


async def _once(
    connection: AsyncConnection, item: OfflineCommand, inspector: Principal, now: datetime, sent_at: datetime
) -> tuple[Done, bool]:
    """A refused command is kept nowhere, and may be sent again when its reason is gone."""
    fingerprint = hashlib.sha256(
        json.dumps(item.model_dump(mode="json"), sort_keys=True).encode()
    ).hexdigest()
    if not await store.claim(connection, inspector.id, item.id, fingerprint, now):
        known = await store.find(connection, inspector.id, item.id)
        assert known is not None
        if known.fingerprint != fingerprint:
            raise IdempotencyConflict(
                "该编号已用于另一条指令 / this id belongs to another command: use a new one"
            )
        return known.done, True
    offline = Offline(item.id, item.at, item.at + (now - sent_at))
    command = _read(item)
    if isinstance(command, Report):
        done = await _report(connection, item, command, inspector, now, offline)
    else:
        done = await _act(connection, item, command, inspector, now, offline)
    await store.keep(connection, inspector.id, item.id, done)
    return done, False


def _read(item: OfflineCommand) -> _Command:
    try:
        return _COMMANDS.validate_python(item.command)
    except ValidationError as wrong:
        fields = {".".join(map(str, found["loc"][1:])) or "action": found["msg"] for found in wrong.errors()}
        raise InvalidInput(f"correct these fields: {', '.join(list(fields)[:5])}", fields=fields) from wrong


async def _report(
    connection: AsyncConnection,
    item: OfflineCommand,
    command: Report,
    inspector: Principal,
    now: datetime,
    offline: Offline,
) -> Done:
    if item.case is not None or item.made_by is not None:
        raise InvalidInput("上报不能指定案卷 / a report names no case", fields={"case": "not here"})
    taken = await intake.report(connection, command, inspector, now, offline=offline)
    near = [schemas.near_reply(found) for found in taken.near]
    return _done(200 if taken.known else 201, taken.situation, near=near)


async def _act(
    connection: AsyncConnection,
    item: OfflineCommand,
    command: Verify | Check | Attach | Note,
    inspector: Principal,
    now: datetime,
    offline: Offline,
) -> Done:
    case_id, known = await _meant(connection, item, inspector)
    leads_on = BY_ACTION[command.action].target is not None
    if known is None and leads_on:
        raise VersionRequired("请注明手机上的案卷版本 known_version / say which version the phone knew")
    situation = await cases.locked(connection, case_id, inspector, now)
    entries = [
        entry
        for entry in await journal.entries(connection, case_id)
        if known is not None and entry.version > known
    ]
    try:
        if leads_on and (conflict := meanwhile.overtaken(entries, situation)):
            raise conflict
        after = await cases.carry_out(connection, command, replace(situation, offline=offline))
    except (Conflict, Forbidden, VersionConflict) as refusal:
        raise meanwhile.told(refusal, entries, situation) from None
    return _done(200, after)


async def _meant(
    connection: AsyncConnection, item: OfflineCommand, inspector: Principal
) -> tuple[UUID, int | None]:
    """The case a command is about, and the version the phone knew of it."""
    if item.made_by is not None and item.case is None:
        made = await store.find(connection, inspector.id, item.made_by)
        if made is None:
            raise Conflict(
                "它所依据的上报未被受理，请先处理那一条 / the report it builds on was not taken in",
                made_by=item.made_by,
            )
        return made.done.case_id, item.known_version or made.done.version
    if item.case is None or item.made_by is not None:
        raise InvalidInput(
            "请用 case 或 made_by 指明案卷 / name the case by `case` or by `made_by`",
            fields={"case": "missing"},
        )
    return await cases.resolve_id(connection, item.case), item.known_version


def _done(status: int, situation: Situation, **more: Any) -> Done:
    case = situation.folded.case
    content = json_text({"case": schemas.reply(situation), **more})
    return Done(status, content, case.id, case.version)


async def forget(services: Services) -> int:
    """Deletes the kept results of commands that no phone will send again; gives how many."""
    before = services.clock.now() - timedelta(days=services.settings.inspectors.offline_days)
    async with services.database.transaction() as connection:
        return await store.forget(connection, before)
