"""Attributes of cursors: SQL%ROWCOUNT, cursor%FOUND, SQL%BULK_ROWCOUNT(i), SQL%BULK_EXCEPTIONS."""

from __future__ import annotations

from typing import Any

from app.localdb.errors import OracleError
from app.localdb.plsql.code import Code, family, loader
from app.localdb.plsql.conversions import ConversionCompiler
from app.localdb.plsql.failures import CompileError
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.scope import CursorSymbol, Scope
from app.localdb.plsql.types import (
    BOOLEAN,
    INTEGER,
    NUMBER,
)
from app.localdb.sql import nodes as x

_CURSOR_ATTRIBUTES = {"FOUND": BOOLEAN, "NOTFOUND": BOOLEAN, "ISOPEN": BOOLEAN, "ROWCOUNT": NUMBER}


class AttributeCompiler(ConversionCompiler):
    """Compiles cursor attributes."""

    def attribute(self, node: x.Attribute, s: Scope) -> Code | None:
        """SQL%ROWCOUNT, cursor%FOUND ..."""
        if isinstance(node.target, x.Name) and node.target.parts == ("SQL",):
            return self.sql_attribute(node)
        if node.name not in _CURSOR_ATTRIBUTES:
            raise CompileError(
                f"PLS-00208: identifier '{node.name}' is not a legal cursor attribute", node.offset
            )
        handle = self.cursor_handle(node.target, s)
        name = node.name
        if name == "ISOPEN":
            return Code(lambda f: (h := handle(f)) is not None and h.is_open, BOOLEAN)

        def value(frame: Frame) -> Any:
            found = handle(frame)
            if found is None or not found.is_open:
                raise OracleError(1001, "invalid cursor")
            if name == "ROWCOUNT":
                return found.row_count
            if found.found is None:
                return None
            return found.found if name == "FOUND" else not found.found

        return Code(value, _CURSOR_ATTRIBUTES[name])

    def cursor_handle(self, node: x.Expr, s: Scope) -> Run:
        """The handle of a cursor or cursor variable."""
        if isinstance(node, x.Name):
            first = self.first(list(node.parts), node.offset, s)
            if first is not None and isinstance(first[0], CursorSymbol) and not first[1]:
                symbol, _, package = first
                assert isinstance(symbol, CursorSymbol)
                if package is not None and package is not self.unit:
                    return lambda f: f.ctx.state(package).v[symbol.slot]
                return loader(s.layout.level - symbol.level, symbol.slot)
        code = self.expression(node, s)
        if family(code.type) != "k":
            raise CompileError("PLS-00382: expression is of wrong type", node.offset)
        return code.run

    def sql_attribute(self, node: x.Attribute) -> Code:
        name = node.name
        if name == "ROWCOUNT":
            return Code(lambda f: f.ctx.sql.row_count, INTEGER)
        if name == "FOUND":
            return Code(lambda f: None if f.ctx.sql.row_count is None else f.ctx.sql.row_count > 0, BOOLEAN)
        if name == "NOTFOUND":
            return Code(lambda f: None if f.ctx.sql.row_count is None else f.ctx.sql.row_count == 0, BOOLEAN)
        if name == "ISOPEN":
            return Code(lambda f: False, BOOLEAN)
        raise CompileError(f"PLS-00208: identifier '{name}' is not a legal cursor attribute", node.offset)

    def bulk_attribute(self, node: x.Expr, s: Scope) -> Code | None:
        target: x.Expr
        if (
            isinstance(node, x.Call)
            and isinstance(node.target, x.Attribute)
            and node.target.name == "BULK_ROWCOUNT"
            and len(node.args) == 1
        ):
            index = self.coerced(node.args[0].value, INTEGER, s)
            return Code(lambda f: _bulk_count(f, index(f)), INTEGER)
        if isinstance(node, x.Field):
            target = node.target
            if isinstance(target, x.Attribute) and target.name == "BULK_EXCEPTIONS" and node.name == "COUNT":
                return Code(lambda f: len(f.ctx.sql.bulk_exceptions), INTEGER)
            if (
                isinstance(target, x.Call)
                and isinstance(target.target, x.Attribute)
                and target.target.name == "BULK_EXCEPTIONS"
                and len(target.args) == 1
                and node.name in ("ERROR_INDEX", "ERROR_CODE")
            ):
                which = self.coerced(target.args[0].value, INTEGER, s)
                part = 0 if node.name == "ERROR_INDEX" else 1
                return Code(lambda f: _bulk_exception(f, which(f), part), INTEGER)
        return None


def _bulk_count(frame: Frame, index: Any) -> Any:
    counts = frame.ctx.sql.bulk_row_counts
    if index is None or not 1 <= index <= len(counts):
        raise OracleError(22160, f"element at index [{index}] does not exist")
    return counts[index - 1]


def _bulk_exception(frame: Frame, index: Any, part: int) -> Any:
    exceptions = frame.ctx.sql.bulk_exceptions
    if index is None or not 1 <= index <= len(exceptions):
        raise OracleError(22160, f"element at index [{index}] does not exist")
    return exceptions[index - 1][part]
