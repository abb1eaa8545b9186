"""Lists: whitelisted orders, cursors that hold a place, values only ever as binds."""

from __future__ import annotations

import base64
import time
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.examples import JOB
from app.jobs.listing import SORTS, CursorError, JobFilter, Listing
from app.jobs.models import ComparisonJob, JobStatus

EVIL = "x' or '1'='1"


def job(number: int) -> ComparisonJob:
    return msgspec.structs.replace(
        JOB,
        job_id=f"{number:08d}-0000-4000-8000-000000000000",
        created_at=JOB.created_at + timedelta(seconds=number),
    )


def test_text_of_a_user_never_becomes_sql() -> None:
    listing = Listing(JobFilter(kind=EVIL, table_name=EVIL, submitted_by=EVIL, statuses=(JobStatus.FAILED,)))
    assert EVIL not in listing.where + listing.order_by
    assert list(listing.binds.values()).count(EVIL) == 3


@pytest.mark.parametrize("sort", ["job_id; drop table x", "CREATED_AT", "", "--created_at"])
def test_an_order_outside_the_whitelist_is_refused(sort: str) -> None:
    with pytest.raises(CursorError, match="`sort`"):
        Listing(JobFilter(sort=sort))


@pytest.mark.parametrize("sort", SORTS)
def test_a_full_page_gives_a_cursor_that_the_same_order_takes(sort: str) -> None:
    jobs = [job(number) for number in range(4)]
    page = Listing(JobFilter(sort=sort, limit=3)).page(jobs)
    assert page.items == jobs[:3]
    assert page.next_cursor is not None
    following = Listing(JobFilter(sort=sort, limit=3, cursor=page.next_cursor))
    assert following.binds["after_id"] == jobs[2].job_id


def test_the_last_page_gives_no_cursor() -> None:
    assert Listing(JobFilter(limit=3)).page([job(1), job(2), job(3)]).next_cursor is None


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = Listing(JobFilter(sort="created_at", limit=1)).page([job(1), job(2)]).next_cursor
    with pytest.raises(CursorError, match="another `sort`"):
        Listing(JobFilter(sort="-created_at", cursor=cursor))


@given(
    st.one_of(
        st.text(max_size=60), st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    )
)
def test_a_cursor_that_was_never_given_out_is_refused_and_nothing_else_happens(cursor: str) -> None:
    with pytest.raises(CursorError):
        Listing(JobFilter(cursor=cursor))


@pytest.mark.parametrize("value", ["x", "NaN", "1e99999999999", ""])
def test_a_cursor_with_a_damaged_value_is_refused(value: str) -> None:
    packed = base64.urlsafe_b64encode(msgspec.json.encode(["priority", value, "id"])).decode()
    with pytest.raises(CursorError):
        Listing(JobFilter(sort="priority", cursor=packed))


def test_times_of_any_zone_are_asked_for_in_utc() -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert Listing(JobFilter(created_from=at)).binds["created_from"] == datetime(2026, 1, 1, 10)  # noqa: DTZ001


def test_a_time_without_a_zone_is_utc_wherever_the_server_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        at = datetime(2026, 1, 1, 12)  # noqa: DTZ001
        assert Listing(JobFilter(created_from=at)).binds["created_from"] == at
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_time_at_the_end_of_the_calendar_is_no_error() -> None:
    at = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    assert Listing(JobFilter(created_from=at)).binds["created_from"].year == 1
