"""Pairs of values that occur often among the differing cells of a column, and defaults that were filled in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.cells import positions
from worker.engines.display import texts
from worker.engines.values import ValueType

COUNT_ALL = 20_000
"""So many cells of a column are counted pair by pair; of more, only pairs that a sample of them shows often."""
MAX_PAIRS = 50_000
"""Distinct pairs of a column that are kept; beyond this the column is taken to have no frequent ones."""
FREQUENT_COUNT = 3
FREQUENT_SHARE = 0.05
"""A pair is frequent with this many cells and this share of the column's differing cells."""
_SAMPLE = 4096
_SAMPLE_SHARE = 0.02

DEFAULT_COUNT = 10
DEFAULT_SHARE = 0.1
_DEFAULT_FROM = 5
"""A value is a default if it stands in place of at least so many different values."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A value in A, what it became in B, and how many cells show this."""

    a: str | None
    b: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Default:
    """A value of one side that stands in place of many values of the other."""

    side: str
    value: str
    count: int


class FrequentPairs:
    """Counts of pairs (value in A, value in B). They add up over slices and parts."""

    def __init__(self, value_type: ValueType) -> None:
        self._type = value_type
        empty = pa.array([], value_type.storage)
        self._pairs: pa.Table | None = pa.table([empty, empty, pa.array([], pa.int64())], ["a", "b", "n"])
        self._seen = 0

    def add(self, a: pa.Array, b: pa.Array, priority: npt.NDArray[np.uint64]) -> None:
        """Count differing cells. `priority` chooses the sample, whatever the order of rows."""
        if self._pairs is None:
            return
        self._seen += len(a)
        few = self._seen <= COUNT_ALL or len(a) <= _SAMPLE
        counted = _counted(a, b) if few else _often(a, b, priority)
        if self._pairs.num_rows:
            both = pa.concat_tables([self._pairs, counted]).group_by(["a", "b"], use_threads=False)
            counted = both.aggregate([("n", "sum")]).rename_columns(["a", "b", "n"])
        self._pairs = counted if counted.num_rows <= MAX_PAIRS else None

    def transitions(self, different: int) -> list[Transition]:
        """The frequent pairs, most frequent first."""
        if not self._pairs:
            return []
        floor = max(FREQUENT_COUNT, math.ceil(FREQUENT_SHARE * different))
        top = self._pairs.filter(pc.greater_equal(self._pairs.column("n"), floor))
        a, b = (texts(top.column(side).combine_chunks(), self._type) for side in ("a", "b"))
        counted = zip(a, b, top.column("n").to_pylist(), strict=True)
        found = [Transition(one, other, count) for one, other, count in counted]
        return sorted(found, key=lambda t: (-t.count, str((t.a, t.b))))

    def defaults(self, different: int) -> list[Default]:
        """Values of B that stand in place of many of A (and the other way round), most cells first."""
        if not self._pairs:
            return []
        known = self._pairs.filter(
            pc.and_(self._pairs.column("a").is_valid(), self._pairs.column("b").is_valid())
        )
        floor = max(DEFAULT_COUNT, math.ceil(DEFAULT_SHARE * different))
        found = []
        for side in ("b", "a"):
            values = known.column(side).combine_chunks().dictionary_encode()
            codes = values.indices.to_numpy()
            cells = np.bincount(codes, weights=known.column("n").to_numpy())
            # No pair is there twice, so each has another value on the other side.
            often = np.flatnonzero((cells >= floor) & (np.bincount(codes) >= _DEFAULT_FROM))
            names = texts(values.dictionary.take(positions(often)), self._type)
            for value, count in zip(names, cells[often].tolist(), strict=True):
                assert value is not None
                found.append(Default(side, value, int(count)))
        return sorted(found, key=lambda d: (-d.count, d.value, d.side))


def _often(a: pa.Array, b: pa.Array, priority: npt.NDArray[np.uint64]) -> pa.Table:
    """Exact counts of the pairs whose value of either side a sample shows often."""
    sample = positions(np.argpartition(priority, _SAMPLE)[:_SAMPLE])
    looked_at = _counted(a.take(sample), b.take(sample))
    rows = np.zeros(len(a), np.bool_)
    for side, values in (("a", a), ("b", b)):
        by_value = looked_at.group_by(side, use_threads=False).aggregate([("n", "sum")])
        often = by_value.filter(pc.greater_equal(by_value.column("n_sum"), int(_SAMPLE_SHARE * _SAMPLE)))
        often = often.column(side).combine_chunks()
        if len(often):
            rows |= pc.is_in(values, value_set=often).to_numpy(zero_copy_only=False)
    if not rows.any():
        return looked_at.slice(0, 0)
    members = positions(np.flatnonzero(rows))
    return _counted(a.take(members), b.take(members))


def _counted(a: pa.Array, b: pa.Array) -> pa.Table:
    counted = (
        pa.table([a, b], ["a", "b"]).group_by(["a", "b"], use_threads=False).aggregate([([], "count_all")])
    )
    return counted.rename_columns(["a", "b", "n"])
