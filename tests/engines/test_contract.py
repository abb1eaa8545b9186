"""Both engines do what the contract says, on any pair of tables, and say it in the same words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.naive import Naive
from tests.engines.tables import CHAR, INTEGER, TEXT, Pair, Viewed, pairs
from worker.engines import (
    ColumnRule,
    ComparisonPlan,
    arrow_duckdb,
    comparison,
    keys,
    narrow,
    part,
    polars_oracle,
)
from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.display import texts
from worker.engines.narrow import Narrow
from worker.engines.polars_oracle import PolarsOracleComparison
from worker.engines.sources.memory import MemorySource

PROPERTY = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
FEWER = settings(PROPERTY, max_examples=30)
PART_BYTES = 3000


def document(pair: Pair, **how: Any) -> dict[str, Any]:
    plan = ComparisonPlan(
        key=tuple(pair.key),
        rules={name: ColumnRule(tolerance=tolerance) for name, tolerance in pair.tolerances.items()},
        sample_limit=1000,
        paranoid=how.pop("paranoid", False),
    )
    batch_rows, by_column = how.pop("batch_rows", 7), how.pop("by_column", (True, True))
    kind = how.pop("kind", MemorySource)
    rows_a, rows_b = how.pop("rows_a", pair.rows_a), how.pop("rows_b", pair.rows_b)
    with TemporaryDirectory() as folder:
        result = how.pop("engine", ArrowDuckDBComparison)(
            pair.source(0, rows_a, batch_rows, by_column=by_column[0], kind=kind),
            pair.source(1, rows_b, batch_rows, by_column=by_column[1], kind=kind),
            plan,
            Path(folder),
            64,
            how.pop("threads", None),
            **how,
        ).run(lambda *_: None)
        assert list(Path(folder).iterdir()) == []
    found = result.to_document()
    del found["compared"]["started_at"], found["compared"]["seconds"], found["compared"]["engine"]
    return found


def check(found: dict[str, Any], expected: Naive, pair: Pair) -> None:
    assert found["summary"] == expected.summary
    columns = {c["name"]: c for c in found["columns"]}
    assert {name: c["different"] for name, c in columns.items()} == expected.different
    assert {name: c["null_against_value"] for name, c in columns.items()} == expected.null_against_value
    for column in columns.values():
        assert sum(column["classes"].values()) == column["different"]
    samples = found["samples"]

    def key(sample: dict[str, Any]) -> tuple[str | None, ...]:
        return tuple(sample["key"][name] for name in pair.key)

    assert expected.changed == Counter(
        (key(s), tuple((c["column"], c["a"], c["b"]) for c in s["cells"])) for s in samples["changed"]
    )
    for sort in ("only_a", "only_b"):
        rows = Counter((key(s), tuple(s["row"][n] for n in pair.columns)) for s in samples[sort])
        assert rows == getattr(expected, sort)
    for sort in ("duplicates_a", "duplicates_b"):
        assert Counter((key(s), s["count"]) for s in samples[sort]) == getattr(expected, sort)


@PROPERTY
@given(pairs())
def test_counts_and_samples_are_those_of_the_naive_comparison(pair: Pair) -> None:
    check(document(pair), pair.expected(), pair)


@FEWER
@given(pairs(), st.tuples(st.booleans(), st.booleans()), st.booleans())
def test_rows_that_come_once_and_parts_on_disk_give_the_same_result(
    pair: Pair, by_column: tuple[bool, bool], in_parts: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "_SHELF_SHARE", 0.0)
        if in_parts:
            patch.setattr(arrow_duckdb, "_PART_SHARE", PART_BYTES / (64 << 20))
        spilled = document(pair, by_column=by_column)
    check(spilled, pair.expected(), pair)
    assert spilled == document(pair)


@FEWER
@given(pairs(), st.sampled_from([1, 2, 5]), st.sampled_from([0, 40]), st.sampled_from([1, 1 << 21]))
def test_text_read_again_and_repeated_keys_in_parts_give_the_same_result(
    pair: Pair, threads: int, text_bytes: int, values_at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_duckdb, "_TEXT_SHARE", text_bytes / (64 << 20))
        patch.setattr(arrow_duckdb, "_VALUES_AT_ONCE", values_at_once)
        patch.setattr(arrow_duckdb, "_CELL_BYTES", 1 << 20)
        patch.setattr(part, "_CELLS_AT_A_TIME", 2)
        again = document(pair, threads=threads)
    assert again == document(pair)
    assert document(pair, kind=Viewed) == again


@FEWER
@given(pairs(), st.booleans())
def test_hashes_that_collide_are_found_out_by_the_paranoid(pair: Pair, text_is_read_again: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for hashed in ("_hashed_bytes", "_hashed_instants"):
            patch.setattr(narrow, hashed, lambda array, *_, **__: Narrow(np.zeros(len(array), np.uint64)))
        if text_is_read_again:
            patch.setattr(arrow_duckdb, "_TEXT_SHARE", 0.0)
            patch.setattr(part, "_CELLS_AT_A_TIME", 2)
        check(document(pair, paranoid=True), pair.expected(), pair)


@FEWER
@given(pairs(), st.randoms(use_true_random=False), st.integers(1, 30))
def test_neither_row_order_nor_batch_size_changes_anything(pair: Pair, random: Any, batch_rows: int) -> None:
    rows_a, rows_b = list(pair.rows_a), list(pair.rows_b)
    random.shuffle(rows_a)
    random.shuffle(rows_b)
    shuffled = document(pair, rows_a=rows_a, rows_b=rows_b, batch_rows=batch_rows)
    assert shuffled == document(pair)


@FEWER
@given(pairs())
def test_a_table_equals_itself(pair: Pair) -> None:
    pair.types = {name: (a, a) for name, (a, _) in pair.types.items()}
    summary = document(pair, rows_b=pair.rows_a[::-1])["summary"]
    assert summary["equal"] == summary["rows_a"] == summary["rows_b"]
    assert summary["match_percentage"] == 100.0


@FEWER
@given(pairs())
def test_colliding_key_codes_cost_time_but_change_nothing(pair: Pair) -> None:
    honest = keys.codes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "codes", lambda columns: honest(columns) % np.uint64(3) << np.uint64(62))
        patch.setattr(part, "own_code", lambda *_: False)
        collided = document(pair)
    check(collided, pair.expected(), pair)


@PROPERTY
@given(pairs(), st.booleans())
def test_the_engine_over_frames_says_the_same_to_the_letter(pair: Pair, in_parts: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if in_parts:
            patch.setattr(polars_oracle, "_FRAME_SHARE", PART_BYTES / (64 << 20))
        second = document(pair, engine=PolarsOracleComparison)
    check(second, pair.expected(), pair)
    assert second == document(pair)


class Collected:
    """A sink for tests: every cell and every row without a partner, as text."""

    def __init__(self) -> None:
        self.found: Counter[tuple[Any, ...]] = Counter()
        self.alone: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())

    def cells(self, column: Any, keys: pa.Table, a: pa.Array, b: pa.Array, *_: Any) -> None:
        assert len(a) == len(b) == keys.num_rows
        self.found.update(
            zip(texts(a, column.type), texts(b, column.type), [column.name] * len(a), strict=True)
        )

    def decide(self, *_: Any) -> None:
        pass

    def only(self, side: int, rows: pa.Table) -> None:
        self.alone[side].update(zip(*(column.to_pylist() for column in rows.columns), strict=True))


@FEWER
@given(pairs(), st.sampled_from([ArrowDuckDBComparison, PolarsOracleComparison]), st.booleans())
def test_every_cell_and_every_lone_row_reaches_the_export(pair: Pair, engine: Any, in_passing: bool) -> None:
    sink = Collected()
    with pytest.MonkeyPatch.context() as patch:
        if not in_passing:
            patch.setattr(arrow_duckdb, "_CELL_BYTES", 1 << 25)
        document(pair, engine=engine, differences=sink)
    expected = pair.expected()
    cells = Counter(
        (a, b, name) for (_, row), n in expected.changed.items() for name, a, b in row for _ in range(n)
    )
    assert sink.found == cells
    for side, rows in enumerate((expected.only_a, expected.only_b)):
        assert sink.alone[side].total() == rows.total()


def test_tables_without_rows_are_equal() -> None:
    pair = Pair(["K0"], ["C0"], {"K0": (INTEGER, INTEGER), "C0": (TEXT, TEXT)}, [], [], {})
    check(document(pair), pair.expected(), pair)
    assert document(pair)["summary"]["match_percentage"] == 100.0


def test_a_thousand_columns() -> None:
    columns = [f"C{n}" for n in range(1000)]
    types = dict.fromkeys(["K0", *columns], (INTEGER, INTEGER))
    rows_a = [dict.fromkeys(columns, n) | {"K0": n} for n in range(10)]
    rows_b = [row | {f"C{n}": -1} for n, row in enumerate(rows_a)]
    pair = Pair(["K0"], columns, types, rows_a, rows_b, {})
    check(document(pair), pair.expected(), pair)


def test_blanks_that_were_padding_are_no_null_however_rows_come() -> None:
    rows_a = [{"K0": 1, "C0": "    "}, {"K0": 2, "C0": "    "}, {"K0": 3, "C0": None}]
    rows_b = [{"K0": 1, "C0": "    "}, {"K0": 2, "C0": None}, {"K0": 3, "C0": "    "}]
    pair = Pair(["K0"], ["C0"], {"K0": (INTEGER, INTEGER), "C0": (CHAR, CHAR)}, rows_a, rows_b, {})
    for by_column in ((True, True), (True, False), (False, True), (False, False)):
        check(document(pair, by_column=by_column), pair.expected(), pair)
