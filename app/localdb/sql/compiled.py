"""What compiling a statement yields: PostgreSQL text with $1..$n, its parameters, its columns and effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.localdb.contract import Column, Kind, OraType
from app.localdb.sql.catalog import ColumnInfo, ObjectInfo
from app.localdb.sql.nodes import Expr


@dataclass(slots=True)
class Variable:
    """How a PL/SQL variable enters SQL: `resolve(node)` answers one. `ref` comes back in Param.ref."""

    type: OraType
    ref: object
    elements: OraType | None = None  # a collection: the type of its elements


@dataclass(slots=True)
class Param:
    """$n of the PostgreSQL text (n = position in Compiled.params + 1).

    Exactly one of `bind` (index into the sequence of Bind objects given to compile) and `ref` says where
    the value comes from. `pg_type` is the PostgreSQL type that the text casts it to: numeric, text,
    oracle.date, timestamp, oracle.zoned, timestamptz, bytea, oracle.clob, oracle.blob, float8, float4, interval,
    boolean; with `array` an array of it.
    """

    pg_type: str
    type: OraType
    bind: int | None = None
    ref: object = None
    array: bool = False


def make_temporary(found: ObjectInfo) -> str:
    """The PostgreSQL statement that makes the session's copy of a temporary table, if it is not there."""
    relation = f'"{found.schema}"."{found.name}"'.replace("'", "''")
    preserve = "true" if found.preserve_rows else "false"
    return f"select concord_catalog.make_temporary('{relation}', '{found.temporary}', {preserve})"


class Effect(StrEnum):
    """What session.py does for statements that are not plain PostgreSQL text."""

    NONE = ""
    COMMIT = "commit"
    ROLLBACK = "rollback"
    SAVEPOINT = "savepoint"  # names[0]
    ROLLBACK_TO = "rollback to"  # names[0]
    SET_TRANSACTION = "set transaction"  # options: read_only, serializable, name
    ALTER_SESSION = "alter session"  # options: parameter -> value, upper-case names
    KILL_SESSION = "kill session"  # names: sid, serial#
    CREATE_USER = "create user"  # names[0]; options: password, locked, quota ...
    ALTER_USER = "alter user"
    DROP_USER = "drop user"  # options: cascade
    CREATE_ROLE = "create role"
    DROP_ROLE = "drop role"
    GRANT = "grant"  # `grant`
    REVOKE = "revoke"
    CREATE_SYNONYM = "create synonym"  # names: owner, synonym; options: target, public, replace
    DROP_SYNONYM = "drop synonym"
    COMMENT = "comment"  # options: schema, object, column, text
    LOCK_TABLE = "lock table"
    CREATE_UNIT = "create unit"  # plsql/ takes the whole text
    DROP_UNIT = "drop unit"  # names: schema, name; options: kind
    ALTER_UNIT = "alter unit"  # ALTER PACKAGE .. COMPILE: names, options kind
    RUN_BLOCK = "run block"  # anonymous block or CALL: plsql/ takes the whole text
    DDL = "ddl"  # `statements` run in order, then `changes` go into the catalogue


@dataclass(slots=True)
class Grant:
    """GRANT or REVOKE: system privileges and roles when `schema` is None, else privileges on one object."""

    privileges: list[str]  # upper case; ALL stays ALL
    grantees: list[str]  # users, roles, PUBLIC
    schema: str | None = None
    object: str | None = None
    columns: dict[str, list[str]] = field(default_factory=dict)  # privilege -> columns
    grantable: bool = False  # WITH GRANT OPTION or WITH ADMIN OPTION


