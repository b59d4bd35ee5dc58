"""Who reads what: the own requests whole, others' as far as the city makes them public; and how they are
found."""

from __future__ import annotations

import pytest

from app.settings import PublicView
from tests.cases.desk import Desk
from tests.channels.open311.conftest import E1, Client
from tests.channels.open311.schemas import check

WORDS = ("description", "address", "address_id", "media_url")


async def whole(citizen: Client) -> str:
    return await citizen.report(
        address_string="中心路 1 号", address_id="A-7", media_url="https://example.org/1.jpg",
        lat="30.000512", long="120.000456",
    )  # fmt: skip


async def test_a_stranger_reads_where_to_a_hundred_metres_and_no_words(
    citizen: Client, other: Client, stranger: Client
) -> None:
    number = await whole(citizen)
    for reader in (stranger, other):
        told = await reader.look(number)
        check("request", told)
        assert [told[name] for name in WORDS] == [None] * 4
        assert (told["lat"], told["long"]) == (30.001, 120.0)
        assert told["service_code"] == "E0405"
    assert (await citizen.look(number))["lat"] == 30.000512


async def test_the_city_may_tell_all(citizen: Client, stranger: Client, set_up) -> None:
    set_up(public=PublicView.FULL)
    number = await whole(citizen)
    assert await stranger.look(number) == await citizen.look(number)


async def test_the_city_may_tell_nothing(citizen: Client, other: Client, stranger: Client, set_up) -> None:
    set_up(public=PublicView.NONE)
    number = await whole(citizen)
    for path in (f"requests/{number}", "requests", "servicerequestupdates", "tokens/1"):
        assert (await stranger.ask(f"{path}.json")).status_code in (403, 404)
        assert number not in (await stranger.ask(f"{path}.json")).text
    assert (await other.ask(f"requests/{number}.json")).status_code == 404
    assert await other.get("requests") == []
    assert [one["service_request_id"] for one in await citizen.get("requests")] == [number]
    assert len(await stranger.get("services")) == 4


async def test_what_came_another_way_is_not_told(stranger: Client, citizen: Client, desk: Desk) -> None:
    case = await desk.report("lan")
    assert await stranger.get("requests") == await citizen.get("requests") == []
    assert (await stranger.ask(f"requests/{case['number']}.json")).status_code == 404


async def test_circles_do_not_find_out_the_true_place(citizen: Client, stranger: Client) -> None:
    """It is told as 30.001, 120.000; the true place is seventy metres away."""
    number = await whole(citizen)
    true, told = {"lat": 30.000512, "long": 120.000456}, {"lat": 30.001, "long": 120.0}

    async def finds(reader: Client, **circle: float) -> bool:
        return number in str(await reader.get("requests", **circle))

    assert await finds(citizen, **true, radius=5)
    assert not await finds(citizen, **told, radius=5)
    assert await finds(stranger, **told, radius=5)
    assert not await finds(stranger, **true, radius=5)


async def numbers(reader: Client, **params: str | int) -> list[str]:
    return [one["service_request_id"] for one in await reader.get("requests", **params)]


async def test_filters(citizen: Client, desk: Desk) -> None:
    first = await citizen.report()
    desk.later(days=1)
    second = await citizen.report(service_code="E0110", **E1)
    desk.later(hours=1)
    assert await numbers(citizen) == [second, first]
    assert await numbers(citizen, service_code="E0110") == [second]
    assert await numbers(citizen, service_code="E0110,E0405") == [second, first]
    assert await numbers(citizen, service_request_id=f"{first},{second}", service_code="E0110") == [
        second, first,
    ]  # fmt: skip
    assert await numbers(citizen, start_date="2026-03-03T00:00:00Z") == [second]
    assert await numbers(citizen, end_date="2026-03-02T09:00:00+08:00") == [first]
    assert await numbers(citizen, start_date="2026-03-03T09:00:00 08:00") == [second]  # a `+` gone astray
    assert await numbers(citizen, status="closed") == []
    assert await numbers(citizen, status="open,closed") == [second, first]
    assert await numbers(citizen, lat=30.0005, long=120.0025, radius=50) == [second]
    assert await numbers(citizen, page_size=1) == [second]
    assert await numbers(citizen, page_size=1, page=2) == [first]
    assert await numbers(citizen, page=3) == []


