"""Prometheus figures of one API process. Labels are route templates and statuses, never ids or users."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from litestar import Response, get
from litestar.datastructures import State
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from app.accounts.permissions import PUBLIC
from app.dashboard.models import DashboardMetrics
from app.jobs.models import JobStatus
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WINDOW_HOURS = 24  # as the dashboard asks by default, so that one count serves both


class Metrics:
    """The figures and the registry that holds them; one instance per application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "concord_http_requests",
            "HTTP requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "concord_http_request_seconds",
            "Time to the last byte of the answer.",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.database_calls = Histogram(
            "concord_database_call_seconds",
            "Calls to the database, with the wait for a free session.",
            ["outcome"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._database_up = self._gauge("concord_database_up", "1 if the database answered at this scrape.")
        self._jobs = Gauge(
            "concord_jobs", "Jobs by status, over the whole installation.", ["status"], registry=self.registry
        )
        self._depth = self._gauge("concord_queue_depth", "Pending jobs that are due.")
        self._wait = self._gauge("concord_queue_oldest_wait_seconds", "Of the due job that waits longest.")
        self._workers = self._gauge("concord_workers_alive", "Workers whose lease has not run out.")

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Publish what `value` returns at the time of each scrape."""
        self._gauge(name, meaning).set_function(value)

    def show(self, figures: DashboardMetrics | None) -> None:
        """How the queue stands; None while the database is away, and then the last figures stay."""
        self._database_up.set(figures is not None)
        if figures is None:
            return
        for status in JobStatus:
            self._jobs.labels(status.lower()).set(figures.by_status[status])
        self._depth.set(figures.queue_depth)
        self._wait.set(figures.oldest_wait_seconds or 0.0)
        self._workers.set(figures.workers_alive)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self.registry)


@get("/metrics", opt=PUBLIC, include_in_schema=False, media_type="text/plain")
async def metrics(state: State) -> Response[bytes]:
    """What Prometheus scrapes. Open to whoever reaches the port: it tells counts and times, no contents."""
    measured: Metrics = state.metrics
    try:
        measured.show(await state.dashboard.metrics(_WINDOW_HOURS))
    except OracleError as error:
        log.debug("no figures of the queue for this scrape", code=error.code)
        measured.show(None)
    return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)
