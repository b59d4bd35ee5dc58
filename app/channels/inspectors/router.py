"""The routers of the inspectors' topics."""

from __future__ import annotations

from app.channels.inspectors.beats import router as beats
from app.channels.inspectors.duty import router as duty
from app.channels.inspectors.offline import router as offline
from app.channels.inspectors.tasks import router as tasks
from app.channels.inspectors.tracks import router as tracks

ROUTERS = tuple(topic.router for topic in (tasks, duty, beats, tracks, offline))
