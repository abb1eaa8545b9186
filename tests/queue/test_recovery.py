"""The database dies and comes back; workers go on without being started again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.oracle.install import install
from app.settings import Settings
from tests.conftest import LocalProcess
from tests.queue.conftest import Queue, WorkerProcess, wait_for


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[tuple[LocalProcess, Settings]]:
    """A local database of this test's own, which it may kill."""
    (tmp_path / "db").mkdir()
    with LocalProcess(tmp_path / "db") as process:
        instance, password = process.instance, secrets.token_hex(8)
        list(install(instance.dsn, instance.user, instance.password, "CONCORD", "CONCORD_APP", password))
        yield (
            process,
            Settings(
                home=tmp_path,
                db_dsn=instance.dsn,
                db_password=password,
                heartbeat_seconds=0.5,
                lease_seconds=5,
                worker_poll_seconds=0.5,
                drain_seconds=1,
            ),
        )


def queue_of(process: LocalProcess, settings: Settings) -> Queue:
    dba = process.instance.connect()
    with dba.cursor() as cursor:
        cursor.execute(f"alter session set current_schema = {settings.db_owner}")
    return Queue(settings, dba)


def test_a_worker_outlives_a_database_that_is_killed_in_the_middle_of_a_job(
    restartable: tuple[LocalProcess, Settings], tmp_path: Path
) -> None:
    process, settings = restartable
    marks, file = tmp_path / "marks", tmp_path / "go"
    worker = WorkerProcess(settings, tmp_path, "worker")
    try:
        queue = queue_of(process, settings)
        job = queue.enqueue(do="finish after", file=str(file), mark=str(marks))
        wait_for(marks.exists)
        wait_for(lambda: queue.rows("select wakeup_mode from workers") == [("cqn",)])

        process.kill()
        file.touch()  # it ends while nobody can write that down
        wait_for(lambda: "waiting for the database" in worker.text())
        process.start()

        queue = queue_of(process, settings)
        queue.wait(job, "COMPLETED", 60)
        after = queue.enqueue(do="finish")
        queue.wait(after, "COMPLETED", 60)
        wait_for(lambda: queue.rows("select wakeup_mode from workers") == [("cqn",)], 60)
        assert worker.process.poll() is None
        with closing(queue.session), closing(queue.dba):
            assert queue.row(job, "run_token") in (
                1,
                2,
            )  # 2 when its lease was over before the database was back
    finally:
        worker.process.kill()
        worker.wait()
