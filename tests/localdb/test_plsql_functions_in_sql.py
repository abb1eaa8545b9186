"""PL/SQL functions called from SQL through the driver."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import code


@pytest.fixture
def cursor(connection: oracledb.Connection) -> oracledb.Cursor:
    """A cursor of a schema with table T: ids 1 to 3."""
    found = connection.cursor()
    found.execute("create table t (id number, name varchar2(10))")
    found.executemany("insert into t (id, name) values (:1, :2)", [(i, f"n{i}") for i in range(1, 4)])
    connection.commit()
    return found


def test_function_is_called_for_each_row(cursor: oracledb.Cursor) -> None:
    cursor.execute("create function twice(n number) return number is begin return n * 2; end;")
    cursor.execute("select twice(id) from t order by id")
    assert cursor.fetchall() == [(2,), (4,), (6,)]


def test_named_and_default_arguments(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create function f(a number, b number default 10) return number is begin return a + b; end;"
    )
    cursor.execute("select f(a => 1), f(b => 2, a => 3) from dual")
    assert cursor.fetchone() == (11, 5)


def test_function_without_parentheses(cursor: oracledb.Cursor) -> None:
    cursor.execute("create function answer return number is begin return 42; end;")
    cursor.execute("select answer from dual")
    assert cursor.fetchone() == (42,)


def test_package_function_uses_the_packages_constants(cursor: oracledb.Cursor) -> None:
    cursor.execute("create package p is co constant number := 7; function f(n number) return number; end p;")
    cursor.execute(
        "create package body p is function f(n number) return number is begin return n * co; end f; end p;"
    )
    cursor.execute("select p.f(id) from t where p.f(id) > 7 order by 1")
    assert cursor.fetchall() == [(14,), (21,)]


def test_function_that_queries(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create function name_of(i number) return varchar2 is l varchar2(10); "
        "begin select name into l from t where id = i; return l; end;"
    )
    cursor.execute("select name_of(2), name_of(99) from dual")
    assert cursor.fetchone() == ("n2", None)  # NO_DATA_FOUND inside a function that SQL called is NULL


def test_application_error_of_a_function_reaches_the_client(cursor: oracledb.Cursor, schema: str) -> None:
    cursor.execute(
        "create function f(n number) return number is\nbegin\n   if n > 1 then\n"
        "      raise_application_error(-20042, 'too big');\n   end if;\n   return n;\nend;"
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select max(f(id)) from t")
    text = caught.value.args[0].message.split("\nHelp")[0]
    assert text == f'ORA-20042: too big\nORA-06512: at "{schema}.F", line 4'


def test_replaced_function_is_the_new_one(cursor: oracledb.Cursor) -> None:
    cursor.execute("create function f return number is begin return 1; end;")
    cursor.execute("create or replace function f return number is begin return 2; end;")
    cursor.execute("select f from dual")
    assert cursor.fetchone() == (2,)


def test_what_plpgsql_cannot_say_is_refused_by_name(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "create function f return number is type l is table of number; x l := l(1); begin return x.count; end;"
    )
    with pytest.raises(
        oracledb.DatabaseError, match="the PL/SQL function F called from SQL is not supported"
    ):
        cursor.execute("select f from dual")


def test_private_function_in_sql_is_pls_00231(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError, match="PLS-00231: function 'F' may not be used in SQL"):
        cursor.execute(
            "declare x number; function f(n number) return number is begin return n; end; "
            "begin select max(f(id)) into x from t; end;"
        )


def test_function_in_insert_values_runs_once(cursor: oracledb.Cursor) -> None:
    cursor.execute("create package p is g number := 0; function next_one return number; end p;")
    cursor.execute(
        "create package body p is function next_one return number is begin g := g + 1; return g; end; end p;"
    )
    cursor.execute("begin insert into t (id, name) values (p.next_one + 100, 'x'); end;")
    cursor.execute("select id from t where name = 'x'")
    assert cursor.fetchall() == [(101,)]


def test_unknown_function_is_ora_00904(cursor: oracledb.Cursor) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select nothing(id) from t")
    assert code(caught) == 904


def test_errors_of_functions_in_sql_have_their_lines(cursor: oracledb.Cursor, schema: str) -> None:
    cursor.execute("create function inner_f(n number) return number is\nbegin\n   return 1 / n;\nend;")
    cursor.execute(
        "create package pack as function outer_f(n number) return number; end;",
    )
    cursor.execute(
        "create package body pack as\n   function outer_f(n number) return number is\n      l number;\n   begin\n"
        "      select inner_f(n)\n        into l from dual;\n      return l;\n   end;\nend;"
    )
    stack = (
        f'ORA-01476: divisor is equal to zero\nORA-06512: at "{schema}.INNER_F", line 3\n'
        f'ORA-06512: at "{schema}.PACK", line 5'
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select pack.outer_f(id - 1) from t")
    assert caught.value.args[0].message.split("\nHelp")[0] == stack
    seen, all_lines = cursor.var(str), cursor.var(str)
    cursor.execute(
        "declare x number;\nbegin\n   select pack.outer_f(0) into x from dual;\nexception when others then\n"
        "   :a := sqlerrm; :b := dbms_utility.format_error_stack;\nend;",
        [seen, all_lines],
    )
    assert seen.getvalue() == stack
    assert all_lines.getvalue() == f"{stack}\nORA-06512: at line 3\n"
