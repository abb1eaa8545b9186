"""What is found out about one column: cells different, classes of change, patterns with examples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.classes import Details, classify
from worker.engines.display import texts
from worker.engines.layout import ComparedColumn
from worker.engines.patterns import describe

EXAMPLES = 3
"""Examples of each class of change."""
MAX_TRANSITIONS = 50_000
"""Distinct (from, to) pairs of a column that are counted; beyond this none are reported."""

FREQUENT_COUNT = 3
FREQUENT_SHARE = 0.05
"""A pair of values is frequent with this many cells and this share of the column's differing cells."""

Rows = npt.NDArray[np.int64]
KeyOf = Callable[[Rows], list[dict[str, str | None]]]


class Tally:
    """Counts over the differing cells of one column. They add up over parts of a table."""

    def __init__(self, column: ComparedColumn) -> None:
        self.column = column
        self.different = 0
        self.null_against_value = 0
        self._labels: Counter[str] = Counter()
        self._details = Details()
        self._transitions: pa.Table | None = _count_pairs(
            pa.array([], column.type.storage), pa.array([], column.type.storage)
        )
        self._examples: dict[str, list[tuple[int, dict[str, Any]]]] = {}

    def add(self, a: pa.Array, b: pa.Array, priority: npt.NDArray[np.uint64], key_of: KeyOf) -> None:
        """Count differing cells: a[i] against b[i], in storage form.

        `priority[i]` decides which cells become examples (lowest first; a function of the row's key, so
        that the choice does not hang on the order of rows). `key_of` gives the keys of positions.
        """
        if len(a) == 0:
            return
        self.different += len(a)
        labels = classify(a, b, self.column.type, self._details)
        names, codes = np.unique(labels, return_inverse=True)
        for code, name in enumerate(names):
            members = np.flatnonzero(codes == code)
            self._labels[name] += members.size
            best = members[np.argsort(priority[members], kind="stable")[:EXAMPLES]]
            self._keep_examples(name, best, a, b, priority, key_of)
        self.null_against_value = self._labels["null_to_value"] + self._labels["value_to_null"]
        self._count_transitions(a, b)

    def classes(self) -> dict[str, int]:
        """Cells per class, largest first; they add up to `different`."""
        counts: Counter[str] = Counter()
        for label, count in self._decided().items():
            counts[label.partition(":")[0]] += count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def to_document(self) -> dict[str, Any]:
        """The column's entry in the result document."""
        labels, examples = self._decided(), self._decided_examples()
        return {
            "name": self.column.name,
            "different": self.different,
            "null_against_value": self.null_against_value,
            "classes": self.classes(),
            "patterns": describe(
                labels, self.different, self._details, self._frequent_transitions(), examples
            ),
        }

    def _decided(self) -> Counter[str]:
        """Cells per label, where the column as a whole decides between rounded and truncated."""
        counts = Counter(self._labels)
        for side in ("a", "b"):
            counts[self._decision(side)] += counts.pop(f"rounded|truncated:{side}", 0)
        return +counts

    def _decided_examples(self) -> dict[str, list[dict[str, Any]]]:
        ranked = {label: list(kept) for label, kept in self._examples.items()}
        for side in ("a", "b"):
            either = ranked.pop(f"rounded|truncated:{side}", [])
            label = self._decision(side)
            ranked[label] = sorted([*ranked.get(label, []), *either], key=itemgetter(0))[:EXAMPLES]
        return {label: [example for _, example in kept] for label, kept in ranked.items()}

    def _decision(self, side: str) -> str:
        cut = self._labels[f"truncated:{side}"] > self._labels[f"rounded:{side}"]
        return f"truncated:{side}" if cut else f"rounded:{side}"

    def _keep_examples(
        self,
        label: str,
        members: Rows,
        a: pa.Array,
        b: pa.Array,
        priority: npt.NDArray[np.uint64],
        key_of: KeyOf,
    ) -> None:
        rows = pa.array(members)
        cells = zip(
            priority[members].tolist(),
            key_of(members),
            texts(a.take(rows), self.column.type),
            texts(b.take(rows), self.column.type),
            strict=True,
        )
        kept = self._examples.setdefault(label, [])
        kept.extend((rank, {"key": key, "a": one, "b": other}) for rank, key, one, other in cells)
        kept.sort(key=itemgetter(0))
        del kept[EXAMPLES:]

    def _count_transitions(self, a: pa.Array, b: pa.Array) -> None:
        if self._transitions is None:
            return
        counted = _count_pairs(a, b)
        both = pa.concat_tables([self._transitions, counted]).group_by(["a", "b"]).aggregate([("n", "sum")])
        self._transitions = both.rename_columns(["a", "b", "n"]) if both.num_rows <= MAX_TRANSITIONS else None

    def _frequent_transitions(self) -> list[tuple[str | None, str | None, int]]:
        """The pairs of values that occur often, most frequent first."""
        if self._transitions is None:
            return []
        floor = max(FREQUENT_COUNT, math.ceil(FREQUENT_SHARE * self.different))
        top = self._transitions.filter(pc.greater_equal(self._transitions.column("n"), floor))
        a, b = (texts(top.column(side).combine_chunks(), self.column.type) for side in ("a", "b"))
        counted = zip(a, b, top.column("n").to_pylist(), strict=True)
        return sorted(counted, key=lambda item: (-item[2], str(item[:2])))


def _count_pairs(a: pa.Array, b: pa.Array) -> pa.Table:
    counted = pa.table([a, b], ["a", "b"]).group_by(["a", "b"]).aggregate([([], "count_all")])
    return counted.rename_columns(["a", "b", "n"])


def worst_first(tallies: Iterable[Tally]) -> Sequence[Tally]:
    """Columns with the most differing cells first; equal ones stay in the table's order."""
    return sorted(tallies, key=lambda tally: -tally.different)
