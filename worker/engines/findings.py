"""What engines find out, part by part: counts, differing cells, rows without a partner, repeated keys.

Engines say what they found; here it is counted, explained, sampled and exported, so that every engine's
result is told in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import take
from worker.engines.detector import ColumnLevelMismatchDetector
from worker.engines.differences import Differences
from worker.engines.keys import Keys
from worker.engines.layout import Layout
from worker.engines.result import Summary
from worker.engines.samples import Samples

Positions = npt.NDArray[np.int64]


class Findings:
    """`part` is the number of the part at hand; an engine sets it before it reports anything of the part."""

    def __init__(self, layout: Layout, sample_limit: int, differences: Differences | None) -> None:
        self.summary = Summary()
        self.detector = ColumnLevelMismatchDetector(layout.key, layout.values, differences)
        self.samples = Samples(sample_limit)
        self.part = 0
        self._layout = layout
        self._differences = differences

    @property
    def wants_all_alone(self) -> bool:
        """Whether rows without a partner are wanted all of them, not only as samples."""
        return self._differences is not None

    def rows(self, a: Keys, b: Keys) -> None:
        """All keys of a part."""
        self.summary.rows_a += a.count
        self.summary.rows_b += b.count
        self.summary.null_keys_a += a.with_null
        self.summary.null_keys_b += b.with_null

    def cells(
        self,
        position: int,
        a: pa.Array,
        b: pa.Array,
        rows: Positions,
        order: Positions,
        keys_of: Callable[[Positions], Keys],
    ) -> Positions:
        """Differing cells of a column: a[i] against b[i], in row rows[i] of A. Returns those that count.

        `order` tells rows of one key apart, 0 elsewhere; `keys_of` gives the keys of some of these cells
        and must serve until the part is done.
        """
        priority = keys_of(np.arange(rows.size)).priority()
        counted = self.detector.cells(
            position, a, b, rows, priority, lambda members: keys_of(members).table()
        )
        if counted.size:
            self.samples.cells(
                self.part,
                self._layout.values[position],
                take(a, counted),
                take(b, counted),
                rows[counted],
                priority[counted],
                order[counted],
                lambda members: keys_of(counted[members]),
            )
        return counted

    def chosen(self, keys: Keys, order: Positions) -> Positions:
        """Which of these rows can become samples."""
        return self.samples.best(keys.priority(), order)

    def alone(
        self,
        side: int,
        keys: Keys,
        rows: Positions,
        order: Positions,
        values: Sequence[pa.Array],
        *,
        sampled_only: bool = False,
    ) -> None:
        """Rows without a partner, whole: `values` are the other columns at these rows.

        With `sampled_only` they are not exported: `export_alone` gets all of them.
        """
        if rows.size == 0:
            return
        best = self.chosen(keys, order)
        shown = keys.at(best)
        self.samples.alone(
            side,
            self.part,
            shown,
            rows[best],
            shown.priority(),
            order[best],
            self._layout.columns,
            [*shown.arrays, *(take(array, best) for array in values)],
        )
        if not sampled_only:
            self.export_alone(side, [*keys.arrays, *values])

    def export_alone(self, side: int, columns: Sequence[pa.Array]) -> None:
        """Rows without a partner for the export only: all columns, key first, in storage form."""
        if self._differences is not None:
            names = [column.name for column in self._layout.columns]
            self._differences.only(side, pa.table(list(columns), names))

    def repeated(self, side: int, keys: Keys, rows: Positions, counts: Positions) -> None:
        """Keys that occur more than once, each with one row and the number of its rows."""
        best = self.chosen(keys, np.zeros(rows.size, np.int64))
        shown = keys.at(best)
        self.samples.repeated(side, self.part, shown, rows[best], shown.priority(), counts[best])
        if side == 0:
            self.summary.duplicate_keys_a += int(rows.size)
        else:
            self.summary.duplicate_keys_b += int(rows.size)
