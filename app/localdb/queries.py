"""Opening the query of a session: its temporary tables, its locks, how far it reads ahead, its moment in the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.localdb.contract import OraType
from app.localdb.cursors import ResultCursor
from app.localdb.dml import bound
from app.localdb.sql.compiled import Compiled, make_temporary

if TYPE_CHECKING:
    from app.localdb.session import Session

_READ_AHEAD = 500  # rows read from PostgreSQL at least, whatever the client asks for
_READ_AHEAD_LOBS = 10  # the same when a row may hold megabytes
_LARGE = (OraType.CLOB, OraType.BLOB, OraType.LONG, OraType.LONG_RAW, OraType.JSON)


def make_temporary_tables(session: Session, compiled: Compiled) -> None:
    """This session's copies of the temporary tables that the statement names."""
    for found in compiled.temporary:
        with session.mapped():
            session.link.query(make_temporary(found), (), (), limit=0)


def open_query(
    session: Session, compiled: Compiled, values: Sequence[bytes | None], row: Sequence[Any] = ()
) -> ResultCursor:
    """`values` are its parameters, `row` the binds that its AS OF expression may use. Raises OracleError."""
    make_temporary_tables(session, compiled)
    link, database = session.link, session.database
    if any(database.store.shows_sessions(*name) for name in compiled.tables):
        database.publish_sessions()
    ahead = _READ_AHEAD_LOBS if any(column.type in _LARGE for column in compiled.columns) else _READ_AHEAD
    if compiled.as_of is not None:
        moment = link.query(compiled.as_of.pg_text, (), bound(compiled.as_of, row), limit=0)
        return session.past.open(compiled, values, int(float(moment.fetch(1)[0][0] or 0)), ahead=ahead)
    if compiled.asks_scn:
        link.set("oracle.scn", str(database.snapshots.take()))
    limit = ahead
    if compiled.for_update:  # Oracle locks all rows at the open, unless it skips locked ones as it fetches
        limit = -1 if compiled.skip_locked else 0
    try:
        with session.mapped(waited=compiled.wait is not None):
            portal = link.query(
                compiled.pg_text,
                (),
                values,
                limit=limit,
                ahead=ahead,
                locking=compiled.for_update,
                lock_wait_ms=compiled.wait * 1000 if compiled.wait else None,
            )
    finally:
        if compiled.asks_scn:
            link.set("oracle.scn", "")
    return ResultCursor(session, compiled.columns, portal, compiled.nested)


def lock_tables(session: Session, compiled: Compiled) -> None:
    """LOCK TABLE. Raises ORA-00054, ORA-30006."""
    make_temporary_tables(session, compiled)
    wait = compiled.wait
    with session.mapped(waited=wait is not None):
        for text in compiled.statements or [compiled.pg_text]:
            session.link.execute(text, (), [()], lock_wait_ms=wait * 1000 if wait else None)
