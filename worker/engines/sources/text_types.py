"""What columns of text hold, decided by every value; and text read as values of a type, exactly or not at all.

Strict forms, by which types are found: 0, -17, 12.50, .5, 1.5E-7; 2026-09-05, 2026-09-05 12:30,
2026-09-05T12:30:15.123456, the same with Z or +02:00. A leading zero, a plus sign or a blank makes text.
Loose forms, accepted where the type is given: blanks around, leading zeros, a plus sign as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.values import DECIMAL_DIGITS, NUMERIC, Kind, ValueType

INT64_SAFE_DIGITS = 18
_NUMBER = r"^-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)$"
_SCIENTIFIC = r"^-?[0-9](?:\.[0-9]+)?[eE][+-][0-9]{1,3}$"
_LOOSE_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"
_DAY = r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"  # there is no year 0
_INSTANT = "^" + _DAY + r"(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)?$"
_ZONED = "^" + _DAY + r"[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})$"
_NANOSECONDS = "^" + _DAY + r"[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?$"
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_MICROSECONDS = pa.timestamp("us")
_UTC = pa.timestamp("us", "UTC")


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that is not of the type: its position in the array, and the text."""

    position: int
    text: str


class Guess:
    """The narrowest type that all values of one column have, seen batch by batch. Nothing is assumed of values
    not yet seen: a single odd value in the last line makes the column text."""

    def __init__(self) -> None:
        self._family: str | None = None  # number, instant, zoned, nanoseconds or text, once a value was seen
        self._whole_digits = 0
        self._scale = 0
        self._scientific = False

    def add(self, texts: pa.Array) -> None:
        """More values of the column, as text."""
        if self._family == "text":
            return
        values = texts.drop_null()
        if len(values) == 0:
            return
        if self._family in (None, "number") and self._numbers(values):
            self._family = "number"
        elif self._family in (None, "instant") and _instants(values, _INSTANT, _MICROSECONDS) is not None:
            self._family = "instant"
        elif self._family in (None, "zoned") and _instants(values, _ZONED, _UTC) is not None:
            self._family = "zoned"
        elif self._family in (None, "instant", "nanoseconds") and _nanoseconds(values) is not None:
            self._family = "nanoseconds"
        else:
            self._family = "text"

    def value_type(self) -> ValueType:
        """The type; of a column without any value, text."""
        match self._family:
            case "number":
                return self._number_type()
            case "instant" | "zoned":
                return ValueType(Kind.TIMESTAMP)
            case "nanoseconds":
                return ValueType(Kind.TIMESTAMP_NS)
            case _:
                return ValueType(Kind.TEXT)

    def _numbers(self, values: pa.Array) -> bool:
        if self._scale == 0 and not self._scientific and (digits := _integer_digits(values)) is not None:
            self._whole_digits = max(self._whole_digits, digits)
            return True
        plain = pc.match_substring_regex(values, _NUMBER)
        if not pc.all(plain).as_py():
            rest = values.filter(pc.invert(plain))
            if not pc.all(pc.match_substring_regex(rest, _SCIENTIFIC)).as_py():
                return False
            self._scientific = True
            values = values.filter(plain)
        whole, scale = _digits(values)
        self._whole_digits, self._scale = max(self._whole_digits, whole), max(self._scale, scale)
        return True

    def _number_type(self) -> ValueType:
        precision = max(self._whole_digits + self._scale, 1)
        if self._scientific or precision > DECIMAL_DIGITS:
            return ValueType(Kind.NUMBER)
        if self._scale == 0 and precision <= INT64_SAFE_DIGITS:
            return ValueType(Kind.INTEGER)
        return ValueType(Kind.DECIMAL, precision, self._scale)


def read_as(texts: pa.Array, wanted: ValueType) -> pa.Array | Misfit:
    """Text as values of a type, in the form that a source of this type delivers; NULL stays NULL.

    The loose forms are accepted. Never drops a digit: a value with more decimals than the type has, or
    beyond its range, is a Misfit. Large objects and intervals cannot be read from text.
    """
    if wanted.kind in (Kind.TEXT, Kind.LONG_TEXT):
        return texts
    trimmed = pc.utf8_trim_whitespace(texts)
    convert: Callable[[pa.Array, ValueType], pa.Array] = _numbers_as
    if wanted.kind in NUMERIC:
        fits = _loose_numbers(trimmed, wanted)
    elif wanted.kind is Kind.BOOLEAN:
        lower = pc.utf8_lower(trimmed)
        fits, convert = pc.is_in(lower, pa.array([*_TRUE, *_FALSE])), _booleans_as
    elif wanted.kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_NS):
        fits, convert = pc.match_substring_regex(trimmed, f"{_INSTANT}|{_ZONED}|{_NANOSECONDS}"), _instants_as
    elif wanted.kind is Kind.BINARY:
        fits, convert = pc.match_substring_regex(trimmed, r"^(?:[0-9A-Fa-f]{2})*$"), _bytes_as
    else:
        fits = pa.repeat(False, len(texts))
    fits = pc.or_(pc.fill_null(fits, False), texts.is_null())
    if not pc.all(fits).as_py() and len(texts):
        return _first_misfit(texts, fits)
    return _converted(texts, trimmed, wanted, convert)


