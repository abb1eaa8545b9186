"""All SQL of the dashboard: counts over COMPARISON_JOBS that read its indexes, never its documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from app.dashboard.models import Activity, Change, DashboardMetrics, Event, Figures
from app.jobs.models import JobStatus
from app.oracle.pool import OraclePool, to_database

_NONE = (0, 0, 0, None, None, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Quarter:
    """Sums over the jobs that finished within a quarter of an hour from `start` (UTC)."""

    start: datetime
    completed: int
    failed: int
    cancelled: int
    rows: int
    seconds: Decimal
    matches: Decimal
    matched: int  # completed jobs that have a match percentage


class DashboardStore:
    """Figures of jobs. Every method raises OracleError."""

    def __init__(self, pool: OraclePool) -> None:
        self._pool = pool

    async def metrics(self, hours: int) -> DashboardMetrics:
        """How things stand now, and what finished in the last `hours` and in as many before. Three round trips."""
        by_status = {str(status): 0 for status in JobStatus}
        counted = "select status, count(*) from comparison_jobs group by status"
        by_status.update({s: int(n) for s, n in await self._pool.rows("jobs by status", counted)})
        depth, oldest, alive, now = await self._standing()
        window, previous = await self._windows(now, hours)
        finished = by_status["COMPLETED"] + by_status["FAILED"]
        return DashboardMetrics(
            total_jobs=sum(by_status.values()),
            by_status=by_status,
            success_rate=_share(by_status["COMPLETED"], finished),
            queue_depth=depth,
            oldest_wait_seconds=None if oldest is None else max((now - oldest).total_seconds(), 0.0),
            workers_alive=alive,
            window_hours=hours,
            window=window,
            previous=previous,
            change=_change(window, previous),
            as_of=now,
        )

    async def quarters(self, since: datetime, until: datetime) -> list[Quarter]:
        """Sums by quarter of an hour in which anything finished, from `since` up to but without `until`."""
        sql = """
            select q.quarter
                  ,count(case when q.status = 'COMPLETED' then 1 end)
                  ,count(case when q.status = 'FAILED' then 1 end)
                  ,count(case when q.status = 'CANCELLED' then 1 end)
                  ,sum(case when q.status = 'COMPLETED' then q.row_count else 0 end)
                  ,sum(case when q.status = 'COMPLETED' then q.seconds else 0 end)
                  ,sum(case when q.status = 'COMPLETED' then nvl(q.match_percentage, 0) else 0 end)
                  ,count(case when q.status = 'COMPLETED' then q.match_percentage end)
              from (
               select trunc(cast(completed_at as date), 'HH24')
                      + floor(extract(minute from completed_at) / 15) * interval '15' minute as quarter
                     ,status
                     ,nvl(total_prod_records, 0) + nvl(total_uat_records, 0) as row_count
                     ,nvl(execution_time_seconds, 0) as seconds
                     ,match_percentage
                 from comparison_jobs
                where completed_at >= :since_time
                  and completed_at < :until_time
              ) q
             group by q.quarter
             order by q.quarter"""
        binds = {"since_time": to_database(since), "until_time": to_database(until)}
        return [
            Quarter(start.replace(tzinfo=UTC), int(a), int(b), int(c), int(rows), seconds, matches, int(n))
            for start, a, b, c, rows, seconds, matches, n in await self._pool.rows("trends", sql, binds)
        ]

    async def activity(self, before: tuple[datetime, str, str] | None, limit: int) -> list[Activity]:
        """What happened last: at most `limit` lines, newest first, all older than `before` (time, job, event).

        Each half reads its own index backwards and stops after `limit` rows.
        """
        at, job_id, event = before or (datetime.max.replace(tzinfo=UTC), "~", "~")
        sql = """
            select e.happened_at, e.event, e.job_id, e.kind, e.table_name, e.submitted_by, e.match_percentage
              from (
               select * from (
                  select created_at as happened_at
                        ,'submitted' as event
                        ,job_id, kind, table_name, submitted_by, match_percentage
                    from comparison_jobs
                   where created_at <= :before_1
                     and (created_at < :before_1 or job_id < :job_1 or (job_id = :job_1 and 'submitted' < :event_1))
                   order by created_at desc, job_id desc
                   fetch first :limit_1 rows only
               )
               union all
               select * from (
                  select completed_at as happened_at
                        ,lower(status) as event
                        ,job_id, kind, table_name, submitted_by, match_percentage
                    from comparison_jobs
                   where completed_at <= :before_2
                     and (completed_at < :before_2 or job_id < :job_2 or (job_id = :job_2 and lower(status) < :event_2))
                   order by completed_at desc, job_id desc
                   fetch first :limit_2 rows only
               )
              ) e
             order by e.happened_at desc, e.job_id desc, e.event desc
             fetch first :limit_3 rows only"""
        place = {"before": to_database(at), "job": job_id, "event": event, "limit": limit}
        binds = {f"{name}_{half}": value for half in (1, 2) for name, value in place.items()}
        rows = await self._pool.rows("activity", sql, {**binds, "limit_3": limit})
        return [
            Activity(
                at=happened_at.replace(tzinfo=UTC),
                event=Event(what),
                job_id=job,
                kind=kind,
                table_name=table_name,
                submitted_by=submitted_by,
                match_percentage=_float(match) if what == Event.COMPLETED else None,
            )
            for happened_at, what, job, kind, table_name, submitted_by, match in rows
        ]

    async def _standing(self) -> tuple[int, datetime | None, int, datetime]:
        """Due jobs, since when the oldest is due, workers alive, and the database's clock."""
        # Two aggregates of one row each, joined: an aggregate beside a scalar subquery is ORA-00937.
        sql = """
            select q.depth, q.oldest, a.alive, sys_extract_utc(systimestamp)
              from (
               select count(*) as depth
                     ,min(j.due_at) as oldest
                 from (
                  select due_at
                    from comparison_jobs
                   where case when status = 'PENDING' and ready = 1 then queue_name end is not null
                   union all
                  select due_at
                    from comparison_jobs
                   where case when status = 'PENDING' and ready = 0 and held = 0 then due_at end
                         <= sys_extract_utc(systimestamp)
                 ) j
              ) q
             cross join (select count(*) as alive from workers_v where status <> 'LOST') a"""
        depth, oldest, alive, now = (await self._pool.rows("queue depth", sql))[0]
        return int(depth), oldest and oldest.replace(tzinfo=UTC), int(alive), now.replace(tzinfo=UTC)

    async def _windows(self, now: datetime, hours: int) -> tuple[Figures, Figures]:
        """The window that ends now, and the one before it."""
        sql = """
            select f.recent
                  ,count(case when f.status = 'COMPLETED' then 1 end)
                  ,count(case when f.status = 'FAILED' then 1 end)
                  ,count(case when f.status = 'CANCELLED' then 1 end)
                  ,percentile_disc(0.5) within group (order by f.seconds)
                  ,percentile_disc(0.95) within group (order by f.seconds)
                  ,sum(case when f.status = 'COMPLETED' then f.row_count else 0 end)
                  ,sum(case when f.status = 'COMPLETED' then nvl(f.match_percentage, 0) else 0 end)
                  ,count(case when f.status = 'COMPLETED' then f.match_percentage end)
                  ,sum(case when f.status = 'COMPLETED' then f.anomalies else 0 end)
                  ,sum(case when f.status = 'COMPLETED' then f.critical else 0 end)
              from (
               select case when completed_at >= :middle_time then 1 else 0 end as recent
                     ,status
                     ,case when status = 'COMPLETED' then execution_time_seconds end as seconds
                     ,nvl(total_prod_records, 0) + nvl(total_uat_records, 0) as row_count
                     ,match_percentage
                     ,nvl(anomalies_detected, 0) as anomalies
                     ,nvl(has_critical_issues, 0) as critical
                 from comparison_jobs
                where completed_at >= :since_time
                  and completed_at < :until_time
              ) f
             group by f.recent"""
        span = timedelta(hours=hours)
        binds = {
            "since_time": to_database(now - 2 * span),
            "middle_time": to_database(now - span),
            "until_time": to_database(now),
        }
        found = {int(row[0]): row[1:] for row in await self._pool.rows("window figures", sql, binds)}
        return _figures(found.get(1, _NONE)), _figures(found.get(0, _NONE))


