"""The rows of one SELECT as a source, and a table of which only some rows are compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import oracledb
import pyarrow as pa

from app.oracle.dictionary import quoted
from app.oracle.errors import code_of, heals
from worker.engines.errors import BadPlan, SourceFailed
from worker.engines.sources.base import ColumnInfo, DeclaredKey
from worker.engines.sources.oracle import BATCH_ROWS, LONG_BATCH_ROWS, OracleTableSource, explained
from worker.engines.sources.oracle_types import Selection, described, selection
from worker.engines.sources.wrapped import Wrapped
from worker.engines.values import NUMERIC, Kind

Bind = str | int | None

_LARGEST_NAMED_SCALE = 9
_NAMES = {
    oracledb.DB_TYPE_VARCHAR: "VARCHAR2",
    oracledb.DB_TYPE_NVARCHAR: "NVARCHAR2",
    oracledb.DB_TYPE_CHAR: "CHAR",
    oracledb.DB_TYPE_NCHAR: "NCHAR",
    oracledb.DB_TYPE_NUMBER: "NUMBER",
    oracledb.DB_TYPE_BINARY_DOUBLE: "BINARY_DOUBLE",
    oracledb.DB_TYPE_BINARY_FLOAT: "BINARY_FLOAT",
    oracledb.DB_TYPE_DATE: "DATE",
    oracledb.DB_TYPE_RAW: "RAW",
    oracledb.DB_TYPE_CLOB: "CLOB",
    oracledb.DB_TYPE_NCLOB: "NCLOB",
    oracledb.DB_TYPE_BLOB: "BLOB",
    oracledb.DB_TYPE_BOOLEAN: "BOOLEAN",
    oracledb.DB_TYPE_ROWID: "ROWID",
    oracledb.DB_TYPE_UROWID: "UROWID",
    oracledb.DB_TYPE_INTERVAL_DS: "INTERVAL DAY TO SECOND",
    oracledb.DB_TYPE_INTERVAL_YM: "INTERVAL YEAR TO MONTH",
}
_STAMPS = {
    oracledb.DB_TYPE_TIMESTAMP: "",
    oracledb.DB_TYPE_TIMESTAMP_TZ: " WITH TIME ZONE",
    oracledb.DB_TYPE_TIMESTAMP_LTZ: " WITH LOCAL TIME ZONE",
}


class OracleQuerySource:
    """One SELECT, run as an inline view in a read-only transaction, with the rights of the user of `connect`.

    The text is the requester's own SQL: what it may read is decided by that user's grants, and by nothing
    in here. The whole reading is one query, so it is consistent in itself; there is no SCN.
    """

    by_column = False

    def __init__(
        self,
        connect: Callable[[], oracledb.Connection],
        text: str,
        binds: Mapping[str, Bind] | None = None,
        name: str = "query",
    ) -> None:
        self.name = name
        self.scn: int | None = None
        self._connect = connect
        self._text = text
        self._binds = dict(binds or {})
        self._described: tuple[list[ColumnInfo], dict[str, Selection]] | None = None

    def schema(self) -> list[ColumnInfo]:
        """The columns that the query selects."""
        return self._description()[0]

    def declared_keys(self) -> list[DeclaredKey]:
        """None: a query declares no keys."""
        return []

    def estimated_rows(self) -> int | None:
        """Unknown: counting would run the query twice."""
        return None

    def pieces(self) -> int:
        """1: rows come by one query, and so from one moment."""
        return 1

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as the database delivers them."""
        selections = self._description()[1]
        chosen = [selections[name] for name in columns]
        expressions = [
            f"{one.expression.format(quoted(name))} as c{position}"
            for position, (name, one) in enumerate(zip(columns, chosen, strict=True))
        ]
        size = LONG_BATCH_ROWS if any(one.long for one in chosen) else BATCH_ROWS
        statement = f"select {', '.join(expressions)} from {self._inline_view()}"
        with self._reading() as connection:
            for frame in connection.fetch_df_batches(statement, self._binds, size=size, fetch_decimals=True):
                yield from pa.table(frame).rename_columns(list(columns)).to_batches()

    def account(self) -> dict[str, Any]:
        """The text and the names of the binds; their values are in the request."""
        return {
            "kind": "query",
            "query": self._text,
            "binds": sorted(self._binds),
            "scn": None,
            "no_scn": "a query; one statement, as of its start",
        }

    def _inline_view(self) -> str:
        return f"(\n{self._text}\n)"  # the text may end with a comment

    def _description(self) -> tuple[list[ColumnInfo], dict[str, Selection]]:
        if self._described is None:
            with self._reading() as connection, connection.cursor() as cursor:
                cursor.execute(f"select * from {self._inline_view()} where 1 = 0", self._binds)
                found = [_column(info) for info in cursor.description or ()]
            self._described = [column for column, _ in found], {c.name: chosen for c, chosen in found}
        return self._described

    @contextmanager
    def _reading(self) -> Iterator[oracledb.Connection]:
        with explained(self.name), self._connect() as connection:
            with connection.cursor() as cursor:
                cursor.execute("set transaction read only")
                cursor.execute("alter session set nls_numeric_characters = '.,'")
            try:
                yield connection
            except oracledb.DatabaseError as error:
                if code_of(error).startswith("ORA-") and not heals(error):
                    # The requester's own statement: the database's words are the help.
                    raise SourceFailed(f"{self.name} is refused by the database: {_words(error)}.") from error
                raise


