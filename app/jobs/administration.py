"""What people ask of JOB_QUEUE: cancel, retry, hold, priorities, pauses, limits, retention. See `store`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import oracledb

from app.oracle.audit import Deed, audited
from app.oracle.pool import NUMBER_OUT, TEXT_OUT, OraclePool, Out, to_database


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