@dataclass(slots=True)
class ColumnChange:
    """What the catalogue keeps of a created or altered column: Oracle's view of it."""

    name: str
    type: OraType | None  # None: type unchanged
    type_text: str = ""  # 'VARCHAR2', 'NUMBER', 'TIMESTAMP(6)', as DATA_TYPE shows it
    length: int = 0  # as written: VARCHAR2(30 CHAR) has 30
    char_used: str = ""
    precision: int | None = None
    scale: int | None = None
    default: str | None = None  # text as written
    default_on_null: bool = False
    identity: str | None = None
    virtual: bool = False
    hidden: bool = False
    is_json: bool = False
    nullable: bool = True
    default_changed: bool = True  # False in ALTER TABLE .. MODIFY that leaves DEFAULT alone


@dataclass(slots=True)
class TableChange:
    """One DDL's effect on one object, for the catalogue's own tables and caches."""

    action: str  # CREATE, ALTER, DROP, RENAME, TRUNCATE
    kind: str  # TABLE, VIEW, INDEX, SEQUENCE, CONSTRAINT
    schema: str
    name: str
    columns: list[ColumnChange] = field(default_factory=list)
    dropped_columns: list[str] = field(default_factory=list)
    renamed_columns: dict[str, str] = field(default_factory=dict)
    new_name: str | None = None
    text: str | None = None  # of a view: its query; of an index: its expressions as written
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class RowStep:
    """The rows of a change that fires triggers. `query` gives, for INSERT, every column that can be stored; else
    the ROWID (not of a view), every column as it is, and the new values of the columns that are `given`."""

    verb: str  # INSERT, UPDATE or DELETE
    query: Compiled
    given: list[str]


@dataclass(slots=True)
class RowPlan:
    """A change whose triggers PL/SQL's interpreter runs, row by row (app.localdb.fired)."""

    target: ObjectInfo
    alias: str  # quoted
    steps: list[RowStep]
    columns: list[ColumnInfo]  # all of the target
    items: list[str]  # their texts, as a query selects them
    described: list[Column]  # what these give
    returning: Compiled | None = None  # the last parameter is the row's ROWID

    @property
    def params(self) -> list[Param]:
        """Those of all its queries in order, without that ROWID."""
        queries = [step.query for step in self.steps] + ([self.returning] if self.returning else [])
        return [param for query in queries for param in query.params]


@dataclass(slots=True)
class Compiled:
    """A statement ready to run. Immutable once made: sessions cache it by text and bind types."""

    kind: Kind
    pg_text: str = ""
    params: list[Param] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)  # of a QUERY; with embedded RETURNING: of its values
    as_of: Compiled | None = None  # the query of the SCN at which a QUERY reads its tables
    asks_scn: bool = False  # a QUERY that may tell the current SCN
    binds: list[str] = field(default_factory=list)  # names of the binds, one per occurrence
    tables: list[tuple[str, str]] = field(default_factory=list)  # objects read or written (schema, name)
    target: tuple[str, str] | None = None  # the table a DML statement changes
    single: bool = False  # INSERT .. VALUES: its functions and BEFORE row triggers may read the table
    temporary: list[ObjectInfo] = field(default_factory=list)  # the temporary tables among them
    # QUERY
    nested: dict[int, list[Column]] = field(default_factory=dict)  # CURSOR(...) columns: what each returns
    for_update: bool = False
    skip_locked: bool = False
    nowait: bool = False
    wait: int | None = None  # seconds
    has_rowid: bool = False  # add_rowid: the last column is the ROWID of the row
    # DML without RETURNING: the same text with the ROWID of each changed row returned (lastrowid)
    rowid_text: str | None = None
    counted: bool = False  # DML: pg_text returns one row, the number of rows changed (INSERT ALL)
    # DML: the rows that pg_text returns are RETURNING values, columns describes them; then
    returning: list[int] = field(default_factory=list)  # indexes of the return binds, in order
    returning_refs: list[Expr] = field(default_factory=list)  # or the PL/SQL targets
    plan: RowPlan | None = None  # DML that fires triggers of the interpreter: pg_text is not run
    # others
    effect: Effect = Effect.NONE
    names: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    grant: Grant | None = None
    statements: list[str] = field(default_factory=list)  # PostgreSQL DDL, in order
    changes: list[TableChange] = field(default_factory=list)
