"""Oracle's operators on PL/SQL values: arithmetic, comparison, concatenation, LIKE; NULL gives NULL."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import convert
from app.localdb.plsql.code import Code, family
from app.localdb.plsql.convert import DIVISION, EXACT, number
from app.localdb.plsql.failures import failure
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL_DS,
    NUMBER,
    TIMESTAMP,
    TIMESTAMP_TZ,
    VARCHAR2,
    Scalar,
    Type,
)


def _add(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int:
        return number(a + b)
    return number(EXACT.add(Decimal(a), Decimal(b)))


def _subtract(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int:
        return number(a - b)
    return number(EXACT.subtract(Decimal(a), Decimal(b)))


def _multiply(a: Any, b: Any) -> Any:
    if type(a) is int and type(b) is int:
        return number(a * b)
    return number(EXACT.multiply(Decimal(a), Decimal(b)))


def _divide(a: Any, b: Any) -> Any:
    if b == 0:
        raise failure(1476)
    return number(DIVISION.divide(Decimal(a), Decimal(b)))


def power(a: Any, b: Any) -> Any:
    """a ** b of NUMBERs; ORA-01428 for a negative base with a fractional exponent."""
    if type(b) is not int and b != int(b):
        if a < 0:
            raise OracleError(1428, f"argument '{convert.number_text(a)}' is out of range")
        return number(DIVISION.power(Decimal(a), Decimal(b)))
    if a == 0 and b < 0:
        raise OracleError(1428, "argument '0' is out of range")
    if type(a) is int and 0 <= b < 256:
        return number(a**b)
    return number(DIVISION.power(Decimal(a), Decimal(b)))


def modulo(a: Any, b: Any) -> Any:
    """MOD: the sign of the first; MOD(a, 0) is a."""
    if b == 0:
        return a
    if type(a) is int and type(b) is int:
        rest = abs(a) % abs(b)
        return -rest if a < 0 else rest
    return number(convert.EXACT.remainder(Decimal(a), Decimal(b)))


_NUMERIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "**": power,
    "MOD": modulo,
}


def _within(result: int) -> int:
    """PLS_INTEGER arithmetic overflows; integer literals are PLS_INTEGER, too."""
    if not -(2**31) <= result < 2**31:
        raise failure(1426)
    return result


_INTEGER: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: _within(a + b),
    "-": lambda a, b: _within(a - b),
    "*": lambda a, b: _within(a * b),
}


def _double(op: str, a: float, b: float) -> float:
    if op == "/":
        if b == 0:
            return float("nan") if a == 0 or a != a else float("inf") if a > 0 else float("-inf")
        return a / b
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    return a * b if op == "*" else a**b


def numeric(code: Code) -> Run:
    """The value of `code` as a number."""
    run = code.run
    if family(code.type) == "n":
        return run
    return lambda f: convert.to_number(run(f))


def _lifted(apply: Callable[[Any, Any], Any], left: Run, right: Run) -> Run:
    """`apply` on both values; NULL when one is NULL."""

    def run(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        return None if a is None or b is None else apply(a, b)

    return run


def arithmetic(op: str, left: Code, right: Code) -> Code | None:
    """left op right; None when these types have to be left to SQL."""
    a, b = family(left.type), family(right.type)
    if a in "nds0" and b in "nds0":
        if "d" in (a, b):

            def to_double(code: Code) -> Run:
                return lambda f: convert.to_double(code.run(f))

            return Code(_lifted(lambda x, y: _double(op, x, y), to_double(left), to_double(right)), DOUBLE)
        if left.type is INTEGER and right.type is INTEGER and op in _INTEGER:
            return Code(_lifted(_INTEGER[op], left.run, right.run), INTEGER)
        return Code(_lifted(_NUMERIC[op], numeric(left), numeric(right)), NUMBER)
    times = _TIMES.get((op, a, b))
    if times is None:
        return None
    apply, type_ = times
    if type_ is TIMESTAMP_TZ and OraType.TIMESTAMP_LTZ in (left.type.ora, right.type.ora):
        return None
    first = numeric(left) if a in "ns" else left.run
    second = numeric(right) if b in "ns" else right.run
    return Code(_lifted(apply, first, second), type_)


def _plus_days(moment: datetime, amount: Any) -> datetime:
    try:
        return (moment + convert.days(amount)).replace(microsecond=0, tzinfo=None)
    except OverflowError:
        raise _year_out_of_range() from None


def _minus_days(moment: datetime, amount: Any) -> datetime:
    return _plus_days(moment, -amount)


def _year_out_of_range() -> OracleError:
    return OracleError(1841, "(full) year must be between -4713 and +9999, and not be 0")


def _shift(moment: datetime, by: timedelta) -> datetime:
    try:
        return moment + by
    except OverflowError:
        raise _year_out_of_range() from None


def _shift_back(moment: datetime, by: timedelta) -> datetime:
    return _shift(moment, -by)


def _apart(a: datetime, b: datetime) -> timedelta:
    return a - b


def _scale_interval(a: timedelta, factor: Any) -> timedelta:
    micro = EXACT.multiply(Decimal(a // timedelta(microseconds=1)), Decimal(factor))
    return timedelta(microseconds=int(convert.round_number(number(micro), 0)))


def _divide_interval(a: timedelta, by: Any) -> timedelta:
    if by == 0:
        raise failure(1476)
    return _scale_interval(a, DIVISION.divide(Decimal(1), Decimal(by)))


_TIMES: dict[tuple[str, str, str], tuple[Callable[[Any, Any], Any], Type]] = {
    ("+", "D", "n"): (_plus_days, DATE),
    ("+", "n", "D"): (lambda a, b: _plus_days(b, a), DATE),
    ("-", "D", "n"): (_minus_days, DATE),
    ("+", "T", "n"): (_plus_days, DATE),
    ("-", "T", "n"): (_minus_days, DATE),
    ("-", "D", "D"): (lambda a, b: convert.in_days(a - b), NUMBER),
    ("+", "D", "I"): (lambda a, b: _shift(a, b).replace(microsecond=0), DATE),
    ("-", "D", "I"): (lambda a, b: _shift_back(a, b).replace(microsecond=0), DATE),
    ("+", "T", "I"): (_shift, TIMESTAMP),
    ("-", "T", "I"): (_shift_back, TIMESTAMP),
    ("+", "Z", "I"): (_shift, TIMESTAMP_TZ),
    ("-", "Z", "I"): (_shift_back, TIMESTAMP_TZ),
    ("+", "I", "D"): (lambda a, b: _shift(b, a).replace(microsecond=0), DATE),
    ("+", "I", "T"): (lambda a, b: _shift(b, a), TIMESTAMP),
    ("+", "I", "Z"): (lambda a, b: _shift(b, a), TIMESTAMP_TZ),
    ("+", "I", "I"): (lambda a, b: a + b, INTERVAL_DS),
    ("-", "I", "I"): (lambda a, b: a - b, INTERVAL_DS),
    ("*", "I", "n"): (_scale_interval, INTERVAL_DS),
    ("*", "n", "I"): (lambda a, b: _scale_interval(b, a), INTERVAL_DS),
    ("/", "I", "n"): (_divide_interval, INTERVAL_DS),
    **{("-", a, b): (_apart, INTERVAL_DS) for a, b in ("DT", "TD", "TT", "ZZ")},
}


def negate(operand: Code) -> Code | None:
    kind = family(operand.type)
    run = operand.run
    if kind in "ns0":
        value = numeric(operand)

        def minus(frame: Frame) -> Any:
            found = value(frame)
            return None if found is None else convert.negated(found)

        return Code(minus, operand.type if kind == "n" else NUMBER)
    if kind in "dI":

        def minus_it(frame: Frame) -> Any:
            found = run(frame)
            return None if found is None else -found

        return Code(minus_it, operand.type)
    return None


def text(code: Code) -> Run | None:
    """The value as text; None when that needs NLS settings."""
    run = code.run
    kind = family(code.type)
    if kind == "s":
        return run
    if kind == "I":
        type_ = code.type
        days, seconds = (type_.precision, type_.scale) if isinstance(type_, Scalar) else (0, None)

        def interval(frame: Frame) -> Any:
            value = run(frame)
            return (
                None
                if value is None
                else convert.interval_ds_text(value, days or 9, 9 if seconds is None else seconds)
            )

        return interval
    if kind in "ndcr0YB":
        return lambda f: convert.to_text(run(f))
    return None


def concatenation(left: Code, right: Code) -> Code | None:
    first, second = text(left), text(right)
    if first is None or second is None:
        return None

    def run(frame: Frame) -> Any:
        a = first(frame)
        b = second(frame)
        return b if a is None else a if b is None else a + b

    return Code(run, VARCHAR2)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def comparable(left: Code, right: Code) -> tuple[Run, Run] | None:
    """Both values in one form that Python compares as Oracle does; None: these types are left to SQL."""
    a, b = family(left.type), family(right.type)
    if a == "0" or b == "0":
        return left.run, right.run
    if a in "sc" and b in "sc":
        if _blank_padded(left) and _blank_padded(right):
            return _stripped(left.run), _stripped(right.run)
        first, second = text(left), text(right)
        assert first is not None
        assert second is not None
        return first, second
    if a in "ns" and b in "ns":
        return numeric(left), numeric(right)
    if a in "nds" and b in "nds":
        return (lambda f: convert.to_double(left.run(f))), (lambda f: convert.to_double(right.run(f)))
    if a in "DT" and b in "DT":
        return left.run, right.run
    if a in "DTZ" and b in "DTZ":
        return _zoned(left.run), _zoned(right.run)
    if a == b and a in "IYbr":
        return left.run, right.run
    if a in "rs" and b in "rs":
        return (lambda f: convert.to_text(left.run(f))), (lambda f: convert.to_text(right.run(f)))
    return None


def _blank_padded(code: Code) -> bool:
    return code.literal or code.type.ora is OraType.CHAR


def _stripped(run: Run) -> Run:
    def stripped(frame: Frame) -> Any:
        value = run(frame)
        return None if value is None else value.rstrip(" ")

    return stripped


def _zoned(run: Run) -> Run:
    def zoned(frame: Frame) -> Any:
        value = run(frame)
        return None if value is None else value if value.tzinfo else value.replace(tzinfo=UTC)

    return zoned


def comparison(op: str, left: Code, right: Code) -> Code | None:
    sides = comparable(left, right)
    if sides is None:
        return None
    return Code(_lifted(_COMPARE[op], *sides), BOOLEAN)


@lru_cache(maxsize=512)
def like_pattern(pattern: str, escape: str | None) -> re.Pattern[str]:
    """LIKE's pattern as a regular expression; ORA-01424 and ORA-01425 for bad escapes."""
    if escape is not None and len(escape) != 1:
        raise OracleError(1425, "escape character must be character string of length 1")
    parts = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == escape:
            position += 1
            if position >= len(pattern) or pattern[position] not in ("%", "_", escape):
                raise OracleError(1424, "missing or illegal character following the escape character")
            parts.append(re.escape(pattern[position]))
        elif char == "%":
            parts.append(".*")
        elif char == "_":
            parts.append(".")
        else:
            parts.append(re.escape(char))
        position += 1
    return re.compile("".join(parts), re.DOTALL)


def like(operand: Run, pattern: Run, escape: Run | None, negated: bool) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        wanted = pattern(frame)
        if value is None or wanted is None:
            return None
        with_escape = escape(frame) if escape is not None else None
        return (like_pattern(wanted, with_escape).fullmatch(value) is not None) is not negated

    return run


def both(left: Run, right: Run) -> Run:
    """AND of three values; the right side is not run when the left is false."""

    def run(frame: Frame) -> Any:
        a = left(frame)
        if a is False:
            return False
        b = right(frame)
        if b is False:
            return False
        return None if a is None or b is None else True

    return run


def either(left: Run, right: Run) -> Run:
    """OR of three values; the right side is not run when the left is true."""

    def run(frame: Frame) -> Any:
        a = left(frame)
        if a is True:
            return True
        b = right(frame)
        if b is True:
            return True
        return None if a is None or b is None else False

    return run
