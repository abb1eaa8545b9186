"""The grammar of PL/SQL statements, blocks and their declarations."""

from __future__ import annotations

from app.localdb.plsql import nodes as n
from app.localdb.plsql.declarations import DeclarationParser
from app.localdb.plsql.failures import CompileError, unsupported
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.nodes import Expr

_SQL_VERBS = frozenset(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "LOCK"))


class StatementParser(DeclarationParser):
    """Parses statements; every method starts at its first word and leaves after its last."""

    def block(self, label: str | None) -> n.Block:
        """[DECLARE ...] BEGIN ... [EXCEPTION ...] END [label], without the semicolon."""
        start = self.here
        declarations: list[n.Declaration] = []
        autonomous = False
        if self.accept("DECLARE"):
            declarations, autonomous = self.block_declarations()
        self.expect("BEGIN")
        return self.rest_of_block(start, label, declarations, autonomous)

    def rest_of_block(
        self, start: int, label: str | None, declarations: list[n.Declaration], autonomous: bool
    ) -> n.Block:
        """From after BEGIN to END [label]."""
        body = self.statement_list("END", "EXCEPTION")
        handlers = self.handlers() if self.accept("EXCEPTION") else []
        self.expect("END")
        self.end_name(label)
        return n.Block(start, label, declarations, body, handlers, autonomous)

    def label(self) -> str | None:
        """<<name>>, when there is one."""
        found = None
        while self.accept("<<"):
            found = self.name()
            self.expect(">>")
        return found

    def handlers(self) -> list[n.Handler]:
        found: list[n.Handler] = []
        while self.word == "WHEN":
            start = self.here
            if found and not found[-1].names:
                raise CompileError(
                    "PLS-00370: OTHERS handler must be last among the exception handlers of a block", start
                )
            self.advance()
            names: list[tuple[str, ...]] = []
            if not self.accept("OTHERS"):
                names.append(self.dotted_name())
                while self.accept("OR"):
                    names.append(self.dotted_name())
            self.expect("THEN")
            found.append(n.Handler(start, names, self.statement_list("WHEN", "END")))
        if not found:
            raise self.unexpected("WHEN")
        return found

    def statement_list(self, *stops: str) -> list[n.Statement]:
        """One or more statements, up to one of the words `stops`."""
        found = [self.statement()]
        while self.word not in stops:
            found.append(self.statement())
        return found

    def statement(self) -> n.Statement:
        """One statement with its semicolon."""
        start = self.here
        label = self.label()
        word = self.word
        rule = _RULES.get(word)
        following = self.peek(1).word
        if (rule is not None and following not in (".", ":=", "(")) or word in _ALWAYS:
            assert rule is not None
            found = rule(self, label)
        elif word in _SQL_VERBS:
            found = self.sql(start)
        elif word in ("GOTO", "PIPE"):
            raise unsupported(word, start)
        else:
            found = self.assignment_or_call(start)
        self.expect(";")
        found.start = start
        return found

    def assignment_or_call(self, start: int) -> n.Statement:
        if self.token.kind not in (T.IDENT, T.QUOTED, T.BIND) or self.word in ("END", "EXCEPTION", "ELSE"):
            raise self.unexpected(
                "a statement: BEGIN, CASE, DECLARE, EXIT, FOR, IF, LOOP, NULL, an identifier ..."
            )
        target = self.expression()
        if self.accept(":="):
            return n.Assign(start, target, self.expression())
        if self.word != ";":
            raise self.unexpected(":= . ( @ % ;")
        return n.CallStatement(start, target)

    # Control

    def if_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("IF")
        branches = [self.branch()]
        while self.accept("ELSIF"):
            branches.append(self.branch())
        otherwise = self.statement_list("END") if self.accept("ELSE") else None
        self.expect("END")
        self.expect("IF")
        return n.If(start, branches, otherwise)

    def branch(self) -> tuple[Expr, list[n.Statement]]:
        condition = self.expression()
        self.expect("THEN")
        return condition, self.statement_list("ELSIF", "ELSE", "END", "WHEN")

    def case_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("CASE")
        selector = None if self.word == "WHEN" else self.expression()
        branches = []
        while self.accept("WHEN"):
            branches.append(self.branch())
        if not branches:
            raise self.unexpected("WHEN")
        otherwise = self.statement_list("END") if self.accept("ELSE") else None
        self.expect("END")
        self.expect("CASE")
        self.end_name(label)
        return n.CaseStatement(start, selector, branches, otherwise)

    def loop_body(self, label: str | None) -> list[n.Statement]:
        self.expect("LOOP")
        body = self.statement_list("END")
        self.expect("END")
        self.expect("LOOP")
        self.end_name(label)
        return body

    def plain_loop(self, label: str | None) -> n.Statement:
        start = self.here
        return n.Loop(start, label, self.loop_body(label))

    def while_loop(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("WHILE")
        condition = self.expression()
        return n.While(start, label, condition, self.loop_body(label))

    def for_loop(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("FOR")
        variable = self.name()
        if self.word not in ("IN",):
            raise unsupported("an iterator with its type", self.here)
        self.expect("IN")
        reverse = self.accept("REVERSE")
        if self.word == "(" and self.peek(1).word in ("SELECT", "WITH"):
            at = self.here
            self.advance()
            source: n.Query | Expr = n.Query(at, self.until_closing())
            return n.ForCursor(start, label, variable, source, self.loop_body(label))
        first = self.expression()
        if self.accept(".."):
            last = self.expression()
            if self.word in (",", "BY", "WHILE", "WHEN"):
                raise unsupported("an iteration control of 21c", self.here)
            return n.ForRange(start, label, variable, reverse, first, last, self.loop_body(label))
        return n.ForCursor(start, label, variable, first, self.loop_body(label))

    def exit_statement(self, label: str | None) -> n.Statement:
        start = self.here
        proceed = self.one_of("EXIT", "CONTINUE") == "CONTINUE"
        target = None if self.word in ("WHEN", ";") else self.name()
        condition = self.expression() if self.accept("WHEN") else None
        return n.Exit(start, proceed, target, condition)

    def return_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("RETURN")
        return n.Return(start, None if self.word == ";" else self.expression())

    def null_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("NULL")
        return n.Null(start)

    def raise_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("RAISE")
        return n.Raise(start, None if self.word == ";" else self.dotted_name())

    def nested_block(self, label: str | None) -> n.Statement:
        return self.block(label)

    # SQL

    def sql(self, start: int) -> n.Sql:
        """An embedded statement up to its semicolon; INTO and its targets are taken out."""
        verb = self.word
        if verb in ("SELECT", "WITH"):
            return self.select_into(start)
        first = self.pos
        depth = 0
        while not (self.word == ";" and depth == 0):
            if self.token.kind is T.EOF:
                raise self.unexpected(";")
            if self.word == "(":
                depth += 1
            elif self.word == ")":
                depth -= 1
            elif depth == 0 and self.word in ("RETURNING", "RETURN") and verb != "LOCK":
                return self.returning(start, verb, first)
            self.advance()
        return n.Sql(start, n.Query(start, self.tokens[first : self.pos]), verb, None)

    def returning(self, start: int, verb: str, first: int) -> n.Sql:
        while self.word not in ("INTO", "BULK"):
            if self.word == ";" or self.token.kind is T.EOF:
                raise self.unexpected("INTO or BULK")
            self.advance()
        tokens = self.tokens[first : self.pos]
        into = self.into()
        return n.Sql(start, n.Query(start, tokens), verb, into)

    def select_into(self, start: int) -> n.Sql:
        first = self.pos
        depth = 0
        tokens: list[Token] = []
        into = None
        while not (self.word == ";" and depth == 0):
            word = self.word
            if self.token.kind is T.EOF:
                raise self.unexpected(";")
            if word == "(":
                depth += 1
            elif word == ")":
                depth -= 1
            elif (
                depth == 0
                and into is None
                and (word == "INTO" or (word == "BULK" and self.peek(1).word == "COLLECT"))
            ):
                tokens = self.tokens[first : self.pos]
                into = self.into()
                first = self.pos
                continue
            self.advance()
        tokens = tokens + self.tokens[first : self.pos]
        return n.Sql(start, n.Query(start, tokens), "SELECT", into)

    def into(self) -> n.Into:
        start = self.here
        bulk = self.accept("BULK")
        if bulk:
            self.expect("COLLECT")
        self.expect("INTO")
        targets = [self.expression()]
        while self.accept(","):
            targets.append(self.expression())
        return n.Into(start, targets, bulk)

    def execute_immediate(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("EXECUTE")
        self.expect("IMMEDIATE")
        text = self.expression()
        into = self.into() if self.word in ("INTO", "BULK") else None
        using = self.using()
        returning = None
        if self.accept("RETURNING") or self.accept("RETURN"):
            returning = self.into()
        return n.ExecuteImmediate(start, text, into, using, returning)

    def using(self) -> list[n.Using]:
        found: list[n.Using] = []
        if not self.accept("USING"):
            return found
        while True:
            start = self.here
            mode = "IN"
            if self.accept("IN"):
                mode = "IN OUT" if self.accept("OUT") else "IN"
            elif self.accept("OUT"):
                mode = "OUT"
            found.append(n.Using(start, mode, self.expression()))
            if not self.accept(","):
                return found

    def open_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("OPEN")
        cursor = self.expression()
        if not self.accept("FOR"):
            return n.Open(start, cursor)
        if self.word in ("SELECT", "WITH"):
            at = self.here
            return n.OpenFor(start, cursor, n.Query(at, self.until(";")), [])
        source = self.expression()
        return n.OpenFor(start, cursor, source, self.using())

    def fetch_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("FETCH")
        cursor = self.expression()
        into = self.into()
        limit = self.expression() if self.accept("LIMIT") else None
        return n.Fetch(start, cursor, into, limit)

    def close_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("CLOSE")
        return n.Close(start, self.expression())

    def forall(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("FORALL")
        variable = self.name()
        self.expect("IN")
        low = high = indices = values = None
        if self.word == "INDICES" and self.peek(1).word == "OF":
            self.advance(2)
            indices = self.expression()
            if self.accept("BETWEEN"):
                raise unsupported("INDICES OF ... BETWEEN", self.here)
        elif self.word == "VALUES" and self.peek(1).word == "OF":
            self.advance(2)
            values = self.expression()
        else:
            low = self.expression()
            self.expect("..")
            high = self.expression()
        save = self.accept("SAVE")
        if save:
            self.expect("EXCEPTIONS")
        at = self.here
        if self.word == "EXECUTE":
            body = self.execute_immediate(None)
        elif self.word in ("INSERT", "UPDATE", "DELETE", "MERGE"):
            body = self.sql(at)
        else:
            raise self.unexpected("INSERT, UPDATE, DELETE, MERGE or EXECUTE IMMEDIATE")
        assert isinstance(body, n.Sql | n.ExecuteImmediate)
        return n.ForAll(start, variable, low, high, indices, values, save, body)

    # Transactions

    def commit_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("COMMIT")
        self.accept("WORK")
        if self.accept("WRITE"):
            for words in (("WAIT", "NOWAIT"), ("IMMEDIATE", "BATCH")) * 2:
                if self.word in words:
                    self.advance()
        if self.word == "COMMENT":
            raise unsupported("COMMIT COMMENT", self.here)
        return n.Transaction(start, "COMMIT")

    def rollback_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("ROLLBACK")
        self.accept("WORK")
        name = None
        if self.accept("TO"):
            self.accept("SAVEPOINT")
            name = self.name()
        return n.Transaction(start, "ROLLBACK", name)

    def savepoint_statement(self, label: str | None) -> n.Statement:
        start = self.here
        self.expect("SAVEPOINT")
        return n.Transaction(start, "SAVEPOINT", self.name())

    def set_transaction(self, label: str | None) -> n.Statement:
        raise unsupported("SET TRANSACTION in PL/SQL", self.here)


_RULES = {
    "BEGIN": StatementParser.nested_block,
    "DECLARE": StatementParser.nested_block,
    "IF": StatementParser.if_statement,
    "CASE": StatementParser.case_statement,
    "LOOP": StatementParser.plain_loop,
    "WHILE": StatementParser.while_loop,
    "FOR": StatementParser.for_loop,
    "EXIT": StatementParser.exit_statement,
    "CONTINUE": StatementParser.exit_statement,
    "RETURN": StatementParser.return_statement,
    "NULL": StatementParser.null_statement,
    "RAISE": StatementParser.raise_statement,
    "EXECUTE": StatementParser.execute_immediate,
    "OPEN": StatementParser.open_statement,
    "FETCH": StatementParser.fetch_statement,
    "CLOSE": StatementParser.close_statement,
    "FORALL": StatementParser.forall,
    "COMMIT": StatementParser.commit_statement,
    "ROLLBACK": StatementParser.rollback_statement,
    "SAVEPOINT": StatementParser.savepoint_statement,
    "SET": StatementParser.set_transaction,
}
_ALWAYS = frozenset(("BEGIN", "DECLARE", "IF", "CASE", "LOOP", "WHILE", "FOR", "RETURN"))
"""Reserved words: a statement that starts with one is never a call, whatever follows."""
