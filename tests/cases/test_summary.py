"""案卷摘要: what a list shows of a case."""

from __future__ import annotations

from app.cases.schemas import CaseReply, ReportReply
from app.cases.summary import CaseSummary
from app.paging import Page
from tests.cases.desk import at
from tests.cases.drawn import cases, populated, shared_url

__all__ = ["cases", "populated", "shared_url"]

#: What the drawn cases leave open.
NEVER_SET = {"handling_due_at", "area_class"}


async def test_a_page_is_written_as_its_model_would_write_it(desk, cases):
    """To the byte: the order of the fields, nulls and times."""
    reply = await desk.get("leader", "/cases", limit=140)
    shown = Page[CaseSummary].model_validate_json(reply.text, strict=True)
    assert len(shown.items) == 140
    assert shown.model_dump_json() == reply.text
    for item in reply.json()["items"]:
        assert list(item) == list(CaseSummary.model_fields)
    for name in CaseSummary.model_fields:
        assert any(getattr(item, name) is not None for item in shown.items) or name in NEVER_SET, name


async def test_a_case_in_a_list_is_what_it_is_by_itself(desk, cases):
    for item in (await desk.get("leader", "/cases", limit=30)).json()["items"]:
        alone = (await desk.get("leader", f"/cases/{item['id']}")).json()
        assert item == {name: alone[name] for name in item}


async def test_a_case_is_written_as_its_model_would_write_it(desk):
    """To the byte, at the beginning, with a paused clock, and at the end."""
    begun = await desk.try_report("wei")
    assert ReportReply.model_validate_json(begun.text, strict=True).model_dump_json() == begun.text
    suspended = await desk.handling()
    until = at("2026-04-01 09:00").isoformat()
    await desk.act("west_officer", suspended, "request_suspension", reason="engineering", until=until)
    await desk.act("dispatcher", suspended, "approve_suspension")
    assert any(clock["paused"] for clock in suspended["clocks"])
    for case in (begun.json()["case"], suspended, await desk.closed()):
        told = (await desk.get("leader", f"/cases/{case['id']}")).text
        assert CaseReply.model_validate_json(told, strict=True).model_dump_json() == told
