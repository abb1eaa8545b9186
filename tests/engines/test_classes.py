"""Each class of change is found where it was planted, and nowhere else."""

# ruff: noqa: DTZ001 - DATE and TIMESTAMP have no zone

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from app.jobs.rules import ColumnRule
from worker.engines.cells import differing
from worker.engines.detector import ColumnLevelMismatchDetector
from worker.engines.layout import ComparedColumn
from worker.engines.sources.base import ColumnInfo
from worker.engines.values import Kind, ValueType, type_of_arrow

DECIMALS = pa.decimal128(12, 6)


def column(name: str, kind: ValueType, rule: ColumnRule | None = None) -> ComparedColumn:
    info = ColumnInfo(name, str(kind.kind), kind, kind.storage)
    return ComparedColumn(name, info, info, kind, rule)


def explained(
    *columns: tuple[list[Any], list[Any], Any], rule: ColumnRule | None = None
) -> list[dict[str, Any]]:
    """The documents of columns (values of A, of B, type), in their order."""
    compared, cells = [], []
    for n, (a, b, wanted) in enumerate(columns):
        kind = wanted if isinstance(wanted, ValueType) else type_of_arrow(wanted)
        assert kind is not None
        sides = [pa.array(side, kind.storage) for side in (a, b)]
        compared.append(column(f"C{n}", kind, rule))
        cells.append(sides)
    key = column("K", ValueType(Kind.INTEGER))
    detector = ColumnLevelMismatchDetector([key], compared)
    for position, (one, other) in enumerate(cells):
        rows = differing(one, other)
        priority = (rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ np.uint64(0x5555)
        at = pa.array(rows)
        detector.cells(
            position,
            one.take(at),
            other.take(at),
            rows,
            priority,
            lambda m, r=rows: pa.table({"K": pa.array(r[m])}),
        )
    detector.part_done()
    documents = {document["name"]: document for document in detector.to_documents(len(columns[0][0]))}
    return [documents[f"C{n}"] for n in range(len(columns))]


def classes(a: list[Any], b: list[Any], kind: Any) -> dict[str, int]:
    found: dict[str, int] = explained((a, b, kind))[0]["classes"]
    return found


def sentences(a: list[Any], b: list[Any], kind: Any) -> str:
    return "\n".join(pattern["sentence"] for pattern in explained((a, b, kind))[0]["patterns"])


def numbers(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("12.345678", "12.3457", "rounded"),
        ("12.345678", "12.3456", "truncated"),
        ("-12.345678", "-12.3456", "truncated"),
        ("-1.5", "-2", "rounded"),
        ("5", "-5", "sign"),
        ("1.23", "123", "factor"),
        ("1000", "1", "factor"),
        ("12.345678", "12.345679", "changed"),
        ("12.345678", "99.1", "changed"),
        ("100", "101", "changed"),
        ("0", "7.1", "changed"),
    ],
)
def test_a_number_gets_its_class_on_either_side(a: str, b: str, expected: str) -> None:
    assert classes(numbers(a), numbers(b), DECIMALS) == {expected: 1}
    assert classes(numbers(b), numbers(a), DECIMALS) == {expected: 1}
    assert classes([float(a)], [float(b)], pa.float64()) == {expected: 1}
    assert classes([a], [b], ValueType(Kind.NUMBER)) == {expected: 1}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("Main Street", "MAIN STREET", "case"),
        ("Main Street", "Main  Street ", "white_space"),
        ("Main Street", "main street ", "case_and_white_space"),
        ("Zürich", "Zurich", "accents"),
        ("Müller", "Mu\u0308ller", "normal_form"),
        ("O'Hare", "OHare", "punctuation"),
        ("Zürich", "ZÃ¼rich", "encoding"),
        ("Zürich", "Z?rich", "encoding"),
        ("Łódź", "?ód?", "encoding"),
        ("Łódź", "Ł?dź", "encoding"),
        ("naïve – text", "naÃ¯ve â€“ text", "encoding"),
        ("A very long name", "A very lo", "truncated"),
        ("Zürich", "Zü", "truncated"),
        ("Berlin", "Munich", "changed"),
        ("AB", "BA", "changed"),
        ("Zürich", "Genève", "changed"),
        ("What?", "Whata", "changed"),
        ("日本", "東京", "changed"),
        ("listen", "SILENT", "changed"),
    ],
)
def test_a_text_gets_its_class_on_either_side(a: str, b: str, expected: str) -> None:
    assert classes([a], [b], pa.string()) == {expected: 1}
    assert classes([b], [a], pa.string()) == {expected: 1}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (datetime(2026, 7, 1, 14, 30), datetime(2026, 7, 1), "time_lost"),
        (datetime(2026, 7, 1, 14, 30, 5, 123456), datetime(2026, 7, 1, 14, 30, 5), "fraction_lost"),
        (datetime(2026, 7, 1, 14, 30, 5, 900000), datetime(2026, 7, 1, 14, 30, 6), "fraction_lost"),
        (datetime(2026, 7, 1, 14, 30, 5, 123456), datetime(2026, 7, 1, 14, 30, 5, 123000), "fraction_lost"),
        (datetime(2026, 7, 1, 14, 30), datetime(2026, 7, 1, 16, 30), "time_shift"),
        (datetime(2026, 7, 1, 14, 30), datetime(2026, 7, 1, 20, 0), "time_shift"),
        (datetime(2025, 7, 9), datetime(1925, 7, 9), "century"),
        (datetime(2026, 3, 4, 8), datetime(2026, 4, 3, 8), "day_month_swapped"),
        (datetime(2026, 7, 1, 14, 30), datetime(2026, 7, 1, 14, 37), "changed"),
        (datetime(2026, 7, 1), datetime(2026, 9, 5), "changed"),
        (datetime(2026, 7, 13), datetime(2025, 7, 13), "changed"),
    ],
)
def test_a_time_gets_its_class_on_either_side(a: datetime, b: datetime, expected: str) -> None:
    nanoseconds = [t.isoformat(" ", "microseconds") + "000" for t in (a, b)]
    assert classes([a], [b], pa.timestamp("us")) == {expected: 1}
    assert classes([b], [a], pa.timestamp("us")) == {expected: 1}
    assert classes(nanoseconds[:1], nanoseconds[1:], ValueType(Kind.TIMESTAMP_NS)) == {expected: 1}


