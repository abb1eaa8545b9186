"""What is found out about one column: cells different, classes of change, patterns with examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.canonical import number_text
from worker.engines.cells import positions
from worker.engines.classes import classify
from worker.engines.classes.details import Details
from worker.engines.classes.labels import LABELS, Codes, class_of, decide
from worker.engines.display import texts
from worker.engines.frequent import FrequentPairs
from worker.engines.layout import ComparedColumn
from worker.engines.patterns import Found, describe
from worker.engines.suggestions import Settled, suggest
from worker.engines.values import NUMERIC

EXAMPLES = 3
"""Examples of each class of change."""

Rows = npt.NDArray[np.int64]
KeyOf = Callable[[Rows], list[dict[str, str | None]]]


class Tally:
    """Counts over the differing cells of one column. They add up over slices and parts of a table."""

    def __init__(self, column: ComparedColumn) -> None:
        self.column = column
        self.different = 0
        self.found_elsewhere: list[dict[str, Any]] = []
        """Patterns that show only beside other columns (swapped columns), in document form."""
        self._labels: Counter[str] = Counter()
        self._details = Details()
        self._settled = Settled(column)
        self._pairs = FrequentPairs(column.type)
        self._examples: dict[str, list[tuple[int, dict[str, Any]]]] = {}

    def add(self, a: pa.Array, b: pa.Array, priority: npt.NDArray[np.uint64], key_of: KeyOf) -> Codes:
        """Count differing cells: a[i] against b[i], in storage form. Returns their labels.

        `priority[i]` decides which cells become examples (lowest first; a function of the row's key, so
        that the choice does not hang on the order of rows). `key_of` gives the keys of positions.
        """
        labels = classify(a, b, self.column.type, self._details)
        if len(a) == 0:
            return labels
        self.different += len(a)
        for code, count in enumerate(np.bincount(labels, minlength=len(LABELS)).tolist()):
            if count:
                self._labels[LABELS[code]] += count
                members = np.flatnonzero(labels == code)
                best = members[_lowest(priority[members], EXAMPLES)]
                self._keep_examples(LABELS[code], best, a, b, priority, key_of)
        self._settled.add(a, b, labels)
        self._pairs.add(a, b, priority)
        return labels

    @property
    def null_against_value(self) -> int:
        """Cells with NULL on one side only."""
        return self._labels["null_to_value"] + self._labels["value_to_null"]

    def decisions(self) -> dict[str, str]:
        """What each provisional label means, by the cells counted so far."""
        return decide(self._labels)

    def classes(self) -> dict[str, int]:
        """Cells per class, largest first; they add up to `different`."""
        counts: Counter[str] = Counter()
        for label, count in self._decided().items():
            counts[class_of(label)] += count
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def to_document(self, matched: int) -> dict[str, Any]:
        """The column's entry in the result document; `matched` rows were compared.

        `largest_difference` and `mean_difference` are absolute, as decimal text, in the column's unit, for
        times in seconds; they are there when both sides of a differing cell have a finite number or a time.
        `examples` are of cells that are `changed` in no known way; those of the others are in `patterns`.
        """
        document: dict[str, Any] = {
            "name": self.column.name,
            "type": self.column.a.oracle_type,
            "different": self.different,
            "share": int(1_000_000 * self.different / matched) / 1_000_000 if matched else 0.0,
            "null_against_value": self.null_against_value,
        }
        distances = self._details.distances
        if distances.cells:
            document["largest_difference"] = number_text(distances.largest)
            document["mean_difference"] = number_text(distances.mean())
            if self.column.type.kind not in NUMERIC:
                document["difference_unit"] = "seconds"
        labels = self._decided()
        transitions = self._pairs.transitions(self.different)
        patterns = describe(
            Found(
                labels=labels,
                different=self.different,
                details=self._details,
                transitions=transitions,
                defaults=self._pairs.defaults(self.different),
                examples=self._decided_examples(),
            )
        )
        document["classes"] = self.classes()
        document["patterns"] = sorted(
            [*self.found_elsewhere, *patterns], key=lambda found: (-found["count"], found["sentence"])
        )
        document["examples"] = self._decided_examples().get("changed", [])
        document["suggestions"] = suggest(
            self.column, labels, self._details, self._settled, transitions, self.different
        )
        return document

    def _decided(self) -> Counter[str]:
        """Cells per label, where the column as a whole decides the provisional ones."""
        counts = Counter(self._labels)
        for label, meaning in self.decisions().items():
            if label != meaning:
                counts[meaning] += counts.pop(label, 0)
        return +counts

    def _decided_examples(self) -> dict[str, list[dict[str, Any]]]:
        ranked = {label: list(kept) for label, kept in self._examples.items()}
        for label, meaning in self.decisions().items():
            if label != meaning:
                either = ranked.pop(label, [])
                ranked[meaning] = sorted([*ranked.get(meaning, []), *either], key=itemgetter(0))[:EXAMPLES]
        return {label: [example for _, example in kept] for label, kept in ranked.items()}

    def _keep_examples(
        self,
        label: str,
        members: Rows,
        a: pa.Array,
        b: pa.Array,
        priority: npt.NDArray[np.uint64],
        key_of: KeyOf,
    ) -> None:
        kept = self._examples.setdefault(label, [])
        ranks = priority[members].tolist()
        if len(kept) == EXAMPLES and ranks and min(ranks) >= kept[-1][0]:
            return
        rows = positions(members)
        cells = zip(
            ranks,
            key_of(members),
            texts(a.take(rows), self.column.type),
            texts(b.take(rows), self.column.type),
            strict=True,
        )
        kept.extend((rank, {"key": key, "a": one, "b": other}) for rank, key, one, other in cells)
        kept.sort(key=itemgetter(0))
        del kept[EXAMPLES:]


def _lowest(priority: npt.NDArray[np.uint64], count: int) -> Rows:
    """Positions of the lowest priorities, in their order."""
    if priority.size > 4 * count:
        first = np.sort(np.argpartition(priority, count)[:count])
        return first[np.argsort(priority[first], kind="stable")]
    return np.argsort(priority, kind="stable")[:count]


def worst_first(tallies: Iterable[Tally]) -> Sequence[Tally]:
    """Columns with the most differing cells first; equal ones stay in the table's order."""
    return sorted(tallies, key=lambda tally: -tally.different)
