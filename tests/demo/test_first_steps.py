"""The first steps of the README, run by the shell against the demo district as it is served."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.clock import WallClock
from app.demo import installation
from app.main import create_app
from app.session import open_services
from app.settings import Environment, Settings
from scripts.docs import ROOT
from tests.serving import served_at


@pytest.fixture
def served(cloned_url: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of the API over a demo district without cases, and the password of its accounts."""
    settings = Settings(database_url=cloned_url, data=tmp_path, environment=Environment.DEMO)
    asyncio.run(_prepare(settings))
    with served_at(create_app(settings)) as address:
        yield address, installation.password(settings)


async def _prepare(settings: Settings) -> None:
    async with open_services(settings) as parts:
        rules = installation.rulebook(WallClock().now())
        await installation.prepare(parts, rules, lambda _: None)


def test_the_first_steps_of_the_readme_can_be_taken(served: tuple[str, str]):
    address, password = served
    readme = (ROOT / "README.md").read_text()
    found = re.search(r"```sh\n(API=.*?)```", readme, re.DOTALL)
    assert found is not None
    steps, replaced = re.subn(r"^API=\S+", f"API={address}", found[1], flags=re.MULTILINE)
    steps, told = re.subn(r"^PASSWORD=\$\(.*?\)", f"PASSWORD={password}", steps, flags=re.MULTILINE)
    assert (replaced, told) == (1, 1)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", steps], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for words in ('"stage": "signing"', '"lead": "enforcement"', "紧急工作时", '"next_cursor"'):
        assert words in done.stdout
