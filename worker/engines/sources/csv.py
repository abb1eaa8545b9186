"""A CSV file as a source: text in lines, types proved by every value, nothing silently left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.errors import BadPlan, FileFailed
from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.sources.columns import column_of, typed
from worker.engines.sources.csv_dialect import CsvOptions, detect
from worker.engines.sources.csv_records import Records
from worker.engines.sources.file import SourceFile
from worker.engines.sources.text_types import Guess, Misfit, read_as
from worker.engines.values import DECIMAL_DIGITS, Kind, ValueType

_NUMBER = re.compile(r"NUMBER(?:\((\d{1,2})(?:,(\d{1,2}))?\))?")
_NAMED = {
    "TEXT": ValueType(Kind.TEXT),
    "VARCHAR2": ValueType(Kind.TEXT),
    "INTEGER": ValueType(Kind.INTEGER),
    "BINARY_DOUBLE": ValueType(Kind.DOUBLE),
    "BOOLEAN": ValueType(Kind.BOOLEAN),
    "DATE": ValueType(Kind.TIMESTAMP),
    "TIMESTAMP": ValueType(Kind.TIMESTAMP),
    "TIMESTAMP(9)": ValueType(Kind.TIMESTAMP_NS),
    "RAW": ValueType(Kind.BINARY),
}


class CsvSource:
    """One CSV file. It is read once whole to learn the types, then once for each call of `batches`.

    An empty field is NULL, quoted or not, as '' is in Oracle. Columns of no given type take the narrowest
    one that all their values have (see `text_types`).
    """

    by_column = False

    def __init__(self, path: Path, name: str, options: CsvOptions | None = None) -> None:
        self.name = name
        self.scn: int | None = None
        self._options = options or CsvOptions()
        self._file = SourceFile(path, name)
        with self._file.reading("CSV"):
            self._dialect = detect(path, name, self._options)
        given = self._given_types()
        records = self._records()
        guesses = {c: Guess() for c in self._dialect.columns if c not in given}
        with self._file.reading("CSV"):
            for batch in records.batches(list(self._dialect.columns), check=True):
                for column, guess in guesses.items():
                    guess.add(self._plain(batch.column(column)))
            self._bad_lines = records.described()
        self._rows = records.number
        self._bad_count = records.bad_count
        types = given | {column: guess.value_type() for column, guess in guesses.items()}
        self._columns = [
            column_of(c, types[c].storage, types[c], declared=c in given) for c in self._dialect.columns
        ]

    def schema(self) -> list[ColumnInfo]:
        """All columns; types are those given, else found."""
        return self._columns

    def declared_keys(self) -> list[DeclaredKey]:
        """None: CSV knows no keys."""
        return []

    def estimated_rows(self) -> int:
        """The exact number of rows."""
        return self._rows

    def pieces(self) -> int:
        """1: a CSV file can only be read from its beginning."""
        return 1

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in the file's order. Raises FileFailed at a value that is not of its column's type."""
        infos = {column.name: column for column in self._columns}
        records = self._records()
        with self._file.reading("CSV"):
            for batch in records.batches(columns):
                first = records.number - batch.num_rows
                yield pa.RecordBatch.from_arrays(
                    [self._values(batch.column(name), infos[name], records, first) for name in columns],
                    schema=pa.schema([(name, infos[name].arrow_type) for name in columns]),
                )

    def account(self) -> dict[str, Any]:
        """The file, how it was taken to be written, and the lines left out."""
        dialect = self._dialect
        account = {
            "kind": "csv",
            **self._file.account(),
            "encoding": dialect.encoding.removesuffix("-sig"),
            "delimiter": dialect.delimiter,
            "header": dialect.header,
            "bad_lines": self._bad_count,
        }
        return account | ({"bad_line_samples": self._bad_lines} if self._bad_lines else {})

    def as_types(self, types: Mapping[str, ValueType]) -> Self:
        """The same file with some columns read as these types (text among them)."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._columns = typed(self._columns, types)
        return other

    def misfits(self, types: Mapping[str, ValueType]) -> dict[str, str]:
        """The columns that hold a value which is not of the type asked for: the value, and its line."""
        found: dict[str, str] = {}
        records = self._records()
        with self._file.reading("CSV"):
            for batch in records.batches(list(types)):
                for column in [c for c in types if c not in found]:
                    values = read_as(self._plain(batch.column(column)), types[column])
                    if isinstance(values, Misfit):
                        number = records.number - batch.num_rows + values.position
                        found[column] = f"{values.text[:80]!r} in line {self._line(records, number)}"
                if len(found) == len(types):
                    break
        return found

    def _records(self) -> Records:
        return Records(self._file.path, self.name, self._dialect, self._options)

    def _values(self, texts: pa.Array, column: ColumnInfo, records: Records, first: int) -> pa.Array:
        assert column.value_type is not None
        values = read_as(
            texts if column.value_type.kind is Kind.TEXT else self._plain(texts), column.value_type
        )
        if isinstance(values, Misfit):
            line = self._line(records, first + values.position)
            raise FileFailed(
                f"{self.name}, line {line}: {values.text[:80]!r} in column {column.name} is not a value of "
                f"type {column.oracle_type}."
            )
        return values.cast(column.arrow_type)

    def _line(self, records: Records, delivered: int) -> int:
        """The line of a record, given how many were delivered before it."""
        number = delivered + 1 + self._dialect.header
        for bad in records.bad:  # left out, and so not delivered
            if bad.record <= number:
                number += 1
        return records.lines_of([number])[0]

    def _plain(self, texts: pa.Array) -> pa.Array:
        """Numbers with a decimal point, whatever the file has."""
        if self._options.decimal == ".":
            return texts
        comma = pc.match_substring_regex(texts, r"^\s*[+-]?[0-9]*,[0-9]+\s*$")
        point = pc.match_substring_regex(
            texts, r"^\s*[+-]?[0-9]*\.[0-9]+\s*$"
        )  # nobody knows what 1.000 means
        unclear = pc.if_else(point, pc.binary_join_element_wise(texts, "?", ""), texts)
        return pc.if_else(comma, pc.replace_substring(texts, ",", "."), unclear)

    def _given_types(self) -> dict[str, ValueType]:
        names = {column.upper(): column for column in self._dialect.columns}
        given = {}
        for asked, text in self._options.types.items():
            if asked.upper() not in names:
                raise BadPlan(f"{self.name} has no column {asked}, for which a type is given.")
            given[names[asked.upper()]] = type_named(text)
        return given


def type_named(text: str) -> ValueType:
    """The type that a person calls NUMBER(9,2), DATE, TEXT, ... Raises BadPlan."""
    name = re.sub(r"\s+", "", text).upper()
    if name in _NAMED:
        return _NAMED[name]
    if match := _NUMBER.fullmatch(name):
        if match[1] is None:
            return ValueType(Kind.NUMBER)
        precision, scale = int(match[1]), int(match[2] or 0)
        if 1 <= precision <= DECIMAL_DIGITS and scale <= precision:
            return ValueType(Kind.DECIMAL, precision, scale)
    raise BadPlan(
        f"{text!r} is not a type of CSV columns; give one of {', '.join(_NAMED)}, NUMBER or NUMBER(p,s)."
    )
