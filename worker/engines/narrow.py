"""Columns in narrow form: eight bytes a value, whatever the type, so that a whole column can be gathered.

Whole numbers, decimals of up to 18 digits, instants, doubles and booleans are held as they are: for them
equal in narrow form is equal. Everything else is held as a 64-bit hash of its canonical form: different
hashes prove different values; two different values have equal hashes with odds of 2**-64 a pair, about
5e-13 for a column in which ten million pairs differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.canonical import canonical
from worker.engines.cells import bits
from worker.engines.values import Kind, ValueType

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_CHUNK = 1 << 17
"""Rows a step of comparing: a chunk of every array involved stays in the processor's cache."""
_TICK_ROWS = 1 << 20
_EXACT_DIGITS = 18
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800
_PLAIN_INSTANT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{9}$"
_NULL_HASH = np.uint64(0x6A09E667F3BCC908)
_AS_THEY_ARE = frozenset(
    {Kind.INTEGER, Kind.BOOLEAN, Kind.DOUBLE, Kind.TIMESTAMP, Kind.INTERVAL_MONTHS, Kind.DECIMAL}
)


@dataclass(frozen=True, slots=True)
class Narrow:
    """A column or a piece of one: `values` of one fixed width, zero where `valid` is False; None means all valid."""

    values: npt.NDArray[Any]
    valid: Mask | None = None


def is_exact(value_type: ValueType) -> bool:
    """Whether the narrow form tells every two values apart, so that nothing rests on a hash."""
    if value_type.kind is Kind.DECIMAL:
        return value_type.precision <= _EXACT_DIGITS
    return value_type.kind in _AS_THEY_ARE


def dtype(value_type: ValueType) -> npt.DTypeLike:
    """How narrow values of this type are held."""
    if value_type.kind is Kind.BOOLEAN:
        return np.uint8
    return np.int64 if is_exact(value_type) else np.uint64


def narrow(
    array: pa.Array, own: ValueType, wanted: ValueType, *, padded: bool = False, stored: bool = False
) -> Narrow:
    """`array`, whose values are of type `own`, in the narrow form of `wanted`. Raises as `canonical` does.

    With `stored` the values are in the storage form of `wanted` already.
    """
    if wanted.kind in (Kind.TEXT, Kind.BINARY) and own.kind is wanted.kind:
        return _hashed_bytes(array, padded=padded, stored=stored)
    if wanted.kind is Kind.TIMESTAMP_NS:
        return _hashed_instants(array, own)
    if not stored:
        array = canonical(array, own, wanted, padded=padded)
    match wanted.kind:
        case Kind.DECIMAL | Kind.INTERVAL_NANOSECONDS:
            words = _buffer(array, np.int64, 2).reshape(-1, 2)
            low = words[:, 0]
            if is_exact(wanted):
                return _filled(low, array)
            excess = (words[:, 1] - (low >> 63)).view(np.uint64)
            return _filled(low.astype(np.uint64) ^ scatter(excess), array)
        case Kind.BOOLEAN:
            values = array.fill_null(False).to_numpy(zero_copy_only=False).view(np.uint8)
            return _filled(values, array)
        case Kind.INTEGER | Kind.DOUBLE | Kind.TIMESTAMP | Kind.INTERVAL_MONTHS:
            return _filled(_buffer(array, np.int64, 1), array)
        case _:
            return _hashed_bytes(array, stored=True)


def widen(column: Narrow, value_type: ValueType) -> pa.Array:
    """Narrow values back in storage form. Only where `is_exact`."""
    values, valid = column.values, None if column.valid is None else bits(column.valid)
    match value_type.kind:
        case Kind.DECIMAL:
            words = np.empty((values.size, 2), np.int64)
            words[:, 0], words[:, 1] = values, values >> 63
            data = pa.py_buffer(words)
        case Kind.BOOLEAN:
            data = bits(values.astype(np.bool_))
        case _:
            data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(value_type.storage, values.size, [valid, data])


def picked(column: Narrow, rows: Rows) -> Narrow:
    """The values at `rows`, in that order."""
    return Narrow(column.values[rows], None if column.valid is None else column.valid[rows])


def mismatches(a: Narrow, b: Narrow, partner: Rows, tick: Callable[[], None] = lambda: None) -> Rows:
    """The rows of A that have a partner in B (`partner[row]`, or -1) and differ from it, ascending.

    `tick` is called as work goes on and may raise.
    """
    found: list[Rows] = []
    if a.values.size == 0 or b.values.size == 0:
        return np.empty(0, np.int64)
    for start in range(0, a.values.size, _CHUNK):
        if start % _TICK_ROWS == 0:
            tick()
        end = min(start + _CHUNK, a.values.size)
        rows_b = partner[start:end]
        different = np.take(b.values, rows_b, mode="clip") != a.values[start:end]
        if a.valid is not None or b.valid is not None:
            valid_a = np.True_ if a.valid is None else a.valid[start:end]
            valid_b = np.True_ if b.valid is None else np.take(b.valid, rows_b, mode="clip")
            different |= valid_a != valid_b
        different &= rows_b >= 0
        hits = np.flatnonzero(different)
        if hits.size:
            found.append(hits + start)
    return np.concatenate(found) if found else np.empty(0, np.int64)


