"""Real worker processes against the installed schema, and a plain SQL view of what they did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import oracledb
import pytest

from app.settings import Settings, variable

Value = Any


def wait_for(look: Callable[[], Value | None], seconds: float = 30, what: str = "it") -> Value:
    """Look until something is there. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


class Queue:
    """JOB_QUEUE and its tables as any SQL client sees them, each call committed."""

    def __init__(self, settings: Settings, dba: oracledb.Connection) -> None:
        self.settings = settings
        self.dba = dba
        self.session = self.connect()

    def connect(self) -> oracledb.Connection:
        session = oracledb.connect(
            user=self.settings.db_user, password=self.settings.db_password, dsn=self.settings.db_dsn
        )
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute(f"alter session set current_schema = {self.settings.db_owner}")
        return session

    def clear(self) -> None:
        jobs = ("comparison_jobs", "job_schedules", "job_queues", "job_limits", "job_kinds")
        for table in (*jobs, "workers", "notification_pings"):
            self.as_owner(f"delete from {table}")
        self.as_owner("update housekeeping_leader set worker_id = null, elected_until = null")

    def as_owner(self, sql: str, **binds: Any) -> None:
        """A DBA's hand on the tables, committed."""
        with self.dba.cursor() as cursor:
            cursor.execute(sql, binds)
        self.dba.commit()

    def rows_as_owner(self, sql: str) -> list[Any]:
        """What only a DBA may read."""
        with self.dba.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def enqueue(self, **request: Any) -> str:
        """A job of kind TEST (see runners); `options` go to JOB_QUEUE.ENQUEUE."""
        options = request.pop("options", {})
        parameters = {
            "in_kind": "TEST",
            "in_table_name": "T",
            "in_request_config": json.dumps(request or {"do": "finish"}),
            "in_submitted_by": "tester",
            **options,
        }
        with self.session.cursor() as cursor:
            return str(cursor.callfunc("job_queue.enqueue", str, keyword_parameters=parameters))

    def call(self, procedure: str, *arguments: Any) -> Any:
        """Call a procedure of JOB_QUEUE whose last parameter is its answer; returns that answer."""
        answer_type = {"progress": str, "fail": str, "cancel": str, "retry": str}.get(procedure, int)
        with self.session.cursor() as cursor:
            answer = cursor.var(answer_type)
            cursor.callproc(f"job_queue.{procedure}", [*arguments, answer])
            return answer.getvalue()

    def do(self, procedure: str, *arguments: Any, **named: Any) -> None:
        """Call a procedure of JOB_QUEUE that answers nothing."""
        with self.session.cursor() as cursor:
            cursor.callproc(f"job_queue.{procedure}", arguments, named)

    def register(self, worker: str, lease_seconds: float = 30) -> int:
        return int(self.call("heartbeat", worker, "host", 1, "ACTIVE", "poll", 1, 0, lease_seconds, "1"))

    def claim(
        self,
        worker: str,
        limit: int = 1,
        *,
        queue: str = "DEFAULT",
        session: oracledb.Connection | None = None,
    ) -> list[tuple[str, int, int]]:
        """Job ids with run token and attempt, in the order of the claim."""
        with (session or self.session).cursor() as cursor:
            ids, kinds = (cursor.arrayvar(oracledb.DB_TYPE_VARCHAR, limit, 40) for _ in range(2))
            tokens, attempts = (cursor.arrayvar(oracledb.DB_TYPE_NUMBER, limit) for _ in range(2))
            cursor.callproc("job_queue.claim", [worker, queue, limit, ids, tokens, kinds, attempts])
            rows = zip(ids.getvalue(), tokens.getvalue(), attempts.getvalue(), strict=True)
            return [(job, int(token), int(attempt)) for job, token, attempt in rows]

    def requeue_lost(self) -> tuple[int, int]:
        with self.session.cursor() as cursor:
            requeued, failed = cursor.var(int), cursor.var(int)
            cursor.callproc("job_queue.requeue_lost", [requeued, failed])
            return int(requeued.getvalue()), int(failed.getvalue())

    def row(self, job_id: str, *columns: str) -> Any:
        """The columns of one job; a single one comes bare."""
        with self.session.cursor() as cursor:
            cursor.execute(
                f"select {', '.join(columns)} from comparison_jobs where job_id = :job_id",
                {"job_id": job_id},
                fetch_lobs=False,
            )
            row = cursor.fetchone()
        assert row is not None
        return row[0] if len(columns) == 1 else row

    def rows(self, sql: str, **binds: Any) -> list[Any]:
        with self.session.cursor() as cursor:
            cursor.execute(sql, binds, fetch_lobs=False)
            return cursor.fetchall()

    def wait(self, job_id: str, status: str, seconds: float = 30) -> None:
        wait_for(lambda: self.row(job_id, "status") == status, seconds, f"{status} of {job_id}")


def environment_of(settings: Settings) -> dict[str, str]:
    """That of a process of the product with these settings."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CONCORD_")}
    ours = {
        variable(item.name): str(getattr(settings, item.name))
        for item in fields(settings)
        if getattr(settings, item.name) != "" and not item.name.startswith("install_")
    }
    return {**outer, **ours}


class WorkerProcess:
    """A worker as its operator starts it, by default with the runners of the tests; its log goes to a file."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        name: str,
        module: str = "tests.queue.worker_process",
        arguments: Sequence[str] = (),
    ) -> None:
        self.log = folder / f"{name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=environment_of(settings),
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 30) -> int:
        return self.process.wait(seconds)

    def text(self) -> str:
        return self.log.read_text()


@pytest.fixture
def queue(concord_db: Settings, database: Any) -> Iterator[Queue]:
    """The queue, empty."""
    with closing(database.connect()) as dba:
        with dba.cursor() as cursor:
            cursor.execute(f"alter session set current_schema = {concord_db.db_owner}")
        queue = Queue(concord_db, dba)
        queue.clear()
        with closing(queue.session):
            yield queue


_MODES = {"both": ["poll", "cqn"], "poll": ["poll"], "cqn": ["cqn"]}


@pytest.fixture(params=_MODES[os.environ.get("CONCORD_TEST_WAKEUP", "both")])
def worker_settings(request: pytest.FixtureRequest, concord_db: Settings) -> Settings:
    """Quick leases and polls; each test runs in both wake-up modes, or in that of CONCORD_TEST_WAKEUP."""
    return replace(
        concord_db,
        wakeup=request.param,
        worker_poll_seconds=0.5,
        heartbeat_seconds=0.5,
        lease_seconds=3.0,
        drain_seconds=1.0,
        log_level="DEBUG",
    )


@pytest.fixture
def start(queue: Queue, worker_settings: Settings, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts workers, with changed settings, and waits until the database knows them. Kills what is left."""
    started: list[WorkerProcess] = []

    def start_one(**changes: Any) -> WorkerProcess:
        worker = WorkerProcess(replace(worker_settings, **changes), tmp_path, f"worker-{len(started) + 1}")
        started.append(worker)
        known = "select worker_id from workers where pid = :pid"

        def registered() -> bool:
            assert worker.process.poll() is None, worker.text()
            return bool(queue.rows(known, pid=worker.pid))

        wait_for(registered, what="the worker's first heartbeat")
        return worker

    yield start_one
    for worker in started:
        if worker.process.poll() is None:
            worker.signal(signal.SIGKILL)
            worker.wait()
