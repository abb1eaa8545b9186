"""Row changes of COMPARISON_JOBS to whoever listens: one poller per process, however many listeners.

Each look reads the rows stamped within a window that reaches back behind the newest change seen, because a
transaction that stamped its row earlier may commit later. Every LATE_LOOK_SECONDS one look reaches back
LATE_WINDOW, for transactions that stay open for minutes (a DBA's UPDATE without COMMIT). Repeats are
dropped by job and row version.

Listeners do not queue messages: each keeps the newest state per job until it is taken. A slow client gets
fewer, newer states, and its memory is bounded by the number of jobs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from app.jobs.models import JobProgress
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)

WINDOW = timedelta(seconds=5)
LATE_WINDOW = timedelta(minutes=15)
LATE_LOOK_SECONDS = 15.0
_MAX_BACK_OFF_SECONDS = 10.0

EVERYTHING = "*"
WEBSOCKET, EVENT_STREAM = "websocket", "event stream"


class Feed(Protocol):
    """What the poller reads; OracleJobStorage is one."""

    async def now(self) -> datetime: ...

    async def changed_since(self, since: datetime) -> list[JobProgress]: ...

    async def progress_of(self, job_id: str) -> JobProgress | None: ...


class Listener:
    """One client's view: which jobs, what it was told last, and what it has not been told yet.

    Written by the poller's and by the client's task, both in one event loop.
    """

    def __init__(self, on_close: Callable[[Listener], None], kind: str = "") -> None:
        self._on_close = on_close
        self.kind = kind
        self._jobs: set[str] = set()
        self._confirmed: set[str] = set()
        self._told: dict[str, int] = {}
        self._news: dict[str, JobProgress] = {}
        self._notices: list[str] = []
        self._wake = asyncio.Event()

    @property
    def subscriptions(self) -> int:
        return len(self._jobs)

    def subscribe(self, job_id: str, last_version: int = 0) -> None:
        """Keep changes of a job, or of EVERYTHING; versions up to `last_version` of that job are known
        already. Nothing is given out before `confirm`, so that the client hears of its subscription first."""
        self._jobs.add(job_id)
        if job_id != EVERYTHING and last_version:
            self._told[job_id] = last_version

    def confirm(self, job_id: str) -> None:
        """The client knows that it is subscribed: give out what was kept."""
        self._confirmed.add(job_id)
        self._wake.set()

    def unsubscribe(self, job_id: str) -> None:
        self._jobs.discard(job_id)
        self._confirmed.discard(job_id)
        if EVERYTHING not in self._jobs:
            self._news = {known: change for known, change in self._news.items() if known in self._jobs}
            self._told = {known: version for known, version in self._told.items() if known in self._jobs}

    def offer(self, change: JobProgress) -> None:
        """Keep the change for this client if it listens to the job and does not know it yet."""
        job_id = change.job_id
        if job_id not in self._jobs and EVERYTHING not in self._jobs:
            return
        pending = self._news.get(job_id)
        if change.version > max(self._told.get(job_id, 0), pending.version if pending else 0):
            self._news[job_id] = change
            self._wake.set()

    def notice(self, sentence: str) -> None:
        """Tell the client something about the service itself."""
        if sentence not in self._notices:
            self._notices.append(sentence)
            self._wake.set()

    async def take(self) -> tuple[list[JobProgress], list[str]]:
        """Wait for news and take them: the newest state of each changed job, and notices."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            everything = EVERYTHING in self._confirmed
            news = [self._news[job_id] for job_id in self._news if everything or job_id in self._confirmed]
            notices, self._notices = self._notices, []
            for change in news:
                del self._news[change.job_id]
                self._told[change.job_id] = change.version
            if news or notices:
                return news, notices

    def forget(self, job_ids: set[str]) -> None:
        """Drop what is remembered of jobs that can no longer come up again."""
        if EVERYTHING in self._jobs:
            for job_id in self._told.keys() & job_ids - self._jobs:
                del self._told[job_id]

    def close(self) -> None:
        self._on_close(self)


