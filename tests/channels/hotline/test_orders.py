"""工单: taken in once, placed or not, heard of again, returned, answered and called back about."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.channels.hotline import jobs, store
from app.channels.hotline.order import Caller
from app.channels.hotline.vault import Vault
from tests.cases.desk import Desk, offered
from tests.channels.hotline.conftest import Office, order
from tests.world import DISTRICT, WEST, cell_code, middle

NUMBER = "热线-260302-000001"


async def journal(desk, case):
    return (await desk.get("clerk", f"/cases/{case}/journal")).json()


# -- in --------------------------------------------------------------------------------------------------


async def test_an_order_without_a_known_place_is_taken_in_unplaced(desk, office):
    answer = await office.take()
    case = await desk.look("clerk", {"id": answer["case"]})
    assert (case["source"], case["external_number"]) == ("hotline", NUMBER)
    assert (case["placed"], case["area_code"], answer["placed"]) == (False, WEST, False)
    assert case["description"] == "人行道上烧烤摊占道，张**称油烟大，可拨打138****1234或 042*-***4567 联系"
    found = await office.order(NUMBER)
    assert (found["phase"], found["phase_label"], found["kind"]) == ("received", "已接收", "complaint")
    assert found["place"] == {"by": "area", "area": WEST}
    assert found["caller"] == {"name": "张**", "phone": "138****1234", "deleted_at": None}


async def test_an_order_that_names_no_area_lies_in_the_district(desk, office):
    answer = await office.take(order(被反映街乡镇=""))
    assert (await desk.look("clerk", {"id": answer["case"]}))["area_code"] == DISTRICT


async def test_each_order_of_a_list_is_answered_by_itself(office, desk):
    answers = await office.push([order("甲"), order("乙", 主要内容="", 标题=""), order("甲"), order("丙")])
    assert [(one["number"], one["outcome"]) for one in answers] == [
        ("甲", "taken"), ("乙", "refused"), ("甲", "known"), ("丙", "taken"),
    ]  # fmt: skip
    assert (answers[1]["code"], list(answers[1]["fields"])) == ("invalid_input", ["主要内容"])
    assert answers[0]["case"] == answers[2]["case"]
    listed = (await desk.get("clerk", "/cases", source="hotline")).json()["items"]
    assert len(listed) == 2


async def test_a_refused_order_can_be_sent_again_put_right(office):
    assert (await office.push(order(主要内容="", 标题="")))[0]["outcome"] == "refused"
    await office.take()


async def test_what_an_order_says_anew_becomes_an_entry_with_old_and_new(desk, office):
    answer = await office.take()
    (again,) = await office.push(order(主要内容="烧烤摊搬到对面去了，请打13912345678", 小区点位=""))
    assert (again["outcome"], again["case"]) == ("changed", answer["case"])
    *_, entry = await journal(desk, answer["case"])
    assert entry["action"] == "supplement"
    (change,) = entry["command"]["changes"]
    assert change["field"] == "description"
    assert change["before"].startswith("人行道上烧烤摊占道")
    assert change["after"] == "烧烤摊搬到对面去了，请打139****5678"
    (again,) = await office.push(order(主要内容="烧烤摊搬到对面去了，请打13912345678"))
    assert again["outcome"] == "known"
    assert len(await journal(desk, answer["case"])) == 2


async def test_a_reminder_is_an_entry_even_on_an_ended_case(desk, office):
    answer = await office.take()
    (again,) = await office.push(order(催办次数=1, 催办内容="仍未解决"))
    assert again["outcome"] == "changed"
    case = await desk.look("clerk", {"id": answer["case"]})
    assert case["reminders"] == 1
    assert (await office.push(order(催办次数=1)))[0]["outcome"] == "known"
    await desk.act("clerk", case, "refuse", reason="outside_scope")
    assert (await office.push(order(催办次数=2)))[0]["outcome"] == "changed"
    entries = await journal(desk, answer["case"])
    assert [entry["action"] for entry in entries] == ["report", "remind", "refuse", "supplement"]
    assert entries[1]["command"] == {"note": "第 1 次催办：仍未解决"}


# -- out -------------------------------------------------------------------------------------------------


async def led_to_dispatch(desk, office, cell="W1"):
    """The order's case, verified, filed and dispatched."""
    answer = await office.take()
    case = await desk.look("clerk", {"id": answer["case"]})
    await desk.act("clerk", case, "locate", position=middle(cell))
    await desk.act("clerk", case, "request_verification")
    await desk.act(case["inspector_name"], case, "verify", exists=True)
    await desk.act("leader", case, "file", condition="E0405-1")
    return await desk.act("dispatcher", case, "dispatch")


