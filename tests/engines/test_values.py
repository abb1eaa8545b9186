"""Hard values, one by one: what is equal, what is not, and how it is shown."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from worker.engines import ColumnRule, ComparisonPlan, compare
from worker.engines.sources.memory import MemorySource
from worker.engines.values import Kind, ValueType

NUMBER = ValueType(Kind.NUMBER)
LONG_TEXT = ValueType(Kind.LONG_TEXT)
LONG_BINARY = ValueType(Kind.LONG_BINARY)
ODD_NANS = struct.unpack("<2d", struct.pack("<2Q", 0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000))


def column(
    values: list[Any], arrow: pa.DataType, value_type: ValueType | None = None, padded: bool = False
) -> MemorySource:
    """A table of a row number ID and one column V."""
    table = pa.table({"ID": pa.array(range(len(values)), pa.int64()), "V": pa.array(values, arrow)})
    types = {"V": value_type} if value_type else {}
    return MemorySource("T", table, types=types, padded=["V"] if padded else [])


def different(tmp_path: Path, a: MemorySource, b: MemorySource, tolerance: str | None = None) -> list[int]:
    """The IDs of the rows that differ."""
    rules = {"V": ColumnRule(tolerance=Decimal(tolerance))} if tolerance else {}
    plan = ComparisonPlan(key=("ID",), rules=rules, sample_limit=1000)
    document = compare(a, b, plan, lambda *_: None, tmp_path, 64).to_document()
    found = [int(sample["key"]["ID"]) for sample in document["samples"]["changed"]]
    assert len(found) == document["summary"]["changed"]
    return found


def test_every_nan_equals_every_other_and_minus_zero_is_zero(tmp_path: Path) -> None:
    a = column([float("nan"), ODD_NANS[0], -0.0, float("inf"), float("nan")], pa.float64())
    b = column([ODD_NANS[0], ODD_NANS[1], 0.0, float("-inf"), None], pa.float64())
    assert different(tmp_path, a, b) == [3, 4]


def test_rows_are_matched_by_nan_and_by_zero_as_keys(tmp_path: Path) -> None:
    def table(keys: list[float]) -> MemorySource:
        return MemorySource("T", pa.table({"K": pa.array(keys, pa.float64())}))

    summary = compare(
        table([float("nan"), -0.0]),
        table([0.0, ODD_NANS[1]]),
        ComparisonPlan(key=("K",)),
        lambda *_: None,
        tmp_path,
        64,
    ).summary
    assert (summary.matched, summary.equal) == (2, 2)


def test_bare_numbers_are_equal_by_value_however_they_are_written(tmp_path: Path) -> None:
    a = column(["1.50", ".5", "-.5", "1E+70", "100", "-0", "007", "0.30", "1" * 40], pa.string(), NUMBER)
    b = column(
        ["1.5", "0.50", "-0.5", "1" + "0" * 70, "1e2", "0", "7", "0.3", "1" * 39 + "2"], pa.string(), NUMBER
    )
    assert different(tmp_path, a, b) == [8]


@pytest.mark.parametrize("tolerance", ["0.00001", "1e-5", "0.000010"])
def test_tolerance_includes_its_edge_in_every_kind_of_number(tmp_path: Path, tolerance: str) -> None:
    texts_a = ["0.30000", "0.10000", "-5.00001", "99999999.99999"]
    texts_b = ["0.30001", "0.10002", "-5.00000", "99999999.99997"]
    for arrow, value_type in (
        (pa.decimal128(13, 5), None),
        (pa.decimal128(38, 20), None),
        (pa.string(), NUMBER),
        (pa.float64(), None),
    ):
        make = {pa.float64(): float, pa.string(): str}.get(arrow, Decimal)
        a, b = (column([make(t) for t in texts], arrow, value_type) for texts in (texts_a, texts_b))
        assert different(tmp_path, a, b, tolerance) == [1, 3], arrow


def test_a_huge_tolerance_excuses_everything_but_null_nan_and_infinity(tmp_path: Path) -> None:
    a = column([1.0, None, float("nan"), float("inf"), -1e124], pa.float64())
    b = column([2.0, 1.0, 1.0, 1.0, 1e124], pa.float64())
    assert different(tmp_path, a, b, "1e125") == [1, 2, 3]
    a, b = (column([x], pa.int64()) for x in (-(2**63), 2**63 - 1))
    assert different(tmp_path, a, b, "18446744073709551615") == []
    assert different(tmp_path, a, b, "18446744073709551614") == [0]


def test_number_against_binary_double_is_compared_as_double(tmp_path: Path) -> None:
    a = column(["0.1", "0.30000000000000004", "9007199254740993"], pa.string(), NUMBER)
    b = column([0.1, 0.3, 9007199254740992.0], pa.float64())
    assert different(tmp_path, a, b) == [1]


def test_empty_text_is_null_but_padding_alone_is_not(tmp_path: Path) -> None:
    a = column(["", "x   ", "    ", "x", None], pa.string(), padded=True)
    b = column([None, "x", None, "x ", "  "], pa.string())
    assert different(tmp_path, a, b) == [2, 3, 4]


def test_unicode_is_compared_as_it_is_stored(tmp_path: Path) -> None:
    a = column(["ä", "Straße", "x\x00y", "😀"], pa.string())
    b = column(["a\u0308", "Strasse", "x\x00z", "😀"], pa.string())
    assert different(tmp_path, a, b) == [0, 1, 2]


def test_instants_compare_across_units_and_zones(tmp_path: Path) -> None:
    noon = datetime(2026, 9, 5, 12, tzinfo=UTC)
    naive = noon.replace(tzinfo=None)
    a = column([noon, noon], pa.timestamp("us", "Europe/Berlin"))
    b = column([naive, naive.replace(hour=14)], pa.timestamp("s"))
    assert different(tmp_path, a, b) == [1]


def test_nanoseconds_count(tmp_path: Path) -> None:
    a = column([1_000, 1_001, 1_000, None], pa.timestamp("ns"))
    b = column([1, 1, 2, None], pa.timestamp("us"))
    assert different(tmp_path, a, b) == [1, 2]
    text = "2026-09-05 12:00:00.123456789"
    c = column([text, text[:-1] + "0"], pa.string(), ValueType(Kind.TIMESTAMP_NS))
    d = column([text, text], pa.string(), ValueType(Kind.TIMESTAMP_NS))
    assert different(tmp_path, c, d) == [1]


def test_large_objects_compare_by_content_and_are_shown_by_size_and_hash(tmp_path: Path) -> None:
    long = "é" * 100_000
    a = column([long, long, "short", None], pa.large_string(), LONG_TEXT)
    b = column([long, long[:-1] + "e", "short", "x"], pa.string())
    assert different(tmp_path, a, b) == [1, 3]
    plan = ComparisonPlan(key=("ID",))
    cells = compare(a, b, plan, lambda *_: None, tmp_path, 64).samples["changed"][0]["cells"]
    assert cells[0]["a"].startswith("100000 characters, hash ")
    c = column([b"\x00" * 1000, b"a"], pa.large_binary(), LONG_BINARY)
    d = column([b"\x00" * 1001, b"a"], pa.binary())
    assert different(tmp_path, c, d) == [0]


def test_intervals_compare_by_length(tmp_path: Path) -> None:
    interval = pa.month_day_nano_interval()
    months, nanoseconds = ValueType(Kind.INTERVAL_MONTHS), ValueType(Kind.INTERVAL_NANOSECONDS)
    a = column([(14, 0, 0), (0, 0, 0)], interval, months)
    b = column([(14, 0, 0), (1, 0, 0)], interval, months)
    assert different(tmp_path, a, b) == [1]
    a = column([(0, 1, 5), (0, 1, 0), (0, 10**8, 1)], interval, nanoseconds)
    b = column([(0, 1, 5), (0, 0, 86_400 * 10**9), (0, 10**8, 2)], interval, nanoseconds)
    assert different(tmp_path, a, b) == [2]


def test_values_are_shown_exactly(tmp_path: Path) -> None:
    shown = {
        "38.70402": (Decimal("38.704020"), pa.decimal128(9, 6)),
        "0.0000001": (Decimal("0.0000001"), pa.decimal128(38, 10)),
        "0.1": (0.1, pa.float64()),
        "NaN": (float("nan"), pa.float64()),
        "-Infinity": (float("-inf"), pa.float64()),
        "TRUE": (True, pa.bool_()),
        "0AFF": (b"\x0a\xff", pa.binary()),
        "2026-09-05 00:00:00": (datetime(2026, 9, 5), pa.timestamp("s")),  # noqa: DTZ001
        "0001-01-01 00:00:00.5": (datetime(1, 1, 1, microsecond=500_000), pa.timestamp("us")),  # noqa: DTZ001
    }
    for text, (value, arrow) in shown.items():
        result = compare(
            column([value], arrow),
            column([None], arrow),
            ComparisonPlan(key=("ID",)),
            lambda *_: None,
            tmp_path,
            64,
        )
        assert result.samples["changed"][0]["cells"] == [{"column": "V", "a": text, "b": None}]


def test_duplicates_pair_in_the_order_of_numbers_not_of_their_text(tmp_path: Path) -> None:
    def table(values: list[str]) -> MemorySource:
        return MemorySource(
            "T", pa.table({"K": pa.array([1] * len(values)), "V": pa.array(values)}), types={"V": NUMBER}
        )

    result = compare(
        table(["10", "9"]), table(["11", "9.5"]), ComparisonPlan(key=("K",)), lambda *_: None, tmp_path, 64
    )
    pairs = [(s["cells"][0]["a"], s["cells"][0]["b"]) for s in result.samples["changed"]]
    assert sorted(pairs) == [("10", "11"), ("9", "9.5")]
    assert result.samples["duplicates_a"] == [{"key": {"K": "1"}, "count": 2}]
