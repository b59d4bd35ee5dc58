"""Uploads by the tus protocol: nothing acknowledged is lost, and the offset is what is on the disk."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from PIL import Image
from sqlalchemy import text
from starlette.requests import ClientDisconnect

from app.photos import jobs, service
from app.photos.storage import uploads_folder
from app.settings import PhotoSettings
from tests.photos.phone import UPLOADS, sha1
from tests.photos.pictures import picture


async def pieces(*given, breaks: bool = False):
    for one in given:
        yield one
    if breaks:
        raise ClientDisconnect


def files(services) -> list[str]:
    folder = uploads_folder(services.settings)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_the_protocol_tells_what_it_is(http):
    reply = await http.options(UPLOADS)
    assert reply.status_code == 204
    assert reply.headers["Tus-Version"] == reply.headers["Tus-Resumable"] == "1.0.0"
    assert set(reply.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "expiration", "termination", "checksum",
    }  # fmt: skip
    assert reply.headers["Tus-Max-Size"] == "20971520"


async def test_a_photo_comes_in_piece_by_piece(phone, services):
    content = picture(taken=datetime(2026, 3, 2, 8, 59), place=(120.0005, 30.0005))
    begun = await phone.begin("wei", len(content), Upload_Metadata="filename bmVhci5qcGc=,gps")
    assert begun.status_code == 201
    where = begun.headers["Location"]
    assert begun.headers["Upload-Expires"] == "Thu, 05 Mar 2026 01:00:00 GMT"
    assert await phone.offset("wei", where) == 0
    half = len(content) // 2
    reply = await phone.send("wei", where, 0, content[:half])
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, str(half))
    state = (await phone.get("wei", where.removeprefix("/api/v1"))).json()
    assert (state["offset"], state["length"], state["finished"]) == (half, len(content), False)
    reply = await phone.send("wei", where, half, content[half:])
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (204, str(len(content)))

    told = await phone.ask("wei", where)
    assert told.headers["Upload-Offset"] == told.headers["Upload-Length"] == str(len(content))
    assert told.headers["Upload-Metadata"] == "filename bmVhci5qcGc=,gps"
    assert told.headers["Cache-Control"] == "no-store"
    photo = await phone.photo("wei", where.rsplit("/", 1)[-1])
    assert (photo["media_type"], photo["size"]) == ("image/jpeg", len(content))
    assert photo["taken"] == {"taken_at": "2026-03-02T00:59:00Z", "lon": 120.0005, "lat": 30.0005}
    (listed,) = (await phone.get("wei", "/photos/uploads")).json()["items"]
    assert listed["finished"]
    assert files(services) == []


async def test_what_came_before_the_line_broke_stays(phone, services):
    content = picture(size=(1600, 1200), quality=95)
    begun = await phone.begin("wei", len(content))
    where = begun.headers["Location"]
    with pytest.raises(AssertionError):  # nobody is there to be answered
        await phone.send("wei", where, 0, pieces(content[:70_001], breaks=True))
    assert await phone.offset("wei", where) == 70_001
    reply = await phone.send("wei", where, 70_001, content[70_001:])
    assert reply.status_code == 204
    photo = where.rsplit("/", 1)[-1]
    original = await phone.get("wei", f"/photos/{photo}/original")
    assert original.content == content
    assert files(services) == []


async def test_who_goes_on_elsewhere_is_told_where(phone):
    content = picture()
    where = (await phone.begin("wei", len(content))).headers["Location"]
    await phone.send("wei", where, 0, content[:1000])
    for wrong in (0, 999, 1001, len(content)):
        reply = await phone.send("wei", where, wrong, content[wrong:])
        assert (reply.status_code, reply.json()["offset"]) == (409, 1000)
    assert await phone.offset("wei", where) == 1000


async def test_of_two_senders_of_one_upload_one_goes_on(phone, services):
    """The line to the first is dead, but the service does not know it yet."""
    content = picture()
    where = (await phone.begin("wei", len(content))).headers["Location"]
    upload = await service.own(services, await _principal(services, "wei"), where.rsplit("/", 1)[-1])
    woken = asyncio.Event()

    async def stuck():
        yield b"x" * 0
        await woken.wait()
        yield content[:500]

    first = asyncio.create_task(service.receive(services, upload, 0, None, stuck()))
    await asyncio.sleep(0.05)
    reply = await phone.send("wei", where, 0, content[:1000])
    assert reply.status_code == 204
    woken.set()
    with pytest.raises(Exception, match="1000"):
        await first
    assert await phone.offset("wei", where) == 1000


async def _principal(services, name):
    from app.identity.asking import principal_of_username

    async with services.database.transaction() as connection:
        return await principal_of_username(connection, name)


async def test_an_upload_that_is_whole_becomes_a_photo_though_the_process_died(phone, services):
    content = picture()
    where = (await phone.begin("wei", len(content))).headers["Location"]
    photo = where.rsplit("/", 1)[-1]
    service.reception(services).append(photo, 0, content)  # and nobody came to look at it
    assert (await phone.get("wei", f"/photos/{photo}")).status_code == 404
    assert await phone.offset("wei", where) == len(content)
    assert (await phone.photo("wei", photo))["size"] == len(content)
    again = await phone.send("wei", where, len(content), b"")
    assert again.status_code == 204


async def test_a_checksum_that_is_wrong_takes_nothing_in(phone, services):
    content = picture()
    where = (await phone.begin("wei", len(content))).headers["Location"]
    reply = await phone.send("wei", where, 0, content[:500], Upload_Checksum=sha1(b"else"))
    assert (reply.status_code, reply.json()["code"]) == (460, "checksum_mismatch")
    with pytest.raises(AssertionError):  # nobody is there to be answered
        await phone.send("wei", where, 0, pieces(content[:500], breaks=True), Upload_Checksum=sha1(content))
    assert await phone.offset("wei", where) == 0
    reply = await phone.send("wei", where, 0, content, Upload_Checksum=sha1(content))
    assert reply.status_code == 204
    for unknown in ("crc32 AAAA", "sha1", "sha1 !!"):
        reply = await phone.send("wei", where, 0, b"", Upload_Checksum=unknown)
        assert (reply.status_code, list(reply.json()["fields"])) == (422, ["Upload-Checksum"])


async def test_the_first_bytes_may_come_with_the_beginning(phone):
    content = picture()
    headers = {
        **phone.world.headers["wei"],
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(content)),
        "Content-Type": "application/offset+octet-stream",
    }
    reply = await phone.http.post(UPLOADS, headers=headers, content=content)
    assert (reply.status_code, reply.headers["Upload-Offset"]) == (201, str(len(content)))
    await phone.photo("wei", reply.headers["Location"].rsplit("/", 1)[-1])


async def test_requests_that_are_not_of_the_protocol_are_refused(phone):
    begun = await phone.begin("wei", 100)
    where = begun.headers["Location"]
    other = await phone.http.head(where, headers={**phone.world.headers["wei"], "Tus-Resumable": "0.2.2"})
    assert (other.status_code, other.headers["Tus-Version"]) == (412, "1.0.0")
    assert other.headers["Tus-Resumable"] == "1.0.0"
    assert (await phone.send("wei", where, 0, b"x", Content_Type="text/plain")).status_code == 415
    assert (await phone.send("wei", where, 0, b"x" * 101)).status_code == 422
    assert (await phone.begin("wei", 20_971_521)).json()["fields"] == {"Upload-Length": "too large"}
    assert (await phone.begin("wei", 0)).status_code == 422
    assert (await phone.begin("wei", 10, Upload_Metadata="a b c")).status_code == 422
    for others in ("lan", "clerk"):
        assert (await phone.ask(others, where)).status_code == 404
        assert (await phone.send(others, where, 0, b"x")).status_code == 404
        assert (await phone.give_up(others, where)).status_code == 404
    assert (await phone.give_up("wei", where)).status_code == 204
    assert (await phone.ask("wei", where)).status_code == 404


def bomb() -> bytes:
    made = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(made, "PNG")
    return made.getvalue()


def gif() -> bytes:
    made = io.BytesIO()
    Image.new("L", (64, 64)).save(made, "GIF")
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<svg onload=alert(1)>" * 100, "JPEG"),
        (gif(), "JPEG"),
        (picture()[:5000], "broken"),
        (picture(format="PNG")[:-2000], "broken"),
        (picture(format="WEBP")[:-500], "broken"),
        (bomb(), "50000000"),
        (picture(size=(20, 400)), "32"),
    ],
    ids=["svg", "gif", "cut off", "png cut off", "webp cut off", "bomb", "a line"],
)
async def test_what_is_no_photo_is_refused_and_gone(phone, services, content, said):
    reply = await phone.try_upload("wei", content)
    assert reply.status_code == 422, reply.text
    assert said in reply.json()["detail"]
    assert reply.headers["Tus-Resumable"] == "1.0.0"
    assert (await phone.ask("wei", reply.request.url.path)).status_code == 404
    assert files(services) == []


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
async def test_others_see_the_picture_and_nothing_else(phone, services, format):
    content = picture(place=(120.0, 30.0), taken=datetime(2026, 3, 2, 8), orientation=6, format=format)
    photo = await phone.upload("wei", content)
    told = await phone.photo("wei", photo)
    assert (told["width"], told["height"]) == (480, 640)
    assert told["exif"]["make"] == "Phone"
    assert b"2026:03:02" in (await phone.get("wei", f"/photos/{photo}/original")).content
    for variant, side in (("picture", 640), ("thumbnail", 320)):
        reply = await phone.get("wei", f"/photos/{photo}/{variant}")
        assert reply.headers["content-type"] == "image/jpeg"
        assert "immutable" in reply.headers["cache-control"]
        shown = Image.open(io.BytesIO(reply.content))
        assert shown.size == (side * 3 // 4, side)
        assert dict(shown.getexif()) == {}
        assert b"Exif" not in reply.content
        assert b"2026:03:02" not in reply.content


async def test_a_photo_nobody_attached_is_seen_by_its_uploader_alone(phone):
    photo = await phone.upload("wei", picture())
    for others in ("lan", "clerk", "admin", "hotline"):
        for path in ("", "/original", "/thumbnail"):
            assert (await phone.get(others, f"/photos/{photo}{path}")).status_code == 404


async def test_too_many_uploads_at_a_time_are_refused(phone, services):
    for _ in range(PhotoSettings().uploads_each):
        assert (await phone.begin("wei", 10)).status_code == 201
    assert (await phone.begin("wei", 10)).status_code == 409
    assert (await phone.begin("lan", 10)).status_code == 201


# -- in the background -------------------------------------------------------------------------------------


async def test_uploads_whose_time_is_over_go(phone, services, desk):
    content = picture()
    where = (await phone.begin("wei", len(content))).headers["Location"]
    await phone.send("wei", where, 0, content[:100])
    assert len(files(services)) == 1
    desk.later(hours=71)
    assert await jobs.tidy(services) == 0
    desk.later(hours=1)
    assert (await phone.ask("wei", where)).status_code == 404
    assert await jobs.tidy(services) == 1
    assert files(services) == []


async def test_photos_of_no_case_go_with_their_files_and_no_others(phone, services, desk):
    kept = await phone.upload("wei", picture(1))
    case = await desk.report("wei")
    await desk.act("wei", case, "attach", photo=kept, kind="near")
    again = await phone.upload("wei", picture(1))
    loose = await phone.upload("wei", picture(2))
    desk.later(hours=169)
    assert await jobs.tidy(services) == 2 + 3  # and the uploads they came by
    assert (await phone.get("wei", f"/photos/{kept}/thumbnail")).status_code == 200
    for gone in (again, loose):
        assert (await phone.get("wei", f"/photos/{gone}")).status_code == 404
    left = [path for path in (services.settings.data / "photos").rglob("*") if path.is_file()]
    assert len(left) == 3
    assert await jobs.tidy(services) == 0


async def test_files_that_nobody_knows_go_when_they_are_old(services, connection):
    folder = uploads_folder(services.settings)
    (folder / "desk-abc").mkdir(parents=True)
    (folder / "01985f3e-8a1c-7d44-9f0b-0a1b2c3d4e5f").write_bytes(b"x")
    assert await jobs.tidy(services) == 0
    # The files are of the machine's own time, which the test's clock has to pass.
    services.clock.set(datetime.now(UTC) + timedelta(hours=73))
    assert await jobs.tidy(services) == 2
    assert list(folder.iterdir()) == []
    assert (await connection.execute(text("SELECT count(*) FROM photo_upload"))).scalar_one() == 0


async def test_a_full_disk_is_told_as_such_and_the_upload_goes_on_later(phone, services, monkeypatch):
    content = picture()
    where = (await phone.begin("wei", len(content))).headers["Location"]
    await phone.send("wei", where, 0, content[:1000])
    folder = uploads_folder(services.settings)
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("in the way")
    reply: httpx.Response = await phone.send("wei", where, 0, content)
    assert (reply.status_code, reply.json()["code"]) == (503, "not_ready")
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    reply = await phone.send("wei", where, 1000, content[1000:])
    assert reply.status_code == 204
