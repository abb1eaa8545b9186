"""Due times become jobs: the right ones, once each, whoever does it and whoever dies over it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import oracledb
import pytest

from app.oracle.pool import OraclePool
from app.schedules.models import DueSchedule, MissedRuns, ScheduleRequest
from app.schedules.promotion import make_due_jobs, plan
from app.schedules.store import ScheduleStorage
from tests.queue.conftest import Queue
from tests.queue.test_job_queue import code_of

Work = Callable[[ScheduleStorage], Coroutine[Any, Any, Any]]
REQUEST = {"source": {"table": "S.A"}, "target": {"table": "S.B"}, "key": ["ID"]}


def wanted(**changes: Any) -> ScheduleRequest:
    return msgspec.convert({"cron": "0 * * * *", "request": REQUEST, **changes}, ScheduleRequest)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def run(queue: Queue, work: Work, sessions: int = 2) -> Any:
    """Do something with a storage on a pool of its own, as one process would."""

    async def inside() -> Any:
        pool = OraclePool(queue.settings, module="test", size=sessions)
        pool.open()
        try:
            return await work(ScheduleStorage(pool))
        finally:
            await pool.close()

    return asyncio.run(inside())


def create(queue: Queue, name: str = "hourly", **changes: Any) -> None:
    """A schedule whose next run lies `due_ago` before now."""
    ago = changes.pop("due_ago", timedelta(0))
    [(now,)] = queue.rows("select sys_extract_utc(systimestamp) from dual")
    next_run_at = now.replace(tzinfo=UTC) - ago
    run(queue, lambda storage: storage.create(name, wanted(**changes), "S.A", next_run_at, "ada"))


def jobs(queue: Queue) -> list[tuple[Any, ...]]:
    return queue.rows(
        "select schedule_name, scheduled_for, job_id from comparison_jobs order by scheduled_for nulls last"
    )


# What is to be done, worked out


def due(missed: str, next_run_at: str, cron: str = "0 * * * *") -> DueSchedule:
    return DueSchedule("s", cron, "UTC", MissedRuns(missed), at(next_run_at), 1)


@pytest.mark.parametrize("missed", ["SKIP", "ONCE", "ALL"])
def test_a_due_time_that_nobody_missed_makes_its_job(missed: str) -> None:
    planned = plan(due(missed, "2026-01-01 05:00"), at("2026-01-01 05:00:03"))
    assert planned == (at("2026-01-01 05:00"), at("2026-01-01 06:00"))


@pytest.mark.parametrize(
    ("missed", "run_at", "next_run_at"),
    [
        ("SKIP", None, "2026-01-01 09:00"),
        ("ONCE", "2026-01-01 08:00", "2026-01-01 09:00"),
        ("ALL", "2026-01-01 05:00", "2026-01-01 06:00"),
    ],
)
def test_missed_due_times_are_treated_as_the_schedule_says(
    missed: str, run_at: str | None, next_run_at: str
) -> None:
    planned = plan(due(missed, "2026-01-01 05:00"), at("2026-01-01 08:30"))
    assert planned == (run_at and at(run_at), at(next_run_at))


def test_of_missed_times_the_last_one_still_counts_within_its_minute() -> None:
    planned = plan(due("SKIP", "2026-01-01 05:00"), at("2026-01-01 08:00:59"))
    assert planned == (at("2026-01-01 08:00"), at("2026-01-01 09:00"))


def test_a_time_worked_out_from_an_older_expression_counts() -> None:
    planned = plan(due("ONCE", "2026-01-01 05:17", cron="0 0 1 1 *"), at("2026-01-01 05:18"))
    assert planned == (at("2026-01-01 05:17"), at("2027-01-01 00:00"))


# Made jobs


def test_a_due_schedule_makes_a_job_with_its_request_and_moves_on(queue: Queue) -> None:
    create(queue)
    [job] = run(queue, make_due_jobs)
    columns = ("kind", "table_name", "status", "submitted_by", "schedule_name", "priority", "request_config")
    *row, request = queue.row(job, *columns)
    assert row == ["COMPARE", "S.A", "PENDING", "ada", "hourly", 5]
    assert (json.loads(request) if isinstance(request, str) else request)["source"] == {"table": "S.A"}
    [(last_job, last, following)] = queue.rows(
        "select last_job_id, last_run_at, next_run_at from job_schedules"
    )
    assert last_job == job
    assert queue.row(job, "scheduled_for") == last
    assert following > last
    assert (following.minute, following.second, following.microsecond) == (0, 0, 0)
    assert run(queue, make_due_jobs) == []


def test_a_schedule_of_the_future_and_a_paused_one_make_no_job(queue: Queue) -> None:
    create(queue, "future", due_ago=-timedelta(hours=1))
    create(queue, "paused", paused=True)
    assert run(queue, make_due_jobs) == []


def test_every_missed_time_gets_its_job_where_all_are_wanted(queue: Queue) -> None:
    create(queue, cron="*/10 * * * *", missed_runs="ALL", due_ago=timedelta(minutes=65))
    made = run(queue, make_due_jobs)
    times = [time for _, time, _ in jobs(queue)]
    assert len(made) == len(times) >= 7
    assert all(after > before for before, after in itertools.pairwise(times))
    assert run(queue, make_due_jobs) == []


def test_a_schedule_that_cannot_be_read_stops_no_other(queue: Queue) -> None:
    create(queue, "a-broken", due_ago=timedelta(minutes=5))
    create(queue, "b-good")
    queue.as_owner("update job_schedules set time_zone = 'Mars/Olympus' where schedule_name = 'a-broken'")
    assert len(run(queue, make_due_jobs)) == 1
    assert [name for name, _, _ in jobs(queue)] == ["b-good"]


def test_eight_processes_at_once_make_one_job_for_each_due_time(queue: Queue) -> None:
    """The election is left out: the worst case is that everybody believes to be elected."""
    for number in range(5):
        create(queue, f"all-{number}", cron="*/5 * * * *", missed_runs="ALL", due_ago=timedelta(minutes=47))
        create(queue, f"once-{number}", cron="*/5 * * * *", due_ago=timedelta(minutes=47))

    async def everybody(_: ScheduleStorage) -> list[list[str]]:
        pools = [OraclePool(queue.settings, module="test", size=1) for _ in range(8)]
        for pool in pools:
            pool.open()
        try:
            return await asyncio.gather(*(make_due_jobs(ScheduleStorage(pool)) for pool in pools))
        finally:
            for pool in pools:
                await pool.close()

    made = [job for each in run(queue, everybody) for job in each]
    found = jobs(queue)
    assert sorted(made) == sorted(job for _, _, job in found)
    times = [(name, time) for name, time, _ in found]
    assert len(times) == len(set(times))
    by_schedule = [[time for name, time in times if name == f"all-{number}"] for number in range(5)]
    for each in by_schedule:
        assert len(each) in (10, 11)
        assert all(after - before <= timedelta(minutes=5) for before, after in itertools.pairwise(each))
    assert all(sum(name == f"once-{number}" for name, _ in times) == 1 for number in range(5))


def test_a_leader_that_dies_or_comes_back_late_changes_nothing(queue: Queue) -> None:
    """It read what is due, was suspended, and goes on after another has done its work."""
    create(queue)

    async def late(storage: ScheduleStorage) -> tuple[Any, list[str], Any]:
        seen, now = await storage.due()
        run_at, next_run_at = plan(seen[0], now)
        made = await make_due_jobs(storage)
        return await storage.make_due_job(seen[0], run_at, next_run_at), made, run_at

    (moved, job), made, _ = run(queue, late)
    assert (moved, job) == (False, None)
    assert [job for _, _, job in jobs(queue)] == made


@pytest.mark.parametrize("change", ["paused = 1", "cron_expression = '5 5 * * *'"])
def test_a_schedule_paused_or_changed_meanwhile_makes_no_job(queue: Queue, change: str) -> None:
    create(queue)

    async def late(storage: ScheduleStorage) -> Any:
        [seen], now = await storage.due()
        queue.as_owner(f"update job_schedules set {change}")
        return await storage.make_due_job(seen, *plan(seen, now))

    assert run(queue, late) == (False, None)
    assert jobs(queue) == []


def test_the_table_itself_refuses_a_second_job_for_a_due_time(queue: Queue) -> None:
    create(queue)
    run(queue, make_due_jobs)
    other = queue.enqueue()
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.as_owner(
            "update comparison_jobs set schedule_name = 'hourly'"
            ", scheduled_for = (select last_run_at from job_schedules) where job_id = :id",
            id=other,
        )
    queue.dba.rollback()
    assert code_of(raised) == 1


def test_a_run_by_hand_leaves_the_due_times_alone(queue: Queue) -> None:
    create(queue, paused=True, due_ago=-timedelta(hours=1))
    before = queue.rows("select next_run_at, last_run_at from job_schedules")
    made = [run(queue, lambda storage: storage.run_now("hourly", "bob")) for _ in range(2)]
    assert [(name, time) for name, time, _ in jobs(queue)] == [("hourly", None)] * 2
    assert queue.row(made[1], "submitted_by") == "bob"
    assert queue.rows("select next_run_at, last_run_at from job_schedules") == before
    assert queue.rows("select last_job_id from job_schedules") == [(made[1],)]
