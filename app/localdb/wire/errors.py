"""What can go wrong in the protocol, and an ORA- error with what the client needs to know beside it."""

from __future__ import annotations

from app.localdb.errors import OracleError


class Disconnected(Exception):
    """The client closed its socket, or the server is closing it."""


class ProtocolError(Exception):
    """The client sent bytes that are not the protocol; the message says which."""


class Interrupted(Exception):
    """A marker packet came in the middle of a request; `kind` is one of constants.Marker."""

    def __init__(self, kind: int) -> None:
        super().__init__(f"marker {kind}")
        self.kind = kind


class CallError(Exception):
    """An execute or fetch failed: the error, the cursor it belongs to (0 = none), executions or rows done
    before, and messages that go ahead of the error."""

    def __init__(self, error: OracleError, cursor: int, row_count: int, before: bytes = b"") -> None:
        super().__init__(error.text)
        self.error = error
        self.cursor = cursor
        self.row_count = row_count
        self.before = before
