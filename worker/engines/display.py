"""Values as text for people: exact, and the same whichever engine or source they came from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines import intervals
from worker.engines.cells import positions
from worker.engines.numbers import decimal_texts
from worker.engines.values import Kind, ValueType

_POINT_ZERO, _NOTHING = (pa.scalar(text, pa.large_string()) for text in (".0", ""))
_ZERO, _REPR_FROM, _REPR_BELOW = (pa.scalar(number, pa.float64()) for number in (0.0, 1e-4, 1e16))
"""Python writes doubles of this magnitude without an exponent."""


def texts(array: pa.Array, value_type: ValueType) -> list[str | None]:
    """Each value of a column in storage form as text; None for NULL. See `text_array`."""
    found: list[str | None] = text_array(array, value_type).to_pylist()
    return found


def text_array(array: pa.Array, value_type: ValueType) -> pa.Array:
    """Each value of a column in storage form as text, NULL as NULL.

    Numbers have every digit and no superfluous zeros; instants read 2026-09-05 12:30:00 with a fraction
    only where there is one; intervals read 1-02 (years, months) and 1 02:03:04.5 (days); RAW is hexadecimal; large objects are told by size and hash.
    """
    match value_type.kind:
        case Kind.DECIMAL:
            return decimal_texts(array)
        case Kind.INTERVAL_MONTHS:
            return intervals.month_texts(array)
        case Kind.INTERVAL_NANOSECONDS:
            return intervals.nanosecond_texts(array)
        case Kind.DOUBLE:
            return _double_texts(array)
        case Kind.BOOLEAN:
            return pc.if_else(array, "TRUE", "FALSE").cast(pa.large_string())
        case Kind.TIMESTAMP:
            return _without_zero_fraction(array.cast(pa.large_string()))
        case Kind.TIMESTAMP_NS:
            return _without_zero_fraction(array)
        case Kind.BINARY:
            return _hexadecimal(array)
        case Kind.LONG_TEXT | Kind.LONG_BINARY:
            unit = "characters" if value_type.kind is Kind.LONG_TEXT else "bytes"
            return pc.replace_substring(array, ":", f" {unit}, hash ", max_replacements=1)
        case _:
            return array.cast(pa.large_string())


def _without_zero_fraction(text: pa.Array) -> pa.Array:
    return pc.utf8_rtrim(pc.if_else(pc.match_substring(text, "."), pc.utf8_rtrim(text, "0"), text), ".")


def _double_texts(array: pa.Array) -> pa.Array:
    """Doubles as Python writes them: the shortest text that reads back as the same double."""
    text = array.cast(pa.large_string())
    magnitude = pc.abs(array)
    usual = pc.and_(pc.greater_equal(magnitude, _REPR_FROM), pc.less(magnitude, _REPR_BELOW))
    usual = pc.and_not(pc.or_(usual, pc.equal(magnitude, _ZERO)), pc.match_substring(text, "e"))
    usual = pc.fill_null(usual, True)
    whole = pc.fill_null(pc.invert(pc.match_substring(text, ".")), False)
    text = pc.if_else(whole, pc.binary_join_element_wise(text, _POINT_ZERO, _NOTHING), text)
    if not pc.all(usual, min_count=0).as_py():
        odd = np.flatnonzero(~usual.to_numpy(zero_copy_only=False))
        values = [_double_text(v) for v in array.take(positions(odd)).to_pylist()]
        text = pc.replace_with_mask(text, pc.invert(usual), pa.array(values, pa.large_string()))
    return text


def _double_text(value: float) -> str:
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return names.get(repr(value), repr(value))


def _hexadecimal(array: pa.Array) -> pa.Array:
    """Upper-case hexadecimal of all values at once: two digits for each byte of the one buffer."""
    whole = pa.concat_arrays([array.slice(0, 0), array])  # offsets of a slice start anywhere
    buffers = whole.buffers()
    offsets = np.frombuffer(buffers[1], np.int64)[whole.offset : whole.offset + len(whole) + 1]
    data = b"" if buffers[2] is None else buffers[2].to_pybytes()[int(offsets[0]) : int(offsets[-1])]
    digits = pa.py_buffer(data.hex().upper().encode())
    moved = pa.py_buffer(2 * (offsets - offsets[0]))
    mask = pa.array(whole.is_valid()).buffers()[1] if whole.null_count else None
    return pa.Array.from_buffers(pa.large_string(), len(whole), [mask, moved, digits], whole.null_count)
