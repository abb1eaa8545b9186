"""A brake on guessing passwords: failures per account and address, forgotten after a while.

The counts live in this process. Several API processes each allow the same number of failures.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_FAILURES = 5
WINDOW_SECONDS = 300.0
_MAX_ENTRIES = 10_000


class LoginThrottle:
    """After MAX_FAILURES failed logins within WINDOW_SECONDS an account is closed to that address."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    def seconds_to_wait(self, username: str, address: str) -> int:
        """0, or whole seconds until the next attempt is allowed."""
        recent = self._recent((username.lower(), address))
        if len(recent) < MAX_FAILURES:
            return 0
        return max(1, round(recent[0] + WINDOW_SECONDS - self._clock() + 0.5))

    def failed(self, username: str, address: str) -> None:
        """Count one failed login."""
        key = (username.lower(), address)
        self._failures[key] = [*self._recent(key), self._clock()][-MAX_FAILURES:]
        self._failures.move_to_end(key)
        while len(self._failures) > _MAX_ENTRIES:
            self._failures.popitem(last=False)

    def succeeded(self, username: str, address: str) -> None:
        """Forget the failures of a user who now got in."""
        self._failures.pop((username.lower(), address), None)

    def _recent(self, key: tuple[str, str]) -> list[float]:
        since = self._clock() - WINDOW_SECONDS
        return [moment for moment in self._failures.get(key, []) if moment > since]
