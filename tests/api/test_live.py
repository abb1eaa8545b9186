"""Row changes reach every listener once, newest state first come, whatever the order of commits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.jobs import live as live_module
from app.jobs.listener import EVERYTHING, SYSTEM, Listener, job_topic, table_topic, user_topic
from app.jobs.live import LiveJobs
from app.jobs.models import JobProgress, JobStatus
from app.jobs.system import Standing, SystemState, WorkerState
from app.oracle.errors import DatabaseUnavailableError

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Table:
    """COMPARISON_JOBS as committed so far, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = START
        self.rows: dict[str, JobProgress] = {}
        self.workers: dict[str, WorkerState] = {}
        self.away = False
        self.looks = 0

    def change(
        self,
        job_id: str,
        version: int,
        at: datetime | None = None,
        progress: float = 0,
        table_name: str = "A.B",
        submitted_by: str = "ann",
    ) -> None:
        self.rows[job_id] = JobProgress(
            job_id=job_id,
            kind="COMPARE",
            table_name=table_name,
            submitted_by=submitted_by,
            status=JobStatus.RUNNING,
            progress=progress,
            current_step=None,
            attempt=1,
            estimated_completion=None,
            match_percentage=None,
            error=None,
            version=version,
            updated_at=at or self.clock,
        )

    async def now(self) -> datetime:
        self._answer()
        return self.clock

    async def changed_since(self, since: datetime, limit: int) -> list[JobProgress]:
        self._answer()
        self.looks += 1
        found = [row for row in self.rows.values() if row.updated_at >= since]
        return sorted(found, key=lambda row: row.updated_at)[:limit]

    async def progress_of_all(self, job_ids: Collection[str]) -> list[JobProgress]:
        self._answer()
        return [self.rows[job_id] for job_id in job_ids if job_id in self.rows]

    def start_worker(self, worker_id: str) -> None:
        self.workers[worker_id] = WorkerState(
            worker_id=worker_id,
            hostname="here",
            status="ACTIVE",
            wakeup_mode="poll",
            slots=1,
            running_jobs=0,
            version="1",
            started_at=START,
        )

    async def standing(self) -> Standing:
        self._answer()
        system = SystemState(database="available", workers=len(self.workers))
        return Standing(system, dict(self.workers))

    async def progress_of(self, job_id: str) -> JobProgress | None:
        self._answer()
        return self.rows.get(job_id)

    def _answer(self) -> None:
        if self.away:
            raise DatabaseUnavailableError("The database is not available.", code="DPY-6005", retryable=True)


def run(story: Callable[[Table, LiveJobs], Coroutine[Any, Any, None]]) -> None:
    """A story with a running poller, at most 10 seconds long."""

    async def told() -> None:
        table = Table()
        live = LiveJobs(table, interval=0.002, standing=table.standing)
        poller = asyncio.create_task(live.run())
        try:
            await asyncio.wait_for(story(table, live), 10)
        finally:
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)

    asyncio.run(told())


async def follow(live: LiveJobs, listener: Listener, job_id: str, last_version: int) -> bool:
    found = await live.follow_job(listener, job_id, last_version)
    listener.confirm(job_topic(job_id))
    return found


async def follow_all(
    live: LiveJobs, listener: Listener, since: datetime | None, topic: str = EVERYTHING, **known: int
) -> None:
    await live.follow(listener, topic, since, known)
    listener.confirm(topic)


async def news(listener: Listener) -> list[tuple[str, int]]:
    return [(update.key, update.version) for update in (await listener.take()).updates]


async def looked_again(table: Table) -> None:
    seen = table.looks
    while table.looks < seen + 2:
        await asyncio.sleep(0.001)


async def is_silent(waiting: Awaitable[Any], table: Table) -> bool:
    task = asyncio.ensure_future(waiting)
    await looked_again(table)
    silent = not task.done()
    task.cancel()
    return silent


