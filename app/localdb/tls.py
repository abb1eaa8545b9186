"""TLS in front of the listener: what a client sends encrypted reaches the protocol as from a plain socket.

A thread for each client passes bytes between the client's socket and one end of a pair of sockets; the protocol has
the other end, and can look ahead in it for a cancel, which an encrypted stream would not let it do.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from pathlib import Path

log = logging.getLogger(__name__)

_CHUNK = 262_144  # bytes passed on at once
_LAST_WORDS = 5.0  # seconds a client has to take what is left when the server closes its connection


class TlsError(Exception):
    """The certificate or its key cannot be used; the message is a sentence for the operator."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or later with this certificate (PEM, the chain behind it) and this key (PEM, not encrypted)."""

    def refuse() -> str:
        raise TlsError(f"The key {key} is encrypted: give one without a passphrase, readable by you only.")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for file in (certificate, key):
        if not file.is_file():
            raise TlsError(f"There is no file {file}.")
    try:
        context.load_cert_chain(certificate, key, refuse)
    except (ssl.SSLError, OSError) as error:
        raise TlsError(
            f"The certificate {certificate} and the key {key} cannot be used together: {error}"
        ) from error
    return context


def plain_end(context: ssl.SSLContext, client: socket.socket, address: str) -> socket.socket:
    """A socket with what `client` says through TLS. Takes over `client`; closing the one closes the other."""
    inner, outer = socket.socketpair()
    relay = _Relay(context, client, outer, address)
    threading.Thread(target=relay.run, name=f"localdb-tls-{address}", daemon=True).start()
    return inner


class _Relay:
    """Only its own thread uses it. Each direction holds one chunk at most: who does not read stops the other."""

    def __init__(
        self, context: ssl.SSLContext, client: socket.socket, plain: socket.socket, address: str
    ) -> None:
        self._client, self._plain, self._address = client, plain, address
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False  # hands, that is
        self._to_client = self._to_plain = b""
        self._end_by: float | None = None  # the server has closed

    def run(self) -> None:
        try:
            self._client.setblocking(False)
            self._plain.setblocking(False)
            while self._step():
                pass
        except ssl.SSLError as error:
            log.warning("connection %s: TLS: %s", self._address, error.reason or error)
            self._alert()
        except OSError as error:
            log.debug("connection %s: %s", self._address, error)
        finally:
            self._client.close()
            self._plain.close()

    def _step(self) -> bool:
        """Decrypt and encrypt what is here, then wait for more; False at the end."""
        if self._end_by is None and not self._to_plain and not self._decrypt():
            return False
        self._to_client += self._outgoing.read()
        if self._end_by is not None and (not self._to_client or time.monotonic() > self._end_by):
            return False
        ready = self._wait()
        if self._client.fileno() in ready:
            self._exchange_with_client(ready[self._client.fileno()])
        if self._plain.fileno() in ready:
            self._exchange_with_plain(ready[self._plain.fileno()])
        return True

    def _decrypt(self) -> bool:
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._shaken = True
            self._to_plain = self._tls.read(_CHUNK)
        except ssl.SSLWantReadError:
            return True
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return False
        return bool(self._to_plain)

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        wanted = (0 if self._to_plain else select.POLLIN) | (select.POLLOUT if self._to_client else 0)
        if wanted:
            poll.register(self._client, wanted)
        if self._end_by is None:  # without events it still tells that the server has closed
            reads = self._shaken and not self._to_client
            poll.register(
                self._plain, (select.POLLIN if reads else 0) | (select.POLLOUT if self._to_plain else 0)
            )
        return dict(poll.poll(None if self._end_by is None else _LAST_WORDS * 1000))

    def _exchange_with_client(self, events: int) -> None:
        if self._to_client and events & (select.POLLOUT | select.POLLERR | select.POLLHUP):
            self._to_client = self._to_client[self._client.send(self._to_client) :]
        if not self._to_plain and events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            received = self._client.recv(_CHUNK)
            if received:
                self._incoming.write(received)
            else:
                self._incoming.write_eof()

    def _exchange_with_plain(self, events: int) -> None:
        if self._to_plain and events & select.POLLOUT:
            self._to_plain = self._to_plain[self._plain.send(self._to_plain) :]
        if not events & (select.POLLIN | select.POLLHUP | select.POLLERR):
            return
        while answer := self._plain.recv(_CHUNK):
            self._tls.write(answer)
            if not events & select.POLLHUP:
                return
        self._end_by = time.monotonic() + _LAST_WORDS  # all is read, and the server has closed
        if self._shaken:
            self._close_notify()

    def _close_notify(self) -> None:
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # the client has not said goodbye itself: it need not

    def _alert(self) -> None:
        """Tell the client what was wrong, if it listens."""
        try:
            self._client.send(self._to_client + self._outgoing.read())
        except OSError as error:
            log.debug("connection %s: %s", self._address, error)
