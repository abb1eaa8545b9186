"""SIGKILL while clients write: every commit that a client was told of is there, and its pool heals by itself."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import oracledb
import pytest

from tests.conftest import LocalProcess
from tests.localdb.test_recovery import postmaster, postmaster_or_none

WRITERS = 4
LOST = (
    "DPY-4011",
    "DPY-1001",
    "DPY-6005",
    "DPY-4005",
    "DPY-6000",
    "ORA-03113",
    "ORA-01033",
    "DPY-6010",
    "DPY-1002",
)


class Writers:
    """Threads that insert and commit over one pool until they are told to stop."""

    def __init__(self, pool: oracledb.ConnectionPool) -> None:
        self.pool = pool
        self.committed: set[int] = set()
        self.after: set[int] = set()  # committed since `healing` was set
        self.healing = threading.Event()
        self.strange: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(WRITERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _write(self, writer: int) -> None:
        number = writer
        while not self._stop.is_set():
            number += WRITERS
            try:
                with self.pool.acquire() as connection, connection.cursor() as cursor:
                    cursor.execute("insert into kept values (:1)", [number])
                    connection.commit()
            except oracledb.Error as error:
                if not str(error).startswith(LOST):
                    self.strange.append(str(error))
                time.sleep(0.02)
                continue
            self.committed.add(number)
            if self.healing.is_set():
                self.after.add(number)


def until(reached: object, what: str) -> None:
    """Wait for a condition, at most 30 seconds."""
    deadline = time.monotonic() + 30
    while not reached():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize("victim", ["server", "PostgreSQL"])
def test_commits_survive_and_the_pool_heals(tmp_path: Path, victim: str) -> None:
    with LocalProcess(tmp_path) as process:
        with process.instance.connect() as connection:
            connection.cursor().execute("create table kept (id number primary key)")
        pool = oracledb.create_pool(
            user=process.instance.user,
            password=process.instance.password,
            dsn=process.instance.dsn,
            min=WRITERS,
            max=WRITERS,
            getmode=oracledb.POOL_GETMODE_WAIT,
        )
        writers = Writers(pool)
        writers.start()
        try:
            until(lambda: len(writers.committed) > 50, "nobody writes")
            if victim == "server":
                process.kill()
                process.start()
            else:
                before = postmaster(process)
                os.kill(before, signal.SIGKILL)
                until(lambda: postmaster_or_none(process) not in (None, before), "PostgreSQL stays dead")
            writers.healing.set()
            until(lambda: len(writers.after) > 50, f"the pool does not heal: {writers.strange[-3:]}")
        finally:
            writers.stop()
        pool.close(force=True)
        with process.instance.connect() as connection:
            found = {row[0] for row in connection.cursor().execute("select id from kept")}
        assert writers.committed <= found
        assert not writers.strange
