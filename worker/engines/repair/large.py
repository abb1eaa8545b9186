"""Large objects for a repair: a comparison keeps only their hashes, so their values are fetched once more, by key.

A value that was fetched must have the size and hash that the comparison saw; one that does not is as good as
unknown. From a table only the wanted rows come; a file or a query is read once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from worker.engines.display import texts
from worker.engines.errors import BadPlan
from worker.engines.layout import ComparedColumn, Layout
from worker.engines.repair.literals import MAX_RAW_BYTES, pieces, raw_literal, text_literal
from worker.engines.rows import canonical_of, taken
from worker.engines.sources.base import Source
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.sources.oracle_query import with_keys
from worker.engines.values import Kind

MAX_VALUE_BYTES = 100_000
"""Of one large object that a script writes."""
MAX_BYTES = 16 << 20
"""Of all large objects of one side that are held for a script."""
LONG = frozenset({Kind.LONG_TEXT, Kind.LONG_BINARY})
"""Kinds of which a comparison keeps no values."""
_KEYS_A_QUERY = 200

Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Large:
    """The value of a CLOB, NCLOB or BLOB column, which only a variable of PL/SQL can hold; '' for none, NULL or empty."""

    oracle_type: str
    value: str | bytes

    def assigned(self, variable: str) -> Iterator[str]:
        """Statements that give `variable` this value, each shorter than a line of SQL*Plus may be."""
        if isinstance(self.value, bytes):
            yield f"dbms_lob.createtemporary({variable}, true)"
            for start in range(0, len(self.value), MAX_RAW_BYTES // 2):
                digits = self.value[start : start + MAX_RAW_BYTES // 2].hex().upper()
                yield f"dbms_lob.writeappend({variable}, {len(digits) // 2}, {raw_literal(digits)})"
            return
        for number, piece in enumerate(pieces(self.value, national=self.oracle_type == "NCLOB")):
            yield f"{variable} := {piece}" if number == 0 else f"{variable} := {variable} || {piece}"


class LargeObjects:
    """The large objects of one side, of the rows with the keys `wanted` (as texts). Raises EngineError."""

    def __init__(self, source: Source, side: int, layout: Layout, wanted: Collection[Key]) -> None:
        self._values: dict[tuple[Key, str], tuple[str | None, str | bytes]] = {}
        long = long_columns(layout)
        if not (long and wanted):
            return
        infos = [(column.a, column.b)[side] for column in (*layout.key, *long)]
        types = [column.type for column in (*layout.key, *long)]
        width, room = len(layout.key), MAX_BYTES
        for batch in _batches(source, [info.name for info in infos], width, wanted):
            keys = [
                texts(canonical_of(infos[n], types[n], batch.column(n), source.name), types[n])
                for n in range(width)
            ]
            hits = [row for row, key in enumerate(zip(*keys, strict=True)) if key in wanted]
            for n, column in enumerate(long, width):
                values = taken(batch.column(n), np.array(hits, np.int64))
                told = texts(canonical_of(infos[n], types[n], values, source.name), types[n])
                for row, text, value in zip(hits, told, values.to_pylist(), strict=True):
                    size = len(value.encode() if isinstance(value, str) else value or b"")
                    if value and size <= min(MAX_VALUE_BYTES, room):
                        room -= size
                        self._values[tuple(one[row] for one in keys), column.name] = text, value

    def literal(self, key: Key, column: ComparedColumn, told: str | None) -> str | Large | None:
        """The value that the comparison told so, for B's column; None for one that is unknown or too large."""
        known, value = self._values.get((key, column.name), (None, ""))
        if known != told:
            return None
        declared = column.b.oracle_type
        if declared in ("CLOB", "NCLOB", "BLOB"):
            return Large(declared, value)
        if told is None:
            return "null"
        if isinstance(value, bytes):
            return raw_literal(value.hex().upper()) if declared.startswith("RAW") else None
        return text_literal(value, national=declared.startswith("N")) if "CHAR" in declared else None


def long_columns(layout: Layout) -> list[ComparedColumn]:
    """The compared columns of large objects."""
    return [column for column in layout.values if column.type.kind in LONG]


def _batches(
    source: Source, names: Sequence[str], width: int, wanted: Collection[Key]
) -> Iterator[pa.RecordBatch]:
    """The rows with these keys (the first `width` of the columns) and maybe others."""
    if isinstance(source, OracleTableSource):
        try:
            conditions = list(with_keys(source, names[:width], wanted, _KEYS_A_QUERY))
        except BadPlan:  # a type by which rows cannot be chosen
            pass
        else:
            for condition, binds in conditions:
                yield from source.rows_where(names, condition, binds)
            return
    yield from source.batches(names)
