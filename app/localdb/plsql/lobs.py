"""DBMS_LOB: of a temporary LOB every change makes a new value, of a stored one it also reaches the row.

Not there: BFILEs (LOADFROMFILE and its like), conversions, fragments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.localdb import lob_values
from app.localdb.contract import Lob, OraType
from app.localdb.errors import OracleError
from app.localdb.lob_values import Content, written
from app.localdb.plsql.failures import value_error
from app.localdb.plsql.runtime import Context


def _invalid() -> OracleError:
    return OracleError(22275, "invalid LOB locator specified")


def _argument(name: str) -> OracleError:
    return OracleError(21560, f"argument {name} is null, invalid, or out of range")


def _piece(lob: Lob | None, amount: Any, offset: Any = 1) -> tuple[Lob, int, int]:
    """The arguments of a call with (lob, amount, offset). Raises ORA-22275, ORA-21560."""
    if lob is None:
        raise _invalid()
    if amount is None or amount < 1:
        raise _argument("2")
    if offset is None or offset < 1:
        raise _argument("3")
    return lob, int(amount), int(offset)


def _buffer(amount: int, buffer: Any) -> Content:
    if buffer is None or len(buffer) < amount:
        raise _argument("2")
    piece: Content = buffer[:amount]
    return piece


def _changed(ctx: Context, lob: Lob | None, change: Callable[[Content], Content]) -> tuple[Lob]:
    if lob is None or (not lob.temporary and lob.origin is None and not lob.data):
        raise _invalid()  # not initialized, or EMPTY_CLOB( ) that was never stored
    if lob.lost:
        raise OracleError(22922, "nonexistent LOB value")
    if lob.temporary:
        return (Lob(lob.type, change(lob.data), temporary=True),)
    changed = replace(lob)  # other variables with this locator go on showing what they show
    ctx.host.lobs.change(changed, change)
    return (changed,)


def length(ctx: Context, lob: Lob | None) -> int | None:
    return None if lob is None else lob_values.length(lob.data)


def substr(ctx: Context, lob: Lob | None, amount: Any, offset: Any) -> Any:
    if lob is None or amount is None or offset is None or amount < 1 or offset < 1:
        return None
    return lob_values.read(lob.data, int(offset), int(amount)) or None


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
    if source is None:
        raise _invalid()
    return _changed(ctx, dest, lambda data: written(data, lob_values.length(data) + 1, source.data))


def copy(ctx: Context, dest: Lob | None, source: Lob | None, amount: Any, to: Any, start: Any) -> tuple[Lob]:
    if dest is None or source is None:
        raise _invalid()
    if amount is None or amount < 1:
        raise _argument("3")
    piece = lob_values.read(source.data, int(start), int(amount))
    return _changed(ctx, dest, lambda data: written(data, int(to), piece)) if piece else (dest,)


def write_append(ctx: Context, lob: Lob | None, amount: Any, buffer: Any) -> tuple[Lob]:
    lob, amount, _ = _piece(lob, amount)
    piece = _buffer(amount, buffer)
    return _changed(ctx, lob, lambda data: written(data, lob_values.length(data) + 1, piece))


def write(ctx: Context, lob: Lob | None, amount: Any, offset: Any, buffer: Any) -> tuple[Lob]:
    lob, amount, offset = _piece(lob, amount, offset)
    piece = _buffer(amount, buffer)
    return _changed(ctx, lob, lambda data: written(data, offset, piece))


def erase(ctx: Context, lob: Lob | None, amount: Any, offset: Any) -> tuple[Lob, int]:
    lob, amount, offset = _piece(lob, amount, offset)
    count = 0

    def change(data: Content) -> Content:
        nonlocal count
        result, count = lob_values.erased(data, offset, amount)
        return result

    (changed,) = _changed(ctx, lob, change)
    return changed, count


def read(ctx: Context, lob: Lob | None, amount: Any, offset: Any) -> tuple[int, Any]:
    lob, amount, offset = _piece(lob, amount, offset)
    piece = lob_values.read(lob.data, offset, amount)
    if not piece:
        raise OracleError(1403, "no data found")
    return lob_values.length(piece), piece


def trim(ctx: Context, lob: Lob | None, new_length: Any) -> tuple[Lob]:
    if lob is None:
        raise _invalid()
    if new_length is None or new_length < 0:
        raise _argument("2")
    return _changed(ctx, lob, lambda data: lob_values.trimmed(data, int(new_length)))


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


def _stored(lob: Lob | None) -> Lob:
    if lob is None:
        raise _invalid()
    if lob.origin is None:
        raise OracleError(
            3001, "unimplemented feature: opening a temporary LOB is not supported by the local database"
        )
    return lob


def open_(ctx: Context, lob: Lob | None, mode: Any) -> tuple[Lob]:
    stored = _stored(lob)
    ctx.host.lobs.open(stored, writing=mode != 0)
    return (stored,)


def close(ctx: Context, lob: Lob | None) -> tuple[Lob]:
    stored = _stored(lob)
    ctx.host.lobs.close(stored)
    return (stored,)


def is_open(ctx: Context, lob: Lob | None) -> int:
    if lob is None:
        raise _invalid()
    return int(lob.origin is not None and ctx.host.lobs.is_open(lob))
