"""Prometheus figures of one API process. Labels are route templates and statuses, never ids or users."""

from __future__ import annotations

from collections.abc import Callable

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

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


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

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Publish what `value` returns at the time of each scrape."""
        Gauge(name, meaning, registry=self.registry).set_function(value)


@get("/metrics", opt=PUBLIC, include_in_schema=False, media_type="text/plain")
async def metrics(state: State) -> Response[bytes]:
    """What Prometheus scrapes. Open to whoever reaches the port: it tells counts and times, no contents."""
    measured: Metrics = state.metrics
    return Response(generate_latest(measured.registry), media_type=CONTENT_TYPE_LATEST)
