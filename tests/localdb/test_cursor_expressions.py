"""CURSOR(query) in a select list: each row brings a result of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    with localdb.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("create table teams (id number(4), name varchar2(9))")
        cursor.execute("create table people (team number(4), name varchar2(9), born date, score number)")
        cursor.execute("insert into teams select level, 'team ' || level from dual connect by level <= 3")
        cursor.execute("insert into people values (1, 'é \"x\"', date '1990-01-02', 1.5)")
        cursor.execute("insert into people values (1, null, null, -1e20)")
        cursor.execute("insert into people values (2, 'b', date '1991-01-02', null)")
        connection.commit()
        yield cursor
        cursor.execute("drop table teams")
        cursor.execute("drop table people")


def test_correlated_and_ordered(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "select id, cursor(select name, born, score from people where team = t.id order by score) from teams t"
        " order by id"
    )
    found: list[Any] = [(id_, nested.fetchall()) for id_, nested in cursor]
    assert found == [
        (1, [(None, None, -1e20), ('é "x"', datetime(1990, 1, 2), 1.5)]),  # noqa: DTZ001
        (2, [("b", datetime(1991, 1, 2), None)]),  # noqa: DTZ001
        (3, []),
    ]


def test_it_describes_its_columns(cursor: oracledb.Cursor) -> None:
    [(nested,)] = cursor.execute("select cursor(select name n, score from people where team = 3) from dual")
    assert [(c.name, c.type_code) for c in nested.description] == [
        ("N", oracledb.DB_TYPE_VARCHAR),
        ("SCORE", oracledb.DB_TYPE_NUMBER),
    ]
    assert nested.fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from (select cursor(select 1 from dual) c from dual)",
        "create view v as select cursor(select 1 a from dual) c from dual",
    ],
)
def test_elsewhere_it_is_refused(cursor: oracledb.Cursor, statement: str) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(statement)
    assert code(caught) == 3001
    assert "CURSOR" in str(caught.value)
