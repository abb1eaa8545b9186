"""WITH: named queries, recursive ones included."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.base import Cte
from app.localdb.sql.translate.hierarchy import Hierarchy
from app.localdb.sql.types import NUMBER, VARCHAR2, Ex, Family, quote


class With(Hierarchy):
    """with_clause() puts the named queries into scope."""

    def with_clause(self, ctes: list[n.Cte]) -> str:
        """WITH ... in front of a query; its names are known until `ctes` is popped."""
        if not ctes:
            return ""
        level: dict[str, Cte] = {}
        self.ctes.append(level)
        parts = []
        recursive = False
        for cte in ctes:
            if cte.name in level:
                raise refuse(32031, cte.offset)
            pg_name = self.fresh(cte.name)
            text, found, loops = self._cte(cte, pg_name, level)
            recursive = recursive or loops
            level[cte.name] = found
            columns = ", ".join(quote(name) for name in found.names)
            parts.append(f"{quote(pg_name)}({columns}) AS ({text})")
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(parts)} "

    def _cte(self, cte: n.Cte, pg_name: str, level: dict[str, Cte]) -> tuple[str, Cte, bool]:
        body = cte.query.body
        if isinstance(body, n.SetOperation) and any(
            isinstance(item, n.TableRef) and item.parts == (cte.name,) for item in _tables(body.right)
        ):
            return self._recursive(cte, body, pg_name, level)
        if any(isinstance(item, n.TableRef) and item.parts == (cte.name,) for item in _tables(body)):
            raise refuse(32040 if cte.columns else 32039, cte.offset)
        found = self.relation(cte.query)
        names = cte.columns or [column.name for column in found.columns]
        if len(names) != len(found.columns):
            raise refuse(32038 if cte.columns else 918, cte.offset)
        return found.sql, _cte_columns(pg_name, names, [column.ex for column in found.columns]), False

    def _recursive(
        self, cte: n.Cte, body: n.SetOperation, pg_name: str, level: dict[str, Cte]
    ) -> tuple[str, Cte, bool]:
        if body.op != "UNION ALL":
            raise refuse(32040, cte.offset)
        if not cte.columns:
            raise refuse(32039, cte.offset)
        anchor = self.relation(n.Query(cte.offset, body.left))
        if len(anchor.columns) != len(cte.columns):
            raise refuse(32038, cte.offset)
        # the recursive branch decides lengths and precisions, too, so columns carry none
        plain = [_unbounded(column.ex) for column in anchor.columns]
        found = _cte_columns(pg_name, cte.columns, plain)
        level[cte.name] = found
        step = self.relation(n.Query(cte.offset, body.right))
        if len(step.columns) != len(cte.columns):
            raise refuse(1789, cte.offset)
        for column, ex in zip(anchor.columns, plain, strict=True):
            column.ex = ex
        for column, ex in zip(step.columns, plain, strict=True):
            family = ex.ty.family
            column.ex = _unbounded(c.convert(column.ex, family if family is not Family.NULL else Family.TEXT))
        return f"({anchor.sql}) UNION ALL ({step.sql})", found, True


def _tables(body: n.QueryBody) -> list[n.FromItem]:
    """Every item of FROM in a query body, those of its joins and nested bodies included."""
    if isinstance(body, n.SetOperation):
        return _tables(body.left) + _tables(body.right)
    if isinstance(body, n.Query):
        return _tables(body.body)
    found: list[n.FromItem] = []
    pending = list(body.sources)
    while pending:
        item = pending.pop()
        if isinstance(item, n.Join):
            pending += [item.left, item.right]
        elif isinstance(item, n.Pivot | n.Unpivot):
            pending.append(item.source)
        elif isinstance(item, n.DerivedTable):
            found += _tables(item.query.body)
        found.append(item)
    return found


def _cte_columns(pg_name: str, names: list[str], values: list[Ex]) -> Cte:
    columns = {name: Ex(quote(name), ex.ty, ex.nullable) for name, ex in zip(names, values, strict=True)}
    return Cte(pg_name, names, columns)


def _unbounded(ex: Ex) -> Ex:
    """Without the length and precision that PostgreSQL would compare between the branches of a recursion."""
    family = ex.ty.family
    if family is Family.TEXT or family is Family.NULL:
        return Ex(f"({c.to_text(ex).sql})::text", VARCHAR2)
    if family is Family.NUMBER:
        return Ex(f"({ex.sql})::numeric", NUMBER)
    return Ex(ex.sql, ex.ty)
