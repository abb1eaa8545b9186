"""Comparison engines: they take two sources, a plan and a progress callback, and return a result.

    result = compare(source, target, plan, progress, work_dir, memory_limit_mb)
    result.to_document()

Engines know neither the job queue nor the web; what they refuse they refuse with an `EngineError` whose
`sentence` a person understands and whose `retryable` says whether trying again can help.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worker.engines.errors import EngineError
from worker.engines.plan import ColumnRule, ComparisonPlan
from worker.engines.result import ComparisonResult
from worker.engines.sources.base import Source

if TYPE_CHECKING:
    from worker.engines.progress import Progress

__all__ = [
    "ColumnRule",
    "ComparisonPlan",
    "ComparisonResult",
    "EngineError",
    "Source",
    "compare",
]


def compare(
    source: Source,
    target: Source,
    plan: ComparisonPlan,
    progress: Progress,
    work_dir: Path,
    memory_limit_mb: int,
) -> ComparisonResult:
    """Compare `source` (side A, the reference) with `target` (side B) by the default engine.

    `progress` is called with the fraction done (0 to 1) and the current step; it may raise to cancel.
    Raises EngineError.
    """
    from worker.engines.arrow_duckdb import ArrowDuckDBComparison  # takes most of a second to import

    return ArrowDuckDBComparison(source, target, plan, work_dir, memory_limit_mb).run(progress)
