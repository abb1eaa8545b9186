"""Comparing two Oracle tables by sums of hashes computed in the databases, fetching only what differs."""

from __future__ import annotations

from worker.engines.pushdown.engine import PushdownComparison, unsuited

__all__ = ["PushdownComparison", "unsuited"]
