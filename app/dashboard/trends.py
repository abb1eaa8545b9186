"""Trends in a time zone: quarters of an hour, as the database counts them in UTC, put into local buckets.

Every zone of today lies whole quarters of an hour from UTC, so a quarter never falls into two buckets; days on
which the clocks change are 23 or 25 hours long, as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from app.dashboard.models import Step, TrendPoint
from app.dashboard.store import Quarter, mean


def bounds(now: datetime, step: Step, count: int, zone: ZoneInfo) -> list[datetime]:
    """The `count` + 1 ends of the last `count` buckets, in UTC; the last bucket holds `now`."""
    local = now.astimezone(zone)
    if step is Step.HOUR:
        # Hours are counted in UTC from the local full hour: one that comes twice is two buckets.
        start = now.astimezone(UTC) - timedelta(
            minutes=local.minute, seconds=local.second, microseconds=local.microsecond
        )
        return [start + timedelta(hours=offset) for offset in range(1 - count, 2)]
    first = local.date()
    width = 1
    if step is Step.WEEK:
        first -= timedelta(days=first.weekday())
        width = 7
    return [_midnight(first + timedelta(days=width * offset), zone) for offset in range(1 - count, 2)]


def points(ends: list[datetime], quarters: Iterable[Quarter], zone: ZoneInfo) -> list[TrendPoint]:
    """One point per bucket, also where nothing happened."""
    buckets = [{"completed": 0, "failed": 0, "cancelled": 0, "rows": 0, "matched": 0} for _ in ends[1:]]
    seconds, matches = [Decimal(0)] * len(buckets), [Decimal(0)] * len(buckets)
    place = 0
    for quarter in sorted(quarters, key=lambda one: one.start):
        while place < len(buckets) and quarter.start >= ends[place + 1]:
            place += 1
        if place == len(buckets) or quarter.start < ends[place]:
            continue
        for name in buckets[place]:
            buckets[place][name] += getattr(quarter, name)
        seconds[place] += quarter.seconds
        matches[place] += quarter.matches
    return [
        TrendPoint(
            start=start.astimezone(zone),
            end=end.astimezone(zone),
            completed=bucket["completed"],
            failed=bucket["failed"],
            cancelled=bucket["cancelled"],
            rows_compared=bucket["rows"],
            mean_seconds=mean(spent, bucket["completed"]),
            match_percentage=mean(matched, bucket["matched"]),
        )
        for start, end, bucket, spent, matched in zip(ends, ends[1:], buckets, seconds, matches, strict=False)
    ]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
