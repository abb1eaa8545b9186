"""The table of SQL functions: how many arguments, of which types, in which PostgreSQL text, giving what.

To add a function: one line in PLAIN; or, when its types depend on its arguments, a method in calls.py.
Argument codes: t text, n number, f double, d date, s timestamp, z timestamp with zone, r raw, i interval
day to second, y interval year to month, a as it is. `{0}`, `{1}` ... are the arguments, `{}` all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.localdb.contract import OraType
from app.localdb.sql.types import (
    BLOB,
    CLOB,
    DATE,
    DOUBLE,
    INTERVAL_DS,
    INTERVAL_YM,
    NUMBER,
    RAW,
    ROWID,
    TIMESTAMP,
    TIMESTAMP_TZ,
    VARCHAR2,
    Ex,
    Family,
    Ty,
    varchar2,
)


class Plain(NamedTuple):
    """A function that is one PostgreSQL expression. `required` arguments, the rest of `args` optional.

    A `clob` function gives a CLOB when its first argument is one.
    """

    args: str
    required: int
    sql: str
    result: Ty | Callable[[list[Ex]], Ty]
    clob: bool = False


def _same_text(args: list[Ex]) -> Ty:
    ty = args[0].ty
    return varchar2(ty.chars or 4000, ty.size)


def _number(args: list[Ex]) -> Ty:
    return DOUBLE if args[0].ty.family is Family.FLOAT else NUMBER


PLAIN: dict[str, Plain] = {
    # text
    "UPPER": Plain("t", 1, "upper({0})", _same_text, True),
    "LOWER": Plain("t", 1, "lower({0})", _same_text, True),
    "INITCAP": Plain("t", 1, "initcap({0})", _same_text, True),
    "NLS_UPPER": Plain("t", 1, "upper({0})", _same_text, True),
    "NLS_LOWER": Plain("t", 1, "lower({0})", _same_text, True),
    "NLS_INITCAP": Plain("t", 1, "initcap({0})", _same_text, True),
    "LENGTH": Plain("t", 1, "length({0})::numeric", NUMBER),
    "LENGTHC": Plain("t", 1, "length({0})::numeric", NUMBER),
    "SUBSTR": Plain("tnn", 2, "oracle.substr({})", _same_text, True),
    "SUBSTRC": Plain("tnn", 2, "oracle.substr({})", _same_text, True),
    "SUBSTRB": Plain("tnn", 2, "oracle.substrb({})", _same_text),
    "INSTR": Plain("ttnn", 2, "oracle.instr({})", NUMBER),
    "REPLACE": Plain("ttt", 2, "oracle.replace({})", VARCHAR2, True),
    "TRANSLATE": Plain("ttt", 3, "oracle.translate({})", _same_text, True),
    "LPAD": Plain("tnt", 2, "oracle.lpad({})", VARCHAR2, True),
    "RPAD": Plain("tnt", 2, "oracle.rpad({})", VARCHAR2, True),
    "LTRIM": Plain("tt", 1, "nullif(ltrim({}), '')", _same_text, True),
    "RTRIM": Plain("tt", 1, "nullif(rtrim({}), '')", _same_text, True),
    "ASCII": Plain("t", 1, "oracle.ascii({0})", NUMBER),
    "CHR": Plain("n", 1, "oracle.chr({0})", varchar2(1)),
    "NCHR": Plain("n", 1, "oracle.nchr({0})", varchar2(1)),
    "UNISTR": Plain("t", 1, "oracle.unistr({0})", VARCHAR2),
    "ASCIISTR": Plain("t", 1, "oracle.asciistr({0})", VARCHAR2),
    "SOUNDEX": Plain("t", 1, "oracle.soundex({0})", varchar2(4)),
    # regular expressions
    "REGEXP_SUBSTR": Plain("ttnntn", 2, "oracle.regexp_substr({})", _same_text, True),
    "REGEXP_REPLACE": Plain("tttnnt", 2, "oracle.regexp_replace({})", VARCHAR2, True),
    "REGEXP_INSTR": Plain("ttnnntn", 2, "oracle.regexp_instr({})", NUMBER),
    "REGEXP_COUNT": Plain("ttnt", 2, "oracle.regexp_count({})", NUMBER),
    # numbers
    "SQRT": Plain("n", 1, "oracle.sqrt({0})", NUMBER),
    "EXP": Plain("n", 1, "oracle.exp({0})", NUMBER),
    "LN": Plain("n", 1, "oracle.ln({0})", NUMBER),
    "LOG": Plain("nn", 2, "oracle.div(oracle.ln({1}), oracle.ln({0}))", NUMBER),
    "POWER": Plain("nn", 2, "oracle.power({})", NUMBER),
    "BITAND": Plain("nn", 2, "(trunc({0})::bigint & trunc({1})::bigint)::numeric", NUMBER),
    "REMAINDER": Plain("nn", 2, "oracle.remainder({})", NUMBER),
    "SIN": Plain("n", 1, "sin({0}::float8)::numeric", NUMBER),
    "COS": Plain("n", 1, "cos({0}::float8)::numeric", NUMBER),
    "TAN": Plain("n", 1, "tan({0}::float8)::numeric", NUMBER),
    "ASIN": Plain("n", 1, "asin({0}::float8)::numeric", NUMBER),
    "ACOS": Plain("n", 1, "acos({0}::float8)::numeric", NUMBER),
    "ATAN": Plain("n", 1, "atan({0}::float8)::numeric", NUMBER),
    "ATAN2": Plain("nn", 2, "atan2({0}::float8, {1}::float8)::numeric", NUMBER),
    "SINH": Plain("n", 1, "sinh({0}::float8)::numeric", NUMBER),
    "COSH": Plain("n", 1, "cosh({0}::float8)::numeric", NUMBER),
    "TANH": Plain("n", 1, "tanh({0}::float8)::numeric", NUMBER),
    "WIDTH_BUCKET": Plain("nnnn", 4, "width_bucket({0}, {1}, {2}, trunc({3})::int)::numeric", NUMBER),
    # dates and intervals
    "ADD_MONTHS": Plain("dn", 2, "oracle.add_months({})", DATE),
    "LAST_DAY": Plain("d", 1, "oracle.last_day({0})", DATE),
    "NEXT_DAY": Plain("dt", 2, "oracle.next_day({})", DATE),
    "MONTHS_BETWEEN": Plain("dd", 2, "oracle.months_between({})", NUMBER),
    "NUMTODSINTERVAL": Plain("nt", 2, "oracle.numtodsinterval({})", INTERVAL_DS),
    "NUMTOYMINTERVAL": Plain("nt", 2, "oracle.numtoyminterval({})", INTERVAL_YM),
    "TO_DSINTERVAL": Plain("t", 1, "oracle.to_dsinterval({0})", INTERVAL_DS),
    "TO_YMINTERVAL": Plain("t", 1, "oracle.to_yminterval({0})", INTERVAL_YM),
    "SYS_EXTRACT_UTC": Plain("z", 1, "oracle.utc({0})", TIMESTAMP),
    "FROM_TZ": Plain("st", 2, "oracle.from_tz({})", TIMESTAMP_TZ),
    "TZ_OFFSET": Plain("t", 1, "oracle.tz_offset({0})", varchar2(7)),
    # conversions
    "TO_DATE": Plain("ttt", 1, "oracle.to_date({})", DATE),
    "TO_TIMESTAMP": Plain("ttt", 1, "oracle.to_timestamp({})", TIMESTAMP),
    "TO_TIMESTAMP_TZ": Plain("ttt", 1, "oracle.to_timestamp_tz({})", TIMESTAMP_TZ),
    "TO_BINARY_DOUBLE": Plain("f", 1, "{0}", DOUBLE),
    "TO_BINARY_FLOAT": Plain("f", 1, "{0}::float4", Ty(OraType.BINARY_FLOAT)),
    "RAWTOHEX": Plain("r", 1, "oracle.rawtohex({0})", VARCHAR2),
    "HEXTORAW": Plain("t", 1, "oracle.hextoraw({0})", RAW),
    "CHARTOROWID": Plain("t", 1, "oracle.rowid_value({0})", ROWID),
    "ROWIDTOCHAR": Plain("a", 1, "oracle.rowid_text({0})", varchar2(18)),
    "EMPTY_CLOB": Plain("", 0, "''::oracle.clob", CLOB),
    "EMPTY_BLOB": Plain("", 0, "''::oracle.blob", BLOB),
    # the rest
    "SYS_GUID": Plain("", 0, "oracle.sys_guid()", Ty(OraType.RAW, size=16)),
    "SYS_CONTEXT": Plain("ttn", 2, "oracle.sys_context({0}, {1})", varchar2(256)),
    "USERENV": Plain("t", 1, "oracle.userenv({0})", varchar2(256)),
    "DBMS_RANDOM.VALUE": Plain("nn", 0, "oracle.random_value({})", NUMBER),
    "DBMS_RANDOM.RANDOM": Plain("", 0, "oracle.random_integer()", NUMBER),
    "DBMS_RANDOM.STRING": Plain("tn", 2, "oracle.random_string({})", VARCHAR2),
    "UTL_RAW.CAST_TO_RAW": Plain("t", 1, "convert_to({0}, 'UTF8')", RAW),
    "UTL_RAW.CAST_TO_VARCHAR2": Plain("r", 1, "convert_from({0}, 'UTF8')", VARCHAR2),
    "UTL_RAW.LENGTH": Plain("r", 1, "length({0})::numeric", NUMBER),
    "DBMS_LOB.SUBSTR": Plain("tnn", 1, "oracle.lob_substr({})", VARCHAR2),
    "DBMS_LOB.INSTR": Plain("ttnn", 2, "oracle.instr({})", NUMBER),
    "DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER": Plain("", 0, "oracle.current_scn()", NUMBER),
    "SCN_TO_TIMESTAMP": Plain("n", 1, "oracle.scn_to_timestamp({0})", TIMESTAMP),
    "TIMESTAMP_TO_SCN": Plain("s", 1, "oracle.timestamp_to_scn({0})", NUMBER),
    "DBMS_DEBUG_JDWP.CURRENT_SESSION_ID": Plain("", 0, "current_setting('oracle.sid')::numeric", NUMBER),
    "DBMS_DEBUG_JDWP.CURRENT_SESSION_SERIAL": Plain(
        "", 0, "current_setting('oracle.serial')::numeric", NUMBER
    ),
    "DBMS_UTILITY.GET_TIME": Plain("", 0, "oracle.get_time()", NUMBER),
}

# Supplied packages with functions for SQL that the local database does not have.
NOT_KNOWN_PACKAGES = frozenset(
    ["DBMS_METADATA", "DBMS_CRYPTO", "DBMS_XMLGEN", "DBMS_XPLAN", "DBMS_SQLHASH", "DBMS_ROWID", "DBMS_LOCK",
     "DBMS_OBFUSCATION_TOOLKIT", "UTL_I18N", "UTL_ENCODE", "UTL_URL", "UTL_MATCH", "UTL_INADDR", "DBMS_SCHEDULER"]
)  # fmt: skip

# Functions of Oracle that the local database does not have: they are refused by name, not as unknown.
NOT_KNOWN = frozenset(
    ["XMLTYPE", "XMLELEMENT", "XMLAGG", "XMLFOREST", "XMLSERIALIZE", "XMLPARSE", "XMLQUERY", "EXTRACTVALUE",
     "DUMP", "NLSSORT", "CONVERT", "JSON_TRANSFORM",
     "JSON_DATAGUIDE", "COLLECT", "BIN_TO_NUM", "TO_MULTI_BYTE", "TO_SINGLE_BYTE", "NEW_TIME",
     "SYS_XMLGEN", "ORA_INVOKING_USER", "CORR_S", "CORR_K", "BFILENAME", "VALIDATE_CONVERSION",
     "COMPOSE", "DECOMPOSE", "NLS_CHARSET_ID", "NLS_CHARSET_NAME", "POWERMULTISET", "CARDINALITY"]
)  # fmt: skip
