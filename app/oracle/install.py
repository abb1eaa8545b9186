"""Installs plsql/ in an Oracle database: owner and runtime user, migrations, packages, views, grants.

Safe to repeat: migrations run once each, step by step, and are recorded in SCHEMA_MIGRATIONS; packages, views
and grants are created anew when their text has changed or they are invalid. DDL commits by itself, so a step
is recorded as STARTED before it runs and as DONE after it; an installer that finds a STARTED step takes it up
again and accepts that its object may exist already.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import oracledb

from app.oracle.errors import MISCONFIGURED, code_of, translate
from app.oracle.scripts import Statement, split, substitute
from app.settings import Settings

_PLAIN_IDENTIFIER = re.compile(r"[A-Z][A-Z0-9_$#]{0,127}")
_LEDGER = "schema/0000_schema_migrations.sql"
# What a step may meet that ran before but was not recorded as done: name in use, column exists, primary or
# unique key exists, constraint exists, columns indexed already, column nullable already / not null already,
# index dropped already.
_ALREADY_DONE = frozenset(
    {"ORA-00955", "ORA-01430", "ORA-02260", "ORA-02261", "ORA-02264", "ORA-02275", "ORA-01408"}
    | {"ORA-01442", "ORA-01451", "ORA-01418"}
)
# What is created as a whole, in this order: specifications before what uses them, grants last.
_REPEATABLE = (("packages", ".pks"), ("views", ".sql"), ("packages", ".pkb"))
# Views that need more of the dictionary than every DBA may grant, and what stands in for them then.
_STAND_INS = {"views/job_locks_v.sql": "dictionary/job_locks_v.sql"}
_NOT_OURS_TO_GRANT = frozenset({"ORA-01031", "ORA-00942", "ORA-01720"})
_DDL_LOCK_SECONDS = 30
_CONNECT_SECONDS = 10


class InstallError(Exception):
    """The installation cannot go on; the text is a sentence. What was done stays and is not done again."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file below plsql/."""

    name: str  # e.g. schema/0001_queue.sql
    text: str


def source_files(folder: str, suffix: str = ".sql") -> list[SourceFile]:
    """The files of one folder of plsql/ in the order of their names."""
    found = [
        SourceFile(f"{folder}/{entry.name}", entry.read_text(encoding="utf-8"))
        for entry in _entries(resources.files("plsql") / folder)
        if entry.name.endswith(suffix)
    ]
    return sorted(found, key=lambda file: file.name)


def _entries(folder: Traversable) -> Iterable[Traversable]:
    return folder.iterdir()


def install(
    dsn: str, user: str, password: str, owner: str, app_user: str, app_password: str
) -> Iterator[str]:
    """Bring the database up to this version of Concord; yields a line for each thing done, as it is done.

    user, password: a DBA. owner: schema of tables and packages, created without a login if missing.
    app_user, app_password: the runtime user, created or given this password if it cannot log in with it.
    Raises InstallError.
    """
    owner, app_user = _identifier("owner", owner), _identifier("runtime user", app_user)
    if not app_password or '"' in app_password or "\0" in app_password:
        raise InstallError(
            "The runtime user's password must not be empty and must not contain a double quote."
        )
    with closing(_connect(dsn, user, password)) as connection:
        try:
            yield from _Installation(connection, dsn, owner, app_user, app_password).run()
        except oracledb.Error as error:
            raise InstallError(f"The installation broke off: {_first_line(error)}") from error


def install_from(settings: Settings) -> Iterator[str]:
    """`install` with the names and passwords of the settings. Raises InstallError."""
    if not settings.install_user or not settings.install_password:
        raise InstallError(
            "CONCORD_INSTALL_USER and CONCORD_INSTALL_PASSWORD must name a DBA, for example SYSTEM; they are "
            "used for the installation only."
        )
    return install(
        settings.db_dsn,
        settings.install_user,
        settings.install_password,
        settings.db_owner,
        settings.db_user,
        settings.db_password,
    )


def check(dsn: str, user: str, password: str, owner: str) -> list[str]:
    """What keeps the installed schema from being that of this version, as sentences; empty when all is well.

    Asks as the runtime user and sees with its rights. Raises InstallError when the database cannot be asked.
    """
    owner = _identifier("owner", owner)
    with closing(_connect(dsn, user, password)) as connection:
        try:
            _execute(connection, f"alter session set current_schema = {owner}")
            recorded = _recorded(connection)
        except oracledb.Error as error:
            if code_of(error) not in ("ORA-00942", "ORA-01435"):
                raise InstallError(translate(error).sentence) from error
            return [
                f"Concord is not installed in schema {owner}, or not for user {user}: run `concord db install`."
            ]
        findings = list(_missing(recorded))
        findings.extend(_not_working(connection))
        return findings


