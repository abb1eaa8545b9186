"""The syntax tree of SQL's JSON functions."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql.expression_nodes import Expr, Node, OrderItem, TypeName


@dataclass(slots=True)
class OnClause(Node):
    """What JSON functions do ON ERROR or ON EMPTY: action ERROR, NULL, DEFAULT, EMPTY, EMPTY ARRAY,
    EMPTY OBJECT, TRUE or FALSE."""

    action: str
    default: Expr | None = None


@dataclass(slots=True)
class JsonCall(Expr):
    """JSON_VALUE, JSON_QUERY, JSON_EXISTS (in `kind`): operand, path, and their clauses."""

    kind: str
    operand: Expr
    path: str
    returning: TypeName | None = None
    wrapper: str | None = None  # WITHOUT, WITH, CONDITIONAL
    pretty: bool = False
    on_error: OnClause | None = None
    on_empty: OnClause | None = None
    passing: list[tuple[Expr, str]] = field(default_factory=list)


@dataclass(slots=True)
class JsonBuild(Expr):
    """JSON_OBJECT, JSON_ARRAY, JSON_ARRAYAGG, JSON_OBJECTAGG, JSON_SERIALIZE, JSON_MERGEPATCH.

    `items` are (key or None, value, is_json); keys only for objects.
    """

    kind: str
    items: list[tuple[Expr | None, Expr, bool]]
    absent_on_null: bool | None = None
    order: list[OrderItem] = field(default_factory=list)
    returning: TypeName | None = None
    strict: bool = False
    pretty: bool = False
    error_on_error: bool = False


@dataclass(slots=True)
class JsonColumn(Node):
    """One column of JSON_TABLE; kind VALUE, QUERY, EXISTS, ORDINALITY or NESTED (then `columns`)."""

    kind: str
    name: str
    type: TypeName | None = None
    path: str | None = None
    wrapper: str | None = None
    on_error: OnClause | None = None
    on_empty: OnClause | None = None
    columns: list[JsonColumn] = field(default_factory=list)
