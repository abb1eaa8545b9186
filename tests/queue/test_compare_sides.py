"""Jobs whose sides are files, queries and filtered tables, through the product's own worker."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.settings import Settings
from tests.queue.conftest import Queue, WorkerProcess, wait_for

OWNER = "SIDES_TEST"


@pytest.fixture(scope="module")
def password(database: Any, concord_db: Settings) -> Iterator[str]:
    """The schema's table PRICES of ten rows, and the password of the user of queries, who may read it alone."""
    password = secrets.token_hex(10)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create user {OWNER} no authentication")
        cursor.execute(f"alter user {OWNER} quota unlimited on users")
        cursor.execute(
            f"create table {OWNER}.prices (id number(9) primary key, price number(9,2), name varchar2(9))"
        )
        cursor.executemany(
            f"insert into {OWNER}.prices (id, price, name) values (:1, :2, :3)",
            [(n, n / 4, f"n{n}") for n in range(10)],
        )
        cursor.execute(f'create user sides_test_query identified by "{password}"')
        cursor.execute("grant create session to sides_test_query")
        for user in (concord_db.db_user, "sides_test_query"):
            cursor.execute(f"grant select on {OWNER}.prices to {user}")
        connection.commit()
        yield password
        cursor.execute("drop user sides_test_query cascade")
        cursor.execute(f"drop user {OWNER} cascade")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of files: the table as CSV with one other price, as Parquet, and a broken CSV."""
    folder = tmp_path / "files"
    folder.mkdir()
    lines = [f"{n:03};{'9.99' if n == 7 else n / 4};n{n}" for n in range(10)]
    (folder / "prices.csv").write_text("\n".join(["nr;price;name", *lines, ""]))
    (folder / "broken.csv").write_text("ID,PRICE,NAME\n1,2,x\n2,3\n")
    pq.write_table(
        pa.table({"ID": range(10), "PRICE": [n / 4 for n in range(10)]}), folder / "prices.parquet"
    )
    return folder


@pytest.fixture
def worker(queue: Queue, files: Path, password: str, tmp_path: Path) -> Iterator[WorkerProcess]:
    settings = replace(
        queue.settings, files_dir=str(files), query_user="sides_test_query", query_password=password
    )
    worker = WorkerProcess(settings, tmp_path, "worker", module="app.cli", arguments=["worker"])
    try:
        wait_for(lambda: queue.rows("select count(*) from workers") == [(1,)])
        yield worker
    finally:
        worker.process.kill()
        worker.wait()


def submit(queue: Queue, source: dict[str, Any], target: dict[str, Any], **more: Any) -> str:
    request = json.dumps({"source": source, "target": target, **more})
    return queue.enqueue(options={"in_kind": "COMPARE", "in_request_config": request, "in_max_attempts": 1})


def results(queue: Queue, job: str) -> dict[str, Any]:
    queue.wait(job, "COMPLETED", 90)
    found: Any = queue.row(job, "comparison_results")
    document: dict[str, Any] = json.loads(found) if isinstance(found, str) else found
    return document


TABLE = {"table": f"{OWNER}.PRICES"}


@pytest.mark.timeout(300)  # three comparisons, each in a process of its own
def test_any_kind_of_side_against_any_other(queue: Queue, worker: WorkerProcess) -> None:
    csv = {"file": "prices.csv", "csv": {"delimiter": ";"}}
    mapped = submit(queue, TABLE, csv, column_map={"ID": "NR"}, key=["ID"])
    query = {"query": f"select id, price, name from {OWNER}.prices where id < :below", "binds": {"below": 5}}
    filtered = submit(queue, {**TABLE, "where": [{"column": "ID", "is": "<", "value": 5}]}, query, key=["ID"])
    parquet = submit(queue, {"file": "prices.parquet"}, TABLE)
    document = results(queue, mapped)
    assert (document["summary"]["matched"], document["summary"]["changed"]) == (10, 1)
    assert document["compared"]["reading_b"]["columns_renamed"] == {"nr": "ID"}
    document = results(queue, filtered)
    assert (document["summary"]["equal"], document["summary"]["only_a"]) == (5, 0)
    assert document["compared"]["reading_a"]["where"] == ["ID < 5"]
    assert document["compared"]["reading_b"]["kind"] == "query"
    document = results(queue, parquet)
    assert document["summary"]["equal"] == 10
    assert document["schema"]["only_b"] == ["NAME"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"file": "nothing.csv"}, "There is no file nothing.csv in the folder of files."),
    ({"file": "../prices.csv"}, "is not a path below the folder of files"),
    ({"file": "broken.csv"}, "broken.csv has a bad line, line 3: 2 fields in place of 3 (2,3)."),
    ({"query": "delete from sides_test.prices"}, "a query must be one SELECT"),
    ({"query": "select username from concord.users"}, "query B is refused by the database: ORA-00942"),
    ({**TABLE, "where": [{"column": "ID", "value": "x"}]}, "Rows cannot be chosen by 'x'"),
    ({"table": "A", "file": "b"}, "a side is one of `table`, `query` and `file`"),
]


def test_a_side_that_cannot_be_read_fails_the_job_with_a_sentence(
    queue: Queue, worker: WorkerProcess
) -> None:
    jobs = [(submit(queue, TABLE, side, key=["ID"]), says) for side, says in REFUSED]
    for job, says in jobs:
        queue.wait(job, "FAILED", 90)
        [(code, sentence)] = queue.rows(
            "select error_code, error_sentence from job_failures_v where job_id = :id", id=job
        )
        assert says in sentence
        assert (code == "database") == ("refused by the database" in sentence)
        assert queue.row(job, "comparison_results") is None
