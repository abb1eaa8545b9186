"""Compiled units: anonymous blocks, packages, standalone subprograms; and how each begins to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.blocks import BlockCompiler
from app.localdb.plsql.code import Code
from app.localdb.plsql.failures import CompileError, Lines, unsupported
from app.localdb.plsql.host import Host
from app.localdb.plsql.parser import UnitParser
from app.localdb.plsql.routines import Routine
from app.localdb.plsql.runtime import Context, Frame, Run, raised
from app.localdb.plsql.scope import (
    CursorSymbol,
    Layout,
    LoopSymbol,
    PackageSymbol,
    RoutineSymbol,
    Scope,
    ScopeSymbol,
    Variable,
)
from app.localdb.plsql.subprograms import autonomous
from app.localdb.plsql.types import VARCHAR2, Type
from app.localdb.sql.lexer import T, Token

if TYPE_CHECKING:
    from app.localdb.plsql.library import Library


class Compiler(BlockCompiler):
    """One unit being compiled: its names, its errors, its place in the catalogue."""

    def __init__(
        self,
        host: Host,
        library: Library,
        owner: str,
        unit_label: str,
        lines: Lines,
        invoker_rights: bool = False,
    ) -> None:
        self.host = host
        self.text = lines.text
        self.library = library
        self.owner = owner
        self.unit_label = unit_label
        self.lines = lines
        self.line_of = lines.line
        self.invoker_rights = invoker_rights
        self.unit: Unit | None = None
        self.errors: list[CompileError] = []
        self.loops: list[tuple[str | None, LoopSymbol]] = []
        self.returns: Type | None = None
        self.in_handler = 0
        self.assigned: set[str] = set()
        self.used: set[str] = set()
        self.current_of: set[str] = set()
        self.trigger_scope = Scope(None, Layout(0))

    def directive(self, name: str, offset: int) -> Code:
        """$$PLSQL_UNIT and its like."""
        owner, _, unit = self.unit_label.partition(".")
        value: Any
        if name == "$$PLSQL_LINE":
            value = self.lines.line(offset)
        elif name == "$$PLSQL_UNIT":
            value = unit or None
        elif name == "$$PLSQL_UNIT_OWNER":
            value = owner or None
        else:
            raise unsupported(f"the inquiry directive {name}", offset)
        return Code(lambda f: value, VARCHAR2)


def cursors_with_current_of(tokens: list[Token]) -> set[str]:
    """The names after CURRENT OF anywhere in a unit."""
    return {
        tokens[i + 2].value
        for i, token in enumerate(tokens[:-2])
        if token.word == "CURRENT"
        and tokens[i + 1].word == "OF"
        and tokens[i + 2].kind in (T.IDENT, T.QUOTED)
    }


# Anonymous blocks


@dataclass(eq=False)
class BlockUnit:
    """A compiled anonymous block. Binds have the slots 0, 1, ... of its frame."""

    body: Run
    layout: Layout
    types: list[Type]
    assigned: list[bool]
    read: list[bool]

    def run(self, ctx: Context, values: Sequence[Any]) -> list[Any]:
        """Run it once; the values of all binds afterwards. Raises OracleError with its stack."""
        frame = Frame(ctx, None, self.layout.size, "")
        slots = frame.v
        kept = ctx.handling
        ctx.handling = []
        try:
            for position, type_ in enumerate(self.types):
                value = values[position]
                slots[position] = type_.initial() if value is None else type_.fit(value)
            self.body(frame)
        except OracleError as error:
            found = raised(error)
            found.note(frame)
            raise found.for_client() from error
        except RecursionError as error:
            raise OracleError(6500, "PL/SQL: storage error") from error
        finally:
            ctx.handling = kept
        return slots[: len(self.types)]


def compile_block(
    host: Host, library: Library, text: str, binds: list[tuple[str, Type]] | list[Type]
) -> tuple[BlockUnit, list[CompileError], Lines]:
    """Compile an anonymous block. `binds` are (name, type), or only types: then in order of appearance."""
    lines = Lines(text)
    parser = UnitParser(text)
    tree = parser.call() if parser.word == "CALL" else parser.anonymous_block()
    compiler = Compiler(host, library, host.current_schema, "", lines, invoker_rights=False)
    compiler.current_of = cursors_with_current_of(parser.tokens)
    layout = Layout(0)
    scope = Scope(None, layout)
    names: list[str] = []
    for token in parser.tokens:
        if token.kind is T.BIND and token.value not in names:
            names.append(token.value)
    pairs = _paired(names, binds)
    for name, type_ in pairs:
        scope.variable(":" + name, type_)
    missing = [name for name in names if ":" + name not in scope.names]
    if missing:
        raise CompileError(f"PLS-00049: bad bind variable '{missing[0]}'", tree.start)
    inner = Scope(scope, layout)
    if tree.label is not None:
        scope.names[tree.label] = ScopeSymbol(inner)
    body = compiler.block_body(tree, inner)
    if tree.autonomous:
        body = autonomous(body)
    block = BlockUnit(
        body,
        layout,
        [type_ for _, type_ in pairs],
        [name in compiler.assigned for name, _ in pairs],
        [name in compiler.used for name, _ in pairs],
    )
    return block, compiler.errors, lines


def _paired(names: list[str], binds: Sequence[Any]) -> list[tuple[str, Type]]:
    if binds and isinstance(binds[0], tuple):
        return list(binds)
    if len(binds) != len(names):
        raise OracleError(1008 if len(binds) < len(names) else 1006,
                          "not all variables bound" if len(binds) < len(names) else "bind variable does not exist")  # fmt: skip
    return list(zip(names, binds, strict=True))


# Stored units


@dataclass(eq=False)
class Unit:
    """A stored unit. `stamp` is its source: a session's package state belongs to one source."""

    owner: str
    name: str
    kind: str  # PACKAGE, PROCEDURE or FUNCTION
    invoker_rights: bool
    library: Library
    stamp: str = ""
    errors: list[CompileError] = field(default_factory=list)
    lines: Lines | None = None

    @property
    def label(self) -> str:
        return f"{self.owner}.{self.name}"

    def load_body(self, ctx: Context) -> None:
        """Make sure that the bodies of its routines are there."""


