"""Writes the generated parts of the documentation anew: `python -m scripts.docs` (`make docs`).

A Markdown file says where: what stands between `<!-- generated: NAME -->` and `<!-- end -->` is made by
`BLOCKS[NAME]` from the code. `tests/test_docs.py` fails when a committed part is not what this writes.
"""

from __future__ import annotations

import importlib
import json
import re
import types
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app import cli, errors, problems
from app.cases import diagram
from app.cases.actions import CaseCommand, Report
from app.cases.command import Command
from app.cases.guards import GUARD_WORDS
from app.cases.schemas import QueuePageQuery
from app.cases.workflow import BY_ACTION, STAGE_CLOCKS, STAGE_LABELS, Stage
from app.channels.catalogue import CHANNELS
from app.dispatch.labels import HEADINGS, WORDS
from app.dispatch.rulebook import ClockKind, CodeSet, Policy
from app.errors import ChengguanError
from app.identity.access import Admission
from app.identity.principal import ROLE_LABELS, Role
from app.metrics import Metrics
from app.settings import Settings, WorkerSettings, variable
from app.worker import JOBS
from bench import report
from scripts.markdown import table

ROOT = Path(__file__).resolve().parent.parent

_BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every Markdown file a reader may come to."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def renewed(text: str) -> str:
    """The text with every generated part made anew. Errors: KeyError for a name that nobody makes."""
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found['name']]().strip()}\n{found[3]}", text)


def main() -> None:
    for page in pages():
        page.write_text(renewed(page.read_text()))


# -- settings, commands, jobs, figures --------------------------------------------------------------------


def settings() -> str:
    rows = (
        (f"`{name}`", _default(field.default), f"{field.description}{_limits(field)}")
        for name, field in _settings()
    )
    return table(("variable", "default", "meaning"), rows)


def setting_descriptions() -> dict[str, str | None]:
    """The environment variable of every setting, and what is said of it."""
    return {name: field.description for name, field in _settings()}


def _settings(model: type[BaseModel] = Settings, *path: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, *path, name)
        else:
            yield variable(*path, name), field


def _limits(field: FieldInfo) -> str:
    found = {
        name: getattr(mark, name)
        for mark in field.metadata
        for name in ("ge", "gt", "le")
        if hasattr(mark, name)
    }
    if "ge" in found and "le" in found:
        return f" {found['ge']}–{found['le']}."
    if "ge" in found:
        return f" At least {found['ge']}."
    return f" More than {found['gt']}." if "gt" in found else ""


def _default(value: object) -> str:
    if value is None or isinstance(value, SecretStr):
        return "unset"
    return f"`{json.dumps(value) if isinstance(value, bool) else value}`"


def commands() -> str:
    return "\n".join(line for path, command in _commands() for line in _told(path, command))


def command_names() -> list[str]:
    """Every command as it is typed, without arguments."""
    return [path for path, _ in _commands()]


def _commands(group: Any = None, path: str = "chengguan") -> Iterator[tuple[str, Any]]:
    group = typer.main.get_command(cli.app) if group is None else group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _told(path: str, command: Any) -> Iterator[str]:
    yield f"- **`{' '.join([path, *map(_usage, command.params)])}`**: {command.help.strip()}"
    for one in command.params:
        default = f" Default `{one.default}`." if one.default not in (None, "", False, ()) else ""
        yield f"  - `{_name(one)}` {one.help or ''}{default}"


