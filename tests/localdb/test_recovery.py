"""The local database loses nothing that was committed, whoever is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import oracledb
import pytest

from tests.conftest import LocalProcess


@pytest.fixture
def process(tmp_path: Path) -> Iterator[LocalProcess]:
    with LocalProcess(tmp_path) as process:
        yield process


def postmaster(process: LocalProcess) -> int:
    return int((process.folder / "data" / "pg" / "postmaster.pid").read_text().split()[0])


def postmaster_or_none(process: LocalProcess) -> int | None:
    try:
        return postmaster(process)
    except (OSError, IndexError):
        return None


def fill(process: LocalProcess) -> oracledb.Connection:
    """A table with one committed and one uncommitted row."""
    connection = process.instance.connect()
    cursor = connection.cursor()
    cursor.execute("create table kept (id number, name varchar2(20))")
    cursor.execute("insert into kept values (1, 'committed')")
    connection.commit()
    cursor.execute("insert into kept values (2, 'not committed')")
    return connection


def rows(process: LocalProcess) -> list[tuple[int, str]]:
    with process.instance.connect() as connection:
        return connection.cursor().execute("select id, name from kept order by id").fetchall()


def test_committed_rows_survive_a_kill_of_the_server(process: LocalProcess) -> None:
    connection = fill(process)
    before = postmaster(process)
    process.kill()
    with pytest.raises(oracledb.Error, match="DPY-4011"):
        connection.ping()
    process.start()
    assert postmaster(process) != before
    assert rows(process) == [(1, "committed")]


def test_committed_rows_survive_a_kill_of_everything(process: LocalProcess) -> None:
    fill(process)
    assert process.process is not None
    os.kill(postmaster(process), signal.SIGKILL)
    process.kill()
    process.start()
    assert rows(process) == [(1, "committed")]


def test_the_server_goes_on_when_postgres_is_killed_under_it(process: LocalProcess) -> None:
    connection = fill(process)
    before = postmaster(process)
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while postmaster_or_none(process) in (None, before):
        assert time.monotonic() < deadline, "PostgreSQL was not started again"
        time.sleep(0.02)
    assert rows(process) == [(1, "committed")]
    with pytest.raises(oracledb.Error, match="DPY-4011"):
        connection.cursor().execute("insert into kept values (3, 'lost session')")
    assert rows(process) == [(1, "committed")]


def test_a_stop_and_a_start_keep_users_and_passwords(process: LocalProcess) -> None:
    with process.instance.connect() as connection:
        cursor = connection.cursor()
        cursor.execute('create user keeper identified by "Secret 1"')
        cursor.execute("grant create session to keeper")
    process.stop()
    process.start()
    with oracledb.connect(user="keeper", password="Secret 1", dsn=process.instance.dsn) as connection:
        assert connection.cursor().execute("select user from dual").fetchone() == ("KEEPER",)
