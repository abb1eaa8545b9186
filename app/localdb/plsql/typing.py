"""From types as written to types as held: predefined ones, declared ones, %TYPE and %ROWTYPE."""

from __future__ import annotations

from app.localdb.contract import OraType
from app.localdb.plsql import nodes as n
from app.localdb.plsql.code import Code
from app.localdb.plsql.embedded import SqlCompiler
from app.localdb.plsql.failures import CompileError, unsupported
from app.localdb.plsql.scope import CursorSymbol, Scope, TypeSymbol, Variable
from app.localdb.plsql.types import (
    BY_ORA,
    RAW,
    SYS_REFCURSOR,
    VARCHAR2,
    CursorType,
    FieldType,
    RecordType,
    Scalar,
    Type,
    named_type,
)
from app.localdb.sql import nodes as x
from app.localdb.sql.catalog import ColumnInfo, ObjectInfo, ObjectKind


def type_of_table_column(column: ColumnInfo) -> Scalar:
    """The type that %TYPE takes from a column, its size and precision included."""
    ora = column.type
    base = BY_ORA.get(ora, VARCHAR2)
    if ora in (OraType.VARCHAR2, OraType.CHAR):
        chars = column.char_used == "C"
        return Scalar(ora, base.name, size=column.chars if chars else column.size, chars=chars)
    if ora is OraType.NUMBER and (column.precision or column.scale != -127):
        scale = None if column.scale == -127 else column.scale
        return Scalar(ora, base.name, column.precision, scale)
    if ora in (OraType.TIMESTAMP, OraType.TIMESTAMP_TZ, OraType.TIMESTAMP_LTZ):
        return Scalar(ora, base.name, scale=column.scale if column.scale >= 0 else 6)
    if ora is OraType.RAW:
        return Scalar(ora, base.name, size=column.size)
    return base


class TypeResolver(SqlCompiler):
    """Resolves type references in a scope."""

    def type_of(self, ref: n.TypeRef, s: Scope) -> Type:
        """The type that `ref` names. Raises CompileError PLS-00201 for an unknown one."""
        if ref.attribute == "ROWTYPE":
            return self.row_type_of(ref, s)
        if ref.attribute == "TYPE":
            return self.anchored_type(ref, s)
        shown = ".".join(ref.name)
        if len(ref.name) == 1:
            symbol = s.find(ref.name[0])
            if symbol is None:
                found = named_type(ref.name[0], ref.args, ref.char_semantics)
                if found is not None:
                    return found
                if ref.name[0] == "SYS_REFCURSOR":
                    return SYS_REFCURSOR
        name = ref.name
        if name[0] == "STANDARD" and len(name) == 2:
            found = named_type(name[1], ref.args, ref.char_semantics)
            if found is not None:
                return found
        chain = self.first(list(name), ref.start, s)
        if chain is None:
            raise CompileError(f"PLS-00201: identifier '{shown}' must be declared", ref.start)
        symbol, rest, _ = chain
        if rest or not isinstance(symbol, TypeSymbol):
            raise CompileError(f"PLS-00488: invalid variable declaration: object '{shown}' must be a type or subtype",
                               ref.start)  # fmt: skip
        return self.constrained(symbol.type, ref)

    def sized_type(self, ref: n.TypeRef, s: Scope) -> Type:
        """The type of something that holds values: text and RAW need a length."""
        found = self.type_of(ref, s)
        if (
            found in (VARCHAR2, RAW)
            and len(ref.name) == 1
            and not ref.attribute
            and s.find(ref.name[0]) is None
        ):
            raise CompileError(
                "PLS-00215: String length constraints must be in range (1 .. 32767)", ref.start
            )
        return found

    def constrained(self, type_: Type, ref: n.TypeRef) -> Type:
        """A subtype with a size of its own, as in `my_text(10)`."""
        if not ref.args:
            return type_
        if isinstance(type_, Scalar):
            found = named_type(
                "VARCHAR2" if type_.ora is OraType.VARCHAR2 else type_.name, ref.args, ref.char_semantics
            )
            if found is not None:
                return found
        raise CompileError("PLS-00566: type name cannot be constrained", ref.start)

    def table(self, name: tuple[str, ...], offset: int) -> ObjectInfo | None:
        """A table or view by name, as the unit's owner sees it."""
        schema = name[0] if len(name) == 2 else None
        found = self.host.catalog.resolve(schema, name[-1], self.owner)
        if found is None or found.kind not in (ObjectKind.TABLE, ObjectKind.VIEW):
            return None
        return found

    def anchored_type(self, ref: n.TypeRef, s: Scope) -> Type:
        """variable%TYPE, record.field%TYPE, table.column%TYPE."""
        name = ref.name
        symbol = s.find(name[0])
        if symbol is None and len(name) in (2, 3):
            table = self.table(name[:-1], ref.start)
            if table is not None:
                column = table.by_name.get(name[-1])
                if column is None:
                    raise CompileError(f"PLS-00302: component '{name[-1]}' must be declared", ref.start)
                return type_of_table_column(column)
        node = x.Name(ref.start, name, (False,) * len(name))
        found = self.resolved(node, s)
        if found is None:
            raise CompileError(f"PLS-00201: identifier '{'.'.join(name)}' must be declared", ref.start)
        if isinstance(found, Code):
            raise CompileError(f"PLS-00206: %TYPE must be applied to a variable, column, field or attribute, not to "
                               f"\"{'.'.join(name)}\"", ref.start)  # fmt: skip
        return found.type

    def row_type_of(self, ref: n.TypeRef, s: Scope) -> Type:
        """table%ROWTYPE, cursor%ROWTYPE, strong_cursor_variable%ROWTYPE."""
        name = ref.name
        chain = None
        if s.find(name[0]) is not None or len(name) > 1:
            chain = self.first(list(name), ref.start, s) if s.find(name[0]) is not None else None
        if chain is not None and not chain[1]:
            symbol = chain[0]
            if isinstance(symbol, CursorSymbol) and symbol.row is not None:
                return symbol.row
            if (
                isinstance(symbol, Variable)
                and isinstance(symbol.type, CursorType)
                and symbol.type.row is not None
            ):
                return symbol.type.row
        table = self.table(name, ref.start) if len(name) <= 2 else None
        if table is not None:
            fields = [FieldType(c.name, type_of_table_column(c)) for c in table.columns if not c.hidden]
            return RecordType(table.name, fields, from_row=True)
        chain = chain or self.first(list(name), ref.start, s)
        if chain is not None and isinstance(chain[0], CursorSymbol) and chain[0].row is not None:
            return chain[0].row
        if chain is None:
            raise CompileError(f"PLS-00201: identifier '{'.'.join(name)}' must be declared", ref.start)
        raise unsupported(f"%ROWTYPE of {'.'.join(name)}", ref.start)
