"""DESCRIBE: what a query's columns are, in the form the client reads it."""

from __future__ import annotations

from collections.abc import Sequence

from app.localdb.contract import Column, OraType
from app.localdb.wire.constants import (
    CHARSET_UTF8,
    CHARSET_UTF16,
    NATIONAL,
    UDS_FLAG_IS_JSON,
    FieldVersion,
)
from app.localdb.wire.writer import text2, ub

CHARACTER_TYPES = frozenset({OraType.VARCHAR2, OraType.CHAR, OraType.LONG, OraType.CLOB})
DEFAULT_SIZE = 4000  # character types and RAW whose size the session does not know

_SIZES = {
    OraType.NUMBER: 22,
    OraType.BINARY_INTEGER: 22,
    OraType.DATE: 7,
    OraType.TIMESTAMP: 11,
    OraType.TIMESTAMP_TZ: 13,
    OraType.TIMESTAMP_LTZ: 11,
    OraType.INTERVAL_DS: 11,
    OraType.INTERVAL_YM: 5,
    OraType.BINARY_DOUBLE: 8,
    OraType.BINARY_FLOAT: 4,
    OraType.ROWID: 18,
    OraType.UROWID: 5267,
    OraType.CURSOR: 4,
    OraType.CLOB: 4000,
    OraType.BLOB: 4000,
    OraType.JSON: 8200,
    OraType.BOOLEAN: 4,
    OraType.LONG: 0,
    OraType.LONG_RAW: 0,
}


def describe(columns: Sequence[Column], field_version: int) -> bytes:
    """The body of a describe message; also stands in REF CURSOR values and implicit results."""
    parts = [ub(0), ub(len(columns))]
    if columns:
        parts.append(b"\0")
    parts += [describe_column(column, n, field_version) for n, column in enumerate(columns, 1)]
    parts.append(bytes(6))  # date, four words, cache key
    return b"".join(parts)


def describe_column(column: Column, position: int, field_version: int) -> bytes:
    """One column's metadata; direct path load uses it as well."""
    kind = column.type
    size = _SIZES.get(kind)
    if size is None:
        size = column.size or DEFAULT_SIZE
    scale = 0 if column.scale == -127 and kind != OraType.NUMBER else column.scale
    form = 0
    if kind in CHARACTER_TYPES:
        form = NATIONAL if column.national else 1
    charset = (CHARSET_UTF16 if form == NATIONAL else CHARSET_UTF8) if form else 0
    characters = (column.chars or size) if kind in (OraType.VARCHAR2, OraType.CHAR) else 0
    parts = [
        bytes((kind, 0, column.precision & 0xFF, scale & 0xFF)),
        ub(size),
        bytes(4),  # array elements, flags, type id, type version
        ub(charset),
        bytes((form,)),
        ub(characters),
    ]
    if field_version >= FieldVersion.V12_2:
        parts.append(b"\0")
    parts += [
        bytes((1 if column.nullable else 0, len(column.name.encode()) & 0xFF)),
        text2(column.name),
        bytes(2),  # type schema and name
        ub(position),
        ub(UDS_FLAG_IS_JSON if column.is_json else 0),
    ]
    if field_version >= FieldVersion.V23_1:
        parts.append(bytes(2))  # domain schema and name
    if field_version >= FieldVersion.V23_1_EXT3:
        parts.append(b"\0")  # annotations
    if field_version >= FieldVersion.V23_4:
        parts.append(bytes(3))  # vector dimensions, format, flags
    return b"".join(parts)
