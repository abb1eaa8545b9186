"""Writing large objects of tables through their locators.

A locator shows what was there when it was fetched, and then what was written through it; other locators of the same
row show what they showed. Its row must be locked by the transaction that writes (ORA-22920), which must be the one
that the locator was fetched in, if it was fetched in one (ORA-22990). Triggers do not fire.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakSet

from app.localdb.contract import Lob
from app.localdb.datarows import DataRows
from app.localdb.errors import OracleError, oracle_error
from app.localdb.lob_values import Content
from app.localdb.pg_messages import PgError
from app.localdb.values import decoder, to_text

if TYPE_CHECKING:
    from app.localdb.session import Session

log = logging.getLogger(__name__)

_READ = "select concord_catalog.lob_to_change($1, $2, $3)"
_WRITE = "select concord_catalog.change_lob($1, $2, $3, $4)"

Place = tuple[str, str, bytes]


class StoredLobs:
    """Of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._written: WeakSet[Lob] = WeakSet()  # by the transaction at hand
        self._open: set[Place] = set()

    def change(self, lob: Lob, change: Callable[[Content], Content]) -> None:
        """Store what `change` makes of the present content; `lob` then shows it."""
        origin, session = lob.origin, self._session
        if origin is None:
            raise OracleError(
                3001,
                "unimplemented feature: writing a LOB that was not selected as the column of a table is not"
                " supported by the local database",
            )
        now = session.link.transaction
        if origin.transaction is not None and origin.transaction != now:
            raise oracle_error(22990)
        if now is None:  # without a transaction nothing is locked
            raise oracle_error(22920)
        place = (origin.relation.encode(), origin.name.encode(), origin.row)
        with session.mapped():
            text = session.link.execute(_READ, (), [place], counted=False)[0].rows[0][0]
            data = change(decoder(lob.type)(text or b"").data)
            changed = Lob(lob.type, data)
            session.link.execute(_WRITE, (), [(*place, to_text(changed))], counted=True)
        lob.data, lob.origin = data, origin._replace(transaction=now)
        self._written.add(lob)

    def open(self, lob: Lob, *, writing: bool = True) -> None:
        """Raises ORA-22292, ORA-22293."""
        place = _place(lob)
        if writing and self._session.link.transaction is None:
            raise OracleError(22292, "Cannot open a LOB in read-write mode without a transaction")
        if place in self._open:
            raise OracleError(22293, "LOB already opened in the same transaction")
        self._open.add(place)

    def close(self, lob: Lob) -> None:
        """Raises ORA-22289."""
        if not self.is_open(lob):
            raise OracleError(22289, "cannot perform operation on an unopened file or LOB")
        self._open.discard(_place(lob))

    def is_open(self, lob: Lob) -> bool:
        return _place(lob) in self._open

    def committed(self) -> None:
        """Raises ORA-22297 when a LOB is still open; the commit has happened."""
        self._written.clear()
        if self._open:
            self._open.clear()
            raise OracleError(22297, "warning: Open LOBs exist at transaction commit time")

    def undone(self, *, ended: bool) -> None:
        """After a rollback (`ended`: of the whole transaction): what was written shows what is there now."""
        lobs = list(self._written)
        if ended:
            self._written.clear()
            self._open.clear()
        for lob in lobs:
            self._reload(lob)

    def _reload(self, lob: Lob) -> None:
        assert lob.origin is not None
        relation, name, row, _ = lob.origin
        quoted = name.replace('"', '""')
        text = f'select "{quoted}" from {relation} where "ROWID" = $1::bigint'
        try:
            portal = self._session.link.query(text, (), (row,), limit=0)
            rows = portal.fetch(1)
            portal.close()
        except PgError as error:  # its table was dropped meanwhile: a rollback does not fail for that
            log.debug("a LOB cannot be read again after a rollback: %s", error)
            rows = DataRows()
        found = rows[0][0] if rows else None
        if found is None:
            lob.lost = True
        else:
            lob.data = decoder(lob.type)(found).data


def _place(lob: Lob) -> Place:
    if lob.origin is None:
        raise oracle_error(22275)
    return lob.origin.relation, lob.origin.name, lob.origin.row
