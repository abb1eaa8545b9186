"""Notification by query: whether the result of a registered query is another one after a commit.

Each query has a digest of its rows, taken when it is registered and after each commit that touched its tables: by a
thread of its own, with the rights of who registered it, so that no commit waits for it. Commits that come while a
digest is taken are looked at together and told in one message.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.localdb.datarows import Row
from app.localdb.errors import OracleError
from app.localdb.link import Link
from app.localdb.pg import Connection
from app.localdb.pg_messages import PgError, PgGone
from app.localdb.wire.backend import Operation, RegisteredQuery, RowChange, TableChange

log = logging.getLogger(__name__)

CHANNEL = "concord_changes"
_DIGEST = (
    "select count(*), sum(pg_catalog.hashtextextended(q::text, 0)), sum(pg_catalog.hashtextextended(q::text, 1))"
    " from ({}) q"
)
_ALWAYS = Operation.ALTER | Operation.DROP  # told whatever the result
_HEARING_S = 5.0  # how long to wait for the listener at most: it may have lost PostgreSQL
_ROWIDS = 100  # in one message of one table

Callback = Callable[[Sequence[TableChange]], None]


@dataclass(slots=True)
class _Watched:
    query: RegisteredQuery
    callback: Callback
    digest: Row | None = None
    begun: bool = False  # the first digest is there
    pending: dict[str, TableChange] = field(default_factory=dict)


class QueryResults:
    """Of one database. `changed` is called by the thread that listens, the rest by those of the clients."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._watched: dict[int, _Watched] = {}
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._marker = 0  # counts markers; PostgreSQL delivers its messages in the order of the commits
        self._heard = threading.Event()  # the listener has met the last marker

    def add(self, number: int, query: RegisteredQuery, callback: Callback) -> None:
        """From now on `changed` may be called for it; nothing is told before `begin`."""
        with self._lock:
            self._watched[number] = _Watched(query, callback)

    def begin(self, number: int) -> None:
        """Take the first digest. Raises OracleError when the query fails."""
        watched = self._watched[number]
        watched.digest = self._digest(watched.query)
        with self._lock:
            watched.begun = True
            self._lock.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="query-results", daemon=True)
                self._thread.start()

    def remove(self, number: int) -> None:
        with self._lock:
            self._watched.pop(number, None)

    def changed(self, number: int, changes: Sequence[TableChange]) -> None:
        """A commit touched tables of that query."""
        with self._lock:
            watched = self._watched.get(number)
            if watched is not None:
                for change in changes:
                    watched.pending[change.table] = _joined(watched.pending.get(change.table), change)
                self._lock.notify()

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._lock.notify()
        self._heard.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._stopping or self._next() is not None)
                watched = self._next()
                if self._stopping or watched is None:
                    return
                changes = list(watched.pending.values())
                watched.pending = {}
            self._look(watched, changes)

    def heard(self, marker: int) -> None:
        """Every change that was committed before that marker was sent has been given to `changed`."""
        if marker == self._marker:
            self._heard.set()

    def _listen_up(self) -> None:
        """Wait until the listener has met all that was committed before now."""
        self._heard.clear()
        self._marker += 1
        try:
            connection = self._connect()
            try:
                connection.query(
                    "select pg_catalog.pg_notify($1, $2)", [CHANNEL.encode(), b"[%d]" % self._marker]
                )
            finally:
                connection.close()
        except (PgError, PgGone) as error:
            log.warning("changes may be told apart from their result: %s", error)
            return
        self._heard.wait(_HEARING_S)

    def _next(self) -> _Watched | None:
        return next((each for each in self._watched.values() if each.begun and each.pending), None)

    def _look(self, watched: _Watched, changes: Sequence[TableChange]) -> None:
        """Tell of the changes if the result is another one. A query that cannot be run any more is told of each."""
        before = watched.digest
        try:
            watched.digest = self._digest(watched.query)
        except OracleError as error:
            log.warning("a registered query cannot be run, so its changes are all told: %s", error)
            watched.digest = None
        same = watched.digest is not None and watched.digest == before
        if not same or any(change.operations & _ALWAYS for change in changes):
            # The digest may show a later commit, whose changes then belong to this message. They stay pending:
            # should the digest not have shown it, the next one will.
            self._listen_up()
            with self._lock:
                told = {change.table: change for change in changes}
                for change in watched.pending.values():
                    told[change.table] = _joined(told.get(change.table), change)
            try:
                watched.callback(list(told.values()))
            except OSError as error:
                log.warning("a subscriber cannot be told of a change: %s", error)

    def _digest(self, query: RegisteredQuery) -> Row:
        try:
            link = Link(self._connect, query.settings)
            try:
                return link.query(_DIGEST.format(query.text), (), query.values, limit=0).fetch(1)[0]
            finally:
                link.close()
        except PgError as error:
            raise OracleError(3001, f"the registered query fails: {error}") from error


def _joined(one: TableChange | None, other: TableChange) -> TableChange:
    """Two changes of one table as one."""
    if one is None:
        return other
    rows: list[RowChange] | None = None
    if one.rows is not None and other.rows is not None and len(one.rows) + len(other.rows) <= _ROWIDS:
        rows = [*one.rows, *other.rows]
    operations = one.operations | other.operations | (Operation.ALL_ROWS if rows is None else 0)
    return TableChange(one.table, operations, one.object_number, rows)
