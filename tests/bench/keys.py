"""Key finding, drift and the estimate of the end: figures of docs/engines.md.

    python -m tests.bench.keys [--rows 1000000] [--evidently PYTHON]

Tables are made with a known truth, which is checked before a figure is printed. PYTHON is the interpreter of an
environment of its own with the package evidently; without it the drift is timed by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from worker.engines import workflow
from worker.engines.keyfinding import find_keys
from worker.engines.layout import lay_out
from worker.engines.ml.drift import drift
from worker.engines.plan import ComparisonPlan
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.parquet import ParquetSource

_CARDINALITIES = {
    "product": 5000, "customer": 80_000, "status": 5, "country": 60, "currency": 10, "quantity": 40,
    "price": 20_000, "discount": 20, "tax": 4, "agent": 700, "created": 525_600, "shipped": 8760,
    "weight": 3000, "height": 500, "width": 500, "flag": 2,
}  # fmt: skip
_EVIDENTLY = """
import json, resource, sys
import pandas as pd
from evidently.legacy.core import ColumnType
from evidently.legacy.calculations.stattests import psi, wasserstein_distance_norm, jensenshannon, ks_stattest, chisquare_stattest
a, b = (pd.read_parquet(path) for path in sys.argv[1:3])
names = json.loads(sys.argv[3])
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
times, figures = [], {}
for _ in range(3):
    start = cpu()
    for name in names:
        number = pd.api.types.is_numeric_dtype(a[name])
        kind = ColumnType.Numerical if number else ColumnType.Categorical
        x, y = a[name].dropna(), b[name].dropna()
        found = {"psi": psi._psi(x, y, kind, 0.1)[0], "jensen_shannon": jensenshannon._jensenshannon(x, y, kind, 0.1)[0]}
        if number:
            found["wasserstein"] = wasserstein_distance_norm._wasserstein_distance_norm(x, y, kind, 0.1)[0]
            found["ks_p_value"] = ks_stattest._ks_stat_test(x, y, kind, 0.05)[0]
        else:
            found["chi_square_p_value"] = chisquare_stattest._chi_stat_test(x, y, kind, 0.05)[0]
        figures[name] = {key: float(value) for key, value in found.items()}
    times.append(cpu() - start)
