"""Packets on a socket: 8 bytes of header, two more of data flags in DATA packets.

Until ACCEPT the length is 16 bit, afterwards 32 bit. A response is cut into packets of the negotiated
size (SDU); the last one carries the end-of-response flag when the client understands it.
"""

from __future__ import annotations

import socket
from typing import NamedTuple

from app.localdb.wire.constants import DataFlag, Marker, Packet
from app.localdb.wire.errors import Disconnected, ProtocolError

HEADER = 8
DATA_HEADER = 10
RECEIVE = 262_144  # bytes asked of the socket at once
DEFAULT_SDU = 65_536  # bytes of the largest packet; a client that asks for less gets less
MIN_SDU = 512
FROM_CLIENT = frozenset({Packet.CONNECT, Packet.DATA, Packet.MARKER})


class Incoming(NamedTuple):
    type: int
    flags: int  # data flags; 0 for other packets
    payload: bytes


class Packets:
    """One client's socket as packets. Reading blocks; one thread reads, one writes at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.sdu = DEFAULT_SDU
        self.large = False  # 32-bit lengths: set after ACCEPT
        self._received = b""

    def read(self) -> Incoming:
        """The next packet. Raises Disconnected, ProtocolError."""
        received = self._received
        while len(received) < HEADER:
            received += self._receive()
        length = int.from_bytes(received[:4] if self.large else received[:2], "big")
        kind = received[4]
        if kind not in FROM_CLIENT or not HEADER <= length <= DEFAULT_SDU:
            raise ProtocolError(f"packet of type {kind} and {length} bytes")
        if len(received) < length:
            parts = [received]
            missing = length - len(received)
            while missing > 0:
                part = self._receive()
                parts.append(part)
                missing -= len(part)
            received = b"".join(parts)
        if len(received) == length:
            self._received = b""
        else:
            self._received = received[length:]
        if kind != Packet.DATA:
            return Incoming(kind, 0, received[HEADER:length])
        if length < DATA_HEADER:
            raise ProtocolError("a data packet without data flags")
        return Incoming(kind, int.from_bytes(received[8:10], "big"), received[DATA_HEADER:length])

    def buffered(self) -> bytes:
        """Bytes received but not yet read as packets."""
        return self._received

    def _receive(self) -> bytes:
        try:
            data = self.socket.recv(RECEIVE)
        except OSError as error:
            raise Disconnected(str(error)) from error
        if not data:
            raise Disconnected("the client closed the connection")
        return data

    def send(self, kind: int, payload: bytes) -> None:
        """One packet that is not DATA."""
        self._send(self._header(HEADER + len(payload), kind) + payload)

    def send_marker(self, marker: int) -> None:
        self.send(Packet.MARKER, bytes((1, 0, marker)))

    def send_data(self, payload: bytes | bytearray, last_flags: int) -> None:
        """A response as DATA packets of at most the SDU; `last_flags` go into the last one."""
        room = self.sdu - DATA_HEADER
        if len(payload) <= room:
            header = self._header(DATA_HEADER + len(payload), Packet.DATA)
            self._send(header + last_flags.to_bytes(2, "big") + payload)
            return
        view = memoryview(payload)
        parts: list[bytes | memoryview] = []
        for start in range(0, len(payload), room):
            piece = view[start : start + room]
            flags = last_flags if start + room >= len(payload) else 0
            parts += (self._header(DATA_HEADER + len(piece), Packet.DATA), flags.to_bytes(2, "big"), piece)
        self._send(b"".join(parts))

    def send_end_of_file(self) -> None:
        """Tell the client that no more comes: an empty DATA packet with the EOF flag."""
        self._send(self._header(DATA_HEADER, Packet.DATA) + DataFlag.EOF.to_bytes(2, "big"))

    def _header(self, length: int, kind: int) -> bytes:
        size = length.to_bytes(4, "big") if self.large else length.to_bytes(2, "big") + b"\0\0"
        return size + bytes((kind, 0, 0, 0))

    def _send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Disconnected(str(error)) from error


def marker_of(packet: Incoming) -> int:
    """Which marker a MARKER packet is. Raises ProtocolError."""
    if len(packet.payload) < 3 or packet.payload[2] not in (Marker.BREAK, Marker.RESET, Marker.INTERRUPT):
        raise ProtocolError(f"marker packet {packet.payload.hex()}")
    return packet.payload[2]
