"""INSERT, UPDATE, DELETE, MERGE with RETURNING."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql import statements as s
from app.localdb.sql.lexer import T
from app.localdb.sql.parser.queries import QueryParser
from app.localdb.sql.refusals import refuse


class DmlParser(QueryParser):
    """Statements that change rows. With `embedded` RETURNING needs no INTO (PL/SQL has taken it away)."""

    def dml(self) -> s.Insert | s.InsertAll | s.Update | s.Delete | s.Merge:
        """One DML statement; the current token is its first word."""
        before, self.plsql = self.plsql, False
        word = self.advance().word
        found: s.Insert | s.InsertAll | s.Update | s.Delete | s.Merge
        if word == "INSERT":
            found = self._insert_all() if self.at("ALL", "FIRST") else self._insert()
        elif word == "UPDATE":
            found = self._update()
        elif word == "DELETE":
            found = self._delete()
        else:
            found = self._merge()
        if self.at("LOG") and self.peek().word == "ERRORS":
            raise self.unsupported("LOG ERRORS")
        self.plsql = before
        return found

    def _target(self) -> s.Target:
        offset = self.offset
        if self.at("("):
            self.advance()
            query = self.query()
            self.expect_close()
            return s.Target(offset, (), self._dml_alias(), query)
        if self.at("TABLE") and self.peek().word == "(":
            raise self.unsupported("DML on TABLE(...)")
        parts = self.dotted_name(903)
        if self.at("PARTITION", "SUBPARTITION") and self.peek().word in ("(", "FOR"):
            raise self.unsupported("DML on a partition")
        return s.Target(offset, parts, self._dml_alias())

    def _dml_alias(self) -> str | None:
        if self.token.kind == T.QUOTED or (
            self.at_name() and not self.at("RETURNING", "RETURN", "USING", "LOG", "WHEN")
        ):
            return self.name()
        return None

    def _column_list(self) -> list[n.Name]:
        columns = [self._column()]
        while self.accept(","):
            columns.append(self._column())
        self.expect_close()
        return columns

    def _column(self) -> n.Name:
        token = self.token
        if not self.at_name():
            raise self.error(1747 if token.kind == T.IDENT else 936)
        found = self._name()
        if not isinstance(found, n.Name):
            raise refuse(1747, token.offset)
        return found

    # -- INSERT ----------------------------------------------------------------------------------------

    def _insert(self) -> s.Insert:
        offset = self.tokens[self.position - 1].offset
        self.expect("INTO", 925)
        found = s.Insert(offset, self._target(), [])
        if self.at("(") and not self._query_after_parens():
            self.advance()
            found.columns = self._column_list()
        if self.accept("VALUES"):
            if not self.at("("):
                if not self.embedded:
                    raise self.error(906)
                found.record = self._collection()
            else:
                found.rows.append(self._values())
                while self.at(","):
                    if self.play == "19c":
                        raise self.error(933)
                    self.advance()
                    found.rows.append(self._values())
        elif self.at("SELECT", "WITH", "("):
            found.query = self.query()
        elif self.at("DEFAULT", "SET"):
            raise self.error(926)
        else:
            raise self.error(926)
        found.returning = self._returning()
        if found.returning is not None and found.query is not None and self.play == "19c":
            raise refuse(933, found.returning.offset)
        return found

    def _values(self) -> list[n.Expr]:
        self.expect_open()
        row = [self._value_or_default()]
        while self.accept(","):
            row.append(self._value_or_default())
        if not self.at(")"):
            raise self.error(917)
        self.advance()
        return row

    def _value_or_default(self) -> n.Expr:
        if self.at("DEFAULT"):
            return n.Name(self.advance().offset, ("DEFAULT",), (False,))
        return self.value()

    def _insert_all(self) -> s.InsertAll:
        offset = self.tokens[self.position - 1].offset
        first = self.advance().word == "FIRST"
        found = s.InsertAll(offset, [], n.Query(offset, n.Select(offset, [], [])), first)
        condition: n.Expr | None = None
        branches = found.branches
        while not self.at("SELECT", "WITH", "("):
            if self.accept("WHEN"):
                condition = self.condition()
                self.expect("THEN")
            elif self.accept("ELSE"):
                condition, branches = None, found.otherwise
            elif first and condition is None and branches is found.branches:
                raise self.error(905)
            start = self.expect("INTO", 925).offset
            branch = s.InsertBranch(start, self._target(), [], [], condition)
            if self.accept("("):
                branch.columns = self._column_list()
            if self.accept("VALUES"):
                branch.values = self._values()
            branches.append(branch)
        found.query = self.query()
        return found

    # -- UPDATE and DELETE -------------------------------------------------------------------------------

    def _update(self) -> s.Update:
        offset = self.tokens[self.position - 1].offset
        if self.accept("ONLY"):
            raise self.unsupported("UPDATE ONLY")
        found = s.Update(offset, self._target(), [])
        self.expect("SET", 971)
        found.assignments = self._assignments()
        if self.at("FROM"):
            if self.play == "19c":
                raise self.error(933)
            raise self.unsupported("UPDATE ... FROM")
        found.where, found.current_of = self._where()
        found.returning = self._returning()
        return found

    def _assignments(self) -> list[s.Assignment]:
        found = [self._assignment()]
        while self.accept(","):
            found.append(self._assignment())
        return found

    def _assignment(self) -> s.Assignment:
        offset = self.offset
        if self.at("ROW") and self.peek().word == "=" and self.embedded:
            self.advance()
            self.advance()
            return s.Assignment(offset, [], self._collection(), row=True)
        if self.accept("("):
            columns = self._column_list()
            self.expect("=", 927)
            if not self.at("(") or self.peek().word not in ("SELECT", "WITH"):
                raise self.error(1767)
            self.expect_open()
            query = self.query()
            self.expect_close()
            return s.Assignment(offset, columns, None, query)
        column = self._column()
        self.expect("=", 927)
        if self.at("DEFAULT"):
            self.advance()
            return s.Assignment(offset, [column], None, default=True)
        return s.Assignment(offset, [column], self.value())

    def _where(self) -> tuple[n.Expr | None, str | None]:
        if not self.accept("WHERE"):
            return None, None
        if self.at("CURRENT") and self.peek().word == "OF":
            self.advance()
            self.advance()
            if not self.embedded:
                raise self.error(936)
            return None, ".".join(self.dotted_name())
        return self.condition(), None

    def _delete(self) -> s.Delete:
        offset = self.tokens[self.position - 1].offset
        self.accept("FROM")
        found = s.Delete(offset, self._target())
        found.where, found.current_of = self._where()
        found.returning = self._returning()
        return found

    def _returning(self) -> s.Returning | None:
        if not self.at("RETURNING", "RETURN"):
            return None
        offset = self.advance().offset
        if self.at("OLD", "NEW") and self.peek().kind in (T.IDENT, T.QUOTED):
            raise self.unsupported("RETURNING OLD or NEW values")
        if self.at("*"):
            raise self.error(936)
        values = [self.value()]
        while self.accept(","):
            values.append(self.value())
        if self.at("INTO", "BULK"):
            return s.Returning(offset, values, self.into())
        if not self.embedded:
            raise self.error(925)
        return s.Returning(offset, values, n.Into(offset, []))

    # -- MERGE -------------------------------------------------------------------------------------------

    def _merge(self) -> s.Merge:
        offset = self.tokens[self.position - 1].offset
        self.expect("INTO", 925)
        target = self._target()
        self.expect("USING")
        source = self._table()
        self.expect("ON", 969)
        if not self.at("("):
            raise self.error(969 if self.at("WHEN") else 906)
        self.advance()
        on = self.condition()
        self.expect_close()
        found = s.Merge(offset, target, source, on)
        while self.accept("WHEN"):
            negated = self.accept("NOT")
            self.expect("MATCHED")
            self.expect("THEN")
            if negated:
                self._merge_insert(found)
            else:
                self._merge_update(found)
        if not found.assignments and found.insert_values is None:
            raise self.error(905)
        if self.at("RETURNING", "RETURN"):
            raise self.error(933) if self.play == "19c" else self.unsupported("RETURNING in MERGE")
        return found

    def _merge_update(self, found: s.Merge) -> None:
        self.expect("UPDATE")
        self.expect("SET", 971)
        found.assignments = self._assignments()
        if self.accept("WHERE"):
            found.update_where = self.condition()
        if self.accept("DELETE"):
            self.expect("WHERE")
            found.delete_where = self.condition()

    def _merge_insert(self, found: s.Merge) -> None:
        self.expect("INSERT")
        if self.accept("("):
            found.insert_columns = self._column_list()
        self.expect("VALUES", 926)
        found.insert_values = self._values()
        if self.accept("WHERE"):
            found.insert_where = self.condition()
