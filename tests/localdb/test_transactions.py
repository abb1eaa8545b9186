"""Transactions, locks and cursors of the local database behave as Oracle's do, seen through the driver."""

from __future__ import annotations

import threading
import time

import oracledb
import pytest

from tests.localdb.conftest import Connect, code


@pytest.fixture
def accounts(connection: oracledb.Connection) -> oracledb.Connection:
    """A table of five rows, committed."""
    cursor = connection.cursor()
    cursor.execute(
        "create table accounts (id number(10) constraint accounts_pk primary key, name varchar2(20))"
    )
    cursor.executemany(
        "insert into accounts (id, name) values (:1, :2)", [(n, f"name {n}") for n in range(1, 6)]
    )
    connection.commit()
    return connection


def names(connection: oracledb.Connection) -> list[tuple[int, str | None]]:
    return connection.cursor().execute("select id, name from accounts order by id").fetchall()


def test_uncommitted_rows_are_seen_by_their_session_only(
    accounts: oracledb.Connection, connect: Connect
) -> None:
    other = connect()
    accounts.cursor().execute("insert into accounts values (6, 'six')")
    assert accounts.transaction_in_progress
    assert len(names(accounts)) == 6
    assert len(names(other)) == 5
    accounts.commit()
    assert not accounts.transaction_in_progress
    assert len(names(other)) == 6


