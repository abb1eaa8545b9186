"""The installation as one script for SQL*Plus and SQLcl, for a DBA who will not let a program do it.

What the script meets in SQL*Plus ("SQL*Plus User's Guide and Reference"): blank lines end a statement unless
SQLBLANKLINES is on; & asks for a value unless DEFINE is off; a line ends after 2,499 characters; a PL/SQL unit
ends with a line that is only /. It stops at the first error, and `concord db upgrade --print` then gives the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.oracle.install import identifier, session_grants
from app.oracle.plan import ALREADY_DONE, InstallError, Ledger, Step, plan, shows_sessions
from app.oracle.scripts import Statement, is_unit, split, substitute
from app.oracle.sources import LEDGER, source_files

_LONGEST_LINE = 2499


def installation(owner: str, app_user: str, *, sees_sessions: bool) -> Iterator[str]:
    """The lines of the script for a database without Concord. Raises InstallError for names it cannot use.

    sees_sessions: the script runs as SYS, who may let the owner see V$SESSION, so that JOB_LOCKS_V has rows.
    """
    owner, app_user = identifier("owner", owner), identifier("runtime user", app_user)
    yield from _head("installs", owner, app_user, "as SYS" if sees_sessions else "as a DBA such as SYSTEM")
    yield from _users(owner, app_user)
    yield f"alter session set current_schema = {owner};"
    [ledger] = [file for file in source_files("schema") if file.name == LEDGER]
    for statement in split(ledger.text):
        yield from _statement(statement)
    yield from _plain(f"grant read on schema_migrations to {app_user}")
    if sees_sessions:
        for statement in split(substitute(session_grants().text, {"owner": owner})):
            yield from _statement(statement)
    yield from _steps(plan({}, owner=owner, app_user=app_user, sees_sessions=sees_sessions))
    yield from _tail(owner)


def upgrade(ledger: Ledger, owner: str, app_user: str) -> Iterator[str]:
    """The lines of the script for what an installation lacks. Raises InstallError."""
    owner, app_user = identifier("owner", owner), identifier("runtime user", app_user)
    steps = list(plan(ledger, owner=owner, app_user=app_user, sees_sessions=shows_sessions(ledger)))
    yield from _head("upgrades", owner, app_user, "as a DBA such as SYSTEM")
    yield f"alter session set current_schema = {owner};"
    yield from _steps(iter(steps))
    yield from _tail(owner)


def _head(verb: str, owner: str, app_user: str, who: str) -> Iterator[str]:
    yield from (
        f"rem This script {verb} Concord: schema {owner} (no login), runtime user {app_user}.",
        f"rem Run it {who} in SQL*Plus or SQLcl, in the database (PDB) that Concord is to use.",
        "rem It stops at the first error. What was done stays; `concord db upgrade --print` gives the rest.",
        "",
        "whenever oserror exit failure rollback",
        "whenever sqlerror exit failure rollback",
        "set echo off",
        "set feedback on",
        "set verify off",
        "set sqlblanklines on",
        "set serveroutput off",
        "set define off",
        "",
        "alter session set ddl_lock_timeout = 30;",
    )


def _users(owner: str, app_user: str) -> Iterator[str]:
    yield f"prompt Schema {owner} and runtime user {app_user}"
    yield f"create user {owner} no authentication;"
    yield "set define on"
    yield f"accept owner_tablespace char default 'USERS' prompt 'Tablespace for the tables of {owner} [USERS]: '"
    yield f"alter user {owner} default tablespace &owner_tablespace quota unlimited on &owner_tablespace;"
    yield f"accept app_password char prompt 'Password for {app_user}, without double quotes: ' hide"
    yield f'create user {app_user} identified by "&app_password";'
    yield "undefine app_password"
    yield "set define off"


def _steps(steps: Iterator[Step]) -> Iterator[str]:
    """Each step between its two marks in the ledger."""
    file = ""
    for step in steps:
        if step.file != file:
            file = step.file
            yield ""
            yield f"prompt {file}"
        yield from _plain(_started(step))
        yield "commit;"
        if step.again:
            yield from _again(step)
        else:
            for statement in step.statements:
                yield from _statement(statement)
        yield from _plain(
            "update schema_migrations set status = 'DONE', applied_at = sys_extract_utc(systimestamp)\n"
            f" where file_name = '{step.file}' and step = {step.number}"
        )
        yield "commit;"


def _started(step: Step) -> str:
    if step.recorded:
        return (
            f"update schema_migrations set status = 'STARTED', checksum = '{step.checksum}'\n"
            f" where file_name = '{step.file}' and step = {step.number}"
        )
    return (
        "insert into schema_migrations (file_name, step, status, checksum, applied_at)\n"
        f"values ('{step.file}', {step.number}, 'STARTED', '{step.checksum}', sys_extract_utc(systimestamp))"
    )


def _again(step: Step) -> Iterator[str]:
    """A statement that was begun before: a person decides whether its error is the expected one."""
    yield "whenever sqlerror continue none"
    for statement in step.statements:
        yield from _statement(statement)
    yield "whenever sqlerror exit failure rollback"
    codes = ", ".join(sorted(ALREADY_DONE))
    yield f"prompt This statement may have run before. It is right if it worked now, or failed with one of {codes}."
    yield "pause Enter to go on, Ctrl-C to stop"


def _statement(statement: Statement) -> Iterator[str]:
    if is_unit(statement.text):
        yield from _checked(statement.text.splitlines())
        yield "/"
    else:
        yield from _plain(statement.text)


def _plain(text: str) -> Iterator[str]:
    *lines, last = text.splitlines()
    yield from _checked([*lines, f"{last};"])


def _checked(lines: list[str]) -> list[str]:
    """Raises InstallError for a line that SQL*Plus would read otherwise than Oracle; CI would have shown it."""
    for line in lines:
        bare = line.strip()
        if len(line) > _LONGEST_LINE or bare.endswith("-") or bare in ("/", ".") or bare[:1] in ("#", "@"):
            raise InstallError(f"SQL*Plus cannot read this line: {line[:100]}")
    return lines


def _tail(owner: str) -> Iterator[str]:
    """End with a failure where something does not compile."""
    yield from (
        "",
        "prompt Compile errors",
        "declare",
        "   l_errors pls_integer;",
        "begin",
        f"   select count(*) into l_errors from all_errors where owner = '{owner}' and attribute = 'ERROR';",
        "   if l_errors > 0 then",
        f"      raise_application_error(-20000, l_errors || ' compile errors in {owner}: see ALL_ERRORS.');",
        "   end if;",
        "end;",
        "/",
        f"prompt Concord is installed in {owner}. Its program says more with: concord db check",
    )
