"""Due times become jobs: at most one job per schedule and due time, however many processes do this at once.

Which job and when the next is worked out here; whether it is still ours to make decides SCHEDULES.MAKE_DUE_JOB under
the lock of the schedule's row.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from app.oracle.errors import DatabaseUnavailableError, OracleError
from app.schedules.cron import Cron, CronError
from app.schedules.models import DueSchedule, MissedRuns
from app.schedules.store import ScheduleStorage

MISSED_AFTER = timedelta(minutes=1)
"""A due time counts as missed when nobody made its job for so long."""
_JOBS_PER_ROUND = 100

log = structlog.get_logger(__name__)


def plan(due: DueSchedule, now: datetime) -> tuple[datetime | None, datetime | None]:
    """The due time for which to make a job (None: for none), and the one after it (None: there is none).

    due.next_run_at is at or before now. The second time may be due already: then there is more to do. Raises CronError
    for an expression or a zone that cannot be read.
    """
    cron = Cron(due.cron, due.time_zone)
    if due.missed_runs is MissedRuns.ALL:
        return due.next_run_at, cron.after(due.next_run_at)
    # The expression may have been changed by hand since NEXT_RUN_AT was worked out: then that time counts.
    latest = max(due.next_run_at, cron.latest(now) or due.next_run_at)
    missed = due.missed_runs is MissedRuns.SKIP and now - latest > MISSED_AFTER
    return None if missed else latest, cron.after(max(latest, now))


async def make_due_jobs(storage: ScheduleStorage) -> list[str]:
    """Make the jobs of all schedules that are due, at most 100 in one round; their ids.

    A schedule that cannot be read is logged and left; the others go on. Raises DatabaseUnavailableError.
    """
    made: list[str] = []
    broken: set[str] = set()
    while True:
        schedules, now = await storage.due()
        workable = [each for each in schedules if each.name not in broken]
        if not workable:
            return made
        for due in workable:
            if len(made) >= _JOBS_PER_ROUND:
                return made
            try:
                run_at, next_run_at = plan(due, now)
                _, job_id = await storage.make_due_job(due, run_at, next_run_at)
            except DatabaseUnavailableError:
                raise
            except (CronError, OracleError) as error:
                log.error("schedule cannot run", schedule=due.name, error=str(error))
                broken.add(due.name)
                continue
            if job_id is not None:
                log.info("schedule made a job", schedule=due.name, due_at=str(run_at), job=job_id)
                made.append(job_id)
