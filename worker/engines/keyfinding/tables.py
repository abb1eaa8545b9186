"""What the search asks of the two tables, wherever they are: profiles of columns, exact checks, overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from worker.engines.keyfinding.search import Mask

NEAR_KEYS = 50
"""A set of columns whose values occur more than once at most so often, on a side, is a near-key."""
NEAR_SHARE = 0.01
"""... and at most in this share of the rows."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column of one table, counted exactly over all rows.

    `mean_length`: characters, of text. `negative`, `fractional`: whether a number below 0 or with digits
    after the point is there.
    """

    nulls: int
    mean_length: float = 0.0
    negative: bool = False
    fractional: bool = False


@dataclass(frozen=True, slots=True)
class RepeatedValues:
    """Values of a column set that occur more than once in one table.

    `masks`: for pairs of rows that share such a value, the columns in which they differ. `values`: some of
    the values as text, with the number of rows that have each. `complete`: there are no others.
    """

    masks: tuple[Mask, ...]
    values: tuple[tuple[tuple[str | None, ...], int], ...]
    complete: bool


class CandidateTable(Protocol):
    """The candidate columns of one table, by position. Methods raise EngineError."""

    def rows(self) -> int:
        """Rows, counted."""

    def profiles(self) -> list[ColumnProfile]:
        """Of all candidate columns."""

    def repeated(self, columns: Sequence[int]) -> RepeatedValues:
        """An exact check whether the values of `columns`, NULL taken as a value, occur once each."""

    def interrupt(self) -> None:
        """End what another thread is asking, soon. Safe to call at any time."""


def is_near(groups: int, rows_in_groups: int, rows: int) -> bool:
    """Whether so few values repeat that the set is a near-key."""
    return groups <= NEAR_KEYS and rows_in_groups <= max(2, NEAR_SHARE * rows)
