"""The tree of a PL/SQL unit: declarations and statements. Expressions inside are nodes of `sql.nodes`."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql.lexer import Token
from app.localdb.sql.nodes import Expr


@dataclass(slots=True)
class Node:
    """Anything with a place: `start` is the offset of its first character in the unit's text."""

    start: int


# Types as they are written


@dataclass(slots=True)
class TypeRef(Node):
    """A type by name: `varchar2(30 char)`, `t.c%type`, `t%rowtype`, `pkg.t_list`, `interval day to second`."""

    name: tuple[str, ...]
    args: tuple[int, ...] = ()  # precision and scale, or length
    char_semantics: bool = False
    attribute: str = ""  # "TYPE" or "ROWTYPE"


@dataclass(slots=True)
class FieldDef(Node):
    name: str
    type: TypeRef
    not_null: bool
    default: Expr | None


@dataclass(slots=True)
class RecordDef(Node):
    fields: list[FieldDef]


@dataclass(slots=True)
class TableDef(Node):
    """Nested table, or index-by table when `index_by` is there."""

    element: TypeRef
    index_by: TypeRef | None


@dataclass(slots=True)
class VarrayDef(Node):
    element: TypeRef
    limit: int


@dataclass(slots=True)
class RefCursorDef(Node):
    returns: TypeRef | None


@dataclass(slots=True)
class SubtypeDef(Node):
    base: TypeRef
    not_null: bool
    bounds: tuple[Expr, Expr] | None


TypeDef = RecordDef | TableDef | VarrayDef | RefCursorDef | SubtypeDef


# Declarations


@dataclass(slots=True)
class VariableDecl(Node):
    name: str
    type: TypeRef
    constant: bool
    not_null: bool
    default: Expr | None


@dataclass(slots=True)
class ExceptionDecl(Node):
    name: str


@dataclass(slots=True)
class ExceptionInit(Node):
    name: str
    code: int


@dataclass(slots=True)
class TypeDecl(Node):
    name: str
    definition: TypeDef


@dataclass(slots=True)
class Parameter(Node):
    name: str
    mode: str  # "IN", "OUT" or "IN OUT"
    type: TypeRef
    default: Expr | None


@dataclass(slots=True)
class Query(Node):
    """The tokens of one SQL statement without INTO and its targets."""

    tokens: list[Token]


@dataclass(slots=True)
class CursorDecl(Node):
    name: str
    parameters: list[Parameter]
    returns: TypeRef | None
    query: Query | None  # None: only announced in a package specification


@dataclass(slots=True)
class Subprogram(Node):
    """A procedure, or a function when `returns` is there; without `body` it is a declaration."""

    name: str
    parameters: list[Parameter]
    returns: TypeRef | None
    body: Block | None
    deterministic: bool = False
    autonomous: bool = False


Declaration = VariableDecl | ExceptionDecl | ExceptionInit | TypeDecl | CursorDecl | Subprogram


# Statements


@dataclass(slots=True)
class Handler(Node):
    names: list[tuple[str, ...]]  # empty: OTHERS
    body: list[Statement]


@dataclass(slots=True)
class Block(Node):
    label: str | None
    declarations: list[Declaration]
    body: list[Statement]
    handlers: list[Handler]
    autonomous: bool = False


@dataclass(slots=True)
class Assign(Node):
    target: Expr
    value: Expr


@dataclass(slots=True)
class CallStatement(Node):
    call: Expr


@dataclass(slots=True)
class If(Node):
    branches: list[tuple[Expr, list[Statement]]]
    otherwise: list[Statement] | None


@dataclass(slots=True)
class CaseStatement(Node):
    selector: Expr | None
    branches: list[tuple[Expr, list[Statement]]]
    otherwise: list[Statement] | None


@dataclass(slots=True)
class Loop(Node):
    label: str | None
    body: list[Statement]


@dataclass(slots=True)
class While(Node):
    label: str | None
    condition: Expr
    body: list[Statement]