def _figures(row: tuple[Any, ...]) -> Figures:
    completed, failed, cancelled, median, p95, rows, matches, matched, anomalies, critical = row
    return Figures(
        completed=int(completed),
        failed=int(failed),
        cancelled=int(cancelled),
        success_rate=_share(int(completed), int(completed) + int(failed)),
        median_seconds=_float(median),
        p95_seconds=_float(p95),
        rows_compared=int(rows),
        match_percentage=mean(matches, int(matched)),
        anomalies=int(anomalies),
        critical=int(critical),
    )


def _change(window: Figures, previous: Figures) -> Change:
    now, then = msgspec.structs.asdict(window), msgspec.structs.asdict(previous)
    change: dict[str, Any] = {
        name: None if now[name] is None or then[name] is None else _rounded(now[name] - then[name])
        for name in now
    }
    return Change(**change)


def _rounded(value: int | float) -> int | float:
    return value if isinstance(value, int) else round(value, 4)


def mean(total: Decimal | int, count: int) -> float | None:
    """total / count to two decimals, half up; None without any."""
    if not count:
        return None
    return float((Decimal(total) / count).quantize(Decimal("0.01"), ROUND_HALF_UP))


def _share(part: int, whole: int) -> float | None:
    return mean(100 * part, whole)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
