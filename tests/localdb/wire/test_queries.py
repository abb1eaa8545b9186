"""Rows, descriptions, errors and data frames through the real driver."""

from __future__ import annotations

from datetime import timedelta, timezone

import oracledb
import pytest

from app.localdb.contract import Column, Kind, OraType, Outcome
from tests.localdb.fake_backend import Call, FakeBackend, FakeCursor
from tests.localdb.wire.outcomes import CLOB, NUMBER, TEXT, at, numbers


def test_every_type_comes_back_as_it_should(connection: oracledb.Connection, backend: FakeBackend) -> None:
    columns = [
        Column("N", OraType.NUMBER, precision=10, scale=0),
        Column("D", OraType.NUMBER, precision=10, scale=2),
        Column("S", OraType.VARCHAR2, size=40, chars=10),
        Column("NS", OraType.VARCHAR2, size=40, chars=10, national=True),
        Column("CH", OraType.CHAR, size=5, chars=5),
        Column("DT", OraType.DATE),
        Column("TS", OraType.TIMESTAMP, scale=6),
        Column("TZ", OraType.TIMESTAMP_TZ, scale=6),
        Column("LTZ", OraType.TIMESTAMP_LTZ, scale=6),
        Column("R", OraType.RAW, size=10),
        Column("BD", OraType.BINARY_DOUBLE),
        Column("BF", OraType.BINARY_FLOAT),
        Column("DS", OraType.INTERVAL_DS),
        Column("YM", OraType.INTERVAL_YM),
        Column("BO", OraType.BOOLEAN),
        Column("RI", OraType.ROWID),
        Column("UR", OraType.UROWID),
        Column("L", OraType.LONG),
        Column("LR", OraType.LONG_RAW),
    ]
    row = (
        b"42", b"-12.50", "grüß 🙂".encode(), "ñ🙂".encode(), b"ab   ", b"2026-01-31 23:59:58",
        b"2026-01-31 23:59:58.123456", b"2026-01-31 22:00:00 0", b"2026-01-31 22:00:00.5+00", b"\\x0aff",
        b"1.5", b"0.25", b"-3 04:05:06.500000", b"14", b"t", b"AAABBBAACAAAAAEAAF", b"AAABBBAACAAAAAEAAF",
        b"long" * 10_000, b"\\x00" + b"ff" * 40_000,
    )  # fmt: skip
    nulls = tuple(None for _ in columns)
    backend.query("select everything", columns, [row, nulls])
    backend.sessions[0].time_zone = timezone(timedelta(hours=2))
    cursor = connection.cursor()
    cursor.execute("select everything")
    found, empty = cursor.fetchall()
    assert found == (
        42, -12.5, "grüß 🙂", "ñ🙂", "ab   ", at(2026, 1, 31, 23, 59, 58),
        at(2026, 1, 31, 23, 59, 58, 123456), at(2026, 1, 31, 22), at(2026, 2, 1, 0, 0, 0, 500_000),
        b"\x0a\xff", 1.5, 0.25, -timedelta(days=3, hours=4, minutes=5, seconds=6.5), oracledb.IntervalYM(1, 2),
        True, "AAABBBAACAAAAAEAAF", "AAABBBAACAAAAAEAAF", "long" * 10_000, b"\0" + b"\xff" * 40_000,
    )  # fmt: skip
    assert empty == nulls
    assert [c[:7] for c in cursor.description][:3] == [
        ("N", oracledb.DB_TYPE_NUMBER, 11, None, 10, 0, True),
        ("D", oracledb.DB_TYPE_NUMBER, 14, None, 10, 2, True),
        ("S", oracledb.DB_TYPE_VARCHAR, 10, 40, None, None, True),
    ]


