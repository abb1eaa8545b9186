"""TLS: the driver over tcps, what is refused beyond loopback, and clients that break off."""

from __future__ import annotations

import datetime as dt
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import oracledb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.cli import main
from app.localdb.contract import Outcome
from app.localdb.errors import OracleError
from app.localdb.server import LocalDatabaseError, Server, run
from app.localdb.tls import TlsError, server_context
from tests.localdb.fake_backend import Call, FakeBackend
from tests.localdb.wire.outcomes import NUMBER, dml, numbers

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])


def made(folder: Path, passphrase: bytes | None = None) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder(NAME, NAME, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, hidden))
    return files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return made(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(backend: FakeBackend, files: tuple[Path, Path]) -> Iterator[Server]:
    server = Server(backend, "0.0.0.0", tls=server_context(*files))
    server.start()
    yield server
    server.stop()


def trusting(files: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(files[0]))


def connect(server: Server, files: tuple[Path, Path], host: str = "localhost") -> oracledb.Connection:
    return oracledb.connect(
        user="scott",
        password="tiger",
        dsn=f"tcps://{host}:{server.address[1]}/FREEPDB1",
        ssl_context=trusting(files),
        ssl_server_dn_match=True,
    )


def test_the_driver_connects_through_tls_and_checks_the_name(
    server: Server, backend: FakeBackend, files: tuple[Path, Path]
) -> None:
    backend.query("select n from t", [NUMBER], numbers(30_000))
    backend.on("insert into t values (:1)", lambda call: dml(row_count=1))
    assert server.dsn == f"tcps://0.0.0.0:{server.address[1]}/FREEPDB1"
    with connect(server, files) as connection:
        cursor = connection.cursor()
        cursor.arraysize = 30_000
        assert [n for (n,) in cursor.execute("select n from t")] == list(range(30_000))
        cursor.execute("insert into t values (:1)", ["x" * 3_000_000])
        assert backend.calls[-1].rows[0][0] == "x" * 3_000_000
    with pytest.raises(oracledb.OperationalError, match="does not match the expected value"):
        connect(server, files, host="127.0.0.1")  # the certificate has not this name


def test_a_statement_is_cancelled_through_tls(
    server: Server, backend: FakeBackend, files: tuple[Path, Path]
) -> None:
    def wait(call: Call) -> Outcome:
        assert call.session.cancelled.wait(20)
        raise OracleError(1013, "user requested cancel of current operation")

    backend.on("begin wait; end;", wait)
    with connect(server, files) as connection:
        connection.call_timeout = 200
        with pytest.raises(oracledb.Error, match=r"DPY-4024|ORA-01013"):
            connection.cursor().execute("begin wait; end;")
        connection.call_timeout = 0
        connection.ping()


def test_without_tls_nothing_is_answered_and_others_are_served(
    server: Server, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(oracledb.OperationalError):
        oracledb.connect(
            user="scott",
            password="tiger",
            dsn=f"127.0.0.1:{server.address[1]}/FREEPDB1",
            tcp_connect_timeout=5,
        )
    for sent in (b"", b"\x16\x03\x01", b"\x00" * 5000):
        with socket.create_connection(("127.0.0.1", server.address[1])) as client:
            client.sendall(sent)
    with connect(server, files) as connection:
        connection.ping()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_client_that_vanishes_leaves_no_thread_and_no_session(
    server: Server, backend: FakeBackend, files: tuple[Path, Path]
) -> None:
    context = trusting(files)
    for abrupt in (True, False):
        client = socket.create_connection(("127.0.0.1", server.address[1]))
        tls = context.wrap_socket(client, server_hostname="localhost")
        if abrupt:
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        tls.close()
    connection = connect(server, files)
    server.stop()  # closes it from the server's side
    with pytest.raises(oracledb.Error):
        connection.ping()
    deadline = time.monotonic() + 10
    while left := [thread.name for thread in threading.enumerate() if "localdb-" in thread.name]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_beyond_loopback_it_needs_tls_and_a_password_of_ones_own(
    backend: FakeBackend, files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(LocalDatabaseError, match="Without TLS"):
        Server(backend, "0.0.0.0")
    for own, password in ((False, "a long generated password"), (True, "short")):
        with pytest.raises(LocalDatabaseError, match="at least 12 characters"):
            run(tmp_path, 0, password, "19c", host="0.0.0.0", certificate=files, own_password=own)
    assert main(["local", "--host=0.0.0.0", f"--tls-key={files[1]}"]) == 1
    assert "together" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_certificates_that_cannot_be_used_are_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    certificate, key = made(tmp_path, b"secret")
    with pytest.raises(TlsError, match="is encrypted"):
        server_context(certificate, key)
    with pytest.raises(TlsError, match="cannot be used together"):
        server_context(certificate, made(tmp_path / "a")[1])
    with pytest.raises(TlsError, match="no file"):
        server_context(certificate, tmp_path / "missing")
