"""Which declared key identifies the rows of two tables: one rule for the API and for the engines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

PRIMARY_KEY = "primary key"
"""Origin of a key that is a primary key; that of another reads "unique key NAME"."""

DECLARED_KEYS = """
select c.constraint_name, c.constraint_type, cc.column_name
  from all_constraints c
  join all_cons_columns cc
    on cc.owner = c.owner and cc.constraint_name = c.constraint_name
 where c.owner = :owner_name
   and c.table_name = :table_name
   and c.constraint_type in ('P', 'U')
   and c.status = 'ENABLED'
 order by c.constraint_name, cc.position"""
"""The columns of a table's primary and unique keys (P, U), in their order."""


class Declared(Protocol):
    """A primary or unique key whose columns cannot be NULL, as a table declares it."""

    @property
    def origin(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...


Key = TypeVar("Key", bound=Declared)


def shared_key(source: Sequence[Key], target: Sequence[Key], common: Collection[str]) -> Key | None:
    """The key by which rows are matched, or None if the tables declare none that can serve.

    A key serves if all its columns are among `common`, the columns of both tables. One that both tables
    declare goes before one that only one of them declares; then a primary key before a unique key; then
    the order given, the source's first. Names match without regard to case.
    """
    both = {_names(key) for key in source} & {_names(key) for key in target}
    known = {name.upper() for name in common}
    usable = [key for key in (*source, *target) if known.issuperset(_names(key))]
    return min(usable, key=lambda key: (_names(key) not in both, key.origin != PRIMARY_KEY), default=None)


def _names(key: Declared) -> frozenset[str]:
    return frozenset(name.upper() for name in key.columns)
