"""Conditions: comparisons, LIKE, IN, EXISTS, BETWEEN, IS ..., REGEXP_LIKE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.expressions import Expressions
from app.localdb.sql.types import PG_TYPES, Ex, Family, Ty


class Conditions(Expressions):
    """condition() answers the PostgreSQL text of a condition."""

    def condition(self, node: n.Expr) -> str:
        """Translate one condition. Raises ORA-00920 for an expression that is none (before 23ai)."""
        translate = _TRANSLATORS.get(type(node))
        if translate is not None:
            return translate(self, node)
        if isinstance(node, n.Call) and isinstance(node.target, n.Name):
            name = node.target.parts[-1]
            if name == "REGEXP_LIKE":
                return self._regexp_like(node)
            if name == "LNNVL" and len(node.args) == 1:
                return f"({self.condition(node.args[0].value)} IS NOT TRUE)"
        if self.play == "19c":
            raise refuse(920, self._after(node))
        return c.to_boolean(self.value(node), node.offset).sql

    def _after(self, node: n.Expr) -> int:
        """Oracle points behind an expression that should have been a condition; this is near it."""
        return node.offset

    def _logical(self, node: n.Binary) -> str:
        if node.op not in ("AND", "OR"):
            if self.play == "19c":
                raise refuse(920, self._after(node))
            return c.to_boolean(self.value(node), node.offset).sql
        parts: list[n.Expr] = []
        pending: list[n.Expr] = [node]
        while pending:
            part = pending.pop()
            if isinstance(part, n.Binary) and part.op == node.op:
                pending += [part.right, part.left]
            else:
                parts.append(part)
        return "(" + f" {node.op} ".join(self.condition(part) for part in parts) + ")"

    def _not(self, node: n.Unary) -> str:
        if node.op != "NOT":
            raise refuse(920, node.offset)
        return f"(NOT {self.condition(node.operand)})"

    def _paren_condition(self, node: n.Paren) -> str:
        return self.condition(node.operand)

    # -- comparisons -----------------------------------------------------------------------------------------

    def _compare(self, node: n.Compare) -> str:
        if isinstance(node.left, n.Row):
            return self._compare_rows(node)
        if node.quantifier is not None:
            return self._quantified(node)
        if isinstance(node.right, n.Row):
            raise refuse(1797, node.right.offset)
        return c.compare(node.op, self.value(node.left), self.value(node.right), node.offset)

    def _compare_rows(self, node: n.Compare) -> str:
        left = node.left
        assert isinstance(left, n.Row)
        if node.op not in ("=", "!="):
            raise refuse(1796, node.offset)
        right = node.right
        if isinstance(right, n.Scalar):
            return self._in_query(n.InQuery(node.offset, left, right.query, node.op == "!="))
        if isinstance(right, n.Paren):
            right = right.operand
        if not isinstance(right, n.Row) or len(right.items) != len(left.items):
            raise refuse(920, node.offset)
        parts = [
            c.compare("=", self.value(a), self.value(b), b.offset)
            for a, b in zip(left.items, right.items, strict=True)
        ]
        joined = "(" + " AND ".join(parts) + ")"
        return joined if node.op == "=" else f"(NOT {joined})"

    def _quantified(self, node: n.Compare) -> str:
        left, right = self.value(node.left), node.right
        if isinstance(right, n.Scalar):
            query = self.subquery(right.query)
            if len(query.columns) != 1:
                raise refuse(913, right.offset)
            found = query.columns[0]
            family = c.comparable(left.ty.family, found.ty.family, node.offset)
            converted = c.convert(left, family, node.offset).sql
            inner = self._converted_query(query.sql, [found.ty.family], [family], [found.ty.bpchar])
            symbol = "<>" if node.op == "!=" else node.op
            return f"({converted} {symbol} {node.quantifier} ({inner}))"
        items = right.items if isinstance(right, n.Row) else [right]
        if isinstance(right, n.Paren):
            items = [right.operand]
        joiner = " OR " if node.quantifier == "ANY" else " AND "
        return "(" + joiner.join(c.compare(node.op, left, self.value(i), i.offset) for i in items) + ")"

    def _converted_query(
        self, sql: str, found: list[Family], wanted: list[Family], padded: list[bool]
    ) -> str:
        """A subquery whose columns are converted for a comparison."""
        if all(f is w or f is Family.NULL for f, w in zip(found, wanted, strict=True)) and not any(padded):
            return sql
        name = self.fresh("q")
        columns = [f"c{i}" for i in range(len(found))]
        values = []
        for column, family, target, bpchar in zip(columns, found, wanted, padded, strict=True):
            kind = next(k for k in _KINDS if c.kind_family(k) is family)
            ty = Ty(kind, chars=4000, bpchar=bpchar)
            values.append(c.convert(Ex(column, ty), target).sql)
        return f'SELECT {", ".join(values)} FROM ({sql}) "{name}"({", ".join(columns)})'

    def _between(self, node: n.Between) -> str:
        operand = self.value(node.operand)
        low = c.compare(">=", operand, self.value(node.low), node.low.offset)
        high = c.compare("<=", operand, self.value(node.high), node.high.offset)
        joined = f"({low} AND {high})"
        return f"(NOT {joined})" if node.negated else joined

    def _in_list(self, node: n.InList) -> str:
        word = "NOT IN" if node.negated else "IN"
        if isinstance(node.operand, n.Row):
            return self._rows_in_list(node)
        operand = self.value(node.operand)
        values = []
        for item in node.items:
            if isinstance(item, n.Row):
                raise refuse(913 if len(item.items) > 1 else 907, item.offset)
            values.append(self.value(item))
        families = {v.ty.family for v in values} - {Family.NULL}
        if len(families) == 1 and not operand.ty.bpchar:
            family = c.comparable(operand.ty.family, families.pop(), node.offset)
            items = ", ".join(
                c.convert(v, family, i.offset).sql for v, i in zip(values, node.items, strict=True)
            )
            return f"({c.convert(operand, family, node.offset).sql} {word} ({items}))"
        tests = [c.compare("=", operand, v, i.offset) for v, i in zip(values, node.items, strict=True)]
        joined = "(" + " OR ".join(tests) + ")"
        return f"(NOT {joined})" if node.negated else joined

    def _rows_in_list(self, node: n.InList) -> str:
        assert isinstance(node.operand, n.Row)
        left = [self.value(item) for item in node.operand.items]
        tests = []
        for item in node.items:
            row = item.operand if isinstance(item, n.Paren) else item
            if not isinstance(row, n.Row) or len(row.items) != len(left):
                raise refuse(
                    947 if not isinstance(row, n.Row) or len(row.items) < len(left) else 913, item.offset
                )
            pairs = [c.compare("=", a, self.value(b), b.offset) for a, b in zip(left, row.items, strict=True)]
            tests.append("(" + " AND ".join(pairs) + ")")
        joined = "(" + " OR ".join(tests) + ")"
        return f"(NOT {joined})" if node.negated else joined

    def _in_query(self, node: n.InQuery) -> str:
        operands = node.operand.items if isinstance(node.operand, n.Row) else [node.operand]
        left = [self.value(operand) for operand in operands]
        query = self.subquery(node.query)
        if len(query.columns) != len(left):
            raise refuse(947 if len(query.columns) < len(left) else 913, node.query.offset)
        wanted = [
            c.comparable(a.ty.family, b.ty.family, node.offset)
            for a, b in zip(left, query.columns, strict=True)
        ]
        found = [column.ty.family for column in query.columns]
        inner = self._converted_query(query.sql, found, wanted, [col.ty.bpchar for col in query.columns])
        values = [c.convert(a, family, node.offset).sql for a, family in zip(left, wanted, strict=True)]
        joined = values[0] if len(values) == 1 else f"({', '.join(values)})"
        return f"({joined} {'NOT IN' if node.negated else 'IN'} ({inner}))"

    def _exists(self, node: n.Exists) -> str:
        return f"EXISTS ({self.subquery(node.query).sql})"

    # -- the others ------------------------------------------------------------------------------------------

    def _is_null(self, node: n.IsNull) -> str:
        operand = self.value(node.operand)
        return f"({operand.sql} IS {'NOT ' if node.negated else ''}NULL)"

    def _is_condition(self, node: n.IsCondition) -> str:
        what, no = node.what, "NOT " if node.negated else ""
        if what == "LNNVL":
            return f"(({self.condition(node.operand)}) IS NOT TRUE)"
        if what in ("TRUE", "FALSE"):
            return f"({c.to_boolean(self.value(node.operand), node.offset).sql} IS {no}{what})"
        if what in ("NAN", "INFINITE"):
            number = c.to_float(self.value(node.operand), node.offset).sql
            if what == "NAN":
                return f"({number} {'<>' if node.negated else '='} 'NaN'::float8)"
            return f"({no}abs({number}) = 'Infinity'::float8)"
        raise unsupported(f"IS {what} in SQL", node.offset)

    def _like(self, node: n.Like) -> str:
        if node.kind not in ("LIKE", "LIKEC"):
            raise unsupported(node.kind, node.offset)
        operand = c.to_text(self.value(node.operand), node.offset).sql
        pattern = c.to_text(self.value(node.pattern), node.pattern.offset).sql
        escape = "''"
        if node.escape is not None:
            escape = f"oracle.escape_character({c.to_text(self.value(node.escape)).sql})"
        return f"({operand} {'NOT LIKE' if node.negated else 'LIKE'} {pattern} ESCAPE {escape})"

    def _regexp_like(self, node: n.Call) -> str:
        values = [c.to_text(self.value(argument.value), argument.offset) for argument in node.args]
        if len(values) not in (2, 3):
            raise refuse(938 if len(values) < 2 else 939, node.offset)
        flags = f"oracle.regexp_flags({values[2].sql})" if len(values) == 3 else "'p'"
        return f"regexp_like({values[0].sql}, oracle.regexp_pattern({values[1].sql}), {flags})"

    def _member(self, node: n.MemberOf) -> str:
        if self.asked.resolve is not None:
            variable = self.asked.resolve(node.collection)
            if variable is not None and node.kind == "MEMBER":
                array, ty = self.array(variable, node.offset)
                operand = c.convert(self.value(node.operand), ty.family, node.offset)
                return f"({'NOT ' if node.negated else ''}{operand.sql} = ANY({array}))"
        raise unsupported(f"{node.kind} OF", node.offset)

    def _name(self, node: n.Name) -> str:
        if self.play == "19c":
            self.value(node)
            raise refuse(920, self._after(node))
        return c.to_boolean(self.value(node), node.offset).sql

    def _json_exists(self, node: n.JsonCall) -> str:
        if node.kind != "JSON_EXISTS":
            if self.play == "19c":
                raise refuse(920, node.offset)
            return c.to_boolean(self.value(node), node.offset).sql
        return self.json_exists(node)


_KINDS = tuple(PG_TYPES)
_TRANSLATORS: dict[type[n.Expr], Callable[[Any, Any], str]] = {
    n.Binary: Conditions._logical,
    n.Unary: Conditions._not,
    n.Paren: Conditions._paren_condition,
    n.Compare: Conditions._compare,
    n.Between: Conditions._between,
    n.InList: Conditions._in_list,
    n.InQuery: Conditions._in_query,
    n.Exists: Conditions._exists,
    n.IsNull: Conditions._is_null,
    n.IsCondition: Conditions._is_condition,
    n.IsJson: Conditions.is_json,
    n.Like: Conditions._like,
    n.MemberOf: Conditions._member,
    n.Name: Conditions._name,
    n.JsonCall: Conditions._json_exists,
}