class LiveJobs:
    """The poller and its listeners. `run` once per process; `listen` per client.

    interval: seconds between two looks. While nobody listens nothing is read.
    """

    def __init__(self, feed: Feed, interval: float) -> None:
        self._feed = feed
        self._interval = interval
        self._listeners: set[Listener] = set()
        self._somebody = asyncio.Event()
        self._watching = asyncio.Event()
        self._newest = datetime.max.replace(tzinfo=UTC)
        self._seen: dict[str, tuple[int, datetime]] = {}
        self._next_late_look = 0.0
        self._outage = ""

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def count(self, kind: str) -> int:
        """Listeners of a kind."""
        return sum(listener.kind == kind for listener in self._listeners)

    def listen(self, kind: str = WEBSOCKET) -> Listener:
        """A new listener, to be closed by the caller. kind: for counting only."""
        listener = Listener(self._closed, kind)
        self._listeners.add(listener)
        self._somebody.set()
        return listener

    async def follow(self, listener: Listener, job_id: str, last_version: int) -> bool:
        """Let the listener hear of one job: where it stands now, if that is newer than `last_version`, and
        every change from now on. False if there is no such job. Raises OracleError.

        What stands there is read when the poller watches already, so that no change falls between the two.
        """
        await self._watching.wait()
        listener.subscribe(job_id, last_version)
        state = await self._feed.progress_of(job_id)
        if state is None:
            listener.unsubscribe(job_id)
            return False
        listener.offer(state)
        return True

    async def follow_all(self, listener: Listener, since: datetime | None) -> None:
        """Let the listener hear of every job: what changed at `since` or later, and every change from now
        on. Raises OracleError."""
        await self._watching.wait()
        listener.subscribe(EVERYTHING)
        if since is not None:
            for change in await self._feed.changed_since(since - WINDOW):
                listener.offer(change)

    async def run(self) -> None:
        """Look for ever; an unavailable database is waited for and told to the listeners once."""
        back_off = self._interval
        while True:
            if not self._listeners:
                self._watching.clear()
                self._somebody.clear()
                await self._somebody.wait()
            try:
                await self._look()
                back_off = self._interval
                self._outage = ""
            except OracleError as error:
                back_off = min(back_off * 2, _MAX_BACK_OFF_SECONDS)
                self._tell_outage(error)
            await asyncio.sleep(back_off * random.uniform(0.9, 1.1))

    async def _look(self) -> None:
        if not self._watching.is_set():
            await self._begin()
            return
        late = asyncio.get_running_loop().time() >= self._next_late_look
        for change in await self._feed.changed_since(self._newest - (LATE_WINDOW if late else WINDOW)):
            known = self._seen.get(change.job_id)
            if known is not None and known[0] >= change.version:
                continue
            self._remember(change)
            for listener in self._listeners:
                listener.offer(change)
        if late:
            self._schedule_late_look()
            self._forget(self._newest - LATE_WINDOW)

    async def _begin(self) -> None:
        """Take note of how things stand; only what changes from here on is news."""
        self._newest = await self._feed.now()
        self._seen.clear()
        for change in await self._feed.changed_since(self._newest - LATE_WINDOW):
            self._remember(change)
        self._schedule_late_look()
        self._watching.set()

    def _remember(self, change: JobProgress) -> None:
        self._seen[change.job_id] = (change.version, change.updated_at)
        self._newest = max(self._newest, change.updated_at)

    def _schedule_late_look(self) -> None:
        self._next_late_look = asyncio.get_running_loop().time() + LATE_LOOK_SECONDS

    def _forget(self, before: datetime) -> None:
        old = {job_id for job_id, (_, updated_at) in self._seen.items() if updated_at < before}
        for job_id in old:
            del self._seen[job_id]
        for listener in self._listeners:
            listener.forget(old)

    def _tell_outage(self, error: OracleError) -> None:
        if self._outage == error.sentence:
            return
        self._outage = error.sentence
        log.warning("live updates wait", code=error.code, sentence=error.sentence)
        for listener in self._listeners:
            listener.notice("Live updates wait for the database; nothing is lost.")

    def _closed(self, listener: Listener) -> None:
        self._listeners.discard(listener)