@dataclass(eq=False)
class StandaloneUnit(Unit):
    """A procedure or function of its own."""

    symbol: RoutineSymbol = field(default_factory=lambda: RoutineSymbol(""))


@dataclass(eq=False)
class PackageUnit(Unit):
    """A package: `public` holds what its specification declares, `private` the body's names as well."""

    public: Scope = field(default_factory=lambda: Scope(None, Layout(0)))
    layout: Layout = field(default_factory=lambda: Layout(0))
    inits: list[Run] = field(default_factory=list)
    body_inits: list[Run] = field(default_factory=list)
    start: Run | None = None
    body_loaded: bool = False
    has_state: bool = False
    needs_body: bool = False  # the specification declares subprograms or cursors without query

    def load_body(self, ctx: Context) -> None:
        if not self.body_loaded:
            self.library.load_package_body(ctx.host, self)

    def new_state(self, ctx: Context) -> Frame:
        """A fresh frame of package variables; `initialise` fills it."""
        self.load_body(ctx)
        return Frame(ctx, None, self.layout.size, self.label)

    def initialise(self, frame: Frame) -> None:
        try:
            for init in (*self.inits, *self.body_inits):
                init(frame)
            if self.start is not None:
                self.start(frame)
        except OracleError as error:
            found = raised(error)
            found.note(frame)
            raise found from error


