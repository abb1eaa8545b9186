"""Rows of a direct path load as lines of PostgreSQL's COPY, by whole columns, in numpy and Arrow.

For rows of short values (wire.pieces). What a column's function here does not know, it declines: then the column's values are
turned into text one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.localdb.contract import OraType
from app.localdb.wire.columns import LARGEST, NO_VALUES, Integers, Values, array, joined
from app.localdb.wire.pieces import HEAD, NULL_SEGMENT, ShortRows

NULL_TEXT = b"\\N"

_ESCAPED = np.zeros(256, np.bool_)
_ESCAPED[list(b"\\\t\n\r")] = True
_TAB, _END = pa.scalar(b"\t", pa.binary()), pa.scalar(b"\n", pa.binary())
_PAIRS = 9  # base-100 digits that an int64 holds
_POWERS = 100 ** np.arange(_PAIRS + 1, dtype=np.int64)
_WITHOUT_FRACTION, _WITH_FRACTION = 7, 11  # bytes of a date or timestamp
_TO_SECONDS, _TO_MICROSECONDS = 19, 26  # characters of its text
# Where each pair of digits goes in `YYYY-MM-DD HH:MM:SS`, and what the wire adds to it.
_PLACES = ((0, 100), (2, 100), (5, 0), (8, 0), (11, 1), (14, 1), (17, 1))


def lines(
    pieces: Sequence[ShortRows],
    kinds: Sequence[OraType | None],
    one_by_one: Sequence[Callable[..., list[bytes]]],
) -> bytes | None:
    """The rows of all `pieces` as COPY's text; None when a row has another number of values than there are
    `kinds`. Raises ValueError for a row that does not fill its piece."""
    data = b"".join(piece.data[piece.starts[0] : piece.end] for piece in pieces)
    if len(data) > LARGEST:
        return None
    starts, shift = [], 0
    for piece in pieces:
        starts.append(np.array(piece.starts, np.int64) + (shift - piece.starts[0]))
        shift += piece.end - piece.starts[0]
    columns = _layout(data, np.concatenate(starts), len(kinds))
    if columns is None:
        return None
    parts: list[Any] = []
    for values, kind, texts in zip(columns, kinds, one_by_one, strict=True):
        parts += (_column(values, kind, texts), _TAB)
    parts[-1] = _END
    return joined(parts)


def _layout(data: bytes, starts: Integers, columns: int) -> list[Values] | None:
    every = np.frombuffer(data, np.uint8)
    if (every[starts + HEAD - 1] != columns).any():
        return None
    at = starts + HEAD
    found = []
    try:
        for _ in range(columns):
            length = every[at].astype(np.int64)
            null = length == NULL_SEGMENT
            begins = at + 1
            at = begins + np.where(null, 0, length)
            found.append(Values(data, begins, at, null))
    except IndexError:
        at = starts  # beyond the last byte
    if (at[:-1] != starts[1:]).any() or at[-1] != len(data):
        raise ValueError("a direct path row that does not fill its piece")
    return found


def _column(values: Values, kind: OraType | None, texts: Callable[..., list[bytes]]) -> Any:
    """COPY's text of a column as an Arrow array."""
    empty = values.begins == values.ends  # as NULL is, by a length of zero
    if empty.any():
        values = Values(values.data, values.begins, values.ends, empty)
    if not values.some:
        return values.with_nulls(NO_VALUES, NULL_TEXT)
    by_column = _BY_COLUMN.get(kind) if kind is not None else None
    found = by_column(values) if by_column is not None else None
    if found is None:
        return pa.array(texts(values.each()), pa.binary())
    return values.with_nulls(found, NULL_TEXT)


def _characters(values: Values) -> Any:
    content, offsets = values.present()
    return None if _ESCAPED[content[: offsets[-1]]].any() else array(offsets, content)


