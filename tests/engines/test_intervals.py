"""Lengths of time: storage form and text against Python's own arithmetic; durations and times of day of files."""

from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from worker.engines import ComparisonPlan, compare, intervals
from worker.engines.sources.memory import MemorySource

DAY = 86_400 * 10**9
MONTH_DAY_NANO = pa.month_day_nano_interval()
I32, I64 = (st.integers(-(2 ** (n - 1)), 2 ** (n - 1) - 1) for n in (32, 64))


def length_text(nanoseconds: int) -> str:
    """A length as Oracle writes it, digit by digit."""
    days, rest = divmod(abs(nanoseconds), DAY)
    seconds, fraction = divmod(rest, 10**9)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        text += f".{fraction:09}".rstrip("0")
    return ("-" if nanoseconds < 0 else "") + (f"{days} " if days else "") + text


@given(st.lists(st.none() | st.tuples(I32, I32, I64)), st.integers(0, 3))
def test_intervals_are_months_and_nanoseconds(
    values: list[tuple[int, int, int] | None], skipped: int
) -> None:
    array, values = pa.array(values, MONTH_DAY_NANO).slice(skipped), values[skipped:]
    months, lengths = intervals.months(array), intervals.nanoseconds(array)
    assert months.to_pylist() == [None if v is None else v[0] for v in values]
    totals = [None if v is None else v[1] * DAY + v[2] for v in values]
    assert lengths.to_pylist() == totals
    assert lengths.type == pa.decimal128(38, 0)
    assert intervals.nanosecond_texts(lengths).to_pylist() == [
        None if t is None else length_text(t) for t in totals
    ]
    assert intervals.month_texts(months).to_pylist() == [
        None if v is None else f"{'-' if v[0] < 0 else ''}{abs(v[0]) // 12}-{abs(v[0]) % 12:02}"
        for v in values
    ]


@given(st.sampled_from(["s", "ms", "us", "ns"]), st.lists(st.none() | I64))
def test_durations_of_every_unit_are_exact(unit: str, values: list[int | None]) -> None:
    factor = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    found = intervals.nanoseconds(pa.array(values, pa.int64()).cast(pa.duration(unit)))
    assert found.to_pylist() == [None if v is None else Decimal(v * factor) for v in values]


def test_a_file_with_times_of_day_and_durations_is_compared(tmp_path: Path) -> None:
    def table(late: time, unit: str, long: timedelta) -> MemorySource:
        kind = pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)
        columns = {
            "ID": pa.array([1, 2, 3]),
            "AT": pa.array([time(12, 30), late, None], kind),
            "TOOK": pa.array([timedelta(seconds=-10), long, timedelta(0)], pa.duration("us")),
        }
        return MemorySource("T", pa.table(columns))

    a = table(time(23, 59, 59), "s", timedelta(days=400, microseconds=5))
    b = table(time(23, 59, 58, 1), "us", timedelta(days=400, microseconds=6))
    document = compare(a, b, ComparisonPlan(key=("ID",)), lambda *_: None, tmp_path, 64).to_document()
    assert document["samples"]["changed"] == [
        {
            "key": {"ID": "2"},
            "cells": [
                {"column": "AT", "a": "23:59:59", "b": "23:59:58.000001"},
                {"column": "TOOK", "a": "400 00:00:00.000005", "b": "400 00:00:00.000006"},
            ],
        }
    ]
    assert document["schema"]["different"] == []
