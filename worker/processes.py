"""Jobs' processes as the worker sees them: forked from a warm process (worker.zygote), which it starts and heals."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

log = structlog.get_logger("worker")

_ENVIRONMENT = {"ORA_SDTZ": "UTC"}
_READ_BYTES = 64 * 1024


class JobProcessError(Exception):
    """No process could be made for a job. The text is a sentence."""


@dataclass
class JobProcess:
    """One job's process. `words` is the reading end of its pipe; whoever reads it closes it."""

    number: int
    words: int
    _zygote: _Zygote
    pid: int = 0
    peak_mb: int = 0
    started: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _ended: asyncio.Future[int] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def running(self) -> bool:
        return not self._ended.done()

    async def wait(self) -> int:
        """Its exit status, negative for a signal."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """SIGKILL. Safe to call at any time."""
        if self.running:
            self._zygote.kill(self.number)

    def end(self, status: int, peak_mb: int = 0) -> None:
        """Called by its zygote, or in its place when that has died."""
        if not self.started.done():
            self.started.set_exception(JobProcessError("The process that makes the jobs' processes died."))
            self.started.exception()  # taken note of, also when nobody waits
        if self.running:
            self.peak_mb = peak_mb
            self._ended.set_result(status)


class JobProcesses:
    """Makes processes for jobs; `modules` are imported once for all of them."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._zygote: _Zygote | None = None

    def warm_up(self) -> None:
        """Start the zygote ahead of the first job."""
        if self._zygote is None or self._zygote.dead:
            self._zygote = _Zygote(self._modules)

    async def spawn(self, spec: bytes) -> JobProcess:
        """A new process that has begun with the job of this spec. Raises JobProcessError and OSError."""
        try:
            return await self._spawn(spec)
        except JobProcessError:  # it died just now, before it could fork: the next one can
            return await self._spawn(spec)

    async def _spawn(self, spec: bytes) -> JobProcess:
        self.warm_up()
        assert self._zygote is not None
        process = self._zygote.spawn(spec)
        try:
            await asyncio.shield(process.started)
        except BaseException:
            process.kill()
            os.close(process.words)
            raise
        return process

    def close(self) -> None:
        """End the zygote, and with it every process that is left."""
        if self._zygote is not None:
            self._zygote.close()


class _Zygote:
    """One running zygote. All its state belongs to the event loop."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[int, JobProcess] = {}
        self._count = 0
        self._rest = b""
        self.dead = False
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker.zygote", str(theirs.fileno()), str(os.getpid()), *modules],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C in the terminal is for the worker, which then drains
                env={**os.environ, **_ENVIRONMENT},
            )
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._listen)

    def spawn(self, spec: bytes) -> JobProcess:
        self._count += 1
        words, their_words = os.pipe()
        try:
            with _readable(spec) as their_spec:
                process = JobProcess(self._count, words, self)
                self._jobs[process.number] = process
                self._tell({"spawn": process.number}, their_spec, their_words)
        finally:
            os.close(their_words)
        return process

    def kill(self, number: int) -> None:
        self._tell({"kill": number})

    def _tell(self, message: dict[str, int], *descriptors: int) -> None:
        """A line of a few bytes: the socket always has room for it while the zygote lives."""
        line = json.dumps(message).encode() + b"\n"
        try:
            socket.send_fds(self._socket, [line], descriptors)
        except OSError as error:
            log.warning("the process that makes the jobs' processes does not listen", error=str(error))
            self._lose()

    def _listen(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except ConnectionError:
            data = b""
        if not data:
            log.warning("the process that makes the jobs' processes died; another takes its place")
            return self._lose()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, message: dict[str, Any]) -> None:
        if "started" in message:
            job = self._jobs[message["started"]]
            job.pid = message["pid"]
            job.started.set_result(None)
        else:
            self._jobs.pop(message["ended"]).end(message["status"], message["peak_mb"])

    def _lose(self) -> None:
        """It is dead, or must be: its children die with it."""
        if not self.dead:
            self.dead = True
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._process.kill()
            self._process.wait()
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job.end(-signal.SIGKILL)

    def close(self) -> None:
        if not self.dead:
            self._lose()


@contextlib.contextmanager
def _readable(data: bytes) -> Iterator[int]:
    """A descriptor from which these bytes can be read. They are on no disk where the system can do so."""
    in_memory = hasattr(os, "memfd_create")
    with os.fdopen(os.memfd_create("job"), "w+b") if in_memory else tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()
