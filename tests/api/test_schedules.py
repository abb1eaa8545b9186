"""Schedules over REST: made, looked at, changed, run, deleted, refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from app.accounts.permissions import Role
from tests.api.conftest import Caller, Client

WEEKDAYS = {"cron": "30 5 * * MON-FRI", "time_zone": "Europe/Berlin"}


@pytest.fixture
def name(api: Caller) -> Iterator[str]:
    """A name of this test's own; its schedule is deleted afterwards."""
    name = f"test-{uuid.uuid4()}"
    yield name
    api("DELETE", f"/schedules/{name}")


def test_a_schedule_is_made_and_found_again(api: Caller, parts: dict[str, Any], name: str) -> None:
    answer = api("POST", "/schedules", json={"name": name, **WEEKDAYS, "request": parts})
    assert answer.status_code == 201, answer.text
    made = answer.json()["data"]
    assert (made["name"], made["cron"], made["time_zone"]) == (name, *WEEKDAYS.values())
    assert (made["missed_runs"], made["paused"], made["last_job_id"]) == ("ONCE", False, None)
    assert made["table_name"] == "API_TEST.PARTS_A"
    assert made["created_by"] == "test-operator"
    following = datetime.fromisoformat(made["next_run_at"])
    assert (following.hour, following.minute) in ((3, 30), (4, 30))
    assert api.data("GET", f"/schedules/{name}") == made
    assert made in api.data("GET", "/schedules")["items"]


def test_a_change_replaces_all_of_it(api: Caller, parts: dict[str, Any], name: str) -> None:
    api.data("POST", "/schedules", json={"name": name, **WEEKDAYS, "request": parts})
    changed = {"cron": "0 * * * *", "missed_runs": "SKIP", "paused": True, "request": parts}
    after = api.data("PUT", f"/schedules/{name}", json=changed)
    assert {field: after[field] for field in ("cron", "time_zone", "missed_runs", "paused")} == {
        "cron": "0 * * * *",
        "time_zone": "UTC",
        "missed_runs": "SKIP",
        "paused": True,
    }
    assert after["version"] == 2


def test_a_run_by_hand_queues_a_job_of_who_asked(api: Caller, parts: dict[str, Any], name: str) -> None:
    api.data("POST", "/schedules", json={"name": name, **WEEKDAYS, "paused": True, "request": parts})
    answer = api("POST", f"/schedules/{name}/run")
    assert answer.status_code == 202
    job = answer.json()["data"]["job_id"]
    assert api.data("GET", f"/jobs/{job}")["submitted_by"] == "test-operator"
    assert api.data("GET", f"/jobs/{job}/attempts") == {"items": []}
    assert api.data("GET", f"/schedules/{name}")["last_job_id"] == job


def test_a_deleted_schedule_is_gone_and_its_jobs_stay(api: Caller, parts: dict[str, Any], name: str) -> None:
    api.data("POST", "/schedules", json={"name": name, **WEEKDAYS, "request": parts})
    job = api.data("POST", f"/schedules/{name}/run")["job_id"]
    assert api("DELETE", f"/schedules/{name}").status_code == 200
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/run")):
        answer = api(method, f"/schedules/{name}{path}")
        assert answer.status_code == 404
        assert name in answer.json()["message"]
    assert api("GET", f"/jobs/{job}").status_code == 200


def test_a_name_is_taken_once(api: Caller, parts: dict[str, Any], name: str) -> None:
    body = {"name": name, **WEEKDAYS, "request": parts}
    api.data("POST", "/schedules", json=body)
    answer = api("POST", "/schedules", json=body)
    assert answer.status_code == 409
    assert name in answer.json()["message"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"cron": "30 5 * *"}, "five fields"),
        ({"cron": "61 5 * * *"}, "not a cron expression"),
        ({"time_zone": "Berlin"}, "IANA name"),
        ({"missed_runs": "TWICE"}, "missed_runs"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"unknown": 1}, "unknown"),
        ({"request": {"source": {"table": "API_TEST.NOTHING"}, "target": {"table": "X"}}}, "NOTHING"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_made(
    api: Caller, parts: dict[str, Any], name: str, changes: dict[str, Any], says: str
) -> None:
    answer = api("POST", "/schedules", json={"name": name, **WEEKDAYS, "request": parts, **changes})
    assert answer.status_code == 422, answer.text
    assert says in answer.text
    assert api("GET", f"/schedules/{name}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
@pytest.mark.parametrize(("name", "status"), [("x" * 5000, 404), ("a%00b", 400), ("nothing", 404)])
def test_a_name_that_nothing_has(
    api: Caller, parts: dict[str, Any], method: str, name: str, status: int
) -> None:
    body = {"json": {**WEEKDAYS, "request": parts}} if method == "PUT" else {}
    assert api(method, f"/schedules/{name}", **body).status_code == status


def test_analysts_look_and_do_not_touch(
    anonymous: Client, headers_of: Callable[[Role], dict[str, str]], parts: dict[str, Any], name: str
) -> None:
    analyst = Caller(anonymous, headers_of(Role.ANALYST))
    body = {"name": name, **WEEKDAYS, "request": parts}
    assert analyst("GET", "/schedules").status_code == 200
    assert analyst("POST", "/schedules", json=body).status_code == 403
    assert analyst("POST", f"/schedules/{name}/run").status_code == 403
    assert anonymous.get("/api/v1/schedules").status_code == 401
