"""Open results as wire/ and plsql/ hold them (contract.Cursor, plsql.host.HostCursor)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.localdb.contract import Column
from app.localdb.datarows import Row
from app.localdb.errors import OracleError, from_postgres
from app.localdb.pg_messages import PgError
from app.localdb.portals import Portal
from app.localdb.values import decode_rows, to_text

if TYPE_CHECKING:
    from app.localdb.session import Session


_numbers = itertools.count(1)


class ResultCursor:
    """A query's result, read out of PostgreSQL as it is fetched."""

    def __init__(
        self,
        session: Session,
        columns: list[Column],
        portal: Portal,
        nested: Mapping[int, list[Column]] | None = None,
    ) -> None:
        """`nested`: what the cursors in CURSOR(...) columns return, by the column's position."""
        self.columns = columns
        self._nested = nested or {}
        self._session = session
        self._portal = portal

    def fetch(self, count: int) -> Sequence[Row]:
        """Up to `count` further rows, raw; fewer means the end. Raises OracleError."""
        link = self._session.link
        nested = not link.cancellation.active
        if nested:
            link.cancellation.begin()
        try:
            rows = self._portal.fetch(count)
            return [self._with_cursors(row) for row in rows] if self._nested else rows
        except PgError as error:
            raise from_postgres(error) from error
        finally:
            if nested:
                link.cancellation.end()

    def _with_cursors(self, row: Row) -> Row:
        """The rows of each CURSOR(...) column as a cursor of the session; its number takes their place."""
        values = list(row)
        for position, columns in self._nested.items():
            text = values[position]
            found = [
                tuple(cell if cell is None else cell.encode() for cell in line)
                for line in json.loads(text or "[]")
            ]
            number = next(_numbers)
            self._session.cursors[number] = RowsCursor(columns, found)
            values[position] = b"%d" % number
        return tuple(values)

    def fetch_values(self, count: int) -> list[tuple[Any, ...]]:
        """The same as Python values."""
        rows = self.fetch(count)
        return decode_rows(rows, self.columns, self._session.link.transaction)

    def close(self) -> None:
        self._portal.close()


class RowsCursor:
    """Rows that are there already, in PostgreSQL's text form."""

    def __init__(self, columns: list[Column], rows: list[Row]) -> None:
        self.columns = columns
        self._rows = rows

    def fetch(self, count: int) -> list[Row]:
        found, self._rows = self._rows[:count], self._rows[count:]
        return found

    def close(self) -> None:
        self._rows = []


class ListCursor:
    """A result that PL/SQL made itself."""

    def __init__(self, columns: list[Column], rows: Sequence[Sequence[Any]]) -> None:
        self.columns = columns
        self._rows = [tuple(row) for row in rows]
        self._closed = False

    def fetch_values(self, count: int) -> list[tuple[Any, ...]]:
        if self._closed:
            raise OracleError(1001, "invalid cursor")
        found, self._rows = self._rows[:count], self._rows[count:]
        return found

    def fetch(self, count: int) -> list[Row]:
        return [tuple(to_text(value) for value in row) for row in self.fetch_values(count)]

    def close(self) -> None:
        self._closed = True
        self._rows = []
