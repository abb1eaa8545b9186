"""Users, roles, grants, synonyms and killed sessions, through the driver."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import Connect, code


@pytest.fixture
def guest(dba: oracledb.Connection) -> Iterator[str]:
    """A user who may log in and nothing else."""
    cursor = dba.cursor()
    cursor.execute("create user guest identified by tiger")
    cursor.execute("grant create session to guest")
    yield "GUEST"
    cursor.execute("drop user guest cascade")


def refused(cursor: oracledb.Cursor, statement: str) -> int:
    """The ORA- number with which a statement fails."""
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    return code(caught)


def test_passwords_are_checked_and_changed(
    localdb: Instance, guest: str, connect: Connect, dba: oracledb.Connection
) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connect("guest", "wrong")
    assert code(caught) == 1017
    with pytest.raises(oracledb.DatabaseError) as caught:
        connect("nobody", "tiger")
    assert code(caught) == 1017
    connection = connect("guest")
    connection.changepassword("tiger", "Lion 2")
    connection.close()
    connect("guest", "Lion 2").close()
    dba.cursor().execute('alter user guest identified by "third"')
    connect("GUEST", "third").close()


def test_who_lacks_create_session_cannot_log_in(dba: oracledb.Connection, connect: Connect) -> None:
    cursor = dba.cursor()
    cursor.execute("create user newcomer identified by tiger")
    try:
        with pytest.raises(oracledb.DatabaseError) as caught:
            connect("newcomer")
        assert code(caught) == 1045
    finally:
        cursor.execute("drop user newcomer")


def test_a_locked_account_cannot_log_in(dba: oracledb.Connection, guest: str, connect: Connect) -> None:
    dba.cursor().execute("alter user guest account lock")
    with pytest.raises(oracledb.DatabaseError) as caught:
        connect("guest")
    assert code(caught) == 28000
    dba.cursor().execute("alter user guest account unlock")
    connect("guest").close()


def test_administration_needs_its_privileges(guest: str, connect: Connect) -> None:
    connection = connect("guest")
    cursor = connection.cursor()
    for statement in (
        "create user other identified by x",
        "drop user system cascade",
        "create role clerk",
        "grant create table to guest",
        "alter user system identified by mine",
        "create public synonym folk for dual",
        "create view v as select 1 a from dual",
        "create sequence s",
        "create table t (a number)",
    ):
        assert refused(cursor, statement) == 1031, statement
    connection.close()


def test_names_and_privileges_that_do_not_exist(dba: oracledb.Connection, guest: str) -> None:
    cursor = dba.cursor()
    assert refused(cursor, "create user guest identified by x") == 1920
    assert refused(cursor, "drop user nobody") == 1918
    assert refused(cursor, "drop role nobody") == 1919
    assert refused(cursor, "grant create session to nobody") == 1917
    assert refused(cursor, "grant nonsense to guest") == 1919
    assert refused(cursor, "revoke create table from guest") == 1952


def test_roles_carry_system_and_object_privileges(
    dba: oracledb.Connection, connection: oracledb.Connection, schema: str, guest: str, connect: Connect
) -> None:
    owner, admin = connection.cursor(), dba.cursor()
    owner.execute("create table notes (a number)")
    admin.execute("create role clerk")
    try:
        admin.execute("grant create table to clerk")
        owner.execute("grant select, insert on notes to clerk")
        admin.execute("grant clerk to guest")
        session = connect("guest")
        cursor = session.cursor()
        cursor.execute("create table mine (a number)")
        cursor.execute(f"insert into {schema}.notes values (1)")
        assert cursor.execute(f"select a from {schema}.notes").fetchall() == [(1,)]
        assert refused(cursor, f"update {schema}.notes set a = 2") == 1031
        session.rollback()
        assert cursor.execute("select role from session_roles").fetchall() == [("CLERK",)]
        admin.execute("revoke clerk from guest")
        assert refused(cursor, f"select a from {schema}.notes") == 942
        session.close()
    finally:
        admin.execute("drop role clerk")


def test_insert_only_is_enough_to_insert(
    connection: oracledb.Connection, schema: str, guest: str, connect: Connect
) -> None:
    owner = connection.cursor()
    owner.execute("create table box (a number)")
    owner.execute("grant insert on box to guest")
    session = connect("guest")
    cursor = session.cursor()
    cursor.execute(f"insert into {schema}.box values (1)")
    assert cursor.rowcount == 1
    assert refused(cursor, f"select a from {schema}.box") == 1031
    session.commit()
    owner.execute("revoke insert on box from guest")
    assert refused(cursor, f"insert into {schema}.box values (1)") == 942
    session.close()


def test_a_read_privilege_does_not_lock(
    connection: oracledb.Connection, schema: str, guest: str, connect: Connect
) -> None:
    owner = connection.cursor()
    owner.execute("create table readable (a number)")
    owner.execute("grant read on readable to guest")
    session = connect("guest")
    cursor = session.cursor()
    assert cursor.execute(f"select a from {schema}.readable").fetchall() == []
    assert refused(cursor, f"select a from {schema}.readable for update") == 1031
    session.close()


def test_grant_option_lets_the_grantee_grant(
    dba: oracledb.Connection, connection: oracledb.Connection, schema: str, guest: str, connect: Connect
) -> None:
    owner = connection.cursor()
    owner.execute("create table shared (a number)")
    owner.execute("grant select on shared to guest")
    session = connect("guest")
    cursor = session.cursor()
    assert refused(cursor, f"grant select on {schema}.shared to system") == 1031
    owner.execute("grant select on shared to guest with grant option")
    cursor.execute(f"grant select on {schema}.shared to public")
    session.close()


def test_public_synonyms_and_private_ones_before_them(
    dba: oracledb.Connection, connection: oracledb.Connection, schema: str
) -> None:
    cursor, admin = connection.cursor(), dba.cursor()
    cursor.execute("create table first_table (a number)")
    cursor.execute("create table second_table (a number)")
    cursor.execute("insert into second_table values (2)")
    admin.execute(f"create public synonym folk for {schema}.first_table")
    try:
        assert cursor.execute("select count(*) from folk").fetchone() == (0,)
        cursor.execute("create synonym folk for second_table")
        assert cursor.execute("select count(*) from folk").fetchone() == (1,)
        cursor.execute("drop synonym folk")
        assert cursor.execute("select count(*) from folk").fetchone() == (0,)
    finally:
        admin.execute("drop public synonym folk")
    assert refused(cursor, "select count(*) from folk") == 942


def test_current_schema_changes_where_names_are_found(
    dba: oracledb.Connection,
    connection: oracledb.Connection,
    schema: str,
    connect: Connect,
    localdb: Instance,
) -> None:
    connection.cursor().execute("create table here (a number)")
    with localdb.connect() as system:
        cursor = system.cursor()
        assert refused(cursor, "select * from here") == 942
        cursor.execute(f"alter session set current_schema = {schema}")
        assert cursor.execute("select * from here").fetchall() == []
        cursor.execute("create table there (a number)")
        assert cursor.execute(
            "select sys_context('userenv', 'current_schema'), user from dual"
        ).fetchone() == (
            schema,
            "SYSTEM",
        )
    found = connection.cursor().execute("select table_name from user_tables order by 1").fetchall()
    assert found == [("HERE",), ("THERE",)]


def test_a_connected_user_is_not_dropped(dba: oracledb.Connection, guest: str, connect: Connect) -> None:
    session = connect("guest")
    assert refused(dba.cursor(), "drop user guest cascade") == 1940
    session.close()


def test_a_schema_with_objects_is_dropped_by_cascade_only(dba: oracledb.Connection) -> None:
    cursor = dba.cursor()
    cursor.execute("create user heir identified by x")
    cursor.execute("create table heir.estate (a number primary key)")
    cursor.execute("create sequence heir.numbers")
    assert refused(cursor, "drop user heir") == 1922
    cursor.execute("drop user heir cascade")
    found = cursor.execute("select count(*) from dba_objects where owner = 'HEIR'").fetchone()
    assert found == (0,)
    assert refused(cursor, "select * from heir.estate") == 942


def test_a_killed_session_ends_and_its_changes_with_it(
    dba: oracledb.Connection, connection: oracledb.Connection, schema: str, connect: Connect
) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number)")
    victim = connect()
    victim.cursor().execute("insert into t values (1)")
    victim.module = "victim"
    victim.ping()
    admin = dba.cursor()
    row = admin.execute("select sid, serial# from v$session where module = 'victim'").fetchone()
    assert row is not None
    admin.execute(f"alter system kill session '{row[0]},{row[1]}'")
    with pytest.raises(oracledb.DatabaseError, match="DPY-4011"):
        victim.cursor().execute("insert into t values (2)")
    assert cursor.execute("select count(*) from t").fetchone() == (0,)
    assert refused(admin, f"alter system kill session '{row[0]},{row[1]}'") == 30
