"""Row changes of COMPARISON_JOBS to whoever listens: one poller per process, however many listeners.

Each look reads the rows stamped within a window that reaches back behind the newest change seen, because a
transaction that stamped its row earlier may commit later. Every LATE_LOOK_SECONDS one look reaches back
LATE_WINDOW, for transactions that stay open for minutes (a DBA's UPDATE without COMMIT). Repeats are
dropped by job and row version.

Who comes back after a break names the time of the last change that he saw. What this poller has seen for the
first time since then, with some slack, is what he may have missed, late commits too. If the poller has not been
looking for so long, the rows are read, from LATE_WINDOW before that time on. Versions that the client says it
knows are not told again.

When more than MAX_CHANGES rows change at once (a DBA updates the whole table), they are not told one by one:
listeners of wide topics get one sentence, the poller goes on from the database's clock, and the jobs that
somebody follows singly are read by their ids, then and with each late look until the flood is out of reach.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import structlog

from app.jobs.listener import (
    SYSTEM,
    Listener,
    Update,
    is_job_topic,
    job_id_of,
    job_topic,
    update_of_job,
)
from app.jobs.models import JobProgress
from app.jobs.system import Standing, SystemState, WorkerState
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)

WINDOW = timedelta(seconds=5)
LATE_WINDOW = timedelta(minutes=15)
LATE_LOOK_SECONDS = 15.0
SYSTEM_LOOK_SECONDS = 2.0
MAX_CHANGES = 10_000  # of one look
MAX_SEEN = 100_000
_FLOOD_NOTICE_SECONDS = 10.0
_MAX_BACK_OFF_SECONDS = 10.0
_AWAY = "Live updates wait for the database; nothing is lost."
_BACK = "The database is back; live updates go on."

_FLOOD = "So many jobs changed at once that they are not told one by one; read the list again."

WEBSOCKET, EVENT_STREAM = "websocket", "event stream"


class Feed(Protocol):
    """What the poller reads; OracleJobStorage is one."""

    async def now(self) -> datetime: ...

    async def changed_since(self, since: datetime, limit: int) -> list[JobProgress]: ...

    async def progress_of_all(self, job_ids: Collection[str]) -> list[JobProgress]: ...

    async def progress_of(self, job_id: str) -> JobProgress | None: ...


@dataclass(slots=True)
class _Seen:
    """A job's newest update, and when, by the database's clock, this poller saw it first."""

    update: Update
    updated_at: datetime
    seen_at: datetime


class LiveJobs:
    """The poller and its listeners. `run` once per process; `listen` per client.

    interval: seconds between two looks. While nobody listens nothing is read. standing: how the service stands,
    asked while somebody follows SYSTEM.
    """

    def __init__(self, feed: Feed, interval: float, standing: Callable[[], Awaitable[Standing]]) -> None:
        self._feed = feed
        self._interval = interval
        self._system = _SystemNews(standing)
        self._listeners: set[Listener] = set()
        self._by_topic: dict[str, set[Listener]] = {}
        self._somebody = asyncio.Event()
        self._watching = asyncio.Event()
        self._newest = self._began = datetime.max.replace(tzinfo=UTC)
        self._began_at = 0.0  # the same moment as _began by the event loop's clock
        self._seen: dict[str, _Seen] = {}
        self._flooded_at = datetime.min.replace(tzinfo=UTC)  # nothing stamped before is read again
        self._next_late_look = 0.0
        self._next_flood_notice = 0.0
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

    async def follow_job(self, listener: Listener, job_id: str, last_version: int) -> bool:
        """Let the listener hear of one job: where it stands now, if that is newer than `last_version`, and
        every change from now on. False if there is no such job. Raises OracleError.

        What stands there is read when the poller watches already, so that no change falls between the two.
        """
        await self._watching.wait()
        listener.tell_again(job_id)
        self._subscribe(listener, job_topic(job_id), {job_id: last_version})
        state = await self._feed.progress_of(job_id)
        if state is None:
            self.unfollow(listener, job_topic(job_id))
            return False
        listener.offer(update_of_job(state))
        return True

    async def follow(
        self, listener: Listener, topic: str, since: datetime | None, known: Mapping[str, int] | None = None
    ) -> None:
        """Let the listener hear of the jobs of a topic: what changed since he left, and every change from now on.

        since: the `updated_at` of the last change that he saw. known: versions by job that he has; the others of
        the seconds before `since` may come again. Raises OracleError.
        """
        await self._watching.wait()
        self._subscribe(listener, topic, known or {})
        if since is not None:
            missed = await self._missed(since)
            if missed is None:
                listener.notice(_FLOOD)
            for update in missed or ():
                if topic in update.topics:
                    listener.offer(update)

    async def follow_system(self, listener: Listener) -> None:
        """Let the listener hear of the database and the workers: how they stand, and every change from now on."""
        self._subscribe(listener, SYSTEM, {})
        try:
            self._publish(await self._system.changes(at_once=True))
        except OracleError as error:
            log.debug("no look at the system for a new listener", code=error.code)
            self._publish(self._system.outage())
        for update in self._system.known():
            listener.tell_again(update.key)
            listener.offer(update)

    def unfollow(self, listener: Listener, topic: str) -> None:
        """The listener hears no more of the topic."""
        listener.remove(topic)
        others = self._by_topic.get(topic, set())
        others.discard(listener)
        if not others:
            self._by_topic.pop(topic, None)

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
                if SYSTEM in self._by_topic:
                    self._publish(await self._system.changes())
                back_off = self._interval
                self._tell_return()
            except OracleError as error:
                back_off = min(back_off * 2, _MAX_BACK_OFF_SECONDS)
                self._tell_outage(error)
            await asyncio.sleep(back_off * random.uniform(0.9, 1.1))

    async def _look(self) -> None:
        if not self._watching.is_set():
            await self._begin()
            return
        late = asyncio.get_running_loop().time() >= self._next_late_look
        since = max(self._newest - (LATE_WINDOW if late else WINDOW), self._flooded_at)
        changes = await self._changes(since)
        if changes is None or len(self._seen) > MAX_SEEN:
            await self._flood()
            return
        self._publish([update for change in changes if (update := self._remember(change)) is not None])
        if late:
            if self._newest - LATE_WINDOW < self._flooded_at:
                await self._reread_single_jobs()
            self._schedule_late_look()
            self._forget()

    async def _begin(self) -> None:
        """Take note of how things stand; only what changes from here on is news."""
        self._newest = self._began = await self._feed.now()
        self._began_at = asyncio.get_running_loop().time()
        self._seen.clear()
        changes = await self._changes(self._newest - LATE_WINDOW)
        if changes is None:
            self._flooded_at = self._newest
        for change in changes or ():
            self._remember(change)
        self._schedule_late_look()
        self._watching.set()

    async def _changes(self, since: datetime) -> list[JobProgress] | None:
        """What was stamped since then; None if it is more than one by one makes sense."""
        changes = await self._feed.changed_since(since, MAX_CHANGES + 1)
        return None if len(changes) > MAX_CHANGES else changes

    async def _flood(self) -> None:
        """Keep nothing of it, say so, and go on from now; who follows one job misses nothing."""
        self._flooded_at = self._newest = await self._feed.now()
        self._seen.clear()
        await self._reread_single_jobs()
        now = asyncio.get_running_loop().time()
        if now < self._next_flood_notice:
            return
        self._next_flood_notice = now + _FLOOD_NOTICE_SECONDS
        log.warning("a flood of changed jobs is not told one by one", more_than=MAX_CHANGES)
        for listener in self._listeners:
            if any(topic != SYSTEM and not is_job_topic(topic) for topic in listener.topics):
                listener.notice(_FLOOD)

    async def _reread_single_jobs(self) -> None:
        followed = [job_id_of(topic) for topic in self._by_topic if is_job_topic(topic)]
        for state in await self._feed.progress_of_all(followed):
            self._publish([Update(state.job_id, state.version, (job_topic(state.job_id),), state)])

    def _clock(self) -> datetime:
        """The database's time, near enough."""
        return self._began + timedelta(seconds=asyncio.get_running_loop().time() - self._began_at)

    def _remember(self, change: JobProgress) -> Update | None:
        """The change as an update; None if it is known."""
        known = self._seen.get(change.job_id)
        if known is not None and known.update.version >= change.version:
            return None
        update = update_of_job(change)
        self._seen[change.job_id] = _Seen(update, change.updated_at, self._clock())
        self._newest = max(self._newest, change.updated_at)
        return update

    async def _missed(self, since: datetime) -> list[Update] | None:
        """The updates that somebody may not have seen whose last one was stamped at `since`; None if too many.

        Another process may have seen a late commit up to one late look before or after this one.
        """
        since -= timedelta(seconds=LATE_LOOK_SECONDS) + WINDOW
        if since < max(self._began, self._clock() - LATE_WINDOW, self._flooded_at):
            changes = await self._changes(since - LATE_WINDOW)
            return None if changes is None else [update_of_job(change) for change in changes]
        return [seen.update for seen in self._seen.values() if seen.seen_at >= since]

    def _publish(self, updates: list[Update]) -> None:
        for update in updates:
            for topic in update.topics:
                for listener in self._by_topic.get(topic, ()):
                    listener.offer(update)

    def _subscribe(self, listener: Listener, topic: str, known: Mapping[str, int]) -> None:
        listener.add(topic, known)
        self._by_topic.setdefault(topic, set()).add(listener)

    def _schedule_late_look(self) -> None:
        self._next_late_look = asyncio.get_running_loop().time() + LATE_LOOK_SECONDS

    def _forget(self) -> None:
        """What neither a late look nor somebody who comes back can bring up again."""
        stamped, looked = self._newest - LATE_WINDOW, self._clock() - LATE_WINDOW
        old = {
            job_id for job_id, one in self._seen.items() if one.updated_at < stamped and one.seen_at < looked
        }
        for job_id in old:
            del self._seen[job_id]
        for listener in self._listeners:
            listener.forget(old)

    def _tell_outage(self, error: OracleError) -> None:
        if self._outage == error.sentence:
            return
        first, self._outage = not self._outage, error.sentence
        log.warning("live updates wait", code=error.code, sentence=error.sentence)
        if first:
            self._publish(self._system.outage())
            for listener in self._listeners:
                listener.notice(_AWAY)

    def _tell_return(self) -> None:
        if not self._outage:
            return
        self._outage = ""
        log.info("live updates go on")
        for listener in self._listeners:
            listener.notice(_BACK)

    def _closed(self, listener: Listener) -> None:
        for topic in list(listener.topics):
            self.unfollow(listener, topic)
        self._listeners.discard(listener)


