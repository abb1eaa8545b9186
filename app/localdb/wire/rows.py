"""Result rows: PostgreSQL's text of each value to wire bytes.

A few rows are encoded here: each column by one pass of a function of its type (with caches where values repeat),
all of it joined once. Many rows are encoded by wire.columnar.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from itertools import chain, repeat

from app.localdb.contract import Column, IntervalYM, Lob, LobOrigin, OraType
from app.localdb.datarows import DataRows
from app.localdb.errors import OracleError
from app.localdb.values import lob_origin
from app.localdb.wire.constants import Message
from app.localdb.wire.lobs import Lobs
from app.localdb.wire.numbers import NumberCache, encode_double, encode_float
from app.localdb.wire.oson import MARKED
from app.localdb.wire.rowids import encode_rowid_column, encode_urowid_column
from app.localdb.wire.times import (
    encode_date_text,
    encode_interval_ds_text,
    encode_interval_ym,
    encode_local_text,
    encode_timestamp_text,
    encode_zoned_text,
)
from app.localdb.wire.values import json_value
from app.localdb.wire.writer import SHORT, data

RawColumn = Sequence[bytes | None]
Streams = list[Iterable[bytes]]
ColumnEncoder = Callable[[RawColumn], Streams]

ROW = bytes((Message.ROW_DATA,))
LONG_TRAILER = b"\0\0"  # null indicator and return code of a LONG value
CHARACTER_FETCH = frozenset({OraType.VARCHAR2, OraType.CHAR, OraType.LONG})
COLUMNAR = 500  # rows from which encoding them by columns is faster
RAW_FETCH = frozenset({OraType.RAW, OraType.LONG_RAW})

_numbers = NumberCache()  # shared by all connections: a dict assignment is atomic


class ValueCache(dict[bytes | None, bytes]):
    """Text -> wire bytes with length, by the function it is made with. Bounded."""

    LIMIT = 50_000

    def __init__(self, encode: Callable[[bytes], bytes], *, framed: bool = False) -> None:
        super().__init__()
        self._encode = encode
        self._framed = framed  # the function adds the length itself

    def __missing__(self, text: bytes | None) -> bytes:
        if text is None:
            encoded = b"\0"
        else:
            wire = self._encode(text)
            encoded = wire if self._framed else SHORT[len(wire)] + wire
            if len(self) >= self.LIMIT:
                self.clear()
        self[text] = encoded
        return encoded


def _boolean(text: bytes) -> bytes:
    return b"\x02\x01\x01" if text == b"t" else b"\x01\x00"


_CACHES: dict[OraType, dict[bytes | None, bytes]] = {
    OraType.NUMBER: _numbers,
    OraType.BINARY_INTEGER: _numbers,
    OraType.DATE: ValueCache(encode_date_text),
    OraType.TIMESTAMP: ValueCache(encode_timestamp_text),
    OraType.TIMESTAMP_TZ: ValueCache(encode_zoned_text),
    OraType.BINARY_DOUBLE: ValueCache(lambda text: encode_double(float(text))),
    OraType.BINARY_FLOAT: ValueCache(lambda text: encode_float(float(text))),
    OraType.INTERVAL_DS: ValueCache(encode_interval_ds_text),
    OraType.INTERVAL_YM: ValueCache(lambda text: encode_interval_ym(IntervalYM(int(text)))),
    OraType.BOOLEAN: ValueCache(_boolean, framed=True),
    OraType.ROWID: ValueCache(encode_rowid_column, framed=True),
    OraType.UROWID: ValueCache(encode_urowid_column, framed=True),
}


def _cached(cache: dict[bytes | None, bytes]) -> ColumnEncoder:
    lookup = cache.__getitem__
    return lambda column: [map(lookup, column)]


def _bytes(column: Sequence[bytes | None]) -> Streams:
    """Length and value as two streams: nothing is concatenated per value."""
    values = [value or b"" for value in column] if None in column else column
    try:
        return [[SHORT[len(value)] for value in values], values]  # type: ignore[arg-type, list-item]
    except IndexError:
        return [[data(value or b"") for value in column]]


def _national(column: RawColumn) -> Streams:
    return _bytes([None if value is None else value.decode().encode("utf-16-be") for value in column])


def _raw(column: RawColumn) -> Streams:
    return _bytes([None if value is None else unhexlify(value[2:]) for value in column])


def _json_text(column: RawColumn) -> Streams:
    """JSON that the client wants as text. Raises ValueError for what JSON has no form for."""
    if any(value is not None and MARKED in value for value in column):
        raise ValueError("JSON with dates, intervals or bytes as text")
    return _bytes(column)


def _long(values: Streams) -> Streams:
    return [*values, repeat(LONG_TRAILER)]


class RowEncoder:
    """Encodes the rows of one result, by the types the client fetches them as."""

    def __init__(
        self,
        columns: Sequence[Column],
        fetch_types: Sequence[int],
        lobs: Lobs,
        zone: tzinfo,
        transaction: Callable[[], int | None],
        nested: Callable[[int], bytes],
    ) -> None:
        """`fetch_types` has the client's type of each column: LONG for a CLOB wanted as text, for one.
        `transaction` tells which one the locators of stored LOBs belong to, `nested` makes the value of a
        CURSOR column from its number."""
        self._lobs = lobs
        self._zone = zone
        self._transaction = transaction
        self._lob_kinds = [(column.type, column.national) for column in columns]
        self._nested = nested
        self.columns = [  # as wire.columnar wants them
            (None if column.national else column.type, self._encoder(column, fetch))
            for column, fetch in zip(columns, fetch_types, strict=True)
        ]
        self._stored = {  # the columns whose LOBs are given as locators, and where they are stored
            at: column.stored
            for at, (column, fetch) in enumerate(zip(columns, fetch_types, strict=True))
            if column.stored is not None and fetch in (OraType.CLOB, OraType.BLOB)
        }

    def encode(self, rows: Sequence[tuple[bytes | None, ...]]) -> bytes:
        """All `rows` as row-data messages. Raises OracleError for a value that has no wire form."""
        if not rows:
            return b""
        try:
            if self._stored:
                return self._with_origins(rows)
            if isinstance(rows, DataRows) and len(rows) >= COLUMNAR:
                from app.localdb.wire import columnar  # with numpy and Arrow: not before they are needed

                encoded = columnar.encode(rows, self.columns)
                if encoded is not None:
                    return encoded
            streams: list[Iterable[bytes]] = [repeat(ROW, len(rows))]
            for (_, encode), column in zip(self.columns, zip(*rows, strict=True), strict=False):
                streams += encode(column)
            return b"".join(chain.from_iterable(zip(*streams, strict=False)))
        except (ValueError, IndexError, UnicodeError) as error:
            raise OracleError(3115, f"unsupported network datatype or representation: {error}") from error

    def _encoder(self, column: Column, fetch: int) -> ColumnEncoder:
        kind = column.type
        if kind == OraType.CLOB and fetch in CHARACTER_FETCH:
            return (lambda c: _long(_national(c))) if column.national else (lambda c: _long(_bytes(c)))
        if kind == OraType.BLOB and fetch in RAW_FETCH:
            return lambda c: _long(_raw(c))
        if kind == OraType.CLOB or kind == OraType.BLOB:
            return lambda c: [[self._lob(kind, value, column.national) for value in c]]
        if kind == OraType.LONG:
            return lambda c: _long(_bytes(c))
        if kind == OraType.LONG_RAW:
            return lambda c: _long(_raw(c))
        if kind == OraType.NUMBER:
            return _cached(_numbers)
        if kind == OraType.RAW:
            return _raw
        if kind in (OraType.VARCHAR2, OraType.CHAR):
            return _national if column.national else _bytes
        if kind == OraType.TIMESTAMP_LTZ:
            return _cached(ValueCache(lambda text: encode_local_text(text, self._zone)))
        if kind == OraType.CURSOR:
            return lambda c: [[self._cursor(value) for value in c]]
        if kind == OraType.JSON and fetch in CHARACTER_FETCH:
            return lambda c: _long(_json_text(c))
        if kind == OraType.JSON:
            return lambda c: [[b"\0" if value is None else json_value(value.decode()) for value in c]]
        cache = _CACHES.get(kind)
        if cache is None:
            raise OracleError(
                3001, f"unimplemented feature: fetching {kind.name} is not supported by the local database"
            )
        return _cached(cache)

    def _with_origins(self, rows: Sequence[tuple[bytes | None, ...]]) -> bytes:
        """Row by row, since a locator knows its row."""
        transaction = self._transaction()
        parts: list[bytes] = []
        for row in rows:
            parts.append(ROW)
            for at, (_, encode) in enumerate(self.columns):
                stored = self._stored.get(at)
                if stored is None:
                    parts += chain.from_iterable(zip(*encode((row[at],)), strict=False))
                else:
                    kind, national = self._lob_kinds[at]
                    parts.append(self._lob(kind, row[at], national, lob_origin(stored, row, transaction)))
        return b"".join(parts)

    def _lob(
        self, kind: OraType, value: bytes | None, national: bool, origin: LobOrigin | None = None
    ) -> bytes:
        if value is None:
            return b"\0"
        content: str | bytes = value.decode() if kind == OraType.CLOB else unhexlify(value[2:])
        return self._lobs.value(Lob(kind, content, origin=origin), national)

    def _cursor(self, value: bytes | None) -> bytes:
        if value is None:
            raise OracleError(3001, "unimplemented feature: a null nested cursor")
        return self._nested(int(value))
