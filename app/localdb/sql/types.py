"""Types of expressions, and how each Oracle type looks in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from app.localdb.contract import Column, OraType
from app.localdb.sql.catalog import ColumnInfo
from app.localdb.sql.nodes import TypeName
from app.localdb.sql.refusals import refuse, unsupported


class Family(StrEnum):
    """Types that convert into each other alike."""

    NULL = "null"
    NUMBER = "number"
    FLOAT = "float"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    ZONED = "zoned"
    LOCAL = "local"
    INTERVAL_DS = "interval ds"
    INTERVAL_YM = "interval ym"
    RAW = "raw"
    CLOB = "clob"
    BLOB = "blob"
    ROWID = "rowid"
    BOOLEAN = "boolean"
    JSON = "json"
    CURSOR = "cursor"


FAMILIES = {
    None: Family.NULL,
    OraType.VARCHAR2: Family.TEXT,
    OraType.CHAR: Family.TEXT,
    OraType.LONG: Family.TEXT,
    OraType.NUMBER: Family.NUMBER,
    OraType.BINARY_INTEGER: Family.NUMBER,
    OraType.BINARY_FLOAT: Family.FLOAT,
    OraType.BINARY_DOUBLE: Family.FLOAT,
    OraType.DATE: Family.DATE,
    OraType.TIMESTAMP: Family.TIMESTAMP,
    OraType.TIMESTAMP_TZ: Family.ZONED,
    OraType.TIMESTAMP_LTZ: Family.LOCAL,
    OraType.INTERVAL_DS: Family.INTERVAL_DS,
    OraType.INTERVAL_YM: Family.INTERVAL_YM,
    OraType.RAW: Family.RAW,
    OraType.LONG_RAW: Family.RAW,
    OraType.CLOB: Family.CLOB,
    OraType.BLOB: Family.BLOB,
    OraType.ROWID: Family.ROWID,
    OraType.UROWID: Family.ROWID,
    OraType.BOOLEAN: Family.BOOLEAN,
    OraType.JSON: Family.JSON,
    OraType.CURSOR: Family.CURSOR,
}
# The PostgreSQL type that a parameter or a cast of each type has.
PG_TYPES = {
    OraType.VARCHAR2: "text",
    OraType.CHAR: "text",
    OraType.LONG: "text",
    OraType.NUMBER: "numeric",
    OraType.BINARY_INTEGER: "numeric",
    OraType.BINARY_FLOAT: "float4",
    OraType.BINARY_DOUBLE: "float8",
    OraType.DATE: "oracle.date",
    OraType.TIMESTAMP: "timestamp",
    OraType.TIMESTAMP_TZ: "oracle.zoned",
    OraType.TIMESTAMP_LTZ: "timestamptz",
    OraType.INTERVAL_DS: "interval",
    OraType.INTERVAL_YM: "interval",
    OraType.RAW: "bytea",
    OraType.LONG_RAW: "bytea",
    OraType.CLOB: "oracle.clob",
    OraType.BLOB: "oracle.blob",
    OraType.ROWID: "text",
    OraType.UROWID: "text",
    OraType.BOOLEAN: "boolean",
    OraType.JSON: "jsonb",
}
LARGE = (Family.CLOB, Family.BLOB, Family.JSON)  # neither compared nor indexed
# What ORA-00932 calls each family.
FAMILY_NAMES = {
    Family.NULL: "CHAR", Family.NUMBER: "NUMBER", Family.FLOAT: "BINARY_DOUBLE", Family.TEXT: "CHAR",
    Family.DATE: "DATE", Family.TIMESTAMP: "TIMESTAMP", Family.ZONED: "TIMESTAMP WITH TIME ZONE",
    Family.LOCAL: "TIMESTAMP WITH LOCAL TIME ZONE",
    Family.INTERVAL_DS: "INTERVAL DAY TO SECOND", Family.INTERVAL_YM: "INTERVAL YEAR TO MONTH",
    Family.RAW: "BINARY", Family.CLOB: "CLOB", Family.BLOB: "BLOB", Family.ROWID: "ROWID",
    Family.BOOLEAN: "BOOLEAN", Family.JSON: "JSON", Family.CURSOR: "CURSER",
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Ty:
    """Oracle's type of an expression. `type` None is that of NULL.

    `bpchar` tells a CHAR column (padded, PostgreSQL's bpchar) from a text literal, which is CHAR for Oracle
    but text for PostgreSQL. The other fields are those of contract.Column.
    """

    type: OraType | None
    precision: int = 0
    scale: int = -127
    size: int = 0
    chars: int = 0
    national: bool = False
    bpchar: bool = False
    is_json: bool = False
    # of a NUMBER: at most so many digits before and behind the point, when that is known
    digits: tuple[int, int] | None = field(default=None, compare=False)

    @property
    def family(self) -> Family:
        return FAMILIES[self.type]


class Ex(NamedTuple):
    """A translated expression: PostgreSQL text that can stand as an operand, its type, and whether it can
    be NULL. `source` is the column when the expression is a plain one."""

    sql: str
    ty: Ty
    nullable: bool = True


NULL = Ty(None)
NUMBER = Ty(OraType.NUMBER)
DOUBLE = Ty(OraType.BINARY_DOUBLE)
VARCHAR2 = Ty(OraType.VARCHAR2, size=4000, chars=4000)
DATE = Ty(OraType.DATE)
TIMESTAMP = Ty(OraType.TIMESTAMP, scale=9)
TIMESTAMP_TZ = Ty(OraType.TIMESTAMP_TZ, scale=9)
TIMESTAMP_LTZ = Ty(OraType.TIMESTAMP_LTZ, scale=9)
INTERVAL_DS = Ty(OraType.INTERVAL_DS, precision=9, scale=9)
INTERVAL_YM = Ty(OraType.INTERVAL_YM, precision=9, scale=0)
RAW = Ty(OraType.RAW, size=2000)
CLOB = Ty(OraType.CLOB)
BLOB = Ty(OraType.BLOB)
INTEGER = Ty(OraType.NUMBER, 38, 0)  # NUMBER(*,0): the dictionary shows no precision for it
ROWID = Ty(OraType.ROWID, size=18)
BOOLEAN = Ty(OraType.BOOLEAN)
JSON = Ty(OraType.JSON)


def varchar2(chars: int, size: int = 0) -> Ty:
    """VARCHAR2 of at most `chars` characters and `size` bytes (four a character unless told)."""
    chars = max(1, min(chars, 4000))
    return Ty(OraType.VARCHAR2, size=max(1, min(size or chars * 4, 4000)), chars=chars)


def literal_text(value: str, national: bool = False) -> Ty:
    """The type of a text literal: CHAR, but not a padded one in PostgreSQL."""
    return Ty(OraType.CHAR, size=len(value.encode()), chars=len(value), national=national)


def of_column(column: ColumnInfo) -> Ty:
    """The type of a column of the catalogue."""
    return Ty(
        column.type,
        column.precision,
        column.scale,
        column.size,
        column.chars,
        column.national,
        column.type is OraType.CHAR,
        column.is_json,
    )


def describe(name: str, ty: Ty, nullable: bool) -> Column:
    """What DESCRIBE tells of a result column."""
    found = ty.type if ty.type is not None else OraType.VARCHAR2
    return Column(name, found, ty.precision, ty.scale, ty.size, ty.chars, nullable, ty.national, ty.is_json)


_FIXED_TYPES = {
    "DATE": DATE, "CLOB": CLOB, "NCLOB": Ty(OraType.CLOB, national=True), "BLOB": BLOB,
    "BINARY_DOUBLE": DOUBLE, "BINARY_FLOAT": Ty(OraType.BINARY_FLOAT), "LONG": Ty(OraType.LONG),
    "LONG RAW": Ty(OraType.LONG_RAW), "ROWID": ROWID, "UROWID": Ty(OraType.UROWID, size=4000),
    "INTEGER": INTEGER, "INT": INTEGER, "SMALLINT": INTEGER, "DOUBLE PRECISION": Ty(OraType.NUMBER, 126, -127),
    "REAL": Ty(OraType.NUMBER, 63, -127),
}  # fmt: skip


def of_type_name(name: TypeName, play: str = "19c") -> Ty:
    """The type that was written. Raises ORA-00902, ORA-00906, ORA-00910, ORA-01727, ORA-01728, ORA-30088."""
    word, args = name.name, name.args
    fixed = _FIXED_TYPES.get(word)
    if fixed is not None:
        return fixed
    first = args[0] if args else None
    if word in ("VARCHAR2", "VARCHAR", "NVARCHAR2", "CHAR", "NCHAR"):
        return _character(name, first)
    if word == "RAW":
        if first is None:
            raise refuse(906, name.offset)
        if not 1 <= first <= 2000:
            raise refuse(910, name.offset)
        return Ty(OraType.RAW, size=first)
    if word in ("NUMBER", "NUMERIC", "DECIMAL", "DEC"):
        return _number(name)
    if word == "FLOAT":
        return Ty(OraType.NUMBER, first or 126, -127)
    if word.startswith("TIMESTAMP"):
        digits = 6 if first is None else first
        if digits > 9:
            raise refuse(30088, name.offset)
        kinds = {"TIMESTAMP": OraType.TIMESTAMP, "TIMESTAMP WITH TIME ZONE": OraType.TIMESTAMP_TZ}
        return Ty(kinds.get(word, OraType.TIMESTAMP_LTZ), scale=digits)
    if word == "INTERVAL DAY TO SECOND":
        second = args[1] if len(args) > 1 else None
        return Ty(OraType.INTERVAL_DS, 2 if first is None else first, 6 if second is None else second)
    if word == "INTERVAL YEAR TO MONTH":
        return Ty(OraType.INTERVAL_YM, 2 if first is None else first, 0)
    if word in ("BOOLEAN", "BOOL") and play != "19c":
        return BOOLEAN
    if word == "JSON" and play != "19c":
        return JSON
    if word in ("XMLTYPE", "BFILE", "VECTOR", "ANYDATA", "SDO_GEOMETRY") and (
        word != "VECTOR" or play != "19c"
    ):
        raise unsupported(f"the type {word}", name.offset)
    raise refuse(902, name.offset)


def _character(name: TypeName, length: int | None) -> Ty:
    fixed_length = name.name in ("CHAR", "NCHAR")
    national = name.name.startswith("N")
    if length is None:
        if not fixed_length:
            raise refuse(906, name.offset)
        length = 1
    limit = 2000 if fixed_length else 4000
    if not 1 <= length <= limit:
        raise refuse(910 if length > limit else 1723, name.offset)
    by_chars = national or name.semantics == "CHAR"
    size = min(length * 4, limit) if by_chars else length
    kind = OraType.CHAR if fixed_length else OraType.VARCHAR2
    return Ty(kind, size=size, chars=length, national=national, bpchar=fixed_length)


def _number(name: TypeName) -> Ty:
    if not name.args:
        decimal = name.name != "NUMBER"
        return Ty(OraType.NUMBER, 38, 0) if decimal else NUMBER
    precision = name.args[0]
    scale = name.args[1] if len(name.args) > 1 else 0
    if precision is not None and not 1 <= precision <= 38:
        raise refuse(1727, name.offset)
    if scale is not None and not -84 <= scale <= 127:
        raise refuse(1728, name.offset)
    return Ty(OraType.NUMBER, 38 if precision is None else precision, scale or 0)


def pg_type(ty: Ty) -> str:
    """The PostgreSQL type of a column or cast target of this type, with its length and precision."""
    kind = ty.type
    if kind is OraType.NUMBER:
        # PostgreSQL knows no binary precision; FLOAT keeps its decimal digits, which are at least as many.
        return f"numeric({ty.precision},{ty.scale})" if ty.precision and ty.scale != -127 else "numeric"
    if kind is OraType.VARCHAR2:
        return f"varchar({ty.chars})" if ty.chars else "text"
    if kind is OraType.CHAR:
        return f"bpchar({ty.chars})" if ty.bpchar else "text"
    if kind is OraType.TIMESTAMP:
        return f"timestamp({min(ty.scale, 6)})"
    if kind is OraType.TIMESTAMP_TZ:
        return f"oracle.zoned(32767,{min(ty.scale, 6)})"
    if kind is OraType.TIMESTAMP_LTZ:
        return f"timestamptz({min(ty.scale, 6)})"
    if kind is OraType.ROWID or kind is OraType.UROWID:
        return "bigint"
    if kind is None:
        return "text"
    return PG_TYPES[kind]


def quote(name: str) -> str:
    """A name as a PostgreSQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """A text as a PostgreSQL string literal (standard_conforming_strings is on)."""
    return "'" + value.replace("'", "''") + "'"
