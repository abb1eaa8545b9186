"""PL/SQL errors through the driver: compilation, exceptions, the stack of lines, what is undone."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import code


def message(caught: pytest.ExceptionInfo[oracledb.Error]) -> str:
    """The error's text as the server sent it."""
    text: str = caught.value.args[0].message
    return text.split("\nHelp: ")[0]


def failing(connection: oracledb.Connection, text: str) -> str:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute(text)
    return message(caught)


def test_unknown_identifier_is_pls_00201_with_its_place(connection: oracledb.Connection) -> None:
    assert failing(connection, "begin\n   nothing := 1;\nend;") == (
        "ORA-06550: line 2, column 4:\nPLS-00201: identifier 'NOTHING' must be declared\n"
        "ORA-06550: line 2, column 4:\nPL/SQL: Statement ignored"
    )


def test_unknown_table_is_ora_00942_inside_06550(connection: oracledb.Connection) -> None:
    text = failing(connection, "begin delete from missing; end;")
    assert text.startswith("ORA-06550: line 1, column 19:\nPL/SQL: ORA-00942: table or view does not exist")


def test_missing_semicolon_is_pls_00103(connection: oracledb.Connection) -> None:
    assert "PLS-00103: Encountered the symbol" in failing(connection, "begin null end;")


def test_wrong_arguments_are_pls_00306(connection: oracledb.Connection) -> None:
    text = failing(connection, "declare procedure p(a number) is begin null; end; begin p(1, 2); end;")
    assert "PLS-00306: wrong number or types of arguments in call to 'P'" in text


def test_assignment_to_a_constant_is_pls_00363(connection: oracledb.Connection) -> None:
    text = failing(connection, "declare c constant number := 1; begin c := 2; end;")
    assert "PLS-00363: expression 'C' cannot be used as an assignment target" in text


def test_application_error_carries_its_lines(connection: oracledb.Connection, schema: str) -> None:
    connection.cursor().execute(
        "create procedure fails is\nbegin\n   raise_application_error(-20123, 'no good');\nend;"
    )
    assert failing(connection, "begin\n   null;\n   fails;\nend;") == (
        f'ORA-20123: no good\nORA-06512: at "{schema}.FAILS", line 3\nORA-06512: at line 3'
    )


def test_unhandled_own_exception_is_ora_06510(connection: oracledb.Connection) -> None:
    text = failing(connection, "declare e exception; begin raise e; end;")
    assert text == "ORA-06510: PL/SQL: unhandled user-defined exception\nORA-06512: at line 1"


def test_value_error_says_what_was_wrong(connection: oracledb.Connection) -> None:
    text = failing(connection, "declare s varchar2(2); begin s := 'abc'; end;")
    assert text.startswith("ORA-06502: PL/SQL: numeric or value error: character string buffer too small")


def test_division_by_zero(connection: oracledb.Connection) -> None:
    assert failing(connection, "declare n number := 0; begin n := 1 / n; end;").startswith("ORA-01476")


def test_exception_init_names_a_code(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    found = cursor.var(str)
    cursor.execute(
        """
        declare
           e_mine exception;
           pragma exception_init(e_mine, -20077);
        begin
           raise_application_error(-20077, 'mine');
        exception
           when e_mine then
              :found := sqlcode || ' ' || sqlerrm;
        end;
        """,
        found=found,
    )
    assert found.getvalue() == "-20077 ORA-20077: mine"


def test_no_data_found_has_sqlcode_100(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    found = cursor.var(int)
    cursor.execute(
        "declare x number; begin select 1 into x from dual where 1 = 0; exception when no_data_found then :c := sqlcode; end;",
        c=found,
    )
    assert found.getvalue() == 100


def test_two_rows_are_too_many(connection: oracledb.Connection) -> None:
    text = failing(
        connection,
        "declare x number; begin select 1 into x from (select 1 from dual union all select 2 from dual); end;",
    )
    assert text.startswith("ORA-01422: exact fetch returns more than requested number of rows")


def test_backtrace_begins_where_the_error_was(connection: oracledb.Connection, schema: str) -> None:
    cursor = connection.cursor()
    cursor.execute("create procedure fails is\nbegin\n   raise value_error;\nend;")
    found = cursor.var(str)
    cursor.execute(
        "begin\n   fails;\nexception\n   when others then :b := dbms_utility.format_error_backtrace;\nend;",
        b=found,
    )
    assert found.getvalue() == f'ORA-06512: at "{schema}.FAILS", line 3\nORA-06512: at line 2\n'


def test_raise_again_keeps_the_error(connection: oracledb.Connection) -> None:
    text = failing(connection, "begin\nraise program_error;\nexception when others then\nraise;\nend;")
    assert text == "ORA-06501: PL/SQL: program error\nORA-06512: at line 4\nORA-06512: at line 2"


def test_failed_block_undoes_its_changes(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    cursor.execute("insert into t values (1)")
    failing(connection, "begin insert into t values (2); raise program_error; end;")
    cursor.execute("select id from t")
    assert cursor.fetchall() == [(1,)]


def test_handled_statement_keeps_what_was_done_before(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number primary key)")
    cursor.execute(
        """
        begin
           insert into t values (1);
           begin
              insert into t values (1);
           exception
              when dup_val_on_index then
                 insert into t values (2);
           end;
        end;
        """
    )
    cursor.execute("select id from t order by id")
    assert cursor.fetchall() == [(1,), (2,)]


def test_commit_inside_stays_when_the_block_fails(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    failing(
        connection,
        "begin insert into t values (1); commit; insert into t values (2); raise program_error; end;",
    )
    cursor.execute("select id from t")
    assert cursor.fetchall() == [(1,)]


def test_rollback_to_savepoint(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    cursor.execute(
        "begin insert into t values (1); savepoint s; insert into t values (2); rollback to s; end;"
    )
    cursor.execute("select id from t")
    assert cursor.fetchall() == [(1,)]


def test_autonomous_transaction_survives_a_rollback(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table log (text varchar2(20))")
    cursor.execute(
        "create procedure note(t varchar2) is pragma autonomous_transaction; begin insert into log values (t); commit; end;"
    )
    cursor.execute("begin note('kept'); insert into log values ('lost'); rollback; end;")
    cursor.execute("select text from log")
    assert cursor.fetchall() == [("kept",)]


def test_pending_autonomous_transaction_is_ora_06519(connection: oracledb.Connection) -> None:
    connection.cursor().execute("create table log (text varchar2(20))")
    text = failing(
        connection, "declare pragma autonomous_transaction; begin insert into log values ('x'); end;"
    )
    assert text.startswith("ORA-06519: active autonomous transaction detected and rolled back")


def test_unit_with_errors_is_created_and_listed(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create procedure broken is\nbegin\n   nothing;\nend;")
    assert cursor.warning is not None
    cursor.execute("select line, position, text from user_errors where name = 'BROKEN' order by sequence")
    assert cursor.fetchall()[0] == (3, 4, "PLS-00201: identifier 'NOTHING' must be declared")


def test_calling_an_invalid_unit_is_pls_00905(connection: oracledb.Connection, schema: str) -> None:
    connection.cursor().execute("create procedure broken is begin nothing; end;")
    assert f"PLS-00905: object {schema}.BROKEN is invalid" in failing(connection, "begin broken; end;")


def test_name_in_use_is_ora_00955(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("create or replace procedure t is begin null; end;")
    assert code(caught) == 955


def test_endless_recursion_ends_with_an_error(connection: oracledb.Connection) -> None:
    text = failing(connection, "declare procedure p is begin p; end; begin p; end;")
    assert text.startswith("ORA-06500")
