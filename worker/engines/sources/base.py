"""What an engine needs of a table, wherever it lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import pyarrow as pa

from worker.engines.values import ValueType


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column of a source.

    `value_type` is what the values are; `arrow_type` is how `batches` delivers them. `length` counts
    characters (or bytes of a RAW). `padded` says that trailing blanks are padding (CHAR, NCHAR).
    `value_type` is None when the column's type cannot be compared. `declared` is False where nobody said
    what the column is and its type was found in its values (CSV, Excel): no difference of types then.
    """

    name: str
    oracle_type: str
    value_type: ValueType | None
    arrow_type: pa.DataType
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    nullable: bool = True
    padded: bool = False
    declared: bool = True


@dataclass(frozen=True, slots=True)
class DeclaredKey:
    """A primary or unique key as the source declares it; `origin` reads "primary key" or "unique key X"."""

    origin: str
    columns: tuple[str, ...]


class Source(Protocol):
    """A table to compare.

    An engine calls `schema`, `declared_keys` and `estimated_rows` in any order, then `batches` once or
    more; each call of `batches` reads anew, and several may run at once in different threads. Every value
    is exact: a NUMBER never passes through a float. Methods raise `SourceFailed`, or `SourceInterrupted`
    when a retry can help.
    """

    @property
    def name(self) -> str:
        """What a person calls this table, for example DEMO.AIRPORTS_PROD."""

    @property
    def scn(self) -> int | None:
        """The system change number as of which rows are read, if the source was told one."""

    @property
    def by_column(self) -> bool:
        """Whether single columns are cheap to read, again and again; the rows' order then never changes."""

    def schema(self) -> list[ColumnInfo]:
        """All columns in the table's order."""

    def declared_keys(self) -> list[DeclaredKey]:
        """Primary key first, then unique keys of not-null columns: those of fewest columns first, then by name."""

    def estimated_rows(self) -> int | None:
        """About how many rows there are, for progress only; None when unknown."""

    def pieces(self) -> int:
        """How many parts can be read by themselves: row groups, record batches; 1 if it is all or nothing."""

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in any order, with exactly `columns` (names as in `schema`) in the given order.

        `pieces`, of step 1, restricts the reading to some of the parts; a part always has the same rows.
        """

    def account(self) -> dict[str, Any]:
        """How this side was read, JSON-able, so that it can be done again: format, encoding, SCN, bad lines."""


@runtime_checkable
class Untyped(Source, Protocol):
    """A source in which the types of some columns were found in their values, not declared."""

    def as_types(self, types: Mapping[str, ValueType]) -> Self:
        """The same with some columns read as these types; any column can be read as text."""

    def misfits(self, types: Mapping[str, ValueType]) -> dict[str, str]:
        """Columns that hold a value of another type: that value, and where it stands."""


@runtime_checkable
class InDatabase(Source, Protocol):
    """A source in a database."""

    @property
    def connect(self) -> Callable[[], Any]:
        """Opens a session there; equal ones mean the same rights in the same database."""


@runtime_checkable
class WithViews(Source, Protocol):
    """A source that can give text and binary as views, without copying it."""

    def views(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows as `batches` gives them, text and binary as string_view and binary_view where that is cheaper."""
