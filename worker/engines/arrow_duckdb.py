"""ArrowDuckDBComparison: the default engine. A map from key to key, then one column at a time.

Only the keys of both sides are held. They are matched by one sort (see `keymap`); then every column is
read in narrow form (see `narrow`), gathered through the map and compared, while threads read the next
one. Rules, classes, samples and export see differing cells only. Rows of repeated keys are set apart and
paired by their values by DuckDB. A source that can be read by column is read that way, again where text
is needed in full; rows that come only once go to a shelf, in memory or in the work folder. Past the
memory limit the rows are first cut into parts by key, and each part is compared by itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, wait
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from worker.engines.columns import Crew
from worker.engines.detector import ColumnLevelMismatchDetector
from worker.engines.differences import Differences
from worker.engines.duck import open_duckdb
from worker.engines.errors import BadPlan, MemoryLimitReached
from worker.engines.keys import Keys
from worker.engines.layout import Layout, lay_out
from worker.engines.part import Findings, How, Matched, PartComparison, match
from worker.engines.parts import MAX_PARTS, Part, cut
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Meter, Progress
from worker.engines.result import ComparisonResult, Summary
from worker.engines.rows import Rows, ShelfRows, SourceRows, canonical_of
from worker.engines.samples import Samples
from worker.engines.shelf import Shelf
from worker.engines.sources.base import Source

MIN_MEMORY_MB = 64
_MEGABYTE = 1 << 20
_SHELF_SHARE = 0.15
"""Of the memory limit: rows of one side that are held before they go to the work folder."""
_PART_SHARE = 0.45
_DUCKDB_SHARE = 0.3
_TEXT_SHARE = 1 / 16
"""Text of one column of one side that is kept while it is compared."""
_ROW_BYTES = 40
"""Memory that a row of either side needs beside its key: its code, its place in the map, narrow columns."""
_REPEATED_BYTES = 256
"""Bytes of the memory limit for each cell of rows of repeated keys that are paired at once."""
_LOOK_S = 0.2
"""How often progress is told while reading."""


class ArrowDuckDBComparison:
    """One comparison of two sources. Make one, call `run` once.

    `work_dir` must exist; files there are removed at the end, whatever happens. `memory_limit_mb` bounds
    the data held in memory, not the interpreter and its libraries (about 250 MB). `threads` are used for
    reading ahead and by DuckDB; None means the processors available to this process. With `paranoid`
    text that has equal hashes is compared byte by byte as well; a text column of each side is then held
    in memory. `differences` gets every differing cell.
    """

    name = "ArrowDuckDBComparison"

    def __init__(
        self,
        source: Source,
        target: Source,
        plan: ComparisonPlan,
        work_dir: Path,
        memory_limit_mb: int,
        threads: int | None = None,
        *,
        paranoid: bool = False,
        differences: Differences | None = None,
    ) -> None:
        if memory_limit_mb < MIN_MEMORY_MB:
            raise BadPlan(
                f"The memory limit of {memory_limit_mb} MB is too small; at least {MIN_MEMORY_MB} MB are needed."
            )
        if plan.sample_limit < 0:
            raise BadPlan(f"The sample limit is {plan.sample_limit}; it must be 0 or more.")
        self._sources = (source, target)
        self._plan = plan
        self._work_dir = work_dir
        self._memory_bytes = memory_limit_mb * _MEGABYTE
        self._threads = threads or len(os.sched_getaffinity(0))
        self._paranoid = paranoid
        self._differences = differences

    def run(self, progress: Progress) -> ComparisonResult:
        """Compare. What `progress` raises ends the comparison and comes out of here unchanged.

        Raises EngineError when the comparison cannot be done or breaks; nothing is left in the work folder.
        """
        started_at, start = datetime.now(UTC), time.monotonic()
        source, target = self._sources
        layout = lay_out(source, target, self._plan)
        findings = Findings(
            Summary(),
            ColumnLevelMismatchDetector(layout.key, layout.values, self._differences),
            Samples(self._plan.sample_limit),
        )
        meter = Meter(
            progress,
            (source.name, target.name),
            (source.estimated_rows(), target.estimated_rows()),
            (not source.by_column, not target.by_column),
        )
        try:
            with ExitStack() as cleanup:
                self._compare(layout, findings, meter, cleanup)
        except MemoryError as error:
            raise MemoryLimitReached(
                "The comparison ran out of memory. Give the job more, or set a lower limit for the engine."
            ) from error
        result = ComparisonResult(
            summary=findings.summary,
            columns=findings.detector.to_documents(findings.summary.matched),
            schema=_schema_document(layout),
            samples=findings.samples.to_document(),
            compared={
                "source": source.name,
                "target": target.name,
                "scn_a": source.scn,
                "scn_b": target.scn,
                "started_at": started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "seconds": round(time.monotonic() - start, 3),
                "engine": self.name,
                "rules": _rules_document(self._plan, layout),
            },
        )
        meter.done()
        return result

    def _compare(self, layout: Layout, findings: Findings, meter: Meter, cleanup: ExitStack) -> None:
        crew = Crew(self._threads, meter.tick)
        cleanup.callback(crew.dismiss)
        how = How(
            layout=layout,
            meter=meter,
            crew=crew,
            keep_bytes=sys.maxsize if self._paranoid else int(_TEXT_SHARE * self._memory_bytes),
            paranoid=self._paranoid,
            require_unique_key=self._plan.require_unique_key,
            duckdb=self._duckdb,
        )
        whole = self._put_aside(how, cleanup)
        count, matched = self._parts(whole, how)
        parts = [whole]
        if count > 1:
            meter.cutting()
            budget = int(_SHELF_SHARE * self._memory_bytes)
            parts = cleanup.enter_context(cut(whole, count, layout, budget, self._work_dir, meter.tick))
        for number, part in enumerate(parts):
            meter.pairing(number, count)
            if matched is None:
                keys = self._keys(part, how, lambda *_: None)
                matched = match(keys, meter.tick)
            self._count_rows(matched, findings.summary)
            PartComparison(part, matched, number, count, how, findings).run()
            matched = None
            for rows in part:
                rows.discard()
        meter.finishing()

    def _put_aside(self, how: How, cleanup: ExitStack) -> Part:
        """Both sides such that they can be read again: those that cannot are read once, at the same time."""
        sides: list[Rows] = []
        readings: list[_Reading] = []
        for side, source in enumerate(self._sources):
            if source.by_column:
                sides.append(SourceRows(source, side, how.layout))
                continue
            path = self._work_dir / f"side-{'ab'[side]}.arrow"
            shelf = Shelf(how.layout.storage, path, int(_SHELF_SHARE * self._memory_bytes))
            cleanup.callback(shelf.discard)
            types = [column.type for column in how.layout.columns]
            sides.append(ShelfRows(shelf, source.name, types))
            readings.append(_Reading(source, side, shelf))
        if readings:
            how.meter.reading([0, 0])
            futures = [how.crew.start(reading.run, how.layout, how.crew) for reading in readings]
            running = set(futures)
            while running:
                done, running = wait(running, timeout=_LOOK_S, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                rows = [0, 0]
                for reading in readings:
                    rows[reading.side] = reading.shelf.rows
                how.meter.reading(rows)
        return sides[0], sides[1]

    def _parts(self, whole: Part, how: How) -> tuple[int, Matched | None]:
        """How many parts are needed, and the map of keys if it is one."""
        budget = int(_PART_SHARE * self._memory_bytes)
        expected = [rows.expected or 0 for rows in whole]
        key_bytes = 16 * len(how.layout.key)
        if sum(expected) * (_ROW_BYTES + key_bytes // 2) > budget:
            return _pieces(sum(expected) * (_ROW_BYTES + key_bytes), budget), None
        limit = _KeyLimit(budget, sum(expected))
        try:
            keys = self._keys(whole, how, limit.check)
        except _TooMuch as much:
            return _pieces(much.weight, budget), None
        weight = sum(side.bytes + _ROW_BYTES * side.count for side in keys)
        if weight > budget:
            return _pieces(weight, budget), None
        matched = match(keys, how.meter.tick)
        cells = (matched.map.repeated_a.size + matched.map.repeated_b.size) * len(how.layout.columns)
        if cells * _REPEATED_BYTES > self._memory_bytes:
            return _pieces(cells * _REPEATED_BYTES, self._memory_bytes), None
        return 1, matched

    def _keys(self, part: Part, how: How, check: Callable[[int, int], None]) -> tuple[Keys, Keys]:
        rows = [0, 0]

        def checked(side: int, count: int, size: int) -> None:
            how.crew.check()
            rows[side] = count
            check(count, size)

        futures = [
            how.crew.start(Keys.read, part[side], how.layout.key, partial(checked, side)) for side in (0, 1)
        ]
        a, b = (how.crew.wait(future) for future in futures)
        return a, b

    @staticmethod
    def _count_rows(matched: Matched, summary: Summary) -> None:
        a, b = matched.keys
        summary.rows_a += a.count
        summary.rows_b += b.count
        summary.null_keys_a += a.with_null
        summary.null_keys_b += b.with_null

    def _duckdb(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        memory_mb = int(_DUCKDB_SHARE * self._memory_bytes) // _MEGABYTE
        return open_duckdb(self._work_dir / "duckdb", memory_mb, self._threads)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One side being read, once, onto its shelf."""

    source: Source
    side: int
    shelf: Shelf

    def run(self, layout: Layout, crew: Crew) -> None:
        columns = [(column.a if self.side == 0 else column.b, column.type) for column in layout.columns]
        for batch in self.source.batches([info.name for info, _ in columns]):
            crew.check()
            arrays = [
                canonical_of(info, common, batch.column(position), self.source.name)
                for position, (info, common) in enumerate(columns)
            ]
            self.shelf.append(pa.RecordBatch.from_arrays(arrays, schema=layout.storage))
        self.shelf.finish()