def check_from(settings: Settings) -> list[str]:
    """`check` with the names and passwords of the settings. Raises InstallError."""
    return check(settings.db_dsn, settings.db_user, settings.db_password, settings.db_owner)


class _Installation:
    """One run of the installer."""

    def __init__(
        self, connection: oracledb.Connection, dsn: str, owner: str, app_user: str, app_password: str
    ) -> None:
        self._connection = connection
        self._dsn = dsn
        self._owner = owner
        self._app_user = app_user
        self._app_password = app_password
        self._recorded: dict[tuple[str, int], tuple[str, str]] = {}
        self._sees_sessions = True

    def run(self) -> Iterator[str]:
        self._ddl(f"alter session set ddl_lock_timeout = {_DDL_LOCK_SECONDS}")
        yield from self._create_owner()
        runtime_user_is_new = False
        for line in self._create_runtime_user():
            runtime_user_is_new = True
            yield line
        self._ddl(f"alter session set current_schema = {self._owner}")
        yield from self._create_ledger()
        self._recorded = _recorded(self._connection)
        for file in source_files("schema"):
            if file.name != _LEDGER:
                yield from self._migrate(file)
        yield from self._show_sessions_to_owner()
        for folder, suffix in _REPEATABLE:
            for file in source_files(folder, suffix):
                yield from self._create_anew(file if self._sees_sessions else _stand_in(file))
        self._refuse_compile_errors()
        variables = {"owner": self._owner, "app_user": self._app_user}
        for file in source_files("grants"):
            granted = SourceFile(file.name, substitute(file.text, variables))
            if runtime_user_is_new or not self._is_done(granted, 0):
                yield from self._run_whole(granted, "granted")

    def _create_owner(self) -> Iterator[str]:
        if not self._user_exists(self._owner):
            # An account that nobody can log in to: its objects are worked on from outside.
            self._ddl(f"create user {self._owner} no authentication")
            yield f"created owner {self._owner}, an account without login"
        tablespace = self._one("select default_tablespace from dba_users where username = :name", self._owner)
        quota = self._one("select max(max_bytes) from dba_ts_quotas where username = :name", self._owner)
        if quota is None:
            self._ddl(f'alter user {self._owner} quota unlimited on "{tablespace}"')
            yield f"gave {self._owner} a quota on tablespace {tablespace}"

    def _show_sessions_to_owner(self) -> Iterator[str]:
        """Let JOB_LOCKS_V tell who holds a row. Not every DBA may grant that; then the view has no rows."""
        sql = """
            select count(*)
              from dba_tab_privs
             where grantee = :name and owner = 'SYS' and grantable = 'YES'
               and table_name in ('V_$SESSION', 'V_$LOCKED_OBJECT')"""
        [file] = [file for file in source_files("dictionary") if file.name.endswith("grants.sql")]
        statements = split(substitute(file.text, {"owner": self._owner}))
        if self._one(sql, self._owner) == len(statements):
            return
        try:
            for statement in statements:
                _execute(self._connection, statement.text)
        except oracledb.Error as error:
            if code_of(error) not in _NOT_OURS_TO_GRANT:
                raise InstallError(f"{file.name}: {_first_line(error)}") from error
            self._sees_sessions = False
            if not self._is_done(_stand_in(SourceFile("views/job_locks_v.sql", "")), 0):
                yield (
                    f"JOB_LOCKS_V will show no sessions, because this user may not grant {self._owner} a look at "
                    f"V$SESSION: run plsql/{file.name} as SYS, then install again"
                )
        else:
            yield f"granted {self._owner} a look at V$SESSION and V$LOCKED_OBJECT"

    def _create_runtime_user(self) -> Iterator[str]:
        if not self._user_exists(self._app_user):
            self._ddl(f'create user {self._app_user} identified by "{self._app_password}"')
            yield f"created runtime user {self._app_user}"
        elif not self._login_works():
            self._ddl(f'alter user {self._app_user} identified by "{self._app_password}"')
            yield f"gave runtime user {self._app_user} its new password"

    def _login_works(self) -> bool:
        """False when the password is another one; a missing privilege is for the grants to mend."""
        try:
            oracledb.connect(
                user=self._app_user,
                password=self._app_password,
                dsn=self._dsn,
                tcp_connect_timeout=_CONNECT_SECONDS,
            ).close()
        except oracledb.Error as error:
            if code_of(error) == "ORA-01017":
                return False
            if code_of(error) != "ORA-01045":
                raise InstallError(f"Runtime user {self._app_user}: {translate(error).sentence}") from error
        return True

    def _create_ledger(self) -> Iterator[str]:
        sql = "select count(*) from all_tables where owner = :name and table_name = 'SCHEMA_MIGRATIONS'"
        if not self._one(sql, self._owner):
            [file] = [file for file in source_files("schema") if file.name == _LEDGER]
            for statement in split(file.text):
                self._run(file, statement)
            yield "created SCHEMA_MIGRATIONS"

    def _migrate(self, file: SourceFile) -> Iterator[str]:
        statements = split(file.text)
        done = 0
        for step, statement in enumerate(statements, 1):
            checksum = _checksum(statement.text)
            status, known = self._recorded.get((file.name, step), ("", ""))
            if status == "DONE":
                if known != checksum:
                    raise InstallError(
                        f"{file.name}, statement {step} (line {statement.line}) has been changed since it was run "
                        "in this database. A migration is never changed: add a new one."
                    )
                continue
            self._record(file.name, step, "STARTED", checksum)
            self._run(file, statement, again=status == "STARTED")
            self._record(file.name, step, "DONE", checksum)
            done += 1
        if done:
            yield f"ran {file.name}: {done} of {len(statements)} statements"

    def _create_anew(self, file: SourceFile) -> Iterator[str]:
        if not self._is_done(file, 0) or not self._is_valid(file):
            yield from self._run_whole(file, "created")

    def _run_whole(self, file: SourceFile, verb: str) -> Iterator[str]:
        checksum = _checksum(file.text)
        self._record(file.name, 0, "STARTED", checksum)
        for statement in split(file.text):
            self._run(file, statement)
        self._record(file.name, 0, "DONE", checksum)
        yield f"{verb} {file.name}"

    def _is_done(self, file: SourceFile, step: int) -> bool:
        return self._recorded.get((file.name, step)) == ("DONE", _checksum(file.text))

    def _is_valid(self, file: SourceFile) -> bool:
        """Whether the object that the file is named after exists and is valid."""
        sql = """
            select count(*)
              from all_objects
             where owner = :owner and object_name = :name and object_type = :kind and status = 'VALID'"""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, owner=self._owner, name=_object_name(file), kind=_object_kind(file))
            return bool(_first(cursor))

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

    def _record(self, file: str, step: int, status: str, checksum: str) -> None:
        key = (file, step)
        binds = {"status": status, "checksum": checksum, "file_name": file, "step": step}
        if key in self._recorded:
            sql = """
                update schema_migrations
                   set status = :status, checksum = :checksum, applied_at = sys_extract_utc(systimestamp)
                 where file_name = :file_name and step = :step"""
        else:
            sql = """
                insert into schema_migrations (file_name, step, status, checksum, applied_at)
                values (:file_name, :step, :status, :checksum, sys_extract_utc(systimestamp))"""
        try:
            _execute(self._connection, sql, binds)
            self._connection.commit()
        except oracledb.IntegrityError as error:
            raise InstallError(f"Another installation is working on {file} at this moment.") from error
        self._recorded[key] = (status, checksum)

    def _run(self, file: SourceFile, statement: Statement, *, again: bool = False) -> None:
        """Run one statement. again: it may have run before, then an object that exists is no error."""
        try:
            _execute(self._connection, statement.text)
        except oracledb.Error as error:
            if again and code_of(error) in _ALREADY_DONE:
                return
            raise InstallError(f"{file.name}, line {statement.line}: {_first_line(error)}") from error

    def _ddl(self, sql: str) -> None:
        try:
            _execute(self._connection, sql)
        except oracledb.Error as error:
            # Never the whole statement: it may hold a password.
            raise InstallError(f"{' '.join(sql.split()[:3])}: {_first_line(error)}") from error

    def _user_exists(self, name: str) -> bool:
        return bool(self._one("select count(*) from dba_users where username = :name", name))

    def _one(self, sql: str, name: str) -> object:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, name=name)
                return _first(cursor)
        except oracledb.Error as error:
            raise InstallError(
                f"The installation needs a DBA such as SYSTEM: {_first_line(error)}"
            ) from error


