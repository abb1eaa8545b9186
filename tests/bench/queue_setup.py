"""What the measurements of the queue share: a local database with the schema, sessions, workers, rows in bulk."""

from __future__ import annotations

import contextlib
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import oracledb

from app.oracle.install import install
from app.settings import Settings
from tests.conftest import LocalProcess
from tests.queue.conftest import Queue, WorkerProcess, wait_for


class Bench:
    """A local database of its own with Concord's schema, and the queue in it."""

    def __init__(self, folder: Path, process: LocalProcess, settings: Settings) -> None:
        self.folder = folder
        self.process = process
        self.settings = settings
        dba = process.instance.connect()
        with dba.cursor() as cursor:
            cursor.execute(f"alter session set current_schema = {settings.db_owner}")
        self.queue = Queue(settings, dba)
        self._workers: list[WorkerProcess] = []

    def start_workers(self, number: int, settings: Settings) -> list[WorkerProcess]:
        """Workers with the runners of the tests, known to the database."""
        started = []
        for _ in range(number):
            worker = WorkerProcess(settings, self.folder, f"worker-{len(self._workers) + 1}")
            self._workers.append(worker)
            started.append(worker)
        pids = {worker.pid for worker in started}
        known = "select pid from workers"
        wait_for(lambda: pids <= {int(pid) for (pid,) in self.queue.rows(known)}, 60, "the workers' start")
        return started

    def stop_workers(self, workers: Sequence[WorkerProcess]) -> None:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in workers:
            worker.wait(60)

    def kill_workers(self) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.wait()

    def enqueue_many(self, number: int, request: str = '{"do": "finish"}') -> None:
        """In one transaction, one round trip each thousand."""
        block = """
            declare
               l_id varchar2(36 char);
            begin
               for i in 1 .. :many
               loop
                  l_id := job_queue.enqueue(in_kind => 'TEST', in_table_name => 'T'
                                           ,in_request_config => :request, in_submitted_by => 'bench');
               end loop;
            end;"""
        session = self.queue.session
        session.autocommit = False
        with session.cursor() as cursor:
            for first in range(0, number, 1000):
                cursor.execute(block, {"many": min(1000, number - first), "request": request})
        session.commit()
        session.autocommit = True

    def completed(self) -> int:
        [(count,)] = self.queue.rows("select count(*) from comparison_jobs where status = 'COMPLETED'")
        return int(count)


@contextmanager
def bench(**changes: Any) -> Iterator[Bench]:
    """A bench that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as name:
        folder = Path(name)
        (folder / "db").mkdir()
        with LocalProcess(folder / "db") as process:
            instance, password = process.instance, secrets.token_hex(8)
            list(install(instance.dsn, instance.user, instance.password, "CONCORD", "CONCORD_APP", password))
            settings = Settings(home=folder, db_dsn=instance.dsn, db_password=password, **changes)
            each = Bench(folder, process, settings)
            try:
                yield each
            finally:
                each.kill_workers()
                with contextlib.suppress(oracledb.Error):
                    each.queue.session.close()


def percentiles(values: Sequence[float]) -> str:
    """p50, p95 and p99 in milliseconds."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000

    return f"p50 {at(0.5):6.0f} ms   p95 {at(0.95):6.0f} ms   p99 {at(0.99):6.0f} ms   ({len(values)} jobs)"


def median_ms(values: Sequence[float]) -> float:
    return statistics.median(values) * 1000


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    into.append(time.perf_counter() - began)
