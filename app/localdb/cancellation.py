"""Cancelling what runs for a client, and nothing that runs later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.localdb.errors import oracle_error
from app.localdb.pg_messages import PgGone


class Cancellation:
    """Of one session. Its thread calls everything but `cancel`, which other threads call."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        """`cancel` makes PostgreSQL end what it does for the session."""
        self._cancel = cancel
        self._in_postgres = threading.Lock()  # held while PostgreSQL works for us
        self._lock = threading.Lock()
        self._cancelled = False  # and not reported yet
        self.active = False  # a statement of the client is being executed

    def cancel(self) -> None:
        """What runs now ends with SQLSTATE 57014, or at its next `check`."""
        with self._lock:
            if not self.active:
                return
            self._cancelled = True
            if self._in_postgres.locked():
                try:
                    self._cancel()
                except (OSError, PgGone):
                    return  # PostgreSQL is gone: the statement ends by itself

    def check(self) -> None:
        """Raises ORA-01013 when the client cancelled; for loops that run outside PostgreSQL."""
        if self._cancelled:
            self._cancelled = False
            raise oracle_error(1013)

    @contextmanager
    def postgres(self) -> Iterator[None]:
        """Around an exchange with PostgreSQL."""
        with self._in_postgres:
            yield

    def begin(self) -> None:
        """A statement of the client begins."""
        self.active = True

    def end(self) -> None:
        with self._lock:
            self.active = self._cancelled = False
