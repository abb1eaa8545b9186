"""Calls: arguments, aggregate and analytic clauses, and functions with a syntax of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from app.localdb.sql import nodes as n
from app.localdb.sql.lexer import T
from app.localdb.sql.parser.types import TypeParser


class CallParser(TypeParser):
    """What follows a name and an opening parenthesis."""

    @abstractmethod
    def expression(self) -> n.Expr: ...

    @abstractmethod
    def condition(self) -> n.Expr: ...

    @abstractmethod
    def value(self) -> n.Expr: ...

    @abstractmethod
    def query(self) -> n.Query: ...

    # -- ordinary calls --------------------------------------------------------------------------------

    def call(self, target: n.Expr) -> n.Call:
        """target(arguments) with what may follow it; the current token is the opening parenthesis."""
        found = n.Call(target.offset, target, [])
        self.expect_open()
        if self.accept_one("DISTINCT", "UNIQUE"):
            found.distinct = True
        else:
            self.accept("ALL")
        if not self.at(")"):
            found.args.append(self._argument())
            while self.accept(","):
                found.args.append(self._argument())
            self._call_options(found)
            if self.at("DEFAULT") and not self.plsql:
                raise self.unsupported("DEFAULT ... ON CONVERSION ERROR")
        self.expect_close()
        self._call_tail(found)
        return found

    def _argument(self) -> n.Argument:
        token = self.token
        if token.word == "*":
            self.advance()
            return n.Argument(token.offset, n.Star(token.offset))
        if token.kind in (T.IDENT, T.QUOTED) and self.peek().word == "=>":
            self.advance()
            self.advance()
            return n.Argument(token.offset, self.value(), token.value)
        if token.word in ("SELECT", "WITH"):
            # f(select ..) is CURSOR- and MULTISET-like only; Oracle wants parentheses around it.
            raise self.error(936)
        return n.Argument(token.offset, self.value())

    def _call_options(self, found: n.Call) -> None:
        if self.at("IGNORE", "RESPECT") and self.peek().word == "NULLS":
            found.nulls = self.advance().word
            self.advance()
        if self.accept("ON", "OVERFLOW"):
            if self.accept("ERROR"):
                found.overflow = "ERROR"
                return
            self.expect("TRUNCATE")
            found.overflow = "TRUNCATE"
            if not self.at(")", "WITH", "WITHOUT"):
                found.overflow_text = self.value()
            if self.accept("WITHOUT"):
                self.expect("COUNT")
                found.overflow_count = False
            elif self.accept("WITH"):
                self.expect("COUNT")

    def _call_tail(self, found: n.Call) -> None:
        if self.plsql:
            return
        if self.accept("WITHIN", "GROUP"):
            self.expect_open()
            self.expect("ORDER")
            self.expect("BY", 924)
            found.within_group = self.order_items()
            self.expect_close()
        if self.at("KEEP") and self.peek().word == "(":
            offset = self.advance().offset
            self.advance()
            self.expect("DENSE_RANK")
            position = self.accept_one("FIRST", "LAST")
            if position is None:
                raise self.error(905)
            self.expect("ORDER")
            self.expect("BY", 924)
            found.keep = n.Keep(offset, position == "LAST", self.order_items())
            self.expect_close()
        if self.at("FROM") and self.peek().word in ("FIRST", "LAST") and self._is_nth_value(found):
            self.advance()
            found.from_last = self.advance().word == "LAST"
        if self.at("IGNORE", "RESPECT") and self.peek().word == "NULLS":
            found.nulls = self.advance().word
            self.advance()
        if self.at("OVER") and self.peek().word == "(":
            found.over = self._window()

    @staticmethod
    def _is_nth_value(found: n.Call) -> bool:
        return isinstance(found.target, n.Name) and found.target.parts == ("NTH_VALUE",)

    def _window(self) -> n.Window:
        offset = self.advance().offset
        self.expect_open()
        found = n.Window(offset, [], [])
        if self.accept("PARTITION"):
            self.expect("BY", 924)
            found.partition.append(self.value())
            while self.accept(","):
                found.partition.append(self.value())
        if self.accept("ORDER"):
            self.expect("BY", 924)
            found.order = self.order_items()
        unit = self.accept_one("ROWS", "RANGE", "GROUPS")
        if unit is not None:
            found.frame = self._frame(unit)
        self.expect_close()
        return found

    def _frame(self, unit: str) -> n.Frame:
        offset = self.offset
        if not self.accept("BETWEEN"):
            return n.Frame(offset, unit, self._bound(), None)
        start = self._bound()
        self.expect("AND")
        return n.Frame(offset, unit, start, self._bound())

    def _bound(self) -> tuple[str, n.Expr | None]:
        if self.accept("CURRENT"):
            self.expect("ROW")
            return "CURRENT ROW", None
        value = None if self.accept("UNBOUNDED") else self.value()
        side = self.accept_one("PRECEDING", "FOLLOWING")
        if side is None:
            raise self.error(905)
        return (f"UNBOUNDED {side}", None) if value is None else (side, value)

    def order_items(self) -> list[n.OrderItem]:
        """The list after ORDER BY."""
        items = [self._order_item()]
        while self.accept(","):
            items.append(self._order_item())
        return items

    def _order_item(self) -> n.OrderItem:
        found = n.OrderItem(self.offset, self.value())
        found.descending = self.accept_one("ASC", "DESC") == "DESC"
        if self.accept("NULLS"):
            found.nulls = self.accept_one("FIRST", "LAST")
            if found.nulls is None:
                raise self.error(905)
        return found

    # -- functions with a syntax of their own --------------------------------------------------------------

    def special_call(self) -> n.Expr | None:
        """A call that is no plain list of arguments; None when the word here is an ordinary function."""
        parse = _SPECIAL.get(self.token.value)
        return parse(self) if parse is not None else None

    def _lnnvl(self) -> n.Expr:
        """LNNVL(condition): true unless the condition is."""
        offset = self.advance().offset
        self.expect_open()
        operand = self.condition()
        self.expect_close()
        return n.IsCondition(offset, operand, "LNNVL", False)

    def _refused(self) -> n.Expr:
        """A function with a grammar of its own that the local database does not have."""
        raise self.unsupported(f"the function {self.token.value}")

    def _cast(self) -> n.Expr:
        offset = self.advance().offset
        self.expect_open()
        if self.accept("MULTISET"):
            raise self.unsupported("CAST(MULTISET ...)", offset)
        operand = self.value()
        self.expect("AS")
        type_name = self.type_name()
        found = n.Cast(offset, operand, type_name)
        if self.accept("DEFAULT"):
            found.on_error = self.value()
            for word in ("ON", "CONVERSION", "ERROR"):
                self.expect(word)
        if self.accept(","):
            found.format = self.value()
            if self.at(","):
                raise self.unsupported("NLS parameters in CAST")
        self.expect_close()
        return found

    def _extract(self) -> n.Expr:
        offset = self.advance().offset
        self.expect_open()
        word = self.token.word
        if self.token.kind != T.IDENT or self.peek().word != "FROM":
            raise self.unsupported("EXTRACT from XML", offset)
        self.advance()
        self.advance()
        operand = self.value()
        self.expect_close()
        return n.Extract(offset, word, operand)

    def _trim(self) -> n.Expr:
        offset = self.advance().offset
        self.expect_open()
        mode = self.accept_one("LEADING", "TRAILING", "BOTH")
        chars = None
        if mode is not None and self.accept("FROM"):
            operand = self.value()
        else:
            operand = self.value()
            if self.accept("FROM"):
                chars, operand = operand, self.value()
            elif mode is not None:
                raise self.error(907)
        self.expect_close()
        return n.Trim(offset, mode or "BOTH", chars, operand)

    def _cursor(self) -> n.Expr:
        offset = self.offset
        if self.peek(2).word not in ("SELECT", "WITH", "("):
            return self._plain()
        self.advance()
        self.expect_open()
        query = self.query()
        self.expect_close()
        return n.CursorExpr(offset, query)

    def _plain(self) -> n.Expr:
        token = self.advance()
        return self.call(n.Name(token.offset, (token.value,), (False,)))

    # -- JSON --------------------------------------------------------------------------------------------

    def _json_call(self) -> n.Expr:
        token = self.advance()
        kind = token.value
        self.expect_open()
        operand = self.value()
        self._format_json()
        path = "$"
        if self.accept(","):
            path = self.json_path()
        elif kind != "JSON_QUERY":
            raise self.error(938 if self.at(")") else 917)
        found = n.JsonCall(token.offset, kind, operand, path)
        if self.accept("PASSING"):
            found.passing.append(self._passing())
            while self.accept(","):
                found.passing.append(self._passing())
        if self.accept("RETURNING"):
            found.returning = self.type_name()
        if self.accept("PRETTY"):
            found.pretty = True
        self.accept("ASCII")
        found.wrapper = self.json_wrapper()
        found.on_error, found.on_empty = self.json_on_clauses()
        self.expect_close()
        return found

    def _passing(self) -> tuple[n.Expr, str]:
        value = self.value()
        self.expect("AS")
        token = self.advance()
        if token.kind not in (T.IDENT, T.QUOTED):
            raise self.error(905)
        return value, token.value

    def _format_json(self) -> bool:
        if self.accept("FORMAT"):
            if not self.accept("JSON"):
                raise self.unsupported("FORMAT OSON")
            return True
        return False

    def json_path(self) -> str:
        """The text of a JSON path literal."""
        if self.token.kind != T.STRING:
            raise self.error(40442)
        return self.advance().value

    def json_wrapper(self) -> str | None:
        """[WITHOUT | WITH [CONDITIONAL | UNCONDITIONAL]] [ARRAY] WRAPPER."""
        if not self.at("WITH", "WITHOUT"):
            return None
        if self.advance().word == "WITHOUT":
            found = "WITHOUT"
        elif self.accept("CONDITIONAL"):
            found = "CONDITIONAL"
        else:
            self.accept("UNCONDITIONAL")
            found = "WITH"
        self.accept("ARRAY")
        self.expect("WRAPPER")
        return found

    def json_on_clauses(self) -> tuple[n.OnClause | None, n.OnClause | None]:
        """What stands ON ERROR and ON EMPTY, in either order."""
        on_error = on_empty = None
        while self.at("ERROR", "NULL", "DEFAULT", "EMPTY", "TRUE", "FALSE"):
            offset = self.offset
            action = self.advance().word
            default = None
            if action == "DEFAULT":
                default = self.value()
            elif action == "EMPTY" and self.at("ARRAY", "OBJECT"):
                action = f"EMPTY {self.advance().word}"
            clause = n.OnClause(offset, action, default)
            self.expect("ON")
            if self.accept("EMPTY"):
                on_empty = clause
            elif self.accept("MISMATCH"):
                raise self.unsupported("ON MISMATCH", offset)
            else:
                self.expect("ERROR")
                on_error = clause
        return on_error, on_empty

    def _json_build(self) -> n.Expr:
        token = self.advance()
        found = n.JsonBuild(token.offset, token.value, [])
        self.expect_open()
        keyed = token.value in ("JSON_OBJECT", "JSON_OBJECTAGG")
        while not self.at(")", "NULL", "ABSENT", "RETURNING", "ORDER", "STRICT", "WITH") or (
            self.at("NULL") and self.peek().word != "ON"
        ):
            found.items.append(self._json_item(keyed))
            if not self.accept(","):
                break
        while not self.at(")"):
            if self.accept("NULL", "ON", "NULL"):
                found.absent_on_null = False
            elif self.accept("ABSENT", "ON", "NULL"):
                found.absent_on_null = True
            elif self.accept("ORDER", "BY"):
                found.order = self.order_items()
            elif self.accept("RETURNING"):
                found.returning = self.type_name()
            elif self.accept("STRICT"):
                found.strict = True
            elif self.at("EXTENDED"):
                raise self.unsupported("JSON( ... EXTENDED)")
            elif self.accept("PRETTY"):
                found.pretty = True
            elif token.value == "JSON_MERGEPATCH" and self.accept("ERROR", "ON", "ERROR"):
                found.error_on_error = True
            elif token.value == "JSON_MERGEPATCH" and self.accept("NULL", "ON", "ERROR"):
                found.error_on_error = False
            else:
                raise self.error(907)
        self.expect_close()
        return found

    def _json_item(self, keyed: bool) -> tuple[n.Expr | None, n.Expr, bool]:
        if not keyed:
            value = self.value()
            return None, value, self._format_json()
        if self.at("*"):
            raise self.unsupported("JSON_OBJECT(*)")
        with_word = self.at("KEY") and self.peek().word not in (",", ":", "IS", "VALUE", ")", ".")
        if with_word:
            self.advance()
        key = self.value()
        if self.token.kind == T.BIND and not with_word:
            raise self.unsupported("key : value without spaces in JSON_OBJECT")
        if not (self.accept(":") or self.accept("IS") or self.accept("VALUE")):
            raise self.error(907)
        value = self.value()
        return key, value, self._format_json()


_SPECIAL: dict[str, Callable[[CallParser], n.Expr]] = {
    "CAST": CallParser._cast,
    "EXTRACT": CallParser._extract,
    "TRIM": CallParser._trim,
    "CURSOR": CallParser._cursor,
    "LNNVL": CallParser._lnnvl,
    **dict.fromkeys(
        (
            "XMLELEMENT",
            "XMLAGG",
            "XMLFOREST",
            "XMLSERIALIZE",
            "XMLPARSE",
            "XMLQUERY",
            "XMLCAST",
            "VALIDATE_CONVERSION",
        ),
        CallParser._refused,
    ),
    "JSON_VALUE": CallParser._json_call,
    "JSON_QUERY": CallParser._json_call,
    "JSON_EXISTS": CallParser._json_call,
    "JSON": CallParser._json_build,
    "JSON_SCALAR": CallParser._json_build,
    "JSON_OBJECT": CallParser._json_build,
    "JSON_ARRAY": CallParser._json_build,
    "JSON_ARRAYAGG": CallParser._json_build,
    "JSON_OBJECTAGG": CallParser._json_build,
    "JSON_SERIALIZE": CallParser._json_build,
    "JSON_MERGEPATCH": CallParser._json_build,
}
