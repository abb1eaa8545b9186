"""What one elected worker does for all: takes jobs from lost workers, promotes due jobs and schedules, deletes old ones.

The election only saves work: everything here is safe to do twice, and the death of the elected worker stops nothing,
as another is elected when its term is over.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.jobs.store import OracleJobStorage
from app.jobs.upkeep import Upkeep
from app.ops.worker_metrics import WorkerMetrics
from app.oracle.errors import OracleError
from app.settings import Settings

log = structlog.get_logger("worker")

_LONGEST_INTERVAL_SECONDS = 5.0
_TERM_INTERVALS = 3  # an election holds for so many intervals
_SWEEP_EVERY_SECONDS = 600.0
_SWEEP_AFTER_SECONDS = 3600.0  # a younger folder is left alone
_SWEEP_BATCH = 100


@dataclass
class Housekeeping:
    """`run` works until it is cancelled and never raises on database errors.

    found_work: called when jobs can be claimed that could not before. registered: set while the database knows
    this worker.
    """

    storage: OracleJobStorage
    upkeep: Upkeep
    settings: Settings
    worker_id: str
    registered: asyncio.Event
    metrics: WorkerMetrics
    found_work: Callable[[], None]
    elected: bool = False
    _next_sweep: float = 0.0

    async def run(self) -> None:
        """A round every few seconds, not in step with other workers."""
        interval = min(self.settings.lease_seconds / 3, _LONGEST_INTERVAL_SECONDS)
        told = False
        while True:
            await self.registered.wait()
            try:
                await self._round(interval * _TERM_INTERVALS)
                told = False
            except OracleError as error:
                self.elected = False
                say = log.debug if told or error.retryable else log.error
                say("housekeeping failed", error=str(error), code=error.code)
                told = not error.retryable
            await asyncio.sleep(interval * (0.75 + random.random() / 4))

    async def _round(self, term_seconds: float) -> None:
        elected = await self.storage.elect(self.worker_id, term_seconds)
        if elected != self.elected:
            self.elected = elected
            log.debug("elected for the housekeeping" if elected else "another worker does the housekeeping")
        if elected:
            requeued, ended = await self.storage.requeue_lost()
            if requeued or ended:
                log.warning("took jobs from lost workers", requeued=requeued, ended=ended)
                self.metrics.lost.inc(requeued + ended)
            done = await self.upkeep.round()
            if requeued or done.made_claimable:
                self.found_work()
        if (
            self.settings.retention_days or self.settings.retention_jobs
        ) and time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + _SWEEP_EVERY_SECONDS * (1 + random.random())
            await self._sweep()

    async def _sweep(self) -> None:
        """Remove the result folders of jobs that retention has deleted. Each worker does so where it stores them."""
        found = await asyncio.to_thread(_old_folders, self.settings.results)
        for first in range(0, len(found), _SWEEP_BATCH):
            ids = found[first : first + _SWEEP_BATCH]
            for job_id in set(ids) - await self.storage.existing(ids):
                await asyncio.to_thread(shutil.rmtree, self.settings.results / job_id, ignore_errors=True)
                log.info("removed the result files of a deleted job", job=job_id)


def _old_folders(results: Path) -> list[str]:
    """Job ids that have a folder which nobody has touched for a while."""
    before = time.time() - _SWEEP_AFTER_SECONDS
    if not results.is_dir():
        return []
    return [
        folder.name for folder in results.iterdir() if _is_id(folder.name) and folder.stat().st_mtime < before
    ]


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
