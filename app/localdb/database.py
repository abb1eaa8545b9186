"""The local database as a whole: PostgreSQL under it, users, sessions, notifications (wire.backend.Backend)."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.localdb import notify
from app.localdb.catalog.administration import Administration, literal, quoted
from app.localdb.catalog.privileges import PREDEFINED_ROLES
from app.localdb.catalog.store import Store
from app.localdb.errors import OracleError, lost, oracle_error
from app.localdb.flashback import Snapshots
from app.localdb.pg import Connection
from app.localdb.pg_messages import PgError, PgGone
from app.localdb.postgres import DATABASE, MAX_CONNECTIONS, SUPERUSER, Postgres, PostgresError
from app.localdb.session import Session
from app.localdb.sql.compiled import TableChange as ObjectChange
from app.localdb.wire.auth import Verifier, password_matches
from app.localdb.wire.backend import ClientInfo

SERVICE = "FREEPDB1"
VERSIONS = {"19c": (19, 28, 0, 0, 0), "23ai": (23, 26, 0, 0, 0)}
_RESTART_TIMEOUT_S = 10.0
_PASSWORD_BYTES = 1024
_PASSWORD_MESSAGE_BYTES = 1280
_STARTING = "57P03"  # SQLSTATE while PostgreSQL starts, recovers or stops
_RESERVED_CONNECTIONS = 10  # PostgreSQL's own reserve, the catalogue's and the listener's connection

_HERE = Path(__file__).parent
_OBJECTS = (
    "bookkeeping.sql", "dictionary.sql", "instance.sql", "definition.sql", "temporary.sql", "performance.sql", "tools.sql",
)  # fmt: skip


class Database:
    """One data folder, served to many sessions. `start` before, `stop` after; the rest is for all threads."""

    def __init__(
        self, data: Path, *, play: str = "19c", system_password: str | None = None, durable: bool = True
    ) -> None:
        """`play` is the Oracle version it behaves like: 19c or 23ai."""
        if play not in VERSIONS:
            raise PostgresError(f"the local database plays {' or '.join(VERSIONS)}, not {play!r}")
        self.play = play
        self.service = SERVICE
        self.version = VERSIONS[play]
        self.plsql: Any = None
        self._postgres = Postgres(data, durable=durable)
        self._system_password = system_password
        self._lock = threading.Lock()
        self.compiling_views = threading.RLock()
        self._sessions: dict[int, Session] = {}
        self._serials = itertools.count(1)
        self.store: Store
        self.snapshots: Snapshots
        self.notifications: notify.ChangeNotifications

    @property
    def banner(self) -> str:
        """Says what it is: nobody shall take it for Oracle."""
        number = ".".join(map(str, self.version))
        return f"Concord local database, not Oracle: for development and tests - Version {number}"

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start PostgreSQL and make or check what lies in it. Raises PostgresError, a sentence."""
        self._postgres.start()
        try:
            self._bootstrap()
            self.store = Store(self.connect)
            self._make_first_users()
            self.snapshots = Snapshots(self.connect)
            self.notifications = notify.ChangeNotifications(self)
        except (PgError, PgGone) as error:
            self.stop()
            raise PostgresError(f"the data folder {self._postgres.data} cannot be used: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every session (open transactions roll back) and PostgreSQL. Idempotent."""
        if hasattr(self, "notifications"):
            self.notifications.stop()
        if hasattr(self, "snapshots"):
            self.snapshots.stop()
        if hasattr(self, "store"):
            self.store.close()
        self._postgres.stop()

    def connect(self) -> Connection:
        """A new PostgreSQL connection as its superuser; while PostgreSQL is being started again, it waits.

        Raises PgGone when there is no PostgreSQL, PgError when there are too many connections.
        """
        deadline = time.monotonic() + _RESTART_TIMEOUT_S
        while True:
            try:
                return Connection(self._postgres.connect, user=SUPERUSER, database=DATABASE, settings={})
            except PgError as error:
                if error.sqlstate != _STARTING or time.monotonic() > deadline:
                    raise
            except PgGone:
                if not self._postgres.ready or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    # -- logins and sessions -------------------------------------------------------------------------

    def verifier(self, user: str) -> Verifier | None:
        """The password verifier of a user as the client names him: upper-cased unless in double quotes."""
        name = user[1:-1] if len(user) > 2 and user[0] == user[-1] == '"' else user.upper()
        rows = self.store.query(
            "select name, salt, hash, rounds, locked is not null from concord_catalog.users"
            " where name = $1 and salt is not null",
            name,
        )
        if not rows:
            return None
        found, salt, hashed, rounds, locked = rows[0]
        return Verifier(
            (found or b"").decode(),
            bytes.fromhex((salt or b"")[2:].decode()),
            bytes.fromhex((hashed or b"")[2:].decode()),
            int(rounds or 0),
            locked == b"t",
        )

    def open_session(self, user: str, client: ClientInfo | None = None) -> Session:
        """A session of an authenticated user. Raises ORA-01045 without CREATE SESSION, ORA-00018 when full."""
        if not self.store.is_dba(user) and "CREATE SESSION" not in self.store.privileges(user):
            raise oracle_error(1045, user)
        with self._lock:
            if len(self._sessions) >= MAX_CONNECTIONS - _RESERVED_CONNECTIONS:
                raise oracle_error(18)
            sid = next(number for number in itertools.count(10) if number not in self._sessions)
            serial = next(self._serials)
        try:
            session = Session(self, user, sid, serial, client)
        except PgError as error:
            if error.sqlstate == _STARTING:
                raise OracleError(1033, "ORACLE initialization or shutdown in progress") from error
            raise oracle_error(18) from error
        with self._lock:
            self._sessions[sid] = session
        return session

    def forget_session(self, session: Session) -> None:
        with self._lock:
            if self._sessions.get(session.sid) is session:
                del self._sessions[session.sid]

    def kill_session(self, sid: int, serial: int) -> None:
        """Roll the session back and end it: its client gets ORA-00028. Raises ORA-00030 when there is none."""
        with self._lock:
            session = self._sessions.get(sid)
        if session is None or session.serial != serial:
            raise oracle_error(30)
        session.killed = True
        self.store.query(
            "select pg_catalog.pg_terminate_backend($1::integer)", str(session.link.connection.pid)
        )

    def let_go_of(self, schema: str, name: str, asking: Session) -> None:
        """Other sessions that only have results of that table (of all of the schema: '') open give up their
        locks on it."""
        rows = self.store.query(
            "select l.pid from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation"
            " join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname = $1 and (c.relname = $2 or $2::text = '') and l.granted",
            *(schema, name),
        )
        holders = {int(row[0] or 0) for row in rows}
        with self._lock:
            others = [each for each in self._sessions.values() if each is not asking]
        for session in others:
            if not holders.isdisjoint({session.link.connection.pid, *session.past.pids()}):
                session.let_go()

    def is_connected(self, user: str) -> bool:
        with self._lock:
            return any(session.user == user for session in self._sessions.values())

    def publish_sessions(self) -> None:
        """Write the sessions, what they did, and who listens to changes, where the V$ views read them."""
        with self._lock:
            sessions = list(self._sessions.values())
        self._publish(
            "session_counts",
            [(s.sid, name, value) for s in sessions for name, value in s.statistics.items()],
        )
        self._publish(
            "session_clients",
            [
                (
                    *(s.sid, s.serial, s.user, s.client.driver, s.tags.get("dbop") or None),
                    s.temporary_lobs,
                )
                for s in sessions
            ],
        )
        self._publish("registrations", self.notifications.registrations())
        rows = [
            (
                *(
                    session.sid,
                    session.serial,
                    session.link.connection.pid,
                    session.user,
                    session.current_schema,
                ),
                *(session.tags.get(tag) for tag in ("module", "action", "client_info", "client_identifier")),
                *(session.client.program, session.client.machine, session.client.terminal),
                *(session.client.osuser, session.client.process),
            )
            for session in sessions
        ]
        times = [session.logon_time for session in sessions]
        values = ", ".join(
            f"({', '.join(map(literal, row))}, to_timestamp({moment})::timestamp)"
            for row, moment in zip(rows, times, strict=True)
        )
        self.store.query(
            "with gone as (delete from concord_catalog.sessions) insert into concord_catalog.sessions"
            " (sid, serial, pid, username, schemaname, module, action, client_info, client_identifier, program,"
            f" machine, terminal, osuser, process, logon_time) values {values}"
        )

    def _publish(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        text = f"with gone as (delete from concord_catalog.{table}) "
        self.store.query(
            text + (f"insert into concord_catalog.{table} values {values}" if rows else "select 1")
        )

    def change_password(self, session: Session, old: str, new: str) -> None:
        """ALTER USER .. REPLACE by the user himself. Raises ORA-28008 when `old` is wrong, ORA-28218 or (far
        too long for the message that carries it) ORA-00988 when `new` is longer than a password may be."""
        if len(new.encode()) > _PASSWORD_BYTES:
            raise oracle_error(988 if len(new.encode()) > _PASSWORD_MESSAGE_BYTES else 28218)
        verifier = self.verifier(f'"{session.user}"')
        if verifier is None or not password_matches(verifier, old):
            raise oracle_error(28008)
        self._set_password(session.user, new)

    def note_ddl(self, changes: Sequence[ObjectChange]) -> None:
        """What DDL did, for change notification and flashback."""
        self.snapshots.note_ddl((change.schema, change.name) for change in changes if change.kind != "INDEX")
        self.notifications.note_ddl(changes)

    # -- bootstrap -----------------------------------------------------------------------------------

    def _bootstrap(self) -> None:
        """Run our SQL once for each version of it, in one transaction."""
        files = [
            _HERE / "catalog" / _OBJECTS[0],
            *sorted((_HERE / "sql" / "bootstrap").glob("*.sql"), key=lambda file: file.name),
            *(_HERE / "catalog" / name for name in _OBJECTS[1:]),
        ]
        texts = [file.read_text() for file in files]
        digest = hashlib.sha256("".join(texts).encode()).hexdigest()
        connection = self.connect()
        try:
            known = b""
            if connection.query("select to_regclass('concord_catalog.settings')")[0][0] is not None:
                rows = connection.query("select value from concord_catalog.settings where name = 'bootstrap'")
                known = (rows[0][0] or b"") if rows else b""
            if known.decode() != digest:
                if known:
                    raise PostgresError(
                        f"the data folder {self._postgres.data} was made by another version of the local database,"
                        " which this one cannot read; move it away or choose another folder: a new one is then made"
                    )
                connection.script("begin")
                for text in texts:
                    connection.script(text)
                connection.script(_set_setting("bootstrap", digest) + "commit")
            number = ".".join(map(str, self.version))
            connection.script(
                _set_setting("play", self.play)
                + _set_setting("version", number)
                + _set_setting("banner", self.banner)
                + _set_setting("service", self.service)
                + "truncate concord_catalog.sessions"
            )
        finally:
            connection.close()

    def _make_first_users(self) -> None:
        if not self.store.schema_exists("SYSTEM"):
            connection = self.connect()
            try:
                connection.script("begin")

                def run(*statements: str) -> None:
                    for statement in statements:
                        connection.script(statement)

                office = Administration(self.store, run, "SYS")
                run(
                    "insert into concord_catalog.users (name, oracle_maintained, user_id) values ('SYS', true, 0)"
                )
                office.create_user("SYSTEM", None, maintained=True)
                run('alter role "SYSTEM" superuser', 'alter role "SYS" superuser')
                for role, privileges in PREDEFINED_ROLES.items():
                    run(
                        "do $$ begin if not exists (select from pg_catalog.pg_roles where rolname ="
                        f" {literal(role)}) then create role {quoted(role)} nologin; end if; end $$",
                        "insert into concord_catalog.roles (name, oracle_maintained)"
                        f" values ({literal(role)}, true)",
                    )
                    for privilege in privileges:
                        run(
                            "insert into concord_catalog.system_grants (privilege, grantee) values"
                            f" ({literal(privilege)}, {literal(role)})"
                        )
                run(
                    "insert into concord_catalog.role_grants (role, grantee, admin) values ('DBA', 'SYSTEM', true)"
                )
                connection.script("commit")
            finally:
                connection.close()
            self.store.forget()
        if self._system_password is not None:
            self._set_password("SYSTEM", self._system_password)

    def _set_password(self, user: str, password: str) -> None:
        def run(*statements: str) -> None:
            for statement in statements:
                self.store.query(statement)

        try:
            Administration(self.store, run, "SYS").set_password(user, password)
        except PgGone as error:
            raise lost(error) from error
        except PgError as error:
            raise OracleError(28003, str(error)) from error


def _set_setting(name: str, value: str) -> str:
    return (
        f"insert into concord_catalog.settings (name, value) values ({literal(name)}, {literal(value)})"
        " on conflict (name) do update set value = excluded.value;"
    )