async def test_the_newest_ninety_days_unless_named(citizen: Client, desk: Desk) -> None:
    old = await citizen.report()
    desk.later(days=91)
    new = await citizen.report()
    assert await numbers(citizen) == [new]
    assert await numbers(citizen, service_request_id=old) == [old]
    assert await numbers(citizen, end_date="2026-03-03T00:00:00Z") == [old]
    assert await numbers(citizen, start_date="2026-03-01T00:00:00Z") == [old]


async def test_changes_are_found_whenever_it_was_reported(citizen: Client, desk: Desk) -> None:
    number = await citizen.report()
    desk.later(days=100)
    await citizen.report(service_code="E0110")
    assert len(await numbers(citizen, updated_after="2026-06-01T00:00:00Z")) == 1
    case = (await desk.get("clerk", f"/cases/{number}")).json()
    await desk.act("clerk", case, "accept")
    assert number in await numbers(citizen, updated_after="2026-06-01T00:00:00Z")
    assert number not in await numbers(citizen, updated_before="2026-06-01T00:00:00Z")


@pytest.mark.parametrize(
    "params",
    [
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-06-01T00:00:00Z"},
        {"start_date": "2026-03-02T00:00:00Z", "end_date": "2026-03-01T00:00:00Z"},
        {"start_date": "yesterday"},
        {"start_date": "2026-03-02T09:00:00"},
        {"start_date": "0001-01-02T00:00:00Z", "end_date": "9999-12-30T00:00:00Z"},
        {"status": "half"},
        {"page": "0"},
        {"page": "1e9"},
        {"page_size": "1001"},
        {"lat": "30"},
        {"lat": "30", "long": "120", "radius": "0"},
        {"lat": "infinity", "long": "120"},
        {"service_code": "x" * 65},
        {"service_request_id": ",".join(map(str, range(201)))},
    ],
    ids=str,
)
async def test_questions_that_are_none(stranger: Client, params) -> None:
    reply = await stranger.ask("requests.json", **params)
    (error,) = reply.json()
    assert (reply.status_code, error["code"]) == (400, 400)
    assert error["description"]


@pytest.mark.parametrize(
    "value",
    ["\x00", "a\x00b", "'; DROP TABLE case_file; --", "\u202e", "x" * 3000, "0001-01-02T00:00:00Z", "%00",
     "9999-12-30T00:00:00Z", "1e308", "-1", "१", "[]", "{}"],
    ids=ascii,
)  # fmt: skip
async def test_whatever_is_asked_is_answered(citizen: Client, value: str) -> None:
    for path in ("requests", "servicerequestupdates"):
        for name in ("start_date", "end_date", "updated_after", "updated_before", "service_code", "status",
                     "service_request_id", "lat", "long", "radius", "page", "page_size",
                     "jurisdiction_id", "unheard_of"):  # fmt: skip
            reply = await citizen.ask(f"{path}.json", **{name: value})
            assert reply.status_code in (200, 400, 404), (path, name, reply.text)
    for form in ("requests", "servicerequestupdates"):
        for name in ("service_code", "description", "lat", "address_string", "address_id", "account_id",
                     "media_url", "update_id", "status", "service_request_id", "attribute[condition]",
                     "attribute[]", "attribute", "attributes"):  # fmt: skip
            reply = await citizen.send(f"{form}.xml", **{"service_code": "E0405", "lat": "30.0005",
                                                         "long": "120.0005", name: value})  # fmt: skip
            assert reply.status_code in (200, 400, 404), (form, name, reply.text)
