"""Figures for Prometheus: requests, their durations, and the connections in use.

With several API processes each writes its figures to files in one folder, and whichever is asked answers
for all of them.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from app.db import Database
from app.settings import figures_folder

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one API process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "chengguan_http_requests",
            "Requests answered, by route template, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "chengguan_http_request_seconds",
            "Time from the first byte in to the last byte out.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "chengguan_http_requests_in_flight",
            "Requests being answered now.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self.shed = Counter(
            "chengguan_http_requests_shed",
            "Requests answered 503 `overloaded`: nothing was done for them.",
            registry=self.registry,
        )
        self.connections = Gauge(
            "chengguan_database_connections_in_use",
            "Connections of the pools in use now.",
            multiprocess_mode="livesum",
            registry=self.registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one request."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route, method).observe(seconds)

    def watch(self, database: Database) -> None:
        """Counts the database's connections as they are taken and given back."""
        database.watch(self.connections.inc)

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format: this process's, or those of all its siblings."""
        folder = figures_folder()
        if folder is None:
            return generate_latest(self.registry)
        _forget_the_killed(folder)
        gathered = CollectorRegistry()
        MultiProcessCollector(gathered)  # type: ignore[no-untyped-call]
        return generate_latest(gathered)


def _forget_the_killed(folder: Path) -> None:
    """A process that was killed took back nothing of what it had under way."""
    for figures in folder.glob("gauge_live*.db"):
        process = figures.stem.rpartition("_")[2]
        if not Path(f"/proc/{process}").exists():
            figures.unlink(missing_ok=True)


router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    figures: Metrics = request.app.state.metrics
    return Response(figures.exposition(), media_type=CONTENT_TYPE_LATEST)
