"""The grammar of PL/SQL units and declarations: tokens in, the tree of `nodes` out.

Statements are in `statements`, expressions are the SQL room's. What has no place in the grammar is
PLS-00103; what is Oracle's but unknown here is refused by name.
"""

from __future__ import annotations

from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import unsupported
from app.localdb.plsql.trigger_grammar import TriggerParser
from app.localdb.sql.lexer import T


class UnitParser(TriggerParser):
    """Parses whole units: anonymous blocks, CREATE PACKAGE and the like."""

    def anonymous_block(self) -> n.Block:
        """[<<label>>] [DECLARE ...] BEGIN ... END; and nothing after it."""
        start = self.here
        label = self.label()
        block = self.block(label)
        block.start = start
        self.expect(";")
        self.accept("/")
        self.end_of_text()
        return block

    def call(self) -> n.Block:
        """CALL routine(...) [INTO :bind] as the block that does the same."""
        start = self.here
        self.expect("CALL")
        target = self.expression()
        statement: n.Statement = n.CallStatement(start, target)
        if self.accept("INTO"):
            statement = n.Assign(start, self.expression(), target)
        self.accept(";")
        self.end_of_text()
        return n.Block(start, None, [], [statement], [])

    def create_prefix(self) -> bool:
        """[CREATE [OR REPLACE] [EDITIONABLE]] before a unit; whether it may replace one."""
        replace = True
        if self.accept("CREATE"):
            replace = self.accept("OR")
            if replace:
                self.expect("REPLACE")
            if not self.accept("EDITIONABLE"):
                self.accept("NONEDITIONABLE")
        return replace

    def heading(self) -> tuple[str, str | None, str]:
        """Kind, schema and name of a unit, from its first word; stays where it is."""
        start = self.pos
        kind = self.one_of("PACKAGE", "PROCEDURE", "FUNCTION", "TRIGGER", "TYPE")
        if kind == "TYPE":
            raise unsupported("CREATE TYPE", self.here)
        if kind == "PACKAGE" and self.accept("BODY"):
            kind = "PACKAGE BODY"
        schema, name = self.unit_name()
        self.pos = start
        return kind, schema, name

    def unit(self) -> n.Unit | n.TriggerUnit:
        """One unit from its first word (PACKAGE, PROCEDURE ...), as its source is kept."""
        start = self.here
        if self.accept("TRIGGER"):
            return self.trigger(start)
        if self.accept("PACKAGE"):
            return self.package_body(start) if self.accept("BODY") else self.package(start)
        if self.word in ("PROCEDURE", "FUNCTION"):
            return self.standalone(start)
        raise self.unexpected("PACKAGE, PROCEDURE, FUNCTION or TRIGGER")

    def package(self, start: int) -> n.Unit:
        schema, name = self.unit_name()
        invoker = self.unit_options()
        self.is_or_as()
        declarations = self.declarations(specification=True)
        self.closing(name)
        return n.Unit(start, "PACKAGE", schema, name, invoker, declarations)

    def package_body(self, start: int) -> n.Unit:
        schema, name = self.unit_name()
        self.is_or_as()
        declarations = self.declarations()
        initialisation = None
        if self.word == "BEGIN":
            begin = self.here
            self.advance()
            body = self.statement_list("END", "EXCEPTION")
            handlers = self.handlers() if self.accept("EXCEPTION") else []
            initialisation = n.Block(begin, None, [], body, handlers)
        self.closing(name)
        return n.Unit(start, "PACKAGE BODY", schema, name, False, declarations, initialisation)

    def standalone(self, start: int) -> n.Unit:
        kind = self.word
        self.advance()
        schema, name = self.unit_name()
        subprogram, invoker = self.subprogram_rest(start, kind, name, options=True)
        if subprogram.body is None:
            raise self.unexpected("IS or AS")
        self.accept("/")
        self.end_of_text()
        return n.Unit(start, kind, schema, name, invoker, subprogram=subprogram)

    # Parts of units

    def unit_name(self) -> tuple[str | None, str]:
        parts = self.dotted_name()
        if len(parts) > 2:
            raise self.unexpected("IS or AS")
        return (parts[0] if len(parts) == 2 else None), parts[-1]

    def unit_options(self) -> bool:
        """AUTHID and the like before IS; true for AUTHID CURRENT_USER."""
        invoker = False
        while self.word not in ("IS", "AS", ";"):
            if self.accept("AUTHID"):
                invoker = self.one_of("CURRENT_USER", "DEFINER") == "CURRENT_USER"
            elif self.word in ("ACCESSIBLE", "DEFAULT", "SHARING"):
                raise unsupported(f"the clause {self.word}", self.here)
            else:
                raise self.unexpected("IS, AS or AUTHID")
        return invoker

    def closing(self, name: str) -> None:
        """END [name]; of a unit, and the end of the text."""
        self.expect("END")
        self.end_name(name)
        self.expect(";")
        self.accept("/")
        self.end_of_text()

    def end_of_text(self) -> None:
        if self.token.kind is not T.EOF:
            raise self.unexpected("end-of-file")