class _TooMuch(Exception):
    """Keys outgrow the memory; `weight` is what all of them would take, in bytes."""

    def __init__(self, weight: int) -> None:
        super().__init__(weight)
        self.weight = weight


@dataclass(frozen=True, slots=True)
class _KeyLimit:
    """Ends the reading of one side's keys when they take more than `budget` bytes."""

    budget: int
    expected_rows: int

    def check(self, count: int, size: int) -> None:
        weight = size + _ROW_BYTES * count
        if weight > self.budget:
            raise _TooMuch(weight * max(self.expected_rows, 2 * count) // count)


def _pieces(weight: int, budget: int) -> int:
    return max(2, min(MAX_PARTS, -(-2 * weight // budget)))


def _schema_document(layout: Layout) -> dict[str, Any]:
    return {
        "only_a": list(layout.only_a),
        "only_b": list(layout.only_b),
        "different": [dict(difference) for difference in layout.different],
        "key": [column.name for column in layout.key],
        "key_origin": layout.key_origin,
    }


def _rules_document(plan: ComparisonPlan, layout: Layout) -> dict[str, Any]:
    rules = {column.name: column.rule for column in layout.values if column.rule is not None}
    ignored = [name for name, rule in plan.rules.items() if rule.ignore]
    return {
        "ignore": [*plan.ignore, *ignored],
        "columns": {name: msgspec.to_builtins(rule) for name, rule in rules.items() if not rule.is_empty},
    }
