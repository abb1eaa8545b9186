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
Counts = npt.NDArray[np.int64]

FEW_VALUES = 20
_FILL = 1e-4
_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True, slots=True)
class Shift:
    """How the values of one column moved from A to B. p-values: of there being no difference."""

    psi: float
    jensen_shannon: float
    bins: int
    wasserstein: float | None = None
    ks_p_value: float | None = None
    chi_square_p_value: float | None = None


def shift_of_numbers(a: Floats, b: Floats) -> Shift:
    """Both without NULL and NaN, finite, not empty."""
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    both.sort(kind="stable")  # two runs: a merge
    at_a, at_b = np.searchsorted(a, both, "right") / a.size, np.searchsorted(b, both, "right") / b.size
    apart = np.abs(at_a - at_b)
    area = float(np.dot(apart[:-1], np.diff(both)))
    norm = max(float(a.std()), _LEAST_DEVIATION)
    values = 1 + int(np.count_nonzero(a[1:] != a[:-1]))
    if values > FEW_VALUES:
        edges = np.linspace(both[0], both[-1], int(np.ceil(np.log2(both.size))) + 2)
        counts_a, counts_b = _histogram(a, edges), _histogram(b, edges)
    else:
        keys = np.unique(both)
        counts_a, counts_b = (
            np.searchsorted(side, keys, "right") - np.searchsorted(side, keys, "left") for side in (a, b)
        )
    effective = a.size * b.size / (a.size + b.size)
    return Shift(
        psi=_psi(counts_a, counts_b),
        jensen_shannon=_jensen_shannon(counts_a, counts_b),
        bins=counts_a.size,
        wasserstein=area / norm,
        ks_p_value=float(np.clip(kstwo.sf(apart.max(), np.round(effective)), 0, 1)),
    )


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


def _histogram(ordered: Floats, edges: Floats) -> Counts:
    """Values per bin; a bin holds its lower edge, the last one both."""
    at = np.searchsorted(ordered, edges[:-1], "left")
    return np.diff(np.append(at, ordered.size)).astype(np.int64)


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
