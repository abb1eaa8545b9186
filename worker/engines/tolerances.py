"""Rules applied last: which of the differing cells still count as different."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from worker.engines.cells import take
from worker.engines.layout import ComparedColumn
from worker.engines.numbers import Mask, number_pairs, within_tolerance


def beyond_tolerance(a: pa.Array, b: pa.Array, column: ComparedColumn) -> Mask:
    """Which of the differing cells a[i], b[i] the rules of `column` do not excuse."""
    counted = np.ones(len(a), np.bool_)
    if column.tolerance is None or len(a) == 0:
        return counted
    null = a.is_null().to_numpy(zero_copy_only=False) | b.is_null().to_numpy(zero_copy_only=False)
    both = np.flatnonzero(~null)
    if both.size:
        pairs = number_pairs(take(a, both), take(b, both), column.type)
        counted[both] = ~within_tolerance(pairs, column.tolerance)
    return counted