@dataclass(slots=True)
class ForRange(Node):
    label: str | None
    variable: str
    reverse: bool
    low: Expr
    high: Expr
    body: list[Statement]


@dataclass(slots=True)
class ForCursor(Node):
    label: str | None
    variable: str
    source: Query | Expr  # a query in parentheses, or a cursor with or without arguments
    body: list[Statement]


@dataclass(slots=True)
class Exit(Node):
    """EXIT or CONTINUE."""

    proceed: bool
    label: str | None
    condition: Expr | None


@dataclass(slots=True)
class Return(Node):
    value: Expr | None


@dataclass(slots=True)
class Null(Node):
    pass


@dataclass(slots=True)
class Raise(Node):
    name: tuple[str, ...] | None


@dataclass(slots=True)
class Into(Node):
    targets: list[Expr]
    bulk: bool


@dataclass(slots=True)
class Sql(Node):
    """An embedded SELECT INTO, INSERT, UPDATE, DELETE, MERGE or LOCK TABLE."""

    query: Query
    verb: str
    into: Into | None


@dataclass(slots=True)
class Using(Node):
    mode: str  # "IN", "OUT" or "IN OUT"
    value: Expr


@dataclass(slots=True)
class ExecuteImmediate(Node):
    text: Expr
    into: Into | None
    using: list[Using]
    returning: Into | None


@dataclass(slots=True)
class Open(Node):
    """OPEN of a declared cursor, its arguments included in `cursor`."""

    cursor: Expr


@dataclass(slots=True)
class OpenFor(Node):
    cursor: Expr
    source: Query | Expr
    using: list[Using]


@dataclass(slots=True)
class Fetch(Node):
    cursor: Expr
    into: Into
    limit: Expr | None


@dataclass(slots=True)
class Close(Node):
    cursor: Expr


@dataclass(slots=True)
class ForAll(Node):
    variable: str
    low: Expr | None
    high: Expr | None
    indices_of: Expr | None
    values_of: Expr | None
    save_exceptions: bool
    body: Sql | ExecuteImmediate


@dataclass(slots=True)
class Transaction(Node):
    """COMMIT, ROLLBACK [TO name], SAVEPOINT name."""

    verb: str
    name: str | None = None


Statement = (
    Block
    | Assign
    | CallStatement
    | If
    | CaseStatement
    | Loop
    | While
    | ForRange
    | ForCursor
    | Exit
    | Return
    | Null
    | Raise
    | Sql
    | ExecuteImmediate
    | Open
    | OpenFor
    | Fetch
    | Close
    | ForAll
    | Transaction
)


# Units


@dataclass(slots=True)
class Unit(Node):
    """What CREATE makes. `kind` is the dictionary's word: PACKAGE, PACKAGE BODY, PROCEDURE, FUNCTION."""

    kind: str
    schema: str | None
    name: str
    invoker_rights: bool
    declarations: list[Declaration] = field(default_factory=list)  # packages
    initialisation: Block | None = None  # package bodies
    subprogram: Subprogram | None = None  # standalone ones


@dataclass(slots=True)
class TriggerUnit(Node):
    """A trigger. Simple ones have a `body`, compound ones `declarations` and `sections` by timing point.

    `stop` is where its heading ends: the source up to there is DESCRIPTION of the dictionary.
    """

    schema: str | None
    name: str
    timing: str  # BEFORE, AFTER, INSTEAD OF or COMPOUND
    events: list[str]  # INSERT, UPDATE, DELETE
    columns: list[str]  # UPDATE OF
    table: tuple[str, ...]
    each_row: bool = False
    when: Query | None = None
    enabled: bool = True
    follows: list[tuple[str, ...]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=lambda: {"NEW": "NEW", "OLD": "OLD"})  # REFERENCING
    stop: int = 0
    body: Block | None = None
    declarations: list[Declaration] = field(default_factory=list)
    sections: dict[str, Block] = field(default_factory=dict)

    @property
    def point(self) -> str:
        """The timing point of a simple trigger."""
        return f"{self.timing} {'EACH ROW' if self.each_row else 'STATEMENT'}"
