"""Expressions: what Python can evaluate exactly as Oracle does becomes a closure, the rest goes to SQL.

`native` answers None for what it leaves to SQL; `expression` then compiles `select <expression> from dual`
with the variables as parameters, so that there is one truth.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from app.localdb.contract import Lob
from app.localdb.plsql import convert, operators
from app.localdb.plsql.attributes import AttributeCompiler
from app.localdb.plsql.code import Code, Place, family
from app.localdb.plsql.failures import CompileError, undeclared, unsupported
from app.localdb.plsql.functions import native_function
from app.localdb.plsql.names import flatten, shown
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.scope import Scope
from app.localdb.plsql.times import PARTS
from app.localdb.plsql.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL_DS,
    NULL,
    NUMBER,
    TIMESTAMP,
    VARCHAR2,
    CollectionType,
    RecordType,
)
from app.localdb.plsql.values import Collection
from app.localdb.sql import nodes as x


class ExpressionCompiler(AttributeCompiler):
    """Compiles expressions in a scope."""

    if TYPE_CHECKING:
        sql_value: Callable[[x.Expr, Scope], Code]  # the expression as SQL evaluates it
        sql_condition: Callable[[x.Expr, Scope], Code]
        is_sql_name: Callable[[x.Expr], bool]
        directive: Callable[[str, int], Code]

    def expression(self, node: x.Expr, s: Scope) -> Code:
        """`node` as a closure with its type. Raises CompileError."""
        found = self.native(node, s)
        if found is not None:
            return found
        if isinstance(node, x.Call | x.Name) and not self.is_sql_name(node):
            raise undeclared(shown(flatten(node) or ["?"]), node.offset)
        if isinstance(node, x.IsJson | x.Like | x.Compare | x.Between | x.InList | x.InQuery | x.Exists):
            if isinstance(node, x.InQuery | x.Exists):
                raise CompileError("PLS-00405: subquery not allowed in this context", node.offset)
            return self.sql_condition(node, s)
        if isinstance(node, x.JsonCall) and node.kind == "JSON_EXISTS":
            return self.sql_condition(node, s)
        if isinstance(node, x.Call) and shown(flatten(node) or []) == "REGEXP_LIKE":
            return self.sql_condition(node, s)
        if isinstance(node, x.Scalar | x.CursorExpr | x.Star):
            raise CompileError("PLS-00405: subquery not allowed in this context", node.offset)
        return self.sql_value(node, s)

    def condition(self, node: x.Expr, s: Scope) -> Run:
        """A BOOLEAN expression."""
        code = self.expression(node, s)
        if family(code.type) not in "b0":
            raise CompileError("PLS-00382: expression is of wrong type", node.offset)
        return code.run

    def native(self, node: x.Expr, s: Scope) -> Code | None:
        """`node` without SQL; None when only SQL can tell, or when a name in it is unknown."""
        rule = _RULES.get(type(node))
        return rule(self, node, s) if rule is not None else None

    # Literals

    def number_literal(self, node: x.Number, s: Scope) -> Code | None:
        text = node.text
        if text[-1] in "fFdD":
            value = float(text[:-1])
            return Code(lambda f: value, DOUBLE)
        exact = convert.number(Decimal(text))
        return Code(
            lambda f: exact,
            INTEGER if type(exact) is int and abs(exact) < 2**31 and text.isdigit() else NUMBER,
        )

    def string_literal(self, node: x.String, s: Scope) -> Code | None:
        value = node.value or None
        return Code(lambda f: value, VARCHAR2, literal=True)

    def null_literal(self, node: x.Null, s: Scope) -> Code | None:
        return Code(lambda f: None, NULL)

    def boolean_literal(self, node: x.Boolean, s: Scope) -> Code | None:
        value = node.value
        return Code(lambda f: value, BOOLEAN)

    def time_literal(self, node: x.DateTime, s: Scope) -> Code | None:
        try:
            value = datetime.fromisoformat(node.text.strip())
        except ValueError:
            return None
        if value.tzinfo is not None:
            return None
        return Code(lambda f: value, DATE if node.kind == "DATE" else TIMESTAMP)

    def interval_literal(self, node: x.Interval, s: Scope) -> Code | None:
        """INTERVAL '5' MINUTE; the forms with two fields are SQL's."""
        seconds = {"DAY": 86400, "HOUR": 3600, "MINUTE": 60, "SECOND": 1}.get(node.leading)
        if seconds is None or node.trailing is not None:
            return None
        number = convert.parse_number(node.text)
        if number is None or (type(number) is not int and node.leading != "SECOND"):
            return None
        value = timedelta(microseconds=int(convert.round_number(Decimal(number) * seconds * 1_000_000, 0)))
        return Code(lambda f: value, INTERVAL_DS)

    # Names

    def name(self, node: x.Expr, s: Scope) -> Code | None:
        found = self.resolved(node, s)
        if found is None:
            chain = flatten(node)
            if chain is None:
                return None
            return native_function(self, chain, node.offset, s)
        if isinstance(found, Place):
            return Code(found.load, found.type)
        return found

    def call(self, node: x.Call | x.Field, s: Scope) -> Code | None:
        """A call, an element, or SQL%BULK_ROWCOUNT(i) and SQL%BULK_EXCEPTIONS."""
        bulk = self.bulk_attribute(node, s)
        if bulk is not None:
            return bulk
        return self.name(node, s)

    # Operators

    def paren(self, node: x.Paren, s: Scope) -> Code | None:
        return self.native(node.operand, s)

    def operands(self, nodes: list[x.Expr], s: Scope) -> list[Code] | None:
        """All of them natively, or None."""
        found: list[Code] = []
        for node in nodes:
            code = self.native(node, s)
            if code is None:
                if self.contains_boolean(node):
                    return None
                code = self.expression(node, s)
            found.append(code)
        return found

    def contains_boolean(self, node: x.Expr) -> bool:
        """Whether SQL must see the expression around `node`, not `node` alone (subqueries and the like)."""
        return isinstance(node, x.Scalar | x.Row | x.Star | x.CursorExpr)

    def binary(self, node: x.Binary, s: Scope) -> Code | None:
        sides = self.operands([node.left, node.right], s)
        if sides is None:
            return None
        left, right = sides
        if node.op in ("AND", "OR"):
            if family(left.type) not in "b0" or family(right.type) not in "b0":
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{node.op}'", node.offset
                )
            return Code(
                (operators.both if node.op == "AND" else operators.either)(left.run, right.run), BOOLEAN
            )
        for side in sides:
            if family(side.type) in "bRCk":
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{node.op}'", node.offset
                )
        if node.op == "||":
            left, right = (self.as_text(side, node.offset) for side in (left, right))
            return operators.concatenation(left, right)
        if node.op == "-" and {family(left.type), family(right.type)} in ({"D", "Z"}, {"T", "Z"}):
            left, right = self.alike(left, right, node.offset)
        return operators.arithmetic(node.op, left, right)

    def unary(self, node: x.Unary, s: Scope) -> Code | None:
        operand = self.native(node.operand, s)
        if operand is None:
            operand = self.expression(node.operand, s)
        if node.op == "NOT":
            if family(operand.type) not in "b0":
                raise CompileError(
                    "PLS-00306: wrong number or types of arguments in call to 'NOT'", node.offset
                )
            run = operand.run
            return Code(lambda f: None if (v := run(f)) is None else not v, BOOLEAN)
        if node.op == "-":
            return operators.negate(operand)
        return operand if node.op == "+" else None

    def compare(self, node: x.Compare, s: Scope) -> Code | None:
        if node.quantifier is not None:
            return None
        sides = self.operands([node.left, node.right], s)
        if sides is None:
            return None
        left, right = self.alike(sides[0], sides[1], node.offset)
        for side in (left, right):
            if family(side.type) in "RCk":
                if family(side.type) == "C" and node.op in ("=", "!="):
                    raise unsupported("comparing collections", node.offset)
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{node.op}'", node.offset
                )
        return operators.comparison(node.op, left, right)

    def is_null(self, node: x.IsNull, s: Scope) -> Code | None:
        code = self.native(node.operand, s) or self.expression(node.operand, s)
        run = code.run
        if isinstance(code.type, CollectionType):
            negated = node.negated
            return Code(lambda f: run(f).initialised is negated, BOOLEAN)
        if isinstance(code.type, RecordType):
            raise CompileError(
                "PLS-00306: wrong number or types of arguments in call to 'IS NULL'", node.offset
            )
        if family(code.type) == "c":
            return Code(lambda f: _empty(run(f)) is not node.negated, BOOLEAN)
        if node.negated:
            return Code(lambda f: run(f) is not None, BOOLEAN)
        return Code(lambda f: run(f) is None, BOOLEAN)

    def is_condition(self, node: x.IsCondition, s: Scope) -> Code | None:
        code = self.native(node.operand, s) or self.expression(node.operand, s)
        run, negated = code.run, node.negated
        if node.what == "EMPTY" and isinstance(code.type, CollectionType):
            return Code(lambda f: (run(f).count() == 0) is not negated, BOOLEAN)
        if node.what in ("TRUE", "FALSE") and family(code.type) == "b":
            wanted = node.what == "TRUE"
            return Code(lambda f: (run(f) is wanted) is not negated, BOOLEAN)
        if node.what == "NAN" and family(code.type) == "d":
            return Code(lambda f: None if (v := run(f)) is None else (v != v) is not negated, BOOLEAN)
        raise unsupported(f"IS {node.what} in PL/SQL", node.offset)

    def between(self, node: x.Between, s: Scope) -> Code | None:
        sides = self.operands([node.operand, node.low, node.high], s)
        if sides is None:
            return None
        low = operators.comparison(">=", *self.alike(sides[0], sides[1], node.offset))
        high = operators.comparison("<=", *self.alike(sides[0], sides[2], node.offset))
        if low is None or high is None:
            return None
        run = operators.both(low.run, high.run)
        if node.negated:
            return Code(lambda f: None if (v := run(f)) is None else not v, BOOLEAN)
        return Code(run, BOOLEAN)

    def in_list(self, node: x.InList, s: Scope) -> Code | None:
        sides = self.operands([node.operand, *node.items], s)
        if sides is None:
            return None
        tests: list[Run] = []
        for item in sides[1:]:
            test = operators.comparison("=", *self.alike(sides[0], item, node.offset))
            if test is None:
                return None
            tests.append(test.run)
        negated = node.negated

        def run(frame: Frame) -> Any:
            unknown = False
            for one in tests:
                found = one(frame)
                if found:
                    return not negated
                unknown = unknown or found is None
            return None if unknown else negated

        return Code(run, BOOLEAN)

    def like(self, node: x.Like, s: Scope) -> Code | None:
        nodes = [node.operand, node.pattern] + ([node.escape] if node.escape is not None else [])
        sides = self.operands(nodes, s)
        if sides is None:
            return None
        texts = [operators.text(self.as_text(side, node.offset)) for side in sides]
        if any(t is None for t in texts):
            return None
        operand, pattern = texts[0], texts[1]
        assert operand is not None
        assert pattern is not None
        escape = texts[2] if len(texts) > 2 else None
        return Code(operators.like(operand, pattern, escape, node.negated), BOOLEAN)

    def member_of(self, node: x.MemberOf, s: Scope) -> Code | None:
        if node.kind != "MEMBER":
            raise unsupported("SUBMULTISET", node.offset)
        item, whole = self.expression(node.operand, s), self.expression(node.collection, s)
        if not isinstance(whole.type, CollectionType) or whole.type.kind != "TABLE":
            raise CompileError(
                "PLS-00306: wrong number or types of arguments in call to 'MEMBER OF'", node.offset
            )
        value, load, negated = self.converted(item, whole.type.element, node.offset), whole.run, node.negated

        def run(frame: Frame) -> Any:
            collection: Collection = load(frame)
            wanted = value(frame)
            if wanted is None or not collection.initialised:
                return None
            return (wanted in collection.elements()) is not negated

        return Code(run, BOOLEAN)

    def case(self, node: x.Case, s: Scope) -> Code | None:
        results = self.operands([r for _, r in node.whens] + ([node.otherwise] if node.otherwise else []), s)
        if results is None:
            return None
        common = self.common_type(results)
        if common is None:
            return None
        runs = [self.converted(r, common, node.offset) for r in results]
        tests: list[Run] = []
        if node.operand is None:
            tests = [self.condition(test, s) for test, _ in node.whens]
            selector = None
        else:
            selector = self.expression(node.operand, s)
            slot = s.layout.slot()
            held = Code(lambda f: f.v[slot], selector.type, selector.literal)
            for test, _ in node.whens:
                other = self.expression(test, s)
                equal = operators.comparison("=", *self.alike(held, other, node.offset))
                if equal is None:
                    return None
                tests.append(equal.run)
        branches = list(zip(tests, runs, strict=False))
        otherwise = runs[-1] if node.otherwise is not None else None

        def choose(frame: Frame) -> Any:
            for test, result in branches:
                if test(frame):
                    return result(frame)
            return otherwise(frame) if otherwise is not None else None

        if selector is None:
            return Code(choose, common)
        hold = selector.run

        def select(frame: Frame) -> Any:
            frame.v[slot] = hold(frame)
            return choose(frame)

        return Code(select, common)

    # Times

    def extract(self, node: x.Extract, s: Scope) -> Code | None:
        operand = self.native(node.operand, s)
        if operand is None:
            return None
        kind, run = family(operand.type), operand.run
        take = PARTS.get((kind, node.field))
        if take is None:
            return None
        return Code(lambda f: None if (v := run(f)) is None else take(v), NUMBER)

    def interval_of(self, node: x.IntervalOf, s: Scope) -> Code | None:
        operand = self.native(node.operand, s)
        if operand is not None and family(operand.type) == "I" and node.leading == "DAY":
            return operand
        return None


