"""Open results as wire/ and plsql/ hold them (contract.Cursor, plsql.host.HostCursor)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.localdb.contract import Column
from app.localdb.errors import OracleError, from_postgres
from app.localdb.pg_messages import PgError, Row
from app.localdb.portals import Portal
from app.localdb.values import decode_rows, to_text

if TYPE_CHECKING:
    from app.localdb.session import Session


class ResultCursor:
    """A query's result, read out of PostgreSQL as it is fetched."""

    def __init__(self, session: Session, columns: list[Column], portal: Portal) -> None:
        self.columns = columns
        self._session = session
        self._portal = portal

    def fetch(self, count: int) -> list[Row]:
        """Up to `count` further rows, raw; fewer means the end. Raises OracleError."""
        link = self._session.link
        nested = not link.active
        if nested:
            link.statement_begins()
        try:
            return self._portal.fetch(count)
        except PgError as error:
            raise from_postgres(error) from error
        finally:
            if nested:
                link.statement_ends()

    def fetch_values(self, count: int) -> list[tuple[Any, ...]]:
        """The same as Python values."""
        return decode_rows(self.fetch(count), [column.type for column in self.columns])

    def close(self) -> None:
        self._portal.close()


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
