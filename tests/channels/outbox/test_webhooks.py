"""Receivers as administrators keep them: addresses, secrets, and where messages may not go."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from app.channels.outbox import signing
from app.channels.outbox.addresses import is_public
from app.channels.outbox.sending import Sender
from app.errors import NotReady
from app.settings import OutboxSettings
from tests.cases.desk import Desk
from tests.channels.outbox.receiver import Receiver
from tests.world import DISTRICT, EAST, WEST

NEW = {"name": "市平台", "url": "https://city.example.com/hooks", "areas": [WEST]}


async def add(desk: Desk, **changed: Any) -> Any:
    return await desk.http.post(
        "/api/v1/webhooks", headers=desk.world.headers["admin"], json={**NEW, **changed}
    )


async def test_a_secret_is_shown_once_and_kept_encrypted(desk: Desk, connection, services):
    made = await add(desk)
    secret, webhook = made.json()["secret"], made.json()["webhook"]
    assert made.headers["Cache-Control"] == "no-store"
    assert secret.startswith("whsec_")
    headers = desk.world.headers["admin"]
    path = f"/api/v1/webhooks/{webhook['id']}"
    for reply in (
        await desk.get("admin", "/webhooks"),
        await desk.get("admin", f"/webhooks/{webhook['id']}"),
        await desk.http.patch(path, headers=headers, json={"name": "新名"}),
    ):
        assert secret not in reply.text
        assert "secret" not in reply.text
    stored = (await connection.execute(text("SELECT secret FROM webhook"))).scalar_one()
    assert secret not in stored
    assert signing.decrypted(stored, services.secret) == secret
    with pytest.raises(NotReady, match="another service key"):
        signing.decrypted(stored, "another key " * 4)
    renewed = (await desk.http.post(f"{path}/secret", headers=headers)).json()["secret"]
    assert renewed != secret


@pytest.mark.parametrize(
    "url",
    [
        "http://city.example.com/", "https://127.0.0.1/", "https://10.0.0.8/", "https://[::1]/",
        "https://169.254.169.254/latest/meta-data", "https://[::ffff:10.0.0.1]/", "https://localhost/",
        "https://db.internal/", "https://u:p@city.example.com/", "https://city.example.com/#x",
        "https://[x]/", "https://:443/", "https://city.example.com:99999/", "https://城市.example/",
        "ftp://city.example.com/", "https://a b/", "https://0.0.0.0/", "https://100.64.0.1/",
    ],
)  # fmt: skip
async def test_an_address_that_nothing_may_be_sent_to_is_refused(desk: Desk, url: str):
    reply = await add(desk, url=url)
    assert reply.status_code == 422, reply.text
    assert "url" in reply.json()["fields"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 201), ({"areas": [DISTRICT]}, 201), ({"areas": []}, 422), ({"areas": ["x"]}, 422),
        ({"areas": ["990102"]}, 403), ({"actions": ["close"]}, 201), ({"actions": ["fly"]}, 422),
        ({"name": ""}, 422), ({"name": "a\u0000"}, 422), ({"secret": "whsec_"}, 422),
    ],
)  # fmt: skip
async def test_what_makes_a_receiver(desk: Desk, changed: dict[str, Any], status: int):
    assert (await add(desk, **changed)).status_code == status


async def test_names_are_taken_once_and_receivers_listed_by_them(desk: Desk):
    for name in ("乙", "甲", "丙"):
        assert (await add(desk, name=name)).status_code == 201
    assert (await add(desk, name="甲")).status_code == 409
    first = (await desk.get("admin", "/webhooks", limit=2)).json()
    second = (await desk.get("admin", "/webhooks", limit=2, cursor=first["next_cursor"])).json()
    names = [one["name"] for one in first["items"] + second["items"]]
    assert names == sorted(["乙", "甲", "丙"])
    taken = await desk.http.patch(
        f"/api/v1/webhooks/{first['items'][0]['id']}",
        headers=desk.world.headers["admin"],
        json={"name": names[1]},
    )
    assert taken.status_code == 409


async def test_a_receiver_of_wider_areas_than_ones_own_is_not_there(desk: Desk, connection):
    made = (await add(desk, areas=[WEST, EAST])).json()["webhook"]
    assert (await desk.get("admin", f"/webhooks/{made['id']}")).status_code == 200
    await connection.exec_driver_sql(
        "UPDATE account SET areas = ARRAY[$1::text] WHERE username = 'admin'", (WEST,)
    )
    assert (await desk.get("admin", f"/webhooks/{made['id']}")).status_code == 404
    assert (await desk.get("admin", "/webhooks")).json()["items"] == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
        ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False), ("::", False),
        ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:127.0.0.1", False), ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False), ("2002:a00:1::", False), ("ff02::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool):
    assert is_public(address) is public


async def test_a_name_that_leads_inside_is_not_followed(receivers: Callable[..., Receiver], monkeypatch):
    """Whatever it led to when the receiver was made."""
    receiver = receivers()
    port = receiver.url.split(":")[2].split("/")[0]
    asked: list[str] = []

    def lead_inside(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        inner = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))
        outer = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", int(port)))
        return [outer, inner]

    monkeypatch.setattr(socket, "getaddrinfo", lead_inside)
    async with Sender(f"http://city.example.com:{port}/", OutboxSettings()) as sender:
        answer = await sender.send("{}", {})
    assert asked == ["city.example.com"]
    assert not answer.arrived
    assert answer.status is None
    assert "private address" in (answer.error or "")
    assert receiver.headers == []


async def test_a_redirect_and_an_endless_answer_are_failures(receivers: Callable[..., Receiver]):
    receiver = receivers(lambda *_: 302, at_wall_time=False)
    receiver.is_genuine = lambda *_: True  # type: ignore[method-assign]
    async with Sender(receiver.url, OutboxSettings(private_receivers=True)) as sender:
        answer = await sender.send('{"id": "x"}', {"Content-Type": "application/json"})
    assert (answer.status, answer.arrived) == (302, False)
    assert len(answer.error or "") <= 320
