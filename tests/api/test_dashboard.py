"""The dashboard's figures against a naive recount of the rows, in Python."""

from __future__ import annotations

import asyncio
import math
import random
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dashboard.models import Step
from app.dashboard.routes import REMEMBER_SECONDS, Remembered
from app.dashboard.trends import bounds
from tests.api.conftest import Caller

if TYPE_CHECKING:
    from tests.conftest import Instance

Row = dict[str, Any]
_COLUMNS = (
    "job_id", "table_name", "status", "created_at", "completed_at", "execution_time_seconds",
    "total_prod_records", "total_uat_records", "match_percentage", "anomalies_detected", "has_critical_issues",
)  # fmt: skip


@pytest.fixture(scope="module")
def history(api: Caller, database: Instance) -> None:
    """Six hundred finished jobs of the last forty days."""
    chance = random.Random(7)
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = []
    for _ in range(600):
        status = chance.choice(["COMPLETED"] * 6 + ["FAILED", "CANCELLED"])
        done = now - timedelta(seconds=chance.expovariate(1 / 300_000) % (40 * 86400) + 60)
        good = status == "COMPLETED"
        rows.append(
            [
                str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "DASHBOARD.HISTORY",
                status,
                done - timedelta(seconds=chance.randrange(1, 500)),
                done,
                round(chance.expovariate(0.1), 2) if status != "CANCELLED" else None,
                chance.randrange(10**6) if good else None,
                chance.randrange(10**6) if good else None,
                round(chance.uniform(0, 100), 2) if good and chance.random() < 0.9 else None,
                chance.randrange(9) if good and chance.random() < 0.5 else None,
                chance.choice([0, 1, None]) if good else None,
            ]
        )
    names = ", ".join(_COLUMNS)
    places = ", ".join(f":{number}" for number in range(1, len(_COLUMNS) + 1))
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.setinputsizes(*([None] * 3), *([_timestamp()] * 2))
        cursor.executemany(
            f"insert into concord.comparison_jobs ({names}, request_config) values ({places}, '{{}}')", rows
        )
        connection.commit()
    time.sleep(REMEMBER_SECONDS)  # figures that were asked for before these rows came are forgotten


def _timestamp() -> Any:
    import oracledb

    return oracledb.DB_TYPE_TIMESTAMP


def all_rows(database: Instance) -> list[Row]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"select {', '.join(_COLUMNS)}, submitted_by from concord.comparison_jobs", fetch_decimals=True
        )
        names = (*_COLUMNS, "submitted_by")
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        for name in ("created_at", "completed_at"):
            row[name] = row[name] and row[name].replace(tzinfo=UTC)
    return rows


def mean(values: list[Decimal]) -> float | None:
    if not values:
        return None
    return float((sum(values, Decimal(0)) / len(values)).quantize(Decimal("0.01"), ROUND_HALF_UP))


def naive(rows: list[Row]) -> dict[str, Any]:
    """The figures of finished jobs, counted the long way."""
    good = [row for row in rows if row["status"] == "COMPLETED"]
    failed = sum(row["status"] == "FAILED" for row in rows)
    seconds = sorted(
        row["execution_time_seconds"] for row in good if row["execution_time_seconds"] is not None
    )

    def at(share: float) -> float | None:
        return float(seconds[math.ceil(share * len(seconds)) - 1]) if seconds else None

    return {
        "completed": len(good),
        "failed": failed,
        "cancelled": sum(row["status"] == "CANCELLED" for row in rows),
        "success_rate": mean([Decimal(100)] * len(good) + [Decimal(0)] * failed),
        "median_seconds": at(0.5),
        "p95_seconds": at(0.95),
        "rows_compared": int(
            sum((row["total_prod_records"] or 0) + (row["total_uat_records"] or 0) for row in good)
        ),
        "match_percentage": mean(
            [row["match_percentage"] for row in good if row["match_percentage"] is not None]
        ),
        "anomalies": int(sum(row["anomalies_detected"] or 0 for row in good)),
        "critical": int(sum(row["has_critical_issues"] or 0 for row in good)),
    }


def within(rows: list[Row], since: datetime, until: datetime) -> list[Row]:
    return [row for row in rows if row["completed_at"] is not None and since <= row["completed_at"] < until]


