"""What the tests let the database in memory answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.localdb.contract import Column, Direction, Kind, OraType, Outcome

NUMBER = Column("N", OraType.NUMBER)
TEXT = Column("S", OraType.VARCHAR2, size=400, chars=100)
CLOB = Column("C", OraType.CLOB)
BLOB = Column("B", OraType.BLOB)


def at(*fields: int) -> datetime:
    """A moment as Oracle's DATE and TIMESTAMP have it: without a time zone."""
    return datetime(*fields)  # type: ignore[arg-type]  # noqa: DTZ001


def numbers(count: int) -> list[tuple[bytes | None, ...]]:
    return [(str(n).encode(),) for n in range(count)]


def dml(**facts: Any) -> Outcome:
    return Outcome(Kind.DML, **facts)


def block(directions: list[Direction], *rows: list[Any]) -> Outcome:
    return Outcome(Kind.PLSQL, directions=directions, out_values=list(rows))
