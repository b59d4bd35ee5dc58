"""The house rules that can be checked (`docs/decisions/`, design): each fails here when it is broken."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = sorted((ROOT / "app").rglob("*.py"))
EVERYTHING = [
    *APP,
    *(p for folder in ("tests", "migrations", "scripts", "bench") for p in (ROOT / folder).rglob("*.py")),
]

MOST_LINES = 400
#: A file past the limit is usually a missing noun; these are not.
LONGER: dict[str, str] = {}

#: Where SQL is written besides `store.py` and `tables.py`: never a router or a service, and a new module
#: here is a decision.
SQL_MODULES = {
    "app/alone.py",
    "app/cases/album.py",
    "app/cases/candidates.py",
    "app/cases/duplicates.py",
    "app/cases/journal.py",
    "app/cases/queue.py",
    "app/cases/scope.py",
    "app/cases/tasks.py",
    "app/channels/inspectors/tracks/partitions.py",
    "app/channels/sensors/classes.py",
    "app/grid/gazetteer.py",
    "app/cases/stream.py",
    "app/grid/importing.py",
    "app/grid/lookup.py",
    "app/grid/merging.py",
    "app/health.py",
    "app/idempotency.py",
    "app/identity/asking.py",
    "app/migrate.py",
}
SQL_NAMES = {"select", "text", "insert", "update", "delete", "func", "literal", "union_all", "exists"}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.AST) -> str:
    """`datetime.now` of the expression `datetime.now`; empty for anything else than names and dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def docstrings(module: ast.Module) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in ast.walk(module):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            found.add(body[0].value)
    return found


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Every imported module with each imported name, an empty one for `import module`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def speaks_sql(path: Path) -> bool:
    return any(module.startswith("sqlalchemy") and name in SQL_NAMES for module, name in imports(path))


def test_only_the_clock_tells_the_time():
    present = re.compile(r"(datetime|date|dt)\.(now|utcnow|today)|time\.(time|time_ns)|func\.now")
    in_sql = re.compile(
        r"\b(now|clock_timestamp|statement_timestamp)\(\)|\bcurrent_(timestamp|date|time)\b", re.I
    )
    broken = []
    for path in APP:
        if named(path) == "app/clock.py":
            continue
        prose = docstrings(tree(path))
        for node in ast.walk(tree(path)):
            if present.fullmatch(dotted(node)) or (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node not in prose
                and in_sql.search(node.value)
            ):
                broken.append(f"{named(path)}:{node.lineno}")
    assert broken == []


def test_only_the_settings_read_the_environment():
    names = {"os.environ", "os.getenv", "os.putenv"}
    assert [
        f"{named(path)}:{node.lineno}"
        for path in APP
        for node in ast.walk(tree(path))
        if dotted(node) in names and named(path) != "app/settings.py"
    ] == []


def test_only_the_database_commits():
    calls = ("commit", "rollback")
    assert [
        f"{named(path)}:{node.lineno}"
        for path in APP
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in calls
        and named(path) != "app/db.py"
    ] == []


def test_sql_stands_where_it_is_looked_for():
    found = {named(path) for path in APP if speaks_sql(path)}
    in_stores = {name for name in found if Path(name).name in ("store.py", "tables.py")}
    assert found - in_stores <= SQL_MODULES
    assert all((ROOT / name).exists() for name in SQL_MODULES)


def test_routers_and_services_send_no_statements():
    assert [
        f"{named(path)}:{node.lineno}"
        for path in APP
        if path.stem in ("router", "service", "commands")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("execute", "scalar", "scalars", "exec_driver_sql")
    ] == []


def test_no_orm_session():
    assert [
        f"{named(path)}: {name}"
        for path in APP
        for _, name in imports(path)
        if name in ("Session", "AsyncSession", "sessionmaker", "async_sessionmaker", "relationship")
    ] == []


def test_no_file_is_too_long():
    lengths = {named(path): len(path.read_text().splitlines()) for path in EVERYTHING}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES and name not in LONGER} == {}
    assert all(lengths.get(name, 0) > MOST_LINES for name in LONGER), "take the short ones off the list"


def test_modules_are_named_for_what_they_are():
    nothing = re.compile(r"utils?|helpers?|managers?|common|misc|base|core|lib")
    assert [
        named(p) for p in EVERYTHING if nothing.fullmatch(p.stem) or nothing.fullmatch(p.parent.name)
    ] == []


@pytest.mark.parametrize("path", APP, ids=named)
def test_a_module_says_what_it_is(path: Path):
    if not path.read_text():
        return
    assert ast.get_docstring(tree(path)), "give the module a docstring"
    if path.name != "__init__.py":
        assert ("__future__", "annotations") in set(imports(path))


def test_the_service_reads_nothing_outside_the_project():
    assert [named(path) for path in APP if re.search(r"\.\./shared|/work/", path.read_text())] == []
