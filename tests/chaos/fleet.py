"""The workers and the enqueuers that the chaos meets."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

import oracledb

from app.settings import Settings
from tests.chaos.ledger import Enqueued
from tests.queue.conftest import WorkerProcess

_BACKLOG = 40  # waiting jobs at which enqueuers pause
_RETRY_SECONDS = 0.5

# Each place in the fleet: its wake-up, and how wrong its clock is, in seconds.
PLACES = (("cqn", 0.0), ("cqn", 7200.0), ("poll", -86400.0))


class Fleet:
    """The workers, by place. A place whose worker died gets a new one."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self.workers: list[WorkerProcess] = []
        self.stopped: set[int] = set()  # pids that hang in SIGSTOP
        self.sentenced: set[int] = set()  # pids that were told to end or killed
        self.unexpected_ends: list[str] = []
        self.started = 0

    def start(self) -> None:
        """One worker for each place."""
        self.workers = [self._new(place) for place in range(len(PLACES))]

    def replace(self, place: int) -> None:
        """A new worker where the old one ended."""
        if self.workers[place].process.poll() is not None:
            self.workers[place] = self._new(place)

    def _new(self, place: int) -> WorkerProcess:
        self.started += 1
        wakeup, skew = PLACES[place]
        return WorkerProcess(
            replace(self._settings, wakeup=wakeup),  # type: ignore[arg-type]
            self._folder,
            f"worker-{self.started}",
            "tests.chaos.worker_process",
            ("--skew", str(skew)),
        )

    def awake(self) -> list[int]:
        """Places whose worker lives, has come so far that it works, is not stopped and was not told to end."""
        return [
            place
            for place, worker in enumerate(self.workers)
            if worker.process.poll() is None
            and worker.pid not in self.stopped | self.sentenced
            and "worker started" in worker.text()
        ]

    def note_unexpected_ends(self) -> None:
        """Workers that ended without having been told to, or killed, are a problem; another takes their place."""
        for place, worker in enumerate(self.workers):
            status = worker.process.poll()
            if status is not None and worker.pid not in self.sentenced:
                self.unexpected_ends.append(f"{worker.log.name} ended with status {status}")
                self.workers[place] = self._new(place)

    def drain(self, seconds: float) -> list[int | None]:
        """SIGTERM for all; their exit statuses, None for one that was not gone in time (it is killed)."""
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
            worker.signal(signal.SIGTERM)
        deadline = time.monotonic() + seconds
        statuses: list[int | None] = []
        for worker in self.workers:
            try:
                statuses.append(worker.wait(max(deadline - time.monotonic(), 0.01)))
            except subprocess.TimeoutExpired:
                statuses.append(None)
        self.kill()
        return statuses

    def kill(self) -> None:
        """Whatever is left of it."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.wait()


class Enqueuer(threading.Thread):
    """Enqueues jobs until told to end, keeps account of them, and heals by itself."""

    def __init__(self, settings: Settings, known: Enqueued, seed: int) -> None:
        super().__init__(name=f"enqueuer-{seed}", daemon=True)
        self._settings = settings
        self._known = known
        self._chance = random.Random(seed)
        self._ending = threading.Event()
        self.outages = 0

    def end(self) -> None:
        self._ending.set()
        self.join(60)

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                with oracledb.connect(
                    user=self._settings.db_user,
                    password=self._settings.db_password,
                    dsn=self._settings.db_dsn,
                    tcp_connect_timeout=3,
                ) as connection:
                    connection.module = "chaos-enqueuer"
                    connection.call_timeout = 10_000
                    while not self._ending.is_set():
                        self._enqueue(connection)
            except oracledb.Error:
                self.outages += 1
                self._ending.wait(_RETRY_SECONDS)

    def _enqueue(self, connection: oracledb.Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from concord.comparison_jobs where status = 'PENDING'")
            row = cursor.fetchone()
            assert row is not None
            if row[0] >= _BACKLOG:
                self._ending.wait(0.2)
                return
            ids = {str(uuid.uuid4()) for _ in range(self._chance.randint(1, 8))}
            for job_id in ids:
                cursor.callfunc("concord.job_queue.enqueue", str, keyword_parameters=self._job(job_id))
            if self._chance.random() < 0.05:
                self._known.rolled_back |= ids
                connection.rollback()
                return
            self._known.doubtful |= ids
            connection.commit()
            self._known.committed |= ids
            self._known.doubtful -= ids
            if self._chance.random() < 0.1:
                answer = cursor.var(str)
                try:
                    cursor.callproc("concord.job_queue.cancel", [next(iter(ids)), "chaos", answer])
                    connection.commit()
                except oracledb.DatabaseError as error:
                    connection.rollback()
                    if error.args[0].code not in (20002, 30006):  # it has ended already, or a DBA has the row
                        raise

    def _job(self, job_id: str) -> dict[str, object]:
        lot = self._chance.random()
        do = "crash once" if lot < 0.03 else "poison" if lot < 0.04 else "effect"
        seconds = self._chance.uniform(1, 4) if lot > 0.95 else 0.0
        return {
            "in_kind": "CHAOS",
            "in_table_name": "T",
            "in_request_config": json.dumps({"do": do, "seconds": seconds}),
            "in_submitted_by": "chaos",
            "in_priority": self._chance.randint(0, 9),
            "in_max_attempts": 3 if do == "poison" else 30,
            "in_job_id": job_id,
        }
