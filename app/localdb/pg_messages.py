"""What PostgreSQL's messages tell: errors, columns, notifications, results."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from app.localdb.datarows import DataRows

_int2 = struct.Struct(">h").unpack_from
_header = struct.Struct(">ci").pack


class PgError(Exception):
    """An error PostgreSQL reported. `fields` are keyed by the one-letter codes of ErrorResponse."""

    def __init__(self, fields: dict[str, str], step: int = -1) -> None:
        super().__init__(fields.get("M", ""))
        self.fields = fields
        self.step = step  # which execute of the exchange failed, from 0; -1 outside of executes

    @property
    def sqlstate(self) -> str:
        return self.fields.get("C", "")

    @property
    def message(self) -> str:
        return self.fields.get("M", "")


class PgGone(Exception):
    """The connection to PostgreSQL broke: the process ended, or the socket was cut."""


class Field(NamedTuple):
    """One column of RowDescription."""

    name: str
    table: int  # oid, 0 when not a plain column
    column: int
    type: int  # oid
    size: int
    modifier: int  # atttypmod


class Notification(NamedTuple):
    channel: str
    payload: str
    pid: int


@dataclass(slots=True)
class Result:
    """What one execute gave: its rows, and the command tag unless the portal has more (suspended)."""

    rows: DataRows = field(default_factory=DataRows)
    tag: bytes = b""
    suspended: bool = False

    @property
    def count(self) -> int:
        """Rows the command touched, from the tag (`INSERT 0 5`); 0 when it tells none."""
        last = self.tag.rpartition(b" ")[2]
        return int(last) if last.isdigit() else 0


class Quiet:
    """Swallows what a connection that is given up may still raise."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, OSError | PgGone | PgError)


def message(kind: bytes, body: bytes) -> bytes:
    return _header(kind, len(body) + 4) + body


def error_fields(body: bytes) -> dict[str, str]:
    parts = body.split(b"\0")
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in parts if part}


def row_description(body: bytes) -> list[Field]:
    fields, at = [], 2
    for _ in range(_int2(body)[0]):
        end = body.index(b"\0", at)
        table, column, kind, size, modifier = struct.unpack_from(">IhIhi", body, end + 1)
        fields.append(Field(body[at:end].decode(), table, column, kind, size, modifier))
        at = end + 19
    return fields
