"""What names mean inside one query block: its tables, their columns, and the block around it."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import ObjectInfo
from app.localdb.sql.types import Ex


@dataclass(slots=True)
class Source:
    """One table, view or inline view in FROM."""

    alias: str
    names: list[str]  # columns of `*`, in order
    columns: dict[str, Ex]  # every column, hidden ones too
    schema: str | None = None
    object: ObjectInfo | None = None
    rowid: str | None = None  # PostgreSQL text of its ROWID
    rowscn: str | None = None  # and of its ORA_ROWSCN
    duplicates: set[str] = field(default_factory=set)  # names that stand twice in an inline view
    inner: bool = True  # False: on the nullable side of an outer join
    pg_alias: str = ""  # what FOR UPDATE OF names
    complex: bool = False  # an inline view with DISTINCT, GROUP BY ...: cannot be locked
    joined: dict[str, int] = field(default_factory=dict)  # columns of USING: ORA- code with a qualifier


@dataclass(slots=True)
class Block:
    """One query block while it is translated."""

    sources: list[Source] = field(default_factory=list)
    parent: Block | None = None
    merged: dict[str, Ex] = field(default_factory=dict)  # columns of USING and NATURAL joins
    aliases: dict[str, list[Ex]] = field(default_factory=dict)  # select list names, seen by ORDER BY only
    item_names: dict[str, n.Expr] = field(default_factory=dict)  # for GROUP BY and HAVING of 23ai
    groups: set[str] = field(default_factory=set)  # texts of the GROUP BY expressions
    ungrouped: list[int] = field(default_factory=list)  # offsets of columns outside aggregates
    lone_queries: list[int] = field(default_factory=list)  # offsets of subqueries outside aggregates
    aggregates: int = 0
    inside_aggregate: bool = False
    aggregates_allowed: bool = False
    windows_allowed: bool = False
    windowed: bool = False  # an analytic function stands in it
    sequences_allowed: bool = False
    values_clause: bool = False  # of INSERT: no column may stand here
    rownum: str | None = None  # what ROWNUM is here; None where it may not stand
    rownum_used: bool = False
    level: Ex | None = None
    # of a hierarchical query: CONNECT_BY_ISLEAF, where PRIOR and CONNECT_BY_ROOT look, and the columns of
    # SYS_CONNECT_BY_PATH by the identity of the call
    leaf: Ex | None = None
    prior: Block | None = None
    root: Block | None = None
    paths: dict[int, str] = field(default_factory=dict)
    dual_only: bool = False
    dual_used: bool = False  # a column of DUAL or ROWNUM is needed, so FROM stays
    outer_marks: list[str] | None = None  # aliases marked with (+) while a condition is read

    def source(self, alias: str) -> Source | None:
        """The source of that alias in this block."""
        for found in self.sources:
            if found.alias == alias:
                return found
        return None
