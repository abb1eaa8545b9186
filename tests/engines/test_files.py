"""Parquet, Arrow and Excel files as sources, and what is said of files that are not what they should be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from worker.engines import ComparisonPlan, compare
from worker.engines.errors import BadPlan, EngineError, FileFailed, SourceFailed, SourceInterrupted
from worker.engines.sources.base import Source
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.sources.files import FileOptions, open_file

TABLE = pa.table(
    {
        "ID": pa.array(range(1000)),
        "AMOUNT": pa.array(
            [None if n % 7 == 0 else Decimal(n) / 4 for n in range(1000)], pa.decimal128(9, 2)
        ),
        "NAME": [f"name {n}" for n in range(1000)],
        "AT": pa.array([datetime(2026, 1, 1)] * 1000, pa.timestamp("us")),  # noqa: DTZ001
    }
)


def write_parquet(path: Path) -> None:
    pq.write_table(TABLE, path, row_group_size=100)


def write_arrow(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=100)


def write_stream(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, TABLE.schema) as writer:
        writer.write_table(TABLE, max_chunksize=100)


def write_feather(path: Path) -> None:
    pyarrow.feather.write_feather(TABLE, path, chunksize=100)


WRITERS = [write_parquet, write_arrow, write_stream, write_feather]


def read(source: Source, columns: list[str], pieces: range | None = None) -> pa.Table:
    batches = list(source.batches(columns, pieces))
    assert all(batch.schema.names == columns for batch in batches)
    return pa.Table.from_batches(batches)


@pytest.mark.parametrize("write", WRITERS)
def test_columns_come_as_asked(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "x")
    source = open_file(tmp_path / "x", "x")
    assert [(c.name, c.oracle_type) for c in source.schema()] == [
        ("ID", "NUMBER"),
        ("AMOUNT", "NUMBER(9,2)"),
        ("NAME", "VARCHAR2"),
        ("AT", "TIMESTAMP(6)"),
    ]
    assert read(source, ["NAME", "ID"]).equals(TABLE.select(["NAME", "ID"]))
    assert read(source, ["AMOUNT"]).equals(TABLE.select(["AMOUNT"]))
    if source.by_column:
        assert (source.estimated_rows(), source.pieces()) == (1000, 10)
        assert read(source, ["ID"], range(3, 5)).equals(TABLE.select(["ID"]).slice(300, 200))
        assert read(source, ["ID"], range(9, 12)).equals(TABLE.select(["ID"]).slice(900, 100))


@pytest.mark.parametrize("write", WRITERS)
def test_an_empty_file_of_a_format_is_an_empty_table(
    tmp_path: Path, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "TABLE", TABLE.slice(0, 0))
    write(tmp_path / "x")
    source = open_file(tmp_path / "x", "x")
    assert [batch.num_rows for batch in source.batches(["ID"]) if batch.num_rows] == []
    result = compare(source, source, ComparisonPlan(key=("ID",)), lambda *_: None, tmp_path, 64)
    assert result.summary.match_percentage == 100


def compared_with_itself(path: Path) -> None:
    source = open_file(path, path.name)
    compare(source, source, ComparisonPlan(key=("ID",)), lambda *_: None, path.parent, 64)


@pytest.mark.parametrize("write", WRITERS)
def test_a_damaged_file_is_refused_not_half_compared(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "x"
    write(path)
    data = path.read_bytes()
    middle = len(data) // 2
    whole = open_file(path, "x")
    broken = [data[:middle], data[:8], data[:-9]]
    if write is write_parquet:
        broken.append(data[:middle] + bytes(200) + data[middle + 200 :])
    for contents in broken:
        path.write_bytes(contents)
        with pytest.raises(SourceFailed) as caught:
            compared_with_itself(path)
        assert caught.value.sentence.startswith("x cannot be read as ")
    with pytest.raises(SourceInterrupted, match="x was changed while it was read"):
        list(whole.batches(["ID"]))


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x")
    source = open_file(tmp_path / "x", "x")
    (tmp_path / "x").unlink()
    with pytest.raises(SourceFailed, match="There is no file x"):
        list(source.batches(["ID"]))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/a/secret/path")

    write_parquet(tmp_path / "x")
    monkeypatch.setattr("worker.engines.sources.file.os.open", refuse)  # root may read everything
    with pytest.raises(SourceFailed, match=r"^x may not be read: permission denied\.$"):
        open_file(tmp_path / "x", "x")


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("nothing", "There is no file nothing"), ("pipe", "pipe is no regular file")):
        with pytest.raises(SourceFailed, match=says):
            open_file(tmp_path / name, name)


@pytest.mark.parametrize("name", ["x.parquet", "x.Arrow", "x.feather", "x.xlsx"])
def test_a_file_that_is_not_what_its_name_says(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("ID\n1\n")
    with pytest.raises(FileFailed, match=rf"{name} does not begin as a file of format \w+ does"):
        open_file(tmp_path / name, name)
    source = open_file(tmp_path / name, name, FileOptions(format="csv"))
    assert source.estimated_rows() == 1


def test_options_that_do_not_fit_the_format(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x")
    with pytest.raises(BadPlan, match="has no sheets"):
        open_file(tmp_path / "x", "x", FileOptions(sheet="One"))
    with pytest.raises(BadPlan, match="the options of CSV do not apply"):
        open_file(tmp_path / "x", "x", FileOptions(csv=CsvOptions(delimiter=";")))
    with pytest.raises(BadPlan, match="is no file format"):
        open_file(tmp_path / "x", "x", FileOptions(format="json"))
    with pytest.raises(SourceFailed, match="cannot be read as Arrow"):
        open_file(tmp_path / "x", "x", FileOptions(format="arrow"))


def test_twin_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([[1], [2]], names=["A", "A"]), tmp_path / "x")
    with pytest.raises(SourceFailed, match="two columns named A"):
        open_file(tmp_path / "x", "x")


def workbook(path: Path, rows: list[list[Any]], sheets: int = 1, top: int = 0) -> Path:
    with xlsxwriter.Workbook(path) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        stamp = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        for number in range(sheets):
            sheet = book.add_worksheet(f"S{number + 1}")
            for row, values in enumerate(rows, start=top):
                for column, value in enumerate(values):
                    if isinstance(value, datetime):
                        sheet.write_datetime(row, column, value, stamp)
                    elif isinstance(value, date):
                        sheet.write_datetime(row, column, value, day)
                    elif value == "=1/0":
                        sheet.write_formula(row, column, value, None, "#DIV/0!")
                    else:
                        sheet.write(row, column, value)
    return path


def test_a_sheet_is_read_cell_by_cell(tmp_path: Path) -> None:
    noon = datetime(2026, 9, 5, 12, 30, 15, 250_000)  # noqa: DTZ001
    rows: list[list[Any]] = [
        ["ID", "PRICE", "DAY", "AT", "CODE", "MIXED"],
        [1, 0.1, date(2026, 9, 5), noon, "007", "abc"],
        [2, 12345.678, None, noon, "1", 1.5],
        [3, -2, date(2026, 9, 6), None, None, date(2026, 9, 5)],
    ]
    source = open_file(workbook(tmp_path / "x.xlsx", rows, top=2), "x.xlsx")
    assert [(c.name, c.oracle_type) for c in source.schema()] == [
        ("ID", "NUMBER"),
        ("PRICE", "NUMBER(8,3)"),
        ("DAY", "TIMESTAMP(6)"),
        ("AT", "TIMESTAMP(6)"),
        ("CODE", "VARCHAR2"),
        ("MIXED", "VARCHAR2"),
    ]
    table = read(source, [c.name for c in source.schema()])
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (1, Decimal("0.100"), datetime(2026, 9, 5), noon, "007", "abc"),  # noqa: DTZ001
        (2, Decimal("12345.678"), None, noon, "1", "1.5"),
        (3, Decimal(-2), datetime(2026, 9, 6), None, None, "2026-09-05 00:00:00"),  # noqa: DTZ001
    ]
    assert source.account()["sheet"] == "S1"


def test_sheets_are_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["ID"], [1]], sheets=2)
    with pytest.raises(BadPlan, match="has the sheets S1, S2; name one"):
        open_file(path, "x.xlsx")
    with pytest.raises(BadPlan, match="has no sheet S3; it has S1, S2"):
        open_file(path, "x.xlsx", FileOptions(sheet="S3"))
    assert open_file(path, "x.xlsx", FileOptions(sheet="S2")).name == "x.xlsx, sheet S2"


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "x.xlsx, sheet S1 is empty; not even names of columns are there."),
        ([["ID", "V"], [1, 2], [2, "=1/0"]], "x.xlsx, sheet S1, data row 2: the cell in column V holds an error, not a value."),
        ([["ID", "ID"], [1, 2]], "x.xlsx, sheet S1 has two columns named ID; give each its own name."),
    ],
    ids=["empty", "error", "twins"],
)  # fmt: skip
def test_what_a_sheet_must_not_hold(tmp_path: Path, rows: list[list[Any]], sentence: str) -> None:
    with pytest.raises(EngineError) as caught:
        open_file(workbook(tmp_path / "x.xlsx", rows), "x.xlsx")
    assert caught.value.sentence == sentence


def test_a_workbook_that_is_none(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", [["ID"], [1]])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceFailed, match=r"x\.xlsx cannot be read as Excel"):
        open_file(path, "x.xlsx")


def test_a_workbook_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engines.sources.excel.MAX_UNPACKED_BYTES", 1 << 10)
    with pytest.raises(SourceFailed, match="Save the sheet as CSV"):
        open_file(workbook(tmp_path / "x.xlsx", [["ID"], [1]]), "x.xlsx")
