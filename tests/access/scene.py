"""Who asks, and what lies ready to be asked for.

At home are those of 西街: somebody of each role who sees what lies there, one who is not logged in, and an
API client. Abroad is the same staff again in 东街 and in another district, with the roles and no business
in 西街; beside them those of 西街 itself who are of another unit or the chief of no street.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import httpx
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.cases import journal
from app.channels.outbox.tables import DeliveryRow
from app.channels.sensors import classes as classes_of_sensors
from app.channels.sensors.precision import Precision
from app.db import new_id
from app.dispatch import service as rulebooks
from app.dispatch.workbook import write_workbook
from app.identity import service as accounts
from app.identity import store as identity
from app.identity import tokens
from app.identity.account import Account
from app.identity.principal import SYSTEM, Role
from app.photos.store import Upload, begin
from app.requests import Services
from tests.cases.desk import Desk
from tests.photos.pictures import uploaded
from tests.world import (
    DISTRICT,
    EAST,
    FOUNDED,
    MONDAY_9AM,
    PASSWORD,
    RULEBOOK,
    WEST,
    World,
    cell_code,
    middle,
)

ELSEWHERE = "990102"
#: As the hotline of 北京 writes one.
HOTLINE_ORDER = {
    "主要内容": "店门口堆满货物", "被反映街乡镇": "西街街道",
    "来电人": "张三丰", "来电人电话/账号": "13800001234",
}  # fmt: skip
_LIFE = timedelta(days=400)

#: Who stands for a role where the case is. `client` is an API client with the role of an external system.
HOME = {
    "inspector": "wei",
    "intake_clerk": "clerk",
    "shift_leader": "leader",
    "dispatcher": "dispatcher",
    "unit_officer": "west_officer",
    "street_chief": "chief",
    "evaluator": "evaluator",
    "administrator": "admin",
    "integration": "hotline",
    "client": "client",
    "anonymous": "anonymous",
}
ROLES = frozenset(role.value for role in Role) - {"system"}
#: The same roles where they have nothing to say in 西街, by where.
STREET = {role: f"street_{role}" for role in (*ROLES, "client")}
ABROAD = {role: f"far_{role}" for role in (*ROLES, "client")}
#: In 西街, but not those the case is given to.
BESIDE = {"unit_officer": "sweeper", "street_chief": "other_chief"}


@dataclass
class Scene:
    """What lies in 西街. `names` fill in the requests of the table; `own` what differs for one caller."""

    names: dict[str, Any] = field(default_factory=dict)
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    workbook: bytes = b""

    def names_for(self, caller: str) -> dict[str, Any]:
        return self.names | self.own.get(caller, {})


async def staff(services: Services, world: World) -> None:
    """Hires those abroad and beside, all logged in, and gives the API clients their keys."""
    async with services.database.transaction() as connection:
        hire = _Hiring(services, connection, world)
        for role in sorted(ROLES):
            for name, area in ((STREET[role], EAST), (ABROAD[role], ELSEWHERE)):
                # Of the very unit: what keeps this officer out is the place alone.
                unit = "west_office" if role == "unit_officer" else None
                await hire(name, (Role(role),), area, unit)
        await hire("other_chief", (Role.STREET_CHIEF,), WEST)
        await hire("all_rounder", tuple(sorted(set(Role) - {Role.SYSTEM})), DISTRICT, "west_office")
        clients = {"client": DISTRICT, "street_client": EAST, "far_client": ELSEWHERE, "west_client": WEST}
        for name, area in clients.items():
            client, key = await accounts.add_client(
                connection, SYSTEM, now=FOUNDED, name=name, roles=[Role.INTEGRATION], areas=[area]
            )
            world.ids[name] = client.id
            world.headers[name] = {"X-API-Key": str(key)}
    world.headers["anonymous"] = {}


class _Hiring:
    """Makes accounts that are logged in. None of them has a password: hashing forty takes ten seconds."""

    def __init__(self, services: Services, connection: AsyncConnection, world: World) -> None:
        self.services, self.connection, self.world = services, connection, world

    async def __call__(self, name: str, roles: tuple[Role, ...], area: str, unit: str | None = None) -> None:
        account = Account(
            id=new_id(), username=name, display_name=name, roles=roles, areas=(area,), unit=unit, active=True,
            created_at=FOUNDED, changed_at=FOUNDED,
        )  # fmt: skip
        assert await identity.add_account(self.connection, account, "")
        claims = tokens.AccessClaims(account.id, new_id())
        opened = await identity.open_session(
            self.connection, identity.Credentials(account.id, ""), session=claims.session, token_hash="",
            now=MONDAY_9AM, expires_at=MONDAY_9AM + _LIFE,
        )  # fmt: skip
        assert opened
        token = tokens.issue_access(claims, secret=self.services.secret, now=MONDAY_9AM, life=_LIFE)
        self.world.ids[name] = account.id
        self.world.headers[name] = {"Authorization": f"Bearer {token}"}


def photo_of(person: str) -> UUID:
    return uuid5(NAMESPACE_OID, f"photo of {person}")


def _upload(role: str, owner: UUID) -> Upload:
    """Ten bytes are to come, and none has."""
    name = uuid5(NAMESPACE_OID, f"upload of {role}")
    return Upload(name, owner, role, 10, "", MONDAY_9AM, MONDAY_9AM + _LIFE)


async def lay_out(http: httpx.AsyncClient, services: Services, world: World) -> Scene:
    """A case in handling that everybody at home sees, one of the API client's own, and a draft rulebook."""
    desk = Desk(http, services, world)
    case = await desk.report("hotline", "W1")
    await desk.act("clerk", case, "accept")
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")
    await desk.act("west_officer", case, "sign")
    clients_own = await desk.report("client", "W1")
    own = {"client": {"case": clients_own["id"], "version": clients_own["version"]}}
    async with services.database.transaction() as connection:
        for person in ("clerk", "client"):
            await uploaded(connection, str(photo_of(person)), world.ids[person], person)
        for role, person in HOME.items():
            if person in world.ids:
                await begin(connection, _upload(role, world.ids[person]))
                own.setdefault(role, {})["upload"] = _upload(role, world.ids[person]).id
    await desk.act("clerk", case, "attach", photo=str(photo_of("clerk")), kind="near")
    await desk.act("client", clients_own, "attach", photo=str(photo_of("client")), kind="near")
    own["client"] |= {"photo": photo_of("client"), "version": clients_own["version"], "order": "ORD-2"}
    (chief,) = (await desk.get("admin", "/street-chiefs", segment="R-W")).json()["items"]
    await _orders(desk)
    form = {"grant_type": "password", "username": "wei", "password": PASSWORD}
    tokens = (await http.post("/api/v1/auth/token", data=form)).json()
    hook = {"name": "西街平台", "url": "https://west.example.com/", "areas": [WEST]}
    made = await http.post("/api/v1/webhooks", headers=world.headers["admin"], json=hook)
    webhook_id = UUID(made.json()["webhook"]["id"])
    async with services.database.transaction() as connection:
        (entry, *_) = await journal.entries(connection, UUID(case["id"]))
        await connection.execute(
            insert(DeliveryRow).values(
                webhook_id=webhook_id, entry_id=entry.id, case_id=entry.case_id, version=1, dead=True,
                attempts=15, next_try_at=MONDAY_9AM, status=500, queued_at=MONDAY_9AM,
            )
        )  # fmt: skip
        revised = RULEBOOK.model_copy(update={"name": "小城规则库 修订"})
        draft = await rulebooks.save_draft(connection, revised, by=SYSTEM.id, now=MONDAY_9AM)
    beat = {"name": "西街一号", "cells": [cell_code("W1")], "inspectors": ["wei"]}
    set_ = await http.put("/api/v1/beats/W-1", headers=world.headers["leader"], json=beat)
    assert set_.status_code == 200, set_.text
    lead = await sightings(http, services, world)
    content = io.BytesIO()
    write_workbook(RULEBOOK.model_copy(update={"name": "小城规则库 再修订"}), content)
    return Scene(
        names={
            "case": case["id"],
            "order": "ORD-1",
            "version": case["version"],
            "account_id": world.ids["wei"],
            "photo": photo_of("clerk"),
            "account": world.ids["clerk"],
            "upload": _upload("inspector", world.ids["wei"]).id,
            "client_id": world.ids["west_client"],
            "chief_id": chief["id"],
            "number": draft.number,
            "lead": lead,
            "label": "smoke",
            "refresh_token": tokens["refresh_token"],
            "webhook_id": webhook_id,
            "event_id": entry.id,
        },
        own=own,
        workbook=content.getvalue(),
    )


