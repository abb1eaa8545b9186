"""Reports and result files over REST."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oracledb
import pyarrow as pa
import pytest

from app.accounts.permissions import Role
from app.settings import Settings
from tests.api.conftest import Caller, Client
from worker.engines import ComparisonPlan, workflow
from worker.engines.sources.memory import MemorySource

if TYPE_CHECKING:
    from tests.conftest import Instance

Headers = dict[str, str]


@pytest.fixture(scope="module")
def finished(
    api: Caller, database: Instance, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, workflow.Outcome]:
    """A completed job with a file of its differing cells."""
    job_id = str(uuid.uuid4())
    a = pa.table({"ID": [1, 2, 3], "NAME": ["one", "two", "three"]})
    b = pa.table({"ID": [1, 2, 4], "NAME": ["One", "two", "four"]})
    outcome = workflow.run(
        MemorySource("REPORT.PARTS_A", a),
        MemorySource("REPORT.PARTS_B", b),
        ComparisonPlan(key=("ID",)),
        workflow.Wanted(),
        lambda *_: None,
        tmp_path_factory.mktemp("work"),
        settings.results / job_id / "1",
        512,
    )
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.setinputsizes(results=oracledb.DB_TYPE_CLOB, mismatches=oracledb.DB_TYPE_CLOB)
        document = dict(outcome.document)
        mismatches = {"columns": document.pop("columns")}
        cursor.execute(
            """insert into concord.comparison_jobs
                 (job_id, table_name, status, completed_at, request_config, comparison_results, column_mismatches)
               values (:job_id, 'REPORT.PARTS_A', 'COMPLETED', sys_extract_utc(systimestamp), '{}', :results, :mismatches)""",
            {"job_id": job_id, "results": json.dumps(document), "mismatches": json.dumps(mismatches)},
        )
        connection.commit()
    return job_id, outcome


@pytest.fixture
def get(anonymous: Client, headers_of: Callable[[Role], Headers]) -> Callable[..., Any]:
    """GET as a viewer; answers are files, not envelopes."""
    return lambda path, **options: anonymous.get(f"/api/v1{path}", headers=headers_of(Role.VIEWER), **options)


@pytest.mark.parametrize(
    ("kind", "media_type", "start"),
    [
        ("html", "text/html", b"<!doctype html>"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        ("csv", "text/csv", b"\xef\xbb\xbfID,column"),
        ("json", "application/json", b"{"),
        ("parquet", "application/vnd.apache.parquet", b"PAR1"),
    ],
)
def test_every_kind_of_report_is_served(
    get: Callable[..., Any], finished: tuple[str, workflow.Outcome], kind: str, media_type: str, start: bytes
) -> None:
    answer = get(f"/jobs/{finished[0]}/report", params={"format": kind})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(media_type)
    assert f"REPORT.PARTS_A-against-REPORT.PARTS_B.{kind}" in answer.headers["content-disposition"]
    assert answer.content.startswith(start)


def test_a_result_file_is_served_and_the_download_recorded(
    get: Callable[..., Any],
    anonymous: Client,
    headers_of: Callable[[Role], Headers],
    finished: tuple[str, workflow.Outcome],
) -> None:
    job_id, outcome = finished
    answer = get(f"/jobs/{job_id}/files/differences.parquet")
    assert hashlib.sha256(answer.content).hexdigest() == outcome.files[0].sha256
    admin = Caller(anonymous, headers_of(Role.ADMIN))
    entries = admin.data("GET", f"/audit?target={job_id}&action=job.download")["items"]
    assert len(entries) == 1


@pytest.mark.parametrize("name", ["secret", "..%2f..%2fsecret", "%2e%2e", "differences.parquet.part"])
def test_no_other_file_is_served(
    get: Callable[..., Any], finished: tuple[str, workflow.Outcome], name: str
) -> None:
    answer = get(f"/jobs/{finished[0]}/files/{name}")
    assert answer.status_code == 404, answer.text


def test_a_file_that_was_changed_is_not_served(
    get: Callable[..., Any], finished: tuple[str, workflow.Outcome]
) -> None:
    job_id, outcome = finished
    path: Path = outcome.files[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    try:
        answer = get(f"/jobs/{job_id}/files/differences.parquet")
        assert (answer.status_code, "not what it was" in answer.json()["message"]) == (409, True)
        assert get(f"/jobs/{job_id}/report", params={"format": "csv"}).status_code == 409
        assert get(f"/jobs/{job_id}/report").status_code == 200
    finally:
        path.write_bytes(whole)


def test_what_there_is_no_report_of_is_said(get: Callable[..., Any], finished: tuple[str, Any]) -> None:
    assert get(f"/jobs/{uuid.uuid4()}/report").status_code == 404
    assert get("/jobs/none/report").status_code == 404
    assert get(f"/jobs/{finished[0]}/report", params={"format": "exe"}).status_code == 422


# Pages


@pytest.fixture
def data(get: Callable[..., Any], finished: tuple[str, workflow.Outcome]) -> Callable[..., Any]:
    """The data of GET /jobs/{finished}PATH."""

    def ask(path: str, **query: Any) -> Any:
        answer = get(f"/jobs/{finished[0]}{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return ask


def test_a_section_is_what_the_document_has_there(
    data: Callable[..., Any], finished: tuple[str, workflow.Outcome]
) -> None:
    for section in ("summary", "columns", "schema", "samples", "files"):
        assert data(f"/results/{section}") == json.loads(json.dumps(finished[1].document[section]))
    assert data("/results/ml_analysis") is None


def test_mismatches_come_with_their_keys_and_unmatched_rows_by_side(data: Callable[..., Any]) -> None:
    cell = {"key": {"ID": "1"}, "column": "NAME", "a": "one", "b": "One", "change_class": "case"}
    assert data("/mismatches") == {"items": [cell], "next_cursor": None}
    assert data("/mismatches", column="NAME", change_class="case", a="one", b="One", key="ID=1")["items"] == [
        cell
    ]
    for nothing in (
        {"column": "ID"},
        {"key": "ID=2"},
        {"key": "ID=01"},
        {"a": "One"},
        {"change_class": "' or 1=1 --"},
    ):
        assert data("/mismatches", **nothing)["items"] == []
    assert data("/unmatched/a")["items"] == [{"ID": "3", "NAME": "three"}]
    assert data("/unmatched/b", key="ID=4")["items"] == [{"ID": "4", "NAME": "four"}]
    assert data("/unmatched/b", key="ID=3")["items"] == []


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/results/nothing", 422, "section"),
        ("/results/..%2f..%2fetc", 404, "nothing at"),
        ("/unmatched/c", 422, "side"),
        ("/mismatches?key=NAME=one", 422, "key columns ID"),
        ("/mismatches?key=ID", 422, "COLUMN=value"),
        ("/mismatches?cursor=-1", 422, "cursor"),
        ("/mismatches?cursor=1%00", 422, "cursor"),
        ("/mismatches?limit=0", 422, "limit"),
        ("/mismatches?cursor=99999999999999999999", 200, ""),
    ],
)
def test_a_page_that_cannot_be_says_why(
    get: Callable[..., Any], finished: tuple[str, workflow.Outcome], path: str, status: int, says: str
) -> None:
    answer = get(f"/jobs/{finished[0]}{path}")
    assert (answer.status_code, says in answer.json()["message"]) == (status, True), answer.text


def test_pages_of_a_changed_or_lost_file_are_refused(
    get: Callable[..., Any], finished: tuple[str, workflow.Outcome]
) -> None:
    path: Path = finished[1].files[0].path
    whole = path.read_bytes()
    where = f"/jobs/{finished[0]}/mismatches"
    assert get(where).status_code == 200
    try:
        path.write_bytes(whole[:-1] + b"?")
        assert (get(where).status_code, "not what it was" in get(where).json()["message"]) == (409, True)
        path.unlink()
        assert (get(where).status_code, "no longer kept" in get(where).json()["message"]) == (409, True)
    finally:
        path.write_bytes(whole)
    assert get(where).status_code == 200
