"""What SQL asks the catalogue: the objects behind names. SESSION's catalogue implements `Catalog`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from app.localdb.contract import OraType


class ObjectKind(StrEnum):
    TABLE = "TABLE"  # temporary tables, too
    VIEW = "VIEW"  # dictionary views in SYS, too
    SEQUENCE = "SEQUENCE"
    PACKAGE = "PACKAGE"
    PROCEDURE = "PROCEDURE"
    FUNCTION = "FUNCTION"
    INDEX = "INDEX"
    TYPE = "TYPE"
    TRIGGER = "TRIGGER"


@dataclass(slots=True)
class ColumnInfo:
    """A column of a table or view, in the order of definition."""

    name: str
    type: OraType
    precision: int = 0  # as contract.Column: NUMBER digits, 0 = unconstrained; INTERVAL leading digits
    scale: int = -127  # NUMBER scale; TIMESTAMP fractional digits
    size: int = 0  # bytes
    chars: int = 0  # characters
    char_used: str = ""  # 'B' or 'C' for character columns
    nullable: bool = True
    default: str | None = None  # the DEFAULT expression or the virtual column's expression, as written
    default_on_null: bool = False
    identity: str | None = None  # 'ALWAYS' or 'BY DEFAULT' (with default_on_null: BY DEFAULT ON NULL)
    virtual: bool = False
    hidden: bool = False  # INVISIBLE: not in SELECT *
    is_json: bool = False
    national: bool = False


@dataclass(slots=True)
class ObjectInfo:
    """What a name stands for, after synonyms."""

    kind: ObjectKind
    schema: str  # the owner; also the PostgreSQL schema
    name: str  # also the PostgreSQL name
    columns: list[ColumnInfo] = field(default_factory=list)
    # of a global temporary table: the PostgreSQL name of each session's own copy (catalog/temporary.sql)
    temporary: str | None = None
    preserve_rows: bool = False  # of a temporary table: ON COMMIT PRESERVE ROWS
    read_only: bool = False  # of a view: WITH READ ONLY
    invalid: bool = False  # of a view: what it reads has changed since it was compiled
    has_rowid: bool = False  # a hidden column "ROWID" exists
    text: str | None = None  # of a view: its query as written, when DML through the view needs it
    # of a view with exactly one base table and plain columns: (schema, table)
    base: tuple[str, str] | None = None
    by_name: dict[str, ColumnInfo] = field(default_factory=dict)
    # (owner, name) of the enabled triggers that PL/SQL's interpreter runs, in the order of their creation
    triggers: list[tuple[str, str]] = field(default_factory=list)
    instead_of: set[str] = field(
        default_factory=set
    )  # of a view: INSERT, UPDATE, DELETE that have such a trigger

    def __post_init__(self) -> None:
        if not self.by_name:
            self.by_name = {column.name: column for column in self.columns}

    @property
    def relation(self) -> str:
        """The table, view or sequence as PostgreSQL's text names it."""
        schema, name = (self.schema, self.name) if self.temporary is None else ("pg_temp", self.temporary)
        return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))


class InvalidView(Exception):
    """A statement uses a view that has to be compiled first."""

    def __init__(self, schema: str, name: str) -> None:
        super().__init__(f"{schema}.{name}")
        self.schema = schema
        self.name = name


@dataclass(slots=True)
class FunctionInfo:
    """A PL/SQL function that SQL may call, as a function of PostgreSQL."""

    schema: str
    name: str  # PostgreSQL's
    parameters: list[tuple[str, OraType]]
    required: int  # how many of the parameters, from the first, have no default
    returns: OraType


class Catalog(Protocol):
    """Objects by name, as the session's user sees them."""

    def resolve(self, schema: str | None, name: str, current_schema: str) -> ObjectInfo | None:
        """The object in `schema`; or without one: in `current_schema`, behind its private synonym, behind
        a public synonym, or in SYS. None when there is none or the user has no right at all on it."""
        ...

    def functions(self, unit: ObjectInfo, member: str | None) -> list[FunctionInfo]:
        """What SQL may call of a function (`member` None) or of a package: all overloads, often none."""
        ...

    def schema_exists(self, name: str) -> bool:
        """Whether a user of that name exists."""
        ...

    def may_change(self, found: ObjectInfo, verb: str) -> bool:
        """Whether the user may INSERT, UPDATE or DELETE (`verb`) rows of a table or view."""
        ...

    def index_table(self, schema: str, index: str) -> tuple[str, str] | None:
        """(schema, table) of an index."""
        ...

    def constraint_names(self, schema: str, table: str) -> dict[str, str]:
        """The constraints of a table: name -> kind (P, U, R, C; N: NOT NULL)."""
        ...
