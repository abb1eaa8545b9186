"""A sample of each side, chosen by key: the same rows whatever their order, and the same keys on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.oracle.dictionary import quoted
from worker.engines.cells import positions
from worker.engines.layout import ComparedColumn
from worker.engines.rows import canonical_of
from worker.engines.sources.base import ColumnInfo, Source
from worker.engines.sources.oracle import OracleTableSource

SAMPLE_ROWS = 100_000
"""Rows of each side that are looked at."""
_PARTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows in storage form, columns named c0, c1, ... in the order asked for; `rows` of the whole side."""

    table: pa.Table
    rows: int
    method: str


def rows_read(source: Source, rows: int) -> int:
    """About how many of a side's rows `sample` reads."""
    return min(rows, SAMPLE_ROWS) if isinstance(source, OracleTableSource) else rows


def sample(
    source: Source,
    side: int,
    columns: Sequence[ComparedColumn],
    key_columns: int,
    rows: int,
    connection: duckdb.DuckDBPyConnection,
    tick: Callable[[int], None],
    wanted: int = SAMPLE_ROWS,
) -> Sample:
    """The rows with the lowest hashes of their first `key_columns` columns.

    rows: how many the side has. An Oracle table delivers only the rows whose ORA_HASH falls into the
    share that is wanted; other sources are read whole. `tick` hears of rows read and may raise.
    """
    infos = [column.b if side else column.a for column in columns]
    schema = pa.schema([(f"c{n}", column.type.storage) for n, column in enumerate(columns)])
    kept: list[pa.RecordBatch] = []
    if rows <= wanted:
        method = "all rows"
        batches = source.batches([info.name for info in infos])
    elif isinstance(source, OracleTableSource):
        method = "rows by ORA_HASH of the key"
        batches = _hashed_in_database(source, infos, key_columns, wanted / rows)
    else:
        method = f"the {wanted:,} rows with the lowest hash of the key"
        batches = source.batches([info.name for info in infos])
    lowest = _Lowest(wanted) if method.startswith("the ") else None
    read = 0
    for batch in batches:
        read += batch.num_rows
        tick(read)
        arrays = [
            canonical_of(info, column.type, batch.column(n), source.name)
            for n, (info, column) in enumerate(zip(infos, columns, strict=True))
        ]
        stored = pa.RecordBatch.from_arrays(arrays, schema=schema)
        if lowest is None:
            kept.append(stored)
        else:
            lowest.add(stored, _codes(stored, key_columns, connection))
    table = pa.Table.from_batches(kept, schema) if lowest is None else lowest.table(schema)
    return Sample(table, rows, method)


class _Lowest:
    """Keeps the rows with the lowest codes."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._limit = np.uint64(np.iinfo(np.uint64).max)
        self._tables: list[pa.Table] = []
        self._codes: list[npt.NDArray[np.uint64]] = []
        self._held = 0

    def add(self, batch: pa.RecordBatch, codes: npt.NDArray[np.uint64]) -> None:
        chosen = np.flatnonzero(codes <= self._limit)
        if not chosen.size:
            return
        self._tables.append(pa.Table.from_batches([batch]).take(positions(chosen)))
        self._codes.append(codes[chosen])
        self._held += chosen.size
        if self._held > 2 * self._wanted:
            self._cut()

    def table(self, schema: pa.Schema) -> pa.Table:
        if self._held > self._wanted:
            self._cut()
        return pa.concat_tables(self._tables) if self._tables else schema.empty_table()

    def _cut(self) -> None:
        codes = np.concatenate(self._codes)
        best = np.argsort(codes, kind="stable")[: self._wanted]
        self._tables = [pa.concat_tables(self._tables).take(positions(best))]
        self._codes = [codes[best]]
        self._limit = codes[best[-1]]
        self._held = best.size


def _codes(
    batch: pa.RecordBatch, key_columns: int, connection: duckdb.DuckDBPyConnection
) -> npt.NDArray[np.uint64]:
    names = ", ".join(f"c{n}" for n in range(key_columns))
    keys = connection.from_arrow(pa.Table.from_batches([batch.select(list(range(key_columns)))]))
    return np.asarray(keys.project(f"hash({names}) as code").fetchnumpy()["code"], np.uint64)


def _hashed_in_database(
    source: OracleTableSource, infos: Sequence[ColumnInfo], key_columns: int, share: float
) -> Iterator[pa.RecordBatch]:
    hashes = " + ".join(
        f"{2 * n + 1} * ora_hash({quoted(info.name)})" for n, info in enumerate(infos[:key_columns])
    )
    return source.rows_where(
        [info.name for info in infos],
        f"mod({hashes}, {_PARTS}) < :part",
        {"part": max(1, round(share * _PARTS))},
    )
