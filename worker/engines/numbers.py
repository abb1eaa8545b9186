"""Decimal arithmetic on pairs of numbers, vectorised: whole numbers at one scale, exact in every digit.

A pair of numbers becomes two whole numbers at a common scale (decimals). Pairs of one scale are worked on
together; nearly all fit int64, and only those that do not are Python's whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.canonical import number_text
from worker.engines.cells import bits, positions
from worker.engines.values import Kind, ValueType

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Whole = npt.NDArray[Any]
"""Whole numbers: int64 where all are small enough for arithmetic without overflow, else Python ints."""

_SAFE = 1 << 60
_SAFE_DIGITS = 18
_POWERS = 10 ** np.arange(_SAFE_DIGITS + 1, dtype=np.int64)
_FLOAT_DOUBT = 1e-12
"""Relative error beyond which float64 cannot err in a comparison of two products."""


@dataclass(frozen=True, slots=True)
class NumberPairs:
    """Pairs of finite numbers at the positions `rows` of their arrays: value = whole number / 10**scale."""

    rows: Rows
    a: Whole
    b: Whole
    scale: int


def number_pairs(a: pa.Array, b: pa.Array, value_type: ValueType) -> list[NumberPairs]:
    """Pairs of numbers in storage form, none of them NULL, by scale; NaN and infinity are in no group.

    A double stands for its shortest decimal text.
    """
    everything = np.arange(len(a), dtype=np.int64)
    match value_type.kind:
        case Kind.INTEGER:
            return list(_narrow_or_wide(everything, _int64(a), _int64(b), 0))
        case Kind.DECIMAL:
            low_a, low_b = _low_words(a), _low_words(b)
            fits = low_a[1] & low_b[1]
            groups = []
            if fits.any():
                rows = np.flatnonzero(fits)
                groups.append(NumberPairs(rows, low_a[0][rows], low_b[0][rows], value_type.scale))
            if not fits.all():
                rest = np.flatnonzero(~fits)
                groups += _of_texts(rest, *(decimal_texts(x.take(positions(rest))) for x in (a, b)))
            return groups
        case Kind.NUMBER:
            return _of_texts(everything, a, b)
        case Kind.DOUBLE:
            finite = pc.and_(pc.is_finite(a), pc.is_finite(b)).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(finite)
            return _of_texts(rows, *(_double_texts(x.take(positions(rows))) for x in (a, b)))
    raise ValueError(f"{value_type.kind} is not numeric")


def within_tolerance(pairs: NumberPairs, tolerance: Decimal) -> Mask:
    """Where |a - b| <= tolerance."""
    numerator, exponent = _whole_and_exponent(tolerance)
    shift = pairs.scale + exponent
    limit = numerator * 10**shift if shift >= 0 else numerator // 10**-shift
    if pairs.a.dtype != object:
        limit = min(limit, 4 * _SAFE - 1)
    return _mask(np.abs(pairs.a - pairs.b) <= limit)


def within_share(pairs: NumberPairs, share: Decimal) -> Mask:
    """Where |a - b| <= share * max(|a|, |b|)."""
    gap, larger = np.abs(pairs.a - pairs.b), np.maximum(np.abs(pairs.a), np.abs(pairs.b))
    numerator, exponent = _whole_and_exponent(share)
    denominator = 10**-exponent if exponent < 0 else 1
    numerator *= 10**exponent if exponent > 0 else 1
    if pairs.a.dtype == object:
        return _mask(gap * denominator <= larger * numerator)
    limit = larger.astype(np.float64) * float(share)
    within = _mask(gap <= limit)
    doubt = np.flatnonzero(np.abs(gap - limit) <= _FLOAT_DOUBT * np.maximum(limit, 1.0))
    for row in doubt.tolist():
        within[row] = int(gap[row]) * denominator <= int(larger[row]) * numerator
    return within


def equal_when_rounded(pairs: NumberPairs, decimals: int) -> Mask:
    """Where a and b are the same after rounding to `decimals`, halves away from zero."""
    return _mask(_rounded(pairs.a, pairs.scale, decimals) == _rounded(pairs.b, pairs.scale, decimals))


def decimal_texts(array: pa.Array) -> pa.Array:
    """Decimals as canonical text (`number_text`), NULL as NULL."""
    text = array.cast(pa.large_string())
    odd = pc.fill_null(pc.match_substring_regex(text, "[eE]"), False)
    text = without_superfluous_zeros(text)
    if pc.any(odd).as_py():
        rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
        values = [number_text(v) for v in array.take(positions(rows)).to_pylist()]
        text = pc.replace_with_mask(text, odd, pa.array(values, pa.large_string()))
    return text


def without_superfluous_zeros(text: pa.Array) -> pa.Array:
    """Plain decimal texts without zeros at the end of their fraction."""
    fractional = pc.fill_null(pc.match_substring(text, "."), False)
    if not pc.any(fractional).as_py():
        return text
    return pc.if_else(fractional, pc.utf8_rtrim(pc.utf8_rtrim(text, "0"), "."), text)


def _rounded(whole: Whole, scale: int, decimals: int) -> Whole:
    if decimals >= scale:
        return whole
    unit = 10 ** (scale - decimals)
    if whole.dtype != object and unit > 4 * _SAFE:
        return np.zeros_like(whole)
    rounded: Whole = np.sign(whole) * ((np.abs(whole) + unit // 2) // unit)
    return rounded


def _whole_and_exponent(number: Decimal) -> tuple[int, int]:
    """number = whole * 10**exponent; the number is not negative."""
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    return int("".join(map(str, digits))), exponent


def _mask(values: npt.NDArray[Any]) -> Mask:
    return np.asarray(values, np.bool_)


def _int64(array: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.int64)


def _narrow_or_wide(
    rows: Rows, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], scale: int
) -> Iterator[NumberPairs]:
    fits = (np.maximum(a, b) < _SAFE) & (np.minimum(a, b) > -_SAFE)
    if fits.all():
        yield NumberPairs(rows, a, b, scale)
        return
    yield NumberPairs(rows[fits], a[fits], b[fits], scale)
    yield NumberPairs(rows[~fits], a[~fits].astype(object), b[~fits].astype(object), scale)


def _low_words(array: pa.Array) -> tuple[npt.NDArray[np.int64], Mask]:
    """The low 64 bits of a decimal128 column's whole numbers, and where they are safely all of it."""
    buffer = array.buffers()[1]
    if len(array) == 0 or buffer is None:
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    words = np.frombuffer(buffer, np.int64)[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    low, high = words[:, 0].copy(), words[:, 1]
    return low, (high == low >> 63) & (low < _SAFE) & (low > -_SAFE)


def _double_texts(array: pa.Array) -> pa.Array:
    """Finite doubles as plain decimal texts: the shortest that read back as the same double."""
    text = array.cast(pa.large_string())
    odd = pc.match_substring(text, "e")
    if pc.any(odd).as_py():
        rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
        values = [number_text(Decimal(repr(v))) for v in array.take(positions(rows)).to_pylist()]
        text = pc.replace_with_mask(text, odd, pa.array(values, pa.large_string()))
    return without_superfluous_zeros(text)


def _of_texts(rows: Rows, a: pa.Array, b: pa.Array) -> list[NumberPairs]:
    """Pairs of plain decimal texts, by scale; those too long for int64 last, as Python ints."""
    if rows.size == 0:
        return []
    whole_a, scale_a, digits_a = _parsed(a)
    whole_b, scale_b, digits_b = _parsed(b)
    scale = np.maximum(scale_a, scale_b)
    narrow = (digits_a + scale - scale_a <= _SAFE_DIGITS) & (digits_b + scale - scale_b <= _SAFE_DIGITS)
    groups = []
    for one in np.flatnonzero(np.bincount(scale[narrow])).tolist():
        at = np.flatnonzero(narrow & (scale == one))
        groups.append(
            NumberPairs(
                rows[at],
                whole_a[at] * _POWERS[one - scale_a[at]],
                whole_b[at] * _POWERS[one - scale_b[at]],
                one,
            )
        )
    if not narrow.all():
        at = np.flatnonzero(~narrow)
        wide_scale = int(scale[at].max())
        wide = [
            np.array([_unscaled(t, wide_scale) for t in x.take(positions(at)).to_pylist()], dtype=object)
            for x in (a, b)
        ]
        groups.append(NumberPairs(rows[at], wide[0], wide[1], wide_scale))
    return groups


def _parsed(text: pa.Array) -> tuple[npt.NDArray[np.int64], Rows, Rows]:
    """Whole number without the point (0 where too long for int64), decimals, and digits of each text."""
    point = pc.find_substring(text, ".").to_numpy(zero_copy_only=False).astype(np.int64)
    length = pc.binary_length(text).to_numpy(zero_copy_only=False).astype(np.int64)
    scale = np.where(point < 0, 0, length - point - 1)
    digits = pc.replace_substring(text, ".", "")
    count = length - (point >= 0) - pc.starts_with(text, "-").to_numpy(zero_copy_only=False)
    short = pa.Array.from_buffers(pa.bool_(), count.size, [None, bits(count <= _SAFE_DIGITS)])
    whole = pc.if_else(short, digits, "0").cast(pa.int64())
    return _int64(whole), scale, count


def _unscaled(text: str, scale: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(scale, "0"))


def total(values: Whole) -> int:
    """The exact sum of whole numbers, which need not fit int64."""
    if values.dtype == object:
        return int(sum(values.tolist()))
    return (int(np.sum(values >> 32)) << 32) + int(np.sum(values & 0xFFFF_FFFF))


def plain(whole: int, scale: int) -> Decimal:
    """whole / 10**scale, exactly."""
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale))