def _empty(lob: Lob | None) -> bool:
    """An empty CLOB counts as NULL here, as in Oracle's PL/SQL."""
    return lob is None or not lob.data


_RULES: dict[type, Callable[[Any, Any, Scope], Code | None]] = {
    x.Number: ExpressionCompiler.number_literal,
    x.String: ExpressionCompiler.string_literal,
    x.Null: ExpressionCompiler.null_literal,
    x.Boolean: ExpressionCompiler.boolean_literal,
    x.DateTime: ExpressionCompiler.time_literal,
    x.Interval: ExpressionCompiler.interval_literal,
    x.BindRef: ExpressionCompiler.name,
    x.Name: ExpressionCompiler.name,
    x.Call: ExpressionCompiler.call,
    x.Field: ExpressionCompiler.call,
    x.Attribute: ExpressionCompiler.attribute,
    x.Paren: ExpressionCompiler.paren,
    x.Binary: ExpressionCompiler.binary,
    x.Unary: ExpressionCompiler.unary,
    x.Compare: ExpressionCompiler.compare,
    x.IsNull: ExpressionCompiler.is_null,
    x.IsCondition: ExpressionCompiler.is_condition,
    x.Between: ExpressionCompiler.between,
    x.InList: ExpressionCompiler.in_list,
    x.Like: ExpressionCompiler.like,
    x.MemberOf: ExpressionCompiler.member_of,
    x.Case: ExpressionCompiler.case,
    x.Extract: ExpressionCompiler.extract,
    x.IntervalOf: ExpressionCompiler.interval_of,
}
