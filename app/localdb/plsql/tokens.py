"""Reading tokens one after the other: the base of the PL/SQL parser."""

from __future__ import annotations

from app.localdb.errors import OracleError
from app.localdb.plsql.failures import CompileError, unexpected, unsupported
from app.localdb.sql.lexer import T, Token, tokenize
from app.localdb.sql.nodes import Expr
from app.localdb.sql.parser import Parser


class TokenReader:
    """A place in the tokens of one text. Words are compared upper case."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.tokens = tokenize(text)
        except OracleError as error:
            if text[error.offset : error.offset + 1] == "$":
                raise unsupported("conditional compilation", error.offset) from error
            raise CompileError(error.text, error.offset) from error
        self.pos = 0
        self.autonomous = False
        self.expressions = Parser(self.tokens, text=text, plsql=True)

    @property
    def token(self) -> Token:
        return self.tokens[self.pos]

    @property
    def word(self) -> str:
        return self.tokens[self.pos].word

    @property
    def here(self) -> int:
        return self.tokens[self.pos].offset

    @property
    def shown(self) -> str:
        """The present word as it stands in the text, upper case."""
        token = self.token
        return self.text[token.offset : token.end].upper()

    def peek(self, ahead: int) -> Token:
        return self.tokens[min(self.pos + ahead, len(self.tokens) - 1)]

    def advance(self, count: int = 1) -> None:
        self.pos = min(self.pos + count, len(self.tokens) - 1)

    def accept(self, word: str) -> bool:
        if self.tokens[self.pos].word == word:
            self.advance()
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.unexpected(word.lower())

    def one_of(self, *words: str) -> str:
        word = self.word
        if word not in words:
            raise self.unexpected(", ".join(words))
        self.advance()
        return word

    def unexpected(self, wanted: str) -> CompileError:
        return unexpected(self.shown, wanted, self.here)

    def name(self) -> str:
        """One identifier."""
        token = self.token
        if token.kind not in (T.IDENT, T.QUOTED):
            raise self.unexpected("an identifier")
        self.advance()
        return token.value

    def dotted_name(self) -> tuple[str, ...]:
        parts = [self.name()]
        while self.word == "." and self.peek(1).kind in (T.IDENT, T.QUOTED):
            self.advance()
            parts.append(self.name())
        return tuple(parts)

    def end_name(self, wanted: str | None) -> None:
        """The optional name after END; a wrong one is PLS-00113."""
        if self.token.kind not in (T.IDENT, T.QUOTED):
            return
        at = self.here
        found = self.name()
        if found != wanted:
            if wanted is None:
                raise unexpected(found, ";", at)
            raise CompileError(f"PLS-00113: END identifier '{found}' must match '{wanted}'", at)

    def until(self, stop: str) -> list[Token]:
        """The tokens up to the word `stop` outside parentheses, which stays."""
        first = self.pos
        depth = 0
        while not (depth == 0 and self.word == stop):
            if self.token.kind is T.EOF:
                raise self.unexpected(stop)
            if self.word == "(":
                depth += 1
            elif self.word == ")":
                depth -= 1
            self.advance()
        return self.tokens[first : self.pos]

    def until_closing(self) -> list[Token]:
        """After an opening parenthesis: the tokens inside; leaves after the closing one."""
        inside = self.until(")")
        self.advance()
        return inside

    def expression(self) -> Expr:
        """One expression or condition, read by the SQL room's parser."""
        self.expressions.pos = self.pos
        try:
            found = self.expressions.expression()
        except OracleError as error:
            if error.code == 3001:
                raise CompileError(error.text, error.offset) from error
            token = self.expressions.token
            raise unexpected(
                self.text[token.offset : token.end].upper(), "an expression", token.offset
            ) from error
        self.pos = self.expressions.pos
        return found
