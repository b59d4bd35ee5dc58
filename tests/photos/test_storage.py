"""The photos' store: a folder and an S3 store behind a socket keep the same files the same way."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import NotReady
from app.photos.storage import Kept, Storage, Variant, storage
from app.settings import PhotoSettings, Settings
from tests.photos.node import environment, node
from tests.unkillable.installation import free_port

CONTENT = {variant: f"{variant} ".encode() * 100_000 for variant in Variant}
SHA = hashlib.sha256(CONTENT[Variant.ORIGINAL]).hexdigest()


def kept_at(place: str, data: Path) -> Storage:
    return storage(Settings(data=data, photos=PhotoSettings(store=place)))


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store that speaks S3, with a bucket; its address as an operator would set it."""
    port = free_port()
    command = [
        *node("s3rver/bin/s3rver.js"), "--directory", str(tmp_path / "s3"), "--address", "127.0.0.1",
        "--port", str(port), "--configure-bucket", "city", "--silent",
    ]  # fmt: skip
    server = subprocess.Popen(
        command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for name, value in {
        "AWS_ACCESS_KEY_ID": "S3RVER",
        "AWS_SECRET_ACCESS_KEY": "S3RVER",
        "AWS_REGION": "cn-north-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"s3://city/photos-{port}"
    server.terminate()
    server.wait()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    place = str(tmp_path / "folder") if request.param == "folder" else request.getfixturevalue("s3")
    return kept_at(place, tmp_path)


async def whole(kept: Kept) -> bytes:
    return b"".join([piece async for piece in kept.pieces])


def files(folder: Path) -> dict[Variant, Path]:
    made = {variant: folder / variant for variant in Variant}
    for variant, path in made.items():
        path.write_bytes(CONTENT[variant])
    return made


async def test_what_is_put_is_there_until_it_is_removed(store: Storage, tmp_path: Path) -> None:
    for _ in range(2):  # a repeat is the same
        await store.put(SHA, files(tmp_path))
    for variant in Variant:
        found = await store.get(SHA, variant)
        assert (found.size, await whole(found)) == (len(CONTENT[variant]), CONTENT[variant])
    await store.remove(SHA)
    with pytest.raises(FileNotFoundError):
        await store.get(SHA, Variant.PICTURE)
    await store.remove(SHA)


async def test_a_folder_can_be_checked_with_the_systems_own_tools(tmp_path: Path) -> None:
    await kept_at(str(tmp_path / "kept"), tmp_path).put(SHA, files(tmp_path))
    path = tmp_path / "kept" / "original" / SHA[:2] / SHA
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


async def test_a_store_that_does_not_answer_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(NotReady):
        kept_at(str(tmp_path / "file" / "below"), tmp_path)
    with pytest.raises(NotReady):
        kept_at("gopher://city/photos", tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    gone = kept_at("s3://city/gone", tmp_path)
    with pytest.raises(NotReady):
        await gone.get(SHA, Variant.PICTURE)
    with pytest.raises(NotReady):
        await gone.put(SHA, files(tmp_path))
