"""Folders in which running jobs keep what does not fit into memory; none outlives its worker for long.

`work/WORKER_ID` holds the folders of one worker's jobs, `work/WORKER_ID.lock` is locked as long as that worker
lives. The system frees the lock of a worker that was killed, and the next worker that starts here removes what
it left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import structlog

log = structlog.get_logger("worker")


class WorkFolders:
    """The folders of one worker below `parent`. Every method raises OSError."""

    def __init__(self, parent: Path, worker_id: str) -> None:
        self._parent = parent
        self._folder = parent / worker_id
        self._lock: int | None = None

    def open(self) -> None:
        """Remove what dead workers left, and make this worker's folder."""
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._parent.glob("*.lock"):
            lock = _locked(path)
            if lock is not None:
                _remove(path, lock)
                log.info("removed the work folder of a worker that is gone", of=path.stem)
        while self._lock is None:  # a worker that starts at the same moment may have removed the file
            self._lock = _locked(self._lock_path)
        self._folder.mkdir(mode=0o700)

    def make(self, job_id: str) -> Path:
        """A new folder for a run of a job."""
        return Path(tempfile.mkdtemp(prefix=f"{job_id}-", dir=self._folder))

    def close(self) -> None:
        """Remove this worker's folder with all that is in it."""
        if self._lock is not None:
            _remove(self._lock_path, self._lock)
            self._lock = None

    @property
    def _lock_path(self) -> Path:
        return self._folder.with_name(f"{self._folder.name}.lock")


def _locked(path: Path) -> int | None:
    """The descriptor of the locked file; None if another process has the lock or removed the file meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _remove(lock_path: Path, lock: int) -> None:
    """The folder first, the lock last: whatever ends this in the middle, the next worker goes on with it."""
    try:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(lock_path.with_suffix(""))
        lock_path.unlink()
    finally:
        os.close(lock)


def keep_only(results: Path, job_id: str, run_token: int) -> None:
    """Of the result files of a job, remove those of every attempt but one."""
    for folder in (results / job_id).glob("*"):
        if folder.name != str(run_token):
            shutil.rmtree(folder, ignore_errors=True)


def remove(results: Path, job_id: str, run_token: int) -> None:
    """Remove the result files of an attempt that came to nothing."""
    shutil.rmtree(results / job_id / str(run_token), ignore_errors=True)
    with contextlib.suppress(OSError):  # others' files are there, or there never were any
        (results / job_id).rmdir()