def test_a_subscriber_first_hears_where_the_job_stands() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.change("a", 3, at=START - timedelta(hours=1))
        listener = live.listen()
        assert await follow(live, listener, "a", 0)
        assert await news(listener) == [("a", 3)]

    run(story)


def test_a_subscriber_who_knows_the_version_hears_nothing_until_it_changes() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.change("a", 3)
        listener = live.listen()
        await follow(live, listener, "a", 3)
        assert await is_silent(listener.take(), table)
        table.change("a", 4)
        assert await news(listener) == [("a", 4)]

    run(story)


def test_no_change_comes_before_the_client_knows_that_it_is_subscribed() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.change("a", 1)
        listener = live.listen()
        await live.follow_job(listener, "a", 0)
        table.change("a", 2)
        assert await is_silent(listener.take(), table)
        listener.confirm(job_topic("a"))
        assert await news(listener) == [("a", 2)]

    run(story)


def test_an_unknown_job_cannot_be_followed() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        assert not await follow(live, listener, "nobody", 0)
        assert listener.topics == set()

    run(story)


def test_a_lower_timestamp_that_commits_later_is_not_missed() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        table.change("fast", 1, at=START + timedelta(seconds=2))
        assert await news(listener) == [("fast", 1)]
        table.change("slow", 1, at=START + timedelta(seconds=1))
        assert await news(listener) == [("slow", 1)]

    run(story)


def test_a_change_that_was_left_uncommitted_for_minutes_is_found_by_a_late_look(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_module, "LATE_LOOK_SECONDS", 0.05)

    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        table.change("new", 1, at=START + timedelta(minutes=10))
        assert await news(listener) == [("new", 1)]
        table.change("forgotten", 1, at=START + timedelta(minutes=1))
        assert await news(listener) == [("forgotten", 1)]

    run(story)


def test_what_stood_before_anybody_listened_is_no_news() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.change("old", 5)
        listener = live.listen()
        await follow_all(live, listener, None)
        assert await is_silent(listener.take(), table)

    run(story)


def test_a_client_that_comes_back_hears_all_that_changed_since_it_left() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.change("long before", 1, at=START - timedelta(minutes=25))
        table.change("before", 1, at=START - timedelta(minutes=9))
        table.change("after", 2, at=START - timedelta(minutes=3))
        listener = live.listen()
        await follow_all(live, listener, START - timedelta(minutes=5), before=1)
        assert await news(listener) == [("after", 2)]

    run(story)


def test_a_slow_client_gets_the_newest_state_only() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        for version in range(1, 6):
            table.change("a", version, progress=version * 20)
            await looked_again(table)
        assert await news(listener) == [("a", 5)]

    run(story)


def test_an_outage_is_told_once_and_nothing_is_lost() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        table.away = True
        assert (await listener.take()).notices == ["Live updates wait for the database; nothing is lost."]
        table.change("a", 1)
        table.away = False
        back = await listener.take()
        assert [(update.key, update.version) for update in back.updates] == [("a", 1)]
        assert back.notices == ["The database is back; live updates go on."]

    run(story)


def test_nothing_is_read_while_nobody_listens() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        listener.close()
        await asyncio.sleep(0.05)
        looks = table.looks
        await asyncio.sleep(0.05)
        assert table.looks == looks

    run(story)


def test_listeners_of_one_job_hear_nothing_of_others() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.change("mine", 1)
        listener = live.listen()
        await follow(live, listener, "mine", 1)
        table.change("other", 1)
        assert await is_silent(listener.take(), table)

    run(story)


def test_a_topic_is_told_of_its_jobs_only() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        hers, of_table = live.listen(), live.listen()
        await follow_all(live, hers, None, user_topic("Ann"))
        await follow_all(live, of_table, None, table_topic("hr.people"))
        table.change("a", 1, table_name="HR.PEOPLE", submitted_by="bob")
        table.change("b", 1, table_name="HR.OTHER", submitted_by="ann")
        assert await news(hers) == [("b", 1)]
        assert await news(of_table) == [("a", 1)]

    run(story)