def compile_package(host: Host, library: Library, owner: str, name: str, source: str) -> PackageUnit:
    """The specification; routines get their bodies when the body is loaded. Errors are in `errors`."""
    lines = Lines(source)
    parser = UnitParser(source)
    tree = parser.unit()
    assert isinstance(tree, n.Unit)
    unit = PackageUnit(owner, name, "PACKAGE", tree.invoker_rights, library, source, lines=lines)
    compiler = Compiler(host, library, owner, unit.label, lines, tree.invoker_rights)
    compiler.current_of = cursors_with_current_of(parser.tokens)
    compiler.unit = unit
    outside = Scope(None, unit.layout)
    unit.public = Scope(outside, unit.layout)
    outside.names[name] = PackageSymbol(unit)
    unit.inits = compiler.declare(tree.declarations, unit.public)
    unit.errors = compiler.errors
    unit.has_state = _has_state(unit.public)
    for symbol in unit.public.names.values():
        if isinstance(symbol, RoutineSymbol):
            for routine in symbol.routines:
                routine.announced = True
    unit.needs_body = any(isinstance(symbol, RoutineSymbol) for symbol in unit.public.names.values())
    return unit


def compile_package_body(host: Host, unit: PackageUnit, source: str) -> tuple[list[CompileError], Lines]:
    """Compile the body into `unit`. Answers the errors; with errors the routines have no bodies."""
    lines = Lines(source)
    parser = UnitParser(source)
    tree = parser.unit()
    assert isinstance(tree, n.Unit)
    compiler = Compiler(host, unit.library, unit.owner, unit.label, lines, unit.invoker_rights)
    compiler.current_of = cursors_with_current_of(parser.tokens)
    compiler.unit = unit
    # the body sees the specification's names as its own: a routine of both is one
    private = Scope(unit.public.parent, unit.layout)
    private.names = dict(unit.public.names)
    for name, symbol in unit.public.names.items():
        if isinstance(symbol, RoutineSymbol):
            private.names[name] = RoutineSymbol(symbol.name, list(symbol.routines))
    announced = [
        r
        for symbol in unit.public.names.values()
        if isinstance(symbol, RoutineSymbol)
        for r in symbol.routines
    ]
    assert unit.public.parent is not None
    unit.public.parent.names[unit.name] = ScopeSymbol(private)
    unit.body_inits = compiler.declare(tree.declarations, private)
    compiler.unfinished_package(announced, private)
    if tree.initialisation is not None:
        unit.start = compiler.block(tree.initialisation, private)
    unit.has_state = unit.has_state or _has_state(private)
    if compiler.errors:
        for routine in announced:
            routine.body = None
    return compiler.errors, lines


def compile_standalone(host: Host, library: Library, owner: str, name: str, source: str) -> StandaloneUnit:
    """A procedure or function."""
    lines = Lines(source)
    parser = UnitParser(source)
    tree = parser.unit()
    assert isinstance(tree, n.Unit)
    declaration = tree.subprogram
    assert declaration is not None
    unit = StandaloneUnit(owner, name, tree.kind, tree.invoker_rights, library, source, lines=lines)
    compiler = Compiler(host, library, owner, unit.label, lines, tree.invoker_rights)
    compiler.current_of = cursors_with_current_of(parser.tokens)
    compiler.unit = unit
    layout = Layout(0)
    outside = Scope(None, layout)
    unit.symbol = RoutineSymbol(name)
    outside.names[name] = unit.symbol
    try:
        formals = compiler.formals(declaration.parameters, outside, layout)
        returns = compiler.type_of(declaration.returns, outside) if declaration.returns is not None else None
        routine = Routine(
            name, formals, returns, layout, unit.label, unit, offset=declaration.start, announced=True
        )
        unit.symbol.routines.append(routine)
        declaration.name = name
        compiler.define(routine, declaration, outside)
    except CompileError as error:
        compiler.errors.append(error)
    unit.errors = compiler.errors
    if unit.errors:
        for routine in unit.symbol.routines:
            routine.body = None
    return unit


def _has_state(scope: Scope) -> bool:
    """Whether a package keeps anything in the session: variables other than constants, cursors."""
    return any(
        (isinstance(s, Variable) and not s.constant) or isinstance(s, CursorSymbol)
        for s in scope.names.values()
    )
