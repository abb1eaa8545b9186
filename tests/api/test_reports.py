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
