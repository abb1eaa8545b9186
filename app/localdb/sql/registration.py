"""Which queries can be registered for change notification.

Source: Database Development Guide, "Using Continuous Query Notification", queries that can be registered in
guaranteed mode; the numbers of the errors are those of the error manual.
"""

from __future__ import annotations

from app.localdb.contract import OraType
from app.localdb.errors import oracle_error
from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import Catalog, ObjectKind
from app.localdb.sql.compiled import Compiled
from app.localdb.sql.parser import Parser
from app.localdb.sql.translate.walk import any_part, parts

# what the expressions of a query in guaranteed mode may be made of
_PLAIN = (
    n.Between, n.Binary, n.BindRef, n.Compare, n.InList, n.IsNull, n.Join, n.Name, n.Null, n.Number, n.Paren,
    n.Select, n.SelectItem, n.Star, n.String, n.TableRef, n.Unary,
)  # fmt: skip
_OPERATORS = ("+", "-", "*", "/", "AND", "OR", "NOT")
_TYPES = (OraType.NUMBER, OraType.VARCHAR2)


def check_registration(
    text: str, compiled: Compiled, catalog: Catalog, schema: str, *, by_result: bool
) -> None:
    """Raises ORA-29983 (views, synonyms, dictionary); with `by_result` also ORA-29976 for what is no plain query of
    tables, ORA-29977 for a column that is neither NUMBER nor VARCHAR2."""
    query = Parser(text).query()
    names = set(compiled.tables)
    for owner, name in names:
        found = catalog.resolve(owner, name, schema)
        if owner == "SYS" or found is None or found.kind is not ObjectKind.TABLE:
            raise oracle_error(29983)
    tables = [part for part in parts(query.body) if isinstance(part, n.TableRef)]
    if any(
        (item.parts[0] if len(item.parts) > 1 else schema, item.parts[-1]) not in names for item in tables
    ):
        raise oracle_error(29983)
    if not by_result:
        return
    plain = isinstance(query.body, n.Select) and not (
        query.ctes or query.order_by or query.fetch or query.row_offset or query.for_update or compiled.as_of
    )
    if not plain or any_part(query.body, _is_more) or len(tables) != len(names):
        raise oracle_error(29976)
    if any(column.type not in _TYPES or column.is_json for column in compiled.columns):
        raise oracle_error(29977)


def _is_more(part: object) -> bool:
    if isinstance(part, n.Select):
        return bool(part.distinct or part.group_by or part.having or part.connect_by)
    if isinstance(part, n.Join):
        return part.kind not in ("INNER", "CROSS")
    if isinstance(part, n.Name):
        return part.outer or part.parts[-1] in ("ROWID", "ROWNUM", "SYSDATE", "SYSTIMESTAMP", "USER", "LEVEL")
    if isinstance(part, n.Binary | n.Unary):
        return part.op not in _OPERATORS
    return not isinstance(part, _PLAIN)
