"""The stock clients of tus against the API behind a socket: interrupted, resumed, two lines at once."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from tests.photos.conftest import Served
from tests.photos.node import environment, node
from tests.photos.phone import UPLOADS
from tests.photos.pictures import picture

pytestmark = pytest.mark.cloned


@pytest.fixture(scope="module")
def content() -> bytes:
    """A megabyte."""
    return picture(3, size=(2400, 1800), quality=97)


@pytest.fixture
def file(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "现场.jpg"
    path.write_bytes(content)
    return path


def original(served: Served, url: str) -> bytes:
    photo = url.rsplit("/", 1)[-1]
    reply = httpx.get(
        f"{served.url}/api/v1/photos/{photo}/original", headers=served.world.headers["wei"], timeout=30
    )
    assert reply.status_code == 200, reply.text
    return reply.content


def test_the_python_client_uploads_and_goes_on_where_it_was(
    served: Served, file: Path, content: bytes
) -> None:
    client = TusClient(f"{served.url}{UPLOADS}", headers=served.world.headers["wei"])
    with file.open("rb") as stream:
        first = client.uploader(file_stream=stream, chunk_size=100_000, upload_checksum=True)
        first.upload(stop_at=250_000)
        again = client.uploader(file_stream=stream, chunk_size=200_000, url=first.url)
        assert again.offset == 250_000
        again.upload()
    assert original(served, first.url) == content


def test_the_python_client_is_told_what_is_wrong(served: Served) -> None:
    page = io.BytesIO(b"<html>" * 100)
    client = TusClient(f"{served.url}{UPLOADS}", headers=served.world.headers["wei"])
    with pytest.raises(TusUploadFailed) as refused:
        client.uploader(file_stream=page).upload()
    assert refused.value.status_code == 422
    assert "JPEG" in json.loads(refused.value.response_content)["detail"]
    stranger = TusClient(f"{served.url}{UPLOADS}")
    with pytest.raises(TusCommunicationError) as unknown:
        stranger.uploader(file_stream=page).upload()
    assert unknown.value.status_code == 401


def run(served: Served, file: Path, **more: object) -> dict[str, object]:
    settings = {
        "endpoint": f"{served.url}{UPLOADS}", "headers": served.world.headers["wei"], "file": str(file),
        "chunk_size": 150_000, "storage": str(file.with_name("addresses")), **more,
    }  # fmt: skip
    done = subprocess.run(
        [*node("tus_upload.cjs"), json.dumps(settings)], env=environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_javascript_client_uploads_and_goes_on_where_it_was(
    served: Served, file: Path, content: bytes
) -> None:
    first = run(served, file, abort_at=300_000)
    assert first["how"] == "aborted"
    second = run(served, file)
    assert second["how"] == "done", second
    assert second["url"] == first["url"]
    requests = second["requests"]
    assert isinstance(requests, list)
    assert requests[0].startswith("HEAD 200 ")
    assert int(requests[0].split()[-1]) >= 300_000
    assert requests[-1] == f"PATCH 204 {len(content)}"
    assert original(served, str(second["url"])) == content


def test_the_javascript_client_sends_the_first_bytes_at_once(
    served: Served, file: Path, content: bytes
) -> None:
    done = run(served, file, at_once=True)
    assert (done["how"], done["requests"][0]) == ("done", "POST 201 150000")  # type: ignore[index]
    assert original(served, str(done["url"])) == content


def test_what_a_broken_line_brought_stays(served: Served, content: bytes) -> None:
    headers = {**served.world.headers["wei"], "Tus-Resumable": "1.0.0"}
    with httpx.Client(base_url=served.url, headers=headers, timeout=30) as http:
        where = http.post(UPLOADS, headers={"Upload-Length": str(len(content))}).headers["Location"]
        told = {
            **headers, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(len(content)), "Host": "x",
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        address = urlsplit(served.url)
        assert address.port is not None
        with socket.create_connection(("127.0.0.1", address.port)) as line:
            line.sendall(f"PATCH {where} HTTP/1.1\r\n{lines}\r\n".encode() + content[:123_456])
            # A second line goes on while the service still waits for the first.
            reached = _until(http, where, 1)
            more = {"Upload-Offset": str(reached), "Content-Type": told["Content-Type"]}
            going_on = http.patch(where, headers=more, content=content[reached : reached + 1000])
            assert going_on.status_code in (204, 409)
        at = _until(http, where, 123_456)
        more["Upload-Offset"] = str(at)
        assert http.patch(where, headers=more, content=content[at:]).status_code == 204
    assert original(served, where) == content


def _until(http: httpx.Client, where: str, least: int) -> int:
    """Asks until so much has come in, or nothing comes any more."""
    before, still = -1, 0
    while still < 5:
        at = int(http.head(where).headers["Upload-Offset"])
        if at >= least:
            return at
        still = still + 1 if at == before else 0
        before = at
        time.sleep(0.05)
    return before
