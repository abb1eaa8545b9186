"""Invalid views: compiled again when they are used, as Oracle does it.

DDL that takes something away from under a view leaves it there, with its columns and rights, but invalid
(concord_catalog.invalidate_views). Its text is compiled at its next use, with its owner's rights and outside the
user's transaction: it is valid again, or ORA-04063.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.localdb.catalog.administration import literal, quoted
from app.localdb.ddl import Definition
from app.localdb.errors import OracleError, oracle_error
from app.localdb.sql.catalog import InvalidView

if TYPE_CHECKING:
    from app.localdb.session import Session

_MOST_LEVELS = 50  # of views over views
_TEXT = """
select t.text, coalesce(m.text, ''), array_to_string(array(
           select pg_catalog.quote_ident(a.attname) from pg_catalog.pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum), ', ')
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join concord_catalog.texts t on t.relid = c.oid and t.part = ''
  left join concord_catalog.texts m on m.relid = c.oid and m.part = '$mode'
 where n.nspname = $1 and c.relname = $2
"""


def compile_again(session: Session, view: InvalidView, level: int = 0) -> None:
    """Make it valid. Raises ORA-04063 when it still has errors: USER_ERRORS tells them."""
    store = session.database.store
    with session.database.compiling_views:
        found = store.object(view.schema, view.name)
        if found is None or not found.invalid:
            return  # another session was quicker
        where = f"(owner, name, kind) = ({literal(view.schema)}, {literal(view.name)}, 'VIEW')"
        store.query(f"delete from concord_catalog.unit_errors where {where}")
        try:
            _compile(session, view, level)
        except OracleError as error:
            store.query(
                "insert into concord_catalog.unit_errors (owner, name, kind, sequence, line, position, text)"
                " values ($1, $2, 'VIEW', 1, 0, 0, $3)",
                *(view.schema, view.name, error.text),
            )
            raise oracle_error(4063, f"{view.schema}.{view.name}") from error


def _compile(session: Session, view: InvalidView, level: int) -> None:
    if level >= _MOST_LEVELS:
        raise oracle_error(1731)
    text, mode, columns = (
        (part or b"").decode() for part in session.database.store.query(_TEXT, view.schema, view.name)[0]
    )
    name = f"{quoted(view.schema)}.{quoted(view.name)}"
    ending = f" with {mode}" if mode else ""
    statement = f"create or replace view {name} ({columns}) as {text}{ending}"
    with session.autonomous() as other, other.as_user(view.schema):
        compiled = other.compile_sql(statement, level=level + 1)
        texts = ", ".join(map(literal, (view.schema, view.name, compiled.changes[0].options["made"])))
        compiled.statements = [f"select concord_catalog.replace_view({texts}, keeping => true)"]
        Definition(other, trusted=True).run(compiled, statement)
