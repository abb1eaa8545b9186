"""Server-sent events over a real socket: what comes, in which order, and how a stream goes on after a break."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from app.accounts.permissions import Role
from tests.api.conftest import Caller, Client, log_in

Event = dict[str, str]


@pytest.fixture
def headers(headers_of: Callable[[Role], dict[str, str]]) -> dict[str, str]:
    return headers_of(Role.OPERATOR)


@contextmanager
def events(url: str, headers: dict[str, str]) -> Iterator[Iterator[Event]]:
    """The events of a stream as they come; comments are left out."""
    with httpx.stream("GET", url, headers=headers, timeout=20) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _parsed(answer.iter_lines())


def _parsed(lines: Iterator[str]) -> Iterator[Event]:
    event: Event = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = value
        elif event:
            yield event
            event = {}


def job_of(event: Event) -> dict[str, Any]:
    assert event["event"] == "job", event
    data: dict[str, Any] = json.loads(event["data"])
    return data


def test_a_stream_of_a_job_tells_its_state_its_changes_and_ends_with_it(
    address: str, headers: dict[str, str], api: Caller, parts: dict[str, Any]
) -> None:
    job_id = api.data("POST", "/compare", json=parts)["job_id"]
    with events(f"{address}/jobs/{job_id}/stream", headers) as stream:
        first = next(stream)
        assert job_of(first)["status"] == "PENDING"
        assert first["id"] == str(job_of(first)["version"])
        api.data("DELETE", f"/jobs/{job_id}")
        last = next(stream)
        assert job_of(last)["status"] == "CANCELLED"
        assert int(last["id"]) > int(first["id"])
        assert list(stream) == []


def test_a_stream_goes_on_behind_the_last_event_that_came(
    address: str, headers: dict[str, str], api: Caller, parts: dict[str, Any]
) -> None:
    job_id = api.data("POST", "/compare", json=parts)["job_id"]
    with events(f"{address}/jobs/{job_id}/stream", headers) as stream:
        seen = next(stream)["id"]
    api.data("DELETE", f"/jobs/{job_id}")
    with events(f"{address}/jobs/{job_id}/stream", {**headers, "Last-Event-ID": seen}) as stream:
        told = [job_of(event)["status"] for event in stream]
    assert told == ["CANCELLED"]
    latest = str(api.data("GET", f"/jobs/{job_id}")["version"])
    with events(f"{address}/jobs/{job_id}/stream", {**headers, "Last-Event-ID": latest}) as stream:
        assert list(stream) == []


def test_the_stream_of_everything_tells_jobs_and_figures(
    address: str, headers: dict[str, str], api: Caller, parts: dict[str, Any]
) -> None:
    with events(f"{address}/dashboard/stream", headers) as stream:
        figures = next(event for event in stream if event["event"] == "metrics")
        pending = json.loads(figures["data"])["by_status"]["PENDING"]
        job_id = api.data("POST", "/compare", json=parts)["job_id"]
        job = next(event for event in stream if event["event"] == "job" and job_of(event)["job_id"] == job_id)
        changed = next(event for event in stream if event["event"] == "metrics")
        assert json.loads(changed["data"])["by_status"]["PENDING"] == pending + 1
    api.data("DELETE", f"/jobs/{job_id}")
    with events(f"{address}/dashboard/stream", {**headers, "Last-Event-ID": job["id"]}) as stream:
        told = (job_of(event) for event in stream if event["event"] == "job")
        assert next(one for one in told if one["job_id"] == job_id)["status"] == "CANCELLED"


def test_a_stream_ends_when_its_session_does(address: str, anonymous: Client, users: dict[Role, str]) -> None:
    token = log_in(anonymous, users[Role.VIEWER])
    mine = {"Authorization": f"Bearer {token}"}
    with events(f"{address}/dashboard/stream", mine) as stream:
        assert next(stream)["event"] in ("metrics", "job")
        assert anonymous.post("/api/v1/auth/logout", headers=mine).status_code == 200
        began = time.monotonic()
        list(stream)
        assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("path", "last", "status"),
    [
        ("/jobs/00000000-0000-4000-8000-000000000000/stream", None, 404),
        ("/jobs/nonsense/stream", None, 404),
        ("/jobs/00000000-0000-4000-8000-000000000000/stream", "yesterday", 422),
        ("/dashboard/stream", "yesterday", 422),
        ("/dashboard/stream", "9999999999999999999999999999999999999999", 422),
    ],
)
def test_a_stream_that_cannot_be_is_refused_before_it_begins(
    address: str, headers: dict[str, str], path: str, last: str | None, status: int
) -> None:
    extra = {} if last is None else {"Last-Event-ID": last}
    assert httpx.get(f"{address}{path}", headers={**headers, **extra}).status_code == status
