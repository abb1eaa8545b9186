"""How fast a comparison is, against reading alone and against DuckDB's full join.

    python -m tests.bench.compare --rows 1000000

Makes (once) two Parquet files of 13 columns, shuffled, with known differences; runs each contestant in a
process of its own, checks its counts against the truth, then prints wall time, CPU time and peak memory,
each the median of `--repeat` runs, and the ratio to reading both files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from tests.bench.generator import CLASSES, KEY, truth, write
from worker.engines import ComparisonPlan, compare
from worker.engines.sources.parquet import ParquetSource


def read_only(a: Path, b: Path, _: int) -> dict[str, Any]:
    """Both files read into Arrow, nothing else."""
    return {"rows_a": pq.read_table(a).num_rows, "rows_b": pq.read_table(b).num_rows}


def ours(a: Path, b: Path, memory_mb: int) -> dict[str, Any]:
    """ArrowDuckDBComparison with classes, patterns and samples."""
    with tempfile.TemporaryDirectory() as folder:
        result = compare(
            ParquetSource(a, a.name),
            ParquetSource(b, b.name),
            ComparisonPlan(key=(KEY,)),
            lambda *_: None,
            Path(folder),
            memory_mb,
        )
    summary = result.summary
    return {
        "rows_a": summary.rows_a,
        "rows_b": summary.rows_b,
        "matched": summary.matched,
        "changed": summary.changed,
        "only_a": summary.only_a,
        "only_b": summary.only_b,
        "different": {c["name"]: c["different"] for c in result.columns if c["name"] in CLASSES},
    }


def duckdb_full_join(a: Path, b: Path, memory_mb: int) -> dict[str, Any]:
    """One full join of all columns, counts only: what one would write by hand."""
    names = [name for name in pq.read_schema(a).names if name != KEY]
    differs = {name: f"(a.{name} is distinct from b.{name})" for name in names}
    both = f"a.{KEY} is not null and b.{KEY} is not null"
    counts = ", ".join(f"count(*) filter ({both} and {differs[name]}) as {name}" for name in CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(config={"memory_limit": f"{memory_mb}MB", "temp_directory": folder})
        row = connection.execute(
            f"""select count(a.{KEY}), count(b.{KEY}), count(*) filter ({both}),
                       count(*) filter ({both} and ({" or ".join(differs.values())})),
                       count(*) filter (b.{KEY} is null), count(*) filter (a.{KEY} is null), {counts}
                  from '{a}' a full join '{b}' b on a.{KEY} = b.{KEY}"""
        ).fetchone()
    assert row is not None
    names_of = ("rows_a", "rows_b", "matched", "changed", "only_a", "only_b")
    return dict(zip(names_of, row[:6], strict=True)) | {"different": dict(zip(CLASSES, row[6:], strict=True))}


CONTESTANTS = {"read": read_only, "ours": ours, "duckdb join": duckdb_full_join}


def main() -> int:
    """The command. Returns 1 if a contestant counted wrongly."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory-mb", type=int, default=4096)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "concord-bench")
    parser.add_argument("--only", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    a, b = write(options.folder, options.rows)
    if options.only:
        print(json.dumps(_measured(options.only, a, b, options.memory_mb)))
        return 0
    expected = vars(truth(options.rows))
    print(f"{options.rows:,} rows a side, 13 columns, Parquet, shuffled; memory limit {options.memory_mb} MB")
    print(
        f"{os.cpu_count()} processors, {platform.processor() or platform.machine()}, Python {platform.python_version()}"
    )
    print(f"{'':12} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'wall/read':>10} {'CPU/read':>9}")
    floor: dict[str, float] = {}
    wrong = False
    for name in CONTESTANTS:
        runs = [_run(name, options) for _ in range(options.repeat)]
        counts = runs[0]["counts"]
        if counts != {key: expected[key] for key in counts}:
            print(f"{name:12} WRONG: {counts}, expected {expected}")
            wrong = True
            continue
        median = {key: statistics.median(run[key] for run in runs) for key in ("wall", "cpu", "peak_mb")}
        floor = floor or median
        print(
            f"{name:12} {median['wall']:8.2f} {median['cpu']:8.2f} {median['peak_mb']:8.0f}"
            f" {median['wall'] / floor['wall']:10.2f} {median['cpu'] / floor['cpu']:9.2f}"
        )
    return 1 if wrong else 0


def _run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    arguments = [
        "--rows",
        options.rows,
        "--memory-mb",
        options.memory_mb,
        "--folder",
        options.folder,
        "--only",
        name,
    ]
    command = [sys.executable, "-m", "tests.bench.compare", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _measured(name: str, a: Path, b: Path, memory_mb: int) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    counts = CONTESTANTS[name](a, b, memory_mb)
    return {
        "counts": counts,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    sys.exit(main())
