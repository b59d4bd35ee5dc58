"""Every route of the API and who may ask it, written by hand.

What is derived from the code agrees with whatever the code does; this table does not. A route that is not
in it fails `test_every_route.py`: whoever adds one decides here who may ask, and what those of another
street or district get.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.access.scene import HOME, HOTLINE_ORDER
from tests.world import MANHOLE, MONDAY_9AM, PASSWORD, WEST, cell_code, middle

ANYBODY = frozenset(HOME)
KNOWN = ANYBODY - {"anonymous"}
CENTRE = frozenset({"intake_clerk", "shift_leader", "dispatcher", "evaluator", "administrator"})
ADMINISTRATOR = frozenset({"administrator"})
INSPECTOR = frozenset({"inspector"})
CLERKS = frozenset({"intake_clerk", "shift_leader"})
SYSTEMS = frozenset({"integration", "client"})
REPORTERS = frozenset({"inspector", "intake_clerk", "shift_leader", "street_chief", "integration", "client"})
NOTERS = frozenset(
    {"inspector", "intake_clerk", "shift_leader", "dispatcher", "unit_officer", "street_chief", "evaluator"}
)
BEAT_KEEPERS = frozenset({"administrator", "shift_leader"})
PHOTOGRAPHERS = REPORTERS | {"unit_officer"}
COMPONENT_KEEPERS = frozenset({"administrator", "shift_leader", "inspector", "unit_officer"})


#: Whether a reply shows what lies in 西街; the second argument are the names the request was filled with.
Shows: TypeAlias = Callable[[Any, dict[str, Any]], bool]


@dataclass(frozen=True)
class Foreign:
    """What those with the role get who have no business in 西街: of 东街, and of another district.

    A status; or what the ordinary reply shows at home and must not show them; or None, and then `why` tells
    what it is about that is no place.
    """

    street: int | Shows | None = None
    district: int | Shows | None = None
    why: str = ""


def refused(street: int, district: int | None = None) -> Foreign:
    return Foreign(street, district or street)


def _tells(needle: str) -> Shows:
    return lambda body, names: needle.format(**names) in str(body)


def hidden(needle: str) -> Foreign:
    """A list in which the home reply has the text and the foreign one has not."""
    return Foreign(_tells(needle), _tells(needle))


def figure(name: str) -> Foreign:
    """A count that is above zero at home and zero elsewhere."""

    def counts(body: Any, _: dict[str, Any]) -> bool:
        return bool(body[name])

    return Foreign(counts, counts)


def _has_orders(body: Any, _: dict[str, Any]) -> bool:
    return bool(body["total"]["orders"])


def of_the_district(outcome: int | Shows) -> Foreign:
    return Foreign(None, outcome, "the district's rulebook is that of each of its streets")


def not_of_a_place(why: str) -> Foreign:
    return Foreign(why=why)


@dataclass(frozen=True)
class Route:
    """`operation` under `/api/v1` where it is no health check. `but`: statuses of single callers."""

    operation: str
    may: frozenset[str]
    status: int
    foreign: Foreign
    json: Any = None
    params: dict[str, Any] = field(default_factory=dict)
    data: dict[str, str] | None = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    but: dict[str, int] = field(default_factory=dict)
    of_case: bool = False
    uploads: bool = False

    @property
    def method(self) -> str:
        return self.operation.split()[0]

    @property
    def path(self) -> str:
        path = self.operation.split()[1]
        return path if path.startswith("/health") else f"/api/v1{path}"

    def expected(self, caller: str) -> int:
        if caller in self.may:
            return self.but.get(caller, self.status)
        return 401 if caller == "anonymous" else 403


_NOW = MONDAY_9AM.isoformat()
_TUS = {"Tus-Resumable": "1.0.0"}
_OWN_UPLOADS = not_of_a_place("the caller's own uploads")
_CELL = {"code": cell_code("W1")}
_PART = {"code": MANHOLE}
_BEAT = {"name": "西街", "cells": [cell_code("W1"), cell_code("W2")], "inspectors": ["wei"]}
_PERSON = {"display_name": "新人", "areas": [WEST]}

ROUTES = (
    # -- operations --
    Route("GET /health/live", ANYBODY, 200, not_of_a_place("the process")),
    Route("GET /health/ready", ANYBODY, 200, not_of_a_place("the service")),
    # -- identity --
    Route("POST /auth/token", ANYBODY, 200, not_of_a_place("proves itself by a password"),
          data={"grant_type": "password", "username": "wei", "password": PASSWORD}),
    Route("POST /auth/logout", ANYBODY, 204, not_of_a_place("proves itself by the refresh token"),
          data={"refresh_token": "{refresh_token}"}),
    Route("GET /me", KNOWN, 200, not_of_a_place("the caller")),
    Route("POST /accounts", ADMINISTRATOR, 201, refused(403),
          json={**_PERSON, "username": "xin", "password": "正确的口令 horse", "roles": ["inspector"]}),
    Route("GET /accounts", ADMINISTRATOR, 200, hidden("{account_id}")),
    Route("GET /accounts/{account_id}", ADMINISTRATOR, 200, refused(404)),
    Route("PATCH /accounts/{account_id}", ADMINISTRATOR, 200, refused(404), json={"active": False}),
    Route("POST /accounts/{account_id}/password", ADMINISTRATOR, 204, refused(404),
          json={"password": "另一个口令 horse"}),
    Route("POST /api-clients", ADMINISTRATOR, 201, refused(403),
          json={"name": "手机", "areas": [WEST], "roles": ["integration"]}),
    Route("GET /api-clients", ADMINISTRATOR, 200, hidden("{client_id}")),
    Route("DELETE /api-clients/{client_id}", ADMINISTRATOR, 204, refused(404)),
    # -- grid --
    Route("GET /places", KNOWN, 200, refused(404), params=middle("W1")),
    Route("GET /grid/gazetteer", KNOWN, 200, hidden(WEST), params={"words": "西街街道"}),
    Route("GET /areas", KNOWN, 200, hidden(cell_code("W1"))),
    Route("GET /areas/{code}", KNOWN, 200, refused(404), names=_CELL),
    Route("GET /areas/{code}/history", KNOWN, 200, refused(404), names=_CELL),
    Route("GET /road-segments", KNOWN, 200, hidden("R-W")),
    Route("GET /street-chiefs", KNOWN, 200, hidden("{chief_id}")),
    Route("POST /street-chiefs", ADMINISTRATOR, 201, refused(404),
          json={"segment_code": "R-W", "level": "street", "deputy": 1, "name": "副街长"}),
    Route("PATCH /street-chiefs/{chief_id}", ADMINISTRATOR, 200, refused(404), json={"name": "陈某"}),
    Route("GET /components", KNOWN, 200, hidden(MANHOLE)),
    Route("GET /components/{code}", KNOWN, 200, refused(404), names=_PART),
    # The officer at home is of another unit than the manhole's.
    Route("PATCH /components/{code}", COMPONENT_KEEPERS, 200, refused(404), names=_PART,
          json={"state": "damaged"}, but={"unit_officer": 403}),
    # The inspector at home is on duty already.
    Route("POST /duty", INSPECTOR, 409, refused(403), json={"area_codes": [WEST]}),
    Route("DELETE /duty", INSPECTOR, 204, not_of_a_place("the caller's own shift")),
    Route("GET /duty", CENTRE, 200, hidden("{account_id}")),
    # -- dispatch --
    Route("GET /rulebooks", CENTRE, 200, of_the_district(_tells("修订"))),
    Route("POST /rulebooks", ADMINISTRATOR, 201, refused(403), uploads=True),
    Route("GET /rulebooks/active", KNOWN, 200, not_of_a_place("what the service judges everybody by")),
    Route("GET /rulebooks/active/conditions", KNOWN, 200, not_of_a_place("the same")),
    Route("GET /rulebooks/{number}", CENTRE, 200, of_the_district(404)),
    Route("GET /rulebooks/{number}/check", CENTRE, 200, of_the_district(404)),
    Route("GET /rulebooks/{number}/diff", CENTRE, 200, of_the_district(404)),
    Route("GET /rulebooks/{number}/workbook", CENTRE, 200, of_the_district(404)),
    Route("POST /rulebooks/{number}/activations", ADMINISTRATOR, 201, refused(403, 404), json={}),
    Route("POST /rulebooks/{number}/explain", CENTRE, 200, refused(404),
          json={"condition": "E0405-1", "position": middle("W1")}),
    # -- cases --
    Route("POST /cases", REPORTERS, 201, refused(403),
          json={"position": middle("W1"), "description": "店门口堆满货物", "category": "E0405"}),
    Route("GET /cases", KNOWN, 200, hidden("{case}"), of_case=True),
    Route("GET /cases/count", KNOWN, 200, figure("count"), of_case=True),
    Route("GET /cases/figures", KNOWN, 200, figure("reported"), of_case=True),
    Route("GET /cases/{case}", KNOWN, 200, refused(404), of_case=True),
    Route("POST /cases/{case}/actions", NOTERS, 200, refused(404), of_case=True,
          json={"action": "note", "text": "已到场"}, headers={"If-Match": '"{version}"'}),
    Route("GET /cases/{case}/journal", KNOWN, 200, refused(404), of_case=True),
    Route("GET /cases/{case}/explanation", KNOWN, 200, refused(404), of_case=True),
    Route("GET /cases/{case}/duplicates", KNOWN, 200, refused(404), of_case=True),
    Route("GET /cases/{case}/place-candidates", KNOWN, 200, refused(404), of_case=True),
    Route("GET /cases/{case}/reports", KNOWN, 200, refused(404), of_case=True),
    Route("GET /cases/{case}/draws", KNOWN, 200, refused(404), of_case=True),
    # -- photos --
    Route("OPTIONS /photos/uploads", ANYBODY, 204, not_of_a_place("what of a protocol is spoken")),
    Route("POST /photos/uploads", PHOTOGRAPHERS, 201, _OWN_UPLOADS, headers={**_TUS, "Upload-Length": "10"}),
    Route("GET /photos/uploads", PHOTOGRAPHERS, 200, _OWN_UPLOADS),
    Route("HEAD /photos/uploads/{upload}", PHOTOGRAPHERS, 200, refused(404), headers=_TUS),
    Route("GET /photos/uploads/{upload}", PHOTOGRAPHERS, 200, refused(404)),
    Route("PATCH /photos/uploads/{upload}", PHOTOGRAPHERS, 204, refused(404), content=b"12345",
          headers={**_TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}),
    Route("DELETE /photos/uploads/{upload}", PHOTOGRAPHERS, 204, refused(404), headers=_TUS),
    Route("GET /cases/{case}/photos", KNOWN, 200, refused(404), of_case=True),
    Route("GET /photos/{photo}", KNOWN, 200, refused(404), of_case=True),
    Route("GET /photos/{photo}/{variant}", KNOWN, 200, refused(404), of_case=True,
          names={"variant": "thumbnail"}),
    Route("GET /inspectors/{account}/evidence", CENTRE, 200, figure("photos")),
    Route("GET /workflow", KNOWN, 200, not_of_a_place("the transition table")),
    # -- inspectors: the one at home is on duty in 西街 and patrols the beat there --
    Route("GET /cases/{case}/suggestions", frozenset({"intake_clerk", "shift_leader"}), 200, refused(404),
          of_case=True),
    Route("GET /tasks", KNOWN, 200, not_of_a_place("what was given to the caller")),
    Route("GET /inspectors/me/cell", INSPECTOR, 200, refused(404), params=middle("W1")),
    Route("GET /inspectors/conditions", KNOWN, 200, not_of_a_place("what the service judges everybody by")),
    Route("GET /inspectors/me/duty", INSPECTOR, 200, not_of_a_place("the caller's own shift")),
    Route("PUT /inspectors/me/duty", INSPECTOR, 200, refused(403),
          json={"on": True, "at": MONDAY_9AM.isoformat(), "position": middle("W1"), "area_codes": [WEST]}),
    Route("GET /inspectors/me/beat", INSPECTOR, 200, hidden(cell_code("W1"))),
    Route("POST /inspectors/me/track", INSPECTOR, 200, not_of_a_place("the caller's own track"),
          json={"points": [{"at": MONDAY_9AM.isoformat(), "x": 120.0005, "y": 30.0005, "accuracy_m": 8}]}),
    Route("POST /inspectors/me/batch", INSPECTOR, 200, not_of_a_place("each command is judged by itself"),
          json={"sent_at": _NOW, "commands": [{"id": "phone-1!", "at": _NOW, "command": {"action": "x"}}]}),
    Route("GET /inspectors/me/patrols", INSPECTOR, 200, not_of_a_place("the caller's own days")),
    Route("GET /inspectors/patrols", CENTRE, 200, hidden("{account_id}")),
    Route("GET /beats", CENTRE | INSPECTOR, 200, hidden(cell_code("W1"))),
    Route("PUT /beats", BEAT_KEEPERS, 200, refused(404), json={"beats": [{"code": "W-1", **_BEAT}]}),
    Route("GET /beats/{code}", CENTRE | INSPECTOR, 200, refused(404), names={"code": "W-1"}),
    Route("PUT /beats/{code}", BEAT_KEEPERS, 200, refused(404), names={"code": "W-1"}, json=_BEAT),
    Route("DELETE /beats/{code}", BEAT_KEEPERS, 204, refused(404), names={"code": "W-1"}),
    # -- sensors --
    Route("POST /sensors/observations", frozenset({"integration", "client"}), 200,
          not_of_a_place("each observation is answered by itself"),
          json={"observations": [{"own_id": "1", "label": "rubbish", "confidence": 0.9,
                                  "seen_at": "2026-03-02T09:00:00+08:00", "position": middle("W1")}]}),
    Route("GET /sensors/leads", CENTRE | INSPECTOR, 200, hidden("{lead}")),
    Route("GET /sensors/leads/{lead}", CENTRE | INSPECTOR, 200, refused(404)),
    Route("POST /sensors/leads/{lead}/verification", INSPECTOR, 200, refused(404), json={"real": True}),
    Route("POST /sensors/leads/{lead}/inspector", frozenset({"intake_clerk", "shift_leader"}), 200,
          refused(404), json={"username": "lan"}),
    Route("GET /sensors/classes", CENTRE, 200, hidden("{client_id}")),
    Route("PUT /sensors/sources/{client_id}/classes/{label}", ADMINISTRATOR, 200, refused(404),
          json={"category": "E0110"}),
    Route("POST /sensors/sources/{client_id}/classes/{label}/unmute",
          frozenset({"administrator", "shift_leader"}), 204, refused(404), json={"note": "已调整角度"}),
    Route("GET /sensors/notices", CENTRE, 200, hidden("{client_id}")),
    # -- outbox --
    Route("GET /feed", KNOWN, 200, hidden("{case}"), of_case=True),
    Route("GET /feed/live", KNOWN, 200, not_of_a_place("what happens from now on: tests/channels/outbox")),
    Route("GET /sync", KNOWN, 200, hidden("{case}"), of_case=True),
    Route("POST /webhooks", ADMINISTRATOR, 201, refused(403),
          json={"name": "市平台", "url": "https://city.example.com/hooks", "areas": [WEST]}),
    Route("GET /webhooks", ADMINISTRATOR, 200, hidden("{webhook_id}")),
    Route("GET /webhooks/{webhook_id}", ADMINISTRATOR, 200, refused(404)),
    Route("PATCH /webhooks/{webhook_id}", ADMINISTRATOR, 200, refused(404), json={"active": False}),
    Route("POST /webhooks/{webhook_id}/secret", ADMINISTRATOR, 200, refused(404)),
    Route("GET /webhooks/{webhook_id}/deliveries", ADMINISTRATOR, 200, refused(404)),
    Route("POST /webhooks/{webhook_id}/resend", ADMINISTRATOR, 200, refused(404), json={}),
    Route("DELETE /webhooks/{webhook_id}/deliveries/{event_id}", ADMINISTRATOR, 204, refused(404)),
    Route("DELETE /webhooks/{webhook_id}", ADMINISTRATOR, 204, refused(404)),
    # -- 12345 hotline --
    # Each order is answered by itself: of another street or district it is refused.
    Route("POST /hotline/orders", SYSTEMS, 200, hidden("taken"), json={**HOTLINE_ORDER, "工单编号": "ORD-3"}),
    Route("GET /hotline/orders", KNOWN, 200, hidden("{order}"), of_case=True),
    Route("GET /hotline/orders/{order}", KNOWN, 200, refused(404), of_case=True),
    Route("GET /hotline/orders/{order}/reply", KNOWN, 200, refused(404), of_case=True),
    # What was dispatched cannot be returned.
    Route("POST /hotline/orders/{order}/return", CLERKS, 409, refused(404), of_case=True,
          json={"reason": "outside_scope", "note": "不属本区"}),
    Route("POST /hotline/orders/{order}/answer", CLERKS, 200, refused(404), of_case=True,
          json={"result": "partly", "text": "已劝离"}),
    Route("POST /hotline/orders/{order}/call-back", CLERKS | SYSTEMS | {"evaluator"}, 200, refused(404),
          of_case=True, json={"是否解决": "解决"}),
    Route("POST /hotline/orders/{order}/caller", CLERKS | {"unit_officer"}, 200, refused(404), of_case=True,
          json={"reason": "核实地点"}),
    Route("GET /hotline/rates", CENTRE, 200, Foreign(_has_orders, _has_orders)),
    Route("GET /hotline/refusals", CENTRE, 200, not_of_a_place("what was not taken in lies nowhere")),
)  # fmt: skip
