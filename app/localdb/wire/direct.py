"""Direct path load (functions 128, 129, 130): rows copied in batches; inserted where COPY fails.

CLOB data is UTF-16BE, character data is in the database's character set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.localdb.contract import Bind, Column, OraType, StatementInfo
from app.localdb.errors import OracleError, oracle_error
from app.localdb.values import to_text
from app.localdb.wire import pieces
from app.localdb.wire.backend import BackendSession
from app.localdb.wire.channel import Channel
from app.localdb.wire.constants import Message
from app.localdb.wire.describe import describe_column
from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.execute import Run
from app.localdb.wire.numbers import decode_text
from app.localdb.wire.pieces import ShortRows, Values
from app.localdb.wire.response import status
from app.localdb.wire.values import Decoder, decoder
from app.localdb.wire.writer import ub

OBJECT_NAME, SCHEMA_NAME, COLUMN_NAME = 1, 3, 4  # keyword indexes
FINISH, ABORT = 2, 1
BATCH = 5000  # rows stored at once, or
BATCH_BYTES = 16_000_000  # of them
COLUMNAR = 500  # rows from which turning them into text by columns is faster
CACHED = 50_000  # values
NULL_TEXT = b"\\N"
KEPT = 24  # bytes of a raw value that is worth remembering
_ESCAPES = ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))

Texts = Callable[[Sequence[bytes | None]], list[bytes]]


@dataclass(slots=True)
class Load:
    """One load that was prepared."""

    statement: StatementInfo
    binds: list[Bind]
    decoders: list[Decoder]
    kinds: list[OraType | None] = field(default_factory=list)  # of the columns; None: not by columns
    target: tuple[str, str, list[str]] = ("", "", [])  # schema, table, columns
    texts: list[Texts] = field(default_factory=list)  # of each column: raw values -> COPY's texts
    row: Values = field(default_factory=list)  # of the row whose pieces are coming in
    error: OracleError | None = None


class Batch:
    """Rows in the order they came, to be stored together."""

    def __init__(self) -> None:
        self.count = self.size = 0  # rows, bytes
        self._parts: list[ShortRows | Values] = []

    def add(self, part: ShortRows | Values) -> None:
        self._parts.append(part)
        if isinstance(part, ShortRows):
            self.count += len(part.starts)
            self.size += part.end - part.starts[0]
        else:
            self.count += 1
            self.size += sum(len(value or b"") for value in part)

    def rows(self) -> list[Values]:
        """The raw values of each row. Raises ProtocolError."""
        found: list[Values] = []
        for part in self._parts:
            found += part.values() if isinstance(part, ShortRows) else [part]
        return found

    def lines(self, load: Load) -> bytes | None:
        """The rows as COPY's text; None when one of them has another number of values."""
        short = [part for part in self._parts if isinstance(part, ShortRows)]
        if self.count >= COLUMNAR and len(short) == len(self._parts):
            from app.localdb.wire import columnar_load  # with numpy and Arrow: not before they are needed

            return columnar_load.lines(short, load.kinds, load.texts)
        rows = self.rows()
        if any(len(row) != len(load.texts) for row in rows):
            return None
        columns = zip(*rows, strict=True)
        texts = [text(column) for text, column in zip(load.texts, columns, strict=True)]
        return b"\n".join(map(b"\t".join, zip(*texts, strict=True))) + b"\n"


