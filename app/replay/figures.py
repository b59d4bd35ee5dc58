"""What a replay came to, counted from the replies its people were given."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table

from app.cases.workflow import OPEN, Stage
from app.dispatch.rulebook import ClockKind
from app.replay.life import Scene
from app.replay.line import Line, Surprise

_BUSIEST = 8
_SHOWN_SURPRISES = 10


@dataclass(frozen=True, slots=True)
class BusyUnit:
    """责任单位: cases it led, and those of them it handed back late."""

    name: str
    cases: int
    late: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Cases as they stand at the end; reports from `outside` the district made none.

    `judged` were handed back and are not exempt; `overruns` are clocks of any kind that ran out; `repeated`
    requests were sent twice under one key, `outdated` ones named a version that was no longer the newest.
    `seconds` were spent waiting for replies; `surprises` should be none.
    """

    first: datetime
    last: datetime
    outside: int
    reported: int
    filed: int
    open: int
    closed: int
    refused: int
    voided: int
    merged: int
    self_handled: int
    judged: int
    on_time: int
    declines: int
    extensions: int
    suspensions: int
    reworks: int
    listed: int
    reminders: int
    supervised: int
    appeals: int
    granted: int
    overruns: int
    busiest: tuple[BusyUnit, ...]
    calls: int
    seconds: float
    repeated: int
    outdated: int
    surprises: tuple[Surprise, ...]

    @property
    def on_time_rate(self) -> float | None:
        """按期处置率: of the judged."""
        return self.on_time / self.judged if self.judged else None


def count(scene: Scene, line: Line, *, first: datetime) -> Figures:
    """The figures of the cases, each as the API's last reply tells it."""
    cases = [docket.reply for docket in scene.dockets]
    stages = Counter(case["stage"] for case in cases)
    judged = [case for case in cases if case["overdue"] is not None and not case["exempt"]]
    led = Counter(case["lead_unit_name"] for case in cases if case["lead_unit"])
    late = Counter(case["lead_unit_name"] for case in cases if case["overdue"])
    clocks = [clock for case in cases for clock in case["clocks"]]

    def total(name: str) -> int:
        return sum(case[name] for case in cases)

    return Figures(
        first=first,
        last=line.clock.now(),
        outside=scene.outside,
        reported=len(cases),
        filed=sum(case["filed_at"] is not None for case in cases),
        open=sum(stages[stage] for stage in OPEN),
        closed=stages[Stage.CLOSED],
        refused=stages[Stage.REFUSED],
        voided=stages[Stage.VOIDED],
        merged=stages[Stage.MERGED],
        self_handled=sum(case["self_handled"] and case["stage"] == Stage.CLOSED for case in cases),
        judged=len(judged),
        on_time=sum(case["overdue"] is False for case in judged),
        declines=total("declines"),
        extensions=total("extensions"),
        suspensions=total("suspensions"),
        reworks=total("reworks"),
        listed=total("listed"),
        reminders=total("reminders"),
        supervised=sum(clock["kind"] == ClockKind.REPLYING for clock in clocks),
        appeals=sum(case["appeal"] is not None for case in cases),
        granted=sum(case["appeal"] == "granted" for case in cases),
        overruns=sum(clock["overran_at"] is not None for clock in clocks),
        busiest=tuple(BusyUnit(name, n, late[name]) for name, n in led.most_common(_BUSIEST)),
        calls=line.calls,
        seconds=line.seconds,
        repeated=line.repeated,
        outdated=line.outdated,
        surprises=tuple(scene.surprises),
    )


def shown(figures: Figures) -> RenderableType:
    """The figures as tables for a terminal."""
    speed = figures.calls / max(figures.seconds, 1e-9)
    rate = "—" if figures.on_time_rate is None else f"{figures.on_time_rate:.1%}"
    rows = (
        ("模拟时段 simulated", f"{figures.first:%Y-%m-%d %H:%M} — {figures.last:%Y-%m-%d %H:%M} UTC"),
        ("上报 reported", f"{figures.reported}（区外 outside {figures.outside}）"),
        ("立案 filed", figures.filed),
        ("结案 closed", f"{figures.closed}（自行处置 own handling {figures.self_handled}）"),
        ("不予受理/立案 refused", figures.refused),
        ("并案 merged", figures.merged),
        ("作废 voided", figures.voided),
        ("在办 open", figures.open),
        ("按期处置率 on time", f"{rate}（{figures.on_time}/{figures.judged}）"),
        ("环节超时 overruns", figures.overruns),
        ("回退 declines", figures.declines),
        ("延期 extensions", figures.extensions),
        ("挂账 suspensions", figures.suspensions),
        ("返工 rework", figures.reworks),
        ("催办 reminders", figures.reminders),
        ("督办 supervision orders", f"{figures.supervised}（挂牌 listed {figures.listed}）"),
        ("申诉 appeals", f"{figures.appeals}（成立 granted {figures.granted}）"),
        ("接口调用 HTTP calls", f"{figures.calls}，{speed:.0f} 次/秒 a second"),
        ("重复请求 / 版本过期 repeats / outdated", f"{figures.repeated} / {figures.outdated}"),
        ("意外 surprises", len(figures.surprises)),
    )  # fmt: skip
    table = Table("指标 Figure", "数值 Value", title="办理情况 What happened", title_justify="left")
    for label, value in rows:
        table.add_row(label, str(value))
    units = Table(
        "主办单位 Lead unit", "件 Cases", "超期 Late", title="最忙的单位 Busiest units", title_justify="left"
    )
    for unit in figures.busiest:
        units.add_row(unit.name, str(unit.cases), str(unit.late))
    surprises = (f"[red]意外 surprise[/red] {surprise}" for surprise in figures.surprises[:_SHOWN_SURPRISES])
    return Group(table, units, *surprises)
