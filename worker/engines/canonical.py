"""Bring the values of one column into the storage form of the type in which they are compared.

In storage form two values are equal exactly when their bytes are equal (NULL beside): NaN has one
form, -0 is 0, '' is NULL as in Oracle, CHAR padding is gone, numbers of one column have one scale, and
a number too wide for a fixed decimal is plain decimal text without superfluous zeros.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines import intervals
from worker.engines.cells import bits
from worker.engines.values import Kind, ValueType, type_of_arrow

DIGEST_BYTES = 16
"""Bytes of the hash by which long values are compared; a wrong "equal" has odds of 2**-128 a pair."""

_NO_BYTES = pa.scalar(0, pa.int32())
"""Made once: for each number of Python that it is given, Arrow looks for a module that is not installed."""


def canonical(array: pa.Array, own: ValueType, wanted: ValueType, *, padded: bool = False) -> pa.Array:
    """`array`, whose values are of type `own`, in the storage form of `wanted`.

    `wanted` must come from `common_type` with `own` on one side. `padded` says that trailing blanks
    are CHAR padding. Raises pyarrow.ArrowInvalid when a value does not fit its declared type.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    match wanted.kind:
        case Kind.INTEGER | Kind.BOOLEAN:
            return array.cast(wanted.storage)
        case Kind.DECIMAL:
            return _decimal(array, wanted)
        case Kind.NUMBER:
            return _number_text(array)
        case Kind.DOUBLE:
            return _double(array, own)
        case Kind.TIMESTAMP:
            return _timestamp(array)
        case Kind.TIMESTAMP_NS:
            return _timestamp_text(array, own)
        case Kind.TEXT:
            return _text(array, padded)
        case Kind.BINARY:
            return _binary(array)
        case Kind.LONG_TEXT:
            return _digests(_text(array, padded).cast(pa.large_binary()), array)
        case Kind.LONG_BINARY:
            return _digests(_binary(array), array)
        case Kind.INTERVAL_MONTHS:
            return intervals.months(array)
        case Kind.INTERVAL_NANOSECONDS:
            return intervals.nanoseconds(array)


def number_text(value: Decimal) -> str:
    """The canonical text of a decimal number: plain notation, no superfluous zeros, no minus zero."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimal(array: pa.Array, wanted: ValueType) -> pa.Array:
    if pa.types.is_integer(array.type):
        array = array.cast(pa.decimal128(20, 0))
    return array.cast(wanted.storage)


def _number_text(array: pa.Array) -> pa.Array:
    text = array.cast(pa.large_string())
    odd = pc.fill_null(pc.match_substring_regex(text, "[eE+ ]|^0[0-9]|^-0[0-9]"), False)
    if pc.any(odd).as_py():
        values = text.to_pylist()
        text = pa.array([None if v is None else number_text(Decimal(v)) for v in values], pa.large_string())
    text = pc.replace_substring_regex(text, r"^(-?)\.", r"\10.")
    fractional = pc.match_substring(text, ".")
    text = pc.if_else(fractional, pc.replace_substring_regex(text, r"\.?0*$", ""), text)
    return pc.if_else(pc.equal(text, "-0"), "0", text).cast(pa.large_string())


def _double(array: pa.Array, own: ValueType) -> pa.Array:
    if own.kind is Kind.DECIMAL or pa.types.is_integer(array.type):
        array = array.cast(pa.large_string())
    doubles = array.cast(pa.float64())
    mask = doubles.is_null()
    raw = doubles.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0  # -0.0 + 0.0 is 0.0
    raw[np.isnan(raw)] = np.nan
    valid = None if doubles.null_count == 0 else bits(~mask.to_numpy(zero_copy_only=False))
    return pa.Array.from_buffers(pa.float64(), len(raw), [valid, pa.py_buffer(raw)])


def _timestamp(array: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC")).cast(pa.timestamp(array.type.unit))
    return array.cast(pa.timestamp("us"))


def _timestamp_text(array: pa.Array, own: ValueType) -> pa.Array:
    if own.kind is Kind.TIMESTAMP:
        text = pc.strftime(_timestamp(array), "%Y-%m-%d %H:%M:%S")
        return pc.binary_join_element_wise(text, "000", "").cast(pa.large_string())
    if pa.types.is_timestamp(array.type):
        if array.type.tz is not None:
            array = array.cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("ns"))
        array = pc.strftime(array, "%Y-%m-%d %H:%M:%S")
    return array.cast(pa.large_string())


def _text(array: pa.Array, padded: bool) -> pa.Array:
    text = array.cast(pa.large_string())
    text = _empty_as_null(text)
    return pc.utf8_rtrim(text, characters=" ") if padded else text


def _binary(array: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_binary(array.type):
        array = array.cast(pa.binary())
    return _empty_as_null(array.cast(pa.large_binary()))


def _empty_as_null(array: pa.Array) -> pa.Array:
    empty = pc.equal(pc.binary_length(array), _NO_BYTES)
    if not pc.any(empty).as_py():
        return array
    return pc.if_else(empty, pa.scalar(None, array.type), array)


def _digests(binary: pa.Array, original: pa.Array) -> pa.Array:
    if type_of_arrow(original.type) == ValueType(Kind.TEXT):
        lengths = pc.utf8_length(original.cast(pa.large_string())).to_pylist()
    else:
        lengths = pc.binary_length(binary).to_pylist()
    digests = [
        None if value is None else f"{length}:{blake2b(value, digest_size=DIGEST_BYTES).hexdigest()}"
        for value, length in zip(binary.to_pylist(), lengths, strict=True)
    ]
    return pa.array(digests, pa.large_string())
