"""Classes of changes of numbers: sign, factor, rounding, truncation, transposed digits, units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from worker.engines.classes.details import Details
from worker.engines.classes.labels import CHANGED, Codes, code
from worker.engines.numbers import Mask, NumberPairs, Whole, plain, total

MAX_DECIMALS = 12
"""Rounding, truncation and tolerances are looked for at 0 to this many decimals."""
_MOST_FACTOR = 9
_INT64 = (1 << 63) - 1

UNITS: dict[str, tuple[float, str]] = {
    "60": (60.0, "minutes and hours, or seconds and minutes"),
    "3600": (3600.0, "hours and seconds"),
    "24": (24.0, "days and hours"),
    "12": (12.0, "years and months"),
    "1024": (1024.0, "kilobytes and bytes"),
    "1048576": (1048576.0, "megabytes and bytes"),
    "2.54": (2.54, "inches and centimetres"),
    "25.4": (25.4, "inches and millimetres"),
    "0.3048": (0.3048, "feet and metres"),
    "0.9144": (0.9144, "yards and metres"),
    "1.609344": (1.609344, "miles and kilometres"),
    "1.852": (1.852, "nautical miles and kilometres"),
    "0.45359237": (0.45359237, "pounds and kilograms"),
    "28.349523125": (28.349523125, "ounces and grams"),
    "3.785411784": (3.785411784, "US gallons and litres"),
    "3.6": (3.6, "metres per second and kilometres per hour"),
}
"""Factors between units that tables are converted between, by their text, with what they convert."""
_LEAST_DIGITS = 100.0
"""A converted value is believed if it is so many times its own rounding error: two digits or more."""


def number_classes(pairs: NumberPairs, details: Details) -> Codes:
    """The label of each pair of different numbers."""
    labels = np.full(pairs.a.size, CHANGED, np.int8)
    if labels.size == 0:
        return labels
    _measure(pairs, details)
    free = ~np.asarray(pairs.a == -pairs.b, np.bool_)
    labels[~free] = code("sign")
    larger_a = np.asarray(np.abs(pairs.a) > np.abs(pairs.b), np.bool_)
    for power in range(1, _MOST_FACTOR + 1):
        for side, large, small in (("a", pairs.a, pairs.b), ("b", pairs.b, pairs.a)):
            rows = np.flatnonzero(free & (larger_a if side == "a" else ~larger_a) & _mask(small != 0))
            rows = rows[_mask(_scaled_down(large[rows], power) == small[rows])]
            rows = rows[_mask(small[rows] * 10**power == large[rows])]
            if rows.size:
                labels[rows] = code("factor")
                details.factor[side, power] += rows.size
                free[rows] = False
    for side, coarse, fine in (("a", pairs.a, pairs.b), ("b", pairs.b, pairs.a)):
        rounded, truncated = _rounding(side, coarse, fine, pairs.scale, free, details)
        labels[rounded] = code(f"rounded:{side}")
        labels[truncated] = code(f"truncated:{side}")
        labels[rounded & truncated] = code(f"rounded|truncated:{side}")
        free &= ~(rounded | truncated)
    if free.any():
        hit = _transposed(pairs, free)
        labels[hit] = code("transposed")
        free &= ~hit
        labels[_converted(pairs, free, details)] = code("unit_factor")
    return labels


def _scaled_down(whole: Whole, power: int) -> Whole:
    quotient: Whole = np.sign(whole) * (np.abs(whole) // 10**power)
    return quotient


def _measure(pairs: NumberPairs, details: Details) -> None:
    gap = np.abs(pairs.b - pairs.a)
    details.distances.add(gap.size, plain(total(gap), pairs.scale), plain(int(gap.max()), pairs.scale))
    small = np.flatnonzero(_mask(gap <= 10**pairs.scale))
    powers = [min(10 ** (pairs.scale - n), _most(gap)) for n in range(min(pairs.scale, MAX_DECIMALS) + 1)]
    # At most 10**-n: in units of the last place at most 10**(scale - n). From the finest limit upwards.
    limits = np.array(powers[::-1], dtype=pairs.a.dtype)
    place = np.searchsorted(limits, gap[small], side="left")
    counts = np.bincount(place, minlength=len(powers))[: len(powers)]
    for n, count in zip(range(len(powers) - 1, -1, -1), counts.tolist(), strict=True):
        if count:
            details.within[n] += count


def _most(gap: Whole) -> int:
    """No distance is larger."""
    return _INT64 if gap.dtype != object else int(gap.max())


def _rounding(
    side: str, coarse: Whole, fine: Whole, scale: int, free: Mask, details: Details
) -> tuple[Mask, Mask]:
    """Where `coarse` is `fine` rounded (half units go either way), and where cut off, to some decimals."""
    any_rounded, any_truncated = np.zeros(free.size, np.bool_), np.zeros(free.size, np.bool_)
    members = np.flatnonzero(free)
    if scale == 0 or members.size == 0:
        return any_rounded, any_truncated
    coarse, fine = coarse[members], fine[members]
    gap = np.abs(coarse - fine)
    inward = _mask(np.abs(coarse) < np.abs(fine)) & _mask((coarse == 0) | ((coarse < 0) == (fine < 0)))
    hits = []
    for decimals in range(min(scale, MAX_DECIMALS + 1)):
        unit = 10 ** (scale - decimals)
        near = np.flatnonzero(_mask(gap < unit))
        near = near[_divisible(coarse[near], unit)]
        if near.size:
            rounded = near[_mask(gap[near] <= unit // 2)]
            truncated = near[inward[near]]
            hits.append((decimals, rounded, truncated))
            any_rounded[members[rounded]] = True
            any_truncated[members[truncated]] = True
    for decimals, rounded, truncated in hits:
        only_rounded = rounded[~any_truncated[members[rounded]]]
        only_truncated = truncated[~any_rounded[members[truncated]]]
        details.decimals["rounded", "all", side, decimals] += rounded.size
        details.decimals["rounded", "only", side, decimals] += only_rounded.size
        details.decimals["truncated", "all", side, decimals] += truncated.size
        details.decimals["truncated", "only", side, decimals] += only_truncated.size
        if rounded.size or truncated.size:
            seen = max(_most_decimals(fine[rows], scale) for rows in (rounded, truncated) if rows.size)
            details.finer[side, decimals] = max(details.finer.get((side, decimals), 0), seen)
    return any_rounded, any_truncated


def _divisible(whole: Whole, unit: int) -> Mask:
    if whole.dtype != object and unit > _INT64:
        return _mask(whole == 0)
    return _mask(whole % unit == 0)


def _most_decimals(whole: Whole, scale: int) -> int:
    decimals = scale
    while decimals > 0 and bool(np.all(whole % 10 == 0)):
        whole = whole // 10
        decimals -= 1
    return decimals


def _transposed(pairs: NumberPairs, free: Mask) -> Mask:
    """Where two neighbouring digits changed places: the difference is then 9 * d * 10**n, d from 1 to 9."""
    hit = np.zeros(free.size, np.bool_)
    if pairs.a.dtype == object:
        return hit
    rows = np.flatnonzero(free & _mask((pairs.a < 0) == (pairs.b < 0)))
    a, b = np.abs(pairs.a[rows]), np.abs(pairs.b[rows])
    rows = rows[_mask((a - b) % 9 == 0)]
    a, b = np.abs(pairs.a[rows]), np.abs(pairs.b[rows])
    for place in range(17):
        if rows.size == 0 or not bool(np.any(np.maximum(a, b) >= 10**place)):
            break
        unit = 10**place
        high_a, high_b, low_a, low_b = a // unit, b // unit, a % unit, b % unit
        first, second = high_a % 100 // 10, high_a % 10
        same = _mask(low_a == low_b) & _mask(high_a // 100 == high_b // 100)
        same &= _mask(second * 10 + first == high_b % 100) & _mask((second > 0) | (high_a >= 100))
        hit[rows[same & _mask((first > 0) | (high_b >= 100))]] = True
    return hit


def _converted(pairs: NumberPairs, free: Mask, details: Details) -> Mask:
    """Where one side is the other times a factor of UNITS, to the last digit that the converted side shows."""
    hit = np.zeros(free.size, np.bool_)
    if pairs.a.dtype == object:
        return hit
    rows = np.flatnonzero(free & _mask(pairs.a != 0) & _mask(pairs.b != 0))
    if rows.size == 0:
        return hit
    whole = [side[rows] for side in (pairs.a, pairs.b)]
    error = [_last_place(side, pairs.scale) / 2 for side in whole]
    value = [np.asarray(side, np.float64) for side in whole]
    for name, (factor, _) in UNITS.items():
        for side, one, other in (("a", 0, 1), ("b", 1, 0)):
            expected = value[one] * factor
            near = np.abs(expected - value[other]) <= error[other] * (1 + 1e-9) + np.abs(expected) * 1e-15
            near &= np.abs(value[other]) >= _LEAST_DIGITS * error[other]
            near &= ~hit[rows]
            if near.any():
                hit[rows[near]] = True
                details.unit[name, side] += int(near.sum())
    return hit


def _last_place(whole: Whole, scale: int) -> npt.NDArray[np.float64]:
    """The unit of the last decimal that each number shows, in units of `scale`."""
    unit = np.ones(whole.size, np.float64)
    rows = np.arange(whole.size)
    for _ in range(scale):
        rows = rows[_mask(whole[rows] % 10 == 0)]
        if rows.size == 0:
            break
        whole = whole.copy()
        whole[rows] //= 10
        unit[rows] *= 10
    return unit


def _mask(values: object) -> Mask:
    return np.asarray(values, np.bool_)
