"""发送: one POST to a receiver, and what came of it; nowhere else than where it may go.

A receiver's address is written by people. Without a guard it could name what only this machine reaches: the
database, the cloud's own service of credentials, a neighbour. So the name is looked up here, every address it
has is checked, and the connection goes to the address that was checked, not to what a second look-up might
give. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

import httpx

from app.channels.outbox.addresses import is_public
from app.settings import OutboxSettings

#: How much of an answer is read at most, and how much of it is kept to be looked at.
_READ_BYTES = 8_192
_KEPT_CHARACTERS = 300
#: The receiver is gone for good (410), says Standard Webhooks.
GONE = 410
#: Statuses about the receiver's state, not about the message.
_PASSING = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt. `status` is None when there was no answer."""

    status: int | None
    error: str | None

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_about_the_message(self) -> bool:
        """Whether the receiver refused this message, rather than being unable to take any."""
        return self.status is not None and 300 <= self.status < 500 and self.status not in _PASSING


class Refused(Exception):
    """The address is none that may be sent to."""


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Made once: reading the certificates takes 30 ms."""
    return httpx.create_ssl_context(trust_env=False)


class Sender:
    """Sends to one receiver, over connections of its own. Used as a context manager."""

    def __init__(self, url: str, settings: OutboxSettings) -> None:
        self._url = httpx.URL(url)
        self._settings = settings
        self._client = httpx.AsyncClient(
            verify=_trusted(),
            trust_env=False,
            follow_redirects=False,
            timeout=settings.timeout_seconds,
            limits=httpx.Limits(max_connections=settings.concurrency),
        )

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, body: str, headers: dict[str, str]) -> Answer:
        """Posts a message; never raises for what the other side does."""
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._post(body.encode(), headers)
        except Refused as refused:
            return Answer(None, str(refused))
        except TimeoutError:
            return Answer(None, f"{self._settings.timeout_seconds:g} 秒内无应答 / no answer in time")
        except (httpx.HTTPError, OSError, ssl.SSLError) as error:
            return Answer(None, f"{type(error).__name__}: {error}"[:_KEPT_CHARACTERS])

    async def _post(self, body: bytes, headers: dict[str, str]) -> Answer:
        host = self._url.host
        address = await _address(host, self._url.port or _PORTS[self._url.scheme], self._settings)
        request = self._client.build_request(
            "POST",
            self._url.copy_with(host=address),
            content=body,
            headers={**headers, "Host": self._url.netloc.decode()},
            extensions={"sni_hostname": host},
        )
        response = await self._client.send(request, stream=True)
        try:
            told = await _beginning(response)
        finally:
            await response.aclose()
        if 200 <= response.status_code < 300:
            return Answer(response.status_code, None)
        return Answer(response.status_code, f"HTTP {response.status_code} {told}".strip())


_PORTS = {"http": 80, "https": 443}


async def _beginning(response: httpx.Response) -> str:
    """The beginning of the answer, as it came over the line: nothing is unpacked."""
    taken = b""
    async for chunk in response.aiter_raw():
        taken += chunk
        if len(taken) > _READ_BYTES:
            break
    return taken.decode(errors="replace").replace("\0", "")[:_KEPT_CHARACTERS]


async def _address(host: str, port: int, settings: OutboxSettings) -> str:
    """An address of the host that may be sent to. Errors: `Refused` when one of its addresses may not."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not settings.private_receivers and not is_public(address):
            raise Refused(
                f"地址 {address} 属内部网络，不予发送 / a private address"
                " (CHENGGUAN_OUTBOX__PRIVATE_RECEIVERS allows them)"
            )
    return addresses[0]
