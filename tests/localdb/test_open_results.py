"""An open result holds no table: other sessions change, empty and drop it, and the reader reads on."""

from __future__ import annotations

import threading

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import Connect, code

ROWS = 3000


@pytest.fixture
def reader(connect: Connect) -> oracledb.Cursor:
    """Some rows read of a table with many more."""
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("create table t (a number, b varchar2(10))")
    cursor.execute(f"insert into t select level, 'x' from dual connect by level <= {ROWS}")
    connection.commit()
    cursor.arraysize = cursor.prefetchrows = 10
    cursor.execute("select a from t order by a")
    assert [a for (a,) in cursor.fetchmany(5)] == [1, 2, 3, 4, 5]
    return cursor


@pytest.mark.parametrize(
    "ddl",
    [
        "alter table t add c number",
        "alter table t drop column b",
        "truncate table t",
        "drop table t",
        "rename t to u",
        "create index t_idx on t (b)",
        "comment on table t is 'read'",
    ],
)
def test_ddl_of_another_session(reader: oracledb.Cursor, connect: Connect, ddl: str) -> None:
    connect().cursor().execute(ddl)
    assert [a for (a,) in reader.fetchall()] == list(range(6, ROWS + 1))


def test_as_of_an_scn(reader: oracledb.Cursor, connect: Connect, dba: oracledb.Connection) -> None:
    [(scn,)] = dba.cursor().execute("select current_scn from v$database").fetchall()
    other = connect()
    past = other.cursor()
    past.arraysize = past.prefetchrows = 10
    past.execute(f"select a from t as of scn {scn} order by a")
    past.fetchmany(5)
    connect().cursor().execute("truncate table t")
    assert [a for (a,) in past.fetchall()] == list(range(6, ROWS + 1))


def test_rows_in_use_still_count(reader: oracledb.Cursor, connect: Connect) -> None:
    """Uncommitted changes and locked rows do stop DDL, until it has waited long enough."""
    changing = reader.connection
    changing.cursor().execute("update t set b = 'y' where a = 1")
    other = connect().cursor()
    with pytest.raises(oracledb.DatabaseError) as caught:
        other.execute("alter table t add c number")
    assert code(caught) == 54
    changing.commit()
    other.execute("alter table t add c number")
    assert len(reader.fetchall()) == ROWS - 5


def test_readers_that_fetch_meanwhile(reader: oracledb.Cursor, connect: Connect) -> None:
    """Whatever DDL finds, each reader gets all its rows, once and in order."""
    found: list[list[int]] = []

    def read(connection: oracledb.Connection) -> None:
        cursor = connection.cursor()
        cursor.arraysize = cursor.prefetchrows = 20
        for _ in range(3):
            cursor.execute("select a from t order by a")
            found.append([a for (a,) in cursor])

    threads = [threading.Thread(target=read, args=(connect(),)) for _ in range(3)]
    changing = connect().cursor()
    changing.execute("alter session set ddl_lock_timeout = 20")
    for thread in threads:
        thread.start()
    for number in range(6):
        changing.execute(f"alter table t add c{number} number")
    for thread in threads:
        thread.join()
    assert found == [list(range(1, ROWS + 1))] * 9


def test_a_user_is_dropped(dba: oracledb.Connection, localdb: Instance, schema: str) -> None:
    """His tables are read by somebody else."""
    other = f"{schema}_O"
    dba.cursor().execute(f"create user {other} identified by tiger")
    dba.cursor().execute(f"create table {other}.t as select level a from dual connect by level <= {ROWS}")
    with localdb.connect() as connection:
        cursor = connection.cursor()
        cursor.arraysize = cursor.prefetchrows = 10
        cursor.execute(f"select a from {other}.t")
        cursor.fetchmany(5)
        dba.cursor().execute(f"drop user {other} cascade")
        assert len(cursor.fetchall()) == ROWS - 5
