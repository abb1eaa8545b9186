"""How fast a wide table is compared, against reading alone.

    python -m tests.bench.wide --rows 100000 --columns 1000

Makes two Parquet files of so many columns of random whole numbers, in which one cell differs, and runs
`concord compare` and plain reading in turns, each in a process of its own; see tests.bench.compare.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.compare import command_line, measured

_MEMORY_MB = 4096


def main() -> int:
    """The command. Returns 1 if the one difference was not found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    names = [f"C{number:04}" for number in range(options.columns)]
    with tempfile.TemporaryDirectory() as folder:
        a, b = _write(Path(folder), options.rows, names)
        script = str(Path(__file__).with_name("contestants.py"))
        read, ours = [], []
        for turn in range(1 + options.repeat):  # the first is not counted, as in tests.bench.compare
            reading = measured([sys.executable, script, "read", str(a), str(b), str(_MEMORY_MB)])[1]
            document, comparing = measured(command_line(a, b, names[0], _MEMORY_MB), status=1)
            different = {c["name"]: c["different"] for c in document["columns"] if c["different"]}
            if different != {names[-1]: 1}:
                print(f"WRONG: {different}")
                return 1
            if turn:
                read.append(reading)
                ours.append(comparing)
    print(f"{options.rows:,} rows a side, {options.columns:,} columns, Parquet; memory limit {_MEMORY_MB} MB")
    for name, runs in (("read", read), ("concord compare", ours)):
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(
            f"{name:16} wall {median['wall']:.2f} s, CPU {median['cpu']:.2f} s, peak {median['peak']:.0f} MB"
        )
    return 0


def _write(folder: Path, rows: int, names: list[str]) -> tuple[Path, Path]:
    random = np.random.default_rng(20260921)
    columns = [np.arange(rows), *(random.integers(0, 1 << 40, rows) for _ in names[1:])]
    a, b = folder / "a.parquet", folder / "b.parquet"
    pq.write_table(pa.table(columns, names), a)
    columns[-1][rows // 2] += 1
    pq.write_table(pa.table(columns, names), b)
    return a, b


if __name__ == "__main__":
    sys.exit(main())