async def closed(desk, office):
    case = await led_to_dispatch(desk, office)
    await desk.act("west_officer", case, "sign")
    await desk.act("west_officer", case, "hand_back", result="已劝离，油烟已消除")
    await desk.act(case["inspector_name"], case, "check", passed=True)
    return await desk.act("leader", case, "close")


async def test_the_hotline_follows_its_order_in_its_own_words(desk, office):
    assert (await office.take())["outcome"] == "taken"
    assert (await office.told(NUMBER))["工单状态"] == "待签收"
    case = await desk.look("clerk", {"id": (await office.order(NUMBER))["case"]})
    await desk.act("clerk", case, "locate", position=middle("W1"))
    desk.later(minutes=10)
    await desk.act("clerk", case, "request_verification")
    found = await office.order(NUMBER, "hotline")
    assert (found["phase"], found["accepted_at"]) == ("accepted", "2026-03-02T01:10:00Z")
    await desk.act(case["inspector_name"], case, "verify", exists=True)
    await desk.act("leader", case, "file", condition="E0405-1")
    await desk.act("dispatcher", case, "dispatch")
    await desk.act("west_officer", case, "sign")
    told = await office.told(NUMBER)
    assert (told["工单状态"], told["主办单位"], told["办理结果"]) == ("办理中", "西街街道办事处", "")
    await desk.act("west_officer", case, "hand_back", result="已劝离，油烟已消除")
    await desk.act(case["inspector_name"], case, "check", passed=True)
    await desk.act("leader", case, "close")
    told = await office.told(NUMBER)
    assert (told["工单状态"], told["办理结果"]) == ("回复完成", "解决")
    assert told["回复内容"] == "已劝离，油烟已消除"
    assert told["办结时间"] == "2026-03-02 09:10:00"


async def test_an_order_is_returned_inside_the_limit_with_reasons(desk, office):
    await office.take()
    reply = await office.send("clerk", NUMBER, "return", reason="outside_scope", note="属省管公路")
    assert (reply.status_code, reply.json()["phase"], reply.json()["result"]) == (200, "returned", "returned")
    told = await office.told(NUMBER)
    assert (told["工单状态"], told["办理结果"], told["退单原因"]) == ("退单", "退单", "不属职责：属省管公路")
    again = await office.send("clerk", NUMBER, "return", reason="outside_scope", note="属省管公路")
    assert again.json()["code"] == "action_not_allowed"


async def test_after_the_limit_an_order_is_not_returned(desk, office):
    answer = await office.take()
    assert (await office.order(NUMBER))["return_until"] == "2026-03-03T01:00:00Z"  # 8 工作时
    desk.later(hours=25)
    late = await office.send("clerk", NUMBER, "return", reason="outside_scope", note="属省管公路")
    assert (late.status_code, late.json()["code"]) == (409, "conflict")
    assert "退单期限已于" in late.json()["detail"]
    # Refusing the case all the same is no return: the centre answers for it.
    case = await desk.look("clerk", {"id": answer["case"]})
    await desk.act("clerk", case, "refuse", reason="outside_scope")
    found = await office.order(NUMBER)
    assert (found["phase"], found["result"]) == ("declined", "unsolved")


