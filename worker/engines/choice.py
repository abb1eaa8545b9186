"""Which engine compares two sources, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.errors import BadPlan
from worker.engines.plan import ComparisonPlan
from worker.engines.sources.base import InDatabase, Source

if TYPE_CHECKING:
    from worker.engines.comparison import Comparison
    from worker.engines.pushdown import PushdownComparison

AUTO, ARROW_DUCKDB, POLARS, PUSHDOWN = "auto", "arrow_duckdb", "polars", "pushdown"
ENGINES = (ARROW_DUCKDB, POLARS, PUSHDOWN)
PUSHDOWN_ROWS = 1_000_000
"""Tables of two databases, each of so many rows or more, are compared by push-down if nobody says otherwise."""
_NO_TABLE = "at least one side is no whole table of an Oracle database"


def choose(source: Source, target: Source, plan: ComparisonPlan, wanted: str) -> tuple[str, str]:
    """The name of the engine, and why it is that one. Raises EngineError."""
    if wanted in ENGINES:
        return wanted, "asked for"
    if wanted != AUTO:
        raise BadPlan(f"There is no engine {wanted!r}; choose one of {', '.join([AUTO, *ENGINES])}.")
    if not (isinstance(source, InDatabase) and isinstance(target, InDatabase)):
        return ARROW_DUCKDB, _NO_TABLE
    # Not before a database is in play: with the driver these take as long as comparing 100,000 rows.
    from worker.engines.pushdown import unsuited
    from worker.engines.sources.oracle import OracleTableSource

    if not (isinstance(source, OracleTableSource) and isinstance(target, OracleTableSource)):
        return ARROW_DUCKDB, _NO_TABLE
    if source.connect == target.connect:
        return ARROW_DUCKDB, "both tables are in one database; push-down only if asked for"
    rows = min(source.estimated_rows(), target.estimated_rows())
    if rows < PUSHDOWN_ROWS:
        return ARROW_DUCKDB, f"the smaller table has about {rows:,} rows, quickly fetched"
    if reason := unsuited(source, target, plan):
        return ARROW_DUCKDB, f"no push-down: {reason}"
    return PUSHDOWN, f"two databases, and the smaller table has about {rows:,} rows"


def engine(name: str) -> type[Comparison] | type[PushdownComparison]:
    """The engine of that name, one of ENGINES."""
    if name == POLARS:
        from worker.engines.polars_oracle import PolarsOracleComparison

        return PolarsOracleComparison
    if name == PUSHDOWN:
        from worker.engines.pushdown import PushdownComparison

        return PushdownComparison
    return ArrowDuckDBComparison