def scatter(codes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Codes mixed so that neighbours land far apart, 0 to 0; the finalizer of splitmix64, a bijection."""
    mixed = codes ^ (codes >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def codes(columns: list[Narrow]) -> npt.NDArray[np.uint64]:
    """A 64-bit code of each row of a key of one or more columns; equal keys have equal codes."""
    code = np.zeros(columns[0].values.size, np.uint64)
    for column in columns:
        values = column.values
        code ^= values.astype(np.uint64) if values.dtype == np.uint8 else values.view(np.uint64)
        if column.valid is not None:
            code[~column.valid] ^= _NULL_HASH
        code = scatter(code + np.uint64(0x9E3779B97F4A7C15))
    return code


def _hashed_bytes(array: pa.Array, *, padded: bool = False, stored: bool = False) -> Narrow:
    """Text or bytes as a source has them, or in storage form: there blanks that were padding are '', not NULL."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        array = array.cast(pa.large_string())
    if pa.types.is_fixed_size_binary(array.type):
        array = array.cast(pa.binary())
    series = pl.Series(array)
    text = series.dtype == pl.String
    if stored:
        null = series.is_null().to_numpy()
    else:  # '' is NULL
        sizes = series.str.len_bytes() if text else series.bin.size()
        null = sizes.fill_null(0).to_numpy() == 0
    if padded and text:
        series = series.str.strip_chars_end(" ")
    values = series.hash().to_numpy(writable=bool(null.any()))
    if null.any():
        values[null] = _NULL_HASH
    return Narrow(values)


def _hashed_instants(array: pa.Array, own: ValueType) -> Narrow:
    """Instants to the nanosecond, as Arrow's or as canonical text: hashed without being written as text.

    Text that is no date of the years 1 to 9999 of today's calendar (Oracle also has the Julian one) is
    hashed as text; so are Arrow's instants of other years.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s"))
    if pa.types.is_timestamp(array.type):
        per = _PER_SECOND[array.type.unit]
        units = array.cast(pa.timestamp(array.type.unit, array.type.tz)).view(pa.int64()).fill_null(0)
        whole = units.to_numpy(zero_copy_only=False)
        seconds, nanoseconds = whole // per, whole % per * (_PER_SECOND["ns"] // per)
        text = None
    else:
        text = array.cast(pa.large_string())
        seconds, nanoseconds = _parsed_instants(text)
    values = scatter(scatter(seconds.view(np.uint64)) + nanoseconds.view(np.uint64))
    odd = np.flatnonzero((seconds < _YEAR_1) | (seconds >= _YEAR_10000))
    if odd.size:
        texts = (canonical(array, own, ValueType(Kind.TIMESTAMP_NS)) if text is None else text).take(odd)
        values[odd] = _hashed_bytes(texts, stored=True).values
    if array.null_count:
        values[array.is_null().to_numpy(zero_copy_only=False)] = _NULL_HASH
    return Narrow(values)


def _parsed_instants(text: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Seconds since 1970 and nanoseconds; seconds out of range where the text is no such date."""
    plain = pc.fill_null(pc.match_substring_regex(text, _PLAIN_INSTANT), False)
    seconds, nanoseconds = np.full(len(text), _YEAR_10000), np.zeros(len(text), np.int64)
    rows = np.flatnonzero(plain.to_numpy(zero_copy_only=False))
    dates = pc.utf8_slice_codeunits(text.take(rows), 0, 19)
    try:
        parsed = dates.cast(pa.timestamp("s"))
    except pa.ArrowInvalid:  # 29 February 1500 and the like
        known = np.array([_is_date(date) for date in dates.to_pylist()], np.bool_)
        rows, parsed = rows[known], dates.filter(pa.array(known)).cast(pa.timestamp("s"))
    seconds[rows] = parsed.view(pa.int64()).to_numpy(zero_copy_only=False)
    fraction = pc.utf8_slice_codeunits(text.take(rows), 20, 29).cast(pa.int64())
    nanoseconds[rows] = fraction.to_numpy(zero_copy_only=False)
    return seconds, nanoseconds


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _buffer(array: pa.Array, kind: npt.DTypeLike, words: int) -> npt.NDArray[Any]:
    buffer = array.buffers()[1]
    if len(array) == 0 or buffer is None:
        return np.zeros(words * len(array), kind)
    start = words * array.offset
    return np.frombuffer(buffer, kind)[start : start + words * len(array)]


def _filled(values: npt.NDArray[Any], array: pa.Array) -> Narrow:
    if array.null_count == 0:
        return Narrow(values)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return Narrow(np.where(valid, values, values.dtype.type(0)), valid)
