"""The contestants of `tests.bench.compare`, each run once in a process of its own: prints its counts as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

KEY = "ID"
COMMAND_LINE = "concord compare"
"""The one contestant that is a command of its own; `counts_of` reads what it prints."""


def read(a: Path, b: Path, _: int) -> dict[str, Any]:
    """Both files read into Arrow, one after the other, nothing else."""
    from pyarrow.csv import read_csv
    from pyarrow.parquet import read_table

    whole = read_csv if a.suffix == ".csv" else read_table
    return {"counts": {"rows_a": whole(a).num_rows, "rows_b": whole(b).num_rows}}


def ours(a: Path, b: Path, memory_mb: int, how: str) -> dict[str, Any]:
    """Our engines with classes, patterns and samples; `how` is "", "rules", "export" or "polars"."""
    from tests.bench.generator import tolerant_rules
    from worker.engines import ComparisonPlan
    from worker.engines.arrow_duckdb import ArrowDuckDBComparison
    from worker.engines.comparison import Comparison
    from worker.engines.differences import DifferencesFiles
    from worker.engines.sources.files import open_file

    engine: type[Comparison] = ArrowDuckDBComparison
    if how == "polars":
        from worker.engines.polars_oracle import PolarsOracleComparison as engine
    plan = ComparisonPlan(key=(KEY,), rules=tolerant_rules() if how == "rules" else {})
    source, target = open_file(a, a.name), open_file(b, b.name)
    silence, last = 0.0, time.perf_counter()
    start, half = last, 0.0

    def progress(fraction: float, _: str) -> None:
        nonlocal silence, last, half
        now = time.perf_counter()
        silence, last = max(silence, now - last), now
        if fraction < 0.5:
            half = now - start

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as results:
        files = DifferencesFiles(Path(results)) if how == "export" else None
        result = engine(source, target, plan, Path(folder), memory_mb, differences=files).run(progress)
        written = {file.name: file.rows for file in files.finish()} if files else {}
    summary = result.summary
    counts = counts_of(summary.to_document(), result.columns)
    if written:
        assert written["differences.parquet"] == sum(counts["different"].values()), written
        assert written["only_a.parquet"] == summary.only_a, written
        assert written["only_b.parquet"] == summary.only_b, written
    return {"counts": counts, "longest_silence": silence, "at_half": half / (last - start)}


def counts_of(summary: dict[str, int], columns: list[dict[str, Any]]) -> dict[str, Any]:
    """The counts of a result document, once its classes of change are seen to be right."""
    from tests.bench.generator import CLASSES

    found = {column["name"]: column for column in columns}
    different = {name: found[name]["different"] for name in CLASSES}
    for name, label in CLASSES.items():
        assert found[name]["classes"] == ({label: different[name]} if different[name] else {}), found[name]
    return _counts([summary[name] for name in _COUNTED], different)


def duckdb_join(a: Path, b: Path, memory_mb: int) -> dict[str, Any]:
    """One full join of all columns in DuckDB, counts only: what one would write by hand."""
    import duckdb
    import pyarrow.parquet as pq

    names = [name for name in pq.read_schema(a).names if name != KEY]
    differs = {name: f"(a.{name} is distinct from b.{name})" for name in names}
    both = f"a.{KEY} is not null and b.{KEY} is not null"
    counts = ", ".join(f"count(*) filter ({both} and {differs[name]}) as {name}" for name in names)
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(config={"memory_limit": f"{memory_mb}MB", "temp_directory": folder})
        row = connection.execute(
            f"""select count(a.{KEY}), count(b.{KEY}), count(*) filter ({both}),
                       count(*) filter ({both} and ({" or ".join(differs.values())})),
                       count(*) filter (b.{KEY} is null), count(*) filter (a.{KEY} is null), {counts}
                  from '{a}' a full join '{b}' b on a.{KEY} = b.{KEY}"""
        ).fetchone()
    assert row is not None
    return {"counts": _counts(row[:6], dict(zip(names, row[6:], strict=True)))}


def polars_join(a: Path, b: Path, _: int) -> dict[str, Any]:
    """One full join of all columns in Polars' streaming engine, counts only."""
    import polars as pl

    one, other = pl.scan_parquet(a), pl.scan_parquet(b)
    names = [name for name in one.collect_schema().names() if name != KEY]
    joined = one.join(other, on=KEY, how="full", suffix="_B")
    left, right = pl.col(KEY).is_not_null(), pl.col(f"{KEY}_B").is_not_null()
    differs = {name: pl.col(name).ne_missing(pl.col(f"{name}_B")) & left & right for name in names}
    row = (
        joined.select(
            left.sum().alias("rows_a"),
            right.sum().alias("rows_b"),
            (left & right).sum().alias("matched"),
            pl.any_horizontal(differs.values()).sum().alias("changed"),
            (~right).sum().alias("only_a"),
            (~left).sum().alias("only_b"),
            *(test.sum().alias(f"different {name}") for name, test in differs.items()),
        )
        .collect(engine="streaming")
        .row(0)
    )
    return {"counts": _counts(row[:6], dict(zip(names, row[6:], strict=True)))}


def datacompy(a: Path, b: Path, _: int) -> dict[str, Any]:
    """datacompy's comparison of two pandas frames, its statistics asked for, no report."""
    import pandas as pd
    from datacompy import PandasCompare

    one, other = pd.read_parquet(a), pd.read_parquet(b)
    found = PandasCompare(one, other, join_columns=[KEY], cast_column_names_lower=False)
    different = {s["column"]: int(s["unequal_cnt"]) for s in found.column_stats}
    row = (
        len(one),
        len(other),
        len(found.intersect_rows),
        len(found.intersect_rows) - found.count_matching_rows(),
        len(found.df1_unq_rows),
        len(found.df2_unq_rows),
    )
    return {"counts": _counts(row, different)}


_COUNTED = ("rows_a", "rows_b", "matched", "changed", "only_a", "only_b")


def _counts(row: Any, different: dict[str, int]) -> dict[str, Any]:
    return dict(zip(_COUNTED, map(int, row), strict=True)) | {
        "different": {name: int(count) for name, count in different.items() if count}
    }


def main() -> None:
    """Arguments: contestant, file A, file B, memory limit in MB."""
    name, a, b, memory_mb = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    if name.startswith("ours"):
        found = ours(a, b, memory_mb, name.partition(", ")[2])
    else:
        contestants = {
            "read": read,
            "duckdb join": duckdb_join,
            "polars join": polars_join,
            "datacompy": datacompy,
        }
        found = contestants[name](a, b, memory_mb)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