def _converted(
    texts: pa.Array,
    trimmed: pa.Array,
    wanted: ValueType,
    convert: Callable[[pa.Array, ValueType], pa.Array],
) -> pa.Array | Misfit:
    try:
        return convert(trimmed, wanted)
    except pa.ArrowInvalid:  # a value that looks right and is not: 2026-02-30, or 1.234 for two decimals
        for position, text in enumerate(texts.to_pylist()):
            try:
                convert(trimmed.slice(position, 1), wanted)
            except pa.ArrowInvalid:
                return Misfit(position, str(text))
        raise


def _first_misfit(texts: pa.Array, fits: pa.Array) -> Misfit:
    position = pc.index(fits, False).as_py()
    return Misfit(position, str(texts[position].as_py()))


def _loose_numbers(trimmed: pa.Array, wanted: ValueType) -> pa.Array:
    fits = pc.match_substring_regex(trimmed, _LOOSE_NUMBER)
    if wanted.kind is Kind.DOUBLE:
        special = pc.is_in(pc.utf8_lower(trimmed), pa.array(["nan", "inf", "-inf", "infinity", "-infinity"]))
        return pc.or_(fits, special)
    return fits


def _numbers_as(trimmed: pa.Array, wanted: ValueType) -> pa.Array:
    if wanted.kind is Kind.DOUBLE:
        return trimmed.cast(pa.float64())
    if wanted.kind is Kind.NUMBER:
        return pc.replace_substring_regex(trimmed, r"^\+", "").cast(pa.large_string())
    if wanted.kind is Kind.DECIMAL:
        return trimmed.cast(wanted.storage)
    return trimmed.cast(pa.decimal128(DECIMAL_DIGITS, 0)).cast(pa.int64())


def _booleans_as(trimmed: pa.Array, _: ValueType) -> pa.Array:
    known = pc.is_in(pc.utf8_lower(trimmed), pa.array(_TRUE))
    return pc.if_else(trimmed.is_null(), pa.scalar(None, pa.bool_()), known)


def _bytes_as(trimmed: pa.Array, _: ValueType) -> pa.Array:
    values = [None if text is None else bytes.fromhex(text) for text in trimmed.to_pylist()]
    return pa.array(values, pa.large_binary())


def _instants_as(trimmed: pa.Array, wanted: ValueType) -> pa.Array:
    if wanted.kind is Kind.TIMESTAMP_NS:
        fine = _nanoseconds(trimmed)
        if fine is None:
            raise pa.ArrowInvalid("no instant with nanoseconds")
        return fine
    zoned = pc.fill_null(pc.match_substring_regex(trimmed, _ZONED), False)
    if pc.all(zoned).as_py() and len(zoned):
        return _in_utc(trimmed)
    if not pc.any(zoned).as_py():
        return trimmed.cast(_MICROSECONDS)
    return pc.coalesce(
        _in_utc(pc.if_else(zoned, trimmed, None)), pc.if_else(zoned, None, trimmed).cast(_MICROSECONDS)
    )


def _in_utc(values: pa.Array) -> pa.Array:
    """Instants with a zone, in UTC. Raises ArrowInvalid, also for what leaves the years 1 to 9999 thereby."""
    instants = values.cast(_UTC).cast(_MICROSECONDS)
    years = pc.min_max(pc.year(instants))
    if years["min"].is_valid and not 1 <= years["min"].as_py() <= years["max"].as_py() <= 9999:
        raise pa.ArrowInvalid("an instant is outside the years 1 to 9999 in UTC")
    return instants


def _instants(values: pa.Array, form: str, wanted: pa.DataType) -> pa.Array | None:
    if not pc.all(pc.match_substring_regex(values, form)).as_py():
        return None
    try:
        return _in_utc(values) if wanted == _UTC else values.cast(wanted)
    except pa.ArrowInvalid:
        return None


def _nanoseconds(values: pa.Array) -> pa.Array | None:
    """ISO text with nine decimals, as sources deliver TIMESTAMP(9); None when a value is something else."""
    whole = pc.utf8_slice_codeunits(values, 0, 19)
    if not pc.all(pc.fill_null(pc.match_substring_regex(values, f"{_NANOSECONDS}|{_INSTANT}"), True)).as_py():
        return None
    try:
        checked = whole.cast(_MICROSECONDS)
    except pa.ArrowInvalid:
        return None
    seconds = pc.strftime(checked.cast(pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")
    fraction = pc.utf8_rpad(pc.utf8_slice_codeunits(values, 20), 9, "0")
    return pc.binary_join_element_wise(seconds, fraction, ".").cast(pa.large_string())


def _integer_digits(values: pa.Array) -> int | None:
    """The digits of the longest whole number; None when a value is no whole number in strict form."""
    try:
        numbers = values.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    written = numbers.cast(values.type)
    other = pc.not_equal(written, values)  # 007, 0x10; and -0, which is a number
    if pc.any(other).as_py() and pc.any(pc.not_equal(values.filter(other), "-0")).as_py():
        return None
    bounds = pc.min_max(numbers)
    return max(len(str(abs(bounds[end].as_py()))) for end in ("min", "max"))


def _digits(values: pa.Array) -> tuple[int, int]:
    """The most digits before and after the point, of numbers in strict form."""
    if len(values) == 0:
        return 0, 0
    length = pc.binary_length(values)
    point = pc.find_substring(values, ".")
    fractional = pc.greater_equal(point, 0)
    before = pc.if_else(fractional, point, length)
    signed = pc.starts_with(values, "-").cast(pa.int32())
    after = pc.if_else(fractional, pc.subtract(pc.subtract(length, point), 1), 0)
    return int(pc.max(pc.subtract(before, signed)).as_py()), int(pc.max(after).as_py())
