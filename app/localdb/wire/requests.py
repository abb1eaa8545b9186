"""The bodies of execute, re-execute and fetch, read completely before anything is done."""

from __future__ import annotations

from dataclasses import dataclass

from app.localdb.errors import OracleError
from app.localdb.wire.binds import Declared, read_declared
from app.localdb.wire.constants import FieldVersion
from app.localdb.wire.reader import Reader


@dataclass(slots=True)
class ExecuteRequest:
    """Function 94 without its bind rows, which need the cursor to be understood."""

    options: int
    cursor: int
    rows: int  # prefetch
    executions: int
    flags: int
    orientation: int
    position: int
    registration: int
    text: str | None
    binds: list[Declared]
    defines: list[Declared]


def read_execute(reader: Reader, field_version: int) -> ExecuteRequest:
    """Everything up to the bind rows."""
    options, cursor = reader.ub(), reader.ub()
    has_text = reader.u8()
    reader.ub()
    reader.u8()
    reader.ub()
    reader.skip(2)
    reader.ub()
    rows = reader.ub()
    reader.ub()
    reader.u8()
    bind_count = reader.ub()
    reader.skip(5)
    reader.u8()
    define_count = reader.ub()
    registration = reader.ub()
    reader.skip(3)
    reader.ub()
    reader.u8()
    reader.ub()
    registration |= reader.ub() << 32
    reader.u8()
    reader.ub()
    reader.u8()
    if field_version >= FieldVersion.V12_2:
        reader.u8()
        reader.ub()
        reader.u8()
        reader.ub()
        reader.u8()
        if field_version >= FieldVersion.V12_2_EXT1:
            reader.u8()
            reader.ub()
    text = (reader.data() or b"").decode("utf-8", "replace") if has_text else None
    array = reader.ubs(13)
    defines = read_declared(reader, define_count, field_version)
    binds = read_declared(reader, bind_count, field_version) if not define_count else []
    return ExecuteRequest(
        options, cursor, rows, array[1], array[9], array[10], array[11], registration, text, binds, defines
    )


@dataclass(slots=True)
class ReexecuteRequest:
    """Functions 78 and 4 without their bind rows."""

    cursor: int
    count: int  # rows to fetch (78) or executions (4)
    options: int


def read_reexecute(reader: Reader) -> ReexecuteRequest:
    cursor, count, _ = reader.ubs(3)
    return ReexecuteRequest(cursor, count, reader.ub())


class Deferred:
    """Keeps the first OracleError of a body's parts until the whole body is read."""

    def __init__(self) -> None:
        self.error: OracleError | None = None

    def keep(self, error: OracleError) -> None:
        self.error = self.error or error

    def check(self) -> None:
        if self.error is not None:
            raise self.error
