"""Views: replaced with other columns, read only, with a check; and sequences altered."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import Connect, code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute("create table t (id number(4) primary key, s varchar2(9))")
    cursor.execute("insert into t values (1, 'one')")
    connection.commit()
    return cursor


def test_replaced_with_other_columns_it_keeps_its_grants(
    cursor: oracledb.Cursor, connect: Connect, dba: oracledb.Connection, schema: str
) -> None:
    other = f"{schema}_V"
    dba.cursor().execute(f"create user {other} identified by tiger")
    dba.cursor().execute(f"grant create session to {other}")
    try:
        cursor.execute("create view v as select id from t")
        cursor.execute(f"grant select on v to {other}")
        cursor.execute("create or replace view v (text, number_of) as select s, id * 10 from t")
        guest = connect(other)
        assert guest.cursor().execute(f"select number_of, text from {schema}.v").fetchall() == [(10, "one")]
        guest.close()
        columns = cursor.execute(
            "select column_name from user_tab_columns where table_name = 'V' order by column_id"
        )
        assert [name for (name,) in columns] == ["TEXT", "NUMBER_OF"]
    finally:
        dba.cursor().execute(f"alter user {other} account lock")
        for sid, serial in dba.cursor().execute(
            "select sid, serial# from v$session where username = :1", [other]
        ):
            dba.cursor().execute(f"alter system kill session '{sid},{serial}'")
        dba.cursor().execute(f"drop user {other}")


def test_read_only(cursor: oracledb.Cursor) -> None:
    cursor.execute("create view v as select id, s from t with read only")
    for statement in ("delete from v", "update v set s = 'x'", "insert into v values (2, 'x')"):
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute(statement)
        assert code(caught) == 42399
    assert cursor.execute("select read_only from user_views where view_name = 'V'").fetchall() == [("Y",)]
    cursor.execute("create or replace view v as select id, s from t")
    cursor.execute("delete from v")
    assert cursor.rowcount == 1


def test_check_option(cursor: oracledb.Cursor) -> None:
    cursor.execute("create view v as select id, s from t where id < 10 with check option")
    cursor.execute("insert into v values (2, 'two')")
    for statement in ("insert into v values (11, 'x')", "update v set id = 12 where id = 2"):
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute(statement)
        assert code(caught) == 1402


def test_sequences_restart_only_when_told(cursor: oracledb.Cursor) -> None:
    cursor.execute("create sequence q start with 5")
    following = "select q.nextval from dual"
    assert cursor.execute(following).fetchone() == (5,)
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("alter sequence q start with 1")
    assert code(caught) == 2283
    cursor.execute("alter sequence q increment by 10")
    assert cursor.execute(following).fetchone() == (15,)
    cursor.execute("alter sequence q restart start with 3")
    assert cursor.execute(following).fetchone() == (3,)


def test_triggers_are_switched(cursor: oracledb.Cursor) -> None:
    cursor.execute("create trigger g before insert on t for each row begin :new.s := 'made'; end;")
    expected = []
    for switch in ("alter trigger g disable", "alter trigger g enable", "alter table t disable all triggers"):
        cursor.execute(switch)
        cursor.execute("insert into t values (:1, 'given')", [10 + len(expected)])
        expected.append("made" if switch.endswith("enable") else "given")
    found = cursor.execute("select s from t where id >= 10 order by id").fetchall()
    assert [s for (s,) in found] == expected
    assert cursor.execute("select status from user_triggers").fetchall() == [("DISABLED",)]
