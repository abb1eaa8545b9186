"""Prometheus figures of one worker, on a port of its own: off unless CONCORD_METRICS_PORT is set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from app.settings import Settings

_RUN_BUCKETS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
_CLAIM_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
WAKEUP_MODES = ("cqn", "cqn-degraded", "poll")


class WorkerMetrics:
    """The figures and the registry that holds them; one instance per worker. Labels are never ids."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.claimed = Counter("concord_worker_jobs_claimed", "Jobs claimed.", registry=self.registry)
        self.ended = Counter(
            "concord_worker_jobs_ended",
            "Attempts ended, by outcome: completed, cancelled, released, fence_lost or an error code.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.run_seconds = Histogram(
            "concord_worker_run_seconds",
            "Time from the claim of a job to the end of its attempt.",
            ["kind"],
            buckets=_RUN_BUCKETS,
            registry=self.registry,
        )
        self.claim_seconds = Histogram(
            "concord_worker_claim_seconds",
            "Time of one claim, the way to the database included.",
            buckets=_CLAIM_BUCKETS,
            registry=self.registry,
        )
        self.claim_errors = Counter(
            "concord_worker_claim_errors",
            "Claims that the database did not answer or refused.",
            registry=self.registry,
        )
        self.retried = Counter(
            "concord_worker_jobs_retried",
            "Attempts that failed and will be made again.",
            ["kind"],
            registry=self.registry,
        )
        self.lost = Counter(
            "concord_worker_jobs_lost",
            "Jobs taken from lost workers by this worker's housekeeping.",
            registry=self.registry,
        )
        self.rows = Counter(
            "concord_worker_rows_compared",
            "Rows of both sides of finished comparisons, by engine.",
            ["engine"],
            registry=self.registry,
        )
        self.compare_seconds = Counter(
            "concord_worker_compare_seconds",
            "Time that finished comparisons took, by engine.",
            ["engine"],
            registry=self.registry,
        )
        self.notifications = Counter(
            "concord_worker_notifications",
            "Announcements of new jobs by change notification; making a subscription counts as one.",
            registry=self.registry,
        )
        self.unannounced = Counter(
            "concord_worker_unannounced_jobs",
            "Jobs found by a poll that change notification had not announced.",
            registry=self.registry,
        )

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Publish what `value` returns at the time of each scrape."""
        Gauge(name, meaning, registry=self.registry).set_function(value)

    def watch_mode(self, mode: Callable[[], str]) -> None:
        """Publish the wake-up mode: 1 for the present one, 0 for the others."""
        gauge = Gauge(
            "concord_worker_wakeup_mode",
            "1 for the way in which the worker hears of new jobs now: cqn, cqn-degraded or poll.",
            ["mode"],
            registry=self.registry,
        )
        for each in WAKEUP_MODES:
            gauge.labels(each).set_function(partial(_is, mode, each))

    def serve(self, settings: Settings) -> None:
        """Answer Prometheus, on a thread. Raises OSError when the port is taken."""
        if settings.metrics_port:
            start_http_server(settings.metrics_port, settings.metrics_host, self.registry)


def _is(mode: Callable[[], str], wanted: str) -> float:
    return float(mode() == wanted)
