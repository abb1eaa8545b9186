"""Oracle's functions that are evaluated in Python; all others are SQL's.

A rule answers None when the types of its arguments need SQL (NLS settings, time zones).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.localdb import zones
from app.localdb.contract import IntervalYM, Lob, OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import convert, operators
from app.localdb.plsql.code import Code, family
from app.localdb.plsql.environment import ATTRIBUTES
from app.localdb.plsql.failures import MESSAGES, CompileError
from app.localdb.plsql.runtime import Context, Frame, Run
from app.localdb.plsql.scope import Scope
from app.localdb.plsql.types import (
    BLOB,
    CLOB,
    DATE,
    INTEGER,
    INTERVAL_DS,
    INTERVAL_YM,
    NUMBER,
    RAW,
    TIMESTAMP,
    TIMESTAMP_TZ,
    VARCHAR2,
    Type,
)
from app.localdb.sql import nodes as x

if TYPE_CHECKING:
    from app.localdb.plsql.expressions import ExpressionCompiler

Rule = Callable[["ExpressionCompiler", list[Code], int], "Code | None"]


@dataclass(frozen=True, slots=True)
class Simple:
    """A function of values: `kinds` has s (text) or n (number) for each parameter; NULL in, NULL out."""

    least: int
    kinds: str
    type: Type
    apply: Callable[..., Any]


def native_function(compiler: ExpressionCompiler, chain: list[Any], offset: int, s: Scope) -> Code | None:
    """The call that `chain` names, when it is a function of this table."""
    if chain[:1] == ["SYS"]:
        chain = chain[1:]
    if chain[:1] == ["STANDARD"]:
        chain = chain[1:]
    if not chain or not isinstance(chain[0], str):
        return None
    name, rest = chain[0], chain[1:]
    if name.startswith("$$"):
        return compiler.directive(name, offset)
    if len(rest) > 1 or (rest and isinstance(rest[0], str)):
        return None
    args: list[x.Argument] = rest[0] if rest else []
    simple = _SIMPLE.get(name)
    rule = _RULES.get(name)
    if (simple is None and rule is None) or any(a.name is not None for a in args):
        return None
    codes = compiler.operands([a.value for a in args], s)
    if codes is None:
        return None
    if rule is not None:
        return rule(compiler, codes, offset)
    assert simple is not None
    if not simple.least <= len(codes) <= len(simple.kinds):
        raise CompileError(f"PLS-00306: wrong number or types of arguments in call to '{name}'", offset)
    return _apply(compiler, simple, codes, offset)


def _apply(compiler: ExpressionCompiler, simple: Simple, codes: list[Code], offset: int) -> Code | None:
    runs: list[Run] = []
    for kind, code in zip(simple.kinds, codes, strict=False):
        if kind == "n":
            if family(code.type) not in "ns0":
                return None
            runs.append(operators.numeric(code))
        else:
            run = operators.text(compiler.as_text(code, offset))
            if run is None or family(code.type) == "B":
                return None
            runs.append(run)
    apply = simple.apply
    if len(runs) == 1:
        only = runs[0]
        return Code(lambda f: None if (v := only(f)) is None else apply(v), simple.type)

    def run_all(frame: Frame) -> Any:
        values = [run(frame) for run in runs]
        return None if None in values else apply(*values)

    return Code(run_all, simple.type)


# Text


def substr(text: str, start: Any, length: Any = None) -> str | None:
    """SUBSTR in characters; a negative start counts from the end."""
    begin = int(start)
    if begin < 0:
        begin += len(text)
        if begin < 0:
            return None
    elif begin > 0:
        begin -= 1
    if length is None:
        return text[begin:] or None
    if length < 1:
        return None
    return text[begin : begin + int(length)] or None


def instr(text: str, part: str, start: Any = 1, occurrence: Any = 1) -> int:
    """INSTR in characters; a negative start searches backwards."""
    begin, wanted = int(start), int(occurrence)
    if wanted < 1:
        raise OracleError(1428, f"argument '{wanted}' is out of range")
    if begin == 0:
        return 0
    if begin > 0:
        at = begin - 2
        for _ in range(wanted):
            at = text.find(part, at + 1)
            if at < 0:
                return 0
        return at + 1
    at = len(text) + begin + 1
    for _ in range(wanted):
        at = text.rfind(part, 0, at + len(part) - 1) if at + len(part) - 1 > 0 else -1
        if at < 0:
            return 0
    return at + 1


def _pad(text: str, size: Any, fill: str, left: bool) -> str | None:
    width = int(size)
    if width <= 0:
        return None
    if len(text) >= width:
        return text[:width]
    filling = (fill * (width // len(fill) + 1))[: width - len(text)]
    return filling + text if left else text + filling


def initcap(text: str) -> str:
    found = []
    inside = False
    for char in text:
        found.append(char.lower() if inside else char.upper())
        inside = char.isalnum()
    return "".join(found)


def _translate(text: str, source: str, target: str) -> str | None:
    table: dict[int, str | None] = {}
    for position, char in enumerate(source):
        table.setdefault(ord(char), target[position] if position < len(target) else None)
    return text.translate(table) or None


def _character(code: Any) -> str:
    return (
        chr(int(code))
        if code < 128
        else int(code).to_bytes((int(code).bit_length() + 7) // 8, "big").decode()
    )


def _ascii(text: str) -> int:
    return int.from_bytes(text[0].encode(), "big")


def _sqrt(value: Any) -> Any:
    if value < 0:
        raise OracleError(1428, f"argument '{convert.number_text(value)}' is out of range")
    return convert.number(convert.DIVISION.sqrt(Decimal(value)))


def _numtodsinterval(value: Any, unit: str) -> timedelta:
    factor = {"DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}.get(unit.strip().upper())
    if factor is None:
        raise OracleError(1760, "illegal argument for function")
    micro = convert.round_number(convert.EXACT.multiply(Decimal(value), Decimal(factor * 1_000_000)), 0)
    try:
        return timedelta(microseconds=int(micro))
    except OverflowError:
        raise OracleError(1873, "the leading precision of the interval is too small") from None


def _numtoyminterval(value: Any, unit: str) -> IntervalYM:
    factor = {"YEAR": 12, "MONTH": 1}.get(unit.strip().upper())
    if factor is None:
        raise OracleError(1760, "illegal argument for function")
    return IntervalYM(int(convert.round_number(convert.EXACT.multiply(Decimal(value), Decimal(factor)), 0)))


_SIMPLE = {
    "LENGTH": Simple(1, "s", INTEGER, len),
    "LENGTHB": Simple(1, "s", INTEGER, lambda t: len(t.encode())),
    "LENGTHC": Simple(1, "s", INTEGER, len),
    "SUBSTR": Simple(2, "snn", VARCHAR2, substr),
    "INSTR": Simple(2, "ssnn", INTEGER, instr),
    "UPPER": Simple(1, "s", VARCHAR2, str.upper),
    "LOWER": Simple(1, "s", VARCHAR2, str.lower),
    "INITCAP": Simple(1, "s", VARCHAR2, initcap),
    "LTRIM": Simple(1, "ss", VARCHAR2, lambda t, c=" ": t.lstrip(c) or None),
    "RTRIM": Simple(1, "ss", VARCHAR2, lambda t, c=" ": t.rstrip(c) or None),
    "LPAD": Simple(2, "sns", VARCHAR2, lambda t, n, c=" ": _pad(t, n, c, True)),
    "RPAD": Simple(2, "sns", VARCHAR2, lambda t, n, c=" ": _pad(t, n, c, False)),
    "TRANSLATE": Simple(3, "sss", VARCHAR2, _translate),
    "CHR": Simple(1, "n", VARCHAR2, _character),
    "ASCII": Simple(1, "s", INTEGER, _ascii),
    "ABS": Simple(1, "n", NUMBER, convert.absolute),
    "CEIL": Simple(1, "n", NUMBER, lambda v: convert.negated(convert.floor_number(convert.negated(v)))),
    "FLOOR": Simple(1, "n", NUMBER, convert.floor_number),
    "SIGN": Simple(1, "n", INTEGER, lambda v: (v > 0) - (v < 0)),
    "MOD": Simple(2, "nn", NUMBER, operators.modulo),
    "POWER": Simple(2, "nn", NUMBER, operators.power),
    "SQRT": Simple(1, "n", NUMBER, _sqrt),
    "BITAND": Simple(2, "nn", INTEGER, lambda a, b: int(a) & int(b)),
    "TO_NUMBER": Simple(1, "n", NUMBER, lambda v: v),
    "HEXTORAW": Simple(1, "s", RAW, convert.to_raw),
    "NUMTODSINTERVAL": Simple(2, "ns", INTERVAL_DS, _numtodsinterval),
    "NUMTOYMINTERVAL": Simple(2, "ns", INTERVAL_YM, _numtoyminterval),
}


# Functions with rules of their own


def _wanted(name: str, codes: list[Code], low: int, high: int, offset: int) -> None:
    if not low <= len(codes) <= high:
        raise CompileError(f"PLS-00306: wrong number or types of arguments in call to '{name}'", offset)


def _replace(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    _wanted("REPLACE", codes, 2, 3, offset)
    runs = [operators.text(compiler.as_text(code, offset)) for code in codes]
    if any(run is None for run in runs) or family(codes[0].type) in "cB":
        return None
    source, old = runs[0], runs[1]
    new = runs[2] if len(runs) > 2 else None
    assert source is not None
    assert old is not None

    def run(frame: Frame) -> Any:
        value, what = source(frame), old(frame)
        with_what = new(frame) if new is not None else None
        if value is None or what is None:
            return value
        return value.replace(what, with_what or "") or None

    return Code(run, VARCHAR2)


def _same_kind(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> tuple[list[Run], Type] | None:
    """All values converted to the kind of the first that is not NULL."""
    common = compiler.common_type(codes)
    if common is None:
        return None
    return [compiler.converted(code, common, offset) for code in codes], common


def _coalesce(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    found = _same_kind(compiler, codes, offset)
    if found is None:
        return None
    runs, type_ = found

    def run(frame: Frame) -> Any:
        for one in runs:
            value = one(frame)
            if value is not None:
                return value
        return None

    return Code(run, type_)


def _nvl(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    _wanted("NVL", codes, 2, 2, offset)
    return _coalesce(compiler, codes, offset)


def _nvl2(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    raise CompileError("PLS-00201: identifier 'NVL2' must be declared", offset)


def _decode(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    raise CompileError(
        "PLS-00204: function or pseudo-column 'DECODE' may be used inside a SQL statement only", offset
    )


def _nullif(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    _wanted("NULLIF", codes, 2, 2, offset)
    if family(codes[0].type) == "0":
        raise CompileError("PLS-00619: the first operand in the NULLIF expression must not be NULL", offset)
    equal = operators.comparison("=", *compiler.alike(codes[0], codes[1], offset))
    if equal is None:
        return None
    test, value = equal.run, codes[0].run
    return Code(lambda f: None if test(f) else value(f), codes[0].type)


def _extreme(name: str, better: Callable[[Any, Any], bool]) -> Rule:
    def rule(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
        found = _same_kind(compiler, codes, offset)
        if found is None or family(found[1]) not in "nsdDTIr":
            return None
        runs, type_ = found
        # GREATEST of NUMBERs keeps decimals even when the first is an integer
        if family(type_) == "n":
            type_ = NUMBER

        def run(frame: Frame) -> Any:
            best = None
            for one in runs:
                value = one(frame)
                if value is None:
                    return None
                if best is None or better(value, best):
                    best = value
            return best

        return Code(run, type_)

    return rule


def _rounding(name: str, number: Callable[[Any, int], Any]) -> Rule:
    def rule(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
        _wanted(name, codes, 1, 2, offset)
        kind = family(codes[0].type)
        if kind in "DT" and len(codes) == 1 and name == "TRUNC":
            moment = codes[0].run

            def midnight(frame: Frame) -> Any:
                value = moment(frame)
                return None if value is None else value.replace(hour=0, minute=0, second=0, microsecond=0)

            return Code(midnight, DATE)
        if kind not in "ns0" or (len(codes) == 2 and family(codes[1].type) not in "n"):
            return None
        value_of = operators.numeric(codes[0])
        digits = operators.numeric(codes[1]) if len(codes) == 2 else lambda f: 0

        def run(frame: Frame) -> Any:
            value, places = value_of(frame), digits(frame)
            return None if value is None or places is None else number(value, int(places))

        return Code(run, NUMBER)

    return rule


def _to_char(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    if len(codes) != 1:
        return None
    run = operators.text(compiler.as_text(codes[0], offset))
    return None if run is None else Code(run, VARCHAR2)


def _to_clob(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    if len(codes) != 1 or family(codes[0].type) not in "sc0":
        return None
    return Code(compiler.converted(codes[0], CLOB, offset), CLOB)


def _rawtohex(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    _wanted("RAWTOHEX", codes, 1, 1, offset)
    if family(codes[0].type) not in "r0":
        return None
    run = codes[0].run
    return Code(lambda f: convert.to_text(run(f)), VARCHAR2)


def _constant(type_: Type, value: Callable[[Frame], Any]) -> Rule:
    def rule(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
        if codes:
            return None
        return Code(value, type_)

    return rule


def _now(frame: Frame) -> datetime:
    return datetime.now(UTC).replace(tzinfo=zones.UTC)


def _sysdate(frame: Frame) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _sys_extract_utc(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    _wanted("SYS_EXTRACT_UTC", codes, 1, 1, offset)
    if family(codes[0].type) != "Z":
        return None
    run = codes[0].run

    def utc(frame: Frame) -> Any:
        value = run(frame)
        return None if value is None else value.replace(tzinfo=None)

    return Code(utc, TIMESTAMP)


def _sqlcode(frame: Frame) -> int:
    handling = frame.ctx.handling
    return handling[-1].sqlcode if handling else 0


def sqlerrm_of(code: Any) -> str | None:
    """SQLERRM(code): the message that belongs to a number."""
    if code is None:
        return None
    number = int(code)
    if number == 0:
        return "ORA-0000: normal, successful completion"
    if number == 100:
        return "ORA-01403: no data found"
    if number == 1:
        return "User-Defined Exception"
    if number > 0:
        return f"-{number}: non-ORACLE exception "
    text = MESSAGES.get(-number)
    if text is None or "{}" in text:
        text = "Message " + str(-number) + " not found;  product=RDBMS; facility=ORA"
        if -20999 <= number <= -20000:
            text = ""
    return f"ORA-{-number:05d}: {text}"


def _sqlerrm(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    if codes:
        run = operators.numeric(codes[0])
        return Code(lambda f: sqlerrm_of(run(f)), VARCHAR2)

    def message(frame: Frame) -> str | None:
        handling = frame.ctx.handling
        return handling[-1].sqlerrm[:512] if handling else sqlerrm_of(0)

    return Code(message, VARCHAR2)


def _sys_context(compiler: ExpressionCompiler, codes: list[Code], offset: int) -> Code | None:
    _wanted("SYS_CONTEXT", codes, 2, 3, offset)
    if not (codes[0].literal and codes[1].literal):
        return None
    nowhere = Frame(Context(compiler.host), None, 0, "")  # literals need no frame
    namespace, name = (str(code.run(nowhere)).upper() for code in codes[:2])
    attribute = ATTRIBUTES.get(name)
    if namespace != "USERENV" or attribute is None:
        return None
    return Code(lambda f: attribute(f.ctx.host), VARCHAR2)


_RULES: dict[str, Rule] = {
    "REPLACE": _replace,
    "NVL": _nvl,
    "NVL2": _nvl2,
    "DECODE": _decode,
    "COALESCE": _coalesce,
    "NULLIF": _nullif,
    "GREATEST": _extreme("GREATEST", lambda a, b: a > b),
    "LEAST": _extreme("LEAST", lambda a, b: a < b),
    "ROUND": _rounding("ROUND", convert.round_number),
    "TRUNC": _rounding("TRUNC", convert.truncate_number),
    "TO_CHAR": _to_char,
    "TO_CLOB": _to_clob,
    "RAWTOHEX": _rawtohex,
    "SYS_EXTRACT_UTC": _sys_extract_utc,
    "SYSDATE": _constant(DATE, _sysdate),
    "SYSTIMESTAMP": _constant(TIMESTAMP_TZ, _now),
    "SYS_GUID": _constant(RAW, lambda f: uuid.uuid4().bytes),
    "USER": _constant(VARCHAR2, lambda f: f.ctx.host.user),
    "SQLCODE": _constant(INTEGER, _sqlcode),
    "SQLERRM": _sqlerrm,
    "SYS_CONTEXT": _sys_context,
    "EMPTY_CLOB": _constant(CLOB, lambda f: Lob(OraType.CLOB, "")),
    "EMPTY_BLOB": _constant(BLOB, lambda f: Lob(OraType.BLOB, b"")),
}
