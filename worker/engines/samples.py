"""A few rows of each sort for people to look at: chosen by key, not by position, and told in full."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.cells import positions
from worker.engines.display import texts
from worker.engines.keys import Keys
from worker.engines.layout import ComparedColumn
from worker.engines.values import Kind, ValueType

Positions = npt.NDArray[np.int64]
Priorities = npt.NDArray[np.uint64]
Document = dict[str, Any]
_Place = tuple[int, int, int, int]
"""Priority (lowest wins), part, order among rows of one key, row."""


class Samples:
    """Keeps, of each sort, the `limit` rows of lowest priority among all that are offered.

    A row's priority hangs on its key alone: a choice as good as random, and the same whatever the order
    of the rows. Rows of one key are told apart by `order`.
    """

    SORTS = ("changed", "only_a", "only_b", "duplicates_a", "duplicates_b")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[str, dict[_Place, tuple[tuple[Any, ...], Document]]] = {s: {} for s in self.SORTS}

    def best(self, priority: Priorities, order: Positions) -> Positions:
        """Which of the rows offered at once can become samples at all: at most `limit` of them."""
        if priority.size > self._limit:
            if self._limit == 0:
                return np.empty(0, np.int64)
            bound = np.partition(priority, self._limit - 1)[self._limit - 1]
            near = np.flatnonzero(priority <= bound)
            return near[np.lexsort((order[near], priority[near]))[: self._limit]]
        return np.arange(priority.size)

    def cells(
        self,
        part: int,
        column: ComparedColumn,
        a: pa.Array,
        b: pa.Array,
        rows: Positions,
        priority: Priorities,
        order: Positions,
        keys_of: Callable[[Positions], Keys],
    ) -> None:
        """Differing cells of one column: a[i] against b[i] in row rows[i]. Columns come in the table's order."""
        kept = self._kept["changed"]
        open_ = np.arange(rows.size)
        if len(kept) >= self._limit > 0:
            open_ = np.flatnonzero(priority <= np.uint64(max(place[0] for place in kept)))
        chosen = open_[self.best(priority[open_], order[open_])]
        if chosen.size == 0:
            return
        at = positions(chosen)
        shown_a, shown_b = texts(a.take(at), column.type), texts(b.take(at), column.type)
        keys = keys_of(chosen)
        for sample, one, other in zip(
            self._places("changed", part, keys, rows[chosen], priority[chosen], order[chosen]),
            shown_a,
            shown_b,
            strict=True,
        ):
            sample.setdefault("cells", []).append({"column": column.name, "a": one, "b": other})
        self._prune("changed")

    def alone(
        self,
        side: int,
        part: int,
        keys: Keys,
        rows: Positions,
        priority: Priorities,
        order: Positions,
        columns: Sequence[ComparedColumn],
        values: Sequence[pa.Array],
    ) -> None:
        """Rows without a partner, whole: `values` are all columns, key first, at these rows."""
        sort = ("only_a", "only_b")[side]
        shown = [texts(array, column.type) for array, column in zip(values, columns, strict=True)]
        for n, sample in enumerate(self._places(sort, part, keys, rows, priority, order)):
            sample["row"] = {column.name: text[n] for column, text in zip(columns, shown, strict=True)}
        self._prune(sort)

    def repeated(
        self, side: int, part: int, keys: Keys, rows: Positions, priority: Priorities, counts: Positions
    ) -> None:
        """Keys that occur more than once, each with one of its rows."""
        sort = ("duplicates_a", "duplicates_b")[side]
        order = np.zeros(rows.size, np.int64)
        for sample, count in zip(
            self._places(sort, part, keys, rows, priority, order), counts.tolist(), strict=True
        ):
            sample["count"] = count
        self._prune(sort)

    def to_document(self) -> dict[str, list[Document]]:
        """The samples in the order of their keys."""
        return {
            sort: [
                sample
                for _, sample in (
                    kept[place] for place in sorted(kept, key=lambda place: (kept[place][0], place[1:3]))
                )
            ]
            for sort, kept in self._kept.items()
        }

    def _places(
        self, sort: str, part: int, keys: Keys, rows: Positions, priority: Priorities, order: Positions
    ) -> list[Document]:
        """The sample of each row, new ones with their key."""
        kept = self._kept[sort]
        ranks = list(
            zip(*(_sortable(x, c.type) for x, c in zip(keys.arrays, keys.columns, strict=True)), strict=True)
        )
        found = []
        places = zip(priority.tolist(), order.tolist(), rows.tolist(), strict=True)
        for rank, key, (first, nth, row) in zip(ranks, keys.documents(), places, strict=True):
            place = (first, part, nth, row)
            if place not in kept:
                kept[place] = (rank, {"key": key})
            found.append(kept[place][1])
        return found

    def _prune(self, sort: str) -> None:
        kept = self._kept[sort]
        for place in sorted(kept)[self._limit :]:
            del kept[place]


def _sortable(array: pa.Array, value_type: ValueType) -> list[tuple[int, Any]]:
    """Keys such that Python sorts them as the contract does: ascending, NaN after numbers, NULL last."""
    if value_type.kind is Kind.TIMESTAMP:
        array = array.view(pa.int64())
    return [_ranked(value, value_type.kind) for value in array.to_pylist()]


def _ranked(value: Any, kind: Kind) -> tuple[int, Any]:
    if value is None:
        return (2, 0)
    if kind is Kind.NUMBER:
        return (0, Decimal(value))
    if isinstance(value, float) and math.isnan(value):
        return (1, 0)
    return (0, value)
