"""热线: orders taken in, heard of again, returned, answered, called back about; and who may see a caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import candidates, intake
from app.cases import service as cases
from app.cases import store as case_store
from app.cases.actions import Note, Refuse, Remind
from app.cases.citizen import CALLER, CallBack, RevealCaller, Supplement, TextChange
from app.cases.intake import Spoken
from app.cases.scope import visible
from app.cases.workflow import ENDS, OPEN, Action, Stage
from app.channels.hotline import masking, reading, store, whereabouts
from app.channels.hotline.mapping import Mapping, load
from app.channels.hotline.order import RESULT_LABELS, CalledBack, Caller, Order, Result
from app.channels.hotline.standing import Kept
from app.channels.hotline.vault import Vault, vault_of
from app.db import plainly
from app.dispatch.active import active_rulebook
from app.dispatch.deadlines import due
from app.dispatch.rulebook import Limit, LimitUnit, Rulebook
from app.errors import ChengguanError, Conflict, Forbidden, NotFound, NotReady
from app.identity.principal import Principal, Role
from app.settings import HotlineSettings, Settings

#: Orders of one request or page at most: they are one transaction.
MOST = 200


class Outcome(StrEnum):
    """What came of one order that was sent."""

    TAKEN = "taken"  # 新受理
    KNOWN = "known"  # 已有, nothing new
    CHANGED = "changed"  # 内容有变, or reminded of: entries on its case
    REFUSED = "refused"  # 未受理


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one order, with its case; or why it was refused."""

    number: str
    outcome: Outcome
    case_id: UUID | None = None
    case_number: str | None = None
    placed: bool | None = None
    refusal: ChengguanError | None = None


@dataclass(frozen=True, slots=True)
class Hotline:
    """The hotline as this installation is set up for it."""

    mapping: Mapping
    settings: HotlineSettings
    vault: Vault


def hotline_of(settings: Settings) -> Hotline:
    """Errors: `InvalidInput` when the mapping is wrong, `NotReady` when no key can be kept."""
    return Hotline(load(settings.hotline.mapping), settings.hotline, vault_of(settings))


# -- in --------------------------------------------------------------------------------------------------


async def take_all(
    connection: AsyncConnection, hotline: Hotline, documents: list[Any], actor: Principal, now: datetime
) -> list[Answered]:
    """Takes in orders, each for itself, and answers them in their order; what is refused leaves nothing."""
    numbers = [reading.number(hotline.mapping, document) for document in documents]
    answers: dict[int, Answered] = {}
    # Always in one order, so that two requests with the same orders never wait for each other in a circle.
    for turn in sorted(range(len(documents)), key=lambda one: (numbers[one], one)):
        try:
            with plainly():
                async with connection.begin_nested():
                    order, caller = reading.order(hotline.mapping, documents[turn])
                    answers[turn] = await _take(connection, hotline, order, caller, actor, now)
        except NotReady:
            raise  # of the service, not of the order: send it all again
        except ChengguanError as refusal:
            answers[turn] = Answered(numbers[turn], Outcome.REFUSED, refusal=refusal)
    return [answers[turn] for turn in range(len(documents))]


async def _take(
    connection: AsyncConnection,
    hotline: Hotline,
    said: Order,
    caller: Caller,
    actor: Principal,
    now: datetime,
) -> Answered:
    order = _masked(said, caller)
    # Locks the number: of two who send it at once the second finds what the first made.
    known = await case_store.id_of_external_number(connection, actor.id, order.number)
    if known is not None:
        if (row := await store.locked(connection, known)) is None:
            raise Conflict(
                "此工单号已用于一件普通上报 / this number was used for an ordinary report of the same sender"
            )
        return await _heard_again(connection, hotline, row, order, caller, actor, now)
    rulebook = (await active_rulebook(connection, now)).rulebook
    where = await whereabouts.find(
        connection, order, hotline.mapping, rulebook.district_code, actor, now,
        threshold=hotline.settings.place_score,
    )  # fmt: skip
    command = Spoken(
        source=hotline.mapping.source,
        position=where.position,
        address=order.address,
        description=order.description,
        external_number=order.number,
        found_as=where.name,
        score=where.score,
        within=where.within,
        caller_known=bool(caller),
    )
    case = (await intake.report(connection, command, actor, now)).situation.folded.case
    await candidates.keep(connection, case.id, where.candidates)
    await store.add(
        connection,
        case_id=case.id,
        client_id=actor.id,
        number=order.number,
        **_texts(order),
        place=whereabouts.told(where),
        sent_at=order.received_at,
        received_at=now,
        respond_by=_by(hotline.settings.response_work_hours, rulebook, now),
        return_by=_by(hotline.settings.return_work_hours, rulebook, now),
        reminders=order.reminders,
        **_caller_columns(hotline, caller),
    )
    return Answered(order.number, Outcome.TAKEN, case.id, case.number, case.placed)


