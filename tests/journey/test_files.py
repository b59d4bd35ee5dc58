"""A city's own records as a file to replay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.errors import InvalidInput
from app.geo import Datum
from app.replay import files
from app.replay.report import ReplayReport

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = ReplayReport(
    moment=datetime(2026, 3, 2, 9, 15, tzinfo=ZONE), source="hotline", x=114.05, y=22.53, datum=Datum.BD09,
    condition="E0102-1", description="路边有垃圾，\n“已三天”", address="深南大道 1 号", exists=False,
    external_number="HL-1",
)  # fmt: skip
SECOND = ReplayReport(
    moment=datetime(2026, 3, 2, 10, tzinfo=UTC), source="inspector", x=114.06, y=22.54, datum=Datum.GCJ02,
    condition=None, description="井盖响", component_code="4403040101000001",
)  # fmt: skip


def test_written_and_read_is_the_same(tmp_path: Path):
    files.write([SECOND, FIRST], tmp_path / "reports.csv")
    assert files.read(tmp_path / "reports.csv", ZONE) == [FIRST, SECOND]


def test_a_short_file_is_enough(tmp_path: Path):
    path = tmp_path / "short.csv"
    path.write_text(
        "moment,source,x,y,description\n2026-03-02 09:15,hotline,114.05,22.53,垃圾\n", "utf-8-sig"
    )
    (report,) = files.read(path, ZONE)
    assert report == ReplayReport(
        moment=datetime(2026, 3, 2, 9, 15, tzinfo=ZONE), source="hotline", x=114.05, y=22.53,
        datum=Datum.GCJ02, condition=None, description="垃圾",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("moment,source,x,y\n", "lacks the columns description"),
        ("moment,source,x,y,description,street\n", "unknown columns street"),
        ("moment,source,x,y,description\n", "holds no reports"),
        ("moment,source,x,y,description\nyesterday,h,1,2,t\n", "line 2, moment: 'yesterday'"),
        ("moment,source,x,y,description\n2026-01-01,h,1,nan,t\n", "line 2, y: 'nan'"),
        ("moment,source,x,y,description\n2026-01-01,h,1,2,\n", "line 2, description: is empty"),
        ("moment,source,x,y,description,datum\n2026-01-01,h,1,2,t,moon\n", "line 2, datum: 'moon'"),
        ("moment,source,x,y,description,exists\n2026-01-01,h,1,2,t,maybe\n", "line 2, exists: 'maybe'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, content: str, said: str):
    path = tmp_path / "wrong.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(InvalidInput, match=said):
        files.read(path, ZONE)


def test_what_cannot_be_read_is_told(tmp_path: Path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name, said in (("missing.csv", "cannot be read"), ("binary.csv", "no CSV file in UTF-8")):
        with pytest.raises(InvalidInput, match=said):
            files.read(tmp_path / name, ZONE)


def test_many_faults_are_cut_short(tmp_path: Path):
    path = tmp_path / "wrong.csv"
    path.write_text("moment,source,x,y,description\n" + "2026-01-01,h,a,2,t\n" * 12, "utf-8")
    with pytest.raises(InvalidInput, match="and 2 more"):
        files.read(path, ZONE)


def test_shifting_keeps_the_intervals():
    start = datetime(2026, 4, 1, 8, tzinfo=ZONE)
    moved = files.shifted([FIRST, SECOND], start)
    assert [report.moment for report in moved] == [start, start + timedelta(hours=8, minutes=45)]
    assert moved[1].description == SECOND.description
