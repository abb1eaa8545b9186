"""The syntax tree of expressions: leaves, operators, calls, casts. See nodes for the whole tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.localdb.sql.query_nodes import Query


@dataclass(slots=True)
class Node:
    """Any part of a statement."""

    offset: int


@dataclass(slots=True)
class Expr(Node):
    """Any expression or condition."""


# --- literals and leaves -----------------------------------------------------------------------------


@dataclass(slots=True)
class Number(Expr):
    """A numeric literal; the suffixes f and d (BINARY_FLOAT, BINARY_DOUBLE) stay in `text`."""

    text: str


@dataclass(slots=True)
class String(Expr):
    """A text literal. The empty one is NULL."""

    value: str
    national: bool = False


@dataclass(slots=True)
class Null(Expr):
    """NULL."""


@dataclass(slots=True)
class Boolean(Expr):
    """TRUE or FALSE (PL/SQL, or SQL of 23ai)."""

    value: bool


@dataclass(slots=True)
class DateTime(Expr):
    """DATE '2026-01-31' (kind DATE) or TIMESTAMP '...' (kind TIMESTAMP)."""

    kind: str
    text: str


@dataclass(slots=True)
class Interval(Expr):
    """INTERVAL '1 2:03' DAY TO MINUTE: leading field, trailing field or None, and their precisions."""

    text: str
    leading: str
    trailing: str | None
    precision: int | None = None
    fraction: int | None = None


@dataclass(slots=True)
class BindRef(Expr):
    """:name. `index` counts the occurrences of binds in the statement from 0."""

    name: str
    index: int


@dataclass(slots=True)
class Name(Expr):
    """a, t.a, s.t.a, pkg.var: column, variable, pseudo-column or call without parentheses.

    `quoted` holds, in parallel to `parts`, whether a part was written in double quotes. `outer` is the
    (+) mark after a column.
    """

    parts: tuple[str, ...]
    quoted: tuple[bool, ...] = ()
    outer: bool = False


@dataclass(slots=True)
class Star(Expr):
    """* or t.*: only in select lists and COUNT(*)."""

    qualifier: tuple[str, ...] = ()


# --- postfix -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Argument(Node):
    """One argument of a call; `name` for named notation f(p => 1)."""

    value: Expr
    name: str | None = None


@dataclass(slots=True)
class OrderItem(Node):
    value: Expr
    descending: bool = False
    nulls: str | None = None  # 'FIRST', 'LAST' or None: Oracle's default (last, or first when descending)


@dataclass(slots=True)
class Frame(Node):
    """ROWS | RANGE | GROUPS BETWEEN start AND end; a bound is (kind, value), kind one of
    'UNBOUNDED PRECEDING', 'PRECEDING', 'CURRENT ROW', 'FOLLOWING', 'UNBOUNDED FOLLOWING'."""

    unit: str
    start: tuple[str, Expr | None]
    end: tuple[str, Expr | None] | None
    exclude: str | None = None


@dataclass(slots=True)
class Window(Node):
    """OVER (...)."""

    partition: list[Expr]
    order: list[OrderItem]
    frame: Frame | None = None


@dataclass(slots=True)
class Keep(Node):
    """KEEP (DENSE_RANK FIRST|LAST ORDER BY ...)."""

    last: bool
    order: list[OrderItem]


@dataclass(slots=True)
class Call(Expr):
    """target(args): function call, or in PL/SQL also element of a collection. `target` is usually a Name."""

    target: Expr
    args: list[Argument]
    distinct: bool = False
    within_group: list[OrderItem] | None = None
    keep: Keep | None = None
    over: Window | None = None
    nulls: str | None = None  # 'IGNORE' or 'RESPECT'
    from_last: bool = False  # NTH_VALUE(..) FROM LAST
    overflow: str | None = None  # LISTAGG .. ON OVERFLOW: 'ERROR' or 'TRUNCATE'
    overflow_text: Expr | None = None
    overflow_count: bool = True


@dataclass(slots=True)
class Field(Expr):
    """target.name where target is not a plain name: t(i).col, f(x).y."""

    target: Expr
    name: str


@dataclass(slots=True)
class Attribute(Expr):
    """target%NAME: SQL%ROWCOUNT, cur%NOTFOUND, SQL%BULK_ROWCOUNT (its index makes it a Call target)."""

    target: Expr
    name: str


# --- operators ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Unary(Expr):
    """op operand: op one of + - NOT PRIOR CONNECT_BY_ROOT."""

    op: str
    operand: Expr


@dataclass(slots=True)
class Binary(Expr):
    """left op right: op one of + - * / || ** MOD AND OR."""

    op: str
    left: Expr
    right: Expr


@dataclass(slots=True)
class Compare(Expr):
    """left op right: op one of = != < <= > >=; quantifier ANY or ALL when right is a list or subquery."""

    op: str
    left: Expr
    right: Expr
    quantifier: str | None = None


@dataclass(slots=True)
class IsNull(Expr):
    operand: Expr
    negated: bool


@dataclass(slots=True)
class IsCondition(Expr):
    """operand IS [NOT] what: what one of TRUE FALSE NAN INFINITE EMPTY `A SET`."""

    operand: Expr
    what: str
    negated: bool


@dataclass(slots=True)
class IsJson(Expr):
    """operand IS [NOT] JSON [STRICT|LAX] [WITH UNIQUE KEYS] [VALUE|ARRAY|OBJECT|SCALAR]."""

    operand: Expr
    negated: bool
    strict: bool = False
    unique_keys: bool = False
    shape: str | None = None


@dataclass(slots=True)
class Like(Expr):
    """operand [NOT] LIKE pattern [ESCAPE e]; `kind` is LIKE, LIKEC, LIKE2 or LIKE4."""

    operand: Expr
    pattern: Expr
    escape: Expr | None
    negated: bool
    kind: str = "LIKE"


@dataclass(slots=True)
class Between(Expr):
    operand: Expr
    low: Expr
    high: Expr
    negated: bool


@dataclass(slots=True)
class InList(Expr):
    operand: Expr
    items: list[Expr]
    negated: bool


@dataclass(slots=True)
class InQuery(Expr):
    operand: Expr
    query: Query
    negated: bool


@dataclass(slots=True)
class MemberOf(Expr):
    """operand [NOT] MEMBER [OF] collection | SUBMULTISET: `kind` MEMBER or SUBMULTISET."""

    operand: Expr
    collection: Expr
    negated: bool
    kind: str = "MEMBER"


@dataclass(slots=True)
class Exists(Expr):
    query: Query


@dataclass(slots=True)
class Case(Expr):
    """CASE [operand] WHEN .. THEN .. [ELSE ..] END."""

    operand: Expr | None
    whens: list[tuple[Expr, Expr]]
    otherwise: Expr | None


@dataclass(slots=True)
class Row(Expr):
    """(a, b, ...): a list of expressions in parentheses, two or more."""

    items: list[Expr]


@dataclass(slots=True)
class Paren(Expr):
    """(expression): kept, because (a) differs from a where Oracle checks text or precedence."""

    operand: Expr


@dataclass(slots=True)
class Scalar(Expr):
    """(query) used as a value or as the right side of a comparison."""

    query: Query


@dataclass(slots=True)
class CursorExpr(Expr):
    """CURSOR(query)."""

    query: Query


@dataclass(slots=True)
class AtTimeZone(Expr):
    """operand AT TIME ZONE zone, or AT LOCAL when zone is None."""

    operand: Expr
    zone: Expr | None


@dataclass(slots=True)
class IntervalOf(Expr):
    """(a - b) DAY TO SECOND | YEAR TO MONTH."""

    operand: Expr
    leading: str
    trailing: str
    precision: int | None = None
    fraction: int | None = None


# --- functions with a syntax of their own --------------------------------------------------------------


@dataclass(slots=True)
class TypeName(Node):
    """A data type as written: NUMBER(10,2), VARCHAR2(30 CHAR), TIMESTAMP(6) WITH TIME ZONE.

    `name` is normalised: INTERVAL DAY TO SECOND, TIMESTAMP WITH TIME ZONE, LONG RAW, DOUBLE PRECISION ...;
    a user's type or an anchored one keeps its dotted name. `args` holds the numbers in parentheses, None
    for `*`. `semantics` is CHAR, BYTE or None. `anchor` is TYPE or ROWTYPE after `%`.
    """

    name: str
    args: list[int | None] = field(default_factory=list)
    semantics: str | None = None
    anchor: str | None = None
    parts: tuple[str, ...] = ()


@dataclass(slots=True)
class Cast(Expr):
    operand: Expr
    type: TypeName
    multiset: bool = False
    format: Expr | None = None
    on_error: Expr | None = None  # DEFAULT e ON CONVERSION ERROR


@dataclass(slots=True)
class Extract(Expr):
    field: str
    operand: Expr


@dataclass(slots=True)
class Trim(Expr):
    mode: str  # LEADING, TRAILING or BOTH
    chars: Expr | None
    operand: Expr
