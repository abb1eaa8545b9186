"""Change notification: subscribe (125), register a query, the session that takes notifications (187).

A client subscribes on its main connection and is told a client id. It then opens a second connection
with (SERVER=emon), sends that id, and from then on only receives. Each query it executes with the
subscription's number is watched; one push per committed transaction tells what it changed.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from app.localdb.contract import Bind
from app.localdb.errors import OracleError
from app.localdb.wire.backend import Backend, BackendSession, Operation, Registration, TableChange
from app.localdb.wire.channel import Channel
from app.localdb.wire.constants import Message
from app.localdb.wire.cursors import ServerCursor
from app.localdb.wire.errors import Disconnected
from app.localdb.wire.execute import Run
from app.localdb.wire.response import status
from app.localdb.wire.writer import data2, ub

log = logging.getLogger(__name__)

REGISTER, UNREGISTER = 1, 2
NAMESPACE_CHANGE = 2
QOS_PURGE = 0x10  # one notification only
FLAG_ROWIDS, FLAG_QUERY, OPERATIONS = 0x10, 0x20, 0x0F
OBJECT_CHANGE, QUERY_CHANGE = 6, 7
PUSH = 3  # any type but 4, which would end the client's thread
START = bytes((Message.NOTIFICATION,))


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscribe call. `channel` is set while its notification session is connected."""

    number: int
    client_id: bytes
    user: str
    owner: BackendSession
    operations: int
    rowids: bool
    by_query: bool
    once: bool
    timeout: int = 0  # seconds
    tables: list[str] = field(default_factory=list)
    watched: list[int] = field(default_factory=list)  # ids at the database
    outbox: SimpleQueue[bytes | None] = field(default_factory=SimpleQueue)
    attached: bool = False
    expiry: threading.Timer | None = None


