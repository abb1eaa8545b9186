"""What a worker asks of JOB_QUEUE: claims, progress, ends, signs of life, housekeeping. See `store`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import oracledb

from app.jobs.models import ClaimedJob, JobError
from app.jobs.rows import from_json, to_json
from app.oracle.errors import NotFoundError
from app.oracle.pool import NUMBER_OUT, TEXT_OUT, OraclePool, Out

_LONGEST_ESTIMATE = 366 * 86400.0  # seconds


class RunStorage:
    """The part of OracleJobStorage that workers use. Claims and writes go by job and fence token."""

    _pool: OraclePool

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
        seconds_left: float | None = None,
    ) -> str:
        """Write progress, and hear what to do: GO, CANCEL (stop, then `cancelled`) or STOP (fence lost).

        seconds_left: until the job is expected to end, by the clock of the database. With all three None nothing
        is written: it only asks.
        """
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "percentage": None if percentage is None else round(min(max(percentage, 0.0), 100.0), 2),
            "step": step[:200] if step else None,
            "seconds_left": None if seconds_left is None else round(min(seconds_left, _LONGEST_ESTIMATE), 1),
            "verdict": TEXT_OUT,
        }
        sql = """
            begin
               job_queue.progress(in_job_id => :job_id
                                 ,in_run_token => :run_token
                                 ,in_percentage => :percentage
                                 ,in_step => :step
                                 ,in_estimated_completion => sys_extract_utc(systimestamp)
                                                             + numtodsinterval(:seconds_left, 'SECOND')
                                 ,out_verdict => :verdict);
            end;"""
        outs = await self._pool.block("progress", sql, binds, idempotent=True)
        return str(outs["verdict"])

    async def complete(
        self,
        job_id: str,
        run_token: int,
        document: dict[str, Any],
    ) -> bool:
        """End a job with its result document; False if the fence is lost and the result must be thrown away.

        The document is split over two columns: `columns` to COLUMN_MISMATCHES, `ml_analysis` to
        ML_ANALYSIS, the rest to COMPARISON_RESULTS; `results` joins them. ANOMALIES_DETECTED are the odd rows
        of the analysis, HAS_CRITICAL_ISSUES is what `critical` says.
        """
        summary = document["summary"]
        rest = {name: part for name, part in document.items() if name not in ("columns", "ml_analysis")}
        ml_analysis = document.get("ml_analysis")
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "comparison_results": to_json(rest),
            "column_mismatches": to_json({"columns": document.get("columns", [])}),
            "ml_analysis": None if ml_analysis is None else to_json(ml_analysis),
            "total_prod": int(summary["rows_a"]),
            "total_uat": int(summary["rows_b"]),
            "match_percentage": Decimal(str(summary["match_percentage"])),
            "anomalies": (ml_analysis or {}).get("anomalies", {}).get("flagged", 0),
            "critical": 1 if document.get("critical", {}).get("has_critical_issues") else 0,
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
            "error_details": to_json(error),
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

    async def snooze(self, job_id: str, run_token: int, seconds: float, step: str | None = None) -> bool:
        """Put a running job off with its attempt given back; False if the fence is lost.

        seconds: 0 or more. step: what it waits for, for people. Raises ArgumentError.
        """
        sql = """
            begin
               job_queue.snooze(in_job_id => :job_id
                               ,in_run_token => :run_token
                               ,in_seconds => :seconds
                               ,in_step => :step
                               ,out_accepted => :accepted);
            end;"""
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "seconds": seconds,
            "step": step[:200] if step else None,
            "accepted": NUMBER_OUT,
        }
        outs = await self._pool.block("snooze", sql, binds, idempotent=True)
        return bool(outs["accepted"])

    async def save_checkpoint(self, job_id: str, run_token: int, checkpoint: dict[str, Any]) -> bool:
        """Keep how far a running job has come, for its next attempt; False if the fence is lost."""
        sql = """
            begin
               job_queue.save_checkpoint(in_job_id => :job_id
                                        ,in_run_token => :run_token
                                        ,in_checkpoint => :checkpoint
                                        ,out_accepted => :accepted);
            end;"""
        binds = {
            "job_id": job_id,
            "run_token": run_token,
            "checkpoint": to_json(checkpoint),
            "accepted": NUMBER_OUT,
        }
        outs = await self._pool.block("checkpoint", sql, binds, idempotent=True)
        return bool(outs["accepted"])

    async def checkpoint(self, job_id: str) -> dict[str, Any] | None:
        """How far an earlier attempt came; None if it left nothing. Raises NotFoundError."""
        sql = "select checkpoint from comparison_jobs where job_id = :job_id"
        rows = await self._pool.rows("get checkpoint", sql, {"job_id": job_id})
        if not rows:
            raise NotFoundError(f"There is no job {job_id}.", code="no-job")
        kept: dict[str, Any] | None = from_json(rows[0][0])
        return kept

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

    async def elect(self, worker_id: str, term_seconds: float) -> bool:
        """Stand for the housekeeping, or renew the term; True if this worker does it until the term ends."""
        sql = """
            begin
               job_queue.elect(in_worker_id => :worker_id
                              ,in_term_seconds => :term_seconds
                              ,out_elected => :elected);
            end;"""
        binds = {"worker_id": worker_id, "term_seconds": term_seconds, "elected": NUMBER_OUT}
        outs = await self._pool.block("elect", sql, binds, idempotent=True)
        return bool(outs["elected"])

    async def existing(self, job_ids: Sequence[str]) -> set[str]:
        """Those of up to 1000 ids that are jobs here."""
        binds = {f"id{number}": job_id for number, job_id in enumerate(job_ids)}
        sql = (
            f"select job_id from comparison_jobs where job_id in ({', '.join(f':{name}' for name in binds)})"
        )
        return {job_id for (job_id,) in await self._pool.rows("existing jobs", sql, binds)}

    async def ping(self, worker_id: str) -> None:
        """Cause a change notification (NOTIFICATION_PINGS), to see whether it is heard."""
        sql = "begin job_queue.ping(in_worker_id => :worker_id); end;"
        await self._pool.block("ping", sql, {"worker_id": worker_id}, idempotent=True)

    async def retire_worker(self, worker_id: str) -> None:
        """A worker says good-bye."""
        sql = "begin job_queue.retire_worker(in_worker_id => :worker_id); end;"
        await self._pool.block("retire worker", sql, {"worker_id": worker_id}, idempotent=True)
