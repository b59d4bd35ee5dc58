"""Two clients that are not ours speak with the service over the network; and many requests come at once.

`three` is written for Python 2 and wants `itertools.ifilter`.
"""

from __future__ import annotations

import asyncio
import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import georeport
import httpx
import pytest
from sqlalchemy import text

from app.db import Database
from app.main import create_app
from app.postgres import PrivateCluster
from tests.channels.open311.conftest import ROOT, W1, Client, key_for
from tests.channels.open311.schemas import check
from tests.city import Founded, city_settings, client_of, copied
from tests.conftest import admin
from tests.serving import served_at
from tests.world import DISTRICT, clock_at

itertools.ifilter = filter  # type: ignore[attr-defined]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from three import Three


@pytest.fixture(scope="module")
def served(
    cluster: PrivateCluster, founded: Founded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The endpoint's address, and a key."""
    name = copied(cluster, founded[0])
    url = cluster.database_url(name)

    async def with_key() -> str:
        database = Database(url)
        async with database.transaction() as connection:
            key = await key_for(connection, "市民随手拍")
        await database.close()
        return key

    key = asyncio.run(with_key())
    folder: Path = tmp_path_factory.mktemp("open311")
    with served_at(create_app(city_settings(url, folder), clock=clock_at())) as address:
        yield f"{address}{ROOT}", key
    admin(cluster, f"DROP DATABASE {name} WITH (FORCE)")


def reported(endpoint: str, key: str, description: str) -> str:
    form = {"api_key": key, "service_code": "E0405", "description": description, **W1}
    reply = httpx.post(f"{endpoint}/requests.json", data=form)
    number: str = reply.json()[0]["service_request_id"]
    return number


@pytest.mark.parametrize("form", ["json", "xml"])
def test_georeport(served: tuple[str, str], form: str) -> None:
    endpoint, key = served
    numbers = [reported(endpoint, key, f"{form} {n}") for n in range(2)]
    client = georeport.GeoReport(endpoint, jurisdiction=DISTRICT, output_format=form)
    services = {one["service_code"]: one for one in client.get_service_list()}
    assert services["E0405"]["service_name"] == "店外经营"
    assert "attributes" in client.get_service_definition("E0405")
    assert client.get_service_request(numbers[0])["status"] == "open"
    found = client.get_service_requests(
        service_code="E0405",
        status="open",
        start_date="2026-03-01T00:00:00Z",
        end_date="2026-03-03T00:00:00Z",
    )
    assert set(numbers) <= {one["service_request_id"] for one in found}
    assert len(client.get_service_requests(service_request_id=",".join(numbers))) == 2
    other = georeport.GeoReport(endpoint, jurisdiction="sfgov.org", output_format=form)
    with pytest.raises(Exception, match="404"):
        other.get_service_list()


def test_three(served: tuple[str, str]) -> None:
    endpoint, key = served
    client: Any = Three(endpoint, api_key=key, jurisdiction=DISTRICT)
    try:
        assert client.discovery()["endpoints"][0]["url"] == endpoint
        assert {one["service_code"] for one in client.services()} >= {"E0405", "C0102"}
        assert client.services("C0102")["attributes"][0]["code"] == "condition"
        (posted,) = client.post(
            "E0405", address="中心路 1 号", name="小明 王", phone="13800138000", description="占道", **W1
        )
        number = posted["service_request_id"]
        (told,) = client.request(number)
        check("request", told)
        assert told["service_code"] == "E0405"
        found = client.requests("E0405", between=["03-01-2026", "03-03-2026"], count=500)
        assert number in {one["service_request_id"] for one in found}
        (refused,) = client.post("E9999", description="占道", **W1)
        assert (client.post_response.status_code, refused["code"]) == (400, 400)
        assert client.token("nonsense")[0]["code"] == 404
    finally:
        client.session.close()


async def test_the_same_request_many_times_at_once_is_one_case(cloned_city) -> None:
    async with cloned_city as (http, services):
        async with services.database.transaction() as connection:
            key = await key_for(connection, "市民随手拍")
        async with client_of(http._transport.app) as outside:
            client = Client(outside, key)
            numbers = await asyncio.gather(*(client.report(device_id="phone-1") for _ in range(8)))
            number = numbers[0]
            form = {"service_request_id": number, "update_id": "1", "description": "还在"}
            answers = await asyncio.gather(
                *(client.send("servicerequestupdates.json", **form) for _ in range(8))
            )
        assert set(numbers) == {number}
        assert len({answer.text for answer in answers}) == 1
        async with services.database.transaction() as connection:
            counted = text("SELECT (SELECT count(*) FROM case_file), (SELECT count(*) FROM journal)")
            assert (await connection.execute(counted)).one() == (1, 2)
