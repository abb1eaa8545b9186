"""One client's view of what is live: which topics, what it was told last, what it has not been told yet.

A listener queues no messages: it keeps the newest state of each thing until that is taken. A slow client gets
fewer, newer states, and its memory is bounded by the number of things.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from app.jobs.models import JobProgress
from app.jobs.system import SystemState, WorkerState

EVERYTHING, SYSTEM = "everything", "system"


_JOB = "job:"


def job_topic(job_id: str) -> str:
    return f"{_JOB}{job_id}"


def is_job_topic(topic: str) -> bool:
    return topic.startswith(_JOB)


def job_id_of(topic: str) -> str:
    """The job of a job's topic."""
    return topic.removeprefix(_JOB)


def table_topic(name: str) -> str:
    """Table names are told apart without regard to case, as in the list of jobs."""
    return f"table:{name.upper()}"


def user_topic(username: str) -> str:
    return f"user:{username.lower()}"


class Update:
    """The state of a thing at a version, which rises with each change. `text` is its JSON, made once for all
    who hear it."""

    __slots__ = ("_text", "key", "state", "topics", "version")

    def __init__(
        self, key: str, version: int, topics: tuple[str, ...], state: JobProgress | SystemState | WorkerState
    ) -> None:
        self.key = key
        self.version = version
        self.topics = topics
        self.state = state
        self._text = ""

    @property
    def text(self) -> str:
        if not self._text:
            self._text = msgspec.json.encode(self.state).decode()
        return self._text


def update_of_job(job: JobProgress) -> Update:
    """A job's row as news for who follows the job, its table, its submitter or everything."""
    topics = (EVERYTHING, job_topic(job.job_id), table_topic(job.table_name), user_topic(job.submitted_by))
    return Update(job.job_id, job.version, topics, job)


@dataclass(frozen=True, slots=True)
class News:
    """What there is for a client. skipped: states that were replaced by newer ones before it took them."""

    updates: list[Update]
    notices: list[str]
    skipped: int


class Listener:
    """Written by the poller's and by the client's task, both in one event loop."""

    def __init__(self, on_close: Callable[[Listener], None], kind: str = "") -> None:
        self._on_close = on_close
        self.kind = kind
        self.topics: set[str] = set()
        self._confirmed: set[str] = set()
        self._told: dict[str, int] = {}
        self._news: dict[str, Update] = {}
        self._notices: list[str] = []
        self._skipped = 0
        self._wake = asyncio.Event()

    def add(self, topic: str, known: Mapping[str, int]) -> None:
        """Keep news of a topic; `known` are versions, by key, that the client has. Nothing of it is given out
        before `confirm`, so that the client hears of its subscription first."""
        self.topics.add(topic)
        for key, version in known.items():
            self._told[key] = max(version, self._told.get(key, 0))

    def confirm(self, topic: str) -> None:
        """The client knows that it is subscribed: give out what was kept."""
        self._confirmed.add(topic)
        self._wake.set()

    def remove(self, topic: str) -> None:
        """Drop a topic and what is kept for it alone."""
        self.topics.discard(topic)
        self._confirmed.discard(topic)
        self._news = {key: one for key, one in self._news.items() if not self.topics.isdisjoint(one.topics)}
        if not self.topics:
            self._told.clear()

    def tell_again(self, key: str) -> None:
        """Who subscribes to a thing anew hears where it stands, also what he was told before."""
        self._told.pop(key, None)

    def offer(self, update: Update) -> None:
        """Keep the update for this client if it does not know it yet."""
        pending = self._news.get(update.key)
        if update.version <= max(self._told.get(update.key, 0), pending.version if pending else 0):
            return
        if pending is not None and not self._confirmed.isdisjoint(pending.topics):
            self._skipped += 1
        self._news[update.key] = update
        self._wake.set()

    def notice(self, sentence: str) -> None:
        """Tell the client something about the service itself."""
        if sentence not in self._notices:
            self._notices.append(sentence)
            self._wake.set()

    async def take(self) -> News:
        """Wait for news and take them: the newest state of each changed thing, and notices."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            updates = [one for one in self._news.values() if not self._confirmed.isdisjoint(one.topics)]
            for update in updates:
                del self._news[update.key]
                self._told[update.key] = update.version
            notices, self._notices = self._notices, []
            skipped, self._skipped = self._skipped, 0
            if updates or notices:
                return News(updates, notices, skipped)

    def forget(self, keys: set[str]) -> None:
        """Drop what is remembered of things that can no longer come up again."""
        for key in self._told.keys() & keys:
            if job_topic(key) not in self.topics:
                del self._told[key]

    def close(self) -> None:
        self._on_close(self)
