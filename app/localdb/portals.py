"""An open result of a session, wherever its rows are at the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.localdb.datarows import DataRows
from app.localdb.errors import oracle_error
from app.localdb.spool import Spool

if TYPE_CHECKING:
    from app.localdb.link import Link


class Portal:
    """An open result: rows already read, then a portal in PostgreSQL, or a spool once it had to be emptied."""

    def __init__(self, link: Link, name: str, *, locking: bool, ahead: int) -> None:
        self._link = link
        self.name = name
        self.locking = locking  # each fetched row is locked
        self._ahead = 0 if locking else ahead  # rows to ask for at least
        self.rows = DataRows()
        self.spool: Spool | None = None
        self.open = True  # PostgreSQL may have more
        self.invalid = False  # a commit or an error ended it: ORA-01002

    def fetch(self, count: int) -> DataRows:
        """Up to `count` further rows; fewer means the end. Raises OracleError."""
        if self.invalid:
            raise oracle_error(1002)
        found = self.rows[:count]
        self.rows = self.rows[count:]
        while len(found) < count and self.spool is not None:
            batch = self.spool.read()
            if batch is None:
                self.spool.close()
                self.spool = None
                break
            missing = count - len(found)
            found = found + batch[:missing]
            self.rows = batch[missing:]
        if len(found) < count and self.open:
            missing = count - len(found)
            batch = self._link.fetch(self, max(missing, self._ahead))
            found = found + batch[:missing]
            self.rows = batch[missing:]
        return found

    def close(self) -> None:
        self._link.close_portal(self)
        self.rows = DataRows()
        self.discard()

    def discard(self) -> None:
        """Give back the spool."""
        if self.spool is not None:
            self.spool.close()
            self.spool = None