def _missing(recorded: dict[tuple[str, int], tuple[str, str]]) -> Iterator[str]:
    """Files of this version that the database does not have as they are."""
    for file in source_files("schema"):
        if file.name == _LEDGER:
            continue
        steps = {step: ("DONE", _checksum(each.text)) for step, each in enumerate(split(file.text), 1)}
        if any(recorded.get((file.name, step)) != state for step, state in steps.items()):
            yield f"{file.name} has not been run completely: run `concord db install`."
    for folder, suffix in _REPEATABLE:
        for file in source_files(folder, suffix):
            wanted = [("DONE", _checksum(text)) for text in (file.text, _stand_in(file).text)]
            if recorded.get((file.name, 0)) not in wanted:
                yield f"{file.name} is not installed as this version has it: run `concord db install`."


def _stand_in(file: SourceFile) -> SourceFile:
    """The file, or what is installed under its name where the owner may not read V$SESSION."""
    name = _STAND_INS.get(file.name)
    texts = [other.text for other in source_files("dictionary") if other.name == name]
    return SourceFile(file.name, texts[0]) if texts else file


def _not_working(connection: oracledb.Connection) -> Iterator[str]:
    """Things that the runtime user needs and cannot use."""
    tables = ("comparison_jobs", "workers", "app_users")
    for name in (*tables, *(_object_name(view).lower() for view in source_files("views"))):
        try:
            _execute(connection, f"select count(*) from {name} where 1 = 0")
        except oracledb.Error as error:
            yield f"{name} cannot be read: {_first_line(error)}"
    # Calls that change nothing; they fail when a package is invalid or may not be executed. ORA-20001 is the
    # package's own word that there is no such user.
    asks = {
        "job_queue": "job_queue.progress(in_job_id => '-', in_run_token => 0, in_percentage => null"
        ", in_step => null, in_estimated_completion => null, out_verdict => :verdict)",
        "accounts": "accounts.activate(in_username => '-')",
        "logins": "logins.end_session(in_session_id => '-', in_reason => '-')",
    }
    for name, call in asks.items():
        try:
            with connection.cursor() as cursor:
                binds = {"verdict": cursor.var(oracledb.DB_TYPE_VARCHAR, 10)} if ":verdict" in call else {}
                cursor.execute(f"begin {call}; end;", binds)
        except oracledb.Error as error:
            if code_of(error) != "ORA-20001":
                yield f"Package {name} does not work: {_first_line(error)}"
    connection.rollback()