def test_null_against_value() -> None:
    assert classes([None, "x"], ["x", None], pa.string()) == {"null_to_value": 1, "value_to_null": 1}


def test_random_changes_are_nothing_in_particular() -> None:
    draw = random.Random(7)
    amounts = [[Decimal(draw.randrange(10**9)) / 100 for _ in range(5000)] for _ in "ab"]
    found = classes(*amounts, pa.decimal128(12, 2))
    assert found["changed"] >= 0.97 * sum(found.values())
    letters = "abcdefghijklmnopqrstuvwxyzäöü ABC'-"
    texts = [["".join(draw.choices(letters, k=8)) for _ in range(5000)] for _ in "ab"]
    assert classes(*texts, pa.string()) == {"changed": 5000}
    stamps = [
        [datetime(2020, 1, 1) + timedelta(seconds=draw.randrange(10**8)) for _ in range(5000)] for _ in "ab"
    ]
    found = classes(*stamps, pa.timestamp("us"))
    assert found["changed"] >= 0.99 * 5000
    counters = [list(range(1000, 6000)), [n + draw.randrange(1, 10) for n in range(1000, 6000)]]
    assert "transposed" not in classes(*counters, pa.int64())


def test_transposed_digits_are_seen_when_they_are_too_many_for_chance() -> None:
    a, b = [123456 + 1000 * n for n in range(50)], [123465 + 1000 * n for n in range(50)]
    assert classes(a, b, pa.int64()) == {"transposed": 50}
    assert classes(a[:3], b[:3], pa.int64()) == {"changed": 3}


def test_units_are_told_by_name() -> None:
    feet = [Decimal(n * 37 + 101) for n in range(200)]
    metres = [(f * Decimal("0.3048")).quantize(Decimal("0.01")) for f in feet]
    document = explained((feet, metres, pa.decimal128(12, 2)))[0]
    assert document["classes"] == {"unit_factor": 200}
    assert "B is A times 0.3048 (feet and metres)" in document["patterns"][0]["sentence"]


def test_the_column_as_a_whole_decides_between_rounded_and_truncated() -> None:
    fine = [Decimal(n * 7919 % 1_000_000).scaleb(-6) for n in range(1, 400)]
    cut = [f.quantize(Decimal("0.01"), "ROUND_DOWN") for f in fine]
    pairs = [(f, c) for f, c in zip(fine, cut, strict=True) if f != c]
    found = classes([f for f, _ in pairs], [c for _, c in pairs], DECIMALS)
    assert found == {"truncated": len(pairs)}


def test_a_cut_after_so_many_bytes_is_told() -> None:
    a = [f"a long enough name {n}" for n in range(20)]
    assert "cut off after 10 bytes" in sentences(a, [text[:10] for text in a], pa.string())


def test_the_case_that_a_side_is_in_is_told() -> None:
    a = [f"Name of {n}" for n in range(20)]
    assert "B is A in upper case" in sentences(a, [text.upper() for text in a], pa.string())


