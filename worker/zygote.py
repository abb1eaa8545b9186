"""The warm process from which jobs are forked: `python -m worker.zygote FD [MODULE ...]`, started by the worker.

It has imported what jobs need, runs nothing itself and has one thread, so a job's own process is there within
milliseconds. On the socket FD it gets JSON lines, {"spawn": N} with two descriptors (the job's spec to read, its
words to write) and {"kill": N}; it answers {"started": N, "pid": P} and {"ended": N, "status": S, "peak_mb": M}.
Only it reaps its children, so a kill can never meet a process number that means another process by now. It dies
with the worker, and its children with it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from importlib import import_module
from typing import Any

from worker.child import END_SIGNAL, die_with_parent, run_job

_MOST_BYTES = 64 * 1024
_MOST_DESCRIPTORS = 200
_ENDING_SECONDS = 0.3  # that a job's process has for breaking off its calls to databases


class _Zygote:
    def __init__(self, worker: socket.socket) -> None:
        self._worker = worker
        self._numbers: dict[int, int] = {}  # pid -> the worker's number for it
        self._ending: dict[int, float] = {}  # pid -> when it is killed if it has not ended by then
        self._rest = b""
        self._descriptors: list[int] = []
        self._wake, wakened = os.pipe()
        for end in (self._wake, wakened):
            os.set_blocking(end, False)
        self._inherited = (self._wake, wakened)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Until the worker closes its end."""
        while True:
            ready, _, _ = select.select([self._worker.fileno(), self._wake], [], [], self._kill_due())
            if self._wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 4096)
            self._reap()
            if self._worker.fileno() in ready and not self._listen():
                return

    def _listen(self) -> bool:
        data, descriptors, _, _ = socket.recv_fds(self._worker, _MOST_BYTES, _MOST_DESCRIPTORS)
        if not data:
            return False
        self._descriptors += descriptors
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return True

    def _obey(self, message: dict[str, int]) -> None:
        if "spawn" in message:
            spec, words, *self._descriptors = self._descriptors
            self._fork(message["spawn"], spec, words)
        else:
            for pid, number in self._numbers.items():
                if number == message["kill"] and pid not in self._ending:
                    self._ending[pid] = time.monotonic() + _ENDING_SECONDS
                    os.kill(pid, END_SIGNAL)

    def _kill_due(self) -> float | None:
        """Kill what was told to end and did not; seconds until the next one is due, None for none."""
        now = time.monotonic()
        for pid, due in self._ending.items():
            if due <= now:
                os.kill(pid, signal.SIGKILL)
        return min((max(due - now, _ENDING_SECONDS / 10) for due in self._ending.values()), default=None)

    def _fork(self, number: int, spec: int, words: int) -> None:
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self._be_a_job(zygote)
                status = run_job(spec, words)
            except BaseException:  # noqa: BLE001 - a fork must never come back from here
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        self._numbers[pid] = number
        os.close(spec)
        os.close(words)
        self._tell({"started": number, "pid": pid})

    def _be_a_job(self, zygote: int) -> None:
        die_with_parent(zygote)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._worker.close()
        for descriptor in (*self._inherited, *self._descriptors):
            os.close(descriptor)

    def _reap(self) -> None:
        while self._numbers:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
            self._ending.pop(pid, None)
            code = os.waitstatus_to_exitcode(status)
            self._tell({"ended": self._numbers.pop(pid), "status": code, "peak_mb": round(peak)})

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # the worker has gone: the next look at the socket says so
            self._worker.sendall(json.dumps(message).encode() + b"\n")


def main() -> int:
    """Preload, then fork jobs until the worker goes."""
    descriptor, parent, *modules = sys.argv[1:]
    faulthandler.enable()  # a job that crashes in a library leaves its stack in the worker's log
    die_with_parent(int(parent))
    # The worker decides when jobs end, also when a terminal or a service manager signals the whole group.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {END_SIGNAL})  # for the jobs, from their first moment on
    for module in modules:
        try:
            import_module(module)
        except Exception:  # noqa: BLE001 - the jobs that need it say so, each in its own row
            traceback.print_exc()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(descriptor)) as worker:
        _Zygote(worker).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
