"""Anonymous blocks through the driver: binds, expressions, control flow, collections, exceptions."""

from __future__ import annotations

import datetime
import time
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from tests.localdb.conftest import code


def value(connection: oracledb.Connection, expression: str, type_: Any = str, declare: str = "") -> Any:
    """The value of a PL/SQL expression."""
    cursor = connection.cursor()
    result = cursor.var(type_)
    cursor.execute(f"{declare} begin :result := {expression}; end;", result=result)
    return result.getvalue()


def test_out_bind_takes_the_assigned_value(connection: oracledb.Connection) -> None:
    assert value(connection, "'a' || 'b'") == "ab"


def test_in_out_bind_is_read_and_written(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    number = cursor.var(int)
    number.setvalue(0, 20)
    cursor.execute("begin :n := :n + 1; end;", n=number)
    assert number.getvalue() == 21


def test_same_bind_twice_is_one_bind_by_position(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    result = cursor.var(int)
    cursor.execute("begin :1 := :2 + :2; end;", [result, 4])
    assert result.getvalue() == 8


def test_too_long_value_for_an_out_bind_is_ora_06502(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("begin :s := rpad('x', 50, 'x'); end;", s=cursor.var(str, 10))
    assert code(caught) == 6502


def test_empty_text_is_null(connection: oracledb.Connection) -> None:
    assert value(connection, "case when '' is null then 'null' else 'text' end") == "null"


def test_array_bind_goes_in_and_comes_out(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create package lists is type t_numbers is table of number index by pls_integer; "
        "procedure double(in_list in t_numbers, out_list out t_numbers); end lists;"
    )
    cursor.execute(
        """
        create package body lists is
           procedure double(in_list in t_numbers, out_list out t_numbers) is
           begin
              for i in 1 .. in_list.count loop
                 out_list(i) := in_list(i) * 2;
              end loop;
           end double;
        end lists;
        """
    )
    doubled = cursor.arrayvar(int, 10)
    cursor.callproc("lists.double", [cursor.arrayvar(int, [1, 2, 3]), doubled])
    assert doubled.getvalue() == [2, 4, 6]


def test_division_has_forty_digits(connection: oracledb.Connection) -> None:
    found = value(connection, "to_char(1 / 3)")
    assert found == "." + "3" * 40


def test_integers_beyond_38_digits_are_rounded_to_forty(connection: oracledb.Connection) -> None:
    assert value(connection, "to_char(power(2, 100))") == str(2**100)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("to_char(0.5)", ".5"),
        ("to_char(-0.25)", "-.25"),
        ("to_char(100)", "100"),
        ("to_char(1e20)", "100000000000000000000"),
        ("substr('hello', -3, 2)", "ll"),
        ("to_char(instr('banana', 'a', -1))", "6"),
        ("to_char(mod(-7, 3))", "-1"),
        ("to_char(round(2.5))", "3"),
        ("to_char(trunc(-2.7))", "-2"),
        ("lpad('7', 3, '0')", "007"),
        ("replace('a-b-c', '-')", "abc"),
        ("initcap('two words')", "Two Words"),
        ("coalesce(null, 'x')", "x"),
        ("to_char(least(3, 1, 2))", "1"),
        ("nvl(greatest(1, null), -1) || ''", "-1"),
        ("rtrim('xyz  ') || '|'", "xyz|"),
        ("'1' + 1 || ''", "2"),
    ],
)
def test_functions(connection: oracledb.Connection, expression: str, expected: str) -> None:
    assert value(connection, expression) == expected


def test_format_models_are_evaluated(connection: oracledb.Connection) -> None:
    assert value(connection, "to_char(date '2026-01-31', 'DD.MM.YYYY')") == "31.01.2026"


def test_date_difference_is_in_days(connection: oracledb.Connection) -> None:
    assert value(connection, "date '2026-03-01' - date '2026-02-27'", int) == 2


def test_date_plus_fraction_adds_time(connection: oracledb.Connection) -> None:
    found = value(connection, "date '2026-01-01' + 0.5", oracledb.DB_TYPE_DATE)
    assert found == datetime.datetime(2026, 1, 1, 12)  # noqa: DTZ001


def test_timestamp_difference_is_an_interval(connection: oracledb.Connection) -> None:
    found = value(
        connection,
        "timestamp '2026-01-02 00:00:01.5' - timestamp '2026-01-01 00:00:00'",
        oracledb.DB_TYPE_INTERVAL_DS,
    )
    assert found == datetime.timedelta(days=1, seconds=1, microseconds=500_000)


def test_comparison_with_null_is_neither_true_nor_false(connection: oracledb.Connection) -> None:
    expression = "case when null = 1 then 'yes' when not (null = 1) then 'no' else 'unknown' end"
    assert value(connection, expression) == "unknown"


def test_in_list_with_null_is_unknown(connection: oracledb.Connection) -> None:
    assert value(connection, "case when 1 not in (2, null) then 'yes' else 'unknown' end") == "unknown"


def test_like_with_escape(connection: oracledb.Connection) -> None:
    assert value(connection, "case when 'a_b' like 'a\\_b' escape '\\' then 'yes' end") == "yes"


def test_labels_qualify_variables(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    found = cursor.var(int)
    cursor.execute(
        """
        <<outer_block>>
        declare
           l_n number := 1;
        begin
           declare
              l_n number := 2;
           begin
              :found := outer_block.l_n * 10 + l_n;
           end;
        end outer_block;
        """,
        found=found,
    )
    assert found.getvalue() == 12


def test_exit_leaves_the_labelled_loop(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    found = cursor.var(int)
    cursor.execute(
        """
        begin
           :found := 0;
           <<rows>>
           for i in 1 .. 3 loop
              for j in 1 .. 3 loop
                 exit rows when i = 2 and j = 2;
                 :found := :found + 1;
              end loop;
           end loop rows;
        end;
        """,
        found=found,
    )
    assert found.getvalue() == 4


def test_case_statement_without_a_branch_is_ora_06592(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute("begin case 3 when 1 then null; end case; end;")
    assert code(caught) == 6592


def test_goto_is_refused_by_name(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match="GOTO is not supported by the local database"):
        connection.cursor().execute("begin goto there; <<there>> null; end;")


def test_nested_table_deletes_and_counts(connection: oracledb.Connection) -> None:
    declare = (
        "declare type t is table of varchar2(10); l t := t('a', 'b', 'c'); function f return number is begin "
        "l.delete(2); l.extend; l(4) := 'd'; return l.count * 100 + l.last * 10 + l.next(1); end;"
    )
    assert value(connection, "f", int, declare) == 343


def test_missing_element_of_an_index_by_table_is_no_data_found(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        value(connection, "l(7)", int, "declare type t is table of number index by pls_integer; l t;")
    assert code(caught) == 1403


def test_collections_are_assigned_by_value(connection: oracledb.Connection) -> None:
    declare = (
        "declare type t is table of number; a t := t(1); b t; function f return number is begin "
        "b := a; b(1) := 9; return a(1); end;"
    )
    assert value(connection, "f", int, declare) == 1


def test_text_keys_come_in_order(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    found = cursor.var(str)
    cursor.execute(
        """
        declare
           type t_map is table of number index by varchar2(10);
           l_map t_map;
           l_key varchar2(10);
        begin
           l_map('pear') := 1; l_map('apple') := 2; l_map('fig') := 3;
           l_key := l_map.first;
           while l_key is not null loop
              :found := :found || l_key || ' ';
              l_key := l_map.next(l_key);
           end loop;
        end;
        """,
        found=found,
    )
    assert found.getvalue() == "apple fig pear "


def test_record_fields(connection: oracledb.Connection) -> None:
    declare = "declare type r is record (a number := 5, b varchar2(10)); x r; y r;"
    assert value(connection, "x.a", int, declare) == 5


def test_subtype_range_is_checked(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute("declare subtype t is pls_integer range 1 .. 3; x t; begin x := 4; end;")
    assert code(caught) == 6502


def test_local_functions_take_named_and_default_arguments(connection: oracledb.Connection) -> None:
    declare = (
        "declare function f(a number, b number default 10, c number default 1) return number is begin "
        "return a * 100 + b + c; end;"
    )
    assert value(connection, "f(c => 5, a => 2)", int, declare) == 215


def test_callfunc_returns_the_value(connection: oracledb.Connection) -> None:
    connection.cursor().execute("create function twice(n number) return number is begin return n * 2; end;")
    assert connection.cursor().callfunc("twice", int, [21]) == 42


def test_callproc_brings_out_values_back(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "create procedure p(a in number, b in out number, c out varchar2) is "
        "begin b := b + a; c := 'done'; end;"
    )
    b, c = cursor.var(int), cursor.var(str)
    b.setvalue(0, 3)
    cursor.callproc("p", [4, b, c])
    assert (b.getvalue(), c.getvalue()) == (7, "done")


def test_dbms_output_lines_are_read_by_the_client(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.callproc("dbms_output.enable")
    cursor.execute("begin dbms_output.put('a'); dbms_output.put_line('b'); dbms_output.put_line('c'); end;")
    lines, count = cursor.arrayvar(str, 10), cursor.var(int)
    count.setvalue(0, 10)
    cursor.callproc("dbms_output.get_lines", [lines, count])
    assert lines.getvalue()[: count.getvalue()] == ["ab", "c"]


def test_application_info_is_seen_in_v_session(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("begin dbms_application_info.set_module('loader', 'step 1'); end;")
    found = cursor.var(str)
    cursor.execute("begin :m := sys_context('USERENV', 'MODULE'); end;", m=found)
    assert found.getvalue() == "loader"


def test_random_value_stays_in_its_range(connection: oracledb.Connection) -> None:
    found = value(connection, "sys.dbms_random.value(low => 5, high => 6)", Decimal)
    assert 5 <= found < 6


def test_unknown_supplied_package_is_refused_by_name(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match="package DBMS_SCHEDULER is not supported"):
        connection.cursor().execute("begin dbms_scheduler.run_job('x'); end;")


def test_temporary_clob_grows(connection: oracledb.Connection) -> None:
    declare = (
        "declare l clob; function f return number is begin dbms_lob.createtemporary(l, true); "
        "dbms_lob.append(l, 'abc'); dbms_lob.writeappend(l, 2, 'defg'); return dbms_lob.getlength(l); end;"
    )
    assert value(connection, "f", int, declare) == 5


def test_local_procedure_changes_the_enclosing_blocks_variable(connection: oracledb.Connection) -> None:
    declare = (
        "declare n number := 1; procedure p is procedure q is begin n := n + 5; end q; begin q; end p; "
        "function f return number is begin p; return n; end;"
    )
    assert value(connection, "f", int, declare) == 6


def test_cancel_ends_a_loop_that_does_nothing(connection: oracledb.Connection) -> None:
    connection.call_timeout = 300  # milliseconds
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        connection.cursor().execute(
            "begin loop begin null; exception when others then null; end; end loop; end;"
        )
    connection.call_timeout = 0
    assert value(connection, "1", int) == 1


def test_output_beyond_the_buffer_is_ora_20000(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.callproc("dbms_output.enable", [2000])
    with pytest.raises(oracledb.DatabaseError, match="ORU-10027: buffer overflow, limit of 2000 bytes"):
        cursor.execute("begin for i in 1 .. 30 loop dbms_output.put_line(rpad('x', 100)); end loop; end;")


def test_pls_integer_arithmetic_overflows(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute("declare a pls_integer := 2147483647; n number; begin n := a + 1; end;")
    assert code(caught) == 1426


def test_text_variable_needs_a_length(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match="PLS-00215"):
        connection.cursor().execute("declare s varchar2; begin null; end;")


def test_sleep_takes_its_time(connection: oracledb.Connection) -> None:
    started = time.monotonic()
    connection.cursor().callproc("dbms_session.sleep", [0.2])
    assert time.monotonic() - started >= 0.2


def test_user_environment_knows_the_current_schema(connection: oracledb.Connection, schema: str) -> None:
    assert value(connection, "sys_context('USERENV', 'CURRENT_SCHEMA')") == schema


def test_unknown_attribute_of_the_user_environment_is_ora_02003(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        value(connection, "sys_context('USERENV', 'NO_SUCH_THING')")
    assert code(caught) == 2003
