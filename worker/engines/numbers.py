"""Decimal arithmetic on columns of numbers: whole numbers at one scale, exact in every digit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from worker.engines.canonical import number_text
from worker.engines.values import Kind, ValueType

Mask = npt.NDArray[np.bool_]
Whole = npt.NDArray[Any]
"""Whole numbers: int64 where all are small enough for arithmetic without overflow, else Python ints."""

_SAFE = 1 << 60
_SAFE_SCALE = 18


@dataclass(frozen=True, slots=True)
class NumberPairs:
    """Pairs of numbers, none of them NULL: value = unscaled / 10**scale.

    Where `finite` is False one of the two is NaN or infinite and the unscaled values mean nothing.
    """

    a: Whole
    b: Whole
    scale: int
    finite: Mask


def number_pairs(a: pa.Array, b: pa.Array, value_type: ValueType) -> NumberPairs:
    """Read two columns of numbers in storage form. A double stands for its shortest exact decimal text."""
    match value_type.kind:
        case Kind.INTEGER:
            return _narrowed(_int64(a), _int64(b), 0)
        case Kind.DECIMAL:
            low_a, low_b = _low_words(a), _low_words(b)
            if low_a is not None and low_b is not None:
                return _narrowed(low_a, low_b, value_type.scale)
            return _from_texts(_decimal_texts(a), _decimal_texts(b))
        case Kind.NUMBER:
            return _from_texts(a.to_pylist(), b.to_pylist())
        case Kind.DOUBLE:
            return _from_doubles(a.to_pylist(), b.to_pylist())
    raise ValueError(f"{value_type.kind} is not numeric")


def within_tolerance(pairs: NumberPairs, tolerance: Decimal) -> Mask:
    """Where |a - b| <= tolerance, in decimal arithmetic. NaN and infinity are within no tolerance."""
    sign, digits, exponent = tolerance.as_tuple()
    assert sign == 0
    assert isinstance(exponent, int)
    unscaled = int("".join(map(str, digits)))
    shift = pairs.scale + exponent
    limit = unscaled * 10**shift if shift >= 0 else unscaled // 10**-shift
    if pairs.a.dtype != object:
        limit = min(limit, 4 * _SAFE - 1)
    within: Mask = (np.abs(pairs.a - pairs.b) <= limit).astype(np.bool_)
    return within & pairs.finite


def _int64(array: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.int64)


def _narrowed(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], scale: int) -> NumberPairs:
    finite = np.ones(a.size, np.bool_)
    extremes = [int(x) for array in (a, b) if array.size for x in (array.min(), array.max())]
    if scale <= _SAFE_SCALE and all(-_SAFE < x < _SAFE for x in extremes):
        return NumberPairs(a, b, scale, finite)
    return NumberPairs(a.astype(object), b.astype(object), scale, finite)


def _low_words(array: pa.Array) -> npt.NDArray[np.int64] | None:
    """The unscaled values of a decimal128 column, or None when some need more than 64 bits."""
    buffer = array.buffers()[1]
    if len(array) == 0 or buffer is None:
        return np.empty(0, np.int64)
    words = np.frombuffer(buffer, np.int64)[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    return low.copy() if bool(np.all(high == low >> 63)) else None


def _decimal_texts(array: pa.Array) -> list[str]:
    return [number_text(value) for value in array.to_pylist()]


def _from_texts(a: list[str], b: list[str]) -> NumberPairs:
    scale = max((len(text.partition(".")[2]) for text in (*a, *b)), default=0)
    whole_a, whole_b = (np.array([_unscaled(t, scale) for t in side], dtype=object) for side in (a, b))
    return NumberPairs(whole_a, whole_b, scale, np.ones(len(a), np.bool_))


def _unscaled(text: str, scale: int) -> int:
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(scale, "0"))


def _from_doubles(a: list[float], b: list[float]) -> NumberPairs:
    finite = np.array([math.isfinite(x) and math.isfinite(y) for x, y in zip(a, b, strict=True)], np.bool_)
    texts = [[number_text(Decimal(repr(x))) if math.isfinite(x) else "0" for x in side] for side in (a, b)]
    pairs = _from_texts(*texts)
    return NumberPairs(pairs.a, pairs.b, pairs.scale, finite.reshape(-1))
