"""The differing cells for a table of a report: from the file of all of them, else the samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DIFFERENCES = "differences.parquet"
FIXED = ("column_name", "value_a", "value_b", "change_class")
_BATCH = 16_384

Row = tuple[str | None, ...]


class Cells:
    """Rows of key texts, column, value in A, value in B, class. `complete` says whether it is all of them."""

    def __init__(self, document: dict[str, Any], files: Mapping[str, Path]) -> None:
        self._document = document
        self._path = files.get(DIFFERENCES)
        self.total = sum(column["different"] for column in document["columns"])
        self.complete = self._path is not None or self.total == 0

    @property
    def headings(self) -> list[str]:
        """The names of the columns of each row."""
        return [*self._document["schema"]["key"], "column", "A", "B", "class"]

    def batches(self) -> Iterator[list[Row]]:
        """The rows, some thousand at a time."""
        if self._path is None:
            yield self._sampled()
            return
        with pq.ParquetFile(self._path) as file:
            keys = [name for name in file.schema_arrow.names if name not in FIXED]
            for batch in file.iter_batches(batch_size=_BATCH, columns=[*keys, *FIXED]):
                shown = [texts(batch.column(name)) for name in (*keys, *FIXED)]
                yield list(zip(*shown, strict=True))

    def _sampled(self) -> list[Row]:
        key = self._document["schema"]["key"]
        return [
            (*(sample["key"][name] for name in key), cell["column"], cell["a"], cell["b"], None)
            for sample in self._document["samples"]["changed"]
            for cell in sample["cells"]
        ]


def texts(array: pa.Array) -> Sequence[str | None]:
    """What a person reads of the values of a column of a result file."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type):
        return [None if value is None else value.hex().upper() for value in array.to_pylist()]
    found: list[str | None] = array.cast(pa.large_string()).to_pylist()
    return found
