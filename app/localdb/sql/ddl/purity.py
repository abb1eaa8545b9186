"""What may stand in an expression that DDL stores: in an index, a virtual column, a CHECK condition."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse
from app.localdb.sql.translate.walk import parts

# Names and functions that answer otherwise tomorrow, or for another user.
_IMPURE = frozenset(
    ["SYSDATE", "SYSTIMESTAMP", "CURRENT_DATE", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "SESSIONTIMEZONE",
     "DBTIMEZONE", "USER", "UID", "USERENV", "SYS_CONTEXT", "SYS_GUID", "ROWNUM", "LEVEL"]
)  # fmt: skip


def refuse_impure(node: n.Expr, impure: int, subquery: int) -> None:
    """Raises the error `impure` for what is not a function of the row, `subquery` for a query in it, ORA-02287
    for a sequence."""
    for part in parts(node):
        if isinstance(part, n.Scalar | n.InQuery | n.Exists):
            raise refuse(subquery, part.offset)
        name = part.target if isinstance(part, n.Call) else part
        if not isinstance(name, n.Name):
            continue
        if len(name.parts) == 1 and name.parts[0] in _IMPURE and not any(name.quoted):
            raise refuse(impure, name.offset)
        if len(name.parts) > 1 and name.parts[-1] in ("NEXTVAL", "CURRVAL"):
            raise refuse(2287, name.offset)
