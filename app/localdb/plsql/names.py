"""From names to meanings: a.b(c).d becomes a place, a call, a constructor, a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.localdb.plsql.code import (
    Code,
    Place,
    Store,
    element_place,
    field_place,
    outer,
    package_place,
    variable_place,
)
from app.localdb.plsql.failures import CompileError, not_assignable, undeclared, unsupported
from app.localdb.plsql.routines import Formal, Routine, call
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.scope import (
    Computed,
    CursorSymbol,
    ExceptionSymbol,
    PackageSymbol,
    QualifiedRoutine,
    RoutineSymbol,
    Scope,
    ScopeSymbol,
    Symbol,
    TypeSymbol,
    Variable,
)
from app.localdb.plsql.types import (
    BOOLEAN,
    CHAR,
    INTEGER,
    CollectionType,
    CursorType,
    RecordType,
    Scalar,
    Type,
)
from app.localdb.plsql.values import Collection, Record
from app.localdb.sql import nodes as x

if TYPE_CHECKING:
    from app.localdb.plsql.host import Host
    from app.localdb.plsql.library import Library
    from app.localdb.plsql.units import PackageUnit, Unit

Link = str | list[x.Argument]
VOID = Scalar(CHAR.ora, "procedure")
"""The type of a procedure's call: no value."""

_METHODS: dict[str, tuple[int, int]] = {
    "COUNT": (0, 0), "FIRST": (0, 0), "LAST": (0, 0), "LIMIT": (0, 0), "EXISTS": (1, 1), "NEXT": (1, 1),
    "PRIOR": (1, 1), "EXTEND": (0, 2), "TRIM": (0, 1), "DELETE": (0, 2),
}  # fmt: skip
_CHANGING = frozenset(("EXTEND", "TRIM", "DELETE"))


@dataclass(slots=True)
class Target:
    """Who a name calls, and whether its frames hang under a frame of this unit."""

    symbol: RoutineSymbol
    package: PackageUnit | None  # another package: its state is the parent frame


def flatten(node: x.Expr) -> list[Link] | None:
    """a.b(c).d as ["A", "B", [c], "D"]; None when the node is no such chain."""
    if isinstance(node, x.Name):
        return list(node.parts)
    if isinstance(node, x.Call):
        chain = flatten(node.target)
        return None if chain is None else [*chain, node.args]
    if isinstance(node, x.Field):
        chain = flatten(node.target)
        return None if chain is None else [*chain, node.name]
    if isinstance(node, x.BindRef):
        return [":" + node.name]
    return None


def shown(chain: list[Link]) -> str:
    """The chain's names, as messages show them."""
    return ".".join(link for link in chain if isinstance(link, str))


