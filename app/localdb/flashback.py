"""Flashback query (AS OF SCN, AS OF TIMESTAMP): PostgreSQL snapshots that are kept for a while.

A snapshot is taken whenever a session asks for the current SCN, and it is taken between commits, so that what it
shows is exactly what was committed up to that number. It also shows any earlier moment since the last commit
before it. What no kept snapshot shows is ORA-01555: nothing is ever rebuilt or guessed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from app.localdb.cursors import ResultCursor
from app.localdb.datarows import Row
from app.localdb.errors import from_postgres, lost, oracle_error
from app.localdb.link import Link
from app.localdb.pg import Connection
from app.localdb.pg_messages import PgError, PgGone
from app.localdb.portals import Portal
from app.localdb.sql.compiled import Compiled

if TYPE_CHECKING:
    from app.localdb.session import Session

KEPT = 8  # snapshots; each holds one PostgreSQL connection
KEPT_SECONDS = 900  # Oracle's default of UNDO_RETENTION
_EPOCH = datetime(2025, 1, 1, tzinfo=UTC).timestamp()  # see 085_scn.sql
_HOLD_COMMITS = "select pg_catalog.pg_advisory_lock(7303010)"
_LET_COMMITS = "select pg_catalog.pg_advisory_unlock(7303010)"
_TAKE = (
    "select pg_catalog.pg_export_snapshot(), oracle.scn_at(pg_catalog.clock_timestamp()),"
    " (select oracle.scn_at(timestamp) from pg_catalog.pg_last_committed_xact())"
)


@dataclass(slots=True)
class Snapshot:
    """What was committed up to any SCN from `first` to `scn`."""

    name: str
    first: int
    scn: int
    connection: Connection  # in the transaction that keeps it
    taken: float  # time.monotonic()


class Snapshots:
    """The kept snapshots of one database; for all threads."""

    def __init__(self, connect: Callable[[], Connection], seconds: float = KEPT_SECONDS) -> None:
        self._connect = connect
        self._seconds = seconds
        self._timer: threading.Timer | None = (
            None  # to the end of the oldest: PostgreSQL cannot tidy up behind it
        )
        self._lock = threading.Lock()
        self._kept: list[Snapshot] = []
        self._changed: dict[tuple[str, str], int] = {}  # tables: SCN of their last DDL

    def take(self) -> int:
        """Keep what is committed now; the SCN to read it as of. Raises PgError."""
        with self._lock:
            return self._take().scn

    def at(self, scn: int, tables: Iterable[tuple[str, str]]) -> str:
        """The name of the snapshot that shows the tables as of `scn`. Raises ORA-08181 for a number that is
        none, ORA-01555 when no snapshot shows it, ORA-01466 when DDL has changed a table since."""
        with self._lock:
            if not 0 < scn <= _now():
                raise oracle_error(8181)
            found = next((kept for kept in reversed(self._kept) if kept.first <= scn <= kept.scn), None)
            found = found or self._take()
            if not found.first <= scn <= found.scn:
                raise oracle_error(1555)
            if any(self._changed.get(table, 0) > scn for table in tables):
                raise oracle_error(1466)
            return found.name

    def note_ddl(self, tables: Iterable[tuple[str, str]]) -> None:
        """Snapshots taken before cannot show these tables any more."""
        with self._lock:
            self._changed.update(dict.fromkeys(tables, _now()))

    def stop(self) -> None:
        with self._lock:
            self._drop(self._kept)

    def _take(self) -> Snapshot:
        connection = self._connect()
        try:
            connection.query(_HOLD_COMMITS)
            connection.script("begin isolation level repeatable read, read only")
            name, scn, last = connection.query(_TAKE)[0]
            connection.query(_LET_COMMITS)
        except BaseException:
            connection.close()
            raise
        numbers = int(last or scn or 0), int(scn or 0)
        taken = Snapshot((name or b"").decode(), *numbers, connection, time.monotonic())
        self._kept.append(taken)
        self._drop(self._kept[:-KEPT])
        return taken

    def _expire(self) -> None:
        """Drop what is too old; on the timer's thread."""
        with self._lock:
            now = time.monotonic()
            self._drop([kept for kept in self._kept if now - kept.taken >= self._seconds])

    def _drop(self, snapshots: Sequence[Snapshot]) -> None:
        """Drop some, and look again when the oldest of the others has had its time."""
        for snapshot in tuple(snapshots):
            self._kept.remove(snapshot)
            snapshot.connection.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._kept:
            left = self._kept[0].taken + self._seconds - time.monotonic()
            self._timer = threading.Timer(max(left, 0) + 0.05, self._expire)
            self._timer.daemon = True
            self._timer.start()


class PastCursor(ResultCursor):
    """A result on a connection of its own, which is given back with the last row."""

    def __init__(self, past: Past, link: Link, compiled: Compiled, portal: Portal) -> None:
        super().__init__(past.session, compiled.columns, portal, compiled.nested)
        self._past, self._own = past, link

    def fetch(self, count: int) -> Sequence[Row]:
        """See ResultCursor."""
        self._own.cancellation.begin()
        try:
            rows = super().fetch(count)
        finally:
            self._own.cancellation.end()
        if len(rows) < count:
            self.close()
        return rows

    def close(self) -> None:
        super().close()
        self._past.leave(self._own)


class Past:
    """The flashback queries of one session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._links: list[Link] = []

    def open(self, compiled: Compiled, values: Sequence[bytes | None], scn: int, *, ahead: int) -> PastCursor:
        """Open a query as of an SCN. Raises OracleError (see Snapshots.at; ORA-01031) and PgError."""
        session = self.session
        for schema, name in compiled.tables:
            if not session.database.store.may_flash_back(session.current_user, schema, name):
                raise oracle_error(1031)
        snapshot = session.database.snapshots.at(scn, compiled.tables)
        link = session.link.sibling(session.database.connect)
        self._links.append(link)
        try:
            link.cancellation.begin()
            _begin(link, snapshot)
            portal = link.query(compiled.pg_text, (), values, limit=ahead, ahead=ahead)
        except BaseException:
            self.leave(link)
            raise
        finally:
            link.cancellation.end()
        return PastCursor(self, link, compiled, portal)

    def leave(self, link: Link) -> None:
        """Give a connection back. Idempotent."""
        if link in self._links:
            self._links.remove(link)
            link.close()

    def cancel(self) -> None:
        """From another thread: see Cancellation.cancel."""
        for link in tuple(self._links):
            link.cancellation.cancel()

    def pids(self) -> list[int]:
        """Of the PostgreSQL processes at work."""
        return [link.connection.pid for link in tuple(self._links)]

    def let_go(self) -> None:
        """Hold no table: what is left of the results is read now."""
        for link in tuple(self._links):
            link.rollback()

    def close(self) -> None:
        for link in tuple(self._links):
            self.leave(link)


def _begin(link: Link, snapshot: str) -> None:
    try:
        link.begin_at(snapshot)
    except PgError as error:
        if error.sqlstate in ("22023", "42704"):  # the connection that kept it is gone
            raise oracle_error(1555) from error
        raise from_postgres(error) from error
    except PgGone as error:
        raise lost(error) from error


def _now() -> int:
    """The SCN of this moment, by the clock that PostgreSQL stamps commits with."""
    return int((time.time() - _EPOCH) * 1_000_000)
