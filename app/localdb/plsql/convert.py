"""Conversions between PL/SQL values that need no session: numbers, text, raw, times.

Numbers are int or Decimal with at most 40 significant digits. Text forms that depend on NLS settings
(dates to text and back) are the SQL room's: `Frame.to_sql_text` asks it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, InvalidOperation, Overflow
from typing import Any

from app.localdb import zones
from app.localdb.contract import IntervalYM, Lob
from app.localdb.plsql.failures import failure, value_error

# A NUMBER has 20 digits of base 100, aligned to the decimal point: 39 or 40 decimal digits.
_ODD, _EVEN = (
    Context(prec=digits, rounding=ROUND_HALF_UP, Emin=-130, Emax=125, traps=[InvalidOperation, Overflow])
    for digits in (39, 40)
)
EXACT = Context(prec=200, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
"""For the steps before a result is rounded: Python's own context would round to 28 digits."""
DIVISION = Context(prec=60, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_INT_LIMIT = 10**38


def number(value: Decimal | int) -> Decimal | int:
    """A result of arithmetic as NUMBER keeps it; ORA-01426 beyond 1e126."""
    if type(value) is int and -_INT_LIMIT < value < _INT_LIMIT:
        return value
    exact = Decimal(value)
    try:
        result = (_EVEN if exact.adjusted() % 2 else _ODD).plus(exact)
    except Overflow:
        raise failure(1426) from None
    if result == result.to_integral_value() and result.copy_abs() < _INT_LIMIT:
        return int(result)
    return result


def negated(value: Decimal | int) -> Decimal | int:
    return value.copy_negate() if isinstance(value, Decimal) else -value


def absolute(value: Decimal | int) -> Decimal | int:
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


def parse_number(text: str) -> Decimal | int | None:
    """A number from its text; None when it is none."""
    text = text.strip()
    digits = text[1:] if text[:1] in "+-" else text
    if not digits or not (digits[0].isdigit() or digits[0] == "."):
        return None
    try:
        return number(Decimal(text))
    except (InvalidOperation, ValueError):
        return None


def to_number(value: Any) -> Any:
    """Implicit conversion to NUMBER; ORA-06502 when the text is no number."""
    kind = type(value)
    if value is None or kind is int or kind is Decimal:
        return value
    if kind is str:
        found = parse_number(value)
        if found is None:
            raise value_error("character to number conversion error")
        return found
    if kind is float:
        return from_double(value)
    if isinstance(value, Lob):
        return to_number(value.data or None)
    raise value_error()


def from_double(value: float) -> Decimal | int:
    if value != value or value in (float("inf"), float("-inf")):
        raise failure(1426)
    return number(Decimal(repr(value)))


def to_double(value: Any) -> float | None:
    if value is None or type(value) is float:
        return value
    if type(value) is str:
        try:
            return float(value)
        except ValueError:
            raise value_error("character to number conversion error") from None
    return float(to_number(value))


def round_number(value: Decimal | int, scale: int) -> Decimal | int:
    """Half away from zero, to `scale` decimals (negative: tens, hundreds ...)."""
    if type(value) is int and scale >= 0:
        return value
    return number(Decimal(value).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, EXACT))


def truncate_number(value: Decimal | int, scale: int) -> Decimal | int:
    if type(value) is int and scale >= 0:
        return value
    return number(Decimal(value).quantize(Decimal(1).scaleb(-scale), ROUND_DOWN, EXACT))


def floor_number(value: Decimal | int) -> Decimal | int:
    if type(value) is int:
        return value
    return number(Decimal(value).to_integral_value(ROUND_FLOOR))


def number_text(value: Decimal | int) -> str:
    """TO_CHAR without a format (TM9): no zero before the point; beyond 64 characters with an exponent."""
    if type(value) is int and -(10**63) < value < 10**63:
        return str(value)
    sign, figures, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, figures)).lstrip("0")
    trimmed = digits.rstrip("0")
    if not trimmed:
        return "0"
    exponent += len(digits) - len(trimmed)
    point = len(trimmed) + exponent  # digits before the decimal point
    if point <= 0:
        plain = "." + "0" * -point + trimmed
    elif exponent >= 0:
        plain = trimmed + "0" * exponent
    else:
        plain = trimmed[:point] + "." + trimmed[point:]
    if len(plain) > 64:
        mantissa = trimmed[0] + ("." + trimmed[1:] if len(trimmed) > 1 else "")
        plain = f"{mantissa}E{'-' if point < 1 else '+'}{abs(point - 1):02d}"
    return "-" + plain if sign else plain


