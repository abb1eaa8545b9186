"""One claimed job as its worker sees it: starts its process, watches it, writes progress and the end.

Progress goes to the database at most once a second and brings back whether to stop; a process that says nothing
is asked about just the same, so that a cancel is effective within two seconds in the middle of any query.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import structlog

from app.connections.catalog import Catalog
from app.jobs.models import ClaimedJob, JobError, JobStatus
from app.jobs.store import OracleJobStorage
from app.ops.worker_metrics import WorkerMetrics
from app.oracle.address import security
from app.oracle.errors import DatabaseUnavailableError, OracleError
from app.oracle.pool import acting_for
from app.settings import Settings
from worker.folders import WorkFolders, keep_only, remove
from worker.kinds import Kind, Refused
from worker.outcome import Failed, Finished, Limits, Outcome, Stop, Stopped, causes, judge
from worker.pacing import Pause
from worker.processes import JobProcess, JobProcessError, JobProcesses

Result = TypeVar("Result")
_STOPPED = {Stop.CANCEL: "cancelled", Stop.DRAIN: "released", Stop.FENCE_LOST: "fence_lost"}
log = structlog.get_logger("worker")

_VERDICT_SECONDS = 1.0  # between two exchanges with the database
_GUARD_SECONDS = 0.2  # between two looks at memory and time
_RETRY_SECONDS = (0.5, 10.0)  # of a write that the database could not take
_PIPE_CHUNK = 64 * 1024
_ESTIMATE_FROM = 0.02  # of the work done; before that the rest of the time is anybody's guess
_LAST_WORDS_SECONDS = 5.0


@dataclass(slots=True)
class _Heard:
    """What the child has said. Written by the reader of its pipe; read by the exchange with the database."""

    fraction: float = 0.0
    step: str = ""
    news: bool = False
    last_words: Finished | Failed | None = None
    checkpoint: dict[str, Any] | None = None  # not yet written


@dataclass
class Run:
    """One attempt at one job. `work` is its whole life; `stop` may be called at any time from the loop."""

    claimed: ClaimedJob
    kind: Kind | None  # None: this worker does not know the kind
    storage: OracleJobStorage
    catalog: Catalog
    settings: Settings
    folders: WorkFolders
    processes: JobProcesses
    metrics: WorkerMetrics
    worker_id: str
    give_up: asyncio.Event  # set when the worker must leave now: writes are not tried again
    _heard: _Heard = field(default_factory=_Heard)
    _process: JobProcess | None = None
    _stopped: Stop | None = None
    _started: float = 0.0
    _checkpoint: dict[str, Any] | None = None  # what an earlier attempt left

    async def work(self) -> None:
        """Run the job and write its end. Never raises, except when cancelled."""
        acting_for.set(f"{self.claimed.job_id}:{self.claimed.run_token}")
        structlog.contextvars.bind_contextvars(job=self.claimed.job_id, attempt=self.claimed.attempt)
        log.info("job started", kind=self.claimed.kind)
        self._started = time.monotonic()
        try:
            outcome = await self._attempt()
        except Exception:
            log.exception("job broke in the worker")
            outcome = Failed("crashed", "The worker met an error that it did not expect.", retryable=True)
        finally:
            self._kill()
        try:
            completed = await self._write_end(outcome)
        except OracleError as error:
            # The row stays RUNNING under this worker; the lease or the next worker's housekeeping frees it.
            log.error("the end of the job could not be written", error=str(error), code=error.code)
            return
        tidy = keep_only if completed else remove
        await asyncio.to_thread(tidy, self.settings.results, self.claimed.job_id, self.claimed.run_token)

    def stop(self, why: Stop) -> None:
        """Kill the job's process; the first reason counts."""
        if self._stopped is None:
            self._stopped = why
        self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    # The attempt

    async def _attempt(self) -> Outcome:
        if self.kind is None:
            return Failed(
                "bad_request", f"This worker does not know jobs of kind {self.claimed.kind}.", retryable=False
            )
        try:
            kind, job_id = self.kind, self.claimed.job_id
            request = await self._until_written(lambda: kind.prepare(self.storage, self.catalog, job_id))
            if self.claimed.run_token > 1:
                self._checkpoint = await self._until_written(lambda: self.storage.checkpoint(job_id))
        except Refused as error:
            return Failed("bad_request", error.sentence, retryable=False)
        except OracleError as error:
            facts: dict[str, str | int | float] = {"database_error": error.code}
            return Failed("database", error.sentence, error.retryable, causes(error), facts)
        folder = await asyncio.to_thread(self.folders.make, job_id)
        try:
            return await self._run_process(self.kind, request, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _run_process(self, kind: Kind, request: dict[str, Any], folder: Path) -> Outcome:
        limits = Limits(self.settings.job_memory_mb, self.settings.job_time_limit_seconds)
        if self._stopped is not None:  # while the request was being read
            return judge(0, self._stopped, None, limits)
        try:
            process = await self.processes.spawn(self._spec(kind, request, folder))
        except JobProcessError as error:
            return Failed("crashed", str(error), retryable=True)
        self._process = process
        reader = asyncio.create_task(self._read(process.words))
        watchers = [asyncio.create_task(self._exchange()), asyncio.create_task(self._guard(process, limits))]
        try:
            if self._stopped is not None:
                self._kill()
            exit_status = await process.wait()
            # What it said is in the pipe by now; only a process of its own that it left behind keeps it open.
            await asyncio.wait({reader}, timeout=_LAST_WORDS_SECONDS)
        finally:
            for task in (reader, *watchers):
                task.cancel()
            await asyncio.gather(reader, *watchers, return_exceptions=True)
        return judge(exit_status, self._stopped, self._heard.last_words, limits, process.peak_mb)

    def _spec(self, kind: Kind, request: dict[str, Any], folder: Path) -> bytes:
        """What the process needs to know. Secrets travel here and not in arguments or the environment."""
        spec = {
            "runner": kind.runner,
            "job_id": self.claimed.job_id,
            "run_token": self.claimed.run_token,
            "kind": self.claimed.kind,
            "request": request,
            "work_dir": str(folder),
            "results_dir": str(self.settings.results / self.claimed.job_id / str(self.claimed.run_token)),
            "checkpoint": self._checkpoint,
            "memory_limit_mb": self.settings.job_memory_mb,
            "dsn": self.settings.db_dsn,
            "user": self.settings.db_user,
            "password": self.settings.db_password,
            "secured": security(self.settings),
            "files_dir": None if self.settings.files is None else str(self.settings.files),
            "query_user": self.settings.query_user,
            "query_password": self.settings.query_password,
        }
        return json.dumps(spec).encode()

    # What the child says

    async def _read(self, descriptor: int) -> None:
        """JSON lines from the child until it closes its end."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        with os.fdopen(descriptor, "rb", buffering=0) as pipe:
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
            try:
                parts: list[bytes] = []
                while chunk := await reader.read(_PIPE_CHUNK):
                    *lines, rest = chunk.split(b"\n")
                    for line in lines:
                        self._hear(b"".join([*parts, line]))
                        parts = []
                    parts.append(rest)
            finally:
                transport.close()

    def _hear(self, line: bytes) -> None:
        message = json.loads(line)
        if "progress" in message:
            self._heard.fraction = min(max(float(message["progress"]), 0.0), 1.0)
            self._heard.step = str(message["step"])
            self._heard.news = True
        elif "checkpoint" in message:
            self._heard.checkpoint = message["checkpoint"]
        elif "result" in message:
            self._heard.last_words = Finished(message["result"])
        else:
            self._heard.last_words = Failed(**message["error"])

    # What the database says

    async def _exchange(self) -> None:
        """Once a second: news to the database, its verdict back. Ends when the job is to stop."""
        while True:
            await asyncio.sleep(_VERDICT_SECONDS)
            try:
                verdict = await self._verdict()
            except OracleError as error:
                # The job goes on: whether it still counts is decided when the database is back.
                self._heard.news = True
                log.debug("progress not written", error=str(error), code=error.code)
                continue
            if verdict == "CANCEL":
                return self.stop(Stop.CANCEL)
            if verdict == "STOP":
                return self.stop(Stop.FENCE_LOST)

    async def _verdict(self) -> str:
        job_id, token, heard = self.claimed.job_id, self.claimed.run_token, self._heard
        if heard.checkpoint is not None:
            await self.storage.save_checkpoint(job_id, token, heard.checkpoint)
            heard.checkpoint = None
        if not heard.news:
            return await self.storage.progress(job_id, token, None, None)
        heard.news = False
        return await self.storage.progress(
            job_id, token, heard.fraction * 100, heard.step, self._seconds_left()
        )

    def _seconds_left(self) -> float | None:
        done = self._heard.fraction
        if done < _ESTIMATE_FROM:
            return None
        return (time.monotonic() - self._started) * (1 - done) / done

    # What it may use

    async def _guard(self, process: JobProcess, limits: Limits) -> None:
        """Kill the child when it uses more than it may."""
        while True:
            await asyncio.sleep(_GUARD_SECONDS)
            if time.monotonic() - self._started > limits.seconds:
                return self.stop(Stop.TIME_LIMIT)
            if resident_mb(process.pid) > limits.memory_mb:
                return self.stop(Stop.MEMORY_LIMIT)

    # The end

    async def _write_end(self, outcome: Outcome) -> bool:
        """Whether the job is completed by this run. Raises OracleError when the end cannot be written."""
        job_id, token, storage = self.claimed.job_id, self.claimed.run_token, self.storage
        seconds = round(time.monotonic() - self._started, 2)
        if isinstance(outcome, Finished):
            document = outcome.document
            try:
                accepted = await self._until_written(lambda: storage.complete(job_id, token, document))
            except DatabaseUnavailableError:
                raise
            except (OracleError, KeyError, ValueError, TypeError) as error:
                log.exception("result refused")
                outcome = Failed("engine", f"The result could not be stored: {error}", retryable=False)
            else:
                log.info("job finished" if accepted else "result thrown away: the job is not ours any more")
                self._count("completed" if accepted else "fence_lost")
                if accepted:
                    self._count_rows(document)
                return accepted
        if isinstance(outcome, Stopped):
            log.info("job stopped", why=outcome.why.name.lower(), seconds=seconds)
            self._count(_STOPPED[outcome.why])
            if outcome.why is Stop.CANCEL:
                await self._until_written(lambda: storage.cancelled(job_id, token))
            elif outcome.why is Stop.DRAIN:
                await self._until_written(lambda: storage.release(job_id, token))
            return False
        failure = outcome
        error_details = JobError(
            code=failure.code,
            sentence=failure.sentence,
            attempt=self.claimed.attempt,
            worker=self.worker_id,
            retryable=failure.retryable,
            facts=failure.facts or None,
        )
        status = await self._until_written(
            lambda: storage.fail(job_id, token, error_details, retryable=failure.retryable)
        )
        self._count(failure.code)
        if status == JobStatus.PENDING:
            self.metrics.retried.labels(self.claimed.kind).inc()
        log.warning(
            "job failed",
            code=failure.code,
            sentence=failure.sentence,
            detail=failure.detail,
            now=status,
            seconds=seconds,
        )
        return False

    def _count(self, outcome: str) -> None:
        self.metrics.ended.labels(self.claimed.kind, outcome).inc()
        self.metrics.run_seconds.labels(self.claimed.kind).observe(time.monotonic() - self._started)

    def _count_rows(self, document: dict[str, Any]) -> None:
        compared = document.get("compared", {})
        if "engine" in compared:  # the results of other kinds of jobs have none
            summary = document["summary"]
            self.metrics.rows.labels(compared["engine"]).inc(summary["rows_a"] + summary["rows_b"])
            self.metrics.compare_seconds.labels(compared["engine"]).inc(compared["seconds"])

    async def _until_written(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Repeat a call while the database is away. Raises OracleError of another kind, or when leaving."""
        pause, told = Pause(*_RETRY_SECONDS), False
        while True:
            try:
                return await call()
            except DatabaseUnavailableError as error:
                if self.give_up.is_set():
                    raise
                if not told:
                    log.warning("waiting for the database", error=str(error), code=error.code)
                told = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause.seconds()):
                    await self.give_up.wait()


def resident_mb(pid: int) -> float:
    """Memory of a process in MiB that is really in use; 0 where the system does not say (no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
