"""What one elected process does for all now and then: due jobs, due schedules, retention.

All of it is safe to do twice, and by several processes at once: the election only saves work.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import structlog

from app.jobs.store import OracleJobStorage
from app.oracle.pool import OraclePool
from app.schedules.promotion import make_due_jobs
from app.schedules.store import ScheduleStorage
from app.settings import Settings

_PURGE_EVERY_SECONDS = 60.0
_PURGE_BATCH = 500  # jobs of one transaction
_PURGE_BATCHES = 20  # of one round: a large backlog goes bit by bit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Done:
    """What a round has done. made_claimable: jobs that workers can claim now and could not before."""

    made_claimable: int
    purged: int


class Upkeep:
    """Rounds of upkeep; `round` is called by the elected process every few seconds."""

    def __init__(self, pool: OraclePool, settings: Settings) -> None:
        self._jobs = OracleJobStorage(pool)
        self._schedules = ScheduleStorage(pool)
        self._settings = settings
        self._next_purge = 0.0

    async def round(self) -> Done:
        """Promote due jobs, make the jobs of due schedules, and once a minute delete what is too old.

        Raises OracleError; what was done until then is committed, and the next round goes on from there.
        """
        promoted = await self._jobs.promote_due()
        made = await make_due_jobs(self._schedules)
        purged = 0
        if time.monotonic() >= self._next_purge:
            purged = await self._purge()
            self._next_purge = time.monotonic() + _PURGE_EVERY_SECONDS
        return Done(promoted + len(made), purged)

    async def _purge(self) -> int:
        keep_days, keep_jobs = self._settings.retention_days or None, self._settings.retention_jobs or None
        if keep_days is None and keep_jobs is None:
            return 0
        horizon = await self._jobs.purge_horizon(keep_days, keep_jobs)
        purged = 0
        if horizon is not None:
            for _ in range(_PURGE_BATCHES):
                batch = await self._jobs.purge(horizon, _PURGE_BATCH)
                purged += batch
                if batch < _PURGE_BATCH:
                    break
        if purged:
            log.info("deleted old jobs", jobs=purged, ended_before=str(horizon))
        return purged
