"""A source over an Arrow table that is in memory already: small files, other programs' frames, tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.values import Kind, ValueType, type_of_arrow


class MemorySource:
    """An Arrow table as a source.

    `types` overrides what the Arrow type alone does not tell: text that holds NUMBERs, long text to be
    compared by hash. `padded` names CHAR columns. `batch_rows` is the number of rows a batch.
    """

    def __init__(
        self,
        name: str,
        table: pa.Table,
        *,
        types: Mapping[str, ValueType] | None = None,
        padded: Sequence[str] = (),
        keys: Sequence[DeclaredKey] = (),
        batch_rows: int = 65_536,
    ) -> None:
        self.name = name
        self.scn: int | None = None
        self.by_column = True
        self._table = table
        self._types = dict(types or {})
        self._padded = frozenset(padded)
        self._keys = list(keys)
        self._batch_rows = batch_rows

    def schema(self) -> list[ColumnInfo]:
        """All columns; a column's Oracle type is the one that would hold its values."""
        columns = []
        for field in self._table.schema:
            value_type = self._types.get(field.name) or type_of_arrow(field.type)
            decimal = value_type is not None and value_type.kind is Kind.DECIMAL
            columns.append(
                ColumnInfo(
                    name=field.name,
                    oracle_type=type_name(value_type, field.type, field.name in self._padded),
                    value_type=value_type,
                    arrow_type=field.type,
                    precision=value_type.precision if value_type and decimal else None,
                    scale=value_type.scale if value_type and decimal else None,
                    nullable=field.nullable,
                    padded=field.name in self._padded,
                )
            )
        return columns

    def declared_keys(self) -> list[DeclaredKey]:
        """The keys given at construction."""
        return list(self._keys)

    def estimated_rows(self) -> int:
        """The exact number of rows."""
        return int(self._table.num_rows)

    def pieces(self) -> int:
        """The number of batches."""
        return max(1, -(-self.estimated_rows() // self._batch_rows))

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in the table's order."""
        table = self._table.select(list(columns))
        if pieces is not None:
            table = table.slice(pieces.start * self._batch_rows, len(pieces) * self._batch_rows)
        yield from table.to_batches(max_chunksize=self._batch_rows)

    def account(self) -> dict[str, Any]:
        """Only that it was in memory."""
        return {"kind": "memory"}


def type_name(value_type: ValueType | None, arrow_type: pa.DataType, padded: bool = False) -> str:
    """The Oracle type that would hold such values."""
    if value_type is None:
        return str(arrow_type).upper()
    match value_type.kind:
        case Kind.DECIMAL:
            return f"NUMBER({value_type.precision},{value_type.scale})"
        case Kind.INTEGER | Kind.NUMBER:
            return "NUMBER"
        case Kind.DOUBLE:
            return "BINARY_DOUBLE"
        case Kind.TIMESTAMP:
            return "TIMESTAMP(6)"
        case Kind.TIMESTAMP_NS:
            return "TIMESTAMP(9)"
        case Kind.TEXT:
            return "CHAR" if padded else "VARCHAR2"
        case Kind.BINARY:
            return "RAW"
        case Kind.LONG_TEXT:
            return "CLOB"
        case Kind.LONG_BINARY:
            return "BLOB"
        case Kind.BOOLEAN:
            return "BOOLEAN"
        case Kind.INTERVAL_MONTHS:
            return "INTERVAL YEAR TO MONTH"
        case Kind.INTERVAL_NANOSECONDS:
            return "INTERVAL DAY TO SECOND"
