"""Static types of PL/SQL: what a variable may hold, and how a value is made to fit it.

A type's `fit(value)` gives the value as the variable keeps it (copied where it is a composite) or raises
ORA-06502 as Oracle does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.localdb.contract import IntervalYM, Lob, OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import convert
from app.localdb.plsql.failures import failure, value_error
from app.localdb.plsql.values import Collection, CursorHandle, Record

MAX_STRING = 32767  # bytes: the limit of VARCHAR2 in PL/SQL


class Type:
    """Any type. `ora` is its type in SQL, None for those that SQL does not have."""

    ora: OraType | None
    name: str

    def fit(self, value: Any) -> Any:
        raise NotImplementedError

    def initial(self) -> Any:
        """The value of a variable declared without a default."""
        return None


@dataclass(eq=False)
class Scalar(Type):
    """A type of one value. `size` is in bytes, or in characters when `chars`; 0 = the type's maximum."""

    ora: OraType
    name: str
    precision: int = 0
    scale: int | None = None
    size: int = 0
    chars: bool = False
    not_null: bool = False
    low: int | None = None  # RANGE of a subtype, or of PLS_INTEGER
    high: int | None = None

    def fit(self, value: Any) -> Any:
        if value is None:
            if self.not_null:
                raise value_error()
            return None
        return _FIT[self.ora](self, value)


def _fit_string(self: Scalar, value: Any) -> str | None:
    text = value if type(value) is str else convert.to_text(value)
    if text is None:
        return None
    length = len(text) if self.chars else len(text.encode())
    if length > (self.size or MAX_STRING):
        raise value_error("character string buffer too small")
    return text


def _fit_char(self: Scalar, value: Any) -> str | None:
    text = value if type(value) is str else convert.to_text(value)
    if text is None:
        return None
    size = self.size or 1
    length = len(text) if self.chars else len(text.encode())
    if length > size:
        text = text.rstrip(" ")
        length = len(text) if self.chars else len(text.encode())
        if length > size:
            raise value_error("character string buffer too small")
    return text + " " * (size - length)


def _fit_number(self: Scalar, value: Any) -> Any:
    number = value if type(value) is int or type(value) is Decimal else convert.to_number(value)
    if number is None:
        return None
    if self.scale is not None:
        number = convert.round_number(number, self.scale)
        if self.precision and abs(number) >= 10 ** (self.precision - self.scale):
            raise value_error("number precision too large")
    if self.low is not None and (number < self.low or (self.high is not None and number > self.high)):
        raise value_error()
    return number


def _fit_integer(self: Scalar, value: Any) -> Any:
    number = value if type(value) is int else convert.to_number(value)
    if number is None:
        return None
    if type(number) is not int:
        number = int(convert.round_number(number, 0))
    low = -(2**31) if self.low is None else self.low
    high = 2**31 - 1 if self.high is None else self.high
    if not low <= number <= high:
        if self.low is None:
            raise failure(1426)
        raise value_error()
    return number


def _fit_double(self: Scalar, value: Any) -> float | None:
    return value if type(value) is float else convert.to_double(value)


def _fit_date(self: Scalar, value: Any) -> datetime | None:
    moment = convert.to_timestamp(value)
    if moment is not None and moment.microsecond:
        moment = moment.replace(microsecond=0)
    return moment


def _fit_timestamp(self: Scalar, value: Any) -> datetime | None:
    moment = convert.to_timestamp(value)
    return None if moment is None else convert.round_fraction(moment, self.scale)


def _fit_timestamp_tz(self: Scalar, value: Any) -> datetime | None:
    moment = convert.to_timestamp_tz(value)
    return None if moment is None else convert.round_fraction(moment, self.scale)


def _fit_timestamp_ltz(self: Scalar, value: Any) -> datetime | None:
    moment = convert.to_timestamp_ltz(value)
    return None if moment is None else convert.round_fraction(moment, self.scale)


def _fit_raw(self: Scalar, value: Any) -> bytes | None:
    data = convert.to_raw(value)
    if data is not None and len(data) > (self.size or MAX_STRING):
        raise value_error("raw variable length too long")
    return data or None


def _fit_boolean(self: Scalar, value: Any) -> bool:
    if type(value) is not bool:
        raise value_error()
    return value


def _fit_clob(self: Scalar, value: Any) -> Lob | None:
    if isinstance(value, Lob):
        return value
    text = convert.to_text(value)
    return None if text is None else Lob(OraType.CLOB, text, temporary=True)


def _fit_blob(self: Scalar, value: Any) -> Lob | None:
    if isinstance(value, Lob):
        return value
    data = convert.to_raw(value)
    return None if data is None else Lob(OraType.BLOB, data, temporary=True)


def _fit_interval_ds(self: Scalar, value: Any) -> Any:
    return convert.to_interval_ds(value)


def _fit_interval_ym(self: Scalar, value: Any) -> Any:
    if not isinstance(value, IntervalYM):
        raise value_error("character to interval conversion error")
    return value


def _fit_as_is(self: Scalar, value: Any) -> Any:
    return value


