"""The HTTP server: uvicorn, with an end to its patience.

uvicorn waits for ever for a request that drips in, takes a head of any size, and keeps an answer for ever for a
client that does not read it. Here each of these has a limit, so that no client holds a connection for nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import structlog
import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger(__name__)

HEAD_SECONDS = 10.0  # from the connection, or the first byte of a further request, to the end of its headers
MESSAGE_SECONDS = 60.0  # to the end of its body
READ_SECONDS = 60.0  # without the client taking anything of the answer that waits for him
MAX_HEAD_BYTES = 64 * 1024
MAX_CONNECTIONS = 2000  # of one process, WebSockets not counted
_GRACE_SECONDS = 10
_SOCKET_MESSAGE_BYTES = 64 * 1024


def server_of(app: ASGIApp, trusted_proxies: Sequence[str] = ()) -> uvicorn.Server:
    """A server to be run on sockets that are bound already.

    trusted_proxies: addresses whose word about the client's address is taken.
    """
    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        ws_max_size=_SOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # small messages: it costs each client some hundred kilobytes
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


class PunctualProtocol(HttpToolsProtocol):
    """One connection, with a timer for what is being waited for."""

    _timer: asyncio.TimerHandle | None = None
    _reading_timer: asyncio.TimerHandle | None = None
    _head_bytes: int | None = 0  # None while no head is being read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            log.warning("connection refused", open=len(self.connections))
            transport.abort()
            return
        self._wait(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._note_reading()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse("431 Request Header Fields Too Large")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._wait(HEAD_SECONDS)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._wait(None if self.parser.should_upgrade() else MESSAGE_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._wait(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_timer = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._note_reading()
        super().resume_writing()

    def _note_reading(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def _wait(self, seconds: float | None) -> None:
        """Wait so long for what comes next; None: for nothing of the client."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._refuse("408 Request Timeout")

    def _refuse(self, status: str) -> None:
        """An answer, if none has begun, and the end of the connection."""
        if self.transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(
                f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode()
            )
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError if the port is taken or the address is not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.set_inheritable(True)
    except OSError:
        listening.close()
        raise
    return listening
