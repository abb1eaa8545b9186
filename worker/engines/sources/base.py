"""What an engine needs of a table, wherever it lives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from worker.engines.values import ValueType


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column of a source.

    `value_type` is what the values are; `arrow_type` is how `batches` delivers them. `length` counts
    characters (or bytes of a RAW). `padded` says that trailing blanks are padding (CHAR, NCHAR).
    `value_type` is None when the column's type cannot be compared.
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


@dataclass(frozen=True, slots=True)
class DeclaredKey:
    """A primary or unique key as the source declares it; `origin` reads "primary key" or "unique key X"."""

    origin: str
    columns: tuple[str, ...]


class Source(Protocol):
    """A table to compare.

    An engine calls `schema`, `declared_keys` and `estimated_rows` in any order, then `batches` once or
    more; each call of `batches` reads the whole table anew. Every value is exact: a NUMBER never passes
    through a float. Methods raise `SourceFailed`, or `SourceInterrupted` when a retry can help.
    """

    @property
    def name(self) -> str:
        """What a person calls this table, for example DEMO.AIRPORTS_PROD."""

    @property
    def scn(self) -> int | None:
        """The system change number as of which rows are read, if the source was told one."""

    def schema(self) -> list[ColumnInfo]:
        """All columns in the table's order."""

    def declared_keys(self) -> list[DeclaredKey]:
        """Primary key first, then unique keys of not-null columns: those of fewest columns first, then by name."""

    def estimated_rows(self) -> int | None:
        """About how many rows there are, for progress only; None when unknown."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The rows in any order, with exactly `columns` (names as in `schema`) in the given order."""
