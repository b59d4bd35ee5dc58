"""The documentation is complete, says what the code does, and every link leads somewhere."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from app import problems
from app.cases.guards import Guard
from app.cases.workflow import Action, Stage
from app.channels.catalogue import CHANNELS
from app.dispatch.rulebook import ClockKind, CodeSet, Policy
from app.geo import Datum
from app.identity.principal import Role
from scripts import docs

ROOT = docs.ROOT
PAGES = docs.pages()


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def everything() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def undocumented(names: Iterable[str]) -> list[str]:
    """Names that stand nowhere in the documentation in code type, alone or as the beginning of it."""
    told = set(re.findall(r"`([\w.-]+)", everything()))
    return sorted(set(names) - told)


# -- what is made from the code is fresh ------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_generated_parts_are_what_make_docs_writes(page: Path):
    text = page.read_text()
    assert text.count("<!-- generated: ") == text.count("<!-- end -->")
    assert text == docs.renewed(text), "run `make docs`"


def test_every_part_that_is_made_has_a_place():
    used = set(re.findall(r"<!-- generated: ([\w-]+) -->", everything()))
    assert used == set(docs.BLOCKS)


# -- everything stands somewhere --------------------------------------------------------------------------


def test_every_setting_stands_in_the_docs():
    assert undocumented(docs.setting_descriptions()) == []


def test_every_channel_has_its_contract():
    written = {page.stem for page in (ROOT / "docs" / "channels").glob("*.md")}
    assert written == {channel.name for channel in CHANNELS}


def test_every_setting_says_what_it_is():
    assert [name for name, description in docs.setting_descriptions().items() if not description] == []


def test_every_command_stands_in_the_docs():
    assert [command for command in docs.command_names() if f"`{command}" not in everything()] == []


def test_every_error_has_an_answer_and_stands_in_the_docs():
    assert set(docs.error_names()) == set(problems.ANSWERS)
    assert undocumented(error.code for error in problems.ANSWERS) == []


def test_every_word_of_the_workflow_stands_in_the_docs():
    words = [*Stage, *Action, *Guard, *ClockKind, *CodeSet, *Policy.model_fields]
    assert undocumented(map(str, words)) == []


def test_every_role_and_datum_stands_in_the_docs():
    assert undocumented(map(str, [*Role, *Datum])) == []


def test_every_direct_dependency_has_a_line_and_no_other():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    page = (ROOT / "docs" / "dependencies.md").read_text()
    named_there = set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE))
    assert named_there == {re.split(r"[\[=]", one)[0] for one in direct}


# -- links ------------------------------------------------------------------------------------------------


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and anchor of every link of the page that does not leave the repository."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and Forgejo make them."""
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path):
    for target, anchor in links(page):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{named(target)}#{anchor}"


def test_every_page_is_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for target, _ in links(page) if target.suffix == ".md"]
    assert sorted(map(named, set(PAGES) - reached)) == []


def test_paths_named_in_the_docs_exist():
    """`app/…`, `tests/…` and their like, so that a how-to does not send people to a file that moved."""
    paths = set(re.findall(r"`((?:app|tests|migrations|scripts|docs)/[\w/.-]+)`", everything()))
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


# -- words that have no place here --------------------------------------------------------------------------


WORDS = re.compile(r"\b(Claude|Anthropic|ChatGPT|OpenAI|Copilot|LLM|AI-generated|(?<!user-)agents?)\b", re.I)
#: Where things lay when they were made; tests and benchmarks may read the real data beside the repository.
PLACES = re.compile(r"(?<![\w/])/work/|\bshared/")


def texts() -> Iterator[Path]:
    for path in ROOT.iterdir():
        if path.is_file() and path.suffix != ".lock" and path.name != ".git":
            yield path
    for folder in ("app", "bench", "docs", "migrations", "scripts", "tests", ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix not in (".pyc", ".xlsx", ".zip", ".gz") and path.is_file():
                yield path


def test_no_file_tells_of_the_place_it_was_made_at():
    found = []
    for path in texts():
        text, folder = path.read_text(), path.relative_to(ROOT).parts[0]
        matches = [] if path == Path(__file__) else WORDS.findall(text)
        matches += [] if folder in ("tests", "bench") else PLACES.findall(text)
        found += [f"{named(path)}: {match}" for match in matches]
    assert found == []
