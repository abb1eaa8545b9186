"""Oracle's conversions between types, implicit and explicit, and the type that several values share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.sql.refusals import refuse
from app.localdb.sql.types import (
    BLOB,
    CLOB,
    DATE,
    DOUBLE,
    FAMILY_NAMES,
    INTERVAL_DS,
    INTERVAL_YM,
    JSON,
    LARGE,
    NULL,
    NUMBER,
    PG_TYPES,
    RAW,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_LTZ,
    TIMESTAMP_TZ,
    VARCHAR2,
    Ex,
    Family,
    Ty,
    varchar2,
)

NULL_EX = Ex("NULL", NULL)
# How many characters the text form of a type can have.
_TEXT_SIZES = {
    Family.NUMBER: 40, Family.FLOAT: 40, Family.DATE: 75, Family.TIMESTAMP: 75, Family.ZONED: 75,
    Family.LOCAL: 75,
    Family.INTERVAL_DS: 30, Family.INTERVAL_YM: 15, Family.ROWID: 18, Family.BOOLEAN: 5,
}  # fmt: skip


def mismatch(wanted: Family | str, found: Family, offset: int) -> OracleError:
    """ORA-00932."""
    expected = FAMILY_NAMES[wanted] if isinstance(wanted, Family) else wanted
    return refuse(932, offset, expected, FAMILY_NAMES[found])


def to_text(ex: Ex, offset: int = 0) -> Ex:
    """As VARCHAR2, the way Oracle shows a value without a format."""
    sql, ty = ex.sql, ex.ty
    family = ty.family
    if family is Family.TEXT:
        return Ex(f"textin(bpcharout({sql}))", ty_of_text(ty), ex.nullable) if ty.bpchar else ex
    if family is Family.NULL:
        return Ex("NULL::text", VARCHAR2)
    if family is Family.CLOB:
        return Ex(f"({sql})::text", Ty(OraType.VARCHAR2, size=4000, chars=4000), ex.nullable)
    if family is Family.LOCAL:
        sql = f"oracle.local_time({sql})"
    function = _TEXT_FUNCTIONS.get(family)
    if function is None:
        raise mismatch(Family.TEXT, family, offset)
    size = ty.size * 2 if family is Family.RAW else _TEXT_SIZES[family]
    if family is Family.BOOLEAN:
        return Ex(f"(CASE WHEN {sql} THEN 'TRUE' WHEN NOT {sql} THEN 'FALSE' END)", varchar2(5))
    return Ex(f"{function}({sql})", varchar2(size or 4000, size), ex.nullable)


_TEXT_FUNCTIONS = {
    Family.NUMBER: "oracle.num_text",
    Family.FLOAT: "oracle.float_text",
    Family.DATE: "oracle.to_char",
    Family.TIMESTAMP: "oracle.to_char",
    Family.ZONED: "oracle.to_char",
    Family.LOCAL: "oracle.to_char",
    Family.INTERVAL_DS: "oracle.ds_text",
    Family.INTERVAL_YM: "oracle.ym_text",
    Family.RAW: "oracle.rawtohex",
    Family.ROWID: "oracle.rowid_text",
    Family.BOOLEAN: "",
}


def ty_of_text(ty: Ty) -> Ty:
    """The VARCHAR2 that holds a CHAR."""
    return Ty(OraType.VARCHAR2, size=ty.size, chars=ty.chars, national=ty.national, is_json=ty.is_json)


def to_number(ex: Ex, offset: int = 0) -> Ex:
    """As NUMBER; a text that is none is ORA-01722 when it runs."""
    family = ex.ty.family
    if family is Family.NUMBER:
        return ex
    if family is Family.NULL:
        return Ex("NULL::numeric", NUMBER)
    if family is Family.FLOAT:
        return Ex(f"oracle.float_number({ex.sql})", NUMBER, ex.nullable)
    if family is Family.TEXT:
        return Ex(f"oracle.to_number({to_text(ex).sql})", NUMBER, ex.nullable)
    raise mismatch(Family.NUMBER, family, offset)


def to_float(ex: Ex, offset: int = 0) -> Ex:
    """As BINARY_DOUBLE."""
    family = ex.ty.family
    if ex.ty.type is OraType.BINARY_DOUBLE:
        return ex
    if family in (Family.NUMBER, Family.FLOAT, Family.NULL):
        return Ex(f"({ex.sql})::float8", DOUBLE, ex.nullable)
    if family is Family.CLOB:
        raise mismatch(Family.FLOAT, family, offset)
    return Ex(f"oracle.to_double({to_text(ex, offset).sql})", DOUBLE, ex.nullable)


def to_date(ex: Ex, offset: int = 0) -> Ex:
    """As DATE: fractions of seconds are cut off."""
    family = ex.ty.family
    if family is Family.DATE:
        return ex
    if family is Family.NULL:
        return Ex("NULL::oracle.date", DATE)
    if family in (Family.TIMESTAMP, Family.ZONED, Family.LOCAL):
        stamp = to_timestamp(ex).sql
        return Ex(f"oracle.date_of({stamp})", DATE, ex.nullable)
    if family is Family.TEXT:
        return Ex(f"oracle.to_date({to_text(ex).sql})", DATE, ex.nullable)
    raise mismatch(Family.DATE, family, offset)


def to_timestamp(ex: Ex, offset: int = 0) -> Ex:
    """As TIMESTAMP: what the clock of a value's own zone shows, or that of the session for a local one."""
    family = ex.ty.family
    if family is Family.TIMESTAMP:
        return ex
    if family is Family.NULL:
        return Ex("NULL::timestamp", TIMESTAMP)
    if family is Family.DATE:
        return Ex(f"({ex.sql})::timestamp", TIMESTAMP, ex.nullable)
    if family is Family.ZONED:
        return Ex(f"oracle.clock({ex.sql})", TIMESTAMP, ex.nullable)
    if family is Family.LOCAL:
        return Ex(f"oracle.local_time({ex.sql})", TIMESTAMP, ex.nullable)
    if family is Family.TEXT:
        return Ex(f"oracle.to_timestamp({to_text(ex).sql})", TIMESTAMP, ex.nullable)
    raise mismatch(Family.TIMESTAMP, family, offset)


