"""How long a comparison goes on after it was told to stop, in each of its phases.

    python -m tests.bench.cancel --rows 10000000 [--moments 5] [--only compare once spill key]

Runs the workflow in this process on the files of `tests.bench.generator`: first to its end, to learn how long
each phase takes, then again and again, each time told to stop at a random moment of one phase. Seconds are from
the request to the return of the workflow, everything removed. A worker kills the job's process besides.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.bench.generator import write
from worker.engines import workflow
from worker.engines.plan import ComparisonPlan
from worker.engines.sources.base import Source
from worker.engines.sources.parquet import ParquetSource

_PHASES = (
    (r"finding a key: reading", "key finding: reading the rows"),
    (r"finding a key: is", "key finding: checking a set of columns"),
    (r"finding a key", "key finding: looking at the columns"),
    (r"comparing .*, part", "comparing a column of a part"),
    (r"matching keys, part", "matching the keys of a part"),
    (r"comparing", "comparing a column"),
    (r"cutting", "cutting into parts on disk"),
    (r"analysis: sampling", "analysis: sampling"),
    (r"analysis: measuring", "analysis: drift"),
    (r"analysis: done", "finishing the document"),
    (r"analysis", "analysis: odd differences"),
    (r"done", "finishing the files"),
    (r"reading keys", "reading keys"),
    (r"reading", "reading rows that come once"),
)


class Cancelled(Exception):
    """Raised by the progress of a run that was told to stop."""


class Once(ParquetSource):
    """Rows that come once, like those of a database."""

    by_column = False


class Told:
    """A progress that says when each phase was heard of, and stops the run at a moment of one phase."""

    def __init__(self, phase: str = "", after: float = 0.0) -> None:
        self.heard: list[tuple[float, str]] = []
        self.asked_at: float | None = None
        self._phase = phase
        self._timer = threading.Timer(after, self._ask)
        self._timer.daemon = True

    def __call__(self, _: float, step: str) -> None:
        phase = phase_of(step)
        if not self.heard or self.heard[-1][1] != phase:
            if phase == self._phase and not self._timer.is_alive() and self.asked_at is None:
                self._timer.start()
                self._phase = ""
            self.heard.append((time.perf_counter(), phase))
        if self.asked_at is not None:
            raise Cancelled

    def _ask(self) -> None:
        self.asked_at = time.perf_counter()

    def quiet(self) -> None:
        """The run is over: it is not told to stop any more."""
        self._timer.cancel()

    def durations(self, end: float) -> dict[str, float]:
        """Seconds from each phase's first word to the next phase's."""
        found: dict[str, float] = {}
        for (start, phase), (after, _) in zip(self.heard, [*self.heard[1:], (end, "")], strict=True):
            found.setdefault(phase, after - start)
        return found


def phase_of(step: str) -> str:
    """The phase to which a step in words belongs."""
    return next((phase for pattern, phase in _PHASES if re.match(pattern, step)), step)


def run(scenario: str, a: Path, b: Path, told: Told) -> float:
    """One run; when it returned."""
    kind: type[ParquetSource] = Once if scenario == "once" else ParquetSource
    source, target = (kind(path, path.name) for path in (a, b))
    with tempfile.TemporaryDirectory() as work, tempfile.TemporaryDirectory() as results:
        try:
            _compare(scenario, source, target, told, Path(work), Path(results))
        except Cancelled:
            returned = time.perf_counter()
            left = [path for folder in (work, results) for path in Path(folder).rglob("*.*")]
            assert not left, left
            return returned
        return time.perf_counter()


def _compare(scenario: str, source: Source, target: Source, told: Told, work: Path, results: Path) -> None:
    key = None if scenario == "key" else ("ID",)
    memory_mb = 256 if scenario == "spill" else 2048
    wanted = workflow.Wanted(ml=scenario == "compare")
    ignore = ("ID",) if scenario == "key" else ()  # so that many sets have to be looked at
    plan = ComparisonPlan(key=key, ignore=ignore)
    workflow.run(source, target, plan, wanted, told, work, results, memory_mb)


def measured(
    scenario: str, a: Path, b: Path, moments: int, known: set[str]
) -> Iterator[tuple[str, list[float]]]:
    """Phase after phase, the seconds that each cancelled run went on; not again those of `known`, added to here."""
    whole = Told()
    end = run(scenario, a, b, whole)
    print(f"  whole run: {end - whole.heard[0][0]:.1f} s")
    chance = random.Random(20_261_121)
    found: dict[str, list[float]] = defaultdict(list)
    phases = {phase: seconds for phase, seconds in whole.durations(end).items() if phase not in known}
    known |= phases.keys()
    for phase, seconds in phases.items():
        for _ in range(moments):
            told = Told(phase, chance.random() * seconds)
            returned = run(scenario, a, b, told)
            told.quiet()
            if told.asked_at is not None and told.asked_at < returned:
                found[phase].append(returned - told.asked_at)
        yield phase, found[phase]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--moments", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["compare", "once", "spill", "key"])
    options = parser.parse_args()
    a, b = write(Path(tempfile.gettempdir()) / "concord-bench", options.rows, 0)
    known: set[str] = set()
    for scenario in options.only:
        print(f"{scenario}, {options.rows:,} rows a side", flush=True)
        for phase, seconds in measured(scenario, a, b, options.moments, known):
            if seconds:
                print(
                    f"  {phase:42} {len(seconds):3} moments, median {statistics.median(seconds):5.2f} s,"
                    f" longest {max(seconds):5.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
