"""Who is asking, as every other package sees it: roles, areas and unit, no tokens and no tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID


class Role(StrEnum):
    """岗位 (roles of CJJ/T 106 and running systems). Stored as whole words."""

    INSPECTOR = "inspector"  # 监督员
    INTAKE_CLERK = "intake_clerk"  # 受理员
    SHIFT_LEADER = "shift_leader"  # 值班长
    DISPATCHER = "dispatcher"  # 派遣员
    UNIT_OFFICER = "unit_officer"  # 专业部门
    STREET_CHIEF = "street_chief"  # 街长
    EVALUATOR = "evaluator"  # 考核员
    ADMINISTRATOR = "administrator"  # 管理员
    INTEGRATION = "integration"  # 外部系统
    SYSTEM = "system"  # 系统: the worker itself; never given to an account


ROLE_LABELS: dict[Role, str] = {
    Role.INSPECTOR: "监督员",
    Role.INTAKE_CLERK: "受理员",
    Role.SHIFT_LEADER: "值班长",
    Role.DISPATCHER: "派遣员",
    Role.UNIT_OFFICER: "专业部门",
    Role.STREET_CHIEF: "街长",
    Role.EVALUATOR: "考核员",
    Role.ADMINISTRATOR: "管理员",
    Role.INTEGRATION: "外部系统",
    Role.SYSTEM: "系统",
}

#: Roles of the two centres (监督中心, 指挥中心): they see every case of their areas.
CENTRE_ROLES = frozenset(
    {Role.INTAKE_CLERK, Role.SHIFT_LEADER, Role.DISPATCHER, Role.EVALUATOR, Role.ADMINISTRATOR}
)


@dataclass(frozen=True, slots=True)
class Principal:
    """主体: the account or API client a request acts for. `name` is what people see, `username` an account's.

    `areas` are area codes (district 6, street 9, community 12, cell 15 digits); a code covers
    every area whose code begins with it. `unit` is a unit code of the rulebook.
    """

    id: UUID
    name: str
    kind: Literal["account", "client", "system"]
    roles: frozenset[Role]
    areas: tuple[str, ...] = ()
    unit: str | None = None
    username: str | None = None

    def covers(self, area_code: str) -> bool:
        """Whether the area of this code lies within the caller's areas."""
        return any(area_code.startswith(area) for area in self.areas)

    def meets(self, area_code: str) -> bool:
        """Whether the area of this code lies within the caller's areas, or holds one of them."""
        return self.covers(area_code) or any(area.startswith(area_code) for area in self.areas)

    def has(self, *roles: Role) -> bool:
        """Whether the caller has at least one of the roles."""
        return not self.roles.isdisjoint(roles)


#: The worker and the command line, acting for nobody in particular.
SYSTEM = Principal(
    id=UUID(int=0), name="system", kind="system", roles=frozenset({Role.SYSTEM}), areas=("",), unit=None
)
