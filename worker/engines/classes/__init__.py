"""What kind of change each differing cell underwent: one class a cell, by the kind of its column."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from worker.engines.cells import positions
from worker.engines.classes.details import Details
from worker.engines.classes.instants import instant_classes
from worker.engines.classes.labels import CHANGED, NULL_TO_VALUE, VALUE_TO_NULL, Codes
from worker.engines.classes.numbers import number_classes
from worker.engines.classes.texts import text_classes
from worker.engines.numbers import number_pairs
from worker.engines.values import NUMERIC, Kind, ValueType

CHUNK = 131_072
"""Cells worked on at once, so that what is made of them on the way stays small."""


def classify(a: pa.Array, b: pa.Array, value_type: ValueType, details: Details) -> Codes:
    """The label of each pair of differing cells (see `labels`); `details` is added to.

    Both arrays are in the storage form of `value_type`, and a[i] differs from b[i].
    """
    codes = np.full(len(a), CHANGED, np.int8)
    for start in range(0, len(a), CHUNK):
        _classify(
            a.slice(start, CHUNK), b.slice(start, CHUNK), value_type, details, codes[start : start + CHUNK]
        )
    return codes


def _classify(a: pa.Array, b: pa.Array, value_type: ValueType, details: Details, codes: Codes) -> None:
    null_a = a.is_null().to_numpy(zero_copy_only=False)
    null_b = b.is_null().to_numpy(zero_copy_only=False)
    codes[null_a] = NULL_TO_VALUE
    codes[null_b] = VALUE_TO_NULL
    both = np.flatnonzero(~(null_a | null_b))
    if both.size == 0:
        return
    if both.size < len(a):
        a, b = a.take(positions(both)), b.take(positions(both))
    if value_type.kind in NUMERIC:
        for pairs in number_pairs(a, b, value_type):
            codes[both[pairs.rows]] = number_classes(pairs, details)
    elif value_type.kind is Kind.TEXT:
        codes[both] = text_classes(a, b, details)
    elif value_type.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_NS):
        codes[both] = instant_classes(a, b, value_type, details)
