"""AS OF SCN and AS OF TIMESTAMP: exactly what was committed then, or an error that says why not."""

from __future__ import annotations

import threading
from typing import cast

import oracledb
import pytest

from app.localdb.flashback import KEPT, Snapshots
from app.localdb.pg import Connection
from tests.localdb.conftest import Connect, code

CURRENT = "select current_scn from v$database"


def scn(connection: oracledb.Connection) -> int:
    [(number,)] = connection.cursor().execute(CURRENT).fetchall()
    return int(number)


def value(connection: oracledb.Connection, statement: str, **binds: object) -> object:
    [(found,)] = connection.cursor().execute(statement, binds).fetchall()
    return found


def refused(connection: oracledb.Connection, statement: str, **binds: object) -> int:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute(statement, binds).fetchall()
    return code(caught)


def test_rows_as_they_were(connection: oracledb.Connection, dba: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number, b varchar2(10))")
    cursor.execute("insert into t select level, 'before' from dual connect by level <= 700")
    connection.commit()
    then = scn(dba)
    cursor.execute("update t set b = 'after'")
    cursor.execute("delete from t where a > 3")
    assert value(connection, f"select count(*) from t as of scn {then}") == 700  # own changes are not seen
    connection.commit()
    assert value(connection, "select count(*) from t") == 3
    assert value(connection, f"select count(distinct b) from t as of scn {then} x where x.b = 'before'") == 1
    assert value(connection, "select count(*) from t as of scn :s where a > :a", s=then, a=100) == 600
    joined = f"select count(*) from t as of scn {then} x join t as of scn {then} y on x.a = y.a"
    assert value(connection, joined) == 700
    rows = cursor.execute(f"select a, b from t as of scn {then} order by a").fetchall()
    assert rows == [(number, "before") for number in range(1, 701)]


def test_every_reader_of_an_scn_reads_the_same(connect: Connect, dba: oracledb.Connection) -> None:
    """Money moves between accounts all the time: no SCN shows a sum that never was."""
    writer = connect()
    cursor = writer.cursor()
    cursor.execute("create table accounts (id number primary key, amount number)")
    cursor.execute("insert into accounts select level, 100 from dual connect by level <= 20")
    writer.commit()
    stop = threading.Event()

    def move(connection: oracledb.Connection, source: int, target: int) -> None:
        moving = connection.cursor()
        while not stop.is_set():
            moving.execute("update accounts set amount = amount - 1 where id = :1", [source])
            moving.execute("update accounts set amount = amount + 1 where id = :1", [target])
            connection.commit()

    threads = [threading.Thread(target=move, args=(connect(), n, n + 1)) for n in (1, 3)]
    for thread in threads:
        thread.start()
    try:
        readers = connect(), connect()
        statement = "select id, amount from accounts as of scn :s order by id"
        for _ in range(15):
            then = scn(dba)
            first, second = (each.cursor().execute(statement, s=then).fetchall() for each in readers)
            assert first == second
            assert sum(amount for _, amount in first) == 2000
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_what_no_snapshot_shows(connection: oracledb.Connection, dba: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number)")
    early = scn(dba)
    cursor.execute("insert into t values (1)")
    connection.commit()
    assert refused(connection, f"select * from t as of scn {early - 60_000_000}") == 1555
    assert refused(connection, f"select * from t as of scn {early + 10**12}") == 8181
    assert refused(connection, "select * from t as of scn 0") == 8181
    assert refused(connection, "select * from t as of timestamp systimestamp - interval '1' day") == 1555
    assert refused(connection, "select * from t as of timestamp systimestamp + interval '1' day") == 8180
    assert value(connection, f"select count(*) from t as of scn {early}") == 0
    for _ in range(KEPT):
        cursor.execute("insert into t values (1)")
        connection.commit()
        scn(dba)
    assert refused(connection, f"select * from t as of scn {early}") == 1555


