"""Progress is of work really done: it never falls, ends at 1, and counts each step of a comparison."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from worker.engines import ComparisonPlan, arrow_duckdb, compare
from worker.engines.progress import Meter
from worker.engines.sources.memory import MemorySource


def test_rows_that_are_cut_into_parts_count_as_work() -> None:
    told: list[float] = []
    meter = Meter(lambda fraction, _: told.append(fraction), ("A", "B"), (100, 100), (False, False))
    meter.keys([50, 50])
    meter.cutting([0, 0])
    meter.cutting([100, 0])
    meter.cutting([100, 100])
    meter.pairing(0, 2)
    meter.pairing(1, 2)
    meter.done()
    assert told == pytest.approx([0.05, 0.05, 0.2, 0.4, 0.43, 0.73, 1.0])


@pytest.mark.parametrize("by_column", [True, False])
def test_the_fraction_rises_through_every_step_of_a_comparison_in_parts(
    by_column: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_duckdb, "_PART_SHARE", 20_000 / (64 << 20))
    rows = pa.table({"ID": range(2_000), "T": [f"text {n}" for n in range(2_000)]})
    told: list[tuple[float, str]] = []
    sources = [MemorySource(name, rows) for name in "AB"]
    for source in sources:
        source.by_column = by_column
    compare(*sources, ComparisonPlan(key=("ID",)), lambda *one: told.append(one), tmp_path, 64)
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert told[-1] == (1.0, "done")
    said = " ".join(step for _, step in told)
    for words in ("cutting the rows into parts by key", "matching keys, part 2 of", "comparing T, part 1 of"):
        assert words in said
    assert ("reading A: " in said) is not by_column
    assert all(fraction >= 0.4 for fraction, step in told if step.startswith("matching keys"))