def _masked(order: Order, caller: Caller) -> Order:
    texts = ("title", "description", "address", "reminder", "tags", "category", "street", "community")
    return order.model_copy(
        update={name: masking.words(getattr(order, name), caller) for name in texts if getattr(order, name)}
    )


def _texts(order: Order) -> dict[str, str]:
    """What is compared when the order comes again."""
    return {
        "kind": order.kind.value,
        **{name: getattr(order, name) for name in ("title", "description", "category", "tags", "address")},
    }


def _caller_columns(hotline: Hotline, caller: Caller) -> dict[str, Any]:
    return {
        "caller": hotline.vault.closed(caller) if caller else None,
        "caller_name": masking.name(caller.name),
        "caller_phone": masking.phone(caller.phone),
    }


def _by(work_hours: float, rulebook: Rulebook, now: datetime) -> datetime:
    try:
        return due(now, Limit(amount=work_hours, unit=LimitUnit.WORK_HOUR), rulebook.calendar).at
    except ValueError as short:
        raise NotReady(f"请管理员延长规则库的工作日历：{short} / the calendar is too short") from short


async def _heard_again(
    connection: AsyncConnection,
    hotline: Hotline,
    row: Any,
    order: Order,
    caller: Caller,
    actor: Principal,
    now: datetime,
) -> Answered:
    """What an order says that it did not say before becomes entries on its case; what it leaves out,
    stands."""
    case_id: UUID = row["case_id"]
    texts = {name: said for name, said in _texts(order).items() if said and said != row[name]}
    changes = [TextChange(field=name, before=row[name], after=said) for name, said in texts.items()]
    columns: dict[str, Any] = dict(texts)
    if caller and row["caller_deleted_at"] is None and caller != _caller(hotline, row):
        columns |= _caller_columns(hotline, caller)
        before, after = (f"{one['caller_name']} {one['caller_phone']}".strip() for one in (row, columns))
        changes.append(TextChange(field=CALLER, before=before, after=after))
    reminded = order.reminders > row["reminders"]
    case = (await cases.see(connection, case_id, actor, now)).folded.case
    if reminded:
        columns["reminders"] = order.reminders
        note = f"第 {order.reminders} 次催办：{order.reminder}"[:2000].rstrip("：")
        if case.stage in OPEN:
            command: Any = Remind(action=Action.REMIND, note=note)
            await cases.act(connection, case_id, command, actor, now, expected_version=None)
        else:
            changes.append(TextChange(field="reminders", before=str(row["reminders"]), after=note))
    if changes:
        command = Supplement(action=Action.SUPPLEMENT, changes=tuple(changes))
        await cases.act(connection, case_id, command, actor, now, expected_version=None)
    if columns:
        await store.change(connection, case_id, **columns)
    outcome = Outcome.CHANGED if columns else Outcome.KNOWN
    return Answered(order.number, outcome, case_id, case.number, case.placed)


def _caller(hotline: Hotline, row: Any) -> Caller:
    return Caller() if row["caller"] is None else hotline.vault.opened(row["caller"])


def _written(hotline: Hotline, found: Kept, words: str) -> str:
    """What somebody writes about an order, with its caller masked."""
    return masking.words(words, _caller(hotline, found.order._mapping))


# -- out -------------------------------------------------------------------------------------------------


