"""Installs plsql/ in an Oracle database: owner and runtime user, migrations, packages, views, grants.

Safe to repeat, to break off and to run twice at once: `app.oracle.plan` says what is left, each step is
recorded, and a second installation waits for the first. Running workers of the version before go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from typing import Any

import oracledb

from app.oracle.address import security
from app.oracle.errors import MISCONFIGURED, code_of, translate
from app.oracle.plan import (
    ALREADY_DONE,
    InstallError,
    Ledger,
    Step,
    grant_files,
    is_done,
    plan,
    whole_again,
)
from app.oracle.scripts import split, substitute
from app.oracle.sources import LEDGER, SourceFile, source_files, stand_in
from app.settings import Settings

_PLAIN_IDENTIFIER = re.compile(r"[A-Z][A-Z0-9_$#]{0,127}")
_NOT_OURS_TO_GRANT = frozenset({"ORA-01031", "ORA-00942", "ORA-01720"})
_LOCKED = frozenset({"ORA-00054", "ORA-30006"})
# A package or table that a session holds: DDL waits so long, for a package five minutes at most (ORA-04021).
_DDL_LOCK_SECONDS = 30
_OTHER_INSTALLATION_SECONDS = 300
_CONNECT_SECONDS = 10


def install(
    dsn: str,
    user: str,
    password: str,
    owner: str,
    app_user: str,
    app_password: str,
    secured: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Bring the database up to this version of Concord; yields a line for each thing done, as it is done.

    user, password: a DBA. owner: schema of tables and packages, created without a login if missing.
    app_user, app_password: the runtime user, created or given this password if it cannot log in with it.
    secured: see `app.oracle.address.security`. Raises InstallError.
    """
    if not app_password or '"' in app_password or "\0" in app_password:
        raise InstallError(
            "The runtime user's password must not be empty and must not contain a double quote."
        )
    return _work(dsn, user, password, owner, app_user, app_password, secured or {})


def install_from(settings: Settings) -> Iterator[str]:
    """`install` with the names and passwords of the settings. Raises InstallError."""
    return install(
        settings.db_dsn,
        settings.install_user,
        settings.install_password,
        settings.db_owner,
        settings.db_user,
        settings.db_password,
        security(settings),
    )


def upgrade_from(settings: Settings) -> Iterator[str]:
    """`install` for an installation that is there: no user is created, no password changed. Raises InstallError."""
    return _work(
        settings.db_dsn,
        settings.install_user,
        settings.install_password,
        settings.db_owner,
        settings.db_user,
        None,
        security(settings),
    )


def _work(
    dsn: str,
    user: str,
    password: str,
    owner: str,
    app_user: str,
    app_password: str | None,
    secured: Mapping[str, Any],
) -> Iterator[str]:
    owner, app_user = identifier("owner", owner), identifier("runtime user", app_user)
    with ExitStack() as sessions:
        connection, guard = (
            sessions.enter_context(closing(connect(dsn, user, password, secured))) for _ in range(2)
        )
        work = _Installation(connection, guard, dsn, owner, app_user, app_password, secured)
        try:
            yield from work.run()
        except oracledb.Error as error:
            raise InstallError(f"The installation broke off: {first_line(error)}") from error


