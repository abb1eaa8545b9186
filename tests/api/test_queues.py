"""Waiting jobs held, let go and re-prioritised over REST; queues paused and limited; limits by key."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from app.accounts.permissions import Role
from tests.api.conftest import Caller, Client

if TYPE_CHECKING:
    from tests.conftest import Instance


@pytest.fixture
def job(api: Caller, parts: dict[str, Any]) -> str:
    """A waiting job of the operator's."""
    return str(api.data("POST", "/compare", json=parts)["job_id"])


@pytest.fixture
def name(api: Caller) -> Iterator[str]:
    """A queue and a limit key of this test's own; neither is paused or limited afterwards."""
    name = f"Q{uuid.uuid4().hex[:20].upper()}"
    yield name
    for change in (f"/queues/{name}/limit", f"/limits/{name}"):
        api.data("PUT", change, json={"max_running": None})
    api.data("PUT", f"/queues/{name}/resume")


def audited(database: Instance, target: str) -> list[tuple[str, str]]:
    """Actor and action of what the audit says of a target."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select actor, action from concord.audit_log where target = :target order by audit_id", [target]
        )
        return cursor.fetchall()


def test_a_waiting_job_is_held_let_go_and_put_first(api: Caller, job: str, database: Instance) -> None:
    held = api.data("PUT", f"/jobs/{job}/hold")
    assert (held["status"], held["held"], held["current_step"]) == ("PENDING", True, "Held by test-operator")
    assert api.data("PUT", f"/jobs/{job}/hold")["version"] == held["version"]
    let_go = api.data("PUT", f"/jobs/{job}/unhold")
    assert (let_go["held"], let_go["current_step"]) == (False, "Let go by test-operator")
    assert api.data("PUT", f"/jobs/{job}/priority", json={"priority": 0})["priority"] == 0
    actions = ["job.submit", "job.hold", "job.hold", "job.unhold", "job.set_priority"]
    assert audited(database, job) == [("test-operator", action) for action in actions]


@pytest.mark.parametrize(("verb", "body"), [("hold", None), ("unhold", None), ("priority", {"priority": 1})])
def test_a_job_that_does_not_wait_is_left_alone(
    api: Caller, job: str, verb: str, body: dict[str, int] | None
) -> None:
    api.data("DELETE", f"/jobs/{job}")
    answer = api("PUT", f"/jobs/{job}/{verb}", json=body)
    assert (answer.status_code, "is CANCELLED; only a PENDING job" in answer.json()["message"]) == (409, True)
    assert api("PUT", f"/jobs/{uuid.uuid4()}/{verb}", json=body).status_code == 404
    assert api("PUT", f"/jobs/no-such-job/{verb}", json=body).status_code == 404


@pytest.mark.parametrize("body", [{"priority": 10}, {"priority": -1}, {"priority": 1.5}, {}, {"first": 1}])
def test_a_priority_that_is_none_is_refused(api: Caller, job: str, body: dict[str, Any]) -> None:
    assert api("PUT", f"/jobs/{job}/priority", json=body).status_code == 422


def test_analysts_reach_their_own_jobs_only_and_no_queue(
    api: Caller,
    job: str,
    name: str,
    parts: dict[str, Any],
    anonymous: Client,
    headers_of: Callable[[Role], dict[str, str]],
) -> None:
    analyst = Caller(anonymous, headers_of(Role.ANALYST))
    own = analyst.data("POST", "/compare", json=parts)["job_id"]
    assert analyst.data("PUT", f"/jobs/{own}/hold")["held"]
    for verb, body in (("hold", None), ("unhold", None), ("priority", {"priority": 1})):
        assert analyst("PUT", f"/jobs/{job}/{verb}", json=body).status_code == 403
    for path, body in ((f"/queues/{name}/pause", None), (f"/limits/{name}", {"max_running": 0})):
        assert analyst("PUT", path, json=body).status_code == 403
    assert analyst("GET", "/queues").status_code == 200


def test_a_queue_is_paused_limited_and_resumed(
    api: Caller, parts: dict[str, Any], name: str, database: Instance
) -> None:
    for _ in range(2):
        api.data("POST", "/compare", json={**parts, "queue": name})
    paused = api.data("PUT", f"/queues/{name}/pause")
    assert (paused["name"], paused["ready"], paused["running"], paused["paused"]) == (name, 2, 0, True)
    assert (paused["paused_by"], paused["paused_at"] is not None) == ("test-operator", True)
    limited = api.data("PUT", f"/queues/{name}/limit", json={"max_running": 3})
    assert (limited["max_running"], limited["paused"]) == (3, True)
    assert [queue["name"] for queue in api.data("GET", "/queues")["items"] if queue["paused"]] == [name]
    resumed = api.data("PUT", f"/queues/{name}/resume")
    assert (resumed["paused"], resumed["paused_by"], resumed["max_running"]) == (False, None, 3)
    assert api.data("PUT", f"/queues/{name}/limit", json={"max_running": None})["max_running"] is None
    actions = ["queue.pause_queue", "queue.set_limit", "queue.resume_queue", "queue.set_limit"]
    assert audited(database, name) == [("test-operator", action) for action in actions]


def test_a_limit_by_key_is_set_shown_and_taken_away(api: Caller, name: str) -> None:
    answer = api("PUT", f"/limits/{name}", json={"max_running": 2})
    assert answer.json()["message"] == f"Jobs with the limit key {name}: at most 2 at once."
    limit = {"key": name, "max_running": 2, "running": 0}
    assert answer.json()["data"] == limit
    assert limit in api.data("GET", "/limits")["items"]
    gone = api("PUT", f"/limits/{name}", json={"max_running": None})
    assert gone.json()["message"] == f"Jobs with the limit key {name}: no limit."
    assert name not in [each["key"] for each in api.data("GET", "/limits")["items"]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/queues/night/pause", None),
        ("/queues/NIGHT%0A/pause", None),
        (f"/queues/{'N' * 31}/resume", None),
        ("/queues/NIGHT/limit", {"max_running": -1}),
        ("/queues/NIGHT/limit", {}),
        ("/limits/a%20b", {"max_running": 1}),
        (f"/limits/{'k' * 129}", {"max_running": 1}),
    ],
)
def test_names_and_limits_that_cannot_be_are_refused(
    api: Caller, path: str, body: dict[str, int] | None
) -> None:
    assert api("PUT", path, json=body).status_code == 422


def test_a_job_has_the_limit_key_of_its_request(api: Caller, parts: dict[str, Any], name: str) -> None:
    keyed = {**parts, "limit_key": "PROD@dc-2"}
    alone = api.data("POST", "/compare", json=keyed)["job_id"]
    one, other = api.data("POST", "/compare/batch", json={"comparisons": [keyed, parts]})
    schedule = {"name": name, "cron": "0 3 * * *", "paused": True, "request": keyed}
    api.data("POST", "/schedules", json=schedule)
    scheduled = api.data("POST", f"/schedules/{name}/run")["job_id"]
    api.data("DELETE", f"/schedules/{name}")
    keys = [
        api.data("GET", f"/jobs/{job_id}")["limit_key"]
        for job_id in (alone, one["job_id"], other["job_id"], scheduled)
    ]
    assert keys == ["PROD@dc-2", "PROD@dc-2", None, "PROD@dc-2"]


@pytest.mark.parametrize("key", ["", " ", "two words", "line\nend", "line\n", "a/b", "k" * 129])
def test_a_limit_key_that_cannot_be_is_refused_by_field(api: Caller, parts: dict[str, Any], key: str) -> None:
    answer = api("POST", "/compare", json={**parts, "limit_key": key})
    assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (422, "limit_key")
