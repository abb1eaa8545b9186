"""Submitting with a net, many at once, asking first, and acting on many jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.accounts.permissions import Role
from tests.api.conftest import Caller, Client


@pytest.fixture
def analyst(anonymous: Client, headers_of: Callable[[Role], dict[str, str]]) -> Caller:
    return Caller(anonymous, headers_of(Role.ANALYST))


def once(api: Caller, key: str, request: dict[str, Any]) -> Any:
    return api("POST", "/compare", json=request, headers={"Idempotency-Key": key})


def test_the_same_key_gives_the_same_job_and_says_so(api: Caller, parts: dict[str, Any]) -> None:
    key = str(uuid.uuid4())
    first, second = once(api, key, parts), once(api, key, parts)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["data"] == second.json()["data"]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_many_who_send_the_same_key_at_once_get_one_job(api: Caller, parts: dict[str, Any]) -> None:
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: once(api, key, parts), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["data"]["job_id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


def test_a_key_of_another_request_is_refused_and_another_users_key_is_another(
    api: Caller, analyst: Caller, parts: dict[str, Any]
) -> None:
    key = str(uuid.uuid4())
    job_id = once(api, key, parts).json()["data"]["job_id"]
    other = once(api, key, {**parts, "priority": 1})
    assert (other.status_code, other.json()["data"]["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert once(analyst, key, parts).json()["data"]["job_id"] != job_id


def test_a_dry_run_tells_what_would_run_and_queues_nothing(api: Caller, parts: dict[str, Any]) -> None:
    before = api.data("GET", "/jobs?total=true&limit=1")["total"]
    answer = api("POST", "/compare?dry_run=true", json={**parts, "ignore": ["NAME"]})
    assert answer.status_code == 200
    plan = answer.json()["data"]
    assert (plan["key"], plan["key_origin"]) == (["ID"], "primary key")
    assert plan["columns"] == [{"name": "PRICE", "source_type": "NUMBER", "target_type": "NUMBER"}]
    assert plan["ignored"] == ["NAME"]
    assert api("POST", "/compare?dry_run=true", json={**parts, "key": ["NO"]}).status_code == 422
    assert api.data("GET", "/jobs?total=true&limit=1")["total"] == before


def test_a_batch_is_queued_whole(
    api: Caller, anonymous: Client, headers_of: Callable[[Role], dict[str, str]], parts: dict[str, Any]
) -> None:
    requests = [{**parts, "priority": priority} for priority in (3, 4, 9)]
    data = api.data("POST", "/compare/batch", json={"comparisons": requests})
    jobs = [api.data("GET", f"/jobs/{one['job_id']}") for one in data]
    assert [job["priority"] for job in jobs] == [3, 4, 9]
    assert {job["status"] for job in jobs} == {"PENDING"}
    admin = Caller(anonymous, headers_of(Role.ADMIN))
    assert admin.data("GET", f"/audit?target={data[2]['job_id']}")["items"][0]["action"] == "job.submit"


def test_a_batch_with_a_fault_queues_nothing_and_names_its_place(api: Caller, parts: dict[str, Any]) -> None:
    before = api.data("GET", "/jobs?total=true&limit=1")["total"]
    broken = {**parts, "source": {"table": "NO.SUCH_TABLE"}}
    answer = api("POST", "/compare/batch", json={"comparisons": [parts, broken]})
    assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (
        422,
        "comparisons[1].source.table",
    )
    assert api("POST", "/compare/batch", json={"comparisons": []}).status_code == 422
    assert api.data("GET", "/jobs?total=true&limit=1")["total"] == before


def test_the_list_is_searched_by_text_and_counted(api: Caller, tables: str) -> None:
    request = {"source": {"table": f"{tables}.CODED_A"}, "target": {"table": f"{tables}.CODED_B"}}
    job_id = api.data("POST", "/compare", json=request)["job_id"]
    for text in (job_id[9:23].upper(), "coded_a"):
        page = api.data("GET", f"/jobs?text={text}&limit=1&total=true")
        assert page["items"][0]["job_id"] == job_id
    assert page["total"] >= 1
    assert api.data("GET", "/jobs?limit=1")["total"] is None
    everything = api.data("GET", "/jobs?limit=500&text=coded_a&total=true")
    assert everything["total"] == len(everything["items"])


# Many at once


def submitted(api: Caller, parts: dict[str, Any], count: int) -> list[str]:
    data = api.data("POST", "/compare/batch", json={"comparisons": [parts] * count})
    return [one["job_id"] for one in data]


def statuses(api: Caller, job_ids: list[str]) -> set[str]:
    return {api.data("GET", f"/jobs/{job_id}")["status"] for job_id in job_ids}


def test_jobs_are_counted_first_and_then_cancelled_and_retried(api: Caller, tables: str) -> None:
    request = {
        "source": {"table": f"{tables}.LOOSE_A"},
        "target": {"table": f"{tables}.LOOSE_B"},
        "key": ["ID"],
    }
    job_ids = submitted(api, request, 5)
    body: dict[str, Any] = {"action": "cancel", "select": {"table": f"{tables}.LOOSE_A"}}
    counted = api.data("POST", "/jobs/actions", json=body)
    assert (counted["done"], counted["skipped"]) == (0, [])
    assert counted["matched"] >= 5
    assert statuses(api, job_ids) == {"PENDING"}
    wrong = api("POST", "/jobs/actions", json={**body, "expected": counted["matched"] + 1})
    assert (wrong.status_code, statuses(api, job_ids)) == (409, {"PENDING"})
    done = api.data("POST", "/jobs/actions", json={**body, "expected": counted["matched"]})
    assert done["done"] == counted["matched"]
    assert statuses(api, job_ids) == {"CANCELLED"}
    retry = {**body, "action": "retry"}
    matched = api.data("POST", "/jobs/actions", json=retry)["matched"]
    api.data("POST", "/jobs/actions", json={**retry, "expected": matched})
    assert statuses(api, job_ids) == {"PENDING"}
    first = {**body, "action": "set_priority", "priority": 0}
    matched = api.data("POST", "/jobs/actions", json=first)["matched"]
    api.data("POST", "/jobs/actions", json={**first, "expected": matched})
    assert {api.data("GET", f"/jobs/{job_id}")["priority"] for job_id in job_ids} == {0}


def test_an_analyst_reaches_only_his_own_jobs(api: Caller, analyst: Caller, parts: dict[str, Any]) -> None:
    theirs, mine = submitted(api, parts, 2), submitted(analyst, parts, 2)
    body: dict[str, Any] = {"action": "cancel"}
    matched = analyst.data("POST", "/jobs/actions", json=body)["matched"]
    analyst.data("POST", "/jobs/actions", json={**body, "expected": matched})
    assert statuses(api, mine) == {"CANCELLED"}
    assert statuses(api, theirs) == {"PENDING"}
    others = {"action": "cancel", "select": {"submitted_by": "test-admin"}}
    assert analyst.data("POST", "/jobs/actions", json=others)["matched"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "explode"}, "action"),
        ({"action": "cancel", "priority": 3}, "priority"),
        ({"action": "set_priority"}, "priority"),
        ({"action": "cancel", "select": {"colour": "red"}}, "select.colour"),
    ],
)
def test_an_action_that_cannot_be_is_refused(api: Caller, body: dict[str, Any], field: str) -> None:
    answer = api("POST", "/jobs/actions", json=body)
    assert (answer.status_code, answer.json()["data"]["errors"][0]["field"]) == (422, field)


def test_jobs_are_found_again_by_their_tags(api: Caller, parts: dict[str, Any]) -> None:
    month, team = f"2026-11 {uuid.uuid4()}", f"naïve '; {uuid.uuid4()}"
    both = api.data("POST", "/compare", json={**parts, "tags": [month, team]})["job_id"]
    batch = api.data("POST", "/compare/batch", json={"comparisons": [{**parts, "tags": [month]}, parts]})

    def found(**query: Any) -> list[str]:
        return [job["job_id"] for job in api.data("GET", "/jobs", params=query)["items"]]

    assert found(tag=month, sort="created_at") == [both, batch[0]["job_id"]]
    assert found(tag=[team, month]) == [both]
    assert found(tag=[team, "another"]) == []
    assert api.data("GET", f"/jobs/{both}")["tags"] == [month, team]
    counted = api.data("POST", "/jobs/actions", json={"action": "cancel", "select": {"tags": [month]}})
    assert counted["matched"] == 2


@pytest.mark.parametrize(
    "tags", [["a", "a"], [""], ["x" * 51], ["line\nbreak"], [f"t{n}" for n in range(11)], [1]]
)
def test_tags_that_are_none_are_refused(api: Caller, parts: dict[str, Any], tags: list[Any]) -> None:
    answer = api("POST", "/compare", json={**parts, "tags": tags})
    assert answer.status_code == 422
    assert "tags" in answer.json()["message"]
