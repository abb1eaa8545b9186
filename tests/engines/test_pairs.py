"""One table of every type in Oracle, and the same rows as CSV, Parquet, Arrow and Excel: each pair is equal,
and one changed value of each column is one difference."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from tests.conftest import Instance
from worker.engines import ComparisonPlan, compare
from worker.engines.sources.aligned import aligned
from worker.engines.sources.base import Source
from worker.engines.sources.files import open_file
from worker.engines.sources.oracle import OracleTableSource

OWNER = "PAIRS_TEST"
COLUMNS = {
    "ID": "number(9) primary key",
    "WHOLE": "number(18)",
    "PRICE": "number(9,2)",
    "BARE": "number",
    "RATIO": "binary_double",
    "NAME": "varchar2(20 char)",
    "CODE": "char(6 char)",
    "DAY": "date",
    "STAMP": "timestamp(6)",
    "ZONED": "timestamp(6) with time zone",
    "BYTES": "raw(4)",
    "LONG_TEXT": "clob",
}
NOON = datetime(2026, 9, 5, 12, 30, 15)  # noqa: DTZ001
FINE = NOON.replace(microsecond=125_000)
NONE = (None,) * 11
ROWS: list[tuple[Any, ...]] = [
    (1, 10**17, Decimal("1.50"), Decimal("0.125"), 0.1, "Zoë", "007", NOON, FINE, NOON, b"\x00\xff", "long"),
    (2, -1, Decimal("-0.05"), Decimal("1e20"), 2.5, "a,b;c", "x", NOON, NOON, NOON, b"a", 'with "quotes"\nand lines'),
    (3, *NONE),
]  # fmt: skip
CHANGED = (
    1, 10**17 + 1, Decimal("1.51"), Decimal("0.1250000001"), 0.2, "Zoe", "07", NOON.replace(hour=13),
    FINE.replace(microsecond=125_001), NOON.replace(day=6), b"\x00\xfe", "Long",
)  # fmt: skip


@pytest.fixture(scope="module")
def table(database: Instance) -> Iterator[OracleTableSource]:
    types = [oracledb.DB_TYPE_NUMBER] * 4 + [
        oracledb.DB_TYPE_BINARY_DOUBLE,
        None,
        None,
        oracledb.DB_TYPE_DATE,
    ]
    types += [
        oracledb.DB_TYPE_TIMESTAMP,
        oracledb.DB_TYPE_TIMESTAMP_TZ,
        oracledb.DB_TYPE_RAW,
        oracledb.DB_TYPE_CLOB,
    ]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {OWNER} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {OWNER}")
        columns = ", ".join(f"{name} {data_type}" for name, data_type in COLUMNS.items())
        cursor.execute(f"create table {OWNER}.t ({columns})")
        cursor.setinputsizes(*types)
        places = ", ".join(f":{n + 1}" for n in range(len(COLUMNS)))
        cursor.executemany(f"insert into {OWNER}.t values ({places})", ROWS)
        connection.commit()
        yield OracleTableSource(database.connect, OWNER, "T")
        cursor.execute(f"drop user {OWNER} cascade")


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def write_csv(path: Path, rows: list[tuple[Any, ...]]) -> None:
    quoted = [['"' + text(value).replace('"', '""') + '"' for value in row] for row in rows]
    path.write_text("\n".join(",".join(row) for row in [list(COLUMNS), *quoted]) + "\n")


def write_excel(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for row, values in enumerate([tuple(COLUMNS), *rows]):
            for column, value in enumerate(values):
                sheet.write_string(row, column, text(value))


def arrow(rows: list[tuple[Any, ...]]) -> pa.Table:
    types = [
        pa.int32(), pa.int64(), pa.decimal128(9, 2), pa.decimal128(38, 10), pa.float64(), pa.string(),
        pa.dictionary(pa.int8(), pa.string()), pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("us", "UTC"),
        pa.binary(), pa.large_string(),
    ]  # fmt: skip
    arrays = [pa.array([row[n] for row in rows], data_type) for n, data_type in enumerate(types)]
    return pa.table(arrays, list(COLUMNS))


def write_parquet(path: Path, rows: list[tuple[Any, ...]]) -> None:
    pq.write_table(arrow(rows), path)


def write_arrow(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, arrow(rows).schema) as writer:
        writer.write_table(arrow(rows))


def different(a: Source, b: Source, folder: Path) -> set[str]:
    a, b = aligned(a, b)
    result = compare(a, b, ComparisonPlan(key=("ID",)), lambda *_: None, folder, 64)
    assert result.summary.matched == 3
    return {column["name"].upper() for column in result.columns if column["different"] == 1}


@pytest.mark.parametrize("write", [write_csv, write_excel, write_parquet, write_arrow])
def test_a_table_against_a_file(table: OracleTableSource, tmp_path: Path, write: Any) -> None:
    write(tmp_path / "same", ROWS)
    write(tmp_path / "other", [CHANGED, *ROWS[1:]])
    for sides in ((table, "same"), ("same", table)):
        assert (
            different(*(open_file(tmp_path / s, s) if isinstance(s, str) else s for s in sides), tmp_path)
            == set()
        )
    assert different(table, open_file(tmp_path / "other", "other"), tmp_path) == set(COLUMNS) - {"ID"}


@pytest.mark.parametrize("write_a", [write_csv, write_excel])
@pytest.mark.parametrize("write_b", [write_csv, write_excel, write_parquet, write_arrow])
def test_files_against_each_other(tmp_path: Path, write_a: Any, write_b: Any) -> None:
    write_a(tmp_path / "a", ROWS)
    write_b(tmp_path / "b", ROWS)
    write_b(tmp_path / "c", [CHANGED, *ROWS[1:]])
    a = open_file(tmp_path / "a", "a")
    assert different(a, open_file(tmp_path / "b", "b"), tmp_path) == set()
    assert different(a, open_file(tmp_path / "c", "c"), tmp_path) == set(COLUMNS) - {"ID"}