def test_daylight_saving_is_seen_in_the_shifts_of_the_year() -> None:
    utc = [datetime(2026, 1, 1, 12) + timedelta(hours=7 * n) for n in range(1200)]
    berlin = [
        t.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
        for t in utc
    ]
    document = explained((utc, berlin, pa.timestamp("us")))[0]
    assert document["classes"] == {"time_shift": 1200}
    said = document["patterns"][0]["sentence"]
    assert "local time with daylight saving" in said
    (suggestion,) = document["suggestions"]
    assert suggestion["rule"] == {"zone_b": "Europe/Berlin"}
    assert suggestion["settles"] >= 1198  # the hour that occurs twice is read as the first of the two


def test_a_default_in_place_of_many_values_is_seen() -> None:
    a = [datetime(2020, 1, 1) + timedelta(days=n) for n in range(40)]
    b = [datetime(1900, 1, 1)] * 40
    assert "B has '1900-01-01 00:00:00' whatever A has, like a default" in sentences(a, b, pa.timestamp("us"))
    assert "NULL was filled in with 'n/a'" in sentences([None] * 9, ["n/a"] * 9, pa.string())


def test_frequent_pairs_of_a_large_column_are_counted_exactly() -> None:
    a = ["Y" if n % 3 else f"value {n}" for n in range(90_000)]
    b = ["1" if n % 3 else f"other {n}" for n in range(90_000)]
    patterns = explained((a, b, pa.string()))[0]["patterns"]
    assert [(p["count"], p["sentence"]) for p in patterns if p["class"] == "replaced"] == [
        (60_000, "60,000 of 90,000 differing values: 'Y' became '1'.")
    ]


def test_swapped_columns_name_each_other() -> None:
    first, second = [f"city {n}" for n in range(50)], [f"state {n}" for n in range(50)]
    documents = explained(
        (first, second, pa.string()), (second, first, pa.string()), ([1] * 50, [2] * 50, pa.int64())
    )
    for n, other in ((0, "C1"), (1, "C0")):
        (swap,) = [p for p in documents[n]["patterns"] if p["class"] == "swapped"]
        assert (swap["count"], swap["with"]) == (50, other)
    assert not [p for p in documents[2]["patterns"] if p["class"] == "swapped"]


def test_flags_that_both_changed_are_not_swapped() -> None:
    a, b = [n % 2 for n in range(100)], [1 - n % 2 for n in range(100)]
    for document in explained((a, b, pa.int64()), (b, a, pa.int64())):
        assert not [p for p in document["patterns"] if p["class"] == "swapped"]


def test_distances_are_exact() -> None:
    document = explained((numbers("1.000001", "5", "7"), numbers("1.000002", "5.5", "7"), DECIMALS))[0]
    assert (document["largest_difference"], document["mean_difference"]) == ("0.5", "0.2500005")
    days = explained(([datetime(2026, 1, 1)], [datetime(2026, 1, 2, 0, 0, 0, 500000)], pa.timestamp("us")))[0]
    assert (days["largest_difference"], days["difference_unit"]) == ("86400.5", "seconds")


def rounded_coordinates() -> tuple[list[Any], list[Any], Any]:
    fine = [Decimal(n * 7919 % 90_000_000).scaleb(-6) for n in range(1, 1000)]
    return fine, [f.quantize(Decimal("0.00001")) for f in fine], DECIMALS


SUGGESTED: list[tuple[tuple[list[Any], list[Any], Any], dict[str, Any]]] = [
    (rounded_coordinates(), {"tolerance": "0.00001"}),
    ((["Aa", "Bb", "c"], ["AA", "bb", "d"], pa.string()), {"ignore_case": True}),
    (([" a", "b ", "c"], ["a", "b", "d"], pa.string()), {"trim": True}),
    ((["a  x", "b y"], ["a x ", "b  y"], pa.string()), {"trim": True, "collapse_white_space": True}),
    (([None, None], [" ", "x"], pa.string()), {"null_equals_blank": True}),
    ((["Y"] * 5 + ["N"] * 5, ["1"] * 5 + ["0"] * 5, pa.string()), {"values_a": {"N": "0", "Y": "1"}}),
    ((numbers("1.5", "2.25", "3"), numbers("150", "225", "7"), DECIMALS), {"expression_a": "value * 100"}),
    (
        ([datetime(2026, 1, 1, n) for n in range(9)], [datetime(2026, 1, 1, n + 2) for n in range(9)], pa.timestamp("us")),
        {"zone_a": "Etc/GMT+2"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "rule"), SUGGESTED)
def test_a_suggested_rule_settles_as_many_cells_as_it_says(
    cells: tuple[list[Any], list[Any], Any], rule: dict[str, Any]
) -> None:
    before = explained(cells)[0]
    (suggestion,) = [s for s in before["suggestions"] if s["rule"] == rule]
    after = explained(cells, rule=msgspec.convert(suggestion["rule"], ColumnRule))[0]
    assert before["different"] - after["different"] == suggestion["settles"] > 0
