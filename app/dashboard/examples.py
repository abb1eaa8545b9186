"""Examples of the dashboard for the OpenAPI document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.dashboard.models import (
    Activity,
    ActivityPage,
    Change,
    DashboardMetrics,
    Event,
    Figures,
    Step,
    TrendPoint,
    Trends,
)
from app.jobs.examples import JOB_ID

_NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

METRICS = DashboardMetrics(
    total_jobs=120,
    by_status={"PENDING": 3, "RUNNING": 2, "COMPLETED": 110, "FAILED": 4, "CANCELLED": 1},
    success_rate=96.49,
    queue_depth=3,
    oldest_wait_seconds=1.2,
    workers_alive=2,
    window_hours=24,
    window=Figures(
        completed=20,
        failed=1,
        cancelled=0,
        success_rate=95.24,
        median_seconds=1.4,
        p95_seconds=12.8,
        rows_compared=1_130_440,
        match_percentage=99.12,
        anomalies=3,
        critical=1,
    ),
    previous=Figures(
        completed=18,
        failed=0,
        cancelled=1,
        success_rate=100.0,
        median_seconds=1.5,
        p95_seconds=11.0,
        rows_compared=1_020_000,
        match_percentage=99.4,
        anomalies=0,
        critical=0,
    ),
    change=Change(
        completed=2,
        failed=1,
        cancelled=-1,
        success_rate=-4.76,
        median_seconds=-0.1,
        p95_seconds=1.8,
        rows_compared=110_440,
        match_percentage=-0.28,
        anomalies=3,
        critical=1,
    ),
    as_of=_NOON,
)

TRENDS = Trends(
    step=Step.HOUR,
    timezone="UTC",
    points=[
        TrendPoint(
            start=_NOON,
            end=_NOON + timedelta(hours=1),
            completed=7,
            failed=0,
            cancelled=0,
            rows_compared=395_640,
            mean_seconds=1.61,
            match_percentage=98.7,
        )
    ],
)

ACTIVITY = ActivityPage(
    items=[
        Activity(
            at=_NOON,
            event=Event.COMPLETED,
            job_id=JOB_ID,
            kind="COMPARE",
            table_name="DEMO.AIRPORTS_PROD",
            submitted_by="ann",
            match_percentage=51.84,
        )
    ],
    next_cursor=None,
)
