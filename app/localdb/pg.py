"""A small client of PostgreSQL's frontend/backend protocol, version 3, for one thread at a time.

Everything is pipelined: the methods parse, bind, execute ... only queue messages; `exchange` sends the queue in
one go and reads the answers. Values travel as text, rows come back as tuples of bytes and None, untouched.
Protocol facts: PostgreSQL documentation, chapter "Frontend/Backend Protocol", message formats.
"""

from __future__ import annotations

import select
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from app.localdb.datarows import DataRows, Row
from app.localdb.pg_messages import (
    Field,
    Notification,
    PgError,
    PgGone,
    Quiet,
    Result,
    error_fields,
    message,
    row_description,
)

_PROTOCOL_3_0 = 196608
_CANCEL_REQUEST = 80877102
_RECEIVE = 262_144

_int4 = struct.Struct(">i").unpack_from
_int2 = struct.Struct(">h").unpack_from
_pack_int4 = struct.Struct(">i").pack
_header = struct.Struct(">ci").pack
_NULL = b"\xff\xff\xff\xff"
_SYNC = b"S\0\0\0\4"
_FLUSH = b"H\0\0\0\4"

# Which answer ends each queued message; see _read_answers.
_PARSE, _BIND, _PARAMETERS, _FIELDS, _EXECUTE, _HIDDEN, _CLOSE, _READY = range(8)


