"""Jobs whose sides lie in other databases and folders, through the product's own worker."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.connections.keyring import new_key
from app.connections.models import NewConnection
from app.connections.store import ConnectionStorage
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.connections.conftest import forget_connections
from tests.queue.conftest import Queue, WorkerProcess, wait_for
from tests.queue.test_compare_sides import results, submit

USERS = ("CONN_WEST", "CONN_EAST")
PASSWORD = secrets.token_hex(10)


@pytest.fixture(scope="module")
def place(
    database: Any, concord_db: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Two schemas with a table each, which only their owners may read, and a folder; all three are connections."""
    files = tmp_path_factory.mktemp("files")
    (files / "drop").mkdir()
    lines = [f"{n},{'9.99' if n == 7 else n / 4},n{n}" for n in range(500)]
    (files / "drop" / "prices.csv").write_text("\n".join(["ID,PRICE,NAME", *lines, ""]))
    settings = replace(concord_db, connection_keys=new_key(), files_dir=str(files))
    with database.connect() as connection, connection.cursor() as cursor:
        for user in USERS:
            cursor.execute(f'create user {user} identified by "{PASSWORD}" quota unlimited on users')
            cursor.execute(f"grant create session to {user}")
            cursor.execute(
                f"create table {user}.prices (id number(9) primary key, price number(9,2), name varchar2(9 char))"
            )
            cursor.executemany(
                f"insert into {user}.prices (id, price, name) values (:1, :2, :3)",
                [(n, n / 4, f"n{n}") for n in range(500)],
            )
        cursor.execute(f"update {USERS[1]}.prices set price = 9.99 where id = 7")
        connection.commit()
        asyncio.run(_register(settings, database.dsn))
        yield settings
        for user in USERS:
            cursor.execute(f"drop user {user} cascade")
    forget_connections(database)


async def _register(settings: Settings, dsn: str) -> None:
    pool = OraclePool(settings, module="test")
    pool.open()
    storage = ConnectionStorage(pool, settings.keyring)
    access = {"kind": "oracle", "dsn": dsn, "password": PASSWORD}
    for body in (
        {"name": "west", **access, "user": USERS[0], "max_jobs": 1},
        {"name": "east", **access, "user": USERS[1], "allows_queries": True},
        {"name": "lost", **access, "user": USERS[1], "dsn": "127.0.0.1:1/none"},
        {"name": "wrong", **access, "user": USERS[1], "password": "not it"},
        {"name": "drop", "kind": "folder", "folder": "drop"},
    ):
        wanted = msgspec.convert(body, NewConnection)
        await storage.create(wanted.name, wanted, "tester")
    await pool.close()


@pytest.fixture
def worker(queue: Queue, place: Settings, tmp_path: Path) -> Iterator[WorkerProcess]:
    settings = replace(
        queue.settings, files_dir=place.files_dir, connection_keys=place.connection_keys, worker_slots=2
    )
    worker = WorkerProcess(settings, tmp_path, "worker", module="app.cli", arguments=["worker"])
    try:
        wait_for(lambda: queue.rows("select count(*) from workers") == [(1,)])
        yield worker
    finally:
        worker.process.kill()
        worker.wait()
        assert PASSWORD not in worker.log.read_text()


WEST, EAST = ({"connection": name, "table": "PRICES"} for name in ("west", "east"))


@pytest.mark.timeout(300)  # four comparisons, each in a process of its own
def test_tables_of_two_databases_and_a_file(queue: Queue, worker: WorkerProcess) -> None:
    file = {"connection": "drop", "file": "prices.csv"}
    query = {"connection": "east", "query": "select id, price, name from prices where id < :below"}
    plain = submit(queue, WEST, {**EAST, "owner": USERS[1]})
    pushed = submit(queue, WEST, EAST, engine="pushdown")
    mixed = submit(queue, file, EAST, key=["ID"])
    some = submit(queue, {**WEST, "where": [{"column": "ID", "is": "<", "value": 9}]},
                  {**query, "binds": {"below": 9}}, key=["ID"])  # fmt: skip
    for job in (plain, pushed):
        document = results(queue, job)
        assert (document["summary"]["matched"], document["summary"]["changed"]) == (500, 1)
        assert [
            (side["table"], side["kind"])
            for side in (document["compared"]["reading_a"], document["compared"]["reading_b"])
        ] == [(f"{USERS[0]}.PRICES@west", "table"), (f"{USERS[1]}.PRICES@east", "table")]
    assert document["workflow"]["steps"][0]["engine"] == "pushdown"
    assert results(queue, mixed)["summary"]["equal"] == 500
    document = results(queue, some)
    assert (document["summary"]["matched"], document["summary"]["changed"]) == (9, 1)


def test_what_cannot_be_reached_fails_the_job_with_a_sentence(queue: Queue, worker: WorkerProcess) -> None:
    cases = [
        ({"connection": "nope", "table": "PRICES"}, "bad_request", "there is no connection nope"),
        (
            {"connection": "lost", "table": "PRICES"},
            "database",
            "Connection lost: The database is not available",
        ),
        ({"connection": "wrong", "table": "PRICES"}, "database", "refuses the user name or the password"),
        ({"connection": "west", "table": f"{USERS[1]}.PRICES"}, "bad_request", "there is no table or view"),
        ({"connection": "west", "query": "select 1 from dual"}, "bad_request", "does not allow queries"),
        ({"connection": "drop", "file": "../x.csv"}, "bad_request", "is not a path below"),
    ]
    jobs = [(submit(queue, EAST, side, key=["ID"]), code, words) for side, code, words in cases]
    for job, code, words in jobs:
        queue.wait(job, "FAILED", 90)
        [found] = queue.rows(
            "select error_code, error_sentence from job_failures_v where job_id = :id", id=job
        )
        assert found[0] == code, found
        assert words in found[1]
