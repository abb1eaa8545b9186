"""How long to wait before looking or trying again: doubling, jittered, capped."""

from __future__ import annotations

import random
from collections.abc import Callable


class Pause:
    """Waiting times that double from `first` to `longest` seconds until `reset`.

    Each is shortened by up to half, by chance, so that many processes do not act in step; none is ever longer
    than `longest`.
    """

    def __init__(self, first: float, longest: float, chance: Callable[[], float] = random.random) -> None:
        self._first = min(first, longest)
        self._longest = longest
        self._next = self._first
        self._chance = chance

    def seconds(self) -> float:
        """The next waiting time."""
        whole, self._next = self._next, min(self._next * 2, self._longest)
        return whole * (1 - self._chance() / 2)

    def reset(self) -> None:
        """Start again from the shortest."""
        self._next = self._first
