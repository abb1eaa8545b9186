"""ColumnLevelMismatchDetector: what differs in each column, and why, from the differing cells that engines find.

An engine hands over, column by column, the cells whose raw values differ. Here the rules decide which of them
count; those are classified, counted, put into words, and passed on to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import positions
from worker.engines.differences import Differences
from worker.engines.display import texts
from worker.engines.layout import ComparedColumn
from worker.engines.patterns import pattern
from worker.engines.rules.apply import still_different
from worker.engines.swaps import Swap, Swaps
from worker.engines.tally import Tally, worst_first

Rows = npt.NDArray[np.int64]
KeysOf = Callable[[Rows], pa.Table]
"""The key columns of positions among the cells handed over, named and typed as in the layout."""

_TOGETHER = 65_536
"""Smaller slices of a column are put together until they have so many cells."""


@dataclass(slots=True)
class _Slice:
    """Cells of one column that count as different, waiting to be worked on with others."""

    a: pa.Array
    b: pa.Array
    rows: Rows
    priority: npt.NDArray[np.uint64]
    members: Rows
    keys_of: KeysOf


class ColumnLevelMismatchDetector:
    """Call `cells` for the columns of a part one after another, then `part_done`; at last `to_documents`.

    Memory: up to about 65,000 cells of the column at hand, and 20,000 of each column that differs in a part.
    """

    name = "ColumnLevelMismatchDetector"

    def __init__(
        self,
        key: Sequence[ComparedColumn],
        columns: Sequence[ComparedColumn],
        differences: Differences | None = None,
    ) -> None:
        self._key = key
        self._tallies = [Tally(column) for column in columns]
        self._differences = differences
        self._swaps = Swaps(list(columns))
        self._position = -1
        self._waiting: list[_Slice] = []
        self._waiting_cells = 0

    def cells(
        self,
        position: int,
        a: pa.Array,
        b: pa.Array,
        rows: Rows,
        priority: npt.NDArray[np.uint64],
        keys_of: KeysOf,
    ) -> Rows:
        """Differing cells of the column at `position`: a[i] against b[i] in storage form. Returns the
        positions of those that count as different.

        `rows` name the rows within the part, the same for all columns; `priority` is a function of a row's
        key and chooses examples and samples. A column may come in several slices, without another between.
        """
        members = np.arange(len(a), dtype=np.int64)
        if len(a) == 0:
            return members
        counted = still_different(a, b, self._tallies[position].column)
        if not counted.all():
            members = np.flatnonzero(counted)
            a, b = a.take(positions(members)), b.take(positions(members))
            rows, priority = rows[members], priority[members]
            if members.size == 0:
                return members
        if position != self._position:
            self._flush()
            self._position = position
        self._waiting.append(_Slice(a, b, rows, priority, members, keys_of))
        self._waiting_cells += len(a)
        if self._waiting_cells >= _TOGETHER:
            self._flush()
        return members

    def part_done(self) -> None:
        """All columns of a part have been handed over."""
        self._flush()
        self._swaps.part_done()

    def to_documents(self, matched: int) -> list[dict[str, Any]]:
        """The columns in document form, the worst first; `matched` rows were compared."""
        self._flush()
        for tally in self._tallies:
            tally.found_elsewhere = []
            if self._differences is not None and tally.different:
                self._differences.decide(tally.column, tally.decisions())
        for swap in self._swaps.found():
            self._tell(swap)
        return [tally.to_document(matched) for tally in worst_first(self._tallies)]

    def _flush(self) -> None:
        slices, self._waiting, self._waiting_cells = self._waiting, [], 0
        if not slices:
            return
        tally = self._tallies[self._position]
        a, b = (pa.concat_arrays([getattr(piece, side) for piece in slices]) for side in ("a", "b"))
        rows = np.concatenate([piece.rows for piece in slices])
        priority = np.concatenate([piece.priority for piece in slices])
        ends = np.cumsum([len(piece.a) for piece in slices])

        def key_of(chosen: Rows) -> list[dict[str, str | None]]:
            tables = []
            for cell in chosen.tolist():
                number = int(np.searchsorted(ends, cell, side="right"))
                piece = slices[number]
                start = int(ends[number]) - len(piece.a)
                tables.append(piece.keys_of(piece.members[cell - start : cell - start + 1]))
            return key_texts(pa.concat_tables(tables), self._key) if tables else []

        labels = tally.add(a, b, priority, key_of)
        self._swaps.add(self._position, rows, a, b, priority)
        if self._differences is not None:
            keys = pa.concat_tables([piece.keys_of(piece.members) for piece in slices])
            self._differences.cells(tally.column, keys, a, b, labels, tally.decisions())

    def _tell(self, swap: Swap) -> None:
        one, other = self._tallies[swap.first], self._tallies[swap.second]
        for tally, partner in ((one, other), (other, one)):
            sentence = f"{one.column.name} and {other.column.name} are swapped: each has in B what the other has in A"
            if swap.sampled:
                sentence += f" (of {swap.looked_at:,} cells looked at)"
            tally.found_elsewhere.append(
                pattern("swapped", swap.rows, tally.different, sentence, []) | {"with": partner.column.name}
            )


def key_texts(keys: pa.Table, columns: Sequence[ComparedColumn]) -> list[dict[str, str | None]]:
    """Keys for people: the text of each key column by its name."""
    values = [texts(keys.column(n).combine_chunks(), column.type) for n, column in enumerate(columns)]
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
