"""Bind values, DML, PL/SQL and cursors through the real driver."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import oracledb
import pytest

from app.localdb.contract import BatchError, Column, Direction, IntervalYM, Kind, OraType, Outcome
from app.localdb.errors import OracleError
from tests.localdb.fake_backend import Call, FakeBackend, FakeCursor
from tests.localdb.wire.outcomes import CLOB, NUMBER, at, block, dml, numbers


def test_bind_values_arrive_as_plain_objects(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.on("insert into t values (:1, :2, :3, :4, :5, :6, :7, :8, :9)", lambda call: dml(row_count=1))
    cursor = connection.cursor()
    cursor.setinputsizes(
        None,
        None,
        None,
        oracledb.DB_TYPE_TIMESTAMP,
        None,
        None,
        oracledb.DB_TYPE_BINARY_DOUBLE,
        oracledb.DB_TYPE_NVARCHAR,
    )
    values = [
        7, Decimal("1.50"), "grüß", at(2026, 1, 2, 3, 4, 5, 6), b"\x01", timedelta(days=-1, hours=2), 1.5,
        "ñ🙂", None,
    ]  # fmt: skip
    cursor.execute("insert into t values (:1, :2, :3, :4, :5, :6, :7, :8, :9)", values)
    assert cursor.rowcount == 1
    assert connection.transaction_in_progress
    (call,) = backend.calls
    assert call.rows == [values]
    assert [bind.type for bind in call.binds][:3] == [OraType.NUMBER, OraType.NUMBER, OraType.VARCHAR2]
    assert call.binds[7].national
    connection.commit()
    assert not connection.transaction_in_progress


def test_long_values_follow_the_others_of_their_row(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "insert into t values (:a, :b, :c)"
    backend.on(text, lambda call: dml(row_count=len(call.rows)))
    rows = [("x" * 100_000, n, "short") for n in range(5)]
    cursor = connection.cursor()
    cursor.executemany(text, rows)
    assert [tuple(row) for row in backend.calls[0].rows] == rows
    assert cursor.rowcount == 5


def test_executemany_sends_all_rows_across_packets(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "insert into t values (:1, :2)"
    backend.on(text, lambda call: dml(row_count=len(call.rows), row_counts=[1] * len(call.rows)))
    rows = [(n, f"value {n}" * (n % 40)) for n in range(20_000)]
    cursor = connection.cursor()
    for _ in range(2):
        cursor.executemany(text, rows, arraydmlrowcounts=True)
        assert cursor.getarraydmlrowcounts() == [1] * 20_000
    assert [tuple(row) for row in backend.calls[1].rows] == [(n, s or None) for n, s in rows]


def test_batch_errors_and_autocommit(connection: oracledb.Connection, backend: FakeBackend) -> None:
    text = "insert into t values (:1)"
    errors = [BatchError(1, 1, "unique constraint (T_PK) violated"), BatchError(3, 2290, "check violated")]
    backend.on(text, lambda call: dml(row_count=3, batch_errors=errors if call.batch_errors else []))
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.executemany(text, [(n,) for n in range(5)], batcherrors=True)
    assert [(e.offset, e.code) for e in cursor.getbatcherrors()] == [(1, 1), (3, 2290)]
    assert "ORA-00001: unique constraint (T_PK) violated" in cursor.getbatcherrors()[0].message
    assert cursor.rowcount == 3
    assert backend.calls[0].commit
    cursor.executemany(text, [(1,)])
    cursor.executemany(text, [(2,)])
    assert backend.calls[-1].commit


def test_integrity_errors_have_their_class_and_keep_the_cursor(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "insert into t values (:1)"

    def insert(call: Call) -> Outcome:
        if call.rows[0][0] == 1:
            raise OracleError(1, "unique constraint (SCOTT.T_PK) violated")
        return dml(row_count=1)

    backend.on(text, insert)
    cursor = connection.cursor()
    for value in (2, 1, 3, 1):
        if value == 1:
            with pytest.raises(oracledb.IntegrityError, match="ORA-00001"):
                cursor.execute(text, [value])
        else:
            cursor.execute(text, [value])
            assert cursor.rowcount == 1


def test_returning_gives_lists_and_rowids(connection: oracledb.Connection, backend: FakeBackend) -> None:
    text = "update t set a = :a where b > :b returning id, name into :id, :name"
    outcome = dml(
        row_count=2, last_rowid="AAABBBAACAAAAAEAAF", returned=[[[1, Decimal("2.5")], ["one", None]]]
    )
    backend.on(text, lambda call: outcome)
    cursor = connection.cursor()
    ids, names = cursor.var(oracledb.DB_TYPE_NUMBER), cursor.var(str)
    for _ in range(2):
        cursor.execute(text, a=1, b=2, id=ids, name=names)
        assert ids.getvalue() == [1, 2.5]
        assert names.getvalue() == ["one", None]
        assert cursor.lastrowid == "AAABBBAACAAAAAEAAF"
    assert [bind.returning for bind in backend.calls[0].binds] == [False, False, True, True]
    assert backend.calls[0].rows == [[1, 2, None, None]]


def test_a_returned_string_that_is_too_long_for_its_variable_is_an_error(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "insert into t values (1) returning name into :name"
    backend.on(text, lambda call: dml(row_count=1, returned=[[["too long for it"]]]))
    cursor = connection.cursor()
    with pytest.raises(oracledb.DatabaseError, match="DPY-4002"):
        cursor.execute(text, [cursor.var(str, 2)])
    connection.ping()


def test_row_counts_are_told_beside_an_error(connection: oracledb.Connection, backend: FakeBackend) -> None:
    def fail(call: Call) -> Outcome:
        error = OracleError(1, "unique constraint violated", row_count=3)
        error.row_counts = [1, 2]  # type: ignore[attr-defined]
        raise error

    backend.on("insert into t values (:1)", fail)
    cursor = connection.cursor()
    with pytest.raises(oracledb.IntegrityError):
        cursor.executemany("insert into t values (:1)", [(n,) for n in range(4)], arraydmlrowcounts=True)
    assert cursor.getarraydmlrowcounts() == [1, 2]
    assert cursor.rowcount == 3


# PL/SQL


def test_plsql_binds_go_in_and_out(connection: oracledb.Connection, backend: FakeBackend) -> None:
    text = "begin p(:i, :o, :io); end;"

    def run(call: Call) -> Outcome:
        rows = [[None, f"out {row[0]}", row[2] * 2] for row in call.rows]
        return block([Direction.IN, Direction.OUT, Direction.IN_OUT], *rows)

    backend.on(text, run)
    cursor = connection.cursor()
    out, both = cursor.var(str), cursor.var(int)
    for n in (1, 2, 3):
        both.setvalue(0, n)
        cursor.execute(text, i=n, o=out, io=both)
        assert (out.getvalue(), both.getvalue()) == (f"out {n}", n * 2)
    assert [bind.name for bind in backend.calls[0].binds] == ["I", "O", "IO"]


def test_plsql_arrays_functions_and_executemany(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.on(
        "begin p(:1, :2); end;",
        lambda call: block([Direction.IN, Direction.OUT], [None, [n * 10 for n in call.rows[0][0]]]),
    )
    cursor = connection.cursor()
    sent = cursor.arrayvar(oracledb.DB_TYPE_NUMBER, [1, 2, 3])
    back = cursor.arrayvar(oracledb.DB_TYPE_NUMBER, 10)
    cursor.execute("begin p(:1, :2); end;", [sent, back])
    assert back.getvalue() == [10, 20, 30]
    assert backend.calls[0].binds[0].array

    backend.on(
        "begin :retval := f(:1); end;",
        lambda call: block([Direction.OUT, Direction.IN], [call.rows[0][1] + 1, None]),
    )
    assert cursor.callfunc("f", int, [41]) == 42


def test_executemany_of_a_block_returns_one_value_per_row(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "begin q(:x, :y); end;"
    backend.on(
        text, lambda call: block([Direction.IN, Direction.OUT], *[[None, row[0] + 1] for row in call.rows])
    )
    cursor = connection.cursor()
    out = cursor.var(int, arraysize=5)
    cursor.setinputsizes(y=out)
    cursor.executemany(text, [{"x": n} for n in range(5)])
    assert [out.getvalue(n) for n in range(5)] == [1, 2, 3, 4, 5]
    assert [len(call.rows) for call in backend.calls] == [1, 4]


def test_booleans_intervals_and_dates_come_out(connection: oracledb.Connection, backend: FakeBackend) -> None:
    text = "begin p(:b, :nb, :ym, :ds, :tz, :bd); end;"
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    values = [True, None, IntervalYM(-14), timedelta(days=-1), moment, 0.1]
    backend.on(text, lambda call: block([Direction.OUT] * 6, values))
    cursor = connection.cursor()
    kinds = [bool, bool, oracledb.DB_TYPE_INTERVAL_YM, oracledb.DB_TYPE_INTERVAL_DS, oracledb.DB_TYPE_TIMESTAMP_TZ,
             oracledb.DB_TYPE_BINARY_DOUBLE]  # fmt: skip
    out = [cursor.var(kind) for kind in kinds]
    cursor.execute(text, out)
    assert [var.getvalue() for var in out] == [
        True, None, oracledb.IntervalYM(-1, -2), timedelta(days=-1), moment.replace(tzinfo=None), 0.1,
    ]  # fmt: skip


def test_ref_cursors_nested_cursors_and_implicit_results(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    made: list[FakeCursor] = []

    def opened(count: int) -> FakeCursor:
        made.append(FakeCursor([NUMBER], numbers(count)))
        return made[-1]

    cursor = connection.cursor()
    backend.on("begin open_it(:c); end;", lambda call: block([Direction.OUT], [opened(250)]))
    for _ in range(2):
        ref = connection.cursor()
        cursor.execute("begin open_it(:c); end;", [ref])
        assert [n for (n,) in ref] == list(range(250))
    variable = cursor.var(oracledb.DB_TYPE_CURSOR)
    for _ in range(3):
        cursor.execute("begin open_it(:c); end;", [variable])
        assert len(variable.getvalue().fetchall()) == 250
    backend.on("begin open_it(:c); end;", lambda call: block([Direction.OUT], [opened(2)]))
    for _ in range(2):  # the second gives back a cursor of which no row was fetched
        cursor.execute("begin open_it(:c); end;", [variable])
    assert [result.closed for result in made[-2:]] == [True, False]

    backend.on(
        "begin results; end;",
        lambda call: Outcome(Kind.PLSQL, implicit_results=[opened(3), FakeCursor([CLOB], [(b"text",)])]),
    )
    cursor.execute("begin results; end;")
    first, second = cursor.getimplicitresults()
    assert first.fetchall() == [(0,), (1,), (2,)]
    assert [lob.read() for (lob,) in second] == ["text"]

    backend.sessions[0].cursors[5] = opened(4)
    backend.query("select nested", [NUMBER, Column("CUR", OraType.CURSOR)], [(b"1", b"5")])
    cursor.execute("select nested")
    number, nested = cursor.fetchone()
    assert (number, [n for (n,) in nested]) == (1, [0, 1, 2, 3])


def test_a_warning_tells_of_compilation_errors(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.on("create procedure p", lambda call: Outcome(Kind.DDL, compile_errors=True))
    cursor = connection.cursor()
    cursor.execute("create procedure p")
    assert cursor.warning is not None
    assert cursor.warning.full_code == "DPY-7000"
