"""Rules of times: a tolerance in seconds, and zones that the sides' local times are in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from app.jobs.rules import ColumnRule
from worker.engines.cells import positions
from worker.engines.errors import BadPlan
from worker.engines.numbers import Mask
from worker.engines.values import Kind, ValueType

Numbers = npt.NDArray[np.int64]
_SECOND_NS = 1_000_000_000


def excused_times(a: pa.Array, b: pa.Array, value_type: ValueType, rule: ColumnRule) -> Mask:
    """Where a[i] and b[i], none of them NULL, count as the same time."""
    if rule.time_tolerance is None and rule.zone_a is None and rule.zone_b is None:
        return np.zeros(len(a), np.bool_)
    seconds_a, nanos_a = instants(a, value_type)
    seconds_b, nanos_b = instants(b, value_type)
    if rule.zone_a is not None:
        seconds_a = _to_utc(seconds_a, rule.zone_a)
    if rule.zone_b is not None:
        seconds_b = _to_utc(seconds_b, rule.zone_b)
    whole, rest = divmod(int((rule.time_tolerance or 0) * _SECOND_NS), _SECOND_NS)
    seconds, nanos = distance(seconds_b - seconds_a, nanos_b - nanos_a)
    return np.asarray((seconds < whole) | ((seconds == whole) & (nanos <= rest)), np.bool_)


def distance(seconds: Numbers, nanos: Numbers) -> tuple[Numbers, Numbers]:
    """The absolute value of seconds * 1e9 + nanos, its nanoseconds within the second."""
    carry = nanos // _SECOND_NS
    seconds, nanos = seconds + carry, nanos - carry * _SECOND_NS
    negative = seconds < 0
    return (
        np.where(negative, -seconds - (nanos > 0), seconds),
        np.where(negative & (nanos > 0), _SECOND_NS - nanos, nanos),
    )


def instants(array: pa.Array, value_type: ValueType) -> tuple[Numbers, Numbers]:
    """Seconds since 1970 (rounded down) and nanoseconds within the second of times in storage form."""
    if value_type.kind is Kind.TIMESTAMP_NS:
        seconds = pc.utf8_slice_codeunits(array, 0, 19).cast(pa.timestamp("s")).cast(pa.int64())
        nanos = pc.utf8_slice_codeunits(array, 20, 29).cast(pa.int64())
        return _numpy(seconds), _numpy(nanos)
    micros = _numpy(array.cast(pa.int64()))
    return micros // 1_000_000, micros % 1_000_000 * 1000


def _to_utc(seconds: Numbers, zone: str) -> Numbers:
    """Local times of `zone` as UTC. A time that a change of the clock repeats is the first of the two; one
    that it skips is the last second before the change."""
    local = positions(seconds).view(pa.timestamp("s"))
    try:
        utc = pc.assume_timezone(local, zone, ambiguous="earliest", nonexistent="earliest")
    except pa.ArrowInvalid as error:
        raise BadPlan(f"The times cannot be read as local times of {zone}: {error}.") from error
    return _numpy(utc.cast(pa.int64()))


def _numpy(array: pa.Array) -> Numbers:
    return np.asarray(array.to_numpy(zero_copy_only=False), np.int64)
