"""SQL inside PL/SQL through the driver: cursors, bulk operations, RETURNING, dynamic SQL, REF CURSORs."""

from __future__ import annotations

from typing import Any

import oracledb
import pytest

from tests.localdb.conftest import Connect, code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    """A cursor of a schema with table T: ids 1 to 5, named n1 to n5."""
    found = connection.cursor()
    found.execute("create table t (id number(5) primary key, name varchar2(10 char))")
    found.executemany("insert into t (id, name) values (:1, :2)", [(i, f"n{i}") for i in range(1, 6)])
    connection.commit()
    return found


def out(cursor: oracledb.Cursor, block: str, type_: Any = str) -> Any:
    """Run a block that assigns :result."""
    result = cursor.var(type_)
    cursor.execute(block, result=result)
    return result.getvalue()


def test_select_into(cursor: oracledb.Cursor) -> None:
    assert out(cursor, "begin select name into :result from t where id = 3; end;") == "n3"


def test_column_wins_over_a_variable_of_its_name(cursor: oracledb.Cursor) -> None:
    assert (
        out(
            cursor,
            "declare id number := 1; begin select count(*) into :result from t where id = id; end;",
            int,
        )
        == 5
    )


def test_rowtype_follows_the_table(cursor: oracledb.Cursor) -> None:
    block = "declare r t%rowtype; begin select * into r from t where id = 2; :result := r.name || r.id; end;"
    assert out(cursor, block) == "n22"


