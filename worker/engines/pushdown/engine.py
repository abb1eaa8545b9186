"""PushdownComparison: two Oracle tables compared where they are; only rows of ranges that differ are fetched.

Two tables that are equal cost one aggregate query each. Otherwise ranges that differ are cut by 32 until they
are small, fetched, and compared by the default engine, whose document this engine completes with the counts of
the rest. What the databases cannot prove is fetched whole: too many ranges that differ, or a repeated key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import oracledb
import pyarrow as pa

from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.differences import Differences
from worker.engines.errors import BadPlan
from worker.engines.findings import Findings
from worker.engines.keyfinding.database import has_rowids
from worker.engines.layout import ComparedColumn, Layout, lay_out
from worker.engines.parts import Part
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Progress
from worker.engines.pushdown.bisect import Differing, Row, Whole, binds_of, chunks, differing, whole
from worker.engines.pushdown.statement import Side
from worker.engines.result import ComparisonResult
from worker.engines.sources.base import Source
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.sources.wrapped import Wrapped
from worker.engines.values import NUMERIC, Kind

MAX_COLUMNS = 900
"""Compared columns; a select list has at most 1000 expressions."""
_LONG = frozenset({Kind.LONG_TEXT, Kind.LONG_BINARY})
_QUERIES_SHARE = 0.6  # of the work
_LOOK_S = 0.2
_CHARACTER_SETS = """
select value from nls_database_parameters
 where parameter in ('NLS_CHARACTERSET', 'NLS_NCHAR_CHARACTERSET')
 order by parameter"""


def unsuited(source: Source, target: Source, plan: ComparisonPlan) -> str | None:
    """Why this engine cannot compare the two, or None if it can. Raises EngineError for a bad plan."""
    if not (isinstance(source, OracleTableSource) and isinstance(target, OracleTableSource)):
        return "both sides must be tables of an Oracle database"
    if plan.paranoid:
        return "it compares hashes, and every value was to be compared byte by byte"
    layout = lay_out(source, target, plan)
    if len(layout.columns) > MAX_COLUMNS:
        return f"there are more than {MAX_COLUMNS} columns"
    for column in layout.columns:
        if reason := _unsuited_column(column):
            return reason
    if not _by_value(layout):
        for side in (source, target):
            if not has_rowids(side):
                return f"{side.name} is a view whose rows have no ROWID"
    if source.connect != target.connect and _character_sets(source) != _character_sets(target):
        return "the two databases have different character sets, and equal texts would have different hashes"
    return None


class PushdownComparison:
    """One comparison. Make one, call `run` once; `account` then tells what it took. Arguments as of the default engine."""

    name = "PushdownComparison"

    def __init__(
        self,
        source: Source,
        target: Source,
        plan: ComparisonPlan,
        work_dir: Path,
        memory_limit_mb: int,
        threads: int | None = None,
        *,
        differences: Differences | None = None,
    ) -> None:
        if reason := unsuited(source, target, plan):
            raise BadPlan(f"Hash push-down is not possible: {reason}. Choose another engine.")
        assert isinstance(source, OracleTableSource)
        assert isinstance(target, OracleTableSource)
        self._sources = (source, target)
        self._plan = plan
        self._work_dir = work_dir
        self._memory_limit_mb = memory_limit_mb
        self._threads = threads
        self._differences = differences
        self.account: dict[str, Any] | None = None

    def run(self, progress: Progress) -> ComparisonResult:
        """Compare. What `progress` raises stops the queries and comes out unchanged. Raises EngineError."""
        start = time.monotonic()
        layout = lay_out(*self._sources, self._plan)
        sides = (_side(self._sources[0], layout, 0), _side(self._sources[1], layout, 1))
        with _Sessions(self._sources, progress) as sessions:
            found = whole(sides, sessions.both)
            left = self._left(sides, found, sessions)
            queries = sessions.queries
        a, b = (_Ranges(side, left) for side in sides)
        engine = _Rest(
            a,
            b,
            self._plan,
            self._work_dir,
            self._memory_limit_mb,
            self._threads,
            differences=self._differences,
        )
        engine.equal_rows = left.equal_rows
        engine.null_keys = None if left.everything else found.null_keys
        result = engine.run(lambda done, step: progress(_QUERIES_SHARE + (1 - _QUERIES_SHARE) * done, step))
        result.compared["seconds"] = round(time.monotonic() - start, 3)
        self.account = {
            "queries": queries,
            "equal": found.equal,
            "fetched_everything": left.everything,
            "ranges_fetched": len(left.ranges),
            "rows_fetched_a": a.rows,
            "rows_fetched_b": b.rows,
            "bytes_fetched": a.bytes + b.bytes,
            "differing_columns": [layout.values[n].name for n in found.differing_columns],
            "statement_a": sides[0].whole(),
            "statement_b": sides[1].whole(),
            "odds_of_a_missed_difference": "below 1e-14 for each range and column that differs",
        }
        return result

    @staticmethod
    def _left(sides: tuple[Side, Side], found: Whole, sessions: _Sessions) -> Differing:
        """What has to be fetched."""
        if not found.keys_are_unique:  # its rows must be seen to be counted and paired
            return Differing(everything=True)
        if found.equal:
            return Differing(equal_rows=found.rows[0])
        left = differing(sides, found, sessions.both)
        if left.everything:
            left.ranges, left.equal_rows = [], 0
        return left


class _Rest(ArrowDuckDBComparison):
    """The default engine over the rows that were fetched; the others are counted as matched and equal."""

    name = PushdownComparison.name
    equal_rows = 0
    null_keys: tuple[int, int] | None = None

    def _compare(self, whole: Part, layout: Layout, findings: Findings, *more: Any) -> None:
        super()._compare(whole, layout, findings, *more)
        summary = findings.summary
        summary.rows_a += self.equal_rows
        summary.rows_b += self.equal_rows
        summary.matched += self.equal_rows
        if self.null_keys is not None:
            summary.null_keys_a, summary.null_keys_b = self.null_keys


class _Sessions:
    """A session in each database; statements run in both at once, and progress may stop them."""

    def __init__(self, sources: tuple[OracleTableSource, OracleTableSource], progress: Progress) -> None:
        self._sources = sources
        self._progress = progress
        self.queries = 0

    def __enter__(self) -> _Sessions:
        self._cleanup = ExitStack()
        self._pool = self._cleanup.enter_context(ThreadPoolExecutor(2, "pushdown"))
        self._connections = [self._cleanup.enter_context(source.session()) for source in self._sources]
        return self

    def __exit__(self, *error: Any) -> None:
        self._cleanup.__exit__(*error)

    def both(
        self, statements: tuple[str, str], binds: dict[str, int], step: str
    ) -> tuple[list[Row], list[Row]]:
        """The rows of A's statement and of B's."""
        self._progress(_QUERIES_SHARE * self.queries / (self.queries + 8), step)
        self.queries += 2
        futures = [
            self._pool.submit(_rows, connection, statement, binds)
            for connection, statement in zip(self._connections, statements, strict=True)
        ]
        try:
            while wait(futures, timeout=_LOOK_S).not_done:
                self._progress(_QUERIES_SHARE * (self.queries - 1) / (self.queries + 8), step)
        except BaseException:
            for connection, future in zip(self._connections, futures, strict=True):
                if not future.done():
                    connection.cancel()
            wait(futures)
            raise
        return futures[0].result(), futures[1].result()


class _Ranges(Wrapped):
    """The rows of one side that have to be looked at; counts what is fetched."""

    def __init__(self, side: Side, left: Differing) -> None:
        super().__init__(side.source)
        self._side = side
        self._left = left
        self.rows = 0
        self.bytes = 0

    def estimated_rows(self) -> int | None:
        """As the database counted them."""
        return self._side.source.estimated_rows() if self._left.everything else self._left.rows

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The whole table, or the ranges that differ."""
        for batch in self._fetched(columns):
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            yield batch

    def _fetched(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        source = self._side.source
        if self._left.everything:
            yield from source.batches(columns)
            return
        for some in chunks(self._left.ranges):
            yield from source.rows_where(columns, self._side.condition(len(some)), binds_of(some))


def _rows(connection: oracledb.Connection, statement: str, binds: dict[str, int]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, binds, fetch_decimals=True)
        rows: list[Row] = cursor.fetchall()
        return rows


def _side(source: OracleTableSource, layout: Layout, number: int) -> Side:
    return Side(source, layout, number, _by_value(layout))


def _by_value(layout: Layout) -> bool:
    first, *others = layout.key
    return not others and first.type.kind is Kind.INTEGER and not (first.a.nullable or first.b.nullable)


def _unsuited_column(column: ComparedColumn) -> str | None:
    kinds = []
    for info in (column.a, column.b):
        assert info.value_type is not None
        if info.value_type.kind in _LONG:
            return f"{column.name} is {info.oracle_type}, and large objects are not hashed in the database"
        kinds.append(info.value_type.kind)
    if set(kinds) <= NUMERIC and len({kind is Kind.DOUBLE for kind in kinds}) == 2:
        return f"{column.name} is {column.a.oracle_type} on one side and {column.b.oracle_type} on the other"
    return None


def _character_sets(source: OracleTableSource) -> list[Row]:
    with source.session() as connection:
        return _rows(connection, _CHARACTER_SETS, {})