def to_zoned(ex: Ex, offset: int = 0) -> Ex:
    """As TIMESTAMP WITH TIME ZONE; what has no zone of its own gets the session's."""
    family = ex.ty.family
    if family is Family.ZONED:
        return ex
    if family is Family.NULL:
        return Ex("NULL::oracle.zoned", TIMESTAMP_TZ)
    if family in (Family.DATE, Family.TIMESTAMP):
        return Ex(f"oracle.with_zone({to_timestamp(ex).sql})", TIMESTAMP_TZ, ex.nullable)
    if family is Family.LOCAL:
        return Ex(f"oracle.in_session_zone({ex.sql})", TIMESTAMP_TZ, ex.nullable)
    if family is Family.TEXT:
        return Ex(f"oracle.to_timestamp_tz({to_text(ex).sql})", TIMESTAMP_TZ, ex.nullable)
    raise mismatch(Family.ZONED, family, offset)


def to_local(ex: Ex, offset: int = 0) -> Ex:
    """As TIMESTAMP WITH LOCAL TIME ZONE; what has no zone is read on the session's clock."""
    family = ex.ty.family
    if family is Family.LOCAL:
        return ex
    if family is Family.NULL:
        return Ex("NULL::timestamptz", TIMESTAMP_LTZ)
    if family is Family.TEXT:
        ex = to_timestamp(ex, offset)
    elif family not in (Family.DATE, Family.TIMESTAMP, Family.ZONED):
        raise mismatch(Family.LOCAL, family, offset)
    moment = f"oracle.utc({to_zoned(ex).sql})"
    return Ex(f"({moment} AT TIME ZONE 'UTC')", TIMESTAMP_LTZ, ex.nullable)


def shown(ex: Ex, native: bool = False) -> Ex:
    """A value in the text form that contract.Cursor promises: intervals, ROWIDs and zones become text.
    `native`: PostgreSQL's own variables take it, where a zone stays in its type."""
    if native and ex.ty.family is Family.ZONED:
        return ex
    function = {
        Family.ZONED: "oracle.zoned_wire",
        Family.INTERVAL_DS: "oracle.ds_wire",
        Family.INTERVAL_YM: "oracle.ym_wire",
        Family.ROWID: "oracle.rowid_text",
    }.get(ex.ty.family)
    return ex if function is None else Ex(f"{function}({ex.sql})", ex.ty, ex.nullable)


def to_raw(ex: Ex, offset: int = 0) -> Ex:
    """As RAW; a text is read as hexadecimal."""
    family = ex.ty.family
    if family is Family.RAW:
        return ex
    if family is Family.NULL:
        return Ex("NULL::bytea", RAW)
    if family is Family.BLOB:
        return Ex(f"({ex.sql})::bytea", RAW, ex.nullable)
    if family in (Family.TEXT, Family.CLOB):
        return Ex(f"oracle.hextoraw({to_text(ex).sql})", RAW, ex.nullable)
    raise mismatch(Family.RAW, family, offset)


