"""Declarations, blocks and exception handlers; subprograms with their frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import convert
from app.localdb.plsql import nodes as n
from app.localdb.plsql.code import family
from app.localdb.plsql.dml import DmlCompiler
from app.localdb.plsql.failures import CompileError, failure, unsupported
from app.localdb.plsql.routines import Formal, Routine
from app.localdb.plsql.runtime import Frame, Raised, Run, raised
from app.localdb.plsql.scope import (
    CursorSymbol,
    ExceptionSymbol,
    Layout,
    QualifiedRoutine,
    RoutineSymbol,
    Scope,
    ScopeSymbol,
    TypeSymbol,
)
from app.localdb.plsql.types import (
    CollectionType,
    CursorType,
    FieldType,
    RecordType,
    Scalar,
    Type,
)
from app.localdb.plsql.typing import TypeResolver
from app.localdb.plsql.values import CursorHandle
from app.localdb.sql import nodes as x

Handlers = list[tuple[Callable[[Raised], bool], Run]]


_UNCATCHABLE = frozenset((28, 1012, 1013, 3113))
"""The call is cancelled, or the session is over: no handler may hide that."""


class BlockCompiler(DmlCompiler, TypeResolver):
    """Compiles blocks and what they declare."""

    def block(self, block: n.Block, s: Scope) -> Run:
        """A nested block: initialise, run, handle."""
        inner = Scope(s, s.layout)
        if block.label is not None:
            outside = Scope(s, s.layout)
            outside.names[block.label] = ScopeSymbol(inner)
            inner.parent = outside
        if block.autonomous:
            raise CompileError(
                "PLS-00710: Pragma AUTONOMOUS_TRANSACTION cannot be declared here", block.start
            )
        return self.block_body(block, inner)

    def block_body(self, block: n.Block, s: Scope) -> Run:
        """Declarations, statements and handlers of a block in its own scope `s`."""
        inits = self.declare(block.declarations, s)
        self.unfinished(s)
        cursors = [c.slot for c in s.names.values() if isinstance(c, CursorSymbol)]
        body = self.sequence(block.body, s)
        handlers = self.handlers(block.handlers, s)
        guarded = self.guarded(body, handlers) if handlers else body
        if not inits and not cursors:
            return guarded

        def run(frame: Frame) -> Any:
            for init in inits:
                init(frame)
            return guarded(frame)

        if not cursors:
            return run

        def run_closing(frame: Frame) -> Any:
            try:
                return run(frame)
            finally:
                # the cursors of a block end with it
                for slot in cursors:
                    handle = frame.v[slot]
                    if handle is not None and handle.is_open:
                        handle.is_open = False
                        handle.result.close()

        return run_closing

    # Exceptions

    def handlers(self, handlers: list[n.Handler], s: Scope) -> Handlers:
        found: Handlers = []
        for handler in handlers:
            tests: Callable[[Raised], bool]
            try:
                symbols = [self.exception(name, handler.start, s) for name in handler.names]
            except CompileError as error:
                self.errors.append(error)
                continue
            tests = _matching(symbols) if handler.names else lambda e: True
            self.in_handler += 1
            try:
                found.append((tests, self.sequence(handler.body, s)))
            finally:
                self.in_handler -= 1
        return found

    @staticmethod
    def guarded(body: Run, handlers: Handlers) -> Run:
        def run(frame: Frame) -> Any:
            try:
                return body(frame)
            except OracleError as error:
                found = raised(error)
                found.note(frame)
                if found.code in _UNCATCHABLE:
                    raise
                handler = next((h for matches, h in handlers if matches(found)), None)
                if handler is None:
                    if found is error:
                        raise
                    raise found from error
            handling = frame.ctx.handling
            handling.append(found)
            try:
                return handler(frame)
            finally:
                handling.pop()

        return run

    # Declarations

    def declare(self, declarations: list[n.Declaration], s: Scope) -> list[Run]:
        """Put declarations into `s`; answers what must run when the block is entered."""
        inits: list[Run] = []
        for declaration in declarations:
            try:
                init = _DECLARE[type(declaration)](self, declaration, s)
            except CompileError as error:
                self.errors.append(error)
                self.errors.append(CompileError("PL/SQL: Item ignored", declaration.start))
                continue
            except OracleError as error:
                self.errors.append(CompileError(error.message, declaration.start))
                continue
            if init is not None:
                inits.append(init)
        return inits

    def check_new(self, name: str, offset: int, s: Scope) -> None:
        if name in s.names:
            raise CompileError(f"PLS-00371: at most one declaration for '{name}' is permitted", offset)

    def declare_variable(self, declaration: n.VariableDecl, s: Scope) -> Run:
        self.check_new(declaration.name, declaration.start, s)
        type_ = self.sized_type(declaration.type, s)
        if declaration.not_null and isinstance(type_, Scalar):
            type_ = Scalar(**{**_parts(type_), "not_null": True})
        default = self.coerced(declaration.default, type_, s) if declaration.default is not None else None
        if default is None and (declaration.constant or (isinstance(type_, Scalar) and type_.not_null)):
            if declaration.constant:
                raise CompileError(
                    f"PLS-00322: declaration of a constant '{declaration.name}' must contain an initialization "
                    "assignment",
                    declaration.start,
                )
            raise CompileError(
                "PLS-00218: a variable declared NOT NULL must have an initialization assignment",
                declaration.start,
            )
        variable = s.variable(declaration.name, type_, constant=declaration.constant)
        slot, line = variable.slot, self.line_of(declaration.start)
        if default is not None:
            fit, value = type_.fit, default

            def init(frame: Frame) -> None:
                frame.line = line
                frame.v[slot] = fit(value(frame))

            return init
        if isinstance(type_, RecordType) and any(f.default is not None for f in type_.fields):

            def init_record(frame: Frame) -> None:
                record = type_.initial()
                for position, field in enumerate(type_.fields):
                    if field.default is not None:
                        record.values[position] = field.type.fit(field.default(frame))
                frame.v[slot] = record

            return init_record
        initial = type_.initial
        if isinstance(type_, Scalar | CursorType):

            def init_null(frame: Frame) -> None:
                frame.v[slot] = None

            return init_null

        def init_composite(frame: Frame) -> None:
            frame.v[slot] = initial()

        return init_composite

    def declare_exception(self, declaration: n.ExceptionDecl, s: Scope) -> None:
        self.check_new(declaration.name, declaration.start, s)
        s.names[declaration.name] = ExceptionSymbol(declaration.name)

    def exception_init(self, declaration: n.ExceptionInit, s: Scope) -> None:
        symbol = s.names.get(declaration.name)
        if not isinstance(symbol, ExceptionSymbol):
            raise CompileError(
                f"PLS-00109: unknown exception name '{declaration.name}' in PRAGMA EXCEPTION_INIT",
                declaration.start,
            )
        if declaration.code == 100:
            symbol.code = 1403
        elif declaration.code >= 0 or declaration.code == -1403:
            raise CompileError(
                "PLS-00701: illegal ORACLE error number "
                f"{declaration.code} for PRAGMA EXCEPTION_INIT", declaration.start,
            )  # fmt: skip
        else:
            symbol.code = -declaration.code

    def declare_type(self, declaration: n.TypeDecl, s: Scope) -> None:
        self.check_new(declaration.name, declaration.start, s)
        s.names[declaration.name] = TypeSymbol(declaration.name, self.new_type(declaration, s))

    def new_type(self, declaration: n.TypeDecl, s: Scope) -> Type:
        name, definition = declaration.name, declaration.definition
        if isinstance(definition, n.RecordDef):
            fields = []
            for f in definition.fields:
                type_ = self.sized_type(f.type, s)
                if f.not_null and isinstance(type_, Scalar):
                    type_ = Scalar(**{**_parts(type_), "not_null": True})
                if f.default is not None and not _is_literal(f.default):
                    raise unsupported("a default of a record field that is no literal", f.start)
                default = self.coerced(f.default, type_, s) if f.default is not None else None
                fields.append(FieldType(f.name, type_, default))
            return RecordType(name, fields)
        if isinstance(definition, n.TableDef):
            element = self.sized_type(definition.element, s)
            if definition.index_by is None:
                return CollectionType(name, "TABLE", element)
            key = self.type_of(definition.index_by, s)
            if not isinstance(key, Scalar) or key.ora not in (OraType.BINARY_INTEGER, OraType.VARCHAR2):
                raise CompileError("PLS-00315: Implementation restriction: unsupported table index type",
                                   definition.start)  # fmt: skip
            return CollectionType(name, "INDEX BY", element, key)
        if isinstance(definition, n.VarrayDef):
            return CollectionType(
                name, "VARRAY", self.sized_type(definition.element, s), limit=definition.limit
            )
        if isinstance(definition, n.RefCursorDef):
            row = self.type_of(definition.returns, s) if definition.returns is not None else None
            return CursorType(name, row if isinstance(row, RecordType) else None)
        base = self.type_of(definition.base, s)
        if not isinstance(base, Scalar):
            return base
        parts = {**_parts(base), "name": name, "not_null": definition.not_null or base.not_null}
        if definition.bounds is not None:
            frame = self.constant_frame()
            low, high = (convert.to_number(self.expression(b, s).run(frame)) for b in definition.bounds)
            parts |= {"low": int(low), "high": int(high)}
        return Scalar(**parts)

    def constant_frame(self) -> Frame:
        """A frame for expressions of literals only."""
        from app.localdb.plsql.runtime import Context

        return Frame(Context(self.host), None, 0, "")

    def declare_cursor(self, declaration: n.CursorDecl, s: Scope) -> Run | None:
        symbol = s.names.get(declaration.name)
        if not isinstance(symbol, CursorSymbol) or symbol.query is not None:
            self.check_new(declaration.name, declaration.start, s)
            symbol = CursorSymbol(declaration.name, s.layout.level, s.layout.slot())
        inner = Scope(s, s.layout)
        symbol.parameters = self.formals(declaration.parameters, s, s.layout)
        for formal in symbol.parameters:
            variable = inner.variable(formal.name, formal.type, writable=False)
            variable.slot = formal.slot
        slot = symbol.slot
        if declaration.returns is not None:
            row = self.type_of(declaration.returns, s)
            if not isinstance(row, RecordType):
                raise CompileError("PLS-00332: the type of a cursor must be a record", declaration.start)
            symbol.row = row
        if declaration.query is not None:
            flags = {"add_rowid": True} if declaration.name in self.current_of else {}
            symbol.query = self.embedded(declaration.query, inner, **flags)
            if symbol.row is None:
                symbol.row = self.row_type(symbol.query.compiled, declaration.name)
        elif declaration.returns is None:
            raise unsupported("a cursor without its query", declaration.start)
        s.names[declaration.name] = symbol

        def init(frame: Frame) -> None:
            frame.v[slot] = CursorHandle()

        return init

    # Subprograms

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


def _is_literal(node: x.Expr) -> bool:
    if isinstance(node, x.Unary):
        return node.op in "+-" and _is_literal(node.operand)
    return isinstance(node, x.Number | x.String | x.Null | x.Boolean)


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
    parts = {**_parts(type_), "size": 0, "precision": 0, "scale": None}
    if type_.ora is OraType.CHAR:
        # a CHAR parameter takes the length of its actual: it does not pad
        parts["ora"] = OraType.VARCHAR2
    return Scalar(**parts)


def _parts(type_: Scalar) -> dict[str, Any]:
    return {
        "ora": type_.ora, "name": type_.name, "precision": type_.precision, "scale": type_.scale,
        "size": type_.size, "chars": type_.chars, "not_null": type_.not_null, "low": type_.low, "high": type_.high,
    }  # fmt: skip


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


def _matching(symbols: list[ExceptionSymbol]) -> Callable[[Raised], bool]:
    codes = {s.code for s in symbols if s.code is not None}
    if 100 in codes:
        codes = (codes - {100}) | {1403}
    own = [s for s in symbols if s.code is None]

    def matches(error: Raised) -> bool:
        if error.symbol is not None:
            return any(s is error.symbol for s in own)
        return error.code in codes

    return matches


_DECLARE: dict[type, Callable[[Any, Any, Scope], Run | None]] = {
    n.VariableDecl: BlockCompiler.declare_variable,
    n.ExceptionDecl: BlockCompiler.declare_exception,
    n.ExceptionInit: BlockCompiler.exception_init,
    n.TypeDecl: BlockCompiler.declare_type,
    n.CursorDecl: BlockCompiler.declare_cursor,
    n.Subprogram: BlockCompiler.declare_subprogram,
}