def _name(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return str(parameter.name.upper())
    return "/".join([parameter.opts[0], *parameter.secondary_opts])


def _usage(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return _name(parameter)
    value = "" if parameter.is_flag else f" {parameter.name.upper()}"
    return f"{_name(parameter)}{value}" if parameter.required else f"[{_name(parameter)}{value}]"


def jobs() -> str:
    return table(
        ("job", "when (cron, by the default settings)", "does"),
        ((f"`{job.name}`", f"`{job.cron(WorkerSettings())}`", _first_line(job.run)) for job in JOBS),
    )


def figures() -> str:
    return table(
        ("figure", "kind", "meaning"),
        ((f"`{one.name}`", one.type, one.documentation) for one in Metrics().registry.collect()),
    )


def _first_line(documented: object) -> str:
    """What the docstring says first, without what the function returns."""
    return (documented.__doc__ or "").strip().split("\n")[0].partition("; gives")[0].rstrip(".")


# -- the API ----------------------------------------------------------------------------------------------


def error_table() -> str:
    tree = dict(re.findall(r"(\w+) {2,}(\S.*)", errors.__doc__ or ""))
    domain = (
        (int(answer.status), f"`{error.code}`", problems.title_of(error), tree[error.__name__])
        for error, answer in problems.ANSWERS.items()
    )
    transport = (
        (
            status,
            f"`{code}`",
            title,
            "the web framework refuses it" if status < 500 else "a fault of ours; see the log",
        )
        for status, (code, title) in problems._TRANSPORT.items()
    )
    return table(("status", "code", "title", "when"), sorted((*domain, *transport)))


def error_names() -> list[type[ChengguanError]]:
    """Every kind of domain error there is."""
    found = [ChengguanError]
    for kind in found:
        found += kind.__subclasses__()
    return found[1:]


_ROUTERS = (
    "identity.router",
    "grid.router",
    "dispatch.router",
    "cases.router",
    "photos.uploads",
    "photos.router",
    "suggestions.router",
)


def routes() -> str:
    return _route_table(
        (route, module.partition(".")[0])
        for module in _ROUTERS
        for route in importlib.import_module(f"app.{module}").router.routes
    )


def channel_routes() -> str:
    return "\n\n".join(
        f"**[{channel.label} {channel.name}](channels/{channel.name}.md)**\n\n"
        + _route_table((route, channel.name) for router in channel.routers for route in router.routes)
        for channel in CHANNELS
        if channel.routers
    )


def _route_table(routes: Iterable[tuple[object, str]]) -> str:
    rows: list[tuple[str, ...]] = []
    for route, package in routes:
        assert isinstance(route, APIRoute)
        rows += [
            (f"`{method}`", f"`{route.path}`", _summary(route), _who(route, package))
            for method in sorted(route.methods or ())
        ]
    return table(("", "below `/api/v1`", "", "who"), rows)


def _summary(route: APIRoute) -> str:
    """The Chinese summary with English beside it; where there is none, the route's own first sentence."""
    summary = route.summary or ""
    return (
        summary
        if re.search("[A-Za-z]", summary)
        else f"{summary} {route.description.partition('. ')[0].rstrip('.')}"
    )


def _who(route: APIRoute, package: str) -> str:
    calls = [dependant.call for dependant in route.dependant.dependencies]
    lets_in = next((call.roles for call in calls if isinstance(call, Admission)), None)
    if lets_in is None:
        return "anybody"
    if lets_in:
        return "、".join(ROLE_LABELS[role] for role in Role if role in lets_in)
    if package == "cases" and "POST" in (route.methods or ()):
        return "by the transition table"
    return "whoever is logged in"


def filters() -> str:
    return table(
        ("parameter", "values", "meaning"),
        (
            (f"`{name}`", _values(field.annotation), _meaning(field))
            for name, field in QueuePageQuery.model_fields.items()
        ),
    )


def _meaning(field: FieldInfo) -> str:
    default = "" if field.default in (None, [], PydanticUndefined, False) else f" Default `{field.default}`."
    return f"{field.description or ''}{default}".strip()


def _values(annotation: Any) -> str:
    """What may be sent, in words."""
    if get_origin(annotation) is Annotated:
        return _values(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"{_values(get_args(annotation)[0])}, several"
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_values(one) for one in get_args(annotation) if one is not types.NoneType)
    if annotation is Stage:
        return "a stage"
    if issubclass(annotation, StrEnum):
        return " ".join(f"`{one}`" for one in annotation)
    return _WORDS_OF_TYPE[annotation]


_WORDS_OF_TYPE: dict[type, str] = {
    str: "text",
    bool: "`true` `false`",
    int: "number",
    AwareDatetime: "moment with offset",
}


# -- the workflow -----------------------------------------------------------------------------------------


def workflow_diagram() -> str:
    return f"```mermaid\n{diagram.mermaid()}\n```"


def conditions() -> str:
    return table(
        ("`guard`", "条件", "what must hold, in English"),
        ((f"`{guard}`", zh, en) for guard, (zh, en) in GUARD_WORDS.items()),
    )


def contents() -> str:
    """What each action must and may be told."""
    models: Iterable[type[Command]] = (Report, *get_args(get_args(CaseCommand)[0]))
    return table(("action", "操作", "must be told", "may be told"), (_content(model) for model in models))


def _content(model: type[Command]) -> tuple[str, ...]:
    actions = get_args(model.model_fields["action"].annotation)
    sets = model.model_construct(action=actions[0]).coded()
    told = {name: field for name, field in model.model_fields.items() if name != "action"}

    def listed(required: bool) -> str:
        names = [name for name, field in told.items() if field.is_required() is required]
        return ", ".join(
            f"`{name}`" + (f" (code set `{sets[name]}`)" if name in sets else "") for name in names
        )

    labels = "、".join(BY_ACTION[action].label for action in actions)
    return " ".join(f"`{action}`" for action in actions), labels, listed(True), listed(False)


def clocks() -> str:
    stage_of = {kind: stage for stage, kinds in STAGE_CLOCKS.items() for kind in kinds}
    limits = {
        ClockKind.HANDLING: "the condition's limit for the area class",
        ClockKind.MILESTONE: "the condition's limit for each step on the way",
        ClockKind.SUSPENSION: "the moment that was asked for",
        ClockKind.REPLYING: "the moment that the order names",
    }
    runs = {
        ClockKind.HANDLING: "dispatch to hand-back",
        ClockKind.MILESTONE: "dispatch to the step reached, or to hand-back",
        ClockKind.REPLYING: "each supervision order to its reply",
        ClockKind.APPEALING: "appeal to its end",
    }
    return table(
        ("clock", "计时", "runs", "ends after"),
        (
            (
                f"`{kind}`", label, runs.get(kind) or f"while the case is {STAGE_LABELS[stage_of[kind]][0]}",
                limits.get(kind, "its stage limit (环节时限)"),
            )
            for kind, label in WORDS[ClockKind].items()
        ),
    )  # fmt: skip


def code_sets() -> str:
    return table(("set", "代码集"), ((f"`{one}`", label) for one, label in WORDS[CodeSet].items()))


def policy() -> str:
    return table(
        ("setting", "办理规则", "default", ""),
        (
            (f"`{name}`", HEADINGS[name], _policy_default(field), field.description or "")
            for name, field in Policy.model_fields.items()
        ),
    )


def _policy_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    return " ".join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"`{value}`"


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "commands": commands,
    "jobs": jobs,
    "figures": figures,
    "errors": error_table,
    "routes": routes,
    "channel-routes": channel_routes,
    "filters": filters,
    "workflow-diagram": workflow_diagram,
    "stages": diagram.stage_table,
    "actions": diagram.action_table,
    "conditions": conditions,
    "contents": contents,
    "clocks": clocks,
    "code-sets": code_sets,
    "policy": policy,
    **{name: partial(make, report.stored()) for name, make in report.TABLES.items()},
}

if __name__ == "__main__":
    main()
