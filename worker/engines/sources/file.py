"""One file as it lies on disk: what it is, whether it stays the same while it is read, what went wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from worker.engines.errors import EngineError, FileFailed, FileInterrupted


class SourceFile:
    """A regular file. `name` is what a person calls it; messages never say where it is on this machine.

    Raises FileFailed at once when there is no such file, when it is no regular file, or when it may
    not be read.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        with self._explained():
            self._stat = path.stat()
            if not stat.S_ISREG(self._stat.st_mode):
                kind = "a folder" if stat.S_ISDIR(self._stat.st_mode) else "no regular file"
                raise FileFailed(f"{name} is {kind}; give one file.")
            os.close(os.open(path, os.O_RDONLY))

    @property
    def size(self) -> int:
        """Bytes."""
        return self._stat.st_size

    @contextmanager
    def reading(self, format_name: str) -> Iterator[None]:
        """Around every reading: the file must be the same before and after it.

        Raises FileInterrupted when it changed or went away, FileFailed with a sentence when it is
        damaged. `format_name` is what the file should be, for example "Parquet".
        """
        self._check_same()
        try:
            with self._explained():
                yield
        except (pa.ArrowException, EOFError, UnicodeError) as error:
            self._check_same()
            raise FileFailed(
                f"{self.name} cannot be read as {format_name}; it is damaged or something else: {_short(error)}."
            ) from error
        except EngineError:
            self._check_same()
            raise
        self._check_same()

    def account(self) -> dict[str, Any]:
        """Size in bytes and time of the last change in UTC."""
        modified = datetime.fromtimestamp(self._stat.st_mtime, UTC)
        return {
            "file": self.name,
            "bytes": self.size,
            "modified": modified.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }

    def _check_same(self) -> None:
        with self._explained():
            now = self.path.stat()
        known = self._stat
        if (now.st_ino, now.st_size, now.st_mtime_ns) != (known.st_ino, known.st_size, known.st_mtime_ns):
            raise FileInterrupted(f"{self.name} was changed while it was read.")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise FileFailed(f"There is no file {self.name}.") from error
        except PermissionError as error:
            raise FileFailed(f"{self.name} may not be read: permission denied.") from error
        except pa.ArrowException:
            raise
        except OSError as error:
            if isinstance(error, EngineError):
                raise
            if error.errno is None:  # Arrow says so of damaged contents
                raise pa.ArrowInvalid(str(error)) from error
            raise FileInterrupted(f"{self.name} could not be read: {os.strerror(error.errno)}.") from error


def _short(error: BaseException) -> str:
    """The first line of a library's message, without a full stop."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(". ")
