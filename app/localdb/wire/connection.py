"""One client connection on its own thread: login, then one request after the other until it closes."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol

from app.localdb.errors import OracleError
from app.localdb.wire import lobs as lob_calls
from app.localdb.wire import piggybacks
from app.localdb.wire.backend import Backend, BackendSession, Statistic
from app.localdb.wire.channel import Channel
from app.localdb.wire.constants import CANCELLED, DataFlag, FieldVersion, Function, Marker, Message, Packet
from app.localdb.wire.direct import DirectPath
from app.localdb.wire.errors import CallError, Disconnected, Interrupted, ProtocolError
from app.localdb.wire.execute import Executor, Run
from app.localdb.wire.handshake import Handshake, Login, Refused
from app.localdb.wire.lobs import Lobs
from app.localdb.wire.notify import Subscriptions
from app.localdb.wire.packets import HEADER, marker_of
from app.localdb.wire.password import read_password_change
from app.localdb.wire.response import error_block, schema_changed, status
from app.localdb.wire.throttle import Throttle

log = logging.getLogger(__name__)

ABORT_ON_ERROR = 2  # pipeline mode
PIPELINE_ABORTED = 43610  # what the rest of an aborted pipeline is answered with; the client discards it
FULL_PACKET_SLACK = 16  # a packet this close to the SDU may be followed by more of the same request
LOGIN_TIMEOUT = 30.0  # seconds
_FUNCTIONS = {
    103: "a two-phase or sessionless transaction",
    104: "a two-phase transaction",
    121: "enqueueing (AQ)",
    122: "dequeueing (AQ)",
    145: "array enqueueing and dequeueing (AQ)",
}


class Owner(Protocol):
    """The server, as a connection needs it."""

    backend: Backend
    throttle: Throttle
    subscriptions: Subscriptions
    max_request: int

    def next_number(self) -> int: ...


class Connection:
    """`run` is the thread. `watch` and `close` are called from other threads."""

    def __init__(self, owner: Owner, sock: socket.socket, address: str) -> None:
        self.owner = owner
        self.address = address
        self.user = ""
        self._socket = sock
        self._channel = Channel(sock)
        self._session: BackendSession | None = None
        self._lobs = Lobs()
        self._calls: dict[int, Callable[[], Run]] = {}
        self._login_by: float | None = time.monotonic() + LOGIN_TIMEOUT
        # A statement may run: the watcher looks for a marker only then. The lock orders "the statement
        # has ended" before "cancel it": a cancel must not hit the next statement.
        self._busy = False
        self._cancelled = False
        self._guard = threading.Lock()
        self._aborting: bool | None = None  # in a pipeline: whether an error ended it
        self._abort_on_error = False
        self._schema = ""  # the current schema, as the client knows it
        self._deferred: OracleError | None = None  # of a piggyback, told by the call it rides on
        self._closing = False

    def run(self) -> None:
        """Serve until the client leaves, the server closes the socket, or the protocol is broken."""
        try:
            login = Handshake(
                self._channel, self.owner.backend, self.owner.throttle, self.address, self.owner.next_number
            ).run()
            self._login_by = None
            self._channel.reader.set_limit(self.owner.max_request)
            self.user = login.user
            self._session = login.session
            if login.session is None:
                self._serve_notifications(login)
            else:
                self._serve(login, login.session)
        except (Disconnected, Refused) as ended:
            log.debug("connection %s: %s", self.address, ended)
        except ProtocolError as broken:
            log.warning("connection %s closed: unexpected %s", self.address, broken)
        except Exception:
            log.exception("connection %s closed by an internal error", self.address)
        finally:
            self._end()

    def _end(self) -> None:
        with self._guard:
            session, self._session = self._session, None
            self._busy = False
        self._lobs.clear()
        if session is not None:
            self.owner.subscriptions.drop_session(session)
            session.close()
        self._socket.close()

    def close(self) -> None:
        """End the connection from outside: what runs is cancelled, the thread wakes and ends."""
        self._closing = True
        with self._guard:
            if self._busy and self._session is not None:
                self._session.cancel()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            log.debug("connection %s was gone already: %s", self.address, error)

    def watch(self) -> None:
        """End a login that takes too long. While a statement runs: look whether the client wants it
        cancelled, or has gone."""
        if self._login_by is not None and time.monotonic() > self._login_by:
            log.warning("connection %s: no login within %.0f seconds", self.address, LOGIN_TIMEOUT)
            self.close()
        if not self._busy:
            return
        try:
            ahead = self._socket.recv(HEADER + 3, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.debug("connection %s: %s", self.address, error)
            ahead = b""
        is_marker = len(ahead) == HEADER + 3 and ahead[4] == Packet.MARKER and ahead[10] == Marker.INTERRUPT
        if ahead and not is_marker:
            return
        with self._guard:
            if self._busy and not self._cancelled and self._session is not None:
                self._cancelled = True
                self._session.cancel()

    def _serve_notifications(self, login: Login) -> None:
        """A connection with (SERVER=emon): it sends one request, then only takes what is pushed."""
        packet = self._channel.packets.read()
        if packet.type != Packet.DATA or packet.flags & DataFlag.EOF or not packet.payload:
            return
        self._channel.reader.begin(packet)
        kind, function = self._channel.reader.u8(), self._channel.reader.u8()
        if (kind, function) != (Message.FUNCTION, Function.NOTIFY):
            raise ProtocolError(f"message {kind} function {function} on a connection for notifications")
        self._header_rest()
        self._channel.reader.ub()
        client_id = self._channel.reader.data() or b""
        self._channel.reader.skip(2)
        with self.owner.subscriptions.attach(client_id, login.user, self._channel):
            while self._channel.packets.read().type:
                log.debug("connection %s: unexpected packet on a notification session", self.address)

    def _serve(self, login: Login, session: BackendSession) -> None:
        channel, reader = self._channel, self._channel.reader
        subscriptions = self.owner.subscriptions
        executor = Executor(
            channel,
            session,
            self._lobs,
            lambda number, *query: subscriptions.register(number, session, *query),
        )
        direct = DirectPath(channel, session)
        self._schema = session.current_schema

        def simple(action: Callable[[], None]) -> Callable[[], Run]:
            def run() -> bytes:
                action()
                return status(session.in_transaction)

            return lambda: run

        def lob_call() -> Run:
            request = lob_calls.read_request(reader)
            return lambda: (
                lob_calls.perform(self._lobs, request, session)
                + error_block(channel.field_version, session.in_transaction)
            )

        def end_pipeline() -> Run:
            reader.ub()
            self._aborting = None
            return lambda: status(session.in_transaction)

        def change_password() -> Run:
            pairs = read_password_change(reader)
            return lambda: self._change_password(login, session, pairs)

        self._calls = {
            Function.EXECUTE: executor.execute,
            Function.REEXECUTE: lambda: executor.reexecute(Function.REEXECUTE),
            Function.REEXECUTE_AND_FETCH: lambda: executor.reexecute(Function.REEXECUTE_AND_FETCH),
            Function.FETCH: executor.fetch,
            Function.COMMIT: simple(session.commit),
            Function.ROLLBACK: simple(session.rollback),
            Function.PING: simple(session.ping),
            Function.LOB: lob_call,
            Function.PIPELINE_END: end_pipeline,
            Function.AUTH_PHASE_TWO: change_password,
            Function.DIRECT_PATH_PREPARE: direct.prepare,
            Function.DIRECT_PATH_STREAM: direct.stream,
            Function.DIRECT_PATH_OP: direct.operation,
            Function.SUBSCRIBE: lambda: subscriptions.request(channel, session, login.user),
        }
        while True:
            packet = channel.packets.read()
            if packet.type == Packet.MARKER:
                self._marker(marker_of(packet))
            elif packet.type != Packet.DATA:
                raise ProtocolError(f"packet type {packet.type}")
            elif packet.flags & DataFlag.EOF or not packet.payload:
                return
            else:
                reader.begin(packet)
                try:
                    with session.turn:
                        goes_on = self._request(session, executor)
                    if not goes_on:
                        return
                except Interrupted as interrupted:
                    self._marker(interrupted.kind)

    def _marker(self, kind: int) -> None:
        """Cancel and time-out: interrupt, then reset, which is answered by one error."""
        if kind == Marker.INTERRUPT:
            self._channel.packets.send_marker(Marker.BREAK)
        elif kind == Marker.RESET:
            self._cancelled = False
            self._channel.packets.send_marker(Marker.RESET)
            self._fail(OracleError(CANCELLED, "user requested cancel of current operation"))

    def _header_rest(self) -> int:
        """Sequence number and token of a function or piggyback."""
        self._channel.reader.u8()
        return self._channel.reader.ub() if self._channel.field_version >= FieldVersion.V23_1_EXT1 else 0

    def _request(self, session: BackendSession, executor: Executor) -> bool:
        """One request with its piggybacks; False when it was the logoff."""
        reader = self._channel.reader
        while True:
            kind = reader.u8()
            function = reader.u8()
            token = self._header_rest()
            if kind == Message.PIGGYBACK:
                self._piggyback(function, session, executor)
            elif kind == Message.ONE_WAY and function == Function.SESSION_RELEASE:
                reader.skip(2)
                reader.ub()
                return True
            elif kind == Message.FUNCTION:
                break
            else:
                raise ProtocolError(f"message {kind}, function {function}")
        if function == Function.LOGOFF:
            session.close()  # before the answer: who has logged off is gone, also for DROP USER
            self._channel.respond(status(False), token)
            return False
        session.statistics[Statistic.CALLS] += 1
        session.statistics[Statistic.ROUND_TRIPS] += 1
        with self._guard:
            self._busy = True
        try:
            body = self._call(function, session)
        finally:
            with self._guard:
                self._busy = False
        session.temporary_lobs = self._lobs.temporary
        if body is not None:
            if session.current_schema != self._schema:
                self._schema = session.current_schema
                body = schema_changed(self._schema) + body
            self._channel.respond(body, token)
        return not self._closing

    def _call(self, function: int, session: BackendSession) -> bytes | None:
        """The answer to one function; None when a cancel is on its way, which has its own answer."""
        reader = self._channel.reader
        if self._aborting and function != Function.PIPELINE_END:
            reader.skip_request()
            return self._error(OracleError(PIPELINE_ABORTED, "pipeline operation aborted after an error"))
        try:
            read = self._calls.get(function)
            if read is None:
                return self._unknown(function)
            run = read()
            if reader.remaining:
                raise ProtocolError(f"rest of {reader.remaining} bytes after function {function}")
            deferred, self._deferred = self._deferred, None
            if deferred is not None:
                raise deferred
            return run()
        except OracleError as error:
            return self._failed(error, 0, 0)
        except CallError as failed:
            block = self._failed(failed.error, failed.cursor, failed.row_count)
            return None if block is None else failed.before + block
        except (Disconnected, ProtocolError, Interrupted):
            raise
        except Exception as bug:
            log.exception("function %d failed", function)
            what = f"{type(bug).__name__}: {bug}"
            return self._failed(
                OracleError(3001, f"unimplemented feature: internal error of the local database: {what}"),
                0,
                0,
            )

    def _failed(self, error: OracleError, cursor: int, row_count: int) -> bytes | None:
        if error.code == CANCELLED and self._cancelled:
            return None
        if self._aborting is False and self._abort_on_error:
            self._aborting = True
        return self._error(error, cursor, row_count)

    def _error(self, error: OracleError, cursor: int = 0, row_count: int = 0) -> bytes:
        session = self._session
        return error_block(
            self._channel.field_version,
            session is not None and session.in_transaction,
            code=error.code,
            text=error.text,
            position=error.offset,
            cursor=cursor,
            row_count=row_count,
        )

    def _fail(self, error: OracleError) -> None:
        self._channel.respond(self._error(error))

    def _unknown(self, function: int) -> bytes:
        """A function that is not known: its body ends with its packet, or the connection must end."""
        reader = self._channel.reader
        if len(reader.buffer) + FULL_PACKET_SLACK >= self._channel.packets.sdu:
            raise ProtocolError(f"function {function} of unknown length")
        reader.skip(reader.remaining)
        what = _FUNCTIONS.get(function, f"protocol function {function}")
        text = f"unimplemented feature: {what} is not supported by the local database"
        return self._error(OracleError(3001, text))

    def _piggyback(self, function: int, session: BackendSession, executor: Executor) -> None:
        try:
            piggybacks.apply(
                function, self._channel.reader, session, executor.cursors, self._lobs, self._begin_pipeline
            )
        except OracleError as error:
            self._deferred = self._deferred or error

    def _begin_pipeline(self, mode: int) -> None:
        self._aborting = False
        self._abort_on_error = mode == ABORT_ON_ERROR

    def _change_password(self, login: Login, session: BackendSession, pairs: dict[str, str]) -> bytes:
        try:
            old = login.exchange.decrypt_password(pairs.get("AUTH_PASSWORD", ""))
            new = login.exchange.decrypt_password(pairs.get("AUTH_NEWPASSWORD", ""))
        except ValueError as error:
            raise OracleError(1017, "invalid username/password; logon denied") from error
        session.change_password(old, new)
        return bytes((Message.PARAMETER, 0)) + status(session.in_transaction)
