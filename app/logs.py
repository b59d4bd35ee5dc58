"""Structured logs: one JSON object a line on standard error, each with the id of its request or job."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from app.settings import LogSettings

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

#: Local variables hold passwords and what citizens wrote: they do not belong in a log.
_WITHOUT_LOCALS = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


class _Lines(structlog.WriteLogger):
    """Writes to standard error; `name` is what `add_logger_name` asks for."""

    def __init__(self, name: str) -> None:
        super().__init__(sys.stderr)
        self.name = name


def configure(settings: LogSettings) -> None:
    """Writes our own logs and those of every library alike. For long-running processes.

    Ours do not pass the standard library: every request writes a line, and that would double its cost.
    """
    if settings.json_lines:
        render: list[Processor] = [
            structlog.processors.ExceptionRenderer(_WITHOUT_LOCALS),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        render = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it tells every job several times
    structlog.configure(
        processors=[*_SHARED, *render],
        logger_factory=lambda *names: _Lines("".join(names)),
        wrapper_class=structlog.make_filtering_bound_logger(settings.level.lower()),
        cache_logger_on_first_use=True,
    )