def _recorded(connection: oracledb.Connection) -> dict[tuple[str, int], tuple[str, str]]:
    """(file, step) -> (status, checksum)."""
    with connection.cursor() as cursor:
        cursor.execute("select file_name, step, status, checksum from schema_migrations")
        return {(file, int(step)): (status, checksum) for file, step, status, checksum in cursor}


def _connect(dsn: str, user: str, password: str) -> oracledb.Connection:
    try:
        return oracledb.connect(user=user, password=password, dsn=dsn, tcp_connect_timeout=_CONNECT_SECONDS)
    except oracledb.Error as error:
        sentence = MISCONFIGURED.get(code_of(error)) or translate(error).sentence
        raise InstallError(f"{user} at {dsn}: {sentence}") from error


def _execute(connection: oracledb.Connection, sql: str, binds: dict[str, object] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, binds or {})


def _first(cursor: oracledb.Cursor) -> object:
    row = cursor.fetchone()
    return row[0] if row else None


def _identifier(what: str, name: str) -> str:
    upper = name.upper()
    if not _PLAIN_IDENTIFIER.fullmatch(upper):
        raise InstallError(f"The {what} {name!r} is not a plain Oracle name (letters, digits, _ $ #).")
    return upper


def _object_name(file: SourceFile) -> str:
    return file.name.rpartition("/")[2].partition(".")[0].upper()


def _object_kind(file: SourceFile) -> str:
    return {"pks": "PACKAGE", "pkb": "PACKAGE BODY"}.get(file.name.rpartition(".")[2], "VIEW")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _first_line(error: oracledb.Error) -> str:
    return str(error).split("\n", 1)[0]
