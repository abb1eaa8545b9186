"""The messages that end a call: the error block, the plain status, parameter lists."""

from __future__ import annotations

from collections.abc import Sequence

from app.localdb.contract import BatchError
from app.localdb.errors import OracleError
from app.localdb.wire.constants import (
    ARRAY_DML_ERRORS,
    CALL_STATUS_IN_TRANSACTION,
    ERROR_FLAG_COMPILATION,
    FieldVersion,
    Message,
)
from app.localdb.wire.rowids import NO_ROWID, encode_rowid
from app.localdb.wire.writer import data, sb, ub

SYNC = 5  # operation of a server-side piggyback
KEYWORD_CURRENT_SCHEMA = 168


def call_status(in_transaction: bool) -> bytes:
    return ub(CALL_STATUS_IN_TRANSACTION) if in_transaction else b"\0"


def status(in_transaction: bool) -> bytes:
    """The end of a call that has nothing to tell: commit, rollback, ping, logon."""
    return bytes((Message.STATUS,)) + call_status(in_transaction) + b"\0"


def error_block(
    field_version: int,
    in_transaction: bool,
    *,
    code: int = 0,
    text: str = "",
    position: int = 0,
    cursor: int = 0,
    row_count: int = 0,
    rowid: str | None = None,
    compile_errors: bool = False,
    batch: Sequence[BatchError] = (),
) -> bytes:
    """The end of a call: error or success, rows, cursor, rowid, batch errors.

    `text` is complete with its ORA- code; `position` is 0-based in the statement, 0 = not known.
    """
    if batch:
        code, text = ARRAY_DML_ERRORS, f"ORA-{ARRAY_DML_ERRORS}: error(s) in array DML"
    parts = [
        bytes((Message.ERROR,)),
        call_status(in_transaction),
        b"\0\0",  # sequence number, row number
        ub(min(code, 0xFFFF)),
        b"\0\0",
        ub(cursor),
        sb(min(position, 0x7FFF)),
        bytes(5),
        bytes((ERROR_FLAG_COMPILATION if compile_errors else 0,)),
        encode_rowid(rowid) if rowid else NO_ROWID,
        bytes(6),  # OS error, statement, call, padding, iterations, logical rowid
        _batch(batch) if batch else b"\0\0\0",
        ub(code),
        ub(row_count),
    ]
    if field_version >= FieldVersion.V20_1:
        parts.append(b"\0\0")
    if code:
        parts.append(data(text.encode()))
    return b"".join(parts)


def _batch(errors: Sequence[BatchError]) -> bytes:
    codes = ub(len(errors)) + b"\0" + b"".join(ub(error.code) for error in errors)
    offsets = ub(len(errors)) + b"\0" + b"".join(ub(error.offset) for error in errors)
    messages = [ub(len(errors)), b"\0"]
    for error in errors:
        message = error.message
        if not message.startswith("ORA-"):
            message = OracleError(error.code, message).text
        encoded = message.encode()
        messages += (ub(len(encoded)), data(encoded), b"\0\0")
    return codes + offsets + b"".join(messages)


def parameters(row_counts: Sequence[int] | None = None, query_id: int | None = None) -> bytes:
    """The return parameters of an execute: rows of each execution, or the id of a registered query."""
    registration = b"\0"
    if query_id is not None:
        low, high = query_id & 0xFFFFFFFF, query_id >> 32
        registration = ub(8) + low.to_bytes(4, "big") + high.to_bytes(4, "big")
    parts = [bytes((Message.PARAMETER,)), b"\0\0\0", registration]
    if row_counts is not None:
        parts.append(ub(len(row_counts)))
        parts += [ub(count) for count in row_counts]
    return b"".join(parts)


def schema_changed(name: str) -> bytes:
    """Tells the client its session's new current schema, ahead of the rest of a response."""
    encoded = name.encode()
    head = bytes((Message.SERVER_PIGGYBACK, SYNC, 0, 0)) + ub(1) + b"\0"
    return head + ub(len(encoded)) + data(encoded) + b"\0" + ub(KEYWORD_CURRENT_SCHEMA) + b"\0"
