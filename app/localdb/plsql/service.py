"""What the session calls: run a block, create and drop units, forget what was compiled."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from app.localdb.contract import Bind, Direction, OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import sql_functions, triggers
from app.localdb.plsql.failures import CompileError, Lines
from app.localdb.plsql.firing import Firing
from app.localdb.plsql.firing import firing as firing_of
from app.localdb.plsql.host import Host, HostDatabase
from app.localdb.plsql.library import Library, context, library
from app.localdb.plsql.parser import UnitParser
from app.localdb.plsql.types import BY_ORA, INTEGER, SYS_REFCURSOR, CollectionType, Scalar, Type
from app.localdb.plsql.units import (
    BlockUnit,
    PackageUnit,
    compile_package,
    compile_package_body,
    compile_standalone,
)
from app.localdb.plsql.values import Collection, CursorHandle
from app.localdb.sql.catalog import ObjectInfo

sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))  # one PL/SQL call takes about six Python calls


def run_block(
    host: Host, text: str, binds: Sequence[Bind], values: Sequence[Any]
) -> tuple[list[Direction], list[Any]]:
    """Run an anonymous block or CALL once. Answers the direction and the value of each bind (None where IN).

    What the block did is undone when it fails, back to its start or to its last COMMIT. Raises OracleError:
    ORA-06550 when it does not compile, else the unhandled exception with its ORA-06512 lines.
    """
    shared = library(host)
    signature = tuple((b.name, b.type, b.size, b.array) for b in binds)
    block = shared.block(host, text, [(b.name, bind_type(b)) for b in binds], signature)
    directions = _directions(block)
    ctx = context(host)
    before, ctx.host = ctx.host, host
    mark = host.mark()
    try:
        results = block.run(ctx, [_incoming(b, v) for b, v in zip(binds, values, strict=True)])
    except BaseException:
        host.undo_to(mark)
        raise
    finally:
        ctx.host = before
        ctx.close_abandoned()
    host.release(mark)
    out = [
        None if direction is Direction.IN else _outgoing(value)
        for direction, value in zip(directions, results, strict=True)
    ]
    return directions, out


def bind_type(bind: Bind) -> Type:
    """The type of a bind variable, as the client declared it."""
    if bind.type is OraType.CURSOR:
        return SYS_REFCURSOR
    # a BINARY_INTEGER of the client is a NUMBER in the block: nothing is rounded or overflows there
    base = BY_ORA.get(OraType.NUMBER if bind.type is OraType.BINARY_INTEGER else bind.type)
    if base is None:
        raise OracleError(3001, f"unimplemented feature: a bind of type {bind.type.name} is not supported by the local "
                          "database")  # fmt: skip
    if bind.type in (OraType.VARCHAR2, OraType.CHAR, OraType.RAW):
        # a CHAR bind is not padded: the client sends what it has
        ora = OraType.VARCHAR2 if bind.type is OraType.CHAR else bind.type
        base = Scalar(ora, base.name, size=min(bind.size, 32767))
    if bind.array:
        return CollectionType("BIND", "INDEX BY", base, INTEGER, from_client=True)
    return base


def _directions(block: BlockUnit) -> list[Direction]:
    found = []
    for assigned, read in zip(block.assigned, block.read, strict=True):
        found.append(Direction.IN if not assigned else Direction.IN_OUT if read else Direction.OUT)
    return found


def _incoming(bind: Bind, value: Any) -> Any:
    if bind.array:
        type_ = bind_type(bind)
        assert isinstance(type_, CollectionType)
        fit = type_.element.fit
        return Collection(type_, True, [fit(v) for v in value or ()])
    if bind.type is OraType.CURSOR and value is not None and not isinstance(value, CursorHandle):
        handle = CursorHandle()
        handle.result, handle.is_open = value, True
        return handle
    return value


def _outgoing(value: Any) -> Any:
    if isinstance(value, Collection):
        return value.elements()
    if isinstance(value, CursorHandle):
        # from here on the client closes it
        value.abandoned = None
        return value.result if value.is_open else None
    return value


# Units


def create_unit(host: Host, text: str, owner: str | None = None) -> bool:
    """CREATE [OR REPLACE] of a package, its body, a procedure, a function or a trigger; or their bare source.

    True when it was stored with compilation errors (USER_ERRORS has them). Raises OracleError when nothing
    was stored.
    """
    try:
        text, optional = _without_if_not_exists(host, text)
        parser = UnitParser(text)
        replace = parser.create_prefix()
        if optional and replace:
            raise OracleError(11541, "REPLACE and IF NOT EXISTS cannot coexist in the same DDL statement")
        start = parser.here
        kind, schema, name = parser.heading()
    except CompileError as error:
        code, _, message = error.text.partition(": ")
        if code == "ORA-03001":
            raise OracleError(3001, message, error.offset) from error
        raise OracleError(922, "missing or invalid option", error.offset) from error
    source = (
        text[start:].rstrip().removesuffix("/").rstrip()
        if text.rstrip().endswith("\n/")
        else text[start:].rstrip()
    )
    owner = owner or schema or host.current_schema
    if optional and host.fetch_unit(owner, name, kind) is not None:
        return False
    _check_name(host, owner, name, kind, replace)
    shared = library(host)
    lines = Lines(source)
    trigger = None
    try:
        if kind == "TRIGGER":
            host.may_create(owner, kind)
            trigger = triggers.compile_trigger(host, shared, owner, name, source)
            errors = trigger.errors
        else:
            errors = _compile(host, shared, owner, name, kind, source)
    except CompileError as error:
        errors = [error]
    rows = [(*lines.place(error.offset), error.text) for error in errors]
    host.store_unit(owner, name, kind, source, "INVALID" if errors else "VALID", rows)
    if trigger is not None:
        try:
            triggers.install(host, trigger)
        except OracleError as error:
            host.store_unit(owner, name, kind, source, "INVALID", [(1, 1, error.text)])
            return True
    _publish(host, shared, owner, name, kind, source, failed=bool(errors))
    shared.invalidate()
    return bool(errors)


def _without_if_not_exists(host: Host, text: str) -> tuple[str, bool]:
    """CREATE ... IF NOT EXISTS of 23ai: the text without these words, and whether they stood there."""
    if host.play == "19c":
        return text, False
    tokens = UnitParser(text).tokens
    for index, token in enumerate(tokens[:6]):
        if token.word == "IF" and [t.word for t in tokens[index : index + 3]] == ["IF", "NOT", "EXISTS"]:
            return text[: token.offset] + text[tokens[index + 2].end :].lstrip(" "), True
    return text, False


def _publish(
    host: Host, shared: Library, owner: str, name: str, kind: str, source: str, *, failed: bool
) -> None:
    """Let SQL see what the unit's functions are now."""
    if kind in ("FUNCTION", "PACKAGE BODY"):
        if failed:
            sql_functions.withdraw(host, owner, name, kind)
        else:
            sql_functions.publish(host, shared, owner, name, kind, source)
    elif kind == "PACKAGE":
        body = host.fetch_unit(owner, name, "PACKAGE BODY")
        if failed or body is None:
            sql_functions.withdraw(host, owner, name, kind)
        else:
            sql_functions.publish(host, shared, owner, name, "PACKAGE BODY", body)


