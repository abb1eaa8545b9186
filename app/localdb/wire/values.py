"""Single values as Python objects: bind values in, OUT binds and RETURNING values out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.localdb.contract import IntervalYM, Lob, OraType
from app.localdb.errors import OracleError
from app.localdb.wire.constants import CHUNK
from app.localdb.wire.numbers import (
    decode_double,
    decode_float,
    decode_number,
    encode_decimal,
    encode_double,
    encode_float,
)
from app.localdb.wire.oson import from_json
from app.localdb.wire.times import (
    decode_date,
    decode_interval_ds,
    decode_interval_ym,
    decode_zoned,
    encode_date,
    encode_interval_ds,
    encode_interval_ym,
    encode_timestamp,
    encode_zoned,
)
from app.localdb.wire.writer import data, ub

_LOCATOR = 40
Decoder = Callable[[bytes], Any]


class _Numbers(dict[bytes, int | Decimal]):
    """Wire NUMBER -> value; bounded."""

    def __missing__(self, raw: bytes) -> int | Decimal:
        value = decode_number(raw)
        if len(self) >= 50_000:
            self.clear()
        self[raw] = value
        return value


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _national_text(raw: bytes) -> str:
    return raw.decode("utf-16-be", "replace")


def _date(raw: bytes) -> datetime:
    return decode_date(raw[:7])


def _boolean(raw: bytes) -> bool:
    return raw[-1] == 1


_number = _Numbers().__getitem__

_DECODERS: dict[int, Decoder] = {
    OraType.VARCHAR2: _text,
    OraType.CHAR: _text,
    OraType.LONG: _text,
    OraType.ROWID: _text,
    OraType.UROWID: _text,
    OraType.NUMBER: _number,
    OraType.BINARY_INTEGER: _number,
    OraType.DATE: _date,
    OraType.TIMESTAMP: decode_date,
    OraType.TIMESTAMP_TZ: decode_zoned,
    OraType.TIMESTAMP_LTZ: decode_date,
    OraType.RAW: bytes,
    OraType.LONG_RAW: bytes,
    OraType.BINARY_DOUBLE: decode_double,
    OraType.BINARY_FLOAT: decode_float,
    OraType.INTERVAL_DS: decode_interval_ds,
    OraType.INTERVAL_YM: decode_interval_ym,
    OraType.BOOLEAN: _boolean,
}


def decoder(kind: int, national: bool) -> Decoder | None:
    """What turns the bytes of a bind value into its object; None for types that are no plain bytes
    (LOBs, cursors, JSON and others)."""
    if national and kind in (OraType.VARCHAR2, OraType.CHAR, OraType.LONG):
        return _national_text
    return _DECODERS.get(kind)


def json_value(text: str) -> bytes:
    """A value of the type JSON as a LOB that comes whole: lengths, OSON, a locator without meaning."""
    raw = from_json(text)
    return ub(_LOCATOR) + ub(len(raw)) + ub(CHUNK) + data(raw) + data(bytes(_LOCATOR))


def encode(kind: OraType, value: Any, national: bool = False) -> bytes:
    """A value of type `kind` with its length; NULL for None. Raises OracleError ORA-06502 when the
    object does not fit the type: converting is the session's work, not this room's."""
    if value is None:
        return b"\0"
    match kind, value:
        case ((OraType.VARCHAR2 | OraType.CHAR | OraType.LONG | OraType.ROWID | OraType.UROWID), str()):
            return data(value.encode("utf-16-be" if national else "utf-8"))
        case ((OraType.NUMBER | OraType.BINARY_INTEGER), (int() | Decimal())):
            return data(encode_decimal(int(value) if isinstance(value, bool) else value))
        case ((OraType.NUMBER | OraType.BINARY_INTEGER), float()):
            return data(encode_decimal(Decimal(repr(value))))
        case OraType.BINARY_DOUBLE, (int() | float() | Decimal()):
            return data(encode_double(float(value)))
        case OraType.BINARY_FLOAT, (int() | float() | Decimal()):
            return data(encode_float(float(value)))
        case OraType.DATE, datetime():
            return data(encode_date(value))
        case ((OraType.TIMESTAMP | OraType.TIMESTAMP_LTZ), datetime()):
            return data(encode_timestamp(value.replace(tzinfo=None)))
        case OraType.TIMESTAMP_TZ, datetime():
            return data(encode_zoned(value))
        case ((OraType.DATE | OraType.TIMESTAMP | OraType.TIMESTAMP_TZ | OraType.TIMESTAMP_LTZ), date()):
            return encode(kind, datetime(value.year, value.month, value.day))  # noqa: DTZ001
        case ((OraType.RAW | OraType.LONG_RAW), bytes()):
            return data(value)
        case ((OraType.VARCHAR2 | OraType.LONG), Lob(data=str() as text)):
            return data(text.encode("utf-16-be" if national else "utf-8"))
        case ((OraType.RAW | OraType.LONG_RAW), Lob(data=bytes() as raw)):
            return data(raw)
        case OraType.INTERVAL_DS, timedelta():
            return data(encode_interval_ds(value))
        case OraType.INTERVAL_YM, IntervalYM():
            return data(encode_interval_ym(value))
        case OraType.JSON, str():
            return json_value(value)
        case OraType.BOOLEAN, bool():
            return b"\x02\x01\x01" if value else b"\x01\x00"
        case _:
            what = type(value).__name__
            raise OracleError(6502, f"PL/SQL: numeric or value error: {what} in a bind of type {kind.name}")
