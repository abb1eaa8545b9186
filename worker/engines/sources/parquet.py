"""A Parquet file as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.sources.columns import columns_of
from worker.engines.sources.file import SourceFile

BATCH_ROWS = 131_072


class ParquetSource:
    """One Parquet file; its pieces are the row groups.

    Instants stored as INT96 (Spark, Impala) are read to the microsecond, so that all years fit.
    """

    by_column = True

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.scn: int | None = None
        self._file = SourceFile(path, name)
        with self._file.reading("Parquet"), self._open() as file:
            self._columns = columns_of(file.schema_arrow, name)
            self._rows = file.metadata.num_rows
            self._pieces = file.metadata.num_row_groups

    def schema(self) -> list[ColumnInfo]:
        """All columns of the top level."""
        return self._columns

    def declared_keys(self) -> list[DeclaredKey]:
        """None: Parquet knows no keys."""
        return []

    def estimated_rows(self) -> int:
        """The exact number of rows."""
        return int(self._rows)

    def pieces(self) -> int:
        """The number of row groups, at least 1."""
        return max(1, int(self._pieces))

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order."""
        groups = (
            range(self._pieces) if pieces is None else range(pieces.start, min(pieces.stop, self._pieces))
        )
        with self._file.reading("Parquet"), self._open() as file:
            for batch in file.iter_batches(BATCH_ROWS, list(groups), list(columns)):
                yield batch.select(list(columns))

    def account(self) -> dict[str, Any]:
        """The file."""
        return {"kind": "parquet", **self._file.account()}

    def _open(self) -> pq.ParquetFile:
        # Not mapped into memory: a file that is cut short while it is mapped kills the process.
        return pq.ParquetFile(
            self._file.path,
            memory_map=False,
            coerce_int96_timestamp_unit="us",
            page_checksum_verification=True,  # where the writer left checksums
        )
