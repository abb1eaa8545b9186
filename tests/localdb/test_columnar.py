"""Many rows encoded by columns are the bytes of the same rows encoded value by value; rows as they lie in memory."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.localdb.contract import Column, OraType
from app.localdb.datarows import DataRows, Row
from app.localdb.wire import columnar
from app.localdb.wire.lobs import Lobs
from app.localdb.wire.rows import RowEncoder

_EAST = timezone(timedelta(hours=1))


def messages(rows: Sequence[Row]) -> DataRows:
    """`rows` as PostgreSQL sends them."""
    data, starts = bytearray(), []
    for row in rows:
        starts.append(len(data))
        body = b"".join(
            struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value for value in row
        )
        data += b"D" + struct.pack(">ih", len(body) + 6, len(row)) + body
    return DataRows(bytes(data), starts)


def encoder(*columns: Column) -> RowEncoder:
    def nested(number: int) -> bytes:
        raise AssertionError("no nested cursor here")

    return RowEncoder(columns, [column.type for column in columns], Lobs(), _EAST, lambda: None, nested)


def by_columns(columns: Sequence[Column], rows: DataRows) -> bytes | None:
    return columnar.encode(rows, encoder(*columns).columns)


numbers = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1, max_value=1, places=9).map("{:f}".format),
    st.sampled_from(["0", "0.00", "-0.5", "100", "1000000", "0.05", "99.99", "12345678901234567.8"]),
)  # fmt: skip
moments = st.datetimes(min_value=datetime(1, 1, 1))  # noqa: DTZ001
shown = st.one_of(
    moments.map(lambda value: value.isoformat(" ")),  # with a fraction or without
    moments.map(
        lambda value: value.isoformat(" ").rstrip("0") if value.microsecond else value.isoformat(" ")
    ),
    st.sampled_from(["0044-03-15 00:00:00 BC", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"]),
)
KINDS: list[tuple[Column, st.SearchStrategy[str]]] = [
    (Column("N", OraType.NUMBER), numbers),
    (Column("I", OraType.BINARY_INTEGER), st.integers(-(2**31), 2**31).map(str)),
    (Column("V", OraType.VARCHAR2, size=4000), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=300)),
    (Column("C", OraType.CHAR, size=5), st.text("abc ", min_size=5, max_size=5)),
    (Column("NV", OraType.VARCHAR2, size=40, national=True), st.text("aä🙂", max_size=9)),
    (Column("D", OraType.DATE), shown),
    (Column("T", OraType.TIMESTAMP, scale=6), shown),
    (Column("Z", OraType.TIMESTAMP_TZ, scale=6), st.builds("{} {}".format, moments.map(lambda value: value.isoformat(" ")), st.sampled_from([0, 0, 330, -210, 1007]))),
    (Column("L", OraType.TIMESTAMP_LTZ, scale=6), st.just("2026-01-31 22:00:00.5+00")),
    (Column("B", OraType.BINARY_DOUBLE), st.floats(allow_nan=False).map(repr)),
    (Column("R", OraType.RAW, size=9), st.binary(max_size=9).map(lambda value: "\\x" + value.hex())),
]  # fmt: skip


@st.composite
def results(draw: st.DrawFn) -> tuple[list[Column], list[Row]]:
    chosen = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    count = draw(st.integers(1, 12))
    columns = []
    for _, texts in chosen:
        value = texts.map(str.encode)
        if draw(st.booleans()):
            value = st.none() | value
        columns.append(draw(st.lists(value, min_size=count, max_size=count)))
    return [column for column, _ in chosen], list(zip(*columns, strict=True))


@settings(max_examples=120, deadline=None)
@given(results())
def test_by_columns_or_one_by_one_the_bytes_are_the_same(found: tuple[list[Column], list[Row]]) -> None:
    columns, rows = found
    assert by_columns(columns, messages(rows)) == encoder(*columns).encode(rows)


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (OraType.NUMBER, [b"1", b"1.5", b"150", b"-0.01", None, b"0", b"99", b"-100"]),
        (OraType.NUMBER, [b"123456789012345678", b"-12345678901234567"]),
        (OraType.NUMBER, [b"1", b"9" * 38]),  # declined: too long
        (OraType.NUMBER, [None, None]),
        (OraType.VARCHAR2, [b"", b"x" * 252, None, b"short"]),
        (OraType.VARCHAR2, [b"x" * 253, b"y" * 70_000]),
        (OraType.TIMESTAMP, [b"2026-01-31 23:59:58", b"2026-01-31 23:59:58.5", None]),
        (OraType.TIMESTAMP, [b"10000-01-31 23:59:58"[1:], b"2026-01-31 23:59:58.123456"]),
        (
            OraType.TIMESTAMP_TZ,
            [b"2026-01-31 23:59:58.5 -959", b"2026-01-31 23:59:58 0", None, b"2026-01-31 00:00:00 1597"],
        ),
        (
            OraType.TIMESTAMP_TZ,
            [b"2026-01-31 23:59:58 959", b"2026-01-31 23:59:58 -1", b"2026-01-31 00:00:00.000001 10"],
        ),
        (OraType.DATE, [b"2026-01-31 23:59:58.999999", b"2026-01-31 00:00:00"]),
    ],
)
def test_the_edges_of_what_columns_know(kind: OraType, texts: list[bytes | None]) -> None:
    columns = [Column("A", kind, size=4000)]
    rows = [(text,) for text in texts]
    assert by_columns(columns, messages(rows)) == encoder(*columns).encode(rows)


@given(
    st.lists(st.tuples(st.none() | st.binary(max_size=5), st.binary(max_size=300)), max_size=8),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_rows_in_memory_are_a_sequence(rows: list[Row], first: int, last: int) -> None:
    held = messages(rows)
    assert list(held) == rows
    assert len(held) == len(rows)
    assert list(held[first:last]) == rows[first:last]
    assert list(held[first:] + held[:last]) == rows[first:] + rows[:last]
    assert list((held[:last] + held)[first:]) == (rows[:last] + rows)[first:]
    if rows:
        assert held[-1] == rows[-1]
    cut = held[first:last]
    if cut:
        assert by_columns([Column("R", OraType.VARCHAR2, size=300)] * 2, cut) is not None
