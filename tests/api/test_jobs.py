"""Jobs over REST on a real database: submit, list, look, cancel, retry; and every kind of bad input."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.accounts.permissions import Role
from app.jobs.models import ComparisonRequest
from tests.api.conftest import Caller, Client

if TYPE_CHECKING:
    from tests.conftest import Instance

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def submit(api: Caller, request: dict[str, Any], **changes: Any) -> str:
    return str(api.data("POST", "/compare", json={**request, **changes})["job_id"])


def refused(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    for word in words:
        assert word in answer.json()["message"]


# Submitting


def test_a_good_request_is_accepted_and_says_what_it_found(api: Caller, parts: dict[str, Any]) -> None:
    answer = api("POST", "/compare", json=parts)
    data = answer.json()["data"]
    assert answer.status_code == 202
    assert (data["status"], data["key"], data["key_origin"], data["columns"]) == (
        "PENDING",
        ["ID"],
        "primary key",
        2,
    )
    assert str(uuid.UUID(data["job_id"])) == data["job_id"]
    assert data["links"]["self"] == f"/api/v1/jobs/{data['job_id']}"


def test_the_accepted_job_is_a_row_that_plain_sql_reads(
    api: Caller, parts: dict[str, Any], database: Instance
) -> None:
    job_id = submit(api, parts, priority=2)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "select table_name, status, priority, submitted_by from concord.comparison_jobs where job_id = :1",
            [job_id],
        )
        assert cursor.fetchone() == ("API_TEST.PARTS_A", "PENDING", 2, "test-operator")


def test_a_unique_key_is_found_where_there_is_no_primary_key(api: Caller, tables: str) -> None:
    request = {"source": {"table": "api_test.coded_a"}, "target": {"table": "api_test.coded_b"}}
    assert api.data("POST", "/compare", json=request)["key_origin"] == "unique key CODED_A_UK"


def test_a_tolerance_is_stored_with_every_digit(api: Caller, parts: dict[str, Any]) -> None:
    job_id = submit(api, parts, rules={"PRICE": {"tolerance": "0.010"}})
    assert api.data("GET", f"/jobs/{job_id}")["request"]["rules"]["PRICE"]["tolerance"] == "0.010"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"source": {"table": "API_TEST.NOPE"}}, "source.table", "no table or view API_TEST.NOPE"),
        ({"source": {"table": "NOPE"}}, "source.table", "no table or view NOPE"),
        ({"target": {"table": "API_TEST.SECRET"}}, "target.table", "no table or view API_TEST.SECRET"),
        ({"source": {"table": "CONCORD.APP_USERS"}}, "source.table", "belongs to Concord itself"),
        ({"source": {"table": "parts_a@elsewhere"}}, "source.table", "is not a table name"),
        ({"source": {"table": "x' or '1'='1"}}, "source.table", "is not a table name"),
        ({"source": {"table": 'API_TEST."parts_a"'}}, "source.table", "API_TEST.parts_a"),
        ({"target": {"table": "API_TEST.STRANGER"}}, "target.table", "no column in common"),
        ({"key": ["NOPE"]}, "key[0]", "has a column NOPE"),
        ({"columns": ["NOPE"]}, "columns[0]", "has a column NOPE"),
        ({"ignore": ["NOPE"]}, "ignore[0]", "has a column NOPE"),
        ({"ignore": ["ID"]}, "ignore", "belongs to the key"),
        ({"rules": {"NAME": {"tolerance": "0.1"}}}, "rules.NAME.tolerance", "VARCHAR2"),
        ({"rules": {"NOPE": {"tolerance": "0.1"}}}, "rules.NOPE", "NOPE"),
        ({"target": {"file": "prices.csv"}}, "target.file", "CONCORD_FILES_DIR"),
        ({"target": {"query": "select 1 from dual"}}, "target.query", "CONCORD_QUERY_USER"),
        ({"target": {"query": "drop table t"}}, "target", "a query must be one SELECT"),
        ({"source": {"table": 7}}, "source.table", "expected str | null, got int"),
        ({"priority": "high"}, "priority", "expected int, got str"),
        ({"sample_limit": 100000}, "sample_limit", "<= 1000"),
        ({"key": []}, "key", "length >= 1"),
        ({"colour": "red"}, "colour", "there is no such field"),
        ({"source": {"table": "A", "schema": "B"}}, "source.schema", "there is no such field"),
        ({"rules": {"PRICE": {"tolerance": "a bit"}}}, "rules[...].tolerance", "decimal"),
    ],
)
def test_a_request_that_cannot_work_is_refused_with_the_field_and_a_sentence(
    api: Caller, parts: dict[str, Any], changes: dict[str, Any], field: str, words: str
) -> None:
    answer = api("POST", "/compare", json={**parts, **changes})
    refused(answer, 422, words)
    assert [error["field"] for error in answer.json()["data"]["errors"]] == [field]


def test_a_missing_side_is_named(api: Caller, parts: dict[str, Any]) -> None:
    answer = api("POST", "/compare", json={"source": parts["source"]})
    refused(answer, 422, "target: this field is required")


@pytest.mark.parametrize(
    "body", [b"{", b'{"source": }', b"\xff\xfe", b"[" * 5000, b"not json", b'{"source": "\\ud800"}']
)
def test_malformed_json_is_400(api: Caller, body: bytes) -> None:
    refused(api("POST", "/compare", content=body), 400, "cannot be read")


def test_an_oversized_body_is_413(api: Caller, parts: dict[str, Any]) -> None:
    refused(api("POST", "/compare", json={**parts, "ignore": ["X" * 100] * 1000}), 413, "too large")


def test_nothing_is_queued_by_a_request_that_is_refused(api: Caller, parts: dict[str, Any]) -> None:
    before = api.data("GET", "/jobs", params={"limit": 1})["items"]
    api("POST", "/compare", json={**parts, "key": ["NOPE"]})
    assert api.data("GET", "/jobs", params={"limit": 1})["items"] == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
REQUEST_FIELDS = [field.name for field in msgspec.structs.fields(ComparisonRequest)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from(REQUEST_FIELDS), JSON, min_size=1, max_size=3))
def test_whatever_is_sent_the_answer_is_a_sentence_and_never_500(
    api: Caller, parts: dict[str, Any], changes: dict[str, Any]
) -> None:
    answer = api("POST", "/compare", json={**parts, **changes})
    assert answer.status_code in (202, 422)
    assert answer.json()["message"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(min_size=1, max_size=40) | st.from_regex(r'(\w+\.)?("[^"]*"|\w+)', fullmatch=True))
def test_no_table_name_breaks_anything(api: Caller, parts: dict[str, Any], name: str) -> None:
    refused(api("POST", "/compare", json={**parts, "source": {"table": name}}), 422)


# Looking


def test_a_job_shows_its_state_and_the_request_as_accepted(api: Caller, parts: dict[str, Any]) -> None:
    job = api.data("GET", f"/jobs/{submit(api, parts)}")
    assert (job["status"], job["progress"], job["attempt"], job["error"]) == ("PENDING", 0.0, 0, None)
    assert job["request"]["source"] == parts["source"]
    assert job["created_at"].endswith("Z")


@pytest.mark.parametrize("job_id", [UNKNOWN, "x", "1' or '1'='1", "x" * 5000])
@pytest.mark.parametrize(
    ("method", "end"), [("GET", ""), ("GET", "/results"), ("DELETE", ""), ("PUT", "/retry")]
)
def test_an_unknown_job_is_404_whatever_is_asked_of_it(
    api: Caller, job_id: str, method: str, end: str
) -> None:
    refused(api(method, f"/jobs/{job_id}{end}"), 404, "There is no job")


def test_results_of_a_job_that_has_none_are_409(api: Caller, parts: dict[str, Any]) -> None:
    refused(api("GET", f"/jobs/{submit(api, parts)}/results"), 409, "PENDING", "no results")


# Listing


@pytest.fixture(scope="module")
def batch(api: Caller, tables: str) -> tuple[str, list[str]]:
    """Seven jobs in a queue of their own tables: the table's name and the ids in order of creation."""
    request = {"source": {"table": "API_TEST.CODED_B"}, "target": {"table": "API_TEST.CODED_A"}}
    return "API_TEST.CODED_B", [submit(api, request, priority=n % 3) for n in range(7)]


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "priority", "-match_percentage", "table_name"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_show_every_job_once_in_order(
    api: Caller, batch: tuple[str, list[str]], sort: str, limit: int
) -> None:
    table, ids = batch
    seen: list[dict[str, Any]] = []
    params: dict[str, Any] = {"table": table, "sort": sort, "limit": limit}
    while True:
        page = api.data("GET", "/jobs", params=params)
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert sorted(job["job_id"] for job in seen) == sorted(ids)
    name = sort.removeprefix("-")
    values = [(-1 if job[name] is None else job[name], job["job_id"]) for job in seen]
    assert values == sorted(values, reverse=sort.startswith("-"))


