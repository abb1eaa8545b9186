"""Rows of COMPARISON_JOBS as the structs of `models`: types, times and JSON documents converted."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from app.jobs.models import ComparisonJob, JobAttempt, JobError, JobProgress, JobStatus

JOB_COLUMNS = """
       job_id, kind, table_name, status, progress_percentage, current_step, queue_name, priority, attempt,
       max_attempts, cancel_requested, submitted_by, worker_id, created_at, due_at, started_at, completed_at,
       estimated_completion, updated_at, execution_time_seconds, total_prod_records, total_uat_records,
       match_percentage, anomalies_detected, has_critical_issues, row_version, error_details, json_query(request_config, '$.tags'),
       held, limit_key"""

PROGRESS_COLUMNS = """
       job_id, kind, table_name, submitted_by, status, progress_percentage, current_step, attempt,
       estimated_completion, match_percentage, json_value(error_details, '$.sentence'), row_version, updated_at"""


def time_of(value: datetime | None) -> datetime | None:
    """A database time as an aware one."""
    return None if value is None else value.replace(tzinfo=UTC)


def required_time(value: datetime) -> datetime:
    """A database time that is never NULL as an aware one."""
    return value.replace(tzinfo=UTC)


def to_json(value: Any) -> str:
    """The JSON text of a value."""
    return msgspec.json.encode(value).decode()


def from_json(value: Any) -> Any:
    """A JSON column's value. The driver parses it where the server tells of the IS JSON check."""
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def integer(value: Decimal | None) -> int | None:
    """A NUMBER as int."""
    return None if value is None else int(value)


def number(value: Decimal | None) -> float | None:
    """A NUMBER as float."""
    return None if value is None else float(value)


def progress_of_row(row: tuple[Any, ...]) -> JobProgress:
    """A row of PROGRESS_COLUMNS."""
    return JobProgress(
        job_id=row[0],
        kind=row[1],
        table_name=row[2],
        submitted_by=row[3] or "",
        status=JobStatus(row[4]),
        progress=float(row[5]),
        current_step=row[6],
        attempt=int(row[7]),
        estimated_completion=time_of(row[8]),
        match_percentage=number(row[9]),
        error=row[10],
        version=int(row[11]),
        updated_at=required_time(row[12]),
    )


def job_of_row(row: tuple[Any, ...], request: dict[str, Any] | None = None) -> ComparisonJob:
    """A row of JOB_COLUMNS."""
    error = from_json(row[26])
    return ComparisonJob(
        job_id=row[0],
        kind=row[1],
        table_name=row[2],
        status=JobStatus(row[3]),
        progress=float(row[4]),
        current_step=row[5],
        queue=row[6],
        priority=int(row[7]),
        attempt=int(row[8]),
        max_attempts=int(row[9]),
        cancel_requested=bool(row[10]),
        submitted_by=row[11] or "",
        worker_id=row[12],
        created_at=required_time(row[13]),
        due_at=time_of(row[14]),
        started_at=time_of(row[15]),
        completed_at=time_of(row[16]),
        estimated_completion=time_of(row[17]),
        updated_at=required_time(row[18]),
        execution_time_seconds=number(row[19]),
        total_prod_records=integer(row[20]),
        total_uat_records=integer(row[21]),
        match_percentage=number(row[22]),
        anomalies_detected=integer(row[23]),
        has_critical_issues=None if row[24] is None else bool(row[24]),
        version=int(row[25]),
        error=None if error is None else msgspec.convert(error, JobError),
        tags=_texts_of(from_json(row[27])),
        held=bool(row[28]),
        limit_key=row[29],
        request=request,
    )


def _texts_of(value: Any) -> list[str]:
    """The texts in an array; a request that was written by hand may hold anything."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def attempt_of_row(row: tuple[Any, ...]) -> JobAttempt:
    """A row of JOB_ATTEMPTS_V without its job."""
    error = from_json(row[6])
    return JobAttempt(
        run_token=int(row[0]),
        attempt=int(row[1]),
        worker_id=row[2],
        started_at=required_time(row[3]),
        ended_at=time_of(row[4]),
        outcome=row[5],
        error=None if error is None else msgspec.convert(error, JobError),
    )
