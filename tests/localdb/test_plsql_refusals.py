"""PL/SQL that cannot compile is ORA-06550 with a PLS- code and its place; what fails at run time has its stack."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    connection = localdb.connect()
    yield connection.cursor()
    connection.close()


# block, line and column of the first error, the first error
DO_NOT_COMPILE = [
    ("begin nope; end;", "line 1, column 7", "PLS-00201: identifier 'NOPE' must be declared"),
    ("begin\n  x := 1;\nend;", "line 2, column 3", "PLS-00201: identifier 'X' must be declared"),
    ("declare x number begin null; end;", "line 1, column 18", 'PLS-00103: Encountered the symbol "BEGIN"'),
    ("begin null end;", "line 1, column 12", 'PLS-00103: Encountered the symbol "END"'),
    ("begin if 1 = 1 then null; end;", "line 1, column 30", 'PLS-00103: Encountered the symbol ";"'),
    ("begin select 1 from dual; end;", "line 1, column 7", "PLS-00428: an INTO clause is expected"),
    ("declare v number; begin select nope into v from dual; end;", "line 1, column 32",
     'PL/SQL: ORA-00904: "NOPE": invalid identifier'),
    ("begin insert into nosuch values (1); end;", "line 1, column 19", "PL/SQL: ORA-00942: table or view"),
    ("begin update nosuch set a = 1; end;", "line 1, column 14", "PL/SQL: ORA-00942: table or view"),
    ("begin raise nope; end;", "line 1, column 7", "PLS-00201: identifier 'NOPE' must be declared"),
    ("declare procedure p(a number) is begin null; end; begin p('x', 1); end;", "line 1, column 57",
     "PLS-00306: wrong number or types of arguments in call to 'P'"),
    ("begin dbms_output.put_line(true); end;", "line 1, column 7",
     "PLS-00306: wrong number or types of arguments in call to 'PUT_LINE'"),
    ("declare x number; x number; begin x := 1; end;", "line 1, column 19",
     "PLS-00371: at most one declaration for 'X' is permitted"),
    ("declare x boolean; begin x := 1; end;", "line 1, column 31", "PLS-00382: expression is of wrong type"),
    ("declare c constant number := 1; begin c := 2; end;", "line 1, column 39",
     "PLS-00363: expression 'C' cannot be used as an assignment target"),
    ("declare x number not null; begin null; end;", "line 1, column 9", "PLS-00218: a variable declared NOT NULL"),
    ("begin exit; end;", "line 1, column 7", "PLS-00376: illegal EXIT statement"),
    ("begin return 1; end;", "line 1, column 7", "PLS-00372: In a procedure, RETURN statement cannot contain"),
    ("declare x nosuch%rowtype; begin null; end;", "line 1, column 11", "PLS-00201: identifier 'NOSUCH' must be"),
    ("begin null; exception when others then null; when no_data_found then null; end;", "line 1, column 46",
     "PLS-00370: OTHERS handler must be last"),
    ("begin dbms_nosuch.p; end;", "line 1, column 7", "PLS-00201: identifier 'DBMS_NOSUCH.P' must be declared"),
    # not known here: refused by name when it is compiled
    ("begin goto a; <<a>> null; end;", "line 1, column 7", "ORA-03001: unimplemented feature: GOTO"),
    ("begin utl_http.request('x'); end;", "line 1, column 7", "ORA-03001: unimplemented feature: package UTL_HTTP"),
]  # fmt: skip


@pytest.mark.parametrize(("block", "place", "message"), DO_NOT_COMPILE)
def test_blocks_that_cannot_compile(cursor: oracledb.Cursor, block: str, place: str, message: str) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(block)
    assert code(caught) == 6550
    lines = str(caught.value).splitlines()
    assert lines[0] == f"ORA-06550: {place}:"
    assert lines[1].startswith(message)


# block, number, and the whole stack
FAIL = [
    ("declare x number; begin x := 'abc'; end;", 6502, ["character to number conversion error"]),
    ("declare x number(2); begin x := 100; end;", 6502, ["number precision too large"]),
    ("declare x varchar2(2); begin x := 'abc'; end;", 6502, ["character string buffer too small"]),
    ("declare v number; begin select 1 into v from dual where 1 = 2; end;", 1403, ["no data found"]),
    ("declare v number; begin select 1 into v from dual connect by level < 3; end;", 1422, ["exact fetch"]),
    ("begin raise_application_error(-20017, 'boom'); end;", 20017, ["ORA-20017: boom", "ORA-06512: at line 1"]),
    ("begin raise_application_error(-1, 'boom'); end;", 21000, ["-1 is out of range"]),
    ("declare e exception; begin raise e; end;", 6510, ["unhandled user-defined exception"]),
    ("declare type t is table of number; v t; begin v(1) := 1; end;", 6531, ["uninitialized collection"]),
    ("declare type t is table of number; v t := t(); begin v(1) := 1; end;", 6533, ["beyond count"]),
    ("declare cursor c is select 1 a from dual; r c%rowtype; begin fetch c into r; end;", 1001, ["invalid cursor"]),
    ("declare cursor c is select 1 a from dual; begin open c; open c; end;", 6511, ["already open"]),
    ("begin execute immediate 'selec'; end;", 900, ["ORA-06512: at line 1"]),
    ("begin execute immediate 'select nope from dual'; end;", 904, ["ORA-06512: at line 1"]),
    ("begin case 1 when 2 then null; end case; end;", 6592, ["CASE not found"]),
    ("declare n pls_integer := 2147483647; begin n := n + 1; end;", 1426, ["numeric overflow"]),
    ("begin\n  savepoint x;\n  rollback to y;\nend;", 1086, ["'Y' never established", "ORA-06512: at line 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("block", "number", "parts"), FAIL)
def test_blocks_that_fail(cursor: oracledb.Cursor, block: str, number: int, parts: list[str]) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(block)
    assert code(caught) == number
    text = str(caught.value)
    assert all(part in text for part in parts), text
    assert "ORA-06512: at line" in text


def test_the_stack_names_each_unit_and_line(connection: oracledb.Connection, schema: str) -> None:
    cursor = connection.cursor()
    cursor.execute("create procedure inner_proc is\nbegin\n  raise_application_error(-20001, 'deep');\nend;")
    cursor.execute("create package pack is procedure outer_proc; end;")
    cursor.execute(
        "create package body pack is\n  procedure outer_proc is\n  begin\n    inner_proc;\n  end;\nend;"
    )
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("begin\n  null;\n  pack.outer_proc;\nend;")
    lines = str(caught.value).splitlines()
    assert lines[:4] == [
        "ORA-20001: deep",
        f'ORA-06512: at "{schema}.INNER_PROC", line 3',
        f'ORA-06512: at "{schema}.PACK", line 4',
        "ORA-06512: at line 3",
    ]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("create procedure bad is begin x := 1; end;", "PLS-00201: identifier 'X' must be declared"),
        ("create function bad return nosuch is begin return 1; end;", "PLS-00201: identifier 'NOSUCH' must be"),
        ("create trigger bad before insert on t begin nosuch; end;", "PLS-00201: identifier 'NOSUCH' must be declared"),
        ("create trigger bad for insert on t compound trigger before statement is begin null; end after"
         " statement; end;", "PLS-00113"),
        ("create procedure bad is begin goto a; <<a>> null; end;", "ORA-03001: unimplemented feature: GOTO"),
    ],
)  # fmt: skip
def test_units_are_stored_with_their_errors(
    connection: oracledb.Connection, source: str, message: str
) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number)")
    cursor.execute(source)
    assert cursor.warning is not None
    [(text,)] = cursor.execute("select text from user_errors where name = 'BAD' and sequence = 1")
    assert text.startswith(message)
    [(status,)] = cursor.execute("select status from user_objects where object_name = 'BAD'")
    assert status == "INVALID"


def test_a_unit_that_is_invalid_cannot_be_called(connection: oracledb.Connection, schema: str) -> None:
    cursor = connection.cursor()
    cursor.execute("create procedure bad is begin x := 1; end;")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.callproc("bad")
    assert code(caught) == 6550
    assert f"PLS-00905: object {schema}.BAD is invalid" in str(caught.value)


def test_a_trigger_that_finds_no_row_or_too_many(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number, b number)")
    cursor.execute("create table known (a number)")
    cursor.execute("insert into known select 2 from dual union all select 2 from dual")
    cursor.execute(
        "create trigger g before insert on t for each row begin select a into :new.b from known where a = :new.a; end;"
    )
    assert cursor.warning is None
    for value, number in ((1, 1403), (2, 1422)):
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute("insert into t (a) values (:1)", [value])
        assert code(caught) == number