def test_who_listens_in_two_ways_hears_a_change_once() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        await follow_all(live, listener, None, user_topic("ann"))
        table.change("a", 1)
        assert await news(listener) == [("a", 1)]
        assert await is_silent(listener.take(), table)

    run(story)


def test_a_slow_client_is_told_how_many_states_it_was_spared() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        for version in range(1, 6):
            table.change("a", version)
            await looked_again(table)
        assert (await listener.take()).skipped == 4

    run(story)


def test_a_late_commit_during_a_short_absence_is_not_missed(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_module, "LATE_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(live_module, "WINDOW", timedelta(seconds=0.01))

    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        await follow_all(live, listener, None)
        await asyncio.sleep(0.1)
        left = table.clock + timedelta(seconds=0.1)
        table.change("seen", 1, at=left)
        assert await news(listener) == [("seen", 1)]
        live.unfollow(listener, EVERYTHING)
        table.change("late", 1, at=left - timedelta(minutes=5))
        while "late" not in live._seen:
            await asyncio.sleep(0.005)
        again = live.listen()
        looks = table.looks
        await follow_all(live, again, left, seen=1)
        assert table.looks <= looks + 1, "who was away for a moment costs no read of his own"
        assert await news(again) == [("late", 1)]

    run(story)


def test_the_system_is_told_at_once_and_when_it_changes(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_module, "SYSTEM_LOOK_SECONDS", 0.0)

    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        table.start_worker("w1")
        await live.follow_system(listener)
        listener.confirm(SYSTEM)
        first = {update.key: update.state for update in (await listener.take()).updates}
        assert first == {SYSTEM: SystemState(database="available", workers=1), "w1": table.workers["w1"]}
        gone = table.workers.pop("w1")
        second = {update.key: update.state for update in (await listener.take()).updates}
        assert second == {
            SYSTEM: SystemState(database="available"),
            "w1": msgspec.structs.replace(gone, status="GONE"),
        }
        table.away = True
        third = await listener.take()
        assert [update.state for update in third.updates] == [SystemState(database="unavailable")]
        table.away = False
        fourth = await listener.take()
        assert [update.state for update in fourth.updates] == [SystemState(database="available")]

    run(story)


def test_who_asks_for_the_system_while_the_database_is_away_is_told_so() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        table.away = True
        listener = live.listen()
        await live.follow_system(listener)
        listener.confirm(SYSTEM)
        assert [update.state for update in (await listener.take()).updates] == [
            SystemState(database="unavailable")
        ]

    run(story)


def test_a_flood_is_told_in_one_sentence_and_who_follows_one_job_misses_nothing(monkeypatch: Any) -> None:
    monkeypatch.setattr(live_module, "MAX_CHANGES", 50)
    monkeypatch.setattr(live_module, "LATE_LOOK_SECONDS", 0.02)

    async def story(table: Table, live: LiveJobs) -> None:
        wide, single = live.listen(), live.listen()
        await follow_all(live, wide, None)
        table.change("job 7", 1)
        await follow(live, single, "job 7", 1)
        assert await news(wide) == [("job 7", 1)]
        for number in range(1000):
            table.change(f"job {number}", 2, at=table.clock + timedelta(seconds=1))
        table.clock += timedelta(seconds=2)
        told = await wide.take()
        assert (told.updates, told.notices) == (
            [],
            ["So many jobs changed at once that they are not told one by one; read the list again."],
        )
        assert await news(single) == [("job 7", 2)]
        assert len(live._seen) <= 1
        table.change("job 9", 3)
        assert await news(wide) == [("job 9", 3)], "afterwards changes are told as ever"
        table.change("job 7", 3, at=table.clock - timedelta(seconds=1.5))
        assert await news(single) == [("job 7", 3)], "a late commit from before the end of the flood"
        late = live.listen()
        await follow_all(live, late, table.clock - timedelta(seconds=5))
        assert len((await late.take()).notices) == 1, "nobody comes back to a flood either"

    run(story)
