"""Many rows at once: PostgreSQL's DataRow messages to row-data messages by whole columns, in numpy and Arrow.

The same bytes as wire.rows makes value by value, at a sixth of the time. A column becomes an Arrow array of its
framed values (length byte and bytes), and Arrow joins the columns row by row. What a column's function here does
not know (a value too long, a year before Christ, more than 18 digits) it declines: then the column is encoded
value by value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from app.localdb.contract import OraType
from app.localdb.datarows import HEAD, DataRows
from app.localdb.wire.columns import LARGEST, NO_VALUES, Bytes, Values, array, joined
from app.localdb.wire.constants import MAX_SHORT, Message
from app.localdb.wire.numbers import ZERO
from app.localdb.wire.times import encode_zone

OneByOne = Callable[[Sequence[bytes | None]], list[Iterable[bytes]]]

_ROW = pa.scalar(bytes((Message.ROW_DATA,)), pa.binary())
_NULL = b"\0"
_LONGEST_NUMBER = 18  # characters: an int64 holds it, with one more digit when it has a point
_TIMESTAMP = 26  # characters of `YYYY-MM-DD HH:MM:SS.ffffff`
_TO_SECONDS = 19  # of them, without the fraction
_MARKS, _MARK = [4, 7, 10, 13, 16], np.frombuffer(b"-- ::", np.uint8)[:, None] - np.uint8(ord("0"))
_POINT = ord(".") - ord("0") + 256
_DIGITS = [place for place in range(_TIMESTAMP) if place not in (*_MARKS, _TO_SECONDS)]
# Where each pair of digits begins, and what the wire adds to it: century, year, month, day, hour, minute, second.
_PAIRS = ((0, 100), (2, 100), (5, 0), (8, 0), (11, 1), (14, 1), (17, 1))


def encode(rows: DataRows, columns: Sequence[tuple[OraType | None, OneByOne]]) -> bytes | None:
    """`rows` as row-data messages, or None when they are too many bytes. Each column has its type (None
    where this module shall not try) and a function that encodes its values one by one, as streams of parts."""
    if len(rows.data) > LARGEST:
        return None
    values = zip(_layout(rows, len(columns)), columns, strict=True)
    return joined([_ROW, *(_column(found, *how) for found, how in values)])


def _layout(rows: DataRows, columns: int) -> list[Values]:
    lengths = np.ndarray((len(rows.data) - 3,), ">i4", rows.data, 0, (1,))  # a length at every byte
    at = np.array(rows.starts, np.int64) + HEAD
    found = []
    for _ in range(columns):
        length = lengths[at].astype(np.int64)
        begins = at + 4
        at = begins + np.maximum(length, 0)
        found.append(Values(rows.data, begins, at, length < 0))
    return found


def _column(values: Values, kind: OraType | None, one_by_one: OneByOne) -> Any:
    """The framed values of a column as an Arrow array."""
    if not values.some:
        return values.with_nulls(NO_VALUES, _NULL)
    by_column = _BY_COLUMN.get(kind) if kind is not None else None
    framed = by_column(values) if by_column is not None else None
    if framed is None:
        return pa.array(
            [b"".join(parts) for parts in zip(*one_by_one(values.each()), strict=False)], pa.binary()
        )
    return values.with_nulls(framed, _NULL)


def _cut(matrix: Bytes, kept: Bytes) -> Any:
    """An array of values that stand in the columns of `matrix`, without those of their bytes that are not `kept`
    (0 or 1). The first byte, always kept, becomes the number of the others."""
    lengths = kept.sum(axis=0, dtype=np.uint8)
    matrix[0] = lengths - 1
    ends = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    content = np.ascontiguousarray(matrix.T)
    if ends[-1] < matrix.size:
        content = content[np.ascontiguousarray(kept.T).view(np.bool_)]
    return array(ends, content)


def _characters(values: Values) -> Any:
    """PostgreSQL's length ends with the byte that is Oracle's: one byte more in front of a value frames it."""
    if values.longest > MAX_SHORT:
        return None
    content, offsets = values.present(before=1)
    return array(offsets, content)


def _number(values: Values) -> Any:
    """See wire.numbers for the form. The digits without the point are an integer, cut into base-100 digits."""
    if values.longest > _LONGEST_NUMBER:
        return None
    content, offsets = values.present()
    content = content[: offsets[-1]]
    fraction = np.zeros(len(offsets) - 1, np.int64)  # digits behind the point
    points = np.flatnonzero(content == ord("."))
    if len(points):
        owners = np.searchsorted(offsets, points, "right") - 1
        fraction[owners] = offsets[owners + 1] - 1 - points
        has_point = np.zeros(len(fraction), np.int64)
        has_point[owners] = 1
        content = np.delete(content, points)
        offsets = offsets - np.concatenate(([0], np.cumsum(has_point)))
    try:
        whole = np.asarray(pc.cast(pc.cast(array(offsets, content), pa.string()), pa.int64()))
    except pa.ArrowInvalid:  # no plain number: NaN, Infinity
        return None
    whole = np.where(fraction & 1, whole * 10, whole)
    negative = (whole < 0).view(np.uint8)
    rest = np.abs(whole)
    highest = int(rest.max())
    if highest < 1 << 32:
        rest = rest.astype(np.uint32)
    width = max((len(str(highest)) + 1) // 2, 1)
    matrix = np.empty((width + 3, len(rest)), np.uint8)  # length, exponent, digits, end of a negative number
    digits = matrix[2:-1]
    for row in range(width - 1, -1, -1):
        above = rest // 100
        digits[row] = rest - above * 100
        rest = above
    kept = np.ones(matrix.shape, np.uint8)
    kept_digits = kept[2:-1]
    is_digit = (digits != 0).view(np.uint8)
    np.maximum.accumulate(is_digit, axis=0, out=kept_digits)  # from the first that is not zero
    places = kept_digits.sum(axis=0, dtype=np.uint8)
    kept_digits &= np.maximum.accumulate(is_digit[::-1], axis=0)[::-1]  # to the last
    exponent = places - (fraction + 1) // 2
    matrix[1] = np.where(negative, 63 - exponent, 192 + exponent)
    matrix[1, places == 0] = ZERO[0]
    digits += 1
    if negative.any():
        np.copyto(digits, 102 - digits, where=negative.view(np.bool_))
    matrix[-1] = 102
    kept[-1] = negative
    return _cut(matrix, kept)


def _moment(values: Values, *, zoned: bool = False, fractional: bool = True) -> Any:
    """See wire.times for the form. The text is `YYYY-MM-DD HH:MM:SS[.ffffff]`, and a blank and the number of the
    zone behind it when `zoned`."""
    content, offsets = values.present()
    content = content[: offsets[-1]]
    ends = offsets[1:]
    zones: Any = None
    if zoned:
        blanks = np.flatnonzero(content == ord(" "))
        if len(blanks) != 2 * len(ends):
            return None
        ends = blanks[1::2]
        zones = _zones(content, ends + 1, offsets[1:])
        if zones is None:
            return None
    lengths = ends - offsets[:-1]
    if lengths.min() < _TO_SECONDS or lengths.max() > _TIMESTAMP:
        return None
    if not zoned and lengths.min() == _TIMESTAMP:
        text = content.reshape(-1, _TIMESTAMP)
    else:
        text = np.full((len(lengths), _TIMESTAMP), ord("0"), np.uint8)
        places = np.arange(_TIMESTAMP)
        inside = places < lengths[:, None]
        text[inside] = content[(offsets[:-1, None] + places)[inside]]
    digit = np.ascontiguousarray(text.T) - np.uint8(ord("0"))
    if (digit[_MARKS] != _MARK).any() or (digit[_TO_SECONDS, lengths > _TO_SECONDS] != _POINT).any():
        return None
    if (digit[_DIGITS] > 9).any():
        return None
    matrix = np.empty((14, len(lengths)), np.uint8)  # length, date and time, nanoseconds, zone
    kept = np.ones(matrix.shape, np.uint8)
    for place, (tens, more) in enumerate(_PAIRS, 1):
        matrix[place] = digit[tens] * 10 + digit[tens + 1] + np.uint8(more)
    if not fractional:
        return _cut(matrix[:8], kept[:8])
    fraction = np.zeros(len(lengths), np.uint32)
    for place in range(_TO_SECONDS + 1, _TIMESTAMP):
        fraction = fraction * 10 + digit[place]
    if not zoned:
        kept[8:12] = fraction != 0
    fraction *= 1000
    for place in range(4):
        matrix[11 - place] = fraction >> (8 * place) & 0xFF
    if not zoned:
        return _cut(matrix[:12], kept[:12])
    matrix[12:] = zones
    return _cut(matrix, kept)


def _zones(content: Bytes, begins: Any, ends: Any) -> Any:
    """The two bytes of each zone, as the rows of a matrix. A number has a sign and at most six digits."""
    if (ends - begins).max() > 7 or (ends - begins).min() < 1:
        return None
    numbers = np.zeros(len(ends), np.int32)
    for back in range(1, 8):
        at = ends - back
        digit = np.where(at >= begins, content[np.maximum(at, 0)], ord("0")).astype(np.int32) - ord("0")
        negative = digit == ord("-") - ord("0")
        if ((digit > 9) | (digit < 0) & ~(negative & (at == begins))).any():
            return None
        numbers = np.where(negative, -numbers, numbers + digit * 10 ** (back - 1))
    known, each = np.unique(numbers, return_inverse=True)
    table = np.frombuffer(b"".join(encode_zone(int(number)) for number in known), np.uint8).reshape(-1, 2)
    return table[each].T


_BY_COLUMN: dict[OraType, Callable[[Values], Any]] = {
    OraType.VARCHAR2: _characters,
    OraType.CHAR: _characters,
    OraType.NUMBER: _number,
    OraType.BINARY_INTEGER: _number,
    OraType.DATE: lambda values: _moment(values, fractional=False),
    OraType.TIMESTAMP: _moment,
    OraType.TIMESTAMP_TZ: lambda values: _moment(values, zoned=True),
}
