"""Row changes reach every listener once, newest state first come, whatever the order of commits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from app.jobs import live as live_module
from app.jobs.live import EVERYTHING, Listener, LiveJobs
from app.jobs.models import JobProgress, JobStatus
from app.oracle.errors import DatabaseUnavailableError

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class Table:
    """COMPARISON_JOBS as committed so far, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = START
        self.rows: dict[str, JobProgress] = {}
        self.away = False
        self.looks = 0

    def change(self, job_id: str, version: int, at: datetime | None = None, progress: float = 0) -> None:
        self.rows[job_id] = JobProgress(
            job_id=job_id,
            status=JobStatus.RUNNING,
            progress=progress,
            current_step=None,
            estimated_completion=None,
            version=version,
            updated_at=at or self.clock,
        )

    async def now(self) -> datetime:
        self._answer()
        return self.clock

    async def changed_since(self, since: datetime) -> list[JobProgress]:
        self._answer()
        self.looks += 1
        found = [row for row in self.rows.values() if row.updated_at >= since]
        return sorted(found, key=lambda row: row.updated_at)

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
        live = LiveJobs(table, interval=0.002)
        poller = asyncio.create_task(live.run())
        try:
            await asyncio.wait_for(story(table, live), 10)
        finally:
            poller.cancel()
            await asyncio.gather(poller, return_exceptions=True)

    asyncio.run(told())


async def follow(live: LiveJobs, listener: Listener, job_id: str, last_version: int) -> bool:
    found = await live.follow(listener, job_id, last_version)
    listener.confirm(job_id)
    return found


async def follow_all(live: LiveJobs, listener: Listener, since: datetime | None) -> None:
    await live.follow_all(listener, since)
    listener.confirm(EVERYTHING)


async def news(listener: Listener) -> list[tuple[str, int]]:
    changes, _ = await listener.take()
    return [(change.job_id, change.version) for change in changes]


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
        await live.follow(listener, "a", 0)
        table.change("a", 2)
        assert await is_silent(listener.take(), table)
        listener.confirm("a")
        assert await news(listener) == [("a", 2)]

    run(story)


def test_an_unknown_job_cannot_be_followed() -> None:
    async def story(table: Table, live: LiveJobs) -> None:
        listener = live.listen()
        assert not await follow(live, listener, "nobody", 0)
        assert listener.subscriptions == 0

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
        table.change("before", 1, at=START - timedelta(minutes=9))
        table.change("after", 2, at=START - timedelta(minutes=3))
        listener = live.listen()
        await follow_all(live, listener, START - timedelta(minutes=5))
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
        _, notices = await listener.take()
        assert notices == ["Live updates wait for the database; nothing is lost."]
        table.change("a", 1)
        table.away = False
        assert await news(listener) == [("a", 1)]

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


def test_a_message_has_the_documented_fields() -> None:
    fields = {field.name for field in msgspec.structs.fields(JobProgress)}
    assert fields == {
        "job_id", "status", "progress", "current_step", "estimated_completion", "version", "updated_at",
    }  # fmt: skip