@pytest.mark.parametrize(
    ("prefetch", "arraysize", "rows"), [(0, 1, 3), (2, 7, 50), (100, 100, 100), (5, 5000, 20_000)]
)
def test_rows_come_in_order_however_they_are_fetched(
    connection: oracledb.Connection, backend: FakeBackend, prefetch: int, arraysize: int, rows: int
) -> None:
    backend.query("select n from t", [NUMBER], numbers(rows))
    for _ in range(2):
        cursor = connection.cursor()
        cursor.prefetchrows, cursor.arraysize = prefetch, arraysize
        cursor.execute("select n from t")
        assert [n for (n,) in cursor] == list(range(rows))
        assert cursor.rowcount == rows
        cursor.close()


def test_a_changed_column_type_is_described_again(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    cursor = connection.cursor()
    for column, raw, value in (
        (NUMBER, b"1", 1),
        (TEXT, b"one", "one"),
        (CLOB, b"big", "big"),
        (NUMBER, b"2", 2),
    ):
        backend.query("select x from t", [column], [(raw,)])
        cursor.execute("select x from t")
        (found,) = cursor.fetchone()
        assert (found.read() if isinstance(found, oracledb.LOB) else found) == value


def test_parse_describes_without_running(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.query("select n from t", [NUMBER], numbers(3))
    cursor = connection.cursor()
    cursor.parse("select n from t")
    assert cursor.description[0][0] == "N"
    assert backend.sessions[0].log.count("select n from t") == 0


def test_a_scrollable_cursor_goes_where_it_is_told(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.query("select n from t", [NUMBER], numbers(100))
    cursor = connection.cursor(scrollable=True)
    cursor.arraysize = 10
    cursor.execute("select n from t")
    assert [n for (n,) in cursor.fetchmany(15)] == list(range(15))
    cursor.scroll(mode="last")
    assert cursor.fetchone() == (99,)
    cursor.scroll(50, mode="absolute")
    assert cursor.fetchone() == (49,)
    cursor.scroll(-10)
    assert cursor.fetchone() == (39,)
    cursor.scroll(mode="first")
    assert [n for (n,) in cursor.fetchall()] == list(range(100))
    with pytest.raises(oracledb.DatabaseError, match="DPY-2063"):
        cursor.scroll(1000, mode="absolute")


def test_an_error_tells_code_text_and_position(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-00900: invalid SQL statement") as caught:
        connection.cursor().execute("selec nothing")
    (error,) = caught.value.args
    assert (error.code, error.offset) == (900, 7)


def test_a_bug_in_the_database_is_an_error_not_a_lost_session(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.on("select bug", lambda call: Outcome(Kind.QUERY, FakeCursor([NUMBER], [(b"12x",)])))
    with pytest.raises(oracledb.DatabaseError, match="ORA-01426"):
        connection.cursor().execute("select bug")

    def broken(call: Call) -> Outcome:
        raise RuntimeError("broken")

    backend.on("delete bug", broken)
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*RuntimeError: broken"):
        connection.cursor().execute("delete bug")
    connection.ping()


def test_data_frames_have_the_types_of_the_description(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    columns = [
        Column("ID", OraType.NUMBER, precision=9, scale=0),
        Column("AMOUNT", OraType.NUMBER, precision=12, scale=2),
        TEXT,
        Column("AT", OraType.TIMESTAMP, scale=6),
        CLOB,
    ]
    rows = [
        (b"%d" % n, b"%d.25" % n, None if n % 3 else b"s%d" % n, b"2026-01-01 00:00:00.5", b"c" * n)
        for n in range(1, 1001)
    ]
    backend.query("select * from frame", columns, rows)
    frame = connection.fetch_df_all("select * from frame", arraysize=128)
    assert frame.num_rows() == 1000
    import pyarrow as pa

    table = pa.table(frame)
    assert table.column("ID").to_pylist() == list(range(1, 1001))
    assert table.column("AMOUNT").to_pylist()[-1] == 1000.25
    assert table.column("C").to_pylist()[4] == "ccccc"
    backend.query("select * from batches", columns, rows)
    for _ in range(2):
        batches = connection.fetch_df_batches("select * from batches", size=400)
        assert [batch.num_rows() for batch in batches] == [400, 400, 200]
