"""Logging in, negotiating, refusing: the protocol server against the real driver."""

from __future__ import annotations

import socket
import time

import oracledb
import pytest

from app.localdb.errors import OracleError
from app.localdb.server import LocalDatabaseError, Server
from app.localdb.wire.throttle import FIRST_DELAY, FORGET_AFTER, FREE_FAILURES, MAX_NAMES, Throttle
from tests.localdb.fake_backend import FakeBackend
from tests.localdb.wire.outcomes import dml


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


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no.such.host.invalid"])
def test_only_this_machine_is_served(backend: FakeBackend, host: str) -> None:
    with pytest.raises(LocalDatabaseError, match="loopback"):
        Server(backend, host)


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
    with pytest.raises(oracledb.DatabaseError, match=r"ORA-03001.*a two-phase"):
        connection.tpc_begin(connection.xid(1, "global", "branch"))
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
    now = [1000.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(FREE_FAILURES):
        assert throttle.delay("scott") == 0
        throttle.failed("scott")
    for factor in (1, 2, 4):
        assert throttle.delay("SCOTT") == pytest.approx(factor * FIRST_DELAY)
        now[0] += factor * FIRST_DELAY
        throttle.failed("Scott")
    assert throttle.delay("other") == throttle.delay("scott", "192.0.2.1") == 0
    throttle.succeeded("scott")
    assert throttle.delay("scott") == 0


def test_guesses_over_many_connections_take_turns_and_do_not_push_a_name_out() -> None:
    now = [1000.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(50):
        throttle.failed("scott")
    assert [throttle.delay("scott") for _ in range(4)] == [5.0, 10.0, 15.0, 20.0]
    with pytest.raises(OracleError, match="ORA-28000"):
        throttle.delay("scott")
    for number in range(MAX_NAMES - 1):
        throttle.failed(f"name {number}")
    now[0] += 20.0
    assert throttle.delay("scott") == 5.0
    now[0] += FORGET_AFTER
    assert throttle.delay("scott") == 0.0


def test_a_wrong_password_is_answered_later_each_time(server: Server) -> None:
    def seconds() -> float:
        began = time.monotonic()
        with pytest.raises(oracledb.DatabaseError, match="ORA-01017"):
            oracledb.connect(user="scott", password="wrong", dsn=server.dsn)
        return time.monotonic() - began

    for _ in range(FREE_FAILURES + 1):
        seconds()
    assert seconds() >= 2 * FIRST_DELAY


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
