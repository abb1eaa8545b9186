"""One worker process: claims jobs, runs each in a process of its own, and leaves in order when told to.

The first SIGTERM or SIGINT drains: no new claims, running jobs get CONCORD_DRAIN_SECONDS, then they are released
with their attempt given back. The second ends the grace at once. SIGQUIT, or a third, leaves without waiting for
anything: running jobs die, and others take them when the lease is over. A drain is over within the grace and ten
seconds, whatever happens. The exit statuses are in EXIT_STATUSES.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import random
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping

import structlog

from app.connections.catalog import Catalog
from app.jobs.models import ClaimedJob
from app.jobs.store import OracleJobStorage
from app.jobs.upkeep import Upkeep
from app.ops.logs import configure_logging
from app.ops.worker_metrics import WorkerMetrics
from app.oracle.errors import ConflictError, OracleError
from app.oracle.pool import OraclePool
from app.settings import Settings
from worker.folders import WorkFolders
from worker.housekeeping import Housekeeping
from worker.kinds import Kind
from worker.lease import Lease, State
from worker.outcome import Stop
from worker.pacing import Pause
from worker.processes import JobProcesses
from worker.running import Run
from worker.wakeup import Bell, ChangeNotification, NoBell

log = structlog.get_logger("worker")

_FIRST_POLL_SECONDS = 0.2
_RETRY_SECONDS = (0.5, 15.0)
_DEBOUNCE_SECONDS = 0.05  # after the bell, by chance: a hundred workers must not ask at once for one job
_LAST_CLAIM_SECONDS = 1.0  # for the answer to a claim when told to drain
_CANCEL_AGAIN_SECONDS = 0.2
_WRITE_SECONDS = 5.0  # to give jobs back after the grace
_FORCE_AFTER_SECONDS = 9.0  # after the grace: the process ends, whatever it hangs on
_DOUBTFUL_SECONDS = 60.0  # how long after a claim without an answer its jobs may still appear

EXIT_STATUSES = {
    0: "drained; every running job ended or was given back",
    1: "could not start, or some jobs could not be given back: others take them when they count as lost",
    2: "wrong usage of the command",
    3: "the drain hung and was ended by force within the grace and ten seconds; jobs as with 1",
    131: "SIGQUIT, or a third SIGTERM or SIGINT: left without waiting; jobs as with 1",
}
_FORCED_STATUS = 3
_QUIT_STATUS = 131


class Worker:
    """The supervisor. `main` is its whole life; all its state belongs to the event loop."""

    def __init__(self, settings: Settings, kinds: Mapping[str, Kind], pool: OraclePool) -> None:
        self.worker_id = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._settings = settings
        self._kinds = kinds
        self._storage = storage = OracleJobStorage(pool)
        self._catalog = Catalog.of(settings, pool)
        self._processes = JobProcesses(sorted({name for kind in kinds.values() for name in kind.preload}))
        self._folders = WorkFolders(settings.home / "work", self.worker_id)
        self._metrics = metrics = WorkerMetrics()
        self._runs: dict[asyncio.Task[None], Run] = {}
        self._draining = asyncio.Event()
        self._hurry = asyncio.Event()  # the grace is over
        self._leave_now = asyncio.Event()  # writes are not tried again
        self._wake = asyncio.Event()
        self._announced = False  # the bell rang since the last claim
        self._doubtful_until = 0.0
        self._bell: Bell = NoBell()
        if settings.wakeup == "cqn":
            self._bell = ChangeNotification(
                settings, lambda: storage.ping(self.worker_id), self._mode_changed
            )
        metrics.watch("concord_worker_running_jobs", "Jobs running now.", lambda: len(self._runs))
        metrics.watch("concord_worker_slots", "Jobs that can run at once.", lambda: settings.worker_slots)
        metrics.watch_mode(lambda: self._bell.mode)
        self._lease = Lease(storage, settings, self.worker_id, state=self._state, lost=self._lost)
        self._housekeeping = Housekeeping(
            storage,
            Upkeep(pool, settings),
            settings,
            self.worker_id,
            self._lease.registered,
            metrics,
            found_work=self._wake.set,
        )

    async def main(self) -> int:
        """Work until told to drain; returns the exit status."""
        structlog.contextvars.bind_contextvars(worker=self.worker_id)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        signal.signal(signal.SIGQUIT, lambda *_: _leave_at_once())  # also when the loop hangs
        log.info("worker started", slots=self._settings.worker_slots, wakeup=self._settings.wakeup)
        self._metrics.serve(self._settings)
        await asyncio.to_thread(self._folders.open)
        self._processes.warm_up()
        beating = asyncio.create_task(self._lease.run())
        background = [
            beating,
            asyncio.create_task(self._bell.run(self._ring)),
            asyncio.create_task(self._housekeeping.run()),
        ]
        claiming = asyncio.create_task(self._claim_until_draining())
        try:
            await self._until_draining(claiming, *background)
            return await self._drain(claiming, beating)
        finally:
            self._processes.close()
            await asyncio.to_thread(self._folders.close)
            await _end(*background)

    async def _until_draining(self, *tasks: asyncio.Task[None]) -> None:
        """Wait for the signal; a background task that breaks is a defect and ends the worker by a drain."""
        told = asyncio.create_task(self._draining.wait())
        done, _ = await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {told}:
            if not self._draining.is_set():
                log.error("a part of the worker broke; leaving", exc_info=task.exception())
        self._draining.set()
        told.cancel()

    # Claiming

    async def _claim_until_draining(self) -> None:
        trouble, idle = Pause(*_RETRY_SECONDS), Pause(_FIRST_POLL_SECONDS, self._settings.worker_poll_seconds)
        polled = False  # this claim follows a wait in which nothing was announced
        while not self._draining.is_set():
            await self._lease.registered.wait()
            self._wake.clear()
            self._announced = False
            free = self._settings.worker_slots - len(self._runs)
            if free == 0:
                await self._wake.wait()
                continue
            try:
                claimed = await self._claim(free)
            except ConflictError:
                # The database does not know this worker: it was declared lost and must register again.
                self._lease.registered.clear()
                self._lease.beat_now()
                continue
            except OracleError as error:
                self._doubtful_until = time.monotonic() + _DOUBTFUL_SECONDS
                self._metrics.claim_errors.inc()
                log.debug("claim failed", error=str(error), code=error.code)
                polled = not await self._woken_within(trouble.seconds())
                continue
            trouble.reset()
            if claimed:
                idle.reset()
                if polled and (unannounced := sum(job.attempt == 1 for job in claimed)):
                    self._metrics.unannounced.inc(unannounced)
                    self._bell.doubt()
            polled = False
            if len(claimed) < free:
                polled = not await self._woken_within(idle.seconds())
                if self._announced:
                    await asyncio.sleep(random.random() * _DEBOUNCE_SECONDS)

    async def _claim(self, free: int) -> list[ClaimedJob]:
        """Take jobs and start them. Raises OracleError."""
        if time.monotonic() < self._doubtful_until:
            await self._adopt()
            free = self._settings.worker_slots - len(self._runs)
            if free <= 0:
                return []
        with self._metrics.claim_seconds.time():
            claimed = await self._storage.claim(self.worker_id, self._settings.worker_queue, free)
        self._metrics.claimed.inc(len(claimed))
        for job in claimed:
            self._start(job)
        return claimed

    async def _adopt(self) -> None:
        """Start what a claim took whose answer was lost: such jobs run under this worker and nobody works."""
        known = {(run.claimed.job_id, run.claimed.run_token) for run in self._runs.values()}
        for job in await self._storage.runs_of(self.worker_id):
            if (job.job_id, job.run_token) not in known:
                log.warning("adopting a job whose claim was not answered", job=job.job_id)
                self._start(job)

    def _start(self, job: ClaimedJob) -> None:
        run = Run(
            claimed=job,
            kind=self._kinds.get(job.kind),
            storage=self._storage,
            catalog=self._catalog,
            settings=self._settings,
            folders=self._folders,
            processes=self._processes,
            metrics=self._metrics,
            worker_id=self.worker_id,
            give_up=self._leave_now,
        )
        task = asyncio.create_task(run.work())
        self._runs[task] = run
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._runs.pop(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a run broke", exc_info=error)

    async def _woken_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    # What others tell

    def _ring(self) -> None:
        self._metrics.notifications.inc()
        self._announced = True
        self._wake.set()

    def _mode_changed(self) -> None:
        self._lease.beat_now()

    def _state(self) -> State:
        return State(self._draining.is_set(), len(self._runs), self._bell.mode)

    def _lost(self) -> None:
        for run in self._runs.values():
            run.stop(Stop.FENCE_LOST)

    # Leaving

    def _told_to_stop(self, number: int) -> None:
        if self._hurry.is_set():
            _leave_at_once()
        if self._draining.is_set():
            log.warning("told to stop again: the grace is over")
            self._hurry.set()
            return
        log.info(
            "draining",
            signal=signal.Signals(number).name,
            running=len(self._runs),
            grace_seconds=self._settings.drain_seconds,
        )
        # A thread, as nothing in the loop can be trusted to be on time when the loop itself hangs.
        force = threading.Timer(self._settings.drain_seconds + _FORCE_AFTER_SECONDS, _end_by_force)
        force.daemon = True
        force.start()
        self._draining.set()
        self._wake.set()

    async def _drain(self, claiming: asyncio.Task[None], beating: asyncio.Task[None]) -> int:
        """Let jobs end, then take them back; returns the exit status."""
        self._lease.beat_now()
        # A claim that is on its way may bring jobs; they get the grace like the others.
        await asyncio.wait({claiming}, timeout=_LAST_CLAIM_SECONDS)
        await _end(claiming)
        waiting = [asyncio.create_task(self._hurry.wait()), asyncio.create_task(self._all_ended())]
        await asyncio.wait(waiting, timeout=self._settings.drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for run in self._runs.values():
            run.stop(Stop.DRAIN)
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._all_ended()
        except TimeoutError:
            self._leave_now.set()
            log.error("jobs could not be given back; they run again elsewhere", jobs=len(self._runs))
        left = len(self._runs)
        await _end(*self._runs)
        self._lease.stop()
        await asyncio.wait({beating}, timeout=_LAST_CLAIM_SECONDS)
        return await self._say_good_bye(left)

    async def _all_ended(self) -> None:
        while self._runs:
            await asyncio.wait(list(self._runs))

    async def _say_good_bye(self, left: int) -> int:
        if not self._lease.registered.is_set():
            return 1 if left else 0
        try:
            async with asyncio.timeout(1.0):
                # Also jobs of a claim that was cancelled on its way: they are lost with the worker's row, and
                # any other worker takes them.
                await self._storage.retire_worker(self.worker_id)
        except (OracleError, TimeoutError) as error:
            log.warning("could not say good-bye to the database", error=str(error))
            left += 1
        log.info("worker ended", jobs_left=left)
        return 1 if left else 0


async def _end(*tasks: asyncio.Task[None]) -> None:
    """Cancel and wait. More than once if need be: on Python 3.11 the driver's pool can swallow a cancellation
    (asyncio.wait_for does when its own work ends at that moment), and the task would work on for ever."""
    while alive := [task for task in tasks if not task.done()]:
        for task in alive:
            task.cancel()
        await asyncio.wait(alive, timeout=_CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


def _end_by_force() -> None:
    print("concord worker: the drain hung; ending by force", file=sys.stderr, flush=True)  # noqa: T201
    faulthandler.dump_traceback()
    os._exit(_FORCED_STATUS)


def _leave_at_once() -> None:
    print("concord worker: leaving without waiting", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(_QUIT_STATUS)


async def _live(settings: Settings, kinds: Mapping[str, Kind]) -> int:
    pool = OraclePool(settings, module="concord-worker", size=settings.worker_slots + 2)
    pool.open()
    try:
        return await Worker(settings, kinds, pool).main()
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await pool.close()


def run(settings: Settings, kinds: Mapping[str, Kind] | None = None) -> int:
    """`concord worker`: work until SIGTERM or SIGINT; returns the exit status.

    kinds: what this worker can do; every kind of the product if None.
    """
    configure_logging(settings)
    faulthandler.enable()
    if kinds is None:
        from worker.compare import KINDS

        kinds = KINDS
    try:
        return asyncio.run(_live(settings, kinds))
    except OracleError as error:
        log.error("worker cannot start", error=str(error), code=error.code)
        return 1
    except OSError as error:
        log.error("worker cannot start", error=str(error))
        return 1
