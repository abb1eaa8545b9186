"""One client's connection as the calls see it: what was negotiated, and sending a response."""

from __future__ import annotations

import socket

from app.localdb.wire.constants import DataFlag, Message
from app.localdb.wire.packets import Packets
from app.localdb.wire.reader import Reader
from app.localdb.wire.writer import ub

LOGIN_REQUEST = 1 << 20  # bytes of the largest request before login
END = bytes((Message.END_OF_RESPONSE,))
TOKEN = bytes((Message.TOKEN,))


class Channel:
    """Packets, reader and the two facts that shape messages: field version and end of response."""

    def __init__(self, sock: socket.socket) -> None:
        self.packets = Packets(sock)
        self.reader = Reader(self.packets, LOGIN_REQUEST)
        self.field_version = 0
        self.end_of_response = False

    def respond(self, body: bytes, token: int = 0) -> None:
        """Send a whole response. `token` is that of a pipelined call, 0 otherwise."""
        if token:
            body = TOKEN + ub(token) + body
        if self.end_of_response:
            self.packets.send_data(body + END, DataFlag.END_OF_RESPONSE)
        else:
            self.packets.send_data(body, 0)
