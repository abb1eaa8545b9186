"""What rides on a request: closed cursors, tracing attributes, current schema, freed LOBs."""

from __future__ import annotations

from collections.abc import Callable

from app.localdb.errors import OracleError
from app.localdb.wire.backend import BackendSession
from app.localdb.wire.constants import Function
from app.localdb.wire.cursors import Cursors
from app.localdb.wire.errors import ProtocolError
from app.localdb.wire.lobs import Lobs, perform, read_request
from app.localdb.wire.reader import Reader

CLIENT_IDENTIFIER, MODULE, ACTION, CLIENT_INFO, DBOP = 0x0001, 0x0008, 0x0010, 0x0100, 0x0200


def apply(
    function: int,
    reader: Reader,
    session: BackendSession,
    cursors: Cursors,
    lobs: Lobs,
    begin_pipeline: Callable[[int], None],
) -> None:
    """Read one piggyback's body and do it. Raises OracleError with the body read, ProtocolError for one
    that is unknown, since its end cannot be found."""
    if function == Function.CLOSE_CURSORS:
        reader.u8()
        for number in reader.ubs(reader.ub()):
            cursors.close(number)
    elif function == Function.CANCEL_CURSORS:
        reader.u8()
        for number in reader.ubs(reader.ub()):
            cursors.cancel(number)
    elif function == Function.END_TO_END:
        _end_to_end(reader, session)
    elif function == Function.SET_SCHEMA:
        reader.u8()
        _set_schema(reader.text2(), session)
    elif function == Function.LOB:
        perform(lobs, read_request(reader), session)
    elif function == Function.PIPELINE_BEGIN:
        reader.ub()
        reader.u8()
        begin_pipeline(reader.u8())
    elif function == Function.SESSION_STATE:
        reader.ub()
    elif function == Function.TRANSACTION_SWITCH:
        _skip_transaction_switch(reader)
        raise OracleError(
            3001, "unimplemented feature: sessionless transactions are not supported by the local database"
        )
    elif function == Function.APP_CONTEXT:
        _application_context(reader, session)
    else:
        raise ProtocolError(f"piggyback {function}")


def _set_schema(name: str, session: BackendSession) -> None:
    """The driver repeats this with every call once it has been set."""
    plain = name.strip('"') if name.startswith('"') else name.upper()
    if plain != session.current_schema:
        quoted = plain.replace('"', '""')
        session.execute(session.prepare(f'alter session set current_schema = "{quoted}"'))


def _end_to_end(reader: Reader, session: BackendSession) -> None:
    """Module, action, client identifier and client info: into the session's tags."""
    reader.skip(2)
    flags = reader.ub()
    lengths: dict[str, int | None] = {}

    def announce(name: str) -> None:
        is_set = reader.u8()
        length = reader.ub()
        lengths[name] = length if is_set else None

    announce("client_identifier")
    announce("module")
    announce("action")
    reader.u8()
    reader.ub()
    reader.u8()
    reader.ub()
    announce("client_info")
    for _ in range(2):
        reader.u8()
        reader.ub()
    announce("dbop")
    del flags
    for name, length in lengths.items():
        if length is None:
            continue
        value = (reader.data() or b"").decode("utf-8", "replace") if length else ""
        session.tags[name] = value


def _skip_transaction_switch(reader: Reader) -> None:
    """Begin, resume or suspend a transaction that outlives its session."""
    reader.ub()  # operation
    reader.u8()
    context = reader.ub()
    reader.ubs(3)  # format, lengths of the two parts of the id
    reader.u8()
    identifier = reader.ub()
    reader.ubs(2)  # flags, timeout
    reader.skip(3)
    reader.u8()
    internal = reader.ub()
    reader.u8()
    external = reader.ub()
    reader.skip(context + identifier)
    reader.ub()  # application value
    reader.skip(internal + external)


def _application_context(reader: Reader, session: BackendSession) -> None:
    """Set attributes of a namespace, or clear it when none are given."""
    reader.u8()
    reader.ub()
    has_entries = reader.u8()
    count = reader.ub()
    reader.ub()
    reader.u8()
    namespace = (reader.data() or b"").decode("utf-8", "replace")
    session.set_context(namespace, dict(reader.pairs(count if has_entries else 0)))
