"""A sheet of an Excel workbook as a source."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import fastexcel
import pyarrow as pa

from worker.engines.errors import BadPlan, FileFailed
from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.sources.columns import column_of, typed
from worker.engines.sources.csv_dialect import column_names
from worker.engines.sources.file import SourceFile
from worker.engines.sources.text_types import Guess, Misfit, read_as
from worker.engines.values import ValueType

MAX_UNPACKED_BYTES = 2 << 30
_BATCH_ROWS = 65_536


class ExcelSource:
    """One sheet, whole in memory. The first row that is not empty holds the names of the columns.

    Every cell is taken as text without loss (a number with the fewest digits that mean exactly it, a date as
    ISO text), and the columns' types are found as those of CSV are: a column of mixed cells is text. A cell
    with an error (#DIV/0!) is refused.
    """

    by_column = True

    def __init__(self, path: Path, name: str, sheet: str | None = None) -> None:
        self.scn: int | None = None
        self._file = SourceFile(path, name)
        _refuse_bomb(path, name)
        with self._file.reading("Excel"):
            try:
                self._sheet, rows = _load(path, name, sheet)
            except fastexcel.FastExcelError as error:
                raise pa.ArrowInvalid(str(error)) from error
        self.name = f"{name}, sheet {self._sheet}"
        if rows.num_rows == 0:
            raise FileFailed(f"{self.name} is empty; not even names of columns are there.")
        header = ["" if column[0].as_py() is None else column[0].as_py() for column in rows.columns]
        self._texts = rows.slice(1).rename_columns(list(column_names(header, self.name)))
        types = {}
        for column in self._texts.column_names:
            guess = Guess()
            for chunk in self._texts.column(column).chunks:
                guess.add(chunk)
            types[column] = guess.value_type()
        self._columns = [column_of(c, types[c].storage, types[c], declared=False) for c in types]

    def schema(self) -> list[ColumnInfo]:
        """All columns; their types were found."""
        return self._columns

    def declared_keys(self) -> list[DeclaredKey]:
        """None: a sheet knows no keys."""
        return []

    def estimated_rows(self) -> int:
        """The exact number of rows."""
        return int(self._texts.num_rows)

    def pieces(self) -> int:
        """1: it is all in memory."""
        return 1

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in the sheet's order."""
        infos = {column.name: column for column in self._columns}
        schema = pa.schema([(name, infos[name].arrow_type) for name in columns])
        start = 0
        for batch in self._texts.select(list(columns)).to_batches(max_chunksize=_BATCH_ROWS):
            arrays = [self._values(a, infos[n], start) for n, a in zip(columns, batch.columns, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            start += batch.num_rows

    def account(self) -> dict[str, Any]:
        """The file and its sheet."""
        return {"kind": "excel", **self._file.account(), "sheet": self._sheet}

    def as_types(self, types: Mapping[str, ValueType]) -> Self:
        """The same sheet with some columns read as these types (text among them)."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._columns = typed(self._columns, types)
        return other

    def misfits(self, types: Mapping[str, ValueType]) -> dict[str, str]:
        """The columns that hold a value which is not of the type asked for: the value, and its row (1 is the first below the names)."""
        found: dict[str, str] = {}
        for column, wanted in types.items():
            start = 0
            for chunk in self._texts.column(column).chunks:
                values = read_as(chunk, wanted)
                if isinstance(values, Misfit):
                    found[column] = f"{values.text[:80]!r} in data row {start + values.position + 1}"
                    break
                start += len(chunk)
        return found

    def _values(self, texts: pa.Array, column: ColumnInfo, start: int) -> pa.Array:
        assert column.value_type is not None
        values = read_as(texts, column.value_type)
        if isinstance(values, Misfit):
            raise FileFailed(
                f"{self.name}, data row {start + values.position + 1}: {values.text[:80]!r} in column "
                f"{column.name} is not a value of type {column.oracle_type}."
            )
        return values.cast(column.arrow_type)


def _load(path: Path, name: str, wanted: str | None) -> tuple[str, pa.Table]:
    """The sheet's name, and its rows as text."""
    workbook = fastexcel.read_excel(path)
    names = workbook.sheet_names
    if wanted is None and len(names) != 1:
        raise BadPlan(f"{name} has the sheets {', '.join(names)}; name one of them.")
    sheet = names[0] if wanted is None else wanted
    if sheet not in names:
        raise BadPlan(f"{name} has no sheet {sheet}; it has {', '.join(names)}.")
    loaded = workbook.load_sheet(sheet, header_row=None, dtypes="string", skip_whitespace_tail_rows=True)
    batch, errors = loaded.to_arrow_with_errors()
    if errors is not None and errors.errors:
        row, column = errors.errors[0].position
        header = batch.column(column)[0].as_py()
        raise FileFailed(
            f"{name}, sheet {sheet}, data row {row}: the cell in column {header or column + 1} holds an error, "
            "not a value."
        )
    return sheet, pa.Table.from_batches([batch])


def _refuse_bomb(path: Path, name: str) -> None:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileFailed(
            f"{name} unpacks to {unpacked >> 20:,} MiB; workbooks of at most {MAX_UNPACKED_BYTES >> 20:,} MiB "
            "are compared. Save the sheet as CSV."
        )
