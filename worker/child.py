"""One job in a process of its own, forked from the zygote (worker.zygote).

The job's spec comes as one JSON document on one descriptor; progress and last words go as JSON lines to another:
{"progress": 0..1, "step": "..."} and {"checkpoint": {...}}, then one of {"result": {...}} and {"error": {"code", "sentence", "retryable",
"detail"}}. The process dies with its parent. A crash here harms no other job.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import oracledb

from app.oracle.errors import translate
from app.oracle.login import break_calls
from worker.outcome import OUT_OF_MEMORY_STATUS, Failed, causes
from worker.task import JobFailed, Report, Runner, Task

END_SIGNAL = signal.SIGUSR1
"""Ends a job's process after it has broken off its calls to databases. Not SIGTERM, which service managers send to all
processes of a worker, when it shall drain."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_FOR_PARENT_SECONDS = 1.0


def run_job(spec_descriptor: int, words_descriptor: int) -> int:
    """Run the job; returns the process's exit status, 0 when last words were sent."""
    # A worker that closed its end is about to kill this process: there is nobody to tell.
    with contextlib.suppress(BrokenPipeError), os.fdopen(words_descriptor, "wb") as pipe:
        with os.fdopen(spec_descriptor, "rb") as file:
            spec = json.load(file)
        threading.Thread(target=_end_when_told, name="end", daemon=True).start()
        runner = load(spec.pop("runner"))
        work_dir, results_dir = Path(spec.pop("work_dir")), Path(spec.pop("results_dir"))
        files_dir = spec.pop("files_dir", None)
        task = Task(
            work_dir=work_dir,
            results_dir=results_dir,
            files_dir=None if files_dir is None else Path(files_dir),
            save_checkpoint=lambda checkpoint: _send(pipe, {"checkpoint": checkpoint}),
            **spec,
        )
        try:
            _send(pipe, _last_words(runner, task, _reporter(pipe)))
        except MemoryError:
            # Nothing is left to say it with.
            return OUT_OF_MEMORY_STATUS
    return 0


def _last_words(runner: Runner, task: Task, report: Report) -> dict[str, Any]:
    try:
        return {"result": runner(task, report)}
    except MemoryError:
        raise
    except JobFailed as error:
        failure = replace(error.failure, detail=causes(error))
    except oracledb.Error as error:
        meaning = translate(error)
        facts: dict[str, str | int | float] = {"database_error": meaning.code}
        failure = Failed("database", meaning.sentence, meaning.retryable, causes(error), facts)
    except Exception as error:  # noqa: BLE001 - the last words of any job; the stack goes to the log
        traceback.print_exc()
        sentence = f"The job broke on an error that Concord did not expect ({type(error).__name__})."
        failure = Failed("engine", sentence, retryable=True, detail=causes(error))
    return {"error": asdict(failure)}


def load(name: str) -> Runner:
    """The function behind "module:function"."""
    module, _, function = name.partition(":")
    runner: Runner = getattr(import_module(module), function)
    return runner


def die_with_parent(parent_pid: int) -> None:
    """Arrange that this process is killed when its parent goes, however that happens."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    else:
        threading.Thread(target=_watch_parent, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:  # it went before we could ask
        os._exit(1)


def _end_when_told() -> None:
    """Needs END_SIGNAL blocked in all threads. The worker's SIGKILL follows in case this thread gets no turn."""
    signal.sigwait({END_SIGNAL})
    break_calls()
    os.kill(os.getpid(), signal.SIGKILL)


def _watch_parent(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_LOOK_FOR_PARENT_SECONDS)
    os._exit(1)


def _reporter(pipe: BinaryIO) -> Report:
    def report(fraction: float, step: str) -> None:
        _send(pipe, {"progress": fraction, "step": step})

    return report


def _send(pipe: BinaryIO, message: dict[str, Any]) -> None:
    line = json.dumps(message, ensure_ascii=False).encode() + b"\n"
    pipe.write(line)
    pipe.flush()
