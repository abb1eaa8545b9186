"""Names while compiling: what is declared where, and where its value will be at run time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.localdb.plsql.types import RecordType, Type

if TYPE_CHECKING:
    from app.localdb.plsql.routines import Routine
    from app.localdb.plsql.units import PackageUnit


@dataclass(eq=False)
class Variable:
    """A variable, parameter or constant: slot `slot` of the frame at nesting `level`."""

    name: str
    level: int
    slot: int
    type: Type
    writable: bool = True
    constant: bool = False


@dataclass(eq=False)
class ExceptionSymbol:
    """A declared exception; `code` is the positive error number once EXCEPTION_INIT gave one."""

    name: str
    code: int | None = None


@dataclass(eq=False)
class TypeSymbol:
    name: str
    type: Type


@dataclass(eq=False)
class CursorSymbol:
    """An explicit cursor. Its handle is made per frame in `slot`; parameters have slots of their own."""

    name: str
    level: int
    slot: int
    parameters: list[Any] = field(default_factory=list)  # routines.Formal
    parameter_variables: list[Variable] = field(default_factory=list)
    row: RecordType | None = None
    query: Any = None  # embedded.Statement once compiled
    scope: Scope | None = None


@dataclass(eq=False)
class RoutineSymbol:
    """A procedure or function by name, all its overloads."""

    name: str
    routines: list[Routine] = field(default_factory=list)


@dataclass(eq=False)
class ScopeSymbol:
    """A name that qualifies others: a labelled block or loop, a subprogram, the unit itself; `supplied` names
    a package of the database's own, of which not everything is known."""

    scope: Scope
    supplied: str = ""


@dataclass(eq=False)
class PackageSymbol:
    """A package of the database."""

    unit: PackageUnit


@dataclass(eq=False)
class LoopSymbol:
    """A loop's label."""

    exit: object
    proceed: object


@dataclass(eq=False)
class Computed:
    """A name that stands for a compiled expression: an inquiry directive, a FORALL index in SQL ..."""

    type: Type
    run: Callable[[Any], Any]


Symbol = (
    Variable
    | ExceptionSymbol
    | TypeSymbol
    | CursorSymbol
    | RoutineSymbol
    | ScopeSymbol
    | PackageSymbol
    | Computed
)


class Layout:
    """The slots of one kind of frame: a subprogram's, a package's, or a client block's."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.size = 0

    def slot(self) -> int:
        self.size += 1
        return self.size - 1


class Scope:
    """The names of one block; `layout` is the frame that its variables live in."""

    def __init__(self, parent: Scope | None, layout: Layout) -> None:
        self.parent = parent
        self.layout = layout
        self.names: dict[str, Symbol] = {}

    def find(self, name: str) -> Symbol | None:
        """The innermost declaration of `name`."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def variable(self, name: str, type_: Type, **flags: bool) -> Variable:
        """A new variable of this scope."""
        found = Variable(name, self.layout.level, self.layout.slot(), type_, **flags)
        self.names[name] = found
        return found


class QualifiedRoutine(RoutineSymbol):
    """A routine as its own body sees it: callable, and a qualifier of what it declares."""

    def __init__(self, name: str, scope: Scope, outside: Scope) -> None:
        found = outside.find(name)
        super().__init__(name, found.routines if isinstance(found, RoutineSymbol) else [])
        self.scope = scope
