"""MLDataComparison: drift between the sides, odd rows among the differences, and where differences concentrate."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy  # type: ignore[import-untyped]
import sklearn

from worker.engines.differences import key_name
from worker.engines.display import texts
from worker.engines.duck import open_duckdb
from worker.engines.layout import ComparedColumn, lay_out
from worker.engines.ml import anomalies, segments
from worker.engines.ml import drift as drifts
from worker.engines.ml.anomalies import Cells
from worker.engines.ml.sampling import SAMPLE_ROWS, Sample, rows_read, sample
from worker.engines.plan import ComparisonPlan
from worker.engines.progress import Progress
from worker.engines.sources.base import Source
from worker.engines.values import Kind

MAX_CELLS = 300_000
"""Differing cells that are searched for odd ones; of more, those of a part of the rows, chosen by key."""
_UNREADABLE = frozenset({Kind.LONG_TEXT, Kind.LONG_BINARY, Kind.INTERVAL_MONTHS, Kind.INTERVAL_NANOSECONDS})
_SAMPLES_SHARE, _DRIFT_SHARE = 0.85, 0.12  # of the work
_CODE_BITS = 64


class MLDataComparison:
    """One analysis after a comparison. `differences` is the file of differing cells, None if there are none."""

    name = "MLDataComparison"

    def __init__(
        self,
        source: Source,
        target: Source,
        plan: ComparisonPlan,
        rows: tuple[int, int],
        differences: Path | None,
        work_dir: Path,
        memory_limit_mb: int,
        threads: int | None = None,
    ) -> None:
        self._sources = (source, target)
        self._plan = plan
        self._rows = rows
        self._differences = differences
        self._work_dir = work_dir
        self._memory_limit_mb = memory_limit_mb
        self._threads = threads

    def run(self, progress: Progress) -> dict[str, Any]:
        """The document for ML_ANALYSIS. What `progress` raises comes out unchanged. Raises EngineError."""
        start = time.monotonic()
        layout = lay_out(*self._sources, self._plan)
        values = [column for column in layout.values if column.type.kind not in _UNREADABLE]
        columns, width = [*layout.key, *values], len(layout.key)
        with open_duckdb(self._work_dir / "ml", self._memory_limit_mb, self._threads) as connection:
            sides: list[Sample] = []
            to_read = [rows_read(*one) for one in zip(self._sources, self._rows, strict=True)]
            for side, source in enumerate(self._sources):
                before = sum(to_read[:side])

                def tick(rows: int, before: int = before, name: str = source.name) -> None:
                    done = min(1.0, (before + rows) / max(1, sum(to_read)))
                    progress(_SAMPLES_SHARE * done, f"analysis: sampling {name}")

                sides.append(sample(source, side, columns, width, self._rows[side], connection, tick))
            progress(_SAMPLES_SHARE, "analysis: measuring drift")
            chosen = [f"c{n}" for n in range(width, len(columns))]
            found = drifts.drift(
                values,
                *(
                    one.table.select(chosen).rename_columns([f"c{n}" for n in range(len(values))])
                    for one in sides
                ),
            )
            done = _SAMPLES_SHARE + _DRIFT_SHARE
            progress(done, "analysis: looking for odd differences")
            odd: dict[str, Any] = {"rows_examined": 0, "flagged": 0, "rows": []}
            concentrated: list[dict[str, Any]] = []
            if self._differences is not None:
                odd = self._odd(
                    connection, layout.key, values, lambda step: progress(done, f"analysis: {step}")
                )
                changed = self._changed(connection, layout.key, sides[0].table)
                concentrated = segments.segments(columns, sides[0].table, changed)
        progress(1.0, "analysis: done")
        return {
            "engine": self.name,
            "sample": {
                "rows_a": sides[0].table.num_rows,
                "rows_b": sides[1].table.num_rows,
                "method_a": sides[0].method,
                "method_b": sides[1].method,
            },
            "drift": {"drifted": sum(one["drifted"] for one in found), "columns": found},
            "anomalies": odd,
            "segments": concentrated,
            "parameters": _parameters(),
            "versions": {
                "scikit-learn": sklearn.__version__,
                "scipy": scipy.__version__,
                "numpy": np.__version__,
                "pyarrow": pa.__version__,
                "duckdb": duckdb.__version__,
            },
            "seconds": round(time.monotonic() - start, 3),
        }

    def _odd(
        self,
        connection: duckdb.DuckDBPyConnection,
        key: Sequence[ComparedColumn],
        values: Sequence[ComparedColumn],
        tick: Any,
    ) -> dict[str, Any]:
        names = [key_name(column.name) for column in key]
        keys = ", ".join(_quoted(name) for name in names)
        path = str(self._differences)
        total = connection.execute("select count(*) from read_parquet($1)", [path]).fetchall()[0][0]
        share = min(1.0, MAX_CELLS / max(1, total))
        limit = int(share * (2**_CODE_BITS - 1))
        table: Any = connection.sql(
            f"select {keys}, column_name, value_a, value_b, change_class,"
            f" dense_rank() over (order by hash({keys}), {keys}) - 1 as row"
            f" from read_parquet($1) where hash({keys}) <= $2 order by row, column_name",
            params=[path, limit],
        ).to_arrow_table()
        wanted = [column.name for column in values]
        position = {name: n for n, name in enumerate(wanted)}
        column = np.array(
            [position.get(name, -1) for name in table.column("column_name").to_pylist()], np.int64
        )
        row = table.column("row").to_numpy().astype(np.int64)
        first = np.flatnonzero(np.diff(row, prepend=-1))

        def key_of(number: int) -> dict[str, Any]:
            at = pa.array([first[number]])
            return {
                one.name: texts(table.column(n).take(at).combine_chunks(), one.type)[0]
                for n, one in enumerate(key)
            }

        a, b = (
            table.column(name).cast(pa.large_string()).combine_chunks() for name in ("value_a", "value_b")
        )
        change = np.array(table.column("change_class").cast(pa.string()).to_pylist(), np.str_)
        kinds: Mapping[str, Kind] = {one.name: one.type.kind for one in values}
        found = anomalies.find(Cells(row, column, wanted, a, b, change), kinds, key_of, tick)
        found["share_of_cells_examined"] = round(share, 6)
        return found

    def _changed(
        self, connection: duckdb.DuckDBPyConnection, key: Sequence[ComparedColumn], rows: pa.Table
    ) -> npt.NDArray[np.bool_]:
        """Which of the sampled rows of A differ."""
        on = " and ".join(
            f"s.c{n} is not distinct from d.{_quoted(key_name(column.name))}" for n, column in enumerate(key)
        )
        numbered = rows.select([f"c{n}" for n in range(len(key))]).append_column(
            "no", pa.array(np.arange(rows.num_rows))
        )
        connection.register("sampled", numbered)
        try:
            hit = connection.execute(
                f"select distinct s.no from sampled s join read_parquet($1) d on {on}",
                [str(self._differences)],
            ).fetchnumpy()["no"]
        finally:
            connection.unregister("sampled")
        changed = np.zeros(rows.num_rows, np.bool_)
        changed[np.asarray(hit, np.int64)] = True
        return changed


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parameters() -> dict[str, Any]:
    return {
        "seed": anomalies.SEED,
        "sample_rows": SAMPLE_ROWS,
        "max_cells": MAX_CELLS,
        "drift": {
            "jensen_shannon": drifts.JENSEN_SHANNON,
            "wasserstein_normed": drifts.WASSERSTEIN,
            "null_share": drifts.NULL_SHARE,
            "strong_psi": drifts.STRONG_PSI,
            "categories": drifts.CATEGORIES,
        },
        "anomalies": {
            "odd_z": anomalies.ODD_Z,
            "tail_factor": anomalies.TAIL_FACTOR,
            "rare_share": anomalies.RARE_SHARE,
            "forest_score": anomalies.FOREST_SCORE,
            "trees": anomalies.TREES,
            "tree_rows": anomalies.TREE_ROWS,
        },
        "segments": {"lift": segments.LIFT, "z": segments.Z, "least_rows": segments.LEAST_ROWS},
    }
