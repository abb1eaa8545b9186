"""Pages of a result file: rows from a place on, as texts, filtered without reading what cannot match.

A page is bounded in rows and in work: after MAX_GROUPS row groups it ends, full or not, and the next one
goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.reports.cells import texts

MAX_GROUPS = 32


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by column name, and the place of the first row that was not looked at; None at the end of the file."""

    rows: list[dict[str, str | None]]
    next_row: int | None


def columns_of(path: Path) -> list[str]:
    """The names of the columns of a file."""
    names: list[str] = pq.read_schema(path).names
    return names


def page(path: Path, start: int, limit: int, equal: Mapping[str, str]) -> Page:
    """Up to `limit` rows from row `start` on whose columns show the texts of `equal`.

    Each column of `equal` must be in the file. A filtered column is read first, the others only of row groups
    in which a row matches.
    """
    rows: list[dict[str, str | None]] = []
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        first, looked_at = 0, 0
        for group in range(file.metadata.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            if start < end:
                if looked_at == MAX_GROUPS:
                    return Page(rows, first)
                looked_at += 1
                inside = max(start - first, 0)
                found = _matching(file, group, inside, equal)[: limit + 1 - len(rows)]
                if len(found):
                    shown = [texts(_column(file, group, name).take(found)) for name in names]
                    rows += [dict(zip(names, row, strict=True)) for row in zip(*shown, strict=True)]
                if len(rows) > limit:
                    return Page(rows[:limit], first + found[-1].as_py())
            first = end
    return Page(rows, None)


def _matching(file: pq.ParquetFile, group: int, inside: int, equal: Mapping[str, str]) -> pa.Int64Array:
    """Positions within a row group, from `inside` on, of the rows that match."""
    size = file.metadata.row_group(group).num_rows
    positions = pa.array(np.arange(inside, size))
    for name, text in equal.items():
        if not len(positions):
            break
        positions = positions.filter(_shows(_column(file, group, name).take(positions), text))
    return positions


def _column(file: pq.ParquetFile, group: int, name: str) -> pa.Array:
    """One column of one row group: so much is in memory at a time, however wide the file."""
    return file.read_row_group(group, columns=[name]).column(0).combine_chunks()


def _shows(column: pa.Array, text: str) -> pa.BooleanArray:
    """Where a column shows `text`."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            wanted: Sequence[object] = [bytes.fromhex(text)]
        except ValueError:
            wanted = []
        return pc.is_in(column, value_set=pa.array(wanted, kind))
    return pc.is_in(column.cast(pa.large_string()), value_set=pa.array([text], pa.large_string()))
