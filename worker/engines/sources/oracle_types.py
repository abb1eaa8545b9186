"""Oracle column types: what their values are, and how to select them so that the driver delivers them exactly.

Facts of python-oracledb 26.1 that decide the select expressions: with `fetch_decimals` a NUMBER(p,s)
arrives as decimal128(p,s), but a NUMBER without precision as a double; a TIMESTAMP arrives with at most
six fractional digits; a TIMESTAMP WITH TIME ZONE arrives as naive local time of its own zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from worker.engines.values import DECIMAL_DIGITS, Kind, ValueType

INT64_SAFE_DIGITS = 18
_MICROSECOND_DIGITS = 6
_TIMESTAMP = re.compile(r"TIMESTAMP(?:\((\d)\))?(?P<zone> WITH (?:LOCAL )?TIME ZONE)?")
_TEXT_TYPES = {"VARCHAR2", "NVARCHAR2", "VARCHAR", "CHAR", "NCHAR"}
_SIMPLE = {
    "DATE": Kind.TIMESTAMP,
    "BINARY_DOUBLE": Kind.DOUBLE,
    "BINARY_FLOAT": Kind.DOUBLE,
    "BOOLEAN": Kind.BOOLEAN,
    "RAW": Kind.BINARY,
    "CLOB": Kind.LONG_TEXT,
    "NCLOB": Kind.LONG_TEXT,
    "LONG": Kind.LONG_TEXT,
    "BLOB": Kind.LONG_BINARY,
    "LONG RAW": Kind.LONG_BINARY,
}
_LONG = frozenset({Kind.LONG_TEXT, Kind.LONG_BINARY})


@dataclass(frozen=True, slots=True)
class Selection:
    """How one column is read: what its values are, and the expression to select ({0} is the column)."""

    value_type: ValueType | None
    arrow_type: pa.DataType
    expression: str = "{0}"

    @property
    def long(self) -> bool:
        """Whether single values may be very large, so that batches should be small."""
        return self.value_type is not None and self.value_type.kind in _LONG


def selection(data_type: str, precision: int | None, scale: int | None) -> Selection:
    """The selection of a column as ALL_TAB_COLUMNS describes it; `value_type` is None if incomparable.

    Numbers as text need the session's NLS_NUMERIC_CHARACTERS to be '.,'. TM9 writes every digit of any
    NUMBER: fixed notation up to 64 characters, beyond that scientific.
    """
    if data_type in ("NUMBER", "FLOAT"):
        return _number(data_type, precision, scale)
    if data_type in _TEXT_TYPES:
        return Selection(ValueType(Kind.TEXT), pa.large_string())
    if data_type in _SIMPLE:
        value_type = ValueType(_SIMPLE[data_type])
        return Selection(value_type, value_type.storage)
    if data_type in ("ROWID", "UROWID"):
        return Selection(ValueType(Kind.TEXT), pa.large_string(), "rowidtochar({0})")
    if match := _TIMESTAMP.fullmatch(data_type):
        return _timestamp(int(match[1] or _MICROSECOND_DIGITS), zoned=match["zone"] is not None)
    if data_type.startswith("INTERVAL YEAR"):
        return Selection(ValueType(Kind.INTERVAL_MONTHS), pa.month_day_nano_interval())
    if data_type.startswith("INTERVAL DAY"):
        return Selection(ValueType(Kind.INTERVAL_NANOSECONDS), pa.month_day_nano_interval())
    return Selection(None, pa.null())


def described(data_type: str, precision: int | None, scale: int | None, length: int | None, unit: str) -> str:
    """The type as a DBA writes it: NUMBER(9,6), VARCHAR2(30 CHAR), TIMESTAMP(6). `unit` is CHAR or BYTE."""
    if data_type == "NUMBER" and precision is not None:
        return f"NUMBER({precision},{scale})" if scale else f"NUMBER({precision})"
    if data_type == "NUMBER" and scale == 0:
        return "NUMBER(*,0)"
    if data_type == "FLOAT" and precision is not None:
        return f"FLOAT({precision})"
    if data_type in _TEXT_TYPES and length is not None:
        return f"{data_type}({length})" if data_type.startswith("N") else f"{data_type}({length} {unit})"
    if data_type == "RAW" and length is not None:
        return f"RAW({length})"
    return data_type


def _number(data_type: str, precision: int | None, scale: int | None) -> Selection:
    if data_type == "NUMBER" and precision is not None and scale is not None:
        if scale == 0 and precision <= INT64_SAFE_DIGITS:
            return Selection(ValueType(Kind.INTEGER), pa.decimal128(precision, 0))
        if 0 <= scale <= precision <= DECIMAL_DIGITS:
            value_type = ValueType(Kind.DECIMAL, precision, scale)
            return Selection(value_type, value_type.storage)
    return Selection(ValueType(Kind.NUMBER), pa.large_string(), "to_char({0}, 'TM9')")


def _timestamp(digits: int, *, zoned: bool) -> Selection:
    instant = f"sys_extract_utc(cast({{0}} as timestamp({digits}) with time zone))" if zoned else "{0}"
    if digits <= _MICROSECOND_DIGITS:
        return Selection(ValueType(Kind.TIMESTAMP), pa.timestamp("us"), instant)
    text = f"to_char({instant}, 'YYYY-MM-DD HH24:MI:SS.FF9')"
    return Selection(ValueType(Kind.TIMESTAMP_NS), pa.large_string(), text)
