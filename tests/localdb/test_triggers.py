"""Triggers as Oracle fires them: order, compound and INSTEAD OF triggers, errors with their stacks, refusals."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    cursor = connection.cursor()
    cursor.execute("create table t (id number(6) primary key, name varchar2(20), grade number default 1)")
    cursor.execute("create table log (line number generated always as identity, what varchar2(200))")
    cursor.execute("create package note as n number := 0; procedure add(p varchar2); end;")
    cursor.execute(
        "create package body note as procedure add(p varchar2) is begin n := n + 1;"
        " insert into log (what) values (p); end; end;"
    )
    cursor.execute("insert into t (id, name) values (1, 'one')")
    cursor.execute("insert into t (id, name) values (2, 'two')")
    return cursor


def made(cursor: oracledb.Cursor, *sources: str) -> None:
    """Create units that must compile."""
    for source in sources:
        cursor.execute(source)
        cursor.execute("select name, line, text from user_errors")
        assert cursor.fetchall() == []


def logged(cursor: oracledb.Cursor) -> list[str]:
    return [what for (what,) in cursor.execute("select what from log order by line")]


def message(caught: pytest.ExceptionInfo[oracledb.DatabaseError]) -> str:
    text: str = caught.value.args[0].message.split("\nHelp")[0]
    return text


def test_the_order_in_which_triggers_fire(cursor: oracledb.Cursor) -> None:
    for timing in ("before", "after"):
        made(
            cursor,
            f"create trigger {timing}_s {timing} update on t begin note.add('{timing} statement'); end;",
            f"create trigger {timing}_r {timing} update on t for each row"
            f" begin note.add('{timing} ' || :old.name || '>' || :new.name); end;",
        )
    cursor.execute("update t set name = upper(name)")
    assert cursor.rowcount == 2
    assert logged(cursor) == [
        "before statement", "before one>ONE", "after one>ONE", "before two>TWO", "after two>TWO", "after statement",
    ]  # fmt: skip
    cursor.execute("begin dbms_output.enable; dbms_output.put_line(note.n); end;")


def test_follows_orders_triggers_of_one_point(cursor: oracledb.Cursor) -> None:
    made(
        cursor,
        "create trigger z before insert on t for each row begin :new.name := :new.name || 'z'; end;",
        "create trigger a before insert on t for each row follows z begin :new.name := :new.name || 'a'; end;",
    )
    cursor.execute("insert into t (id, name) values (3, '-')")
    assert cursor.execute("select name from t where id = 3").fetchone() == ("-za",)


def test_a_compound_trigger_keeps_its_variables_for_one_statement(cursor: oracledb.Cursor) -> None:
    made(
        cursor,
        """
        create trigger c for insert or update of name or delete on t compound trigger
           type names is table of varchar2(20) index by pls_integer;
           seen names;
           rows_ pls_integer := 0;
           procedure keep(p varchar2) is begin rows_ := rows_ + 1; seen(rows_) := p; end;
           before statement is begin note.add('start ' || rows_); end before statement;
           before each row is
           begin
              if inserting then :new.name := upper(:new.name); end if;
           end before each row;
           after each row is begin keep(coalesce(:new.name, :old.name)); end after each row;
           after statement is
              n number;
           begin
              select count(*) into n from t;
              for i in 1 .. seen.count loop note.add(seen(i)); end loop;
              note.add('end ' || rows_ || ' of ' || n);
           end after statement;
        end c;
        """,
    )
    cursor.execute("insert into t (id, name) select id + 10, name from t")
    assert logged(cursor) == ["start 0", "ONE", "TWO", "end 2 of 4"]
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("insert into t (id, name) select id + 1, name from t order by id")
    assert code(caught) == 1
    cursor.execute("delete from log")
    cursor.execute("update t set grade = 2")
    assert logged(cursor) == []
    cursor.execute("delete from t where id > 10")
    assert logged(cursor) == ["start 0", "ONE", "TWO", "end 2 of 2"]
    cursor.execute("select trigger_type, triggering_event, before_row, instead_of_row from user_triggers")
    assert cursor.fetchall() == [("COMPOUND", "INSERT OR UPDATE OR DELETE", "YES", "NO")]


def test_instead_of_triggers_change_what_a_view_shows(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create view v as select t.id, t.name, count(l.line) notes from t left join log l on l.what = t.name group by t.id, t.name"
    )
    made(
        cursor,
        """
        create trigger v_trg instead of insert or update or delete on v
        begin
           if inserting then insert into t (id, name) values (:new.id, :new.name);
           elsif updating('NAME') then update t set name = :new.name where id = :old.id;
           elsif deleting then delete from t where id = :old.id;
           else raise_application_error(-20001, 'only NAME');
           end if;
        end;
        """,
    )
    cursor.execute("insert into v (id, name) values (:1, :2)", [5, "five"])
    assert cursor.rowcount == 1
    cursor.execute("update v set name = name || '!' where id in (1, 5)")
    assert cursor.rowcount == 2
    cursor.execute("delete from v where id = 2")
    assert cursor.execute("select id, name from t order by id").fetchall() == [(1, "one!"), (5, "five!")]
    with pytest.raises(oracledb.DatabaseError, match="ORA-20001: only NAME"):
        cursor.execute("update v set notes = 3")
    cursor.execute("alter trigger v_trg disable")
    with pytest.raises(oracledb.DatabaseError, match="ORA-01732"):
        cursor.execute("delete from v where id = 1")


def test_errors_bring_the_stack_of_the_trigger_and_what_it_called(
    cursor: oracledb.Cursor, schema: str
) -> None:
    made(
        cursor,
        "create procedure guard(p number) is\nbegin\n   if p > 5 then\n"
        "      raise_application_error(-20007, 'too high: ' || p);\n   end if;\nend;",
        "create trigger g before insert or update on t for each row\nbegin\n   guard(:new.grade);\nend;",
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(
            "insert into t (id, grade) select 10 + level, 4 + level from dual connect by level < 4"
        )
    stack = (
        f'ORA-20007: too high: 6\nORA-06512: at "{schema}.GUARD", line 4\nORA-06512: at "{schema}.G", line 3\n'
        f"ORA-04088: error during execution of trigger '{schema}.G'"
    )
    assert message(caught) == stack
    assert cursor.execute("select count(*) from t").fetchone() == (2,)
    seen = cursor.var(str)
    cursor.execute(
        "begin\n   update t set grade = 7 where id = 1;\nexception when others then :x := sqlerrm; end;",
        [seen],
    )
    assert seen.getvalue() == stack.replace("too high: 6", "too high: 7")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("begin\n   update t set grade = 7;\nend;")
    assert message(caught) == stack.replace("too high: 6", "too high: 7") + "\nORA-06512: at line 2"


def test_a_mutating_table_may_not_be_seen(cursor: oracledb.Cursor, schema: str) -> None:
    made(
        cursor,
        "create view tv as select * from t",
        "create function grades return number is n number; begin select sum(grade) into n from tv; return n; end;",
        "create trigger m before insert or update on t for each row\nbegin\n   :new.grade := grades;\nend;",
    )
    for statement in ("update t set name = 'x'", "insert into t (id) select 9 from dual"):
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute(statement)
        assert message(caught) == (
            f"ORA-04091: table {schema}.T is mutating, trigger/function may not see it\n"
            f'ORA-06512: at "{schema}.GRADES", line 1\nORA-06512: at "{schema}.M", line 3\n'
            f"ORA-04088: error during execution of trigger '{schema}.M'"
        )
    cursor.execute("insert into t (id) values (9)")  # one row of VALUES: nothing is between two rows
    assert cursor.execute("select grade from t where id = 9").fetchone() == (2,)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("commit;", "COMMIT"),
        ("rollback;", "ROLLBACK"),
        ("savepoint s;", "SET SAVEPOINT"),
        ("execute immediate 'create table x (a number)';", "COMMIT"),
    ],
)
def test_a_trigger_may_not_end_the_transaction(cursor: oracledb.Cursor, body: str, what: str) -> None:
    made(cursor, f"create trigger e after delete on t begin {body} end;")
    with pytest.raises(oracledb.DatabaseError, match=f"ORA-04092: cannot {what} in a trigger"):
        cursor.execute("delete from t")
    assert cursor.execute("select count(*) from t").fetchone() == (2,)


def test_an_autonomous_trigger_keeps_its_note_of_what_failed(
    cursor: oracledb.Cursor, connection: oracledb.Connection
) -> None:
    connection.commit()
    made(
        cursor,
        "create trigger au before delete on t for each row declare pragma autonomous_transaction;"
        " begin insert into log (what) values ('tried ' || :old.id); commit; end;",
        "create trigger no after delete on t begin raise_application_error(-20001, 'no'); end;",
    )
    with pytest.raises(oracledb.DatabaseError, match="ORA-20001: no"):
        cursor.execute("delete from t where id = 2")
    connection.rollback()
    assert logged(cursor) == ["tried 2"]


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("create trigger b before insert on t begin :new.id := 1; end;", 4082),
        ("create trigger b after insert on t for each row begin :new.id := 1; end;", 4084),
        ("create trigger b before delete on t for each row begin :new.id := 1; end;", 4084),
        ("create trigger b before update on t for each row begin :old.id := 1; end;", 4085),
        ("create trigger b before update on t when (new.id > 1) begin null; end;", 4077),
        ("create trigger b instead of insert on t begin null; end;", 25002),
        ("create trigger b before insert on tv begin null; end;", 25001),
        ("create trigger b before insert on nowhere begin null; end;", 942),
        ("create trigger b before update of nothing on t begin null; end;", 904),
        ("create trigger b before insert on t for each row follows nobody begin null; end;", 4080),
        ("create trigger b after logon on database begin null; end;", 3001),
    ],
)
def test_triggers_that_are_not_made(cursor: oracledb.Cursor, source: str, number: int) -> None:
    cursor.execute("create view tv as select * from t")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(source)
    assert code(caught) == number
    assert cursor.execute("select count(*) from user_triggers").fetchone() == (0,)


def test_an_invalid_trigger_stops_its_statements_until_it_compiles(
    cursor: oracledb.Cursor, schema: str
) -> None:
    cursor.execute("create trigger i before delete on t for each row begin later(:old.id); end;")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("delete from t")
    assert message(caught) == f"ORA-04098: trigger '{schema}.I' is invalid and failed re-validation"
    cursor.execute("create procedure later(p number) is begin note.add('gone ' || p); end;")
    cursor.execute("delete from t where id = 1")
    assert logged(cursor) == ["gone 1"]


def test_merge_arrays_and_forall_fire_triggers(cursor: oracledb.Cursor) -> None:
    made(
        cursor,
        "create trigger a after insert or update or delete on t for each row begin note.add("
        "case when inserting then '+' when updating then '~' else '-' end || nvl(:new.id, :old.id)); end;",
    )
    cursor.execute(
        "merge into t using (select level + 1 id, 'm' || level name from dual connect by level < 3) s on (t.id = s.id)"
        " when matched then update set t.name = s.name when not matched then insert (id, name) values (s.id, s.name)"
    )
    assert cursor.rowcount == 2
    cursor.executemany("insert into t (id, name) values (:1, :2)", [(8, "a"), (9, "b")])
    assert cursor.rowcount == 2
    cursor.execute("begin forall i in 8 .. 9 delete from t where id = i; end;")
    assert logged(cursor) == ["~2", "+3", "+8", "+9", "-8", "-9"]


def test_returning_tells_what_triggers_left(cursor: oracledb.Cursor) -> None:
    made(
        cursor,
        "create trigger r before insert or update on t referencing new as n old as o for each row"
        " when (n.id > 1 and o.id is null) begin note.add('r'); :n.name := 'n' || note.n; end;",
    )
    name, grade = cursor.var(str), cursor.var(int)
    cursor.execute("insert into t (id) values (7) returning name, grade + 1 into :a, :b", [name, grade])
    assert (name.getvalue(), grade.getvalue()) == (["n1"], [2])
    cursor.execute("begin update t set grade = 5 where id = 7 returning name into :a; end;", [name])
    assert name.getvalue() == "n1"


def test_a_trigger_that_fires_itself_ends_at_50_levels(cursor: oracledb.Cursor) -> None:
    made(cursor, "create trigger s after update on t begin update t set grade = grade + 1 where id = 1; end;")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("update t set grade = 1")
    assert code(caught) == 36


def test_what_would_pass_a_trigger_by_is_refused(cursor: oracledb.Cursor) -> None:
    cursor.execute("create view tv as select id, name from t")
    cursor.execute("create table child (id number references t on delete cascade)")
    cursor.execute("insert into child values (1)")
    made(
        cursor,
        "create trigger p after insert on t for each row begin note.add('p'); end;",
        "create trigger q after delete on child for each row begin note.add('q'); end;",
    )
    for statement in (
        "insert all into t (id) values (20) select * from dual",
        "insert into tv (id, name) values (21, 'x')",
        "delete from t where id = 1",
    ):
        with pytest.raises(
            oracledb.DatabaseError, match=r"ORA-03001: unimplemented feature: trigger .*\.[PQ] in a"
        ):
            cursor.execute(statement)
    assert logged(cursor) == []


def test_rows_keep_every_type_of_value_through_a_trigger(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create table k (a number, c char(3), b raw(4), d date, z timestamp with time zone, i interval day to second,"
        " y interval year to month, f binary_double, l clob, r rowid, v as (a * 2))"
    )
    values = (
        "1.5, 'x', hextoraw('00FF'), date '2026-01-02', timestamp '2026-01-02 03:04:05 +05:30', interval '1' day,"
        " interval '2' month, 2.5d, 'text', null"
    )
    cursor.execute(f"insert into k (a, c, b, d, z, i, y, f, l, r) values ({values})")
    made(cursor, "create trigger kt after insert or update on k for each row begin note.add(:new.v); end;")
    cursor.execute(f"insert into k (a, c, b, d, z, i, y, f, l, r) values ({values})")
    cursor.execute("update k set d = d, l = l, i = i")
    cursor.execute(
        "select distinct a, c, b, d, to_char(z, 'YYYY-MM-DD HH24:MI:SS TZH:TZM'), i, y, f, to_char(l), v from k"
    )
    assert len(cursor.fetchall()) == 1
    assert logged(cursor) == ["3", "3", "3"]


def test_an_error_of_a_trigger_that_only_computes_has_its_line(cursor: oracledb.Cursor, schema: str) -> None:
    made(
        cursor,
        "create trigger only before insert or update on t for each row\nwhen (new.id > 0)\ndeclare\n"
        "   text varchar2(20) := 'two\nlines';\n   n number;\nbegin\n   if :new.grade = 0 then\n      n := 1;\n"
        "   end if;\n   n := 1 / :new.grade;\nend;",
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("update t set grade = 0")
    assert message(caught) == (
        f'ORA-01476: divisor is equal to zero\nORA-06512: at "{schema}.ONLY", line 11\n'
        f"ORA-04088: error during execution of trigger '{schema}.ONLY'"
    )


def test_functions_of_a_statement_do_not_see_what_it_changes(cursor: oracledb.Cursor, schema: str) -> None:
    made(
        cursor,
        "create view tv as select * from t",
        "create function other return number is n number; begin select count(*) into n from log; return n; end;",
        "create package p as function grades return number; end;",
        "create package body p as\n   function grades return number is\n      n number;\n   begin\n"
        "      select sum(grade)\n        into n from tv;\n      return n;\n   end;\nend;",
    )
    mutating = (
        f"ORA-04091: table {schema}.T is mutating, trigger/function may not see it\n"
        f'ORA-06512: at "{schema}.P", line 5'
    )
    for statement in (
        "update t set grade = p.grades",
        "delete from tv where grade < p.grades",
        "insert into t (id, grade) select id + 10, p.grades from t",
        "merge into t using (select 1 i from dual) q on (t.id = q.i) when matched then update set grade = p.grades",
    ):
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute(statement)
        assert message(caught) == mutating
    cursor.execute("update t set grade = other")
    cursor.execute("insert into t (id, grade) values (9, p.grades)")
    cursor.execute("insert into log (what) select p.grades from t")
    made(
        cursor,
        "create trigger r after update on t for each row\nbegin\n   insert into log (what) select p.grades from dual;\nend;",
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("update t set name = 'x'")
    assert message(caught) == (
        f'{mutating}\nORA-06512: at "{schema}.R", line 3\n'
        f"ORA-04088: error during execution of trigger '{schema}.R'"
    )
    with pytest.raises(
        oracledb.DatabaseError, match="ORA-04091"
    ):  # the statement's own function, then a trigger
        cursor.execute("update t set grade = p.grades")
    cursor.execute("drop trigger r")
    made(
        cursor,
        "create trigger s before update on t begin insert into log (what) select p.grades from dual; end;",
    )
    cursor.execute("update t set grade = other")
