"""The stream of a direct path load taken apart: rows, and runs of rows whose values are short.

A row comes as pieces of up to 64 KB, a piece as segments; a value that is cut goes on in the first segment of the
next piece. A row of short values is one piece: flags (1 byte), length of the piece (2), number of values (1), and
each value behind its length (1; 255 = NULL).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.reader import Reader

FIRST, LAST, CONTINUES_PREVIOUS, SHORT = 0x08, 0x04, 0x02, 0x30  # piece flags
NULL_SEGMENT, LONG_SEGMENT = 255, 254
HEAD = 4  # bytes of a row of short values before the length of the first

_int2 = struct.Struct(">H").unpack_from

Values = list[bytes | None]


class ShortRows(NamedTuple):
    """Rows of short values: they begin at `starts`, one behind the other, and the last one ends at `end`."""

    data: bytes
    starts: list[int]
    end: int

    def values(self) -> Iterator[Values]:
        """Each row taken apart. Raises ProtocolError for one that does not fill its piece."""
        for start, end in zip(self.starts, [*self.starts[1:], self.end], strict=True):
            yield _values(self.data[start + HEAD - 1 : end])


def read(reader: Reader, total: int, row: Values) -> Iterator[ShortRows | Values]:
    """The rows of `total` bytes of pieces as they come; `row` keeps an unfinished one. Raises ProtocolError."""
    left = total
    while left > 0:
        short = _short_rows(reader, left)
        if short is not None:
            left -= short.end - short.starts[0]
            yield short
            continue
        flags = reader.u8()
        left -= 2
        if flags & FIRST:
            row.clear()
        continues = bool(flags & CONTINUES_PREVIOUS)
        for _ in range(reader.u8()):
            length = reader.u8()
            left -= 1
            value: bytes | None
            if length == NULL_SEGMENT:
                value = None
            else:
                if length == LONG_SEGMENT:
                    length = reader.u16()
                    left -= 2
                value = reader.raw(length)
                left -= length
            if continues and row:
                row[-1] = (row[-1] or b"") + (value or b"")
            else:
                row.append(value)
            continues = False
        if flags & LAST:
            yield list(row)


def _short_rows(reader: Reader, left: int) -> ShortRows | None:
    """All rows of short values that stand next and are here, at least one; None when another kind of piece does."""
    if not reader.remaining:
        reader.more(1)
    if not reader.buffer[reader.position] & SHORT:
        return None
    if reader.remaining < HEAD:
        reader.more(HEAD)
    length = _int2(reader.buffer, reader.position + 1)[0]
    if reader.remaining < length:
        reader.more(length)
    data, at = reader.buffer, reader.position
    size = min(len(data), at + left)
    starts: list[int] = []
    while at + HEAD <= size and data[at] & SHORT:
        length = _int2(data, at + 1)[0]
        if length < HEAD:
            raise ProtocolError(f"a direct path row of {length} bytes")
        if at + length > size:
            break
        starts.append(at)
        at += length
    if not starts:
        raise ProtocolError("a direct path row beyond the end of its load")
    reader.position = at
    return ShortRows(data, starts, at)


def _values(piece: bytes) -> Values:
    row: Values = []
    at = 1
    try:
        for _ in range(piece[0]):
            length = piece[at]
            at += 1
            if length == NULL_SEGMENT:
                row.append(None)
            else:
                row.append(piece[at : at + length])
                at += length
    except IndexError:
        at = -1
    if at != len(piece):
        raise ProtocolError("a direct path row that does not fill its piece")
    return row
