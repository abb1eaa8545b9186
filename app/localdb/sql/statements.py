"""The syntax tree of statements other than queries: DML, transactions, locks, sessions. DDL is in ddl_nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql.nodes import Expr, FromItem, Into, Name, Node, Query


@dataclass(slots=True)
class Returning(Node):
    """RETURNING values [BULK COLLECT] INTO targets. Targets are binds or PL/SQL variables."""

    values: list[Expr]
    into: Into


@dataclass(slots=True)
class Target(Node):
    """The table, view or inline view a DML statement changes."""

    parts: tuple[str, ...]
    alias: str | None = None
    query: Query | None = None


@dataclass(slots=True)
class Insert(Node):
    """INSERT INTO target (columns) VALUES rows | query. `record` is PL/SQL's VALUES record_variable."""

    target: Target
    columns: list[Name]
    rows: list[list[Expr]] = field(default_factory=list)
    query: Query | None = None
    record: Expr | None = None
    returning: Returning | None = None


@dataclass(slots=True)
class InsertBranch(Node):
    """One INTO of a multi-table insert, with the WHEN condition it stands under (None: always)."""

    target: Target
    columns: list[Name]
    values: list[Expr]
    condition: Expr | None = None


@dataclass(slots=True)
class InsertAll(Node):
    """INSERT ALL | FIRST ... query. `otherwise` are the branches under ELSE."""

    branches: list[InsertBranch]
    query: Query
    first: bool = False
    otherwise: list[InsertBranch] = field(default_factory=list)


@dataclass(slots=True)
class Assignment(Node):
    """column = value, or (columns) = (query); `row` is PL/SQL's SET ROW = record."""

    columns: list[Name]
    value: Expr | None
    query: Query | None = None
    row: bool = False
    default: bool = False


@dataclass(slots=True)
class Update(Node):
    target: Target
    assignments: list[Assignment]
    where: Expr | None = None
    current_of: str | None = None  # WHERE CURRENT OF cursor (PL/SQL)
    returning: Returning | None = None


@dataclass(slots=True)
class Delete(Node):
    target: Target
    where: Expr | None = None
    current_of: str | None = None
    returning: Returning | None = None


@dataclass(slots=True)
class Merge(Node):
    target: Target
    source: FromItem
    on: Expr
    assignments: list[Assignment] = field(default_factory=list)
    update_where: Expr | None = None
    delete_where: Expr | None = None
    insert_columns: list[Name] = field(default_factory=list)
    insert_values: list[Expr] | None = None
    insert_where: Expr | None = None


@dataclass(slots=True)
class Commit(Node):
    """COMMIT [WORK]. Its comment, FORCE and WRITE options: WRITE is accepted, it is a durability hint."""


@dataclass(slots=True)
class Rollback(Node):
    savepoint: str | None = None


@dataclass(slots=True)
class Savepoint(Node):
    name: str


@dataclass(slots=True)
class SetTransaction(Node):
    """SET TRANSACTION READ ONLY | READ WRITE | ISOLATION LEVEL SERIALIZABLE | READ COMMITTED | NAME."""

    read_only: bool = False
    serializable: bool = False
    name: str | None = None


@dataclass(slots=True)
class LockTable(Node):
    tables: list[tuple[str, ...]]
    mode: str  # ROW SHARE, ROW EXCLUSIVE, SHARE, SHARE ROW EXCLUSIVE, EXCLUSIVE
    nowait: bool = False
    wait: int | None = None


@dataclass(slots=True)
class CallStatement(Node):
    """CALL procedure(args) [INTO :bind]."""

    text: str
    call: Expr
    into: Expr | None = None


@dataclass(slots=True)
class PlsqlText(Node):
    """A statement that plsql/ takes whole: an anonymous block, or CREATE of a PL/SQL unit."""

    create: bool
