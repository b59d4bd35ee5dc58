"""Recovery is rehearsed in the small city of `tests/world.py`, on private clusters of its own."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from app.postgres import PrivateCluster
from app.session import private_cluster
from scripts.docs import ROOT
from tests.city import founded
from tests.test_cli import run

__all__ = ["Carried", "as_documented", "command", "founded", "hasty_cluster"]


async def command(*arguments: str, **environment: str) -> Result:
    """A command, beside what goes on here."""
    return await asyncio.to_thread(run, *arguments, **environment)


def hasty_cluster(data: Path) -> PrivateCluster:
    """The private cluster of a data folder. The power does not fail here: nothing waits for the disk."""
    return PrivateCluster(private_cluster(data).folder, durable=False)


#: Carries out the first block of commands of `docs/operations.md` that begins so, with other folders and
#: moments in place of the documented ones; gives each command's result.
Carried = Callable[..., list[Result]]


@pytest.fixture
def as_documented() -> Carried:
    page = (ROOT / "docs" / "operations.md").read_text()
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if not language]

    def carried(begins: str, replaced: dict[str, str], **environment: str) -> list[Result]:
        (block,) = [block for block in blocks if block.startswith(begins)]
        for documented, ours in replaced.items():
            assert documented in block
            block = block.replace(documented, ours)
        results = []
        for line in block.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program == "export":
                environment |= dict(one.split("=", 1) for one in arguments)
                continue
            assert program == "chengguan"
            done = run(*arguments, **environment)
            assert done.exit_code == 0, f"{line}: {done.output}"
            results.append(done)
        return results

    return carried