async def sightings(http: httpx.AsyncClient, services: Services, world: World) -> str:
    """A lead of a camera in 西街, given to its inspector; another class of the camera is muted."""
    classes = f"/api/v1/sensors/sources/{world.ids['west_client']}/classes"
    for label in ("rubbish", "smoke"):
        made = await http.put(
            f"{classes}/{label}", headers=world.headers["admin"], json={"category": "E0110"}
        )
        assert made.status_code == 200, made.text
    seen = {
        "own_id": "1", "label": "rubbish", "confidence": 0.9, "seen_at": MONDAY_9AM.isoformat(),
        "position": middle("W1"),
    }  # fmt: skip
    reply = await http.post(
        "/api/v1/sensors/observations", headers=world.headers["west_client"], json={"observations": [seen]}
    )
    (answered,) = reply.json()["observations"]
    lead: str = answered["lead"]
    given = await http.post(
        f"/api/v1/sensors/leads/{lead}/inspector",
        headers=world.headers["leader"],
        json={"username": "wei"},
    )
    assert given.status_code == 200, given.text
    async with services.database.transaction() as connection:
        smoke = await classes_of_sensors.locked(connection, world.ids["west_client"], "smoke")
        assert smoke is not None
        await classes_of_sensors.set_muted(connection, smoke, MONDAY_9AM, FOUNDED)
        await classes_of_sensors.add_notice(
            connection, smoke, "muted", Precision(0, 20), actor=SYSTEM, note="误报", now=MONDAY_9AM
        )
    return lead


async def _orders(desk: Desk) -> None:
    """Two of the hotline: one that 西街's office has handed back, one of the API client's own."""
    for who, number in (("hotline", "ORD-1"), ("client", "ORD-2")):
        content = {**HOTLINE_ORDER, "工单编号": number}
        headers = desk.world.headers[who]
        (told,) = (await desk.http.post("/api/v1/hotline/orders", headers=headers, json=content)).json()[
            "orders"
        ]
        if who == "client":
            return
        case = await desk.look("clerk", {"id": told["case"]})
        await desk.act("clerk", case, "locate", position=middle("W1"))
        await desk.act("clerk", case, "request_verification")
        await desk.act(case["inspector_name"], case, "verify", exists=True)
        await desk.act("leader", case, "file", condition="E0405-1")
        await desk.act("dispatcher", case, "dispatch")
        await desk.act("west_officer", case, "sign")
        await desk.act("west_officer", case, "hand_back", result="已收回")
        await desk.act(case["inspector_name"], case, "check", passed=True)  # nobody is left with a task
