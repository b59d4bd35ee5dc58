"""回单: what is told of an order, in the city's own fields and codes. Pure."""

from __future__ import annotations

from collections.abc import Mapping as Values
from datetime import datetime
from typing import Any

from app.channels.hotline.mapping import CODED, Mapping


def reply(mapping: Mapping, told: Values[str, Any]) -> dict[str, str]:
    """Their document: what is not known is an empty text."""
    return {theirs: _written(mapping, ours, told[ours]) for theirs, ours in mapping.reply.items()}


def _written(mapping: Mapping, ours: str, value: Any) -> str:
    if value is None:
        return ""
    if ours in CODED:
        return mapping.written(ours, str(value))
    if isinstance(value, datetime):
        return value.astimezone(mapping.time.tzinfo).strftime(mapping.time.format)
    return str(value)