def double_text(value: float) -> str:
    """TO_CHAR of a BINARY_DOUBLE: 1.5E+000 form of Oracle, Nan and Inf by name."""
    if value != value:
        return "Nan"
    if value in (float("inf"), float("-inf")):
        return "Inf" if value > 0 else "-Inf"
    mantissa, exponent = f"{value:.16E}".split("E")
    shortest = repr(value)
    digits = len(shortest.replace("-", "").replace(".", "").split("e")[0].strip("0"))
    mantissa = f"{value:.{max(digits - 1, 0)}E}".split("E")[0] if digits else mantissa
    if value == 0:
        return "0"
    if "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}E{exponent[0]}{int(exponent[1:]):03d}"


def to_text(value: Any) -> str | None:
    """Implicit conversion to VARCHAR2 of what needs no NLS settings."""
    if value is None:
        return None
    kind = type(value)
    if kind is str:
        return value or None
    if kind is int or kind is Decimal:
        return number_text(value)
    if isinstance(value, Lob):
        if isinstance(value.data, bytes):
            raise value_error()
        return value.data or None
    if kind is bytes:
        return value.hex().upper() or None
    if kind is float:
        return double_text(value)
    if kind is timedelta:
        return interval_ds_text(value)
    if isinstance(value, IntervalYM):
        years, months = divmod(abs(value.months), 12)
        return f"{'-' if value.months < 0 else '+'}{years:02d}-{months:02d}"
    raise value_error()


def interval_ds_text(value: timedelta, day_digits: int = 9, second_digits: int = 9) -> str:
    """+DD HH:MI:SS.FF with the precisions of the interval's type."""
    sign = "+"
    if value < timedelta(0):
        sign, value = "-", -value
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f"{value.microseconds:06d}".ljust(9, "0")[:second_digits]
    whole = f"{sign}{value.days:0{day_digits}d} {hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{whole}.{fraction}" if fraction else whole


def to_raw(value: Any) -> bytes | None:
    if value is None or type(value) is bytes:
        return value or None
    if isinstance(value, Lob):
        return value.data if isinstance(value.data, bytes) else to_raw(value.data)
    if type(value) is str:
        try:
            return bytes.fromhex(value if len(value) % 2 == 0 else "0" + value)
        except ValueError:
            raise value_error("hex to raw conversion error") from None
    raise value_error()


def to_timestamp(value: Any) -> datetime | None:
    """A naive time. One with a zone has gone through ConversionCompiler.conversion before."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise value_error()
    return value if value.tzinfo is None else value.replace(tzinfo=None)


def to_timestamp_tz(value: Any) -> datetime | None:
    """A time with a zone; one without is taken as UTC, the local database's only host zone."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise value_error()
    return value if isinstance(value.tzinfo, zones.Zone) else value.replace(tzinfo=zones.UTC)


def to_timestamp_ltz(value: Any) -> datetime | None:
    """A moment, shown on the session's clock."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        raise value_error()
    return value.replace(tzinfo=UTC)


def round_fraction(moment: datetime, digits: int | None) -> datetime:
    """Fractional seconds rounded to `digits`; None or 6 and more: as they are."""
    if digits is None or digits >= 6 or not moment.microsecond:
        return moment
    step = 10 ** (6 - digits)
    rounded = (moment.microsecond + step // 2) // step * step
    return moment.replace(microsecond=0) + timedelta(microseconds=rounded)


def to_interval_ds(value: Any) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    raise value_error("character to interval conversion error")


def days(value: Decimal | int | float) -> timedelta:
    """A number of days as an interval, to the second as DATE arithmetic rounds it."""
    exact = Decimal(from_double(value) if isinstance(value, float) else value)
    seconds = round_number(EXACT.multiply(exact, Decimal(86400)), 0)
    try:
        return timedelta(seconds=int(seconds))
    except OverflowError:
        raise failure(1426) from None


def in_days(delta: timedelta) -> Decimal | int:
    """An interval between two DATEs as a number of days."""
    seconds = delta.days * 86400 + delta.seconds
    whole, rest = divmod(seconds, 86400)
    return whole if not rest else number(DIVISION.divide(Decimal(seconds), Decimal(86400)))
