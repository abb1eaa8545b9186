"""Every differing cell and every row without a partner, in Parquet files beside the result document.

`differences.parquet` has the key columns (typed), `column_name`, `value_a`, `value_b` (as text, see `display`)
and `change_class`; `only_a.parquet` and `only_b.parquet` the compared columns of rows without a partner. Rows
come in the order in which the engine finds them: column by column. A key column whose name is taken gets
`key_` before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from worker.engines.classes.labels import LABELS, PROVISIONAL, Codes, class_of, code
from worker.engines.display import text_array
from worker.engines.files import GrowingFile, ResultFile
from worker.engines.layout import ComparedColumn

MEDIA_TYPE = "application/vnd.apache.parquet"
MAX_ROWS = 50_000_000
"""So many rows each file takes; how many were left out is told."""
ROW_GROUP = 131_072
_NAMES = ("column_name", "value_a", "value_b", "change_class")
_CLASS_NAMES = sorted(
    {class_of(label) for label in LABELS if label not in PROVISIONAL} | {"transposed", "unit_factor"}
)


class Differences(Protocol):
    """Where an engine puts what it finds, one call for each column and slice, in the order of columns."""

    def cells(
        self,
        column: ComparedColumn,
        keys: pa.Table,
        a: pa.Array,
        b: pa.Array,
        labels: Codes,
        meaning: Mapping[str, str],
    ) -> None:
        """Cells that count as different: keys, values in storage form, labels, and what provisional labels
        mean so far."""

    def decide(self, column: ComparedColumn, meaning: Mapping[str, str]) -> None:
        """What the provisional labels of a column mean in the end."""

    def only(self, side: int, rows: pa.Table) -> None:
        """Rows without a partner on side 0 (A) or 1 (B): all compared columns, named and stored as laid out."""


@dataclass(slots=True)
class _Doubtful:
    """Cells of one column and provisional label in one write: their first row, which of the rows, the class
    that was written."""

    column: str
    label: str
    start: int
    rows: int
    bits: npt.NDArray[np.uint8]
    written: str


class DifferencesFiles:
    """Writes the files. Make one, give it to an engine, then call `finish`, or `discard` if the engine failed.

    `folder` is made when the first row comes. Memory: one row group of each file.
    """

    def __init__(self, folder: Path, max_rows: int = MAX_ROWS) -> None:
        self._folder = folder
        self._max_rows = max_rows
        self._files: dict[str, _ParquetFile] = {}
        self._finished: list[Path] = []
        self._doubtful: list[_Doubtful] = []
        self._decided: dict[str, Mapping[str, str]] = {}

    @property
    def left_out(self) -> dict[str, int]:
        """Rows that did not go into a file because it was full, by file; only files that lack any."""
        return {name: file.left_out for name, file in self._files.items() if file.left_out}

    def cells(
        self,
        column: ComparedColumn,
        keys: pa.Table,
        a: pa.Array,
        b: pa.Array,
        labels: Codes,
        meaning: Mapping[str, str],
    ) -> None:
        """See `Differences`."""
        for start in range(0, len(a), ROW_GROUP):
            part = slice(start, start + ROW_GROUP)
            size = len(labels[part])
            codes = labels[part]
            table = pa.Table.from_arrays(
                [
                    *keys.slice(start, size).columns,
                    pa.DictionaryArray.from_arrays(
                        pa.array(np.zeros(size, np.int32)), pa.array([column.name])
                    ),
                    text_array(a.slice(start, size), column.type),
                    text_array(b.slice(start, size), column.type),
                    pa.DictionaryArray.from_arrays(
                        pa.array(_class_codes(meaning)[codes]), pa.array(_CLASS_NAMES)
                    ),
                ],
                [*(key_name(name) for name in keys.column_names), *_NAMES],
            )
            file = self._file("differences.parquet")
            for label in PROVISIONAL:
                doubtful = codes == code(label)
                if doubtful.any():
                    written = class_of(meaning[label])
                    bits = np.packbits(doubtful)
                    self._doubtful.append(_Doubtful(column.name, label, file.rows, size, bits, written))
            file.append(table)

    def decide(self, column: ComparedColumn, meaning: Mapping[str, str]) -> None:
        """See `Differences`."""
        self._decided[column.name] = meaning

    def only(self, side: int, rows: pa.Table) -> None:
        """See `Differences`."""
        for start in range(0, rows.num_rows, ROW_GROUP):
            self._file(f"only_{'ab'[side]}.parquet").append(rows.slice(start, ROW_GROUP))

    def finish(self) -> tuple[ResultFile, ...]:
        """The files, whole and renamed; those without a row are not there. Raises WorkFolderFull."""
        wrong = [
            cells
            for cells in self._doubtful
            if cells.column in self._decided
            and class_of(self._decided[cells.column][cells.label]) != cells.written
        ]
        kept: list[ResultFile] = []
        try:
            for name, file in sorted(self._files.items()):
                if name == "differences.parquet" and wrong:
                    file = self._corrected(file, wrong)
                kept.append(file.keep())
                self._finished.append(kept[-1].path)
        except BaseException:
            self.discard()
            raise
        return tuple(kept)

    def discard(self) -> None:
        """Remove what was written, finished or not."""
        for file in self._files.values():
            file.discard()
        for path in self._finished:
            path.unlink(missing_ok=True)

    def _file(self, name: str) -> _ParquetFile:
        if name not in self._files:
            self._files[name] = _ParquetFile(self._folder / name, self._max_rows)
        return self._files[name]

    def _corrected(self, file: _ParquetFile, wrong: list[_Doubtful]) -> _ParquetFile:
        """The same rows with the classes that the columns as a whole decided."""
        file.close()
        whole = _ParquetFile(self._folder / "differences.parquet", self._max_rows, suffix=".corrected")
        self._files["differences.parquet corrected"] = whole
        start = 0
        with pq.ParquetFile(file.part) as reader:
            for batch in reader.iter_batches(batch_size=ROW_GROUP):
                table = pa.Table.from_batches([batch])
                position = table.schema.get_field_index("change_class")
                classes = np.array(table.column(position).to_pylist(), object)
                for cells in wrong:
                    low, high = max(start, cells.start), min(start + len(classes), cells.start + cells.rows)
                    if low < high:
                        bits = np.unpackbits(cells.bits, count=cells.rows).astype(np.bool_)
                        hit = classes[low - start : high - start]
                        hit[bits[low - cells.start : high - cells.start]] = class_of(
                            self._decided[cells.column][cells.label]
                        )
                column = pa.array(classes, pa.string()).dictionary_encode()
                whole.append(table.set_column(position, "change_class", column))
                start += len(classes)
        file.discard()
        del self._files["differences.parquet corrected"]
        self._files["differences.parquet"] = whole
        return whole


class _ParquetFile:
    """One Parquet file that grows by tables and is written in row groups."""

    def __init__(self, path: Path, max_rows: int, suffix: str = "") -> None:
        self._sink = GrowingFile(path, suffix)
        self._max_rows = max_rows
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.rows = 0
        self.left_out = 0

    @property
    def part(self) -> Path:
        return self._sink.part

    def append(self, table: pa.Table) -> None:
        room = self._max_rows - self.rows
        if table.num_rows > room:
            self.left_out += table.num_rows - room
            table = table.slice(0, room)
        self.rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= ROW_GROUP:
            self._flush()

    def keep(self) -> ResultFile:
        self.close_writer()
        return self._sink.keep(self.rows, MEDIA_TYPE)

    def close(self) -> None:
        """No more rows; the file keeps its passing name."""
        self.close_writer()
        self._sink.close()

    def close_writer(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def discard(self) -> None:
        self._writer = None
        self._sink.discard()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting).unify_dictionaries()
        self._waiting, self._waiting_rows = [], 0
        if self._writer is None:
            self._writer = _writer(self._sink, table.schema)
        self._writer.write_table(table.cast(self._writer.schema), row_group_size=ROW_GROUP)


def key_name(column: str) -> str:
    """What a key column is called in `differences.parquet`."""
    return f"key_{column}" if column.lower() in _NAMES else column


def _writer(sink: Any, schema: pa.Schema) -> pq.ParquetWriter:
    named = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    return pq.ParquetWriter(
        sink, schema, compression="zstd", compression_level=1, use_dictionary=named, write_statistics=True
    )


def _class_codes(meaning: Mapping[str, str]) -> npt.NDArray[np.int32]:
    """For each label the position of its class in _CLASS_NAMES."""
    return np.array([_CLASS_NAMES.index(class_of(meaning.get(label, label))) for label in LABELS], np.int32)
