"""What kind of change each differing cell underwent: one class a cell, by the kind of its column."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.numbers import Mask, NumberPairs, Whole, number_pairs
from worker.engines.values import NUMERIC, Kind, ValueType

Labels = npt.NDArray[np.object_]

MAX_DECIMALS = 12
"""Rounding and truncation are looked for at 0 to this many decimals."""
_DAY_US = 86_400_000_000
_QUARTER_US = 15 * 60 * 1_000_000
_MAX_SHIFT_US = 26 * 3600 * 1_000_000


@dataclass(slots=True)
class Details:
    """Counts that turn classes into sentences. They add up over parts of a table.

    Keys of `decimals`: ("rounded" or "truncated", "all" cells or those of this class "only", side with
    fewer decimals, decimals); of `finer`: (side with fewer decimals, decimals), its value the most
    decimals seen on the other side; of `factor`: (side that is larger, power of ten); of `shift`:
    microseconds from A to B.
    """

    decimals: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    finer: dict[tuple[str, int], int] = field(default_factory=dict)
    factor: Counter[tuple[str, int]] = field(default_factory=Counter)
    shift: Counter[int] = field(default_factory=Counter)


def classify(a: pa.Array, b: pa.Array, value_type: ValueType, details: Details) -> Labels:
    """The class of each pair of differing cells; `details` is added to.

    Both arrays are in the storage form of `value_type`, and a[i] differs from b[i]. A label may end in
    the side that lost something ("truncated:b"). A number that may have been rounded as well as
    truncated gets "rounded|truncated:a": which it was shows only over the whole column.
    """
    labels: Labels = np.full(len(a), "changed", dtype=object)
    null_a = a.is_null().to_numpy(zero_copy_only=False)
    null_b = b.is_null().to_numpy(zero_copy_only=False)
    labels[null_a] = "null_to_value"
    labels[null_b] = "value_to_null"
    both = np.flatnonzero(~(null_a | null_b))
    if both.size == 0:
        return labels
    rows = pa.array(both)
    a, b = a.take(rows), b.take(rows)
    if value_type.kind in NUMERIC:
        for pairs in number_pairs(a, b, value_type):
            labels[both[pairs.rows]] = _number_classes(pairs, details)
    elif value_type.kind is Kind.TEXT:
        labels[both] = _text_classes(a, b)
    elif value_type.kind is Kind.TIMESTAMP:
        labels[both] = _instant_classes(a, b, details)
    return labels


def _number_classes(pairs: NumberPairs, details: Details) -> Labels:
    labels: Labels = np.full(pairs.a.size, "changed", dtype=object)
    free = np.ones(pairs.a.size, np.bool_)
    sign = free & (pairs.a == -pairs.b).astype(np.bool_)
    labels[sign] = "sign"
    free &= ~sign
    for power in range(1, 7):
        for side, large, small in (("a", pairs.a, pairs.b), ("b", pairs.b, pairs.a)):
            quotient = large // 10**power
            hit = free & (quotient == small).astype(np.bool_)
            hit &= (quotient * 10**power == large).astype(np.bool_) & (small != 0).astype(np.bool_)
            if hit.any():
                labels[hit] = "factor"
                details.factor[side, power] += int(hit.sum())
                free &= ~hit
    for side, coarse, fine in (("a", pairs.a, pairs.b), ("b", pairs.b, pairs.a)):
        rounded, truncated = _rounding(side, coarse, fine, pairs.scale, free, details)
        labels[rounded] = f"rounded:{side}"
        labels[truncated] = f"truncated:{side}"
        labels[rounded & truncated] = f"rounded|truncated:{side}"
        free &= ~(rounded | truncated)
    return labels


def _rounding(
    side: str, coarse: Whole, fine: Whole, scale: int, free: Mask, details: Details
) -> tuple[Mask, Mask]:
    """Where `coarse` is `fine` rounded (half units go either way), and where cut off, to some decimals."""
    gap = np.abs(coarse - fine)
    hits: list[tuple[int, Mask, Mask]] = []
    for decimals in range(min(scale, MAX_DECIMALS + 1)):
        unit = 10 ** (scale - decimals)
        exact = free & (gap < unit).astype(np.bool_) & (coarse % unit == 0).astype(np.bool_)
        if not exact.any():
            continue
        rounded = exact & (gap <= unit // 2).astype(np.bool_)
        truncated = exact & (np.abs(coarse) < np.abs(fine)).astype(np.bool_)
        truncated &= ((coarse == 0) | ((coarse < 0) == (fine < 0))).astype(np.bool_)
        hits.append((decimals, rounded, truncated))
    nowhere = np.zeros(free.size, np.bool_)
    any_rounded = np.logical_or.reduce([nowhere, *(rounded for _, rounded, _ in hits)])
    any_truncated = np.logical_or.reduce([nowhere, *(truncated for _, _, truncated in hits)])
    for decimals, rounded, truncated in hits:
        details.decimals["rounded", "all", side, decimals] += int(rounded.sum())
        details.decimals["rounded", "only", side, decimals] += int((rounded & ~any_truncated).sum())
        details.decimals["truncated", "all", side, decimals] += int(truncated.sum())
        details.decimals["truncated", "only", side, decimals] += int((truncated & ~any_rounded).sum())
        either = rounded | truncated
        if either.any():
            seen = _most_decimals(fine[either], scale)
            details.finer[side, decimals] = max(details.finer.get((side, decimals), 0), seen)
    return any_rounded, any_truncated


def _most_decimals(whole: Whole, scale: int) -> int:
    decimals = scale
    while decimals > 0 and bool(np.all(whole % 10 == 0)):
        whole = whole // 10
        decimals -= 1
    return decimals


def _text_classes(a: pa.Array, b: pa.Array) -> Labels:
    labels: Labels = np.full(len(a), "changed", dtype=object)

    def label(name: str, hit: Mask) -> Mask:
        hit = hit & (labels == "changed")
        labels[hit] = name
        return hit

    bare_a, bare_b = (pc.replace_substring_regex(x, r"\pZ+|\s+", "") for x in (a, b))
    label("white_space", _equal(bare_a, bare_b))
    lower_a, lower_b = pc.utf8_lower(a), pc.utf8_lower(b)
    label("case", _equal(lower_a, lower_b))
    label("case_and_white_space", _equal(pc.utf8_lower(bare_a), pc.utf8_lower(bare_b)))
    plain_a, plain_b = (
        pc.replace_substring_regex(pc.utf8_normalize(x, form="NFKD"), r"\p{Mn}+", "")
        for x in (lower_a, lower_b)
    )
    label("accents", _equal(plain_a, plain_b))
    word_a, word_b = (pc.replace_substring_regex(x, r"[\pP\pS\pZ\s]+", "") for x in (a, b))
    label("punctuation", _equal(word_a, word_b))
    rest = np.flatnonzero(labels == "changed")
    if rest.size == 0:
        return labels
    values_a, values_b = (x.take(pa.array(rest)).to_pylist() for x in (a, b))
    for row, one, other in zip(rest, values_a, values_b, strict=True):
        if one.startswith(other) or other.startswith(one):
            labels[row] = "truncated:b" if one.startswith(other) else "truncated:a"
        elif _damaged(one, other) or _damaged(other, one):
            labels[row] = "encoding"
    return labels


def _equal(a: pa.Array, b: pa.Array) -> Mask:
    return np.asarray(pc.equal(a, b).to_numpy(zero_copy_only=False), np.bool_)


def _damaged(sound: str, damaged: str) -> bool:
    """Whether `damaged` is `sound` after a wrong decoding, or with its non-ASCII letters lost."""
    if sound.isascii():
        return False
    for wrong in ("cp1252", "latin-1"):
        try:
            if sound.encode().decode(wrong) == damaged:
                return True
        except UnicodeDecodeError:
            continue
    return len(sound) == len(damaged) and all(
        x == y or (not x.isascii() and y in "?¿\ufffd") for x, y in zip(sound, damaged, strict=True)
    )


def _instant_classes(a: pa.Array, b: pa.Array, details: Details) -> Labels:
    us_a, us_b = (x.cast(pa.int64()).to_numpy(zero_copy_only=False) for x in (a, b))
    labels: Labels = np.full(us_a.size, "changed", dtype=object)
    day_a, day_b = us_a // _DAY_US, us_b // _DAY_US
    labels[(day_a == day_b) & ((us_a % _DAY_US == 0) | (us_b % _DAY_US == 0))] = "time_lost"
    second = 1_000_000
    cut = (us_a // second == us_b // second) & ((us_a % second == 0) | (us_b % second == 0))
    labels[cut & (labels == "changed")] = "fraction_lost"
    shift = us_b - us_a
    moved = (labels == "changed") & (shift % _QUARTER_US == 0) & (np.abs(shift) <= _MAX_SHIFT_US)
    labels[moved] = "time_shift"
    for value, count in zip(*np.unique(shift[moved], return_counts=True), strict=True):
        details.shift[int(value)] += int(count)
    return labels
