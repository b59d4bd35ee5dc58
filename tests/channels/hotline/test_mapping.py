"""字段对照: the shipped mappings read and write as their cities do; a wrong file is told whole."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.channels.hotline import masking, reading, telling
from app.channels.hotline.mapping import CODED, SHIPPED, TOLD, load
from app.channels.hotline.order import Caller, Kind
from app.cli import app
from app.errors import InvalidInput
from tests.channels.hotline.conftest import order, task


def test_an_order_of_beijing():
    said, caller = reading.order(load("beijing"), order(受理时间="2026-03-02 08:59:00", 催办次数="2"))
    assert (said.number, said.kind, said.street) == ("热线-260302-000001", Kind.COMPLAINT, "西街街道办事处")
    assert said.received_at == datetime(2026, 3, 2, 0, 59, tzinfo=UTC)
    assert (said.reminders, said.x, said.y) == (2, None, None)
    assert caller == Caller(name="张三丰", phone="13800001234")


def test_a_task_of_shanghai():
    said, caller = reading.order(load("shanghai"), task(hastentypeCount=1, hasleadTypeCount="2"))
    assert said.category == "城市管理 → 街面秩序"
    assert (said.x, said.y, said.reminders) == (120.0005, 30.0005, 3)
    assert not caller


def test_nought_is_how_some_say_that_they_do_not_know():
    said, _ = reading.order(load("shanghai"), task(coordx=0, coordy="0.0"))
    assert (said.x, said.y) == (None, None)


def test_fields_may_lie_inside_others(tmp_path):
    mapping = load(written(tmp_path, order={"number": "data.no", "description": "data.text", "title": "a.b"}))
    said, _ = reading.order(mapping, {"data": {"no": 7, "text": "路灯不亮"}, "a.b": "带点的名字"})
    assert (said.number, said.description, said.title) == ("7", "路灯不亮", "带点的名字")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"主要内容": "", "标题": ""}, "主要内容"),
        ({"主要内容": "长" * 2001}, "主要内容"),
        ({"主要内容": "a\x00b"}, "主要内容"),
        ({"主要内容": "\ud800"}, "主要内容"),
        ({"主要内容": ["x"]}, "主要内容"),
        ({"工单编号": None}, "工单编号"),
        ({"来电人电话/账号": "1" * 65}, "来电人电话/账号"),
        ({"催办次数": "许多"}, "催办次数"),
        ({"催办次数": -1}, "催办次数"),
        ({"受理时间": "昨天"}, "受理时间"),
    ],
)
def test_what_cannot_be_understood_is_told_by_their_field_and_not_repeated(changed, field):
    with pytest.raises(InvalidInput) as refused:
        reading.order(load("beijing"), order(**changed))
    assert set(refused.value.fields) == {field}
    said = next(iter(changed.values()))
    assert len(str(said)) < 3 or str(said) not in refused.value.detail


def test_an_unknown_code_is_refused_with_those_known():
    with pytest.raises(InvalidInput, match="满意、基本满意"):
        reading.call_back(load("beijing"), {"是否满意": "还行"})
    with pytest.raises(InvalidInput, match="没有回访结果"):
        reading.call_back(load("beijing"), {"回访内容": "无"})


def test_who_said_something_was_reached():
    said = reading.call_back(load("shanghai"), {"isSolveAppeal": 2, "publicSatisfaction": "1"})
    assert said.model_dump(mode="json") == {
        "reached": True, "contacted": None, "solved": "partly", "satisfaction": "fair", "note": "",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_whatever_is_told_a_shipped_mapping_can_write(name):
    mapping = load(name)
    moment = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    for field, codes in CODED.items():
        if field not in mapping.reply.values():
            continue
        for code in codes:
            document = telling.reply(mapping, {**dict.fromkeys(TOLD), field: code, "ended_at": moment})
            assert set(document) == set(mapping.reply)
    assert "2026-03-02 09:00:00" in document.values()


def written(folder: Any, **changed: Any) -> str:
    """A small mapping in a file."""
    content = {"name": "小城", "order": {"number": "no", "description": "text"}} | changed
    lines: list[str] = []

    def table(path: str, values: dict[str, Any]) -> None:
        plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
        lines.extend([f"[{path}]"] if path else [])
        lines.extend(f'"{key}" = "{value}"' for key, value in plain.items())
        for key in values.keys() - plain.keys():
            table(f'{path}."{key}"'.removeprefix("."), values[key])

    table("", content)
    (folder / "city.toml").write_text("\n".join(lines))
    assert tomllib.loads((folder / "city.toml").read_text())
    load.cache_clear()
    return str(folder / "city.toml")


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"order": {"number": "no"}}, "order.description"),
        ({"order": {"number": "no", "description": "t", "colour": "c"}}, "order.colour"),
        ({"order": {"number": "no", "description": "t", "kind": "k"}}, "codes.kind"),
        ({"order": {"number": "no", "description": "t", "x": "x"}}, "x 与 y"),
        ({"codes": {"kind": {"甲": "first"}}}, "first; demand"),
        ({"codes": {"colour": {"红": "red"}}}, "codes.colour"),
        ({"reply": {"no": "colour"}}, "colour"),
        ({"reply": {"state": "phase"}, "reply_codes": {"phase": {"done": "完"}}}, "缺 .*received"),
        ({"time": {"zone": "Asia/Xanadu"}}, "Xanadu"),
        ({"datum": "mars"}, "datum"),
    ],
)
def test_a_wrong_mapping_is_told_where_it_is_wrong(tmp_path, changed, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        load(written(tmp_path, **changed))


def test_the_command_checks_a_mapping(tmp_path):
    run = CliRunner()
    good = run.invoke(app, ["hotline", "check-mapping", "shanghai"])
    assert good.exit_code == 0
    assert "上海城运" in good.output
    assert run.invoke(app, ["hotline", "check-mapping", "atlantis"]).exit_code == 1
    (tmp_path / "bad.toml").write_text("name = ")
    assert run.invoke(app, ["hotline", "check-mapping", str(tmp_path / "bad.toml")]).exit_code == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("电话13800001234。", "电话138****1234。"),
        ("打 138-0000-1234 或+86 139 0000 5678", "打 138-****-1234 或+86 1** **** 5678"),
        ("１３８００００１２３４", "138****1234"),
        ("座机0427-1234567", "座机042*-***4567"),
        ("联系方式：6612345", "联系方式：*****45"),
        ("电话：66123456", "电话：******56"),
        ("电话13800001234 13900005678", "电话138****1234 139****5678"),
        ("身份证211103199001011234", "身份证211***********1234"),
        ("工单 20260302000017，门牌 1234 号，距离 500 米", "工单 20260302000017，门牌 1234 号，距离 500 米"),
        ("张三丰说", "张**说"),
    ],
)
def test_numbers_one_could_call_are_masked_in_what_people_write(said, shown):
    assert masking.words(said, Caller(name="张三丰", phone="")) == shown


@pytest.mark.parametrize(
    ("full", "shown"), [("13800001234", "138****1234"), ("66123456", "******56"), ("123", "***"), ("", "")]
)
def test_a_phone_is_shown_by_its_ends(full, shown):
    assert masking.phone(full) == shown


def test_the_documented_mapping_is_one(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "channels" / "hotline.md").read_text()
    (tmp_path / "documented.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    mapping = load(str(tmp_path / "documented.toml"))
    assert mapping.name == "小城 12345"
    listed = set(
        re.findall(r"`(\w+)`", next(line for line in page.splitlines() if line.startswith("| `[reply]`")))
    )
    assert listed == TOLD
