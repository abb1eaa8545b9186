"""The runtime user may do what it is granted, and nothing else: every object by every verb, and the system's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import oracledb
import pytest

from app.oracle.expected import expected, rights
from app.settings import Settings

ROOT = Path(__file__).parents[2]
# Insufficient privileges, or nothing of that name for this user; and a view that nobody can write to, which the
# local database says before it looks at rights.
REFUSED = re.compile(
    r"DML on a view of several tables|ORA-(00942|01031|41900|04043|01720|00990|01917|06550|01950|01927|01732|01733|04080)"
)
VERBS = {
    "read": "select 1 from {owner}.{name}",
    "select": "select 1 from {owner}.{name} for update nowait",
    "insert": "insert into {owner}.{name} select * from {owner}.{name} where 1 = 0",
    "update": "update {owner}.{name} set {column} = {column} where 1 = 0",
    "delete": "delete from {owner}.{name} where 1 = 0",
    "lock": "lock table {owner}.{name} in exclusive mode nowait",
    "truncate": "truncate table {owner}.{name}",
    "alter": "alter table {owner}.{name} add (n number)",
    "index": "create index {owner}.x_idx on {owner}.{name} ({column})",
    "comment": "comment on table {owner}.{name} is 'x'",
    "grant": "grant select on {owner}.{name} to public",
    "trigger": "create trigger {owner}.x_trg before insert on {owner}.{name} begin null; end;",
    "drop": "drop table {owner}.{name}",
}
SYSTEM = (
    "create table t (n number)",
    "create view v as select 1 as n from dual",
    "create sequence s",
    "create procedure p as begin null; end;",
    "create synonym s for {owner}.comparison_jobs",
    "create public synonym s for {owner}.comparison_jobs",
    "create role r",
    "create user u identified by u",
    "alter user {owner} identified by x",
    "alter user system identified by x",
    "alter system kill session '1,1'",
    "drop user {owner} cascade",
    "grant dba to {app_user}",
    "grant create table to {app_user}",
    "create table {owner}.t (n number)",
    "create view {owner}.v as select 1 as n from dual",
    "create or replace package {owner}.job_queue as end;",
    "drop package {owner}.job_queue",
    "drop index {owner}.comparison_jobs_claim_idx",
    "drop trigger {owner}.comparison_jobs_stamp_trg",
    "alter trigger {owner}.audit_log_append_only_trg disable",
    "alter package {owner}.job_queue compile",
    "select 1 from dba_users",
    "select 1 from dba_source",
    "select 1 from sys.v_$session",
)


@pytest.fixture(scope="module")
def session(concord_db: Settings) -> Iterator[oracledb.Connection]:
    with closing(
        oracledb.connect(user=concord_db.db_user, password=concord_db.db_password, dsn=concord_db.db_dsn)
    ) as connection:
        yield connection


def attempt(session: oracledb.Connection, sql: str) -> bool:
    """Whether it is allowed. Every refusal must be one for want of a right."""
    try:
        with session.cursor() as cursor:
            cursor.execute(sql)
    except oracledb.DatabaseError as error:
        if not REFUSED.search(str(error)):
            pytest.fail(f"{sql}: {error}")
        return False
    finally:
        session.rollback()
    return True


def columns(session: oracledb.Connection, owner: str, database: Any) -> dict[str, str]:
    """One column of each table and view."""
    with closing(database.connect()) as dba, dba.cursor() as cursor:
        cursor.execute(
            "select table_name, min(column_name) from dba_tab_columns where owner = :owner group by table_name",
            owner=owner,
        )
        return dict(cursor.fetchall())


def test_every_object_by_every_verb(
    session: oracledb.Connection, concord_db: Settings, database: Any
) -> None:
    owner = concord_db.db_owner
    granted, _ = rights(owner, concord_db.db_user)
    wanted = {(privilege.lower(), name) for privilege, name in granted}
    allowed = set()
    found = columns(session, owner, database)
    assert found.keys() >= {name for kind, name in expected().objects if kind in ("TABLE", "VIEW")}
    for name, column in found.items():
        for verb, sql in VERBS.items():
            if attempt(session, sql.format(owner=owner, name=name, column=column)):
                allowed.add((verb, name))
    read = {("read", name) for privilege, name in wanted if privilege in ("read", "select")}
    assert allowed == read | {each for each in wanted if each[0] == "select"}


def test_every_package_that_is_not_granted(session: oracledb.Connection, concord_db: Settings) -> None:
    granted, _ = rights(concord_db.db_owner, concord_db.db_user)
    packages = {name for kind, name in expected().objects if kind == "PACKAGE"}
    assert packages == {name for privilege, name in granted if privilege == "EXECUTE"}


@pytest.mark.parametrize("sql", SYSTEM)
def test_nothing_of_the_system(session: oracledb.Connection, concord_db: Settings, sql: str) -> None:
    assert not attempt(session, sql.format(owner=concord_db.db_owner, app_user=concord_db.db_user))


def test_it_has_two_system_privileges_and_no_role(session: oracledb.Connection, concord_db: Settings) -> None:
    with session.cursor() as cursor:
        cursor.execute("select privilege from session_privs")
        assert {name for (name,) in cursor} == {"CREATE SESSION", "CHANGE NOTIFICATION"}
        cursor.execute("select role from session_roles")
        assert cursor.fetchall() == []


def test_each_thing_that_it_may_read_is_read_by_the_product(concord_db: Settings) -> None:
    folders = (ROOT / "app", ROOT / "worker", ROOT / "docs")
    texts = [
        file.read_text(encoding="utf-8").lower()
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in (".py", ".md") and "localdb" not in file.parts
    ]
    granted, _ = rights(concord_db.db_owner, concord_db.db_user)
    unread = {
        name for _, name in granted if not any(re.search(rf"\b{name.lower()}\b", text) for text in texts)
    }
    assert unread == set()