def to_clob(ex: Ex, offset: int = 0) -> Ex:
    """As CLOB."""
    if ex.ty.family is Family.CLOB:
        return ex
    if ex.ty.family in (Family.BLOB, Family.BOOLEAN):
        raise mismatch(Family.CLOB, ex.ty.family, offset)
    return Ex(f"({to_text(ex, offset).sql})::oracle.clob", CLOB, ex.nullable)


def to_blob(ex: Ex, offset: int = 0) -> Ex:
    """As BLOB."""
    if ex.ty.family is Family.BLOB:
        return ex
    return Ex(f"({to_raw(ex, offset).sql})::oracle.blob", BLOB, ex.nullable)


def to_rowid(ex: Ex, offset: int = 0) -> Ex:
    """As ROWID (PostgreSQL's bigint)."""
    if ex.ty.family is Family.ROWID:
        return ex
    return Ex(f"oracle.rowid_value({to_text(ex, offset).sql})", ROWID, ex.nullable)


def to_interval_ds(ex: Ex, offset: int = 0) -> Ex:
    """As INTERVAL DAY TO SECOND."""
    family = ex.ty.family
    if family is Family.INTERVAL_DS:
        return ex
    if family is Family.NULL:
        return Ex("NULL::interval", INTERVAL_DS)
    if family is Family.TEXT:
        return Ex(f"oracle.to_dsinterval({to_text(ex).sql})", INTERVAL_DS, ex.nullable)
    raise mismatch(Family.INTERVAL_DS, family, offset)


def to_interval_ym(ex: Ex, offset: int = 0) -> Ex:
    """As INTERVAL YEAR TO MONTH."""
    family = ex.ty.family
    if family is Family.INTERVAL_YM:
        return ex
    if family is Family.NULL:
        return Ex("NULL::interval", INTERVAL_YM)
    if family is Family.TEXT:
        return Ex(f"oracle.to_yminterval({to_text(ex).sql})", INTERVAL_YM, ex.nullable)
    raise mismatch(Family.INTERVAL_YM, family, offset)


def to_boolean(ex: Ex, offset: int = 0) -> Ex:
    """As BOOLEAN (23ai): numbers by being zero or not, texts by their words."""
    family = ex.ty.family
    if family is Family.BOOLEAN:
        return ex
    ty = Ty(OraType.BOOLEAN)
    if family is Family.NULL:
        return Ex("NULL::boolean", ty)
    if family is Family.NUMBER:
        return Ex(f"({ex.sql} <> 0)", ty, ex.nullable)
    if family is Family.TEXT:
        return Ex(f"oracle.to_boolean({to_text(ex).sql})", ty, ex.nullable)
    raise mismatch(Family.BOOLEAN, family, offset)


def to_json(ex: Ex, offset: int = 0) -> Ex:
    """As JSON (23ai): a text, or the bytes of one, is parsed. Raises ORA-40441 when it is none."""
    family = ex.ty.family
    if family is Family.JSON:
        return ex
    if family is Family.NULL:
        return Ex("NULL::jsonb", JSON)
    if family in (Family.RAW, Family.BLOB):
        text = f"convert_from(({ex.sql})::bytea, 'UTF8')"
    elif family in (Family.TEXT, Family.CLOB):
        text = to_text(ex).sql
    else:
        raise mismatch(Family.JSON, family, offset)
    return Ex(f"oracle.json_strict({text})", JSON, ex.nullable)


def same(ex: Ex, offset: int = 0) -> Ex:
    """Unconverted."""
    return ex


CONVERTERS: dict[Family, Callable[[Ex, int], Ex]] = {
    Family.NULL: same,
    Family.NUMBER: to_number,
    Family.FLOAT: to_float,
    Family.TEXT: to_text,
    Family.DATE: to_date,
    Family.TIMESTAMP: to_timestamp,
    Family.ZONED: to_zoned,
    Family.LOCAL: to_local,
    Family.INTERVAL_DS: to_interval_ds,
    Family.INTERVAL_YM: to_interval_ym,
    Family.RAW: to_raw,
    Family.CLOB: to_clob,
    Family.BLOB: to_blob,
    Family.ROWID: to_rowid,
    Family.BOOLEAN: to_boolean,
    Family.JSON: to_json,
}


def convert(ex: Ex, family: Family, offset: int = 0) -> Ex:
    """`ex` in another family of types. Raises ORA-00932 where Oracle knows no way."""
    if ex.ty.family is family and not ex.ty.bpchar:
        return ex
    converter = CONVERTERS.get(family)
    if converter is None:
        raise mismatch(family, ex.ty.family, offset)
    return converter(ex, offset)


def sortable(ty: Ty, offset: int) -> None:
    """Raises ORA-00932 or ORA-00997 for what cannot be compared, so neither sorted nor grouped."""
    if ty.family in LARGE:
        raise refuse(932, offset, "-", FAMILY_NAMES[ty.family])
    if ty.type in (OraType.LONG, OraType.LONG_RAW):
        raise refuse(997, offset)


