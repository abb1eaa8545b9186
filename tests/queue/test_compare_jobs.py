"""Comparisons through the product's own worker: a result, and what becomes of requests that cannot be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.queue.conftest import Queue, WorkerProcess, wait_for


@pytest.fixture(scope="module")
def tables(database: Any, concord_db: Settings) -> Iterator[str]:
    """A schema with two tables that differ in one row and one column."""
    owner = "QUEUE_TEST_DATA"
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create user {owner} no authentication")
        cursor.execute(f"alter user {owner} quota unlimited on users")
        for table, changed in (("PROD_T", "one"), ("UAT_T", "uno")):
            cursor.execute(
                f"create table {owner}.{table} (id number(9) primary key, name varchar2(20 char), amount number)"
            )
            rows = [(1, changed, 1.5), (2, "two", None), (3, "three", 3)]
            cursor.executemany(f"insert into {owner}.{table} (id, name, amount) values (:1, :2, :3)", rows)
            cursor.execute(f"grant select on {owner}.{table} to {concord_db.db_user}")
        cursor.execute(f"create table {owner}.keyless (id number(9), name varchar2(20 char))")
        cursor.execute(f"insert into {owner}.keyless (id, name) values (1, 'a')")
        cursor.execute(f"insert into {owner}.keyless (id, name) values (1, 'b')")
        cursor.execute(f"grant select on {owner}.keyless to {concord_db.db_user}")
        connection.commit()
        yield owner
        cursor.execute(f"drop user {owner} cascade")


@pytest.fixture
def worker(queue: Queue, tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(queue.settings, tmp_path, "worker", module="app.cli", arguments=["worker"])
    try:
        wait_for(lambda: queue.rows("select count(*) from workers") == [(1,)])
        yield worker
    finally:
        worker.process.kill()
        worker.wait()


def submit(queue: Queue, request: Any) -> str:
    return queue.enqueue(
        options={"in_kind": "COMPARE", "in_request_config": json.dumps(request), "in_max_attempts": 2}
    )


def pair(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"source": {"table": source}, "target": {"table": target}, **more}


def test_a_comparison_enqueued_by_plain_sql_is_done(queue: Queue, worker: WorkerProcess, tables: str) -> None:
    job = submit(queue, pair(f"{tables}.prod_t", f"{tables}.uat_t"))
    queue.wait(job, "COMPLETED", 60)
    columns = ("total_prod_records", "total_uat_records", "match_percentage")
    assert queue.row(job, *columns) == (3, 3, 66.66)
    results = queue.row(job, "comparison_results")
    results = json.loads(results) if isinstance(results, str) else results
    assert results["summary"]["changed"] == 1
    assert results["schema"]["key"] == ["ID"]


def test_a_job_without_a_key_finds_one(queue: Queue, worker: WorkerProcess, tables: str) -> None:
    job = submit(queue, pair(f"{tables}.keyless", f"{tables}.keyless"))
    queue.wait(job, "COMPLETED", 60)
    results = queue.row(job, "comparison_results")
    results = json.loads(results) if isinstance(results, str) else results
    assert (results["schema"]["key"], results["schema"]["key_origin"]) == (["NAME"], "found in the data")


@pytest.mark.parametrize(
    ("request_of", "says"),
    [
        (lambda owner: pair(f"{owner}.prod_t", f"{owner}.nowhere"), "NOWHERE"),
        (lambda owner: pair(f"{owner}.prod_t", f"{owner}.uat_t", key=["NO_SUCH"]), "NO_SUCH"),
        (lambda owner: pair(f"{owner}.keyless", f"{owner}.keyless", ignore=["NAME"]), "Name the key columns"),
        (lambda owner: pair(f"{owner}.prod_t", f"{owner}.uat_t", surprise=1), "surprise"),
        (
            lambda owner: pair(f"{owner}.keyless", f"{owner}.keyless", key=["ID"], require_unique_key=True),
            "occurs 2 times",
        ),
        (lambda owner: [1, 2], "REQUEST_CONFIG"),
    ],
    ids=["unknown table", "unknown column", "no key", "unknown field", "duplicate key", "no object"],
)
def test_a_request_that_cannot_be_done_fails_at_once_with_a_sentence(
    queue: Queue, worker: WorkerProcess, tables: str, request_of: Any, says: str
) -> None:
    job = submit(queue, request_of(tables))
    queue.wait(job, "FAILED", 60)
    [(code, sentence)] = queue.rows(
        "select error_code, error_sentence from job_failures_v where job_id = :id", id=job
    )
    assert code == "bad_request"
    assert says in sentence
    assert "ORA-" not in sentence
    assert queue.row(job, "attempt") == 1


def test_a_job_of_an_unknown_kind_fails_at_once(queue: Queue, worker: WorkerProcess) -> None:
    job = queue.enqueue(options={"in_kind": "BAKE"})
    queue.wait(job, "FAILED")
    [(sentence,)] = queue.rows("select error_sentence from job_failures_v where job_id = :id", id=job)
    assert "BAKE" in sentence


def test_an_analysis_is_stored_with_its_counts(queue: Queue, worker: WorkerProcess, tables: str) -> None:
    job = submit(queue, pair(f"{tables}.prod_t", f"{tables}.uat_t", ml=True))
    queue.wait(job, "COMPLETED", 60)
    analysis, anomalies, critical = queue.row(job, "ml_analysis", "anomalies_detected", "has_critical_issues")
    analysis = json.loads(analysis) if isinstance(analysis, str) else analysis
    assert analysis["sample"]["rows_a"] == 3
    assert {column["name"] for column in analysis["drift"]["columns"]} == {"NAME", "AMOUNT"}
    assert (anomalies, critical) == (0, int(any(c["strong"] for c in analysis["drift"]["columns"])))
