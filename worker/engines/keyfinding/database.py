"""Candidate columns of an Oracle table, checked where they are: no row leaves the database but a few pairs.

A check is one GROUP BY over the table. Only when values repeat, one row each of up to 200 such pairs is read,
by ROWID, to learn in which columns the rows of a pair differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import oracledb

from app.oracle.dictionary import quoted
from app.oracle.errors import code_of
from worker.engines.errors import SourceFailed
from worker.engines.keyfinding.search import Mask
from worker.engines.keyfinding.tables import NEAR_KEYS, ColumnProfile, RepeatedValues, is_near
from worker.engines.layout import ComparedColumn
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.values import NUMERIC, Kind

_PAIRS = 200
_COLUMNS_A_STATEMENT = 200
_NO_ROWID = frozenset({"ORA-01445", "ORA-01446"})  # views that join or group


class DatabaseTable:
    """One side of a comparison as a table of an Oracle database."""

    def __init__(self, source: OracleTableSource, side: int, columns: Sequence[ComparedColumn]) -> None:
        self._source = source
        self._infos = [column.b if side else column.a for column in columns]
        self._types = [column.type for column in columns]
        self._names = [quoted(info.name) for info in self._infos]
        self._asking: oracledb.Connection | None = None
        self._rows = int(self._ask(f"select count(*) from {source.from_clause}")[0][0])

    def rows(self) -> int:
        return self._rows

    def profiles(self) -> list[ColumnProfile]:
        found: list[ColumnProfile] = []
        for start in range(0, len(self._names), _COLUMNS_A_STATEMENT):
            chunk = range(start, min(start + _COLUMNS_A_STATEMENT, len(self._names)))
            expressions = [expression for n in chunk for expression in self._measures(n)]
            sql = f"select {', '.join(expressions)} from {self._source.from_clause}"
            (values,) = self._ask(sql)
            found += [
                ColumnProfile(int(nulls), float(length or 0), bool(negative), bool(fractional))
                for nulls, length, negative, fractional in zip(*[iter(values)] * 4, strict=True)
            ]
        return found

    def repeated(self, columns: Sequence[int]) -> RepeatedValues:
        names = ", ".join(self._names[n] for n in columns)
        groups = self._ask(
            f"select count(*), min(rowid), max(rowid) from {self._source.from_clause}"
            f" group by {names} having count(*) > 1 fetch first {_PAIRS} rows only"
        )
        if not groups:
            return RepeatedValues((), (), complete=True)
        rows = self._read([rowid for _, *pair in groups for rowid in pair])
        masks: set[Mask] = set()
        for _, first, last in groups:
            differ = (not _same(a, b) for a, b in zip(rows[first], rows[last], strict=True))
            masks.add(sum(1 << n for n, differs in enumerate(differ) if differs))
        near = is_near(len(groups), sum(int(count) for count, *_ in groups), self._rows)
        values = tuple(
            (tuple(_text(rows[first][n]) for n in columns), int(count)) for count, first, _ in groups
        )
        return RepeatedValues(tuple(masks), values[:NEAR_KEYS] if near else (), complete=near)

    def shared_with(self, other: DatabaseTable, columns: Sequence[int]) -> int | None:
        """Values of `columns` that both tables have; None where one statement cannot tell."""
        if self._source.connect != other._source.connect or any(
            self._infos[n].oracle_type != other._infos[n].oracle_type for n in columns
        ):
            return None
        sides = (
            f"select {', '.join(table._names[n] for n in columns)} from {table._source.from_clause}"
            for table in (self, other)
        )
        return int(self._ask(f"select count(*) from ({' intersect '.join(sides)})")[0][0])

    def interrupt(self) -> None:
        """See `CandidateTable`: the statement under way is broken off."""
        connection = self._asking
        if connection is not None:
            with suppress(oracledb.Error):  # it has just ended by itself
                connection.cancel()

    def _measures(self, position: int) -> tuple[str, str, str, str]:
        name, kind = self._names[position], self._types[position].kind
        text = f"rtrim({name})" if self._infos[position].padded else name
        length = f"avg(length({text}))" if kind is Kind.TEXT else "0"
        if kind not in NUMERIC:
            return f"count(*) - count({name})", length, "0", "0"
        return (
            f"count(*) - count({name})",
            length,
            f"count(case when {name} < 0 then 1 end)",
            f"count(case when {name} <> trunc({name}) then 1 end)",
        )

    def _read(self, rowids: Sequence[str]) -> dict[str, tuple[Any, ...]]:
        """Rows by ROWID, in forms that differ exactly when the values do."""
        expressions = [
            self._source.selections[info.name].expression.format(name)
            for info, name in zip(self._infos, self._names, strict=True)
        ]
        wanted = sorted(set(rowids))
        binds = {f"r{n}": rowid for n, rowid in enumerate(wanted)}
        places = ", ".join(f"chartorowid(:{name})" for name in binds)
        sql = (
            f"select rowidtochar(rowid), {', '.join(expressions)} from {self._source.from_clause}"
            f" where rowid in ({places})"
        )
        return {row[0]: tuple(row[1:]) for row in self._ask(sql, binds)}

    def _ask(self, sql: str, binds: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._source.session() as connection, connection.cursor() as cursor:
            self._asking = connection
            try:
                cursor.execute(sql, binds or {}, fetch_decimals=True)
                rows: list[tuple[Any, ...]] = cursor.fetchall()
                return rows
            finally:
                self._asking = None


def keeps_values(columns: Sequence[ComparedColumn], side: int) -> bool:
    """Whether different values of this side stay different in the common type: not so NUMBER as BINARY_DOUBLE."""
    return all(
        column.type.kind is not Kind.DOUBLE or info.value_type == column.type
        for column in columns
        for info in [column.b if side else column.a]
    )


def has_rowids(source: OracleTableSource) -> bool:
    """Whether rows can be named by ROWID: those of tables and simple views. Raises SourceFailed."""
    try:
        with source.session() as connection, connection.cursor() as cursor:
            cursor.execute(f"select min(rowid) from {source.from_clause} where rownum <= 1")
    except SourceFailed as error:
        if isinstance(error.__cause__, oracledb.Error) and code_of(error.__cause__) in _NO_ROWID:
            return False
        raise
    return True


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return bool(a == b)


def _text(value: Any) -> str | None:
    return None if value is None else value.hex().upper() if isinstance(value, bytes) else str(value)