@pytest.mark.parametrize("hours", [1, 24, 7 * 24, 20 * 24, 366 * 24])
def test_the_figures_of_a_window_are_those_of_a_recount(
    api: Caller, history: None, database: Instance, hours: int
) -> None:
    figures = api.data("GET", f"/dashboard/metrics?window_hours={hours}")
    rows, now, span = all_rows(database), datetime.fromisoformat(figures["as_of"]), timedelta(hours=hours)
    window, previous = naive(within(rows, now - span, now)), naive(within(rows, now - 2 * span, now - span))
    assert figures["window"] == window
    assert figures["previous"] == previous
    for name, change in figures["change"].items():
        if window[name] is None or previous[name] is None:
            assert change is None
        else:
            assert change == pytest.approx(window[name] - previous[name], abs=1e-4)
    assert figures["by_status"]["COMPLETED"] == sum(row["status"] == "COMPLETED" for row in rows)


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Europe/Vienna"])
def test_trends_are_those_of_a_recount_and_have_no_gaps(
    api: Caller, history: None, database: Instance, step: Step, zone: str
) -> None:
    data = api.data("GET", f"/dashboard/trends?step={step}&count=30&timezone={zone}")
    rows, points = all_rows(database), data["points"]
    assert len(points) == 30
    assert [point["end"] for point in points[:-1]] == [point["start"] for point in points[1:]]
    for point in points:
        start, end = (datetime.fromisoformat(point[name]) for name in ("start", "end"))
        expected = naive(within(rows, start, end))
        for name in ("completed", "failed", "cancelled", "rows_compared", "match_percentage"):
            assert point[name] == expected[name], (point, name)
        good = [row for row in within(rows, start, end) if row["status"] == "COMPLETED"]
        assert point["mean_seconds"] == mean([row["execution_time_seconds"] for row in good])
    assert sum(point["completed"] for point in points) > 0


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(list(Step)),
    st.integers(1, 60),
    st.sampled_from(["UTC", "Europe/Vienna", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_buckets_are_whole_local_hours_days_or_weeks_and_the_last_holds_now(
    moment: datetime, step: Step, count: int, name: str
) -> None:
    now, zone = moment.replace(tzinfo=UTC), ZoneInfo(name)
    ends = bounds(now, step, count, zone)
    assert len(ends) == count + 1
    assert ends == sorted(set(ends))
    assert ends[-2] <= now < ends[-1]
    if step is not Step.HOUR:
        local = [end.astimezone(zone) for end in ends]
        days = 1 if step is Step.DAY else 7
        assert {(b.date() - a.date()).days for a, b in pairwise(local)} == {days}
        assert step is Step.DAY or {end.weekday() for end in local} == {0}


def test_the_feed_shows_everything_once_newest_first(api: Caller, history: None, database: Instance) -> None:
    lines: list[Row] = []
    cursor = ""
    while True:
        page = api.data("GET", f"/dashboard/activity?limit=97{cursor}")
        lines += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    expected = []
    for row in all_rows(database):
        expected.append((row["created_at"], row["job_id"], "submitted"))
        if row["completed_at"] is not None:
            expected.append((row["completed_at"], row["job_id"], row["status"].lower()))
    told = [(datetime.fromisoformat(line["at"]), line["job_id"], line["event"]) for line in lines]
    assert told == sorted(expected, reverse=True)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/dashboard/trends?timezone=Mars/Olympus", "timezone"),
        ("/dashboard/trends?timezone=../../etc/passwd", "timezone"),
        ("/dashboard/trends?step=minute", "step"),
        ("/dashboard/trends?count=100000", "count"),
        ("/dashboard/metrics?window_hours=0", "window_hours"),
        ("/dashboard/activity?cursor=AAAA", "cursor"),
    ],
)
def test_a_bad_parameter_is_422_and_named(api: Caller, query: str, field: str) -> None:
    answer = api("GET", query)
    assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (422, field)


def test_a_hundred_who_ask_at_once_cost_one_count() -> None:
    counted = 0

    async def count() -> int:
        nonlocal counted
        counted += 1
        await asyncio.sleep(0.01)
        return counted

    async def ask() -> list[int]:
        remembered = Remembered()
        return await asyncio.gather(*(remembered.get("figures", count) for _ in range(100)))

    assert asyncio.run(ask()) == [1] * 100


def test_a_count_that_fails_is_told_to_who_asked_and_not_remembered() -> None:
    async def ask() -> int:
        remembered = Remembered()

        async def fail() -> int:
            raise ConnectionError

        with pytest.raises(ConnectionError):
            await remembered.get("figures", fail)

        async def count() -> int:
            return 7

        return int(await remembered.get("figures", count))

    assert asyncio.run(ask()) == 7
