"""One run of the chaos: build up, disasters, measured restarts, peace, proof."""

from __future__ import annotations

import random
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import oracledb

from app.oracle.install import install
from app.settings import Settings
from tests.chaos import recovery, restarts
from tests.chaos.disasters import Disasters
from tests.chaos.fleet import Enqueuer, Fleet
from tests.chaos.ledger import FINAL, Enqueued, Ledger, install_ledger, summary
from tests.chaos.restarts import Pair
from tests.conftest import LocalProcess

_PEACE_SECONDS = 120.0  # for the last jobs
_DRAIN_SECONDS = 3.0
_SETTLE_SECONDS = 10.0  # from the first job after a restart to the window that is measured


@dataclass
class Report:
    """What a run found."""

    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    disasters: dict[str, int] = field(default_factory=dict)
    restarts: list[dict[str, Any]] = field(default_factory=list)  # of restarts.Pair
    control: list[dict[str, Any]] = field(default_factory=list)
    problems: dict[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return not self.problems

    def to_document(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "restarts in short": restarts.summary(self.restarts),
            "control in short": restarts.summary(self.control),
            "good": self.good,
        }


def run(
    folder: Path,
    *,
    seconds: float,
    seed: int,
    window_seconds: float,
    measured_restarts: int,
    say: Callable[[str], None] = print,
) -> Report:
    """Chaos for so long, with measured restarts in calm windows spread over it."""
    with _prepared(folder, seed, say) as run:
        return run.whole(seconds, window_seconds, measured_restarts)


def run_restarts(
    folder: Path, *, pairs: int, seed: int, window_seconds: float, say: Callable[[str], None] = print
) -> Report:
    """The same fleet and load without disasters: so many measured restarts, in turns with pairs of the control."""
    with _prepared(folder, seed, say) as run:
        return run.restarts_only(pairs, window_seconds)


@contextmanager
def _prepared(folder: Path, seed: int, say: Callable[[str], None]) -> Iterator[_Run]:
    (folder / "db").mkdir(parents=True)
    with LocalProcess(folder / "db") as database:
        instance, password = database.instance, secrets.token_hex(8)
        list(install(instance.dsn, instance.user, instance.password, "CONCORD", "CONCORD_APP", password))
        with closing(instance.connect()) as dba:
            install_ledger(dba)
        settings = Settings(
            home=folder / "home",
            db_dsn=instance.dsn,
            db_password=password,
            worker_slots=2,
            worker_poll_seconds=1.0,
            heartbeat_seconds=1.0,
            lease_seconds=6.0,
            drain_seconds=_DRAIN_SECONDS,
            log_level="DEBUG",
        )
        fleet = Fleet(settings, folder)
        try:
            yield _Run(database, settings, fleet, seed, say)
        finally:
            fleet.kill()


class _Run:
    def __init__(
        self,
        database: LocalProcess,
        settings: Settings,
        fleet: Fleet,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._fleet = fleet
        self._say = say
        self._known = [Enqueued(), Enqueued()]
        self._enqueuers = [
            Enqueuer(settings, known, seed * 10 + number) for number, known in enumerate(self._known)
        ]
        self._disasters = Disasters(database, fleet, settings.lease_seconds, seed)
        self._chance = random.Random(seed)
        self._report = Report()
        self._pairs: list[Pair] = []

    def _start(self) -> None:
        self._fleet.start()
        for enqueuer in self._enqueuers:
            enqueuer.start()
        self._wait(self._some_completed, 60, "the first jobs")

    def whole(self, seconds: float, window: float, measured: int) -> Report:
        began = time.monotonic()
        self._start()
        self._disasters.strike_each()
        calm = [began + seconds * (number + 0.5) / measured for number in range(measured)]
        while time.monotonic() < began + seconds:
            if calm and time.monotonic() >= calm[0]:
                calm.pop(0)
                self._disasters.mend_all()
                self._until(time.monotonic() + 2 * self._settings.lease_seconds)
                self._measure(window, restart=True)
            self._disasters.mend_due()
            self._fleet.note_unexpected_ends()
            self._disasters.strike()
            self._say(f"{time.monotonic() - began:7.1f} s  {self._disasters.events[-1].name}")
            self._until(time.monotonic() + self._chance.uniform(0.5, 4))
        self._report.seconds = round(time.monotonic() - began, 1)
        self._make_peace()
        return self._prove()

    def _until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._disasters.mend_due()
            time.sleep(min(left, 0.1))

    # Measured restarts

    def restarts_only(self, pairs: int, window: float) -> Report:
        began = time.monotonic()
        self._start()
        self._until(time.monotonic() + _SETTLE_SECONDS)
        for number in range(2 * pairs):
            self._measure(window, restart=number % 2 == 0)
            self._say(f"{time.monotonic() - began:7.1f} s  pair {number + 1} of {2 * pairs}")
        self._report.seconds = round(time.monotonic() - began, 1)
        self._make_peace()
        return self._prove()

    def _measure(self, window: float, *, restart: bool) -> None:
        """A window; the server is killed and started, or not; after the first job and a fixed time a window again."""
        pids = [worker.pid for worker in self._fleet.workers]
        before, killed, first = self._now(), None, None
        self._until(time.monotonic() + window)
        if restart:
            killed = datetime.now(UTC).replace(tzinfo=None)
            self._database.kill()
            self._database.start()
            self._wait(lambda: self._claimed_and_completed_since(killed), 120, "a job after the restart")
            first = self._now()
        self._until(time.monotonic() + _SETTLE_SECONDS)
        after = self._now()
        self._until(time.monotonic() + window)
        assert pids == [worker.pid for worker in self._fleet.workers]
        self._pairs.append(Pair(window, before, after, killed, first))

    def _ask(self, sql: str, **binds: datetime) -> Any:
        instance = self._database.instance
        times = dict.fromkeys(binds, oracledb.DB_TYPE_TIMESTAMP)
        with (
            oracledb.connect(user=instance.user, password=instance.password, dsn=instance.dsn) as dba,
            dba.cursor() as cursor,
        ):
            if times:
                cursor.setinputsizes(**times)
            cursor.execute(sql, binds)
            row = cursor.fetchone()
            assert row is not None
            return row[0]

    def _change(self, sql: str) -> None:
        with closing(self._database.instance.connect()) as dba, dba.cursor() as cursor:
            cursor.execute(sql)
            dba.commit()

    def _now(self) -> datetime:
        now: datetime = self._ask("select sys_extract_utc(systimestamp) from dual")
        return now

    def _some_completed(self) -> bool:
        return bool(self._ask("select count(*) from concord.comparison_jobs where status = 'COMPLETED'") >= 5)

    def _claimed_and_completed_since(self, since: datetime) -> bool:
        sql = """
            select count(*) from concord.comparison_jobs
             where status = 'COMPLETED' and started_at > :since"""
        return bool(self._ask(sql, since=since))

    # The end

    def _make_peace(self) -> None:
        """Everything mended, no new jobs: what is there must come to its end."""
        self._disasters.mend_all()
        for enqueuer in self._enqueuers:
            enqueuer.end()
        self._fleet.note_unexpected_ends()
        if self._fleet.unexpected_ends:
            self._report.problems["workers"] = self._fleet.unexpected_ends
        self._say("peace: waiting for the last jobs")
        # A DBA's plain UPDATE: nobody needs to wait for the late attempts of unlucky jobs.
        self._change("""
            update concord.comparison_jobs
               set due_at = sys_extract_utc(systimestamp)
             where status = 'PENDING' and ready = 0""")
        states = ", ".join(f"'{state}'" for state in FINAL)
        sql = f"select count(*) from concord.comparison_jobs where status not in ({states})"
        try:
            self._wait(lambda: self._ask(sql) == 0, _PEACE_SECONDS, "the end of all jobs")
        except AssertionError as error:
            self._report.problems["peace"] = str(error)
            for worker in self._fleet.workers:
                worker.signal(signal.SIGTRAP)  # where do they hang?
            time.sleep(1)
        began = time.monotonic()
        statuses = self._fleet.drain(_DRAIN_SECONDS + 10)
        self._report.figures["last drain, seconds"] = round(time.monotonic() - began, 2)
        if statuses != [0] * len(statuses):
            self._report.problems["drain"] = statuses

    def _prove(self) -> Report:
        with closing(self._database.instance.connect()) as dba:
            ledger = Ledger.read(dba)
        enqueued = Enqueued(
            *(
                set().union(*(getattr(known, name) for known in self._known))
                for name in ("committed", "doubtful", "rolled_back")
            )
        )
        if violations := ledger.violations(enqueued):
            self._report.problems["ledger"] = summary(violations)
        completions = ledger.completions()
        for pair in self._pairs:
            kind = self._report.restarts if pair.killed else self._report.control
            kind.append(pair.figures(completions))
        standstill, since = ledger.longest_standstill()
        events = self._disasters.events
        self._report.figures |= {
            **ledger.figures(),
            "jobs whose commit was not answered": len(enqueued.doubtful),
            "of these in the table": len(enqueued.doubtful & set(ledger.statuses)),
            "jobs rolled back": len(enqueued.rolled_back),
            "workers started": self._fleet.started,
            **recovery.figures(ledger, list(recovery.recoveries(ledger, events)), events),
            "longest time without a completed job, seconds": round(standstill, 2),
            "which began at": str(since),
        }
        self._report.disasters = self._disasters.counts()
        return self._report

    def _wait(self, look: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if look():
                    return
            except oracledb.Error as error:
                self._say(f"asking failed: {str(error).splitlines()[0]}")
            time.sleep(0.25)
        raise AssertionError(f"{what} did not come within {seconds:g} s")
