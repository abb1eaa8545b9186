"""The protocol server against the real driver, sync and asyncio, with a database in memory behind it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import oracledb
import pytest

from app.localdb.contract import BatchError, Column, Direction, IntervalYM, Kind, Lob, OraType, Outcome
from app.localdb.errors import OracleError
from app.localdb.server import LocalDatabaseError, Server
from app.localdb.wire.backend import RowChange, TableChange
from app.localdb.wire.throttle import FIRST_DELAY, FREE_FAILURES, Throttle
from tests.localdb.fake_backend import Call, FakeBackend, FakeCursor, FakeSession

NUMBER = Column("N", OraType.NUMBER)
TEXT = Column("S", OraType.VARCHAR2, size=400, chars=100)
CLOB = Column("C", OraType.CLOB)
BLOB = Column("B", OraType.BLOB)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def server(backend: FakeBackend) -> Iterator[Server]:
    server = Server(backend)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(server: Server) -> Iterator[oracledb.Connection]:
    with oracledb.connect(user="scott", password="tiger", dsn=server.dsn) as connection:
        yield connection


def at(*fields: int) -> datetime:
    """A moment as Oracle's DATE and TIMESTAMP have it: without a time zone."""
    return datetime(*fields)  # type: ignore[arg-type]  # noqa: DTZ001


def numbers(count: int) -> list[tuple[bytes | None, ...]]:
    return [(str(n).encode(),) for n in range(count)]


def dml(**facts: Any) -> Outcome:
    return Outcome(Kind.DML, **facts)


def block(directions: list[Direction], *rows: list[Any]) -> Outcome:
    return Outcome(Kind.PLSQL, directions=directions, out_values=list(rows))


# Connecting


def test_a_connection_knows_its_server(connection: oracledb.Connection, backend: FakeBackend) -> None:
    assert connection.version == "19.28.0.0.0"
    assert connection.service_name == "FREEPDB1"
    assert connection.session_id == 1
    assert connection.max_identifier_length == 128
    client = backend.sessions[0].client
    assert client.driver.startswith("python-oracledb thn")
    assert client.machine
    assert client.osuser
    assert any(entry.startswith("time zone ") for entry in backend.sessions[0].log)


def test_long_connect_data_comes_in_a_packet_of_its_own(server: Server) -> None:
    with oracledb.connect(user="scott", password="tiger", dsn=server.dsn, program="p" * 400) as connection:
        connection.ping()


@pytest.mark.parametrize("user", ["scott", "nobody"])
def test_a_wrong_password_and_an_unknown_user_look_the_same(server: Server, user: str) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        oracledb.connect(user=user, password="wrong", dsn=server.dsn)


def test_an_unknown_service_is_refused(server: Server) -> None:
    host, port = server.address
    with pytest.raises(oracledb.OperationalError, match="DPY-6001"):
        oracledb.connect(user="scott", password="tiger", dsn=f"{host}:{port}/OTHER")


def test_too_many_connections_are_refused(backend: FakeBackend) -> None:
    server = Server(backend, max_connections=1)
    server.start()
    try:
        with (
            oracledb.connect(user="scott", password="tiger", dsn=server.dsn),
            pytest.raises(oracledb.OperationalError, match="DPY-6000"),
        ):
            oracledb.connect(user="scott", password="tiger", dsn=server.dsn)
    finally:
        server.stop()


def test_a_taken_port_is_said_in_a_sentence(server: Server, backend: FakeBackend) -> None:
    with pytest.raises(LocalDatabaseError, match="choose another port"):
        Server(backend, port=server.address[1]).start()


def test_bytes_that_are_no_protocol_end_only_their_connection(
    server: Server, connection: oracledb.Connection
) -> None:
    with socket.create_connection(server.address) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert stranger.recv(100) == b""
    connection.ping()


def test_the_server_stops_with_connections_open(backend: FakeBackend) -> None:
    server = Server(backend)
    server.start()
    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn)
    server.stop()
    assert backend.sessions[0].closed
    with pytest.raises(oracledb.Error):
        connection.ping()


