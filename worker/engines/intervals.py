"""Lengths of time: Oracle's two kinds of INTERVAL, and durations and times of day in files.

In storage form an INTERVAL YEAR TO MONTH is a number of months (int64), any other length a number of
nanoseconds (decimal128 without fraction: Oracle's longest are a billion days).
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_STORED = pa.decimal128(38, 0)
_DAY = 86_400_000_000_000
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_MONTHS_DAYS_NANOSECONDS = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
"""Arrow's layout of month_day_nano_interval."""


def is_length_of_time(arrow_type: pa.DataType) -> bool:
    """Whether values of an Arrow type become a number of nanoseconds by their type alone."""
    return bool(pa.types.is_duration(arrow_type) or pa.types.is_time(arrow_type))


def months(array: pa.Array) -> pa.Array:
    """The months of month_day_nano_interval values, as int64."""
    return _masked(pa.array(_parts(array)["months"].astype(np.int64)), array)


def nanoseconds(array: pa.Array) -> pa.Array:
    """Days and nanoseconds of month_day_nano_interval values, or a duration, or a time of day."""
    if is_length_of_time(array.type):
        whole = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())
        return _times(whole, _UNITS[array.type.unit])
    parts = _parts(array)
    days = _times(pa.array(parts["days"].astype(np.int64)), _DAY)
    rest = _times(pa.array(np.ascontiguousarray(parts["nanoseconds"])), 1)
    return _masked(pc.add(days.cast(pa.decimal128(37, 0)), rest.cast(pa.decimal128(37, 0))), array)


def month_texts(array: pa.Array) -> pa.Array:
    """Months as Oracle writes them, years-months: 1-02, -0-03."""
    values = array.fill_null(0).to_numpy(zero_copy_only=False)
    years, rest = np.divmod(np.abs(values), 12)
    return _masked(_joined(_sign(values < 0), _text(years), "-", _text(rest, 2)), array)


def nanosecond_texts(array: pa.Array) -> pa.Array:
    """Nanoseconds as Oracle writes them, without what is zero at either end: 1 02:03:04.5, -00:00:10, 12:30:00."""
    wide = pc.abs(array).cast(pa.decimal256(38, 0)).fill_null(0)
    day = pa.scalar(Decimal(_DAY), pa.decimal256(14, 0))
    days = pc.floor(pc.divide(wide, day)).cast(pa.int64())
    rest = pc.subtract(wide, _times(days, _DAY).cast(pa.decimal256(38, 0))).cast(pa.int64()).to_numpy()
    seconds, fraction = np.divmod(rest, 1_000_000_000)
    minutes, seconds = np.divmod(seconds, 60)
    hours, minutes = np.divmod(minutes, 60)
    negative = pc.less(array, pa.scalar(Decimal(0), _STORED)).fill_null(False).to_numpy(zero_copy_only=False)
    clock = _joined(_text(hours, 2), ":", _text(minutes, 2), ":", _text(seconds, 2))
    clock = pc.if_else(
        pa.array(fraction != 0), pc.utf8_rtrim(_joined(clock, ".", _text(fraction, 9)), "0"), clock
    )
    whole = pc.if_else(pc.not_equal(days, 0), _joined(_text(days.to_numpy()), " ", clock), clock)
    return _masked(_joined(_sign(negative), whole), array)


def _parts(array: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.frombuffer(array.buffers()[1], _MONTHS_DAYS_NANOSECONDS)[
        array.offset : array.offset + len(array)
    ]


def _times(whole: pa.Array, factor: int) -> pa.Array:
    product = pc.multiply(whole.cast(pa.decimal128(19, 0)), pa.scalar(Decimal(factor), pa.decimal128(14, 0)))
    return product.cast(_STORED)


def _masked(values: pa.Array, like: pa.Array) -> pa.Array:
    wanted = _STORED if pa.types.is_decimal(values.type) else values.type
    return pc.if_else(like.is_valid(), values.cast(wanted), pa.scalar(None, wanted))


def _text(whole: np.ndarray[tuple[int], np.dtype[np.int64]], width: int = 0) -> pa.Array:
    return pc.utf8_lpad(pa.array(whole).cast(pa.large_string()), width, "0")


def _sign(negative: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pa.Array:
    return pc.if_else(pa.array(negative), "-", "").cast(pa.large_string())


def _joined(*parts: pa.Array | str) -> pa.Array:
    texts = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))
