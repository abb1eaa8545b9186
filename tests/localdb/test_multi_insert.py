"""INSERT ALL and INSERT FIRST."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code


@pytest.fixture(scope="module")
def owner(localdb: Instance) -> Iterator[oracledb.Connection]:
    with localdb.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table small (id number constraint small_pk primary key, s varchar2(5))")
        cursor.execute("create table large (id number default 9, s varchar2(5))")
        cursor.execute("create sequence multi_seq")
        yield connection
        for name in ("table small", "table large", "sequence multi_seq"):
            cursor.execute(f"drop {name}")


@pytest.fixture
def cursor(owner: oracledb.Connection) -> Iterator[oracledb.Cursor]:
    yield owner.cursor()
    owner.rollback()


def _rows(cursor: oracledb.Cursor, table: str) -> list[tuple[object, ...]]:
    return cursor.execute(f"select id, s from {table} order by id, s").fetchall()


def test_every_row_goes_everywhere(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "insert all into small (id) values (n) into large values (n * 10, 'x') select level n from dual"
        " connect by level <= 2"
    )
    assert cursor.rowcount == 4
    assert _rows(cursor, "small") == [(1, None), (2, None)]
    assert _rows(cursor, "large") == [(10, "x"), (20, "x")]


def test_without_values_the_whole_row_is_taken(cursor: oracledb.Cursor) -> None:
    cursor.execute("insert all into small into large select :n, 'q' from dual", n=7)
    assert (_rows(cursor, "small"), _rows(cursor, "large")) == ([(7, "q")], [(7, "q")])


CONDITIONS = (
    "when n > 3 then into large values (n, 'a') when n > 2 then into large values (n, 'b')"
    " into small values (n, 'b') else into small values (n, 'c') select level n from dual connect by level <= 4"
)


def test_all_takes_every_branch_that_holds(cursor: oracledb.Cursor) -> None:
    cursor.execute(f"insert all {CONDITIONS}")
    assert cursor.rowcount == 7
    assert _rows(cursor, "large") == [(3, "b"), (4, "a"), (4, "b")]
    assert _rows(cursor, "small") == [(1, "c"), (2, "c"), (3, "b"), (4, "b")]


def test_first_takes_the_first(cursor: oracledb.Cursor) -> None:
    cursor.execute(f"insert first {CONDITIONS}")
    assert cursor.rowcount == 5
    assert _rows(cursor, "large") == [(3, "b"), (4, "a")]
    assert _rows(cursor, "small") == [(1, "c"), (2, "c"), (3, "b")]


def test_a_condition_that_is_null_does_not_hold(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "insert first when n > 1 then into large values (n, 'a') else into large values (n, 'b')"
        " select to_number(null) n from dual"
    )
    assert _rows(cursor, "large") == [(None, "b")]


def test_it_works_in_plsql(cursor: oracledb.Cursor) -> None:
    count = cursor.var(int)
    cursor.execute(
        "begin insert all into small (id) values (n) into large (id) values (n) select 5 n from dual;"
        " :count := sql%rowcount; end;",
        count=count,
    )
    assert count.getvalue() == 2


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("insert all into small values (1, 'a') into small values (1, 'b') select 1 from dual", 1),
        ("insert all into small values (1, 'toolong') select 1 from dual", 12899),
        ("insert all into small values (nope, 'a') select 1 from dual", 904),
        ("insert all into small values (1) select 1 from dual", 947),
        ("insert all into small (id) values (1, 2) select 1 from dual", 913),
        ("insert all into nosuch values (1) select 1 from dual", 942),
        ("insert first into small values (1, 'a') select 1 from dual", 905),
        ("insert all into small (id) values (multi_seq.nextval) select 1 from dual", 3001),
    ],
)
def test_refused_and_undone(cursor: oracledb.Cursor, statement: str, number: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == number
    assert _rows(cursor, "small") == []