def _number(values: Values) -> Any:
    """See wire.numbers for the form. All values become integers of as many base-100 digits behind the point."""
    content, offsets = values.present()
    exponents, lengths = content[offsets[:-1]].astype(np.int64), np.diff(offsets)
    negative = exponents < 128
    count = lengths - 1 - (negative & (content[offsets[1:] - 1] == 102))
    width = int(count.max())
    zero = (exponents == 128) & (lengths == 1)
    if width > _PAIRS or (count[~zero] < 1).any():
        return None  # too long, or infinite
    whole = np.zeros(len(count), np.int64)
    for place in range(width):
        there = place < count
        digit = content[np.where(there, offsets[:-1] + 1 + place, 0)].astype(np.int64)
        digit = np.where(there, np.where(negative, 101 - digit, digit - 1), 0)
        if digit.min() < 0 or digit.max() > 99:
            return None  # no number
        whole = whole * 100 + digit
    point = np.where(negative, 63 - exponents, exponents - 192)  # base-100 digits before it
    point[zero] = 0
    fraction = max(int((count - point).max()), 0)
    if int(point.max()) + fraction > _PAIRS or fraction > _PAIRS:
        return None
    shift = point - width + fraction
    whole = np.where(
        shift < 0, whole // _POWERS[np.maximum(-shift, 0)], whole * _POWERS[np.maximum(shift, 0)]
    )
    whole = np.where(negative, -whole, whole)
    if not fraction:
        return pc.cast(pc.cast(pa.array(whole), pa.string()), pa.binary())
    halves = np.empty((len(whole), 2), np.int64)  # of 128 bits
    halves[:, 0], halves[:, 1] = whole, whole >> 63
    decimals = pa.Array.from_buffers(
        pa.decimal128(38, 2 * fraction), len(whole), [None, pa.py_buffer(halves)]
    )
    return pc.cast(pc.cast(decimals, pa.string()), pa.binary())


def _moment(values: Values) -> Any:
    """See wire.times for the form."""
    content, offsets = values.present()
    lengths = np.diff(offsets)
    fractional = lengths == _WITH_FRACTION
    if not (fractional | (lengths == _WITHOUT_FRACTION)).all():
        return None
    text = np.empty((_TO_MICROSECONDS, len(lengths)), np.uint8)
    for place, mark in ((4, "-"), (7, "-"), (10, " "), (13, ":"), (16, ":"), (19, ".")):
        text[place] = ord(mark)
    for byte, (place, more) in enumerate(_PLACES):
        pair = content[offsets[:-1] + byte] - np.uint8(more)
        if pair.max() > 99:
            return None  # before Christ, or no date
        _digits(text, place, pair, 2)
    if not fractional.any():
        return array(np.arange(len(lengths) + 1) * _TO_SECONDS, np.ascontiguousarray(text[:_TO_SECONDS].T))
    nanoseconds = np.zeros(len(lengths), np.uint32)
    for byte in range(_WITHOUT_FRACTION, _WITH_FRACTION):
        found = content[np.where(fractional, offsets[:-1] + byte, 0)]
        nanoseconds = nanoseconds << np.uint32(8) | np.where(fractional, found, 0).astype(np.uint32)
    if nanoseconds.max() > 999_999_999:
        return None
    _digits(text, _TO_SECONDS + 1, nanoseconds // 1000, 6)
    return array(np.arange(len(lengths) + 1) * _TO_MICROSECONDS, np.ascontiguousarray(text.T))


def _digits(text: Any, place: int, number: Any, count: int) -> None:
    """Write `count` decimal digits of `number` from `place` on."""
    for row in range(place + count - 1, place - 1, -1):
        above = number // 10
        text[row] = number - above * 10 + ord("0")
        number = above


_BY_COLUMN: dict[OraType, Callable[[Values], Any]] = {
    OraType.VARCHAR2: _characters,
    OraType.CHAR: _characters,
    OraType.NUMBER: _number,
    OraType.DATE: _moment,
    OraType.TIMESTAMP: _moment,
}
