"""Columns whose values changed places: what A has in one, B has in the other, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import differing, positions
from worker.engines.layout import ComparedColumn
from worker.engines.values import Kind

MAX_CELLS = 20_000
"""Cells of a column and part that are looked at: all, or those of the rows with the lowest priority."""
MAX_COLUMNS = 40
"""Of more differing columns, those with the most differing cells are looked at."""
_LEAST = 3
_SHARE = 0.05
_UNSUITED = (Kind.BOOLEAN, Kind.LONG_TEXT, Kind.LONG_BINARY)

Rows = npt.NDArray[np.int64]


@dataclass(slots=True)
class Swap:
    """Two columns (their positions), rows in which they are swapped, and rows that were looked at."""

    first: int
    second: int
    rows: int = 0
    looked_at: int = 0
    distinct: int = 0
    sampled: bool = False


@dataclass(slots=True)
class _Kept:
    rows: list[Rows] = field(default_factory=list)
    a: list[pa.Array] = field(default_factory=list)
    b: list[pa.Array] = field(default_factory=list)
    priority: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    size: int = 0
    sampled: bool = False


class Swaps:
    """Keeps some differing cells of each column of a part, and compares columns crosswise at its end."""

    def __init__(self, columns: list[ComparedColumn]) -> None:
        self._columns = columns
        self._kept: dict[int, _Kept] = {}
        self._found: dict[tuple[int, int], Swap] = {}

    def add(
        self, position: int, rows: Rows, a: pa.Array, b: pa.Array, priority: npt.NDArray[np.uint64]
    ) -> None:
        """Differing cells of one column; `rows` name the rows within the part, the same for all columns."""
        if self._columns[position].type.kind in _UNSUITED or rows.size == 0:
            return
        kept = self._kept.setdefault(position, _Kept())
        if rows.size > MAX_CELLS:
            best = np.sort(np.argpartition(priority, MAX_CELLS)[:MAX_CELLS])
            rows, a, b, priority = (
                rows[best],
                a.take(positions(best)),
                b.take(positions(best)),
                priority[best],
            )
            kept.sampled = True
        kept.rows.append(rows)
        kept.a.append(a)
        kept.b.append(b)
        kept.priority.append(priority)
        kept.size += rows.size
        if kept.size > 2 * MAX_CELLS:
            _shrink(kept)

    def part_done(self) -> None:
        """Compare the kept columns crosswise and forget them."""
        ranked = sorted(self._kept, key=lambda position: (-self._kept[position].size, position))
        columns = {position: _joined(self._kept[position]) for position in sorted(ranked[:MAX_COLUMNS])}
        for first, second in combinations(columns, 2):
            if self._columns[first].type.storage == self._columns[second].type.storage:
                self._compare(first, second, columns[first], columns[second])
        self._kept = {}

    def found(self) -> list[Swap]:
        """The swaps that are too many for chance."""
        return [
            swap
            for swap in self._found.values()
            if swap.rows >= _LEAST and swap.distinct >= _LEAST and swap.rows >= _SHARE * swap.looked_at
        ]

    def _compare(self, first: int, second: int, one: _Joined, other: _Joined) -> None:
        shared, at_one, at_other = np.intersect1d(
            one.rows, other.rows, assume_unique=True, return_indices=True
        )
        if shared.size == 0:
            return
        a_one, b_one = one.a.take(positions(at_one)), one.b.take(positions(at_one))
        a_other, b_other = other.a.take(positions(at_other)), other.b.take(positions(at_other))
        crossed = np.ones(shared.size, np.bool_)
        crossed[differing(a_one, b_other)] = False
        crossed[differing(b_one, a_other)] = False
        swap = self._found.setdefault((first, second), Swap(first, second))
        swap.rows += int(crossed.sum())
        swap.looked_at += min(one.rows.size, other.rows.size)
        swap.sampled |= one.sampled or other.sampled
        if crossed.any():
            hits = positions(np.flatnonzero(crossed))
            values = pa.table([a_one.take(hits), a_other.take(hits)], ["one", "other"])
            swap.distinct = max(
                swap.distinct, values.group_by(["one", "other"], use_threads=False).aggregate([]).num_rows
            )


@dataclass(frozen=True, slots=True)
class _Joined:
    rows: Rows
    a: pa.Array
    b: pa.Array
    sampled: bool


def _shrink(kept: _Kept) -> None:
    priority = np.concatenate(kept.priority)
    best = np.sort(np.argpartition(priority, MAX_CELLS)[:MAX_CELLS])
    members = positions(best)
    kept.rows = [np.concatenate(kept.rows)[best]]
    kept.a = [pa.concat_arrays(kept.a).take(members)]
    kept.b = [pa.concat_arrays(kept.b).take(members)]
    kept.priority = [priority[best]]
    kept.size, kept.sampled = best.size, True


def _joined(kept: _Kept) -> _Joined:
    return _Joined(
        np.concatenate(kept.rows), pa.concat_arrays(kept.a), pa.concat_arrays(kept.b), kept.sampled
    )
