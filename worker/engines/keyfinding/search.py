"""The search for minimal unique column sets, cheapest first, by what seen pairs of rows differ in.

Two rows that differ exactly in the columns D (a mask) refute every column set that has no member of D. A set
that is unique in a table therefore hits every mask, and only sets that hit all masks seen so far are worth an
exact check; a check that fails brings new masks. Sets are taken in the order of their cost, the sum of the
costs of their columns, so that every subset comes before its superset and the best keys come first.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Columns = tuple[int, ...]
"""Positions of columns, ascending."""
Mask = int
"""A set of columns as bits: bit n stands for the column at position n."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """What an exact check found: masks of pairs of rows that agree on the checked set, none if it is unique.

    `complete`: these are all values of the set that occur more than once; else there are more.
    """

    masks: tuple[Mask, ...]
    complete: bool = True


Check = Callable[[Columns], Repeats]

_TICK_SETS = 1000


class Masks:
    """Masks seen so far, of which only the minimal ones are kept: the others are hit when those are."""

    def __init__(self) -> None:
        self._minimal: list[Mask] = []

    def __len__(self) -> int:
        return len(self._minimal)

    def add(self, mask: Mask) -> None:
        if any(known & mask == known for known in self._minimal):
            return
        self._minimal = [known for known in self._minimal if known & mask != mask]
        self._minimal.append(mask)
        self._minimal.sort(key=int.bit_count)

    def missed(self, columns: Mask) -> list[Mask]:
        """The masks that the set does not hit."""
        return [mask for mask in self._minimal if not mask & columns]


MAX_SETS = 500_000
"""Column sets that are queued, at most: some seconds, 200 MB. Wide tables without a key have millions."""


class Search:
    """One search. Iterate over it for the minimal unique sets; its fields then tell the rest.

    costs: of each column, above 0. check: the exact check of one set. near_keys: sets of which all repeated
    values are known, and few; the first `near_limit` of them do not refute other sets, so that one repeated
    row does not hide every key but its own. checks: exact checks done. exhausted: every set of up to `width`
    columns is decided; False when `max_checks` or `max_sets` were reached or the iteration was left early.
    tick: called as work goes on; may raise.
    """

    def __init__(
        self,
        costs: Sequence[float],
        check: Check,
        width: int,
        max_checks: int | None = None,
        near_limit: int = 5,
        max_sets: int = MAX_SETS,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._costs = costs
        self._check = check
        self._width = width
        self._max_checks = max_checks
        self._near_limit = near_limit
        self._max_sets = max_sets
        self._tick = tick
        self._masks = Masks()
        self._open: list[tuple[float, Columns]] = [
            (cost, (column,)) for column, cost in enumerate(costs) if width > 0
        ]
        heapq.heapify(self._open)
        self._seen: set[Columns] = set()
        self._widest, self._full = width, False
        self.near_keys: list[tuple[Columns, Repeats]] = []
        self.checks = 0
        self.exhausted = False

    def __iter__(self) -> Iterator[Columns]:
        found: list[Mask] = []
        looked_at = 0
        while self._open:
            looked_at += 1
            if looked_at % _TICK_SETS == 0:
                self._tick()
            cost, columns = heapq.heappop(self._open)
            if len(columns) > self._widest:
                continue
            own = _mask(columns)
            if any(key & own == key for key in found):
                continue
            missed = self._masks.missed(own)
            if not missed:
                if self._max_checks is not None and self.checks >= self._max_checks:
                    return
                self.checks += 1
                repeats = self._check(columns)
                if not repeats.masks:
                    found.append(own)
                    yield columns
                    continue
                if repeats.complete and len(self.near_keys) < self._near_limit:
                    self.near_keys.append((columns, repeats))
                else:
                    for mask in repeats.masks:
                        self._masks.add(mask)
                missed = sorted(repeats.masks, key=int.bit_count)
            self._extend(cost, columns, missed)
        self.exhausted = not self._full

    def _extend(self, cost: float, columns: Columns, missed: Sequence[Mask]) -> None:
        """Queue the sets of one column more that hit a missed mask; of the full width, all of them."""
        room = self._width - len(columns)
        if room <= 0:
            return
        useful = missed[0]
        if room == 1:
            for mask in missed[1:]:
                useful &= mask
        for column in _bits(useful):
            larger = tuple(sorted((*columns, column)))
            if len(self._seen) >= self._max_sets:  # wider ones might not be minimal
                self._widest, self._full = min(self._widest, len(larger)), True
                return
            if larger not in self._seen:
                self._seen.add(larger)
                heapq.heappush(self._open, (cost + self._costs[column], larger))


def _mask(columns: Columns) -> Mask:
    return sum(1 << column for column in columns)


def _bits(mask: Mask) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
