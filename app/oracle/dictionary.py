"""Oracle's data dictionary: which table a name means, its columns and its keys.

Names that users give are parsed, looked up with binds, and only what the dictionary answers goes on.
A name with a database link, a semicolon or anything else that is no identifier never reaches SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from app.oracle.keys import DECLARED_KEYS, PRIMARY_KEY

# An identifier as Oracle reads it without quotes, or in double quotes: anything but quotes and NUL.
_NAME = r'(?:[^\W\d_][\w$#]{0,127}|"[^"\x00]{1,128}")'
_TABLE_NAME = re.compile(rf"(?:(?P<owner>{_NAME})\.)?(?P<table>{_NAME})")
_COLUMN_NAME = re.compile(_NAME)

NUMERIC_TYPES = frozenset({"NUMBER", "FLOAT", "BINARY_FLOAT", "BINARY_DOUBLE"})


class RequestError(ValueError):
    """A request names something that is not there or does not fit; `field` says where in the request."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Column:
    """One column as ALL_TAB_COLUMNS describes it. precision None: unconstrained; length in characters."""

    name: str
    data_type: str
    precision: int | None
    scale: int | None
    length: int | None
    nullable: bool

    @property
    def numeric(self) -> bool:
        return self.data_type in NUMERIC_TYPES


@dataclass(frozen=True, slots=True)
class Key:
    """An enabled primary key or unique constraint."""

    name: str
    primary: bool
    columns: tuple[str, ...]

    @property
    def origin(self) -> str:
        return PRIMARY_KEY if self.primary else f"unique key {self.name}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view that may be read. connection: where it lies; None is Concord's own database.

    rows: when statistics were last gathered, if somebody has asked for them.
    """

    owner: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    connection: str | None = None
    rows: int | None = None

    def __str__(self) -> str:
        return located(f"{self.owner}.{self.name}", self.connection)

    @property
    def column_names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def row_keys(self) -> list[Key]:
        """Keys that identify every row: no column of them can be NULL. The primary key first, then short ones."""
        nullable = {column.name for column in self.columns if column.nullable}
        keys = [key for key in self.keys if key.primary or not nullable.intersection(key.columns)]
        return sorted(keys, key=lambda key: (not key.primary, len(key.columns), key.name))


def located(name: str, connection: str | None) -> str:
    """What people read of a table or file: with the name of its connection if it has one."""
    return name if connection is None else f"{name}@{connection}"


def quoted(identifier: str) -> str:
    """An identifier from the dictionary, safe inside a statement. Raises ValueError for one that cannot be."""
    if not identifier or '"' in identifier or "\x00" in identifier or len(identifier) > 128:
        raise ValueError(f"{identifier!r} is not an Oracle identifier")
    return f'"{identifier}"'


def _canonical(text: str) -> str:
    """The dictionary's spelling: upper case, or exactly what stands in double quotes."""
    return text[1:-1] if text.startswith('"') else text.upper()


def column_name(text: str, field: str) -> str:
    """The dictionary's spelling of a column that a user named. Raises RequestError."""
    if not _COLUMN_NAME.fullmatch(text):
        raise RequestError(field, f"{text[:140]!r} is not a column name.")
    return _canonical(text)


def table_name(text: str, field: str) -> tuple[str | None, str]:
    """Owner (None if not said) and name in the dictionary's spelling of `OWNER.TABLE` or `TABLE`.

    Raises RequestError.
    """
    match = _TABLE_NAME.fullmatch(text)
    if not match:
        raise RequestError(field, f"{text[:270]!r} is not a table name: write OWNER.TABLE or TABLE.")
    return _canonical(match["owner"]) if match["owner"] else None, _canonical(match["table"])


class Rows(Protocol):
    """Who runs a query: the pool, or one session."""

    async def rows(self, action: str, sql: str, binds: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows; NUMBER comes as Decimal."""


class Dictionary:
    """Looks names up on behalf of one database user.

    user: whose own schema comes first for a name without owner. hidden_owner: a schema whose tables nobody
    may compare, because it holds Concord's own state (password hashes among it).
    """

    def __init__(self, pool: Rows, *, user: str, hidden_owner: str) -> None:
        self._pool = pool
        self._user = user.upper()
        self._hidden_owner = hidden_owner.upper()

    async def table(self, text: str, field: str) -> Table:
        """The table that a user named `OWNER.TABLE` or `TABLE`.

        Raises RequestError: no table name, unknown, several candidates, or Concord's own.
        """
        said, name = table_name(text, field)
        owner = await self._owner_of(name, said, field)
        if owner == self._hidden_owner:
            raise RequestError(field, f"{owner}.{name} belongs to Concord itself and cannot be compared.")
        return Table(owner, name, await self._columns(owner, name), await self._keys(owner, name))

    async def profile(self, name: str) -> Any:
        """The rules of a stored profile as JSON, or their text; None if there is no such profile."""
        sql = "select rules from rule_profiles where profile_name = :profile_name"
        rows = await self._pool.rows("rules of profile", sql, {"profile_name": name})
        return rows[0][0] if rows else None

    async def estimated_rows(self, table: Table) -> int | None:
        """Rows when statistics were last gathered; None for a view, or without statistics."""
        sql = """
            select num_rows
              from all_tables
             where owner = :owner_name and table_name = :table_name"""
        binds = {"owner_name": table.owner, "table_name": table.name}
        rows = await self._pool.rows("estimate rows", sql, binds)
        return _integer(rows[0][0]) if rows else None

    async def _owner_of(self, name: str, owner: str | None, field: str) -> str:
        condition = "" if owner is None else "and owner = :owner_name"
        sql = f"""
            select distinct owner
              from all_objects
             where object_name = :object_name
               and object_type in ('TABLE', 'VIEW', 'MATERIALIZED VIEW') {condition}
             order by owner"""
        binds = {"object_name": name} if owner is None else {"object_name": name, "owner_name": owner}
        owners = [row[0] for row in await self._pool.rows("find table", sql, binds)]
        if not owners:
            full = name if owner is None else f"{owner}.{name}"
            raise RequestError(field, f"there is no table or view {full} that Concord may read.")
        if self._user in owners:
            return self._user
        if len(owners) > 1:
            candidates = ", ".join(f"{candidate}.{name}" for candidate in owners[:10])
            raise RequestError(field, f"{name} is ambiguous: write one of {candidates}.")
        return str(owners[0])

    async def _columns(self, owner: str, name: str) -> tuple[Column, ...]:
        sql = """
            select column_name, data_type, data_precision, data_scale, char_length, nullable
              from all_tab_columns
             where owner = :owner_name and table_name = :table_name and column_id is not null
             order by column_id"""
        rows = await self._pool.rows("read columns", sql, {"owner_name": owner, "table_name": name})
        return tuple(
            Column(
                name=column,
                data_type=data_type,
                precision=_integer(precision),
                scale=_integer(scale),
                length=_integer(length) or None,
                nullable=nullable != "N",
            )
            for column, data_type, precision, scale, length, nullable in rows
        )

    async def _keys(self, owner: str, name: str) -> tuple[Key, ...]:
        binds = {"owner_name": owner, "table_name": name}
        rows = await self._pool.rows("read keys", DECLARED_KEYS, binds)
        columns: dict[tuple[str, bool], list[str]] = {}
        for constraint, kind, column in rows:
            columns.setdefault((constraint, kind == "P"), []).append(column)
        return tuple(Key(key, primary, tuple(names)) for (key, primary), names in columns.items())


def _integer(value: Decimal | Any | None) -> int | None:
    return None if value is None else int(value)
