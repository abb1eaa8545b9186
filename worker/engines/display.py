"""Values as text for people: exact, and the same whichever engine or source they came from."""

from __future__ import annotations

import math
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.canonical import number_text
from worker.engines.values import Kind, ValueType


def texts(array: pa.Array, value_type: ValueType) -> list[str | None]:
    """Each value of a column in storage form as text; None for NULL.

    Numbers have every digit and no superfluous zeros; instants read 2026-09-05 12:30:00 with a fraction
    only where there is one; RAW is hexadecimal; large objects are told by size and hash.
    """
    match value_type.kind:
        case Kind.TIMESTAMP:
            array = pc.strftime(array, "%Y-%m-%d %H:%M:%S")
        case Kind.BINARY:
            return [None if v is None else v.hex().upper() for v in array.to_pylist()]
        case _:
            pass
    return [None if v is None else _text(v, value_type.kind) for v in array.to_pylist()]


def _text(value: object, kind: Kind) -> str:
    match kind:
        case Kind.DECIMAL | Kind.INTERVAL_NANOSECONDS:
            assert isinstance(value, Decimal)
            return number_text(value)
        case Kind.DOUBLE:
            assert isinstance(value, float)
            return _double_text(value)
        case Kind.BOOLEAN:
            return "TRUE" if value else "FALSE"
        case Kind.TIMESTAMP | Kind.TIMESTAMP_NS:
            whole, _, fraction = str(value).partition(".")
            fraction = fraction.rstrip("0")
            return f"{whole}.{fraction}" if fraction else whole
        case Kind.LONG_TEXT | Kind.LONG_BINARY:
            length, _, digest = str(value).partition(":")
            unit = "characters" if kind is Kind.LONG_TEXT else "bytes"
            return f"{length} {unit}, hash {digest}"
        case _:
            return str(value)


def _double_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)
