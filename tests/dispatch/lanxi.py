"""岚溪区: a small district's rulebook, named so that tests read as stories."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from app.dispatch.matrix import Facts
from app.dispatch.rulebook import (
    AreaClass,
    Calendar,
    Category,
    CategoryKind,
    ClockKind,
    Code,
    CodeSet,
    Condition,
    HandlingLimit,
    Limit,
    LimitUnit,
    MatrixRow,
    Policy,
    Rulebook,
    StageLimit,
    Unit,
    UnitKind,
    WorkSlot,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
DISTRICT = "330799"
HARBOUR, MARKET = DISTRICT + "001", DISTRICT + "002"  # 港口街道, 集市街道
QUAY = HARBOUR + "001"  # 码头社区
QUAY_CELL = QUAY + "001"

SLOTS = (WorkSlot(start=time(8), end=time(12)), WorkSlot(start=time(14), end=time(18)))
CALENDAR = Calendar(slots=SLOTS)


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


def limit(amount: float, unit: LimitUnit) -> Limit:
    return Limit(amount=amount, unit=unit)


def unit(code: str, name: str, kind: UnitKind = UnitKind.DEPARTMENT, **more: object) -> Unit:
    return Unit.model_validate({"code": code, "name": name, "kind": kind, **more})


def row(code: str, lead: str = "WORKS", **more: object) -> MatrixRow:
    return MatrixRow.model_validate({"code": code, "lead": lead, **more})


UNITS = (
    unit("CENTRE", "区城管指挥中心"),
    unit("WORKS", "区住建局"),
    unit("ENFORCE", "区行政执法局", duties=("enforcement",)),
    unit("ENFORCE-H", "执法局港口中队", areas=(HARBOUR,), duties=("enforcement",), parent="ENFORCE"),
    unit("HARBOUR", "港口街道办事处", UnitKind.STREET_OFFICE, areas=(HARBOUR,)),
    unit("MARKET", "集市街道办事处", UnitKind.STREET_OFFICE, areas=(MARKET,)),
    unit("QUAY", "码头社区", UnitKind.COMMUNITY, areas=(QUAY,)),
    unit("WATER", "岚溪水务公司", UnitKind.ENTERPRISE),
    unit("GAS", "岚溪燃气公司", UnitKind.ENTERPRISE),
)
CATEGORIES = (
    Category(code="C01", name="公用设施", kind=CategoryKind.COMPONENT),
    Category(code="C0101", name="上水井盖", kind=CategoryKind.COMPONENT, parent="C01"),
    Category(code="C0102", name="燃气井盖", kind=CategoryKind.COMPONENT, parent="C01"),
    Category(code="E04", name="街面秩序", kind=CategoryKind.EVENT),
    Category(code="E0401", name="无照经营游商", kind=CategoryKind.EVENT, parent="E04"),
)
CONDITIONS = (
    Condition(code="C0101-1", category="C0101", text="缺失、移位", closing="恢复"),
    Condition(code="C0101-2", category="C0101", text="弹跳作响", closing="修复"),
    Condition(code="C0102-1", category="C0102", text="缺失", closing="恢复"),
    Condition(code="E0401-1", category="E0401", text="占道摆摊", closing="清退"),
)
EVERYTHING = row("ALL", "@principle")
CLEAN_LIMIT = HandlingLimit(condition="C0101-1", amount=4, unit=LimitUnit.WORK_HOUR)


def rulebook(*rows: MatrixRow, **more: object) -> Rulebook:
    """A rulebook that checks clean when its rows do."""
    stages = [clock for clock in ClockKind if clock not in (ClockKind.HANDLING, ClockKind.MILESTONE)]
    stages = [clock for clock in stages if clock not in (ClockKind.SUSPENSION, ClockKind.REPLYING)]
    parts: dict[str, object] = {
        "name": "岚溪区规则库",
        "district_code": DISTRICT,
        "policy": Policy(fallback_unit="CENTRE"),
        "calendar": CALENDAR,
        "units": UNITS,
        "categories": CATEGORIES,
        "conditions": CONDITIONS,
        "limits": tuple(
            HandlingLimit(condition=condition.code, amount=4, unit=LimitUnit.WORK_HOUR)
            for condition in CONDITIONS
        ),
        "matrix": rows or (EVERYTHING,),
        "area_classes": tuple(AreaClass(code=code, name=f"{code} 类") for code in "ABC"),
        "stage_limits": tuple(StageLimit(clock=clock, amount=30, unit=LimitUnit.MINUTE) for clock in stages),
        "codes": (
            Code(set=CodeSet.SOURCE, code="hotline", name="12345 热线"),
            Code(set=CodeSet.SOURCE, code="inspector", name="监督员"),
        ),
    }
    return Rulebook.model_validate(parts | more)


def facts(condition: str = "C0101-1", **more: object) -> Facts:
    """A case at the quay on an ordinary Monday morning."""
    known: dict[str, object] = {
        "condition": condition,
        "at": local(2026, 3, 2, 9),
        "source": "inspector",
        "cell_code": QUAY_CELL,
        "community_code": QUAY,
        "street_code": HARBOUR,
        "district_code": DISTRICT,
    }
    return Facts(**(known | more))  # type: ignore[arg-type]
