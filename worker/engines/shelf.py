"""Rows put aside while comparing: in memory up to a limit, beyond it in a file in the work folder.

In the file every column of a batch is an Arrow message of its own, so that reading one column takes the memory
of one column: of a batch with all columns Arrow allocates the whole, however few are wanted.
"""

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
        self._messages: list[list[tuple[int, int]]] = []
        self._lock = threading.Lock()
        self._discarded = False

    @property
    def spilled(self) -> bool:
        """Whether rows went to disk."""
        return bool(self._messages)

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
            if self._file is not None:
                self._flush()
                with self._room_expected():
                    self._file.close()
                self._file = None

    def batches(self, columns: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
        """The batches in the order in which they were appended, with only the columns at `columns`."""
        wanted = list(range(len(self.schema))) if columns is None else list(columns)
        if not self._messages:
            for batch in self._kept:
                yield batch.select(wanted)
            return
        schema = pa.schema([self.schema.field(position) for position in wanted])
        with pa.OSFile(str(self._path)) as file:
            for messages in self._messages:
                arrays = []
                for position in wanted:
                    start, size = messages[position]
                    file.seek(start)
                    one = pa.schema([self.schema.field(position)])
                    arrays.append(pa.ipc.read_record_batch(file.read_buffer(size), one).column(0))
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def discard(self) -> None:
        """Forget the rows and remove the file. Safe to call twice."""
        with self._lock:
            self._discarded = True
            self._kept = []
            if self._file is not None:
                self._file.close()
                self._file = None
            self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        with self._room_expected():
            if self._file is None:
                self._file = pa.OSFile(str(self._path), "wb")
            for batch in self._kept:
                messages = []
                for column, field in zip(batch.columns, self.schema, strict=True):
                    message = pa.RecordBatch.from_arrays([column], schema=pa.schema([field])).serialize()
                    messages.append((self._file.tell(), message.size))
                    self._file.write(message)
                self._messages.append(messages)
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
