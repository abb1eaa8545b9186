"""Large objects of one connection: locators, and the calls on them (function 96).

A locator is 40 bytes; our id stands at 16..23. Locators of fetched values carry the "abstract" flag, by
which the client tells us when it has dropped one, so that its data can go. CLOB data travels as UTF-8,
NCLOB data as UTF-16BE; offsets and lengths count UTF-16 units, as in an AL32UTF8 database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.localdb.contract import Lob, OraType
from app.localdb.errors import OracleError
from app.localdb.lob_values import Content, length, read, trimmed, written
from app.localdb.wire.backend import BackendSession
from app.localdb.wire.constants import CHARSET_UTF8, NATIONAL, LobOp, Message
from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.reader import Reader
from app.localdb.wire.writer import SHORT, data, ub

LOCATOR = 40
CHUNK_SIZE = 8060
FLAG_BLOB, FLAG_ABSTRACT, FLAG_INITIALIZED, FLAG_TEMPORARY = 0x01, 0x40, 0x08, 0x01


@dataclass(slots=True)
class Held:
    """A large object some locator of this connection points to."""

    lob: Lob
    national: bool = False
    is_open: bool = False


class Lobs:
    """All large objects of one connection by locator id."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}
        self._ids: dict[int, int] = {}  # identity of the Lob -> locator id
        self._last = 0
        self.temporary = 0  # how many of them are temporary

    def __len__(self) -> int:
        return len(self._held)

    def clear(self) -> None:
        self._held.clear()
        self.temporary = 0
        self._ids.clear()

    def locator(self, lob: Lob, national: bool = False) -> bytes:
        """The locator of `lob`, the same one when it has one already."""
        number = self._ids.get(id(lob))
        if number is None:
            self._last += 1
            number = self._last
            self._held[number] = Held(lob, national)
            self.temporary += lob.temporary
            self._ids[id(lob)] = number
        flags = FLAG_BLOB if lob.type == OraType.BLOB else 0
        if not lob.temporary:
            flags |= FLAG_ABSTRACT
        head = bytes(
            (0, LOCATOR - 2, 0, 4, flags, FLAG_INITIALIZED, 0, FLAG_TEMPORARY if lob.temporary else 0)
        )
        return head + bytes(8) + number.to_bytes(8, "big") + bytes(16)

    def value(self, lob: Lob, national: bool = False) -> bytes:
        """A LOB as a value of a row or of an OUT bind: lengths, size, locator."""
        locator = self.locator(lob, national)
        return ub(LOCATOR) + ub(length(lob.data)) + ub(CHUNK_SIZE) + SHORT[LOCATOR] + locator

    def find(self, locator: bytes) -> Held:
        """Raises OracleError ORA-22275 for a locator that is not (or no longer) one of ours."""
        held = self._held.get(int.from_bytes(locator[16:24], "big")) if len(locator) == LOCATOR else None
        if held is None:
            raise OracleError(22275, "invalid LOB locator specified")
        if held.lob.lost:
            raise OracleError(22922, "nonexistent LOB value")
        return held

    def free(self, locator: bytes) -> None:
        held = self._held.pop(int.from_bytes(locator[16:24], "big"), None)
        if held is not None:
            self.temporary -= held.lob.temporary
            self._ids.pop(id(held.lob), None)


def encode_piece(piece: str | bytes, national: bool) -> bytes:
    if isinstance(piece, bytes):
        return piece
    return piece.encode("utf-16-be" if national else "utf-8", "surrogatepass")


@dataclass(slots=True)
class LobRequest:
    """The body of function 96, read completely before anything is done."""

    operation: int
    locator: bytes
    source_offset: int
    dest_offset: int
    data: bytes | None
    amount: int | None
    freed: list[bytes]


