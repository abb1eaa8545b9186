"""The PostgreSQL process: it starts quickly, never outlives its parent, and comes back after any kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.localdb.pg import Connection
from app.localdb.pg_messages import PgError, PgGone
from app.localdb.postgres import Postgres, PostgresError

HOLDER = """
import sys, time
from pathlib import Path
from app.localdb.postgres import Postgres
postgres = Postgres(Path(sys.argv[1]), durable=False)
postgres.start()
print(postgres.pid, flush=True)
time.sleep(600)
"""


def connect(postgres: Postgres) -> Connection:
    return Connection(postgres.connect, user="postgres", database="postgres", settings={})


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_data_survive_a_stop_and_a_start(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "data", durable=False)
    postgres.start()
    connection = connect(postgres)
    connection.query("create table public.t as select 42 as a")
    connection.close()
    postgres.stop()
    with pytest.raises(OSError, match="No such file"):
        postgres.connect()
    began = time.monotonic()
    postgres.start()
    assert time.monotonic() - began < 5.0
    connection = connect(postgres)
    assert connection.query("select a from public.t") == [(b"42",)]
    connection.close()
    postgres.stop()


def test_committed_rows_survive_a_kill_of_postgres_which_starts_again_by_itself(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "data", durable=False)
    postgres.start()
    try:
        connection = connect(postgres)
        connection.query("create table public.t (a integer)")
        connection.query("insert into public.t values (1)")
        killed = postgres.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: postgres.pid not in (None, killed))

        def answers() -> bool:
            try:
                again = connect(postgres)
            except (PgGone, PgError):
                return False
            rows = again.query("select a from public.t")
            again.close()
            return rows == [(b"1",)]

        wait_until(answers)

        def is_cut() -> bool:
            try:
                connection.query("select 1")
            except PgGone:
                return True
            return False

        wait_until(is_cut)
        connection.close()
    finally:
        postgres.stop()


def test_postgres_dies_with_a_killed_parent_and_the_next_one_takes_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    assert is_running(pid)
    with pytest.raises(PostgresError, match="in use by another local database"):
        Postgres(data, durable=False).start()
    assert is_running(pid)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    postgres = Postgres(data, durable=False)
    postgres.start()
    assert not is_running(pid)
    assert postgres.pid not in (None, pid)
    postgres.stop()


def test_a_stale_pid_file_with_a_living_strangers_number_does_not_stop_the_start(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "data", durable=False)
    postgres.start()
    postgres.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "data" / "pg" / "postmaster.pid").write_text(
            f"{stranger.pid}\n{tmp_path}/data/pg\n1\n5432\n"
        )
        postgres.start()
        assert postgres.pid != stranger.pid
        postgres.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_folder_whose_path_is_too_long_for_a_socket_works(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / "data"
    assert len(str(data / "pg" / ".s.PGSQL.5432")) > 107
    postgres = Postgres(data, durable=False)
    postgres.start()
    connection = connect(postgres)
    assert connection.query("select 1") == [(b"1",)]
    connection.close()
    postgres.stop()


def test_an_unusable_folder_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PostgresError, match="cannot be used: "):
        Postgres(tmp_path / "file" / "data").start()


def test_a_broken_cluster_is_said_with_the_reason(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "data", durable=False)
    postgres.start()
    postgres.stop()
    (tmp_path / "data" / "pg" / "global" / "pg_control").unlink()
    with pytest.raises(PostgresError, match="did not start"):
        postgres.start()