def test_a_password_can_be_changed(server: Server, connection: oracledb.Connection) -> None:
    connection.changepassword("tiger", "lion")
    with oracledb.connect(user="scott", password="lion", dsn=server.dsn) as other:
        other.changepassword("lion", "tiger")
    with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
        oracledb.connect(user="scott", password="lion", dsn=server.dsn)
    with pytest.raises(oracledb.DatabaseError, match="ORA-28008"):
        connection.changepassword("wrong", "lion")
    oracledb.connect(user="scott", password="tiger", dsn=server.dsn, newpassword="puma").close()
    oracledb.connect(user="scott", password="puma", dsn=server.dsn).close()


def test_session_attributes_arrive_with_the_next_call(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    connection.module, connection.action = "engine", "compare"
    connection.client_identifier, connection.clientinfo = "job 7", "info"
    connection.ping()
    assert backend.sessions[0].tags == {
        "module": "engine",
        "action": "compare",
        "client_identifier": "job 7",
        "client_info": "info",
    }
    connection.action = None
    connection.ping()
    assert backend.sessions[0].tags["action"] == ""


def test_the_current_schema_is_set_and_refused(connection: oracledb.Connection, backend: FakeBackend) -> None:
    connection.current_schema = "hr"
    connection.ping()
    assert 'alter session set current_schema = "HR"' in backend.sessions[0].log
    connection.ping()
    assert len([text for text in backend.sessions[0].log if text.startswith("alter session")]) == 1
    connection.current_schema = "forbidden"
    with pytest.raises(oracledb.DatabaseError, match="ORA-01435"):
        connection.ping()
    connection.current_schema = "hr"
    connection.ping()


def test_a_current_schema_changed_by_sql_is_told_to_the_client(connection: oracledb.Connection) -> None:
    assert connection.current_schema is None
    connection.cursor().execute('alter session set current_schema = "OE"')
    assert connection.current_schema == "OE"


def test_functions_and_types_that_are_unknown_are_named_and_the_session_goes_on(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.on("insert into t values (:1, :2)", lambda call: dml(row_count=1))
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*protocol function 103"):
        connection.tpc_begin(connection.xid(1, "global", "branch"))
    cursor = connection.cursor()
    cursor.setinputsizes(oracledb.DB_TYPE_JSON)
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*binds of type 119"):
        cursor.execute("insert into t values (:1, :2)", [{"a": list(range(1000))}, 1])
    cursor = connection.cursor()
    cursor.setinputsizes(oracledb.DB_TYPE_VECTOR)
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*binds of type 127"):
        cursor.executemany("insert into t values (:1, :2)", [([1.5, 2.5], n) for n in range(5)])
    connection.ping()
    assert backend.calls == []


def test_application_contexts_come_with_the_logon(server: Server, backend: FakeBackend) -> None:
    contexts = [("NS", "attr", "value"), ("NS", "other", "2")]
    with oracledb.connect(user="scott", password="tiger", dsn=server.dsn, appcontext=contexts):
        assert backend.sessions[-1].contexts == {"NS": {"attr": "value", "other": "2"}}


def test_privileged_and_proxy_logons_are_refused(server: Server) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-01031"):
        oracledb.connect(user="scott", password="tiger", dsn=server.dsn, mode=oracledb.AUTH_MODE_SYSDBA)
    with pytest.raises(oracledb.DatabaseError, match="ORA-03001"):
        oracledb.connect(user="other[scott]", password="tiger", dsn=server.dsn)


def test_guessing_passwords_becomes_slow() -> None:
    throttle = Throttle()
    for _ in range(FREE_FAILURES):
        assert throttle.delay("scott") == 0
        throttle.failed("scott")
    assert throttle.delay("SCOTT") == FIRST_DELAY
    throttle.failed("Scott")
    assert throttle.delay("scott") == 2 * FIRST_DELAY
    assert throttle.delay("other") == 0
    throttle.succeeded("scott")
    assert throttle.delay("scott") == 0


def test_a_request_larger_than_the_limit_ends_the_connection(backend: FakeBackend) -> None:
    backend.on("insert into t values (:1)", lambda call: dml(row_count=1))
    server = Server(backend, max_request=1_000_000)
    server.start()
    try:
        connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn)
        connection.cursor().execute("insert into t values (:1)", ["x" * 900_000])
        with pytest.raises(oracledb.Error):
            connection.cursor().execute("insert into t values (:1)", ["x" * 1_100_000])
        assert len(backend.calls) == 1
    finally:
        server.stop()


# Queries


def test_every_type_comes_back_as_it_should(connection: oracledb.Connection, backend: FakeBackend) -> None:
    columns = [
        Column("N", OraType.NUMBER, precision=10, scale=0),
        Column("D", OraType.NUMBER, precision=10, scale=2),
        Column("S", OraType.VARCHAR2, size=40, chars=10),
        Column("NS", OraType.VARCHAR2, size=40, chars=10, national=True),
        Column("CH", OraType.CHAR, size=5, chars=5),
        Column("DT", OraType.DATE),
        Column("TS", OraType.TIMESTAMP, scale=6),
        Column("TZ", OraType.TIMESTAMP_TZ, scale=6),
        Column("LTZ", OraType.TIMESTAMP_LTZ, scale=6),
        Column("R", OraType.RAW, size=10),
        Column("BD", OraType.BINARY_DOUBLE),
        Column("BF", OraType.BINARY_FLOAT),
        Column("DS", OraType.INTERVAL_DS),
        Column("YM", OraType.INTERVAL_YM),
        Column("BO", OraType.BOOLEAN),
        Column("RI", OraType.ROWID),
        Column("UR", OraType.UROWID),
        Column("L", OraType.LONG),
        Column("LR", OraType.LONG_RAW),
    ]
    row = (
        b"42", b"-12.50", "grüß 🙂".encode(), "ñ🙂".encode(), b"ab   ", b"2026-01-31 23:59:58",
        b"2026-01-31 23:59:58.123456", b"2026-01-31 22:00:00+00", b"2026-01-31 22:00:00.5+00", b"\\x0aff",
        b"1.5", b"0.25", b"-3 04:05:06.500000", b"14", b"t", b"AAABBBAACAAAAAEAAF", b"AAABBBAACAAAAAEAAF",
        b"long" * 10_000, b"\\x00" + b"ff" * 40_000,
    )  # fmt: skip
    nulls = tuple(None for _ in columns)
    backend.query("select everything", columns, [row, nulls])
    backend.sessions[0].time_zone_minutes = 120
    cursor = connection.cursor()
    cursor.execute("select everything")
    found, empty = cursor.fetchall()
    assert found == (
        42, -12.5, "grüß 🙂", "ñ🙂", "ab   ", at(2026, 1, 31, 23, 59, 58),
        at(2026, 1, 31, 23, 59, 58, 123456), at(2026, 1, 31, 22), at(2026, 2, 1, 0, 0, 0, 500_000),
        b"\x0a\xff", 1.5, 0.25, -timedelta(days=3, hours=4, minutes=5, seconds=6.5), oracledb.IntervalYM(1, 2),
        True, "AAABBBAACAAAAAEAAF", "AAABBBAACAAAAAEAAF", "long" * 10_000, b"\0" + b"\xff" * 40_000,
    )  # fmt: skip
    assert empty == nulls
    assert [c[:7] for c in cursor.description][:3] == [
        ("N", oracledb.DB_TYPE_NUMBER, 11, None, 10, 0, True),
        ("D", oracledb.DB_TYPE_NUMBER, 14, None, 10, 2, True),
        ("S", oracledb.DB_TYPE_VARCHAR, 10, 40, None, None, True),
    ]


@pytest.mark.parametrize(
    ("prefetch", "arraysize", "rows"), [(0, 1, 3), (2, 7, 50), (100, 100, 100), (5, 5000, 20_000)]
)
def test_rows_come_in_order_however_they_are_fetched(
    connection: oracledb.Connection, backend: FakeBackend, prefetch: int, arraysize: int, rows: int
) -> None:
    backend.query("select n from t", [NUMBER], numbers(rows))
    for _ in range(2):
        cursor = connection.cursor()
        cursor.prefetchrows, cursor.arraysize = prefetch, arraysize
        cursor.execute("select n from t")
        assert [n for (n,) in cursor] == list(range(rows))
        assert cursor.rowcount == rows
        cursor.close()


def test_a_changed_column_type_is_described_again(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    cursor = connection.cursor()
    for column, raw, value in (
        (NUMBER, b"1", 1),
        (TEXT, b"one", "one"),
        (CLOB, b"big", "big"),
        (NUMBER, b"2", 2),
    ):
        backend.query("select x from t", [column], [(raw,)])
        cursor.execute("select x from t")
        (found,) = cursor.fetchone()
        assert (found.read() if isinstance(found, oracledb.LOB) else found) == value


def test_parse_describes_without_running(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.query("select n from t", [NUMBER], numbers(3))
    cursor = connection.cursor()
    cursor.parse("select n from t")
    assert cursor.description[0][0] == "N"
    assert backend.sessions[0].log.count("select n from t") == 0


def test_a_scrollable_cursor_goes_where_it_is_told(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.query("select n from t", [NUMBER], numbers(100))
    cursor = connection.cursor(scrollable=True)
    cursor.arraysize = 10
    cursor.execute("select n from t")
    assert [n for (n,) in cursor.fetchmany(15)] == list(range(15))
    cursor.scroll(mode="last")
    assert cursor.fetchone() == (99,)
    cursor.scroll(50, mode="absolute")
    assert cursor.fetchone() == (49,)
    cursor.scroll(-10)
    assert cursor.fetchone() == (39,)
    cursor.scroll(mode="first")
    assert [n for (n,) in cursor.fetchall()] == list(range(100))
    with pytest.raises(oracledb.DatabaseError, match="DPY-2063"):
        cursor.scroll(1000, mode="absolute")


def test_an_error_tells_code_text_and_position(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError, match="ORA-00900: invalid SQL statement") as caught:
        connection.cursor().execute("selec nothing")
    (error,) = caught.value.args
    assert (error.code, error.offset) == (900, 7)


def test_a_bug_in_the_database_is_an_error_not_a_lost_session(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.on("select bug", lambda call: Outcome(Kind.QUERY, FakeCursor([NUMBER], [(b"12x",)])))
    with pytest.raises(oracledb.DatabaseError, match="ORA-01426"):
        connection.cursor().execute("select bug")

    def broken(call: Call) -> Outcome:
        raise RuntimeError("broken")

    backend.on("delete bug", broken)
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*RuntimeError: broken"):
        connection.cursor().execute("delete bug")
    connection.ping()


def test_data_frames_have_the_types_of_the_description(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    columns = [
        Column("ID", OraType.NUMBER, precision=9, scale=0),
        Column("AMOUNT", OraType.NUMBER, precision=12, scale=2),
        TEXT,
        Column("AT", OraType.TIMESTAMP, scale=6),
        CLOB,
    ]
    rows = [
        (b"%d" % n, b"%d.25" % n, None if n % 3 else b"s%d" % n, b"2026-01-01 00:00:00.5", b"c" * n)
        for n in range(1, 1001)
    ]
    backend.query("select * from frame", columns, rows)
    frame = connection.fetch_df_all("select * from frame", arraysize=128)
    assert frame.num_rows() == 1000
    import pyarrow as pa

    table = pa.table(frame)
    assert table.column("ID").to_pylist() == list(range(1, 1001))
    assert table.column("AMOUNT").to_pylist()[-1] == 1000.25
    assert table.column("C").to_pylist()[4] == "ccccc"
    backend.query("select * from batches", columns, rows)
    for _ in range(2):
        batches = connection.fetch_df_batches("select * from batches", size=400)
        assert [batch.num_rows() for batch in batches] == [400, 400, 200]


# Binds and DML


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


# Large objects


def test_lobs_are_read_in_pieces_and_freed(connection: oracledb.Connection, backend: FakeBackend) -> None:
    text = "grüße 🙂 " * 20_000
    backend.query(
        "select lobs",
        [NUMBER, CLOB, BLOB],
        [(b"1", text.encode(), b"\\x" + b"00ff" * 50_000), (b"2", None, None)],
    )
    cursor = connection.cursor()
    for _ in range(2):
        cursor.execute("select lobs")
        (_, clob, blob), (_, none, also_none) = cursor.fetchall()
        assert clob.size() == len(text) + 20_000  # each smiley is two UTF-16 units
        assert clob.read() == text
        assert clob.read(1, 5) == "grüße"
        assert clob.read(7, 2) == "🙂"
        assert blob.size() == 100_000
        assert blob.read(99_999, 10) == b"\x00\xff"
        assert blob.read(200_000) == b""
        assert (none, also_none) == (None, None)
        assert clob.isopen() is False
    del clob, blob
    cursor.close()
    connection.ping()


def test_lobs_can_be_fetched_as_values(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.query("select lobs", [CLOB, BLOB, NUMBER], [("ü" * 40_000, "x", "1")])  # type: ignore[list-item]
    rows = [("ü" * n).encode() for n in (1, 40_000, 3)]
    backend.query(
        "select lobs", [CLOB, BLOB, NUMBER], [(raw, b"\\x00", b"1") for raw in rows] + [(None, None, None)]
    )
    cursor = connection.cursor()
    found = cursor.execute("select lobs", fetch_lobs=False).fetchall()
    assert found == [(raw.decode(), b"\0", 1) for raw in rows] + [(None, None, None)]


def test_temporary_lobs_are_written_bound_and_freed(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    text = "begin p(:c, :o); end;"

    def run(call: Call) -> Outcome:
        lob = call.rows[0][0]
        assert isinstance(lob, Lob)
        assert lob.temporary
        return block([Direction.IN, Direction.OUT], [None, Lob(OraType.CLOB, f"{lob.data}!", temporary=True)])

    backend.on(text, run)
    lob = connection.createlob(oracledb.DB_TYPE_CLOB)
    lob.write("hello world")
    lob.write("WORLD", 7)
    lob.trim(11)
    assert lob.read() == "hello WORLD"
    cursor = connection.cursor()
    out = cursor.var(oracledb.DB_TYPE_CLOB)
    cursor.execute(text, [lob, out])
    assert out.getvalue().read() == "hello WORLD!"
    long_value = "y" * 50_000
    cursor.setinputsizes(oracledb.DB_TYPE_CLOB)
    cursor.execute(text, [long_value, out])
    assert out.getvalue().read() == long_value + "!"
    blob = connection.createlob(oracledb.DB_TYPE_BLOB, b"abc")
    blob.write(b"z", 10)
    assert blob.read() == b"abc\0\0\0\0\0\0z"
    nclob = connection.createlob(oracledb.DB_TYPE_NCLOB, "ñ🙂")
    assert nclob.read() == "ñ🙂"
    with pytest.raises(oracledb.DatabaseError, match="ORA-22926"):
        lob.trim(100)


def test_writing_a_stored_lob_is_refused_by_name(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.query("select lobs", [CLOB], [(b"stored",)])
    (lob,) = connection.cursor().execute("select lobs").fetchone()
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*stored LOB"):
        lob.write("x")


# Cancel, time-outs, pools


def waiting(call: Call) -> Outcome:
    assert call.session.cancelled.wait(20)
    call.session.cancelled.clear()
    raise OracleError(1013, "user requested cancel of current operation")


def test_a_running_statement_is_cancelled_and_the_session_goes_on(
    connection: oracledb.Connection, backend: FakeBackend
) -> None:
    backend.on("delete slowly", waiting)
    backend.query("select 1", [NUMBER], [(b"1",)])
    for _ in range(3):
        timer = threading.Timer(0.1, connection.cancel)
        timer.start()
        with pytest.raises(oracledb.DatabaseError, match="ORA-01013"):
            connection.cursor().execute("delete slowly")
        timer.join()
        assert connection.cursor().execute("select 1").fetchall() == [(1,)]


def test_a_call_timeout_ends_the_statement(connection: oracledb.Connection, backend: FakeBackend) -> None:
    backend.on("delete slowly", waiting)
    backend.query("select 1", [NUMBER], [(b"1",)])
    connection.call_timeout = 200
    with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
        connection.cursor().execute("delete slowly")
    connection.call_timeout = 0
    assert connection.cursor().execute("select 1").fetchall() == [(1,)]


def test_a_client_that_vanishes_has_its_statement_cancelled(server: Server, backend: FakeBackend) -> None:
    started = threading.Event()

    def run(call: Call) -> Outcome:
        started.set()
        return waiting(call)

    backend.on("delete slowly", run)
    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn)

    def execute() -> None:
        with pytest.raises(oracledb.Error):
            connection.cursor().execute("delete slowly")

    thread = threading.Thread(target=execute)
    thread.start()
    assert started.wait(10)
    session = backend.sessions[-1]
    server.stop()
    thread.join(10)
    assert session.closed


def test_a_pool_gives_and_takes_connections(server: Server, backend: FakeBackend) -> None:
    backend.on("insert into t values (:1)", lambda call: dml(row_count=1))
    pool = oracledb.create_pool(user="scott", password="tiger", dsn=server.dsn, min=2, max=4)
    with pool.acquire() as one, pool.acquire() as other:
        one.cursor().execute("insert into t values (:1)", [1])
        other.ping()
    assert any("rollback" in session.log for session in backend.sessions)
    pool.close()


# asyncio and pipelines


def test_asyncio_does_the_same(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from t", [NUMBER, CLOB], [(b"%d" % n, b"lob" * n) for n in range(300)])
    backend.query("select n from u", [NUMBER, CLOB], [(b"%d" % n, b"lob" * n) for n in range(300)])
    backend.on("begin p(:1); end;", lambda call: block([Direction.OUT], ["out"]))
    backend.on("delete slowly", waiting)

    async def work() -> None:
        async with oracledb.connect_async(user="scott", password="tiger", dsn=server.dsn) as connection:
            with connection.cursor() as cursor:
                await cursor.execute("select n from t")
                rows = await cursor.fetchall()
                assert [n for n, _ in rows] == list(range(300))
                assert await rows[299][1].read() == "lob" * 299
                out = cursor.var(str)
                await cursor.execute("begin p(:1); end;", [out])
                assert out.getvalue() == "out"
            frame = await connection.fetch_df_all("select n from u")
            assert frame.num_rows() == 300
            connection.call_timeout = 200
            with pytest.raises(oracledb.DatabaseError, match="DPY-4024"):
                await connection.execute("delete slowly")
            connection.call_timeout = 0
            assert len(await connection.fetchall("select n from t")) == 300

    asyncio.run(work())


def pipeline_of(*texts: str) -> oracledb.Pipeline:
    pipeline = oracledb.create_pipeline()
    for text in texts:
        if text.startswith("select"):
            pipeline.add_fetchall(text, arraysize=3)
        else:
            pipeline.add_execute(text, [1])
    pipeline.add_commit()
    return pipeline


def test_a_pipeline_is_answered_in_order(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from t", [NUMBER], numbers(10))
    backend.query("select c from t", [CLOB], [(b"lob",)])
    backend.on("insert into t values (:1)", lambda call: dml(row_count=1))

    async def work() -> None:
        async with oracledb.connect_async(user="scott", password="tiger", dsn=server.dsn) as connection:
            pipeline = pipeline_of("insert into t values (:1)", "select n from t", "select c from t")
            results = await connection.run_pipeline(pipeline)
            assert [r.rows and len(r.rows) for r in results] == [None, 10, 1, None]
            assert backend.sessions[0].log[-1] == "commit"
            pipeline = pipeline_of("insert nothing (:1)", "select n from t")
            results = await connection.run_pipeline(pipeline, continue_on_error=True)
            assert results[0].error is not None
            assert len(results[1].rows) == 10
            commits = backend.sessions[0].log.count("commit")
            pipeline = pipeline_of("insert nothing (:1)", "insert into t values (:1)")
            with pytest.raises(oracledb.DatabaseError, match="ORA-00900"):
                await connection.run_pipeline(pipeline)
            assert backend.sessions[0].log.count("commit") == commits
            await connection.ping()

    asyncio.run(work())


# Direct path and notification


def test_direct_path_load_inserts_in_batches(connection: oracledb.Connection, backend: FakeBackend) -> None:
    columns = [
        Column("ID", OraType.NUMBER, nullable=False),
        Column("NAME", OraType.VARCHAR2, size=4000, chars=4000),
        Column("AT", OraType.TIMESTAMP, scale=6),
        CLOB,
        BLOB,
    ]
    names = [column.name for column in columns]
    listed = ", ".join(f'"{name}"' for name in names)
    backend.query(f'select {listed} from "SCOTT"."T"', columns, [])
    insert = f'insert into "SCOTT"."T" ({listed}) values (:1, :2, :3, :4, :5)'
    loaded: list[list[Any]] = []

    def take(call: Call) -> Outcome:
        loaded.extend(call.rows)
        return dml(row_count=len(call.rows))

    backend.on(insert, take)
    rows = [
        (
            n,
            f"name {n}" * (n % 300),
            at(2026, 1, 1) + timedelta(microseconds=n),
            "clöb" * (n * 7),
            b"\xff" * n,
        )
        for n in range(1, 6000)
    ] + [(0, None, None, "x" * 200_000, b"y" * 70_000)]
    connection.direct_path_load("scott", "t", names, rows)
    assert [tuple(row) for row in loaded] == [(a, b or None, c, d, e) for a, b, c, d, e in rows]
    assert backend.sessions[0].log[-1] == "commit"
    with pytest.raises(oracledb.DatabaseError, match="DPY-8001"):
        connection.direct_path_load("scott", "t", names, [(None, None, None, None, None)])
    assert backend.sessions[0].log[-1] == "rollback"


def test_changes_are_pushed_to_the_callback(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from watched", [NUMBER], numbers(1))
    arrived: list[Any] = []
    event = threading.Event()

    def callback(message: Any) -> None:
        arrived.append(message)
        event.set()

    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn, events=True)
    subscription = connection.subscribe(
        callback=callback,
        qos=oracledb.SUBSCR_QOS_ROWIDS,
        operations=oracledb.OPCODE_INSERT,
        timeout=60,
        client_initiated=True,
    )
    subscription.registerquery("select n from watched")
    notifications = backend.notifications
    assert notifications.arguments == [
        {"tables": ["SCOTT.WATCHED"], "operations": oracledb.OPCODE_INSERT, "rowids": True, "owner": "SCOTT"}
    ]
    (push,) = notifications.subscribed.values()
    for rows in ([RowChange(2, "AAABBBAACAAAAAEAAF")], None):
        event.clear()
        push([TableChange("SCOTT.WATCHED", 2, 77, rows)])
        assert event.wait(10)
    assert [m.type for m in arrived] == [oracledb.EVENT_OBJCHANGE] * 2
    (table,) = arrived[0].tables
    assert (table.name, table.operation, [r.rowid for r in table.rows]) == (
        "SCOTT.WATCHED",
        oracledb.OPCODE_INSERT,
        ["AAABBBAACAAAAAEAAF"],
    )
    assert arrived[1].tables[0].operation & oracledb.OPCODE_ALLROWS
    connection.unsubscribe(subscription)
    assert notifications.subscribed == {}
    connection.close()


def test_a_query_subscription_names_its_query(server: Server, backend: FakeBackend) -> None:
    backend.query("select n from watched", [NUMBER], numbers(1))
    arrived: list[Any] = []
    event = threading.Event()

    def callback(message: Any) -> None:
        arrived.append(message)
        event.set()

    connection = oracledb.connect(user="scott", password="tiger", dsn=server.dsn, events=True)
    subscription = connection.subscribe(
        callback=callback, qos=oracledb.SUBSCR_QOS_QUERY, client_initiated=True
    )
    subscription.registerquery("select n from watched")
    (push,) = backend.notifications.subscribed.values()
    push([TableChange("SCOTT.WATCHED", 6, 77, None)])
    assert event.wait(10)
    assert arrived[0].type == oracledb.EVENT_QUERYCHANGE
    assert arrived[0].queries[0].tables[0].name == "SCOTT.WATCHED"
    connection.close()


def test_an_unused_fake_says_so() -> None:
    """The fake refuses what no test has written down: a typo in a test cannot pass silently."""
    session = FakeSession(FakeBackend(), "SCOTT", client=None, sid=1)  # type: ignore[arg-type]
    with pytest.raises(OracleError, match="ORA-00900"):
        session.prepare("select unknown")
