"""A worker's signs of life. What is done about workers that show none is in worker.housekeeping."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version

import structlog

from app.jobs.store import OracleJobStorage
from app.oracle.errors import OracleError
from app.settings import Settings

log = structlog.get_logger("worker")


@dataclass(frozen=True, slots=True)
class State:
    """What a heartbeat tells about its worker at this moment."""

    draining: bool
    running: int
    wakeup_mode: str


@dataclass
class Lease:
    """Keeps one worker registered. `run` works until it is cancelled and never raises on database errors.

    state: asked for at each heartbeat. lost: called when the database has declared this worker lost, so that its
    jobs belong to others.
    """

    storage: OracleJobStorage
    settings: Settings
    worker_id: str
    state: Callable[[], State]
    lost: Callable[[], None]
    registered: asyncio.Event = field(default_factory=asyncio.Event)  # claims wait for it
    _was_known: bool = False
    _database_away: bool = False
    _stopping: bool = False
    _beat_now: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Heartbeat until told to stop."""
        while not self._stopping:
            self._beat_now.clear()
            try:
                await self._beat()
                if self._database_away:
                    log.info("database is back")
                    self._database_away = False
            except OracleError as error:
                if not self._database_away:
                    log.error("database does not answer; trying on", error=str(error), code=error.code)
                    self._database_away = True
            try:
                async with asyncio.timeout(self.settings.heartbeat_seconds):
                    await self._beat_now.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Let `run` return after the heartbeat that is under way: one more would bring the worker's row back."""
        self._stopping = True
        self._beat_now.set()

    def beat_now(self) -> None:
        """Tell the database at once: the state has changed, or it said that it does not know this worker."""
        self._beat_now.set()

    async def _beat(self) -> None:
        state = self.state()
        known = await self.storage.heartbeat(
            self.worker_id,
            hostname=socket.gethostname()[:255],
            pid=os.getpid(),
            status="DRAINING" if state.draining else "ACTIVE",
            wakeup_mode=state.wakeup_mode,
            slots=self.settings.worker_slots,
            running=state.running,
            lease_seconds=self.settings.lease_seconds,
            version=version("concord")[:30],
        )
        if self._was_known and not known:
            log.warning("this worker was declared lost; its jobs belong to others now")
            self.lost()
        self._was_known = True
        self.registered.set()
