"""Server cursors: what a statement of this connection has open, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.localdb.contract import Column, Cursor, Direction, OraType, StatementInfo
from app.localdb.errors import OracleError
from app.localdb.wire.binds import Declared
from app.localdb.wire.constants import Scroll
from app.localdb.wire.rows import RowEncoder
from app.localdb.wire.scan import Scanned, scan

Rows = Sequence[tuple[bytes | None, ...]]

LOCATOR_TYPES = frozenset({OraType.CLOB, OraType.BLOB, OraType.JSON})
LAST_ID = 0xFFFF


@dataclass(slots=True, eq=False)
class ServerCursor:
    """One cursor id. `statement` is None when the server opened it: REF CURSOR, nested, implicit."""

    id: int
    text: str
    scanned: Scanned
    statement: StatementInfo | None
    declared: list[Declared] = field(default_factory=list)
    directions: list[Direction] = field(default_factory=list)
    result: Cursor | None = None
    columns: list[Column] = field(default_factory=list)
    fetch_types: list[int] = field(default_factory=list)  # as the client's define wants them
    encoded: list[Column] = field(default_factory=list)  # the columns as their values are written
    encoder: RowEncoder | None = None
    defined: bool = False
    sent: int = 0  # rows sent since the execute
    finished: bool = False
    kept: list[tuple[bytes | None, ...]] | None = None  # scrollable: all rows read so far
    children: list[int] = field(default_factory=list)  # nested cursors in its rows

    def needs_define(self) -> bool:
        """Whether the client will send a define before it takes rows: it does for locators."""
        return not self.defined and any(column.type in LOCATOR_TYPES for column in self.columns)

    def open(self, result: Cursor, *, scrollable: bool) -> bool:
        """Take a new result; returns whether its columns differ from those the client knows."""
        columns = result.columns
        changed = self.columns != columns
        if changed:
            known = self.columns
            self.columns = list(columns)
            self.fetch_types = _fetch_types(known, columns)
            self.encoded = _encoded(known, columns, self.fetch_types)
            self.defined = False
            self.encoder = None
        self.result = result
        self.sent = 0
        self.finished = False
        self.kept = [] if scrollable else None
        return changed

    def define(self, declared: Sequence[Declared]) -> None:
        """Remember the types the client wants its columns as."""
        if len(declared) == len(self.columns):
            self.fetch_types = [item.type for item in declared]
        self.defined = True
        self.encoder = None

    def next_rows(self, count: int) -> Rows:
        """Up to `count` further rows. Sets `finished` and gives the result back at its end."""
        if self.finished:
            return []
        if self.result is None:
            raise OracleError(1002, "fetch out of sequence")
        rows = self.result.fetch(count)
        if len(rows) < count:
            self.finished = True
            self.close_result()
        return rows

    def scroll_rows(self, orientation: int, position: int, count: int) -> Rows:
        """Rows of a scrollable cursor from the 1-based `position`; sets `sent` to the last row's number."""
        kept = self.kept if self.kept is not None else []
        wanted = None if orientation == Scroll.LAST else position - 1 + count
        while not self.finished and (wanted is None or len(kept) < wanted):
            kept += self.next_rows(1000 if wanted is None else wanted - len(kept))
        if orientation == Scroll.LAST:
            position = len(kept)
        rows = kept[position - 1 : position - 1 + count] if position > 0 else []
        self.sent = position - 1 + len(rows) if rows else self.sent
        return rows

    def close_result(self) -> None:
        result, self.result = self.result, None
        if result is not None:
            result.close()


def _fetch_types(known: Sequence[Column], columns: Sequence[Column]) -> list[int]:
    """A column that was character and became CLOB (or RAW and BLOB) is fetched as LONG by the client."""
    types: list[int] = []
    for index, column in enumerate(columns):
        before = known[index].type if index < len(known) else None
        if column.type == OraType.CLOB and before in (OraType.VARCHAR2, OraType.CHAR, OraType.LONG):
            types.append(OraType.LONG)
        elif column.type == OraType.BLOB and before in (OraType.RAW, OraType.LONG_RAW):
            types.append(OraType.LONG_RAW)
        else:
            types.append(column.type)
    return types


def _encoded(known: Sequence[Column], columns: Sequence[Column], types: Sequence[int]) -> list[Column]:
    """Such a CLOB is written in the character set that its column had before."""
    return [
        replace(column, national=known[index].national)
        if column.type == OraType.CLOB and types[index] == OraType.LONG
        else column
        for index, column in enumerate(columns)
    ]


class Cursors:
    """All cursors of one connection by id."""

    def __init__(self) -> None:
        self._open: dict[int, ServerCursor] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, text: str, statement: StatementInfo | None) -> ServerCursor:
        """A new cursor. Raises OracleError ORA-01000 when all ids are taken."""
        if len(self._open) >= LAST_ID - 1:
            raise OracleError(1000, "maximum open cursors exceeded")
        while True:
            self._last = self._last % LAST_ID + 1
            if self._last not in self._open:
                break
        cursor = ServerCursor(self._last, text, scan(text), statement)
        self._open[cursor.id] = cursor
        return cursor

    def adopt(self, result: Cursor) -> ServerCursor:
        """A cursor that the server opened: its client has no SQL for it. One that the client bound and
        gets back keeps its id."""
        for cursor in self._open.values():
            if cursor.result is result and cursor.statement is None:
                return cursor
        cursor = self.add("", None)
        cursor.open(result, scrollable=False)
        return cursor

    def find(self, number: int) -> ServerCursor:
        """Raises OracleError ORA-01001."""
        cursor = self._open.get(number)
        if cursor is None:
            raise OracleError(1001, "invalid cursor")
        return cursor

    def close(self, number: int) -> None:
        cursor = self._open.pop(number, None)
        if cursor is not None:
            cursor.close_result()
            self.close_children(cursor)

    def cancel(self, number: int) -> None:
        """Nothing more will be fetched, but the statement stays and can be executed again."""
        cursor = self._open.get(number)
        if cursor is not None:
            cursor.close_result()
            self.close_children(cursor)

    def close_children(self, cursor: ServerCursor) -> None:
        children, cursor.children = cursor.children, []
        for child in children:
            self.close(child)

    def close_all(self) -> None:
        for number in list(self._open):
            self.close(number)
