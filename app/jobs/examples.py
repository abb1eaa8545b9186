"""What the documentation of the job routes shows: real shapes, from the two releases of the airports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from litestar.openapi.spec import Example

from app.jobs.models import ComparisonJob, ComparisonResults, JobAttempt, JobError, JobStatus

JOB_ID = "0b0e7e0e-6a3f-4f5b-9a53-0d7d5c1b8b6e"
_NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

REQUESTS = [
    Example(
        summary="Two tables, everything inferred",
        value={"source": {"table": "DEMO.AIRPORTS_PROD"}, "target": {"table": "DEMO.AIRPORTS_UAT"}},
    ),
    Example(
        summary="With key, tolerances and an ignored column",
        value={
            "source": {"table": "DEMO.AIRPORTS_PROD"},
            "target": {"table": "DEMO.AIRPORTS_UAT"},
            "key": ["ICAO"],
            "ignore": ["LID"],
            "rules": {"LAT": {"tolerance": "0.00001"}, "LON": {"tolerance": "0.00001"}},
            "sample_limit": 20,
            "priority": 5,
        },
    ),
]

REQUESTS += [
    Example(
        summary="A file against a table, columns of other names",
        value={
            "source": {"table": "DEMO.AIRPORTS_PROD"},
            "target": {"file": "exports/airports.csv", "csv": {"delimiter": ";", "nulls": ["NA"]}},
            "column_map": {"ICAO": "code", "ELEVATION": "feet"},
            "key": ["ICAO"],
        },
    ),
    Example(
        summary="Some rows of a table against a query",
        value={
            "source": {
                "table": "DEMO.AIRPORTS_PROD",
                "where": [{"column": "COUNTRY", "is": "in", "value": ["AT", "CH", "DE"]}],
            },
            "target": {
                "query": "select * from demo.airports_uat where country in ('AT', 'CH', :third)",
                "binds": {"third": "DE"},
            },
            "key": ["ICAO"],
        },
    ),
]

REQUEST: dict[str, Any] = {
    "source": {"table": "DEMO.AIRPORTS_PROD"},
    "target": {"table": "DEMO.AIRPORTS_UAT"},
    "key": ["ICAO"],
    "rules": {"LAT": {"tolerance": "0.00001"}},
}

JOB = ComparisonJob(
    job_id=JOB_ID,
    kind="COMPARE",
    table_name="DEMO.AIRPORTS_PROD",
    status=JobStatus.RUNNING,
    progress=42.5,
    current_step="reading DEMO.AIRPORTS_UAT",
    queue="DEFAULT",
    priority=5,
    attempt=1,
    max_attempts=3,
    cancel_requested=False,
    submitted_by="admin",
    worker_id="db1-4711-9f3c",
    created_at=_NOON,
    due_at=_NOON,
    started_at=_NOON + timedelta(milliseconds=40),
    completed_at=None,
    estimated_completion=_NOON + timedelta(seconds=3),
    updated_at=_NOON + timedelta(seconds=1),
    execution_time_seconds=None,
    total_prod_records=None,
    total_uat_records=None,
    match_percentage=None,
    anomalies_detected=None,
    has_critical_issues=None,
    version=4,
    error=None,
    request=REQUEST,
)

ATTEMPTS = [
    JobAttempt(
        run_token=1,
        attempt=1,
        worker_id="db2-4712-77aa",
        started_at=_NOON - timedelta(minutes=2),
        ended_at=_NOON - timedelta(minutes=1),
        outcome="LOST",
        error=JobError(
            code="worker_lost",
            sentence="Worker db2-4712-77aa was lost while it ran attempt 1 of 3.",
            attempt=1,
            worker="db2-4712-77aa",
            retryable=True,
            at="2026-01-31T11:59:00.000Z",
        ),
    ),
    JobAttempt(
        run_token=2,
        attempt=2,
        worker_id="db1-4711-9f3c",
        started_at=_NOON,
        ended_at=None,
        outcome="RUNNING",
        error=None,
    ),
]

RESULTS = ComparisonResults(
    summary={
        "rows_a": 4,
        "rows_b": 4,
        "matched": 3,
        "equal": 2,
        "changed": 1,
        "only_a": 1,
        "only_b": 1,
        "duplicate_keys_a": 0,
        "duplicate_keys_b": 0,
        "null_keys_a": 0,
        "null_keys_b": 0,
        "match_percentage": 40.0,
    },
    columns=[{"name": "LAT", "different": 1, "null_against_value": 0, "classes": {}, "patterns": []}],
    schema={"only_a": [], "only_b": [], "different": [], "key": ["ICAO"], "key_origin": "primary key"},
    samples={
        "changed": [{"key": {"ICAO": "00AK"}, "cells": [{"column": "LAT", "a": "59.94", "b": "59.95"}]}],
        "only_a": [{"key": {"ICAO": "00AL"}, "row": {"ICAO": "00AL", "LAT": "34.86"}}],
        "only_b": [{"key": {"ICAO": "00AN"}, "row": {"ICAO": "00AN", "LAT": "59.09"}}],
        "duplicates_a": [],
        "duplicates_b": [],
    },
    compared={
        "source": "DEMO.AIRPORTS_PROD",
        "target": "DEMO.AIRPORTS_UAT",
        "started_at": "2026-01-31T12:00:00.040Z",
        "seconds": 2.1,
        "engine": "arrow-duckdb",
        "rules": {},
    },
)
