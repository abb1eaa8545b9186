"""Whatever the rows are read from and however: the result is that of the naive comparison."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines import naive
from tests.engines.tables import (
    BOOLEAN,
    DATE,
    DECIMAL,
    INTEGER,
    SHORT_DECIMAL,
    TEXT,
    TIMESTAMP,
    TYPE_PAIRS,
    WIDE_DECIMAL,
    Pair,
    Viewed,
    pairs,
)
from tests.engines.test_contract import FEWER, PART_BYTES, check, document
from worker.engines import arrow_duckdb, comparison, polars_oracle
from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.polars_oracle import PolarsOracleComparison
from worker.engines.sources.arrow import ArrowSource
from worker.engines.sources.csv import CsvSource
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.sources.parquet import ParquetSource

PLAIN = [pair for pair in TYPE_PAIRS if not any(t.value_type or t.padded for t in pair)]
"""Types that a file can declare."""
CSV_TYPES = {
    INTEGER: "INTEGER",
    SHORT_DECIMAL: "NUMBER(5,2)",
    DECIMAL: "NUMBER(9,6)",
    WIDE_DECIMAL: "NUMBER(38,10)",
    BOOLEAN: "BOOLEAN",
    TEXT: "TEXT",
    DATE: "DATE",
    TIMESTAMP: "TIMESTAMP",
}
WAYS = ["memory", "views", "Parquet", "Parquet by Arrow", "Parquet once", "Arrow file", "Arrow stream", "CSV"]


@dataclass
class Stored(Pair):
    """A pair whose sides are read in these `ways`, from files of `folder` with `rows_a_piece` rows in a piece."""

    ways: tuple[str, str]
    folder: Path
    rows_a_piece: int

    def source(self, side: int, rows: list[naive.Row], batch_rows: int = 7, **how: Any) -> Any:
        """As of `Pair`."""
        way, path = self.ways[side], self.folder / "AB"[side]
        if way == "memory":
            return super().source(side, rows, batch_rows, **how)
        table = self.table(side, rows)
        if way == "views":
            return Viewed("AB"[side], table, batch_rows=self.rows_a_piece)
        if way.startswith("Parquet"):
            pq.write_table(table, path, row_group_size=self.rows_a_piece, use_dictionary=side == 0)
            source = ParquetSource(path, "AB"[side])
            source.by_column = way != "Parquet once"
            if way == "Parquet by Arrow":
                source._plain = {}
            return source
        if way.startswith("Arrow"):
            make = pa.ipc.new_file if way == "Arrow file" else pa.ipc.new_stream
            with pa.OSFile(str(path), "wb") as file, make(file, table.schema) as writer:
                writer.write_table(table, max_chunksize=self.rows_a_piece)
            return ArrowSource(path, "AB"[side])
        with path.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, quoting=csv.QUOTE_ALL)
            lines.writerow(table.column_names)
            for row in table.to_pylist():
                lines.writerow(["" if v is None else str(v) for v in row.values()])
        types = {name: CSV_TYPES[pair[side]] for name, pair in self.types.items()}
        return CsvSource(path, "AB"[side], CsvOptions(types=types))


def in_csv(pair: Pair, side: int) -> bool:
    """Whether CSV can hold this side: its types have texts, its texts no letters that CSV has not."""
    rows = (pair.rows_a, pair.rows_b)[side]
    return all(types[side] in CSV_TYPES for types in pair.types.values()) and not any(
        "\x00" in v or "\r" in v for row in rows for v in row.values() if isinstance(v, str)
    )


@FEWER
@given(
    pairs(type_pairs=PLAIN) | pairs(type_pairs=[(t, t) for t in CSV_TYPES]),
    st.tuples(st.sampled_from(WAYS), st.sampled_from(WAYS)),
    st.integers(1, 9),
    st.sampled_from([ArrowDuckDBComparison, PolarsOracleComparison]),
    st.booleans(),
)
def test_every_way_of_reading_gives_the_result_of_the_naive_comparison(
    tmp_path_factory: pytest.TempPathFactory,
    pair: Pair,
    ways: tuple[str, str],
    rows_a_piece: int,
    engine: Any,
    in_parts: bool,
) -> None:
    chosen = tuple(
        "Parquet" if way == "CSV" and not in_csv(pair, side) else way for side, way in enumerate(ways)
    )
    values = {field.name: getattr(pair, field.name) for field in fields(Pair)}
    stored = Stored(**values, ways=chosen, folder=tmp_path_factory.mktemp("files"), rows_a_piece=rows_a_piece)
    with pytest.MonkeyPatch.context() as patch:
        if in_parts:
            patch.setattr(comparison, "_SHELF_SHARE", 0.0)
            patch.setattr(arrow_duckdb, "_PART_SHARE", PART_BYTES / (64 << 20))
            patch.setattr(polars_oracle, "_FRAME_SHARE", PART_BYTES / (64 << 20))
        check(document(stored, engine=engine), pair.expected(), pair)
