"""Classes of changes of dates and times: lost time, lost fractions, shifts, centuries, day for month."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.classes.details import Details
from worker.engines.classes.labels import CHANGED, Codes, code
from worker.engines.numbers import plain, total
from worker.engines.rules.times import distance, instants
from worker.engines.values import ValueType

Numbers = npt.NDArray[np.int64]

_DAY = 86_400
_QUARTER_HOUR = 900
_MAX_SHIFT = 26 * 3600
_NANO = 1_000_000_000
_FRACTIONS = (_NANO, 1_000_000, 1000)
"""Fractions of a second are lost down to seconds, milliseconds or microseconds; in nanoseconds."""
_MONTHS_OF_CENTURY = 1200


def instant_classes(a: pa.Array, b: pa.Array, value_type: ValueType, details: Details) -> Codes:
    """The label of each pair of different times."""
    seconds_a, nanos_a = instants(a, value_type)
    seconds_b, nanos_b = instants(b, value_type)
    labels = np.full(seconds_a.size, CHANGED, np.int8)
    _measure(seconds_b - seconds_a, nanos_b - nanos_a, details)

    def label(name: str, hit: npt.NDArray[np.bool_]) -> None:
        labels[hit & (labels == CHANGED)] = code(name)

    midnight_a = (seconds_a % _DAY == 0) & (nanos_a == 0)
    midnight_b = (seconds_b % _DAY == 0) & (nanos_b == 0)
    shift = seconds_b - seconds_a
    even = (nanos_a == nanos_b) & (shift % _QUARTER_HOUR == 0) & (np.abs(shift) <= _MAX_SHIFT)
    lost = (seconds_a // _DAY == seconds_b // _DAY) & (midnight_a | midnight_b)
    label("time_lost", lost & ~even)
    label("time_lost|time_shift", lost)
    close = np.abs(seconds_b - seconds_a) <= 1
    apart = np.where(close, (seconds_b - seconds_a) * _NANO + nanos_b - nanos_a, _NANO)
    for unit in _FRACTIONS:
        bare = (nanos_a % unit == 0) | (nanos_b % unit == 0)
        label(
            "fraction_lost",
            close & bare & (np.abs(apart) < unit) & ((seconds_a == seconds_b) | (2 * np.abs(apart) <= unit)),
        )
    moved = even & (labels == CHANGED)
    labels[moved] = code("time_shift")
    _count_shifts(shift[moved], seconds_a[moved], details.shift, details.months)
    doubtful = labels == code("time_lost|time_shift")
    _count_shifts(shift[doubtful], seconds_a[doubtful], details.shift_or_lost, details.months)
    same_time = (nanos_a == nanos_b) & (shift % _DAY == 0) & (labels == CHANGED)
    rows = np.flatnonzero(same_time)
    if rows.size:
        year_a, month_a, day_a = _calendar(seconds_a[rows])
        year_b, month_b, day_b = _calendar(seconds_b[rows])
        century = (
            (month_a == month_b) & (day_a == day_b) & (np.abs(year_a - year_b) * 12 == _MONTHS_OF_CENTURY)
        )
        turned = (year_a == year_b) & (month_a == day_b) & (day_a == month_b)
        labels[rows[century]] = code("century")
        labels[rows[turned]] = code("day_month_swapped")
    return labels


def _count_shifts(
    shift: Numbers, seconds_a: Numbers, shifts: Counter[int], months: Counter[tuple[int, int]]
) -> None:
    month = _calendar(seconds_a)[1]
    pairs, counts = np.unique(shift * 16 + month, return_counts=True)
    for both, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        micros = both // 16 * 1_000_000
        shifts[micros] += count
        months[micros, both % 16] += count


def _calendar(seconds: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Year, month and day of times."""
    days = (seconds // _DAY).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    index = months.astype(np.int64)
    return index // 12 + 1970, index % 12 + 1, (days - months.astype("datetime64[D]")).astype(np.int64) + 1


def _measure(seconds: Numbers, nanos: Numbers, details: Details) -> None:
    if seconds.size == 0:
        return
    whole, rest = distance(seconds, nanos)
    longest = int(whole.max())
    details.distances.add(
        seconds.size,
        plain(total(whole) * _NANO + total(rest), 9),
        plain(longest * _NANO + int(rest[whole == longest].max()), 9),
    )
