"""What the service acknowledged, and how a restored one is held to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

#: What depends on the moment and on who asks, not on the case.
_PASSING = {"available_actions", "lamp"}


def lasting(case: dict[str, Any]) -> dict[str, Any]:
    """The case as everybody who sees it reads it, at any time."""
    kept = {name: value for name, value in case.items() if name not in _PASSING}
    kept["clocks"] = [
        {name: value for name, value in clock.items() if name not in _PASSING} for clock in case["clocks"]
    ]
    return kept


@dataclass(frozen=True)
class Acknowledged:
    """One version of a case: when it was asked for, when the service said that it is so, and the case."""

    sent: datetime
    got: datetime
    case: dict[str, Any]


@dataclass
class Ledger:
    """Every change of a case that one client was told of, by case and version; the wall clock's moments."""

    cases: dict[str, dict[int, Acknowledged]] = field(default_factory=dict)

    def watch(self, http: httpx.AsyncClient) -> None:
        """Keeps a record of what the client asks for from now on."""
        http.event_hooks["request"].append(self._asked)
        http.event_hooks["response"].append(self._answered)

    async def _asked(self, request: httpx.Request) -> None:
        request.extensions["sent"] = datetime.now(UTC)

    async def _answered(self, response: httpx.Response) -> None:
        got = datetime.now(UTC)
        await response.aread()
        if response.request.method != "POST" or not response.is_success:
            return
        body = response.json()
        if case := body.get("case", body if "version" in body else None):
            told = Acknowledged(response.request.extensions["sent"], got, case)
            self.cases.setdefault(case["id"], {})[case["version"]] = told

    def count(self) -> int:
        """How many changes were acknowledged."""
        return sum(map(len, self.cases.values()))

    def at_least(self, case: str, moment: datetime) -> int:
        """The newest version that was acknowledged by the moment; 0 for none."""
        return max((v for v, one in self.cases[case].items() if one.got <= moment), default=0)

    def at_most(self, case: str, moment: datetime) -> int:
        """The newest version that was asked for by the moment; 0 for none."""
        return max((v for v, one in self.cases[case].items() if one.sent <= moment), default=0)

    def numbers(self) -> set[str]:
        """The case numbers that people were told."""
        return {one.case["number"] for versions in self.cases.values() for one in versions.values()}
