"""The workflow: limits of the document, what is critical, what a later attempt gets from an earlier one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from worker.engines import workflow
from worker.engines.critical import critical
from worker.engines.errors import BadPlan
from worker.engines.limits import fit
from worker.engines.plan import ComparisonPlan
from worker.engines.sources.memory import MemorySource


def source(name: str, **columns: list[Any]) -> MemorySource:
    return MemorySource(name, pa.table(columns))


def run(a: MemorySource, b: MemorySource, folder: Path, **options: Any) -> dict[str, Any]:
    wanted = options.pop("wanted", workflow.Wanted())
    resume = options.pop("resume", None)
    results = options.pop("results", None)
    plan = ComparisonPlan(**options)
    outcome = workflow.run(a, b, plan, wanted, lambda *_: None, folder, results, 128, resume=resume)
    assert list(folder.iterdir()) == []
    return outcome.document


A = {"ID": [1, 2, 3], "CODE": ["a", "b", "c"], "N": [5, 5, 6]}


def test_each_engine_gives_the_same_document(tmp_path: Path) -> None:
    a, b = source("A", **A), source("B", **{**A, "N": [5, 7, 6]})
    documents = [
        run(a, b, tmp_path, key=("ID",), wanted=workflow.Wanted(engine=engine))
        for engine in ("auto", "arrow_duckdb", "polars")
    ]
    for part in ("summary", "columns", "schema", "samples"):
        assert documents[0][part] == documents[1][part] == documents[2][part]
    steps = [document["workflow"]["steps"][0] for document in documents]
    assert [(step["engine"], step["why"]) for step in steps] == [
        ("arrow_duckdb", "at least one side is no whole table of an Oracle database"),
        ("arrow_duckdb", "asked for"),
        ("polars", "asked for"),
    ]


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadPlan, match="no engine 'abacus'; choose one of auto, arrow_duckdb, polars, pushdown"
    ):
        run(
            source("A", **A), source("A", **A), tmp_path, key=("ID",), wanted=workflow.Wanted(engine="abacus")
        )


def test_a_later_attempt_takes_the_key_that_an_earlier_one_found(tmp_path: Path) -> None:
    saved: list[dict[str, Any]] = []
    a = source("A", **A)
    first = run(a, a, tmp_path, resume=workflow.Resume(None, saved.append))
    (checkpoint,) = json.loads(json.dumps(saved))
    again = run(a, a, tmp_path, resume=workflow.Resume(checkpoint, saved.append))
    assert len(saved) == 1
    assert again["schema"] == first["schema"]
    step = again["workflow"]["steps"][0]
    assert step["why"].startswith("found by an earlier attempt")
    other = run(a, source("C", **A), tmp_path, resume=workflow.Resume(checkpoint, saved.append))
    assert not other["workflow"]["steps"][0]["why"].startswith("found by an earlier attempt")


def test_an_analysis_without_export_leaves_no_file(tmp_path: Path) -> None:
    results, work = tmp_path / "results", tmp_path / "work"
    work.mkdir()
    a, b = source("A", **A), source("B", **{**A, "N": [5, 7, 6]})
    wanted = workflow.Wanted(ml=True, export=False)
    document = run(a, b, work, key=("ID",), wanted=wanted, results=results)
    assert document["files"] == []
    assert not results.exists()
    assert document["ml_analysis"]["anomalies"]["rows_examined"] == 1
    assert [step["name"] for step in document["workflow"]["steps"]] == ["compare", "analyse"]


@pytest.mark.parametrize("stop_at", [1, 3, 5, 8, 12])
def test_a_cancelled_workflow_leaves_nothing(tmp_path: Path, stop_at: int) -> None:
    results, work = tmp_path / "results", tmp_path / "work"
    work.mkdir()
    heard: list[float] = []

    def progress(fraction: float, step: str) -> None:
        heard.append(fraction)
        if len(heard) == stop_at:
            raise InterruptedError

    a, b = source("A", **A), source("B", **{**A, "N": [5, 7, 6]})
    with pytest.raises(InterruptedError):
        workflow.run(a, b, ComparisonPlan(), workflow.Wanted(ml=True), progress, work, results, 128)
    assert list(work.iterdir()) == []
    assert not results.exists() or list(results.iterdir()) == []
    assert heard == sorted(heard)


# Limits


def document(columns: int, samples: int) -> dict[str, Any]:
    pattern = {
        "pattern": "rounded",
        "count": 3,
        "examples": [{"a": "1.25", "b": "1.3"}] * 3,
        "sentence": "rounded",
    }
    return {
        "summary": {"rows_a": 1},
        "samples": {
            "changed": [
                {"key": {"ID": str(n)}, "cells": [{"column": "T", "a": "x" * 50, "b": None}]}
                for n in range(samples)
            ],
            "only_a": [],
        },
        "columns": [
            {"name": f"C{n}", "different": 9, "classes": {"rounded": 9}, "patterns": [pattern.copy()]}
            for n in range(columns)
        ],
        "ml_analysis": {"anomalies": {"flagged": 40, "rows": [{"key": str(n) * 20} for n in range(40)]}},
    }


def size(part: Any) -> int:
    return len(json.dumps(part, ensure_ascii=False).encode())


def test_a_document_within_its_limits_is_not_touched() -> None:
    small = document(3, 3)
    fit(small)
    assert small == document(3, 3)


def test_samples_go_before_columns_and_examples_before_patterns_and_it_is_said() -> None:
    large = document(300, 1000)
    fit(large, results_bytes=20_000, columns_bytes=40_000, analysis_bytes=500)
    assert size({name: large[name] for name in ("summary", "samples")}) <= 20_000
    assert size(large["columns"]) <= 40_000
    assert size(large["ml_analysis"]) <= 500
    assert len(large["columns"]) == 300
    assert all(column["classes"] == {"rounded": 9} for column in large["columns"])
    assert large["columns"][0]["patterns"][0]["sentence"] == "rounded"
    assert large["ml_analysis"]["anomalies"]["flagged"] == 40
    assert [note.split(":")[0] for note in large["cut"]] == ["samples", "columns", "analysis"]
    assert "samples: at most 125 of each sort" in large["cut"][0]


def test_long_texts_are_cut_shortly_before_their_first_difference() -> None:
    found = document(1, 1)
    a, b = "é" * 500_000 + "x" + "y" * 3_000, "é" * 500_000
    found["samples"]["changed"][0]["cells"] = [
        {"column": "T", "a": a, "b": b},
        {"column": "U", "a": a, "b": None},
    ]
    found["samples"]["only_a"] = [{"key": {"ID": "1"}, "row": {"ID": "1", "T": a, "U": None}}]
    fit(found)
    cells = found["samples"]["changed"][0]["cells"]
    assert cells[0] == {"column": "T", "a": f"…{'é' * 200}x{'y' * 1797}…", "b": f"…{'é' * 200}"}
    assert cells[1] == {"column": "U", "a": f"{'é' * 1999}…", "b": None}
    assert found["samples"]["only_a"][0]["row"]["T"] == f"{'é' * 1999}…"
    assert found["cut"] == ["texts: at most 2,000 characters, from shortly before the first difference"]
    again = json.loads(json.dumps(found))
    fit(again)
    assert again["samples"] == found["samples"]


def test_what_cannot_be_cut_enough_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"the columns of the result have .* more than the 100 allowed"):
        fit(document(50, 1), columns_bytes=100)


# Critical issues


def test_damage_repeated_keys_drift_and_odd_rows_are_critical() -> None:
    found: dict[str, Any] = {
        "summary": {"duplicate_keys_a": 0, "duplicate_keys_b": 0},
        "columns": [{"name": "PRICE", "classes": {"rounded": 100}}],
        "ml_analysis": None,
    }
    assert critical(found) == {"has_critical_issues": False, "because": []}
    found["columns"][0]["classes"]["sign"] = 2
    found["summary"]["duplicate_keys_b"] = 4
    found["ml_analysis"] = {
        "drift": {
            "columns": [{"strong": True, "sentence": "PRICE drifted."}, {"strong": False, "sentence": "no"}]
        },
        "anomalies": {"flagged": 3},
    }
    assert critical(found)["because"] == [
        "PRICE has 2 changed signs.",
        "4 keys are repeated in B only.",
        "PRICE drifted.",
        "3 rows differ in an odd way.",
    ]
