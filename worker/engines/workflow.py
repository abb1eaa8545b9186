"""The workflow of one comparison: which engines run, in what order and why, and what comes out of them.

    outcome = run(source, target, plan, Wanted(), progress, work_dir, results_dir, memory_limit_mb)
    outcome.document["summary"]

Steps: find a key where none is given and none declared; compare; analyse and write a repair where that is wanted.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from app.oracle.keys import shared_key
from worker.engines.choice import AUTO, choose, engine
from worker.engines.critical import critical
from worker.engines.differences import DifferencesFiles
from worker.engines.files import ResultFile
from worker.engines.limits import fit
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Progress
from worker.engines.sources.base import Source

_KEY_SHARES = (
    0.4,
    0.8,
)  # where rows come once, and where columns are read again; of the work, where the key must be found first
_ANALYSIS_SHARES = (0.25, 0.55)  # the same; of the rest, where an analysis is wanted
_KEY_FOUND = "found in the data"
"""What `key_origin` says where no key was given and none is declared."""

Checkpoint = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the workflow is to do beside comparing. `engine` is "auto" or one of `choice.ENGINES`."""

    engine: str = AUTO
    ml: bool = False
    export: bool = True
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result document, JSON-able, and the files that belong to it."""

    document: dict[str, Any]
    files: tuple[ResultFile, ...]


@dataclass(frozen=True, slots=True)
class Resume:
    """What an earlier attempt left, and how to leave something for a later one."""

    checkpoint: Checkpoint | None = None
    save: Callable[[Checkpoint], None] = lambda _: None


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
    resume: Resume | None = None,
) -> Outcome:
    """Compare `source` (side A, the reference) with `target` (side B).

    `work_dir` must exist and is left as it was; result files go below `results_dir`, none if it is None.
    `progress` may raise to cancel; what it raises comes out unchanged. Raises EngineError.
    """
    workflow = _Workflow(
        source, target, wanted, work_dir, results_dir, memory_limit_mb, threads, resume or Resume()
    )
    return workflow.run(plan, progress)


@dataclass(frozen=True, slots=True)
class _Workflow:
    source: Source
    target: Source
    wanted: Wanted
    work_dir: Path
    results_dir: Path | None
    memory_limit_mb: int
    threads: int | None
    resume: Resume

    def run(self, plan: ComparisonPlan, progress: Progress) -> Outcome:
        steps: list[dict[str, Any]] = []
        finding: dict[str, Any] | None = None
        if plan.key is None and not self._declares_key():
            share = _KEY_SHARES[self._by_column]
            plan, finding = self._find_key(plan, _within(progress, 0.0, share), steps)
            progress = _within(progress, share, 1.0)
        comparing = 1 - _ANALYSIS_SHARES[self._by_column] if self.wanted.ml else 1.0
        with self._differences() as kept:
            document = self._compare(plan, kept, _within(progress, 0.0, comparing), steps)
            if finding is not None:
                document["schema"] |= {"key_origin": _KEY_FOUND, "key_finding": finding}
            files = kept.finish() if kept is not None else ()
            if kept is not None and kept.left_out:
                document["differences_left_out"] = kept.left_out
            document["ml_analysis"] = None
            if self.wanted.ml:
                document["ml_analysis"] = self._analyse(
                    plan, document, files, _within(progress, comparing, 1.0), steps
                )
            scripts: tuple[ResultFile, ...] = ()
            if self.wanted.repair and self.results_dir is not None:
                from worker.engines.repair import repair_of  # it takes the database's driver

                scripts, document["repair"] = repair_of(
                    self.source, self.target, plan, document, files, self.results_dir
                )
        files = (*files, *scripts) if self._exported else scripts
        document["workflow"] = {"steps": steps}
        document["files"] = [file.to_document() for file in files]
        document["critical"] = critical(document)
        fit(document)
        return Outcome(document, files)

    @property
    def _by_column(self) -> bool:
        return self.source.by_column and self.target.by_column

    @property
    def _exported(self) -> bool:
        return self.wanted.export and self.results_dir is not None

    def _find_key(
        self, plan: ComparisonPlan, progress: Progress, steps: list[dict[str, Any]]
    ) -> tuple[ComparisonPlan, dict[str, Any]]:
        """The plan with a key, and how it was found. An earlier attempt of the same request is believed."""
        request = _digest(self.source, self.target, plan)
        left = self.resume.checkpoint or {}
        if left.get("request") == request:
            why = "found by an earlier attempt; whether it still is unique, the comparison counts"
            steps.append(_step("find key", "key finding", why, 0.0))
            return replace(plan, key=tuple(left["key"])), left["finding"]
        from worker.engines.keyfinding import find_keys  # it takes DuckDB and the database's driver

        findings = find_keys(
            self.source,
            self.target,
            progress,
            self.work_dir,
            self.memory_limit_mb,
            ignore={*plan.ignore, *plan.rules},
            threads=self.threads,
        )
        key, document = findings.chosen().columns, findings.to_document()
        why = "no key was given, and the tables declare none in common"
        steps.append(_step("find key", "key finding", why, findings.seconds))
        self.resume.save({"request": request, "key": list(key), "finding": document})
        return replace(plan, key=key), document

    def _compare(
        self,
        plan: ComparisonPlan,
        kept: DifferencesFiles | None,
        progress: Progress,
        steps: list[dict[str, Any]],
    ) -> dict[str, Any]:
        start = time.monotonic()
        name, why = choose(self.source, self.target, plan, self.wanted.engine)
        comparison = engine(name)(
            self.source,
            self.target,
            plan,
            self.work_dir,
            self.memory_limit_mb,
            self.threads,
            differences=kept,
        )
        document = comparison.run(progress).to_document()
        steps.append(_step("compare", name, why, time.monotonic() - start))
        if comparison.account is not None:
            steps[-1][name] = comparison.account
        return document

    def _analyse(
        self,
        plan: ComparisonPlan,
        document: dict[str, Any],
        files: tuple[ResultFile, ...],
        progress: Progress,
        steps: list[dict[str, Any]],
    ) -> dict[str, Any]:
        from worker.engines.ml import MLDataComparison  # scikit-learn takes a second to import

        start = time.monotonic()
        differences = next((file.path for file in files if file.name == "differences.parquet"), None)
        summary = document["summary"]
        analysis = MLDataComparison(
            self.source,
            self.target,
            plan,
            (summary["rows_a"], summary["rows_b"]),
            differences,
            self.work_dir,
            self.memory_limit_mb,
            self.threads,
        )
        found = analysis.run(progress)
        steps.append(_step("analyse", "ml", "asked for", time.monotonic() - start))
        return found

    @contextmanager
    def _differences(self) -> Iterator[DifferencesFiles | None]:
        """Where differing cells go: to the results, or only to the work folder for the analysis and the repair.

        No file of a comparison that broke stays behind.
        """
        passing = self.work_dir / "differences"
        needed = self.wanted.ml or self.wanted.repair
        folder = self.results_dir if self._exported else passing if needed else None
        kept = None if folder is None else DifferencesFiles(folder)
        try:
            yield kept
        except BaseException:
            if kept is not None:
                kept.discard()
            raise
        finally:
            shutil.rmtree(passing, ignore_errors=True)

    def _declares_key(self) -> bool:
        common = {c.name.upper() for c in self.source.schema()} & {
            c.name.upper() for c in self.target.schema()
        }
        return shared_key(self.source.declared_keys(), self.target.declared_keys(), common) is not None


def _digest(source: Source, target: Source, plan: ComparisonPlan) -> str:
    """Tells one request from another: both sides with their columns, and the plan."""
    columns = [[(column.name, column.oracle_type) for column in side.schema()] for side in (source, target)]
    said = [source.name, target.name, columns, plan.ignore, sorted(plan.rules)]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def _within(progress: Progress, start: float, end: float) -> Progress:
    """A progress of its own for the part of the work from `start` to `end`."""
    return lambda fraction, step: progress(start + (end - start) * fraction, step)


def _step(name: str, engine: str, why: str, seconds: float) -> dict[str, Any]:
    return {"name": name, "engine": engine, "why": why, "seconds": round(seconds, 3)}
