"""One session's PostgreSQL connection: transactions, savepoints, settings, prepared statements, open results.

Oracle's rules are kept here. A failed statement undoes itself and nothing else. A query alone leaves no
transaction behind. Open results survive commit and rollback. Settings (and the role) hold whatever is rolled
back. Nothing costs a round trip of its own when it can ride with the next statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.localdb.cancellation import Cancellation
from app.localdb.datarows import DataRows
from app.localdb.errors import from_postgres, lost, oracle_error
from app.localdb.pg import Connection
from app.localdb.pg_messages import Field, PgError, PgGone, Result
from app.localdb.portals import Portal
from app.localdb.prepared import PreparedStatements
from app.localdb.session_settings import Settings
from app.localdb.spool import Spool

# Held from just before a commit until its rows are visible: oracle.current_scn() waits for it.
_COMMITTING = "select pg_catalog.pg_advisory_xact_lock_shared(7303010)"

Values = Sequence[bytes | None]


@dataclass(slots=True)
class Mark:
    """A point to which a PL/SQL block can be undone."""

    transaction: int  # which transaction it was taken in
    savepoint: str | None  # None: at its very beginning
    dirty: bool
    number: int  # order among marks and savepoints


class Link:
    """Used by one thread, except its `cancellation`."""

    def __init__(self, connect: Callable[[], Connection], settings: Mapping[str, str]) -> None:
        try:
            self.connection = connect()
        except PgGone as error:
            raise lost(error) from error
        self.dirty = False  # uncommitted changes or row locks
        self._explicit = False  # BEGIN was sent
        self._pinned = False  # a user's savepoint or transaction mode keeps the transaction open
        self._transaction = 0  # counts transactions that ended
        self._portals: list[Portal] = []
        self._prepared = PreparedStatements(self.connection)
        self._names = 0
        self._marks: list[Mark] = []
        self._savepoints: dict[
            str, int
        ] = {}  # a user's savepoints: name -> number of PostgreSQL's, u<number>
        self._deferred: list[str] = []  # SAVEPOINTs of marks that no statement has needed yet
        self._settings = Settings(settings)
        self.cancellation = Cancellation(self.connection.cancel)

    def sibling(self, connect: Callable[[], Connection]) -> Link:
        """Another connection with the same settings."""
        return Link(connect, self._settings.wanted)

    @property
    def transaction(self) -> int | None:
        """The number of the open transaction of the user; None when he has none."""
        return self._transaction if self.dirty else None

    # -- settings ------------------------------------------------------------------------------

    def set(self, name: str, value: str) -> None:
        """A setting of the PostgreSQL session (role, oracle.*), in force with the next statement."""
        self._settings.wanted[name] = value

    @property
    def settings(self) -> dict[str, str]:
        return dict(self._settings.wanted)

    def setting(self, name: str) -> str:
        return self._settings.wanted.get(name, "")

    # -- statements ----------------------------------------------------------------------------

    def execute(
        self,
        sql: str,
        types: tuple[int, ...],
        rows: Sequence[Values],
        *,
        counted: bool = False,
        lock_wait_ms: int | None = None,
    ) -> list[Result]:
        """Run a changing statement once per element of `rows`, all or nothing.

        `counted`: it returns one row whose first column is the number of rows that it changed. Raises PgError with `.step`, the failing execution; the transaction is then as before.
        """
        protected = self._begin(explicit=True, lock_wait_ms=lock_wait_ms)
        prepared = self._prepared.get(sql, types)
        for values in rows:
            self.connection.bind("", prepared.name, values)
            self.connection.execute("")
        if lock_wait_ms is not None:
            self.connection.command("set local lock_timeout = 0")
        if protected:
            self.connection.command("release s")
        try:
            results = self._exchange()
        except PgError as error:
            if self._prepared.failed(error, sql, types):
                self._undo(protected)
                return self.execute(sql, types, rows, counted=counted, lock_wait_ms=lock_wait_ms)
            self._undo(protected)
            raise
        if counted:
            for result in results:
                result.tag = b"UPDATE " + (result.rows[0][0] or b"0")
        self.dirty = self.dirty or any(_changed(result) for result in results)
        self._settle()
        return results

    def query(
        self,
        sql: str,
        types: tuple[int, ...],
        values: Values,
        *,
        limit: int,
        ahead: int = 0,
        locking: bool = False,
        lock_wait_ms: int | None = None,
    ) -> Portal:
        """Open a query and read up to `limit` rows of it (0 = all, -1 = none yet), later `ahead` at a time.

        `locking` says that fetched rows are locked: never more than asked for. Raises PgError.
        """
        pinned = locking or self._explicit or self._pinned or bool(self._deferred) or lock_wait_ms is not None
        protected = self._begin(explicit=pinned or bool(self._portals), lock_wait_ms=lock_wait_ms)
        prepared = self._prepared.get(sql, types)
        self._names += 1
        portal = Portal(self, f"c{self._names}", locking=locking, ahead=ahead)
        self.connection.bind(portal.name, prepared.name, values)
        if limit >= 0:
            self.connection.execute(portal.name, limit)
        if lock_wait_ms is not None:
            self.connection.command("set local lock_timeout = 0")
        if protected:
            self.connection.command("release s")
        try:
            results = self._exchange(sync=self._explicit)
        except PgError as error:
            self._undo(protected)
            if self._prepared.failed(error, sql, types):
                return self.query(
                    *(sql, types, values),
                    limit=limit,
                    ahead=ahead,
                    locking=locking,
                    lock_wait_ms=lock_wait_ms,
                )
            raise
        for result in results:
            portal.rows = result.rows
            portal.open = result.suspended
        if portal.open:
            self._portals.append(portal)
        if locking and portal.rows:
            self.dirty = True
        self._settle()
        return portal

    def fetch(self, portal: Portal, count: int) -> DataRows:
        """Up to `count` rows more out of an open portal. Raises OracleError."""
        try:
            result = self._read_on(portal, count)
        except PgError as error:
            self._end(portal)
            raise from_postgres(error) from error
        if not result.suspended:
            self._end(portal)
        if portal.locking and result.rows:
            self.dirty = True
        self._settle()
        return result.rows

    def close_portal(self, portal: Portal) -> None:
        """Nothing more will be fetched. Rides with the next statement, unless it was the last thing open."""
        if not portal.open:
            return
        self._end(portal)
        if portal.name:
            self.connection.close_portal(portal.name)
        self._settle()

    def describe(self, sql: str, types: tuple[int, ...] = ()) -> list[Field]:
        """The result columns as PostgreSQL sees them. Raises PgError."""
        protected = self._begin(explicit=self._explicit or bool(self._portals))
        prepared = self._prepared.get(sql, types)
        if not prepared.described:
            self.connection.describe_statement(prepared.name)
            if protected:
                self.connection.command("release s")
            try:
                self._exchange(sync=True)
            except PgError:
                self._undo(protected)
                raise
            prepared.fields, prepared.described = self.connection.fields, True
        elif protected:
            self.connection.command("release s")
        return prepared.fields

    def run(self, *statements: str) -> None:
        """PostgreSQL statements without parameters inside the transaction. Raises PgError."""
        protected = self._begin(explicit=True)
        for sql in statements:
            self.connection.command(sql)
        if protected:
            self.connection.command("release s")
        try:
            self._exchange()
        except PgError:
            self._undo(protected)
            raise
        self.dirty = True

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """COPY FROM STDIN inside the transaction, undone as a whole when it fails. Raises PgError."""
        self._begin(explicit=True, guard=True)
        self._exchange()
        try:
            with self.cancellation.postgres():
                count = self.connection.copy_in(sql, chunks)
        except PgError:
            self._undo(True)
            raise
        except PgGone as error:
            raise lost(error) from error
        self.connection.command("release s")
        self.dirty = True
        return count

    # -- transactions --------------------------------------------------------------------------

    def commit(self) -> None:
        """Make the changes stand. Raises PgError when a deferred constraint fails: all is rolled back then."""
        if not (self.dirty or self._pinned):
            self._settle()
            return
        self._spool_portals()
        self._leave("commit")

    def let_go(self) -> None:
        """Hold no lock for the sake of open results alone."""
        if not (self.dirty or self._pinned or self._deferred):
            self._spool_portals()
            self._settle()

    def rollback(self) -> None:
        if not (self.dirty or self._pinned):
            self._settle()
            return
        self._spool_portals()
        self._leave("rollback")

    def begin(self, mode: str) -> None:
        """SET TRANSACTION: `mode` in PostgreSQL's words. Raises ORA-01453 inside a transaction."""
        if self.dirty or self._pinned:
            raise oracle_error(1453)
        self._spool_portals()
        if self._explicit or self.connection.unsynced:
            self._leave("rollback")
        self._begin(explicit=True, mode=f" {mode}")
        self._exchange()
        self._pinned = True

    def begin_at(self, snapshot: str) -> None:
        """From now on only queries, on what an exported snapshot shows. Raises PgError."""
        self.connection.script(
            f"begin isolation level repeatable read, read only; set transaction snapshot '{snapshot}'"
        )
        self._explicit = self._pinned = True

    def savepoint(self, name: str) -> None:
        """Set a user's savepoint; one of the same name moves here."""
        self._begin(explicit=True, guard=False)
        self._names += 1
        self.connection.command(f"savepoint u{self._names}")
        self._exchange()
        self._savepoints[name] = self._names
        self._pinned = True

    def rollback_to(self, name: str) -> None:
        """Back to a user's savepoint, which stays; later ones go. Raises ORA-01086 when there is none."""
        number = self._savepoints.get(name)
        if number is None:
            raise oracle_error(1086, name)
        self._deferred.clear()
        self._marks = [mark for mark in self._marks if mark.number < number]
        self._spool_portals()
        self.connection.command(f"rollback to u{number}")
        self._exchange()
        self._forget_savepoints(number + 1)
        self._settings.unknown()

    def mark(self) -> Mark:
        """The point a PL/SQL block starts at. Costs nothing until something has to be undone to it."""
        self._names += 1
        if not (self.dirty or self._pinned or self._portals):
            return Mark(self._transaction, None, False, self._names)
        mark = Mark(self._transaction, f"m{self._names}", self.dirty, self._names)
        self._deferred.append(f"savepoint {mark.savepoint}")
        self._marks.append(mark)
        return mark

    def release(self, mark: Mark) -> None:
        """The block succeeded."""
        if mark in self._marks:
            self._marks.remove(mark)
            command = f"savepoint {mark.savepoint}"
            if command in self._deferred:
                self._deferred.remove(command)
            elif all(number < mark.number for number in self._savepoints.values()):
                # PostgreSQL would release the user's later savepoints with it; left alone it does no harm.
                self._deferred.append(f"release {mark.savepoint}")
        self._settle()

    def undo_to(self, mark: Mark) -> None:
        """The block failed: undo what it did, back to its start or to its last commit.

        A block that rolled back to a savepoint older than itself has lost its mark: what it did since stays.
        """
        if mark.transaction != self._transaction or mark.savepoint is None:
            self.rollback()
            return
        if mark not in self._marks:
            return
        del self._marks[self._marks.index(mark) :]
        command = f"savepoint {mark.savepoint}"
        if command in self._deferred:
            del self._deferred[self._deferred.index(command) :]
            return
        self._deferred.clear()
        self._spool_portals()
        self.connection.command(f"rollback to {mark.savepoint}")
        self.connection.command(f"release {mark.savepoint}")
        self._exchange()
        self._forget_savepoints(mark.number)
        self._settings.unknown()
        self.dirty = mark.dirty

    # -- ends ----------------------------------------------------------------------------------

    def close(self) -> None:
        for portal in self._portals:
            portal.discard()
        self.connection.close()

    # -- within --------------------------------------------------------------------------------

    def _begin(
        self, *, explicit: bool, guard: bool | None = None, lock_wait_ms: int | None = None, mode: str = ""
    ) -> bool:
        """Queue what has to stand before a statement; True when a savepoint `s` protects the transaction."""
        self.cancellation.check()
        connection = self.connection
        if explicit and not self._explicit:
            connection.command(f"begin{mode}")
            self._explicit = True
        settings = self._settings.pending()
        if settings is not None:
            connection.command(settings)
        for command in self._deferred:
            connection.command(command)
        self._deferred.clear()
        protected = (
            guard if guard is not None else self.dirty or self._pinned or bool(self._portals or self._marks)
        )
        if protected and self._explicit:
            connection.command("savepoint s")
        if lock_wait_ms is not None:
            connection.command(f"set local lock_timeout = {lock_wait_ms}")
        return protected and self._explicit

    def _exchange(self, *, sync: bool = True) -> list[Result]:
        try:
            with self.cancellation.postgres():
                return self.connection.exchange(sync=sync)
        except PgGone as error:
            raise lost(error) from error

    def _undo(self, protected: bool) -> None:
        """After a failed statement: back to just before it."""
        self._settings.unknown()
        if protected:
            self.connection.command("rollback to s")
            self.connection.command("release s")
            self._exchange()
            return
        for portal in self._portals:
            portal.open, portal.invalid = False, True
        self._portals.clear()
        if self._explicit:
            self._leave("rollback")

    def _leave(self, command: str) -> None:
        """End the PostgreSQL transaction, whatever it is."""
        self.dirty = self._pinned = False
        self._transaction += 1
        self._deferred.clear()
        self._savepoints.clear()
        self._marks.clear()
        explicit, self._explicit = self._explicit, False
        if not explicit:
            self.connection.sync_without_waiting()
            return
        if command == "commit":
            self.connection.command(_COMMITTING)
        self.connection.command(command)
        try:
            self._exchange()
        except PgError:
            self._settings.unknown()
            if self.connection.in_transaction:
                self.connection.command("rollback")
                self._exchange()
            raise
        if command == "rollback":
            self._settings.rolled_back()
        self._settings.committed()

    def _settle(self) -> None:
        """When nothing depends on it any more, end the PostgreSQL transaction that queries opened."""
        if self.dirty or self._pinned or self._portals or self._deferred:
            return
        if not (self._explicit or self.connection.unsynced):
            return
        self._transaction += 1
        self._marks.clear()
        try:
            if self._explicit:
                self._explicit = False
                self.connection.command("commit")
            self.connection.sync_without_waiting()
        except PgGone as error:
            raise lost(error) from error
        self._settings.committed()

    def _spool_portals(self) -> None:
        """Read open results to their end before the transaction ends under them."""
        for portal in list(self._portals):
            if portal.locking:
                self._end(portal)
                portal.invalid = True
                continue
            portal.spool = Spool()
            try:
                while portal.open:
                    result = self._read_on(portal, 5000)
                    portal.spool.write(result.rows)
                    if not result.suspended:
                        self._end(portal)
            except PgError:
                self._end(portal)
                portal.invalid = True  # its next fetch fails; the commit must not
            portal.spool.rewind()

    def _read_on(self, portal: Portal, count: int) -> Result:
        """The next rows of a portal; a failure leaves the transaction as it was. Raises PgError."""
        others = self.dirty or len(self._portals) > 1 or bool(self._marks)
        protected = self._begin(explicit=self._explicit or others, guard=others)
        self.connection.execute(portal.name, count)
        if protected:
            self.connection.command("release s")
        try:
            return self._exchange(sync=self._explicit)[0]
        except PgError:
            self._undo(protected)
            raise

    def _forget_savepoints(self, first: int) -> None:
        self._savepoints = {name: number for name, number in self._savepoints.items() if number < first}

    def _end(self, portal: Portal) -> None:
        portal.open = False
        if portal in self._portals:
            self._portals.remove(portal)


def _changed(result: Result) -> bool:
    """A change that touched no row starts no transaction in Oracle."""
    return result.count > 0 or not result.tag.startswith((b"INSERT", b"UPDATE", b"DELETE", b"MERGE"))
