"""Declarations, blocks and exception handlers; subprograms with their frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import convert
from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import CompileError, unsupported
from app.localdb.plsql.runtime import Context, Frame, Raised, Run, raised
from app.localdb.plsql.scope import (
    CursorSymbol,
    ExceptionSymbol,
    Scope,
    ScopeSymbol,
    TypeSymbol,
)
from app.localdb.plsql.subprograms import SubprogramCompiler
from app.localdb.plsql.types import (
    CollectionType,
    CursorType,
    FieldType,
    RecordType,
    Scalar,
    Type,
)
from app.localdb.plsql.values import CursorHandle
from app.localdb.sql import nodes as x

Handlers = list[tuple[Callable[[Raised], bool], Run]]

UNCATCHABLE = frozenset((28, 1012, 1013, 3113))
"""The call is cancelled, or the session is over: no handler may hide that."""


class BlockCompiler(SubprogramCompiler):
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
                if found.code in UNCATCHABLE:
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
            type_ = replace(type_, not_null=True)
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
                    type_ = replace(type_, not_null=True)
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
        found = replace(base, name=name, not_null=definition.not_null or base.not_null)
        if definition.bounds is not None:
            frame = self.constant_frame()
            low, high = (convert.to_number(self.expression(b, s).run(frame)) for b in definition.bounds)
            found = replace(found, low=int(low), high=int(high))
        return found

    def constant_frame(self) -> Frame:
        """A frame for expressions of literals only."""
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


def _is_literal(node: x.Expr) -> bool:
    if isinstance(node, x.Unary):
        return node.op in "+-" and _is_literal(node.operand)
    return isinstance(node, x.Number | x.String | x.Null | x.Boolean)


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
