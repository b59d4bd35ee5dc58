"""The demo district: an invented town with a rulebook of its own, both replaced by a city's own files."""

from __future__ import annotations

from pathlib import Path

#: The demo district's rulebook as a folder of plain files.
RULEBOOK = Path(__file__).parent / "rulebook"
