"""The two airport releases compare to the figures that were counted independently of Concord."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.engines.airports import AFTER, BEFORE, airports
from worker.engines import ColumnRule, ComparisonPlan, compare


def run(work_dir: Path, **plan: Any) -> dict[str, Any]:
    source, target = airports(BEFORE, "AIRPORTS_PROD"), airports(AFTER, "AIRPORTS_UAT")
    done: list[float] = []
    result = compare(
        source, target, ComparisonPlan(key=("ICAO",), **plan), lambda f, _: done.append(f), work_dir, 512
    )
    assert done == sorted(done)
    assert done[-1] == 1.0
    assert list(work_dir.iterdir()) == []
    return result.to_document()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(tmp_path_factory.mktemp("work"))


def test_rows_are_counted_exactly(document: dict[str, Any]) -> None:
    assert document["summary"] == {
        "rows_a": 28_224,
        "rows_b": 28_298,
        "matched": 27_612,
        "equal": 14_944,
        "changed": 12_668,
        "only_a": 612,
        "only_b": 686,
        "duplicate_keys_a": 0,
        "duplicate_keys_b": 0,
        "null_keys_a": 0,
        "null_keys_b": 0,
        "match_percentage": 51.69,
    }


def test_cells_are_counted_exactly_by_column(document: dict[str, Any]) -> None:
    assert {column["name"]: column["different"] for column in document["columns"]} == {
        "LAT": 11_038,
        "LON": 10_993,
        "ELEVATION": 555,
        "SUBD": 510,
        "NAME": 286,
        "CITY": 201,
        "IATA": 97,
        "TZ": 8,
        "COUNTRY": 1,
        "LID": 1,
    }


def test_classes_of_a_column_add_up_to_its_differing_cells(document: dict[str, Any]) -> None:
    for column in document["columns"]:
        assert sum(column["classes"].values()) == column["different"], column["name"]


def test_a_sentence_tells_what_happened_to_the_coordinates(document: dict[str, Any]) -> None:
    patterns = {c["name"]: c["patterns"][0] for c in document["columns"] if c["patterns"]}
    for name, share in (("LAT", 0.9144), ("LON", 0.9137)):
        assert patterns[name]["class"] == "rounded"
        assert patterns[name]["share"] == share
        assert "A is B rounded to 5 decimals (decimals went from 5 to 6)" in patterns[name]["sentence"]


def test_tolerance_is_decided_in_decimal_arithmetic_and_is_inclusive(tmp_path: Path) -> None:
    rule = ColumnRule(tolerance=Decimal("0.00001"))
    document = run(tmp_path, rules={"LAT": rule, "lon": rule})
    assert document["summary"]["changed"] == 1_949
    assert document["compared"]["rules"]["columns"] == {
        "LAT": {"tolerance": "0.00001"},
        "LON": {"tolerance": "0.00001"},
    }


def test_samples_show_key_and_only_the_cells_that_differ(document: dict[str, Any]) -> None:
    changed = document["samples"]["changed"]
    assert len(changed) == 20
    assert [sample["key"]["ICAO"] for sample in changed] == sorted(s["key"]["ICAO"] for s in changed)
    for sample in changed:
        assert sample["cells"]
        assert all(cell["a"] != cell["b"] for cell in sample["cells"])
    assert len(document["samples"]["only_a"]) == len(document["samples"]["only_b"]) == 20
    assert document["samples"]["only_a"][0]["row"].keys() == {
        "ICAO", "IATA", "NAME", "CITY", "SUBD", "COUNTRY", "ELEVATION", "LAT", "LON", "TZ", "LID",
    }  # fmt: skip
