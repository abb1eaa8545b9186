"""Drift, odd differences and segments: found where they were planted, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from worker.engines import workflow
from worker.engines.ml.measures import shift_of_categories, shift_of_numbers
from worker.engines.ml.sampling import SAMPLE_ROWS
from worker.engines.plan import ComparisonPlan
from worker.engines.sources.memory import MemorySource

N = 4000
Columns = dict[str, Any]


def columns(seed: int = 1) -> Columns:
    """ID, a price, a count, a category, a name that is always another, a time."""
    rng = np.random.default_rng(seed)
    moments = 1_600_000_000 + rng.integers(0, 10**7, N)
    return {
        "ID": np.arange(N),
        "PRICE": np.round(rng.lognormal(3, 0.6, N), 2),
        "PIECES": rng.integers(0, 12, N),
        "COUNTRY": rng.choice(["DE", "FR", "IT", "ES"], N, p=[0.5, 0.3, 0.15, 0.05]).astype(object),
        "NAME": np.array([f"name {i} {'x' * (i % 9)}" for i in range(N)], object),
        "SEEN": np.array(
            [datetime.fromtimestamp(s, UTC).replace(tzinfo=None) for s in moments], "datetime64[us]"
        ),
    }


def source(name: str, values: Columns) -> MemorySource:
    return MemorySource(name, pa.table({column: pa.array(array) for column, array in values.items()}))


def analysed(a: Columns, b: Columns, tmp_path: Path) -> dict[str, Any]:
    wanted = workflow.Wanted(ml=True)
    plan = ComparisonPlan(key=("ID",))
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    outcome = workflow.run(source("A", a), source("B", b), plan, wanted, lambda *_: None, work, None, 256)
    assert list(work.iterdir()) == []
    found: dict[str, Any] = outcome.document["ml_analysis"]
    return found | {"document": outcome.document}


def noisy(values: Columns, seed: int = 2) -> Columns:
    """Every tenth price off by up to two per cent, every 25th piece count by one: nothing odd about any of them."""
    rng = np.random.default_rng(seed)
    b = {name: array.copy() for name, array in values.items()}
    tenth = np.arange(0, N, 10)
    b["PRICE"][tenth] = np.round(b["PRICE"][tenth] * (1 + rng.normal(0, 0.01, tenth.size)), 4)
    some = np.arange(0, N, 25)
    b["PIECES"][some] += rng.choice([-1, 1], some.size)
    return b


def drifted(found: dict[str, Any]) -> list[str]:
    return [one["name"] for one in found["drift"]["columns"] if one["drifted"]]


def test_where_nothing_is_odd_nothing_is_found(tmp_path: Path) -> None:
    a = columns()
    found = analysed(a, noisy(a), tmp_path)
    assert drifted(found) == []
    assert found["anomalies"]["flagged"] == 0
    assert found["anomalies"]["rows_examined"] == 480
    assert found["segments"] == []


def test_equal_tables_have_no_drift_at_all(tmp_path: Path) -> None:
    found = analysed(columns(), columns(), tmp_path)
    for one in found["drift"]["columns"]:
        assert (one["psi"], one["jensen_shannon"]) == (0, 0), one
    assert found["anomalies"] == {"rows_examined": 0, "flagged": 0, "rows": []}


@pytest.mark.parametrize(
    ("name", "change", "measured"),
    [
        ("PRICE", lambda v: np.round(v * 1.4, 2), "numbers"),
        ("PIECES", lambda v: np.minimum(v, 6), "numbers"),
        ("COUNTRY", lambda v: np.where((v == "IT") & (np.arange(N) % 3 > 0), "FR", v), "categories"),
        ("NAME", lambda v: np.array([f"{text}, and some more" for text in v], object), "length of text"),
        ("SEEN", lambda v: v + np.timedelta64(40, "D"), "seconds"),
        ("PRICE", lambda v: np.where(np.arange(N) % 10 == 3, None, v), "numbers"),
    ],
    ids=["numbers", "few numbers", "categories", "texts", "times", "nulls"],
)
def test_planted_drift_is_found_in_its_column_alone(
    name: str, change: Any, measured: str, tmp_path: Path
) -> None:
    a = columns()
    b = {**a, name: change(a[name])}
    found = analysed(a, b, tmp_path)
    assert drifted(found) == [name]
    first = found["drift"]["columns"][0]
    assert first["measured"] == measured
    assert first["sentence"].startswith(f"{name} drifted: ")


def test_an_odd_amount_is_flagged_with_its_column_and_what_is_usual(tmp_path: Path) -> None:
    a = columns()
    b = noisy(a)
    b["PRICE"][70] = a["PRICE"][70] * 100
    found = analysed(a, b, tmp_path)["anomalies"]
    assert found["flagged"] == 1
    (row,) = found["rows"]
    assert row["key"] == {"ID": "70"}
    assert [column["name"] for column in row["columns"]] == ["PRICE"]
    assert "PRICE became 100 times as much, usually became " in row["columns"][0]["why"]
    assert row["sentence"].startswith("ID = 70: PRICE ")


def test_where_all_moved_alike_the_one_that_did_not_is_odd(tmp_path: Path) -> None:
    a = columns()
    b = {**a, "SEEN": a["SEEN"] + np.timedelta64(3600, "s")}
    b["SEEN"][123] += np.timedelta64(1, "s")
    found = analysed(a, b, tmp_path)["anomalies"]
    assert [row["key"]["ID"] for row in found["rows"]] == ["123"]
    assert "SEEN moved by +3,601 s, usually moved by +3,600 s" in found["rows"][0]["sentence"]


def test_a_change_of_a_rare_class_is_odd(tmp_path: Path) -> None:
    a = columns()
    b = {**a, "NAME": np.array([text.upper() for text in a["NAME"]], object)}
    b["NAME"][5] = None
    found = analysed(a, b, tmp_path)["anomalies"]
    assert [row["key"]["ID"] for row in found["rows"]] == ["5"]
    assert "NAME changed by value_to_null, as 1 of 4,000 do; usual is case" in found["rows"][0]["sentence"]


def test_differences_that_concentrate_are_told(tmp_path: Path) -> None:
    a = columns()
    b = noisy(a)
    there = (a["COUNTRY"] == "ES") & (np.arange(N) % 5 > 0)
    b["PRICE"] = np.where(there, np.round(a["PRICE"] * 1.01, 4), b["PRICE"])
    (segment,) = analysed(a, b, tmp_path)["segments"]
    assert (segment["column"], segment["value"]) == ("COUNTRY", "ES")
    assert "Where COUNTRY is ES, " in segment["sentence"]


def test_the_same_input_gives_the_same_findings_in_any_order(tmp_path: Path) -> None:
    a = columns()
    b = noisy(a)
    b["PRICE"][[70, 80, 90]] *= 55
    order = np.random.default_rng(9).permutation(N)
    first = analysed(a, b, tmp_path)
    again = analysed({n: v[order] for n, v in a.items()}, {n: v[order[::-1]] for n, v in b.items()}, tmp_path)
    for part in ("drift", "anomalies", "segments", "parameters", "versions", "sample"):
        assert first[part] == again[part]
    assert first["anomalies"]["flagged"] == 3


def test_large_tables_are_sampled_by_key(tmp_path: Path) -> None:
    rows = SAMPLE_ROWS + 50_000
    rng = np.random.default_rng(4)
    a = {"ID": np.arange(rows), "V": rng.normal(0, 1, rows)}
    order = rng.permutation(rows)
    b = {"ID": a["ID"][order], "V": a["V"][order]}
    found = analysed(a, b, tmp_path)
    assert found["sample"]["rows_a"] == found["sample"]["rows_b"] == SAMPLE_ROWS
    assert found["sample"]["method_a"] == "the 100,000 rows with the lowest hash of the key"
    assert found["drift"]["columns"][0]["psi"] == 0  # the same keys on both sides


# The measures against an independent implementation


numbers = st.lists(st.integers(-30, 30) | st.floats(-1e6, 1e6, width=32), min_size=2, max_size=60)


@given(numbers, numbers)
@settings(max_examples=100, deadline=None)
def test_distances_of_numbers_are_those_of_scipy(one: list[float], other: list[float]) -> None:
    a, b = np.array(one, np.float64), np.array(other, np.float64)
    shift = shift_of_numbers(a, b)
    norm = max(a.std(), 0.001)
    assert shift.wasserstein == pytest.approx(stats.wasserstein_distance(a, b) / norm, rel=1e-9, abs=1e-9)
    assert shift.ks_p_value == pytest.approx(stats.ks_2samp(a, b, method="asymp").pvalue, rel=1e-6, abs=1e-12)
    assert shift.psi >= 0
    if len(set(one)) > 20:
        edges = np.histogram_bin_edges(np.concatenate([a, b]), bins="sturges")
        shares = [np.histogram(side, edges)[0] / side.size for side in (a, b)]
        assert shift.bins == len(edges) - 1
        assert shift.jensen_shannon == pytest.approx(jensenshannon(*shares), abs=1e-9)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=2, max_size=12))
@settings(max_examples=100, deadline=None)
def test_distances_of_categories_are_those_of_scipy(counts: list[tuple[int, int]]) -> None:
    a, b = np.array(counts).T
    if not b.sum():
        return
    shift = shift_of_categories(a, b)
    expected = a / a.sum() * b.sum()
    assert shift.chi_square_p_value == pytest.approx(stats.chisquare(b, expected).pvalue, rel=1e-6, abs=1e-12)
    assert shift.jensen_shannon == pytest.approx(jensenshannon(a, b), abs=1e-9)
