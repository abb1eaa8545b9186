"""Rows of a direct path load turned into COPY's text by columns mean the values of the same rows one by one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.wire import columnar_load, numbers
from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.pieces import ShortRows
from app.localdb.wire.times import decode_date, encode_date, encode_timestamp

Raw = bytes | None


def piece(*rows: Sequence[Raw], flags: int = 0x30) -> bytes:
    """Rows as the driver sends them."""
    sent = b""
    for row in rows:
        body = b"".join(b"\xff" if raw is None else bytes((len(raw),)) + raw for raw in row)
        sent += struct.pack(">BHB", flags, len(body) + 4, len(row)) + body
    return sent


def short_rows(*rows: Sequence[Raw], before: bytes = b"", after: bytes = b"") -> ShortRows:
    """The same as they lie in a buffer between other bytes."""
    starts, data = [], before
    for row in rows:
        starts.append(len(data))
        data += piece(row)
    return ShortRows(data + after, starts, len(data))


def in_words(values: Sequence[Raw]) -> list[bytes]:
    """Stands for the texts of values that columns do not know."""
    return [b"\\N" if not raw else b"one by one " + raw.hex().encode() for raw in values]


def lines(kinds: Sequence[OraType | None], *parts: ShortRows) -> list[list[bytes]]:
    text = columnar_load.lines(parts, kinds, [in_words] * len(kinds))
    assert text is not None
    assert text.endswith(b"\n")
    return [line.split(b"\t") for line in text[:-1].split(b"\n")]


def meaning(kind: OraType, text: bytes, raw: Raw) -> Any:
    """What COPY reads out of `text`."""
    if text == b"\\N":
        return None
    if text.startswith(b"one by one "):
        assert raw is not None
        assert text == b"one by one " + raw.hex().encode()
        return value_of(kind, raw)
    if kind is OraType.NUMBER:
        return Decimal(text.decode())
    if kind is OraType.VARCHAR2:
        return text
    return datetime.fromisoformat(text.decode())


def value_of(kind: OraType, raw: Raw) -> Any:
    if not raw:
        return None
    if kind is OraType.NUMBER:
        return numbers.decode_number(raw)
    return raw if kind is OraType.VARCHAR2 else decode_date(raw)


moments = st.datetimes(min_value=datetime(1, 1, 1))  # noqa: DTZ001
VALUES = {
    OraType.NUMBER: st.one_of(
        st.integers(-(10**6), 10**6),
        st.integers(-(10**25), 10**25),
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2),
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-1, max_value=1, places=12),
        st.sampled_from([0, 1, -1, 100, Decimal("1E-130"), Decimal("1E+120"), Decimal("-0.01")]),
    ).map(numbers.encode_decimal),
    OraType.VARCHAR2: st.text(max_size=20).map(str.encode),
    OraType.DATE: moments.map(encode_date),
    OraType.TIMESTAMP: moments.map(encode_timestamp),
}


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_by_columns_the_values_are_the_same(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in kinds))
    rows = data.draw(st.lists(row, min_size=1, max_size=9))
    cut = data.draw(st.integers(1, len(rows)))
    parts = [short_rows(*rows[:cut], before=b"abc", after=b"\x30")]
    if rows[cut:]:
        parts.append(short_rows(*rows[cut:]))
    for line, row_ in zip(lines(kinds, *parts), rows, strict=True):
        for kind, text, raw in zip(kinds, line, row_, strict=True):
            assert meaning(kind, text, raw) == value_of(kind, raw)


@pytest.mark.parametrize(
    "raw", [b"\xff\x65", b"\x00", b"\xc1", b"\xc1\x00", b"\xc1\xff", b"\x80\x02", b"\x3e\x01\x66"]
)
def test_bytes_that_are_no_plain_number_are_left_to_the_decoder(raw: bytes) -> None:
    assert lines([OraType.NUMBER], short_rows((raw,), (b"\xc1\x02",)))[0] == in_words([raw])


@pytest.mark.parametrize("raw", [b"\x38\x38\x01\x01\x01\x01\x01", b"\x78\x7e\x01", b"\x78\x7e\x01\x01\x01\x01\x01\xff\xff\xff\xff"])  # fmt: skip
def test_bytes_that_are_no_plain_date_are_left_to_the_decoder(raw: bytes) -> None:
    assert lines([OraType.DATE], short_rows((raw,)))[0] == in_words([raw])


def test_text_that_copy_would_read_otherwise_is_left_to_the_escaping() -> None:
    for text in (b"a\tb", b"a\\b", b"a\nb", b"a\rb"):
        assert lines([OraType.VARCHAR2], short_rows((b"plain",), (text,)))[1] == in_words([text])


def test_rows_that_do_not_fill_their_piece_are_refused() -> None:
    good = short_rows((b"\xc1\x02", b"abc"), (b"\xc1\x02", b"abc"))
    for broken in (
        ShortRows(good.data[:-1], good.starts, good.end - 1),
        ShortRows(good.data + b"x", good.starts, good.end + 1),
        ShortRows(good.data[: good.starts[1]] + b"x" + good.data[good.starts[1] :], [0, good.starts[1] + 1], good.end + 1),
    ):  # fmt: skip
        with pytest.raises((ValueError, ProtocolError)):
            columnar_load.lines([broken], [OraType.NUMBER, OraType.VARCHAR2], [in_words] * 2)
        with pytest.raises(ProtocolError):
            list(broken.values())


def test_another_number_of_values_is_left_to_the_insert() -> None:
    assert columnar_load.lines([short_rows((b"a",), (b"b", b"c"))], [OraType.VARCHAR2], [in_words]) is None


@given(st.lists(st.lists(st.none() | st.binary(min_size=1, max_size=9), max_size=4), min_size=1, max_size=9))
def test_rows_taken_apart_are_the_rows(rows: list[list[Raw]]) -> None:
    assert list(short_rows(*rows, before=b"x", after=b"y").values()) == rows


def test_nonsense_is_an_error_of_oracles() -> None:
    """The decoder that such bytes are left to refuses what is no number."""
    with pytest.raises(OracleError, match="ORA-01722"):
        numbers.decode_number(b"\xc1\xff")
