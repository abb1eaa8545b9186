"""Due times of cron expressions, above all around the changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.schedules.cron import Cron, CronError

MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "moment", "due"),
    [
        ("30 5 * * *", "UTC", "2026-01-01 00:00", "2026-01-01 05:30"),
        ("30 5 * * *", "UTC", "2026-01-01 05:30", "2026-01-02 05:30"),
        ("30 5 * * *", "UTC", "2026-01-01 05:29:59.999999", "2026-01-01 05:30"),
        ("30 5 * * *", "Europe/Berlin", "2026-01-01 00:00", "2026-01-01 04:30"),
        ("30 5 * * *", "Europe/Berlin", "2026-07-01 00:00", "2026-07-01 03:30"),
        ("30 5 * * *", "Asia/Kathmandu", "2026-01-01 00:00", "2026-01-01 23:45"),
        ("0 9 * * MON-FRI", "America/New_York", "2026-01-30 20:00", "2026-02-02 14:00"),
        ("0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00"),
        # The clock goes from 02:00 to 03:00 on 29 March 2026: half past two is made up for at three.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30"),
        # It goes back from 03:00 to 02:00 on 25 October 2026: half past two comes twice and counts once.
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 01:15", "2026-10-26 01:30"),
        # Every half hour means every half hour of real time.
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 01:00"),
        ("*/30 * * * *", "Europe/Berlin", "2026-10-25 01:00", "2026-10-25 01:30"),
    ],
)
def test_the_next_due_time(expression: str, zone: str, moment: str, due: str) -> None:
    assert Cron(expression, zone).after(utc(moment)) == utc(due)


EXPRESSIONS = st.sampled_from(
    [
        "* * * * *",
        "*/7 * * * *",
        "0 * * * *",
        "30 2 * * *",
        "0 2,3 * * *",
        "15 */2 * * *",
        "59 1 25 10 *",
        "0 0 * * SUN",
        "5,10 2 29 3 *",
        "0 4 31 * *",
        "30 1-3 * * *",
    ]
)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
# Both changes of the clock of 2026 in Europe, America and on Lord Howe, and a day without any.
MOMENTS = st.one_of(
    *(
        st.datetimes(utc(day).replace(tzinfo=None), utc(day).replace(tzinfo=None) + timedelta(days=2))
        for day in (
            "2026-03-28",
            "2026-10-24",
            "2026-03-07",
            "2026-10-31",
            "2026-04-04",
            "2026-10-03",
            "2026-06-15",
        )
    )
).map(lambda moment: moment.replace(tzinfo=UTC))


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, ZONES, MOMENTS)
def test_due_times_rise_and_the_latest_is_the_last_of_them(
    expression: str, zone: str, moment: datetime
) -> None:
    """Against the plain way to the latest one: every due time from a week (or a year) before, in order."""
    cron = Cron(expression, zone)
    long = expression.split()[2] != "*"
    due, expected, steps = cron.after(moment - timedelta(days=400 if long else 8)), None, 0
    while due is not None and due <= moment:
        following = cron.after(due)
        assert following is not None
        assert following > due
        expected, due, steps = due, following, steps + 1
        if expression == "* * * * *" and steps > 100:
            due = cron.after(moment - 90 * MINUTE)
            steps = -(10**9)
    assert cron.latest(moment) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "field"),
    [
        ("", "UTC", "cron"),
        ("* * * *", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("@daily", "UTC", "cron"),
        ("0 0 31 2 *", "UTC", "cron"),
        ("0 0 * * *", "Berlin", "time_zone"),
        ("0 0 * * *", "../etc/passwd", "time_zone"),
        ("0 0 * * *", "", "time_zone"),
        ("0 0 * * *", "Europe", "time_zone"),
    ],
)
def test_what_cannot_be_read_is_told_by_field(expression: str, zone: str, field: str) -> None:
    with pytest.raises(CronError) as raised:
        Cron(expression, zone)
    assert raised.value.field == field
    assert (expression if field == "cron" else zone) in str(raised.value)