class FilteredTable(Wrapped):
    """The rows of a table for which `condition` holds: SQL of ours, with its values in `binds`."""

    def __init__(
        self, source: OracleTableSource, condition: str, binds: Mapping[str, Any], told: Sequence[str]
    ) -> None:
        super().__init__(source)
        self.table = source
        self._condition = condition
        self._binds = binds
        self._told = list(told)

    def estimated_rows(self) -> int | None:
        """Unknown: the statistics count all rows."""
        return None

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as the database delivers them."""
        return self.table.rows_where(columns, self._condition, self._binds)

    def account(self) -> dict[str, Any]:
        """With the filter."""
        return {**super().account(), "where": self._told}


def filtered(source: OracleTableSource, conditions: Sequence[tuple[str, str, Any]]) -> FilteredTable:
    """Only the rows that fulfil all conditions: column, comparator (as `app.jobs.sides` names them), value.

    Columns match without regard to case where that is unambiguous. Raises BadPlan for an unknown column, and
    for a value that is not of the column's type.
    """
    columns = {column.name: column for column in source.schema()}
    folded = {name.upper(): name for name in columns}
    parts, told = [], []
    binds: dict[str, Any] = {}
    for asked, comparator, value in conditions:
        name = asked if asked in columns else folded.get(asked.upper())
        if name is None:
            raise BadPlan(f"{source.name} has no column {asked}, by which rows should be chosen.")
        names = []
        for one in value if isinstance(value, list) else [] if value is None else [value]:
            bind = f"w{len(binds)}"
            form, binds[bind] = _bound(source.name, columns[name], one)
            names.append(form.format(f":{bind}"))
        operand = f"({', '.join(names)})" if comparator == "in" else "".join(names)
        parts.append(f"{quoted(name)} {comparator} {operand}".rstrip())
        told.append(f"{name} {comparator} {'' if value is None else value}".rstrip())
    return FilteredTable(source, " and ".join(parts), binds, told)


def with_keys(
    source: OracleTableSource, columns: Sequence[str], keys: Iterable[Sequence[str | None]], at_a_time: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Conditions, with their binds, that together choose the rows with these keys, given as texts.

    Raises BadPlan for columns of a type by which rows cannot be chosen so: CHAR, RAW, times with a zone.
    """
    infos = {column.name: column for column in source.schema()}
    if padded := [name for name in columns if infos[name].padded]:
        raise BadPlan(f"Rows cannot be chosen by {padded[0]}: a bound text is compared with its blanks.")
    left = list(keys)
    for start in range(0, len(left), at_a_time):
        binds: dict[str, Any] = {}
        alternatives = []
        for key in left[start : start + at_a_time]:
            parts = []
            for name, value in zip(columns, key, strict=True):
                if value is None:
                    parts.append(f"{quoted(name)} is null")
                    continue
                bind = f"k{len(binds)}"
                form, binds[bind] = _bound(source.name, infos[name], value)
                parts.append(f"{quoted(name)} = {form.format(f':{bind}')}")
            alternatives.append(f"({' and '.join(parts)})")
        yield " or ".join(alternatives), binds


def _bound(table: str, column: ColumnInfo, value: Any) -> tuple[str, Any]:
    """The SQL around the bind variable, and what is bound. Raises BadPlan.

    The driver binds a datetime as DATE, without its fraction of a second, so a TIMESTAMP travels as text.
    """
    kind = column.value_type.kind if column.value_type is not None else None
    try:
        if kind is Kind.TEXT and isinstance(value, str):
            return "{}", value
        if kind in NUMERIC and isinstance(value, int | str | Decimal):
            number = Decimal(value)
            if number.is_finite():
                return "{}", number
        if kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_NS) and isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None and column.oracle_type == "DATE" and not moment.microsecond:
                return "{}", moment
            if moment.tzinfo is None and re.fullmatch(r"TIMESTAMP\(\d\)", column.oracle_type):
                text = moment.isoformat(" ", "microseconds")
                return "to_timestamp({}, 'YYYY-MM-DD HH24:MI:SS.FF6')", text
    except (ArithmeticError, ValueError):
        pass
    raise BadPlan(
        f"Rows cannot be chosen by {str(value)[:80]!r}: the column {column.name} of {table} is {column.oracle_type}."
    )


def _column(info: oracledb.FetchInfo) -> tuple[ColumnInfo, Selection]:
    precision, scale = info.precision or None, info.scale
    if info.type_code in _STAMPS:
        digits = _LARGEST_NAMED_SCALE if scale is None else scale
        data_type = f"TIMESTAMP({digits}){_STAMPS[info.type_code]}"
    else:
        data_type = _NAMES.get(info.type_code, str(info.type_code.name).removeprefix("DB_TYPE_"))
    if data_type != "NUMBER" or precision is None or scale is None or not 0 <= scale <= precision:
        precision = scale = None
    chosen = selection(data_type, precision, scale)
    length = info.display_size if data_type in ("VARCHAR2", "NVARCHAR2", "CHAR", "NCHAR", "RAW") else None
    unit = "BYTE" if info.internal_size == info.display_size else "CHAR"  # bytes and characters
    return (
        ColumnInfo(
            name=info.name,
            oracle_type=described(data_type, precision, scale, length, unit),
            value_type=chosen.value_type,
            arrow_type=chosen.arrow_type,
            precision=precision,
            scale=scale,
            length=length,
            nullable=bool(info.null_ok),
            padded=data_type in ("CHAR", "NCHAR"),
        ),
        chosen,
    )


def _words(error: oracledb.DatabaseError) -> str:
    """The database's first line, which names its code."""
    return str(error).splitlines()[0].rstrip(".")
