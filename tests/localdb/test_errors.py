"""Errors carry Oracle's codes, names and figures."""

from __future__ import annotations

import oracledb
import pytest

from app.localdb.ddl_errors import ddl_error
from app.localdb.pg_messages import PgError
from tests.localdb.conftest import Connect, code


@pytest.fixture
def tables(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute(
        "create table parents (id number(4) constraint parents_pk primary key, name varchar2(10 char) not null,"
        " code varchar2(4), amount number(5,2) constraint parents_amount_ck check (amount >= 0))"
    )
    cursor.execute(
        "create table children (id number constraint children_pk primary key,"
        " parent_id number(4) constraint children_parents_fk references parents (id))"
    )
    cursor.execute("insert into parents values (1, 'one', 'abc', 1)")
    cursor.execute("insert into children values (1, 1)")
    connection.commit()
    return cursor


INTEGRITY = [
    ("insert into parents values (1, 'dup', null, 0)", 1, "unique constraint ({}.PARENTS_PK) violated"),
    (
        "insert into parents values (2, null, null, 0)",
        1400,
        'cannot insert NULL into ("{}"."PARENTS"."NAME")',
    ),
    ("insert into parents (id) values (2)", 1400, 'cannot insert NULL into ("{}"."PARENTS"."NAME")'),
    ("insert into parents values (2, '', null, 0)", 1400, 'cannot insert NULL into ("{}"."PARENTS"."NAME")'),
    ("update parents set name = null", 1407, 'cannot update ("{}"."PARENTS"."NAME") to NULL'),
    (
        "insert into parents values (2, 'two', null, -1)",
        2290,
        "check constraint ({}.PARENTS_AMOUNT_CK) violated",
    ),
    (
        "insert into children values (2, 9)",
        2291,
        "integrity constraint ({}.CHILDREN_PARENTS_FK) violated - parent key not found",
    ),
    (
        "delete from parents where id = 1",
        2292,
        "integrity constraint ({}.CHILDREN_PARENTS_FK) violated - child record found",
    ),
    (
        "insert into parents values (2, 'elevenchars', null, 0)",
        12899,
        'value too large for column "{}"."PARENTS"."NAME" (actual: 11, maximum: 10)',
    ),
    (
        "insert into parents values (2, 'two', 'éèà', 0)",
        12899,
        'value too large for column "{}"."PARENTS"."CODE" (actual: 6, maximum: 4)',
    ),
    (
        "update parents set name = rpad('x', 15, 'x')",
        12899,
        'value too large for column "{}"."PARENTS"."NAME" (actual: 15, maximum: 10)',
    ),
    (
        "insert into parents values (12345, 'two', null, 0)",
        1438,
        "value larger than specified precision allowed",
    ),
    ("update parents set amount = 1000", 1438, "value larger than specified precision allowed"),
]


@pytest.mark.parametrize(("statement", "number", "text"), INTEGRITY, ids=[case[0] for case in INTEGRITY])
def test_constraint_errors_name_owner_and_constraint(
    tables: oracledb.Cursor, schema: str, statement: str, number: int, text: str
) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        tables.execute(statement)
    assert code(caught) == number
    assert text.format(schema) in str(caught.value)


OTHERS = [
    ("select * from nowhere", 942),
    ("select nothing from parents", 904),
    ("select 1 / 0 from dual", 1476),
    ("select to_number('x') from dual", 1722),
    ("select * from parents where id = 'x'", 1722),
    ("select id, from parents", 936),
    ("selec id from parents", 900),
    ("select id parents", 923),
    ("select 1", 923),
    ("select (select id from parents union all select 2 from dual) from dual", 1427),
    ("insert into parents values (1)", 947),
    ("insert into parents (id) values (1, 2)", 913),
    ("drop table nowhere", 942),
    ("drop index nowhere", 1418),
    ("drop sequence nowhere", 2289),
    ("create table parents (a number)", 955),
    ("drop table parents", 2449),
    ("alter session set nothing = 1", 2248),
    ("select id from parents fetch first 1 rows only for update", 2014),
]


@pytest.mark.parametrize(("statement", "number"), OTHERS, ids=[case[0] for case in OTHERS])
def test_errors_of_statements(tables: oracledb.Cursor, statement: str, number: int) -> None:
    def run() -> None:
        if tables.execute(statement) is not None:
            tables.fetchall()

    with pytest.raises(oracledb.DatabaseError) as caught:
        run()
    assert code(caught) == number


def test_the_position_of_a_syntax_error_is_told(tables: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        tables.execute("select id, nothing from parents")
    assert caught.value.args[0].offset == 11


def test_a_missing_bind_is_said(tables: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError):
        tables.execute("select id from parents where id = :id and name = :name", {"id": 1})


def test_another_users_table_does_not_exist_without_a_right_on_it(
    tables: oracledb.Cursor, dba: oracledb.Connection, schema: str, connect: Connect
) -> None:
    admin = dba.cursor()
    admin.execute("create user stranger identified by tiger")
    try:
        admin.execute("grant create session to stranger")
        stranger = connect("stranger").cursor()
        with pytest.raises(oracledb.DatabaseError) as caught:
            stranger.execute(f"select id from {schema}.parents")
        assert code(caught) == 942
        tables.execute("grant select on parents to stranger")
        assert stranger.execute(f"select id from {schema}.parents").fetchall() == [(1,)]
        assert stranger.execute(f"select id from {schema}.parents for update").fetchall() == [(1,)]
        stranger.connection.rollback()
        with pytest.raises(oracledb.DatabaseError) as caught:
            stranger.execute(f"delete from {schema}.parents")
        assert code(caught) == 1031
        with pytest.raises(oracledb.DatabaseError) as caught:
            stranger.execute("create table mine (a number)")
        assert code(caught) == 1031
        tables.execute("revoke select on parents from stranger")
        with pytest.raises(oracledb.DatabaseError) as caught:
            stranger.execute(f"select id from {schema}.parents")
        assert code(caught) == 942
        stranger.connection.close()
    finally:
        admin.execute("drop user stranger cascade")


def test_of_two_sessions_that_create_the_same_table_at_once_the_slower_one_hears_that_it_is_there() -> None:
    """PostgreSQL's own catalogue refuses the second row where neither saw the other's table."""
    message = 'duplicate key value violates unique constraint "pg_type_typname_nsp_index"'
    error = ddl_error(
        PgError({"C": "23505", "M": message}), 'create table "T" (constraint "T_PK" primary key (a))', None
    )
    assert error.code == 955
