"""Statistics beside the exact comparison: drift, odd differences, and where differences concentrate."""

from __future__ import annotations

from worker.engines.ml.analysis import MLDataComparison

__all__ = ["MLDataComparison"]
