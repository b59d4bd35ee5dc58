"""拉取: a recorded feed, from a folder and over real HTTP, read on from where it was read to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from app.channels.hotline import feed
from app.identity import service as accounts
from app.identity.principal import SYSTEM, Role
from tests.channels.hotline.conftest import order
from tests.world import DISTRICT, FOUNDED


class OtherSide:
    """The hotline's own system: pages by their cursors, the first under an empty one. `fails` answers 500."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.fails = False
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        (cursor,) = parse_qs(urlsplit(path).query).get("after", [""])
        self.asked.append((cursor, authorization))
        if self.fails:
            return 500, b"out of order"
        return 200, json.dumps(self.pages.get(cursor, {"orders": []})).encode()


@pytest.fixture
def other_side() -> Iterator[tuple[OtherSide, str]]:
    side = OtherSide()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = side.answer(self.path, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield side, f"http://127.0.0.1:{server.server_port}/orders"
        server.shutdown()
        thread.join()


@pytest.fixture
async def fetching(services, connection):
    """The services, told of a feed."""
    await accounts.add_client(
        connection, SYSTEM, now=FOUNDED, name="12345", roles=[Role.INTEGRATION], areas=[DISTRICT]
    )

    def of(place: str, **told: Any) -> Any:
        changed = services.settings.hotline.model_copy(update={"feed": place, "feed_client": "12345", **told})
        return replace(services, settings=services.settings.model_copy(update={"hotline": changed}))

    return of


async def places(office, who="clerk"):
    reply = await office.http.get(
        "/api/v1/cases", headers=office.world.headers[who], params={"source": "hotline", "sort": "oldest"}
    )
    return {case["address"] for case in reply.json()["items"]}


def page(*places: str, following: str | None = None) -> dict[str, Any]:
    return {"orders": [order(f"拉-{place}", 小区点位=place) for place in places], "next": following}


async def test_pages_are_read_on_from_the_cursor(other_side, fetching, office):
    side, address = other_side
    side.pages = {"": page("甲", "乙", following="p2"), "p2": page("丙", following="p3")}
    services = fetching(address, feed_authorization=SecretStr("Bearer 口令".encode().hex()))
    assert await feed.pull(services) == 3
    assert [cursor for cursor, _ in side.asked] == ["", "p2", "p3"]
    assert {sent for _, sent in side.asked} == {"Bearer 口令".encode().hex()}
    side.asked.clear()
    side.pages["p3"] = page("丁", "甲")  # the other side repeats itself
    assert await feed.pull(services) == 1
    assert [cursor for cursor, _ in side.asked] == ["p3"]
    assert await places(office) == {"甲", "乙", "丙", "丁"}


async def test_a_feed_that_fails_is_asked_again_where_it_was(other_side, fetching, office):
    side, address = other_side
    side.pages = {"": page("甲", following="p2"), "p2": page("乙")}
    services = fetching(address)
    side.fails = True
    assert await feed.pull(services) == 0
    side.fails = False
    assert await feed.pull(services) == 2
    gone = fetching("http://127.0.0.1:9/nothing")
    assert await feed.pull(gone) == 0


async def test_what_is_refused_is_told_to_the_centre_and_holds_up_nothing(other_side, fetching, office):
    side, address = other_side
    wrong = order("拉-坏", 主要内容="", 标题="")
    side.pages = {"": {"orders": [wrong, *page("甲")["orders"]]}}
    assert await feed.pull(fetching(address)) == 1
    (refused,) = (await office.ask("clerk", "/refusals")).json()
    assert (refused["number"], "主要内容" in refused["reason"]) == ("拉-坏", True)
    side.pages = {"": "no page"}
    assert await feed.pull(fetching(address + "?x=1")) == 0


async def test_a_folder_is_a_feed_too(tmp_path, fetching, office):
    folder = tmp_path / "feed"
    services = fetching(str(folder))
    assert await feed.pull(services) == 0  # not there yet
    folder.mkdir()
    (folder / "2026-03-02-0900.json").write_text(json.dumps(page("甲", "乙")["orders"]))
    (folder / "readme.txt").write_text("not a page")
    assert await feed.pull(services) == 2
    (folder / "2026-03-02-0901.json").write_text(json.dumps(order("拉-丙", 小区点位="丙")))
    assert await feed.pull(services) == 1
    assert await feed.pull(services) == 0
    assert await places(office) == {"甲", "乙", "丙"}


async def test_without_a_feed_or_a_client_nothing_is_fetched(services, fetching, tmp_path):
    assert await feed.pull(services) == 0
    assert await feed.pull(fetching(str(tmp_path), feed_client=None)) == 0
    assert await feed.pull(fetching(str(tmp_path), feed_client="nobody")) == 0
