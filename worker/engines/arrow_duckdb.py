"""ArrowDuckDBComparison: the default engine. A map from key to key, then one column at a time.

Only the keys of both sides are held. They are matched by one sort (see `keymap`); then every column is
read in narrow form (see `narrow`), gathered through the map and compared, while threads read the next
one. Rules, classes, samples and export see differing cells only. Rows of repeated keys are set apart and
paired by their values by DuckDB. A source that can be read by column is read that way, again where text
is needed in full; rows that come only once go to a shelf, in memory or in the work folder. Past the
memory limit the rows are first cut into parts by key, and each part is compared by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from worker.engines.columns import Crew
from worker.engines.comparison import MEGABYTE, Comparison
from worker.engines.duck import open_duckdb
from worker.engines.findings import Findings
from worker.engines.keys import Keys
from worker.engines.layout import Layout
from worker.engines.part import How, Matched, PartComparison, match
from worker.engines.parts import MAX_PARTS, Part, cut
from worker.engines.progress import Meter

if TYPE_CHECKING:
    import duckdb

_PART_SHARE = 0.45
_DUCKDB_SHARE = 0.3
_TEXT_SHARE = 1 / 16
"""Text of columns of one side that are read at once, kept while they are compared."""
_VALUES_AT_ONCE = 1 << 21
"""Values of a side that are read at once: two columns of a million rows, all of a short and wide table."""
_VALUE_BYTES = 256
"""Bytes of the memory limit for each of them; two sides and two groups, in 8 bytes, take an eighth of it."""
_ROW_BYTES = 40
"""Memory that a row of either side needs beside its key: its code, its place in the map, narrow columns."""
_CELL_BYTES = 256
"""Bytes of the memory limit for each cell of rows that are kept whole: repeated keys, rows without a partner."""


class ArrowDuckDBComparison(Comparison):
    """See `Comparison`."""

    name = "ArrowDuckDBComparison"

    def _compare(
        self,
        whole: Part,
        layout: Layout,
        findings: Findings,
        meter: Meter,
        crew: Crew,
        cleanup: ExitStack,
    ) -> None:
        how = How(
            layout=layout,
            meter=meter,
            crew=crew,
            values_at_once=min(_VALUES_AT_ONCE, self._memory_bytes // _VALUE_BYTES),
            keep_bytes=int(_TEXT_SHARE * self._memory_bytes),
            cells_in_passing=self._memory_bytes // _CELL_BYTES,
            paranoid=self._plan.paranoid,
            require_unique_key=self._plan.require_unique_key,
            duckdb=self._duckdb,
        )
        count, matched = self._parts(whole, how)
        parts = [whole]
        if count > 1:
            parts = cleanup.enter_context(
                cut(whole, count, layout, self._shelf_bytes, self._work_dir, crew, meter.cutting)
            )
        for number, part in enumerate(parts):
            meter.pairing(number, count)
            if matched is None:
                keys = self._keys(part, how, lambda *_: None)
                matched = match(part, keys, how)
            PartComparison(part, matched, number, count, how, findings).run()
            matched = None
            for rows in part:
                rows.discard()

    def _parts(self, whole: Part, how: How) -> tuple[int, Matched | None]:
        """How many parts are needed, and the map of keys if it is one."""
        budget = int(_PART_SHARE * self._memory_bytes)
        expected = [rows.expected or 0 for rows in whole]
        key_bytes = 16 * len(how.layout.key)
        if sum(expected) * (_ROW_BYTES + key_bytes // 2) > budget:
            return _pieces(sum(expected) * (_ROW_BYTES + key_bytes), budget), None
        limit = _KeyLimit(budget, sum(expected))
        try:
            keys = self._keys(whole, how, limit.check)
        except _TooMuch as much:
            return _pieces(much.weight, budget), None
        weight = sum(side.bytes + _ROW_BYTES * side.count for side in keys)
        if weight > budget:
            return _pieces(weight, budget), None
        matched = match(whole, keys, how)
        cells = (matched.map.repeated_a.size + matched.map.repeated_b.size) * len(how.layout.columns)
        if cells * _CELL_BYTES > self._memory_bytes:
            matched.columns.give_up()
            return _pieces(cells * _CELL_BYTES, self._memory_bytes), None
        return 1, matched

    def _keys(self, part: Part, how: How, check: Callable[[int, int], None]) -> tuple[Keys, Keys]:
        rows = [0, 0]

        def checked(side: int, count: int, size: int) -> None:
            how.crew.check()
            rows[side] = count
            check(count, size)

        futures = [
            how.crew.start(Keys.read, part[side], how.layout.key, partial(checked, side)) for side in (0, 1)
        ]
        a, b = (how.crew.wait(future) for future in futures)
        return a, b

    def _duckdb(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        memory_mb = int(_DUCKDB_SHARE * self._memory_bytes) // MEGABYTE
        return open_duckdb(self._work_dir / "duckdb", memory_mb, self._threads)


class _TooMuch(Exception):
    """Keys outgrow the memory; `weight` is what all of them would take, in bytes."""

    def __init__(self, weight: int) -> None:
        super().__init__(weight)
        self.weight = weight


@dataclass(frozen=True, slots=True)
class _KeyLimit:
    """Ends the reading of one side's keys when they take more than `budget` bytes."""

    budget: int
    expected_rows: int

    def check(self, count: int, size: int) -> None:
        weight = size + _ROW_BYTES * count
        if weight > self.budget:
            raise _TooMuch(weight * max(self.expected_rows, 2 * count) // count)


def _pieces(weight: int, budget: int) -> int:
    return max(2, min(MAX_PARTS, -(-2 * weight // budget)))
