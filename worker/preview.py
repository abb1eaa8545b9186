"""Columns and first rows of a table or file, as the engines read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa

from app.connections.asks import (
    MAX_PREVIEW_BYTES,
    MAX_PREVIEW_TEXT,
    Shown,
    ShownColumn,
    ShownKey,
)
from app.oracle.dictionary import Table, quoted
from app.oracle.login import Login
from worker.engines.canonical import canonical
from worker.engines.display import texts
from worker.engines.errors import EngineError
from worker.engines.sources.base import ColumnInfo, Source
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.values import Kind, ValueType

_TYPED_CSV_BYTES = 64 * 2**20
"""CSV files up to this size are read whole to say of which types their columns are."""
# Of large objects: the start of a text, of at most MAX_PREVIEW_TEXT characters; how large a binary is. Nothing
# of the kind is possible with LONG and LONG RAW.
_LARGE = {
    "CLOB": "dbms_lob.substr({0}, 1000, 1)",
    "NCLOB": "dbms_lob.substr({0}, 1000, 1)",
    "BLOB": "case when {0} is not null then to_char(dbms_lob.getlength({0})) || ' bytes' end",
}
_LONG = frozenset({Kind.LONG_TEXT, Kind.LONG_BINARY})
Texts = Sequence[str | None]


def of_table(login: Login, table: Table, rows: int) -> Shown:
    """The first rows that the database delivers. Raises EngineError."""
    source = OracleTableSource(login, table.owner, table.name)
    columns = source.schema()
    shown = [
        c for c in columns if c.value_type and (c.value_type.kind not in _LONG or c.oracle_type in _LARGE)
    ]
    expressions = [
        f"{_LARGE.get(c.oracle_type, source.selections[c.name].expression).format(quoted(c.name))} as c{position}"
        for position, c in enumerate(shown)
    ]
    batches: list[pa.RecordBatch] = []
    if rows and shown:
        statement = f"select {', '.join(expressions)} from {source.from_clause} where rownum <= :row_limit"
        with source.session() as connection:
            frames = connection.fetch_df_batches(
                statement, {"row_limit": rows}, size=rows, fetch_decimals=True
            )
            batches = [batch for frame in frames for batch in pa.table(frame).to_batches()]
    lines = (line for batch in batches for line in _lines(batch, shown))
    return _shown(source, columns, shown, lines)


def of_file(path: Path, name: str, rows: int) -> Shown:
    """The first rows of a file. Raises EngineError and OSError."""
    from worker.engines.sources.files import CSV, format_of, open_file  # libraries that a table does not need

    if format_of(path) == CSV:
        return _of_csv(path, name, rows)
    source = open_file(path, name)
    columns = source.schema()
    shown = [column for column in columns if column.value_type]
    batches = source.batches([column.name for column in shown]) if rows and shown else iter(())
    lines = (line for batch in batches for line in _lines(batch.slice(0, rows), shown))
    return _shown(source, columns, shown, islice(lines, rows))


def _of_csv(path: Path, name: str, rows: int) -> Shown:
    """Fields as they stand in the file; their types only if the file is small enough to read all of it."""
    from worker.engines.sources.csv import CsvSource
    from worker.engines.sources.csv_dialect import CsvOptions, detect
    from worker.engines.sources.csv_records import Records

    options = CsvOptions()
    dialect = detect(path, name, options)
    found: dict[str, ColumnInfo] = {}
    if path.stat().st_size <= _TYPED_CSV_BYTES:
        try:
            found = {column.name: column for column in CsvSource(path, name, options).schema()}
        except EngineError:
            found = {}  # a fault further down: a comparison will tell of it; the first rows can be shown
    fields: list[Texts] = []
    if rows:
        for batch in Records(path, name, dialect, options).batches(dialect.columns):
            arrays = [column.to_pylist() for column in batch.slice(0, rows - len(fields)).columns]
            fields += list(zip(*arrays, strict=True))
            if len(fields) >= rows:
                break
    columns = [
        _column(found[column]) if column in found else ShownColumn(column, "TEXT", None, True)
        for column in dialect.columns
    ]
    return _within_limits(name, columns, [], [], fields)


def _lines(batch: pa.RecordBatch, columns: Sequence[ColumnInfo]) -> Iterator[Texts]:
    return zip(*map(_texts, batch.columns, columns), strict=True)


def _texts(array: pa.Array, column: ColumnInfo) -> Texts:
    assert column.value_type is not None
    value_type = ValueType(Kind.TEXT) if column.value_type.kind in _LONG else column.value_type
    return texts(canonical(array, value_type, value_type), value_type)


def _shown(
    source: Source, columns: Sequence[ColumnInfo], shown: Sequence[ColumnInfo], lines: Iterator[Texts]
) -> Shown:
    """Lines of the columns that can be shown, widened to all of them."""
    places = {column.name: position for position, column in enumerate(shown)}
    left_out = [column.name for column in columns if column.name not in places]
    wide = [[line[places[c.name]] if c.name in places else None for c in columns] for line in lines]
    keys = [ShownKey(key.origin, list(key.columns)) for key in source.declared_keys()]
    return _within_limits(source.name, [_column(column) for column in columns], keys, left_out, wide)


def _within_limits(
    name: str, columns: list[ShownColumn], keys: list[ShownKey], left_out: list[str], lines: Sequence[Texts]
) -> Shown:
    cut = dict.fromkeys(left_out if lines else [])
    room = MAX_PREVIEW_BYTES
    rows: list[list[str | None]] = []
    for line in lines:
        for column, text in zip(columns, line, strict=True):
            if text is not None and len(text) >= MAX_PREVIEW_TEXT:
                cut[column.name] = None
        row = [None if text is None else text[:MAX_PREVIEW_TEXT] for text in line]
        room -= sum(len(text.encode()) for text in row if text is not None)
        if room < 0 and rows:
            break
        rows.append(row)
    return Shown(name, columns, keys, rows, list(cut))


def _column(column: ColumnInfo) -> ShownColumn:
    kind = None if column.value_type is None else str(column.value_type.kind)
    return ShownColumn(column.name, column.oracle_type, kind, column.nullable)