async def test_the_clerk_answers_with_the_result(desk, office):
    case = await led_to_dispatch(desk, office)
    early = await office.send("clerk", NUMBER, "answer", result="partly", text="已劝离")
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    await desk.act("west_officer", case, "sign")
    await desk.act("west_officer", case, "hand_back", result="已劝离")
    assert (await office.send("dispatcher", NUMBER, "answer", result="partly", text="x")).status_code == 403
    reply = await office.send("clerk", NUMBER, "answer", result="partly", text="已劝离，请致电 66123456 监督")
    assert reply.json()["result"] == "partly"
    assert (await office.told(NUMBER))["回复内容"] == "已劝离，请致电 ******56 监督"
    *_, entry = await journal(desk, case["id"])
    assert entry["command"]["text"].startswith("答复热线（部分解决）：")


async def test_a_call_back_is_an_entry_and_the_same_one_again_is_none(desk, office):
    case = await closed(desk, office)
    said = {
        "是否接通": "是",
        "是否响应": "是",
        "是否解决": "部分解决",
        "是否满意": "基本满意",
        "回访内容": "味还在",
    }
    for _ in range(2):
        reply = await office.send("hotline", NUMBER, "call-back", **said)
        assert (reply.status_code, reply.json()["satisfaction"]) == (200, "fair")
    entries = await journal(desk, case["id"])
    assert [entry["action"] for entry in entries].count("call_back") == 1
    wrong = await office.send("hotline", NUMBER, "call-back", 是否满意="还行")
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["是否满意"])


async def test_a_merged_order_is_told_of_the_case_that_goes_on(desk, office):
    await office.push([order("甲"), order("乙")])
    first, second = [
        await desk.look("clerk", {"id": (await office.order(number))["case"]}) for number in ("甲", "乙")
    ]
    await desk.act("clerk", second, "merge", into=first["id"])
    await desk.look("clerk", first)
    await desk.act("clerk", first, "refuse", reason="not_found", note="现场没有")
    told = [await office.told(number) for number in ("甲", "乙")]
    assert [one["退单原因"] for one in told] == ["现场不存在：现场没有"] * 2


async def test_the_first_unit_leads_unless_a_ruling_says_otherwise(desk, office):
    """首接负责: of everything anybody may do with a dispatched case, only 改派 changes the lead."""
    case = await led_to_dispatch(desk, office)
    assert case["lead_unit"] == "west_office"
    await desk.act("west_officer", case, "sign")
    await office.push(order(催办次数=1, 主要内容="环卫的人来过，没有用"))
    await desk.look("clerk", case)
    await desk.act(
        "west_officer", case, "decline", reason="not_mine", note="应由环卫", suggested_unit="sanitation"
    )
    assert case["lead_unit"] == "west_office"
    await desk.act("dispatcher", case, "return_to_unit", note="首接负责")
    assert case["lead_unit"] == "west_office"
    for who in ("dispatcher", "leader", "west_officer", "clerk"):
        assert "redispatch" not in offered(await desk.look(who, case))
        assert "dispatch" not in offered(case)
    await desk.act("west_officer", case, "decline", reason="not_mine", note="确应由环卫")
    await desk.act("dispatcher", case, "redispatch", lead="sanitation", note="裁定由环卫办理")
    found = await office.order(NUMBER)
    assert (found["first_unit"], found["lead_unit"]) == ("west_office", "sanitation")
    entries = await journal(desk, case["id"])
    changed = [entry["action"] for entry in entries if entry["changes"].get("lead_unit")]
    assert changed == ["dispatch", "redispatch"]
    told = await office.told(NUMBER)
    assert (told["首接单位"], told["主办单位"]) == ("西街街道办事处", "环卫中心")


# -- 三率 ------------------------------------------------------------------------------------------------


