"""The local database's listener: accepts clients, one thread for each, and closes them cleanly.

It is a database for demonstrations and tests: beyond loopback addresses it listens with TLS only.
"""

from __future__ import annotations

import ipaddress
import itertools
import logging
import signal
import socket
import ssl
import threading
from pathlib import Path

from app.localdb.tls import TlsError, plain_end, server_context
from app.localdb.wire.backend import Backend
from app.localdb.wire.connection import Connection
from app.localdb.wire.constants import Packet
from app.localdb.wire.errors import Disconnected, ProtocolError
from app.localdb.wire.notify import Subscriptions
from app.localdb.wire.packets import Packets
from app.localdb.wire.throttle import Throttle

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 1521
MAX_CONNECTIONS = 300
MAX_REQUEST = 1 << 30  # bytes; a direct path load may send as much at once
WATCH_INTERVAL = 0.05  # seconds between looks for cancels of running statements
ACCEPT_PAUSE = 0.1  # seconds before the next try when a connection could not be accepted (no more files)
STOP_TIMEOUT = 10.0  # seconds for connections to end when the server stops
REFUSED_FULL = b"(DESCRIPTION=(ERR=12516)(ERROR_STACK=(ERROR=(CODE=12516)(EMFI=4))))"
LEAST_PASSWORD = 12  # characters of SYSTEM's password when other machines may log in
FIRST_NUMBER = 60_000  # session numbers of connections without a session


class LocalDatabaseError(Exception):
    """The local database cannot start; the message is a sentence for its user."""


class Server:
    """Listens for clients of one database. `start` returns when it accepts; `stop` when all is closed."""

    def __init__(
        self,
        backend: Backend,
        host: str = LOOPBACK,
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        max_request: int = MAX_REQUEST,
    ) -> None:
        """Port 0 takes a free one; `address` tells which. With `tls` every client must speak it. Raises
        LocalDatabaseError for an address that other machines reach and no `tls`."""
        _check_address(host, tls)
        self._tls = tls
        self.backend = backend
        self.max_request = max_request
        self.throttle = Throttle()
        self.subscriptions = Subscriptions(backend)
        self._host, self._port = host, port
        self._max_connections = max_connections
        self._numbers = itertools.count(FIRST_NUMBER)
        self._listener: socket.socket | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        if self._listener is None:
            raise LocalDatabaseError("The local database's server is not running.")
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def dsn(self) -> str:
        """What a client gives as its DSN: [tcps://]host:port/service."""
        host, port = self.address
        place = f"[{host}]" if ":" in host else host
        return f"{'tcps://' if self._tls else ''}{place}:{port}/{self.backend.service}"

    def next_number(self) -> int:
        return next(self._numbers)

    def start(self) -> None:
        """Listen. Raises LocalDatabaseError when the address is taken."""
        listener = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self._port))
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise LocalDatabaseError(
                f"Cannot listen on {self._host}:{self._port} ({error.strerror}): choose another port."
            ) from error
        self._listener = listener
        for name, target in (("listener", self._accept), ("watcher", self._watch)):
            thread = threading.Thread(target=target, name=f"localdb-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Close the listener and every connection; running statements are cancelled."""
        self._stopping.set()
        self.throttle.close()
        listener, self._listener = self._listener, None
        if listener is not None:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                log.debug("listener: %s", error)
            listener.close()
        with self._lock:
            open_now = list(self._connections.items())
        for connection, _ in open_now:
            connection.close()
        for _, thread in open_now:
            thread.join(STOP_TIMEOUT)
            if thread.is_alive():
                log.warning("%s did not end within %.0f seconds", thread.name, STOP_TIMEOUT)
        for thread in self._threads:
            thread.join(STOP_TIMEOUT)
        self._threads.clear()

    def _accept(self) -> None:
        listener = self._listener
        while listener is not None and not self._stopping.is_set():
            try:
                sock, peer = listener.accept()
            except OSError as error:
                if not self._stopping.wait(ACCEPT_PAUSE):
                    log.error("a connection was not accepted: %s", error)
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            address = f"{peer[0]}:{peer[1]}"
            try:
                self._welcome(plain_end(self._tls, sock, address) if self._tls else sock, address)
            except (OSError, RuntimeError) as error:  # no more files, no more threads
                log.error("connection %s was not served: %s", address, error)
                sock.close()

    def _welcome(self, sock: socket.socket, address: str) -> None:
        with self._lock:
            if len(self._connections) >= self._max_connections or self._stopping.is_set():
                log.warning("connection %s refused: %d are open", address, len(self._connections))
                _refuse(sock)
                return
            connection = Connection(self, sock, address)
            thread = threading.Thread(
                target=self._serve, args=(connection,), name=f"localdb-{address}", daemon=True
            )
            self._connections[connection] = thread
            thread.start()  # before anybody can see it, and join it

    def _serve(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.pop(connection, None)

    def _watch(self) -> None:
        """Looks at running statements for a client that wants to cancel, or has gone."""
        while not self._stopping.wait(WATCH_INTERVAL):
            with self._lock:
                connections = list(self._connections)
            for connection in connections:
                connection.watch()


def _check_address(host: str, tls: ssl.SSLContext | None) -> None:
    if tls is None and not _is_loopback(host):
        raise LocalDatabaseError(
            f"Without TLS the local database listens on loopback addresses only, not on {host}: give it a"
            " certificate and its key (--tls-certificate, --tls-key)."
        )


def _is_loopback(host: str) -> bool:
    """Whether every address of `host` is one that only this machine reaches."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(address).is_loopback for address in found)


def _refuse(sock: socket.socket) -> None:
    """Answer a client that there is no room: its driver reports ORA-12516."""
    try:
        sock.settimeout(1.0)
        packets = Packets(sock)
        packets.read()
        packets.send(Packet.REFUSE, b"\x22\0" + len(REFUSED_FULL).to_bytes(2, "big") + REFUSED_FULL)
    except (OSError, Disconnected, ProtocolError) as error:  # the client is turned away either way
        log.debug("refusing: %s", error)
    finally:
        sock.close()


def run(
    data: Path,
    port: int,
    password: str,
    play: str,
    *,
    host: str = LOOPBACK,
    certificate: tuple[Path, Path] | None = None,
    own_password: bool = False,
) -> int:
    """Run the local database in this process until SIGTERM or SIGINT; the exit status.

    Prints `ready DSN` when it accepts. `certificate` and its key (files) make it speak TLS; beyond loopback it has
    to, and the password has to be the operator's own. Raises LocalDatabaseError when it cannot start.
    """
    from app.localdb.database import Database
    from app.localdb.postgres import PostgresError

    try:
        tls = server_context(*certificate) if certificate else None
    except TlsError as error:
        raise LocalDatabaseError(str(error)) from error
    _check_address(host, tls)
    if not _is_loopback(host) and (not own_password or len(password) < LEAST_PASSWORD):
        raise LocalDatabaseError(
            f"To listen on {host}, beyond this machine, give a password file of your own with a password of at"
            f" least {LEAST_PASSWORD} characters (--password-file)."
        )
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    database = Database(data, play=play, system_password=password)
    try:
        database.start()
    except PostgresError as error:
        raise LocalDatabaseError(str(error)) from error
    try:
        server = Server(database, host, port, tls=tls)
        server.start()
        try:
            print(f"ready {server.dsn}", flush=True)  # noqa: T201
            stopped.wait()
        finally:
            server.stop()
    finally:
        database.stop()
    return 0
