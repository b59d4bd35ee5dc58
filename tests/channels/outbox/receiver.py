"""A small HTTP server that receives webhooks as a city's own system would: checks the signature with the
standard library for it, keeps what it knows by id, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

#: Given the event and how often it has come: a status, or seconds to wait, or None to cut the line.
Mood = Callable[[dict[str, Any], int], "int | float | None"]


def content(_: dict[str, Any], __: int) -> int:
    return 204


class Receiver:
    """Listens on a port of this machine. `known` are the events in the order they were first taken."""

    def __init__(self, mood: Mood = content, *, at_wall_time: bool = True) -> None:
        self.mood = mood
        self.secret = ""
        self.at_wall_time = at_wall_time
        self.known: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, int]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_under_way = 0
        self.forged = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    def listen(self) -> None:
        """Is there (again), at the same port."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = receiver.take(dict(self.headers), body)
                if answer is None:
                    self.close_connection = True
                    return
                words = b"" if answer == 204 else b"no" * 10_000
                self.send_response(answer)
                self.send_header("Content-Length", str(len(words)))
                if 300 <= answer < 400:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(words)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                """The sender did not wait for the answer."""

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Is gone: nobody listens at its port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, headers: dict[str, str], body: bytes) -> int | None:
        event = json.loads(body)
        with self._lock:
            self.headers.append(headers)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            times = 1 + sum(1 for one, _ in self.requests if one == event["id"])
        try:
            if not self.is_genuine(headers, body, event["id"]):
                self.forged += 1
                return 401
            mood = self.mood(event, times)
            if isinstance(mood, float):
                time.sleep(mood)
                mood = 204
            with self._lock:
                self.requests.append((event["id"], mood or 0))
                if mood is not None and 200 <= mood < 300:
                    self.known.setdefault(event["id"], event)
            return mood
        finally:
            with self._lock:
                self.under_way -= 1

    def is_genuine(self, headers: dict[str, str], body: bytes, event_id: str) -> bool:
        given = {name.lower(): value for name, value in headers.items()}
        if given["webhook-id"] != event_id:
            return False
        hook = Webhook(self.secret)
        if self.at_wall_time:
            try:
                hook.verify(body, given)
            except Exception:
                return False
            return True
        # A story's clock is not this machine's: the signature alone is held against the library.
        moment = datetime.fromtimestamp(int(given["webhook-timestamp"]), UTC)
        return hook.sign(event_id, moment, body.decode()) in given["webhook-signature"].split(" ")

    def versions(self) -> dict[str, list[int]]:
        """Of each case, the versions in the order they were first taken."""
        told: dict[str, list[int]] = {}
        for event in list(self.known.values()):
            told.setdefault(event["data"]["case_id"], []).append(event["data"]["version"])
        return told