async def test_the_three_rates_over_valid_call_backs(desk, office):
    numbers = [f"三率-{turn}" for turn in range(4)]
    await office.push([order(number) for number in numbers])
    desk.later(hours=1)
    said = [
        {"是否接通": "是", "是否响应": "是", "是否解决": "解决", "是否满意": "满意"},
        {"是否接通": "是", "是否响应": "否", "是否解决": "部分解决", "是否满意": "基本满意"},
        {"是否接通": "是", "是否解决": "未解决", "是否满意": "未评价"},  # nobody had taken it up
        {"是否接通": "否"},
    ]
    for number, words in zip(numbers, said, strict=True):
        assert (await office.send("hotline", number, "call-back", **words)).status_code == 200
    told = (await office.ask("leader", "/rates")).json()
    assert told["weights"] == {"response": 30, "resolution": 35, "satisfaction": 35}
    total = told["total"]
    assert (total["orders"], total["called_back"]) == (4, 3)
    rates = (total["response_rate"], total["resolution_rate"], total["satisfaction_rate"])
    assert rates == (0.3333, 0.3333, 1.0)
    assert total["score"] == pytest.approx(30 * 0.3333 + 35 * 0.3333 + 35, abs=0.01)
    assert [unit["unit"] for unit in told["units"]] == [None]
    nothing = (await office.ask("leader", "/rates", until="2026-03-02T00:00:00Z")).json()
    assert (nothing["units"], nothing["total"]["score"]) == ([], None)


async def test_a_unit_has_its_own_rates_and_a_response_counts_inside_the_limit(desk, office):
    await closed(desk, office)
    await office.send("hotline", NUMBER, "call-back", 是否解决="解决", 是否满意="满意")
    (unit,) = (await office.ask("leader", "/rates")).json()["units"]
    assert (unit["unit"], unit["unit_name"], unit["score"]) == ("west_office", "西街街道办事处", 100)
    assert unit["response_rate"] == 1


# -- 来电人 ----------------------------------------------------------------------------------------------


async def test_who_may_see_the_caller_and_what_is_left_of_it(desk, office):
    answer = await office.take()
    case = await desk.look("clerk", {"id": answer["case"]})
    assert case["caller_known"]
    for who, status in (("dispatcher", 403), ("evaluator", 403), ("hotline", 403), ("west_officer", 404)):
        assert (await office.send(who, NUMBER, "caller", reason="联系")).status_code == status, who
    assert (await office.send("clerk", NUMBER, "caller")).status_code == 422
    seen = await office.send("clerk", NUMBER, "caller", reason="核实地点，勿告13800001234")
    assert seen.json() == {"name": "张三丰", "phone": "13800001234"}
    assert seen.headers["cache-control"] == "no-store"
    *_, entry = await journal(desk, case["id"])
    assert (entry["action"], entry["actor_name"]) == ("reveal_caller", "clerk")
    assert entry["command"] == {"reason": "核实地点，勿告138****1234"}


async def test_an_anonymous_order_has_nobody_to_reveal(desk, office):
    await office.take(order(**{"来电人": "", "来电人电话/账号": ""}))
    nobody = await office.send("clerk", NUMBER, "caller", reason="联系")
    assert (nobody.status_code, nobody.json()["guard"]) == (409, "caller_known")
    await office.push(order())  # named the second time
    assert (await office.send("clerk", NUMBER, "caller", reason="联系")).json()["name"] == "张三丰"


async def test_no_table_holds_what_only_the_caller_may_tell(desk, office, connection):
    await office.take()
    await office.push(
        order(主要内容="又来了，张三丰 13800001234", 催办次数=1, 催办内容="张三丰再次来电 138-0000-1234")
    )
    await office.send("clerk", NUMBER, "caller", reason="请张三丰补充")
    case = await desk.look("clerk", {"id": (await office.order(NUMBER))["case"]})
    await office.http.post(
        f"/api/v1/cases/{case['id']}/actions",
        headers={**desk.world.headers["clerk"], "If-Match": f'"{case["version"]}"', "Idempotency-Key": "k"},
        json={"action": "note", "text": "已联系"},
    )
    tables = await connection.scalars(text("SELECT relname FROM pg_stat_user_tables ORDER BY 1"))
    for table in tables.all():
        rows = await connection.scalars(text(f"SELECT t::text FROM {table} t"))
        told = "\n".join(rows.all())
        for secret in ("张三丰", "13800001234", "138-0000-1234"):
            assert secret not in told, (table, secret)


