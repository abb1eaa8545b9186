"""The workflow of one comparison: which engines run, in what order and why, and what comes out of them.

outcome = run(source, target, plan, Wanted(), progress, work_dir, results_dir, memory_limit_mb)
outcome.document["summary"]
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.oracle.keys import shared_key
from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.differences import DifferencesFiles
from worker.engines.errors import BadPlan
from worker.engines.files import ResultFile
from worker.engines.keyfinding import ORIGIN, find_keys
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Progress
from worker.engines.pushdown import PushdownComparison, unsuited
from worker.engines.sources.base import Source
from worker.engines.sources.oracle import OracleTableSource

AUTO, ARROW_DUCKDB, PUSHDOWN = "auto", "arrow_duckdb", "pushdown"
ENGINES = (AUTO, ARROW_DUCKDB, PUSHDOWN)
PUSHDOWN_ROWS = 1_000_000
"""Tables of two databases, each of so many rows or more, are compared by push-down if nobody says otherwise."""
_KEY_SHARE = 0.3  # of the work, where the key must be found first


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the workflow is to do beside comparing. `engine` is one of ENGINES."""

    engine: str = AUTO
    ml: bool = False
    export: bool = True
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result document, JSON-able, and the files that belong to it."""

    document: dict[str, Any]
    files: tuple[ResultFile, ...]


def run(
    source: Source,
    target: Source,
    plan: ComparisonPlan,
    wanted: Wanted,
    progress: Progress,
    work_dir: Path,
    results_dir: Path | None,
    memory_limit_mb: int,
    threads: int | None = None,
) -> Outcome:
    """Compare `source` (side A, the reference) with `target` (side B).

    `work_dir` must exist and is left as it was; result files go below `results_dir`, none if it is None.
    `progress` may raise to cancel; what it raises comes out unchanged. Raises EngineError.
    """
    if wanted.engine not in ENGINES:
        raise BadPlan(f"There is no engine {wanted.engine!r}; choose one of {', '.join(ENGINES)}.")
    steps: list[dict[str, Any]] = []
    findings = None
    if plan.key is None and not _declares_key(source, target):
        left_out = {*plan.ignore, *plan.rules}
        findings = find_keys(
            source,
            target,
            _within(progress, 0.0, _KEY_SHARE),
            work_dir,
            memory_limit_mb,
            ignore=left_out,
            threads=threads,
        )
        plan = replace(plan, key=findings.chosen().columns)
        progress = _within(progress, _KEY_SHARE, 1.0)
        why = "no key was given, and the tables declare none in common"
        steps.append(_step("find key", "key finding", why, findings.seconds))
    start = time.monotonic()
    kept = DifferencesFiles(results_dir) if wanted.export and results_dir is not None else None
    name, why = _chosen(source, target, plan, wanted.engine)
    engine = _ENGINES[name](source, target, plan, work_dir, memory_limit_mb, threads, differences=kept)
    with _discarded_on_failure(kept):
        document = engine.run(progress).to_document()
        files = kept.finish() if kept is not None else ()
    if kept is not None and kept.left_out:
        document["differences_left_out"] = kept.left_out
    steps.append(_step("compare", name, why, time.monotonic() - start))
    if isinstance(engine, PushdownComparison):
        steps[-1]["pushdown"] = engine.account
    if findings is not None:
        document["schema"] |= {"key_origin": ORIGIN, "key_finding": findings.to_document()}
    document |= {"ml_analysis": None, "workflow": {"steps": steps}}
    document["files"] = [file.to_document() for file in files]
    return Outcome(document, files)


_ENGINES: dict[str, type[ArrowDuckDBComparison] | type[PushdownComparison]] = {
    ARROW_DUCKDB: ArrowDuckDBComparison,
    PUSHDOWN: PushdownComparison,
}


def _chosen(source: Source, target: Source, plan: ComparisonPlan, wanted: str) -> tuple[str, str]:
    """The engine, and why. Raises EngineError."""
    if wanted != AUTO:
        return wanted, "asked for"
    if not (isinstance(source, OracleTableSource) and isinstance(target, OracleTableSource)):
        return ARROW_DUCKDB, "at least one side is no Oracle table"
    if source.connect == target.connect:
        return ARROW_DUCKDB, "both tables are in one database; push-down only if asked for"
    rows = min(source.estimated_rows(), target.estimated_rows())
    if rows < PUSHDOWN_ROWS:
        return ARROW_DUCKDB, f"the smaller table has about {rows:,} rows, quickly fetched"
    if reason := unsuited(source, target, plan):
        return ARROW_DUCKDB, f"no push-down: {reason}"
    return PUSHDOWN, f"two databases, and the smaller table has about {rows:,} rows"


@contextmanager
def _discarded_on_failure(kept: DifferencesFiles | None) -> Iterator[None]:
    """No file of a comparison that broke stays behind."""
    try:
        yield
    except BaseException:
        if kept is not None:
            kept.discard()
        raise


def _declares_key(source: Source, target: Source) -> bool:
    common = {c.name.upper() for c in source.schema()} & {c.name.upper() for c in target.schema()}
    return shared_key(source.declared_keys(), target.declared_keys(), common) is not None


def _within(progress: Progress, start: float, end: float) -> Progress:
    """A progress of its own for the part of the work from `start` to `end`."""
    return lambda fraction, step: progress(start + (end - start) * fraction, step)


def _step(name: str, engine: str, why: str, seconds: float) -> dict[str, Any]:
    return {"name": name, "engine": engine, "why": why, "seconds": round(seconds, 3)}