def test_anchored_variable_has_the_columns_size(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("declare x t.name%type; begin x := 'longer than ten'; end;")
    assert code(caught) == 6502


def test_insert_of_a_record(cursor: oracledb.Cursor) -> None:
    cursor.execute("declare r t%rowtype; begin r.id := 9; r.name := 'rec'; insert into t values r; end;")
    cursor.execute("select name from t where id = 9")
    assert cursor.fetchone() == ("rec",)


def test_update_set_row(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "declare r t%rowtype; begin r.id := 1; r.name := 'row'; update t set row = r where id = 1; end;"
    )
    cursor.execute("select name from t where id = 1")
    assert cursor.fetchone() == ("row",)


def test_sql_rowcount(cursor: oracledb.Cursor) -> None:
    assert out(cursor, "begin update t set name = 'x' where id > 3; :result := sql%rowcount; end;", int) == 2


def test_returning_into_a_variable(cursor: oracledb.Cursor) -> None:
    block = "begin update t set name = 'new' where id = 2 returning name || id into :result; end;"
    assert out(cursor, block) == "new2"


def test_cursor_with_parameter(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       cursor c (p_from in number) is select name from t where id >= p_from order by id;
       l_name t.name%type;
    begin
       open c(4);
       loop
          fetch c into l_name;
          exit when c%notfound;
          :result := :result || l_name || c%rowcount;
       end loop;
       close c;
    end;
    """
    assert out(cursor, block) == "n41n52"


def test_cursor_for_loop_over_a_query(cursor: oracledb.Cursor) -> None:
    block = "begin for r in (select id, name from t order by id desc) loop :result := :result || r.id; end loop; end;"
    assert out(cursor, block) == "54321"


def test_cursor_must_be_open_to_be_fetched(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("declare cursor c is select id from t; x number; begin fetch c into x; end;")
    assert code(caught) == 1001


def test_open_cursor_cannot_be_opened_again(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("declare cursor c is select id from t; begin open c; open c; end;")
    assert code(caught) == 6511


def test_bulk_collect_with_limit(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       cursor c is select id, name from t order by id;
       type t_ids is table of t.id%type;
       type t_names is table of t.name%type;
       l_ids t_ids; l_names t_names;
    begin
       open c;
       loop
          fetch c bulk collect into l_ids, l_names limit 2;
          exit when l_ids.count = 0;
          :result := :result || l_ids.count || l_names(1) || ' ';
       end loop;
       close c;
    end;
    """
    assert out(cursor, block) == "2n1 2n3 1n5 "


def test_bulk_collect_into_records(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_rows is table of t%rowtype index by pls_integer;
       l_rows t_rows;
    begin
       select * bulk collect into l_rows from t order by id;
       :result := l_rows.count || l_rows(5).name;
    end;
    """
    assert out(cursor, block) == "5n5"


def test_forall_counts_each_statement(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_ids is table of number;
       l_ids t_ids := t_ids(1, 99, 2);
    begin
       forall i in 1 .. l_ids.count
          delete from t where id = l_ids(i);
       :result := sql%rowcount || sql%bulk_rowcount(1) || sql%bulk_rowcount(2) || sql%bulk_rowcount(3);
    end;
    """
    assert out(cursor, block) == "2101"


def test_forall_returning_bulk_collect(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_ids is table of number index by pls_integer;
       l_ids t_ids; l_new t_ids;
    begin
       l_ids(1) := 1; l_ids(2) := 2;
       forall i in 1 .. 2
          update t set id = id + 100 where id = l_ids(i) returning id bulk collect into l_new;
       :result := l_new(1) || ' ' || l_new(2);
    end;
    """
    assert out(cursor, block) == "101 102"


def test_forall_over_nothing_empties_the_out_lists(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_ids is table of number index by pls_integer;
       l_ids t_ids; l_new t_ids;
    begin
       forall i in 1 .. l_ids.count
          update t set id = id where id = l_ids(i) returning id bulk collect into l_new;
       :result := l_new.count;
    end;
    """
    assert out(cursor, block, int) == 0


def test_forall_saves_exceptions(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_ids is table of number;
       l_ids t_ids := t_ids(10, 1, 11);
       e_bulk exception;
       pragma exception_init(e_bulk, -24381);
    begin
       forall i in 1 .. 3 save exceptions
          insert into t (id) values (l_ids(i));
    exception
       when e_bulk then
          :result := sql%bulk_exceptions.count || ' ' || sql%bulk_exceptions(1).error_index
             || ' ' || sql%bulk_exceptions(1).error_code;
    end;
    """
    assert out(cursor, block) == "1 2 1"


def test_forall_without_save_stops_at_the_error_and_keeps_what_was_done(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_ids is table of number;
       l_ids t_ids := t_ids(10, 1, 11);
    begin
       begin
          forall i in 1 .. 3 insert into t (id) values (l_ids(i));
       exception
          when dup_val_on_index then null;
       end;
       select count(*) into :result from t where id in (10, 11);
    end;
    """
    assert out(cursor, block, int) == 1


def test_forall_indices_of_skips_gaps(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       type t_ids is table of number index by pls_integer;
       l_ids t_ids;
    begin
       l_ids(5) := 1; l_ids(9) := 2;
       forall i in indices of l_ids delete from t where id = l_ids(i);
       :result := sql%rowcount;
    end;
    """
    assert out(cursor, block, int) == 2


def test_where_current_of(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        """
        declare
           cursor c is select id from t where id < 3 for update;
        begin
           for r in c loop
              update t set name = 'c' || r.id where current of c;
           end loop;
        end;
        """
    )
    cursor.execute("select name from t where id < 4 order by id")
    assert cursor.fetchall() == [("c1",), ("c2",), ("n3",)]


def test_skip_locked_locks_only_the_fetched_rows(cursor: oracledb.Cursor, connect: Connect) -> None:
    block = """
    declare
       cursor c is select id from t order by id for update skip locked;
       type t_ids is table of number;
       l_ids t_ids;
    begin
       open c;
       fetch c bulk collect into l_ids limit 2;
       close c;
       for i in 1 .. l_ids.count loop
          :result := :result || l_ids(i);
       end loop;
    end;
    """
    assert out(cursor, block) == "12"
    assert out(connect().cursor(), block) == "34"


def test_ref_cursor_comes_to_the_client(cursor: oracledb.Cursor) -> None:
    rows = out(
        cursor,
        "begin open :result for select id, name from t where id < 3 order by id; end;",
        oracledb.CURSOR,
    )
    assert rows.fetchall() == [(1, "n1"), (2, "n2")]


def test_ref_cursor_of_a_function(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create function all_of(n number) return sys_refcursor is c sys_refcursor; "
        "begin open c for select name from t where id = n; return c; end;"
    )
    rows = cursor.callfunc("all_of", oracledb.CURSOR, [4])
    assert rows.fetchall() == [("n4",)]


def test_ref_cursor_opened_for_dynamic_text(cursor: oracledb.Cursor) -> None:
    block = "begin open :result for 'select id from t where id > :1 order by id' using 3; end;"
    assert out(cursor, block, oracledb.CURSOR).fetchall() == [(4,), (5,)]


def test_execute_immediate_into_and_using(cursor: oracledb.Cursor) -> None:
    block = "begin execute immediate 'select name from t where id = :a' into :result using 5; end;"
    assert out(cursor, block) == "n5"


def test_execute_immediate_of_a_block_with_out_bind(cursor: oracledb.Cursor) -> None:
    block = "begin execute immediate 'begin :a := :b * :b; end;' using out :result, in 6; end;"
    assert out(cursor, block, int) == 36


def test_execute_immediate_returning(cursor: oracledb.Cursor) -> None:
    block = "begin execute immediate 'update t set id = 50 where id = :1 returning id into :2' using 5 returning into :result; end;"
    assert out(cursor, block, int) == 50


def test_execute_immediate_of_ddl(cursor: oracledb.Cursor) -> None:
    cursor.execute("begin execute immediate 'create table made (n number)'; end;")
    cursor.execute("select count(*) from made")
    assert cursor.fetchone() == (0,)


def test_collection_in_a_query(cursor: oracledb.Cursor) -> None:
    block = """
    declare
       l_ids sys.odcinumberlist := sys.odcinumberlist(2, 4);
    begin
       select listagg(name, ',') within group (order by id) into :result
         from t where id in (select column_value from table(l_ids));
    end;
    """
    assert out(cursor, block) == "n2,n4"


def test_merge(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        """
        declare
           l_id number := 5;
        begin
           merge into t using (select l_id as id from dual) s on (t.id = s.id)
            when matched then update set t.name = 'merged'
            when not matched then insert (id, name) values (s.id, 'new');
        end;
        """
    )
    cursor.execute("select name from t where id = 5")
    assert cursor.fetchone() == ("merged",)


def test_row_trigger_stamps_new_values(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        """
        create or replace trigger t_stamp_trg
           before insert or update on t
           for each row
        begin
           :new.name := nvl(:old.name, 'none') || '>' || :new.name;
        end t_stamp_trg;
        """
    )
    cursor.execute("insert into t (id, name) values (6, 'a')")
    cursor.execute("update t set name = 'b' where id = 6")
    cursor.execute("select name from t where id = 6")
    assert cursor.fetchone() == ("none>a>b",)


def test_trigger_refuses_with_an_application_error(cursor: oracledb.Cursor, schema: str) -> None:
    cursor.execute(
        "create trigger t_guard before delete on t for each row when (old.id > 3)\nbegin\n"
        "   raise_application_error(-20009, 'keep ' || :old.id);\nend;"
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("delete from t where id = 4")
    text = caught.value.args[0].message.split("\nHelp")[0]
    assert text == (
        f'ORA-20009: keep 4\nORA-06512: at "{schema}.T_GUARD", line 3\n'
        f"ORA-04088: error during execution of trigger '{schema}.T_GUARD'"
    )


def test_trigger_writes_to_another_table(cursor: oracledb.Cursor) -> None:
    cursor.execute("create table log (what varchar2(20), id number)")
    cursor.execute(
        """
        create trigger t_log after insert or update or delete on t for each row
        declare
           l_what varchar2(20);
        begin
           if inserting then l_what := 'insert';
           elsif updating then l_what := 'update';
           else l_what := 'delete';
           end if;
           insert into log (what, id) values (l_what, coalesce(:new.id, :old.id));
        end;
        """
    )
    cursor.execute("update t set name = 'x' where id = 1")
    cursor.execute("delete from t where id = 2")
    cursor.execute("select what, id from log order by id")
    assert cursor.fetchall() == [("update", 1), ("delete", 2)]


def test_dropped_trigger_no_longer_fires(cursor: oracledb.Cursor) -> None:
    cursor.execute("create trigger t_x before insert on t for each row begin :new.name := 'trigger'; end;")
    cursor.execute("drop trigger t_x")
    cursor.execute("insert into t (id, name) values (7, 'own')")
    cursor.execute("select name from t where id = 7")
    assert cursor.fetchone() == ("own",)


def test_sqlerrm_in_sql_is_pls_00231(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError, match="PLS-00231: function 'SQLERRM' may not be used in SQL"):
        cursor.execute("begin insert into t (id, name) values (9, sqlerrm); end;")


def test_cursor_variable_that_goes_out_of_scope_leaves_no_open_result(cursor: oracledb.Cursor) -> None:
    for _ in range(50):
        cursor.execute("declare c sys_refcursor; begin open c for select id from t; end;")
    cursor.execute("select count(*) from t")
    assert cursor.fetchone() == (5,)


def test_boolean_variable_in_sql_is_pls_00382(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError, match="PLS-00382"):
        cursor.execute(
            "declare b boolean := true; n number; begin select count(*) into n from t where b = b; end;"
        )


def test_triggers_go_with_their_table(cursor: oracledb.Cursor) -> None:
    cursor.execute("create trigger t_x before insert on t for each row begin :new.name := 'trigger'; end;")
    cursor.execute("drop table t")
    cursor.execute("select count(*) from user_objects where object_name = 'T_X'")
    assert cursor.fetchone() == (0,)
