"""How the people of a replay speak to the service: over HTTP, as any client does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx

from app.cases.workflow import OPEN, Action, Stage
from app.clock import Clock
from app.dispatch.rulebook import ClockKind
from app.errors import OutsideDistrict
from app.etag import etag
from app.idempotency import REPLAYED_HEADER

API = "/api/v1"
#: Somebody else changed the case first; the content is wrong.
OUTDATED, UNFIT = 412, 422


@dataclass(frozen=True, slots=True)
class Surprise:
    """Something the service said that no client had to expect."""

    moment: datetime
    who: str
    what: str
    said: str

    def __str__(self) -> str:
        return f"{self.moment:%Y-%m-%d %H:%M} {self.who} {self.what}: {self.said}"


class Surprised(Exception):
    """Carries a `Surprise` out of a story."""

    def __init__(self, surprise: Surprise) -> None:
        super().__init__(str(surprise))
        self.surprise = surprise


@dataclass(slots=True)
class Line:
    """The connection all share, and what went over it. `seconds` is the time spent waiting for replies."""

    http: httpx.AsyncClient
    clock: Clock
    calls: int = 0
    seconds: float = 0.0
    repeated: int = 0
    outdated: int = 0

    async def send(
        self,
        who: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        also: tuple[int, ...] = (),
        **content: Any,
    ) -> httpx.Response:
        """The reply, which must be a success or have a status of `also`. Errors: `Surprised`."""
        started = perf_counter()
        reply = await self.http.request(method, API + path, headers=dict(headers), **content)
        self.calls += 1
        self.seconds += perf_counter() - started
        if not reply.is_success and reply.status_code not in also:
            raise self.surprised(who, f"{method} {path} {content.get('json', '')}", reply.text)
        return reply

    def surprised(self, who: str, what: str, said: str) -> Surprised:
        return Surprised(Surprise(self.clock.now(), who, what, said))


@dataclass(slots=True)
class Docket:
    """A case as its people know it: the service's last word on it, and who was told."""

    reply: dict[str, Any]
    told: str

    def take(self, reply: httpx.Response, told: str) -> None:
        """The newest state, as somebody was told it."""
        self.reply, self.told = reply.json(), told

    @property
    def stage(self) -> Stage:
        return Stage(self.reply["stage"])

    @property
    def open(self) -> bool:
        return self.stage in OPEN

    def offers(self, action: Action) -> bool:
        """Whether the action is open to the one who was told."""
        return any(offer["action"] == action for offer in self.reply["available_actions"])

    def clocks(self, kind: ClockKind) -> list[dict[str, Any]]:
        """The clocks of the kind that are not stopped."""
        return [c for c in self.reply["clocks"] if c["kind"] == kind and c["stopped_at"] is None]


@dataclass(slots=True)
class Actor:
    """Somebody with an account, or with the key of an API client; logs in when first needed."""

    line: Line
    username: str
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    _headers: dict[str, str] = field(default_factory=dict, repr=False)
    _refresh_token: str = field(default="", repr=False)

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """A request in this actor's name. Errors: `Surprised`."""
        if not self._headers:
            await self._log_in()
        known = self._headers | dict(headers or {})
        return await self.line.send(self.username, method, path, headers=known, **content)

    async def _log_in(self) -> None:
        if self.api_key:
            self._headers = {"X-API-Key": self.api_key}
            return
        form = {"grant_type": "password", "username": self.username, "password": self.password}
        reply = await self.line.send(self.username, "POST", "/auth/token", headers={}, data=form)
        self._refresh_token = reply.json()["refresh_token"]
        self._headers = {"Authorization": f"Bearer {reply.json()['access_token']}"}

    async def log_out(self) -> None:
        """Ends the login, if there is one."""
        if self._refresh_token:
            await self.send("POST", "/auth/logout", data={"refresh_token": self._refresh_token})
            self._headers, self._refresh_token = {}, ""

    async def report(
        self, body: dict[str, Any], *, repeat: bool
    ) -> tuple[Docket, list[dict[str, Any]]] | None:
        """Reports a problem, with `repeat` twice; the case and the hints at near duplicates.

        None when the place lies outside the district. Errors: `Surprised`.
        """
        reply = await self._once("/cases", body, {}, repeat=repeat, also=UNFIT)
        told = reply.json()
        if reply.status_code == UNFIT:
            if told["code"] == OutsideDistrict.code:
                return None
            raise self.line.surprised(self.username, "reports", reply.text)
        return Docket(told["case"], self.username), told["near"]

    async def open(self, docket: Docket) -> None:
        """Looks at the case as it is now."""
        docket.take(await self.send("GET", f"/cases/{docket.reply['id']}"), self.username)

    async def may(self, docket: Docket, action: Action) -> bool:
        """Opens the case; whether the action is open to this actor."""
        await self.open(docket)
        return docket.offers(action)

    async def act(
        self, docket: Docket, action: Action, words: dict[str, Any], *, repeat: bool, stale: bool
    ) -> None:
        """Carries out an action. An outdated version makes the actor look again, and act if it still applies.

        `stale`: names an older version than the newest. Errors: `Surprised`.
        """
        path, body = f"/cases/{docket.reply['id']}/actions", {"action": action.value, **words}
        version = docket.reply["version"]
        seen = etag(version - 1 if stale and version > 1 else version)
        reply = await self._once(path, body, {"If-Match": seen}, repeat=repeat, also=OUTDATED)
        if reply.status_code == OUTDATED:
            self.line.outdated += 1
            if not await self.may(docket, action):
                raise self.line.surprised(self.username, action, f"not offered: {docket.reply['stage']}")
            newest = {"If-Match": etag(docket.reply["version"])}
            reply = await self.send("POST", path, headers=newest, json=body)
        docket.take(reply, self.username)

    async def _once(
        self, path: str, body: dict[str, Any], headers: dict[str, str], *, repeat: bool, also: int
    ) -> httpx.Response:
        """Sends the request, and with `repeat` once more under the same key, which must change nothing."""
        keyed = headers | ({"Idempotency-Key": str(uuid4())} if repeat else {})
        reply = await self.send("POST", path, headers=keyed, json=body, also=(also,))
        if repeat and reply.is_success:
            again = await self.send("POST", path, headers=keyed, json=body)
            self.line.repeated += 1
            if again.headers.get(REPLAYED_HEADER) != "true" or again.json() != reply.json():
                raise self.line.surprised(self.username, f"repeats {path}", again.text)
        return reply
