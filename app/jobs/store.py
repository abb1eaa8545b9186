"""All SQL of jobs, in the order of a job's life. Writes go through package JOB_QUEUE; reads are plain SQL.

Used by the API and by the worker, each with a pool of its own. Every method raises OracleError or one of
its subclasses: NotFoundError (no such job), ConflictError (not in this state), ArgumentError, and
DatabaseUnavailableError, after which the same call may succeed.

Times in the database are UTC in TIMESTAMP(6) columns; here they are aware datetimes.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import oracledb

from app.jobs.listing import JobFilter, JobPage, Listing
from app.jobs.models import (
    ClaimedJob,
    ComparisonJob,
    ComparisonRequest,
    ComparisonResults,
    DashboardMetrics,
    JobError,
    JobProgress,
    JobStatus,
)
from app.oracle.errors import ConflictError, DatabaseUnavailableError, NotFoundError
from app.oracle.pool import NUMBER_OUT, TEXT_OUT, OraclePool, Out, to_database

_JOB_COLUMNS = """
       job_id, kind, table_name, status, progress_percentage, current_step, queue_name, priority, attempt,
       max_attempts, cancel_requested, submitted_by, worker_id, created_at, due_at, started_at, completed_at,
       estimated_completion, updated_at, execution_time_seconds, total_prod_records, total_uat_records,
       match_percentage, anomalies_detected, has_critical_issues, row_version, error_details"""


class OracleJobStorage:
    """The jobs in COMPARISON_JOBS and the workers in WORKERS."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    # Submitted

    async def enqueue(
        self,
        request: ComparisonRequest,
        *,
        table_name: str,
        submitted_by: str,
        kind: str = "COMPARE",
        due_at: datetime | None = None,
        unique_key: str | None = None,
        job_id: str | None = None,
    ) -> str:
        """Put a job into its queue; returns its id.

        The id is made here, so that a connection that dies during the commit leaves no doubt: the row is
        there or it is not. Raises ConflictError if a job with this unique key waits or runs already.
        """
        new_id = job_id or str(uuid.uuid4())
        binds = {
            "job_id": TEXT_OUT,
            "kind": kind,
            "table_name": table_name,
            "request_config": request.to_json(),
            "submitted_by": submitted_by,
            "queue_name": request.queue,
            "priority": request.priority,
            "due_at": None if due_at is None else to_database(due_at),
            "max_attempts": request.max_attempts,
            "unique_key": unique_key,
            "new_id": new_id,
        }
        sql = """
            begin
               :job_id := job_queue.enqueue(in_kind => :kind
                                           ,in_table_name => :table_name
                                           ,in_request_config => :request_config
                                           ,in_submitted_by => :submitted_by
                                           ,in_queue_name => :queue_name
                                           ,in_priority => :priority
                                           ,in_due_at => :due_at
                                           ,in_max_attempts => :max_attempts
                                           ,in_unique_key => :unique_key
                                           ,in_job_id => :new_id);
            end;"""
        try:
            outs = await self._pool.block("enqueue", sql, binds)
        except DatabaseUnavailableError as error:
            if error.code != "DPY-4011" or not await self._exists(new_id):
                raise
            return new_id
        return str(outs["job_id"])

    async def _exists(self, job_id: str) -> bool:
        sql = "select count(*) from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("find job", sql, {"job_id": job_id})
        return bool(rows[0][0])

    # Looked at

    async def get(self, job_id: str) -> ComparisonJob:
        """One job with its request. Raises NotFoundError."""
        sql = f"select {_JOB_COLUMNS}, request_config from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("get job", sql, {"job_id": job_id})
        if not rows:
            raise no_such_job(job_id)
        *job, request = rows[0]
        return _job(tuple(job), request=_document(request))

    async def request(self, job_id: str) -> ComparisonRequest:
        """What the job was asked to do. Raises NotFoundError, and msgspec.ValidationError if a hand-written
        REQUEST_CONFIG is not a valid request."""
        sql = "select request_config from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("get request", sql, {"job_id": job_id})
        if not rows:
            raise no_such_job(job_id)
        return msgspec.convert(_document(rows[0][0]), ComparisonRequest)

    async def page(self, filters: JobFilter) -> JobPage:
        """One page of jobs without their requests. Raises CursorError if the cursor is not one of ours."""
        listing = Listing(filters)
        sql = f"""
            select {_JOB_COLUMNS}
              from comparison_jobs
             where {listing.where}
             order by {listing.order_by}
             fetch first :row_limit rows only"""
        rows = await self._pool.rows("list jobs", sql, listing.binds)
        return listing.page([_job(row) for row in rows])

    async def results(self, job_id: str) -> ComparisonResults:
        """The result document. Raises NotFoundError, and ConflictError while there is none."""
        sql = """
            select status, comparison_results, column_mismatches, ml_analysis
              from comparison_jobs
             where job_id = :job_id"""
        rows = await self._pool.rows("get results", sql, {"job_id": job_id})
        if not rows:
            raise no_such_job(job_id)
        status, results, mismatches, ml_analysis = rows[0]
        if status != JobStatus.COMPLETED or results is None:
            raise ConflictError(f"Job {job_id} is {status}: it has no results.", code="no-results")
        document = {**(_document(results) or {}), **(_document(mismatches) or {})}
        return ComparisonResults(
            summary=document.get("summary", {}),
            columns=document.get("columns", []),
            schema=document.get("schema", {}),
            samples=document.get("samples", {}),
            compared=document.get("compared", {}),
            ml_analysis=_document(ml_analysis),
            workflow=document.get("workflow"),
            files=document.get("files", []),
        )

    # Claimed and run by a worker

    async def claim(self, worker_id: str, queue: str, limit: int) -> list[ClaimedJob]:
        """Up to `limit` due jobs, now RUNNING under this worker. One round trip, one commit."""
        binds = {
            "worker_id": worker_id,
            "queue_name": queue,
            "row_limit": limit,
            "job_ids": Out(oracledb.DB_TYPE_VARCHAR, 36, limit),
            "run_tokens": Out(oracledb.DB_TYPE_NUMBER, 0, limit),
            "kinds": Out(oracledb.DB_TYPE_VARCHAR, 30, limit),
            "attempts": Out(oracledb.DB_TYPE_NUMBER, 0, limit),
        }
        sql = """
            begin
               job_queue.claim(in_worker_id => :worker_id
                              ,in_queue_name => :queue_name
                              ,in_limit => :row_limit
                              ,out_job_ids => :job_ids
                              ,out_run_tokens => :run_tokens
                              ,out_kinds => :kinds
                              ,out_attempts => :attempts);
            end;"""
        outs = await self._pool.block("claim", sql, binds)
        claimed = zip(outs["job_ids"], outs["run_tokens"], outs["kinds"], outs["attempts"], strict=True)
        return [
            ClaimedJob(job_id, int(token), kind, int(attempt)) for job_id, token, kind, attempt in claimed
        ]

    async def runs_of(self, worker_id: str) -> list[ClaimedJob]:
        """What runs under a worker by the database's account: finds jobs whose claim was not answered."""
        sql = """
            select job_id, run_token, kind, attempt
              from comparison_jobs
             where case when status = 'RUNNING' then worker_id end = :worker_id"""
        rows = await self._pool.rows("runs of worker", sql, {"worker_id": worker_id})
        return [ClaimedJob(job_id, int(token), kind, int(attempt)) for job_id, token, kind, attempt in rows]

    async def progress(
        self,
        job_id: str,
        run_token: int,
        percentage: float | None,
        step: str | None,
        estimated_completion: datetime | None = None,
    ) -> str:
        """Write progress, and hear what to do: GO, CANCEL (stop, then `cancelled`) or STOP (fence lost).

        With all three None nothing is written: it only asks.
        """
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "percentage": None if percentage is None else round(min(max(percentage, 0.0), 100.0), 2),
            "step": step[:200] if step else None,
            "estimated_completion": None
            if estimated_completion is None
            else to_database(estimated_completion),
            "verdict": TEXT_OUT,
        }
        sql = """
            begin
               job_queue.progress(in_job_id => :job_id
                                 ,in_run_token => :run_token
                                 ,in_percentage => :percentage
                                 ,in_step => :step
                                 ,in_estimated_completion => :estimated_completion
                                 ,out_verdict => :verdict);
            end;"""
        outs = await self._pool.block("progress", sql, binds, idempotent=True)
        return str(outs["verdict"])

    async def complete(
        self,
        job_id: str,
        run_token: int,
        document: dict[str, Any],
        *,
        anomalies: int = 0,
        critical: bool = False,
    ) -> bool:
        """End a job with its result document; False if the fence is lost and the result must be thrown away.

        The document is split over two columns: `columns` to COLUMN_MISMATCHES, `ml_analysis` to
        ML_ANALYSIS, the rest to COMPARISON_RESULTS; `results` joins them.
        """
        summary = document["summary"]
        rest = {name: part for name, part in document.items() if name not in ("columns", "ml_analysis")}
        ml_analysis = document.get("ml_analysis")
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "comparison_results": _json(rest),
            "column_mismatches": _json({"columns": document.get("columns", [])}),
            "ml_analysis": None if ml_analysis is None else _json(ml_analysis),
            "total_prod": int(summary["rows_a"]),
            "total_uat": int(summary["rows_b"]),
            "match_percentage": Decimal(str(summary["match_percentage"])),
            "anomalies": anomalies,
            "critical": 1 if critical else 0,
            "accepted": NUMBER_OUT,
        }
        sql = """
            begin
               job_queue.complete(in_job_id => :job_id
                                 ,in_run_token => :run_token
                                 ,in_comparison_results => :comparison_results
                                 ,in_column_mismatches => :column_mismatches
                                 ,in_ml_analysis => :ml_analysis
                                 ,in_total_prod => :total_prod
                                 ,in_total_uat => :total_uat
                                 ,in_match_percentage => :match_percentage
                                 ,in_anomalies => :anomalies
                                 ,in_critical => :critical
                                 ,out_accepted => :accepted);
            end;"""
        outs = await self._pool.block("complete", sql, binds, idempotent=True)
        # Refused, and yet completed under this very token: an earlier try of this call had done it when its
        # connection died.
        return bool(outs["accepted"]) or await self._completed_by(job_id, run_token)

    async def _completed_by(self, job_id: str, run_token: int) -> bool:
        sql = """
            select count(*)
              from comparison_jobs
             where job_id = :job_id and run_token = :run_token and status = 'COMPLETED'"""
        rows = await self._pool.rows("complete", sql, {"job_id": job_id, "run_token": run_token})
        return bool(rows[0][0])

    async def fail(self, job_id: str, run_token: int, error: JobError, *, retryable: bool) -> str:
        """End an attempt with an error: PENDING (it will be tried again), FAILED, CANCELLED or STOP."""
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "error_details": _json(error),
            "retryable": 1 if retryable else 0,
            "status": TEXT_OUT,
        }
        sql = """
            begin
               job_queue.fail(in_job_id => :job_id
                             ,in_run_token => :run_token
                             ,in_error_details => :error_details
                             ,in_retryable => :retryable
                             ,out_status => :status);
            end;"""
        outs = await self._pool.block("fail", sql, binds, idempotent=True)
        return str(outs["status"])

    async def cancelled(self, job_id: str, run_token: int) -> bool:
        """The worker has stopped a job that it was told to stop; False if the fence is lost."""
        return await self._end_of_run("cancelled", job_id, run_token)

    async def release(self, job_id: str, run_token: int) -> bool:
        """A draining worker gives the job and its attempt back; False if the fence is lost."""
        return await self._end_of_run("release", job_id, run_token)

    async def _end_of_run(self, procedure: str, job_id: str, run_token: int) -> bool:
        sql = f"""
            begin
               job_queue.{procedure}(in_job_id => :job_id
                                    ,in_run_token => :run_token
                                    ,out_accepted => :accepted);
            end;"""
        binds = {"job_id": job_id, "run_token": run_token, "accepted": NUMBER_OUT}
        outs = await self._pool.block(procedure, sql, binds, idempotent=True)
        return bool(outs["accepted"])

    # Asked of it by people

    async def cancel(self, job_id: str, by: str) -> str:
        """CANCELLED, or RUNNING if its worker has been told to stop it. Raises NotFound- and ConflictError."""
        return await self._asked("cancel", job_id, by)

    async def retry(self, job_id: str, by: str) -> str:
        """PENDING again, with all its attempts. Raises NotFoundError and ConflictError."""
        return await self._asked("retry", job_id, by)

    async def _asked(self, procedure: str, job_id: str, by: str) -> str:
        sql = f"""
            begin
               job_queue.{procedure}(in_job_id => :job_id, in_by => :asked_by, out_status => :status);
            end;"""
        binds = {"job_id": job_id, "asked_by": by, "status": TEXT_OUT}
        outs = await self._pool.block(procedure, sql, binds)
        return str(outs["status"])

    # Workers

    async def heartbeat(
        self,
        worker_id: str,
        *,
        hostname: str,
        pid: int,
        status: str,
        wakeup_mode: str,
        slots: int,
        running: int,
        lease_seconds: float,
        version: str,
    ) -> bool:
        """A worker's sign of life; False if it was not registered until now (see JOB_QUEUE.HEARTBEAT)."""
        binds = {
            "worker_id": worker_id,
            "hostname": hostname,
            "pid": pid,
            "status": status,
            "wakeup_mode": wakeup_mode,
            "slots": slots,
            "running": running,
            "lease_seconds": lease_seconds,
            "version": version,
            "known": NUMBER_OUT,
        }
        sql = """
            begin
               job_queue.heartbeat(in_worker_id => :worker_id
                                  ,in_hostname => :hostname
                                  ,in_pid => :pid
                                  ,in_status => :status
                                  ,in_wakeup_mode => :wakeup_mode
                                  ,in_slots => :slots
                                  ,in_running => :running
                                  ,in_lease_seconds => :lease_seconds
                                  ,in_version => :version
                                  ,out_known => :known);
            end;"""
        outs = await self._pool.block("heartbeat", sql, binds, idempotent=True)
        return bool(outs["known"])

    async def requeue_lost(self) -> tuple[int, int]:
        """Take the jobs of dead workers away: (jobs PENDING again, jobs ended)."""
        sql = "begin job_queue.requeue_lost(out_requeued => :requeued, out_failed => :failed); end;"
        binds = {"requeued": NUMBER_OUT, "failed": NUMBER_OUT}
        outs = await self._pool.block("requeue lost", sql, binds, idempotent=True)
        return int(outs["requeued"]), int(outs["failed"])

    async def ping(self, worker_id: str) -> None:
        """Cause a change notification (NOTIFICATION_PINGS), to see whether it is heard."""
        sql = "begin job_queue.ping(in_worker_id => :worker_id); end;"
        await self._pool.block("ping", sql, {"worker_id": worker_id}, idempotent=True)

    async def retire_worker(self, worker_id: str) -> None:
        """A worker says good-bye."""
        sql = "begin job_queue.retire_worker(in_worker_id => :worker_id); end;"
        await self._pool.block("retire worker", sql, {"worker_id": worker_id}, idempotent=True)

    # Watched

    async def now(self) -> datetime:
        """The database's clock, the only one that counts."""
        rows = await self._pool.rows("clock", "select sys_extract_utc(systimestamp) from dual")
        return _required_time(rows[0][0])

    async def changed_since(self, since: datetime) -> list[JobProgress]:
        """Jobs whose row was stamped at or after `since`, oldest change first."""
        sql = """
            select job_id, status, progress_percentage, current_step, estimated_completion, row_version,
                   updated_at
              from comparison_jobs
             where updated_at >= :since
             order by updated_at, job_id"""
        rows = await self._pool.rows("watch", sql, {"since": to_database(since)})
        return [_progress(row) for row in rows]

    async def progress_of(self, job_id: str) -> JobProgress | None:
        """Where one job stands; None if there is no such job."""
        sql = """
            select job_id, status, progress_percentage, current_step, estimated_completion, row_version,
                   updated_at
              from comparison_jobs
             where job_id = :job_id"""
        rows = await self._pool.rows("watch", sql, {"job_id": job_id})
        return _progress(rows[0]) if rows else None

    async def workers_alive(self) -> int:
        """Workers whose last sign of life is within their lease."""
        sql = """
            select count(*)
              from workers
             where heartbeat_at >= sys_extract_utc(systimestamp) - numtodsinterval(lease_seconds, 'SECOND')"""
        return int((await self._pool.rows("workers alive", sql))[0][0])

    async def metrics(self) -> DashboardMetrics:
        """Figures over all jobs and workers, counted now."""
        sql = """
            select status
                  ,count(*)
                  ,count(case when status = 'PENDING' and due_at <= sys_extract_utc(systimestamp) then 1 end)
                  ,min(case when status = 'PENDING' and due_at <= sys_extract_utc(systimestamp)
                            then due_at end)
              from comparison_jobs
             group by status"""
        rows = await self._pool.rows("metrics", sql)
        workers_alive, now = await self.workers_alive(), await self.now()
        by_status = {str(status): 0 for status in JobStatus}
        by_status.update({status: int(count) for status, count, _, _ in rows})
        finished = by_status["COMPLETED"] + by_status["FAILED"]
        waiting_since = min(
            (_required_time(oldest) for *_, oldest in rows if oldest is not None), default=None
        )
        wait = None if waiting_since is None else max((now - waiting_since).total_seconds(), 0.0)
        return DashboardMetrics(
            total_jobs=sum(by_status.values()),
            by_status=by_status,
            success_rate=round(100 * by_status["COMPLETED"] / finished, 2) if finished else None,
            queue_depth=sum(int(due) for _, _, due, _ in rows),
            oldest_wait_seconds=wait,
            workers_alive=workers_alive,
            as_of=now,
        )


