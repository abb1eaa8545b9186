"""What goes wrong, and how each thing is set right again after its time."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import oracledb

from tests.chaos.fleet import Fleet
from tests.conftest import LocalProcess


@dataclass(frozen=True, slots=True)
class Event:
    """One disaster as it happened. worker: id of the one that it took away; locked: jobs whose rows it held."""

    name: str
    at: datetime
    worker: str | None = None
    locked: frozenset[str] = frozenset()
    seconds: float = 0.0


class Disasters:
    """Strikes by lot, one at a time; what lasts is ended later by `mend_due`."""

    def __init__(self, database: LocalProcess, fleet: Fleet, lease_seconds: float, seed: int) -> None:
        self._database = database
        self._fleet = fleet
        self._lease = lease_seconds
        self._chance = random.Random(seed)
        self._mends: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._kinds: list[tuple[int, Callable[[], None]]] = [
            (5, self.kill_worker),
            (3, self.stop_worker),
            (2, self.drain_worker),
            (4, self.kill_sessions),
            (1, self.kill_all_sessions),
            (1, self.kill_postgres),
            (1, self.restart_server),
            (4, self.cut_notification),
            (3, self.exhaust_pool),
            (4, self.lock_jobs),
            (2, self.lock_worker_row),
        ]
        self._hand: list[Callable[[], None]] = []
        self.events: list[Event] = []

    def strike(self) -> None:
        """One disaster. All kinds come in turn, the frequent ones oftener."""
        if not self._hand:
            self._hand = [kind for weight, kind in self._kinds for _ in range(weight)]
            self._chance.shuffle(self._hand)
        with contextlib.suppress(oracledb.Error):  # the database is down from an earlier disaster
            self._hand.pop()()

    def strike_each(self) -> None:
        """Prepare a hand with every kind once, for short runs."""
        self._hand = [kind for _, kind in self._kinds]
        self._chance.shuffle(self._hand)

    def mend_due(self) -> None:
        """End what has lasted long enough."""
        while self._mends and self._mends[0][0] <= time.monotonic():
            heapq.heappop(self._mends)[2]()

    def mend_all(self) -> None:
        """End everything now."""
        while self._mends:
            heapq.heappop(self._mends)[2]()

    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(event.name for event in self.events).items()))

    def _note(
        self,
        name: str,
        worker: str | None = None,
        locked: frozenset[str] = frozenset(),
        seconds: float = 0.0,
    ) -> None:
        self.events.append(Event(name, datetime.now(UTC).replace(tzinfo=None), worker, locked, seconds))

    def _later(self, seconds: float, mend: Callable[[], None]) -> None:
        heapq.heappush(self._mends, (time.monotonic() + seconds, next(self._order), mend))

    # Workers

    def kill_worker(self) -> None:
        """SIGKILL; a new worker takes the place soon."""
        self._end_worker("worker killed", signal.SIGKILL)

    def drain_worker(self) -> None:
        """SIGTERM, as at a deployment."""
        self._end_worker("worker drained", signal.SIGTERM)

    def _end_worker(self, name: str, number: signal.Signals) -> None:
        if not (awake := self._fleet.awake()):
            return
        place = self._chance.choice(awake)
        worker = self._fleet.workers[place]
        worker_id = self._worker_id(worker.pid) if number == signal.SIGKILL else None
        self._note(name, worker_id)
        self._fleet.sentenced.add(worker.pid)
        worker.signal(number)

        def start_another() -> None:
            if number == signal.SIGTERM:
                worker.wait(60)
            else:
                worker.process.wait()
            self._fleet.replace(place)

        self._later(self._chance.uniform(0, 3) if number == signal.SIGKILL else 8, start_another)

    def stop_worker(self) -> None:
        """SIGSTOP until its lease is over; then it wakes up as a zombie."""
        if len(awake := self._fleet.awake()) < 2:
            return
        worker = self._fleet.workers[self._chance.choice(awake)]
        self._note("worker stopped beyond its lease", self._worker_id(worker.pid))
        self._fleet.stopped.add(worker.pid)
        worker.signal(signal.SIGSTOP)

        def go_on() -> None:
            worker.signal(signal.SIGCONT)
            self._fleet.stopped.discard(worker.pid)

        self._later(self._lease + self._chance.uniform(1, 4), go_on)

    def _worker_id(self, pid: int) -> str | None:
        with closing(self._dba()) as dba, dba.cursor() as cursor:
            cursor.execute("select worker_id from concord.workers where pid = :pid", {"pid": pid})
            row = cursor.fetchone()
        return row[0] if row else None

    def cut_notification(self) -> None:
        """The socket on which a worker's driver listens for notifications goes."""
        if awake := [place for place in self._fleet.awake() if place != len(self._fleet.workers) - 1]:
            self._note("notification socket cut")
            self._fleet.workers[self._chance.choice(awake)].signal(signal.SIGUSR1)

    def exhaust_pool(self) -> None:
        """All sessions of a worker's pool are busy for five seconds."""
        if awake := self._fleet.awake():
            self._note("pool exhausted")
            self._fleet.workers[self._chance.choice(awake)].signal(signal.SIGUSR2)

    # The database

    def _dba(self) -> oracledb.Connection:
        instance = self._database.instance
        return oracledb.connect(
            user=instance.user, password=instance.password, dsn=instance.dsn, tcp_connect_timeout=3
        )

    def kill_sessions(self) -> None:
        """ALTER SYSTEM KILL SESSION for one to three sessions, whatever they do."""
        self._kill_sessions("database sessions killed", self._chance.randint(1, 3))

    def kill_all_sessions(self) -> None:
        """The same for every session."""
        self._kill_sessions("all database sessions killed", 1000)

    def _kill_sessions(self, name: str, most: int) -> None:
        with closing(self._dba()) as dba, dba.cursor() as cursor:
            cursor.execute("select sid, serial# from v$session where username = 'CONCORD_APP'")
            found = cursor.fetchall()
            self._chance.shuffle(found)
            self._note(name)
            for sid, serial in found[:most]:
                with contextlib.suppress(oracledb.DatabaseError):  # it ended by itself meanwhile
                    cursor.execute(f"alter system kill session '{int(sid)},{int(serial)}' immediate")

    def kill_postgres(self) -> None:
        """SIGKILL for the database behind the server; the server starts it again."""
        pid = int((self._database.folder / "data" / "pg" / "postmaster.pid").read_text().split()[0])
        self._note("PostgreSQL killed")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def restart_server(self) -> None:
        """SIGKILL for the whole database server; it is started again after a while on the same port."""
        self._note("database server killed")
        self._database.kill()
        time.sleep(self._chance.uniform(0.5, 6))
        self._database.start()

    # A careless DBA

    def lock_jobs(self) -> None:
        """An uncommitted UPDATE of up to five waiting or running jobs, for longer than anybody waits."""
        statement = """
            update concord.comparison_jobs
               set priority = mod(priority + 1, 10)
             where job_id = :job_id and status in ('PENDING', 'RUNNING')"""
        dba = self._dba()
        with dba.cursor() as cursor:
            cursor.execute(
                "select job_id from concord.comparison_jobs where status in ('PENDING', 'RUNNING')"
            )
            ids = [job_id for (job_id,) in cursor]
            self._chance.shuffle(ids)
            ids = ids[: self._chance.randint(1, 5)]
            seconds = self._chance.uniform(3, 15)
            self._note("job rows locked by a DBA", locked=frozenset(ids), seconds=seconds)
            # One after the other as a person would, but never in a tangle with another of these disasters.
            dba.call_timeout = 5000
            for job_id in ids:
                with contextlib.suppress(oracledb.DatabaseError):
                    cursor.execute(statement, {"job_id": job_id})
        self._later(seconds, lambda: self._end_of_dba(dba))

    def lock_worker_row(self) -> None:
        """The row of a worker in WORKERS, locked for longer than its lease."""
        dba = self._dba()
        with dba.cursor() as cursor:
            cursor.execute("select worker_id from concord.workers")
            if ids := [worker_id for (worker_id,) in cursor]:
                self._note("worker row locked by a DBA")
                dba.call_timeout = 5000
                cursor.execute(
                    "select 1 from concord.workers where worker_id = :worker_id for update",
                    {"worker_id": self._chance.choice(ids)},
                )
        self._later(self._lease + self._chance.uniform(1, 6), lambda: self._end_of_dba(dba))

    def _end_of_dba(self, dba: oracledb.Connection) -> None:
        with contextlib.suppress(oracledb.Error):  # killed, or the database was restarted
            dba.commit() if self._chance.random() < 0.5 else dba.rollback()
        with contextlib.suppress(oracledb.Error):
            dba.close()