def _check_name(host: Host, owner: str, name: str, kind: str, replace: bool) -> None:
    if kind == "PACKAGE BODY":
        if not replace and host.fetch_unit(owner, name, kind) is not None:
            raise OracleError(955, "name is already used by an existing object")
        return
    found = host.catalog.resolve(owner, name, owner)
    if found is None or found.schema != owner or found.name != name:
        return
    if not replace or found.kind.value != kind:
        raise OracleError(955, "name is already used by an existing object")


def _compile(
    host: Host, shared: Library, owner: str, name: str, kind: str, source: str
) -> list[CompileError]:
    with host.as_user(owner):
        if kind == "PACKAGE":
            return compile_package(host, shared, owner, name, source).errors
        if kind in ("PROCEDURE", "FUNCTION"):
            return compile_standalone(host, shared, owner, name, source).errors
        specification = host.fetch_unit(owner, name, "PACKAGE")
        if specification is None:
            return [CompileError(f"PLS-00304: cannot compile body of '{name}' without its specification", 0)]
        unit = compile_package(host, shared, owner, name, specification)
        if unit.errors:
            return [
                CompileError(f"PLS-00905: object {owner}.{name} is invalid", 0),
                CompileError(f"PLS-00304: cannot compile body of '{name}' without its specification", 0),
            ]
        assert isinstance(unit, PackageUnit)
        return compile_package_body(host, unit, source)[0]


def drop_unit(host: Host, owner: str, name: str, kind: str) -> None:
    """Before a unit's source goes: take its trigger out of PostgreSQL and forget what was compiled."""
    if kind == "TRIGGER":
        triggers.remove(host, owner, name)
    elif kind != "PROCEDURE":
        sql_functions.withdraw(host, owner, name, kind)
    library(host).invalidate()


def invalidate(database: HostDatabase) -> None:
    """After any DDL, grant or revoke: what was compiled may mean something else now."""
    if database.plsql is not None:
        database.plsql.invalidate()


def firing(host: Host, table: ObjectInfo, verb: str, columns: list[str]) -> Firing:
    """The triggers that fire when `verb` changes rows of a table or view. Raises ORA-04098, ORA-00036."""
    ctx = context(host)
    ctx.host = host
    return firing_of(host, ctx, library(host), table, verb, columns)


def reset(host: Host) -> None:
    """Forget the session's package state and output."""
    host.plsql = None
