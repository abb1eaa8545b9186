"""From the first packet to an authenticated session: connect, negotiation, both phases of login."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from app.localdb.errors import OracleError
from app.localdb.wire.auth import Exchange, WrongPassword
from app.localdb.wire.backend import Backend, BackendSession, ClientInfo
from app.localdb.wire.channel import Channel
from app.localdb.wire.constants import (
    CHARSET_UTF8,
    CHARSET_UTF16,
    Accept,
    Auth,
    FieldVersion,
    Function,
    Message,
    Packet,
)
from app.localdb.wire.errors import Disconnected, ProtocolError
from app.localdb.wire.packets import DEFAULT_SDU, MIN_SDU
from app.localdb.wire.response import error_block, status
from app.localdb.wire.throttle import Throttle
from app.localdb.wire.writer import data, pair, ub

MIN_VERSION = 315
# Where fields stand within the payload of CONNECT.
CONNECT_DATA_LENGTH, CONNECT_DATA_OFFSET, LARGE_SDU = 16, 18, 50
MAX_CONNECT_DATA = 230  # longer connect data comes in a packet of its own
CAP_TIME_ZONE = 1  # in the runtime capabilities
CAP_FIELD_VERSION, CAP_TTC4, TTC4_END_OF_RESPONSE = 7, 40, 0x20
COMPILE_CAPS = bytes(CAP_FIELD_VERSION) + bytes((FieldVersion.MAX,)) + bytes(55 - CAP_FIELD_VERSION - 1)
RUNTIME_CAPS = bytes(6) + b"\x04"  # strings of 32767 bytes
MAX_OPEN_CURSORS = 1000
MAX_IDENTIFIER = 128
MAX_SERVER_NAME = 47  # what node-oracledb has room for
INSTANCE = "FREE"
WRONG_PASSWORD = OracleError(1017, "invalid username/password; logon denied")

_TIME_ZONE = re.compile(r"ALTER\s+SESSION\s+SET\s+TIME_ZONE\s*=\s*(?:'([^']*)'|LOCAL|DBTIMEZONE)\s*", re.I)


class Refused(Exception):
    """The connection was answered with an error and is to be closed."""


@dataclass(slots=True)
class Login:
    """What the handshake found out. `session` is None for a connection that only takes notifications."""

    user: str
    client: ClientInfo
    exchange: Exchange
    session: BackendSession | None
    session_id: int
    serial: int


@dataclass(slots=True)
class Handshake:
    """One connection's way to a session."""

    channel: Channel
    backend: Backend
    throttle: Throttle
    address: str
    next_number: Callable[[], int]
    service: str = ""
    notifications_only: bool = False
    details: dict[str, str] = field(default_factory=dict)
    contexts: list[list[str]] = field(default_factory=list)  # application contexts: namespace, name, value
    version: int = 0  # of the protocol, as agreed
    sdu: int = DEFAULT_SDU  # packet size, as agreed
    _before: bytes = b""  # replies of fast authentication that go ahead of phase one's

    def run(self) -> Login:
        """Raises Refused after an error was sent, ProtocolError, Disconnected."""
        self._accept(self._connect_data())
        user, pairs = self._negotiate()
        self.details |= pairs
        exchange = self._challenge(user)
        return self._authenticate(user, exchange)

    def _connect_data(self) -> str:
        packet = self.channel.packets.read()
        if packet.type != Packet.CONNECT or len(packet.payload) < 20:
            raise ProtocolError("the first packet is no CONNECT")
        payload = packet.payload
        version = int.from_bytes(payload[:2], "big")
        if version < MIN_VERSION:
            self._refuse(12618, "TNS versions are incompatible")
        self.version = min(version, Accept.VERSION)
        wanted = int.from_bytes(payload[LARGE_SDU : LARGE_SDU + 4], "big")
        self.sdu = min(max(wanted, MIN_SDU), DEFAULT_SDU) if wanted else DEFAULT_SDU
        length = int.from_bytes(payload[CONNECT_DATA_LENGTH : CONNECT_DATA_LENGTH + 2], "big")
        offset = int.from_bytes(payload[CONNECT_DATA_OFFSET : CONNECT_DATA_OFFSET + 2], "big") - 8
        if length <= MAX_CONNECT_DATA:
            return payload[offset : offset + length].decode("utf-8", "replace")
        parts = b""
        while len(parts) < length:
            packet = self.channel.packets.read()
            if packet.type != Packet.DATA:
                raise ProtocolError(f"packet type {packet.type} instead of connect data")
            parts += packet.payload
        return parts[:length].decode("utf-8", "replace")

    def _accept(self, connect_data: str) -> None:
        def value(key: str) -> str:
            match = re.search(rf"\(\s*{key}\s*=\s*([^()]*?)\s*\)", connect_data, re.I)
            return match[1] if match else ""

        service, sid = value("SERVICE_NAME"), value("SID")
        wanted = self.backend.service.casefold()
        if service.casefold().partition(".")[0] != wanted and not (sid and not service):
            self._refuse(12514, f"Service {service!r} is not registered with the listener")
        if sid and not service and sid.casefold() != wanted:
            self._refuse(12505, f"SID {sid!r} is not registered with the listener")
        self.service = self.backend.service
        self.notifications_only = value("SERVER").casefold() == "emon"
        flags = 0
        if self.version >= Accept.VERSION:
            flags = Accept.FLAG_FAST_AUTH | Accept.FLAG_END_OF_RESPONSE
        body = b"".join(
            (
                self.version.to_bytes(2, "big"),
                bytes(2),  # options: no out-of-band breaks
                bytes(10),
                bytes((Accept.NO_NETWORK_ENCRYPTION, Accept.NO_NETWORK_ENCRYPTION)),
                bytes(8),
                self.sdu.to_bytes(4, "big"),
                self.sdu.to_bytes(
                    4, "big"
                ),  # TDU, as large; python-oracledb does not read it, node-oracledb does
                bytes(1),
                flags.to_bytes(4, "big"),
            )
        )
        self.channel.packets.send(Packet.ACCEPT, body)
        self.channel.packets.sdu = self.sdu
        self.channel.packets.large = True

    def _refuse(self, code: int, text: str) -> None:
        reason = (
            f"(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))".encode()
        )
        self.channel.packets.send(Packet.REFUSE, b"\x22\0" + len(reason).to_bytes(2, "big") + reason)
        raise Refused(text)

    def _request(self) -> int:
        """Start reading the next request; returns its first message type."""
        packet = self.channel.packets.read()
        if packet.type != Packet.DATA:
            raise ProtocolError(f"packet type {packet.type} during login")
        if not packet.payload:
            raise Disconnected("the client gave up the login")
        self.channel.reader.begin(packet)
        return self.channel.reader.u8()

    def _negotiate(self) -> tuple[str, dict[str, str]]:
        """Protocol and data types, by the fast or the classic way, up to phase one of the login."""
        reader = self.channel.reader
        kind = self._request()
        if kind == Message.FAST_AUTH:
            reader.skip(3)
            self._expect(reader.u8(), Message.PROTOCOL)
            self._read_protocol()
            reader.skip(6)  # character sets, field version of the messages inside
            self._expect(reader.u8(), Message.DATA_TYPES)
            self._read_data_types()
            self._expect(reader.u8(), Message.FUNCTION)
            self._expect(reader.u8(), Function.AUTH_PHASE_ONE)
            reader.u8()
            self._before = self._protocol_reply() + self._data_types_reply()
            return self._read_credentials()[1:]
        self._before = b""
        self._expect(kind, Message.PROTOCOL)
        self._read_protocol()
        self.channel.packets.send_data(self._protocol_reply(), 0)
        self._expect(self._request(), Message.DATA_TYPES)
        self._read_data_types()
        self.channel.packets.send_data(self._data_types_reply(), 0)
        return self._read_function(Function.AUTH_PHASE_ONE)[1:]

    def _expect(self, found: int, wanted: int) -> None:
        if found != wanted:
            raise ProtocolError(f"message {found} during login where {wanted} was due")

    def _read_protocol(self) -> None:
        reader = self.channel.reader
        reader.skip(2)
        while reader.u8():
            pass

    def _protocol_reply(self) -> bytes:
        form = bytes(9) + CHARSET_UTF16.to_bytes(2, "big")
        return b"".join(
            (
                bytes((Message.PROTOCOL, 6, 0)),
                self.backend.banner.encode()[:MAX_SERVER_NAME] + b"\0",
                CHARSET_UTF8.to_bytes(2, "little"),
                bytes(3),
                len(form).to_bytes(2, "big"),
                form,
                data(COMPILE_CAPS),
                data(RUNTIME_CAPS),
            )
        )

    def _read_data_types(self) -> None:
        reader = self.channel.reader
        reader.skip(5)
        caps, runtime = reader.data() or b"", reader.data() or b""
        if runtime[CAP_TIME_ZONE : CAP_TIME_ZONE + 1] == b"\1":
            reader.skip(11)  # the client's time zone; node-oracledb sends it before it knows the server
        while reader.u16():
            reader.skip(6)
        if len(caps) <= CAP_TTC4:
            raise ProtocolError("the client's capabilities are too short")
        self.channel.field_version = min(FieldVersion.MAX, caps[CAP_FIELD_VERSION])
        self.channel.end_of_response = self.version >= Accept.VERSION and bool(
            caps[CAP_TTC4] & TTC4_END_OF_RESPONSE
        )

    def _data_types_reply(self) -> bytes:
        return bytes((Message.DATA_TYPES, 0, 0))

    def _read_function(self, wanted: int) -> tuple[int, str, dict[str, str]]:
        self._expect(self._request(), Message.FUNCTION)
        reader = self.channel.reader
        self._expect(reader.u8(), wanted)
        reader.u8()
        if self.channel.field_version >= FieldVersion.V23_1_EXT1:
            reader.ub()
        return self._read_credentials()

    def _read_credentials(self) -> tuple[int, str, dict[str, str]]:
        """Mode, user and key-value pairs of either phase."""
        reader = self.channel.reader
        has_user = reader.u8()
        reader.ub()
        mode = reader.ub()
        reader.u8()
        count = reader.ub()
        reader.skip(2)
        user = (reader.data() or b"").decode("utf-8", "replace") if has_user else ""
        pairs = reader.pairs(count)
        for key, value in pairs:
            if key == "AUTH_APPCTX_NSPACE":
                self.contexts.append([value])
            elif key in ("AUTH_APPCTX_ATTR", "AUTH_APPCTX_VALUE") and self.contexts:
                self.contexts[-1].append(value)
        return mode, user, dict(pairs)

    def _challenge(self, user: str) -> Exchange:
        exchange = Exchange.start(self.backend.verifier(user) if user else None)
        pairs = exchange.challenge()
        body = bytes((Message.PARAMETER,)) + ub(len(pairs)) + b"".join(pair(*item) for item in pairs)
        self.channel.respond(self._before + body + status(False))
        return exchange

    def _authenticate(self, user: str, exchange: Exchange) -> Login:
        mode, _, pairs = self._read_function(Function.AUTH_PHASE_TWO)
        self.details |= pairs
        client = ClientInfo(
            program=self.details.get("AUTH_PROGRAM_NM", ""),
            machine=self.details.get("AUTH_MACHINE", ""),
            terminal=self.details.get("AUTH_TERMINAL", ""),
            osuser=self.details.get("AUTH_SID", ""),
            process=self.details.get("AUTH_PID", ""),
            driver=self.details.get("SESSION_CLIENT_DRIVER_NAME", ""),
            address=self.address,
        )
        session: BackendSession | None = None
        try:
            password = self._check(user, exchange, mode)
            if not self.notifications_only:
                session = self.backend.open_session(exchange.verifier.user, client)
                self._prepare_session(session, exchange, password, mode)
        except OracleError as error:
            if session is not None:
                session.close()
            self.channel.respond(
                error_block(self.channel.field_version, False, code=error.code, text=error.text)
            )
            raise Refused(error.text) from error
        number = self.next_number() if session is None else session.sid
        login = Login(
            exchange.verifier.user, client, exchange, session, number, session.serial if session else 1
        )
        self.channel.respond(self._welcome(login) + status(False))
        return login

    def _check(self, user: str, exchange: Exchange, mode: int) -> str:
        """The password the client sent. Raises OracleError."""
        unsupported = {
            "PROXY_CLIENT_NAME": "proxy authentication",
            "AUTH_TOKEN": "token authentication",
            "AUTH_ORA_DEBUG_JDWP": "debugging",
        }
        for key, what in unsupported.items():
            if key in self.details:
                raise OracleError(
                    3001, f"unimplemented feature: {what} is not supported by the local database"
                )
        if self.details.get("AUTH_ORA_EDITION", "ORA$BASE").upper() != "ORA$BASE":
            raise OracleError(38802, "edition does not exist")
        host = self.address.rpartition(":")[0]
        self.throttle.wait(user, host)
        try:
            password = exchange.finish(
                self.details.get("AUTH_SESSKEY", ""), self.details.get("AUTH_PASSWORD", "")
            )
        except WrongPassword as error:
            self.throttle.failed(user, host)
            raise WRONG_PASSWORD from error
        self.throttle.succeeded(user, host)
        if exchange.verifier.locked:
            raise OracleError(28000, "The account is locked.")
        if mode & Auth.ADMINISTRATIVE:
            raise OracleError(1031, "insufficient privileges")
        return password

    def _prepare_session(self, session: BackendSession, exchange: Exchange, password: str, mode: int) -> None:
        statement = self.details.get("AUTH_ALTER_SESSION", "").rstrip("\0")
        if statement:
            match = _TIME_ZONE.fullmatch(statement)
            if match is None:
                raise OracleError(
                    3001,
                    f"unimplemented feature: {statement!r} at logon is not supported by the local database",
                )
            session.set_time_zone(match[1] or "+00:00")
        for namespace, *attribute in self.contexts:
            if len(attribute) == 2:
                session.set_context(namespace, dict([attribute]))
        if mode & Auth.CHANGE_PASSWORD and "AUTH_NEWPASSWORD" in self.details:
            session.change_password(password, exchange.decrypt_password(self.details["AUTH_NEWPASSWORD"]))

    def _welcome(self, login: Login) -> bytes:
        major, minor, patch, fourth, fifth = self.backend.version
        version = major << 24 | minor << 16 | patch << 12 | fourth << 4 | fifth
        name = self.backend.service
        pairs = [
            ("AUTH_SVR_RESPONSE", login.exchange.server_proof()),
            ("AUTH_VERSION_NO", str(version)),
            ("AUTH_VERSION_STRING", self.backend.banner),
            ("AUTH_SESSION_ID", str(login.session_id)),
            ("AUTH_SERIAL_NUM", str(login.serial)),
            ("AUTH_MAX_OPEN_CURSORS", str(MAX_OPEN_CURSORS)),
            ("AUTH_MAX_IDEN_LENGTH", str(MAX_IDENTIFIER)),
            ("AUTH_SC_DBUNIQUE_NAME", INSTANCE),
            ("AUTH_SC_REAL_DBUNIQUE_NAME", name),
            ("AUTH_SC_SERVICE_NAME", name),
            ("AUTH_INSTANCENAME", INSTANCE),
        ]
        body = b"".join(pair(key, value) for key, value in pairs)
        return bytes((Message.PARAMETER,)) + ub(len(pairs)) + body
