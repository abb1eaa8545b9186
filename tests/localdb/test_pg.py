"""The client of PostgreSQL's protocol: pipelines, portals, errors, COPY, notifications, cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.localdb.pg import Connection
from app.localdb.pg_messages import PgError
from app.localdb.postgres import Postgres


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    postgres = Postgres(Path(tmp_path_factory.mktemp("pg")), durable=False)
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
def connection(postgres: Postgres) -> Iterator[Connection]:
    connection = Connection(postgres.connect, user="postgres", database="postgres", settings={})
    yield connection
    connection.close()


def test_values_travel_as_text_and_null_as_none(connection: Connection) -> None:
    assert connection.query("select $1::text, $2::int + 1, null", ["ä€𝄞".encode(), b"41"]) == [
        ("ä€𝄞".encode(), b"42", None)
    ]


def test_an_error_has_its_fields_and_the_connection_goes_on(connection: Connection) -> None:
    with pytest.raises(PgError) as caught:
        connection.query("select 1/0")
    assert caught.value.sqlstate == "22012"
    assert connection.query("select 1") == [(b"1",)]


def test_a_pipeline_tells_which_step_failed(connection: Connection) -> None:
    connection.query("create temporary table t (a integer primary key)")
    connection.parse("ins", "insert into t values ($1)")
    for value in (b"1", b"2", b"1", b"3"):
        connection.bind("", "ins", [value])
        connection.execute("")
    with pytest.raises(PgError) as caught:
        connection.exchange()
    assert caught.value.step == 2
    assert caught.value.fields["n"] == "t_pkey"
    assert connection.query("select count(*) from t") == [(b"0",)]


def test_a_long_pipeline_does_not_block_although_answers_fill_the_socket(connection: Connection) -> None:
    connection.parse("wide", "select repeat('x', 1000), $1::text")
    for number in range(5000):
        connection.bind("", "wide", [b"%d" % number * 20])
        connection.execute("")
    results = connection.exchange()
    assert len(results) == 5000
    assert results[4999].rows[0][1] == b"4999" * 20


def test_a_portal_without_sync_is_read_in_steps(connection: Connection) -> None:
    connection.parse("", "select g from generate_series(1, 5) g")
    connection.bind("p", "")
    connection.execute("p", 2)
    first = connection.exchange(sync=False)[0]
    assert first.suspended
    assert connection.unsynced
    connection.execute("p", 10)
    second = connection.exchange(sync=False)[0]
    connection.sync_without_waiting()
    assert not second.suspended
    assert [row[0] for row in first.rows + second.rows] == [b"1", b"2", b"3", b"4", b"5"]
    assert connection.query("select 7") == [(b"7",)]


def test_copy_in_and_out_and_a_failing_copy(connection: Connection) -> None:
    connection.query("create temporary table c (a integer, b text)")
    assert connection.copy_in("copy c from stdin", [b"1\tx\n2\t", b"\\N\n"]) == 2
    assert list(connection.copy_out("copy c to stdout")) == [b"1\tx\n", b"2\t\\N\n"]
    with pytest.raises(PgError, match="invalid input syntax"):
        connection.copy_in("copy c from stdin", [b"x\ty\n"] * 1000)
    assert connection.query("select count(*) from c") == [(b"2",)]


def test_a_sender_that_fails_undoes_its_copy(connection: Connection) -> None:
    connection.query("create temporary table c (a integer)")

    def broken() -> Iterator[bytes]:
        yield b"1\n"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        connection.copy_in("copy c from stdin", broken())
    assert connection.query("select count(*) from c") == [(b"0",)]


def test_notifications_come_after_the_commit_of_another_connection(postgres: Postgres) -> None:
    listener = Connection(postgres.connect, user="postgres", database="postgres", settings={})
    sender = Connection(postgres.connect, user="postgres", database="postgres", settings={})
    listener.query("listen news")
    sender.query("begin")
    sender.query("notify news, 'hello'")
    assert listener.wait_notification(0.1) == []
    sender.query("commit")
    assert [(note.channel, note.payload) for note in listener.wait_notification(5)] == [("news", "hello")]
    listener.close()
    sender.close()


def test_cancel_ends_the_running_statement(connection: Connection) -> None:
    timer = threading.Timer(0.2, connection.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(PgError) as caught:
        connection.query("select pg_sleep(30)")
    timer.join()
    assert caught.value.sqlstate == "57014"
    assert time.monotonic() - began < 10
    assert connection.query("select 1") == [(b"1",)]


def test_a_value_larger_than_the_receive_buffer_arrives_whole(connection: Connection) -> None:
    rows = connection.query("select repeat('ab', 2000000), 1 from generate_series(1, 3)")
    assert [len(row[0] or b"") for row in rows] == [4_000_000] * 3
