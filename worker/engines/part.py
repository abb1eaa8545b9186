"""Compare one part of two tables: all rows that share certain keys, or simply all rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import differing, take
from worker.engines.columns import BothSides, Crew, LoadedColumn, pick_both
from worker.engines.errors import KeyNotUnique
from worker.engines.findings import Findings
from worker.engines.keymap import KeyMap, key_map
from worker.engines.keys import Keys, false_pairs, own_code
from worker.engines.layout import Layout
from worker.engines.narrow import is_exact, mismatches
from worker.engines.progress import Meter
from worker.engines.repeated import Pairing, pair_repeated
from worker.engines.rows import Rows

if TYPE_CHECKING:
    import duckdb

Positions = npt.NDArray[np.int64]

_CELLS_AT_A_TIME = 1 << 16
"""Differing cells handed on at once, so that a cancel is seen in between."""


@dataclass(frozen=True, slots=True)
class How:
    """What a part's comparison needs to know beside its rows.

    `values_at_once` values of a side are read at once, in one column or more. `keep_bytes` bounds the text
    of columns of one side that are read at once, which is kept while they are compared,
    `cells_in_passing` the cells of rows without a partner that are kept on the way. `duckdb` opens a
    connection within the memory limit.
    """

    layout: Layout
    meter: Meter
    crew: Crew
    values_at_once: int
    keep_bytes: int
    cells_in_passing: int
    paranoid: bool
    require_unique_key: bool
    duckdb: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


@dataclass(frozen=True, slots=True)
class Matched:
    """The keys of both sides, the map between them, and the other columns, which are being read."""

    keys: tuple[Keys, Keys]
    map: KeyMap
    columns: BothSides


def match(sides: tuple[Rows, Rows], keys: tuple[Keys, Keys], how: How) -> Matched:
    """Map the rows of A to those of B. The first of the other columns are read meanwhile."""
    mapping = how.crew.start(_key_map, keys, how.crew.check)
    width, values = len(how.layout.key), len(how.layout.values)
    columns = BothSides(
        sides,
        (keys[0].count, keys[1].count),
        range(width, width + values),
        how.values_at_once,
        how.keep_bytes,
        how.crew,
    )
    return Matched(keys, how.crew.wait(mapping), columns)


def _key_map(keys: tuple[Keys, Keys], tick: Callable[[], None]) -> KeyMap:
    """Every pair of the map has equal keys, not only equal codes."""
    own = own_code(*keys)
    found = key_map(keys[0].codes(own_code=own), keys[1].codes(own_code=own), own_code=own, tick=tick)
    if not found.proved:
        wrong = false_pairs(*keys, found.partner, tick)
        if wrong.size:
            strangers = found.partner[wrong]
            found.partner[wrong] = -1
            found = KeyMap(
                partner=found.partner,
                alone_a=np.sort(np.concatenate([found.alone_a, wrong])),
                alone_b=np.sort(np.concatenate([found.alone_b, strangers])),
                repeated_a=found.repeated_a,
                repeated_b=found.repeated_b,
                proved=True,
            )
    return found


class PartComparison:
    """Part `number` (from 0) of `parts`. Make one, call `run` once; `findings` is added to."""

    def __init__(
        self,
        sides: tuple[Rows, Rows],
        matched: Matched,
        number: int,
        parts: int,
        how: How,
        findings: Findings,
    ) -> None:
        self._sides = sides
        self._keys = matched.keys
        self._map = matched.map
        self._columns = matched.columns
        self._number, self._parts = number, parts
        self._how = how
        self._findings = findings
        self._repeated = (matched.map.repeated_a, matched.map.repeated_b)
        self._alone = (matched.map.alone_a, matched.map.alone_b)
        self._changed = np.zeros(self._keys[0].count, np.bool_)

    def run(self) -> None:
        """Compare. Raises EngineError, and what the progress callback raises."""
        how, findings = self._how, self._findings
        shown = tuple(self._alone_to_show(side) for side in (0, 1))
        asked = tuple(np.sort(np.concatenate([self._repeated[side], shown[side]])) for side in (0, 1))
        self._columns.ask((asked[0], asked[1]))
        if how.require_unique_key:
            self._check_unique()
        findings.part = self._number
        findings.rows(*self._keys)
        at: tuple[list[pa.Array], list[pa.Array]] = ([], [])
        self._progress(0)
        for position, loaded in enumerate(self._columns):
            self._progress(position)
            for side in (0, 1):
                at[side].append(loaded[side].at)
            self._compare(position, loaded)
        self._compare_repeated(asked, at)
        findings.detector.part_done()
        for side in (0, 1):
            self._report_alone(side, shown[side], asked[side], at[side])
        summary = findings.summary
        summary.matched += int(np.count_nonzero(self._map.partner >= 0))
        summary.changed += int(self._changed.sum())
        summary.only_a += int(self._alone[0].size)
        summary.only_b += int(self._alone[1].size)

    def _progress(self, position: int) -> None:
        columns = self._how.layout.values
        if position < len(columns):
            self._how.meter.comparing(self._number, self._parts, columns, position)

    def _compare(self, position: int, loaded: tuple[LoadedColumn, LoadedColumn]) -> None:
        """One column of the rows whose key is unique on both sides."""
        partner = self._map.partner
        rows = mismatches(loaded[0].narrow, loaded[1].narrow, partner, self._how.meter.tick)
        if self._how.paranoid and not is_exact(self._how.layout.values[position].type):
            paired = np.setdiff1d(np.flatnonzero(partner >= 0), rows, assume_unique=True)
            unequal = [some[differing(a, b)] for some, a, b in self._values(loaded, paired)]
            rows = np.sort(np.concatenate([rows, *unequal]))
        for some, a, b in self._values(loaded, rows):
            counted = self._cells(position, a, b, some, np.zeros(some.size, np.int64))
            self._changed[some[counted]] = True

    def _values(
        self, loaded: tuple[LoadedColumn, LoadedColumn], rows: Positions
    ) -> Iterator[tuple[Positions, pa.Array, pa.Array]]:
        """Some of `rows` at a time, with both sides' values there in storage form."""
        partner, crew = self._map.partner, self._how.crew
        at_once = max(_CELLS_AT_A_TIME, self._how.keep_bytes // max(c.value_bytes for c in loaded))
        for start in range(0, rows.size, at_once):
            some = rows[start : start + at_once]
            a, b = pick_both(loaded, (some, partner[some]), crew)
            for low in range(0, some.size, _CELLS_AT_A_TIME):
                self._how.meter.tick()
                cut = slice(low, low + _CELLS_AT_A_TIME)
                yield some[cut], a[cut], b[cut]

    def _cells(self, position: int, a: pa.Array, b: pa.Array, rows: Positions, order: Positions) -> Positions:
        """Hand on the differing cells of one column, `rows` being rows of A. Returns those that count."""
        return self._findings.cells(
            position, a, b, rows, order, lambda members: self._keys[0].at(rows[members])
        )

    def _compare_repeated(
        self, asked: tuple[Positions, ...], at: tuple[list[pa.Array], list[pa.Array]]
    ) -> None:
        """Pair the rows of repeated keys by value, then compare them."""
        if self._repeated[0].size + self._repeated[1].size == 0:
            return
        how, summary = self._how, self._findings.summary
        how.meter.repeated(self._number, self._parts)
        keys = tuple(self._keys[side].at(self._repeated[side]) for side in (0, 1))
        values: list[list[pa.Array]] = []
        for side in (0, 1):
            places = np.searchsorted(asked[side], self._repeated[side])
            values.append([take(array, places) for array in at[side]])
        pairing = self._ranked((keys[0], keys[1]), values, with_values=True)
        rows_a = self._repeated[0][pairing.a]
        for position in range(len(how.layout.values)):
            a, b = take(values[0][position], pairing.a), take(values[1][position], pairing.b)
            different = differing(a, b)
            for start in range(0, different.size, _CELLS_AT_A_TIME):
                how.meter.tick()
                some = different[start : start + _CELLS_AT_A_TIME]
                counted = self._cells(
                    position, take(a, some), take(b, some), rows_a[some], pairing.rank_a[pairing.a[some]]
                )
                self._changed[rows_a[some[counted]]] = True
        self._map.partner[rows_a] = self._repeated[1][pairing.b]
        for side, only, ranks, twice in (
            (0, pairing.only_a, pairing.rank_a, pairing.keys_a),
            (1, pairing.only_b, pairing.rank_b, pairing.keys_b),
        ):
            rows, alone = self._repeated[side], [take(array, only) for array in values[side]]
            self._findings.alone(side, keys[side].at(only), rows[only], ranks[only], alone)
            self._findings.repeated(side, keys[side].at(twice.rows), rows[twice.rows], twice.counts)
        summary.only_a += int(pairing.only_a.size)
        summary.only_b += int(pairing.only_b.size)

    def _ranked(self, keys: tuple[Keys, Keys], values: list[list[pa.Array]], *, with_values: bool) -> Pairing:
        layout = self._how.layout
        tables = [
            pa.table([*side.arrays, *columns], [f"c{n}" for n in range(len(side.arrays) + len(columns))])
            for side, columns in zip(keys, values, strict=True)
        ]
        types = [column.type for column in layout.values] if with_values else []
        with self._how.duckdb() as connection:
            key_types = [column.type for column in layout.key]
            pairing = self._how.crew.start(pair_repeated, tables[0], tables[1], key_types, types, connection)
            return self._how.crew.wait(pairing, connection.interrupt)

    def _check_unique(self) -> None:
        if self._repeated[0].size + self._repeated[1].size == 0:
            return
        keys = tuple(self._keys[side].at(self._repeated[side]) for side in (0, 1))
        pairing = self._ranked((keys[0], keys[1]), [[], []], with_values=False)
        for side, repeated in enumerate((pairing.keys_a, pairing.keys_b)):
            if repeated.rows.size:
                key = keys[side].at(repeated.rows[:1]).documents()[0]
                shown = ", ".join(
                    f"{name} = {'NULL' if text is None else text}" for name, text in key.items()
                )
                raise KeyNotUnique(
                    f"The key is not unique in {self._sides[side].name}: "
                    f"{shown} occurs {repeated.counts[0]} times. Choose another key, or allow duplicates."
                )

    def _alone_to_show(self, side: int) -> Positions:
        """Rows without a partner that are wanted whole while the columns pass by, ascending."""
        alone = self._alone[side]
        if self._findings.wants_all_alone and self._alone_fit(side):
            return alone
        chosen = self._findings.chosen(self._keys[side].at(alone), np.zeros(alone.size, np.int64))
        return np.sort(alone[chosen])

    def _alone_fit(self, side: int) -> bool:
        return self._alone[side].size * len(self._how.layout.columns) <= self._how.cells_in_passing

    def _report_alone(self, side: int, shown: Positions, asked: Positions, at: list[pa.Array]) -> None:
        places = np.searchsorted(asked, shown)
        keys, order = self._keys[side].at(shown), np.zeros(shown.size, np.int64)
        values = [take(array, places) for array in at]
        everything = self._alone_fit(side)
        self._findings.alone(side, keys, shown, order, values, sampled_only=not everything)
        if everything or not self._findings.wants_all_alone:
            return
        start, positions = 0, range(len(self._how.layout.columns))
        for batch in self._sides[side].batches(positions):
            self._how.meter.tick()
            low, high = np.searchsorted(self._alone[side], [start, start + batch.num_rows])
            members = self._alone[side][low:high] - start
            if members.size:
                rows = [self._sides[side].taken(p, batch.column(p), members) for p in positions]
                self._findings.export_alone(side, rows)
            start += batch.num_rows
