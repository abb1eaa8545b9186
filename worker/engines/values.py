"""The kinds of values that engines compare, and which common kind two columns are compared in.

A column of a source has a `ValueType`; two columns of the same name are brought into one common
`ValueType` (`common_type`) before they are compared, such that no value loses a digit. How a value of a
kind is stored while comparing is `ValueType.storage`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from worker.engines.intervals import is_length_of_time

INTEGER_DIGITS = 19
"""Decimal digits that the widest int64 needs."""
DECIMAL_DIGITS = 38
"""Digits of the widest fixed decimal; wider numbers are kept as text."""


class Kind(StrEnum):
    """What a value is, apart from its width."""

    INTEGER = "integer"
    """A whole number within int64."""
    DECIMAL = "decimal"
    """A number with fixed precision (up to 38 digits) and scale."""
    NUMBER = "number"
    """A decimal number of any precision and scale (bare NUMBER), kept as canonical text."""
    DOUBLE = "double"
    """A binary floating point number; NaN equals NaN, -0 equals 0."""
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    """An instant with up to six fractional digits; values with a zone are in UTC."""
    TIMESTAMP_NS = "timestamp with nanoseconds"
    """An instant with up to nine fractional digits, kept as ISO text of fixed width."""
    TEXT = "text"
    BINARY = "binary"
    LONG_TEXT = "long text"
    """A CLOB or the like: compared by size and 128-bit hash, never kept."""
    LONG_BINARY = "long binary"
    """A BLOB or the like: compared by size and 128-bit hash, never kept."""
    INTERVAL_MONTHS = "interval in months"
    INTERVAL_NANOSECONDS = "interval in nanoseconds"


NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.NUMBER, Kind.DOUBLE})
"""Kinds on which a tolerance has a meaning."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """A kind with its width. `precision` and `scale` count decimal digits and matter for DECIMAL only."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    @property
    def storage(self) -> pa.DataType:
        """The Arrow type in which values of this type are held while comparing."""
        match self.kind:
            case Kind.INTEGER | Kind.INTERVAL_MONTHS:
                return pa.int64()
            case Kind.DECIMAL:
                return pa.decimal128(self.precision, self.scale)
            case Kind.DOUBLE:
                return pa.float64()
            case Kind.BOOLEAN:
                return pa.bool_()
            case Kind.TIMESTAMP:
                return pa.timestamp("us")
            case Kind.BINARY:
                return pa.large_binary()
            case Kind.INTERVAL_NANOSECONDS:
                return pa.decimal128(DECIMAL_DIGITS, 0)
            case _:
                return pa.large_string()


def common_type(a: ValueType, b: ValueType) -> ValueType | None:
    """The type in which values of `a` and `b` are compared without loss, or None when there is none.

    NUMBER against BINARY_DOUBLE is compared as BINARY_DOUBLE, as Oracle does.
    """
    kinds = {a.kind, b.kind}
    if len(kinds) == 1 and a.kind is not Kind.DECIMAL:
        return a
    if kinds <= NUMERIC:
        if Kind.DOUBLE in kinds:
            return ValueType(Kind.DOUBLE)
        if Kind.NUMBER in kinds:
            return ValueType(Kind.NUMBER)
        scale = max(_scale(a), _scale(b))
        precision = max(_whole_digits(a), _whole_digits(b)) + scale
        if precision > DECIMAL_DIGITS:
            return ValueType(Kind.NUMBER)
        return ValueType(Kind.DECIMAL, precision, scale)
    for wider, narrower in (
        (Kind.TIMESTAMP_NS, Kind.TIMESTAMP),
        (Kind.LONG_TEXT, Kind.TEXT),
        (Kind.LONG_BINARY, Kind.BINARY),
    ):
        if kinds == {wider, narrower}:
            return ValueType(wider)
    return None


def _scale(value_type: ValueType) -> int:
    return value_type.scale if value_type.kind is Kind.DECIMAL else 0


def _whole_digits(value_type: ValueType) -> int:
    if value_type.kind is Kind.DECIMAL:
        return value_type.precision - value_type.scale
    return INTEGER_DIGITS


def type_of_arrow(arrow_type: pa.DataType) -> ValueType | None:
    """The value type of an Arrow column, or None when its values cannot be compared (lists, structs)."""
    if pa.types.is_dictionary(arrow_type):
        return type_of_arrow(arrow_type.value_type)
    if pa.types.is_uint64(arrow_type):
        return ValueType(Kind.DECIMAL, 20, 0)
    if pa.types.is_integer(arrow_type):
        return ValueType(Kind.INTEGER)
    if pa.types.is_decimal(arrow_type):
        if arrow_type.precision > DECIMAL_DIGITS or not 0 <= arrow_type.scale <= arrow_type.precision:
            return ValueType(Kind.NUMBER)
        return ValueType(Kind.DECIMAL, arrow_type.precision, arrow_type.scale)
    if pa.types.is_floating(arrow_type):
        return ValueType(Kind.DOUBLE)
    if pa.types.is_boolean(arrow_type):
        return ValueType(Kind.BOOLEAN)
    if pa.types.is_timestamp(arrow_type):
        return ValueType(Kind.TIMESTAMP_NS if arrow_type.unit == "ns" else Kind.TIMESTAMP)
    if pa.types.is_date(arrow_type):
        return ValueType(Kind.TIMESTAMP)
    if is_length_of_time(arrow_type):
        return ValueType(Kind.INTERVAL_NANOSECONDS)
    if (
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or pa.types.is_string_view(arrow_type)
    ):
        return ValueType(Kind.TEXT)
    if (
        pa.types.is_binary(arrow_type)
        or pa.types.is_large_binary(arrow_type)
        or pa.types.is_binary_view(arrow_type)
        or pa.types.is_fixed_size_binary(arrow_type)
    ):
        return ValueType(Kind.BINARY)
    if pa.types.is_null(arrow_type):
        return ValueType(Kind.TEXT)
    return None
