"""Which ranges of rows differ: sums of the whole, then of ever smaller pieces of what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from worker.engines.pushdown.statement import Range, Side

FACTOR = 32
"""Pieces into which a range that differs is cut."""
LEAF_ROWS = 64
"""Ranges of about so few rows are fetched, not cut."""
MANY = 0.05
"""Above this share of ranges that differ everything is fetched."""
_SAMPLE = 32
_RANGES_A_STATEMENT = 200

Row = tuple[Any, ...]
Ask = Callable[[Side, str, dict[str, int]], list[Row]]
Both = Callable[[tuple[str, str], dict[str, int], str], tuple[list[Row], list[Row]]]
"""Runs a statement on each side at the same time; the last argument is the step in words."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What the two queries over whole tables say; pairs are of A and B."""

    rows: tuple[int, int]
    null_keys: tuple[int, int]
    distinct_keys: tuple[int, int]
    positions: Range | None
    equal: bool
    differing_columns: tuple[int, ...]

    @property
    def keys_are_unique(self) -> bool:
        """Weights all distinct prove distinct keys."""
        return self.rows == self.distinct_keys


@dataclass(slots=True)
class Differing:
    """Ranges that differ, and how many rows the ranges that do not have. `everything`: too many differ."""

    ranges: list[Range] = field(default_factory=list)
    rows: int = 0
    equal_rows: int = 0
    compared_ranges: int = 0
    everything: bool = False


def whole(sides: tuple[Side, Side], both: Both) -> Whole:
    """The sums of both tables."""
    answers = both((sides[0].whole(), sides[1].whole()), {}, "adding up hashes of all rows")
    a, b = (_integers(answer[0]) for answer in answers)
    lows, highs = [row[-2] for row in (a, b) if row[0]], [row[-1] for row in (a, b) if row[0]]
    columns = len(sides[0].layout.values)
    return Whole(
        rows=(a[0], b[0]),
        null_keys=(a[-4], b[-4]),
        distinct_keys=(a[-3], b[-3]),
        positions=(min(lows), max(highs)) if lows else None,
        equal=a[: 3 + columns] == b[: 3 + columns],
        differing_columns=tuple(n for n in range(columns) if a[2 + n] != b[2 + n]),
    )


def differing(sides: tuple[Side, Side], found: Whole, both: Both) -> Differing:
    """Cut what differs until the pieces are small. `found` must say that the tables differ somewhere."""
    result = Differing()
    if found.positions is None:
        return result
    low, high = found.positions
    rows = max(found.rows)
    cuts = 2  # the first one is by FACTOR squared: nearly every piece of a plain one would differ anyway
    while rows / FACTOR**cuts > LEAF_ROWS and high - low >= FACTOR**cuts:
        cuts += 1
    leaf = -(-(high - low + 1) // FACTOR**cuts)
    widths = [leaf * FACTOR**n for n in reversed(range(cuts - 1))]
    unequal = _compare(sides, [(low, high)], low, widths[0], both, result)
    for width in widths[1:]:
        if len(unequal) > 2 * _SAMPLE:  # is it worth while?
            trial = Differing()
            chosen = [unequal[n] for n in np.linspace(0, len(unequal) - 1, _SAMPLE).astype(int)]
            differ = _compare(sides, [span for span, _ in chosen], low, width, both, trial)
            share = len(differ) / max(1, trial.compared_ranges) * len(unequal) / FACTOR**2
            if share > MANY:
                result.everything = True
                return result
        result.compared_ranges = 0
        unequal = _compare(sides, [span for span, _ in unequal], low, width, both, result)
    result.ranges = _joined([span for span, _ in unequal])
    result.rows = sum(count for _, count in unequal)
    result.everything = result.rows > MANY * rows and len(unequal) > FACTOR
    return result


def binds_of(ranges: Sequence[Range]) -> dict[str, int]:
    """The binds of `Side.condition`."""
    return {
        name: position
        for n, (first, last) in enumerate(ranges)
        for name, position in ((f"first{n}", first), (f"last{n}", last))
    }


def chunks(ranges: Sequence[Range]) -> list[Sequence[Range]]:
    """As many as one statement takes."""
    return [ranges[n : n + _RANGES_A_STATEMENT] for n in range(0, len(ranges), _RANGES_A_STATEMENT)]


def _compare(
    sides: tuple[Side, Side], ranges: Sequence[Range], origin: int, width: int, both: Both, result: Differing
) -> list[tuple[Range, int]]:
    """The pieces, `width` wide from `origin` on, of `ranges` that differ, with the rows of the larger side."""
    unequal: list[tuple[Range, int]] = []
    for some in chunks(_joined(ranges)):
        statements = (sides[0].split(len(some)), sides[1].split(len(some)))
        binds = {"origin": origin, "width": width, **binds_of(some)}
        answers = both(statements, binds, f"adding up hashes of {len(ranges):,} ranges")
        a, b = ({row[0]: row[1:] for row in map(_integers, answer)} for answer in answers)
        for bucket in sorted(a.keys() | b.keys()):
            one, other = a.get(bucket), b.get(bucket)
            if one is not None and one == other:
                result.equal_rows += one[0]
            else:
                first = origin + bucket * width
                count = max(one[0] if one else 0, other[0] if other else 0)
                unequal.append(((first, first + width - 1), count))
        result.compared_ranges += len(a.keys() | b.keys())
    return unequal


def _joined(ranges: Sequence[Range]) -> list[Range]:
    """Neighbours as one."""
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and joined[-1][1] + 1 >= first:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _integers(row: Row) -> tuple[int, ...]:
    return tuple(0 if value is None else int(value) for value in row)