def test_a_query_starts_no_transaction(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.execute("select id from accounts")
    assert cursor.fetchone() is not None
    assert not accounts.transaction_in_progress


def test_a_change_of_no_row_starts_no_transaction(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.execute("update accounts set name = 'x' where id = 99")
    assert cursor.rowcount == 0
    assert not accounts.transaction_in_progress


def test_a_failed_statement_undoes_itself_and_nothing_else(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.execute("update accounts set name = 'changed' where id = 1")
    with pytest.raises(oracledb.IntegrityError) as caught:
        cursor.execute("insert into accounts select id + 4, 'new' from accounts where id <= 2")
    assert code(caught) == 1
    assert accounts.transaction_in_progress
    assert names(accounts)[0] == (1, "changed")
    assert len(names(accounts)) == 5
    accounts.commit()
    assert names(accounts)[0] == (1, "changed")


def test_a_failed_query_in_a_transaction_leaves_it_alive(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.execute("delete from accounts where id = 5")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select 1 / (id - id) from accounts").fetchall()
    assert code(caught) == 1476
    accounts.commit()
    assert len(names(accounts)) == 4


def test_rollback_and_savepoints(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.execute("update accounts set name = 'one' where id = 1")
    cursor.execute("savepoint here")
    cursor.execute("update accounts set name = 'two' where id = 2")
    cursor.execute("rollback to savepoint here")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("rollback to nowhere")
    assert code(caught) == 1086
    assert names(accounts)[:2] == [(1, "one"), (2, "name 2")]
    accounts.rollback()
    assert names(accounts)[0] == (1, "name 1")


def test_ddl_commits_before_and_after_itself(accounts: oracledb.Connection, connect: Connect) -> None:
    cursor = accounts.cursor()
    cursor.execute("delete from accounts where id = 5")
    cursor.execute("create table another (a number)")
    assert not accounts.transaction_in_progress
    assert len(names(connect())) == 4


def test_a_failing_ddl_has_committed_too(accounts: oracledb.Connection, connect: Connect) -> None:
    cursor = accounts.cursor()
    cursor.execute("delete from accounts where id = 5")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("create table accounts (a number)")
    assert code(caught) == 955
    accounts.rollback()
    assert len(names(connect())) == 4


def test_a_cursor_reads_on_across_commit_and_rollback(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table numbers (n number(10))")
    cursor.executemany("insert into numbers values (:1)", [(n,) for n in range(5000)])
    connection.commit()
    cursor.arraysize = 100
    cursor.execute("select n from numbers order by n")
    assert cursor.fetchone() == (0,)
    change = connection.cursor()
    change.execute("update numbers set n = n + 10000")
    connection.commit()
    assert cursor.fetchone() == (1,)
    change.execute("delete from numbers")
    connection.rollback()
    rest = cursor.fetchall()
    assert [row[0] for row in rest] == list(range(2, 5000)), (
        "rows as of the open, changed by nothing after it"
    )


def test_array_dml_keeps_what_came_before_the_error(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    with pytest.raises(oracledb.IntegrityError):
        cursor.executemany("insert into accounts values (:1, :2)", [(6, "a"), (7, "b"), (1, "dup"), (8, "c")])
    assert [row[0] for row in names(accounts)] == [1, 2, 3, 4, 5, 6, 7]
    assert accounts.transaction_in_progress


def test_batch_errors_tell_each_bad_row(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    rows = [(6, "a"), (1, "dup"), (7, "b"), (8, "x" * 21), (None, "null"), (9, "c")]
    cursor.executemany("insert into accounts values (:1, :2)", rows, batcherrors=True, arraydmlrowcounts=True)
    errors = [(error.offset, error.code) for error in cursor.getbatcherrors()]
    assert errors == [(3, 12899), (4, 1400), (1, 1)]  # keys are looked at when the rows are stored
    assert cursor.getarraydmlrowcounts() == [1, 0, 1, 0, 0, 1]
    assert [row[0] for row in names(accounts)] == [1, 2, 3, 4, 5, 6, 7, 9]


def test_returning_gives_a_list_for_each_execution(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    out = cursor.var(str, arraysize=2)
    cursor.setinputsizes(None, out)
    cursor.executemany("delete from accounts where id >= :1 returning name into :2", [(4,), (1,)])
    assert out.values == [["name 4", "name 5"], ["name 1", "name 2", "name 3"]]


def test_nowait_and_wait_end_with_their_errors(accounts: oracledb.Connection, connect: Connect) -> None:
    accounts.cursor().execute("update accounts set name = 'locked' where id = 1")
    cursor = connect().cursor()
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select id from accounts where id = 1 for update nowait")
    assert code(caught) == 54
    began = time.monotonic()
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("select id from accounts where id = 1 for update wait 1")
    assert code(caught) == 30006
    assert 0.9 < time.monotonic() - began < 8
    assert cursor.execute("select id from accounts where id = 2 for update nowait").fetchall() == [(2,)]


def test_skip_locked_passes_over_the_rows_of_others(accounts: oracledb.Connection, connect: Connect) -> None:
    cursor = accounts.cursor()
    cursor.execute("select id from accounts where id in (1, 3) for update")
    assert accounts.transaction_in_progress
    other = connect()
    found = other.cursor().execute("select id from accounts order by id for update skip locked").fetchall()
    assert found == [(2,), (4,), (5,)]


def test_skip_locked_locks_rows_as_they_are_fetched(accounts: oracledb.Connection, connect: Connect) -> None:
    first = accounts.cursor()
    first.prefetchrows = 0
    first.arraysize = 2
    first.execute("select id from accounts order by id for update skip locked")
    assert first.fetchone() == (1,)
    other = (
        connect().cursor().execute("select id from accounts order by id for update skip locked").fetchall()
    )
    assert other == [(3,), (4,), (5,)]


def test_a_for_update_cursor_ends_with_the_commit(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.prefetchrows = 0
    cursor.arraysize = 1
    cursor.execute("select id from accounts order by id for update skip locked")
    assert cursor.fetchone() == (1,)
    accounts.commit()
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.fetchone()
    assert code(caught) == 1002


def test_a_deadlock_undoes_one_statement_only(accounts: oracledb.Connection, connect: Connect) -> None:
    other = connect()
    mine, theirs = accounts.cursor(), other.cursor()
    mine.execute("update accounts set name = 'mine' where id = 1")
    theirs.execute("update accounts set name = 'theirs' where id = 2")
    outcome: list[int] = []

    def cross() -> None:
        try:
            theirs.execute("update accounts set name = 'theirs' where id = 1")
            outcome.append(0)
        except oracledb.DatabaseError as error:
            outcome.append(error.args[0].code)
            assert other.transaction_in_progress
        other.rollback()

    thread = threading.Thread(target=cross)
    thread.start()
    try:
        mine.execute("update accounts set name = 'mine' where id = 2")
        outcome.append(0)
    except oracledb.DatabaseError as error:
        outcome.append(error.args[0].code)
        assert accounts.transaction_in_progress
        assert names(accounts)[0] == (1, "mine")
    accounts.rollback()
    thread.join(20)
    assert sorted(outcome) == [0, 60]


def test_cancel_and_time_out_end_the_statement_and_leave_the_session(
    accounts: oracledb.Connection, connect: Connect
) -> None:
    accounts.cursor().execute("update accounts set name = 'locked' where id = 1")
    other = connect()
    cursor = other.cursor()
    cursor.execute("update accounts set name = 'kept' where id = 2")
    timer = threading.Timer(0.3, other.cancel)
    timer.start()
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("update accounts set name = 'waits' where id = 1")
    timer.join()
    assert code(caught) == 1013
    assert names(other)[1] == (2, "kept")
    other.call_timeout = 400
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        cursor.execute("update accounts set name = 'waits' where id = 1")
    other.call_timeout = 0
    assert names(other)[1] == (2, "kept")


def test_serializable_and_read_only_transactions(accounts: oracledb.Connection, connect: Connect) -> None:
    other = connect()
    cursor = accounts.cursor()
    cursor.execute("set transaction isolation level serializable")
    assert len(names(accounts)) == 5
    other.cursor().execute("update accounts set name = 'other' where id = 1")
    other.commit()
    assert names(accounts)[0] == (1, "name 1")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("update accounts set name = 'mine' where id = 1")
    assert code(caught) == 8177
    accounts.rollback()
    cursor.execute("set transaction read only")
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute("delete from accounts")
    assert code(caught) == 1456
    accounts.rollback()
    assert names(accounts)[0] == (1, "other")


def test_closing_a_connection_rolls_back(accounts: oracledb.Connection, connect: Connect) -> None:
    other = connect()
    other.cursor().execute("delete from accounts")
    other.close()
    assert len(names(accounts)) == 5


def test_lastrowid_finds_the_changed_row(accounts: oracledb.Connection) -> None:
    cursor = accounts.cursor()
    cursor.execute("insert into accounts values (6, 'six')")
    found = (
        accounts.cursor().execute("select id from accounts where rowid = :1", [cursor.lastrowid]).fetchall()
    )
    assert found == [(6,)]
    cursor.execute("update accounts set name = 'three' where id = 3")
    found = accounts.cursor().execute("select rowid from accounts where id = 3").fetchall()
    assert found == [(cursor.lastrowid,)]
    cursor.execute("delete from accounts where id = 99")
    assert cursor.lastrowid is None
    assert cursor.rowcount == 0
