"""Reading the primitives of a request: integers, byte strings, key-value pairs.

There is no length or end mark on a request: what is asked for and not yet here is read from the socket.
"""

from __future__ import annotations

from app.localdb.wire.constants import LONG_LENGTH, NULL_LENGTH, DataFlag, Packet
from app.localdb.wire.errors import Interrupted, ProtocolError
from app.localdb.wire.packets import Incoming, Packets, marker_of


class Reader:
    """The bytes of one request, across its packets. All methods raise ProtocolError, Interrupted, Disconnected."""

    __slots__ = ("_limit", "_packets", "_size", "buffer", "flags", "position")

    def __init__(self, packets: Packets, limit: int) -> None:
        self._packets = packets
        self._limit = limit
        self._size = 0
        self.buffer = b""
        self.position = 0
        self.flags = 0  # data flags of the packet read last

    def begin(self, packet: Incoming) -> None:
        """Start a request with its first DATA packet."""
        self.buffer = packet.payload
        self.position = 0
        self.flags = packet.flags
        self._size = len(packet.payload)

    @property
    def remaining(self) -> int:
        """Bytes at hand that are not read yet."""
        return len(self.buffer) - self.position

    def set_limit(self, limit: int) -> None:
        """The largest request, in bytes, that is accepted from now on."""
        self._limit = limit

    def more(self, count: int) -> None:
        """Have at least `count` unread bytes in `buffer`."""
        parts = [self.buffer[self.position :]]
        have = len(parts[0])
        while have < count:
            packet = self._packets.read()
            if packet.type == Packet.MARKER:
                raise Interrupted(marker_of(packet))
            if packet.type != Packet.DATA:
                raise ProtocolError(f"packet type {packet.type} in the middle of a request")
            self.flags = packet.flags
            self._size += len(packet.payload)
            if self._size > self._limit:
                raise ProtocolError(f"a request of more than {self._limit} bytes")
            parts.append(packet.payload)
            have += len(packet.payload)
        self.buffer = b"".join(parts)
        self.position = 0

    def skip_request(self) -> None:
        """Drop what is left of a pipelined request: its last packet carries the end-of-request flag."""
        while not self.flags & DataFlag.END_OF_REQUEST:
            self.position = len(self.buffer)
            self.more(1)
        self.position = len(self.buffer)

    def u8(self) -> int:
        if self.position >= len(self.buffer):
            self.more(1)
        value = self.buffer[self.position]
        self.position += 1
        return value

    def raw(self, count: int) -> bytes:
        """`count` bytes as they stand."""
        if self.position + count > len(self.buffer):
            self.more(count)
        start = self.position
        self.position = start + count
        return self.buffer[start : self.position]

    def skip(self, count: int) -> None:
        self.raw(count)

    def u16(self) -> int:
        return int.from_bytes(self.raw(2), "big")

    def ub(self) -> int:
        """An unsigned integer: a length byte, then that many bytes."""
        length = self.u8()
        if length == 0:
            return 0
        if length > 8:
            raise ProtocolError(f"an integer of {length} bytes")
        return int.from_bytes(self.raw(length), "big")

    def ubs(self, count: int) -> list[int]:
        return [self.ub() for _ in range(count)]

    def data(self) -> bytes | None:
        """A byte string with its length before it; None for NULL."""
        length = self.u8()
        if length in (0, NULL_LENGTH):
            return None
        if length != LONG_LENGTH:
            return self.raw(length)
        parts = []
        while size := self.ub():
            parts.append(self.raw(size))
        return b"".join(parts)

    def data2(self) -> bytes:
        """A byte string with two lengths before it; empty for NULL."""
        return (self.data() or b"") if self.ub() else b""

    def text2(self) -> str:
        return self.data2().decode("utf-8", "replace")

    def pairs(self, count: int) -> list[tuple[str, str]]:
        """Key-value pairs in order; their flags are dropped."""
        found = []
        for _ in range(count):
            key = self.text2().rstrip("\0")
            found.append((key, self.text2()))
            self.ub()
        return found
