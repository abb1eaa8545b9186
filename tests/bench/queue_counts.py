"""Round trips, statements and commits of each step of a job: `python -m tests.bench.queue_counts`.

Round trips and statements are counted by the driver's own callbacks; commits by the database (V$MYSTAT).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import oracledb

from app.jobs.models import JobError
from app.jobs.store import OracleJobStorage
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.bench.queue_setup import bench
from tests.queue.conftest import Queue
from tests.queue.runners import SUMMARY

_COMMITS = """
    select sum(m.value)
      from v$mystat m
      join v$statname n on n.statistic# = m.statistic#
     where n.name = 'user commits'"""


@dataclass
class Counted:
    """What one step cost."""

    step: str
    round_trips: int
    statements: int
    commits: int


class Counter:
    """Counts on the one session of a pool of size one."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool
        self._round_trips = 0
        self._statements = 0
        self.counted: list[Counted] = []

    @contextmanager
    def attached(self) -> Iterator[None]:
        """The sessions of pools opened within tell what they do."""
        create = oracledb.create_pool_async

        def listening(**options: Any) -> oracledb.AsyncConnectionPool:
            return create(
                **options, round_trip_callback=self._a_round_trip, operation_callback=self._a_statement
            )

        oracledb.create_pool_async = listening
        try:
            yield
        finally:
            oracledb.create_pool_async = create

    def _a_round_trip(self, *_: Any) -> None:
        self._round_trips += 1

    def _a_statement(self, operation: str, _: Any) -> None:
        self._statements += operation.startswith("execute")

    async def _commits(self) -> int:
        return int((await self._pool.rows("commits", _COMMITS))[0][0])

    async def count(self, step: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Once for the statement cache, so that what is counted is the steady state; then counted."""
        await call()
        await self._commits()
        commits = await self._commits()
        empty = await self._commits() - commits
        commits = await self._commits()
        self._round_trips = self._statements = 0
        result = await call()
        trips, statements = self._round_trips, self._statements
        self.counted.append(Counted(step, trips, statements, await self._commits() - commits - empty))
        return result


async def count(settings: Settings, queue: Queue) -> list[Counted]:
    """A worker's steps, each on a session that has done it before."""
    pool = OraclePool(settings, module="bench", size=1)
    counter, storage = Counter(pool), OracleJobStorage(pool)
    with counter.attached():
        pool.open()
    try:
        queue.register("w")
        for _ in range(40):
            queue.enqueue()
        runs: list[Any] = []

        async def claim(limit: int) -> None:
            runs.extend(await storage.claim("w", "DEFAULT", limit))

        await counter.count("claim of 1 job", lambda: claim(1))
        await counter.count("claim of 10 jobs", lambda: claim(10))
        await counter.count("asking for a cancel", lambda: _ask(storage, runs[0]))
        await counter.count("progress", lambda: storage.progress(*_run(runs[0]), 50.0, "half"))
        document = {"summary": SUMMARY, "columns": []}
        error = JobError(code="engine", sentence="No.", attempt=1, retryable=False)
        await counter.count("completion", lambda: storage.complete(*_run(runs.pop()), document))
        await counter.count("failure", lambda: storage.fail(*_run(runs.pop()), error, retryable=False))
        await counter.count("release", lambda: storage.release(*_run(runs.pop())))
        await counter.count("claim when there is none", lambda: storage.claim("w", "EMPTY", 10))
        await counter.count("heartbeat", lambda: _heartbeat(storage))
        return counter.counted
    finally:
        await pool.close()


def _run(claimed: Any) -> tuple[str, int]:
    return claimed.job_id, claimed.run_token


async def _ask(storage: OracleJobStorage, claimed: Any) -> str:
    return await storage.progress(*_run(claimed), None, None)


async def _heartbeat(storage: OracleJobStorage) -> bool:
    return await storage.heartbeat(
        "w",
        hostname="h",
        pid=1,
        status="ACTIVE",
        wakeup_mode="poll",
        slots=1,
        running=0,
        lease_seconds=30,
        version="1",
    )


def main() -> None:
    with bench() as each:
        counted = asyncio.run(count(each.settings, each.queue))
    print(f"{'step':28}{'round trips':>12}{'statements':>12}{'commits':>9}")
    for each_step in counted:
        print(f"{each_step.step:28}{each_step.round_trips:12}{each_step.statements:12}{each_step.commits:9}")
    print(json.dumps([vars(each_step) for each_step in counted]))


if __name__ == "__main__":
    main()
