"""Procedures and functions while compiling: headings, bodies, forward declarations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.code import family
from app.localdb.plsql.dml import DmlCompiler
from app.localdb.plsql.failures import CompileError, failure
from app.localdb.plsql.routines import Formal, Routine
from app.localdb.plsql.runtime import Frame, Raised, Run
from app.localdb.plsql.scope import (
    Layout,
    QualifiedRoutine,
    RoutineSymbol,
    Scope,
)
from app.localdb.plsql.types import (
    RecordType,
    Scalar,
    Type,
)
from app.localdb.plsql.typing import TypeResolver

Handlers = list[tuple[Callable[[Raised], bool], Run]]


class SubprogramCompiler(DmlCompiler, TypeResolver):
    """Compiles subprograms of blocks and packages."""

    block_body: Callable[[n.Block, Scope], Run]

    def formals(self, parameters: list[n.Parameter], s: Scope, layout: Layout) -> list[Formal]:
        found: list[Formal] = []
        for parameter in parameters:
            if any(f.name == parameter.name for f in found):
                raise CompileError(
                    "PLS-00410: duplicate fields in RECORD,TABLE or argument list are not permitted",
                    parameter.start,
                )
            if parameter.type.args and not parameter.type.name[0].startswith("INTERVAL"):
                raise CompileError(
                    'PLS-00103: Encountered the symbol "(" when expecting one of the following:\n\n'
                    "   := . ) , @ % default character",
                    parameter.type.start,
                )
            type_ = self.type_of(parameter.type, s)
            if isinstance(type_, Scalar):
                type_ = unconstrained(type_)
            if parameter.default is not None and parameter.mode != "IN":
                raise CompileError(
                    "PLS-00230: OUT and IN OUT formal parameters may not have default expressions",
                    parameter.start,
                )
            default = self.coerced(parameter.default, type_, s) if parameter.default is not None else None
            found.append(Formal(parameter.name, parameter.mode, type_, layout.slot(), default))
        return found

    def declare_subprogram(self, declaration: n.Subprogram, s: Scope) -> None:
        layout = Layout(s.layout.level + 1)
        formals = self.formals(declaration.parameters, s, layout)
        returns = self.type_of(declaration.returns, s) if declaration.returns is not None else None
        if isinstance(returns, Scalar):
            returns = unconstrained(returns)
        symbol = s.names.get(declaration.name)
        if symbol is None:
            symbol = s.names[declaration.name] = RoutineSymbol(declaration.name)
        elif not isinstance(symbol, RoutineSymbol):
            raise CompileError(
                f"PLS-00371: at most one declaration for '{declaration.name}' is permitted", declaration.start
            )
        routine = next((r for r in symbol.routines if _same_heading(r, formals, returns)), None)
        if routine is None:
            routine = Routine(
                declaration.name,
                formals,
                returns,
                layout,
                self.unit_label,
                self.unit,
                offset=declaration.start,
            )
            symbol.routines.append(routine)
        elif declaration.body is None or routine.body is not None:
            raise CompileError(
                f"PLS-00305: previous use of '{declaration.name}' conflicts with this use", declaration.start
            )
        if declaration.body is not None:
            self.define(routine, declaration, s)

    def define(self, routine: Routine, declaration: n.Subprogram, s: Scope) -> None:
        """Compile the body of a declared routine."""
        assert declaration.body is not None
        outside = Scope(s, routine.layout)
        inner = Scope(outside, routine.layout)
        outside.names[declaration.name] = QualifiedRoutine(declaration.name, inner, s)
        for formal in routine.formals:
            variable = inner.variable(formal.name, formal.type, writable=formal.mode != "IN")
            # variable() took a new slot; the parameter's value stands in the formal's own
            routine.layout.size -= 1
            variable.slot = formal.slot
        kept = self.returns, self.loops, self.in_handler
        self.returns, self.loops, self.in_handler = routine.returns, [], 0
        try:
            body = self.block_body(declaration.body, inner)
        finally:
            self.returns, self.loops, self.in_handler = kept
        routine.autonomous = declaration.autonomous
        routine.body = autonomous(body) if declaration.autonomous else body

    def unfinished_package(self, announced: list[Routine], s: Scope) -> None:
        """What a package's body still owes: its own forward declarations and the specification's routines."""
        for routine in announced:
            if routine.body is None:
                self.errors.append(
                    CompileError(
                        f"PLS-00323: subprogram or cursor '{routine.name}' is declared in a package specification "
                        "and must be defined in the package body",
                        0,
                    )
                )
        for symbol in s.names.values():
            if isinstance(symbol, RoutineSymbol):
                for routine in symbol.routines:
                    if routine.body is None and routine not in announced:
                        self.errors.append(_missing_body(symbol.name, routine))

    def unfinished(self, s: Scope) -> None:
        """Forward declarations that no body followed."""
        for symbol in s.names.values():
            if isinstance(symbol, RoutineSymbol):
                for routine in symbol.routines:
                    if routine.body is None and (routine.unit is self.unit):
                        self.errors.append(_missing_body(symbol.name, routine))


def _missing_body(name: str, routine: Routine) -> CompileError:
    return CompileError(
        f"PLS-00328: A subprogram body must be defined for the forward declaration of {name}.", routine.offset
    )


def autonomous(body: Run) -> Run:
    """Runs `body` in a transaction of its own; ORA-06519 when it ends with changes pending."""

    def run(frame: Frame) -> Any:
        ctx = frame.ctx
        outer_host = ctx.host
        with outer_host.autonomous() as inner:
            ctx.host = inner
            try:
                signal = body(frame)
                if inner.in_transaction:
                    inner.rollback()
                    raise failure(6519)
                return signal
            except OracleError:
                if inner.in_transaction:
                    inner.rollback()
                raise
            finally:
                ctx.host = outer_host

    return run


def unconstrained(type_: Scalar) -> Scalar:
    """A parameter's or result's type: sizes do not count, ranges and NOT NULL do."""
    if not (type_.size or type_.precision or type_.scale is not None):
        return type_
    if type_.ora is OraType.NUMBER and type_.name == "INTEGER":
        return type_
    # a CHAR parameter takes the length of its actual: it does not pad
    ora = OraType.VARCHAR2 if type_.ora is OraType.CHAR else type_.ora
    return replace(type_, ora=ora, size=0, precision=0, scale=None)


def _same_heading(routine: Routine, formals: list[Formal], returns: Type | None) -> bool:
    if len(routine.formals) != len(formals) or (routine.returns is None) != (returns is None):
        return False
    return all(
        a.name == b.name and a.mode == b.mode and (a.type is b.type or _alike(a.type, b.type))
        for a, b in zip(routine.formals, formals, strict=True)
    )


def _alike(a: Type, b: Type) -> bool:
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        return a.ora is b.ora
    if isinstance(a, RecordType) and isinstance(b, RecordType):
        return a.from_row and b.from_row and [f.name for f in a.fields] == [f.name for f in b.fields]
    return family(a) == "k" and family(b) == "k"
