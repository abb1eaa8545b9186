"""One round of upkeep: due jobs, due schedules, retention."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.jobs.upkeep import Done, Upkeep
from app.oracle.pool import OraclePool
from tests.queue.conftest import Queue
from tests.queue.test_job_queue import running
from tests.queue.test_job_queue_updates import ended
from tests.queue.test_job_queue_verbs import later
from tests.schedules.test_promotion import create


def rounds(queue: Queue, number: int = 1, **changes: Any) -> list[Done]:
    """Rounds of one process with changed settings."""
    settings = replace(queue.settings, **changes)

    async def inside() -> list[Done]:
        pool = OraclePool(settings, module="test", size=1)
        pool.open()
        try:
            upkeep = Upkeep(pool, settings)
            return [await upkeep.round() for _ in range(number)]
        finally:
            await pool.close()

    return asyncio.run(inside())


def test_due_jobs_and_due_schedules_become_claimable(queue: Queue) -> None:
    job = queue.enqueue(options={"in_due_at": later(queue, 3600)})
    create(queue, due_ago=timedelta(seconds=5))
    queue.as_owner("update comparison_jobs set due_at = created_at where job_id = :id", id=job)
    assert rounds(queue, 2) == [Done(2, 0), Done(0, 0)]
    assert queue.rows("select ready_jobs from queue_depth_v") == [(2,)]


@pytest.mark.parametrize(
    ("changes", "left"), [({}, 4), ({"retention_days": 5.0}, 2), ({"retention_jobs": 3}, 3)]
)
def test_retention_deletes_what_the_settings_say_and_by_default_nothing(
    queue: Queue, changes: dict[str, Any], left: int
) -> None:
    for days in (20, 10, 2, 1):
        ended(queue, days)
    running(queue)
    assert rounds(queue, **changes) == [Done(0, 4 - left)]
    assert queue.rows("select count(*) from comparison_jobs") == [(left + 1,)]


def test_a_large_backlog_goes_in_small_committed_batches(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.upkeep._PURGE_BATCH", 2)
    monkeypatch.setattr("app.jobs.upkeep._PURGE_BATCHES", 2)
    monkeypatch.setattr("app.jobs.upkeep._PURGE_EVERY_SECONDS", 0.0)
    for _ in range(5):
        ended(queue, 10)
    assert [done.purged for done in rounds(queue, 3, retention_days=1.0)] == [4, 1, 0]


def test_retention_looks_once_a_minute_only(queue: Queue) -> None:
    ended(queue, 10)
    assert [done.purged for done in rounds(queue, 2, retention_days=20.0)] == [0, 0]
    assert [done.purged for done in rounds(queue, 2, retention_days=5.0)] == [1, 0]
