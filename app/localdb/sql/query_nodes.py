"""The syntax tree of queries: select lists, FROM, set operations, row limits, locks."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql.expression_nodes import Expr, Name, Node, OrderItem
from app.localdb.sql.json_nodes import JsonColumn, OnClause


@dataclass(slots=True)
class SelectItem(Node):
    value: Expr
    alias: str | None = None
    text: str = ""  # as written: names the column when there is no alias


@dataclass(slots=True)
class AsOf(Node):
    """AS OF SCN | TIMESTAMP value: `kind` is that word, `text` the value as written."""

    kind: str
    value: Expr
    text: str


@dataclass(slots=True)
class Sample(Node):
    """SAMPLE [BLOCK] (percent): a share of the rows, or of the blocks."""

    blocks: bool
    percent: str


@dataclass(slots=True)
class TableRef(Node):
    """schema.table [SAMPLE ..] [AS OF ..] alias. `alias` is None when the table's own name serves."""

    parts: tuple[str, ...]
    alias: str | None = None
    as_of: AsOf | None = None
    sample: Sample | None = None


@dataclass(slots=True)
class DerivedTable(Node):
    """(query) alias in FROM; lateral when marked so."""

    query: Query
    alias: str | None = None
    lateral: bool = False


@dataclass(slots=True)
class TableFunction(Node):
    """TABLE(expression) alias in FROM."""

    value: Expr
    alias: str | None = None


@dataclass(slots=True)
class JsonTable(Node):
    operand: Expr
    path: str
    columns: list[JsonColumn]
    alias: str | None = None
    on_error: OnClause | None = None
    on_empty: OnClause | None = None


@dataclass(slots=True)
class ValuesTable(Node):
    """(VALUES (..), (..)) alias (columns): 23ai."""

    rows: list[list[Expr]]
    columns: list[str]
    alias: str | None = None


@dataclass(slots=True)
class Join(Node):
    """left kind JOIN right: kind INNER, LEFT, RIGHT, FULL, CROSS, CROSS APPLY, OUTER APPLY."""

    kind: str
    left: FromItem
    right: FromItem
    on: Expr | None = None
    using: list[str] | None = None
    natural: bool = False


@dataclass(slots=True)
class PivotValue(Node):
    """value AS alias of a PIVOT's IN list: one value for each of its columns. `text` is as written."""

    values: list[Expr]
    alias: str | None
    text: str


@dataclass(slots=True)
class Pivot(Node):
    """source PIVOT (aggregates FOR columns IN (values)) alias. Each aggregate has its alias, or None."""

    source: FromItem
    aggregates: list[tuple[Expr, str | None]]
    columns: list[str]
    values: list[PivotValue]
    alias: str | None = None


@dataclass(slots=True)
class Unpivot(Node):
    """source UNPIVOT (value FOR name IN (column [AS literal], ...)) alias."""

    source: FromItem
    value: str
    name: str
    columns: list[tuple[Name, Expr | None]]
    nulls: bool = False  # INCLUDE NULLS
    alias: str | None = None


FromItem = TableRef | DerivedTable | TableFunction | JsonTable | ValuesTable | Join | Pivot | Unpivot


@dataclass(slots=True)
class Cte(Node):
    """name [(columns)] AS (query) of a WITH clause."""

    name: str
    columns: list[str]
    query: Query


@dataclass(slots=True)
class GroupItem(Node):
    """kind EXPR (one expression, or a list in parentheses), ROLLUP, CUBE or SETS; () is an empty EXPR."""

    kind: str
    items: list[Expr] = field(default_factory=list)
    groups: list[GroupItem] = field(default_factory=list)


@dataclass(slots=True)
class Into(Node):
    """[BULK COLLECT] INTO targets (PL/SQL)."""

    targets: list[Expr]
    bulk: bool = False
    limit: Expr | None = None


@dataclass(slots=True)
class Select(Node):
    """One query block."""

    items: list[SelectItem]
    sources: list[FromItem]
    distinct: bool = False
    where: Expr | None = None
    start_with: Expr | None = None
    connect_by: Expr | None = None
    nocycle: bool = False
    group_by: list[GroupItem] | None = None
    having: Expr | None = None
    into: Into | None = None
    from_missing: bool = False  # SELECT without FROM (23ai)


@dataclass(slots=True)
class SetOperation(Node):
    """left op right: op UNION, UNION ALL, INTERSECT, MINUS (or 23ai's EXCEPT, INTERSECT ALL, MINUS ALL)."""

    op: str
    left: QueryBody
    right: QueryBody


@dataclass(slots=True)
class ForUpdate(Node):
    of: list[Name] = field(default_factory=list)
    nowait: bool = False
    wait: int | None = None  # seconds
    skip_locked: bool = False


@dataclass(slots=True)
class Query(Node):
    """A whole query: WITH, body, ORDER BY, OFFSET, FETCH, FOR UPDATE. In parentheses it can be a body."""

    body: QueryBody
    ctes: list[Cte] = field(default_factory=list)
    order_by: list[OrderItem] = field(default_factory=list)
    siblings: bool = False
    row_offset: Expr | None = None
    fetch: Expr | None = None
    fetch_percent: bool = False
    fetch_ties: bool = False
    fetch_offset: int = 0  # where OFFSET or FETCH stands in the text
    for_update: ForUpdate | None = None


QueryBody = Select | SetOperation | Query
