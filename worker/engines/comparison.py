"""What every comparing engine does around the comparison: layout, limits, progress, clean-up, the document."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from worker.engines.columns import Crew
from worker.engines.differences import Differences
from worker.engines.errors import BadPlan, MemoryLimitReached
from worker.engines.findings import Findings
from worker.engines.layout import Layout, lay_out
from worker.engines.parts import Part
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Meter, Progress
from worker.engines.result import ComparisonResult
from worker.engines.rows import Rows, ShelfRows, SourceRows, canonical_of
from worker.engines.shelf import Shelf
from worker.engines.sources.base import Source

MIN_MEMORY_MB = 64
MEGABYTE = 1 << 20
_SHELF_SHARE = 0.15
"""Of the memory limit: rows of one side that are held before they go to the work folder."""


class Comparison(ABC):
    """One comparison of two sources. Make one, call `run` once.

    `work_dir` must exist; files there are removed at the end, whatever happens. `memory_limit_mb` bounds
    the data held in memory, not the interpreter and its libraries (about 250 MB). `threads` are used for
    reading ahead and by DuckDB; None means the processors available to this process. `differences` gets
    every differing cell and every row without a partner.
    """

    name: str
    account: dict[str, Any] | None = None
    """What is to be told of how it was done, if anything; known after `run`."""

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
        if memory_limit_mb < MIN_MEMORY_MB:
            raise BadPlan(
                f"The memory limit of {memory_limit_mb} MB is too small; at least {MIN_MEMORY_MB} MB are needed."
            )
        if plan.sample_limit < 0:
            raise BadPlan(f"The sample limit is {plan.sample_limit}; it must be 0 or more.")
        self._sources = (source, target)
        self._plan = plan
        self._work_dir = work_dir
        self._memory_bytes = memory_limit_mb * MEGABYTE
        self._threads = threads or len(os.sched_getaffinity(0))
        self._differences = differences

    def run(self, progress: Progress) -> ComparisonResult:
        """Compare. What `progress` raises ends the comparison and comes out of here unchanged.

        Raises EngineError when the comparison cannot be done or breaks; nothing is left in the work folder.
        """
        started_at, start = datetime.now(UTC), time.monotonic()
        source, target = self._sources
        layout = lay_out(source, target, self._plan)
        findings = Findings(layout, self._plan.sample_limit, self._differences)
        meter = Meter(
            progress,
            (source.name, target.name),
            (source.estimated_rows(), target.estimated_rows()),
            (not source.by_column, not target.by_column),
        )
        try:
            with ExitStack() as cleanup:
                crew = Crew(self._threads, meter.tick)
                cleanup.callback(crew.dismiss)
                whole = self._put_aside(layout, meter, crew, cleanup)
                self._compare(whole, layout, findings, meter, crew, cleanup)
                meter.finishing()
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
                "paranoid": self._plan.paranoid,
                "rules": _rules_document(self._plan, layout),
            },
        )
        meter.done()
        return result

    @abstractmethod
    def _compare(
        self,
        whole: Part,
        layout: Layout,
        findings: Findings,
        meter: Meter,
        crew: Crew,
        cleanup: ExitStack,
    ) -> None:
        """Compare all rows and report to `findings`. What must be undone at the end goes to `cleanup`."""

    @property
    def _shelf_bytes(self) -> int:
        return int(_SHELF_SHARE * self._memory_bytes)

    def _put_aside(self, layout: Layout, meter: Meter, crew: Crew, cleanup: ExitStack) -> Part:
        """Both sides such that they can be read again: those that cannot are read once, at the same time."""
        sides: list[Rows] = []
        readings: list[_Reading] = []
        for side, source in enumerate(self._sources):
            if source.by_column:
                sides.append(SourceRows(source, side, layout))
                continue
            path = self._work_dir / f"side-{'ab'[side]}.arrow"
            shelf = Shelf(layout.storage, path, self._shelf_bytes)
            cleanup.callback(shelf.discard)
            sides.append(ShelfRows(shelf, source.name, [column.type for column in layout.columns]))
            readings.append(_Reading(source, side, shelf))
        if readings:
            meter.reading([0, 0])
            rows = [0, 0]

            def look() -> None:
                for reading in readings:
                    rows[reading.side] = reading.shelf.rows
                meter.reading(rows)

            crew.wait_all([crew.start(reading.run, layout, crew) for reading in readings], look)
        return sides[0], sides[1]


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
