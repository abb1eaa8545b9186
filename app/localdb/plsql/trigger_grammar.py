"""The grammar of CREATE TRIGGER on tables and views; triggers on DDL and on the database are refused by name."""

from __future__ import annotations

from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import CompileError, unsupported
from app.localdb.plsql.statements import StatementParser
from app.localdb.sql.lexer import T

POINTS = ("BEFORE STATEMENT", "BEFORE EACH ROW", "AFTER EACH ROW", "AFTER STATEMENT", "INSTEAD OF EACH ROW")


class TriggerParser(StatementParser):
    """trigger() reads one from after its first word; trigger_heading() only what stands before its body."""

    def trigger(self, start: int) -> n.TriggerUnit:
        found = self.trigger_heading(start)
        if found.timing == "COMPOUND":
            self.compound_body(found)
        elif self.word == "CALL":
            at = self.here
            self.advance()
            found.body = n.Block(at, None, [], [n.CallStatement(at, self.expression())], [])
            self.accept(";")
        else:
            at = self.here
            label = self.label()
            if self.word not in ("DECLARE", "BEGIN"):
                raise self.unexpected("BEGIN, CALL, COMPOUND or DECLARE")
            found.body = self.block(label or found.name)
            found.body.start = at
            self.expect(";")
        self.accept("/")
        if self.token.kind is not T.EOF:
            raise self.unexpected("end-of-file")
        return found

    def trigger_heading(self, start: int) -> n.TriggerUnit:
        """Name, timing, events, table and options; stands before the body afterwards."""
        parts = self.dotted_name()
        if len(parts) > 2:
            raise self.unexpected("BEFORE, AFTER, INSTEAD or FOR")
        timing = self.one_of("BEFORE", "AFTER", "INSTEAD", "FOR")
        if timing == "INSTEAD":
            self.expect("OF")
            timing = "INSTEAD OF"
        compound = timing == "FOR"
        events, columns = self._events()
        self.expect("ON")
        if self.word in ("DATABASE", "SCHEMA", "NESTED"):
            raise unsupported(f"a trigger on {self.word}", self.here)
        found = n.TriggerUnit(
            start, parts[0] if len(parts) == 2 else None, parts[-1],
            "COMPOUND" if compound else timing, events, columns, self.dotted_name(),
        )  # fmt: skip
        if self.accept("REFERENCING"):
            self._referencing(found.names)
        if not compound and self.accept("FOR"):
            self.expect("EACH")
            found.each_row = self.one_of("ROW", "STATEMENT") == "ROW"
        if timing == "INSTEAD OF":
            found.each_row = True
        if self.word in ("FORWARD", "REVERSE"):
            raise unsupported("a cross edition trigger", self.here)
        if self.word == "PRECEDES":
            raise unsupported("PRECEDES, which is for cross edition triggers,", self.here)
        if self.accept("FOLLOWS"):
            found.follows.append(self.dotted_name())
            while self.accept(","):
                found.follows.append(self.dotted_name())
        if self.accept("DISABLE"):
            found.enabled = False
        else:
            self.accept("ENABLE")
        found.stop = self.here
        if self.word == "WHEN":
            at = self.here
            if not found.each_row and not compound:
                raise CompileError("ORA-04077: WHEN clause cannot be used with table level triggers", at)
            self.advance()
            self.expect("(")
            found.when = n.Query(at, self.until_closing())
            self._rename(found)
        else:
            self._rename(found)
        return found

    def _events(self) -> tuple[list[str], list[str]]:
        events: list[str] = []
        columns: list[str] = []
        while True:
            if self.word not in ("INSERT", "UPDATE", "DELETE"):
                raise unsupported(f"a trigger on {self.word or self.shown}", self.here)
            events.append(self.word)
            self.advance()
            if events[-1] == "UPDATE" and self.accept("OF"):
                columns.append(self.name())
                while self.accept(","):
                    columns.append(self.name())
            if not self.accept("OR"):
                return events, columns

    def _referencing(self, names: dict[str, str]) -> None:
        while self.word in ("NEW", "OLD", "PARENT"):
            which = self.word
            if which == "PARENT":
                raise unsupported("REFERENCING PARENT", self.here)
            self.advance()
            self.accept("AS")
            names[which] = self.name()

    def _rename(self, found: n.TriggerUnit) -> None:
        """From here on the names of REFERENCING stand for NEW and OLD: write these instead."""
        own = {name: which for which, name in found.names.items() if name != which}
        if not own:
            return
        if found.when is not None:
            found.when.tokens = [
                t._replace(value=own[t.value], word=own[t.value])
                if t.kind is T.IDENT and t.value in own and found.when.tokens[i + 1].word == "."
                else t
                for i, t in enumerate([*found.when.tokens[:-1]])
            ] + found.when.tokens[-1:]
        for position in range(self.pos, len(self.tokens)):
            token = self.tokens[position]
            if token.kind is T.BIND and token.value in own:
                self.tokens[position] = token._replace(value=own[token.value])
        self.expressions.tokens = self.tokens

    def compound_body(self, found: n.TriggerUnit) -> None:
        self.expect("COMPOUND")
        self.expect("TRIGGER")
        while self.word not in ("BEFORE", "AFTER", "INSTEAD", "END"):
            declaration = self.declaration(False)
            if declaration is not None:
                found.declarations.append(declaration)
        while self.word != "END":
            at = self.here
            point = self._point()
            if point in found.sections:
                raise CompileError(f"PLS-00676: illegal, duplicate instance of {point} trigger section", at)
            self.is_or_as()
            start = self.here
            declarations = [] if self.word == "BEGIN" else self.block_declarations()[0]
            self.expect("BEGIN")
            body = self.statement_list("END", "EXCEPTION")
            handlers = self.handlers() if self.accept("EXCEPTION") else []
            self.expect("END")
            end = self.here
            if self.word != ";" and self._point() != point:
                raise CompileError(f"PLS-00113: END identifier must match '{point}'", end)
            self.expect(";")
            found.sections[point] = n.Block(start, None, declarations, body, handlers)
        if not found.sections:
            raise self.unexpected("AFTER, BEFORE or INSTEAD")
        self.expect("END")
        self.end_name(found.name)
        self.expect(";")

    def _point(self) -> str:
        timing = self.one_of("BEFORE", "AFTER", "INSTEAD")
        if timing == "INSTEAD":
            self.expect("OF")
            timing = "INSTEAD OF"
        if self.accept("STATEMENT"):
            return f"{timing} STATEMENT"
        self.expect("EACH")
        self.expect("ROW")
        return f"{timing} EACH ROW"

    def is_or_as(self) -> None:
        if not self.accept("IS"):
            self.expect("AS")