class DirectPath:
    """The loads of one connection."""

    def __init__(self, channel: Channel, session: BackendSession) -> None:
        self._channel = channel
        self._session = session
        self._loads: dict[int, Load] = {}
        self._last = 0

    def prepare(self) -> Run:
        reader = self._channel.reader
        reader.ub()
        reader.u8()
        keyword_count = reader.ub()
        reader.u8()
        value_count = reader.ub()
        reader.skip(6)
        names: dict[int, list[str]] = {}
        for _ in range(keyword_count):
            reader.ub()
            reader.ub()
            value = (reader.data() or b"").decode("utf-8", "replace")
            names.setdefault(reader.ub(), []).append(value)
        reader.ubs(value_count)
        schema, table = (_plain(names.get(index, [""])[0]) for index in (SCHEMA_NAME, OBJECT_NAME))
        return lambda: self._prepare(schema, table, list(map(_plain, names.get(COLUMN_NAME, []))))

    def _prepare(self, schema: str, table: str, column_names: list[str]) -> bytes:
        columns = self._session.load_columns(schema, table, column_names)
        names = [column.name for column in columns]
        listed = ", ".join(map(_quoted, names))
        target = f"{_quoted(schema)}.{_quoted(table)}"
        binds = [_bind(number, column) for number, column in enumerate(columns, 1)]
        places = ", ".join(f":{bind.name}" for bind in binds)
        statement = self._session.prepare(f"insert into {target} ({listed}) values ({places})")
        self._last += 1
        decoders = [_decoder(column) for column in columns]
        self._loads[self._last] = Load(
            statement,
            binds,
            decoders,
            [None if column.national else column.type for column in columns],
            (schema, table, names),
            [_texts(decode, column) for decode, column in zip(decoders, columns, strict=True)],
            error=None if len(names) == len(column_names) else _UNNAMED,
        )
        described = (
            describe_column(column, n, self._channel.field_version) for n, column in enumerate(columns, 1)
        )
        return b"".join(
            (
                bytes((Message.PARAMETER,)),
                ub(len(columns)),
                *described,
                b"\0",
                ub(4),
                bytes(3),
                ub(self._last),
                status(self._session.in_transaction),
            )
        )

    def stream(self) -> Run:
        """Reads and inserts batch by batch; after an error the rest is read and dropped."""
        reader = self._channel.reader
        number = reader.ub()
        reader.u8()
        total = reader.ub()
        reader.ub()
        reader.u8()
        reader.ub()
        reader.skip(2)
        load = self._loads.get(number)
        if load is None:
            load = Load(_NOTHING, [], [], error=OracleError(1001, "invalid cursor"))
        batch = Batch()
        for found in pieces.read(reader, total, load.row):
            if load.error is None:
                batch.add(found)
                if batch.count >= BATCH or batch.size >= BATCH_BYTES:
                    self._store(load, batch)
                    batch = Batch()
        if load.error is None and batch.count:
            self._store(load, batch)
        error = load.error

        def run() -> bytes:
            if error is not None:
                raise error
            return bytes((Message.PARAMETER, 0)) + status(self._session.in_transaction)

        return run

    def _store(self, load: Load, batch: Batch) -> None:
        """COPY the batch; when it cannot be or fails, insert it: that tells which row fails, and why."""
        try:
            lines = batch.lines(load)
            if lines is None or not self._session.copy_rows(*load.target, lines):
                values = [
                    [
                        None if raw is None else decode(raw)
                        for raw, decode in zip(row, load.decoders, strict=True)
                    ]
                    for row in batch.rows()
                ]
                self._session.execute(load.statement, load.binds, values)
        except OracleError as error:
            load.error = error
        except ValueError as error:
            raise ProtocolError(f"a direct path row: {error}") from error

    def operation(self) -> Run:
        reader = self._channel.reader
        code, number = reader.ub(), reader.ub()
        reader.u8()
        reader.ub()
        reader.skip(2)

        def run() -> bytes:
            self._loads.pop(number, None)
            if code == FINISH:
                self._session.commit()
            elif code == ABORT:
                self._session.rollback()
            else:
                raise OracleError(
                    3001,
                    f"unimplemented feature: direct path operation {code} is not supported by the local database",
                )
            return bytes((Message.PARAMETER, 0)) + status(self._session.in_transaction)

        return run


class _Nothing:
    """Stands for the statement of a load that was never prepared; it is not executed."""

    text = ""
    kind = None


_NOTHING: Any = _Nothing()

# The client refuses rows of another length than was described; these have values for columns that it did not name.
_UNNAMED = oracle_error(
    3001, "a direct path load that leaves out a column with a default is not supported by the local database"
)


def _texts(decode: Decoder, column: Column) -> Texts:
    """What turns the raw bytes of a column into COPY's texts."""
    if column.type in (OraType.VARCHAR2, OraType.CHAR, OraType.LONG) and not column.national:
        return _as_they_are
    if column.type == OraType.NUMBER:
        return lambda values: [decode_text(raw) if raw else NULL_TEXT for raw in values]
    cache: dict[bytes | None, bytes] = {}

    def texts(values: Sequence[bytes | None]) -> list[bytes]:
        if len(cache) > CACHED:
            cache.clear()
        found = []
        for raw in values:
            text = cache.get(raw)
            if text is None:
                text = _escaped(to_text(decode(raw)) if raw else None)
                if raw is None or len(raw) <= KEPT:
                    cache[raw] = text
            found.append(text)
        return found

    return texts


def _as_they_are(values: Sequence[bytes | None]) -> list[bytes]:
    joined = b"".join(filter(None, values))
    if any(special in joined for special, _ in _ESCAPES):
        return [_escaped(raw) for raw in values]
    return [raw or NULL_TEXT for raw in values]


def _escaped(text: bytes | None) -> bytes:
    if not text:
        return NULL_TEXT
    for special, escaped in _ESCAPES:
        if special in text:
            text = text.replace(special, escaped)
    return text


def _plain(name: str) -> str:
    """A name without its quotes, as the dictionary has it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _bind(number: int, column: Column) -> Bind:
    kind = column.type
    if kind == OraType.CLOB:
        kind = OraType.LONG
    elif kind == OraType.BLOB:
        kind = OraType.LONG_RAW
    return Bind(str(number), kind, column.size)


def _decoder(column: Column) -> Decoder:
    """Of the raw bytes of a column. Raises OracleError for types that cannot be loaded."""
    if column.type == OraType.CLOB:
        return lambda raw: raw.decode("utf-16-be", "replace") or None
    if column.type == OraType.BLOB:
        return lambda raw: raw or None
    found = decoder(column.type, column.national)
    if found is None:
        raise OracleError(
            3001,
            f"unimplemented feature: direct path load of {column.type.name} is not supported by the local database",
        )
    return lambda raw: found(raw) if raw else None
