"""JSON_TABLE: its path, its columns, what happens on errors and on nothing found."""

from __future__ import annotations

from app.localdb.sql import nodes as n
from app.localdb.sql.parser.expressions import ExpressionParser


class JsonTableParser(ExpressionParser):
    """JSON as rows."""

    def json_table(self) -> n.JsonTable:
        """JSON_TABLE( ... ); its alias is the caller's affair."""
        offset = self.advance().offset
        self.expect_open()
        operand = self.value()
        self._format_json()
        path = self.json_path() if self.accept(",") else "$"
        found = n.JsonTable(offset, operand, path, [])
        found.on_error, found.on_empty = self.json_on_clauses()
        found.columns = self._json_columns()
        self.expect_close()
        return found

    def _json_columns(self) -> list[n.JsonColumn]:
        self.expect("COLUMNS")
        in_parens = self.accept("(")
        columns = [self._json_column()]
        while self.accept(","):
            columns.append(self._json_column())
        if in_parens:
            self.expect_close()
        return columns

    def _json_column(self) -> n.JsonColumn:
        offset = self.offset
        if self.at("NESTED"):
            self.advance()
            self.accept("PATH")
            path = self.json_path()
            return n.JsonColumn(offset, "NESTED", "", path=path, columns=self._json_columns())
        found = n.JsonColumn(offset, "VALUE", self.name())
        if self.accept("FOR"):
            self.expect("ORDINALITY")
            found.kind = "ORDINALITY"
            return found
        if not self.at("EXISTS", "FORMAT", "PATH", ",", ")"):
            found.type = self.type_name()
        if self.accept("EXISTS"):
            found.kind = "EXISTS"
        elif self._format_json():
            found.kind = "QUERY"
        self.accept("TRUNCATE")
        found.wrapper = self.json_wrapper()
        if self.accept("PATH"):
            found.path = self.json_path()
        found.on_error, found.on_empty = self.json_on_clauses()
        return found
