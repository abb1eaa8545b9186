"""How the service itself stands, for who watches it: the database, what waits, and each worker."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from app.jobs.rows import required_time
from app.oracle.pool import OraclePool


class SystemState(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="system"):
    """Health: told at once, and whenever it changes."""

    database: Literal["available", "unavailable"]
    ready_jobs: int = 0
    running_jobs: int = 0
    workers: Annotated[int, Meta(description="Alive.")] = 0


class WorkerState(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="worker"):
    """One worker; GONE is told once, when it left."""

    worker_id: str
    hostname: str
    status: Annotated[str, Meta(description="ACTIVE, DRAINING, LOST or GONE.")]
    wakeup_mode: str
    slots: int
    running_jobs: int
    version: str | None
    started_at: datetime


class Standing(msgspec.Struct, frozen=True):
    """What one look finds."""

    system: SystemState
    workers: dict[str, WorkerState]


class SystemFeed:
    """Reads how the service stands: two round trips over the active jobs' small indexes and the workers."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def standing(self) -> Standing:
        """Raises OracleError."""
        sql = """
            select worker_id, hostname, status, wakeup_mode, slots, running_jobs, version, started_at
              from workers_v
             order by worker_id"""
        workers = {
            row[0]: WorkerState(
                worker_id=row[0],
                hostname=row[1],
                status=row[2],
                wakeup_mode=row[3],
                slots=int(row[4]),
                running_jobs=int(row[5]),
                version=row[6],
                started_at=required_time(row[7]),
            )
            for row in await self._pool.rows("workers", sql)
        }
        sql = "select nvl(sum(ready_jobs), 0), nvl(sum(running_jobs), 0) from queue_depth_v"
        ready, running = (await self._pool.rows("queue depth", sql))[0]
        alive = sum(worker.status != "LOST" for worker in workers.values())
        return Standing(
            SystemState(
                database="available", ready_jobs=int(ready), running_jobs=int(running), workers=alive
            ),
            workers,
        )
