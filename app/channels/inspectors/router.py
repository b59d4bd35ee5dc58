"""One router of the inspectors' topics."""

from __future__ import annotations

from fastapi import APIRouter

from app.channels.inspectors.beats import router as beats
from app.channels.inspectors.duty import router as duty
from app.channels.inspectors.offline import router as offline
from app.channels.inspectors.tasks import router as tasks
from app.channels.inspectors.tracks import router as tracks

router = APIRouter(tags=["监督员 Inspectors"])
for _topic in (tasks, duty, beats, tracks, offline):
    router.include_router(_topic.router)
