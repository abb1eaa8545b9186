"""Change notification: triggers tell what a transaction did to a table, PostgreSQL tells us after its commit.

A watched table has statement triggers that call concord_catalog.note_change, which sends NOTIFY with the
table, the operation and (up to a limit) the changed rowids. NOTIFY is delivered at commit or never. One
connection listens; its thread puts the messages of one transaction together and calls the subscribers.
"""

from __future__ import annotations

import itertools
import json
import logging
import select
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.localdb.catalog.administration import literal, quoted
from app.localdb.errors import OracleError, oracle_error
from app.localdb.pg import Connection
from app.localdb.pg_messages import Notification, PgError, PgGone
from app.localdb.query_results import CHANNEL, QueryResults
from app.localdb.sql.catalog import ObjectKind
from app.localdb.sql.compiled import TableChange as ObjectChange
from app.localdb.wire.backend import Operation, RegisteredQuery, Registration, RowChange, TableChange

if TYPE_CHECKING:
    from app.localdb.database import Database

_log = logging.getLogger(__name__)
_OPERATIONS = {
    "INSERT": Operation.INSERT,
    "UPDATE": Operation.UPDATE,
    "DELETE": Operation.DELETE,
    "TRUNCATE": Operation.ALTER | Operation.ALL_ROWS,  # to Oracle a change of the table, not of its rows
}
_DDL = {"ALTER": Operation.ALTER, "DROP": Operation.DROP}

Callback = Callable[[Sequence[TableChange]], None]


@dataclass(slots=True)
class _Subscription:
    callback: Callback
    tables: frozenset[str]
    operations: int
    rowids: bool