class Subscriptions:
    """All subscriptions of a server."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._by_number: dict[int, Subscription] = {}
        self._last = 0
        self._last_query = 0
        backend.notifications.show(self.registrations)

    def registrations(self) -> list[Registration]:
        """One for each watched table of each subscription."""
        with self._lock:
            return [
                Registration(each.number, each.user, each.operations, each.timeout, table)
                for each in self._by_number.values()
                for table in (*each.tables, *(() if each.tables else (None,)))
            ]

    def request(self, channel: Channel, session: BackendSession, user: str) -> Run:
        """Function 125: read it, subscribe or unsubscribe."""
        reader = channel.reader
        opcode = reader.u8()
        reader.ub()
        has_user = reader.u8()
        reader.ub()
        has_client_id = reader.u8()
        reader.ub()
        reader.u8()
        reader.ubs(3)
        reader.skip(9)
        reader.ub()
        reader.u8()
        if has_user:
            reader.data()
        if has_client_id:
            reader.data()
        namespace = reader.ub()
        reader.data2()
        reader.ubs(2)
        qos = reader.ub()
        reader.ub()
        timeout = reader.ub()
        reader.ub()
        flags = reader.ub()
        reader.ubs(2)
        grouping = reader.u8()
        reader.ub()
        reader.u8()
        reader.ubs(2)
        number = reader.ub()

        def run() -> bytes:
            if opcode == UNREGISTER:
                self.drop(number)
                return _subscribed(number, b"") + status(session.in_transaction)
            if opcode != REGISTER or namespace != NAMESPACE_CHANGE or grouping:
                raise OracleError(
                    3001,
                    "unimplemented feature: a subscription to queues, or with grouping, is not supported by the"
                    f" local database (operation {opcode}, namespace {namespace}, grouping {grouping})",
                )
            made = self._add(session, user, flags, bool(qos & QOS_PURGE), timeout)
            return _subscribed(made.number, made.client_id) + status(session.in_transaction)

        return run

    def _add(self, session: BackendSession, user: str, flags: int, once: bool, timeout: int) -> Subscription:
        with self._lock:
            self._last += 1
            made = Subscription(
                self._last,
                secrets.token_hex(14).encode(),
                user,
                session,
                flags & OPERATIONS,
                bool(flags & FLAG_ROWIDS),
                bool(flags & FLAG_QUERY),
                once,
                timeout,
            )
            self._by_number[made.number] = made
        if timeout:
            made.expiry = threading.Timer(timeout, self._expire, (made,))
            made.expiry.daemon = True
            made.expiry.start()
        return made

    def register(
        self,
        number: int,
        session: BackendSession,
        cursor: ServerCursor,
        binds: Sequence[Bind],
        values: Sequence[Any],
    ) -> int:
        """Watch the tables of a query for subscription `number`; returns the query's id."""
        subscription = self._by_number.get(number)
        if subscription is None:
            raise OracleError(29970, "Specified registration id does not exist")
        if session.in_transaction:
            raise OracleError(29975, "Cannot register a query in the middle of an active transaction")
        assert cursor.statement is not None
        with self._lock:
            self._last_query += 1
            query = self._last_query
        by_result = subscription.by_query
        registered = session.register_query(cursor.statement, binds, values, by_result=by_result)
        watched = self._backend.notifications.subscribe(
            lambda changes: self._changed(subscription, query, changes),
            registered,
            by_result=by_result,
            operations=subscription.operations,
            rowids=subscription.rowids,
            owner=subscription.user,
        )
        subscription.watched.append(watched)
        subscription.tables += registered.tables
        return query

    def _changed(self, subscription: Subscription, query: int, changes: Sequence[TableChange]) -> None:
        event = QUERY_CHANGE if subscription.by_query else OBJECT_CHANGE
        tables = _tables(changes)
        if subscription.by_query:
            tables = (
                (1).to_bytes(2, "big")
                + (query & 0xFFFFFFFF).to_bytes(4, "big")
                + (query >> 32).to_bytes(4, "big")
                + QUERY_CHANGE.to_bytes(4, "big")
                + tables
            )
        name = self._backend.service.encode()
        payload = b"".join(
            (
                (2).to_bytes(2, "big"),
                subscription.number.to_bytes(4, "big"),
                event.to_bytes(4, "big"),
                len(name).to_bytes(2, "big"),
                name,
                bytes(14),  # transaction id and SCN
                tables,
            )
        )
        subscription.outbox.put(_record(subscription.number, payload))
        if subscription.once:
            self.drop(subscription.number)

    def _expire(self, subscription: Subscription) -> None:
        self.drop(subscription.number)
        subscription.outbox.put(_record(subscription.number, b""))

    def drop(self, number: int) -> None:
        """End a subscription; what is in its outbox is still sent."""
        with self._lock:
            subscription = self._by_number.pop(number, None)
        if subscription is None:
            return
        if subscription.expiry is not None:
            subscription.expiry.cancel()
        for watched in subscription.watched:
            self._backend.notifications.unsubscribe(watched)

    def drop_session(self, session: BackendSession) -> None:
        """The main connection has gone: what nobody listens to ends with it."""
        for subscription in [s for s in self._by_number.values() if s.owner is session and not s.attached]:
            self.drop(subscription.number)

    @contextmanager
    def attach(self, client_id: bytes, user: str, channel: Channel) -> Iterator[None]:
        """While the notification session is connected, a thread sends it what its subscription has."""
        found = [s for s in self._by_number.values() if s.client_id == client_id and s.user == user]
        if not found:
            raise Disconnected("no subscription has this client id")
        subscription = found[0]
        subscription.attached = True
        sender = threading.Thread(
            target=_send, args=(subscription, channel), name=f"notify-{subscription.number}", daemon=True
        )
        sender.start()
        try:
            yield
        finally:
            subscription.outbox.put(None)
            self.drop(subscription.number)
            sender.join()


def _send(subscription: Subscription, channel: Channel) -> None:
    try:
        channel.packets.send_data(START, 0)
        while (record := subscription.outbox.get()) is not None:
            channel.packets.send_data(record, 0)
    except Disconnected as gone:
        log.debug("subscription %d: %s", subscription.number, gone)


def _subscribed(number: int, client_id: bytes) -> bytes:
    return b"".join(
        (
            bytes((Message.PARAMETER,)),
            ub(1),
            ub(0),
            ub(number),
            ub(1),
            ub(number),
            b"\0",  # subscriber name
            b"\0\0",  # instances, listener addresses
            data2(client_id),
        )
    )


def _record(number: int, payload: bytes) -> bytes:
    """One push. An empty payload tells the client that its registration has ended."""
    return b"".join((ub(PUSH), ub(0), ub(number), bytes(3), ub(0), b"\0", bytes(3), data2(payload), b"\0"))


def _tables(changes: Sequence[TableChange]) -> bytes:
    parts = [len(changes).to_bytes(2, "big")]
    for change in changes:
        operations = change.operations
        if change.rows is None or len(change.rows) > 0xFFFF:
            operations |= Operation.ALL_ROWS
        name = change.table.encode()
        parts += (
            operations.to_bytes(4, "big"),
            len(name).to_bytes(2, "big"),
            name,
            change.object_number.to_bytes(4, "big"),
        )
        if operations & Operation.ALL_ROWS:
            continue
        rows = change.rows or ()
        parts.append(len(rows).to_bytes(2, "big"))
        for row in rows:
            rowid = row.rowid.encode()
            parts += (row.operation.to_bytes(4, "big"), len(rowid).to_bytes(2, "big"), rowid)
    return b"".join(parts)
