"""What the protocol server needs of a database beyond `contract.Session`: logins, sessions, notifications.

`app.localdb.database.Database` implements it; the tests of this room implement it in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from app.localdb.contract import Bind, Column, Cursor, Lob, Outcome, Session
from app.localdb.wire.auth import Verifier


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who connects, as the client tells it: the columns of V$SESSION with these names."""

    program: str = ""
    machine: str = ""
    terminal: str = ""
    osuser: str = ""
    process: str = ""  # the client's process id, as text
    driver: str = ""
    address: str = ""  # host:port of the client's socket


@dataclass(frozen=True, slots=True)
class RowChange:
    operation: int  # one of Operation's bits
    rowid: str  # 18 characters


@dataclass(frozen=True, slots=True)
class TableChange:
    """What one committed transaction did to one table."""

    table: str  # "SCHEMA.NAME"
    operations: int  # union of Operation's bits
    object_number: int
    rows: Sequence[RowChange] | None  # None: not asked for, or too many: all rows may have changed


class Operation:
    """Bits of a change, as the driver's OPCODE_ constants."""

    ALL_ROWS = 0x01
    INSERT = 0x02
    UPDATE = 0x04
    DELETE = 0x08
    ALTER = 0x10
    DROP = 0x20


class Statistic(StrEnum):
    """What is counted of each session, by the names of V$STATNAME."""

    CALLS = "user calls"
    COMMITS = "user commits"
    ROLLBACKS = "user rollbacks"
    PARSES = "parse count (total)"
    EXECUTIONS = "execute count"
    ROUND_TRIPS = "SQL*Net roundtrips to/from client"


class Registration(NamedTuple):
    """One row of USER_CHANGE_NOTIFICATION_REGS. `table` is None for a subscription without queries."""

    number: int
    user: str
    operations: int
    timeout: int  # seconds, 0 = none
    table: str | None


class RegisteredQuery(NamedTuple):
    """A query as change notification runs it again."""

    tables: Sequence[str]  # "SCHEMA.NAME"
    text: str
    values: Sequence[bytes | None]
    settings: Mapping[str, str]  # of the session that registered it


class Notifications(Protocol):
    """Change notification on tables. Callbacks run on a thread of the database and must be quick."""

    def subscribe(
        self,
        callback: Callable[[Sequence[TableChange]], None],
        query: RegisteredQuery,
        *,
        by_result: bool,
        operations: int,
        rowids: bool,
        owner: str,
    ) -> int:
        """Report each committed change of the query's tables; `operations` are bits of Operation, 0 = all.
        `by_result`: whatever the operation, but only when the query's result is another one. Raises OracleError (ORA-00942, ORA-29972 without the privilege). Returns an id."""
        ...

    def unsubscribe(self, subscription: int) -> None: ...

    def show(self, registrations: Callable[[], Sequence[Registration]]) -> None:
        """Where the dictionary gets the clients' registrations from."""
        ...


class OpenLobs(Protocol):
    """Which stored LOBs the transaction has open. Raises ORA-22292, ORA-22293, ORA-22289."""

    def open(self, lob: Lob) -> None: ...
    def close(self, lob: Lob) -> None: ...
    def is_open(self, lob: Lob) -> bool: ...


class BackendSession(Session, Protocol):
    """The session as the wire sees it: the contract, and some facts more."""

    @property
    def current_schema(self) -> str: ...

    @property
    def turn(self) -> AbstractContextManager[object]:
        """Held while a request is served: without it the session is idle."""
        ...

    @property
    def statistics(self) -> Counter[str]:
        """Counts by the names of Statistic; the wire counts calls, round trips, parses and executions."""
        ...

    @property
    def locator_transaction(self) -> int | None:
        """The transaction that locators fetched now belong to; None outside one."""
        ...

    @property
    def lobs(self) -> OpenLobs: ...

    def change_lob(self, lob: Lob, change: Callable[[str | bytes], str | bytes]) -> None:
        """Change a stored LOB, and its row. Raises OracleError (ORA-22920, ORA-22990)."""
        ...

    temporary_lobs: int  # what the client holds, as V$TEMPORARY_LOBS shows it

    def set_context(self, namespace: str, values: Mapping[str, str | None]) -> None:
        """Application context of the session; a name that is None clears the namespace. Raises OracleError."""
        ...

    @property
    def cursors(self) -> dict[int, Cursor]:
        """Nested cursors by the number that stands in a row's CURSOR column."""
        ...

    @property
    def time_zone(self) -> tzinfo:
        """The session's: TIMESTAMP WITH LOCAL TIME ZONE is shown in it."""
        ...

    # A statement goes back to the session that made it: its type is the session's own affair.

    def prepare(self, text: str) -> Any: ...

    def describe(self, statement: Any) -> list[Column]: ...

    def execute(
        self,
        statement: Any,
        binds: Sequence[Bind] = (),
        rows: Sequence[Sequence[Any]] = ((),),
        *,
        batch_errors: bool = False,
        commit: bool = False,
    ) -> Outcome: ...

    def load_columns(self, schema: str, table: str, names: Sequence[str]) -> list[Column]:
        """The columns whose values every row of a direct path load into that table has to give: `names`, and
        what the server demands besides. Raises OracleError when it cannot be loaded so."""
        ...

    def copy_rows(self, schema: str, table: str, columns: Sequence[str], lines: bytes) -> bool:
        """Load rows in the text form of PostgreSQL's COPY. False, with nothing done, when this table cannot
        be loaded so, or a row does not fit: INSERT then tells why."""
        ...

    def register_query(
        self, statement: Any, binds: Sequence[Bind], values: Sequence[Any], *, by_result: bool
    ) -> RegisteredQuery:
        """What a registered query watches. Raises ORA-29983, by result also ORA-29976 and ORA-29977."""
        ...


class Backend(Protocol):
    """The database: one per server."""

    @property
    def service(self) -> str: ...

    @property
    def version(self) -> tuple[int, int, int, int, int]:
        """(19, 28, 0, 0, 0) or (23, 26, 0, 0, 0)."""
        ...

    @property
    def banner(self) -> str: ...

    @property
    def notifications(self) -> Notifications: ...

    def verifier(self, user: str) -> Verifier | None:
        """The stored password verifier of a user (name as the client sent it), None when there is none."""
        ...

    def open_session(self, user: str, client: ClientInfo) -> BackendSession:
        """A new session of an authenticated user. Raises OracleError (ORA-01045, ORA-00018)."""
        ...