print(json.dumps({"cpu": sorted(times)[1], "figures": figures}))
"""


def orders(rows: int, seed: int = 1) -> pa.Table:
    """20 columns whose only key of good columns is (store, day, line); shuffled."""
    rng = np.random.default_rng(seed)
    number = rng.permutation(rows)
    columns = {"store": number % 200, "day": number // 200 % 1000, "line": number // 200_000}
    columns |= {name: rng.integers(0, values, rows) for name, values in _CARDINALITIES.items()}
    texts = pa.array([f"remark number {n} on the order" for n in range(300_000)])
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return table.append_column("remark", texts.take(pa.array(rng.integers(0, 300_000, rows))))


def measured(work: Callable[[], Any], times: int = 3) -> tuple[Any, float, float]:
    """The result, and the medians of wall and CPU seconds."""
    walls, processor = [], []
    for _ in range(times):
        start, used = time.perf_counter(), _cpu()
        result = work()
        walls.append(time.perf_counter() - start)
        processor.append(_cpu() - used)
    return result, median(walls), median(processor)


def bench_keys(rows: int, folder: Path) -> None:
    """Two tables of `rows` by 20 columns without a declared key; width 3."""
    a = orders(rows)
    b = a.take(pa.array(np.random.default_rng(2).permutation(rows)[: -rows // 1000]))
    work = folder / "keys"
    work.mkdir()
    sources = MemorySource("A", a), MemorySource("B", b)
    findings, wall, cpu = measured(lambda: find_keys(*sources, lambda *_: None, work, 1024))
    assert findings.chosen().columns == ("store", "day", "line"), findings
    print(
        f"key finding, 2 x {rows:,} rows x {a.num_columns} columns, width 3: {wall:.2f} s wall, {cpu:.2f} s CPU, "
        f"{findings.checks} checks, {', '.join(findings.chosen().columns)}"
    )


def bench_drift(rows: int, folder: Path, evidently: str | None) -> None:
    """Drift of 20 columns on both whole tables, beside evidently's figures of the same columns."""
    a, b = orders(rows, 1), orders(rows, 3)
    heavier = pa.array((b.column("weight").to_numpy() * 1.2).astype(np.int64))
    b = b.set_column(b.column_names.index("weight"), "weight", heavier)
    status = np.array(["new", "paid", "sent", "back", "lost"], object)
    for name, table in (("a", a), ("b", b)):
        words = pa.array(status[table.column("status").to_numpy()])
        table = table.set_column(table.column_names.index("status"), "status", words).drop_columns(["remark"])
        pq.write_table(table, folder / f"{name}.parquet")
    a, b = (pq.read_table(folder / f"{name}.parquet") for name in "ab")
    layout = lay_out(MemorySource("A", a), MemorySource("B", b), ComparisonPlan(key=("store",)))
    names = [column.name for column in layout.values]
    stored = [
        pa.table([side.column(name).cast(column.type.storage) for name, column in zip(names, layout.values, strict=True)],
                 [f"c{n}" for n in range(len(names))])
        for side in (a, b)
    ]  # fmt: skip
    found, wall, cpu = measured(lambda: drift(layout.values, *stored))
    assert [one["name"] for one in found if one["drifted"]] == ["weight"]
    print(f"drift, 2 x {rows:,} rows x {len(names)} columns: {wall:.2f} s wall, {cpu:.2f} s CPU")
    if evidently is None:
        return
    arguments = [
        evidently,
        "-c",
        _EVIDENTLY,
        str(folder / "a.parquet"),
        str(folder / "b.parquet"),
        json.dumps(names),
    ]
    said = json.loads(
        subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
    )
    worst = 0.0
    for one in found:
        for figure, theirs in said["figures"][one["name"]].items():
            worst = max(worst, abs(one[figure] - theirs) / max(abs(theirs), 1e-3))
    print(f"evidently on the same columns: {said['cpu']:.2f} s CPU; ours is {cpu / said['cpu']:.3f} of it")
    print(f"largest relative deviation of a figure: {worst:.1e}")
    assert worst < 1e-4


def bench_estimate(rows: int, folder: Path) -> None:
    """How far off the estimate of the end is at half of the work, without and with key finding and analysis."""
    a = orders(rows)
    b = a.take(pa.array(np.random.default_rng(2).permutation(rows)[: -rows // 1000]))
    for name, table in (("a", a), ("b", b)):
        pq.write_table(table, folder / f"{name}.parquet")
    for said, key, wanted in (
        ("compare", ("store", "day", "line"), workflow.Wanted()),
        ("compare and analyse", ("store", "day", "line"), workflow.Wanted(ml=True)),
        ("find key, compare", None, workflow.Wanted()),
    ):
        work, results = folder / "work", folder / "results"
        work.mkdir(exist_ok=True)
        heard = _Heard()
        sources = (ParquetSource(folder / f"{name}.parquet", name.upper()) for name in "ab")
        workflow.run(
            *sources,
            ComparisonPlan(key=key),
            wanted,
            heard,
            work,
            results,
            1024,
        )
        total = heard.seconds()
        at, done = next((at, done) for at, done in heard.said if done >= 0.5)
        estimated = at / done
        print(
            f"{said}: {total:.2f} s; estimated at half of the work: {estimated:.2f} s, off by {estimated / total - 1:+.0%}"
        )


class _Heard:
    """A progress that remembers when it heard what."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.said: list[tuple[float, float]] = []

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def __call__(self, done: float, step: str) -> None:
        self.said.append((self.seconds(), done))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--evidently", metavar="PYTHON")
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores; medians of 3")
    for bench in (
        bench_keys,
        lambda rows, folder: bench_drift(rows, folder, options.evidently),
        bench_estimate,
    ):
        with tempfile.TemporaryDirectory() as folder:
            bench(options.rows, Path(folder))


if __name__ == "__main__":
    main()
