"""The grammar of PL/SQL declarations: variables, types, cursors, exceptions, subprograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import unsupported
from app.localdb.plsql.tokens import TokenReader
from app.localdb.sql.lexer import T
from app.localdb.sql.nodes import Expr

if TYPE_CHECKING:
    from collections.abc import Callable


class DeclarationParser(TokenReader):
    """Parses declaration parts; statements come from the class below it."""

    if TYPE_CHECKING:
        rest_of_block: Callable[[int, str | None, list[n.Declaration], bool], n.Block]

    def block_declarations(self) -> tuple[list[n.Declaration], bool]:
        """Declarations up to BEGIN; the second part tells PRAGMA AUTONOMOUS_TRANSACTION."""
        self.autonomous = False
        found = self.declarations()
        autonomous, self.autonomous = self.autonomous, False
        return found, autonomous

    def declarations(self, specification: bool = False) -> list[n.Declaration]:
        """Everything up to BEGIN or END."""
        found: list[n.Declaration] = []
        while self.word not in ("BEGIN", "END"):
            declaration = self.declaration(specification)
            if declaration is not None:
                found.append(declaration)
        return found

    def declaration(self, specification: bool) -> n.Declaration | None:
        start = self.here
        word = self.word
        if word == "PRAGMA":
            return self.pragma(start)
        if word == "CURSOR":
            return self.cursor(start)
        if word == "TYPE":
            return self.type_declaration(start)
        if word == "SUBTYPE":
            return self.subtype(start)
        if word in ("PROCEDURE", "FUNCTION"):
            self.advance()
            name = self.name()
            return self.subprogram_rest(start, word, name, options=False)[0]
        return self.variable(start)

    def pragma(self, start: int) -> n.Declaration | None:
        self.expect("PRAGMA")
        what = self.name()
        if what == "EXCEPTION_INIT":
            self.expect("(")
            name = self.name()
            self.expect(",")
            code = self.signed_integer()
            self.expect(")")
            self.expect(";")
            return n.ExceptionInit(start, name, code)
        if what == "AUTONOMOUS_TRANSACTION":
            self.autonomous = True
        elif what in ("INLINE", "UDF", "RESTRICT_REFERENCES", "DEPRECATE", "SUPPRESSES_WARNING_6009"):
            # hints to Oracle's optimiser and compiler: nothing that a program can observe
            if self.accept("("):
                self.until_closing()
        else:
            raise unsupported(f"PRAGMA {what}", start)
        self.expect(";")
        return None

    def variable(self, start: int) -> n.Declaration:
        name = self.name()
        if self.accept("EXCEPTION"):
            self.expect(";")
            return n.ExceptionDecl(start, name)
        constant = self.accept("CONSTANT")
        type_ref = self.type_ref()
        not_null = self.not_null()
        default = self.default()
        self.expect(";")
        return n.VariableDecl(start, name, type_ref, constant, not_null, default)

    def default(self) -> Expr | None:
        if self.accept(":=") or self.accept("DEFAULT"):
            return self.expression()
        return None

    def not_null(self) -> bool:
        if self.accept("NOT"):
            self.expect("NULL")
            return True
        self.accept("NULL")
        return False

    def cursor(self, start: int) -> n.Declaration:
        self.expect("CURSOR")
        name = self.name()
        parameters = self.parameters() if self.word == "(" else []
        returns = self.type_ref() if self.accept("RETURN") else None
        query = None
        if self.accept("IS"):
            at = self.here
            if self.word not in ("SELECT", "WITH", "("):
                raise self.unexpected("SELECT or WITH")
            query = n.Query(at, self.until(";"))
        self.expect(";")
        return n.CursorDecl(start, name, parameters, returns, query)

    def type_declaration(self, start: int) -> n.Declaration:
        self.expect("TYPE")
        name = self.name()
        self.expect("IS")
        definition = self.type_definition()
        self.expect(";")
        return n.TypeDecl(start, name, definition)

    def type_definition(self) -> n.TypeDef:
        start = self.here
        if self.accept("RECORD"):
            self.expect("(")
            fields = [self.field()]
            while self.accept(","):
                fields.append(self.field())
            self.expect(")")
            return n.RecordDef(start, fields)
        if self.accept("TABLE"):
            self.expect("OF")
            element = self.type_ref()
            self.not_null()
            index_by = None
            if self.accept("INDEX"):
                self.expect("BY")
                index_by = self.type_ref()
            return n.TableDef(start, element, index_by)
        if self.word in ("VARRAY", "VARYING"):
            if self.accept("VARYING"):
                self.expect("ARRAY")
            else:
                self.advance()
            self.expect("(")
            limit = self.integer()
            self.expect(")")
            self.expect("OF")
            element = self.type_ref()
            self.not_null()
            return n.VarrayDef(start, element, limit)
        if self.accept("REF"):
            self.expect("CURSOR")
            return n.RefCursorDef(start, self.type_ref() if self.accept("RETURN") else None)
        raise self.unexpected("RECORD, TABLE, VARRAY or REF CURSOR")

    def field(self) -> n.FieldDef:
        start = self.here
        name = self.name()
        type_ref = self.type_ref()
        not_null = self.not_null()
        return n.FieldDef(start, name, type_ref, not_null, self.default())

    def subtype(self, start: int) -> n.Declaration:
        self.expect("SUBTYPE")
        name = self.name()
        self.expect("IS")
        base = self.type_ref()
        bounds = None
        if self.accept("RANGE"):
            low = self.expression()
            self.expect("..")
            bounds = (low, self.expression())
        not_null = self.not_null()
        self.expect(";")
        return n.TypeDecl(start, name, n.SubtypeDef(start, base, not_null, bounds))

    def parameters(self) -> list[n.Parameter]:
        self.expect("(")
        found = [self.parameter()]
        while self.accept(","):
            found.append(self.parameter())
        self.expect(")")
        return found

    def parameter(self) -> n.Parameter:
        start = self.here
        name = self.name()
        mode = "IN"
        if self.accept("IN"):
            mode = "IN OUT" if self.accept("OUT") else "IN"
        elif self.accept("OUT"):
            mode = "OUT"
        self.accept("NOCOPY")
        type_ref = self.type_ref()
        return n.Parameter(start, name, mode, type_ref, self.default())

    def subprogram_rest(self, start: int, kind: str, name: str, options: bool) -> tuple[n.Subprogram, bool]:
        """From after the name; the second part is AUTHID CURRENT_USER of a standalone one."""
        parameters = self.parameters() if self.word == "(" else []
        returns = None
        if kind == "FUNCTION":
            self.expect("RETURN")
            returns = self.type_ref()
        invoker = deterministic = False
        while self.word not in ("IS", "AS", ";"):
            if self.accept("DETERMINISTIC"):
                deterministic = True
            elif self.accept("PARALLEL_ENABLE"):
                pass
            elif self.word == "AUTHID" and options:
                self.advance()
                invoker = self.one_of("CURRENT_USER", "DEFINER") == "CURRENT_USER"
            elif self.word in ("RESULT_CACHE", "PIPELINED", "AGGREGATE", "ACCESSIBLE", "SQL_MACRO"):
                raise unsupported(f"the clause {self.word}", self.here)
            else:
                raise self.unexpected("IS, AS or ;")
        body = None
        autonomous = False
        if self.accept("IS") or self.accept("AS"):
            if self.word in ("LANGUAGE", "EXTERNAL"):
                raise unsupported(f"{self.word} (a call specification)", self.here)
            at = self.here
            declarations, autonomous = self.block_declarations()
            self.expect("BEGIN")
            body = self.rest_of_block(at, name, declarations, False)
        self.expect(";")
        return n.Subprogram(start, name, parameters, returns, body, deterministic, autonomous), invoker

    # Types

    def type_ref(self) -> n.TypeRef:
        start = self.here
        if self.word == "REF" and self.peek(1).word == "CURSOR":
            raise self.unexpected("the name of a type")
        parts = self.dotted_name()
        if self.accept("%"):
            return n.TypeRef(start, parts, attribute=self.one_of("TYPE", "ROWTYPE"))
        if len(parts) > 1:
            return n.TypeRef(start, parts)
        return self.builtin_type(start, parts[0])

    def builtin_type(self, start: int, name: str) -> n.TypeRef:
        if name in ("TIMESTAMP", "INTERVAL"):
            return self.time_type(start, name)
        if name == "LONG" and self.accept("RAW"):
            name = "LONG RAW"
        elif name == "DOUBLE" and self.accept("PRECISION"):
            name = "FLOAT"
        elif name in ("CHARACTER", "CHAR") and self.accept("VARYING"):
            name = "VARCHAR2"
        args: list[int] = []
        char_semantics = False
        if self.accept("("):
            if not self.accept("*"):
                args.append(self.signed_integer())
            else:
                args.append(38)
            if self.word in ("CHAR", "BYTE"):
                char_semantics = self.one_of("CHAR", "BYTE") == "CHAR"
            elif self.accept(","):
                args.append(self.signed_integer())
            self.expect(")")
        if self.word == "CHARACTER" and self.peek(1).word == "SET":
            raise unsupported("CHARACTER SET in a type", self.here)
        return n.TypeRef(start, (name,), tuple(args), char_semantics)

    def time_type(self, start: int, name: str) -> n.TypeRef:
        args: list[int] = []
        if name == "TIMESTAMP":
            args = self.optional_size()
            if self.accept("WITH"):
                local = self.accept("LOCAL")
                self.expect("TIME")
                self.expect("ZONE")
                name = "TIMESTAMP WITH LOCAL TIME ZONE" if local else "TIMESTAMP WITH TIME ZONE"
        elif self.accept("DAY"):
            args = self.optional_size() or [2]
            self.expect("TO")
            self.expect("SECOND")
            args += self.optional_size()
            name = "INTERVAL DAY TO SECOND"
        else:
            self.expect("YEAR")
            args = self.optional_size()
            self.expect("TO")
            self.expect("MONTH")
            name = "INTERVAL YEAR TO MONTH"
        return n.TypeRef(start, (name,), tuple(args))

    def optional_size(self) -> list[int]:
        if not self.accept("("):
            return []
        size = self.integer()
        self.expect(")")
        return [size]

    def integer(self) -> int:
        if self.token.kind is not T.NUMBER or not self.token.value.isdigit():
            raise self.unexpected("an integer")
        value = int(self.token.value)
        self.advance()
        return value

    def signed_integer(self) -> int:
        negative = self.accept("-")
        value = self.integer()
        return -value if negative else value
