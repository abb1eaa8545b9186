"""Views that DDL takes something away from: invalid, not gone; valid again when they can be compiled."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import Connect, code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute("create table t (id number(4) primary key, s varchar2(9))")
    cursor.execute("insert into t values (1, 'one')")
    cursor.execute("create view v as select t.*, length(s) l from t")
    cursor.execute("create view w (a, b) as select id, l from v where l > 0 with check option")
    cursor.execute("create view other as select id from t")
    return cursor


def _status(cursor: oracledb.Cursor) -> dict[str, str]:
    return dict(
        cursor.execute("select object_name, status from user_objects where object_type = 'VIEW'").fetchall()
    )


def _refused(cursor: oracledb.Cursor, statement: str, number: int) -> str:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == number
    return str(caught.value.args[0].message.split("\n")[0])


def test_a_dropped_table_leaves_invalid_views(cursor: oracledb.Cursor, schema: str) -> None:
    cursor.execute("drop table t")
    assert set(_status(cursor).values()) == {"INVALID"}
    assert _refused(cursor, "select * from w", 4063) == f'ORA-04063: view "{schema}.W" has errors'
    _refused(cursor, "delete from other", 4063)
    _refused(cursor, "create view x as select * from v", 4063)
    text = _refused(cursor, "begin for r in (select * from v) loop null; end loop; end;", 6550)
    assert "ORA-06550" in text
    errors = dict(cursor.execute("select name, text from user_errors where type = 'VIEW'").fetchall())
    assert errors["OTHER"] == "ORA-00942: table or view does not exist"
    columns = cursor.execute(
        "select column_name from user_tab_columns where table_name = 'W' order by column_id"
    )
    assert columns.fetchall() == [("A",), ("B",)]
    cursor.execute("create table t (more date, s varchar2(30), id number)")
    cursor.execute("insert into t (id, s) values (2, 'long enough a text')")
    assert cursor.execute("select * from w").fetchall() == [(2, 18)]
    assert cursor.execute("select * from v").fetchall() == [(2, "long enough a text", 18)]  # its *, as it was
    assert _status(cursor) == {"OTHER": "INVALID", "V": "VALID", "W": "VALID"}
    _refused(cursor, "update v set s = null where id = 2 and 1 = l / 0", 1476)
    cursor.execute("delete from other")
    assert cursor.rowcount == 1
    assert set(_status(cursor).values()) == {"VALID"}


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("rename t to u", "rename u to t"),
        ("alter table t rename to u", "alter table u rename to t"),
        ("alter table t rename column s to z", "alter table t rename column z to s"),
        ("alter table t drop column s", "alter table t add s varchar2(5) default 'x' not null"),
        (
            "alter table t drop (s) cascade constraints",
            "alter table t add s varchar2(5) default 'x' not null",
        ),
    ],
)
def test_what_a_view_reads_is_renamed_or_dropped(cursor: oracledb.Cursor, change: str, undo: str) -> None:
    cursor.execute(change)
    found = _status(cursor)
    assert (found["V"], found["W"]) == ("INVALID", "INVALID")
    assert found["OTHER"] == ("INVALID" if "column" not in change and "drop" not in change else "VALID")
    _refused(cursor, "select * from w", 4063)
    cursor.execute(
        "insert into " + ("u" if " u" in change else "t") + " (id) values (3)"
    )  # goes on without them
    cursor.connection.rollback()
    cursor.execute(undo)
    assert len(cursor.execute("select * from w").fetchall()) == 1
    found = _status(cursor)
    assert (found["V"], found["W"]) == ("VALID", "VALID")


def test_a_column_under_views_is_modified(cursor: oracledb.Cursor, connection: oracledb.Connection) -> None:
    cursor.execute("alter table t modify s varchar2(200)")
    cursor.execute("alter table t modify (id number(9))")
    cursor.execute("insert into t values (123456, rpad('x', 150, 'x'))")
    assert cursor.execute("select b from w where a = 123456").fetchone() == (150,)
    cursor.execute("select s from v")
    assert cursor.description is not None
    assert cursor.description[0].internal_size == 200


def test_its_transaction_is_not_the_users(cursor: oracledb.Cursor, connection: oracledb.Connection) -> None:
    cursor.execute("alter table t modify s varchar2(20)")
    cursor.execute("insert into t values (5, 'five')")
    assert cursor.execute("select count(*) from v").fetchone() == (2,)
    connection.rollback()
    assert cursor.execute("select count(*) from v").fetchone() == (1,)


def test_views_of_others_and_their_rights_stay(
    cursor: oracledb.Cursor, connect: Connect, dba: oracledb.Connection, schema: str
) -> None:
    other = f"{schema}_V"
    dba.cursor().execute(f"create user {other} identified by tiger")
    dba.cursor().execute(f"grant create session, create view to {other}")
    cursor.execute(f"grant select on t to {other} with grant option")
    with connect(other) as guest:
        guest.cursor().execute(f"create view mine as select s from {schema}.t")
        guest.cursor().execute(f"grant select on mine to {schema}")
        cursor.execute("alter table t modify s varchar2(20)")
        assert cursor.execute(f"select * from {other}.mine").fetchall() == [("one",)]
        cursor.execute("drop table t")
        _refused(guest.cursor(), "select * from mine", 4063)
    dba.cursor().execute(f"drop user {other} cascade")


def test_views_over_views_functions_and_synonyms(cursor: oracledb.Cursor) -> None:
    cursor.execute("create function f(n number) return number is begin return n + 1; end;")
    cursor.execute("create synonym s1 for t")
    cursor.execute("create view x as select f(id) n from s1")
    cursor.execute("create or replace function f(n number) return varchar2 is begin return 'f' || n; end;")
    assert cursor.execute("select * from x").fetchall() == [("f1",)]
    cursor.execute("drop function f")
    _refused(cursor, "select * from x", 4063)
    cursor.execute("create function f(n number) return number is begin return n; end;")
    assert cursor.execute("select * from x").fetchall() == [(1,)]
    cursor.execute("drop synonym s1")
    _refused(cursor, "select * from x", 4063)
    cursor.execute("create synonym s1 for v")
    assert cursor.execute("select * from x").fetchall() == [(1,)]
    cursor.execute("create or replace view v as select 'now text' l from dual")
    assert _status(cursor)["W"] == "INVALID"
    _refused(cursor, "select * from w", 4063)
    cursor.execute("create or replace view v as select 7 id, 8 l from dual")
    assert cursor.execute("select * from w").fetchall() == [(7, 8)]
    cursor.execute("drop view v")
    _refused(cursor, "select * from w", 4063)
    cursor.execute("drop view w")
    assert cursor.execute("select count(*) from user_errors where name = 'W'").fetchone() == (0,)


def test_a_view_is_compiled_by_hand(cursor: oracledb.Cursor) -> None:
    cursor.execute("drop table t")
    cursor.execute("alter view v compile")
    assert cursor.warning is not None
    cursor.execute("create table t (id number, s varchar2(9))")
    cursor.execute("alter view v compile")
    assert cursor.warning is None
    assert _status(cursor)["V"] == "VALID"
    _refused(cursor, "alter view nowhere compile", 942)
    _refused(cursor, "create force view x as select * from nowhere", 3001)


def test_its_triggers_stay_until_it_is_replaced(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create trigger g instead of insert on w begin insert into t values (:new.a, 'made'); end;"
    )
    cursor.execute("alter table t modify id number(8)")
    cursor.execute("insert into w values (5000000, 0)")
    assert cursor.execute("select s from t where id = 5000000").fetchone() == ("made",)
    cursor.execute("create or replace view w (a, b) as select id, l from v")
    assert cursor.execute("select count(*) from user_triggers").fetchone() == (0,)
    _refused(cursor, "insert into w values (3, 1)", 1733)


def test_dml_on_a_view_whose_trigger_is_disabled(cursor: oracledb.Cursor) -> None:
    cursor.execute("create view d as select distinct id, s from t")
    for view, key in (("other", -1), ("d", -2)):
        cursor.execute(
            f"create trigger g_{view} instead of delete on {view} begin insert into t (id) values ({key}); end;"
        )
        cursor.execute(f"delete from {view} where id = 1")
        cursor.execute(f"alter trigger g_{view} disable")
    assert cursor.execute("select id from t order by id").fetchall() == [(-2,), (-1,), (1,)]
    assert cursor.execute("select distinct status from user_triggers").fetchall() == [("DISABLED",)]
    _refused(cursor, "delete from d", 1732)
    _refused(cursor, "update d set s = 'x'", 1732)  # no trigger at all for this
    cursor.execute("delete from other where id < 0")
    assert cursor.execute("select id from t").fetchall() == [(1,)]
    cursor.execute("alter trigger g_other enable")
    cursor.execute("delete from other")
    cursor.execute("update other set id = 3 where id = 1")
    assert cursor.execute("select id from t order by id").fetchall() == [(-1,), (3,)]
    cursor.execute("create or replace trigger g_d instead of delete on d disable begin null; end;")
    _refused(cursor, "delete from d", 1732)


def test_no_view_reads_itself(cursor: oracledb.Cursor) -> None:
    for columns in ("a id, 'other' s, b l", "a id, cast('x' as varchar2(9)) s, b l"):
        _refused(cursor, f"create or replace view v as select {columns} from w", 1731)
        assert cursor.execute("select * from w").fetchall() == [(1, 3)]
        assert set(_status(cursor).values()) == {"VALID"}
