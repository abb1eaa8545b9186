"""Drift: columns whose values as a whole moved from A to B, told by the size of the effect.

With many rows every difference is significant; so the size decides and p-values only stand beside. It sees
systematic change; what changed in single rows the comparison tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.layout import ComparedColumn
from worker.engines.ml.measures import Numbers, Shift, shift_of_categories, shift_of_numbers
from worker.engines.values import NUMERIC, Kind

JENSEN_SHANNON = WASSERSTEIN = 0.1
"""From here on a column has drifted (distance; normed distance)."""
NULL_SHARE = 0.05
"""... or when the share of NULLs moved by so much."""
STRONG_PSI = 0.25
"""From here on the drift is strong."""
CATEGORIES = 100
"""The most frequent values of A are categories; all others are one more."""
MOSTLY_DISTINCT = 0.5
"""Text of which so many values are different has no categories; its length is looked at instead."""

_INSTANTS = frozenset({Kind.TIMESTAMP})


def drift(columns: Sequence[ComparedColumn], a: pa.Table, b: pa.Table) -> list[dict[str, Any]]:
    """The findings on each column, those that drifted most first. Column n of the tables is `c{n}`."""
    found = [_column(column, a.column(f"c{n}"), b.column(f"c{n}")) for n, column in enumerate(columns)]
    return sorted(found, key=lambda one: (not one["drifted"], -(one["psi"] or 0)))


def _column(column: ComparedColumn, a: pa.ChunkedArray, b: pa.ChunkedArray) -> dict[str, Any]:
    nulls = tuple(side.null_count / len(side) if len(side) else 0.0 for side in (a, b))
    kept_a, kept_b = a.drop_null(), b.drop_null()
    measured, shift = _shift(column, kept_a, kept_b)
    reasons = []
    if shift is not None and shift.jensen_shannon >= JENSEN_SHANNON:
        reasons.append(f"Jensen-Shannon distance {shift.jensen_shannon:.3f}")
    if shift is not None and shift.wasserstein is not None and shift.wasserstein >= WASSERSTEIN:
        reasons.append(f"Wasserstein distance {shift.wasserstein:.3f} standard deviations")
    if abs(nulls[1] - nulls[0]) >= NULL_SHARE:
        reasons.append(f"NULLs {nulls[0]:.1%} in A, {nulls[1]:.1%} in B")
    figures: dict[str, float | int | None] = (
        {"psi": None, "jensen_shannon": None, "bins": None} if shift is None else asdict(shift)
    )
    strong = shift is not None and shift.psi >= STRONG_PSI
    return {
        "name": column.name,
        "measured": measured,
        "drifted": bool(reasons),
        "strong": bool(reasons) and strong,
        "null_share_a": _rounded(nulls[0]),
        "null_share_b": _rounded(nulls[1]),
        **{name: _rounded(value) for name, value in figures.items()},
        "sentence": f"{column.name} drifted: {'; '.join(reasons)}."
        if reasons
        else f"{column.name} did not drift.",
    }


def _shift(column: ComparedColumn, a: pa.ChunkedArray, b: pa.ChunkedArray) -> tuple[str, Shift | None]:
    """What was measured, and the result; None where a side has no value."""
    kind = column.type.kind
    if kind in NUMERIC or kind in _INSTANTS:
        numbers_a, numbers_b = _numbers(a, kind), _numbers(b, kind)
        measured = "seconds" if kind in _INSTANTS else "numbers"
        return measured, _of_numbers(numbers_a, numbers_b)
    if kind is Kind.TEXT:
        distinct = pc.count_distinct(a).as_py()
        if distinct > CATEGORIES and distinct > MOSTLY_DISTINCT * len(a):
            lengths_a, lengths_b = (_as_floats(pc.utf8_length(side)) for side in (a, b))
            return "length of text", _of_numbers(lengths_a, lengths_b)
    if len(a) == 0 or len(b) == 0:
        return "categories", None
    return "categories", shift_of_categories(*_categories(a, b))


def _of_numbers(a: Numbers, b: Numbers) -> Shift | None:
    return shift_of_numbers(a, b) if a.size and b.size else None


def _numbers(values: pa.ChunkedArray, kind: Kind) -> Numbers:
    if kind is Kind.INTEGER:
        whole: npt.NDArray[np.int64] = values.to_numpy()
        return whole
    if kind in _INSTANTS:
        return _as_floats(values.cast(pa.int64())) / 1e6
    numbers = _as_floats(values)
    return numbers[np.isfinite(numbers)]


def _as_floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    floats: npt.NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy()
    return floats


def _categories(
    a: pa.ChunkedArray, b: pa.ChunkedArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Counts of A's most frequent values on both sides, and of all others."""
    counted = pc.value_counts(a).to_pylist()
    counted.sort(key=lambda one: (-one["counts"], str(one["values"])))
    top = pa.array([one["values"] for one in counted[:CATEGORIES]], a.type)
    counts = []
    for side in (a, b):
        at = pc.fill_null(pc.index_in(side, value_set=top), len(top)).to_numpy()
        counts.append(np.bincount(at, minlength=len(top) + 1).astype(np.int64))
    present = (counts[0] + counts[1]) > 0
    return counts[0][present], counts[1][present]


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.6g}")