async def find(
    connection: AsyncConnection, number: str, actor: Principal, now: datetime
) -> tuple[Kept, Rulebook]:
    """The order of that number, as far as the caller may see its case. Errors: `NotFound`."""
    rulebook = (await active_rulebook(connection, now)).rulebook
    case_id = await store.case_of(connection, number, actor.id, visible(actor, rulebook))
    if case_id is None:
        raise NotFound("没有这份工单，或不在您的可见范围内 / no such order, or not within your scope")
    (found,) = await store.kept(connection, [case_id])
    return found, rulebook


async def give_back(
    connection: AsyncConnection,
    hotline: Hotline,
    number: str,
    reason: str,
    note: str,
    actor: Principal,
    now: datetime,
) -> tuple[Kept, Rulebook]:
    """退单: refuses the order's case, inside the limit. Errors: `Conflict` after it, those of the action."""
    found, _ = await find(connection, number, actor, now)
    if found.own.stage not in ENDS and now > found.order.return_by:
        raise Conflict(
            f"退单期限已于 {found.order.return_by.isoformat()} 截止，请办理或不予受理并答复"
            " / the time for returning the order is over: handle it, or refuse the case and answer",
            return_until=found.order.return_by.isoformat(),
        )
    command = Refuse(action=Action.REFUSE, reason=reason, note=_written(hotline, found, note))
    await cases.act(connection, found.own.id, command, actor, now, expected_version=None)
    return await find(connection, number, actor, now)


async def answer(
    connection: AsyncConnection,
    hotline: Hotline,
    number: str,
    result: Result,
    said: str,
    actor: Principal,
    now: datetime,
) -> tuple[Kept, Rulebook]:
    """答复: what is told to the hotline of the result, once the unit has handed back or the case has ended.
    Errors: `Forbidden`, `Conflict` before that."""
    found, _ = await find(connection, number, actor, now)
    if not actor.has(Role.INTAKE_CLERK, Role.SHIFT_LEADER):
        raise Forbidden("答复须由受理员、值班长办理 / answering is for intake clerks and shift leaders")
    if found.case.stage not in ENDS | {Stage.CHECKING, Stage.CLOSING}:
        raise Conflict(
            "处置反馈或办结之后方可答复 / answer once the unit has handed back or the case has ended",
            stage=found.case.stage.value,
        )
    words = _written(hotline, found, said)
    note = Note(action=Action.NOTE, text=f"答复热线（{RESULT_LABELS[result]}）：{words}")
    await cases.act(connection, found.own.id, note, actor, now, expected_version=None)
    await store.change(connection, found.own.id, result=result.value, answer=words, answered_at=now)
    return await find(connection, number, actor, now)


async def call_back(
    connection: AsyncConnection,
    hotline: Hotline,
    number: str,
    said: CalledBack,
    actor: Principal,
    now: datetime,
) -> tuple[Kept, Rulebook]:
    """回访: the citizen's word, as an entry of the case; the same word again changes nothing."""
    found, rulebook = await find(connection, number, actor, now)
    note = _written(hotline, found, said.note)
    told = said.model_dump(mode="json", exclude={"note"})
    if {**(found.own.call_back or {}), "at": None} == {**told, "at": None}:
        return found, rulebook
    command = CallBack.model_validate({"action": Action.CALL_BACK, "note": note, **told})
    await cases.act(connection, found.own.id, command, actor, now, expected_version=None)
    return await find(connection, number, actor, now)


async def reveal(
    connection: AsyncConnection, hotline: Hotline, number: str, reason: str, actor: Principal, now: datetime
) -> Caller:
    """查看来电人: name and number in full, for whom the transition table lets, with an entry in the journal.
    Errors: `NotFound` when they were deleted, `Forbidden`, `ActionNotAllowed` when no caller is known."""
    found, _ = await find(connection, number, actor, now)
    command = RevealCaller(action=Action.REVEAL_CALLER, reason=_written(hotline, found, reason))
    await cases.act(connection, found.own.id, command, actor, now, expected_version=None)
    if found.order.caller is None:
        raise NotFound("来电人信息已按期删除 / the caller's data has been deleted, its time being over")
    return hotline.vault.opened(found.order.caller)
