"""A database in memory for the tests of the wire: each statement's behaviour is written down by the test."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any

from app.localdb.contract import Bind, Column, Kind, Lob, LobOrigin, Outcome
from app.localdb.errors import OracleError
from app.localdb.wire.auth import Verifier, make_verifier, password_matches
from app.localdb.wire.backend import ClientInfo, RegisteredQuery, TableChange
from app.localdb.wire.scan import scan

Raw = tuple[bytes | None, ...]


class FakeCursor:
    """Rows that are there already."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Raw]) -> None:
        self.columns = list(columns)
        self._rows = list(rows)
        self._at = 0
        self.closed = False

    def fetch(self, count: int) -> list[Raw]:
        assert not self.closed
        rows = self._rows[self._at : self._at + count]
        self._at += len(rows)
        return rows

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeStatement:
    kind: Kind
    text: str


@dataclass
class Call:
    """One execute as the session saw it."""

    binds: list[Bind]
    rows: list[list[Any]]
    commit: bool
    batch_errors: bool
    session: FakeSession


Behaviour = Callable[[Call], Outcome]


@dataclass
class FakeSession:
    backend: FakeBackend
    user: str
    client: ClientInfo
    sid: int
    serial: int = 1
    in_transaction: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    cursors: dict[int, FakeCursor] = field(default_factory=dict)
    time_zone: tzinfo = UTC
    current_schema: str = "SCOTT"
    statistics: Counter[str] = field(default_factory=Counter)
    temporary_lobs: int = 0
    turn: contextlib.AbstractContextManager[object] = field(default_factory=contextlib.nullcontext)
    contexts: dict[str, dict[str, str]] = field(default_factory=dict)
    locator_transaction: int | None = 3
    lobs: Any = None
    changed: list[LobOrigin] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    def prepare(self, text: str) -> FakeStatement:
        if text.startswith("alter session"):
            return FakeStatement(Kind.DDL, text)
        if text not in self.backend.statements:
            raise OracleError(900, "invalid SQL statement", offset=7)
        kind = scan(text)
        if kind.is_query:
            return FakeStatement(Kind.QUERY, text)
        if kind.is_plsql:
            return FakeStatement(Kind.PLSQL, text)
        return FakeStatement(Kind.DML if kind.is_dml else Kind.DDL, text)

    def describe(self, statement: FakeStatement) -> list[Column]:
        outcome = self.backend.statements[statement.text](Call([], [[]], False, False, self))
        assert outcome.cursor is not None
        return outcome.cursor.columns

    def execute(
        self,
        statement: FakeStatement,
        binds: Sequence[Bind] = (),
        rows: Sequence[Sequence[Any]] = ((),),
        *,
        batch_errors: bool = False,
        commit: bool = False,
    ) -> Outcome:
        self.log.append(statement.text)
        if statement.text.startswith("alter session"):
            if "FORBIDDEN" in statement.text:
                raise OracleError(1435, "user does not exist")
            self.current_schema = statement.text.split('"')[1]
            return Outcome(Kind.DDL)
        call = Call(list(binds), [list(row) for row in rows], commit, batch_errors, self)
        self.backend.calls.append(call)
        outcome = self.backend.statements[statement.text](call)
        if outcome.kind == Kind.DML:
            self.in_transaction = not commit
        return outcome

    def load_columns(self, schema: str, table: str, names: Sequence[str]) -> list[Column]:
        return self.backend.tables[f"{schema}.{table}"]

    def copy_rows(self, schema: str, table: str, columns: Sequence[str], lines: bytes) -> bool:
        return False

    def change_lob(self, lob: Lob, change: Callable[[str | bytes], str | bytes]) -> None:
        assert lob.origin is not None
        self.changed.append(lob.origin)
        lob.data = change(lob.data)

    def set_context(self, namespace: str, values: dict[str, str]) -> None:
        self.contexts.setdefault(namespace, {}).update(values)

    def commit(self) -> None:
        self.log.append("commit")
        self.in_transaction = False

    def rollback(self) -> None:
        self.log.append("rollback")
        self.in_transaction = False

    def ping(self) -> None:
        self.log.append("ping")

    def cancel(self) -> None:
        self.cancelled.set()

    def set_time_zone(self, offset: str) -> None:
        self.log.append(f"time zone {offset}")

    def change_password(self, old: str, new: str) -> None:
        if not password_matches(self.backend.users[self.user], old):
            raise OracleError(28008, "invalid old password")
        self.backend.users[self.user] = make_verifier(self.user, new, 1)

    def register_query(
        self, statement: FakeStatement, binds: Sequence[Bind], values: Sequence[Any], *, by_result: bool
    ) -> RegisteredQuery:
        return RegisteredQuery(["SCOTT.WATCHED"], statement.text, [], {})

    def close(self) -> None:
        self.closed = True


class FakeNotifications:
    def __init__(self) -> None:
        self.subscribed: dict[int, Callable[[Sequence[TableChange]], None]] = {}
        self.arguments: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)

    def show(self, registrations: Callable[[], Sequence[Any]]) -> None:
        self.registrations = registrations

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
        number = next(self._numbers)
        self.subscribed[number] = callback
        self.arguments.append(
            {"tables": query.tables, "operations": operations, "rowids": rowids, "owner": owner}
        )
        return number

    def unsubscribe(self, subscription: int) -> None:
        self.subscribed.pop(subscription, None)


class FakeBackend:
    """`statements` maps a text to what it does; `calls` keeps what was executed."""

    service = "FREEPDB1"
    version = (19, 28, 0, 0, 0)
    banner = "local database in memory"

    def __init__(self) -> None:
        self.users: dict[str, Verifier] = {"SCOTT": make_verifier("SCOTT", "tiger", 1)}
        self.statements: dict[str, Behaviour] = {}
        self.tables: dict[str, list[Column]] = {}  # of direct path loads
        self.calls: list[Call] = []
        self.sessions: list[FakeSession] = []
        self.notifications = FakeNotifications()

    def verifier(self, user: str) -> Verifier | None:
        return self.users.get(user.upper())

    def open_session(self, user: str, client: ClientInfo) -> FakeSession:
        session = FakeSession(self, user, client, sid=len(self.sessions) + 1)
        self.sessions.append(session)
        return session

    def query(self, text: str, columns: Sequence[Column], rows: Sequence[Raw]) -> str:
        """`text` returns these rows, whatever its binds."""
        self.statements[text] = lambda call: Outcome(Kind.QUERY, FakeCursor(columns, rows))
        return text

    def on(self, text: str, behaviour: Behaviour) -> str:
        self.statements[text] = behaviour
        return text