def test_nothing_changed_since(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (a number)")
    cursor.execute("insert into t values (1)")
    connection.commit()
    now = value(connection, "select timestamp_to_scn(systimestamp) from dual")
    assert value(connection, "select count(*) from t as of scn :s", s=now) == 1
    assert value(connection, "select count(*) from t as of timestamp systimestamp") == 1


def test_a_table_that_ddl_changed(connection: oracledb.Connection, dba: oracledb.Connection) -> None:
    cursor = connection.cursor()
    for ddl in ("alter table t add b number", "truncate table t"):
        cursor.execute("create table t (a number)")
        cursor.execute("insert into t values (1)")
        connection.commit()
        then = scn(dba)
        cursor.execute(ddl)
        assert refused(connection, f"select * from t as of scn {then}") == 1466
        cursor.execute("drop table t")


def test_the_privilege(connect: Connect, schema: str, dba: oracledb.Connection) -> None:
    owner = connect().cursor()
    owner.execute("create table t (a number)")
    reader = f"{schema}_R"
    dba.cursor().execute(f"create user {reader} identified by tiger")
    try:
        dba.cursor().execute(f"grant create session to {reader}")
        owner.execute(f"grant select on t to {reader}")
        then = scn(dba)
        other = connect(reader)
        assert refused(other, f"select * from {schema}.t as of scn {then}") == 1031
        owner.execute(f"grant flashback on t to {reader}")
        assert value(other, f"select count(*) from {schema}.t as of scn {scn(dba)}") == 0
        other.close()
    finally:
        dba.cursor().execute(f"drop user {reader} cascade")


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("select a from t as of scn {} for update", 8187),
        ("select t.a from t as of scn {}, t u", 3001),
        ("insert into t select a from t as of scn {}", 3001),
        ("create view v as select a from t as of scn {}", 3001),
        ("select a from (select a from t) as of scn {}", 3001),
        ("select * from user_tables as of scn {}", 3001),
        ("select a from t versions between scn minvalue and maxvalue", 3001),
    ],
)
def test_not_so(
    connection: oracledb.Connection, dba: oracledb.Connection, statement: str, number: int
) -> None:
    connection.cursor().execute("create table t (a number)")
    assert refused(connection, statement.format(scn(dba))) == number


def test_connections_are_given_back(
    connect: Connect, dba: oracledb.Connection, connection: oracledb.Connection
) -> None:
    """A result that is read to its end, closed, or left behind by its session keeps nothing open."""
    cursor = connection.cursor()
    cursor.execute("create table t (a number)")
    cursor.execute("insert into t select level from dual connect by level <= 3000")
    connection.commit()
    statement = f"select a from t as of scn {scn(dba)}"
    kept = [connect() for _ in range(3)]
    cursors = [each.cursor() for each in kept]
    for each in cursors:
        each.execute(statement)
        each.fetchmany(5)
    cursors[0].fetchall()
    cursors[1].close()
    for each in kept:
        each.close()
    connection.cursor().execute("drop table t")  # an open result would hold it: ORA-00054


class Kept:
    """A PostgreSQL connection that only knows when it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def query(self, sql: str) -> list[tuple[bytes, ...]]:
        return [(b"name", b"5", b"4")]

    script = query

    def close(self) -> None:
        self.closed.set()


def test_a_snapshot_ends_by_itself() -> None:
    """Nobody has to ask again: while it is kept PostgreSQL cannot vacuum behind it."""
    opened: list[Kept] = []

    def connect() -> Connection:
        opened.append(Kept())
        return cast(Connection, opened[-1])

    snapshots = Snapshots(connect, seconds=0.05)
    assert snapshots.take() == snapshots.take() == 5
    assert all(each.closed.wait(20) for each in opened)
    for _ in range(KEPT + 2):
        snapshots.take()
    snapshots.stop()
    assert all(each.closed.is_set() for each in opened)
