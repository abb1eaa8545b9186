"""The elected worker's rounds: lost jobs, due jobs, and the result files of jobs that are no more."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.jobs.store import OracleJobStorage
from app.jobs.upkeep import Upkeep
from app.ops.worker_metrics import WorkerMetrics
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.queue.conftest import Queue
from worker.housekeeping import Housekeeping


@asynccontextmanager
async def housekeeper(settings: Settings, worker_id: str, found: list[bool] | None = None) -> Any:
    pool = OraclePool(settings, module="test", size=1)
    pool.open()
    registered = asyncio.Event()
    registered.set()
    keeper = Housekeeping(
        OracleJobStorage(pool),
        Upkeep(pool, settings),
        settings,
        worker_id,
        registered,
        WorkerMetrics(),
        found_work=lambda: found.append(True) if found is not None else None,
    )
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pool.close()


async def until(look: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.05)


def test_one_of_two_workers_is_elected_and_takes_lost_jobs_back(queue: Queue) -> None:
    settings = replace(queue.settings, heartbeat_seconds=0.1, lease_seconds=1.0)
    queue.register("gone", lease_seconds=0.1)
    job = queue.enqueue()
    assert [job_id for job_id, *_ in queue.claim("gone")] == [job]
    for worker in ("w1", "w2"):
        queue.register(worker)
    found: list[bool] = []

    async def main() -> None:
        async with housekeeper(settings, "w1", found) as one, housekeeper(settings, "w2", found) as two:
            await until(lambda: queue.row(job, "status") == "PENDING")
            assert [one.elected, two.elected].count(True) == 1
            await until(lambda: found)
            counted = [
                keeper.metrics.registry.get_sample_value("concord_worker_jobs_lost_total")
                for keeper in (one, two)
            ]
            assert sorted(counted) == [0, 1]

    asyncio.run(main())


def test_when_the_elected_worker_is_gone_another_does_it(queue: Queue) -> None:
    settings = replace(queue.settings, heartbeat_seconds=0.1, lease_seconds=1.0)

    async def main() -> None:
        for worker in ("w1", "w2"):
            queue.register(worker)
        async with housekeeper(settings, "w1") as one:
            await until(lambda: one.elected)
        async with housekeeper(settings, "w2") as two:
            await until(lambda: two.elected)

    asyncio.run(main())


def test_result_files_go_with_their_job_and_nothing_else_does(queue: Queue, tmp_path: Path) -> None:
    settings = replace(queue.settings, results_dir=str(tmp_path), retention_jobs=1000)
    kept, young, gone = queue.enqueue(), str(uuid.uuid4()), str(uuid.uuid4())
    for name in (kept, young, gone, "not-an-id"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / "report.html").touch()
        if name != young:
            os.utime(tmp_path / name, (0, 0))
    queue.register("w1")

    async def main() -> None:
        async with housekeeper(settings, "w1"):
            await until(lambda: not (tmp_path / gone).exists())

    asyncio.run(main())
    assert {each.name for each in tmp_path.iterdir()} == {kept, young, "not-an-id"}