_NUMERIC = (Family.NUMBER, Family.FLOAT)
DATETIME = (Family.DATE, Family.TIMESTAMP, Family.ZONED, Family.LOCAL)


def comparable(left: Family, right: Family, offset: int = 0) -> Family:
    """The family in which two values are compared. Raises ORA-00932."""
    if left is right:
        if left in LARGE:
            raise refuse(932, offset, "-", FAMILY_NAMES[left])
        return left
    pair = {left, right}
    if Family.NULL in pair:
        return right if left is Family.NULL else left
    if Family.CLOB in pair or Family.BLOB in pair:
        raise refuse(932, offset, "-", FAMILY_NAMES[Family.CLOB if Family.CLOB in pair else Family.BLOB])
    if Family.TEXT in pair:
        return right if left is Family.TEXT else left
    if left in _NUMERIC and right in _NUMERIC:
        return Family.FLOAT
    if left in DATETIME and right in DATETIME:
        return _date_like(pair)
    raise mismatch(left, right, offset)


def _date_like(families: set[Family]) -> Family:
    """The type that different types of dates share."""
    if Family.ZONED in families:
        return Family.ZONED
    return Family.LOCAL if Family.LOCAL in families else Family.TIMESTAMP


def compare(op: str, left: Ex, right: Ex, offset: int = 0) -> str:
    """left op right as PostgreSQL's condition, with Oracle's implicit conversions."""
    symbol = "<>" if op == "!=" else op
    a, b = left.ty, right.ty
    sortable(a, offset)
    sortable(b, offset)
    family = comparable(a.family, b.family, offset)
    if family is Family.TEXT and (a.bpchar or b.bpchar):
        # CHAR with CHAR (or a literal) compares blank-padded, CHAR with VARCHAR2 does not.
        if a.type is OraType.CHAR and b.type is OraType.CHAR:
            return f"({left.sql}::bpchar {symbol} {right.sql}::bpchar)"
        return f"({to_text(left).sql} {symbol} {to_text(right).sql})"
    return f"({convert(left, family, offset).sql} {symbol} {convert(right, family, offset).sql})"


def shared(values: Sequence[Ex], offsets: Sequence[int], strict: bool = True) -> tuple[list[Ex], Ty]:
    """Several results of one expression (CASE, COALESCE, UNION) in the type they share.

    With `strict` types of different families are ORA-00932 unless both are numeric or date-like; without,
    the first one decides and the others are converted, as NVL and DECODE do.
    """
    known = [v.ty for v in values if v.ty.family is not Family.NULL]
    if not known:
        return [Ex("NULL::text", VARCHAR2) for _ in values], NULL
    family = known[0].family
    for value, offset in zip(values, offsets, strict=True):
        other = value.ty.family
        if other in (Family.NULL, family):
            continue
        if {other, family} <= set(_NUMERIC):
            family = Family.FLOAT
        elif {other, family} == {Family.TEXT, Family.CLOB}:
            family = Family.CLOB
        elif {other, family} == {Family.RAW, Family.BLOB}:
            family = Family.BLOB
        elif {other, family} <= set(DATETIME):
            family = _date_like({other, family})
        elif strict:
            raise mismatch(family, other, offset)
    converted = [_typed(convert(v, family, o), family) for v, o in zip(values, offsets, strict=True)]
    return converted, merged([c.ty for c, v in zip(converted, values, strict=True) if v.ty.type is not None])


def _typed(ex: Ex, family: Family) -> Ex:
    if ex.sql != "NULL":
        return ex
    kind = next(kind for kind, pg in PG_TYPES.items() if kind_family(kind) is family)
    return Ex(f"NULL::{PG_TYPES[kind]}", ex.ty)


def kind_family(kind: OraType) -> Family:
    """The family of a type."""
    return Ty(kind).family


def merged(types: Sequence[Ty]) -> Ty:
    """One type for values of one family: the longest text, the common precision or none."""
    first = types[0]
    if all(ty == first for ty in types):
        return first if not first.bpchar else ty_of_text(first)
    family = first.family
    if family is Family.TEXT:
        return Ty(
            OraType.VARCHAR2,
            size=max(ty.size for ty in types),
            chars=max(ty.chars for ty in types),
            national=any(ty.national for ty in types),
        )
    if family is Family.NUMBER:
        return NUMBER
    if family is Family.FLOAT:
        return DOUBLE
    return Ty(
        first.type,
        max(ty.precision for ty in types),
        max(ty.scale for ty in types),
        max(ty.size for ty in types),
        is_json=all(ty.is_json for ty in types),
    )