class NameCompiler:
    """Resolves chains of names in a scope. The compiler's other parts build on it."""

    if TYPE_CHECKING:
        library: Library
        unit: Unit | None
        owner: str  # schema in which names are looked up
        host: Host
        assigned: set[str]  # binds that are assigned to
        used: set[str]  # binds that are read
        expression: Callable[[x.Expr, Scope], Code]
        coerced: Callable[[x.Expr, Type, Scope], Run]
        converted: Callable[[Code, Type, int], Run]
        conversion: Callable[[Type, Type], Callable[[Frame, Any], Any] | None]

    # Entry points

    def resolved(self, node: x.Expr, s: Scope, statement: bool = False) -> Place | Code | None:
        """The meaning of a chain of names; None when its first name is unknown to PL/SQL."""
        chain = flatten(node)
        if chain is None or not isinstance(chain[0], str):
            return None
        found = self.first(chain, node.offset, s)
        if found is None:
            return None
        symbol, rest, package = found
        return self.follow(symbol, rest, chain, node.offset, s, package, statement)

    def place(self, node: x.Expr, s: Scope) -> Place:
        """The place that `node` names, for assignment."""
        read_before = isinstance(node, x.BindRef) and node.name in self.used
        found = self.resolved(node, s)
        if found is None:
            raise undeclared(shown(flatten(node) or ["?"]), node.offset)
        if isinstance(node, x.BindRef):
            self.assigned.add(node.name)
            if not read_before:
                self.used.discard(node.name)
        if not isinstance(found, Place) or not found.writable:
            name = found.name if isinstance(found, Place) else shown(flatten(node) or ["?"])
            raise not_assignable(name, node.offset)
        return found

    def symbol(self, parts: tuple[str, ...], offset: int, s: Scope) -> Symbol:
        """What a dotted name declares: an exception, a cursor, a type ..."""
        found = self.first(list(parts), offset, s)
        if found is None or found[1]:
            raise undeclared(".".join(parts), offset)
        return found[0]

    # Looking up

    def first(
        self, chain: list[Link], offset: int, s: Scope
    ) -> tuple[Symbol, list[Link], PackageUnit | None] | None:
        """The symbol of the longest prefix that qualifies, what follows it, and its package."""
        name = chain[0]
        assert isinstance(name, str)
        symbol = s.find(name)
        rest = chain[1:]
        if symbol is None and self.unit is not None and chain[:2] == [self.unit.owner, self.unit.name]:
            symbol, rest = s.find(self.unit.name), chain[2:]
        if symbol is None and name in (":NEW", ":OLD") and rest:
            raise CompileError("ORA-04082: NEW or OLD references not allowed in table level triggers", offset)
        if symbol is None:
            outside = self.library.find(chain, self.owner, self.host, offset)
            if outside is None:
                return None
            symbol, rest = outside
        package: PackageUnit | None = None
        while isinstance(symbol, ScopeSymbol | PackageSymbol | QualifiedRoutine):
            if isinstance(symbol, QualifiedRoutine) and not (
                rest and isinstance(rest[0], str) and rest[0] in symbol.scope.names
            ):
                break
            if not rest or not isinstance(rest[0], str):
                raise CompileError(f"PLS-00221: '{shown(chain)}' is not a procedure or is undefined", offset)
            member = rest[0]
            if isinstance(symbol, PackageSymbol):
                package = symbol.unit
                found = package.public.names.get(member)
            else:
                found = symbol.scope.names.get(member)
            if found is None:
                if isinstance(symbol, ScopeSymbol) and symbol.supplied:
                    raise unsupported(f"{symbol.supplied}.{member}", offset)
                raise CompileError(f"PLS-00302: component '{member}' must be declared", offset)
            symbol, rest = found, rest[1:]
        return symbol, rest, package

    def variable_place(self, found: Variable, s: Scope, package: PackageUnit | None) -> Place:
        if package is not None and package is not self.unit:
            return package_place(
                found.name, lambda f: f.ctx.state(package), found.slot, found.type,
                found.writable and not found.constant,
            )  # fmt: skip
        distance = s.layout.level - found.level
        return variable_place(
            found.name, distance, found.slot, found.type, found.writable and not found.constant
        )

    def follow(
        self,
        symbol: Symbol,
        rest: list[Link],
        chain: list[Link],
        offset: int,
        s: Scope,
        package: PackageUnit | None,
        statement: bool,
    ) -> Place | Code:
        """From a symbol through fields, elements and methods to a place or value."""
        if isinstance(symbol, Variable):
            name = chain[0]
            if isinstance(name, str) and name[0] == ":" and len(name) > 1:
                self.used.add(name[1:])
            current: Place | Code = self.variable_place(symbol, s, package)
        elif isinstance(symbol, Computed):
            current = Code(symbol.run, symbol.type)
        elif isinstance(symbol, RoutineSymbol):
            args: list[x.Argument] = []
            if rest and isinstance(rest[0], list):
                args, rest = rest[0], rest[1:]
            current = self.routine_call(Target(symbol, package), args, s, offset, statement and not rest)
        elif isinstance(symbol, TypeSymbol) and rest and isinstance(rest[0], list):
            current, rest = self.constructor(symbol, rest[0], s, offset), rest[1:]
        elif isinstance(symbol, CursorSymbol):
            raise CompileError(f"PLS-00321: expression '{symbol.name}' is inappropriate here", offset)
        elif isinstance(symbol, ExceptionSymbol):
            raise CompileError("PLS-00227: an exception cannot be used as a value", offset)
        else:
            raise CompileError(
                f"PLS-00330: invalid use of type name or subtype name '{shown(chain)}'", offset
            )
        while rest:
            current, rest = self.part(current, rest, chain, offset, s, statement)
        return current

    def part(
        self,
        current: Place | Code,
        rest: list[Link],
        chain: list[Link],
        offset: int,
        s: Scope,
        statement: bool,
    ) -> tuple[Place | Code, list[Link]]:
        """One field, element or method call further."""
        whole = (
            current if isinstance(current, Place) else Place(shown(chain), current.type, current.run, None)
        )
        type_ = whole.type
        link = rest[0]
        if isinstance(link, list):
            if not isinstance(type_, CollectionType) or len(link) != 1:
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{whole.name}'", offset
                )
            index = self.coerced(link[0].value, type_.key or INTEGER, s)
            return element_place(whole, index, type_.element), rest[1:]
        if isinstance(type_, RecordType):
            if link not in type_.index:
                raise CompileError(f"PLS-00302: component '{link}' must be declared", offset)
            at = type_.index[link]
            return field_place(whole, at, type_.fields[at].type, link), rest[1:]
        if isinstance(type_, CollectionType) and link in _METHODS:
            args: list[x.Argument] = []
            rest = rest[1:]
            if rest and isinstance(rest[0], list):
                args, rest = rest[0], rest[1:]
            return self.method(whole, type_, link, args, s, offset, statement), rest
        if isinstance(type_, CollectionType | Scalar | CursorType):
            raise CompileError(f"PLS-00487: Invalid reference to variable '{whole.name}'", offset)
        raise CompileError(f"PLS-00302: component '{link}' must be declared", offset)

    # Collections

    def method(
        self,
        whole: Place,
        type_: CollectionType,
        name: str,
        args: list[x.Argument],
        s: Scope,
        offset: int,
        statement: bool,
    ) -> Code:
        low, high = _METHODS[name]
        if not low <= len(args) <= high:
            raise CompileError(f"PLS-00306: wrong number or types of arguments in call to '{name}'", offset)
        key = type_.key or INTEGER
        runs = [
            self.coerced(a.value, key if name in ("EXISTS", "NEXT", "PRIOR", "DELETE") else INTEGER, s)
            for a in args
        ]
        load = whole.load
        if name in _CHANGING:
            if not statement:
                raise CompileError(f"PLS-00222: no function with name '{name}' exists in this scope", offset)
            if not whole.writable:
                raise not_assignable(whole.name, offset)
            if name != "DELETE" and type_.kind == "INDEX BY":
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{name}'", offset
                )
            return Code(_changing(name, whole.container, runs), VOID)
        if name == "COUNT":
            return Code(lambda f: load(f).count(), INTEGER)
        if name == "EXISTS":
            first = runs[0]
            return Code(lambda f: load(f).exists(first(f)), BOOLEAN)
        method = getattr(Collection, name.lower())
        if not runs:
            return Code(lambda f: method(load(f)), INTEGER if name == "LIMIT" else key)
        first = runs[0]
        return Code(lambda f: method(load(f), first(f)), key)

    def constructor(self, symbol: TypeSymbol, args: list[x.Argument], s: Scope, offset: int) -> Code:
        """type(a, b, ...) of a collection or record type."""
        type_ = symbol.type
        if isinstance(type_, CollectionType):
            if type_.kind == "INDEX BY":
                if args:
                    raise CompileError("ORA-03001: unimplemented feature: a qualified expression "
                                       "is not supported by the local database", offset)  # fmt: skip
                return Code(lambda f: Collection(type_, True), type_)
            runs = [self.coerced(a.value, type_.element, s) for a in args]

            def build(frame: Frame) -> Collection:
                found = Collection(type_, True)
                found.load([run(frame) for run in runs])
                return found

            return Code(build, type_)
        if isinstance(type_, RecordType):
            values = self.record_values(type_, args, s, offset)
            return Code(lambda f: Record(type_, [run(f) for run in values]), type_)
        raise CompileError(f"PLS-00222: no function with name '{symbol.name}' exists in this scope", offset)

    def record_values(self, type_: RecordType, args: list[x.Argument], s: Scope, offset: int) -> list[Run]:
        given: dict[str, Run] = {}
        for position, argument in enumerate(args):
            if argument.name is None and position >= len(type_.fields):
                raise CompileError("PLS-00306: wrong number or types of arguments in call to "
                                   f"'{type_.name}'", offset)  # fmt: skip
            name = argument.name or type_.fields[position].name
            if name not in type_.index:
                raise CompileError(f"PLS-00302: component '{name}' must be declared", offset)
            given[name] = self.coerced(argument.value, type_.fields[type_.index[name]].type, s)
        values: list[Run] = []
        for f in type_.fields:
            initial = f.type.initial
            values.append(given.get(f.name) or f.default or (lambda frame, initial=initial: initial()))
        return values

    # Calls

    def routine_call(
        self, target: Target, args: list[x.Argument], s: Scope, offset: int, statement: bool
    ) -> Code:
        """A call with its arguments, of the overload that they fit."""
        symbol = target.symbol
        wanted = [r for r in symbol.routines if (r.returns is None) == statement]
        if not wanted:
            if statement:
                raise CompileError(f"PLS-00221: '{symbol.name}' is not a procedure or is undefined", offset)
            raise CompileError(
                f"PLS-00222: no function with name '{symbol.name}' exists in this scope", offset
            )
        routine, pairs = self.overload(symbol.name, wanted, args, s, offset)
        inputs: list[tuple[Formal, Run]] = []
        outputs: list[tuple[Formal, Store]] = []
        parent_of = self.parent_of(routine, target.package, s)
        for formal in routine.formals:
            actual = pairs.get(formal.name)
            if actual is None:
                inputs.append((formal, _default(formal, parent_of)))
                continue
            if formal.mode != "IN":
                place = self.place(actual, s)
                if self.steps(formal.type, place.type) is None:
                    raise CompileError(
                        f"PLS-00306: wrong number or types of arguments in call to '{symbol.name}'", offset
                    )
                outputs.append((formal, self.receiving(place, formal.type)))
                if formal.mode == "IN OUT":
                    if isinstance(actual, x.BindRef):
                        self.used.add(actual.name)
                    inputs.append((formal, self.converted(Code(place.load, place.type), formal.type, offset)))
                continue
            if isinstance(actual, x.Null):
                inputs.append((formal, self.coerced(actual, formal.type, s)))
                continue
            code = self.expression(actual, s)
            if self.steps(code.type, formal.type) is None:
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{symbol.name}'", offset
                )
            inputs.append((formal, self.converted(code, formal.type, actual.offset)))
        if statement or not isinstance(routine.returns, Type):
            result: Type = VOID
        else:
            result = routine.returns
        unit = routine.unit
        owner = unit.owner if unit is not None and unit is not self.unit and not unit.invoker_rights else None
        return Code(call(routine, parent_of, inputs, outputs, owner), result)

    def parent_of(
        self, routine: Routine, package: PackageUnit | None, s: Scope
    ) -> Callable[[Frame], Frame | None]:
        """How to find the frame that a new frame of `routine` hangs under."""
        if package is not None and package is not self.unit:
            return lambda f: f.ctx.state(package)
        if routine.layout.level == 0:
            return lambda f: None
        distance = s.layout.level - (routine.layout.level - 1)
        if distance == 0:
            return lambda f: f
        if distance == 1:
            return lambda f: f.up
        return lambda f: outer(f, distance)

    def overload(
        self, name: str, routines: list[Routine], args: list[x.Argument], s: Scope, offset: int
    ) -> tuple[Routine, dict[str, x.Expr]]:
        """The routine that these arguments mean, and the actual of each formal that has one."""
        fitting = [(r, pairs) for r in routines if (pairs := _matched(r, args)) is not None]
        if len(fitting) > 1:
            scored = [(self.distance(r, pairs, s), r, pairs) for r, pairs in fitting]
            possible = [item for item in scored if item[0] is not None]
            if possible:
                best = min(item[0] for item in possible if item[0] is not None)
                chosen = [item for item in possible if item[0] == best]
                if len(chosen) > 1:
                    raise CompileError(
                        f"PLS-00307: too many declarations of '{name}' match this call", offset
                    )
                return chosen[0][1], chosen[0][2]
            fitting = []
        if not fitting:
            raise CompileError(f"PLS-00306: wrong number or types of arguments in call to '{name}'", offset)
        return fitting[0]

    def distance(self, routine: Routine, pairs: dict[str, x.Expr], s: Scope) -> int | None:
        """How far the actuals are from the formals: 0 = all the same types; None = impossible."""
        total = 0
        for formal_name, actual in pairs.items():
            steps = self.steps(self.expression(actual, s).type, routine.by_name[formal_name].type)
            if steps is None:
                return None
            total += steps
        return total

    def receiving(self, place: Place, source: Type) -> Store:
        """Stores an OUT value of type `source` into `place`."""
        special = self.conversion(source, place.type)
        store = place.store
        if special is None:
            return store
        return lambda frame, value: store(frame, special(frame, value))

    def steps(self, source: Type, target: Type) -> int | None:
        raise NotImplementedError


