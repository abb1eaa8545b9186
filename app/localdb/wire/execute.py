"""Execute (94), re-execute (78, 4) and fetch (5): from request bodies to sessions and back to rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.localdb.contract import Bind, Cursor, Direction, Kind, Lob, OraType, Outcome
from app.localdb.errors import OracleError
from app.localdb.wire.backend import BackendSession, Statistic
from app.localdb.wire.binds import BindRows, to_binds
from app.localdb.wire.channel import Channel
from app.localdb.wire.constants import NO_DATA_FOUND, Execute, Function, Message, Scroll
from app.localdb.wire.cursors import Cursors, Rows, ServerCursor
from app.localdb.wire.describe import describe
from app.localdb.wire.errors import CallError, ProtocolError
from app.localdb.wire.lobs import Lobs
from app.localdb.wire.requests import ExecuteRequest, read_execute, read_reexecute
from app.localdb.wire.response import error_block, parameters
from app.localdb.wire.rows import RowEncoder
from app.localdb.wire.scan import scan
from app.localdb.wire.values import encode
from app.localdb.wire.writer import data, sb, ub

Run = Callable[[], bytes]
Register = Callable[[int, ServerCursor, Sequence[Bind], Sequence[Any]], int]

ROW_HEADER = bytes((Message.ROW_HEADER,)) + bytes(7)
MAX_EXECUTIONS = 50_000_000
NO_LENGTH = b"\0"  # "actual length" after an OUT value: nothing was cut


class Executor:
    """Runs the statements of one connection. `register` registers a query for notification."""

    def __init__(self, channel: Channel, session: BackendSession, lobs: Lobs, register: Register) -> None:
        self._channel = channel
        self._session = session
        self._lobs = lobs
        self._register = register
        self._bound: list[int] = []  # cursor ids in the CURSOR binds of the request at hand
        self.cursors = Cursors()

    # Each of these reads one request's body and returns what is to be done with it.

    def execute(self) -> Run:
        self._bound = []
        reader = self._channel.reader
        request = read_execute(reader, self._channel.field_version)
        error: OracleError | None = None
        values: list[list[Any]] = []
        scanned = None
        if request.text is not None:
            scanned = scan(request.text)
        else:
            try:
                scanned = self.cursors.find(request.cursor).scanned
            except OracleError as unknown:
                error = unknown
        if request.binds and request.options & Execute.BIND:
            if request.executions > MAX_EXECUTIONS:
                raise ProtocolError(f"{request.executions} executions")
            returning = scanned.returning if scanned else ()
            sent = [i for i in range(len(request.binds)) if i >= len(returning) or not returning[i]]
            is_query = scanned is not None and scanned.is_query
            rows = BindRows(
                request.binds,
                sent,
                is_plsql=scanned is not None and scanned.is_plsql,
                lobs=self._lobs,
                cursor=self._bound_cursor,
            )
            try:
                values = rows.read(reader, 1 if is_query else request.executions)
            except OracleError as wrong:
                error = error or wrong
        if error is not None:
            return _failing(error)
        return lambda: self._execute(request, values)

    def reexecute(self, function: int) -> Run:
        reader = self._channel.reader
        request = read_reexecute(reader)
        try:
            cursor = self.cursors.find(request.cursor)
        except OracleError as error:
            return _failing(error)
        returning = cursor.scanned.returning
        sent = [
            i
            for i in range(len(cursor.declared))
            if not returning[i] and (i >= len(cursor.directions) or cursor.directions[i] != Direction.OUT)
        ]
        rows = BindRows(
            cursor.declared,
            sent,
            is_plsql=cursor.scanned.is_plsql,
            lobs=self._lobs,
            cursor=self._bound_cursor,
        )
        fetches = function == Function.REEXECUTE_AND_FETCH
        executions = 1 if fetches or cursor.scanned.is_query else request.count
        try:
            values = rows.read(reader, executions)
        except OracleError as error:
            return _failing(error)
        commit = bool(request.options & Execute.REEXECUTE_COMMIT)
        prefetch = request.count if fetches else 0
        return lambda: self._rerun(cursor, values, executions, commit, prefetch)

    def fetch(self) -> Run:
        number, count = self._channel.reader.ubs(2)
        return lambda: self._fetch(self.cursors.find(number), count)

    # What follows runs when the body has been read.

    def _execute(self, request: ExecuteRequest, values: list[list[Any]]) -> bytes:
        options = request.options
        if request.defines:
            cursor = self.cursors.find(request.cursor)
            cursor.define(request.defines)
            if cursor.result is None and not cursor.finished:
                return self._block(cursor)  # described, never executed
            return self._fetch(cursor, request.rows)
        if request.text is None:
            cursor = self.cursors.find(request.cursor)
            if cursor.statement is None or not options & (Execute.EXECUTE | Execute.PARSE):
                if request.flags & Execute.FLAG_SCROLLABLE and cursor.kept is not None:
                    return self._scroll(cursor, request)
                if cursor.result is not None or cursor.finished:
                    return self._fetch(cursor, request.rows)
            continues = request.orientation == Scroll.CURRENT and request.position > 1
            if request.flags & Execute.FLAG_SCROLLABLE and cursor.kept is not None and continues:
                return self._scroll(cursor, request)
            is_new = False
        else:
            self.cursors.close(request.cursor)  # DDL comes with its text and its old cursor
            cursor, is_new = self._parse(request.text), True
        try:
            if request.binds:
                cursor.declared = request.binds
            if not options & Execute.EXECUTE and cursor.scanned.is_ddl:
                options |= Execute.EXECUTE  # Oracle runs DDL when it is parsed
            if not options & Execute.EXECUTE:
                return self._describe_only(cursor)
            # A query that is executed again states its rows as executions; with LOBs only so.
            wants_rows = options & Execute.FETCH or (request.executions and cursor.scanned.is_query)
            return self._run(
                cursor,
                values,
                request.executions,
                commit=bool(options & Execute.COMMIT),
                prefetch=request.rows if wants_rows else 0,
                batch_errors=bool(options & Execute.BATCH_ERRORS),
                row_counts=bool(request.flags & Execute.FLAG_DML_ROW_COUNTS),
                scrollable=bool(request.flags & Execute.FLAG_SCROLLABLE),
                is_new=is_new,
                registration=request.registration,
                is_full=True,
            )
        except OracleError as error:
            if is_new:
                self.cursors.close(cursor.id)
            counts, before = error.row_counts, b""
            if request.flags & Execute.FLAG_DML_ROW_COUNTS and counts is not None:
                before = parameters(row_counts=counts)
            raise CallError(error, 0 if is_new else cursor.id, error.row_count, before) from error

    def _parse(self, text: str) -> ServerCursor:
        self._session.statistics[Statistic.PARSES] += 1
        statement = self._session.prepare(text)
        return self.cursors.add(text, statement)

    def _describe_only(self, cursor: ServerCursor) -> bytes:
        assert cursor.statement is not None
        if cursor.statement.kind not in (Kind.QUERY, Kind.DML):
            return self._block(cursor)
        columns = self._session.describe(cursor.statement)  # raises what is wrong with a DML statement too
        if cursor.statement.kind == Kind.DML:
            return self._block(cursor)
        return self._describe(columns) + self._block(cursor)

    def _describe(self, columns: Sequence[Any]) -> bytes:
        return bytes((Message.DESCRIBE, 0)) + describe(columns, self._channel.field_version)

    def _rerun(
        self, cursor: ServerCursor, values: list[list[Any]], executions: int, commit: bool, prefetch: int
    ) -> bytes:
        try:
            return self._run(cursor, values, executions, commit=commit, prefetch=prefetch)
        except OracleError as error:
            raise CallError(error, cursor.id, error.row_count) from error

    def _run(
        self,
        cursor: ServerCursor,
        values: list[list[Any]],
        executions: int,
        *,
        commit: bool,
        prefetch: int,
        batch_errors: bool = False,
        row_counts: bool = False,
        scrollable: bool = False,
        is_new: bool = False,
        registration: int = 0,
        is_full: bool = False,
    ) -> bytes:
        statement = cursor.statement
        if statement is None:
            raise OracleError(1002, "fetch out of sequence")
        cursor.close_result()
        self.cursors.close_children(cursor)
        scanned = cursor.scanned
        binds = to_binds(cursor.declared, scanned.names, scanned.returning) if cursor.declared else []
        if not values:
            values = [[None] * len(binds) for _ in range(1 if scanned.is_query else max(executions, 1))]
        outcome = self._session.execute(statement, binds, values, batch_errors=batch_errors, commit=commit)
        if outcome.cursor is not None:
            query = self._register(registration, cursor, binds, values[0]) if registration else None
            return self._answer_query(cursor, outcome.cursor, prefetch, scrollable, is_new, query)
        return self._answer_call(cursor, binds, outcome, row_counts, is_full=is_full)

    def _answer_query(
        self,
        cursor: ServerCursor,
        result: Cursor,
        prefetch: int,
        scrollable: bool,
        is_new: bool,
        query: int | None,
    ) -> bytes:
        if not is_new and cursor.columns and len(cursor.columns) != len(result.columns):
            result.close()
            cursor.columns = []
            raise OracleError(1007, "variable not in select list")  # the client parses and describes anew
        changed = cursor.open(result, scrollable=scrollable)
        parts = []
        if query is not None:
            parts.append(parameters(query_id=query))
        if changed or is_new:
            parts.append(self._describe(cursor.columns))
        finished = False
        if prefetch and not cursor.needs_define():
            rows = cursor.scroll_rows(0, 1, prefetch) if scrollable else cursor.next_rows(prefetch)
            parts += self._rows(cursor, rows, scrolled=scrollable)
            finished = len(rows) < prefetch
        parts.append(self._block(cursor, finished=finished))
        return b"".join(parts)

    def _answer_call(
        self, cursor: ServerCursor, binds: list[Bind], outcome: Outcome, row_counts: bool, *, is_full: bool
    ) -> bytes:
        parts = []
        if row_counts:
            parts.append(parameters(row_counts=outcome.row_counts))
        if outcome.kind == Kind.PLSQL and binds:
            cursor.directions = list(outcome.directions)
            if is_full:
                parts.append(_io_vector(cursor.directions))
            parts += self._out_rows(binds, cursor.directions, outcome.out_values)
            self._close_replaced(binds, cursor.directions, outcome.out_values)
        elif any(bind.returning for bind in binds):
            parts += self._returned(binds, outcome.returned)
        if outcome.implicit_results:
            parts += self._implicit(cursor, outcome.implicit_results)
        parts.append(
            error_block(
                self._channel.field_version,
                self._session.in_transaction,
                cursor=cursor.id,
                row_count=outcome.row_count,
                rowid=outcome.last_rowid,
                compile_errors=outcome.compile_errors,
                batch=outcome.batch_errors,
            )
        )
        return b"".join(parts)

    def _out_rows(
        self, binds: Sequence[Bind], directions: Sequence[Direction], rows: Sequence[Sequence[Any]]
    ) -> list[bytes]:
        out = [i for i, direction in enumerate(directions) if direction != Direction.IN]
        parts: list[bytes] = []
        if not out:
            return parts
        for row in rows:
            parts.append(bytes((Message.ROW_DATA,)))
            for index in out:
                bind, value = binds[index], row[index]
                if bind.array:
                    elements = value or []
                    parts.append(ub(len(elements)))
                    parts += [self._out_value(bind, element) for element in elements]
                else:
                    parts.append(self._out_value(bind, value))
        return parts

    def _close_replaced(
        self, binds: Sequence[Bind], directions: Sequence[Direction], rows: Sequence[Sequence[Any]]
    ) -> None:
        """The client forgets the id of a REF CURSOR variable that gets a new cursor: close the old one."""
        indexes = [i for i, bind in enumerate(binds) if bind.type == OraType.CURSOR and not bind.array]
        for index, number in zip(indexes, self._bound, strict=False):
            if number and directions[index] != Direction.IN and rows:
                value = rows[0][index]
                if value is None or self.cursors.adopt(value).id != number:
                    self.cursors.close(number)

    def _returned(self, binds: Sequence[Bind], returned: Sequence[Sequence[Sequence[Any]]]) -> list[bytes]:
        targets = [bind for bind in binds if bind.returning]
        parts = []
        for execution in returned:
            parts.append(bytes((Message.ROW_DATA,)))
            for bind, column in zip(targets, execution, strict=True):
                parts.append(ub(len(column)))
                parts += [self._out_value(bind, value) for value in column]
        return parts

    def _implicit(self, cursor: ServerCursor, results: Sequence[Cursor]) -> list[bytes]:
        parts = [bytes((Message.IMPLICIT_RESULT,)), ub(len(results))]
        for result in results:
            child = self.cursors.adopt(result)
            cursor.children.append(child.id)
            parts += (b"\0", describe(child.columns, self._channel.field_version), ub(child.id))
        return parts

    def _out_value(self, bind: Bind, value: Any) -> bytes:
        """A value of an OUT bind or of RETURNING, with the length field that follows it."""
        kind = bind.type
        if kind == OraType.CURSOR:
            return self._cursor_value(value) + NO_LENGTH
        if value is None:
            return b"\0" + (sb(-1) if kind == OraType.BOOLEAN else NO_LENGTH)
        if kind in (OraType.CLOB, OraType.BLOB):
            lob = value if isinstance(value, Lob) else Lob(kind, value, temporary=True)
            return self._lobs.value(lob, bind.national) + NO_LENGTH
        if bind.returning and bind.size and isinstance(value, str | bytes):
            return _returned_text(bind, value)
        return encode(kind, value, bind.national) + NO_LENGTH

    def _cursor_value(self, result: Cursor | None) -> bytes:
        """A REF CURSOR: its describe and its id; one that is not open has no columns and no id."""
        if result is None:
            return b"\x01" + describe([], self._channel.field_version) + b"\0"
        child = self.cursors.adopt(result)
        return b"\x01" + describe(child.columns, self._channel.field_version) + ub(child.id)

    def _bound_cursor(self, number: int) -> Cursor | None:
        self._bound.append(number)
        return self.cursors.find(number).result if number else None

    def _fetch(self, cursor: ServerCursor, count: int) -> bytes:
        try:
            rows = cursor.next_rows(count)
            return b"".join((*self._rows(cursor, rows), self._block(cursor, finished=cursor.finished)))
        except OracleError as error:
            raise CallError(error, cursor.id, cursor.sent) from error

    def _scroll(self, cursor: ServerCursor, request: ExecuteRequest) -> bytes:
        rows = cursor.scroll_rows(request.orientation, request.position, request.rows)
        parts = self._rows(cursor, rows, scrolled=True)
        return b"".join((*parts, self._block(cursor, finished=len(rows) < request.rows)))

    def _rows(self, cursor: ServerCursor, rows: Rows, *, scrolled: bool = False) -> list[bytes]:
        if not rows:
            return []
        if cursor.encoder is None:
            cursor.encoder = RowEncoder(
                cursor.encoded,
                cursor.fetch_types,
                self._lobs,
                self._session.time_zone,
                lambda: self._session.locator_transaction,
                lambda number: self._nested(cursor, number),
            )
        if not scrolled:
            cursor.sent += len(rows)
        return [ROW_HEADER, cursor.encoder.encode(rows)]

    def _nested(self, parent: ServerCursor, number: int) -> bytes:
        child = self.cursors.adopt(self._session.cursors.pop(number))
        parent.children.append(child.id)
        return b"\x01" + describe(child.columns, self._channel.field_version) + ub(child.id)

    def _block(self, cursor: ServerCursor, *, finished: bool = False) -> bytes:
        return error_block(
            self._channel.field_version,
            self._session.in_transaction,
            code=NO_DATA_FOUND if finished else 0,
            text="ORA-01403: no data found" if finished else "",
            cursor=cursor.id,
            row_count=cursor.sent,
        )


def _returned_text(bind: Bind, value: str | bytes) -> bytes:
    """A string of RETURNING: what is longer than its variable is cut, and followed by its real length."""
    whole = encode(bind.type, value, bind.national)
    plain = value if isinstance(value, bytes) else value.encode("utf-16-be" if bind.national else "utf-8")
    if len(plain) <= bind.size:
        return whole + NO_LENGTH
    cut = plain[: bind.size]
    if isinstance(value, str) and not bind.national:
        cut = cut.decode("utf-8", "ignore").encode()
    return data(cut) + sb(min(len(plain), 0x7FFF))


def _io_vector(directions: Sequence[Direction]) -> bytes:
    count = len(directions)
    head = bytes((Message.IO_VECTOR, 0)) + ub(count % 256) + ub(count // 256)
    return head + bytes(4) + bytes(directions)


def _failing(error: OracleError) -> Run:
    def run() -> bytes:
        raise error

    return run
