"""An Arrow IPC file or stream (also Feather, version 2) as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from worker.engines.errors import FileFailed
from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.sources.columns import columns_of
from worker.engines.sources.file import SourceFile

_FILE_MAGIC = b"ARROW1"
_FEATHER_V1_MAGIC = b"FEA1"


class ArrowSource:
    """One file in Arrow's file format, whose pieces are its record batches, or in the stream format.

    A stream must be read from its beginning, with all columns: it has one piece and is not `by_column`.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.scn: int | None = None
        self._file = SourceFile(path, name)
        with self._file.reading("Arrow"):
            with path.open("rb") as file:
                magic = file.read(len(_FILE_MAGIC))
            if magic.startswith(_FEATHER_V1_MAGIC):
                raise FileFailed(f"{name} is Feather version 1; write it again as version 2 (Arrow).")
            self.by_column = magic == _FILE_MAGIC
            self._rows: int | None = None
            self._pieces = 1
            if self.by_column:
                with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
                    schema = reader.schema
                    self._pieces = reader.num_record_batches
                with self._random_access(schema, schema.names[:1]) as reader:
                    self._rows = sum(reader.get_batch(n).num_rows for n in range(self._pieces))
            else:
                with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
                    schema = reader.schema
        self._schema = schema
        self._columns = columns_of(schema, name)

    def schema(self) -> list[ColumnInfo]:
        """All columns of the top level."""
        return self._columns

    def declared_keys(self) -> list[DeclaredKey]:
        """None: Arrow knows no keys."""
        return []

    def estimated_rows(self) -> int | None:
        """The exact number of rows of a file; unknown of a stream."""
        return self._rows

    def pieces(self) -> int:
        """The number of record batches of a file, at least 1."""
        return max(1, self._pieces)

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order."""
        with self._file.reading("Arrow"):
            if not self.by_column:
                with pa.OSFile(str(self._file.path)) as file, pa.ipc.open_stream(file) as reader:
                    for batch in reader:
                        yield batch.select(list(columns))
                return
            asked = range(self._pieces) if pieces is None else pieces
            with self._random_access(self._schema, columns) as reader:
                for number in range(asked.start, min(asked.stop, self._pieces)):
                    yield reader.get_batch(number).select(list(columns))

    def account(self) -> dict[str, Any]:
        """The file, and which of the two formats it has."""
        return {"kind": "arrow" if self.by_column else "arrow stream", **self._file.account()}

    @contextmanager
    def _random_access(
        self, schema: pa.Schema, columns: Sequence[str]
    ) -> Iterator[pa.ipc.RecordBatchFileReader]:
        wanted = sorted(schema.get_field_index(name) for name in columns)
        options = pa.ipc.IpcReadOptions(included_fields=wanted)
        with pa.OSFile(str(self._file.path)) as file, pa.ipc.open_file(file, options=options) as reader:
            yield reader
