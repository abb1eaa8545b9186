"""OracleJobStorage on a real database: a job's whole life, exact times, documents of any size."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from app.jobs.models import ComparisonRequest, JobError, JobStatus
from app.jobs.sides import Side
from app.jobs.store import OracleJobStorage
from app.oracle.errors import ArgumentError, ConflictError, NotFoundError
from app.oracle.pool import OraclePool, acting_for
from app.settings import Settings

if TYPE_CHECKING:
    from tests.conftest import Instance

SUMMARY = {"rows_a": 3, "rows_b": 4, "match_percentage": 66.66}
LEASE: dict[str, Any] = {
    "hostname": "test", "pid": 1, "status": "ACTIVE", "wakeup_mode": "poll", "slots": 1, "running": 0,
    "lease_seconds": 30.0, "version": "test",
}  # fmt: skip


class Stage:
    """A store, a queue that no other test uses, and a worker on it."""

    def __init__(self, pool: OraclePool) -> None:
        self.pool = pool
        self.store = OracleJobStorage(pool)
        self.queue = f"Q{secrets.token_hex(6).upper()}"
        self.worker = f"test-{secrets.token_hex(6)}"

    async def enqueue(self, **options: Any) -> str:
        request = ComparisonRequest(source=Side(table="S.A"), target=Side(table="S.B"), queue=self.queue)
        return await self.store.enqueue(request, table_name="S.A", submitted_by="tester", **options)

    async def claim(self, limit: int = 1) -> list[tuple[str, int]]:
        await self.store.heartbeat(self.worker, **LEASE)
        return [(job.job_id, job.run_token) for job in await self.store.claim(self.worker, self.queue, limit)]


@pytest.fixture
def play(concord_db: Settings) -> Callable[[Callable[[Stage], Awaitable[None]]], None]:
    def run(story: Callable[[Stage], Awaitable[None]]) -> None:
        async def told() -> None:
            pool = OraclePool(concord_db, module="test", size=2)
            pool.open()
            try:
                await asyncio.wait_for(story(Stage(pool)), 30)
            finally:
                await pool.close()

        asyncio.run(told())

    return run


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


def document(filler: str = "") -> dict[str, Any]:
    return {
        "summary": SUMMARY,
        "columns": [{"name": "LAT", "different": 2, "patterns": [filler]}],
        "schema": {"key": ["ID"]},
        "samples": {
            "changed": [{"key": {"ID": "1"}, "cells": [{"column": "LAT", "a": "1.10", "b": filler}]}]
        },
        "compared": {"engine": "test"},
    }


def test_a_job_lives_from_submission_to_its_results(play: Play) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        assert (await stage.store.request(job_id)).source.table == "S.A"
        [(claimed, token)] = await stage.claim()
        assert claimed == job_id
        assert await stage.store.progress(job_id, token, 12.5, "reading", 600.0) == "GO"
        running = await stage.store.get(job_id)
        assert running.estimated_completion is not None
        left = running.estimated_completion - await stage.store.now()
        assert timedelta(minutes=9) < left <= timedelta(minutes=10)
        assert (running.status, running.progress, running.current_step) == (
            JobStatus.RUNNING,
            12.5,
            "reading",
        )
        critical = {"has_critical_issues": True, "because": ["2 rows differ in an odd way."]}
        whole = document() | {"critical": critical, "ml_analysis": {"anomalies": {"flagged": 2}}}
        assert await stage.store.complete(job_id, token, whole)
        done = await stage.store.get(job_id)
        assert (done.status, done.total_prod_records, done.total_uat_records) == (JobStatus.COMPLETED, 3, 4)
        assert (done.match_percentage, done.anomalies_detected, done.has_critical_issues) == (66.66, 2, True)
        results = await stage.store.results(job_id)
        assert (results.summary, results.columns[0]["name"], results.schema) == (
            SUMMARY,
            "LAT",
            {"key": ["ID"]},
        )

    play(story)


@pytest.mark.parametrize("size", [1_000, 32_767, 40_000, 1_500_000])
def test_documents_of_any_size_come_back_as_they_were(play: Play, size: int) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        [(_, token)] = await stage.claim()
        text = ("ä€𝄞x" * size)[:size]
        assert await stage.store.complete(job_id, token, document(text))
        results = await stage.store.results(job_id)
        assert results.columns[0]["patterns"] == [text]
        assert results.samples["changed"][0]["cells"][0]["b"] == text

    play(story)


def test_several_jobs_are_claimed_in_one_call_and_an_empty_queue_gives_none(play: Play) -> None:
    async def story(stage: Stage) -> None:
        jobs = [await stage.enqueue() for _ in range(3)]
        assert [job_id for job_id, _ in await stage.claim(5)] == jobs
        assert await stage.claim(5) == []

    play(story)


def test_a_time_is_kept_to_the_microsecond(play: Play) -> None:
    async def story(stage: Stage) -> None:
        due = datetime(2031, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
        assert (await stage.store.get(await stage.enqueue(due_at=due))).due_at == due

    play(story)


def test_a_job_of_the_future_is_not_claimed(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.enqueue(due_at=await stage.store.now() + timedelta(hours=1))
        assert await stage.claim() == []

    play(story)


def test_a_failed_attempt_waits_for_the_next_one_and_says_why(play: Play) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        [(_, token)] = await stage.claim()
        error = JobError(code="database", sentence="The database went away.", attempt=1, retryable=True)
        assert await stage.store.fail(job_id, token, error, retryable=True) == "PENDING"
        told = (await stage.store.get(job_id)).error
        assert told is not None
        assert told.at is not None
        assert msgspec.structs.replace(told, at=None) == error

    play(story)


def test_a_worker_that_lost_its_job_is_told_so_by_every_call(play: Play) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        [(_, token)] = await stage.claim()
        assert await stage.store.release(job_id, token)
        error = JobError(code="engine", sentence="Too late.")
        assert await stage.store.progress(job_id, token, 50, "zombie") == "STOP"
        assert not await stage.store.complete(job_id, token, document())
        assert await stage.store.fail(job_id, token, error, retryable=False) == "STOP"
        assert not await stage.store.cancelled(job_id, token)
        assert not await stage.store.release(job_id, token)
        assert (await stage.store.get(job_id)).status is JobStatus.PENDING

    play(story)


def test_completing_twice_under_the_same_token_is_not_mistaken_for_a_lost_job(play: Play) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        [(_, token)] = await stage.claim()
        assert await stage.store.complete(job_id, token, document())
        assert await stage.store.complete(job_id, token, document())

    play(story)


def test_a_running_job_is_told_to_stop_with_its_next_progress(play: Play) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        [(_, token)] = await stage.claim()
        assert await stage.store.cancel(job_id, "ann") == "RUNNING"
        assert await stage.store.progress(job_id, token, None, None) == "CANCEL"
        assert await stage.store.cancelled(job_id, token)
        assert (await stage.store.get(job_id)).status is JobStatus.CANCELLED

    play(story)


def test_a_second_job_under_a_unique_key_is_refused_while_the_first_waits(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.enqueue(unique_key=stage.queue)
        with pytest.raises(ConflictError):
            await stage.enqueue(unique_key=stage.queue)

    play(story)


def test_an_id_that_a_job_has_already_is_a_bad_argument(play: Play) -> None:
    async def story(stage: Stage) -> None:
        job_id = await stage.enqueue()
        with pytest.raises(ArgumentError, match=job_id):
            await stage.enqueue(job_id=job_id)

    play(story)


def test_an_unknown_job_is_not_found(play: Play) -> None:
    async def story(stage: Stage) -> None:
        for ask in (stage.store.get, stage.store.request, stage.store.results):
            with pytest.raises(NotFoundError):
                await ask("00000000-0000-4000-8000-000000000000")

    play(story)


def test_a_retired_worker_no_longer_counts_as_alive(play: Play) -> None:
    async def story(stage: Stage) -> None:
        before = await stage.store.workers_alive()
        assert not await stage.store.heartbeat(stage.worker, **LEASE)
        assert await stage.store.heartbeat(stage.worker, **LEASE)
        assert await stage.store.workers_alive() == before + 1
        await stage.store.retire_worker(stage.worker)
        assert await stage.store.workers_alive() == before

    play(story)


def test_a_session_says_who_it_is_to_the_dba(play: Play, database: Instance) -> None:
    async def story(stage: Stage) -> None:
        acting_for.set("ann")
        await stage.store.now()
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("select action from v$session where module = 'test' and client_identifier = 'ann'")
            assert cursor.fetchall() == [("clock",)]

    play(story)


def test_a_run_whose_claim_was_not_answered_is_found_and_one_that_is_put_off_is_run_again(play: Play) -> None:
    async def story(stage: Stage) -> None:
        await stage.enqueue()
        [(job_id, token)] = await stage.claim()
        [run] = await stage.store.runs_of(stage.worker)
        assert (run.job_id, run.run_token, run.attempt) == (job_id, token, 1)
        assert await stage.store.save_checkpoint(job_id, token, {"rows": 5})
        assert await stage.store.snooze(job_id, token, 0.0, "waiting for a file")
        assert not await stage.store.snooze(job_id, token, 0.0)
        assert not await stage.store.save_checkpoint(job_id, token, {"rows": 6})
        assert await stage.store.runs_of(stage.worker) == []
        [(again, later)] = await stage.claim()
        assert (again, later > token) == (job_id, True)
        assert (await stage.store.get(job_id)).attempt == 1
        [progress] = await stage.store.progress_of_all([job_id, "nobody"])
        assert (progress.job_id, progress.status) == (job_id, JobStatus.RUNNING)
        assert await stage.store.checkpoint(job_id) == {"rows": 5}

    play(story)