def test_jobs_that_come_while_paging_neither_repeat_nor_hide_others(
    api: Caller, parts: dict[str, Any]
) -> None:
    first, second, third = (submit(api, parts) for _ in range(3))
    page = api.data("GET", "/jobs", params={"limit": 1})
    assert [job["job_id"] for job in page["items"]] == [third]
    submit(api, parts)
    rest = api.data("GET", "/jobs", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [job["job_id"] for job in rest["items"]] == [second, first]


def test_the_list_is_filtered_by_status_and_submitter(api: Caller, batch: tuple[str, list[str]]) -> None:
    table, ids = batch
    by_status = {"table": table.lower(), "status": ["PENDING", "FAILED"], "submitted_by": "test-operator"}
    assert len(api.data("GET", "/jobs", params=by_status)["items"]) == len(ids)
    assert api.data("GET", "/jobs", params={"table": table, "status": "FAILED"})["items"] == []
    assert api.data("GET", "/jobs", params={"table": table, "submitted_by": "nobody"})["items"] == []


def test_the_list_is_filtered_by_time_of_creation(api: Caller, batch: tuple[str, list[str]]) -> None:
    table, ids = batch
    created = [api.data("GET", f"/jobs/{job_id}")["created_at"] for job_id in ids]
    window = {"table": table, "created_from": created[2], "created_to": created[5], "sort": "created_at"}
    assert [job["job_id"] for job in api.data("GET", "/jobs", params=window)["items"]] == ids[2:5]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"status": "LOST"}, "status"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"sort": "job_id; drop table x"}, "sort"),
        ({"cursor": "bm9wZQ"}, "cursor"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"kind": "x" * 31}, "kind"),
        ({"table": "a\x00b"}, "table"),
        ({"submitted_by": "\x00"}, "submitted_by"),
    ],
)
def test_a_bad_parameter_is_422_and_named(api: Caller, params: dict[str, Any], field: str) -> None:
    answer = api("GET", "/jobs", params=params)
    refused(answer, 422)
    assert [error["field"] for error in answer.json()["data"]["errors"]] == [field]


