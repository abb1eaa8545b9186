"""The figures of a dashboard on the wire."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What finished within a span of time."""

    completed: int
    failed: int
    cancelled: int
    success_rate: Annotated[
        float | None, Meta(description="Percent of completed and failed jobs that completed; null if none.")
    ]
    median_seconds: Annotated[
        float | None, Meta(description="Run time that half of the completed jobs did not exceed.")
    ]
    p95_seconds: Annotated[
        float | None, Meta(description="Run time that 95 in 100 completed jobs did not exceed.")
    ]
    rows_compared: Annotated[int, Meta(description="Rows of both sides of completed comparisons.")]
    match_percentage: Annotated[float | None, Meta(description="Mean over completed comparisons.")]
    anomalies: int
    critical: Annotated[int, Meta(description="Completed jobs with critical findings.")]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`window` less `previous`, figure by figure; null where either is."""

    completed: int
    failed: int
    cancelled: int
    success_rate: float | None
    median_seconds: float | None
    p95_seconds: float | None
    rows_compared: int
    match_percentage: float | None
    anomalies: int
    critical: int


class DashboardMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures at the top of a dashboard: how things stand, and how a window of time went."""

    total_jobs: int
    by_status: Annotated[dict[str, int], Meta(description="Jobs by status; every status is present.")]
    success_rate: Annotated[
        float | None,
        Meta(description="Percent of all finished jobs (completed or failed) that completed; null if none."),
    ]
    queue_depth: Annotated[int, Meta(description="Pending jobs that are due.")]
    oldest_wait_seconds: Annotated[float | None, Meta(description="Of the due job that waits longest.")]
    workers_alive: int
    window_hours: int
    window: Annotated[Figures, Meta(description="Jobs that finished in the last `window_hours`.")]
    previous: Annotated[Figures, Meta(description="Jobs that finished in as many hours before.")]
    change: Change
    as_of: datetime


class Step(StrEnum):
    """The width of a bucket of a trend."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What finished between `start` and `end`; a bucket without a job is there too."""

    start: datetime
    end: datetime
    completed: int
    failed: int
    cancelled: int
    rows_compared: int
    mean_seconds: Annotated[float | None, Meta(description="Run time of completed jobs.")]
    match_percentage: Annotated[float | None, Meta(description="Mean over completed comparisons.")]


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """A row of buckets without gaps, in the zone's own hours, days or weeks (from Monday)."""

    step: Step
    timezone: str
    points: list[TrendPoint]


class Event(StrEnum):
    """What happened to a job."""

    SUBMITTED = "submitted"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the feed."""

    at: datetime
    event: Event
    job_id: str
    kind: str
    table_name: str
    submitted_by: str | None
    match_percentage: float | None


class ActivityPage(msgspec.Struct, frozen=True, kw_only=True):
    """The feed, newest first."""

    items: list[Activity]
    next_cursor: Annotated[
        str | None, Meta(description="Give it as `cursor` for older lines; null at the end.")
    ]
