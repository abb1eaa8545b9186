"""A table or view of an Oracle database, read through the driver's Arrow data frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import oracledb
import pyarrow as pa

from app.oracle.dictionary import quoted
from app.oracle.errors import code_of, heals, translate
from app.oracle.keys import DECLARED_KEYS, PRIMARY_KEY
from worker.engines.errors import SourceFailed, SourceInterrupted
from worker.engines.sources import oracle_pieces
from worker.engines.sources.base import ColumnInfo, DeclaredKey, Source
from worker.engines.sources.oracle_types import Selection, described, selection

BATCH_ROWS = 20_000
"""Rows a round trip, and a batch."""
LONG_BATCH_ROWS = 256
"""Rows a batch of tables with CLOB, BLOB or LONG columns, whose values may be large."""

_COLUMNS = """
select column_name, data_type, data_precision, data_scale, data_length, char_length, char_used, nullable
  from all_tab_columns
 where owner = :owner_name and table_name = :table_name and column_id is not null
 order by column_id"""

_STATISTICS = """
select num_rows, iot_type
  from all_tables
 where owner = :owner_name and table_name = :table_name"""

_GONE = {
    "ORA-00942": "does not exist, or Concord may not read it",
    "ORA-01031": "may not be read by Concord",
    "ORA-00904": "has lost a column since the comparison began",
    "ORA-01466": "was changed after the moment as of which it should be read",
}
_CHANGED_WHILE_READING = {
    "ORA-08103": "was truncated or moved while it was read",
    "ORA-01410": "was truncated or moved while it was read",
    "ORA-01555": "took longer to read than the database keeps old rows (UNDO_RETENTION)",
}


_NO_FLASHBACK = {
    "ORA-01031": "no FLASHBACK privilege on the table",
    "ORA-00942": "no FLASHBACK privilege on the table",  # of a table below a view
    "ORA-01466": "the table's definition is newer than the SCN",
    "ORA-03001": "this database cannot read as of an SCN",
    "ORA-08180": "the database has no snapshot of that SCN",
    "ORA-08181": "the database does not know that SCN",
    "ORA-08182": "the database cannot read that kind of table as of an SCN",
    "ORA-08187": "the database cannot read that kind of table as of an SCN",
    "ORA-01555": "the undo of that SCN is gone",
}


@dataclass(frozen=True, slots=True)
class _Description:
    columns: list[ColumnInfo]
    selections: dict[str, Selection]
    keys: list[DeclaredKey]
    rows: int
    heap: bool
    """Whether it is a table whose rows have an address on disk: no view, no index-organized table."""


class OracleTableSource:
    """One table or view. Names are as the dictionary spells them.

    `connect` makes a new connection, which this source closes; the session's NLS_NUMERIC_CHARACTERS is
    set. `name` is what people call it, if not OWNER.TABLE. Rows are read by one query, so they are consistent
    in themselves; with `scn` they are as of that system change number (the user then needs FLASHBACK on the
    table), and a large table is read by several sessions.
    """

    by_column = False

    def __init__(
        self,
        connect: Callable[[], oracledb.Connection],
        owner: str,
        table: str,
        scn: int | None = None,
        *,
        name: str = "",
    ) -> None:
        self.connect = connect
        self._owner = owner
        self._table = table
        self._described: _Description | None = None
        self.name = name or f"{owner}.{table}"
        self.scn = scn
        self._no_scn = "not asked for; one query, as of its start"
        self._sessions = 1

    @property
    def place(self) -> tuple[str, str]:
        """Owner and name as the dictionary spells them."""
        return self._owner, self._table

    def schema(self) -> list[ColumnInfo]:
        """All columns that a plain select shows, in the table's order."""
        return self._description().columns

    def declared_keys(self) -> list[DeclaredKey]:
        """Enabled primary key, then unique constraints whose columns cannot be NULL."""
        return self._description().keys

    def estimated_rows(self) -> int:
        """The optimizer's statistics where there are any, else a count."""
        return self._description().rows

    def pieces(self) -> int:
        """1: rows come by one query, and so from one moment."""
        return 1

    def account(self) -> dict[str, Any]:
        """The table, and as of what it was read: `scn`, or null and why there is none."""
        account = {"kind": "table", "table": self.name, "scn": self.scn, "sessions": self._sessions}
        return account if self.scn is not None else account | {"no_scn": self._no_scn}

    def pin(self, scn: int | None, why_not: str = "") -> None:
        """Read as of this system change number from now on, if the database lets this user do so.

        Where it does not (no FLASHBACK privilege, no undo), rows come by one query as of its own start;
        `account` says so, as it does with `why_not` when there is no SCN. Raises SourceFailed.
        """
        self._no_scn = f"{why_not}; one query, as of its start" if scn is None else ""
        if scn is None:
            return
        statement = f"select 1 from {self._place} as of scn {int(scn)} where 1 = 0"
        with self._reading(), self.connect() as connection, connection.cursor() as cursor:
            try:
                cursor.execute(statement)
            except oracledb.DatabaseError as error:
                if code_of(error) not in _NO_FLASHBACK:
                    raise
                self._no_scn = f"{_NO_FLASHBACK[code_of(error)]}; one query, as of its start"
                return
        self.scn = scn

    def batches(self, columns: Sequence[str], pieces: range | None = None) -> Iterator[pa.RecordBatch]:
        """The rows as the database delivers them."""
        described = self._description()
        if self.scn is None or not described.heap or described.rows < oracle_pieces.LEAST_ROWS:
            yield from self.rows_where(columns)
            return
        with ExitStack() as cleanup:
            connections = [cleanup.enter_context(self.session())]
            todo = oracle_pieces.pieces(connections[0], self._place, described.rows, oracle_pieces.SESSIONS)
            with suppress(SourceFailed):  # no more sessions are to be had: these will do
                while len(connections) < min(oracle_pieces.SESSIONS, len(todo)):
                    connections.append(cleanup.enter_context(self.session()))
            self._sessions = len(connections)
            yield from oracle_pieces.at_once(
                connections,
                todo,
                lambda connection, piece: self._fetched(connection, columns, piece.condition, piece.binds),
            )

    def rows_where(
        self, columns: Sequence[str], condition: str = "", binds: Mapping[str, Any] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that satisfy a condition of ours (SQL after WHERE); its values come as `binds`."""
        with self.session() as connection:
            yield from self._fetched(connection, columns, condition, binds or {})

    def _fetched(
        self,
        connection: oracledb.Connection,
        columns: Sequence[str],
        condition: str,
        binds: Mapping[str, Any],
    ) -> Iterator[pa.RecordBatch]:
        selections = [self.selections[name] for name in columns]
        expressions = [
            f"{chosen.expression.format(quoted(name))} as c{position}"
            for position, (name, chosen) in enumerate(zip(columns, selections, strict=True))
        ]
        where = f" where {condition}" if condition else ""
        statement = f"select {', '.join(expressions)} from {self.from_clause}{where}"
        size = LONG_BATCH_ROWS if any(chosen.long for chosen in selections) else BATCH_ROWS
        frames = connection.fetch_df_batches(statement, dict(binds), size=size, fetch_decimals=True)
        for frame in frames:
            yield from pa.table(frame).rename_columns(list(columns)).to_batches()

    @property
    def from_clause(self) -> str:
        """What to select from: the quoted name, as of the SCN if there is one."""
        as_of = "" if self.scn is None else f" as of scn {int(self.scn)}"
        return f"{self._place}{as_of}"

    @property
    def _place(self) -> str:
        return f"{quoted(self._owner)}.{quoted(self._table)}"

    @property
    def selections(self) -> Mapping[str, Selection]:
        """How each column is read."""
        return self._description().selections

    @contextmanager
    def session(self) -> Iterator[oracledb.Connection]:
        """A new session whose numbers read as 1234.5; errors of the driver come out as SourceFailed."""
        with self._reading(), self.connect() as connection:
            with connection.cursor() as cursor:
                cursor.execute("alter session set nls_numeric_characters = '.,'")
            yield connection

    def _description(self) -> _Description:
        if self._described is None:
            with self._reading(), self.connect() as connection, connection.cursor() as cursor:
                self._described = self._describe(cursor)
        return self._described

    def _describe(self, cursor: oracledb.Cursor) -> _Description:
        binds = {"owner_name": self._owner, "table_name": self._table}
        columns: list[ColumnInfo] = []
        selections: dict[str, Selection] = {}
        for row in cursor.execute(_COLUMNS, binds).fetchall():
            name, data_type, precision, scale, bytes_, characters, unit, nullable = row
            precision, scale = _integer(precision), _integer(scale)
            length = _integer(characters) or _integer(bytes_)
            selections[name] = selection(data_type, precision, scale)
            columns.append(
                ColumnInfo(
                    name=name,
                    oracle_type=described(
                        data_type, precision, scale, length, "CHAR" if unit == "C" else "BYTE"
                    ),
                    value_type=selections[name].value_type,
                    arrow_type=selections[name].arrow_type,
                    precision=precision,
                    scale=scale,
                    length=length,
                    nullable=nullable != "N",
                    padded=data_type in ("CHAR", "NCHAR"),
                )
            )
        if not columns:
            raise SourceFailed(f"{self.name} does not exist, or Concord may not read it.")
        keys = _keys(cursor.execute(DECLARED_KEYS, binds).fetchall(), {c.name for c in columns if c.nullable})
        statistics = cursor.execute(_STATISTICS, binds).fetchone()
        counted = statistics
        if counted is None or counted[0] is None:
            counted = cursor.execute(f"select count(*) from {self.from_clause}").fetchone()
        assert counted is not None
        heap = statistics is not None and statistics[1] is None
        return _Description(columns, selections, keys, int(counted[0]), heap)

    def _reading(self) -> AbstractContextManager[None]:
        return explained(self.name)


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Errors of the driver come out as SourceFailed, or SourceInterrupted where a retry can help; `name` is
    what is read."""
    try:
        yield
    except oracledb.Error as error:
        code = code_of(error)
        if code in _GONE:
            raise SourceFailed(f"{name} {_GONE[code]}.") from error
        if code in _CHANGED_WHILE_READING:
            raise SourceInterrupted(f"{name} {_CHANGED_WHILE_READING[code]}.") from error
        kind = SourceInterrupted if heals(error) else SourceFailed
        raise kind(f"{name} could not be read. {translate(error).sentence}") from error
    except (ValueError, OverflowError) as error:  # the driver, on dates before year 1 and the like
        raise SourceFailed(f"{name} holds a value that cannot be read: {error}.") from error


def current_scn(connect: Callable[[], oracledb.Connection]) -> tuple[int | None, str]:
    """The database's system change number now, or None and why it is not to be had.

    It needs SELECT on V_$DATABASE or EXECUTE on DBMS_FLASHBACK, which a least-privileged user may lack.
    Raises oracledb.Error when the database cannot be reached.
    """
    with connect() as connection, connection.cursor() as cursor:
        for statement in (
            "select current_scn from v$database",
            "select dbms_flashback.get_system_change_number from dual",
        ):
            try:
                [(scn,)] = cursor.execute(statement).fetchall()
            except oracledb.DatabaseError as error:
                if code_of(error) not in ("ORA-00942", "ORA-00904", "ORA-01031"):
                    raise
            else:
                return int(scn), ""
    return None, "neither V$DATABASE nor DBMS_FLASHBACK is granted"


def pin(*sources: Source) -> None:
    """Read tables as of an SCN where the database lets their user do so; those of one login as of the same."""
    taken: dict[Callable[[], oracledb.Connection], tuple[int | None, str]] = {}
    for source in sources:
        if isinstance(source, OracleTableSource):
            source.schema()  # that it is not there is to be said first
            if source.connect not in taken:
                with explained(source.name):
                    taken[source.connect] = current_scn(source.connect)
            source.pin(*taken[source.connect])


def _keys(rows: Sequence[tuple[str, str, str]], nullable: set[str]) -> list[DeclaredKey]:
    columns: dict[tuple[str, str], list[str]] = {}
    for constraint, kind, column in rows:
        columns.setdefault((kind, constraint), []).append(column)
    keys = [
        DeclaredKey(PRIMARY_KEY if kind == "P" else f"unique key {constraint}", tuple(names))
        for (kind, constraint), names in columns.items()
        if kind == "P" or not nullable.intersection(names)
    ]
    return sorted(keys, key=lambda key: (key.origin != PRIMARY_KEY, len(key.columns), key.origin))


def _integer(value: object) -> int | None:
    return None if value is None else int(str(value))
