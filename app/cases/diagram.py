"""流程图: the transition table as a picture and as tables, for the documentation."""

from __future__ import annotations

from collections.abc import Iterator

from app.cases.guards import GUARD_WORDS
from app.cases.workflow import (
    ENDS,
    STAGE_CLOCKS,
    STAGE_LABELS,
    TRANSITIONS,
    PolicyRoles,
    Stage,
    Transition,
)
from app.identity.principal import ROLE_LABELS, Role

_POLICY_LABELS = {
    PolicyRoles.ACCEPT: "`accept_roles`",
    PolicyRoles.FILE: "`file_roles`",
    PolicyRoles.CLOSE: "`close_roles`",
}


def mermaid() -> str:
    """The stages and what leads from one to another, as a Mermaid state diagram."""
    return "\n".join(["stateDiagram-v2", *_states(), *_arrows()])


def _states() -> Iterator[str]:
    for stage in Stage:
        yield f'  state "{STAGE_LABELS[stage][0]}" as {stage.value}'


def _arrows() -> Iterator[str]:
    merged: dict[tuple[str, str], list[str]] = {}
    for row in TRANSITIONS:
        if row.target is None or row.target is Stage.VOIDED:
            continue
        for source in [stage.value for stage in Stage if stage in row.sources] or ["[*]"]:
            merged.setdefault((source, row.target.value), []).append(row.label)
    for (source, target), labels in merged.items():
        yield f"  {source} --> {target}: {'、'.join(labels)}"
    for stage in Stage:
        if stage in ENDS:
            yield f"  {stage.value} --> [*]"


def action_table() -> str:
    """Every row of the transition table, as Markdown."""
    lines = [
        "| action | 操作 | from | to | who | else refused with | clocks |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_action_line(row) for row in TRANSITIONS]
    return "\n".join(lines)


def _action_line(row: Transition) -> str:
    sources = "any open stage" if row.sources == frozenset(Stage) - ENDS else _names(row)
    who = "、".join(sorted(_role(role) for role in row.roles))
    party = "" if row.party.value == "anyone" else f" ({row.party.value})"
    guards = "；".join(GUARD_WORDS[guard][0] for guard in row.guards)
    signs = (("+", row.starts), ("−", row.stops), ("‖", row.pauses), ("▶", row.resumes))
    clocks = " ".join(f"{sign}{clock.value}" for sign, kinds in signs for clock in kinds)
    target = row.target.value if row.target else "—"
    return f"| `{row.action}` | {row.label} | {sources} | {target} | {who}{party} | {guards} | {clocks} |"


def _names(row: Transition) -> str:
    if row.sources == frozenset(Stage):
        return "any stage"
    return ", ".join(stage.value for stage in Stage if stage in row.sources) or "(new)"


def _role(role: Role | PolicyRoles) -> str:
    return _POLICY_LABELS[role] if isinstance(role, PolicyRoles) else ROLE_LABELS[role]


def stage_table() -> str:
    """Every stage with its words and its own clocks, as Markdown."""
    lines = ["| stage | 环节 | | its own clock |", "| --- " * 4 + "|"]
    for stage, (zh, en) in STAGE_LABELS.items():
        clocks = ", ".join(clock.value for clock in STAGE_CLOCKS.get(stage, ()))
        if stage is Stage.HANDLING:
            clocks = "handling, milestone (from dispatch on)"
        lines.append(f"| `{stage}` | {zh} | {en} | {clocks or ('end' if stage in ENDS else '')} |")
    return "\n".join(lines)
