"""Files beside a result document: written under another name, renamed when they are whole, with a checksum."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from worker.engines.errors import WorkFolderFull


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file beside the result document. `sha256` is in hexadecimal, `bytes` its size."""

    name: str
    path: Path
    rows: int
    bytes: int
    sha256: str
    media_type: str

    def to_document(self) -> dict[str, Any]:
        """What the result document says of the file; its place on this machine is not part of that."""
        return {
            "name": self.name,
            "rows": self.rows,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "media_type": self.media_type,
        }


class GrowingFile:
    """A file that is written once from its beginning to its end, its checksum with it.

    It has the name of `path` with `.part` behind until `keep` renames it. Every method that writes raises
    WorkFolderFull when the disk is full.
    """

    def __init__(self, path: Path, suffix: str = "") -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}{suffix}.part")
        self._digest = hashlib.sha256()
        self.bytes = 0
        with room_expected(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._part.open("wb", buffering=1 << 20)

    @property
    def part(self) -> Path:
        """Where the bytes are until `keep`."""
        return self._part

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Append."""
        with room_expected(self._path.parent):
            written = self._file.write(data)
        self._digest.update(data)
        self.bytes += written
        return written

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        with room_expected(self._path.parent):
            self._file.flush()

    def keep(self, rows: int, media_type: str) -> ResultFile:
        """No more will come: make it last, and give it its name."""
        with room_expected(self._path.parent):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
        return ResultFile(self._path.name, self._path, rows, self.bytes, self._digest.hexdigest(), media_type)

    def close(self) -> None:
        """Close without giving it its name."""
        with room_expected(self._path.parent):
            self._file.close()

    def discard(self) -> None:
        """Forget it. Safe to call twice, and after `keep`."""
        try:
            self._file.close()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        self._part.unlink(missing_ok=True)


@contextmanager
def room_expected(folder: Path) -> Iterator[None]:
    """Tell a full disk in a sentence. Raises WorkFolderFull."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise WorkFolderFull(f"The results folder {folder} is full; make room there.") from error
