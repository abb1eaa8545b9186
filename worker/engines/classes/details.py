"""Counts about the changes of one column that turn classes into sentences and suggestions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Context, Decimal

_EXACT = Context(prec=1000)
_SHOWN = Context(prec=12)


@dataclass(slots=True)
class Distances:
    """How far the two values of the differing cells are apart: number of cells, sum and largest distance."""

    cells: int = 0
    total: Decimal = Decimal(0)
    largest: Decimal = Decimal(0)

    def add(self, cells: int, total: Decimal, largest: Decimal) -> None:
        """Count further cells. Exact: doubles reach from 1e-324 to 1e308."""
        self.cells += cells
        self.total = _EXACT.add(self.total, total)
        self.largest = max(self.largest, largest)

    def mean(self) -> Decimal:
        """The mean distance, to twelve digits."""
        return _SHOWN.divide(self.total, Decimal(self.cells)) if self.cells else Decimal(0)


@dataclass(slots=True)
class Details:
    """Counts that add up over chunks and parts of a table.

    decimals: by ("rounded" or "truncated", "all" cells or those of this class "only", side with fewer
    decimals, decimals). finer: by (side with fewer decimals, decimals) the most decimals seen on the other.
    factor: by (side that is larger, power of ten). unit: by (factor of `numbers.UNITS`, side that is
    multiplied). within: by n, the cells whose distance is at most 10**-n but more than 10**-(n+1).
    shift: by microseconds from A to B; shift_or_lost: the same for cells that may have lost their time
    instead. months: both by (microseconds, month of A from 1 to 12).
    case: by (side, "upper" or "lower") the cells where that side is the other in that case.
    ends: cells that differ by white space at their ends only. cut: by (shorter side, its length).
    """

    distances: Distances = field(default_factory=Distances)
    decimals: Counter[tuple[str, str, str, int]] = field(default_factory=Counter)
    finer: dict[tuple[str, int], int] = field(default_factory=dict)
    factor: Counter[tuple[str, int]] = field(default_factory=Counter)
    unit: Counter[tuple[str, str]] = field(default_factory=Counter)
    within: Counter[int] = field(default_factory=Counter)
    shift: Counter[int] = field(default_factory=Counter)
    shift_or_lost: Counter[int] = field(default_factory=Counter)
    months: Counter[tuple[int, int]] = field(default_factory=Counter)
    case: Counter[tuple[str, str]] = field(default_factory=Counter)
    ends: int = 0
    cut: Counter[tuple[str, int]] = field(default_factory=Counter)
