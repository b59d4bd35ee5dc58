"""运城市 (Yuncheng): a real city's filing rules, mapped to a rulebook as `docs/rulebook.md` tells.

The table names units in prose: several to a condition, none of them marked as the lead, spelt in more than
one way, some told relatively. What cannot be mapped without judgement is decided in the two tables here.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path

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
    LimitUnit,
    MatrixRow,
    Policy,
    Rulebook,
    StageLimit,
    Unit,
    UnitKind,
    WorkSlot,
)

DISTRICT = "140802"  # 盐湖区
WEST, EAST = DISTRICT + "001", DISTRICT + "002"

#: A name as the table spells it -> how the matrix refers to it. Relative ones first.
REFERENCES: Mapping[str, tuple[str, ...]] = {
    "所属街办": ("@street_office",),
    "各产权单位": ("@owner",),
    "及各产权单位": ("@owner",),
    "使用管理部门": ("@maintainer",),
    "属地行政执法部门": ("@local:enforcement",),
    "属地行政执法部门和绿化养护管理部门": ("@local:enforcement", "@local:greening"),
    "属地行政执法部门和和环卫部门": ("@local:enforcement", "@local:sanitation"),
    "属地行政执法和环卫部门": ("@local:enforcement", "@local:sanitation"),
    "属地环卫部门": ("@local:sanitation",),
    "各环卫部门": ("@local:sanitation",),
    "属地市政部门": ("@local:municipal",),
    "属地供水企业": ("@local:water_supply",),
    "属地供气企业": ("@local:gas_supply",),
    "各绿化养护管理部门": ("@local:greening",),
    "各派出所": ("@local:police_station",),
    "所属派出所": ("@local:police_station",),
    "运城市园林绿化服务中心": ("greening",),
    "运城市市政公用服务中心": ("municipal",),
    "市政公用服务中心": ("municipal",),
    "运城市政公用服务中心": ("municipal",),
    "运城市市容环卫中心": ("sanitation",),
    "运城市市容环卫服务中心": ("sanitation",),
    "运城市城市管理综合行政执法队": ("enforcement",),
    "运城市排水服务中心": ("drainage",),
    "运城市城市集中供热供气服务中心": ("heating_gas",),
    "运城市集中供热供气服务中心": ("heating_gas",),
    "运城市供热供气服务中心": ("heating_gas",),
    "运城市城市集中供热供气服务中心及各供油、供气、供电管理部门": ("heating_gas", "energy_authorities"),
    "运城市城市节约用水中心": ("water_saving",),
    "运城市节约用水服务中心": ("water_saving",),
    "运城市节约用水中心": ("water_saving",),
    "运城市建筑垃圾资源化利用服务中心": ("rubble_recycling",),
    "运城市智慧城市管理平台服务中心": ("platform",),
    "市容秩序科": ("street_order",),
    "运城市城市管理局市容秩序科": ("street_order",),
    "运城市城市管理局园林管理科": ("greening_section",),
    "运城市公安交通管理部门": ("traffic_police",),
    "运城市公交公司": ("bus_company",),
    "运城市电力公司": ("power_company",),
    "电力公司": ("power_company",),
    "中国联合网络通信集团有限公司": ("unicom",),
    "联通公司": ("unicom",),
    "中国移动通信集团分公司": ("mobile",),
    "移动公司": ("mobile",),
    "中国电信集团有限分公司": ("telecom",),
    "电信公司": ("telecom",),
    "广电网络公司": ("cable_tv",),
    "通信管理部门": ("communications_authority",),
    "线缆部门": ("cable_operators",),
    "地名管理部门": ("place_names_authority",),
    "河道管理部门": ("river_authority",),
    "水务部门": ("water_authority",),
    "住建部门": ("housing",),
    "生态环境执法部门": ("environment",),
    "卫生行政部门": ("health",),
    "消防救援部门": ("fire_rescue",),
    "物业管理部门": ("property_management",),
    "各报业企业": ("newspapers",),
    "各邮政企业": ("postal_companies",),
}

_UNITS: Mapping[str, tuple[str, UnitKind]] = {
    "greening": ("运城市园林绿化服务中心", UnitKind.DEPARTMENT),
    "municipal": ("运城市市政公用服务中心", UnitKind.DEPARTMENT),
    "sanitation": ("运城市市容环卫中心", UnitKind.DEPARTMENT),
    "enforcement": ("运城市城市管理综合行政执法队", UnitKind.DEPARTMENT),
    "drainage": ("运城市排水服务中心", UnitKind.DEPARTMENT),
    "heating_gas": ("运城市城市集中供热供气服务中心", UnitKind.DEPARTMENT),
    "energy_authorities": ("供油、供气、供电管理部门", UnitKind.DEPARTMENT),
    "water_saving": ("运城市城市节约用水中心", UnitKind.DEPARTMENT),
    "rubble_recycling": ("运城市建筑垃圾资源化利用服务中心", UnitKind.DEPARTMENT),
    "platform": ("运城市智慧城市管理平台服务中心", UnitKind.DEPARTMENT),
    "street_order": ("运城市城市管理局市容秩序科", UnitKind.DEPARTMENT),
    "greening_section": ("运城市城市管理局园林管理科", UnitKind.DEPARTMENT),
    "traffic_police": ("运城市公安交通管理部门", UnitKind.DEPARTMENT),
    "bus_company": ("运城市公交公司", UnitKind.ENTERPRISE),
    "power_company": ("运城市电力公司", UnitKind.ENTERPRISE),
    "unicom": ("联通公司", UnitKind.ENTERPRISE),
    "mobile": ("移动公司", UnitKind.ENTERPRISE),
    "telecom": ("电信公司", UnitKind.ENTERPRISE),
    "cable_tv": ("广电网络公司", UnitKind.ENTERPRISE),
    "communications_authority": ("通信管理部门", UnitKind.DEPARTMENT),
    "cable_operators": ("线缆部门", UnitKind.ENTERPRISE),
    "place_names_authority": ("地名管理部门", UnitKind.DEPARTMENT),
    "river_authority": ("河道管理部门", UnitKind.DEPARTMENT),
    "water_authority": ("水务部门", UnitKind.DEPARTMENT),
    "housing": ("住建部门", UnitKind.DEPARTMENT),
    "environment": ("生态环境执法部门", UnitKind.DEPARTMENT),
    "health": ("卫生行政部门", UnitKind.DEPARTMENT),
    "fire_rescue": ("消防救援部门", UnitKind.DEPARTMENT),
    "property_management": ("物业管理部门", UnitKind.DEPARTMENT),
    "newspapers": ("报业企业", UnitKind.ENTERPRISE),
    "postal_companies": ("邮政企业", UnitKind.ENTERPRISE),
}
#: Duties of a street's own units, which the table calls 属地… without naming them.
_LOCAL_DUTIES: Mapping[str, str] = {
    "enforcement": "执法中队",
    "sanitation": "环卫所",
    "municipal": "市政所",
    "greening": "绿化养护队",
    "water_supply": "供水企业",
    "gas_supply": "供气企业",
    "police_station": "派出所",
}
_LIMIT_UNITS = {
    "天": LimitUnit.WORK_DAY,
    "小时": LimitUnit.WORK_HOUR,
    "紧急工作时": LimitUnit.URGENT_HOUR,
    "紧急工作日": LimitUnit.URGENT_DAY,
}
_LIMIT = re.compile(r"(\d+)(紧急工作时|紧急工作日|小时|天)(.*)")
#: What a name that stands for many units, or for whoever it may be, looks like.
_VAGUE = re.compile(r"^(各|及各|线缆部门)|部门$")


@dataclass(frozen=True)
class Filing:
    """One line of the table. `condition` is its code in the rulebook."""

    kind: CategoryKind
    code: str
    major: str
    minor: str
    sequence: str
    text: str
    limit: str
    limit_unit: str
    closing: str
    units: str
    supervisors: str

    @property
    def category(self) -> str:
        return ("C" if self.kind is CategoryKind.COMPONENT else "E") + self.code

    @property
    def condition(self) -> str:
        return f"{self.category}-{self.sequence}"


class Fault(StrEnum):
    """What is wrong with the table itself; the mapping lives with it, the city should not."""

    LEAD_UNMARKED = "lead_unmarked"  # several units, none marked as the lead
    UNIT_MISSPELT = "unit_misspelt"  # one unit under several names
    UNIT_VAGUE = "unit_vague"  # a kind of unit, not one
    SEPARATOR = "separator"  # names joined by something else than 、
    LINE_BREAK = "line_break"  # in a name
    MINOR_TWICE = "minor_twice"  # one name for two minors
    LIMIT_OF_A_STEP = "limit_of_a_step"  # the limit speaks of a step, none of the whole
    DANGER_NOT_URGENT = "danger_not_urgent"  # told as dangerous, limited in working time
    URGENCY_DIFFERS = "urgency_differs"  # the same sentence is urgent for one minor, not for another


def read_table(path: Path) -> list[Filing]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return [
            Filing(
                kind=CategoryKind(line["kind"]),
                code=line["code"],
                major=line["major"],
                minor=line["minor"],
                sequence=line["cond_seq"],
                text=line["filing_condition"],
                limit=line["time_limit_raw"],
                limit_unit=line["time_limit_unit"],
                closing=line["closing_condition"],
                units=line["handling_unit"],
                supervisors=line["supervising_dept"],
            )
            for line in csv.DictReader(lines)
        ]


def names_of(units: str) -> list[str]:
    """The names in a cell, parted by 、 or a space; one that holds a 、 itself is kept whole."""
    whole = next((name for name in REFERENCES if "、" in name and name in units), None)
    rest = units.replace(whole, "") if whole else units
    return [*([whole] if whole else []), *(name for name in re.split(r"[、\s]+", rest) if name)]


def references_of(units: str) -> list[str]:
    """How the matrix refers to the units of a cell, each once. Errors: KeyError on a name never seen."""
    return list(dict.fromkeys(reference for name in names_of(units) for reference in REFERENCES[name]))


def limit_of(filing: Filing) -> tuple[float, LimitUnit]:
    """From the text, which alone tells the urgency."""
    found = _LIMIT.fullmatch(filing.limit)
    assert found, filing.limit
    return float(found[1]), _LIMIT_UNITS[found[2]]


def rulebook_of(table: Sequence[Filing]) -> Rulebook:
    """The table as a rulebook of a district with two street offices."""
    minors = {filing.category: filing for filing in table}
    majors = {category[:3]: filing for category, filing in minors.items()}
    return Rulebook(
        name="运城市城市管理事部件立结案规则",
        district_code=DISTRICT,
        policy=Policy(fallback_unit="platform"),
        calendar=Calendar(
            slots=(WorkSlot(start=time(8), end=time(12)), WorkSlot(start=time(14), end=time(18)))
        ),
        units=tuple(_units()),
        categories=(
            *(Category(code=code, name=filing.major, kind=filing.kind) for code, filing in majors.items()),
            *(
                Category(code=code, name=" ".join(filing.minor.split()), kind=filing.kind, parent=code[:3])
                for code, filing in minors.items()
            ),
        ),
        conditions=tuple(
            Condition(
                code=filing.condition, category=filing.category, text=filing.text, closing=filing.closing
            )
            for filing in table
        ),
        limits=tuple(
            HandlingLimit(condition=filing.condition, amount=amount, unit=unit)
            for filing in table
            for amount, unit in [limit_of(filing)]
        ),
        matrix=tuple(_row(filing) for filing in minors.values()),
        area_classes=(AreaClass(code="A", name="建成区"),),
        stage_limits=tuple(
            StageLimit(clock=clock, amount=15, unit=LimitUnit.MINUTE)
            for clock in ClockKind
            if clock
            not in (ClockKind.HANDLING, ClockKind.MILESTONE, ClockKind.SUSPENSION, ClockKind.REPLYING)
        ),
        codes=(
            Code(set=CodeSet.SOURCE, code="inspector", name="监督员上报"),
            Code(set=CodeSet.SOURCE, code="hotline", name="12345热线"),
        ),
    )


def _row(filing: Filing) -> MatrixRow:
    """部件先属主后属地: the owner of a component leads where owners are named, else whoever stands first."""
    references = references_of(filing.units)
    chain = references[:1]
    if filing.kind is CategoryKind.COMPONENT and "@owner" in references:
        chain = sorted(references, key=lambda reference: reference != "@owner")[:2]
    return MatrixRow(
        code=filing.category,
        category=filing.category,
        lead=" > ".join(chain),
        assisting=tuple(reference for reference in references if reference not in chain),
        basis=f"监管部门：{filing.supervisors}",
    )


def _units() -> Iterator[Unit]:
    for code, (name, kind) in _UNITS.items():
        yield Unit(code=code, name=name, kind=kind)
    for area, street in ((WEST, "西街"), (EAST, "东街")):
        yield Unit(
            code=f"office_{area}", name=f"{street}街道办事处", kind=UnitKind.STREET_OFFICE, areas=(area,)
        )
        for duty, name in _LOCAL_DUTIES.items():
            yield Unit(
                code=f"{duty}_{area}",
                name=f"{street}{name}",
                kind=UnitKind.DEPARTMENT,
                areas=(area,),
                duties=(duty,),
            )


def faults(table: Sequence[Filing]) -> dict[Fault, dict[str, str]]:
    """What is wrong with the table, by kind: where (a condition, a minor or a unit) and what stands there."""
    found: dict[Fault, dict[str, str]] = {fault: {} for fault in Fault}
    spellings: dict[str, set[str]] = defaultdict(set)
    minors: dict[str, set[str]] = defaultdict(set)
    urgency: dict[str, dict[bool, str]] = defaultdict(dict)
    for filing in table:
        names = names_of(filing.units)
        if len(names) > 1:
            found[Fault.LEAD_UNMARKED][filing.condition] = filing.units
        if re.search(r"\s|及|和", filing.units):
            found[Fault.SEPARATOR][filing.category] = filing.units
        for name in names:
            if len(REFERENCES[name]) == 1 and name != "及各产权单位":
                spellings[REFERENCES[name][0]].add(name)
            if _VAGUE.search(name) and not REFERENCES[name][0].startswith("@"):
                found[Fault.UNIT_VAGUE][name] = REFERENCES[name][0]
        if "\n" in filing.minor:
            found[Fault.LINE_BREAK][filing.category] = filing.minor
        minors[filing.minor].add(filing.category)
        limit = _LIMIT.fullmatch(filing.limit)
        assert limit
        urgent = limit[2].startswith("紧急")
        if limit[3]:
            found[Fault.LIMIT_OF_A_STEP][filing.condition] = filing.limit
        if not urgent and re.search(r"影响安全|影响交通和安全|通行安全|消防通道", filing.text):
            found[Fault.DANGER_NOT_URGENT][filing.condition] = f"{filing.text}: {filing.limit}"
        urgency[filing.text].setdefault(urgent, filing.condition)
    found[Fault.UNIT_MISSPELT] = {
        unit: "、".join(sorted(names)) for unit, names in spellings.items() if len(names) > 1
    }
    found[Fault.MINOR_TWICE] = {
        name: "、".join(sorted(codes)) for name, codes in minors.items() if len(codes) > 1
    }
    found[Fault.URGENCY_DIFFERS] = {
        text: "、".join(conditions.values()) for text, conditions in urgency.items() if len(conditions) > 1
    }
    return found
