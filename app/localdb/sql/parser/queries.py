"""Queries: WITH, SELECT, FROM and its joins, GROUP BY, CONNECT BY, set operations, row limits, FOR UPDATE."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.lexer import T
from app.localdb.sql.parser.base import RESERVED
from app.localdb.sql.parser.pivot import PivotParser
from app.localdb.sql.refusals import refuse

_SET_OPERATORS = ("UNION", "INTERSECT", "MINUS", "EXCEPT")
# Words that may be names but, after a table, begin the next clause instead of being its alias.
_AFTER_TABLE = frozenset(
    ["LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER", "NATURAL", "JOIN", "USING", "FETCH", "OFFSET",
     "PIVOT", "UNPIVOT", "MODEL", "SAMPLE", "PARTITION", "SUBPARTITION", "VERSIONS", "LOG", "RETURNING",
     "RETURN", "MATCH_RECOGNIZE", "WINDOW", "EXCEPT", "WHEN", "QUALIFY"]
)  # fmt: skip
_JOIN_WORDS = frozenset(["LEFT", "RIGHT", "FULL", "INNER", "CROSS", "OUTER", "NATURAL", "JOIN"])
_FOREIGN_CLAUSES = frozenset(
    ["PIVOT", "UNPIVOT", "MODEL", "SAMPLE", "PARTITION", "SUBPARTITION", "VERSIONS", "MATCH_RECOGNIZE"]
)


class QueryParser(PivotParser):
    """Everything from WITH to FOR UPDATE."""

    def query(self) -> n.Query:
        """A query; the current token is SELECT, WITH or an opening parenthesis."""
        offset = self.offset
        before_plsql, before_conditional = self.plsql, self.conditional
        self.plsql = self.conditional = False
        ctes = self._with() if self.at("WITH") else []
        found = n.Query(offset, self._body(), ctes)
        self._query_tail(found)
        self.plsql, self.conditional = before_plsql, before_conditional
        return found

    def _with(self) -> list[n.Cte]:
        self.advance()
        if self.at("FUNCTION", "PROCEDURE"):
            raise self.unsupported("PL/SQL in a WITH clause")
        found = []
        while True:
            offset = self.offset
            name = self.name()
            columns: list[str] = []
            if self.accept("("):
                columns.append(self.name())
                while self.accept(","):
                    columns.append(self.name())
                self.expect_close()
            self.expect("AS")
            self.expect_open()
            query = self.query()
            self.expect_close()
            if self.at("SEARCH", "CYCLE"):
                raise self.unsupported(f"the {self.token.word} clause of a recursive WITH")
            found.append(n.Cte(offset, name, columns, query))
            if not self.accept(","):
                return found

    def _body(self) -> n.QueryBody:
        left = self._term()
        while self.at(*_SET_OPERATORS):
            token = self.advance()
            op = token.word
            if op == "EXCEPT":
                if self.play == "19c":
                    raise refuse(933, token.offset)
                op = "MINUS"
            if self.at("ALL"):
                if op != "UNION" and self.play == "19c":
                    raise self.error(928)
                self.advance()
                op += " ALL"
            if self.at("BY") or self.at("DISTINCT"):
                raise self.error(928)
            left = n.SetOperation(token.offset, op, left, self._term())
        return left

    def _term(self) -> n.QueryBody:
        if self.at("("):
            offset = self.advance().offset
            inner = self.query()
            self.expect_close()
            inner.offset = offset
            return inner
        if self.at("VALUES") and self.play != "19c":
            raise self.unsupported("a VALUES clause as a query")
        return self._select()

    def _select(self) -> n.Select:
        offset = self.expect("SELECT", 928).offset
        found = n.Select(offset, [], [])
        if self.accept_one("DISTINCT", "UNIQUE"):
            found.distinct = True
        else:
            self.accept("ALL")
        found.items.append(self._item())
        while self.accept(","):
            found.items.append(self._item())
        if self.at("BULK", "INTO"):
            found.into = self.into()
        if self.accept("FROM"):
            found.sources.append(self._from_item())
            while self.accept(","):
                found.sources.append(self._from_item())
        elif self.play == "19c":
            raise self.error(923)
        else:
            found.from_missing = True
        self._select_tail(found)
        return found

    def _select_tail(self, found: n.Select) -> None:
        if self.accept("WHERE"):
            found.where = self.condition()
        for _ in range(2):
            if self.at("START") and self.peek().word == "WITH":
                self.advance()
                self.advance()
                found.start_with = self.condition()
            elif self.at("CONNECT") and self.peek().word == "BY":
                self.advance()
                self.advance()
                found.nocycle = self.accept("NOCYCLE")
                found.connect_by = self.condition()
        if found.start_with is not None and found.connect_by is None:
            raise refuse(1788, found.offset)
        if self.at("GROUP"):
            self.advance()
            self.expect("BY", 924)
            found.group_by = [self._group_item()]
            while self.accept(","):
                found.group_by.append(self._group_item())
        if self.accept("HAVING"):
            found.having = self.condition()
        if self.at("MODEL", "WINDOW", "QUALIFY") and self.peek().kind in (T.IDENT, T.OP):
            raise self.unsupported(f"the {self.token.word} clause")

    def into(self) -> n.Into:
        """[BULK COLLECT] INTO targets [LIMIT n]; the targets are PL/SQL names or binds."""
        offset = self.offset
        bulk = self.accept("BULK", "COLLECT")
        self.expect("INTO", 925)
        before, self.plsql = self.plsql, True
        targets: list[n.Expr] = []
        while not targets or self.accept(","):
            if self.token.kind == T.BIND and self.token.value in RESERVED and not before:
                raise self.error(1745)
            targets.append(self._postfix(self._primary()))
        self.plsql = before
        return n.Into(offset, targets, bulk)

    def _item(self) -> n.SelectItem:
        token = self.token
        if token.word == "*":
            self.advance()
            return n.SelectItem(token.offset, n.Star(token.offset), text="*")
        value = self.value()
        text = self.source_text(token.offset)
        if isinstance(value, n.Star):
            return n.SelectItem(token.offset, value, text=text)
        alias = None
        if self.accept("AS"):
            if not self.at_name():
                raise self.error(923)
            alias = self.name()
        elif (
            self.at_name()
            and not self.at_sequence("BULK", "COLLECT")
            and not (self.at("EXCEPT") and self.play != "19c")
        ):
            alias = self.name()
        return n.SelectItem(token.offset, value, alias, text)

    # -- FROM ------------------------------------------------------------------------------------------

    def _from_item(self) -> n.FromItem:
        left = self._table()
        while True:
            offset = self.offset
            natural = self.at("NATURAL") and self.peek().word in _JOIN_WORDS
            if natural:
                self.advance()
            if not self.at(*_JOIN_WORDS):
                return left
            kind = self._join_kind()
            if kind is None:
                return left
            right = self._table()
            join = n.Join(offset, kind, left, right, natural=natural)
            if kind in ("INNER", "LEFT", "RIGHT", "FULL") and not natural:
                if self.accept("ON"):
                    join.on = self.condition()
                elif self.accept("USING"):
                    self.expect_open()
                    join.using = [self.name()]
                    while self.accept(","):
                        join.using.append(self.name())
                    self.expect_close()
                else:
                    raise self.error(905)
            left = join

    def _join_kind(self) -> str | None:
        word = self.token.word
        if word == "CROSS":
            self.advance()
            if self.accept("APPLY"):
                return "CROSS APPLY"
            self.expect("JOIN")
            return "CROSS"
        if word == "OUTER":
            self.advance()
            self.expect("APPLY")
            return "OUTER APPLY"
        if word in ("LEFT", "RIGHT", "FULL"):
            self.advance()
            self.accept("OUTER")
            self.expect("JOIN")
            return word
        self.accept("INNER")
        self.expect("JOIN")
        return "INNER"

    def _table(self) -> n.FromItem:
        token = self.token
        if token.word == "(":
            return self._table_in_parens()
        if token.word == "LATERAL" and self.peek().word == "(":
            self.advance()
            self.advance()
            query = self.query()
            self.expect_close()
            return n.DerivedTable(token.offset, query, self._alias(), lateral=True)
        if token.word == "TABLE" and self.peek().word == "(":
            self.advance()
            self.advance()
            value = self._collection()
            self.expect_close()
            if self.at("("):
                raise self.unsupported("TABLE(...)(+)")
            return n.TableFunction(token.offset, value, self._alias())
        if token.word == "JSON_TABLE" and self.peek().word == "(":
            table = self.json_table()
            table.alias = self._alias()
            return table
        if token.word in ("XMLTABLE", "CONTAINERS", "SHARDS", "GRAPH_TABLE") and self.peek().word == "(":
            raise self.unsupported(token.word)
        if token.word == "ONLY" and self.peek().word == "(":
            raise self.unsupported("ONLY(view)")
        parts = self.dotted_name(903)
        if self.at("("):
            if self.peek().word != "+":
                return self._pipelined(token.offset, parts)
            raise self.error(933)
        sample = self._sample()
        as_of = self._flashback()
        return self._pivoted(n.TableRef(token.offset, parts, self._alias(), as_of, sample))

    def _pivoted(self, found: n.TableRef | n.DerivedTable) -> n.FromItem:
        pivot = self.pivot(found) if found.alias is None else None
        if pivot is None:
            self._refuse_clauses()
        return pivot or found

    def _pipelined(self, offset: int, parts: tuple[str, ...]) -> n.TableFunction:
        call = self.call(n.Name(offset, parts, (False,) * len(parts)))
        return n.TableFunction(offset, call, self._alias())

    def _collection(self) -> n.Expr:
        """What stands in TABLE( ): a collection, PL/SQL's names included."""
        before, self.plsql = self.plsql, True
        found = self.value()
        self.plsql = before
        return found

    def _table_in_parens(self) -> n.FromItem:
        offset = self.offset
        if self._query_after_parens():
            self.advance()
            query = self.query()
            self.expect_close()
            if self._flashback() is not None:
                raise self.unsupported("flashback query of an inline view", offset)
            return self._pivoted(n.DerivedTable(offset, query, self._alias()))
        self.advance()
        if self.at("VALUES"):
            if self.play == "19c":
                raise self.error(928)
            return self._values_table(offset)
        inner = self._from_item()
        self.expect_close()
        return inner

    def _values_table(self, offset: int) -> n.FromItem:
        self.advance()
        rows = [self.values_row()]
        while self.accept(","):
            rows.append(self.values_row())
        self.expect_close()
        alias = self._alias()
        columns: list[str] = []
        if alias is not None and self.accept("("):
            columns.append(self.name())
            while self.accept(","):
                columns.append(self.name())
            self.expect_close()
        return n.ValuesTable(offset, rows, columns, alias)

    def values_row(self) -> list[n.Expr]:
        """(a, b, ...) of a VALUES clause."""
        self.expect_open()
        row = [self.value()]
        while self.accept(","):
            row.append(self.value())
        self.expect_close()
        return row

    def _sample(self) -> n.Sample | None:
        """SAMPLE [BLOCK] (percent), the percentage from 0.000001 to below 100."""
        if not self.at("SAMPLE") or self.peek().word not in ("(", "BLOCK"):
            return None
        offset = self.advance().offset
        blocks = bool(self.accept("BLOCK"))
        self.expect_open()
        percent = self.token
        self.advance()
        if percent.kind != T.NUMBER or not 0.000001 <= float(percent.value.rstrip("dDfF")) < 100:
            raise refuse(30562, percent.offset)
        self.expect_close()
        if self.at("SEED"):
            raise self.unsupported("SAMPLE .. SEED")
        return n.Sample(offset, blocks, percent.value.rstrip("dDfF"))

    def _flashback(self) -> n.AsOf | None:
        """AS OF SCN n, AS OF TIMESTAMP t."""
        if self.at("AS") and self.peek().word == "OF":
            offset = self.advance().offset
            self.advance()
            kind = self.accept_one("SCN", "TIMESTAMP")
            if kind is None:
                raise self.unsupported(f"flashback query (AS OF {self.token.value})")
            start = self.offset
            value = self._additive()
            return n.AsOf(offset, kind, value, self.source_text(start))
        if self.at("VERSIONS") and self.peek().word == "BETWEEN":
            raise self.unsupported("flashback version query (VERSIONS BETWEEN)")
        return None

    def _alias(self) -> str | None:
        token = self.token
        if token.kind == T.QUOTED:
            return self.name()
        if token.kind != T.IDENT or not self.at_name():
            return None
        if token.word in _AFTER_TABLE and not (
            token.word in ("LOG", "WHEN", "RETURN", "WINDOW", "QUALIFY")
            and self.peek().word in ("WHERE", "", ")", ",")
        ):
            return None
        return self.name()

    def _refuse_clauses(self) -> None:
        if self.token.word in _FOREIGN_CLAUSES and self.peek().word in (
            "(",
            "FOR",
            "BETWEEN",
            "BLOCK",
            "XML",
        ):
            raise self.unsupported(f"the {self.token.word} clause")

    # -- GROUP BY ----------------------------------------------------------------------------------------

    def _group_item(self) -> n.GroupItem:
        offset = self.offset
        if self.at("ROLLUP", "CUBE") and self.peek().word == "(":
            kind = self.advance().word
            return n.GroupItem(offset, kind, groups=self._group_list())
        if self.at("GROUPING") and self.peek().word == "SETS":
            self.advance()
            self.advance()
            return n.GroupItem(offset, "SETS", groups=self._group_list())
        if self.at_sequence("(", ")"):
            self.advance()
            self.advance()
            return n.GroupItem(offset, "EXPR")
        value = self.value()
        return n.GroupItem(offset, "EXPR", value.items if isinstance(value, n.Row) else [value])

    def _group_list(self) -> list[n.GroupItem]:
        self.expect_open()
        groups = [self._group_item()]
        while self.accept(","):
            groups.append(self._group_item())
        self.expect_close()
        return groups

    # -- ORDER BY, row limits, FOR UPDATE ------------------------------------------------------------------

    def _query_tail(self, found: n.Query) -> None:
        if self.at("ORDER") and self.peek().word in ("BY", "SIBLINGS"):
            self.advance()
            found.siblings = self.accept("SIBLINGS")
            self.expect("BY", 924)
            found.order_by = self.order_items()
        elif self.at("ORDER"):
            self.advance()
            raise self.error(924)
        if self.at("OFFSET"):
            found.fetch_offset = self.advance().offset
            found.row_offset = self.value()
            if self.accept_one("ROW", "ROWS") is None:
                raise self.error(905)
        if self.at("FETCH") and self.peek().word in ("FIRST", "NEXT"):
            self._fetch(found)
        if self.at("FOR") and self.peek().word == "UPDATE":
            found.for_update = self._for_update()
            if self.at("ORDER") and not found.order_by:
                self.advance()
                self.expect("BY", 924)
                found.order_by = self.order_items()
        elif self.at("FOR") and self.peek().word in ("READ", "FETCH", "SHARE"):
            raise self.error(933)

    def _fetch(self, found: n.Query) -> None:
        offset = self.advance().offset
        found.fetch_offset = found.fetch_offset or offset
        self.advance()
        if self.at("ROW", "ROWS"):
            found.fetch = n.Number(offset, "1")
        else:
            found.fetch = self.value()
            found.fetch_percent = self.accept("PERCENT")
        if self.accept_one("ROW", "ROWS") is None:
            raise self.error(905)
        if self.accept("WITH"):
            self.expect("TIES")
            found.fetch_ties = True
        else:
            self.expect("ONLY")

    def _for_update(self) -> n.ForUpdate:
        found = n.ForUpdate(self.advance().offset)
        self.advance()
        if self.accept("OF"):
            while True:
                name = self._name()
                if not isinstance(name, n.Name):
                    raise refuse(904, name.offset, '"*"')
                found.of.append(name)
                if not self.accept(","):
                    break
        if self.accept("NOWAIT"):
            found.nowait = True
        elif self.accept("WAIT"):
            found.wait = self.integer(933)
        elif self.accept("SKIP"):
            self.expect("LOCKED")
            found.skip_locked = True
        return found
