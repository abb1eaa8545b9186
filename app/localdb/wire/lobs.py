"""Large objects of one connection: locators, and the calls on them (function 96).

A locator is 40 bytes; our id stands at 16..23. Locators of fetched values carry the "abstract" flag, by
which the client tells us when it has dropped one, so that its data can go. CLOB data travels as UTF-8,
NCLOB data as UTF-16BE; offsets and lengths count UTF-16 units, as in an AL32UTF8 database.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.localdb.contract import Lob, OraType
from app.localdb.errors import OracleError
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
        return ub(LOCATOR) + ub(length(lob)) + ub(CHUNK_SIZE) + SHORT[LOCATOR] + locator

    def find(self, locator: bytes) -> Held:
        """Raises OracleError ORA-22275 for a locator that is not (or no longer) one of ours."""
        held = self._held.get(int.from_bytes(locator[16:24], "big")) if len(locator) == LOCATOR else None
        if held is None:
            raise OracleError(22275, "invalid LOB locator specified")
        return held

    def free(self, locator: bytes) -> None:
        held = self._held.pop(int.from_bytes(locator[16:24], "big"), None)
        if held is not None:
            self.temporary -= held.lob.temporary
            self._ids.pop(id(held.lob), None)


def length(lob: Lob) -> int:
    """Bytes of a BLOB, UTF-16 units of a CLOB."""
    if isinstance(lob.data, bytes) or lob.data.isascii() or _narrow(lob.data):
        return len(lob.data)
    return len(lob.data.encode("utf-16-be", "surrogatepass")) // 2


def _narrow(text: str) -> bool:
    """Whether every character is one UTF-16 unit."""
    return not text or max(text) <= "\uffff"


def read(lob: Lob, offset: int, amount: int) -> str | bytes:
    """`amount` bytes or UTF-16 units from the 1-based `offset`."""
    start = max(offset - 1, 0)
    if isinstance(lob.data, bytes) or lob.data.isascii() or _narrow(lob.data):
        return lob.data[start : start + amount]
    units = lob.data.encode("utf-16-be", "surrogatepass")[start * 2 : (start + amount) * 2]
    return units.decode("utf-16-be", "surrogatepass")


def write(lob: Lob, offset: int, piece: str | bytes) -> None:
    """Overwrite from the 1-based `offset`; a gap is filled with zero bytes or spaces.

    Raises OracleError for an object that is stored in a table: its locator is a snapshot here.
    """
    _check_temporary(lob, "writing to")
    start = max(offset - 1, 0)
    if isinstance(lob.data, bytes):
        if not isinstance(piece, bytes):
            raise OracleError(22275, "invalid LOB locator specified")
        lob.data = lob.data[:start].ljust(start, b"\0") + piece + lob.data[start + len(piece) :]
        return
    if not isinstance(piece, str):
        raise OracleError(22275, "invalid LOB locator specified")
    old = lob.data.encode("utf-16-be", "surrogatepass")
    new = piece.encode("utf-16-be", "surrogatepass")
    gap = " ".encode("utf-16-be") * max(start - len(old) // 2, 0)
    lob.data = (old[: start * 2] + gap + new + old[start * 2 + len(new) :]).decode(
        "utf-16-be", "surrogatepass"
    )


def trim(lob: Lob, size: int) -> None:
    """Cut to `size`. Raises OracleError ORA-22926 when it is shorter."""
    _check_temporary(lob, "trimming")
    if size > length(lob):
        raise OracleError(22926, "specified trim length is greater than current LOB value's length")
    lob.data = read(lob, 1, size)


def _check_temporary(lob: Lob, what: str) -> None:
    if not lob.temporary:
        raise OracleError(
            3001,
            f"unimplemented feature: {what} a stored LOB through its locator is not supported by the local "
            "database; update the row instead",
        )


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


def perform(lobs: Lobs, request: LobRequest) -> bytes:
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
        amount = length(lob)
    elif operation == LobOp.READ:
        piece = encode_piece(read(lob, request.source_offset, amount), held.national)
        amount = len(piece)
        if piece:
            before = bytes((Message.LOB_DATA,)) + data(piece)
    elif operation == LobOp.WRITE:
        received = request.data or b""
        if lob.type == OraType.BLOB:
            write(lob, request.source_offset, received)
        else:
            text = received.decode("utf-16-be" if held.national else "utf-8", "surrogatepass")
            write(lob, request.source_offset, text)
    elif operation == LobOp.TRIM:
        trim(lob, amount)
    elif operation == LobOp.CHUNK_SIZE:
        amount = CHUNK_SIZE
    elif operation == LobOp.OPEN:
        if held.is_open:
            raise OracleError(22293, "LOB already opened in the same transaction")
        held.is_open = True
    elif operation == LobOp.CLOSE:
        if not held.is_open:
            raise OracleError(22289, "cannot perform operation on an unopened file or LOB")
        held.is_open = False
    elif operation == LobOp.IS_OPEN:
        flag = b"\1" if held.is_open else b"\0"
    elif operation == LobOp.FREE_TEMP:
        lobs.free(request.locator)
    else:
        raise OracleError(
            3001,
            f"unimplemented feature: LOB operation {operation:#x} is not supported by the local database",
        )
    after = ub(amount) if request.amount is not None else b""
    return before + bytes((Message.PARAMETER,)) + request.locator + after + flag


def _create(lobs: Lobs, request: LobRequest) -> bytes:
    kind = OraType.BLOB if request.dest_offset == OraType.BLOB else OraType.CLOB
    lob = Lob(kind, b"" if kind == OraType.BLOB else "", temporary=True)
    locator = lobs.locator(lob, national=request.source_offset == NATIONAL)
    return bytes((Message.PARAMETER,)) + locator + ub(CHARSET_UTF8) + b"\0"