@pytest.mark.parametrize("text", ["%", "_", "'", "\U0001f600", "\uffff"])
@pytest.mark.parametrize("name", ["table", "submitted_by", "kind"])
def test_no_text_in_a_filter_breaks_the_list(api: Caller, name: str, text: str) -> None:
    assert api.data("GET", "/jobs", params={name: text})["items"] == []


# Cancelling and retrying


def test_a_waiting_job_is_cancelled_at_once_and_stays_for_inspection(
    api: Caller, parts: dict[str, Any]
) -> None:
    job_id = submit(api, parts)
    assert api.data("DELETE", f"/jobs/{job_id}") == {"job_id": job_id, "status": "CANCELLED"}
    assert api.data("GET", f"/jobs/{job_id}")["status"] == "CANCELLED"


def test_a_cancelled_job_cannot_be_cancelled_again(api: Caller, parts: dict[str, Any]) -> None:
    job_id = submit(api, parts)
    api.data("DELETE", f"/jobs/{job_id}")
    refused(api("DELETE", f"/jobs/{job_id}"), 409, "CANCELLED")


def test_a_cancelled_job_runs_again_when_asked(api: Caller, parts: dict[str, Any]) -> None:
    job_id = submit(api, parts)
    api.data("DELETE", f"/jobs/{job_id}")
    assert api.data("PUT", f"/jobs/{job_id}/retry")["status"] == "PENDING"


def test_a_waiting_job_cannot_be_retried(api: Caller, parts: dict[str, Any]) -> None:
    refused(api("PUT", f"/jobs/{submit(api, parts)}/retry"), 409, "PENDING")


# Roles

HeadersOf = Callable[[Role], dict[str, str]]


def test_a_viewer_looks_but_does_not_touch(
    anonymous: Client, headers_of: HeadersOf, api: Caller, parts: dict[str, Any]
) -> None:
    viewer, job_id = Caller(anonymous, headers_of(Role.VIEWER)), submit(api, parts)
    assert viewer.data("GET", f"/jobs/{job_id}")["job_id"] == job_id
    refused(viewer("POST", "/compare", json=parts), 403, "Viewer", "jobs:submit")
    refused(viewer("DELETE", f"/jobs/{job_id}"), 403, "Viewer")
    refused(viewer("PUT", f"/jobs/{job_id}/retry"), 403, "Viewer")
    assert api.data("GET", f"/jobs/{job_id}")["status"] == "PENDING"


def test_an_analyst_cancels_only_what_is_his_own(
    anonymous: Client, headers_of: HeadersOf, api: Caller, parts: dict[str, Any]
) -> None:
    analyst = Caller(anonymous, headers_of(Role.ANALYST))
    own, others = submit(analyst, parts), submit(api, parts)
    assert analyst.data("DELETE", f"/jobs/{own}")["status"] == "CANCELLED"
    refused(analyst("DELETE", f"/jobs/{others}"), 403, "test-operator")
    refused(analyst("PUT", f"/jobs/{others}/retry"), 403, "test-operator")


def test_an_analyst_asking_for_an_unknown_job_gets_404_and_not_403(
    anonymous: Client, headers_of: HeadersOf
) -> None:
    refused(Caller(anonymous, headers_of(Role.ANALYST))("DELETE", f"/jobs/{UNKNOWN}"), 404)


def test_an_operator_cancels_anybodys(
    anonymous: Client, headers_of: HeadersOf, api: Caller, parts: dict[str, Any]
) -> None:
    job_id = submit(Caller(anonymous, headers_of(Role.ANALYST)), parts)
    assert api.data("DELETE", f"/jobs/{job_id}")["status"] == "CANCELLED"


# Figures


def test_the_dashboard_counts_what_is_there(
    api: Caller, batch: tuple[str, list[str]], database: Instance
) -> None:
    figures = api.data("GET", "/dashboard/metrics")
    with database.connect() as connection, connection.cursor() as cursor:
        counted = dict(
            cursor.execute("select status, count(*) from concord.comparison_jobs group by status").fetchall()
        )
    assert {status: count for status, count in figures["by_status"].items() if count} == counted
    assert figures["total_jobs"] == sum(counted.values())
    assert figures["queue_depth"] == counted["PENDING"]
    assert figures["oldest_wait_seconds"] > 0
