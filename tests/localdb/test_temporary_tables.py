"""Global temporary tables: one definition, rows of each session's own, gone at COMMIT or with the session."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import Connect, code

DELETE = "create global temporary table t (id number primary key, s varchar2(5 char) not null) on commit delete rows"
PRESERVE = "create global temporary table t (id number primary key, s varchar2(5)) on commit preserve rows"


def _ids(connection: oracledb.Connection) -> list[int]:
    return [row[0] for row in connection.cursor().execute("select id from t order by id")]


def test_rows_go_with_the_commit(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(DELETE)
    cursor.executemany("insert into t values (:1, 'a')", [[n] for n in range(50)])
    assert len(_ids(connection)) == 50
    connection.commit()
    assert _ids(connection) == []


def test_rows_stay_until_the_session_ends(connect: Connect) -> None:
    first, second = connect(), connect()
    first.cursor().execute(PRESERVE)
    first.cursor().execute("insert into t values (1, 'a')")
    first.commit()
    second.cursor().execute("insert into t values (2, 'b')")
    second.commit()
    assert (_ids(first), _ids(second)) == ([1], [2])
    first.cursor().execute("insert into t values (3, 'c')")
    first.rollback()
    assert _ids(first) == [1]
    assert _ids(connect()) == []


def test_rollback_of_the_first_use(connection: oracledb.Connection) -> None:
    connection.cursor().execute(PRESERVE)
    connection.cursor().execute("insert into t values (1, 'a')")
    connection.rollback()
    assert _ids(connection) == []
    connection.cursor().execute("insert into t values (1, 'a')")
    connection.commit()
    assert _ids(connection) == [1]


@pytest.mark.parametrize(
    ("statement", "number", "part"),
    [
        ("insert into t values (1, 'b')", 1, "T_PK"),
        ("insert into t values (2, null)", 1400, '"T"."S"'),
        ("insert into t values (-1, 'a')", 2290, "T_CK"),
        ("insert into t values (2, 'abcdef')", 12899, "actual: 6, maximum: 5"),
    ],
)
def test_constraints_are_named_as_declared(
    connection: oracledb.Connection, schema: str, statement: str, number: int, part: str
) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create global temporary table t (id number constraint t_pk primary key, s varchar2(5) not null,"
        " constraint t_ck check (id > 0))"
    )
    cursor.execute("insert into t values (1, 'a')")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == number
    assert part in str(caught.value)
    assert schema in str(caught.value)


def test_rights_are_those_of_the_definition(connect: Connect, dba: oracledb.Connection, schema: str) -> None:
    connect().cursor().execute(PRESERVE)
    other = f"{schema}_B"
    dba.cursor().execute(f"create user {other} identified by tiger")
    dba.cursor().execute(f"grant create session to {other}")
    try:
        guest = connect(other)
        with pytest.raises(oracledb.DatabaseError) as caught:
            guest.cursor().execute(f"select id from {schema}.t")
        assert code(caught) == 942
        connect().cursor().execute(f"grant select on t to {other}")
        assert guest.cursor().execute(f"select id from {schema}.t").fetchall() == []
        with pytest.raises(oracledb.DatabaseError) as caught:
            guest.cursor().execute(f"insert into {schema}.t (id) values (1)")
        assert code(caught) == 1031
        guest.close()
    finally:
        dba.cursor().execute(f"drop user {other}")


def test_ddl_is_refused_while_rows_are_in_it(connect: Connect) -> None:
    first, second = connect(), connect()
    first.cursor().execute(PRESERVE)
    second.cursor().execute("insert into t values (1, 'a')")
    second.commit()
    for statement, number in (
        ("drop table t", 14452),
        ("alter table t add (x number)", 14450),
        ("create index t_idx on t (s)", 14452),
    ):
        with pytest.raises(oracledb.DatabaseError) as caught:
            first.cursor().execute(statement)
        assert code(caught) == number
    second.cursor().execute("truncate table t")
    assert _ids(second) == []
    first.cursor().execute("alter table t add (x number)")
    second.cursor().execute("insert into t (id, x) values (1, 2)")
    assert second.cursor().execute("select x from t").fetchall() == [(2,)]
    second.cursor().execute("truncate table t")
    first.cursor().execute("drop table t")


def test_ddl_waits_for_no_session_once_the_rows_are_gone(connect: Connect) -> None:
    first, second = connect(), connect()
    first.cursor().execute(DELETE)
    second.cursor().execute("insert into t values (1, 'a')")
    with pytest.raises(oracledb.DatabaseError) as caught:
        first.cursor().execute("drop table t")
    assert code(caught) == 14452
    second.rollback()
    first.cursor().execute("drop table t")


def test_plsql_sees_the_same_rows(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(DELETE)
    cursor.execute(
        "create procedure fill as begin insert into t values (1, 'a'); insert into t values (2, 'b'); end;"
    )
    assert cursor.warning is None
    cursor.callproc("fill")
    assert _ids(connection) == [1, 2]
    connection.commit()
    assert _ids(connection) == []


def test_the_dictionary_says_so(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(DELETE)
    cursor.execute("create global temporary table kept (id number) on commit preserve rows")
    cursor.execute("create table plain (id number)")
    rows = cursor.execute("select table_name, temporary, duration from user_tables order by table_name")
    assert rows.fetchall() == [
        ("KEPT", "Y", "SYS$SESSION"),
        ("PLAIN", "N", None),
        ("T", "Y", "SYS$TRANSACTION"),
    ]


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("create table c (id number references t)", 14455),
        ("create global temporary table c (id number, foreign key (id) references p)", 14455),
        ("create view v as select id from t", 3001),
        ("create global temporary table c on commit preserve rows as select 1 a from dual", 3001),
        ("create private temporary table ora$ptt_c (id number)", 3001),
    ],
)
def test_refused(connection: oracledb.Connection, statement: str, number: int) -> None:
    cursor = connection.cursor()
    cursor.execute(DELETE)
    cursor.execute("create table p (id number primary key)")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == number
