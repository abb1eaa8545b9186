"""A comparison that is cancelled, or that breaks, ends at once, says why, and leaves nothing behind."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from worker.engines import (
    ComparisonPlan,
    arrow_duckdb,
    comparison,
    part,
    polars_oracle,
)
from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.comparison import Comparison
from worker.engines.errors import MemoryLimitReached, SourceFailed, SourceInterrupted, WorkFolderFull
from worker.engines.polars_oracle import PolarsOracleComparison
from worker.engines.shelf import Shelf
from worker.engines.sources.memory import MemorySource

ENGINES = [ArrowDuckDBComparison, PolarsOracleComparison]
A = pa.table({"ID": [1, 2, 3, 3, 5], "NAME": ["a", "b", "c", "d", "e"], "PRICE": [1.0, 2.0, 3.0, 4.0, 5.0]})
B = pa.table({"ID": [1, 2, 3, 3, 6], "NAME": ["a", "B", "d", "x", "e"], "PRICE": [1.5, 2.0, 3.0, 4.0, 5.0]})
PLAN = ComparisonPlan(key=("ID",))


class Cancelled(Exception):
    pass


class Once(MemorySource):
    """Rows that come once."""

    def __init__(self, name: str, table: pa.Table) -> None:
        super().__init__(name, table, batch_rows=2)
        self.by_column = False


def run(engine: type[Comparison], a: Any, b: Any, folder: Path, progress: Any = lambda *_: None) -> Any:
    return engine(a, b, PLAN, folder, 64).run(progress)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_symlink()]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", [MemorySource, Once])
@pytest.mark.parametrize("in_parts", [False, True])
def test_a_cancel_at_every_single_chance_comes_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: type[Comparison], kind: Any, in_parts: bool
) -> None:
    monkeypatch.setattr(comparison, "_SHELF_SHARE", 0.0)
    monkeypatch.setattr(part, "_CELLS_AT_A_TIME", 1)
    if in_parts:
        monkeypatch.setattr(arrow_duckdb, "_PART_SHARE", 300 / (64 << 20))
        monkeypatch.setattr(polars_oracle, "_FRAME_SHARE", 100 / (64 << 20))
    steps: list[str] = []
    run(engine, kind("A", A), kind("B", B), tmp_path, lambda _, step: steps.append(step))
    assert len(set(steps)) > 4
    assert any(", part 2 of " in step for step in steps) == in_parts
    for chance in range(len(set(steps)) + 3):
        seen = 0

        def progress(_: float, step: str, chance: int = chance) -> None:
            nonlocal seen
            seen += 1
            if seen > chance:
                raise Cancelled(step)

        with pytest.raises(Cancelled):
            run(engine, kind("A", A), kind("B", B), tmp_path, progress)
        assert files(tmp_path) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("by_column", [False, True])
def test_a_cancel_does_not_wait_for_a_source_that_does_not_answer(
    tmp_path: Path, engine: type[Comparison], by_column: bool
) -> None:
    answer, asked = threading.Event(), threading.Event()

    class Silent(MemorySource):
        def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
            yield from super().batches(columns, pieces)
            asked.set()
            answer.wait()

    silent = Silent("A", A)
    silent.by_column = by_column

    def progress(*_: object) -> None:
        if asked.is_set():
            raise Cancelled

    try:
        with pytest.raises(Cancelled):
            run(engine, silent, Once("B", B), tmp_path, progress)
        assert files(tmp_path) == []
    finally:
        answer.set()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_disk_with_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: type[Comparison]
) -> None:
    monkeypatch.setattr(comparison, "_SHELF_SHARE", 0.0)
    monkeypatch.setattr(arrow_duckdb, "_PART_SHARE", 300 / (64 << 20))
    monkeypatch.setattr(polars_oracle, "_FRAME_SHARE", 100 / (64 << 20))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 << 20))
    rows = 100_000
    table = pa.table({"ID": list(range(rows)), "NAME": ["x" * 200] * rows})
    monkeypatch.setattr(Shelf, "append", lambda *_: pytest.fail("something was put aside"))
    with pytest.raises(WorkFolderFull) as caught:
        run(engine, MemorySource("A", table), MemorySource("B", table), tmp_path)
    assert re.search(r" has 3 MB free, and the comparison needs about \d+ MB there\.", caught.value.sentence)
    assert files(tmp_path) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", ["side-a", "side-b", "part-0-{}", "part-1-{}"])
def test_a_full_disk_while_spilling_is_said_and_worth_a_retry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: type[Comparison], path: str
) -> None:
    monkeypatch.setattr(comparison, "_SHELF_SHARE", 0.0)
    monkeypatch.setattr(arrow_duckdb, "_PART_SHARE", 300 / (64 << 20))
    monkeypatch.setattr(polars_oracle, "_FRAME_SHARE", 100 / (64 << 20))
    for name in {f"{path.format(number)}.arrow" for number in range(64)}:
        (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(WorkFolderFull) as caught:
        run(engine, Once("A", A), Once("B", B), tmp_path)
    assert caught.value.retryable
    assert "is full" in caught.value.sentence
    assert files(tmp_path) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("error", [MemoryError(), pa.ArrowMemoryError("malloc of size 1 failed")])
def test_memory_that_runs_out_is_said(tmp_path: Path, engine: type[Comparison], error: Exception) -> None:
    class Huge(MemorySource):
        def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
            raise error

    with pytest.raises(MemoryLimitReached, match="ran out of memory"):
        run(engine, MemorySource("A", A), Huge("B", B), tmp_path)


def test_a_table_that_changes_between_two_columns_is_no_result(tmp_path: Path) -> None:
    class Growing(MemorySource):
        def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
            yield from super().batches(columns, pieces)
            if "PRICE" in columns:
                yield from super().batches(columns, pieces)

    with pytest.raises(SourceInterrupted, match=r"^B changed while it was read") as caught:
        run(ArrowDuckDBComparison, MemorySource("A", A), Growing("B", B), tmp_path)
    assert caught.value.retryable


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("side", [0, 1])
def test_a_source_that_breaks_ends_the_reading_of_the_other(
    tmp_path: Path, engine: type[Comparison], side: int
) -> None:
    class Broken(Once):
        def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
            yield from super().batches(columns, pieces)
            raise SourceFailed("T was dropped.")

    kinds = [Once, Once]
    kinds[side] = Broken
    with pytest.raises(SourceFailed, match="T was dropped"):
        run(engine, kinds[0]("A", A), kinds[1]("B", B), tmp_path)
    assert files(tmp_path) == []
