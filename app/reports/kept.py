"""The result files of jobs, found in the results folder and checked before they are handed out."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20
_REMEMBERED = 1000


class FileGoneError(Exception):
    """A result file that is not there any more, or not what it was; its text is a sentence for the user."""


class KeptFiles:
    """Files of jobs below `folder`: JOB_ID/RUN_TOKEN/NAME, as workers write them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checked: OrderedDict[tuple[Path, int, int, str], None] = OrderedDict()

    def find_again(self, job_id: str, entry: dict[str, Any]) -> Path:
        """As `find`, for readers who come often: a file that was checked and has not been written since is not
        read again. Raises FileGoneError."""
        name = str(entry["name"])
        for path in self._folder.glob(f"{job_id}/*/{Path(name).name}"):
            if _identity(path, entry) in self._checked:
                return path
        path = self.find(job_id, entry)
        self._checked[_identity(path, entry)] = None
        if len(self._checked) > _REMEMBERED:
            self._checked.popitem(last=False)
        return path

    def find(self, job_id: str, entry: dict[str, Any]) -> Path:
        """The file that a result document names in `entry` (name, bytes, sha256), whichever attempt wrote it.

        `job_id` and the name come from the database, never from a caller. Reads the whole file to check it.
        Raises FileGoneError.
        """
        name = str(entry["name"])
        if Path(name).name != name:
            raise FileGoneError(f"Job {job_id} names a file that is none: {name[:100]}.")
        there = sorted(self._folder.glob(f"{job_id}/*/{name}"))
        for path in there:
            if path.stat().st_size == entry["bytes"] and _sha256(path) == entry["sha256"]:
                return path
        if there:
            raise FileGoneError(
                f"The file {name} of job {job_id} is not what it was when it was written; run the job again."
            )
        raise FileGoneError(
            f"The file {name} of job {job_id} is no longer kept, or was kept on another machine; run the job again."
        )

    def all_of(self, job_id: str, entries: Iterable[dict[str, Any]]) -> dict[str, Path]:
        """Each file by its name. Raises FileGoneError."""
        return {str(entry["name"]): self.find(job_id, entry) for entry in entries}


def _identity(path: Path, entry: dict[str, Any]) -> tuple[Path, int, int, str]:
    there = path.stat()
    return path, there.st_size, there.st_mtime_ns, str(entry["sha256"])


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