def read_request(reader: Reader) -> LobRequest:
    """Also reads the piggyback form: an array of temporary locators to free."""
    has_source = reader.u8()
    source_length = reader.ub()
    reader.u8()  # destination
    reader.ub()
    reader.ub()  # short offsets
    reader.ub()
    charset_follows = reader.u8()
    reader.u8()  # short amount
    reader.u8()  # null flag
    operation = reader.ub()
    reader.u8()  # SCN
    reader.u8()
    source_offset = reader.ub()
    dest_offset = reader.ub()
    amount_follows = reader.u8()
    reader.skip(6)  # three words of arrays
    if operation & LobOp.ARRAY:
        freed = [reader.raw(LOCATOR) for _ in range(source_length // LOCATOR)]
        return LobRequest(operation, b"", 0, 0, None, None, freed)
    locator = reader.raw(source_length) if has_source else b""
    if charset_follows:
        reader.ub()
    piece = None
    if operation == LobOp.WRITE:
        if reader.u8() != Message.LOB_DATA:
            raise ProtocolError("a LOB write without data")
        piece = reader.data() or b""
    amount = reader.ub() if amount_follows else None
    return LobRequest(operation, locator, source_offset, dest_offset, piece, amount, [])


def perform(lobs: Lobs, request: LobRequest, session: BackendSession) -> bytes:
    """Run one LOB call; returns the messages before the final block. Raises OracleError."""
    operation = request.operation
    if operation & LobOp.ARRAY:
        for locator in request.freed:
            lobs.free(locator)
        return b""
    if operation == LobOp.CREATE_TEMP:
        return _create(lobs, request)
    held = lobs.find(request.locator)
    lob = held.lob
    before, amount, flag = b"", request.amount or 0, b""
    if operation == LobOp.LENGTH:
        amount = length(lob.data)
    elif operation == LobOp.READ:
        piece = encode_piece(read(lob.data, request.source_offset, amount), held.national)
        amount = len(piece)
        if piece:
            before = bytes((Message.LOB_DATA,)) + data(piece)
    elif operation == LobOp.WRITE:
        received: Content = request.data or b""
        if lob.type != OraType.BLOB:
            received = (request.data or b"").decode(
                "utf-16-be" if held.national else "utf-8", "surrogatepass"
            )
        _change(lob, session, lambda content: written(content, request.source_offset, received))
    elif operation == LobOp.TRIM:
        _change(lob, session, lambda content: trimmed(content, amount))
    elif operation == LobOp.CHUNK_SIZE:
        amount = CHUNK_SIZE
    elif operation == LobOp.OPEN:
        if lob.origin is not None:
            session.lobs.open(lob)
        elif held.is_open:
            raise OracleError(22293, "LOB already opened in the same transaction")
        else:
            held.is_open = True
    elif operation == LobOp.CLOSE:
        if lob.origin is not None:
            session.lobs.close(lob)
        elif not held.is_open:
            raise OracleError(22289, "cannot perform operation on an unopened file or LOB")
        held.is_open = False
    elif operation == LobOp.IS_OPEN:
        is_open = session.lobs.is_open(lob) if lob.origin is not None else held.is_open
        flag = b"\1" if is_open else b"\0"
    elif operation == LobOp.FREE_TEMP:
        lobs.free(request.locator)
    else:
        raise OracleError(
            3001,
            f"unimplemented feature: LOB operation {operation:#x} is not supported by the local database",
        )
    after = ub(amount) if request.amount is not None else b""
    return before + bytes((Message.PARAMETER,)) + request.locator + after + flag


def _change(lob: Lob, session: BackendSession, change: Callable[[Content], Content]) -> None:
    """Of a temporary LOB its content; of a stored one the row's too."""
    if lob.temporary:
        lob.data = change(lob.data)
    else:
        session.change_lob(lob, change)


def _create(lobs: Lobs, request: LobRequest) -> bytes:
    kind = OraType.BLOB if request.dest_offset == OraType.BLOB else OraType.CLOB
    lob = Lob(kind, b"" if kind == OraType.BLOB else "", temporary=True)
    locator = lobs.locator(lob, national=request.source_offset == NATIONAL)
    return bytes((Message.PARAMETER,)) + locator + ub(CHARSET_UTF8) + b"\0"
