"""The way to the database over TLS: a certificate that is checked, for pool, installer and job alike.

A thread takes TLS off in front of the database of the run, as a listener with TCPS would.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.oracle.address import security
from app.oracle.check import check_from
from app.oracle.errors import OracleError
from app.oracle.pool import OraclePool
from app.settings import Settings
from worker.task import Task


@dataclass(frozen=True)
class Listener:
    dsn: str
    wallet: Path
    other_wallet: Path


def certificate(folder: Path) -> Path:
    """A self-signed certificate of localhost with its key; the folder becomes the wallet that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / "ewallet.pem").write_bytes(pem)
    server = folder / "server.pem"
    server.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return server


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def listener(concord_db: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    folder = tmp_path_factory.mktemp("tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(folder / "wallet"))
    certificate(folder / "other")
    host, _, rest = concord_db.db_dsn.partition(":")
    port, _, service = rest.partition("/")

    def serve(plain: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError):
            client = context.wrap_socket(plain, server_side=True)
            server = socket.create_connection((host, int(port)))
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            pump(client, server)

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        dsn = f"tcps://localhost:{listening.getsockname()[1]}/{service}"
        yield Listener(dsn, folder / "wallet", folder / "other")


def rows(settings: Settings) -> list[tuple[Any, ...]]:
    async def main() -> list[tuple[Any, ...]]:
        pool = OraclePool(settings, module="test")
        pool.open()
        try:
            return await pool.rows("test", "select user from dual")
        finally:
            await pool.close()

    return asyncio.run(main())


def test_pool_check_and_job_come_through(concord_db: Settings, listener: Listener, tmp_path: Path) -> None:
    settings = replace(concord_db, db_dsn=listener.dsn, db_wallet_dir=str(listener.wallet))
    assert rows(settings) == [(settings.db_user,)]
    assert check_from(settings) == []
    task = Task(
        job_id="j",
        run_token=1,
        kind="COMPARE",
        request={},
        work_dir=tmp_path,
        results_dir=tmp_path,
        memory_limit_mb=512,
        dsn=settings.db_dsn,
        user=settings.db_user,
        password=settings.db_password,
        secured=security(settings),
    )
    with closing(task.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("select user from dual")
        assert cursor.fetchall() == [(settings.db_user,)]


def test_a_name_in_tnsnames_leads_there_too(concord_db: Settings, listener: Listener, tmp_path: Path) -> None:
    port, service = listener.dsn.removeprefix("tcps://localhost:").split("/")
    (tmp_path / "tnsnames.ora").write_text(
        f"conc = (description=(address=(protocol=tcps)(host=localhost)(port={port}))"
        f"(connect_data=(service_name={service})))\n"
    )
    settings = replace(
        concord_db, db_dsn="conc", db_config_dir=str(tmp_path), db_wallet_dir=str(listener.wallet)
    )
    assert rows(settings) == [(settings.db_user,)]


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_is_another_one_is_refused(
    concord_db: Settings, listener: Listener, wrong: str
) -> None:
    settings = replace(concord_db, db_dsn=listener.dsn, db_wallet_dir=str(listener.wallet))
    if wrong == "authority":
        settings = replace(settings, db_wallet_dir=str(listener.other_wallet))
    else:
        settings = replace(settings, db_server_dn="CN=somebody.else")
    with pytest.raises(OracleError) as refused:
        rows(settings)
    assert refused.value.code in ("DPY-6005", "DPY-6000")
