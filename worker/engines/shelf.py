"""Rows put aside while comparing: in memory up to a limit, beyond it in an Arrow file in the work folder."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

from worker.engines.errors import WorkFolderFull


class Shelf:
    """An append-only list of record batches of one schema that can be read back column by column.

    One thread appends, then calls `finish`; then any thread reads. `memory_bytes` bounds what is kept in
    memory while appending; what does not fit goes to `path`, which `discard` removes, at any time, from
    any thread: whatever is appended later is dropped.
    """

    def __init__(self, schema: pa.Schema, path: Path, memory_bytes: int) -> None:
        self.schema = schema
        self.rows = 0
        self.bytes = 0
        self._path = path
        self._memory_bytes = memory_bytes
        self._kept: list[pa.RecordBatch] = []
        self._kept_bytes = 0
        self._file: pa.OSFile | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._spilled = False
        self._lock = threading.Lock()
        self._discarded = False

    @property
    def spilled(self) -> bool:
        """Whether rows went to disk."""
        return self._spilled

    def append(self, batch: pa.RecordBatch) -> None:
        """Put a batch aside. Raises WorkFolderFull when it must go to disk and the disk is full."""
        with self._lock:
            if batch.num_rows == 0 or self._discarded:
                return
            self.rows += batch.num_rows
            size = batch.nbytes
            self.bytes += size
            self._kept.append(batch)
            self._kept_bytes += size
            if self._kept_bytes > self._memory_bytes:
                self._flush()

    def finish(self) -> None:
        """No more batches will come. Raises WorkFolderFull."""
        with self._lock:
            if self._writer is not None and self._file is not None:
                self._flush()
                with self._room_expected():
                    self._writer.close()
                    self._file.close()
                self._writer = self._file = None

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """The batches in the order in which they were appended, with only the columns at `columns`."""
        wanted = list(range(len(self.schema))) if columns is None else list(columns)
        if not self._spilled:
            for batch in self._kept:
                yield batch.select(wanted)
            return
        options = pa.ipc.IpcReadOptions(included_fields=sorted(wanted))
        order = [sorted(wanted).index(position) for position in wanted]
        with pa.OSFile(str(self._path)) as file:
            reader = pa.ipc.open_file(file, options=options)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number).select(order)

    def discard(self) -> None:
        """Forget the rows and remove the file. Safe to call twice."""
        with self._lock:
            self._discarded = True
            self._kept = []
            self._writer = None  # not closed: that would write
            if self._file is not None:
                self._file.close()
                self._file = None
            self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        with self._room_expected():
            if self._writer is None:
                self._file = pa.OSFile(str(self._path), "wb")
                self._writer = pa.ipc.new_file(self._file, self.schema)
                self._spilled = True
            for batch in self._kept:
                self._writer.write_batch(batch)
        self._kept = []
        self._kept_bytes = 0

    @contextmanager
    def _room_expected(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise WorkFolderFull(
                f"The work folder {self._path.parent} is full; the comparison needs more room there."
            ) from error
