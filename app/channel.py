"""渠道的样子: what a channel brings to the service. `channels/catalogue.py` names them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import APIRouter

from app.job import Job

if TYPE_CHECKING:
    import typer


@dataclass(frozen=True, slots=True)
class Channel:
    """渠道: a way in for reports, or out for answers. Its contract is `docs/channels/<name>.md`.

    `routers` are mounted below `/api/v1`, `roots` (of protocols that fix their own paths) below `/`.
    `commands` become `chengguan <name> …`; they are loaded by who types one, not by the API.
    """

    name: str
    label: str
    summary: str
    routers: tuple[APIRouter, ...] = ()
    roots: tuple[APIRouter, ...] = ()
    jobs: tuple[Job, ...] = ()
    commands: Callable[[], typer.Typer] | None = None

    @property
    def tag(self) -> str:
        """Under what heading the API's description has its routes."""
        return f"{self.label} {self.name.capitalize()}"
