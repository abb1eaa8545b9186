"""Throughput before and after a restart of the database, from the ledger's times of completion.

A pair is two windows of the same length under the same load. Between them the database server is killed and
started, and nothing else: the second window begins a fixed time after the first job that was claimed after the kill
has ended. A pair of the control has no kill between its windows, only the same time: it says how much two windows
differ anyway.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Pair:
    """When the two windows of a pair began, and what was between them."""

    window_seconds: float
    before: datetime
    after: datetime
    killed: datetime | None = None  # None: a pair of the control
    first_job: datetime | None = None  # end of the first job that was claimed after the kill

    def figures(self, completions: Sequence[datetime]) -> dict[str, Any]:
        """Jobs per second in both windows, their ratio, and for a restart what happened between them.

        completions are in order.
        """
        before = per_second(completions, self.before, self.window_seconds)
        after = per_second(completions, self.after, self.window_seconds)
        figures: dict[str, Any] = {
            "before": round(before, 2),
            "after": round(after, 2),
            "ratio": round(after / before, 3) if before else 0.0,
        }
        if self.killed and self.first_job:
            settling = (self.after - self.first_job).total_seconds()
            figures["seconds to the first job"] = round((self.first_job - self.killed).total_seconds(), 2)
            figures["jobs per second until the window"] = round(
                per_second(completions, self.first_job, settling), 2
            )
        return figures


def per_second(completions: Sequence[datetime], began: datetime, seconds: float) -> float:
    """Jobs completed per second in so many seconds from a moment."""
    end = began + timedelta(seconds=seconds)
    return (bisect_left(completions, end) - bisect_left(completions, began)) / seconds if seconds else 0.0


def summary(figures: Iterable[dict[str, Any]]) -> dict[str, float] | None:
    """Medians of both windows over all pairs, their ratio, and the median of the pairs' ratios."""
    if not (rows := list(figures)):
        return None
    before, after, ratio = (
        statistics.median(row[name] for row in rows) for name in ("before", "after", "ratio")
    )
    return {
        "pairs": len(rows),
        "before, median": round(before, 2),
        "after, median": round(after, 2),
        "ratio of the medians": round(after / before, 3) if before else 0.0,
        "median of the ratios": round(ratio, 3),
    }
