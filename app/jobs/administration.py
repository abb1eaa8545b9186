"""What people ask of JOB_QUEUE: cancel, retry, hold, priorities, pauses, limits, retention. See `store`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import oracledb

from app.jobs.models import KeyLimit, Queue
from app.jobs.rows import integer, time_of
from app.oracle.audit import Deed, audited
from app.oracle.pool import NUMBER_OUT, TEXT_OUT, OraclePool, Out, to_database

_QUEUES = """
    select d.queue_name, d.ready_jobs, d.waiting_jobs, d.running_jobs, d.held_jobs, d.oldest_wait_seconds,
           d.paused, q.paused_by, q.paused_at, d.max_running
      from queue_depth_v d
      left join job_queues q
        on q.queue_name = d.queue_name"""


class AdministrationStorage:
    """The part of OracleJobStorage that serves people and housekeeping."""

    _pool: OraclePool

    # Asked of jobs

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
        deed = Deed(f"job.{procedure}", job_id)
        outs = await self._pool.block(procedure, *audited(sql, binds, deed))
        return str(outs["status"])

    async def hold(self, job_id: str, by: str) -> None:
        """Keep a waiting job from being claimed. Raises NotFoundError and ConflictError."""
        await self._told("hold", {"job_id": job_id, "by": by})

    async def unhold(self, job_id: str, by: str) -> None:
        """Let a held job go. Raises NotFoundError and ConflictError."""
        await self._told("unhold", {"job_id": job_id, "by": by})

    async def set_priority(self, job_id: str, priority: int) -> None:
        """Give a waiting job another priority, 0 to 9. Raises NotFound-, Conflict- and ArgumentError."""
        await self._told("set_priority", {"job_id": job_id, "priority": priority})

    # Asked of queues

    async def pause_queue(self, queue: str, by: str) -> None:
        """Nothing is claimed from the queue any more; what runs goes on."""
        await self._told("pause_queue", {"queue_name": queue, "by": by})

    async def resume_queue(self, queue: str) -> None:
        """The queue is claimed from again."""
        await self._told("resume_queue", {"queue_name": queue})

    async def set_limit(self, queue: str, max_running: int | None) -> None:
        """Limit how many jobs of a queue run at once in the whole fleet; None for no limit."""
        await self._told("set_limit", {"queue_name": queue, "max_running": max_running})

    async def set_key_limit(self, limit_key: str, max_running: int | None) -> None:
        """Limit how many jobs with a limit key run at once in the whole fleet; None for no limit."""
        await self._told("set_key_limit", {"limit_key": limit_key, "max_running": max_running})

    async def queues(self) -> list[Queue]:
        """Queues that hold active jobs, are paused or are limited, by name; at most 1000."""
        sql = f"{_QUEUES} order by d.queue_name fetch first 1000 rows only"
        return [_queue_of_row(row) for row in await self._pool.rows("queues", sql)]

    async def queue(self, name: str) -> Queue:
        """One queue; any name is one."""
        sql = f"{_QUEUES} where d.queue_name = :queue_name"
        rows = await self._pool.rows("queue", sql, {"queue_name": name})
        return _queue_of_row(rows[0]) if rows else Queue(name=name)

    async def key_limits(self) -> list[KeyLimit]:
        """Keys that have a limit; at most 1000."""
        sql = """
            select limit_name, max_running, running_jobs
              from job_limits_v
             where limit_kind = 'KEY'
             order by limit_name
             fetch first 1000 rows only"""
        return [
            KeyLimit(key=key, max_running=int(most), running=int(running))
            for key, most, running in await self._pool.rows("key limits", sql)
        ]

    async def key_limit(self, limit_key: str) -> KeyLimit:
        """One key, with or without a limit."""
        sql = """
            select (select max_running from job_limits where limit_key = :limit_key)
                  ,(
                      select count(*)
                        from comparison_jobs
                       where case when status = 'RUNNING' then limit_key end = :limit_key
                   )
              from dual"""
        most, running = (await self._pool.rows("key limit", sql, {"limit_key": limit_key}))[0]
        return KeyLimit(key=limit_key, max_running=integer(most), running=int(running))

    async def _told(self, procedure: str, arguments: dict[str, Any]) -> None:
        """A procedure without an answer. Its parameters are the names of the arguments with `in_`."""
        named = ", ".join(f"in_{name} => :in_{name}" for name in arguments)
        binds = {f"in_{name}": value for name, value in arguments.items()}
        target = next(arguments[name] for name in ("job_id", "queue_name", "limit_key") if name in arguments)
        subject = "job" if "job_id" in arguments else "queue"
        deed = Deed(f"{subject}.{procedure}", target, after=arguments)
        sql = f"begin job_queue.{procedure}({named}); end;"
        await self._pool.block(procedure, *audited(sql, binds, deed), idempotent=True)

    # Housekeeping

    async def promote_due(self) -> int:
        """Make jobs claimable whose time has come; how many, at most 100 in one call."""
        sql = "begin job_queue.promote_due(out_promoted => :promoted); end;"
        outs = await self._pool.block("promote due", sql, {"promoted": NUMBER_OUT}, idempotent=True)
        return int(outs["promoted"])

    async def purge_horizon(self, keep_days: float | None, keep_jobs: int | None) -> datetime | None:
        """The time such that exactly the jobs that ended before it may be purged; naive UTC, for `purge`.

        None purges nothing. A limit that is None does not count.
        """
        sql = """
            begin
               :horizon := job_queue.purge_horizon(in_keep_days => :keep_days, in_keep_jobs => :keep_jobs);
            end;"""
        binds = {
            "horizon": Out(oracledb.DB_TYPE_TIMESTAMP),
            "keep_days": keep_days,
            "keep_jobs": keep_jobs,
        }
        outs = await self._pool.block("purge horizon", sql, binds, idempotent=True)
        horizon: datetime | None = outs["horizon"]
        return horizon

    async def purge(self, ended_before: datetime, limit: int) -> int:
        """Delete up to `limit` jobs that ended before a time, and commit; how many it were."""
        sql = """
            begin
               job_queue.purge(in_ended_before => :ended_before, in_limit => :row_limit, out_purged => :purged);
            end;"""
        binds = {"ended_before": to_database(ended_before), "row_limit": limit, "purged": NUMBER_OUT}
        outs = await self._pool.block("purge", sql, binds, idempotent=True)
        return int(outs["purged"])


def _queue_of_row(row: tuple[Any, ...]) -> Queue:
    return Queue(
        name=row[0],
        ready=int(row[1]),
        waiting=int(row[2]),
        running=int(row[3]),
        held=int(row[4]),
        oldest_wait_seconds=int(row[5]),
        paused=bool(row[6]),
        paused_by=row[7],
        paused_at=time_of(row[8]),
        max_running=integer(row[9]),
    )