class _Installation:
    """One run of the installer. The second session, `guard`, keeps a row locked: DDL would commit its own."""

    def __init__(
        self,
        connection: oracledb.Connection,
        guard: oracledb.Connection,
        dsn: str,
        owner: str,
        app_user: str,
        app_password: str | None,  # None: the users are there and are left alone
        secured: Mapping[str, Any],
    ) -> None:
        self._connection = connection
        self._guard = guard
        self._dsn = dsn
        self._owner = owner
        self._app_user = app_user
        self._app_password = app_password
        self._secured = secured
        self._ledger: Ledger = {}
        self._sees_sessions = True

    def run(self) -> Iterator[str]:
        self._ddl(f"alter session set ddl_lock_timeout = {_DDL_LOCK_SECONDS}")
        runtime_user_is_new = False
        if self._app_password is None:
            self._find_users()
        else:
            yield from self._create_owner()
            for line in self._create_runtime_user(self._app_password):
                runtime_user_is_new = True
                yield line
        for session in (self._connection, self._guard):
            execute(session, f"alter session set current_schema = {self._owner}")
        yield from self._create_ledger()
        yield from self._wait_for_others()
        self._ledger = read_ledger(self._connection)
        yield from self._show_sessions_to_owner()
        steps = plan(
            dict(self._ledger),
            owner=self._owner,
            app_user=self._app_user,
            sees_sessions=self._sees_sessions,
            valid={each for each, good in compiled(self._connection, self._owner).items() if good},
        )
        yield from self._take(steps)
        if runtime_user_is_new:
            for file in grant_files(self._owner, self._app_user):
                self._take_step(whole_again(file, self._ledger))
        self._recompile()
        self._refuse_compile_errors()

    def _take(self, steps: Iterator[Step]) -> Iterator[str]:
        """Take the steps; a line for each file when its last step is done."""
        file, number, count = "", 0, 0
        for step in steps:
            if file and step.file != file:
                yield _told(file, number, count)
                count = 0
            self._take_step(step)
            file, number, count = step.file, step.number, count + 1
        if file:
            yield _told(file, number, count)

    def _take_step(self, step: Step) -> None:
        self._record(step, "STARTED")
        for statement in step.statements:
            try:
                execute(self._connection, statement.text)
            except oracledb.Error as error:
                if not (step.again and code_of(error) in ALREADY_DONE):
                    raise InstallError(f"{step.file}, line {statement.line}: {first_line(error)}") from error
        self._record(step, "DONE")

    def _record(self, step: Step, status: str) -> None:
        key = (step.file, step.number)
        if key in self._ledger:
            sql = """
                update schema_migrations
                   set status = :status, checksum = :checksum, applied_at = sys_extract_utc(systimestamp)
                 where file_name = :file_name and step = :step"""
        else:
            sql = """
                insert into schema_migrations (file_name, step, status, checksum, applied_at)
                values (:file_name, :step, :status, :checksum, sys_extract_utc(systimestamp))"""
        binds = {"status": status, "checksum": step.checksum, "file_name": key[0], "step": key[1]}
        self._connection.autocommit = True  # in the same round trip, with what the step itself has written
        try:
            execute(self._connection, sql, **binds)
        finally:
            self._connection.autocommit = False
        self._ledger[key] = (status, step.checksum)

    def _find_users(self) -> None:
        for what, name in (("owner", self._owner), ("runtime user", self._app_user)):
            if not self._user_exists(name):
                raise InstallError(f"There is no {what} {name} in this database: run `concord db install`.")
        sql = "select count(*) from all_tables where owner = :name and table_name = 'SCHEMA_MIGRATIONS'"
        if not self._one(sql, self._owner):
            raise InstallError(f"Concord is not installed in schema {self._owner}: run `concord db install`.")

    def _create_owner(self) -> Iterator[str]:
        if not self._user_exists(self._owner):
            # An account that nobody can log in to: its objects are worked on from outside.
            self._create_user(self._owner, "no authentication")
            yield f"created owner {self._owner}, an account without login"
        tablespace = self._one("select default_tablespace from dba_users where username = :name", self._owner)
        quota = self._one("select max(max_bytes) from dba_ts_quotas where username = :name", self._owner)
        if quota is None:
            self._ddl(f'alter user {self._owner} quota unlimited on "{tablespace}"')
            yield f"gave {self._owner} a quota on tablespace {tablespace}"

    def _create_runtime_user(self, password: str) -> Iterator[str]:
        if not self._user_exists(self._app_user):
            self._create_user(self._app_user, f'identified by "{password}"')
            yield f"created runtime user {self._app_user}"
        elif not self._login_works(password):
            self._ddl(f'alter user {self._app_user} identified by "{password}"')
            yield f"gave runtime user {self._app_user} its new password"

    def _login_works(self, password: str) -> bool:
        """False when the password is another one; a missing privilege is for the grants to mend."""
        try:
            _open(self._dsn, self._app_user, password, self._secured).close()
        except oracledb.Error as error:
            if code_of(error) == "ORA-01017":
                return False
            if code_of(error) != "ORA-01045":
                raise InstallError(f"Runtime user {self._app_user}: {translate(error).sentence}") from error
        return True

    def _create_ledger(self) -> Iterator[str]:
        sql = "select count(*) from all_tables where owner = :name and table_name = 'SCHEMA_MIGRATIONS'"
        if self._one(sql, self._owner):
            return
        [file] = [file for file in source_files("schema") if file.name == LEDGER]
        for statement in split(file.text):
            try:
                execute(self._connection, statement.text)
            except oracledb.Error as error:
                if not self._one(sql, self._owner):  # else another installation was quicker
                    raise InstallError(f"{file.name}, line {statement.line}: {first_line(error)}") from error
        yield "created SCHEMA_MIGRATIONS"

    def _wait_for_others(self) -> Iterator[str]:
        """Lock the ledger's own row until this installation ends, however it ends."""
        insert = """
            insert into schema_migrations (file_name, step, status, checksum, applied_at)
            values (:file_name, 0, 'DONE', '-', sys_extract_utc(systimestamp))"""
        lock = "select step from schema_migrations where file_name = :file_name and step = 0 for update"
        with suppress(oracledb.IntegrityError):  # it is there since the first installation
            execute(self._guard, insert, file_name=LEDGER)
        self._guard.commit()
        try:
            execute(self._guard, f"{lock} nowait", file_name=LEDGER)
        except oracledb.Error as error:
            if code_of(error) not in _LOCKED:
                raise
            yield "another installation is at work here; waiting for its end"
            try:
                execute(self._guard, f"{lock} wait {_OTHER_INSTALLATION_SECONDS}", file_name=LEDGER)
            except oracledb.Error as late:
                if code_of(late) not in _LOCKED:
                    raise
                raise InstallError(
                    f"Another installation in schema {self._owner} has not ended for "
                    f"{_OTHER_INSTALLATION_SECONDS // 60} minutes: look for its session, then try again."
                ) from late

    def _show_sessions_to_owner(self) -> Iterator[str]:
        """Let JOB_LOCKS_V tell who holds a row. Not every DBA may grant that; then the view has no rows."""
        sql = """
            select count(*)
              from dba_tab_privs
             where grantee = :name and owner = 'SYS' and grantable = 'YES'
               and table_name in ('V_$SESSION', 'V_$LOCKED_OBJECT')"""
        file = session_grants()
        statements = split(substitute(file.text, {"owner": self._owner}))
        if self._one(sql, self._owner) == len(statements):
            return
        try:
            for statement in statements:
                execute(self._connection, statement.text)
        except oracledb.Error as error:
            if code_of(error) not in _NOT_OURS_TO_GRANT:
                raise InstallError(f"{file.name}: {first_line(error)}") from error
            self._sees_sessions = False
            if not is_done(self._ledger, stand_in(SourceFile("views/job_locks_v.sql", ""))):
                yield (
                    f"JOB_LOCKS_V will show no sessions, because this user may not grant {self._owner} a look at "
                    f"V$SESSION: run plsql/{file.name} as SYS, then install again"
                )
        else:
            yield f"granted {self._owner} a look at V$SESSION and V$LOCKED_OBJECT"

    def _recompile(self) -> None:
        """What a change of its table or package has made invalid; Oracle would do it at the next use."""
        for (kind, name), good in sorted(compiled(self._connection, self._owner).items()):
            if good:
                continue
            what, _, body = kind.partition(" ")
            execute(self._connection, f"alter {what} {self._owner}.{name} compile {body}")

    def _refuse_compile_errors(self) -> None:
        """Raises InstallError with every compile error of the owner's objects, by name, line and text."""
        sql = """
            select type, name, line, text
              from all_errors
             where owner = :owner and attribute = 'ERROR'
             order by type, name, sequence"""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, owner=self._owner)
            errors = [f"{kind} {name} line {line}: {text}" for kind, name, line, text in cursor]
        if errors:
            raise InstallError("These objects do not compile:\n" + "\n".join(errors))

    def _create_user(self, name: str, how: str) -> None:
        try:
            self._ddl(f"create user {name} {how}")
        except InstallError:
            if not self._user_exists(name):  # else another installation was quicker
                raise

    def _ddl(self, sql: str) -> None:
        try:
            execute(self._connection, sql)
        except oracledb.Error as error:
            # Never the whole statement: it may hold a password.
            raise InstallError(f"{' '.join(sql.split()[:3])}: {first_line(error)}") from error

    def _user_exists(self, name: str) -> bool:
        return bool(self._one("select count(*) from dba_users where username = :name", name))

    def _one(self, sql: str, name: str) -> object:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, name=name)
                row = cursor.fetchone()
                return row[0] if row else None
        except oracledb.Error as error:
            raise InstallError(f"The installation needs a DBA such as SYSTEM: {first_line(error)}") from error


