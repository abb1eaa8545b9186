"""One Oracle session: statements in, outcomes out (contract.Session), and the host of PL/SQL (plsql.host.Host)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

from app.localdb import direct_load, fired, plsql, sql
from app.localdb.catalog.store import UserCatalog
from app.localdb.client_context import Contexts, Tags
from app.localdb.contract import Bind, Column, Cursor, Direction, Kind, Lob, Outcome
from app.localdb.cursors import ResultCursor
from app.localdb.ddl import Definition
from app.localdb.dml import Changes, bound
from app.localdb.errors import OracleError, from_postgres, oracle_error
from app.localdb.flashback import Past
from app.localdb.link import Link, Mark
from app.localdb.parameters import NLS_DEFAULTS, check, zone_of, zone_text
from app.localdb.pg_messages import PgError
from app.localdb.queries import lock_tables, make_temporary_tables, open_query
from app.localdb.session_settings import first_settings
from app.localdb.sql.catalog import InvalidView
from app.localdb.sql.compiled import Compiled, Effect
from app.localdb.sql.registration import check_registration
from app.localdb.statements import Statement
from app.localdb.stored_lobs import StoredLobs
from app.localdb.values import decode_rows, to_text
from app.localdb.views import compile_again
from app.localdb.wire.backend import ClientInfo, RegisteredQuery, Statistic

if TYPE_CHECKING:
    from app.localdb.database import Database

_COMPILED = 500  # compiled statements a session remembers
DmlResult = tuple[int, list[tuple[Any, ...]]]


class Session:
    """Used by the thread of its client's connection; `cancel` and `tags` by others too."""

    def __init__(
        self, database: Database, user: str, sid: int, serial: int, client: ClientInfo | None = None
    ) -> None:
        self.database = database
        self.user = user
        self.current_user = user
        self.current_schema = user
        self.sid = sid
        self.serial = serial
        self.play = database.play
        self.client = client or ClientInfo()
        self.turn = threading.RLock()
        self.statistics: Counter[str] = Counter()
        self.temporary_lobs = 0
        self.plsql: Any = None
        self.cursors: dict[int, Cursor] = {}
        self.implicit_results: list[Cursor] = []  # of DBMS_SQL.RETURN_RESULT in the block that runs
        self.time_zone: tzinfo = UTC
        self.firing = 0  # triggers of this session's own transaction that are running
        self.mutating: list[tuple[str, str]] = []  # tables whose row triggers are running
        self.nls = dict(NLS_DEFAULTS)
        self.logon_time = time.time()
        self.killed = False
        self.ddl_lock_timeout_s = 0
        self._compiled: OrderedDict[tuple[Any, ...], Compiled] = OrderedDict()
        self._catalogs: dict[str, UserCatalog] = {}
        self.link = Link(database.connect, self._first_settings())
        self.past = Past(self)
        self.lobs = StoredLobs(self)
        self.tags: dict[str, str] = Tags(self.link)
        self._contexts = Contexts(self.link)

    # -- contract.Session --------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        return self.link.dirty

    def prepare(self, text: str) -> Statement:
        return Statement.of(text)

    def describe(self, statement: Statement) -> list[Column]:
        """The columns of a query before its binds are known: binds count as text."""
        with self._statement():
            return self._compile(statement.text, None).columns

    def register_query(
        self, statement: Statement, binds: Sequence[Bind], values: Sequence[Any], *, by_result: bool
    ) -> RegisteredQuery:
        """See wire.backend."""
        with self._statement():
            compiled = self._compile(statement.text, binds)
            schema = self.current_schema
            check_registration(statement.text, compiled, self.catalog, schema, by_result=by_result)
            tables = [f"{owner}.{name}" for owner, name in compiled.tables]
            return RegisteredQuery(tables, compiled.pg_text, bound(compiled, values), self.link.settings)

    def execute(
        self,
        statement: Statement,
        binds: Sequence[Bind] = (),
        rows: Sequence[Sequence[Any]] = ((),),
        *,
        batch_errors: bool = False,
        commit: bool = False,
    ) -> Outcome:
        with self._statement():
            if statement.kind is Kind.PLSQL and not statement.creates_unit:
                outcome = self._run_block(statement, binds, rows)
            else:
                compiled = self._compile(statement.text, binds)
                outcome = self._run(compiled, statement, binds, rows, batch_errors=batch_errors)
            if commit:
                self.commit()
            return outcome

    def load_columns(self, schema: str, table: str, names: Sequence[str]) -> list[Column]:
        """See wire.backend."""
        with self._statement():
            return direct_load.columns(self, schema, table, names)

    def copy_rows(self, schema: str, table: str, columns: Sequence[str], lines: bytes) -> bool:
        """See wire.backend."""
        with self._statement():
            return direct_load.copy(self, schema, table, columns, lines)

    def commit(self) -> None:
        fired.refuse_ending(self, "COMMIT")
        self.statistics[Statistic.COMMITS] += 1
        try:
            self.link.commit()
        except PgError as error:
            first = from_postgres(error)
            self.lobs.undone(ended=True)
            raise OracleError(2091, f"transaction rolled back\n{first.text}") from error
        self.lobs.committed()

    def rollback(self) -> None:
        fired.refuse_ending(self, "ROLLBACK")
        self.statistics[Statistic.ROLLBACKS] += 1
        self.link.rollback()
        self.lobs.undone(ended=True)

    def ping(self) -> None:
        if self.killed:
            raise oracle_error(28)

    def cancel(self) -> None:
        self.link.cancellation.cancel()
        self.past.cancel()

    def set_time_zone(self, offset: str) -> None:
        self.time_zone = zone_of(offset)
        self.link.set("oracle.time_zone", zone_text(offset))

    @property
    def locator_transaction(self) -> int | None:
        """See wire.backend."""
        return self.link.transaction

    def change_lob(self, lob: Lob, change: Callable[[str | bytes], str | bytes]) -> None:
        """See wire.backend."""
        with self._statement():
            self.lobs.change(lob, change)

    def set_context(self, namespace: str, values: Mapping[str, str | None]) -> None:
        """See wire.backend."""
        self._contexts.write(namespace, values)

    def change_password(self, old: str, new: str) -> None:
        self.database.change_password(self, old, new)

    def close(self) -> None:
        with self.turn:
            self.database.forget_session(self)
            self.past.close()
            try:
                with contextlib.suppress(OracleError):  # PostgreSQL is gone, and with it the transaction
                    self.link.rollback()
            finally:
                self.link.close()

    def let_go(self) -> None:
        """Asked by another session's DDL: if nothing runs here, open results are read to their end, so that
        they hold no table. (Oracle's open results never do.)"""
        if self.turn.acquire(blocking=False):
            try:
                self.link.let_go()
                self.past.let_go()
            finally:
                self.turn.release()

    # -- what sql/ and plsql/ ask ------------------------------------------------------------------

    @property
    def catalog(self) -> UserCatalog:
        """The catalogue with the rights of the current user."""
        found = self._catalogs.get(self.current_user)
        if found is None:
            found = self._catalogs[self.current_user] = UserCatalog(self.database.store, self.current_user)
        return found

    def compile_sql(self, source: Any, resolve: Any = None, level: int = 0, **flags: Any) -> Compiled:
        """`level`: of the view whose text it is over the views that are compiled before it."""
        while True:
            try:
                return sql.compile(
                    source,
                    self.catalog,
                    user=self.current_user,
                    current_schema=self.current_schema,
                    play=self.play,
                    resolve=resolve,
                    **flags,
                )
            except InvalidView as view:
                compile_again(self, view, level)

    def open_cursor(self, compiled: Compiled, values: Sequence[Any]) -> ResultCursor:
        fired.refuse_mutating(self, compiled)
        with self.mapped():
            return open_query(self, compiled, _texts(values))

    def query_values(self, compiled: Compiled, values: Sequence[Any], limit: int) -> list[tuple[Any, ...]]:
        cursor = self.open_cursor(compiled, values)
        try:
            return cursor.fetch_values(limit)
        finally:
            cursor.close()

    def run_dml(self, compiled: Compiled, values: Sequence[Any]) -> DmlResult:
        fired.refuse_mutating(self, compiled)
        make_temporary_tables(self, compiled)
        if compiled.plan is not None:
            done = fired.run(self, compiled, _texts(values))
            return done.count, decode_rows(done.rows, compiled.columns, self.link.transaction)
        with self.mapped(compiled), fired.hidden(self, compiled):
            result = self.link.execute(compiled.pg_text, (), [_texts(values)], counted=compiled.counted)[0]
        rows = [] if compiled.counted else result.rows
        return result.count, decode_rows(rows, compiled.columns, self.link.transaction)

    def run_dml_many(
        self, compiled: Compiled, rows: Sequence[Sequence[Any]], save_exceptions: bool
    ) -> list[DmlResult | OracleError]:
        """FORALL: the outcome of each row; without save_exceptions the first error is the last element."""
        fired.refuse_mutating(self, compiled)
        outcomes: list[DmlResult | OracleError] = []
        texts, counted = [_texts(row) for row in rows], compiled.counted
        with fired.hidden(self, compiled):
            done = self._changes(compiled).each(
                texts, compiled.pg_text, counted=counted, going_on=save_exceptions
            )
        for outcome in done:
            if isinstance(outcome, OracleError):
                outcomes.append(outcome)
            else:
                outcomes.append(
                    (
                        outcome.count,
                        decode_rows([] if counted else outcome.rows, compiled.columns, self.link.transaction),
                    )
                )
        return outcomes

    def run_ddl(self, text: str) -> None:
        statement = self.prepare(text)
        self._run(self._compile(text, ()), statement, (), ((),), batch_errors=False)

    def savepoint(self, name: str) -> None:
        fired.refuse_ending(self, "SET SAVEPOINT")
        with self.mapped():
            self.link.savepoint(name)

    def rollback_to(self, name: str) -> None:
        fired.refuse_ending(self, "ROLLBACK")
        self.link.rollback_to(name)
        self.lobs.undone(ended=False)

    def mark(self) -> Mark:
        return self.link.mark()

    def release(self, mark: Mark) -> None:
        self.link.release(mark)

    def undo_to(self, mark: Mark) -> None:
        self.link.undo_to(mark)
        self.lobs.undone(ended=self.link.transaction is None)

    def check_cancelled(self) -> None:
        self.link.cancellation.check()

    @contextlib.contextmanager
    def as_user(self, name: str) -> Iterator[None]:
        """Definer's rights: names resolve and rights count as if `name` had logged in."""
        before = self.current_user, self.current_schema
        self._become(name, name)
        try:
            yield
        finally:
            self._become(*before)

    @contextlib.contextmanager
    def autonomous(self) -> Iterator[Session]:
        """A session of its own inside this one, for an autonomous transaction."""
        other = Session(self.database, self.user, self.sid, self.serial, self.client)
        try:
            other.tags, other.plsql, other.nls = self.tags, self.plsql, self.nls
            other._become(self.current_user, self.current_schema)
            yield other
        finally:
            other.link.rollback()
            other.link.close()

    def may_create(self, owner: str, kind: str) -> None:
        Definition(self).may_create(owner, kind)

    def store_unit(
        self, owner: str, name: str, kind: str, source: str, status: str, errors: list[tuple[int, int, str]]
    ) -> None:
        Definition(self).store_unit(owner, name, kind, source, status, errors)

    def fetch_unit(self, owner: str, name: str, kind: str) -> str | None:
        rows = self.database.store.query(
            "select text from concord_catalog.units where owner = $1 and name = $2 and kind = $3",
            *(owner, name, kind),
        )
        return (rows[0][0] or b"").decode() if rows else None

    def pg_execute(self, sql_text: str) -> None:
        with self.mapped():
            self.link.run(sql_text)

    def may_execute(self, owner: str, name: str) -> bool:
        found = self.database.store.object(owner, name)
        return found is not None and self.database.store.may_see(self.current_user, found)

    # -- running -----------------------------------------------------------------------------------

    def _run(
        self,
        compiled: Compiled,
        statement: Statement,
        binds: Sequence[Bind],
        rows: Sequence[Sequence[Any]],
        *,
        batch_errors: bool,
    ) -> Outcome:
        if compiled.kind is Kind.QUERY:
            row = rows[0] if rows else ()
            cursor = open_query(self, compiled, bound(compiled, row), row)
            return Outcome(Kind.QUERY, cursor=cursor)
        if compiled.kind is Kind.DML:
            with fired.hidden(self, compiled):
                return self._changes(compiled).run(rows, batch_errors=batch_errors)
        if compiled.effect in (Effect.COMMIT, Effect.ROLLBACK):
            self.commit() if compiled.effect is Effect.COMMIT else self.rollback()
        elif compiled.effect is Effect.SAVEPOINT:
            self.link.savepoint(compiled.names[0])
        elif compiled.effect is Effect.ROLLBACK_TO:
            self.rollback_to(compiled.names[0])
        elif compiled.effect is Effect.SET_TRANSACTION:
            if compiled.options.get("read_only"):
                self.link.begin("isolation level repeatable read, read only")
            elif compiled.options.get("serializable"):
                self.link.begin("isolation level repeatable read")
        elif compiled.effect is Effect.ALTER_SESSION:
            self.alter(compiled.options)
        elif compiled.effect is Effect.KILL_SESSION:
            self._kill(*map(int, compiled.names))
        elif compiled.effect is Effect.LOCK_TABLE:
            lock_tables(self, compiled)
        elif compiled.effect is Effect.RUN_BLOCK:
            return self._run_block(statement, binds, rows)
        else:
            failed = Definition(self).run(compiled, statement.text)
            return Outcome(Kind.PLSQL if statement.creates_unit else Kind.DDL, compile_errors=failed)
        return Outcome(Kind.DDL)

    def _changes(self, compiled: Compiled) -> Changes:
        make_temporary_tables(self, compiled)
        return Changes(self.link, compiled, self._oracle_error, lambda *change: fired.run(self, *change))

    def _run_block(
        self, statement: Statement, binds: Sequence[Bind], rows: Sequence[Sequence[Any]]
    ) -> Outcome:
        outcome = Outcome(Kind.PLSQL)
        for done, values in enumerate(rows or ((),)):
            try:
                directions, results = plsql.run_block(self, statement.text, binds, values)
            except OracleError as error:
                error.row_count = done
                raise
            outcome.directions = [Direction(direction) for direction in directions]
            outcome.out_values.append(list(results))
        outcome.implicit_results, self.implicit_results = self.implicit_results, []
        return outcome

    # -- session state -----------------------------------------------------------------------------

    def alter(self, options: Mapping[str, object]) -> None:
        """ALTER SESSION SET. Raises OracleError for an unknown parameter."""
        for name, value in check(options).items():
            if name == "CURRENT_SCHEMA":
                if value != "SYS" and not self.database.store.schema_exists(value):
                    raise OracleError(1435, "user does not exist")
                self.current_schema = value
                self.link.set("oracle.current_schema", value)
            elif name == "TIME_ZONE":
                self.set_time_zone(value)
            elif name == "DDL_LOCK_TIMEOUT":
                self.ddl_lock_timeout_s = int(value)
            elif name == "ISOLATION_LEVEL":
                if value.upper() != "READ COMMITTED":
                    raise OracleError(3001, f"unimplemented feature: ISOLATION_LEVEL = {value} for a session")
            elif name in self.nls:
                self.nls[name] = value
                self.link.set(f"oracle.{name.lower()}", value)

    def _kill(self, sid: int, serial: int) -> None:
        held = self.database.store.privileges(self.current_user)
        if not self.database.store.is_dba(self.current_user) and "ALTER SYSTEM" not in held:
            raise oracle_error(1031)
        if (sid, serial) == (self.sid, self.serial):
            raise oracle_error(27)
        self.database.kill_session(sid, serial)

    def _first_settings(self) -> dict[str, str]:
        settings = {
            "role": self.user,
            "oracle.user": self.user,
            "oracle.session_user": self.user,
            "oracle.current_schema": self.user,
            "oracle.sid": str(self.sid),
            "oracle.serial": str(self.serial),
            "oracle.host": self.client.machine,
        }
        return settings | first_settings(self.play, self.database.service)

    def _become(self, user: str, schema: str) -> None:
        self.current_user, self.current_schema = user, schema
        self.link.set("role", user)
        self.link.set("oracle.user", user)
        self.link.set("oracle.current_schema", schema)

    # -- errors ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _statement(self) -> Iterator[None]:
        """Around one call of the client: killed sessions end, cancels count, errors become Oracle's."""
        if self.killed:
            raise oracle_error(28)
        self.link.cancellation.begin()
        try:
            with self.mapped():
                yield
        finally:
            self.link.cancellation.end()

    @contextlib.contextmanager
    def mapped(self, compiled: Compiled | None = None, *, waited: bool = False) -> Iterator[None]:
        """PostgreSQL's errors inside become Oracle's. `waited`: the statement had a lock time-out of its own."""
        try:
            yield
        except PgError as error:
            raise self._oracle_error(error, compiled, waited=waited) from error

    def _oracle_error(
        self, error: PgError, compiled: Compiled | None = None, *, waited: bool = False
    ) -> OracleError:
        for found in compiled.temporary if compiled is not None else ():
            if error.fields.get("t") == found.temporary:
                error.fields |= {"s": found.schema, "t": found.name}
                error.fields["n"] = error.fields.get("n", "").partition("#")[0]
        updating = compiled is not None and compiled.pg_text.lstrip()[:6].lower() == "update"
        return from_postgres(error, updating=updating, waited=waited)

    def _compile(self, text: str, binds: Sequence[Bind] | None) -> Compiled:
        shape = None if binds is None else tuple((bind.type, bind.returning, bind.array) for bind in binds)
        key = (text, shape, self.current_schema, self.current_user, self.database.store.version)
        found = self._compiled.get(key)
        if found is not None:
            self._compiled.move_to_end(key)
            return found
        compiled = self.compile_sql(text, binds=binds, locators=True)
        if compiled.kind in (Kind.QUERY, Kind.DML):
            self._compiled[key] = compiled
            if len(self._compiled) > _COMPILED:
                self._compiled.popitem(last=False)
        return compiled


def _texts(values: Sequence[Any]) -> list[bytes | None]:
    return [to_text(value) for value in values]
