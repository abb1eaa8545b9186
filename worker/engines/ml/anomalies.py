"""Odd rows among those that differ, each with the columns that made it odd.

A cell is odd in two ways. By size: its difference (or its ratio, whichever is steadier over the column) lies
far from that of the column's other differing cells, in robust z-scores: distance from the median over 1.4826
times the median absolute deviation. By class: nearly all of the column's cells changed in one way, and this one
in another. A row is odd by number when far more of its columns differ than of other rows. An isolation forest
over number, size and rarity tells how odd a row is as a whole; a row is flagged if it has a reason and the
forest takes at least FOREST_SCORE (0.5 is an ordinary row).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.ensemble import IsolationForest

from worker.engines.cells import positions
from worker.engines.values import NUMERIC, Kind

SEED = 20_260_905
LEAST_CELLS = 30
"""Differing cells that a column needs before one of them can be odd by size."""
ODD_Z = 6.0
TAIL_FACTOR = 4.0
"""... and it must lie so many times beyond the 95th hundredth of all, so that heavy tails are not odd."""
LEAST_CELLS_OF_CLASSES, RARE_SHARE, COMMON_SHARE = 200, 0.005, 0.9
FOREST_SCORE = 0.5
TREES, TREE_ROWS = 100, 256
LISTED = 100
"""Flagged rows that are told in full; all are counted."""

_MAD_TO_DEVIATION = 1.4826
_MEAN_TO_DEVIATION = 1.2533
Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Differing cells, one row each: the row they belong to (0, 1, ...), column, values as text, class."""

    row: Positions
    column: npt.NDArray[np.int64]
    columns: Sequence[str]
    a: pa.Array
    b: pa.Array
    change: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a cell (or, with column None, a whole row) is odd. `weight` is comparable between reasons."""

    row: int
    cell: int | None
    column: str | None
    weight: float
    sentence: str


def find(
    cells: Cells,
    kinds: Mapping[str, Kind],
    key_of: Callable[[int], dict[str, Any]],
    tick: Callable[[str], None],
) -> dict[str, Any]:
    """The document of the odd rows. `kinds` of the columns; `key_of` gives the key of a row."""
    rows = int(cells.row.max()) + 1 if cells.row.size else 0
    reasons: list[Reason] = []
    size = np.zeros(cells.row.size)
    rarity = np.zeros(cells.row.size)
    for number, name in enumerate(cells.columns):
        tick(f"looking for odd differences of {name}")
        members = np.flatnonzero(cells.column == number)
        if kinds[name] in NUMERIC or kinds[name] is Kind.TIMESTAMP:
            reasons += _by_size(cells, members, name, kinds[name], size)
        reasons += _by_class(cells, members, name, rarity)
    changed = np.bincount(cells.row, minlength=rows)
    reasons += _by_number(changed)
    by_row: dict[int, list[Reason]] = defaultdict(list)
    for reason in reasons:
        by_row[reason.row].append(reason)
    tick("scoring odd rows")
    candidates = np.array(sorted(by_row), np.int64)
    features = np.column_stack(
        [changed, np.log1p(_largest(size, cells.row, rows)), _largest(rarity, cells.row, rows)]
    )
    scores = _forest(features, candidates)
    flagged = [
        (float(score), int(row))
        for score, row in zip(scores, candidates, strict=True)
        if score >= FOREST_SCORE
    ]
    flagged.sort(key=lambda one: (-max(r.weight for r in by_row[one[1]]), -one[0], one[1]))
    return {
        "rows_examined": rows,
        "flagged": len(flagged),
        "rows": [_told(row, score, by_row[row], cells, key_of) for score, row in flagged[:LISTED]],
    }


def _told(
    row: int, score: float, reasons: list[Reason], cells: Cells, key_of: Callable[[int], dict[str, Any]]
) -> dict[str, Any]:
    reasons = sorted(reasons, key=lambda reason: -reason.weight)
    key = key_of(row)
    named = ", ".join(f"{name} = {'NULL' if value is None else value}" for name, value in key.items())
    by_cell: dict[int, list[Reason]] = defaultdict(list)
    for reason in reasons:
        if reason.cell is not None:
            by_cell[reason.cell].append(reason)
    return {
        "key": key,
        "score": round(score, 3),
        "columns": [
            {
                "name": said[0].column,
                "a": cells.a[cell].as_py(),
                "b": cells.b[cell].as_py(),
                "why": "; ".join(reason.sentence for reason in said),
            }
            for cell, said in by_cell.items()
        ],
        "sentence": f"{named}: {'; '.join(reason.sentence for reason in reasons[:3])}.",
    }


def _by_size(cells: Cells, members: Positions, name: str, kind: Kind, size: Floats) -> list[Reason]:
    a, b = (_numbers(side.take(positions(members)), kind) for side in (cells.a, cells.b))
    known = np.isfinite(a) & np.isfinite(b)
    members, a, b = members[known], a[known], b[known]
    if members.size < LEAST_CELLS:
        return []
    delta = b - a
    typical, z = _robust(delta)
    told = _delta_told(kind)
    ratios = (a * b) > 0
    if kind is not Kind.TIMESTAMP and ratios.all():
        logs = np.log(b / a)
        centre, by_ratio = _robust(logs)
        if _tail(by_ratio) < _tail(z):
            delta, typical, z, told = logs, centre, by_ratio, _ratio_told
    z = np.abs(z)
    size[members] = z
    limit = max(ODD_Z, TAIL_FACTOR * _tail(z))
    return [
        Reason(
            int(cells.row[members[n]]),
            int(members[n]),
            name,
            float(np.log1p(z[n])),
            f"{name} {told(float(delta[n]))}, usually {told(typical)} (robust z {min(z[n], 1e6):,.0f})",
        )
        for n in np.flatnonzero(z > limit)
    ]


def _by_class(cells: Cells, members: Positions, name: str, rarity: Floats) -> list[Reason]:
    if members.size < LEAST_CELLS_OF_CLASSES:
        return []
    classes, codes, counts = np.unique(cells.change[members], return_inverse=True, return_counts=True)
    shares = counts / members.size
    rarity[members] = -np.log2(shares[codes])
    usual = classes[np.argmax(counts)]
    if shares.max() < COMMON_SHARE:
        return []
    return [
        Reason(
            int(cells.row[members[n]]),
            int(members[n]),
            name,
            float(-np.log2(shares[codes[n]])) / 2,
            f"{name} changed by {classes[codes[n]]}, as {counts[codes[n]]:,} of {members.size:,} do; usual is {usual}",
        )
        for n in np.flatnonzero(shares[codes] <= RARE_SHARE)
    ]


def _by_number(changed: Positions) -> list[Reason]:
    if changed.size < LEAST_CELLS:
        return []
    usual, z = _robust(changed.astype(np.float64))
    limit = max(ODD_Z, TAIL_FACTOR * _tail(z))
    odd = np.flatnonzero((z > limit) & (changed >= usual + 3))
    return [
        Reason(
            int(row),
            None,
            None,
            float(np.log1p(z[row])),
            f"{changed[row]} of its columns differ, usually {usual:g}",
        )
        for row in odd
    ]


def _robust(values: Floats) -> tuple[float, Floats]:
    """Median, and the robust z-score of each value; where half of the values are the same, by mean deviation."""
    median = float(np.median(values))
    apart = np.abs(values - median)
    deviation = _MAD_TO_DEVIATION * float(np.median(apart)) or _MEAN_TO_DEVIATION * float(np.mean(apart))
    # Rounding of binary numbers is no spread.
    deviation = max(deviation, 1e-9 * abs(median))
    return median, (values - median) / deviation if deviation else np.zeros(values.size)


def _tail(z: Floats) -> float:
    """The z-score below which 95 of 100 lie: the smaller, the steadier the values."""
    return float(np.quantile(np.abs(z), 0.95))


def _largest(values: Floats, row: Positions, rows: int) -> Floats:
    found = np.zeros(rows)
    np.maximum.at(found, row, values)
    return found


def _forest(features: Floats, candidates: Positions) -> Floats:
    """Scores of the candidates, 0 to 1. The forest sees all rows."""
    if not candidates.size:
        return np.zeros(0)
    forest = IsolationForest(n_estimators=TREES, max_samples=min(TREE_ROWS, len(features)), random_state=SEED)
    forest.fit(features)
    scores: Floats = -forest.score_samples(features[candidates])
    return scores


def _numbers(texts: pa.Array, kind: Kind) -> Floats:
    if kind is Kind.TIMESTAMP:
        moments = pc.cast(texts, pa.timestamp("us")).cast(pa.int64())
        seconds: Floats = moments.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / 1e6
        return seconds
    numbers: Floats = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _delta_told(kind: Kind) -> Callable[[float], str]:
    unit = " s" if kind is Kind.TIMESTAMP else ""
    return lambda value: f"moved by {value:+,.6g}{unit}"


def _ratio_told(value: float) -> str:
    return f"became {np.exp(value):,.6g} times as much"
