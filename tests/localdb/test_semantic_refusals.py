"""What Oracle 19c refuses for its meaning, though the grammar would allow it, and beside it what it accepts.

The statements are in semantics.txt.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code

SETUP = [
    "create user semantic_test identified by tiger",
    "alter session set current_schema = semantic_test",
    "create table dept_t (dept number primary key, dname varchar2(20), loc varchar2(20))",
    "create table emp (id number(4) primary key, name varchar2(5 char), dept number references dept_t,"
    " sal number, doc clob, bin blob, hired date, ts timestamp, twice number as (id * 2))",
    "create table nokey (a number, b varchar2(10))",
    "create sequence sq",
    "create view emp_v as select id, name, dept, sal from emp",
    "create view emp_g as select dept, count(*) n from emp group by dept",
    "create view emp_e as select id, sal * 2 as dbl from emp",
    "create view emp_d as select distinct dept from emp",
]


@pytest.fixture(scope="module")
def cursor(instance_19c: Instance) -> Iterator[oracledb.Cursor]:
    connection = instance_19c.connect()
    cursor = connection.cursor()
    for statement in SETUP:
        cursor.execute(statement)
    yield cursor
    connection.rollback()
    cursor.execute("alter session set current_schema = system")
    cursor.execute("drop user semantic_test cascade")
    connection.close()


LINES = (Path(__file__).parent / "semantics.txt").read_text().splitlines()
STATEMENTS = [line.split(" ", 1) for line in LINES if not line.startswith("#")]


@pytest.mark.parametrize(("number", "statement"), STATEMENTS)
def test_as_oracle(cursor: oracledb.Cursor, number: str, statement: str) -> None:
    if number == "0":
        cursor.execute(statement)
        if cursor.description:
            cursor.fetchall()
        return
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == int(number)


@pytest.mark.parametrize("name", ["date", "select", "level", "rownum", "size"])
def test_a_reserved_word_is_no_bind(cursor: oracledb.Cursor, name: str) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(f"select :{name} from dual", [1])
    assert code(caught) == 1745
