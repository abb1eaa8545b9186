"""The files of differing cells: complete, typed, with the classes of the result document."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.engines.airports import AFTER, BEFORE, airports
from worker.engines import ComparisonPlan, differences, workflow
from worker.engines.classes.labels import code, decide
from worker.engines.differences import DifferencesFiles
from worker.engines.layout import ComparedColumn
from worker.engines.sources.base import ColumnInfo
from worker.engines.sources.memory import MemorySource
from worker.engines.values import Kind, ValueType

TEXT = ValueType(Kind.TEXT)
INFO = ColumnInfo("C", "VARCHAR2", TEXT, TEXT.storage)
COLUMN = ComparedColumn("C", INFO, INFO, TEXT)


def outcome(tmp_path: Path, a: Any, b: Any, **plan: Any) -> workflow.Outcome:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    asked = ComparisonPlan(**plan)
    return workflow.run(a, b, asked, workflow.Wanted(), lambda *_: None, work, tmp_path / "results", 512)


def test_every_differing_cell_of_the_airports_is_in_the_file(tmp_path: Path) -> None:
    source, target = airports(BEFORE, "AIRPORTS_PROD"), airports(AFTER, "AIRPORTS_UAT")
    found = outcome(tmp_path, source, target, key=("ICAO",))
    file = next(f for f in found.files if f.name == "differences.parquet")
    table = pq.read_table(file.path)
    assert table.column_names == ["ICAO", "column_name", "value_a", "value_b", "change_class"]
    assert file.rows == table.num_rows == sum(c["different"] for c in found.document["columns"])
    assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert file.bytes == file.path.stat().st_size
    assert [f["name"] for f in found.document["files"]] == [f.name for f in found.files]
    by_class = Counter(zip(table["column_name"].to_pylist(), table["change_class"].to_pylist(), strict=True))
    documented = {(c["name"], name): n for c in found.document["columns"] for name, n in c["classes"].items()}
    assert by_class == documented
    cells = {
        (k, c): (x, y)
        for k, c, x, y, _ in zip(*(table[n].to_pylist() for n in table.column_names), strict=True)
    }
    for sample in found.document["samples"]["changed"]:
        for cell in sample["cells"]:
            assert cells[sample["key"]["ICAO"], cell["column"]] == (cell["a"], cell["b"])
    assert not list((tmp_path / "results").glob("*.part"))


def test_equal_tables_leave_no_file(tmp_path: Path) -> None:
    table = pa.table({"K": [1, 2], "V": ["a", "b"]})
    found = outcome(tmp_path, MemorySource("A", table), MemorySource("B", table), key=("K",))
    assert found.files == ()
    assert not (tmp_path / "results").exists()


def test_keys_are_typed_and_names_that_are_taken_get_out_of_the_way(tmp_path: Path) -> None:
    key = pa.array([Decimal("1.50"), None], pa.decimal128(5, 2))
    sides = [
        MemorySource(n, pa.table({"VALUE_A": key, "V": v}))
        for n, v in (("A", ["x", "y"]), ("B", ["X", None]))
    ]
    found = outcome(tmp_path, *sides, key=("VALUE_A",))
    table = pq.read_table(found.files[0].path)
    assert table.schema.field("key_VALUE_A").type == pa.decimal128(5, 2)
    assert table.sort_by("value_a").to_pylist() == [
        {"key_VALUE_A": Decimal("1.50"), "column_name": "V", "value_a": "x", "value_b": "X", "change_class": "case"},
        {"key_VALUE_A": None, "column_name": "V", "value_a": "y", "value_b": None, "change_class": "value_to_null"},
    ]  # fmt: skip


def write(sink: DifferencesFiles, labels: list[str], so_far: dict[str, int]) -> None:
    values = pa.array([str(n) for n in range(len(labels))], pa.large_string())
    codes = np.array([code(label) for label in labels], np.int8)
    sink.cells(COLUMN, pa.table({"K": values}), values, values, codes, decide(so_far))


def test_classes_written_too_early_are_corrected(tmp_path: Path) -> None:
    sink = DifferencesFiles(tmp_path)
    doubtful = "rounded|truncated:b"
    write(sink, [doubtful, "changed", doubtful], {})
    write(sink, ["truncated:b", doubtful, "rounded:b"], {"truncated:b": 1, "rounded:b": 1})
    sink.decide(COLUMN, decide({"truncated:b": 2, "rounded:b": 1}))
    (file,) = sink.finish()
    classes = pq.read_table(file.path)["change_class"].to_pylist()
    assert classes == ["truncated", "changed", "truncated", "truncated", "truncated", "rounded"]
    assert [path.name for path in tmp_path.iterdir()] == ["differences.parquet"]


def test_a_full_file_says_how_many_rows_it_left_out(tmp_path: Path) -> None:
    sink = DifferencesFiles(tmp_path, max_rows=4)
    write(sink, ["changed"] * 3, {})
    write(sink, ["changed"] * 3, {})
    (file,) = sink.finish()
    assert (file.rows, pq.read_table(file.path).num_rows) == (4, 4)
    assert sink.left_out == {"differences.parquet": 2}


def test_a_comparison_that_breaks_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(differences.DifferencesFiles, "decide", broken)
    tables = [pa.table({"K": [1], "V": [v]}) for v in ("a", "b")]
    with pytest.raises(RuntimeError):
        outcome(tmp_path, MemorySource("A", tables[0]), MemorySource("B", tables[1]), key=("K",))
    assert list((tmp_path / "results").iterdir()) == []


def test_rows_without_a_partner_have_a_file_each(tmp_path: Path) -> None:
    sink = DifferencesFiles(tmp_path)
    sink.only(1, pa.table({"K": [1, 2], "V": ["a", None]}))
    (file,) = sink.finish()
    assert file.name == "only_b.parquet"
    assert pq.read_table(file.path).to_pylist() == [{"K": 1, "V": "a"}, {"K": 2, "V": None}]
