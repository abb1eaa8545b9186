"""What the rooms of the local database tell each other: values, columns, cursors, sessions.

wire/ knows only this file and `errors`; sql/, plsql/ and session.py implement it. Values inside the
server are plain Python: NUMBER is Decimal (or int), BINARY_DOUBLE float, VARCHAR2, CHAR and LONG str,
DATE and TIMESTAMP naive datetime, TIMESTAMP WITH TIME ZONE as zones.py
says, TIMESTAMP WITH LOCAL TIME ZONE aware datetime, RAW bytes, INTERVAL DAY TO
SECOND timedelta, INTERVAL YEAR TO MONTH IntervalYM, BOOLEAN bool, CLOB and BLOB Lob, REF CURSOR Cursor, JSON its
text (str; what JSON has no form for as wire.oson says).
NULL is None, and so is the empty string: it never exists inside the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple, Protocol


class OraType(IntEnum):
    """Oracle's internal type numbers as the wire protocol names them."""

    VARCHAR2 = 1
    NUMBER = 2
    BINARY_INTEGER = 3
    LONG = 8
    ROWID = 11
    DATE = 12
    RAW = 23
    LONG_RAW = 24
    CHAR = 96
    BINARY_FLOAT = 100
    BINARY_DOUBLE = 101
    CURSOR = 102
    CLOB = 112
    BLOB = 113
    JSON = 119
    TIMESTAMP = 180
    TIMESTAMP_TZ = 181
    INTERVAL_YM = 182
    INTERVAL_DS = 183
    UROWID = 208
    TIMESTAMP_LTZ = 231
    BOOLEAN = 252


class IntervalYM(NamedTuple):
    """INTERVAL YEAR TO MONTH as one signed number of months."""

    months: int


class StoredColumn(NamedTuple):
    """The table's column that a LOB of a result comes from."""

    relation: str  # the table as PostgreSQL's text names it
    name: str
    place: int  # where the rows have the row's number: behind the values that DESCRIBE tells of


@dataclass(slots=True)
class Column:
    """One column of a query's result, as DESCRIBE tells it."""

    name: str
    type: OraType
    precision: int = 0  # NUMBER: decimal digits, 0 = unconstrained; INTERVAL: leading precision
    scale: int = -127  # NUMBER: -127 with precision 0 = unconstrained; TIMESTAMP: fractional digits
    size: int = 0  # bytes; character types: up to 4 bytes a character
    chars: int = 0  # characters; 0 for types without characters
    nullable: bool = True
    national: bool = False
    is_json: bool = False  # a column with an IS JSON check: the driver decodes it
    stored: StoredColumn | None = None  # of a CLOB or BLOB that is a column of a table as it stands


class LobOrigin(NamedTuple):
    """The row and column that a LOB is stored in, and the transaction that its locator belongs to."""

    relation: str
    name: str
    row: bytes  # the row's number, as text
    transaction: int | None  # None: selected outside a transaction


@dataclass(slots=True, eq=False, weakref_slot=True)
class Lob:
    """A large object held by the session: a snapshot of a stored one, or a temporary one."""

    type: OraType  # CLOB or BLOB
    data: str | bytes
    temporary: bool = False
    origin: LobOrigin | None = None  # of a stored one that can be written
    lost: bool = False  # written through its locator, and then its row was rolled back


@dataclass(slots=True)
class Bind:
    """One placeholder as the client declares it. For SQL one per occurrence, for PL/SQL one per name."""

    name: str  # upper case, without colon; "1", "2" ... when positional
    type: OraType
    size: int = 0  # maximum bytes
    array: bool = False  # a PL/SQL index-by table; its value is a list
    array_size: int = 0
    returning: bool = False  # stands after RETURNING ... INTO of a top-level DML statement
    national: bool = False


class Direction(IntEnum):
    OUT = 16
    IN = 32
    IN_OUT = 48


class Kind(StrEnum):
    QUERY = "query"
    DML = "dml"
    DDL = "ddl"
    PLSQL = "plsql"


class Cursor(Protocol):
    """An open result. Raw rows carry PostgreSQL's text form of each value (bytes), NULL as None.

    How the text of each type looks: NUMBER `123.45`, DATE and TIMESTAMP `2026-01-31 23:59:58.123456`,
    TIMESTAMP_LTZ the same in UTC with `+00`, TIMESTAMP_TZ in UTC with a blank and the number of its zone, RAW and BLOB `\\x0aff`, BOOLEAN `t`/`f`, BINARY_DOUBLE
    shortest round-trip text or NaN, Infinity, -Infinity, INTERVAL_DS `[-]D HH:MM:SS.FFFFFF`, INTERVAL_YM
    signed months, ROWID its 18 characters, a nested CURSOR its number in `Session.cursors`.
    """

    columns: list[Column]

    def fetch(self, count: int) -> Sequence[tuple[bytes | None, ...]]:
        """Up to `count` further rows; fewer means the end. Raises OracleError (ORA-01002 after a
        commit that ended a FOR UPDATE cursor). Rows of FOR UPDATE are locked as they are fetched."""
        ...

    def close(self) -> None: ...


@dataclass(slots=True)
class BatchError:
    offset: int  # which execution, from 0
    code: int
    message: str


@dataclass(slots=True)
class Outcome:
    """What one call of Session.execute did."""

    kind: Kind
    cursor: Cursor | None = None  # QUERY
    row_count: int = 0  # DML: rows of all executions
    row_counts: list[int] = field(default_factory=list)  # DML: rows of each execution
    last_rowid: str | None = None
    # DML with RETURNING: for each execution, for each return bind, the list of values
    returned: list[list[list[Any]]] = field(default_factory=list)
    # PL/SQL: direction of each bind, and for each execution the value of each bind (None where IN)
    directions: list[Direction] = field(default_factory=list)
    out_values: list[list[Any]] = field(default_factory=list)
    batch_errors: list[BatchError] = field(default_factory=list)
    implicit_results: list[Cursor] = field(default_factory=list)
    compile_errors: bool = False  # CREATE of a unit that did not compile: success with warning


class StatementInfo(Protocol):
    """A parsed statement as wire/ needs it; Session.prepare makes and caches it."""

    kind: Kind
    text: str


class Session(Protocol):
    """One Oracle session on one PostgreSQL connection; used by one thread, except `cancel`."""

    user: str
    sid: int
    serial: int
    tags: dict[str, str]  # module, action, client_identifier, client_info: shown in V$SESSION

    @property
    def in_transaction(self) -> bool:
        """Uncommitted changes or row locks: the call status bit."""
        ...

    def prepare(self, text: str) -> StatementInfo:
        """Parse; raises OracleError with ORA- code and offset."""
        ...

    def describe(self, statement: StatementInfo) -> list[Column]: ...

    def execute(
        self,
        statement: StatementInfo,
        binds: Sequence[Bind] = (),
        rows: Sequence[Sequence[Any]] = ((),),
        *,
        batch_errors: bool = False,
        commit: bool = False,
    ) -> Outcome:
        """Run once per element of `rows` (values in the order of `binds`; return binds have none: the
        value is None). A failed statement undoes itself and leaves the transaction alive."""
        ...

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def ping(self) -> None: ...

    def cancel(self) -> None:
        """From another thread: the running statement ends with ORA-01013."""
        ...

    def set_time_zone(self, offset: str) -> None: ...
    def change_password(self, old: str, new: str) -> None: ...
    def close(self) -> None:
        """Roll back and give everything back. Never raises."""
        ...