class Connection:
    """One session of PostgreSQL. Not thread-safe, except `cancel`."""

    def __init__(
        self, connect: Callable[[], socket.socket], *, user: str, database: str, settings: Mapping[str, str]
    ) -> None:
        self._connect = connect
        self.in_transaction = False  # what the last ReadyForQuery said
        self.failed = False  # the transaction is aborted and waits for a rollback
        self.notifications: list[Notification] = []
        self.fields: list[Field] = []  # of the last describe of an exchange
        self.parameters: list[int] = []  # type oids, of the last describe of a statement
        self.pid = 0
        self._secret = b""
        self._queue: list[bytes] = []
        self._awaited: deque[int] = deque()
        self._unsynced = False
        self._buffer = b""
        self._at = 0
        try:
            self._socket = connect()
            self._start({"user": user, "database": database, "client_encoding": "UTF8", **settings})
        except OSError as error:
            raise PgGone(str(error)) from error

    # -- queueing ------------------------------------------------------------------------------

    def parse(self, name: str, sql: str, types: Sequence[int] = ()) -> None:
        """Prepare `sql` under `name`; `types` are parameter type oids (0 = PostgreSQL infers)."""
        body = (
            name.encode() + b"\0" + sql.encode() + b"\0" + struct.pack(f">h{len(types)}I", len(types), *types)
        )
        self._add(b"P", body, _PARSE)

    def bind(self, portal: str, statement: str, values: Sequence[bytes | None] = ()) -> None:
        """Open `portal` of a prepared statement with text values; results come as text."""
        parts = [portal.encode(), b"\0", statement.encode(), b"\0\0\0", len(values).to_bytes(2, "big")]
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                parts.append(_pack_int4(len(value)))
                parts.append(value)
        parts.append(b"\0\0")
        self._add(b"B", b"".join(parts), _BIND)

    def describe_statement(self, name: str) -> None:
        self._add(b"D", b"S" + name.encode() + b"\0", _PARAMETERS)
        self._awaited.append(_FIELDS)

    def describe_portal(self, name: str) -> None:
        self._add(b"D", b"P" + name.encode() + b"\0", _FIELDS)

    def execute(self, portal: str, limit: int = 0, *, hidden: bool = False) -> None:
        """Fetch up to `limit` rows (0 = all). A hidden execute gives no Result and does not count as a step."""
        self._add(b"E", portal.encode() + b"\0" + _pack_int4(limit), _HIDDEN if hidden else _EXECUTE)

    def close_statement(self, name: str) -> None:
        self._add(b"C", b"S" + name.encode() + b"\0", _CLOSE)

    def close_portal(self, name: str) -> None:
        self._add(b"C", b"P" + name.encode() + b"\0", _CLOSE)

    def command(self, sql: str) -> None:
        """Queue a command without parameters and rows (BEGIN, SAVEPOINT, SET ROLE) in front of what follows."""
        self.parse("", sql)
        self.bind("", "")
        self.execute("", hidden=True)

    # -- exchanging ----------------------------------------------------------------------------

    def exchange(self, *, sync: bool = True) -> list[Result]:
        """Send what is queued and read all answers. Raises PgError for the first error, then in step again.

        Without `sync` the implicit transaction stays open (that is how a portal outlives the exchange).
        """
        if sync:
            self._queue.append(_SYNC)
            self._awaited.append(_READY)
            self._unsynced = False
        else:
            self._queue.append(_FLUSH)
            self._unsynced = True
        self._send()
        return self._read_answers()

    def sync_without_waiting(self) -> None:
        """End the implicit transaction now; its ReadyForQuery is read with the next answers."""
        self._queue.append(_SYNC)
        self._awaited.append(_READY)
        self._unsynced = False
        self._send()

    @property
    def unsynced(self) -> bool:
        """An exchange without sync left an implicit transaction open."""
        return self._unsynced

    def query(self, sql: str, values: Sequence[bytes | None] = (), types: Sequence[int] = ()) -> list[Row]:
        """One statement, all its rows."""
        self.parse("", sql, types)
        self.bind("", "", values)
        self.execute("")
        return list(self.exchange()[-1].rows)

    def script(self, sql: str) -> None:
        """Several statements in one simple query; they are one transaction unless they say otherwise."""
        self._queue.append(message(b"Q", sql.encode() + b"\0"))
        self._awaited.append(_READY)
        self._send()
        self._read_answers()

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """COPY ... FROM STDIN with the given data; returns the number of rows. Raises PgError."""
        self._queue.append(message(b"Q", sql.encode() + b"\0"))
        self._awaited.append(_READY)
        self._send()
        kind, body = self._message()
        if kind == 0x45:  # E
            self._fail(body)
        try:
            for chunk in chunks:
                self._write(_header(b"d", len(chunk) + 4) + chunk)
                if self._readable():
                    break  # an error: PostgreSQL answers early and ignores the rest
        except PgGone:
            raise
        except BaseException:
            self._write(message(b"f", b"the sender gave up\0"))
            with Quiet():
                self._read_answers()
            raise
        self._write(b"c\0\0\0\4")
        return self._read_tag().count

    def copy_out(self, sql: str) -> Iterator[bytes]:
        """The data of COPY ... TO STDOUT, as it comes, one row a chunk. Consume it to the end."""
        self._queue.append(message(b"Q", sql.encode() + b"\0"))
        self._awaited.append(_READY)
        self._send()
        while True:
            kind, body = self._message()
            if kind == 0x64:  # d
                yield body
            elif kind == 0x45:
                self._fail(body)
            elif kind == 0x63:  # c
                break
        self._read_answers()

    def wait_notification(self, timeout: float | None) -> list[Notification]:
        """Notifications that have come, waiting up to `timeout` seconds (None = for ever) for the first."""
        while not self.notifications:
            if self._at >= len(self._buffer) and not self._readable(timeout):
                break
            self._take_asynchronous(*self._raw_message())
        found, self.notifications = self.notifications, []
        return found

    def fileno(self) -> int:
        return self._socket.fileno()

    def cancel(self) -> None:
        """From another thread: ask PostgreSQL to cancel what runs now. Returns when the signal is sent."""
        with self._connect() as other:
            other.sendall(
                struct.pack(">iii", 16 + len(self._secret) - 4, _CANCEL_REQUEST, self.pid) + self._secret
            )
            other.settimeout(5.0)
            other.recv(1)

    def close(self) -> None:
        """Say goodbye and cut the socket. Never raises."""
        with Quiet():
            self._socket.sendall(b"X\0\0\0\4")
        with Quiet():
            self._socket.close()

    # -- wire ----------------------------------------------------------------------------------

    def _start(self, parameters: Mapping[str, str]) -> None:
        pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
        self._write(struct.pack(">ii", len(pairs) + 8, _PROTOCOL_3_0) + pairs)
        while True:
            kind, body = self._message()
            if kind == 0x45:
                raise PgError(error_fields(body))
            if kind == 0x52 and _int4(body)[0] != 0:  # R
                raise PgGone("PostgreSQL asks for a password although its socket is private")
            if kind == 0x4B:  # K
                self.pid = _int4(body)[0]
                self._secret = body[4:]
            if kind == 0x5A:  # Z
                return

    def _add(self, kind: bytes, body: bytes, answer: int) -> None:
        self._queue.append(_header(kind, len(body) + 4))
        self._queue.append(body)
        self._awaited.append(answer)

    def _send(self) -> None:
        data = b"".join(self._queue)
        self._queue.clear()
        if len(data) < 65_536:
            self._write(data)
            return
        # A long pipeline: PostgreSQL answers while we still send. Read what comes, or both would block.
        view, sent = memoryview(data), 0
        self._socket.setblocking(False)
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | select.POLLOUT)
        try:
            while sent < len(data):
                ((_, events),) = poll.poll()
                if events & ~select.POLLOUT:
                    self._receive()
                if events & select.POLLOUT:
                    sent += self._socket.send(view[sent : sent + _RECEIVE])
        except OSError as error:
            raise PgGone(str(error)) from error
        finally:
            self._socket.setblocking(True)

    def _write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise PgGone(str(error)) from error

    def _readable(self, timeout: float | None = 0.0) -> bool:
        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
            return bool(poll.poll(None if timeout is None else timeout * 1000))
        except (OSError, ValueError) as error:
            raise PgGone(str(error)) from error

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE)
        except OSError as error:
            raise PgGone(str(error)) from error
        if not data:
            raise PgGone("PostgreSQL closed the connection")
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0

    def _need(self, size: int) -> None:
        """Have at least `size` bytes behind the read position."""
        missing = size - (len(self._buffer) - self._at)
        if missing <= 0:
            return
        parts = [self._buffer[self._at :]]
        while missing > 0:
            try:
                data = self._socket.recv(max(_RECEIVE, min(missing, 8_388_608)))
            except OSError as error:
                raise PgGone(str(error)) from error
            if not data:
                raise PgGone("PostgreSQL closed the connection")
            parts.append(data)
            missing -= len(data)
        self._buffer, self._at = b"".join(parts), 0

    def _raw_message(self) -> tuple[int, bytes]:
        self._need(5)
        end = self._at + 1 + _int4(self._buffer, self._at + 1)[0]
        self._need(end - self._at)
        at = self._at
        end = at + 1 + _int4(self._buffer, at + 1)[0]
        self._at = end
        return self._buffer[at], self._buffer[at + 5 : end]

    def _message(self) -> tuple[int, bytes]:
        """The next message that is not asynchronous (notice, notification, parameter status)."""
        while True:
            kind, body = self._raw_message()
            if kind not in (0x4E, 0x41, 0x53):  # N A S
                return kind, body
            self._take_asynchronous(kind, body)

    def _take_asynchronous(self, kind: int, body: bytes) -> None:
        if kind == 0x41:
            channel, payload, _ = body[4:].split(b"\0", 2)
            self.notifications.append(Notification(channel.decode(), payload.decode(), _int4(body)[0]))
        elif kind == 0x45:
            raise PgGone(error_fields(body).get("M", "PostgreSQL ended the session"))

    def _read_answers(self) -> list[Result]:
        """Read until every queued message is answered."""
        results: list[Result] = []
        pieces: list[bytes] = []  # rows of the execute that is being answered
        starts: list[int] = []
        held = 0
        awaited = self._awaited
        while awaited:
            self._need(5)
            if self._buffer[self._at] == 0x44:  # D
                held += self._read_rows(pieces, starts, held)
                continue
            kind, body = self._message()
            if kind in (0x31, 0x32, 0x33):  # 1 2 3: parse, bind, close complete
                awaited.popleft()
            elif kind in (0x43, 0x49, 0x73):  # C I s: complete, empty query, suspended
                if awaited[0] == _READY:
                    continue  # of a script
                if awaited.popleft() == _EXECUTE:
                    results.append(Result(DataRows(b"".join(pieces), starts), body[:-1], kind == 0x73))
                pieces, starts, held = [], [], 0
            elif kind == 0x5A:
                self._note_status(body)
                awaited.popleft()
            elif kind == 0x74:  # t
                self.parameters = list(struct.unpack_from(f">{_int2(body)[0]}I", body, 2))
                awaited.popleft()
            elif kind in (0x54, 0x6E):  # T n
                if awaited[0] != _READY:
                    self.fields = row_description(body) if kind == 0x54 else []
                    awaited.popleft()
            elif kind == 0x45:
                self._fail(body, len(results) if awaited and awaited[0] in (_EXECUTE, _BIND) else -1)
            elif kind == 0x47:  # G: a COPY without data
                self._write(message(b"f", b"no data given\0"))
        return results

    def _read_tag(self) -> Result:
        result = Result()
        while self._awaited:
            kind, body = self._message()
            if kind == 0x43:
                result.tag = body[:-1]
            elif kind == 0x5A:
                self._note_status(body)
                self._awaited.popleft()
            elif kind == 0x45:
                self._fail(body)
        return result

    def _fail(self, body: bytes, step: int = -1) -> None:
        """Get in step after an error: PostgreSQL ignores everything up to the next Sync."""
        error = PgError(error_fields(body), step)
        if error.fields.get("V") in ("FATAL", "PANIC"):
            raise PgGone(error.message) from error
        if _READY not in self._awaited:
            self._unsynced = False
            self._awaited.append(_READY)
            self._write(_SYNC)
        while self._awaited.popleft() != _READY:
            pass
        while True:
            kind, status = self._message()
            if kind == 0x5A:
                break
        self._note_status(status)
        if self._awaited:  # further syncs were sent behind the failed one
            self._read_answers()
        raise error

    def _note_status(self, body: bytes) -> None:
        self.in_transaction = body != b"I"
        self.failed = body == b"E"

    def _read_rows(self, pieces: list[bytes], starts: list[int], held: int) -> int:
        """All complete DataRow messages at the read position, as they are; returns their bytes. `held` bytes of
        rows were read before."""
        self._need(1 + _int4(self._buffer, self._at + 1)[0])
        buffer, at = self._buffer, self._at
        first, size = at, len(buffer)
        shift = held - first
        append = starts.append
        while at + 5 <= size and buffer[at] == 0x44:
            end = at + 1 + _int4(buffer, at + 1)[0]
            if end > size:
                break
            append(at + shift)
            at = end
        self._at = at
        pieces.append(buffer[first:at])
        return at - first