def _matched(routine: Routine, args: list[x.Argument]) -> dict[str, x.Expr] | None:
    """Actuals by formal name; None when they do not fit in number or name."""
    pairs: dict[str, x.Expr] = {}
    for position, argument in enumerate(args):
        if argument.name is None:
            if position >= len(routine.formals):
                return None
            name = routine.formals[position].name
        else:
            name = argument.name
        if name in pairs or name not in routine.by_name:
            return None
        pairs[name] = argument.value
    for formal in routine.formals:
        if formal.name not in pairs and (formal.default is None):
            return None
    return pairs


def _default(formal: Formal, parent_of: Callable[[Frame], Frame | None]) -> Run:
    default = formal.default
    assert default is not None

    def run(frame: Frame) -> Any:
        parent = parent_of(frame)
        return default(parent if parent is not None else Frame(frame.ctx, None, 0, frame.label))

    return run


def _changing(name: str, container: Run, runs: list[Run]) -> Run:
    def extend(frame: Frame) -> None:
        container(frame).extend(*[run(frame) for run in runs])

    def trim(frame: Frame) -> None:
        container(frame).trim(*[run(frame) for run in runs])

    def delete(frame: Frame) -> None:
        values = [run(frame) for run in runs]
        container(frame).delete(*values, count=len(values))

    return {"EXTEND": extend, "TRIM": trim, "DELETE": delete}[name]
