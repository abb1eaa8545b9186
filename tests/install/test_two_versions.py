"""An upgrade beside running workers of an earlier version: the real program of that version, from an archive.

version_0008.tar.xz has, as they were when the schema was at 0008, plsql/ and the modules that a worker imports
(`git archive` of that commit; engines, API and local database left out). What the local database cannot show:
Oracle invalidates a package while it is replaced and tells each session once (ORA-04068); the last test has that.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import oracledb
import pytest

from app.oracle.errors import DatabaseUnavailableError
from app.oracle.pool import Connection, OraclePool
from app.oracle.sources import source_files
from app.settings import Settings, variable
from tests.install.conftest import Place
from tests.queue.conftest import wait_for

HERE = Path(__file__).parent
JOBS = 6


class OldProgram:
    """Starts it with the settings of a place."""

    def __init__(self, place: Place, folder: Path) -> None:
        with tarfile.open(HERE / "version_0008.tar.xz") as archive:
            archive.extractall(folder / "old", filter="data")
        known = {
            variable(item.name): str(getattr(place.settings(), item.name))
            for item in fields(Settings)
            if item.name
            in ("db_dsn", "db_user", "db_password", "db_owner", "install_user", "install_password")
        }
        outer = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
        self.environment = {
            **outer,
            **known,
            "PYTHONPATH": os.pathsep.join([str(folder / "old"), str(HERE)]),
            "CONCORD_HOME": str(folder / "home"),
            "CONCORD_WAKEUP": "poll",
            "CONCORD_WORKER_POLL_SECONDS": "0.3",
            "CONCORD_WORKER_SLOTS": "2",
        }
        self.log = folder / "old.log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(HERE / "old_program.py"), *arguments],
                env=self.environment,
                cwd="/",
                stdout=log,
                stderr=log,
            )


@pytest.fixture
def old(place: Place, tmp_path: Path) -> OldProgram:
    program = OldProgram(place, tmp_path)
    assert program.start("install").wait(90) == 0, program.log.read_text()
    return program


def enqueue(session: oracledb.Connection, number: int) -> None:
    """As the earlier version calls it."""
    with session.cursor() as cursor:
        for _ in range(number):
            parameters = {
                "in_kind": "TEST",
                "in_table_name": "T",
                "in_request_config": "{}",
                "in_submitted_by": "tester",
            }
            cursor.callfunc("job_queue.enqueue", str, keyword_parameters=parameters)
    session.commit()


def test_workers_of_the_version_before_go_on_while_the_schema_is_upgraded(
    place: Place, old: OldProgram
) -> None:
    assert [each for each in place.check() if "run `concord db upgrade`" in each]
    session = oracledb.connect(user=place.app_user, password=place.app_password, dsn=place.database.dsn)
    with closing(session), session.cursor() as cursor:
        cursor.execute(f"alter session set current_schema = {place.owner}")
        enqueue(session, JOBS)
        worker = old.start("worker")
        try:

            def ended() -> int:
                cursor.execute("select count(*) from comparison_jobs where completed_at is not null")
                [(count,)] = cursor.fetchall()
                assert worker.poll() is None, old.log.read_text()
                return int(count)

            wait_for(lambda: ended() > 0, 60, "the first job's end")
            done = place.upgrade()
            assert any("packages/job_queue.pkb" in line for line in done)
            enqueue(session, JOBS)
            wait_for(lambda: ended() == 2 * JOBS, 90, "all jobs' end")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(40) == 0, old.log.read_text()
        finally:
            worker.kill()
            worker.wait()
        cursor.execute("select status, attempt, count(*) from comparison_jobs group by status, attempt")
        assert cursor.fetchall() == [("COMPLETED", 1, 2 * JOBS)]
    log = old.log.read_text()
    assert "Traceback" not in log
    assert "error" not in log.lower()
    for finding in place.inspect():  # rights that only the version before used
        statement = finding.partition("not needed; as a DBA: ")[2].rstrip(";")
        assert statement.startswith("revoke read on"), finding
        place.run(statement)
    assert place.inspect() == []


def test_no_package_has_a_state() -> None:
    """Only constants with literal values: then a session keeps nothing that a new package would take from it."""
    held = re.compile(r"^   (cursor\b.*|\w+ +(?:constant )?[\w%. ()]+:=.*)$", re.MULTILINE)
    literal = re.compile(r"\w+ +constant [\w%. ()]+:=\s*(-?[\d.]+|'[^']*');.*")
    declared = [
        (file.name, found.group(1))
        for suffix in (".pks", ".pkb")
        for file in source_files("packages", suffix)
        for found in held.finditer(file.text)
    ]
    assert len(declared) > 20
    assert [each for each in declared if not literal.fullmatch(each[1])] == []


def reloaded(sessions: int) -> tuple[list[int], Any]:
    """Work that meets a replaced package in so many sessions before one that has been told."""
    met: list[int] = []

    async def work(connection: Connection) -> str:
        met.append(1)
        if len(met) <= sessions:
            block = "declare e exception; pragma exception_init(e, -4068); begin raise e; end;"
            await connection.execute(block)
        return "done"

    return met, work


@pytest.mark.parametrize("sessions", [1, 3])
def test_a_call_is_repeated_for_every_session_that_has_to_be_told(
    concord_db: Settings, sessions: int
) -> None:
    async def main() -> str:
        pool = OraclePool(concord_db, module="test", size=3)
        pool.open()
        try:
            return str(await pool.call("test", reloaded(sessions)[1]))
        finally:
            await pool.close()

    assert asyncio.run(main()) == "done"


def test_a_package_that_is_never_there_is_told_as_passing(concord_db: Settings) -> None:
    met, work = reloaded(100)

    async def main() -> None:
        pool = OraclePool(concord_db, module="test", size=2)
        pool.open()
        try:
            await pool.call("test", work)
        finally:
            await pool.close()

    began = time.monotonic()
    with pytest.raises(DatabaseUnavailableError, match="a package was installed anew"):
        asyncio.run(main())
    assert len(met) == 3  # once, and once for each session of the pool
    assert time.monotonic() - began < 30