async def test_callers_are_forgotten_some_time_after_the_end(desk, office, services):
    answer = await office.take()
    case = await desk.look("clerk", {"id": answer["case"]})
    desk.later(days=400)
    assert await jobs.forget(services) == 0  # still open: somebody may have to call
    desk.clock.advance(timedelta(days=-400))
    await desk.act("clerk", case, "refuse", reason="outside_scope")
    desk.later(days=179)
    assert await jobs.forget(services) == 0
    desk.later(days=2)
    assert await jobs.forget(services) == 1
    found = await office.order(NUMBER)
    assert (found["caller"]["name"], found["caller"]["phone"]) == ("", "")
    assert found["caller"]["deleted_at"] is not None
    gone = await office.send("clerk", NUMBER, "caller", reason="联系")
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    assert (await journal(desk, answer["case"]))[-1]["action"] == "refuse"
    await office.push(order(**{"来电人电话/账号": "13911112222"}))
    assert (await office.order(NUMBER))["caller"]["phone"] == ""


async def test_a_new_key_goes_in_front_and_the_old_one_may_go(office, connection):
    await office.take()
    old, new = ("b" * 43 + "=", "c" * 43 + "=")
    await store.renew_callers(
        connection, lambda _: Vault([old]).closed(Caller(name="张三丰")), UUID(int=0), 10
    )
    both = Vault([new, old])
    assert await store.renew_callers(connection, both.renewed, UUID(int=0), 10)
    (kept,) = (await connection.scalars(text("SELECT caller FROM hotline_order"))).all()
    assert Vault([new]).opened(kept).name == "张三丰"


# -- what changed ----------------------------------------------------------------------------------------


async def news(office, after=None, **asked):
    """The numbers of the orders that changed, and the answer."""
    reply = await office.ask("hotline", "/orders", **asked, **({"after": after} if after else {}))
    assert reply.status_code == 200, reply.text
    return [one["number"] for one in reply.json()["items"]], reply.json()


async def test_the_list_tells_every_change_once_and_goes_on_from_its_cursor(cloned_city, world):
    async with cloned_city as (http, services):
        office = Office(http, services, world)
        for turn in range(3):
            await office.take(order(f"变-{turn}"))
        numbers, told = await news(office, limit=1)
        assert (numbers, told["more"]) == (["变-0"], True)
        numbers, told = await news(office, told["cursor"])
        assert (numbers, told["more"]) == (["变-1", "变-2"], False)
        await office.send("clerk", "变-1", "return", reason="outside_scope", note="非本区")
        _, told = await news(office, told["cursor"])
        assert [(one["number"], one["phase"]) for one in told["items"]] == [("变-1", "returned")]
        for _ in range(2):
            numbers, told = await news(office, told["cursor"])
            assert (numbers, told["more"]) == ([], False)
        assert (await office.ask("plumber", "/orders")).json()["items"] == []
        assert (await office.ask("hotline", "/orders", after="WzAsMF0")).status_code == 422


async def test_what_happens_to_the_case_that_goes_on_is_a_change_of_the_merged_order(cloned_city, world):
    async with cloned_city as (http, services):
        office, desk = Office(http, services, world), Desk(http, services, world)
        first, second, other = [
            await desk.look("clerk", {"id": (await office.take(order(number)))["case"]})
            for number in ("甲", "乙", "丙")
        ]
        await desk.act("clerk", second, "merge", into=first["id"])
        _, told = await news(office)
        await desk.look("clerk", first)
        await desk.act("clerk", other, "refuse", reason="not_found", note="现场没有")
        await desk.act("clerk", first, "refuse", reason="not_found", note="现场没有")
        numbers, _ = await news(office, told["cursor"])
        assert (numbers[0], sorted(numbers[1:])) == ("丙", ["乙", "甲"])


async def test_an_order_located_by_the_clerk(desk, office):
    answer = await office.take()
    case = await desk.look("clerk", {"id": answer["case"]})
    await desk.act("clerk", case, "locate", position=middle("W3"))
    assert (await office.order(NUMBER))["placed"]
    assert case["area_code"] == cell_code("W3")
