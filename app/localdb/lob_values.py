"""Reading and changing the content of a large object: bytes of a BLOB, UTF-16 units of a CLOB, from offset 1.

An AL32UTF8 database counts a character beyond U+FFFF of a CLOB as two.
"""

from __future__ import annotations

from app.localdb.errors import OracleError, oracle_error

Content = str | bytes


def length(data: Content) -> int:
    """Bytes of a BLOB, UTF-16 units of a CLOB."""
    return len(data) if _plain(data) else len(_units(data)) // 2


def read(data: Content, offset: int, amount: int) -> Content:
    """`amount` bytes or units from `offset`."""
    start = max(offset - 1, 0)
    if _plain(data):
        return data[start : start + amount]
    return _text(_units(data)[start * 2 : (start + amount) * 2])


def written(data: Content, offset: int, piece: Content) -> Content:
    """Overwritten from `offset`; a gap is filled with zero bytes or spaces. Raises ORA-22275 for the wrong kind."""
    start = max(offset - 1, 0)
    if isinstance(data, bytes) and isinstance(piece, bytes):
        return data[:start].ljust(start, b"\0") + piece + data[start + len(piece) :]
    if isinstance(data, bytes) or isinstance(piece, bytes):
        raise oracle_error(22275)
    old, new = _units(data), _units(piece)
    gap = " ".encode("utf-16-be") * max(start - len(old) // 2, 0)
    return _text(old[: start * 2] + gap + new + old[start * 2 + len(new) :])


def trimmed(data: Content, size: int) -> Content:
    """Cut to `size`. Raises ORA-22926 when it is shorter."""
    if size > length(data):
        raise OracleError(22926, "specified trim length is greater than current LOB value's length")
    return read(data, 1, size)


def erased(data: Content, offset: int, amount: int) -> tuple[Content, int]:
    """Zero bytes or spaces in place of `amount` from `offset`, never behind the end; and how many were erased."""
    count = max(min(amount, length(data) - offset + 1), 0)
    filler: Content = bytes(count) if isinstance(data, bytes) else " " * count
    return (written(data, offset, filler) if count else data), count


def _plain(data: Content) -> bool:
    """Whether every element is one unit."""
    return isinstance(data, bytes) or data.isascii() or max(data) <= "\uffff"


def _units(data: Content) -> bytes:
    return data if isinstance(data, bytes) else data.encode("utf-16-be", "surrogatepass")


def _text(units: bytes) -> str:
    return units.decode("utf-16-be", "surrogatepass")
