"""All SQL of jobs, in the order of a job's life. Writes go through package JOB_QUEUE; reads are plain SQL.
What workers ask stands in `runs`, what people ask of a queue or a job in `administration`.

Used by the API and by the worker, each with a pool of its own. Every method raises OracleError or one of
its subclasses: NotFoundError (no such job), ConflictError (not in this state), ArgumentError, and
DatabaseUnavailableError, after which the same call may succeed.

Times in the database are UTC in TIMESTAMP(6) columns; here they are aware datetimes.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
import oracledb

from app.jobs.administration import AdministrationStorage
from app.jobs.listing import JobFilter, JobPage, Listing
from app.jobs.models import (
    ComparisonJob,
    ComparisonRequest,
    ComparisonResults,
    JobAttempt,
    JobProgress,
    JobStatus,
)
from app.jobs.rows import (
    JOB_COLUMNS,
    PROGRESS_COLUMNS,
    attempt_of_row,
    from_json,
    job_of_row,
    progress_of_row,
    required_time,
)
from app.jobs.runs import RunStorage
from app.oracle.audit import Deed, audited
from app.oracle.errors import ConflictError, DatabaseUnavailableError, NotFoundError
from app.oracle.lists import lists_of_binds
from app.oracle.pool import TEXT_OUT, Connection, OraclePool, to_database


class OracleJobStorage(RunStorage, AdministrationStorage):
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
        limit_key: str | None = None,
        job_id: str | None = None,
    ) -> str:
        """Put a job into its queue; returns its id.

        limit_key: what the job puts load on, see `set_key_limit`; the request's own if None. The id is made here, so that a connection
        that dies during the commit leaves no doubt: the row is there or it is not. Raises ConflictError if a
        job with this unique key waits or runs already.
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
            "limit_key": limit_key or request.limit_key,
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
                                           ,in_limit_key => :limit_key
                                           ,in_job_id => :new_id);
            end;"""
        try:
            deed = Deed("job.submit", new_id, after={"table": table_name, "kind": kind})
            outs = await self._pool.block("enqueue", *audited(sql, binds, deed))
        except DatabaseUnavailableError as error:
            if error.code != "DPY-4011" or not await self._exists(new_id):
                raise
            return new_id
        return str(outs["job_id"])

    async def enqueue_all(
        self, requests: Sequence[tuple[ComparisonRequest, str, str | None]], *, submitted_by: str
    ) -> list[str]:
        """Put many comparisons, each with its table name and limit key, into their queues: all or none, in one round trip.

        Ids in the order of the requests.
        """
        job_ids = [str(uuid.uuid4()) for _ in requests]
        sql = """
            declare
               l_job_id comparison_jobs.job_id%type;
            begin
               l_job_id := job_queue.enqueue(in_kind => 'COMPARE'
                                            ,in_table_name => :table_name
                                            ,in_request_config => :request_config
                                            ,in_submitted_by => :submitted_by
                                            ,in_queue_name => :queue_name
                                            ,in_priority => :priority
                                            ,in_max_attempts => :max_attempts
                                            ,in_limit_key => :limit_key
                                            ,in_job_id => :new_id);
            end;"""
        rows = []
        for new_id, (request, table_name, limit_key) in zip(job_ids, requests, strict=True):
            deed = Deed("job.submit", new_id, after={"table": table_name, "kind": "COMPARE"})
            binds = {
                "table_name": table_name,
                "request_config": request.to_json(),
                "submitted_by": submitted_by,
                "queue_name": request.queue,
                "priority": request.priority,
                "max_attempts": request.max_attempts,
                "limit_key": limit_key or request.limit_key,
                "new_id": new_id,
            }
            block, all_binds = audited(sql, binds, deed)
            rows.append(all_binds)

        async def run(connection: Connection) -> None:
            with connection.cursor() as cursor:
                cursor.setinputsizes(request_config=oracledb.DB_TYPE_CLOB)
                await cursor.executemany(block, rows)

        await self._pool.call("enqueue all", run)
        return job_ids

    async def _exists(self, job_id: str) -> bool:
        sql = "select count(*) from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("find job", sql, {"job_id": job_id})
        return bool(rows[0][0])

    # Looked at

    async def get(self, job_id: str) -> ComparisonJob:
        """One job with its request. Raises NotFoundError."""
        sql = f"select {JOB_COLUMNS}, request_config from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("get job", sql, {"job_id": job_id})
        if not rows:
            raise no_such_job(job_id)
        *job, request = rows[0]
        return job_of_row(tuple(job), request=from_json(request))

    async def request(self, job_id: str) -> ComparisonRequest:
        """What the job was asked to do. Raises NotFoundError, and msgspec.ValidationError if a hand-written
        REQUEST_CONFIG is not a valid request."""
        sql = "select request_config from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("get request", sql, {"job_id": job_id})
        if not rows:
            raise no_such_job(job_id)
        return msgspec.convert(from_json(rows[0][0]), ComparisonRequest)

    async def page(self, filters: JobFilter) -> JobPage:
        """One page of jobs without their requests. Raises CursorError if the cursor is not one of ours."""
        listing = Listing(filters)
        sql = f"""
            select {JOB_COLUMNS}
              from comparison_jobs
             where {listing.where}
             order by {listing.order_by}
             fetch first :row_limit rows only"""
        rows = await self._pool.rows("list jobs", sql, listing.binds)
        return listing.page([job_of_row(row) for row in rows])

    async def count(self, filters: JobFilter) -> int:
        """How many jobs the filters let through, on all pages."""
        listing = Listing(filters)
        sql = f"select count(*) from comparison_jobs where {listing.matching}"
        return int((await self._pool.rows("count jobs", sql, listing.count_binds))[0][0])

    async def attempts(self, job_id: str) -> list[JobAttempt]:
        """Every run of a job, oldest first; empty for one that never ran. Raises NotFoundError."""
        sql = """
            select run_token, attempt, worker_id, started_at, ended_at, outcome, error_details
              from job_attempts_v
             where job_id = :job_id
             order by run_token"""
        rows = await self._pool.rows("get attempts", sql, {"job_id": job_id})
        if not rows and not await self._exists(job_id):
            raise no_such_job(job_id)
        return [attempt_of_row(row) for row in rows]

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
        document = {**(from_json(results) or {}), **(from_json(mismatches) or {})}
        return ComparisonResults(
            summary=document.get("summary", {}),
            columns=document.get("columns", []),
            schema=document.get("schema", {}),
            samples=document.get("samples", {}),
            compared=document.get("compared", {}),
            ml_analysis=from_json(ml_analysis),
            workflow=document.get("workflow"),
            files=document.get("files", []),
            critical=document.get("critical"),
            cut=document.get("cut", []),
            repair=document.get("repair"),
            differences_left_out=document.get("differences_left_out"),
        )

    # Watched

    async def now(self) -> datetime:
        """The database's clock, the only one that counts."""
        rows = await self._pool.rows("clock", "select sys_extract_utc(systimestamp) from dual")
        return required_time(rows[0][0])

    async def changed_since(self, since: datetime, limit: int) -> list[JobProgress]:
        """Jobs whose row was stamped at or after `since`, oldest change first, at most `limit`."""
        sql = f"""
            select {PROGRESS_COLUMNS}
              from comparison_jobs
             where updated_at >= :since
             order by updated_at, job_id
             fetch first :row_limit rows only"""
        binds = {"since": to_database(since), "row_limit": limit}
        return [progress_of_row(row) for row in await self._pool.rows("watch", sql, binds)]

    async def progress_of_all(self, job_ids: Collection[str]) -> list[JobProgress]:
        """Where these jobs stand; one that is not there any more is left out."""
        found = []
        for names, binds in lists_of_binds(job_ids):
            sql = f"""
                select {PROGRESS_COLUMNS}
                  from comparison_jobs
                 where job_id in ({names})"""
            found += [progress_of_row(row) for row in await self._pool.rows("watch", sql, binds)]
        return found

    async def progress_of(self, job_id: str) -> JobProgress | None:
        """Where one job stands; None if there is no such job."""
        sql = f"""
            select {PROGRESS_COLUMNS}
              from comparison_jobs
             where job_id = :job_id"""
        rows = await self._pool.rows("watch", sql, {"job_id": job_id})
        return progress_of_row(rows[0]) if rows else None

    async def workers_alive(self) -> int:
        """Workers whose last sign of life is within their lease."""
        sql = """
            select count(*)
              from workers
             where heartbeat_at >= sys_extract_utc(systimestamp) - numtodsinterval(lease_seconds, 'SECOND')"""
        return int((await self._pool.rows("workers alive", sql))[0][0])


def no_such_job(job_id: str) -> NotFoundError:
    """The error for an id that no job has."""
    return NotFoundError(f"There is no job {job_id}.", code="no-job")
