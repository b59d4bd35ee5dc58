"""地理编码: what a code says by itself (GB/T 30428.1, 30428.2, 30428.3).

District 6 digits, street 9, community 12, cell 15: each begins with its parent's. A component's 16 digits
are district 6, major 2, minor 2, serial 6.
"""

from __future__ import annotations

from enum import StrEnum


class AreaLevel(StrEnum):
    """区域层级, largest first."""

    DISTRICT = "district"  # 区
    STREET = "street"  # 街道
    COMMUNITY = "community"  # 社区
    CELL = "cell"  # 单元网格

    @property
    def parent(self) -> AreaLevel | None:
        levels = list(AreaLevel)
        return levels[levels.index(self) - 1] if self is not AreaLevel.DISTRICT else None


class ComponentState(StrEnum):
    """部件状态."""

    INTACT = "intact"  # 完好
    DAMAGED = "damaged"  # 破损
    MISSING = "missing"  # 丢失
    ABANDONED = "abandoned"  # 废弃
    OCCUPIED = "occupied"  # 占用


#: Digits of a code. Cells of the older CJ/T 213 have 14; a manifest says so.
CODE_LENGTH = {
    AreaLevel.DISTRICT: 6,
    AreaLevel.STREET: 9,
    AreaLevel.COMMUNITY: 12,
    AreaLevel.CELL: 15,
}
COMPONENT_CODE_LENGTH = 16


def ancestor(code: str, level: AreaLevel) -> str:
    """The code of the area of that level that an area or component code begins with."""
    return code[: CODE_LENGTH[level]]


def is_code(code: str, length: int) -> bool:
    """Whether it is that many ASCII digits."""
    return len(code) == length and code.isascii() and code.isdigit()


def component_category(code: str) -> str:
    """小类 of a 16-digit component code as the rulebook writes it: `C` and the digits of major and minor."""
    return "C" + code[6:10]
