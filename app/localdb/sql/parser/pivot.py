"""PIVOT and UNPIVOT behind a table or an inline view. Not there: PIVOT XML, UNPIVOT of groups of columns."""

from __future__ import annotations

from abc import abstractmethod

from app.localdb.sql import nodes as n
from app.localdb.sql.parser.json_table import JsonTableParser


class PivotParser(JsonTableParser):
    """Both clauses; their tables are the caller's affair."""

    @abstractmethod
    def _alias(self) -> str | None: ...

    def pivot(self, source: n.FromItem) -> n.FromItem | None:
        """The clause that begins here over `source`; None when none does."""
        following = self.peek().word
        if self.at("PIVOT") and following in ("(", "XML"):
            return self._pivot(source)
        if self.at("UNPIVOT") and following in ("(", "INCLUDE", "EXCLUDE"):
            return self._unpivot(source)
        return None

    def _pivot(self, source: n.FromItem) -> n.Pivot:
        offset = self.advance().offset
        if self.at("XML"):
            raise self.unsupported("PIVOT XML", offset)
        self.expect_open()
        aggregates: list[tuple[n.Expr, str | None]] = []
        while True:
            aggregates.append((self.value(), self._name_as()))
            if not self.accept(","):
                break
        self.expect("FOR", 56906)
        columns = self._names()
        self.expect("IN")
        self.expect_open()
        if self.at("SELECT", "ANY", "WITH"):
            raise self.unsupported("PIVOT over the values of a query")
        values = [self._pivot_value()]
        while self.accept(","):
            values.append(self._pivot_value())
        self.expect_close()
        self.expect_close()
        return n.Pivot(offset, source, aggregates, columns, values, self._alias())

    def _pivot_value(self) -> n.PivotValue:
        offset = self.offset
        value = self.value()
        text = self.source_text(offset)
        values = value.items if isinstance(value, n.Row) else [value]
        return n.PivotValue(offset, values, self._name_as(), text)

    def _unpivot(self, source: n.FromItem) -> n.Unpivot:
        offset = self.advance().offset
        nulls = bool(self.accept("INCLUDE", "NULLS"))
        if not nulls:
            self.accept("EXCLUDE", "NULLS")
        self.expect_open()
        if self.at("("):
            raise self.unsupported("UNPIVOT of groups of columns")
        value = self.name()
        self.expect("FOR", 905)
        name = self.name()
        self.expect("IN")
        self.expect_open()
        columns: list[tuple[n.Name, n.Expr | None]] = []
        while True:
            at = self.offset
            if self.at("("):
                raise self.unsupported("UNPIVOT of groups of columns")
            column = n.Name(at, (self.name(),), (True,))
            columns.append((column, self.value() if self.accept("AS") else None))
            if not self.accept(","):
                break
        self.expect_close()
        self.expect_close()
        return n.Unpivot(offset, source, value, name, columns, nulls, self._alias())

    def _names(self) -> list[str]:
        if not self.accept("("):
            return [self.name()]
        names = [self.name()]
        while self.accept(","):
            names.append(self.name())
        self.expect_close()
        return names

    def _name_as(self) -> str | None:
        if self.accept("AS"):
            return self.name()
        return self.name() if self.at_name() and not self.at("FOR") else None
