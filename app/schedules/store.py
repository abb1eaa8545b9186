"""All SQL of schedules. Writes go through package SCHEDULES; reads are plain SQL.

Every method raises OracleError or one of its subclasses: NotFoundError (no such schedule), ConflictError (there is
one already), ArgumentError, and DatabaseUnavailableError, after which the same call may succeed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.jobs.rows import from_json, required_time, time_of
from app.oracle.audit import Deed, audited
from app.oracle.errors import NotFoundError
from app.oracle.pool import NUMBER_OUT, TEXT_OUT, OraclePool, to_database
from app.schedules.models import DueSchedule, MissedRuns, Schedule, ScheduleRequest

_COLUMNS = """
       schedule_name, cron_expression, time_zone, missed_runs, paused, next_run_at, last_run_at, last_job_id,
       kind, table_name, created_by, created_at, updated_at, row_version, request_config"""
_KIND = "COMPARE"


class ScheduleStorage:
    """The schedules in JOB_SCHEDULES."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def create(
        self,
        name: str,
        wanted: ScheduleRequest,
        table_name: str,
        next_run_at: datetime | None,
        by: str,
        *,
        limit_key: str | None = None,
    ) -> None:
        """Raises ConflictError if there is a schedule of this name."""
        binds = {**_binds(name, wanted, table_name, next_run_at, limit_key), "created_by": by}
        sql = f"begin schedules.create_schedule({_ARGUMENTS}, in_by => :created_by); end;"
        deed = Deed("schedule.create", name, after=_noted(wanted))
        await self._pool.block("create schedule", *audited(sql, binds, deed))

    async def change(
        self,
        name: str,
        wanted: ScheduleRequest,
        table_name: str,
        next_run_at: datetime | None,
        *,
        limit_key: str | None = None,
    ) -> None:
        """Replace everything but its maker and its past. Raises NotFoundError."""
        binds = _binds(name, wanted, table_name, next_run_at, limit_key)
        sql = f"begin schedules.change_schedule({_ARGUMENTS}); end;"
        deed = Deed("schedule.update", name, after=_noted(wanted))
        await self._pool.block("change schedule", *audited(sql, binds, deed))

    async def delete(self, name: str) -> None:
        """Its jobs stay. Raises NotFoundError."""
        sql = "begin schedules.delete_schedule(in_schedule_name => :schedule_name); end;"
        deed = Deed("schedule.delete", name)
        await self._pool.block("delete schedule", *audited(sql, {"schedule_name": name}, deed))

    async def get(self, name: str) -> Schedule:
        """Raises NotFoundError."""
        sql = f"select {_COLUMNS} from job_schedules where schedule_name = :schedule_name"
        rows = await self._pool.rows("get schedule", sql, {"schedule_name": name})
        if not rows:
            raise NotFoundError(f"There is no schedule {name}.", code="no-schedule")
        return _schedule(rows[0])

    async def all(self) -> list[Schedule]:
        """Every schedule by name."""
        sql = f"select {_COLUMNS} from job_schedules order by schedule_name"
        return [_schedule(row) for row in await self._pool.rows("list schedules", sql)]

    async def run_now(self, name: str, by: str) -> str:
        """Make a job of it now; its id. Raises NotFoundError."""
        sql = """
            begin
               schedules.run_now(in_schedule_name => :schedule_name, in_by => :asked_by, out_job_id => :job_id);
            end;"""
        binds = {"schedule_name": name, "asked_by": by, "job_id": TEXT_OUT}
        outs = await self._pool.block("run schedule", *audited(sql, binds, Deed("schedule.run", name)))
        return str(outs["job_id"])

    async def due(self) -> tuple[list[DueSchedule], datetime]:
        """Schedules whose time has come by the database's clock, and that clock."""
        sql = """
            select s.schedule_name, s.cron_expression, s.time_zone, s.missed_runs, s.next_run_at, s.row_version,
                   sys_extract_utc(systimestamp)
              from dual
              left join job_schedules s
                on s.paused = 0
               and s.next_run_at <= sys_extract_utc(systimestamp)
             order by s.next_run_at, s.schedule_name"""
        rows = await self._pool.rows("due schedules", sql)
        due = [
            DueSchedule(name, cron, zone, MissedRuns(missed), required_time(next_run_at), int(version))
            for name, cron, zone, missed, next_run_at, version, _ in rows
            if name is not None
        ]
        return due, required_time(rows[0][-1])

    async def make_due_job(
        self, due: DueSchedule, run_at: datetime | None, next_run_at: datetime | None
    ) -> tuple[bool, str | None]:
        """Make the job of a due time and move the schedule on: whether it was ours to move, and the job.

        run_at: the due time; None makes no job. Nothing happens when another process was first.
        """
        sql = """
            begin
               schedules.make_due_job(in_schedule_name => :schedule_name
                                     ,in_row_version => :row_version
                                     ,in_due_at => :due_at
                                     ,in_next_run_at => :next_run_at
                                     ,out_job_id => :job_id
                                     ,out_moved => :moved);
            end;"""
        binds = {
            "schedule_name": due.name,
            "row_version": due.version,
            "due_at": None if run_at is None else to_database(run_at),
            "next_run_at": None if next_run_at is None else to_database(next_run_at),
            "job_id": TEXT_OUT,
            "moved": NUMBER_OUT,
        }
        outs = await self._pool.block("make due job", sql, binds, idempotent=True)
        return bool(outs["moved"]), outs["job_id"]


_ARGUMENTS = ", ".join(
    f"in_{name} => :{name}"
    for name in (
        "schedule_name",
        "cron_expression",
        "time_zone",
        "missed_runs",
        "paused",
        "next_run_at",
        "kind",
        "table_name",
        "queue_name",
        "priority",
        "max_attempts",
        "limit_key",
        "request_config",
    )
)


def _binds(
    name: str,
    wanted: ScheduleRequest,
    table_name: str,
    next_run_at: datetime | None,
    limit_key: str | None,
) -> dict[str, Any]:
    return {
        "schedule_name": name,
        "cron_expression": wanted.cron,
        "time_zone": wanted.time_zone,
        "missed_runs": str(wanted.missed_runs),
        "paused": 1 if wanted.paused else 0,
        "next_run_at": None if next_run_at is None else to_database(next_run_at),
        "kind": _KIND,
        "table_name": table_name,
        "queue_name": wanted.request.queue,
        "priority": wanted.request.priority,
        "max_attempts": wanted.request.max_attempts,
        "limit_key": limit_key or wanted.request.limit_key,
        "request_config": wanted.request.to_json(),
    }


def _noted(wanted: ScheduleRequest) -> dict[str, Any]:
    """What the audit trail keeps of a schedule."""
    return {"cron": wanted.cron, "time_zone": wanted.time_zone, "paused": wanted.paused}


def _schedule(row: tuple[Any, ...]) -> Schedule:
    return Schedule(
        name=row[0],
        cron=row[1],
        time_zone=row[2],
        missed_runs=MissedRuns(row[3]),
        paused=bool(row[4]),
        next_run_at=time_of(row[5]),
        last_run_at=time_of(row[6]),
        last_job_id=row[7],
        kind=row[8],
        table_name=row[9],
        created_by=row[10] or "",
        created_at=required_time(row[11]),
        updated_at=required_time(row[12]),
        version=int(row[13]),
        request=from_json(row[14]),
    )
