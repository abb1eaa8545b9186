"""Packages through the driver: state, initialisation, overloads, rights, replacement."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import Connect, code

COUNTER = """
create or replace package counter is
   co_step constant pls_integer := 5;
   g_value number := 10;
   procedure up;
   function shown return varchar2;
end counter;
"""
COUNTER_BODY = """
create or replace package body counter is
   l_calls number;

   procedure up is
   begin
      g_value := g_value + co_step;
      l_calls := l_calls + 1;
   end up;

   function shown return varchar2 is
   begin
      return g_value || '/' || l_calls;
   end shown;
begin
   l_calls := 100;
end counter;
"""


@pytest.fixture
def counter(connection: oracledb.Connection) -> oracledb.Connection:
    cursor = connection.cursor()
    cursor.execute(COUNTER)
    cursor.execute(COUNTER_BODY)
    return connection


def test_state_is_initialised_once_and_kept(counter: oracledb.Connection) -> None:
    cursor = counter.cursor()
    cursor.callproc("counter.up")
    cursor.callproc("counter.up")
    assert cursor.callfunc("counter.shown", str) == "20/102"


def test_each_session_has_its_own_state(counter: oracledb.Connection, connect: Connect) -> None:
    counter.cursor().callproc("counter.up")
    assert connect().cursor().callfunc("counter.shown", str) == "10/100"


def test_public_variables_can_be_written(counter: oracledb.Connection) -> None:
    cursor = counter.cursor()
    cursor.execute("begin counter.g_value := 1; end;")
    assert cursor.callfunc("counter.shown", str) == "1/100"


def test_private_members_are_hidden(counter: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match="PLS-00302: component 'L_CALLS' must be declared"):
        counter.cursor().execute("begin counter.l_calls := 1; end;")


def test_replaced_package_discards_state_once(counter: oracledb.Connection, connect: Connect) -> None:
    counter.cursor().callproc("counter.up")
    connect().cursor().execute(COUNTER_BODY.replace("100", "200"))
    with pytest.raises(oracledb.DatabaseError) as caught:
        counter.cursor().callproc("counter.up")
    assert code(caught) == 4068
    assert counter.cursor().callfunc("counter.shown", str) == "10/200"


def test_missing_body_is_ora_04067(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create package p is procedure q; end p;")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.callproc("p.q")
    assert code(caught) == 4067


def test_body_must_define_what_the_specification_declares(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create package p is procedure q; procedure r; end p;")
    cursor.execute("create package body p is procedure q is begin null; end q; end p;")
    cursor.execute("select text from user_errors where name = 'P' and type = 'PACKAGE BODY'")
    assert "PLS-00323: subprogram or cursor 'R' is declared" in cursor.fetchone()[0]


def test_overloads_are_told_apart_by_type(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create package p is function f(x number) return varchar2; function f(x varchar2) return varchar2; end;"
    )
    cursor.execute(
        "create package body p is function f(x number) return varchar2 is begin return 'number'; end; "
        "function f(x varchar2) return varchar2 is begin return 'text'; end; end;"
    )
    assert [cursor.callfunc("p.f", str, [1]), cursor.callfunc("p.f", str, ["1"])] == ["number", "text"]


def test_package_types_serve_other_units(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create package p is type t_list is table of varchar2(10) index by pls_integer; end p;")
    found = cursor.var(str)
    cursor.execute("declare l p.t_list; begin l(3) := 'x'; :found := l(3) || l.count; end;", found=found)
    assert found.getvalue() == "x1"


def test_index_by_parameters_are_array_binds(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create package p is type t_list is table of varchar2(10) index by pls_integer; procedure q(o out t_list); end p;"
    )
    cursor.execute(
        "create package body p is procedure q(o out t_list) is begin o(1) := 'a'; o(2) := 'b'; end; end p;"
    )
    found = cursor.arrayvar(str, 5)
    cursor.callproc("p.q", [found])
    assert found.getvalue() == ["a", "b"]


def test_unit_name_directive(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create function who return varchar2 is begin return lower($$plsql_unit); end;")
    assert cursor.callfunc("who", str) == "who"


def test_definer_rights_let_a_stranger_change_the_owners_table(
    connection: oracledb.Connection, schema: str, connect: Connect, dba: oracledb.Connection
) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    cursor.execute("create procedure put(n number) is begin insert into t values (n); commit; end;")
    dba.cursor().execute(f"create user {schema}b identified by tiger")
    dba.cursor().execute(f"grant create session to {schema}b")
    cursor.execute(f"grant execute on put to {schema}b")
    stranger = connect(f"{schema}b")
    stranger.cursor().callproc(f"{schema}.put", [7])
    cursor.execute("select id from t")
    rows = cursor.fetchall()
    stranger.close()
    dba.cursor().execute(f"drop user {schema}b cascade")
    assert rows == [(7,)]


def test_without_execute_the_unit_does_not_exist(
    connection: oracledb.Connection, schema: str, connect: Connect, dba: oracledb.Connection
) -> None:
    connection.cursor().execute("create procedure secret is begin null; end;")
    dba.cursor().execute(f"create user {schema}b identified by tiger")
    dba.cursor().execute(f"grant create session to {schema}b")
    stranger = connect(f"{schema}b")
    with pytest.raises(oracledb.DatabaseError, match="PLS-00201"):
        stranger.cursor().callproc(f"{schema}.secret")
    stranger.close()
    dba.cursor().execute(f"drop user {schema}b cascade")


def test_invoker_rights_use_the_callers_table(
    connection: oracledb.Connection, schema: str, connect: Connect, dba: oracledb.Connection
) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    cursor.execute("create procedure put authid current_user is begin insert into t values (1); commit; end;")
    dba.cursor().execute(f"create user {schema}b identified by tiger")
    dba.cursor().execute(f"grant create session, create table, unlimited tablespace to {schema}b")
    cursor.execute(f"grant execute on put to {schema}b")
    stranger = connect(f"{schema}b")
    stranger.cursor().execute("create table t (id number)")
    stranger.cursor().callproc(f"{schema}.put")
    cursor.execute("select count(*) from t")
    counts = cursor.fetchone()
    stranger.close()
    dba.cursor().execute(f"drop user {schema}b cascade")
    assert counts == (0,)


def test_call_statement_runs_a_procedure(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create procedure p(n in number, m out number) is begin m := n + 1; end;")
    found = cursor.var(int)
    cursor.execute("call p(1, :m)", m=found)
    assert found.getvalue() == 2


def test_drop_package_makes_it_unknown(counter: oracledb.Connection) -> None:
    cursor = counter.cursor()
    cursor.execute("drop package counter")
    with pytest.raises(oracledb.DatabaseError, match="PLS-00201"):
        cursor.callproc("counter.up")
