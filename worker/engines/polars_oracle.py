"""PolarsOracleComparison: the same contract over frames, by joins of whole rows in Polars.

The second opinion: nothing of how rows are matched and compared is shared with the default engine, so
that each proves the other. It holds both sides in memory as frames, all columns, beside a join of them;
past the memory limit the rows are first cut into parts by key. Slower than the default on large tables,
but without any hash between a value and its verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from worker.engines.columns import Crew
from worker.engines.comparison import Comparison
from worker.engines.errors import KeyNotUnique
from worker.engines.findings import Findings
from worker.engines.keys import Keys
from worker.engines.layout import ComparedColumn, Layout
from worker.engines.parts import MAX_PARTS, Part, cut
from worker.engines.progress import Meter
from worker.engines.rows import Rows
from worker.engines.values import Kind

Positions = npt.NDArray[np.int64]

_FRAME_SHARE = 0.2
"""Of the memory limit: both sides' rows as they are kept; joining and sorting them takes as much again, twice."""
_CELLS_AT_A_TIME = 1 << 16


class PolarsOracleComparison(Comparison):
    """See `Comparison`. `threads` bounds reading only: Polars uses a pool of its own for the whole process."""

    name = "PolarsOracleComparison"

    def _compare(
        self,
        whole: Part,
        layout: Layout,
        findings: Findings,
        meter: Meter,
        crew: Crew,
        cleanup: ExitStack,
    ) -> None:
        budget = int(_FRAME_SHARE * self._memory_bytes)
        parts, frames = [whole], None
        try:
            frames = _read(whole, layout, crew, budget)
        except _TooMuch as much:
            count = max(2, min(MAX_PARTS, -(-2 * much.weight // budget)))
            parts = cleanup.enter_context(
                cut(whole, count, layout, self._shelf_bytes, self._work_dir, crew, meter.cutting)
            )
        for number, part in enumerate(parts):
            meter.pairing(number, len(parts))
            sides = frames or _read(part, layout, crew, None)
            frames = None
            findings.part = number
            _PartByFrames(
                sides, layout, findings, meter, number, len(parts), (part[0].name, part[1].name), crew
            ).run(require_unique_key=self._plan.require_unique_key)
            for rows in part:
                rows.discard()


@dataclass(frozen=True, slots=True)
class _Frame:
    """One side: its rows in storage form as Arrow has them, and as a frame with a row number `row`."""

    arrays: list[pa.Array]
    frame: pl.DataFrame


class _TooMuch(Exception):
    """Rows outgrow the memory; `weight` is what all of them would take, in bytes."""

    def __init__(self, weight: int) -> None:
        super().__init__(weight)
        self.weight = weight


class _PartByFrames:
    def __init__(
        self,
        sides: tuple[_Frame, _Frame],
        layout: Layout,
        findings: Findings,
        meter: Meter,
        number: int,
        parts: int,
        names: tuple[str, str],
        crew: Crew,
    ) -> None:
        self._sides = sides
        self._layout = layout
        self._findings = findings
        self._meter = meter
        self._number, self._parts = number, parts
        self._names = names
        self._crew = crew
        width = len(layout.key)
        self._key = [f"c{n}" for n in range(width)]
        self._all = [f"c{n}" for n in range(len(layout.columns))]
        self._keys = tuple(Keys(layout.key, side.arrays[:width]) for side in sides)

    def run(self, *, require_unique_key: bool) -> None:
        findings, summary = self._findings, self._findings.summary
        findings.rows(self._keys[0], self._keys[1])
        matched, repeated = self._crew.wait(self._crew.start(self._matched))
        counts = [self._report_counts(side, repeated[side], require_unique_key) for side in (0, 1)]
        changed = self._compare_columns(matched)
        findings.detector.part_done()
        summary.matched += matched.height
        summary.changed += int(changed.sum())
        for side, name in ((0, "row_a"), (1, "row_b")):
            alone = np.ones(counts[side], np.bool_)
            alone[matched[name].to_numpy()] = False
            self._report_alone(side, np.flatnonzero(alone), repeated[side])

    def _matched(self) -> tuple[pl.DataFrame, tuple[pl.DataFrame, pl.DataFrame]]:
        """Pairs of rows (`row_a`, `row_b`, and `order` among rows of one key), and the rows of repeated keys."""
        frames = [side.frame.select(["row", *self._key]) for side in self._sides]
        counted = pl.concat([frame.group_by(self._key).len() for frame in frames])
        often = counted.filter(pl.col("len") > 1).select(self._key).unique()
        once = [frame.join(often, on=self._key, how="anti", nulls_equal=True) for frame in frames]
        pairs = once[0].join(once[1], on=self._key, how="inner", nulls_equal=True, suffix="_b")
        pairs = pairs.select(row_a="row", row_b="row_b").with_columns(order=pl.lit(0, pl.Int64))
        rest = [
            side.frame.join(often, on=self._key, how="semi", nulls_equal=True).with_columns(
                many=pl.len().over(self._key)
            )
            for side in self._sides
        ]
        ranked = self._ranked(rest)
        return pl.concat([pairs, *self._paired(ranked)]).sort("order", "row_a"), ranked

    def _ranked(self, rest: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of repeated keys of both sides in the order of their keys and values, numbered from 1."""
        both = pl.concat([frame.with_columns(side=pl.lit(n)) for n, frame in enumerate(rest)])
        for name, column in zip(self._all, self._layout.columns, strict=True):
            if column.type.kind is Kind.NUMBER:
                both = both.with_columns(_as_ranks(both[name]))
        both = both.sort([*self._all, "row"], nulls_last=True).with_row_index("order", offset=1)
        both = both.with_columns(pl.col("order").cast(pl.Int64))
        return both.filter(pl.col("side") == 0), both.filter(pl.col("side") == 1)

    def _paired(self, ranked: tuple[pl.DataFrame, pl.DataFrame]) -> list[pl.DataFrame]:
        """Identical rows first, then the n-th of the rest of a key with the n-th."""
        a, b = (frame.with_columns(nth=pl.int_range(pl.len()).over(self._all)) for frame in ranked)
        same = _pairs(a, b, [*self._all, "nth"])
        a = a.filter(~pl.col("row").is_in(same["row_a"].implode()))
        b = b.filter(~pl.col("row").is_in(same["row_b"].implode()))
        a, b = (frame.with_columns(nth=pl.int_range(pl.len()).over(self._key)) for frame in (a, b))
        return [same, _pairs(a, b, [*self._key, "nth"])]

    def _report_counts(self, side: int, repeated: pl.DataFrame, require_unique_key: bool) -> int:
        """Report keys that occur more than once. Returns the number of rows. Raises KeyNotUnique."""
        twice = repeated.filter(pl.col("many") > 1).unique(self._key, keep="first", maintain_order=True)
        rows = twice["row"].cast(pl.Int64).to_numpy()
        keys = self._keys[side].at(rows)
        if require_unique_key and rows.size:
            key = ", ".join(
                f"{n} = {'NULL' if t is None else t}"
                for n, t in keys.at(np.zeros(1, np.int64)).documents()[0].items()
            )
            raise KeyNotUnique(
                f"The key is not unique in {self._names[side]}: {key} occurs {twice['many'][0]} times. "
                "Choose another key, or allow duplicates."
            )
        self._findings.repeated(side, keys, rows, twice["many"].cast(pl.Int64).to_numpy())
        return self._sides[side].frame.height

    def _compare_columns(self, matched: pl.DataFrame) -> npt.NDArray[np.bool_]:
        """Compare the columns of matched rows. Returns which of the pairs count as changed."""
        rows_a, rows_b = matched["row_a"].to_numpy(), matched["row_b"].to_numpy()
        order = matched["order"].to_numpy()
        changed = np.zeros(matched.height, np.bool_)
        values = self._layout.values
        for position in range(len(values)):
            self._meter.comparing(self._number, self._parts, values, position)
            different = self._crew.wait(
                self._crew.start(self._different, position, matched["row_a"], matched["row_b"])
            )
            a, b = (side.arrays[len(self._key) + position] for side in self._sides)
            for start in range(0, different.size, _CELLS_AT_A_TIME):
                self._meter.tick()
                some = different[start : start + _CELLS_AT_A_TIME]
                rows = rows_a[some]
                counted = self._findings.cells(
                    position,
                    a.take(pa.array(rows)),
                    b.take(pa.array(rows_b[some])),
                    rows,
                    order[some],
                    self._keys[0].at(rows).at,
                )
                changed[some[counted]] = True
        return changed

    def _different(self, position: int, rows_a: pl.Series, rows_b: pl.Series) -> Positions:
        name = self._all[len(self._key) + position]
        a, b = self._sides[0].frame[name].gather(rows_a), self._sides[1].frame[name].gather(rows_b)
        return a.ne_missing(b).arg_true().cast(pl.Int64).to_numpy()

    def _report_alone(self, side: int, rows: Positions, repeated: pl.DataFrame) -> None:
        summary = self._findings.summary
        if side == 0:
            summary.only_a += int(rows.size)
        else:
            summary.only_b += int(rows.size)
        order = np.zeros(self._sides[side].frame.height, np.int64)
        order[repeated["row"].to_numpy()] = repeated["order"].to_numpy()
        for start in range(0, rows.size, _CELLS_AT_A_TIME):
            self._meter.tick()
            some = rows[start : start + _CELLS_AT_A_TIME]
            values = [array.take(pa.array(some)) for array in self._sides[side].arrays[len(self._key) :]]
            self._findings.alone(side, self._keys[side].at(some), some, order[some], values)


def _pairs(a: pl.DataFrame, b: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    joined = a.join(b.select(["row", *on]), on=on, how="inner", nulls_equal=True, suffix="_b")
    return joined.select(row_a="row", row_b="row_b", order="order")


def _as_ranks(numbers: pl.Series) -> pl.Series:
    """The rank of each number kept as text, so that they sort as numbers and not as letters."""
    texts = numbers.drop_nulls().unique().to_list()
    ordered = pl.Series(sorted(texts, key=Decimal), dtype=pl.String)
    ranks = pl.int_range(ordered.len(), eager=True)
    return numbers.replace_strict(ordered, ranks, default=None, return_dtype=pl.Int64)


def _read(part: Part, layout: Layout, crew: Crew, budget: int | None) -> tuple[_Frame, _Frame]:
    expected = sum(rows.expected or 0 for rows in part)
    futures = [crew.start(_frame, rows, layout.columns, crew, budget, expected) for rows in part]
    a, b = (crew.wait(future) for future in futures)
    return a, b


def _frame(
    rows: Rows, columns: Sequence[ComparedColumn], crew: Crew, budget: int | None, expected: int
) -> _Frame:
    """One side in memory. Raises _TooMuch when it takes more than half of `budget` bytes."""
    pieces: list[list[pa.Array]] = [[] for _ in columns]
    size = count = 0
    for batch in rows.batches(range(len(columns))):
        crew.check()
        for position, piece in enumerate(pieces):
            piece.append(rows.canonical(position, batch.column(position)))
            size += piece[-1].nbytes
        count += batch.num_rows
        if budget is not None and 2 * size > budget:
            raise _TooMuch(size * max(expected, 2 * count) // count)
    arrays = [
        pa.concat_arrays(piece) if piece else pa.array([], column.type.storage)
        for piece, column in zip(pieces, columns, strict=True)
    ]
    frame = pl.DataFrame({f"c{n}": pl.Series(array) for n, array in enumerate(arrays)})
    return _Frame(arrays, frame.with_columns(row=pl.int_range(count, dtype=pl.Int64)))