class _SystemNews:
    """How the service stands, as updates: one for the system, one for each worker that changed."""

    def __init__(self, standing: Callable[[], Awaitable[Standing]]) -> None:
        self._standing = standing
        self._looking = asyncio.Lock()
        self._states: dict[str, Update] = {}
        self._next_look = 0.0
        self._revision = 0

    def known(self) -> list[Update]:
        """How everything stood at the last look."""
        return list(self._states.values())

    async def changes(self, *, at_once: bool = False) -> list[Update]:
        """What changed since the last look, at most one look in SYSTEM_LOOK_SECONDS unless `at_once`. Raises
        OracleError."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now < self._next_look and not at_once:
                return []
            self._next_look = now + SYSTEM_LOOK_SECONDS
            return self._differences(await self._standing())

    def _differences(self, standing: Standing) -> list[Update]:
        states: dict[str, SystemState | WorkerState] = {SYSTEM: standing.system, **standing.workers}
        gone = [key for key in self._states if key not in states]
        changed = [self._new(key, state) for key, state in states.items() if self._differs(key, state)]
        for key in gone:
            state = self._states.pop(key).state
            assert isinstance(state, WorkerState)  # the system itself is always there
            self._revision += 1
            left = msgspec.structs.replace(state, status="GONE", running_jobs=0)
            changed.append(Update(key, self._revision, (SYSTEM,), left))
        return changed

    def outage(self) -> list[Update]:
        """The database is away."""
        known = self._states.get(SYSTEM)
        state = known.state if known else SystemState(database="unavailable")
        assert isinstance(state, SystemState)
        self._next_look = 0.0
        away = msgspec.structs.replace(state, database="unavailable")
        return [self._new(SYSTEM, away)] if self._differs(SYSTEM, away) else []

    def _differs(self, key: str, state: SystemState | WorkerState) -> bool:
        known = self._states.get(key)
        return known is None or known.state != state

    def _new(self, key: str, state: SystemState | WorkerState) -> Update:
        self._revision += 1
        self._states[key] = Update(key, self._revision, (SYSTEM,), state)
        return self._states[key]
