"""What is installed against what this version of Concord installs, each difference with how to mend it.

`check` asks as the runtime user and sees what it may see; `inspect` asks as a DBA and sees everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import oracledb

from app.oracle.address import security
from app.oracle.errors import code_of, translate
from app.oracle.expected import Expected, expected, rights, texts, without_head
from app.oracle.install import connect, execute, first_line, identifier, read_ledger
from app.oracle.plan import InstallError, Ledger, plan, shows_sessions
from app.oracle.sources import source_files
from app.settings import Settings

# Calls that change nothing; they fail when a package is invalid or may not be executed. ORA-20001 is the
# package's own word that there is no such user.
_ASKS = {
    "job_queue": "job_queue.progress(in_job_id => '-', in_run_token => 0, in_percentage => null"
    ", in_step => null, in_estimated_completion => null, out_verdict => :verdict)",
    "accounts": "accounts.activate(in_username => '-')",
    "logins": "logins.end_session(in_session_id => '-', in_reason => '-')",
}
_UPGRADE = "run `concord db upgrade`"


def check_from(settings: Settings) -> list[str]:
    """`check` with the names and passwords of the settings. Raises InstallError."""
    return check(
        settings.db_dsn, settings.db_user, settings.db_password, settings.db_owner, security(settings)
    )


def check(
    dsn: str, user: str, password: str, owner: str, secured: Mapping[str, Any] | None = None
) -> list[str]:
    """What keeps the installed schema from being that of this version, as sentences; empty when all is well.

    Asks as the runtime user. Raises InstallError when the database cannot be asked.
    """
    owner, user = identifier("owner", owner), identifier("runtime user", user)
    with closing(connect(dsn, user, password, secured or {})) as connection:
        ledger = _ledger_of(connection, owner)
        if ledger is None:
            return [
                f"Concord is not installed in schema {owner}, or not for user {user}: run `concord db install`."
            ]
        return [*_left(ledger, owner, user), *_not_working(connection)]


def inspect_from(settings: Settings) -> list[str]:
    """The same and more as a DBA: objects, texts, constraints and rights. Raises InstallError."""
    owner, user = identifier("owner", settings.db_owner), identifier("runtime user", settings.db_user)
    with closing(
        connect(settings.db_dsn, settings.install_user, settings.install_password, security(settings))
    ) as connection:
        ledger = _ledger_of(connection, owner)
        if ledger is None:
            return [f"Concord is not installed in schema {owner}: run `concord db install`."]
        wanted = expected()
        try:
            return [
                *_left(ledger, owner, user),
                *_users(connection, owner, user),
                *_objects(connection, owner, wanted),
                *_columns(connection, owner, wanted),
                *_constraints(connection, owner, wanted),
                *_texts(connection, owner, wanted),
                *_rights(connection, owner, user),
            ]
        except oracledb.Error as error:
            raise InstallError(f"The check needs a DBA such as SYSTEM: {first_line(error)}") from error


def _ledger_of(connection: oracledb.Connection, owner: str) -> Ledger | None:
    """None where there is none to be seen. Raises InstallError."""
    try:
        execute(connection, f"alter session set current_schema = {owner}")
        return read_ledger(connection)
    except oracledb.Error as error:
        if code_of(error) in ("ORA-00942", "ORA-01435"):
            return None
        raise InstallError(translate(error).sentence) from error


def _left(ledger: Ledger, owner: str, user: str) -> Iterator[str]:
    """Files of this version that the database does not have as they are, by the ledger."""
    try:
        steps = list(plan(ledger, owner=owner, app_user=user, sees_sessions=shows_sessions(ledger)))
    except InstallError as error:
        yield str(error)
        return
    for file, is_migration in {step.file: step.number > 0 for step in steps}.items():
        if is_migration:
            yield f"{file} has not been run completely: {_UPGRADE}."
        else:
            yield f"{file} is not installed as this version has it: {_UPGRADE}."


def _not_working(connection: oracledb.Connection) -> Iterator[str]:
    """Things that the runtime user needs and cannot use."""
    tables = ("comparison_jobs", "workers", "app_users")
    for name in (*tables, *(view.object_name.lower() for view in source_files("views"))):
        try:
            execute(connection, f"select count(*) from {name} where 1 = 0")
        except oracledb.Error as error:
            yield f"{name} cannot be read: {first_line(error)}"
    for name, call in _ASKS.items():
        try:
            with connection.cursor() as cursor:
                binds = {"verdict": cursor.var(oracledb.DB_TYPE_VARCHAR, 10)} if ":verdict" in call else {}
                cursor.execute(f"begin {call}; end;", binds)
        except oracledb.Error as error:
            if code_of(error) != "ORA-20001":
                yield f"Package {name} does not work: {first_line(error)}"
    connection.rollback()


def _users(connection: oracledb.Connection, owner: str, user: str) -> Iterator[str]:
    sql = "select authentication_type, account_status from dba_users where username = :name"
    for name, what in ((owner, "owner"), (user, "runtime user")):
        found = _rows(connection, sql, name=name)
        if not found:
            yield f"There is no {what} {name}: run `concord db install`."
        elif name == owner and found[0][0] != "NONE":
            yield f"Somebody can log in as {owner}; as a DBA: alter user {owner} no authentication;"
        elif name == user and found[0][1] != "OPEN":
            yield f"{user} is {found[0][1]}; as a DBA: alter user {user} account unlock; or give it a new password."


def _objects(connection: oracledb.Connection, owner: str, wanted: Expected) -> Iterator[str]:
    """Missing, invalid and foreign ones. Not asked: indexes that Oracle makes by itself, for keys and LOBs."""
    sql = """
        select o.object_type, o.object_name, o.status
          from dba_objects o
         where o.owner = :owner
           and o.object_type not in ('LOB', 'INDEX')
           and o.object_name not like 'BIN$%'
        union all
        select 'INDEX', i.index_name, case when i.status = 'UNUSABLE' then 'UNUSABLE' else 'VALID' end
          from dba_indexes i
         where i.owner = :owner
           and i.index_type <> 'LOB'
           and i.index_name not like 'BIN$%'
           and not exists (select 1
                             from dba_constraints c
                            where c.owner = i.owner
                              and c.constraint_name = i.index_name)"""
    found = {(kind, name): status for kind, name, status in _rows(connection, sql, owner=owner)}
    for (kind, name), (file, number, _) in wanted.objects.items():
        status = found.get((kind, name))
        if status is None:
            yield f"{kind.lower()} {name} is missing: {_how_to_make(file.name, number)}"
        elif status == "UNUSABLE":
            yield f"index {name} is unusable; as a DBA: alter index {owner}.{name} rebuild;"
        elif status != "VALID":
            yield f"{kind.lower()} {name} is invalid: {_UPGRADE}; it compiles it anew and says what keeps it from that."
    for kind, name in sorted(set(found) - set(wanted.objects)):
        yield (
            f"{kind.lower()} {name} is not Concord's: an upgrade leaves it alone, `concord db uninstall` would drop it; "
            "move it to another schema."
        )


def _how_to_make(file: str, number: int) -> str:
    if not file.startswith("schema/"):
        return f"{_UPGRADE}."
    return (
        f"as a DBA delete the row of {file}, step {number}, from SCHEMA_MIGRATIONS and {_UPGRADE}. Rows that were in "
        "a table come back from a backup only."
    )


def _columns(connection: oracledb.Connection, owner: str, wanted: Expected) -> Iterator[str]:
    sql = """
        select c.table_name, c.column_name
          from dba_tab_columns c
          join dba_tables t
            on t.owner = c.owner and t.table_name = c.table_name
         where c.owner = :owner"""
    found = {(table, column) for table, column in _rows(connection, sql, owner=owner)}
    there = {table for table, _ in found}
    tables = {name for kind, name in wanted.objects if kind == "TABLE"}
    for table, column in sorted(wanted.columns - found):
        if table in there:
            yield f"column {table}.{column} is missing: restore the table from a backup, or add it as plsql/schema has it."
    for table, column in sorted(found - wanted.columns):
        if table in tables:
            yield f"column {table}.{column} is not Concord's: drop it; an upgrade may fail on it."


def _constraints(connection: oracledb.Connection, owner: str, wanted: Expected) -> Iterator[str]:
    sql = "select constraint_name, status from dba_constraints where owner = :owner"
    found = dict(_rows(connection, sql, owner=owner))
    for name, file in wanted.constraints.items():
        if name not in found:
            yield f"constraint {name} is missing: add it as {file} has it."
        elif found[name] != "ENABLED":
            yield f"constraint {name} is {found[name].lower()}: enable it; rows that break it are to be mended first."


def _texts(connection: oracledb.Connection, owner: str, wanted: Expected) -> Iterator[str]:
    """Packages, triggers and views whose text is not that of this version, whatever the ledger says."""
    source = """
        select type, name, text
          from dba_source
         where owner = :owner
         order by type, name, line"""
    found: dict[tuple[str, str], str] = {}
    for kind, name, text in _rows(connection, source, owner=owner):
        found[kind, name] = found.get((kind, name), "") + (text or "")
    for name, text in _rows(
        connection, "select view_name, text from dba_views where owner = :owner", owner=owner
    ):
        found["VIEW", name] = text or ""
    for (kind, name), (file, number, statement) in wanted.objects.items():
        if (kind, name) in found and without_head(found[kind, name]) not in texts(statement, file):
            yield (
                f"{kind.lower()} {name} has been changed by hand: as a DBA delete the row of {file.name}, step "
                f"{number if file.name.startswith('schema/') else 0}, from SCHEMA_MIGRATIONS and {_UPGRADE}."
            )


def _rights(connection: oracledb.Connection, owner: str, user: str) -> Iterator[str]:
    """What the runtime user should have and has not, and has and should not."""
    on_objects, system = rights(owner, user)
    sql = """
        select grantee, privilege, table_name
          from dba_tab_privs
         where owner = :owner and grantee in (:app_user, 'PUBLIC')"""
    found = {
        (grantee, privilege, name)
        for grantee, privilege, name in _rows(connection, sql, owner=owner, app_user=user)
    }
    for privilege, name in sorted(on_objects):
        if (user, privilege, name) not in found:
            yield f"missing; as a DBA: grant {privilege.lower()} on {owner}.{name} to {user};"
    for grantee, privilege, name in sorted(found):
        if grantee == "PUBLIC" or (privilege, name) not in on_objects:
            yield f"not needed; as a DBA: revoke {privilege.lower()} on {owner}.{name} from {grantee};"
    held = _names(connection, "select privilege from dba_sys_privs where grantee = :name", user)
    for privilege in sorted(system - held):
        yield f"missing; as a DBA: grant {privilege.lower()} to {user};"
    for name, mine in ((user, system), (owner, set[str]())):
        roles = _names(connection, "select granted_role from dba_role_privs where grantee = :name", name)
        powers = _names(connection, "select privilege from dba_sys_privs where grantee = :name", name)
        for privilege in sorted((powers - mine) | roles):
            yield f"not needed; as a DBA: revoke {privilege.lower()} from {name};"


def _names(connection: oracledb.Connection, sql: str, name: str) -> set[str]:
    return {found for (found,) in _rows(connection, sql, name=name)}


def _rows(connection: oracledb.Connection, sql: str, **binds: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.arraysize = cursor.prefetchrows = 1000
        cursor.execute(sql, binds)
        return list(cursor.fetchall())
