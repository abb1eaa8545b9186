"""The compiled units of one database, shared by its sessions: found by name, compiled once, forgotten on DDL."""

from __future__ import annotations

import threading
from typing import Any

from app.localdb.errors import OracleError
from app.localdb.plsql.failures import CompileError, Lines, block_error, unsupported
from app.localdb.plsql.firing import Trigger, compile_trigger
from app.localdb.plsql.host import Host
from app.localdb.plsql.packages import REFUSED, STANDARD, SUPPLIED, SYSTEM_TYPES
from app.localdb.plsql.runtime import Context
from app.localdb.plsql.scope import PackageSymbol, ScopeSymbol, Symbol
from app.localdb.plsql.types import Scalar, Type
from app.localdb.plsql.units import (
    BlockUnit,
    PackageUnit,
    StandaloneUnit,
    Unit,
    compile_block,
    compile_package,
    compile_package_body,
    compile_standalone,
)
from app.localdb.sql.catalog import ObjectInfo, ObjectKind

_BLOCKS = 1000  # compiled anonymous blocks kept
_UNITS = {ObjectKind.PACKAGE: "PACKAGE", ObjectKind.PROCEDURE: "PROCEDURE", ObjectKind.FUNCTION: "FUNCTION"}


class Library:
    """Written by any session's thread: dictionaries are replaced as a whole or set item by item."""

    def __init__(self) -> None:
        self.units: dict[tuple[str, str], Unit] = {}
        self.blocks: dict[Any, BlockUnit] = {}
        self.dynamic: dict[Any, Any] = {}
        self.conversions: dict[Any, Any] = {}
        self.lock = threading.RLock()  # loading a package body changes its unit

    def invalidate(self) -> None:
        """Something in the catalogue changed: compile everything anew when it is used next."""
        self.units = {}
        self.blocks = {}
        self.dynamic = {}

    # Names

    def find(self, chain: list[Any], owner: str, host: Host, offset: int) -> tuple[Symbol, list[Any]] | None:
        """What a name outside the unit means, and the links that follow it."""
        links = chain[1:] if chain[0] == "SYS" and len(chain) > 1 else chain
        name = links[0]
        if not isinstance(name, str):
            return None
        if name == "STANDARD" and len(links) > 1 and links[1] in STANDARD.names:
            return STANDARD.names[links[1]], links[2:]
        if name in STANDARD.names:
            return STANDARD.names[name], links[1:]
        if name in SYSTEM_TYPES:
            return SYSTEM_TYPES[name], links[1:]
        if name in SUPPLIED:
            return ScopeSymbol(SUPPLIED[name], name), links[1:]
        if name in REFUSED and len(links) > 1:
            raise unsupported(f"package {name}", offset)
        found = self.named(None, chain[0], owner, host, offset)
        if found is not None:
            return found, chain[1:]
        if len(chain) > 1 and isinstance(chain[1], str):
            found = self.named(chain[0], chain[1], owner, host, offset)
            if found is not None:
                return found, chain[2:]
        return None

    def named(self, schema: str | None, name: str, owner: str, host: Host, offset: int) -> Symbol | None:
        info = host.catalog.resolve(schema, name, owner)
        if info is None or info.kind not in _UNITS:
            return None
        if not host.may_execute(info.schema, info.name):
            return None
        unit = self.unit(host, info.schema, info.name, _UNITS[info.kind])
        if unit.errors:
            raise CompileError(f"PLS-00905: object {unit.label} is invalid", offset)
        if isinstance(unit, PackageUnit):
            return PackageSymbol(unit)
        assert isinstance(unit, StandaloneUnit)
        return unit.symbol

    # Units

    def unit(self, host: Host, owner: str, name: str, kind: str) -> Unit:
        """The compiled unit. One with errors comes as well: PLS-00905 where it is used."""
        key = (owner, name)
        found = self.units.get(key)
        if found is not None:
            return found
        source = host.fetch_unit(owner, name, kind)
        if source is None:
            raise OracleError(6508, f'PL/SQL: could not find program unit being called: "{owner}.{name}"')
        return self.units.setdefault(key, self.compile(host, owner, name, kind, source))

    def compile(self, host: Host, owner: str, name: str, kind: str, source: str) -> Unit:
        with host.as_user(owner):
            try:
                if kind == "PACKAGE":
                    return compile_package(host, self, owner, name, source)
                return compile_standalone(host, self, owner, name, source)
            except CompileError as error:
                return Unit(owner, name, kind, False, self, source, [error])

    def load_package_body(self, host: Host, unit: PackageUnit) -> None:
        """Give the routines of a package their bodies. ORA-04063 when the unit has errors."""
        with self.lock:
            if unit.body_loaded:
                return
            if unit.errors:
                raise _invalid("package", unit)
            source = host.fetch_unit(unit.owner, unit.name, "PACKAGE BODY")
            if source is not None:
                with host.as_user(unit.owner):
                    try:
                        errors = compile_package_body(host, unit, source)[0]
                    except CompileError as error:
                        errors = [error]
                if errors:
                    self.units.pop((unit.owner, unit.name), None)
                    raise _invalid("package body", unit)
                unit.stamp += source
            elif unit.needs_body:
                raise OracleError(
                    4067, f'not executed, package body "{unit.label}" does not exist\n'
                    f'ORA-06508: PL/SQL: could not find program unit being called: "{unit.label}"',
                )  # fmt: skip
            unit.body_loaded = True

    def trigger(self, host: Host, owner: str, name: str, table: ObjectInfo) -> Trigger:
        """A trigger that the interpreter runs; one with errors comes as well."""
        key = (owner, f"{name} TRIGGER")
        found = self.units.get(key)
        if found is None:
            source = host.fetch_unit(owner, name, "TRIGGER") or ""
            with host.as_user(owner):
                try:
                    found = compile_trigger(host, self, owner, name, source, table)
                except CompileError as error:
                    found = Trigger(owner, name, "TRIGGER", False, self, source, [error])
            self.units[key] = found
        assert isinstance(found, Trigger)
        return found

    # Blocks

    def block(self, host: Host, text: str, binds: list[tuple[str, Type]], signature: Any) -> BlockUnit:
        """An anonymous block of the client. Raises ORA-06550 with the messages of the compiler."""
        key = (text, signature, host.current_schema, host.current_user, host.play)
        blocks = self.blocks
        found = blocks.get(key)
        if found is None:
            found = self.new_block(host, text, binds)
            if len(blocks) >= _BLOCKS:
                blocks.clear()
            blocks[key] = found
        return found

    def dynamic_block(self, host: Host, text: str, types: list[Type]) -> BlockUnit:
        """A block of EXECUTE IMMEDIATE: `types` are those of its USING list."""
        signature = tuple(_key(type_) for type_ in types)
        if None in signature:
            return self.new_block(host, text, types)
        key = (text, signature, host.current_schema, host.current_user, host.play)
        found = self.blocks.get(key)
        if found is None:
            found = self.blocks[key] = self.new_block(host, text, types)
        return found

    def new_block(self, host: Host, text: str, binds: list[tuple[str, Type]] | list[Type]) -> BlockUnit:
        try:
            block, errors, lines = compile_block(host, self, text, binds)
        except CompileError as error:
            if error.text.startswith(("PLS-00049", "ORA-01008")):
                raise OracleError(1008, "not all variables bound", error.offset) from error
            raise block_error([error], Lines(text)) from error
        if errors:
            raise block_error(errors, lines)
        return block


def _key(type_: Type) -> Any:
    if isinstance(type_, Scalar):
        return type_.ora, type_.size, type_.precision, type_.scale
    return None


def _invalid(what: str, unit: Unit) -> OracleError:
    return OracleError(
        4063,
        f'{what} "{unit.label}" has errors\n'
        f'ORA-06508: PL/SQL: could not find program unit being called: "{unit.label}"',
    )


def library(host: Host) -> Library:
    """The library of the session's database."""
    found = host.database.plsql
    if found is None:
        found = host.database.plsql = Library()
    assert isinstance(found, Library)
    return found


def context(host: Host) -> Context:
    """The session's own state of PL/SQL."""
    found = host.plsql
    if found is None:
        found = host.plsql = Context(host)
    assert isinstance(found, Context)
    return found
