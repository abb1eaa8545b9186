"""Sides of different kinds against each other: text of no declared type meets declared types, exactly."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from worker.engines import ColumnRule, ComparisonPlan, compare
from worker.engines.errors import BadPlan, IncomparableTypes
from worker.engines.sources.aligned import aligned
from worker.engines.sources.base import Source
from worker.engines.sources.csv import CsvSource
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.wrapped import Renamed


def text(folder: Path, data: str, name: str = "x.csv") -> CsvSource:
    (folder / name).write_text(data)
    return CsvSource(folder / name, name)


def table(**columns: Any) -> MemorySource:
    return MemorySource("T", pa.table(columns))


def differences(a: Source, b: Source, folder: Path, **plan: Any) -> list[tuple[str, str, Any, Any]]:
    """(key, column, a, b) of every differing cell; both ways round gives the same."""
    found = []
    for first, second in ((a, b), (b, a)):
        result = compare(
            *aligned(first, second), ComparisonPlan(key=("ID",), **plan), lambda *_: None, folder, 64
        )
        found.append(
            [
                (sample["key"]["ID"], cell["column"].upper(), cell["a"], cell["b"])
                for sample in result.samples["changed"]
                for cell in sample["cells"]
            ]
        )
    assert [(k, c, x, y) for k, c, y, x in found[1]] == found[0]
    return found[0]


def test_every_type_against_csv(tmp_path: Path) -> None:
    typed = table(
        ID=pa.array([1, 2, 3]),
        ZIP=["01234", "99999", None],
        CODE=["1", "2", "3"],
        AMOUNT=pa.array([Decimal("1.50"), None, Decimal("-2")], pa.decimal128(9, 2)),
        RATIO=pa.array([0.1, float("nan"), -0.0]),
        DAY=pa.array([datetime(2026, 9, 5), None, datetime(1, 1, 1)], pa.timestamp("s")),  # noqa: DTZ001
        AT=pa.array([datetime(2026, 9, 5, 10)] * 3, pa.timestamp("us", "UTC")),  # noqa: DTZ001
        FLAG=[True, False, None],
        RAW=[b"\x00\xff", b"a", None],
    )
    written = text(
        tmp_path,
        "id,zip,code,amount,ratio,day,at,flag,raw\n"
        "1,01234,1,1.5,0.1,2026-09-05,2026-09-05T10:00:00Z,true,00ff\n"
        "2,99999,2,,nan,,2026-09-05 12:00:00+02:00,false,61\n"
        "3,,3,-2.000,0,0001-01-01,2026-09-05T10:00Z,,\n",
    )
    assert differences(typed, written, tmp_path) == []


def test_loose_numbers_are_numbers_where_the_other_side_says_so(tmp_path: Path) -> None:
    typed = table(ID=[1, 2, 3], V=pa.array([Decimal(7), Decimal(8), Decimal(9)], pa.decimal128(5, 1)))
    written = text(tmp_path, "ID,V\n1,007\n2, +8.0\n3,9.01\n")
    assert differences(typed, written, tmp_path) == [("3", "V", "9", "9.01")]
    rules = {"V": ColumnRule(tolerance=Decimal("0.01"))}
    assert differences(typed, written, tmp_path, rules=rules) == []


def test_a_value_that_does_not_fit_is_a_difference_never_null(tmp_path: Path) -> None:
    typed = table(
        ID=[1, 2, 3],
        V=pa.array([Decimal("1.50"), None, Decimal("-3")], pa.decimal128(9, 2)),
        D=pa.array([datetime(2026, 9, 5)] * 3, pa.timestamp("us")),  # noqa: DTZ001
    )
    written = text(tmp_path, "ID,V,D\n1,01.5,2026-09-05\n2,N/A,05.09.2026\n3,-3,2026-09-05 00:00\n")
    a, b = aligned(typed, written)
    assert b.account()["compared_as_text"] == {
        "V": "'N/A' in line 3 is no NUMBER(9,2)",
        "D": "'05.09.2026' in line 3 is no TIMESTAMP(6)",
    }
    assert a.account()["compared_as_text"]["V"] == "x.csv: 'N/A' in line 3 is no NUMBER(9,2)"
    assert differences(typed, written, tmp_path) == [
        ("2", "V", None, "N/A"),
        ("2", "D", "2026-09-05 00:00:00", "05.09.2026"),
    ]


def test_a_key_may_be_text_on_one_side(tmp_path: Path) -> None:
    typed = table(ID=["007", "8"], V=[1, 2])
    assert differences(typed, text(tmp_path, "ID,V\n007,1\n8,3\n"), tmp_path) == [("8", "V", "2", "3")]
    numbers = table(ID=[7, 8], V=[1, 2])
    assert differences(numbers, text(tmp_path, "ID,V\n007,1\n8,3\n"), tmp_path) == [("8", "V", "2", "3")]


def test_two_files_in_which_different_types_were_found_compare_as_written(tmp_path: Path) -> None:
    a = text(tmp_path, "ID,V,W\n1,1.50,1\n2,2,2\n", "a.csv")
    b = text(tmp_path, "ID,V,W\n1,1.50,1.0\n2,N/A,2.5\n", "b.csv")
    assert differences(a, b, tmp_path) == [("2", "V", "2", "N/A"), ("2", "W", "2", "2.5")]


def test_types_that_were_found_are_no_difference_of_types(tmp_path: Path) -> None:
    typed = table(ID=[1], V=pa.array([Decimal(1)], pa.decimal128(9, 2)))
    result = compare(
        typed, text(tmp_path, "ID,V\n1,1\n"), ComparisonPlan(key=("ID",)), lambda *_: None, tmp_path, 64
    )
    assert result.schema["different"] == []


def test_two_declared_types_that_do_not_go_together_are_still_refused(tmp_path: Path) -> None:
    with pytest.raises(IncomparableTypes):
        differences(table(ID=[1], V=[1]), table(ID=[1], V=["1"]), tmp_path)


def test_columns_of_other_names(tmp_path: Path) -> None:
    typed = table(ID=["1", "2"], AMOUNT=pa.array([Decimal(1), Decimal(2)], pa.decimal128(9, 2)))
    written = text(tmp_path, "Nr,Betrag\n1,01.00\n2,02.50\n")
    renamed = Renamed(written, {"NR": "ID", "betrag": "AMOUNT"})
    assert differences(typed, renamed, tmp_path) == [("2", "AMOUNT", "2", "2.5")]
    assert renamed.account()["columns_renamed"] == {"Nr": "ID", "Betrag": "AMOUNT"}
    with pytest.raises(BadPlan, match="has no column WHAT"):
        Renamed(written, {"WHAT": "ID"})
    with pytest.raises(BadPlan, match="two columns named Nr"):
        Renamed(written, {"betrag": "Nr"})
