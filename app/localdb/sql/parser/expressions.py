"""Expressions and conditions: one grammar for SQL and PL/SQL.

`expression()` takes everything up to OR; `value()` stops before comparisons, as SQL does wherever it wants
a value; `condition()` is an expression in a place where SQL wants a condition.
"""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.lexer import T
from app.localdb.sql.parser.base import RESERVED
from app.localdb.sql.parser.calls import CallParser
from app.localdb.sql.refusals import refuse

_COMPARISONS = frozenset(["=", "!=", "<", "<=", ">", ">="])
_FIELDS = frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"])
# Reserved words that are values by themselves.
_RESERVED_VALUES = frozenset(["LEVEL", "ROWID", "ROWNUM", "SYSDATE", "UID", "USER", "COLUMN_VALUE"])

_NEVER_MEMBERS = RESERVED - {"ROWID", "CURRVAL", "NEXTVAL", "COLUMN_VALUE"}


class ExpressionParser(CallParser):
    """Recursive descent, one method per level of precedence, lowest first."""

    def expression(self) -> n.Expr:
        """Any expression or condition."""
        left = self._and()
        while self.at("OR"):
            offset = self.advance().offset
            left = n.Binary(offset, "OR", left, self._and())
        return left

    def condition(self) -> n.Expr:
        """An expression where SQL wants a condition (WHERE, ON, HAVING, WHEN, CHECK)."""
        before, self.conditional = self.conditional, True
        found = self.expression()
        self.conditional = before
        return found

    def value(self) -> n.Expr:
        """An expression where SQL wants a value. In PL/SQL and as 23ai a condition is a value, too."""
        if self.plsql or self.play != "19c":
            return self.expression()
        before, self.conditional = self.conditional, False
        found = self._additive()
        self.conditional = before
        return found

    def _and(self) -> n.Expr:
        left = self._not()
        while self.at("AND"):
            offset = self.advance().offset
            left = n.Binary(offset, "AND", left, self._not())
        return left

    def _not(self) -> n.Expr:
        if self.at("NOT"):
            offset = self.advance().offset
            return n.Unary(offset, "NOT", self._not())
        if self.at("EXISTS") and self.peek().word == "(":
            offset = self.advance().offset
            self.expect_open()
            query = self.query()
            self.expect_close()
            return n.Exists(offset, query)
        return self._comparison()

    def _comparison(self) -> n.Expr:
        left = self._additive()
        while True:
            token = self.token
            word = token.word
            if word in _COMPARISONS:
                self.advance()
                quantifier = self.accept_one("ANY", "SOME", "ALL") if self.peek().word == "(" else None
                right = self._additive()
                if quantifier == "SOME":
                    quantifier = "ANY"
                left = n.Compare(token.offset, word, left, right, quantifier)
                continue
            if word == "IS":
                left = self._is(left)
                continue
            negated = word == "NOT" and self.peek().word in (
                "LIKE", "LIKEC", "LIKE2", "LIKE4", "BETWEEN", "IN", "MEMBER", "SUBMULTISET",
            )  # fmt: skip
            if negated:
                self.advance()
                word = self.token.word
            if word in ("LIKE", "LIKEC", "LIKE2", "LIKE4"):
                offset = self.advance().offset
                pattern = self._additive()
                escape = self._additive() if self.accept("ESCAPE") else None
                left = n.Like(offset, left, pattern, escape, negated, word)
            elif word == "BETWEEN":
                offset = self.advance().offset
                low = self._additive()
                self.expect("AND", 905)
                left = n.Between(offset, left, low, self._additive(), negated)
            elif word == "IN":
                left = self._in(left, negated)
            elif word in ("MEMBER", "SUBMULTISET") and (negated or self.plsql):
                offset = self.advance().offset
                self.accept("OF")
                left = n.MemberOf(offset, left, self._additive(), negated, word)
            else:
                return left

    def _is(self, operand: n.Expr) -> n.Expr:
        offset = self.advance().offset
        negated = self.accept("NOT")
        if self.accept("NULL"):
            return n.IsNull(offset, operand, negated)
        if self.at("JSON"):
            self.advance()
            return self._is_json(offset, operand, negated)
        if self.accept("A"):
            self.expect("SET", 908)
            return n.IsCondition(offset, operand, "A SET", negated)
        what = self.accept_one("NAN", "INFINITE", "EMPTY")
        if what is None and (self.plsql or self.play != "19c"):
            what = self.accept_one("TRUE", "FALSE")
        if what is None:
            raise self.error(908)
        return n.IsCondition(offset, operand, what, negated)

    def _is_json(self, offset: int, operand: n.Expr, negated: bool) -> n.Expr:
        found = n.IsJson(offset, operand, negated)
        if self.accept("FORMAT") and not self.accept("JSON"):
            raise self.unsupported("IS JSON FORMAT OSON")
        shape = self.accept_one("VALUE", "ARRAY", "OBJECT", "SCALAR")
        found.shape = None if shape == "VALUE" else shape
        while True:
            in_parens = self.at("(") and self.peek().word in ("STRICT", "LAX")
            if in_parens:
                self.advance()
            if self.accept("STRICT"):
                found.strict = True
            elif self.accept("LAX"):
                found.strict = False
            elif self.at("WITH") and self.peek().word == "UNIQUE":
                self.advance()
                self.advance()
                self.accept("KEYS")
                found.unique_keys = True
            elif self.at("WITHOUT") and self.peek().word == "UNIQUE":
                self.advance()
                self.advance()
                self.accept("KEYS")
            else:
                return found
            if in_parens:
                self.expect_close()

    def _in(self, left: n.Expr, negated: bool) -> n.Expr:
        offset = self.advance().offset
        if not self.at("("):
            # Oracle takes `x in :b` and `x in 1` without parentheses.
            return n.InList(offset, left, [self._additive()], negated)
        if self._query_after_parens():
            start = self.position
            self.advance()
            query = self.query()
            self.expect_close()
            if isinstance(query.body, n.Select) or not self.at(","):
                return n.InQuery(offset, left, query, negated)
            self.seek(start)
        self.expect_open()
        before, self.conditional = self.conditional, False
        items = [self._additive()]
        while self.accept(","):
            items.append(self._additive())
        self.conditional = before
        self.expect_close()
        return n.InList(offset, left, items, negated)

    def _query_after_parens(self) -> bool:
        """Whether the parentheses that open here hold a query."""
        ahead = 1
        while self.peek(ahead).word == "(":
            ahead += 1
        if self.peek(ahead).word not in ("SELECT", "WITH"):
            return False
        if ahead == 1:
            return True
        # ((select ..) + 1) is an expression; ((select ..) union ..) a query: see what follows the inner one.
        depth, index = 0, self.position + 1
        while index < len(self.tokens) - 1:
            word = self.tokens[index].word
            if word == "(":
                depth += 1
            elif word == ")":
                depth -= 1
                if depth == 0:
                    break
            index += 1
        following = self.tokens[min(index + 1, len(self.tokens) - 1)].word
        return following in (")", "UNION", "MINUS", "INTERSECT", "EXCEPT", "ORDER", "FETCH", "OFFSET")

    def _additive(self) -> n.Expr:
        left = self._multiplicative()
        while self.at("+", "-", "||") or (self.at("|") and self.peek().word == "|"):
            token = self.advance()
            if token.word == "|":
                self.advance()
            left = n.Binary(token.offset, token.word.replace("||", "|").replace("|", "||"), left,
                            self._multiplicative())  # fmt: skip
        return left

    def _multiplicative(self) -> n.Expr:
        left = self._power()
        while self.at("*", "/") or (self.plsql and self.at("MOD") and self.peek().word != "("):
            token = self.advance()
            left = n.Binary(token.offset, token.word, left, self._power())
        return left

    def _power(self) -> n.Expr:
        left = self._unary()
        if self.at("**"):
            if not self.plsql:
                raise self.error(936)
            offset = self.advance().offset
            return n.Binary(offset, "**", left, self._power())
        return left

    def _unary(self) -> n.Expr:
        token = self.token
        if token.word in ("+", "-"):
            self.advance()
            return n.Unary(token.offset, token.word, self._unary())
        if token.word in ("PRIOR", "CONNECT_BY_ROOT") and not self.plsql:
            self.advance()
            return n.Unary(token.offset, token.word, self._unary())
        return self._time_zone(self._postfix(self._primary()))

    def _time_zone(self, operand: n.Expr) -> n.Expr:
        while True:
            if self.at("AT") and self.peek().word in ("LOCAL", "TIME"):
                offset = self.advance().offset
                if self.accept("LOCAL"):
                    operand = n.AtTimeZone(offset, operand, None)
                    continue
                self.expect("TIME")
                self.expect("ZONE")
                operand = n.AtTimeZone(offset, operand, self._postfix(self._primary()))
            elif self.at("DAY", "YEAR") and isinstance(operand, n.Paren | n.Scalar):
                operand = self._interval_of(operand)
            else:
                return operand

    def _interval_of(self, operand: n.Expr) -> n.Expr:
        offset, start = self.offset, self.position
        leading = self.advance().word
        precision = self._in_parens()
        if not self.accept("TO"):
            self.seek(start)
            return operand
        trailing = self.accept_one("SECOND", "MONTH")
        if trailing is None:
            raise self.error(30089)
        return n.IntervalOf(offset, operand, leading, trailing, precision, self._in_parens())

    def _in_parens(self) -> int | None:
        if not self.accept("("):
            return None
        number = self.integer(30088)
        self.expect_close()
        return number

    def _postfix(self, operand: n.Expr) -> n.Expr:
        """Calls, elements, fields and attributes after an operand."""
        while True:
            token = self.token
            word = token.word
            if word == "(":
                if isinstance(operand, n.Name):
                    if self.at_sequence("(", "+", ")"):
                        self.advance(), self.advance(), self.advance()
                        operand.outer = True
                        return operand
                elif not isinstance(operand, n.Call | n.Field | n.Attribute):
                    return operand
                operand = self.call(operand)
            elif word == "." and isinstance(operand, n.Call | n.Field | n.Attribute):
                self.advance()
                operand = n.Field(token.offset, operand, self._member())
            elif word == "%" and isinstance(operand, n.Name | n.BindRef):
                self.advance()
                attribute = self.advance()
                if attribute.kind != T.IDENT:
                    raise refuse(911, token.offset)
                operand = n.Attribute(token.offset, operand, attribute.value)
            elif word == "@" and isinstance(operand, n.Name):
                raise self.unsupported("a database link")
            else:
                return operand

    def _member(self) -> str:
        """The name after a dot: methods of collections (DELETE, EXISTS ...) are reserved words of SQL."""
        token = self.token
        if token.kind not in (T.IDENT, T.QUOTED):
            raise self.error(1747)
        self.advance()
        return token.value

    def _primary(self) -> n.Expr:
        token = self.token
        kind = token.kind
        if kind == T.IDENT:
            return self._word()
        if kind == T.NUMBER:
            self.advance()
            return n.Number(token.offset, token.value)
        if kind == T.STRING or kind == T.NSTRING:
            self.advance()
            return n.String(token.offset, token.value, kind == T.NSTRING)
        if kind == T.BIND:
            return self._bind()
        if kind == T.QUOTED:
            return self._name()
        if token.word == "(":
            return self._parenthesised()
        raise self.error(936)

    def _bind(self) -> n.Expr:
        token = self.advance()
        if token.value in RESERVED and self.text[token.end - 1 : token.end] != '"' and not self.plsql:
            raise refuse(1745, token.offset)
        if (self.plsql or self.embedded) and token.value in ("NEW", "OLD", "PARENT") and self.at(".") and self.peek().kind in (
            T.IDENT, T.QUOTED,
        ):  # fmt: skip
            # :NEW.column in a row trigger
            self.advance()
            return n.Name(token.offset, (":" + token.value, self._member()), (False, False))
        found = n.BindRef(token.offset, token.value, self.bind_count)
        self.bind_count += 1
        self.binds.append(token.value)
        if self.token.kind == T.BIND and not self.plsql:
            raise self.unsupported("an indicator variable")
        return found

    def _parenthesised(self) -> n.Expr:
        offset = self.offset
        if self._query_after_parens():
            self.advance()
            query = self.query()
            self.expect_close()
            return n.Scalar(offset, query)
        self.advance()
        inside = self.expression if self.conditional or self.plsql or self.play != "19c" else self._additive
        first = inside()
        if self.at(","):
            items = [first]
            while self.accept(","):
                items.append(inside())
            self.expect_close()
            return n.Row(offset, items)
        self.expect_close()
        return n.Paren(offset, first)

    def _word(self) -> n.Expr:
        """An unquoted identifier: keyword expression, or a name."""
        token = self.token
        word = token.value
        if word == "NULL":
            self.advance()
            return n.Null(token.offset)
        if word == "CASE":
            return self._case()
        following = self.peek()
        if word in ("DATE", "TIMESTAMP") and following.kind == T.STRING:
            self.advance()
            return n.DateTime(token.offset, word, self.advance().value)
        if word == "INTERVAL" and following.kind == T.STRING:
            return self._interval()
        if word in ("TRUE", "FALSE") and (self.plsql or self.play != "19c") and following.word != ".":
            self.advance()
            return n.Boolean(token.offset, word == "TRUE")
        if following.word == "(":
            special = self.special_call()
            if special is not None:
                return special
        elif word in RESERVED:
            if word in _RESERVED_VALUES:
                self.advance()
                return n.Name(token.offset, (word,), (False,))
            if not self.plsql or word in ("FROM", "WHERE", "SELECT", "THEN", "ELSE", "INTO", "LOOP", "END"):
                raise self.error(936)
        return self._name()

    def _name(self) -> n.Expr:
        """a.b.c or a.b.*"""
        first = self.advance()
        parts, quoted = [self.checked_name(first)], [first.kind == T.QUOTED]
        while self.at("."):
            following = self.peek()
            if following.word == "*":
                self.advance()
                self.advance()
                return n.Star(first.offset, tuple(parts))
            if following.kind not in (T.IDENT, T.QUOTED):
                break
            if following.kind == T.IDENT and following.value in _NEVER_MEMBERS and not self.plsql:
                raise refuse(1747, following.offset)
            self.advance()
            self.advance()
            parts.append(self.checked_name(following))
            quoted.append(following.kind == T.QUOTED)
        return n.Name(first.offset, tuple(parts), tuple(quoted))

    def _interval(self) -> n.Expr:
        offset = self.advance().offset
        text = self.advance().value
        leading = self.accept_one(*_FIELDS)
        if leading is None:
            raise self.error(30089)
        precision = fraction = None
        if self.accept("("):
            precision = self.integer(30088)
            if leading == "SECOND" and self.accept(","):
                fraction = self.integer(30088)
            self.expect_close()
        trailing = None
        if self.at("TO") and self.peek().word in _FIELDS:
            self.advance()
            trailing = self.advance().word
            if trailing == "SECOND":
                fraction = self._in_parens()
        return n.Interval(offset, text, leading, trailing, precision, fraction)

    def _case(self) -> n.Expr:
        offset = self.advance().offset
        operand = None if self.at("WHEN") else self.value()
        whens: list[tuple[n.Expr, n.Expr]] = []
        while self.accept("WHEN"):
            test = self.condition() if operand is None else self.value()
            self.expect("THEN")
            whens.append((test, self.value()))
        if not whens:
            raise self.error(905)
        otherwise = self.value() if self.accept("ELSE") else None
        self.expect("END")
        return n.Case(offset, operand, whens, otherwise)
