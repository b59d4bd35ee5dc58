"""后台任务 of the outbox: what happened is sent to the receivers of webhooks.

The journal is looked at each second. A signal from its writers (NOTIFY) would be there half a second sooner,
but it makes them commit one after the other: the server takes a lock over all that signal at once.
"""

from __future__ import annotations

from app.job import Job
from app.requests import Services
from app.settings import WorkerSettings


def _each_second(settings: WorkerSettings) -> str:
    return f"* * * * * */{settings.outbox_seconds}"


class _Outbox:
    """Sends what happened to the receivers of webhooks; gives how many messages arrived."""

    async def __call__(self, services: Services) -> int:
        # Only who sends loads the HTTP client: API processes read this module, too.
        from app.channels.outbox.delivery import Outbox

        if not hasattr(self, "_sending"):
            self._sending = Outbox()
        return await self._sending(services)


JOBS = (Job("outbox", _each_second, _Outbox()),)
