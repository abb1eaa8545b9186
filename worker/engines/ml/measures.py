"""Measures of how far two distributions are apart, A being the reference.

Formulas. PSI (population stability index): sum of (a - b) * ln(a / b) over bins, with empty bins filled by
`_FILL`. Jensen-Shannon distance: square root of the mean divergence (natural logarithm) of a and b from their
mean. Wasserstein distance: the area between the two distribution functions; normed by A's standard deviation.
Kolmogorov-Smirnov: the largest distance of the distribution functions, its p-value that of the two-sided
distribution for m * n / (m + n) values. Chi-square: of B's counts against A's shares.
Numbers are binned by Sturges' rule over both sides, ceil(log2(n)) + 1 bins of equal width, unless A has at
most FEW_VALUES different ones, each of which is then a bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc  # type: ignore[import-untyped]
from scipy.stats import kstwo  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Numbers = Floats | npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64]

FEW_VALUES = 20
_FILL = 1e-4
_GRID = 4  # whole numbers within a range of so many times their count are counted, not sorted
_LEAST_DEVIATION = 1e-3
_NO_DISTANCE = 0.25  # times the root of the count; up to here the p-value is 1 but for 3e-8, and dear


@dataclass(frozen=True, slots=True)
class Shift:
    """How the values of one column moved from A to B. p-values: of there being no difference."""

    psi: float
    jensen_shannon: float
    bins: int
    wasserstein: float | None = None
    ks_p_value: float | None = None
    chi_square_p_value: float | None = None


def shift_of_numbers(a: Numbers, b: Numbers) -> Shift:
    """Both without NULL and NaN, finite, not empty."""
    points, counts_a, counts_b = _counted(a, b)
    below_a, below_b = np.cumsum(counts_a), np.cumsum(counts_b)
    apart = np.abs(below_a / a.size - below_b / b.size)
    area = float(np.dot(apart[:-1], np.diff(points)))
    if np.count_nonzero(counts_a) > FEW_VALUES:
        edges = np.linspace(points[0], points[-1], int(np.ceil(np.log2(a.size + b.size))) + 2)
        at = np.searchsorted(points, edges[:-1], "left")  # a bin holds its lower edge, the last one both
        counts_a, counts_b = (_sums(below, at) for below in (below_a, below_b))
    else:
        present = (counts_a + counts_b) > 0
        counts_a, counts_b = counts_a[present], counts_b[present]
    effective = np.round(a.size * b.size / (a.size + b.size))
    distance = apart.max()
    certain = distance * np.sqrt(effective) <= _NO_DISTANCE
    return Shift(
        psi=_psi(counts_a, counts_b),
        jensen_shannon=_jensen_shannon(counts_a, counts_b),
        bins=counts_a.size,
        wasserstein=area / max(float(a.std()), _LEAST_DEVIATION),
        ks_p_value=1.0 if certain else float(np.clip(kstwo.sf(distance, effective), 0, 1)),
    )


def _counted(a: Numbers, b: Numbers) -> tuple[Floats, Counts, Counts]:
    """Points in ascending order, and how many values of a and of b each is.

    Whole numbers of a narrow range are counted without sorting; each number of the range is then a point.
    """
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    if int(high) - int(low) <= _GRID * (a.size + b.size) and _is_whole(a) and _is_whole(b):
        width = int(high) - int(low) + 1
        one, other = (
            np.bincount((side - low).astype(np.int64, copy=False), minlength=width) for side in (a, b)
        )
        return np.arange(width, dtype=np.float64) + float(low), one, other
    a, b = a.astype(np.float64), b.astype(np.float64)
    points = np.unique(np.concatenate([a, b]))
    one, other = (np.searchsorted(np.sort(side), points, "right") for side in (a, b))
    return points, np.diff(one, prepend=0), np.diff(other, prepend=0)


def _is_whole(numbers: Numbers) -> bool:
    return numbers.dtype == np.int64 or not np.mod(numbers, 1).any()


def shift_of_categories(a: Counts, b: Counts) -> Shift:
    """Counts by category, the same categories on both sides; neither side may be empty."""
    known = a > 0
    p_value: float | None = None
    if known.sum() > 1 and not b[~known].any():
        expected = a[known] / a.sum() * b.sum()
        statistic = float((((b[known] - expected) ** 2) / expected).sum())
        p_value = float(chdtrc(known.sum() - 1, statistic))
    elif b[~known].any():
        p_value = 0.0  # a category that A lacks is impossible under A's shares
    return Shift(
        psi=_psi(a, b), jensen_shannon=_jensen_shannon(a, b), bins=a.size, chi_square_p_value=p_value
    )


def _sums(below: Counts, at: Counts) -> Counts:
    """Values from each point up to the next one; `below` counts those not above each point."""
    before = np.append(0, below)
    return np.diff(np.append(before[at], before[-1]))


def _psi(a: Counts, b: Counts) -> float:
    one, other = _filled(a / a.sum()), _filled(b / b.sum())
    return float(np.sum((one - other) * np.log(one / other)))


def _filled(shares: Floats) -> Floats:
    least = shares[shares > 0].min()
    return np.where(shares > 0, shares, least / 1e6 if least <= _FILL else _FILL)


def _jensen_shannon(a: Counts, b: Counts) -> float:
    one, other = a / a.sum(), b / b.sum()
    mean = (one + other) / 2
    parts = [np.sum(side[side > 0] * np.log(side[side > 0] / mean[side > 0])) for side in (one, other)]
    return float(np.sqrt(max(0.0, float(sum(parts)) / 2)))
