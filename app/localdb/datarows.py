"""Rows as PostgreSQL sent them: DataRow messages behind one another, taken apart only where somebody looks.

A DataRow is `D`, its length (4 bytes, without the `D`), the number of values (2 bytes), and for each value its
length (4 bytes, -1 = NULL) and its text. Source: PostgreSQL documentation, "Message Formats".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import overload

Row = tuple[bytes | None, ...]

HEAD = 7  # bytes before a row's first value

_int4 = struct.Struct(">i").unpack_from
_int2 = struct.Struct(">h").unpack_from


class DataRows(Sequence[Row]):
    """Messages in `data` that begin at `starts`; a slice shares the data. As a sequence: tuples of bytes and None."""

    __slots__ = ("data", "end", "starts")

    def __init__(self, data: bytes = b"", starts: Sequence[int] = (), end: int | None = None) -> None:
        """`end` is where the last of these rows ends, when others follow it in `data`."""
        self.data = data
        self.starts = starts
        self.end = len(data) if end is None else end

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> DataRows: ...
    def __getitem__(self, index: int | slice) -> Row | DataRows:
        if isinstance(index, int):
            return _row(self.data, self.starts[index])
        first, last, _ = index.indices(len(self.starts))  # steps are not used
        if (first, last) == (0, len(self.starts)):
            return self
        end = self.starts[last] if last < len(self.starts) else self.end
        return DataRows(self.data, self.starts[first:last], end)

    def __iter__(self) -> Iterator[Row]:
        data = self.data
        return (_row(data, start) for start in self.starts)

    def __add__(self, other: DataRows) -> DataRows:
        if not self or not other:
            return self or other
        first = self.starts[0]
        shift = self.end - first - other.starts[0]
        return DataRows(
            self.data[first : self.end] + other.data[other.starts[0] : other.end],
            [start - first for start in self.starts] + [start + shift for start in other.starts],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"DataRows({list(self)!r})"


def _row(data: bytes, at: int) -> Row:
    row: list[bytes | None] = []
    columns = _int2(data, at + 5)[0]
    at += HEAD
    for _ in range(columns):
        (length,) = _int4(data, at)
        at += 4
        if length < 0:
            row.append(None)
        else:
            end = at + length
            row.append(data[at:end])
            at = end
    return tuple(row)
