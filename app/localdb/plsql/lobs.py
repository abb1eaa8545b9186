"""DBMS_LOB on the large objects of the server: values, so every change makes a new one.

A change of a LOB that is stored in a table would have to reach the table: it is refused by name.
"""

from __future__ import annotations

from typing import Any

from app.localdb.contract import Lob, OraType
from app.localdb.errors import OracleError
from app.localdb.plsql.failures import value_error
from app.localdb.plsql.runtime import Context


def _invalid() -> OracleError:
    return OracleError(22275, "invalid LOB locator specified")


def _argument(name: str) -> OracleError:
    return OracleError(21560, f"argument {name} is null, invalid, or out of range")


def _changed(lob: Lob | None, data: Any) -> tuple[Lob]:
    if lob is None:
        raise _invalid()
    if not lob.temporary:
        raise OracleError(
            3001,
            "unimplemented feature: DBMS_LOB changing a LOB of a table in place is not supported by the local database",
        )
    return (Lob(lob.type, data, temporary=True),)


def length(ctx: Context, lob: Lob | None) -> int | None:
    return None if lob is None else len(lob.data)


def substr(ctx: Context, lob: Lob | None, amount: Any, offset: Any) -> Any:
    if lob is None or amount is None or offset is None or amount < 1 or offset < 1:
        return None
    return lob.data[int(offset) - 1 : int(offset) - 1 + int(amount)] or None


def instr(ctx: Context, lob: Lob | None, pattern: Any, offset: Any, nth: Any) -> int | None:
    if lob is None or pattern is None or offset is None or nth is None or offset < 1 or nth < 1:
        return None
    at = int(offset) - 2
    data: Any = lob.data
    for _ in range(int(nth)):
        at = data.find(pattern, at + 1)
        if at < 0:
            return 0
    return int(at) + 1


def append(ctx: Context, dest: Lob | None, source: Lob | None) -> tuple[Lob]:
    if dest is None or source is None:
        raise _invalid()
    data: Any = dest.data
    return _changed(dest, data + source.data)


def copy(ctx: Context, dest: Lob | None, source: Lob | None, amount: Any, to: Any, start: Any) -> tuple[Lob]:
    if dest is None or source is None:
        raise _invalid()
    if amount is None or amount < 1:
        raise _argument("3")
    piece: Any = source.data[int(start) - 1 : int(start) - 1 + int(amount)]
    return write(ctx, dest, len(piece), to, piece) if piece else (dest,)


def write_append(ctx: Context, lob: Lob | None, amount: Any, buffer: Any) -> tuple[Lob]:
    if lob is None:
        raise _invalid()
    if amount is None or amount < 1 or buffer is None or len(buffer) < amount:
        raise _argument("2")
    data: Any = lob.data
    return _changed(lob, data + buffer[: int(amount)])


def write(ctx: Context, lob: Lob | None, amount: Any, offset: Any, buffer: Any) -> tuple[Lob]:
    if lob is None:
        raise _invalid()
    if amount is None or amount < 1 or buffer is None or len(buffer) < amount:
        raise _argument("2")
    if offset is None or offset < 1:
        raise _argument("3")
    data: Any = lob.data
    filler: Any = " " if isinstance(data, str) else b"\0"
    start = int(offset) - 1
    data = data + filler * (start - len(data))
    return _changed(lob, data[:start] + buffer[: int(amount)] + data[start + int(amount) :])


def read(ctx: Context, lob: Lob | None, amount: Any, offset: Any) -> tuple[int, Any]:
    if lob is None:
        raise _invalid()
    if amount is None or amount < 1:
        raise _argument("2")
    if offset is None or offset < 1:
        raise _argument("3")
    piece = lob.data[int(offset) - 1 : int(offset) - 1 + int(amount)]
    if not piece:
        raise OracleError(1403, "no data found")
    return len(piece), piece


def trim(ctx: Context, lob: Lob | None, new_length: Any) -> tuple[Lob]:
    if lob is None:
        raise _invalid()
    if new_length is None or not 0 <= new_length <= len(lob.data):
        raise OracleError(22926, "specified trim length is greater than current LOB value's length")
    return _changed(lob, lob.data[: int(new_length)])


def create_clob(ctx: Context, lob: Lob | None, cache: bool | None, duration: Any) -> tuple[Lob]:
    return (Lob(OraType.CLOB, "", temporary=True),)


def create_blob(ctx: Context, lob: Lob | None, cache: bool | None, duration: Any) -> tuple[Lob]:
    return (Lob(OraType.BLOB, b"", temporary=True),)


def is_temporary(ctx: Context, lob: Lob | None) -> int:
    return 1 if lob is not None and lob.temporary else 0


def compare(ctx: Context, one: Lob | None, other: Lob | None) -> int | None:
    if one is None or other is None:
        return None
    if type(one.data) is not type(other.data):
        raise value_error()
    a: Any = one.data
    b: Any = other.data
    return int(a > b) - int(a < b)