_FIT = {
    OraType.VARCHAR2: _fit_string,
    OraType.LONG: _fit_string,
    OraType.CHAR: _fit_char,
    OraType.NUMBER: _fit_number,
    OraType.BINARY_INTEGER: _fit_integer,
    OraType.BINARY_DOUBLE: _fit_double,
    OraType.BINARY_FLOAT: _fit_double,
    OraType.DATE: _fit_date,
    OraType.TIMESTAMP: _fit_timestamp,
    OraType.TIMESTAMP_TZ: _fit_timestamp_tz,
    OraType.TIMESTAMP_LTZ: _fit_timestamp_ltz,
    OraType.RAW: _fit_raw,
    OraType.LONG_RAW: _fit_raw,
    OraType.BOOLEAN: _fit_boolean,
    OraType.CLOB: _fit_clob,
    OraType.BLOB: _fit_blob,
    OraType.INTERVAL_DS: _fit_interval_ds,
    OraType.INTERVAL_YM: _fit_interval_ym,
    OraType.ROWID: _fit_string,
    OraType.UROWID: _fit_string,
    OraType.JSON: _fit_as_is,
}


NUMBER = Scalar(OraType.NUMBER, "NUMBER")
INTEGER = Scalar(OraType.BINARY_INTEGER, "PLS_INTEGER")
VARCHAR2 = Scalar(OraType.VARCHAR2, "VARCHAR2")
CHAR = Scalar(OraType.CHAR, "CHAR")
BOOLEAN = Scalar(OraType.BOOLEAN, "BOOLEAN")
DATE = Scalar(OraType.DATE, "DATE")
TIMESTAMP = Scalar(OraType.TIMESTAMP, "TIMESTAMP")
TIMESTAMP_TZ = Scalar(OraType.TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE")
TIMESTAMP_LTZ = Scalar(OraType.TIMESTAMP_LTZ, "TIMESTAMP WITH LOCAL TIME ZONE")
INTERVAL_DS = Scalar(OraType.INTERVAL_DS, "INTERVAL DAY TO SECOND")
INTERVAL_YM = Scalar(OraType.INTERVAL_YM, "INTERVAL YEAR TO MONTH")
RAW = Scalar(OraType.RAW, "RAW")
CLOB = Scalar(OraType.CLOB, "CLOB")
BLOB = Scalar(OraType.BLOB, "BLOB")
DOUBLE = Scalar(OraType.BINARY_DOUBLE, "BINARY_DOUBLE")
FLOAT = Scalar(OraType.BINARY_FLOAT, "BINARY_FLOAT")
ROWID = Scalar(OraType.ROWID, "ROWID")
LONG = Scalar(OraType.LONG, "LONG")
JSON = Scalar(OraType.JSON, "JSON")

BY_ORA = {
    t.ora: t
    for t in (
        NUMBER, INTEGER, VARCHAR2, CHAR, BOOLEAN, DATE, TIMESTAMP, TIMESTAMP_TZ, TIMESTAMP_LTZ, INTERVAL_DS,
        INTERVAL_YM, RAW, CLOB, BLOB, DOUBLE, FLOAT, ROWID, LONG, JSON,
    )
}  # fmt: skip
"""The unconstrained PL/SQL type for each type of SQL."""
BY_ORA[OraType.UROWID] = ROWID
BY_ORA[OraType.LONG_RAW] = RAW


class NullType(Type):
    """The type of the literal NULL: fits everywhere."""

    ora = OraType.VARCHAR2
    name = "NULL"

    def fit(self, value: Any) -> Any:
        return value


NULL = NullType()


@dataclass(eq=False)
class FieldType:
    name: str
    type: Type
    default: Any = None  # a compiled expression: called with a frame


@dataclass(eq=False)
class RecordType(Type):
    """A record. `fields` in order; `index` finds them by name."""

    ora = None
    name: str
    fields: list[FieldType]
    from_row: bool = False  # %ROWTYPE: assignable from any record of matching shape
    index: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = {f.name: i for i, f in enumerate(self.fields)}

    def initial(self) -> Record:
        return Record(self, [f.type.initial() for f in self.fields])

    def fit(self, value: Any) -> Record:
        if value is None:
            return self.initial()
        if not isinstance(value, Record) or len(value.values) != len(self.fields):
            raise value_error()
        if value.type is self:
            return value.copy()
        return Record(self, [f.type.fit(v) for f, v in zip(self.fields, value.values, strict=True)])

    def from_values(self, values: Any) -> Record:
        """A record from a fetched row."""
        return Record(self, [f.type.fit(v) for f, v in zip(self.fields, values, strict=True)])


@dataclass(eq=False)
class CollectionType(Type):
    """`kind` is "INDEX BY", "TABLE" or "VARRAY"; `key` is the index type of an index-by table."""

    ora = None
    name: str
    kind: str
    element: Type
    key: Scalar | None = None
    limit: int = 0
    from_client: bool = False  # an array bind: takes and gives any index-by table of like elements

    def initial(self) -> Collection:
        return Collection(self, self.kind == "INDEX BY")

    def fit(self, value: Any) -> Collection:
        if value is None:
            return Collection(self, False)
        if not isinstance(value, Collection):
            raise value_error()
        if value.type is self:
            return value.copy()
        # an array of the client and a type of the program: element by element
        fit = self.element.fit
        other = Collection(self, value.initialised)
        other.items = {key: fit(item) for key, item in value.items.items()}
        other.extent = value.extent
        return other


@dataclass(eq=False)
class CursorType(Type):
    """REF CURSOR; `row` is the record type of a strong one."""

    name: str
    row: RecordType | None = None
    ora: OraType = OraType.CURSOR

    def fit(self, value: Any) -> Any:
        if value is not None and not isinstance(value, CursorHandle):
            raise value_error()
        return value


SYS_REFCURSOR = CursorType("SYS_REFCURSOR")


def element_of_sql(type_: Type) -> OraType | None:
    """The SQL type of a collection's elements when they are scalars."""
    return type_.element.ora if isinstance(type_, CollectionType) else None


def named_type(name: str, args: tuple[int, ...], chars: bool) -> Scalar | None:
    """The predefined type `name` with its constraints; None when there is none of this name.

    Raises OracleError when a constraint makes no sense.
    """
    base = _NAMED.get(name)
    if base is None:
        return None
    ora = base.ora
    if not args:
        return base
    if ora in (OraType.VARCHAR2, OraType.CHAR, OraType.RAW, OraType.UROWID, OraType.LONG):
        if not 1 <= args[0] <= MAX_STRING:
            raise OracleError(6550, "PLS-00215: String length constraints must be in range (1 .. 32767)")
        return Scalar(ora, base.name, size=args[0], chars=chars)
    if name in ("NUMBER", "DECIMAL", "DEC", "NUMERIC"):
        return Scalar(ora, base.name, args[0], args[1] if len(args) > 1 else 0)
    if ora in (OraType.TIMESTAMP, OraType.TIMESTAMP_TZ, OraType.TIMESTAMP_LTZ):
        return Scalar(ora, base.name, scale=args[0])
    if ora is OraType.INTERVAL_DS:
        return Scalar(ora, base.name, args[0], args[1] if len(args) > 1 else 6)
    return base


_INTEGRAL = Scalar(OraType.NUMBER, "INTEGER", 38, 0)
_NAMED = {
    "VARCHAR2": VARCHAR2,
    "VARCHAR": VARCHAR2,
    "NVARCHAR2": Scalar(OraType.VARCHAR2, "NVARCHAR2", chars=True),
    "STRING": VARCHAR2,
    "CHAR": Scalar(OraType.CHAR, "CHAR", size=1),
    "CHARACTER": Scalar(OraType.CHAR, "CHAR", size=1),
    "NCHAR": Scalar(OraType.CHAR, "NCHAR", size=1, chars=True),
    "LONG": LONG,
    "NUMBER": NUMBER,
    "DECIMAL": _INTEGRAL,
    "DEC": _INTEGRAL,
    "NUMERIC": _INTEGRAL,
    "INTEGER": _INTEGRAL,
    "INT": _INTEGRAL,
    "SMALLINT": _INTEGRAL,
    "FLOAT": NUMBER,
    "REAL": NUMBER,
    "PLS_INTEGER": INTEGER,
    "BINARY_INTEGER": INTEGER,
    "SIMPLE_INTEGER": Scalar(OraType.BINARY_INTEGER, "SIMPLE_INTEGER", not_null=True),
    "NATURAL": Scalar(OraType.BINARY_INTEGER, "NATURAL", low=0),
    "NATURALN": Scalar(OraType.BINARY_INTEGER, "NATURALN", low=0, not_null=True),
    "POSITIVE": Scalar(OraType.BINARY_INTEGER, "POSITIVE", low=1),
    "POSITIVEN": Scalar(OraType.BINARY_INTEGER, "POSITIVEN", low=1, not_null=True),
    "SIGNTYPE": Scalar(OraType.BINARY_INTEGER, "SIGNTYPE", low=-1, high=1),
    "BINARY_DOUBLE": DOUBLE,
    "BINARY_FLOAT": FLOAT,
    "BOOLEAN": BOOLEAN,
    "DATE": DATE,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMP_TZ,
    "TIMESTAMP WITH LOCAL TIME ZONE": TIMESTAMP_LTZ,
    "TIMESTAMP_UNCONSTRAINED": TIMESTAMP,
    "TIMESTAMP_TZ_UNCONSTRAINED": TIMESTAMP_TZ,
    "DSINTERVAL_UNCONSTRAINED": INTERVAL_DS,
    "YMINTERVAL_UNCONSTRAINED": INTERVAL_YM,
    "INTERVAL DAY TO SECOND": INTERVAL_DS,
    "INTERVAL YEAR TO MONTH": INTERVAL_YM,
    "RAW": RAW,
    "LONG RAW": RAW,
    "CLOB": CLOB,
    "NCLOB": CLOB,
    "BLOB": BLOB,
    "ROWID": ROWID,
    "UROWID": ROWID,
    "JSON": JSON,
}
