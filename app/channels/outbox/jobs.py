"""后台任务 of the outbox: what happened is sent to the receivers of webhooks.

The journal is looked at each second. A signal from its writers (NOTIFY) would be there half a second sooner,
but it makes them commit one after the other: the server takes a lock over all that signal at once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from app.job import Job
from app.requests import Services
from app.settings import WorkerSettings

if TYPE_CHECKING:
    from app.channels.outbox.delivery import Outbox


def _each_second(settings: WorkerSettings) -> str:
    return f"* * * * * */{settings.outbox_seconds}"


class _Outbox:
    """Sends what happened to the receivers of webhooks; gives how many messages arrived."""

    async def __call__(self, services: Services) -> int:
        return await self._sending(services)

    @cached_property
    def _sending(self) -> Outbox:
        # Only who sends loads the HTTP client: API processes read this module, too.
        from app.channels.outbox.delivery import Outbox

        return Outbox()


JOBS = (Job("outbox", _each_second, _Outbox()),)
