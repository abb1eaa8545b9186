"""Slows down guessing of passwords: each further failure of a user name from an address costs twice as long, and
attempts take turns, however many connections make them. Who guesses from elsewhere keeps nobody out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.localdb.errors import OracleError

FREE_FAILURES = 3
FIRST_DELAY = 0.1  # seconds
MAX_DELAY = 5.0
LONGEST_WAIT = 20.0  # who would wait longer for his turn is turned away
FORGET_AFTER = 300.0
MAX_NAMES = 1000  # with their addresses


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0  # when
    busy_until: float = 0.0  # the turns that are given out


class Throttle:
    """Failed logins by user name and the client's address; shared by all connections of a server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], _Failures] = {}  # the latest failure last
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def wait(self, user: str, host: str) -> None:
        """Return when this attempt may be looked at, or the server stops. Raises ORA-28000 as `delay`."""
        self._closed.wait(self.delay(user, host))

    def close(self) -> None:
        """The server stops: nobody waits any longer."""
        self._closed.set()

    def delay(self, user: str, host: str = "") -> float:
        """Seconds to wait before this attempt of `user` is looked at. Raises ORA-28000 when too many wait."""
        now = self._clock()
        with self._lock:
            found = self._failures.get((user.upper(), host))
            if found is None or found.count < FREE_FAILURES or now - found.last > FORGET_AFTER:
                return 0.0
            pause = min(FIRST_DELAY * 2.0 ** min(found.count - FREE_FAILURES, 20), MAX_DELAY)
            turn = max(found.busy_until, now) + pause
            if turn - now > LONGEST_WAIT:
                raise OracleError(28000, "The account is locked: too many failed logins; try again later.")
            found.busy_until = turn
            return turn - now

    def failed(self, user: str, host: str = "") -> None:
        with self._lock:
            found = self._failures.pop((user.upper(), host), None) or _Failures()
            if len(self._failures) >= MAX_NAMES:
                del self._failures[next(iter(self._failures))]
            found.count, found.last = found.count + 1, self._clock()
            self._failures[(user.upper(), host)] = found

    def succeeded(self, user: str, host: str = "") -> None:
        with self._lock:
            self._failures.pop((user.upper(), host), None)
