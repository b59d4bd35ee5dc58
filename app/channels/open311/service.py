"""Open311: what a request asks for, told and done. Rights, deadlines and the journal are the cases' own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alone import alone_with
from app.cases import candidates, intake
from app.cases import service as cases
from app.cases.citizen import Supplement, TextChange
from app.cases.command import Position
from app.cases.intake import Spoken
from app.cases.whereabouts import Whereabouts, by_words
from app.cases.workflow import ENDS, Action, Stage
from app.channels.open311 import offers, store, telling
from app.channels.open311.formats import Answer
from app.channels.open311.queries import (
    NewRequest,
    NewUpdate,
    RequestsQuery,
    State,
    UpdatesQuery,
    span,
)
from app.channels.open311.store import Reader
from app.db import new_id
from app.dispatch import store as rulebooks
from app.dispatch.rulebook import CodeSet, Rulebook
from app.errors import InvalidInput, NotFound, NotReady, Unauthenticated
from app.geo import Datum
from app.identity.principal import Principal
from app.settings import Open311Settings, PublicView

#: Within this time the same content of the same client is taken for a repeat.
REPEATED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Visit:
    """来访: a request of the channel, in its transaction, at its moment. `client` None: without a key."""

    connection: AsyncConnection
    client: Principal | None
    now: datetime
    rulebook: Rulebook
    settings: Open311Settings

    def known(self) -> Principal:
        """Errors: `Unauthenticated` without a key."""
        if self.client is None:
            raise Unauthenticated("请附上 api_key / send your api_key")
        return self.client

    def reader(self) -> Reader:
        """Errors: `Unauthenticated` where nothing is public and nobody is known."""
        public = self.settings.public
        if public is PublicView.NONE:
            self.known()
        return Reader(
            client=self.client.id if self.client else None,
            public=public is not PublicView.NONE,
            coarse=public is PublicView.COARSE,
        )

    def check_jurisdiction(self, asked: str | None) -> None:
        """Errors: `NotFound` for another than the one served here."""
        own = self.settings.jurisdiction or self.rulebook.district_code
        if asked and asked != own:
            raise NotFound(f"本服务的 jurisdiction_id 是 {own} / the jurisdiction_id served here is {own}")


# -- what there is ---------------------------------------------------------------------------------------


async def discovery(visit: Visit, endpoint: str, kind: str) -> Answer:
    """服务发现: where the service is, and what it speaks."""
    in_force = (one.effective_from for one in await rulebooks.activations(visit.connection))
    changed = next((moment for moment in in_force if moment <= visit.now), visit.now)
    changeset = changed.isoformat(timespec="seconds")
    return Answer(
        "discovery",
        {
            "changeset": changeset,
            "contact": visit.settings.contact,
            "key_service": visit.settings.contact,
            "endpoints": [
                {
                    "specification": "http://wiki.open311.org/GeoReport_v2",
                    "url": endpoint,
                    "changeset": changeset,
                    "type": kind,
                    "formats": ["text/xml", "application/json"],
                }
            ],
        },
    )


def services(visit: Visit) -> Answer:
    return Answer("services", offers.services(visit.rulebook))


def definition(visit: Visit, code: str) -> Answer:
    """Errors: `NotFound`."""
    minor = offers.minor_of(visit.rulebook, code)
    if minor is None:
        raise NotFound("没有这项服务，见 services / no such service: see services")
    return Answer("service_definition", offers.definition(visit.rulebook, minor))


# -- what was asked before -------------------------------------------------------------------------------


async def requests(visit: Visit, query: RequestsQuery) -> Answer:
    """The requests that pass the query. Errors: `InvalidInput`, `Unauthenticated`."""
    period = query.period(visit.now)
    found = await store.requests(visit.connection, query, visit.reader(), period)
    told = [telling.request(one, visit.rulebook, visit.settings.public) for one in found]
    return Answer("service_requests", told)


async def request(visit: Visit, number: str) -> Answer:
    """One request, in a list as the standard has it. Errors: `NotFound`, `Unauthenticated`."""
    if "\x00" in number:
        raise _no_request()
    answer = await requests(visit, RequestsQuery(service_request_id=(number,)))
    if not answer.content:
        raise _no_request()
    return answer


async def token(visit: Visit, given: str) -> Answer:
    """Numbers are given at once, so a token is not needed; the case's id is taken as one.

    Errors: `NotFound`, `Unauthenticated`.
    """
    try:
        case_id = UUID(given)
    except ValueError:
        raise _no_request() from None
    number = await store.number_of(visit.connection, case_id, visit.reader())
    if number is None:
        raise _no_request()
    return Answer("service_requests", [{"service_request_id": number, "token": given}])


def _no_request() -> NotFound:
    return NotFound("没有这个请求，或不对外公开 / no such request, or it is not public")


async def updates(visit: Visit, query: UpdatesQuery) -> Answer:
    """What happened to requests in a period, the oldest first. Errors: `InvalidInput`, `Unauthenticated`."""
    since, until = span(query.start_date, query.end_date, visit.now)
    found = await store.happened(
        visit.connection,
        visit.reader(),
        [action.value for action in telling.UPDATES],
        since,
        until,
        numbers=query.service_request_id,
        limit=query.page_size,
        offset=query.offset,
    )
    return Answer("service_request_updates", [telling.update(one, visit.rulebook) for one in found])


# -- what comes in ---------------------------------------------------------------------------------------


async def report(visit: Visit, new: NewRequest) -> Answer:
    """Takes in a request; the same again within minutes is answered with the first.

    Errors: `Unauthenticated`, `Forbidden`, `InvalidInput`, `OutsideDistrict`, `NotReady`.
    """
    client = visit.known()
    command, where = await _report(visit, new)
    fingerprint = _fingerprint(
        client.id, new.account_id, new.device_id, new.service_code, new.lat, new.long,
        new.address_string, new.address_id, command.description, command.condition, command.component_code,
    )  # fmt: skip
    await alone_with(visit.connection, f"open311 {fingerprint}")
    since = visit.now - REPEATED_WITHIN
    number = await store.known_request(visit.connection, client.id, fingerprint, since)
    if number is None:
        taken = await intake.report(visit.connection, command, client, visit.now)
        case = taken.situation.folded.case
        number = case.number
        await store.add_request(
            visit.connection,
            case_id=case.id,
            client_id=client.id,
            fingerprint=fingerprint,
            received_at=visit.now,
            address_id=new.address_id,
            media_urls=list(new.media_url),
        )
        await candidates.keep(visit.connection, case.id, where.candidates)
    notice = f"已收到，请凭编号 {number} 查询 / received; follow it by this number"
    told = {"service_request_id": number, "service_notice": notice}
    if new.account_id is not None:
        told["account_id"] = new.account_id
    return Answer("service_requests", [told])


async def _report(visit: Visit, new: NewRequest) -> tuple[Spoken, Whereabouts]:
    """The report that the request amounts to, and where it is. Errors: `InvalidInput`, `NotReady`."""
    source = visit.settings.source
    if source not in visit.rulebook.codes_of(CodeSet.SOURCE):
        raise NotReady(
            f"规则库的问题来源中没有“{source}”，请管理员补上 / the rulebook has no source code {source}"
        )
    minor = offers.minor_of(visit.rulebook, new.service_code)
    if minor is None:
        raise InvalidInput("没有这项服务，见 services / no such service_code: see services")
    answers = offers.answers(visit.rulebook, minor, new.attributes)
    where = await _where(visit, new)
    description = (new.description or offers.named(minor)) + telling.media_lines(new.media_url)
    try:
        command = Spoken(
            source=source,
            position=where.position,
            found_as=where.name,
            score=where.score,
            within=where.within,
            address=new.address_string,
            description=description,
            category=minor.code,
            condition=answers.get(offers.CONDITION),
            component_code=answers.get(offers.COMPONENT),
        )
    except ValidationError:
        raise InvalidInput(
            "说明和图片地址合计不得超过 2000 字，属性值不得超过 64 字"
            " / description and media_url: 2000 characters together at most, an attribute's value 64"
        ) from None
    return command, where


async def _where(visit: Visit, new: NewRequest) -> Whereabouts:
    """By its degrees; else by its address, as far as the words tell. Errors: `InvalidInput`, `NotReady`."""
    if new.lat is not None and new.long is not None:
        return Whereabouts(Position(x=new.long, y=new.lat, datum=Datum.WGS84))
    client, district = visit.known(), visit.rulebook.district_code
    # Where the words tell no more than the district, it is taken in as somewhere there.
    if not new.address_string or not client.covers(district):
        raise InvalidInput("请给出 lat 和 long（WGS-84） / give lat and long in WGS-84 degrees")
    return await by_words(visit.connection, new.address_string, client, visit.now, district=district)


async def add_update(visit: Visit, new: NewUpdate) -> Answer:
    """Writes a client's words to one of its own requests into the case's journal; the same again once.

    Errors: `Unauthenticated`, `NotFound`, `Forbidden`, `InvalidInput`.
    """
    client = visit.known()
    case_id = await store.case_of(visit.connection, client.id, new.service_request_id)
    if case_id is None:
        raise NotFound("没有这个请求，或不是您提交的 / no such request of yours")
    fingerprint = _fingerprint(client.id, case_id, new.status, new.description, *new.media_url)
    await alone_with(visit.connection, f"open311 {client.id} {case_id}")
    known = await store.known_update(
        visit.connection,
        client.id,
        case_id,
        own_id=new.update_id,
        fingerprint=fingerprint,
        since=visit.now - REPEATED_WITHIN,
    )
    if known is None:
        situation = await cases.see(visit.connection, case_id, client, visit.now)
        words = _words(new, situation.folded.case.stage)
        said = Supplement(
            action=Action.SUPPLEMENT, changes=(TextChange(field="servicerequestupdate", after=words),)
        )
        await cases.act(visit.connection, case_id, said, client, visit.now, expected_version=None)
        known = new_id()
        await store.add_update(
            visit.connection,
            id=known,
            case_id=case_id,
            client_id=client.id,
            own_id=new.update_id,
            fingerprint=fingerprint,
            received_at=visit.now,
        )
    return Answer("service_request_updates", [{"update_id": str(known)}])


def _words(new: NewUpdate, stage: Stage) -> str:
    """The client's words, and what it says of the state where that is not ours. Errors: `InvalidInput`."""
    says = ""
    if new.status is State.OPEN and stage in ENDS:
        says = "【要求重新办理 asks to reopen】"
    elif new.status is State.CLOSED and stage not in ENDS:
        says = "【称问题已解决 says it is solved】"
    words = f"{says}{new.description}{telling.media_lines(new.media_url)}".strip()
    if not words:
        raise InvalidInput("请给出 description / give a description")
    return words


def _fingerprint(*parts: object) -> str:
    told = "\x1f".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(told.encode()).hexdigest()
