"""Rules of numbers: absolute and relative tolerance, rounding; all in decimal arithmetic."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from app.jobs.rules import ColumnRule
from worker.engines.numbers import (
    Mask,
    NumberPairs,
    equal_when_rounded,
    number_pairs,
    within_share,
    within_tolerance,
)
from worker.engines.values import ValueType


def excused_numbers(a: pa.Array, b: pa.Array, value_type: ValueType, rule: ColumnRule) -> Mask:
    """Where a[i] and b[i], none of them NULL, count as equal; NaN and infinity are near nothing."""
    excused = np.zeros(len(a), np.bool_)
    if rule.tolerance is None and rule.relative_tolerance is None and rule.decimals is None:
        return excused
    for pairs in number_pairs(a, b, value_type):
        excused[pairs.rows] = _excused(pairs, rule)
    return excused


def _excused(pairs: NumberPairs, rule: ColumnRule) -> Mask:
    excused = np.zeros(pairs.rows.size, np.bool_)
    if rule.tolerance is not None:
        excused |= within_tolerance(pairs, rule.tolerance)
    if rule.relative_tolerance is not None:
        excused |= within_share(pairs, rule.relative_tolerance)
    if rule.decimals is not None:
        excused |= equal_when_rounded(pairs, rule.decimals)
    return excused