def no_such_job(job_id: str) -> NotFoundError:
    """The error for an id that no job has."""
    return NotFoundError(f"There is no job {job_id}.", code="no-job")


def _time(value: datetime | None) -> datetime | None:
    return None if value is None else value.replace(tzinfo=UTC)


def _required_time(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _document(value: Any) -> Any:
    """A JSON column's value. The driver parses it where the server tells of the IS JSON check."""
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def _integer(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _progress(row: tuple[Any, ...]) -> JobProgress:
    job_id, status, percentage, step, estimated_completion, version, updated_at = row
    return JobProgress(
        job_id=job_id,
        status=JobStatus(status),
        progress=float(percentage),
        current_step=step,
        estimated_completion=_time(estimated_completion),
        version=int(version),
        updated_at=_required_time(updated_at),
    )


def _job(row: tuple[Any, ...], request: dict[str, Any] | None = None) -> ComparisonJob:
    """A row of _JOB_COLUMNS."""
    error = _document(row[26])
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
        created_at=_required_time(row[13]),
        due_at=_time(row[14]),
        started_at=_time(row[15]),
        completed_at=_time(row[16]),
        estimated_completion=_time(row[17]),
        updated_at=_required_time(row[18]),
        execution_time_seconds=_number(row[19]),
        total_prod_records=_integer(row[20]),
        total_uat_records=_integer(row[21]),
        match_percentage=_number(row[22]),
        anomalies_detected=_integer(row[23]),
        has_critical_issues=None if row[24] is None else bool(row[24]),
        version=int(row[25]),
        error=None if error is None else msgspec.convert(error, JobError),
        request=request,
    )