class ChangeNotifications:
    """wire.backend.Notifications; one thread of its own, started with the first subscription."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._subscriptions: dict[int, _Subscription] = {}
        self._ids = itertools.count(101)
        self._thread: threading.Thread | None = None
        self._results = QueryResults(database.connect)
        self._waker, self._wakened = socket.socketpair()
        self._stopping = False
        self._registrations: Callable[[], Sequence[Registration]] = tuple

    def show(self, registrations: Callable[[], Sequence[Registration]]) -> None:
        """See wire.backend.Notifications."""
        self._registrations = registrations

    def registrations(self) -> Sequence[Registration]:
        return self._registrations()

    def subscribe(
        self,
        callback: Callback,
        query: RegisteredQuery,
        *,
        by_result: bool,
        operations: int,
        rowids: bool,
        owner: str,
    ) -> int:
        """See wire.backend.Notifications."""
        store = self._database.store
        if not store.is_dba(owner) and "CHANGE NOTIFICATION" not in store.privileges(owner):
            raise oracle_error(29972)
        for table in query.tables:
            schema, _, name = table.partition(".")
            found = store.object(schema, name)
            if found is None or found.kind is not ObjectKind.TABLE:
                raise oracle_error(942)
            self._watch(schema, name, found.has_rowid)
        with self._lock:
            self._start_listening()
            number = next(self._ids)
        told, operations = (
            (self._by_result(number, query, callback), 0) if by_result else (callback, operations)
        )
        with self._lock:
            self._subscriptions[number] = _Subscription(told, frozenset(query.tables), operations, rowids)
        if by_result:
            try:
                self._results.begin(number)
            except OracleError:
                self.unsubscribe(number)
                raise
        return number

    def _by_result(self, number: int, query: RegisteredQuery, callback: Callback) -> Callback:
        self._results.add(number, query, callback)
        return lambda changes: self._results.changed(number, changes)

    def unsubscribe(self, subscription: int) -> None:
        """The triggers stay: other subscribers, and the next start of this one, need them."""
        with self._lock:
            self._subscriptions.pop(subscription, None)
        self._results.remove(subscription)

    def note_ddl(self, changes: Sequence[ObjectChange]) -> None:
        """DDL on a watched table counts as a change of it."""
        with self._lock:
            watched = {table for each in self._subscriptions.values() for table in each.tables}
        for change in changes:
            table = f"{change.schema}.{change.name}"
            if change.kind == "TABLE" and table in watched and change.action in _DDL:
                self._deliver([TableChange(table, _DDL[change.action] | Operation.ALL_ROWS, 0, None)])

    def stop(self) -> None:
        self._stopping = True
        self._results.stop()
        self._waker.close()
        if self._thread is not None:
            self._thread.join(5.0)
        self._wakened.close()

    def _watch(self, schema: str, name: str, has_rowid: bool) -> None:
        target = f"{quoted(schema)}.{quoted(name)}"
        existing = self._database.store.query(
            "select 1 from pg_catalog.pg_trigger where tgrelid = $1::pg_catalog.regclass and tgname = '$cqn_i'",
            target,
        )
        if existing:
            return
        rows = "new_rows" if has_rowid else ""
        triggers = (
            ("i", "insert", f"referencing new table as {rows}" if rows else ""),
            ("u", "update", f"referencing new table as {rows}" if rows else ""),
            ("d", "delete", f"referencing old table as {rows}" if rows else ""),
            ("t", "truncate", ""),
        )
        connection = self._database.connect()
        try:
            connection.script(
                "set lock_timeout = '5s';"
                + ";".join(
                    # Two clients may subscribe at once: the second waits for the table and replaces them.
                    f'create or replace trigger "$cqn_{letter}" after {event} on {target} {referencing} for each statement'
                    f" execute function concord_catalog.note_change({literal(f'{schema}.{name}')},"
                    f" {literal('rowids' if referencing else '')});"
                    # also for what is written through locators, where triggers of users do not fire
                    f'alter table {target} enable always trigger "$cqn_{letter}"'
                    for letter, event, referencing in triggers
                )
            )
        finally:
            connection.close()

    def _start_listening(self) -> None:
        if self._thread is None:
            ready = threading.Event()
            self._thread = threading.Thread(
                target=self._listen, args=(ready,), name="notifications", daemon=True
            )
            self._thread.start()
            ready.wait(10.0)

    def _listen(self, ready: threading.Event) -> None:
        connection: Connection | None = None
        while not self._stopping:
            try:
                if connection is None:
                    connection = self._database.connect()
                    connection.query(f"listen {CHANNEL}")
                    ready.set()
                readable = select.select([connection.fileno(), self._wakened.fileno()], [], [])[0]
                if self._wakened.fileno() in readable:
                    break
                notes = connection.wait_notification(0)
                while more := connection.wait_notification(0.002):
                    notes += more  # the rest of the same transaction
                self._dispatch(notes)
            except (PgGone, PgError) as error:
                _log.warning("the listener for change notification lost PostgreSQL: %s", error)
                connection = None
                self._wakened.settimeout(0.2)
                try:
                    self._wakened.recv(1)
                    break
                except TimeoutError:
                    continue
        if connection is not None:
            connection.close()

    def _dispatch(self, notes: Sequence[Notification]) -> None:
        """Group by transaction, then by table."""
        transactions: dict[str, dict[str, list[tuple[str, list[str] | None]]]] = {}
        markers = []
        for note in notes:
            transaction, *change = json.loads(note.payload)
            if not change:
                markers.append(transaction)  # of query_results, see there
                continue
            table, event, rowids = change
            transactions.setdefault(transaction, {}).setdefault(table, []).append((event, rowids))
        for tables in transactions.values():
            self._deliver([_table_change(table, events) for table, events in tables.items()])
        for marker in markers:
            self._results.heard(marker)

    def _deliver(self, changes: Sequence[TableChange]) -> None:
        with self._lock:
            subscriptions = list(self._subscriptions.values())
        for subscription in subscriptions:
            wanted = [
                change
                if subscription.rowids
                else TableChange(change.table, change.operations, change.object_number, None)
                for change in changes
                if change.table in subscription.tables
                and (not subscription.operations or change.operations & subscription.operations)
            ]
            if wanted:
                try:
                    subscription.callback(wanted)
                except OSError as error:
                    _log.warning("a subscriber cannot be told of a change: %s", error)


def _table_change(table: str, events: Sequence[tuple[str, list[str] | None]]) -> TableChange:
    operations = 0
    rows: list[RowChange] | None = []
    for event, rowids in events:
        operation = _OPERATIONS[event]
        operations |= operation
        if rowids is None:
            rows = None
        if rows is not None and rowids is not None:
            rows += [RowChange(operation, rowid) for rowid in rowids]
    if rows is None:
        operations |= Operation.ALL_ROWS
    return TableChange(table, operations, 0, rows)
