"""What cannot be compared is refused in a sentence; what breaks leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from worker.engines import ColumnRule, ComparisonPlan, EngineError, compare, comparison
from worker.engines.errors import (
    BadPlan,
    IncomparableTypes,
    KeyNotUnique,
    SourceFailed,
    UnsupportedColumn,
    WorkFolderFull,
)
from worker.engines.shelf import Shelf
from worker.engines.sources.base import DeclaredKey
from worker.engines.sources.memory import MemorySource
from worker.engines.values import Kind, ValueType

TABLE = pa.table({"ID": [1, 2], "NAME": ["a", "b"], "PRICE": pa.array([1, 2], pa.decimal128(9, 2))})


def refusal(tmp_path: Path, plan: ComparisonPlan, a: Any = TABLE, b: Any = TABLE) -> EngineError:
    sides = [x if isinstance(x, MemorySource) else MemorySource(n, x) for n, x in (("A", a), ("B", b))]
    with pytest.raises(EngineError) as caught:
        compare(sides[0], sides[1], plan, lambda *_: None, tmp_path, 64)
    assert list(tmp_path.iterdir()) == []
    assert str(caught.value) == caught.value.sentence
    assert caught.value.sentence.endswith(".")
    return caught.value


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (ComparisonPlan(), "Neither A nor B declares a primary or unique key whose columns both have."),
        (ComparisonPlan(key=()), "The key is empty."),
        (
            ComparisonPlan(key=("NO",)),
            "The key column NO does not exist in A. Its columns are ID, NAME, PRICE.",
        ),
        (ComparisonPlan(key=("ID", "id")), "The key names a column twice: ID, id."),
        (ComparisonPlan(key=("ID",), ignore=("ID",)), "ID cannot be both key and ignored."),
        (ComparisonPlan(key=("ID",), ignore=("NO",)), "The column NO exists neither in A nor in B."),
        (ComparisonPlan(key=("ID",), columns=("NO",)), "The column NO exists neither in A nor in B."),
        (ComparisonPlan(key=("ID",), rules={"NAME": ColumnRule(tolerance=Decimal(1))}), "not a number"),
        (ComparisonPlan(key=("ID",), rules={"ID": ColumnRule(tolerance=Decimal(1))}), "ID is a key column"),
        (ComparisonPlan(key=("ID",), sample_limit=-1), "The sample limit is -1"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tmp_path: Path, plan: ComparisonPlan, sentence: str) -> None:
    error = refusal(tmp_path, plan)
    assert isinstance(error, BadPlan)
    assert sentence in error.sentence
    assert not error.retryable


def test_a_key_column_that_one_side_lacks_is_named_with_the_columns_there_are(tmp_path: Path) -> None:
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), b=TABLE.drop_columns("ID"))
    assert "The key column ID does not exist in B. Its columns are NAME, PRICE." in error.sentence


def test_a_column_asked_for_must_be_on_both_sides(tmp_path: Path) -> None:
    error = refusal(tmp_path, ComparisonPlan(key=("ID",), columns=("NAME",)), b=TABLE.drop_columns("NAME"))
    assert error.sentence == "The column NAME exists in A but not in B; it cannot be compared."


def test_incomparable_types_are_refused_by_name(tmp_path: Path) -> None:
    other = TABLE.set_column(1, "NAME", pa.array([1, 2]))
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), b=other)
    assert isinstance(error, IncomparableTypes)
    assert "NAME is VARCHAR2 on one side and NUMBER on the other" in error.sentence


def test_an_ignored_column_may_have_any_type(tmp_path: Path) -> None:
    other = TABLE.set_column(1, "NAME", pa.array([[1], [2]]))
    result = compare(
        MemorySource("A", TABLE),
        MemorySource("B", other),
        ComparisonPlan(key=("ID",), ignore=("name",)),
        lambda *_: None,
        tmp_path,
        64,
    )
    assert result.summary.equal == 2
    assert [d["name"] for d in result.schema["different"]] == ["NAME"]


def test_a_type_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    nested = TABLE.set_column(1, "NAME", pa.array([[1], [2]]))
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), a=nested, b=nested)
    assert isinstance(error, UnsupportedColumn)
    assert "The column NAME is of type LIST" in error.sentence


def test_all_columns_that_cannot_be_compared_are_told_at_once(tmp_path: Path) -> None:
    nested = TABLE.set_column(1, "NAME", pa.array([[1], [2]])).set_column(
        2, "PRICE", pa.array([{"X": 1}, None])
    )
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), a=nested, b=nested)
    assert error.sentence == (
        "2 columns have types that cannot be compared: NAME is of type LIST<ITEM: INT64>, "
        "PRICE is of type STRUCT<X: INT64>. Ignore these columns, or compare a view that converts them."
    )
    other = TABLE.set_column(1, "NAME", pa.array([1, 2])).set_column(2, "PRICE", pa.array([True, None]))
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), b=other)
    assert error.sentence.startswith(
        "2 columns have types that cannot be compared with each other: NAME is VARCHAR2"
    )


def test_a_large_object_cannot_be_key(tmp_path: Path) -> None:
    source = MemorySource("A", TABLE, types={"NAME": ValueType(Kind.LONG_TEXT)})
    assert (
        "a large object cannot be part of a key"
        in refusal(tmp_path, ComparisonPlan(key=("NAME",)), a=source).sentence
    )


def test_columns_that_differ_by_case_only_are_refused(tmp_path: Path) -> None:
    twins = pa.table({"ID": [1], "Name": ["a"], "NAME": ["b"]})
    assert "differ by case only" in refusal(tmp_path, ComparisonPlan(key=("ID",)), a=twins).sentence


def test_a_repeated_key_is_an_error_only_if_uniqueness_is_required(tmp_path: Path) -> None:
    twice = pa.concat_tables([TABLE, TABLE.slice(1)])
    error = refusal(tmp_path, ComparisonPlan(key=("ID",), require_unique_key=True), b=twice)
    assert isinstance(error, KeyNotUnique)
    assert "The key is not unique in B: ID = 2 occurs 2 times." in error.sentence


@pytest.mark.parametrize(
    ("keys_a", "keys_b", "chosen"),
    [
        ([("primary key", "GONE"), ("unique key U", "ID")], [], "unique key U"),
        ([("primary key", "ID"), ("unique key U", "NAME")], [], "primary key"),
        ([("primary key", "ID"), ("unique key U", "NAME")], [("unique key V", "NAME")], "unique key U"),
        ([], [("unique key V", "NAME"), ("unique key W", "ID")], "unique key V"),
        ([("unique key U", "ID")], [("primary key", "NAME")], "primary key"),
    ],
)
def test_a_declared_key_is_taken_best_if_both_sides_have_it_and_if_it_is_primary(
    tmp_path: Path, keys_a: list[tuple[str, str]], keys_b: list[tuple[str, str]], chosen: str
) -> None:
    sides = [
        MemorySource(name, TABLE, keys=[DeclaredKey(origin, (column,)) for origin, column in keys])
        for name, keys in (("A", keys_a), ("B", keys_b))
    ]
    schema = compare(*sides, ComparisonPlan(), lambda *_: None, tmp_path, 64).schema
    assert schema["key_origin"] == chosen


def test_a_value_that_does_not_fit_its_declared_type_fails_the_source(tmp_path: Path) -> None:
    source = MemorySource("A", TABLE, types={"NAME": ValueType(Kind.DOUBLE)})
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), a=source, b=source)
    assert isinstance(error, SourceFailed)
    assert "A value of A.NAME cannot be read" in error.sentence


class Cancelled(Exception):
    pass


class Once(MemorySource):
    def __init__(self, name: str, table: pa.Table) -> None:
        super().__init__(name, table)
        self.by_column = False


@pytest.mark.parametrize(
    "step", ["reading A: 0 rows", "reading A: 2 rows, B: 2 rows", "matching", "comparing PRICE", "collecting"]
)
def test_a_cancel_at_any_step_comes_through_and_leaves_nothing(tmp_path: Path, step: str) -> None:
    def progress(_: float, text: str) -> None:
        if text.startswith(step):
            raise Cancelled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "_SHELF_SHARE", 0.0)
        with pytest.raises(Cancelled):
            compare(
                Once("A", TABLE),
                Once("B", TABLE),
                ComparisonPlan(key=("ID",)),
                progress,
                tmp_path,
                64,
            )
    assert list(tmp_path.iterdir()) == []


class BreaksInTheMiddle(MemorySource):
    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        yield from super().batches(columns)
        raise SourceFailed("A.T was dropped.")


def test_a_source_that_breaks_in_the_middle_yields_no_result(tmp_path: Path) -> None:
    error = refusal(tmp_path, ComparisonPlan(key=("ID",)), b=BreaksInTheMiddle("B", TABLE))
    assert error.sentence == "A.T was dropped."


def test_a_full_disk_is_said_and_worth_a_retry(tmp_path: Path) -> None:
    path = tmp_path / "side-a.arrow"
    path.symlink_to("/dev/full")
    shelf = Shelf(TABLE.schema, path, 0)
    with pytest.raises(WorkFolderFull) as caught:
        shelf.append(TABLE.to_batches()[0])
    assert caught.value.retryable
    assert "full" in caught.value.sentence
    shelf.discard()
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPlan, match="8 MB is too small"):
        compare(
            MemorySource("A", TABLE),
            MemorySource("B", TABLE),
            ComparisonPlan(key=("ID",)),
            lambda *_: None,
            tmp_path,
            8,
        )
