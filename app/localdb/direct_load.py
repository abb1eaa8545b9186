"""Direct path loads of a session: what they may load into, and COPY as their way.

Oracle's server checks NOT NULL, keys and check constraints of a load and refuses tables with enabled triggers
(ORA-26086). What it does about foreign keys is said nowhere for this interface, so such tables are refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.localdb.contract import Column
from app.localdb.dml import NOT_OF_A_ROW
from app.localdb.errors import OracleError, oracle_error
from app.localdb.pg_messages import PgError
from app.localdb.sql.catalog import ObjectInfo, ObjectKind
from app.localdb.sql.types import quote

if TYPE_CHECKING:
    from app.localdb.session import Session

_TRIGGERS = """
select from pg_catalog.pg_trigger t
 where t.tgrelid = $1::pg_catalog.regclass and t.tgenabled <> 'D' and not t.tgisinternal and t.tgname not like '$%'
"""
_CONSTRAINTS = """
select k.contype, coalesce(min(a.attname) filter (where y.typname in ('clob', 'blob', 'json')), '')
  from pg_catalog.pg_constraint k
  join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
  join pg_catalog.pg_type y on y.oid = a.atttypid
 where k.conrelid = $1::pg_catalog.regclass and k.contype in ('c', 'f') and k.conenforced
 group by k.oid, k.contype
"""


def columns(session: Session, schema: str, table: str, names: Sequence[str]) -> list[Column]:
    """The columns that every row of a load has to give: `names`, and behind them those with a default of
    their own, as the server demands. Raises OracleError for what cannot be loaded."""
    found = _target(session, schema, table)
    if session.in_transaction:
        raise oracle_error(26085)
    for name in names:
        if name not in found.by_name:
            raise oracle_error(904, f'"{name}"')
        if found.by_name[name].virtual:
            raise oracle_error(26016, name, f"{found.schema}.{found.name}")
    store = session.database.store
    if store.query(_TRIGGERS, found.relation):
        raise oracle_error(26086)
    for kind, large in store.query(_CONSTRAINTS, found.relation):
        if kind == b"f":
            raise _unsupported("of a table with an enabled foreign key")
        if large:
            raise oracle_error(26065, large.decode())
    demanded = [
        c.name for c in found.columns if c.name not in names and not c.virtual and (c.default or c.identity)
    ]
    listed = ", ".join(map(quote, [*names, *demanded]))
    return session.describe(
        session.prepare(f"select {listed} from {quote(found.schema)}.{quote(found.name)}")
    )


def copy(session: Session, schema: str, table: str, names: Sequence[str], lines: bytes) -> bool:
    """See wire.backend. COPY knows nothing of DEFAULT ON NULL, and would write identity columns."""
    found = _target(session, schema, table)
    if any((c := found.by_name[name]).identity or c.default_on_null for name in names):
        return False
    listed = ", ".join(map(quote, names))
    try:
        session.link.copy_in(f"copy {found.relation} ({listed}) from stdin", [lines])
    except PgError as error:
        if error.sqlstate in NOT_OF_A_ROW:
            raise
        return False
    return True


def _target(session: Session, schema: str, table: str) -> ObjectInfo:
    found = session.catalog.resolve(schema or None, table, session.current_schema)
    if found is None:
        raise oracle_error(942)
    if found.kind is not ObjectKind.TABLE or found.temporary:
        raise _unsupported("of a view or a temporary table")
    return found


def _unsupported(what: str) -> OracleError:
    return oracle_error(3001, f"direct path load {what} is not supported by the local database")
