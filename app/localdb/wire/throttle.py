"""Slows down guessing of passwords: each further failure of a user name costs twice as long."""

from __future__ import annotations

import threading
import time

FREE_FAILURES = 3
FIRST_DELAY = 0.1  # seconds
MAX_DELAY = 5.0
FORGET_AFTER = 300.0
MAX_NAMES = 1000


class Throttle:
    """Failed logins by user name; shared by all connections of a server."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def delay(self, user: str) -> float:
        """Seconds to wait before the next attempt of `user` is looked at."""
        with self._lock:
            count, last = self._failures.get(user.upper(), (0, 0.0))
        if count < FREE_FAILURES or time.monotonic() - last > FORGET_AFTER:
            return 0.0
        return min(FIRST_DELAY * 2.0 ** (count - FREE_FAILURES), MAX_DELAY)

    def failed(self, user: str) -> None:
        with self._lock:
            count, _ = self._failures.get(user.upper(), (0, 0.0))
            if len(self._failures) >= MAX_NAMES:
                self._failures.clear()
            self._failures[user.upper()] = (count + 1, time.monotonic())

    def succeeded(self, user: str) -> None:
        with self._lock:
            self._failures.pop(user.upper(), None)
