"""A Parquet file as a source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.sources.columns import columns_of
from worker.engines.sources.file import SourceFile

BATCH_ROWS = 131_072
_LEAST_ROWS = 8_192
_BYTES_AT_A_TIME = 1 << 26
_VALUES_AT_A_TIME = 1 << 21
"""Rows of one column in a batch that Polars reads; half as many of two columns, and so on."""


class ParquetSource:
    """One Parquet file; its pieces are the row groups.

    Columns of plain types are read by Polars, which takes a third of the processor time that Arrow takes
    and gives text as views; the others by Arrow. Instants stored as INT96 (Spark, Impala) are read to the
    microsecond, so that all years fit.
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
            sizes = [file.metadata.row_group(n).num_rows for n in range(self._pieces)]
            self._starts = np.cumsum([0, *sizes]).tolist()
            self._width = _bytes_a_row(file.metadata)
            old_instants = _int96(file.schema)
            self._plain = {
                field.name: field.type
                for field in file.schema_arrow
                if _is_plain(field.type) and field.name not in old_instants
            }
        # One scan, so that the file's metadata is parsed once; as a URI it is read, not mapped into memory (see _open).
        self._scan = pl.scan_parquet(path.absolute().as_uri(), glob=False)

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
        if self._all_plain(columns):
            types = [self._plain[name] for name in columns]
            for batch in self._by_polars(columns, self._starts[groups.start], self._starts[groups.stop]):
                arrays = [array.cast(kind) for array, kind in zip(batch.columns, types, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, names=list(columns))
            return
        with self._file.reading("Parquet"), self._open() as file:
            for batch in file.iter_batches(BATCH_ROWS, list(groups), list(columns)):
                yield batch.select(list(columns))

    def views(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """As `batches`, but text and binary may come as views, which costs nothing."""
        return self._by_polars(columns, 0, self._rows) if self._all_plain(columns) else self.batches(columns)

    def _all_plain(self, columns: Sequence[str]) -> bool:
        return bool(columns) and self._plain.keys() >= set(columns)

    def _by_polars(self, columns: Sequence[str], start: int, end: int) -> Iterator[pa.RecordBatch]:
        width = sum(self._width.get(name, 0) for name in columns)
        rows = max(BATCH_ROWS, _VALUES_AT_A_TIME // len(columns))
        step = max(_LEAST_ROWS, min(rows, int(_BYTES_AT_A_TIME // max(width, 1))))
        file = self._scan.select(columns)
        with self._file.reading("Parquet"):
            first = start
            while first < end:
                stop = min(first + step, end)
                whole = self._starts[bisect_right(self._starts, stop) - 1]
                stop = whole if whole > first else stop  # a row group is not read twice if that can be
                try:
                    frame = file.slice(first, stop - first).collect()
                except pl.exceptions.PolarsError as error:
                    raise pa.ArrowInvalid(str(error)) from error
                table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
                arrays = [
                    _as(self._plain[name], column)
                    for name, column in zip(columns, table.columns, strict=True)
                ]
                yield from pa.table(arrays, list(columns)).to_batches()
                first = stop

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


def _bytes_a_row(metadata: pq.FileMetaData) -> dict[str, float]:
    """What a value of each column takes on average, before compression."""
    sizes: dict[str, int] = {}
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for n in range(metadata.num_columns):
            column = row_group.column(n)
            name = column.path_in_schema
            sizes[name] = sizes.get(name, 0) + column.total_uncompressed_size
    return {name: size / max(metadata.num_rows, 1) for name, size in sizes.items()}


def _is_plain(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_float32(kind)
        or pa.types.is_float64(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_decimal128(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_timestamp(kind)
    )


def _int96(schema: pq.ParquetSchema) -> set[str]:
    columns = (schema.column(n) for n in range(len(schema)))
    return {column.name for column in columns if column.physical_type == "INT96"}


def _as(wanted: pa.DataType, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """`column` as the type that the file's schema says; text and binary stay the views that they are."""
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        return column
    return column.cast(wanted)
