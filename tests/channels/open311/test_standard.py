"""What the standard says: services, their questions, requests and their answers, as JSON and as XML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from sqlalchemy import insert, text

from app.channels.open311.router import router
from app.db import new_id
from app.grid.tables import Poi
from tests.cases.desk import Desk
from tests.channels.open311.conftest import E1, ROOT, W1, Client, key_for
from tests.channels.open311.schemas import check, check_reply, of_others, shape
from tests.world import DISTRICT, FOUNDED, MANHOLE, WEST, cell_code, middle

MINORS = {"C0102", "E0101", "E0110", "E0405"}


# -- services --------------------------------------------------------------------------------------------


async def test_each_minor_is_a_service_in_the_group_of_its_major(stranger: Client) -> None:
    told = {one["service_code"]: one for one in await stranger.get("services")}
    assert told.keys() == MINORS
    assert told["E0110"] == {
        "service_code": "E0110",
        "service_name": "暴露垃圾",
        "description": "路面有成堆垃圾",
        "metadata": True,
        "type": "realtime",
        "keywords": "市容环境,暴露垃圾",
        "group": "市容环境",
    }
    for one in told.values():
        check("service", one)


async def test_a_service_asks_for_the_condition_and_of_a_thing_for_its_number(stranger: Client) -> None:
    told = await stranger.get("services/C0102")
    check("service-definition", told)
    which, number = told["attributes"]
    assert (which["code"], which["datatype"], which["required"]) == ("condition", "singlevaluelist", False)
    assert which["values"] == [{"key": "C0102-1", "name": "井盖缺失，行人车辆可能陷落"}]
    assert (number["code"], number["datatype"]) == ("component_code", "string")
    check("service-definition", event := await stranger.get("services/E0110"))
    assert [question["code"] for question in event["attributes"]] == ["condition"]


async def test_services_and_questions_in_xml(stranger: Client) -> None:
    services = await stranger.get_xml("services")
    assert (services.tag, {one.tag for one in services}) == ("services", {"service"})
    assert {one.findtext("service_code") for one in services} == MINORS
    assert services[0].findtext("metadata") == "true"
    giessen = of_others("open311status_services_giessen.xml")
    assert shape(giessen) <= shape(services)
    asked = await stranger.get_xml("services/C0102")
    assert asked.tag == "service_definition"
    assert asked.findtext("attributes/attribute/values/value/key") == "C0102-1"
    assert asked.findtext("attributes/attribute/variable") == "true"


async def test_services_have_what_others_have(stranger: Client) -> None:
    ours = (await stranger.get("services"))[0].keys()
    assert all(one.keys() <= ours for one in of_others("open311status_service_list.json"))


async def test_discovery_tells_where_and_what(stranger: Client) -> None:
    told = await stranger.get("discovery")
    (endpoint,) = told["endpoints"]
    assert endpoint["url"] == f"http://chengguan.test{ROOT}"
    assert endpoint["specification"] == "http://wiki.open311.org/GeoReport_v2"
    assert endpoint["formats"] == ["text/xml", "application/json"]
    assert (await stranger.get_xml("discovery")).findtext("endpoints/endpoint/formats/format") == "text/xml"


# -- a request -------------------------------------------------------------------------------------------


async def test_a_request_is_an_ordinary_case(citizen: Client, desk: Desk) -> None:
    reply = await citizen.send(
        "requests.json", service_code="C0102", description="井盖没了", address_string="中心路 1 号", **W1,
        **{"attribute[condition]": "C0102-1", "attribute[component_code]": MANHOLE},
    )  # fmt: skip
    (told,) = reply.json()
    check_reply("RequestResponse", told)
    case = (await desk.get("clerk", f"/cases/{told['service_request_id']}")).json()
    assert case["number"] in told["service_notice"]
    assert (case["source"], case["stage"], case["reporter_name"]) == ("citizen", "reported", "市民随手拍")
    assert (case["category"], case["condition"], case["component_code"]) == ("C0102", "C0102-1", MANHOLE)
    assert (case["lon"], case["lat"], case["datum"]) == (120.0005, 30.0005, "wgs84")
    assert (case["description"], case["address"]) == ("井盖没了", "中心路 1 号")


async def test_the_answer_in_xml(citizen: Client) -> None:
    reply = await citizen.send("requests.xml", service_code="E0405", **W1)
    told = ElementTree.fromstring(reply.content)
    assert told.tag == "service_requests"
    number = told.findtext("request/service_request_id")
    assert (await citizen.get_xml(f"requests/{number}")).findtext("request/status") == "open"


async def test_a_request_as_its_client_reads_it(citizen: Client) -> None:
    picture = "https://example.org/p/1.jpg"
    number = await citizen.report(address_string="中心路 1 号", address_id="A-7", media_url=picture)
    told = await citizen.look(number)
    check("request", told)
    assert told == {
        "service_request_id": number, "status": "open",
        "status_notes": "已收到，待受理 / received, to be accepted",
        "service_name": "店外经营", "service_code": "E0405", "description": "店门口堆满货物",
        "agency_responsible": None, "service_notice": None,
        "requested_datetime": "2026-03-02T09:00:00+08:00", "updated_datetime": "2026-03-02T09:00:00+08:00",
        "expected_datetime": None, "address": "中心路 1 号", "address_id": "A-7", "zipcode": None,
        "lat": 30.0005, "long": 120.0005, "media_url": picture,
    }  # fmt: skip


async def test_requests_have_what_others_have(citizen: Client) -> None:
    number = await citizen.report()
    ours = (await citizen.look(number)).keys()
    assert all(one.keys() <= ours for one in of_others("open311status_service_requests.json"))
    xml = await citizen.get_xml("requests")
    for name in ("open311status_requests_many.xml", "open311status_requests_single.xml"):
        theirs = of_others(name)
        assert (xml.tag, shape(xml)) == (theirs.tag, shape(theirs))


async def name_a_place(connection, name: str, lon: float, lat: float) -> None:
    """A point of interest, and the names spelled anew."""
    run = await connection.scalar(text("SELECT id FROM import_run LIMIT 1"))
    await connection.execute(
        insert(Poi).values(
            id=new_id(), district_code=DISTRICT, code=name, name=name, aliases=[],
            geom=f"SRID=4490;POINT({lon} {lat})", valid_from=FOUNDED, import_id=run,
        )
    )  # fmt: skip
    await connection.execute(text("REFRESH MATERIALIZED VIEW place_name"))


async def test_an_address_that_means_one_spot_is_that_spot(citizen: Client, connection, desk: Desk) -> None:
    await name_a_place(connection, "兴隆农贸市场", 120.0015, 30.0005)
    number = await citizen.report(lat="", long="", address_string="兴隆农贸市场")
    case = (await desk.get("clerk", f"/cases/{number}")).json()
    assert (case["placed"], case["area_code"]) == (True, cell_code("W2"))
    assert (case["lon"], case["address"]) == (120.0015, "兴隆农贸市场")


async def test_an_address_that_does_not_is_located_by_a_clerk(
    citizen: Client, stranger: Client, connection, desk: Desk
) -> None:
    await name_a_place(connection, "兴隆农贸市场", 120.0015, 30.0005)
    number = await citizen.report(lat="", long="", address_string="中心路上")
    told = await citizen.look(number)
    check("request", told)
    assert (told["lat"], told["long"], told["address"]) == (None, None, "中心路上")
    here = await citizen.get("requests", lat=30.001, long=120.002, radius=20_000)
    assert number not in str(here)
    case = (await desk.get("clerk", f"/cases/{number}")).json()
    assert (case["placed"], case["area_code"]) == (False, DISTRICT)
    meant = (await desk.get("clerk", f"/cases/{number}/place-candidates")).json()
    assert "中心路" in [one["name"] for one in meant]
    await desk.act("clerk", case, "locate", position=middle("W1"))
    assert (await citizen.look(number))["lat"] == 30.0005


async def test_pictures_are_seen_by_who_works_on_the_case(citizen: Client, desk: Desk) -> None:
    number = await citizen.report(media_url=["https://example.org/1.jpg", "https://example.org/2.jpg"])
    case = (await desk.get("clerk", f"/cases/{number}")).json()
    assert case["description"].splitlines() == [
        "店门口堆满货物", "照片 Picture: https://example.org/1.jpg", "照片 Picture: https://example.org/2.jpg",
    ]  # fmt: skip
    assert (await citizen.look(number))["description"] == "店门口堆满货物"


async def test_who_reports_is_not_kept(citizen: Client, connection) -> None:
    await citizen.report(
        email="wang@example.org", first_name="小明", last_name="王", phone="13800138000",
        device_id="device-4711", account_id="account-4711",
    )  # fmt: skip
    tables = await connection.scalars(text("SELECT relname FROM pg_stat_user_tables"))
    for table in tables.all():
        for word in ("wang@example", "小明", "13800138000", "-4711"):
            found = await connection.scalar(
                text(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, '{word}') > 0")
            )
            assert found == 0, (table, word)


async def test_a_token_is_the_cases_id(citizen: Client, stranger: Client, desk: Desk) -> None:
    number = await citizen.report()
    case = (await desk.get("clerk", f"/cases/{number}")).json()
    (told,) = await stranger.get(f"tokens/{case['id']}")
    check_reply("TokenResponse", told)
    assert told == {"service_request_id": number, "token": case["id"]}
    of_the_city = await desk.report("lan")
    for unknown in (of_the_city["id"], "abc", "00000000-0000-0000-0000-000000000000"):
        assert (await stranger.ask(f"tokens/{unknown}.json")).status_code == 404


async def test_what_xml_cannot_hold_does_not_break_it(citizen: Client) -> None:
    number = await citizen.report(description="a\x01b\ufffe <&> \n 二")
    xml = await citizen.get_xml(f"requests/{number}")
    assert xml.findtext("request/description") == "a\ufffdb\ufffd <&> \n 二"


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"service_code": ""}, 400, "service_code was not provided"),
        ({"service_code": "E0499"}, 400, "no such service_code"),
        ({"service_code": "E04"}, 400, "no such service_code"),
        ({"lat": "", "long": ""}, 400, "give lat and long"),
        ({"lat": ""}, 400, "lat and long go together"),
        ({"lat": "91"}, 400, "lat"),
        ({"lat": "NaN"}, 400, "lat"),
        ({"lat": "31.0"}, 400, "no cell of the district"),
        ({"description": "x" * 2001}, 400, "description"),
        ({"description": "a\x00b"}, 400, "description"),
        ({"address_string": "x" * 201}, 400, "address_string"),
        ({"media_url": "javascript:alert(1)"}, 400, "media_url"),
        ({"media_url": [f"https://example.org/{n}" for n in range(6)]}, 400, "media_url"),
        ({"description": "x" * 1990, "media_url": "https://example.org/1"}, 400, "2000"),
        ({"attribute[weather]": "rain"}, 400, "weather"),
        ({"attribute[condition]": "E0110-1"}, 400, "condition"),
        ({"attribute[condition]": ["E0405-1", "E0405-1"]}, 400, "condition"),
        ({"service_code": "C0102", "attribute[component_code]": "0000000000000000"}, 400, "component"),
        ({"service_code": "C0102", "attribute[component_code]": "x" * 65}, 400, "64"),
        ({"jurisdiction_id": "990102"}, 404, DISTRICT),
        ({"api_key": "cg_000000000000_nonsense"}, 403, "API key"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_bad_request_is_refused_in_the_standards_form(
    citizen: Client, connection, form, status, words
) -> None:
    content = {"service_code": "E0405", "description": "占道", "api_key": citizen.key, **W1, **form}
    before = await connection.scalar(text("SELECT count(*) FROM case_file"))
    reply = await citizen.http.post(f"{ROOT}/requests.json", data=content)
    (error,) = reply.json()
    assert (reply.status_code, error["code"]) == (status, status)
    assert words in error["description"]
    told = await citizen.http.post(f"{ROOT}/requests.xml", data=content)
    assert told.status_code == status
    assert ElementTree.fromstring(told.content).findtext("error/code") == str(status)
    for table in ("case_file", "journal", "open311_request"):
        assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == (
            before if table == "case_file" else 0
        )


#: Every path, and what a stranger gets there. None of them stands in the API's own description.
STRANGERS = {
    "GET /discovery.json": 200,
    "GET /services.json": 200,
    "GET /services/E0405.json": 200,
    "GET /requests.json": 200,
    "GET /requests/{number}.json": 200,
    "GET /tokens/{case}.json": 200,
    "GET /servicerequestupdates.json": 200,
    "POST /requests.json": 403,
    "POST /servicerequestupdates.json": 403,
}


async def test_each_path_is_open_to_strangers_or_not(citizen: Client, desk: Desk) -> None:
    number = await citizen.report()
    case = (await desk.get("clerk", f"/cases/{number}")).json()["id"]
    asked = {}
    for operation in STRANGERS:
        method, path = operation.format(number=number, case=case).split()
        asked[operation] = (await citizen.http.request(method, f"{ROOT}{path}")).status_code
    assert asked == STRANGERS
    assert len(router.routes) == len(STRANGERS)


async def test_without_a_key_nothing_is_taken(stranger: Client, citizen: Client) -> None:
    for path in ("requests", "servicerequestupdates"):
        reply = await stranger.send(f"{path}.json", service_code="E0405", service_request_id="1", **W1)
        assert (reply.status_code, reply.json()[0]["code"]) == (403, 403)
        assert "api_key" in reply.json()[0]["description"]
    by_header = await stranger.send("requests.json", headers={"X-API-Key": citizen.key or ""},
                                    service_code="E0405", **W1)  # fmt: skip
    assert by_header.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"json": {"service_code": "E0405"}},
        {"content": b"\xff\xfe", "headers": {"Content-Type": "text/plain"}},
        {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"--x\r\nrubbish", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"&".join(b"a%d=1" % n for n in range(1_200)),
         "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": {"service_code": "E0405"}, "files": {"media": ("p.jpg", b"\xff\xd8")}},
    ],
    ids=["json", "text", "no boundary", "rubbish", "too many", "file"],
)  # fmt: skip
async def test_a_body_that_is_no_form(citizen: Client, body) -> None:
    reply = await citizen.http.post(f"{ROOT}/requests.json", params={"api_key": citizen.key}, **body)
    assert (reply.status_code, reply.json()[0]["code"]) == (400, 400)


async def test_a_multipart_form_without_files_is_taken(citizen: Client) -> None:
    form = {"service_code": "E0405", "api_key": citizen.key, **W1}
    reply = await citizen.http.post(
        f"{ROOT}/requests.json", files={name: (None, value) for name, value in form.items()}
    )
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", ["services/E0499", "services/E04", "requests/1", "tokens/1"])
async def test_what_there_is_not(stranger: Client, path: str) -> None:
    reply = await stranger.ask(f"{path}.json")
    assert (reply.status_code, reply.json()[0]["code"]) == (404, 404)
    assert (await stranger.ask(f"{path}.xml")).text.count("<error>") == 1


async def test_other_formats_and_other_jurisdictions(stranger: Client) -> None:
    assert (await stranger.ask("services.html")).status_code == 404
    reply = await stranger.ask("services.json", jurisdiction_id="sfgov.org")
    assert (reply.status_code, DISTRICT in reply.text) == (404, True)
    assert len(await stranger.get("services", jurisdiction_id=DISTRICT)) == len(MINORS)


async def test_a_client_of_one_street_reports_there_only(outside, connection) -> None:
    client = Client(outside, await key_for(connection, "西街随手拍", WEST))
    assert await client.report()
    reply = await client.send("requests.json", service_code="E0405", **E1)
    assert (reply.status_code, reply.json()[0]["code"]) == (403, 403)


async def test_a_rulebook_without_the_source_says_what_is_missing(citizen: Client, set_up) -> None:
    set_up(source="open311")
    reply = await citizen.send("requests.json", service_code="E0405", **W1)
    assert (reply.status_code, "open311" in reply.json()[0]["description"]) == (503, True)