def session_grants() -> SourceFile:
    """The grants on dictionary views that only SYS, or whoever may grant on them, can give the owner."""
    [file] = [file for file in source_files("dictionary") if file.name.endswith("grants.sql")]
    return file


def compiled(connection: oracledb.Connection, owner: str) -> dict[tuple[str, str], bool]:
    """(type, name) -> whether it compiles, of the owner's packages, views and triggers. Raises oracledb.Error."""
    sql = """
        select object_type, object_name, status
          from all_objects
         where owner = :owner and object_type in ('PACKAGE', 'PACKAGE BODY', 'VIEW', 'TRIGGER')"""
    with connection.cursor() as cursor:
        cursor.execute(sql, owner=owner)
        return {(kind, name): status == "VALID" for kind, name, status in cursor}


def read_ledger(connection: oracledb.Connection) -> Ledger:
    """SCHEMA_MIGRATIONS of the current schema. Raises oracledb.Error."""
    with connection.cursor() as cursor:
        cursor.execute("select file_name, step, status, checksum from schema_migrations")
        return {(file, int(step)): (status, text) for file, step, status, text in cursor}


def connect(dsn: str, user: str, password: str, secured: Mapping[str, Any]) -> oracledb.Connection:
    """A session. Raises InstallError with the cause in a sentence."""
    try:
        return _open(dsn, user, password, secured)
    except oracledb.Error as error:
        sentence = MISCONFIGURED.get(code_of(error)) or translate(error).sentence
        raise InstallError(f"{user} at {dsn}: {sentence}") from error


def _open(dsn: str, user: str, password: str, secured: Mapping[str, Any]) -> oracledb.Connection:
    return oracledb.connect(
        user=user, password=password, dsn=dsn, tcp_connect_timeout=_CONNECT_SECONDS, **secured
    )


def execute(connection: oracledb.Connection, sql: str, **binds: object) -> None:
    """Run one statement and forget its rows. Raises oracledb.Error."""
    with connection.cursor() as cursor:
        cursor.execute(sql, binds)


def identifier(what: str, name: str) -> str:
    """A name as the dictionary has it. Raises InstallError for one that would need quotes."""
    upper = name.upper()
    if not _PLAIN_IDENTIFIER.fullmatch(upper):
        raise InstallError(f"The {what} {name!r} is not a plain Oracle name (letters, digits, _ $ #).")
    return upper


def first_line(error: oracledb.Error) -> str:
    """Oracle's own text of the error."""
    return str(error).split("\n", 1)[0]


def _told(file: str, number: int, count: int) -> str:
    if number == 0:
        return f"{'granted' if file.startswith('grants/') else 'created'} {file}"
    return f"ran {file}: {count} statement{'s' if count > 1 else ''}"
