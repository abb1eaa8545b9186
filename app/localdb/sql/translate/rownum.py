"""ROWNUM in a WHERE clause: rows are counted as they pass the other conditions, before they are sorted."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.conditions import Conditions
from app.localdb.sql.translate.walk import conjuncts, is_word, mentions

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


class Rownum(Conditions):
    """Turns conditions on ROWNUM into a number of rows."""

    def split_rownum(self, where: n.Expr | None) -> tuple[list[n.Expr], str | None]:
        """The other conditions, and the number of rows as PostgreSQL text (None: no limit)."""
        rest: list[n.Expr] = []
        limits: list[str] = []
        for condition in conjuncts(where):
            if not mentions(condition, "ROWNUM"):
                rest.append(condition)
                continue
            limits.append(self._limit(condition))
        if not limits:
            return rest, None
        if len(limits) == 1:
            return rest, limits[0]
        return rest, f"least({', '.join(limits)})"

    def _limit(self, condition: n.Expr) -> str:
        if isinstance(condition, n.Paren):
            return self._limit(condition.operand)
        if (
            isinstance(condition, n.Between)
            and not condition.negated
            and is_word(condition.operand, "ROWNUM")
        ):
            low, high = self._rows_below(">=", condition.low), self._rows_below("<=", condition.high)
            return high if low == "NULL" else f"least({low}, {high})"
        if isinstance(condition, n.Compare) and condition.quantifier is None:
            if is_word(condition.left, "ROWNUM"):
                return self._rows_below(condition.op, condition.right)
            if is_word(condition.right, "ROWNUM"):
                return self._rows_below(_MIRRORED[condition.op], condition.left)
        raise unsupported("this condition on ROWNUM", condition.offset)

    def _rows_below(self, op: str, node: n.Expr) -> str:
        """How many rows `ROWNUM op node` lets through; NULL for all."""
        if mentions(node, "ROWNUM"):
            raise unsupported("this condition on ROWNUM", node.offset)
        if isinstance(node, n.Number) and node.text.isdigit():
            number = int(node.text)
            fixed = {
                "<=": number,
                "<": max(number - 1, 0),
                "=": 1 if number == 1 else 0,
                ">=": None if number <= 1 else 0,
                ">": None if number < 1 else 0,
                "!=": number - 1 if number >= 1 else None,
            }[op]
            return "NULL" if fixed is None else str(fixed)
        value = c.to_number(self.value(node), node.offset).sql
        if op == "<=":
            return f"greatest(coalesce(floor({value}), 0), 0)::bigint"
        if op == "<":
            return f"greatest(coalesce(ceil({value}) - 1, 0), 0)::bigint"
        if op == "=":
            return f"(CASE WHEN {value} = 1 THEN 1 ELSE 0 END)"
        if op == "!=":
            return (
                f"(CASE WHEN {value} IS NULL THEN 0 WHEN {value} >= 1 AND {value} = trunc({value})"
                f" THEN {value} - 1 END)::bigint"
            )
        return f"(CASE WHEN {value} {'<=' if op == '>=' else '<'} 1 THEN NULL ELSE 0 END)"
