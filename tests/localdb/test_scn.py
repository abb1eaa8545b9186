"""System change numbers: in the order of commits, and never ahead of what can be seen."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import oracledb
import pytest

from tests.localdb.conftest import Connect, code


def _scn(dba: oracledb.Connection) -> int:
    [(number,)] = dba.cursor().execute("select current_scn from v$database")
    return int(number)


def test_ora_rowscn_grows_with_each_commit(connection: oracledb.Connection, dba: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number primary key, v number) rowdependencies")
    seen = [_scn(dba)]
    for id_ in range(3):
        cursor.execute("insert into t (id) values (:1)", [id_])
        connection.commit()
        seen.append(cursor.execute("select ora_rowscn from t where id = :1", [id_]).fetchone()[0])
    cursor.execute("update t set v = 1 where id = 0")
    connection.commit()
    seen.append(cursor.execute("select ora_rowscn from t where id = 0").fetchone()[0])
    seen.append(_scn(dba))
    assert seen == sorted(set(seen))


def test_ora_rowscn_is_null_until_the_commit(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number) rowdependencies")
    cursor.execute("insert into t values (1)")
    assert cursor.execute("select ora_rowscn from t").fetchone() == (None,)
    connection.commit()
    assert cursor.execute("select count(*) from t where ora_rowscn > 0").fetchone() == (1,)


def test_a_transaction_counts_from_its_commit(connect: Connect, dba: oracledb.Connection) -> None:
    slow, fast = connect(), connect()
    slow.cursor().execute("create table t (id number) rowdependencies")
    slow.cursor().execute("insert into t values (1)")
    fast.cursor().execute("insert into t values (2)")
    fast.commit()
    between = _scn(dba)
    slow.commit()
    rows = fast.cursor().execute("select id from t where ora_rowscn > :1", [between]).fetchall()
    assert rows == [(1,)]


def test_no_commit_is_missed_behind_a_current_scn(connect: Connect, dba: oracledb.Connection) -> None:
    """Readers take the SCN, then the rows: what they did not see must have a higher one."""
    connect().cursor().execute("create table t (id number) rowdependencies")
    writers, reader = [connect() for _ in range(2)], connect()

    def write(connection: oracledb.Connection, first: int) -> None:
        cursor = connection.cursor()
        for id_ in range(first, first + 60):
            cursor.execute("insert into t values (:1)", [id_])
            connection.commit()

    threads = [threading.Thread(target=write, args=(c, i * 1000)) for i, c in enumerate(writers)]
    for thread in threads:
        thread.start()
    looks: list[tuple[int, set[int]]] = []
    while any(thread.is_alive() for thread in threads):
        number = _scn(dba)
        looks.append((number, {row[0] for row in reader.cursor().execute("select id from t")}))
    final = dict(reader.cursor().execute("select id, ora_rowscn from t").fetchall())
    assert len(final) == 120
    for number, ids in looks:
        assert {id_ for id_, scn in final.items() if scn <= number} <= ids


def test_times_and_numbers(dba: oracledb.Connection) -> None:
    number = _scn(dba)
    cursor = dba.cursor()
    [(moment,)] = cursor.execute("select scn_to_timestamp(:1) from dual", [number])
    assert abs(datetime.now(UTC).replace(tzinfo=None) - moment) < timedelta(minutes=5)
    [(back,)] = cursor.execute("select timestamp_to_scn(scn_to_timestamp(:1)) from dual", [number])
    assert back == number
    [(flashback,)] = cursor.execute("select dbms_flashback.get_system_change_number from dual")
    assert flashback > number
    for text, expected in (
        ("select scn_to_timestamp(999999999999999999) from dual", 8181),
        ("select timestamp_to_scn(sysdate + 1) from dual", 8180),
    ):
        with pytest.raises(oracledb.DatabaseError) as caught:
            cursor.execute(text)
        assert code(caught) == expected


def test_the_current_scn_needs_a_privilege(connection: oracledb.Connection) -> None:
    for text, expected in (
        ("select current_scn from v$database", 942),
        ("select dbms_flashback.get_system_change_number from dual", 904),
    ):
        with pytest.raises(oracledb.DatabaseError) as caught:
            connection.cursor().execute(text)
        assert code(caught) == expected


def test_a_view_has_no_ora_rowscn_but_may_contain_it(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number) rowdependencies")
    cursor.execute("create view v as select id, ora_rowscn as scn from t")
    cursor.execute("insert into t values (1)")
    connection.commit()
    assert cursor.execute("select count(*) from v where scn > 1").fetchone() == (1,)
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select ora_rowscn from v")
    assert code(caught) == 904
