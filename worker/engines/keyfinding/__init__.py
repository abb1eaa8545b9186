"""Finding the columns that identify a row when no table declares them."""

from __future__ import annotations

from worker.engines.keyfinding.find import WIDTH, Findings, find_keys

__all__ = ["WIDTH", "Findings", "find_keys"]
