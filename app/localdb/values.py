"""Values between Python (as contract.py names them) and PostgreSQL's text form.

The sessions of the local database run with TimeZone UTC, DateStyle ISO, IntervalStyle postgres and
bytea_output hex; the forms below depend on it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from app.localdb import zones
from app.localdb.contract import Column, IntervalYM, Lob, LobOrigin, OraType, StoredColumn
from app.localdb.errors import OracleError, oracle_error

_DAY_TIME = re.compile(rb"(-)?(\d+) (\d+):(\d\d):(\d\d)(?:\.(\d{1,9}))?$")


def to_text(value: Any) -> bytes | None:
    """The text form PostgreSQL reads; NULL and the empty string are None. Raises OracleError."""
    if value is None:
        return None
    encode = _ENCODERS.get(type(value))
    if encode is not None:
        return encode(value)
    for kind, encode in _ENCODERS.items():
        if isinstance(value, kind):
            return encode(value)
    raise OracleError(3001, f"unimplemented feature: a bind of {type(value).__name__}")


def _text(value: str) -> bytes | None:
    data = value.encode("utf-8", "surrogatepass")
    if b"\0" in data:
        raise OracleError(3001, "unimplemented feature: character with code 0 in text")
    return data or None


def _float(value: float) -> bytes:
    if value != value:
        return b"NaN"
    if value in (float("inf"), float("-inf")):
        return b"Infinity" if value > 0 else b"-Infinity"
    return repr(value).encode()


def _datetime(value: dt.datetime) -> bytes:
    if value.year < 1:
        raise oracle_error(1460)
    if isinstance(value.tzinfo, zones.Zone):
        return zones.to_text(value, value.tzinfo)
    return value.isoformat(" ").encode()


def _interval(value: dt.timedelta) -> bytes:
    return b"%d days %d seconds %d microseconds" % (value.days, value.seconds, value.microseconds)


def _lob(value: Lob) -> bytes | None:
    """An empty LOB is not NULL: an empty text, or a bytea of no bytes."""
    if not value.data:
        return b"" if value.type is OraType.CLOB else b"\\x"
    return to_text(value.data)


def _array(values: Sequence[Any]) -> bytes:
    """PostgreSQL's array literal, every element quoted."""
    parts = []
    for value in values:
        text = to_text(value)
        if text is None:
            parts.append(b"NULL")
        else:
            parts.append(b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"')
    return b"{" + b",".join(parts) + b"}"


_ENCODERS: dict[type, Callable[[Any], bytes | None]] = {
    str: _text,
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: str(value).encode(),
    Decimal: lambda value: str(value).encode(),
    float: _float,
    dt.datetime: _datetime,
    dt.date: lambda value: value.isoformat().encode(),
    dt.timedelta: _interval,
    IntervalYM: lambda value: b"%d mons" % value.months,
    bytes: lambda value: b"\\x" + value.hex().encode() if value else None,
    Lob: _lob,
    list: _array,
    tuple: _array,
}


def decoder(kind: OraType) -> Callable[[bytes], Any]:
    """How to read the text form (as contract.Cursor describes it) of a type that is not NULL."""
    return _DECODERS[kind]


def decode_rows(
    rows: Sequence[Sequence[bytes | None]], columns: Sequence[Column], transaction: int | None
) -> list[tuple[Any, ...]]:
    """Raw rows as Python values; `transaction` is the one that the locators of stored LOBs belong to."""
    decoders = [_DECODERS[column.type] for column in columns]
    stored = [(at, column.stored) for at, column in enumerate(columns) if column.stored is not None]
    found = [
        tuple(
            None if value is None else decode(value)
            for value, decode in zip(row[: len(decoders)], decoders, strict=True)
        )
        for row in rows
    ]
    for row, values in zip(rows, found, strict=True) if stored else ():
        for at, origin in stored:
            lob = values[at]
            if isinstance(lob, Lob):
                lob.origin = lob_origin(origin, row, transaction)
    return found


def lob_origin(column: StoredColumn, row: Sequence[bytes | None], transaction: int | None) -> LobOrigin:
    """Where the LOB of that column in a raw row is stored."""
    return LobOrigin(column.relation, column.name, row[column.place] or b"", transaction)


def _read_timestamp(value: bytes) -> dt.datetime:
    """`2026-01-31 23:59:58[.ffffff]`; years beyond Python's are an error of the caller's data."""
    try:
        return dt.datetime.fromisoformat(value.decode())
    except ValueError as error:
        raise OracleError(1841, "(full) year must be between -4713 and +9999, and not be 0") from error


def _read_zoned(value: bytes) -> dt.datetime:
    try:
        return zones.from_text(value)
    except ValueError as error:
        raise OracleError(1841, "(full) year must be between -4713 and +9999, and not be 0") from error


def _read_local(value: bytes) -> dt.datetime:
    return _read_timestamp(value).replace(tzinfo=dt.UTC)


def _read_day_time(value: bytes) -> dt.timedelta:
    found = _DAY_TIME.match(value)
    if found is None:
        raise OracleError(1867, "the interval is invalid")
    sign, days, hours, minutes, seconds, fraction = found.groups()
    size = dt.timedelta(
        days=int(days),
        hours=int(hours),
        minutes=int(minutes),
        seconds=int(seconds),
        microseconds=int((fraction or b"0").ljust(6, b"0")[:6]),
    )
    return -size if sign else size


_DECODERS: dict[OraType, Callable[[bytes], Any]] = {
    OraType.VARCHAR2: bytes.decode,
    OraType.CHAR: bytes.decode,
    OraType.LONG: bytes.decode,
    OraType.ROWID: bytes.decode,
    OraType.UROWID: bytes.decode,
    OraType.NUMBER: lambda value: Decimal(value.decode()),
    OraType.BINARY_INTEGER: int,
    OraType.BINARY_FLOAT: float,
    OraType.BINARY_DOUBLE: float,
    OraType.DATE: _read_timestamp,
    OraType.TIMESTAMP: _read_timestamp,
    OraType.TIMESTAMP_TZ: _read_zoned,
    OraType.TIMESTAMP_LTZ: _read_local,
    OraType.RAW: lambda value: bytes.fromhex(value[2:].decode()),
    OraType.LONG_RAW: lambda value: bytes.fromhex(value[2:].decode()),
    OraType.INTERVAL_DS: _read_day_time,
    OraType.INTERVAL_YM: lambda value: IntervalYM(int(value)),
    OraType.BOOLEAN: lambda value: value == b"t",
    OraType.CLOB: lambda value: Lob(OraType.CLOB, value.decode()),
    OraType.BLOB: lambda value: Lob(OraType.BLOB, bytes.fromhex(value[2:].decode())),
    OraType.JSON: bytes.decode,
    OraType.CURSOR: int,
}
