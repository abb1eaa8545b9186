"""Bind metadata and bind rows of a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.localdb.contract import Bind, OraType
from app.localdb.errors import OracleError
from app.localdb.wire import oson
from app.localdb.wire.constants import (
    BIND_FLAG_ARRAY,
    LONG_LENGTH,
    MAX_STRING,
    NATIONAL,
    NULL_LENGTH,
    FieldVersion,
    Message,
)
from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.lobs import Lobs
from app.localdb.wire.reader import Reader
from app.localdb.wire.values import Decoder, decoder

BOOLEAN_ESCAPE = 253
OBJECT, BFILE, VECTOR = 109, 114, 127  # types that this database does not have
ROOM = 300  # more bytes than any value with a one-byte length takes


@dataclass(frozen=True, slots=True)
class Declared:
    """One bind or define as the client declares it."""

    type: int
    size: int
    array: bool
    array_size: int
    national: bool


def read_declared(reader: Reader, count: int, field_version: int) -> list[Declared]:
    """The metadata of `count` binds or defines."""
    found = []
    for _ in range(count):
        kind, flags = reader.u8(), reader.u8()
        reader.skip(2)
        size, elements = reader.ub(), reader.ub()
        reader.ub()
        reader.data2()  # object type
        reader.ub()
        reader.ub()  # character set
        form = reader.u8()
        reader.ub()  # LOB prefetch
        if field_version >= FieldVersion.V12_2:
            reader.ub()
        array = bool(flags & BIND_FLAG_ARRAY)
        found.append(Declared(kind, size, array, elements if array else 0, form == NATIONAL))
    return found


def to_binds(declared: Sequence[Declared], names: Sequence[str], returning: Sequence[bool]) -> list[Bind]:
    """The contract's binds. Raises OracleError ORA-01008 when the statement has others than the client
    declares, ORA-03001 for a type that does not exist here."""
    if len(declared) != len(names):
        raise OracleError(1008, f"not all variables bound: {len(names)} placeholders, {len(declared)} binds")
    binds = []
    for item, name, is_return in zip(declared, names, returning, strict=True):
        try:
            kind = OraType(item.type)
        except ValueError as error:
            raise OracleError(
                3001,
                f"unimplemented feature: binds of type {item.type} are not supported by the local database",
            ) from error
        binds.append(
            Bind(
                name,
                kind,
                item.size,
                item.array,
                item.array_size,
                returning=is_return,
                national=item.national,
            )
        )
    return binds


def _is_long(item: Declared) -> bool:
    """JSON and VECTOR declare large sizes too, but keep their place."""
    return item.size > MAX_STRING and not item.array and item.type not in (OraType.JSON, VECTOR)


Step = tuple[int, Declared, Decoder | None]


class BindRows:
    """Reads bind rows completely, so that the request is in step; what was wrong is raised afterwards.

    LONG values (declared longer than 32767 bytes) come after all others of their row in SQL.
    """

    def __init__(
        self,
        declared: Sequence[Declared],
        sent: Sequence[int],
        *,
        is_plsql: bool,
        lobs: Lobs,
        cursor: Callable[[int], Any],
    ) -> None:
        """`sent` are the indexes of the binds that have a value in a row; `cursor` makes the value of a
        CURSOR bind from its cursor id (0 = not open)."""
        order = list(sent)
        if not is_plsql:
            order.sort(key=lambda index: _is_long(declared[index]))
        self._width = len(declared)
        self._lobs = lobs
        self._cursor = cursor
        self._error: OracleError | None = None
        self._steps: list[Step] = []
        for index in order:
            item = declared[index]
            self._steps.append((index, item, None if item.array else decoder(item.type, item.national)))

    def read(self, reader: Reader, count: int) -> list[list[Any]]:
        """`count` rows of values, None where a bind sends none. Raises OracleError, after the last row."""
        if not self._steps:
            return [[None] * self._width for _ in range(count)]
        rows = [self._row(reader) for _ in range(count)]
        if self._error is not None:
            raise self._error
        return rows

    def _row(self, reader: Reader) -> list[Any]:
        if reader.u8() != Message.ROW_DATA:
            raise ProtocolError("a bind row without its mark")
        row: list[Any] = [None] * self._width
        for index, item, decode in self._steps:
            try:
                if decode is None:
                    row[index] = self._array(reader, item) if item.array else self._special(reader, item)
                    continue
                position = reader.position
                buffer = reader.buffer
                if position + ROOM <= len(buffer) and 0 < (length := buffer[position]) < BOOLEAN_ESCAPE:
                    reader.position = position + 1 + length
                    row[index] = decode(buffer[position + 1 : reader.position])
                else:
                    row[index] = _value(reader, decode)
            except OracleError as error:
                self._error = self._error or error
        return row

    def _array(self, reader: Reader, item: Declared) -> list[Any]:
        decode = decoder(item.type, item.national)
        if decode is None:
            return [self._special(reader, item) for _ in range(reader.ub())]
        return [_value(reader, decode) for _ in range(reader.ub())]

    def _special(self, reader: Reader, item: Declared) -> Any:
        """A value that is no plain byte string. The types that end in an error are read all the same."""
        if item.type in (OraType.CLOB, OraType.BLOB):
            locator = reader.data2()
            return self._lobs.find(locator).lob if locator else None
        if item.type == OraType.CURSOR:
            reader.u8()
            return self._cursor(reader.ub() if reader.u8() else 0)
        if item.type == OraType.JSON:
            if not reader.ub():
                return None
            reader.data()  # a locator without meaning
            return oson.to_json(reader.data() or b"")
        if item.type == VECTOR:
            if reader.ub():
                reader.data()
                reader.data()
        elif item.type == OBJECT:
            for _ in range(3):
                reader.data2()
            reader.ub()
            size = reader.ub()
            reader.ub()
            if size:
                reader.data()
        elif item.type == BFILE:
            reader.data2()
        else:
            raise ProtocolError(f"a bind value of type {item.type}")
        raise OracleError(
            3001, f"unimplemented feature: binds of type {item.type} are not supported by the local database"
        )


def _value(reader: Reader, decode: Decoder) -> Any:
    length = reader.u8()
    if length in (0, NULL_LENGTH):
        return None
    if length == BOOLEAN_ESCAPE:
        reader.u8()
        return None
    if length != LONG_LENGTH:
        return decode(reader.raw(length))
    parts = []
    while size := reader.ub():
        parts.append(reader.raw(size))
    return decode(b"".join(parts))
