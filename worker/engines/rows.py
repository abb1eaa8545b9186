"""The rows of one side while comparing: readable again and again, whole columns at a time, in one order.

A source that can be read by column is used as it is; rows that come only once are put on a shelf first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from worker.engines.canonical import canonical
from worker.engines.cells import positions
from worker.engines.errors import SourceFailed
from worker.engines.layout import Layout
from worker.engines.narrow import Narrow, narrow
from worker.engines.shelf import Shelf
from worker.engines.sources.base import ColumnInfo, Source, WithViews
from worker.engines.values import ValueType

Positions = npt.NDArray[np.int64]


class Rows(Protocol):
    """Columns are numbered as in `Layout.columns`: key first."""

    name: str
    types: list[ValueType]

    @property
    def expected(self) -> int | None:
        """About how many rows there are; None when unknown."""

    def batches(self, positions: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """All rows, always in the same order, as they are kept: for `canonical` and `narrow` below."""

    def canonical(self, position: int, values: pa.Array) -> pa.Array:
        """Values that `batches` gave, in storage form. Raises SourceFailed."""

    def taken(self, position: int, values: pa.Array, rows: Positions) -> pa.Array:
        """Some of the values that `batches` gave, in storage form. Raises SourceFailed."""

    def narrow(self, position: int, values: pa.Array) -> Narrow:
        """Values that `batches` gave, in narrow form. Raises SourceFailed."""

    def discard(self) -> None:
        """The rows are not needed any more."""


class SourceRows:
    """Rows read from their source each time anew."""

    def __init__(self, source: Source, side: int, layout: Layout) -> None:
        self._source = source
        self.name = source.name
        self._columns: list[ColumnInfo] = [c.a if side == 0 else c.b for c in layout.columns]
        self.types = [column.type for column in layout.columns]

    @property
    def expected(self) -> int | None:
        """What the source estimates."""
        return self._source.estimated_rows()

    def batches(self, positions: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The source's batches, text as views if it can."""
        names = [self._columns[position].name for position in positions]
        if isinstance(self._source, WithViews):
            return self._source.views(names)
        return self._source.batches(names)

    def canonical(self, position: int, values: pa.Array) -> pa.Array:
        """Storage form. Raises SourceFailed when a value does not fit its column's type."""
        return canonical_of(self._columns[position], self.types[position], values, self.name)

    def taken(self, position: int, values: pa.Array, rows: Positions) -> pa.Array:
        """Storage form of some. Raises SourceFailed."""
        return self.canonical(position, taken(values, rows))

    def narrow(self, position: int, values: pa.Array) -> Narrow:
        """Narrow form. Raises SourceFailed when a value does not fit its column's type."""
        column = self._columns[position]
        assert column.value_type is not None
        try:
            return narrow(values, column.value_type, self.types[position], padded=column.padded)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _unreadable(column, self.name, error) from error

    def discard(self) -> None:
        """Nothing is kept."""


class ShelfRows:
    """Rows in storage form on a shelf."""

    def __init__(self, shelf: Shelf, name: str, types: list[ValueType]) -> None:
        self._shelf = shelf
        self.name = name
        self.types = types

    @property
    def expected(self) -> int:
        """The exact number."""
        return self._shelf.rows

    def batches(self, positions: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The shelf's batches."""
        return self._shelf.batches(positions)

    def canonical(self, position: int, values: pa.Array) -> pa.Array:
        """The values: they are in storage form."""
        return values

    def taken(self, position: int, values: pa.Array, rows: Positions) -> pa.Array:
        """Some of the values."""
        return values.take(positions(rows))

    def narrow(self, position: int, values: pa.Array) -> Narrow:
        """Narrow form."""
        return narrow(values, self.types[position], self.types[position], stored=True)

    def discard(self) -> None:
        """Forget the rows and remove their file."""
        self._shelf.discard()


def taken(values: pa.Array, rows: Positions) -> pa.Array:
    """The values at `rows`, views or not."""
    if pa.types.is_string_view(values.type) or pa.types.is_binary_view(values.type):
        return pl.Series(values).gather(pl.Series(positions(rows))).to_arrow()  # Arrow cannot take from views
    return values.take(positions(rows))


def canonical_of(column: ColumnInfo, wanted: ValueType, values: pa.Array, table: str) -> pa.Array:
    """A source's values in the storage form of `wanted`. Raises SourceFailed naming column and table."""
    assert column.value_type is not None
    try:
        return canonical(values, column.value_type, wanted, padded=column.padded)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise _unreadable(column, table, error) from error


def _unreadable(column: ColumnInfo, table: str, error: Exception) -> SourceFailed:
    return SourceFailed(f"A value of {table}.{column.name} cannot be read as {column.oracle_type}: {error}.")
