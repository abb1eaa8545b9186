"""Reading tokens: what every part of the parser does all the time."""

from __future__ import annotations

from app.localdb.errors import OracleError
from app.localdb.sql.lexer import T, Token, tokenize
from app.localdb.sql.refusals import refuse, unsupported

# V$RESERVED_WORDS of Oracle 19c with RESERVED = 'Y': no unquoted name can be one of these.
# fmt: off
RESERVED = frozenset(
    [
        "ACCESS", "ADD", "ALL", "ALTER", "AND", "ANY", "AS", "ASC", "AUDIT", "BETWEEN", "BY", "CHAR",
        "CHECK", "CLUSTER", "COLUMN", "COLUMN_VALUE", "COMMENT", "COMPRESS", "CONNECT", "CREATE",
        "CURRENT", "DATE", "DECIMAL", "DEFAULT", "DELETE", "DESC", "DISTINCT", "DROP", "ELSE",
        "EXCLUSIVE", "EXISTS", "FILE", "FLOAT", "FOR", "FROM", "GRANT", "GROUP", "HAVING", "IDENTIFIED",
        "IMMEDIATE", "IN", "INCREMENT", "INDEX", "INITIAL", "INSERT", "INTEGER", "INTERSECT", "INTO",
        "IS", "LEVEL", "LIKE", "LOCK", "LONG", "MAXEXTENTS", "MINUS", "MLSLABEL", "MODE", "MODIFY",
        "NESTED_TABLE_ID", "NOAUDIT", "NOCOMPRESS", "NOT", "NOWAIT", "NULL", "NUMBER", "OF", "OFFLINE",
        "ON", "ONLINE", "OPTION", "OR", "ORDER", "PCTFREE", "PRIOR", "PUBLIC", "RAW", "RENAME",
        "RESOURCE", "REVOKE", "ROW", "ROWID", "ROWNUM", "ROWS", "SELECT", "SESSION", "SET", "SHARE",
        "SIZE", "SMALLINT", "START", "SUCCESSFUL", "SYNONYM", "SYSDATE", "TABLE", "THEN", "TO",
        "TRIGGER", "UID", "UNION", "UNIQUE", "UPDATE", "USER", "VALIDATE", "VALUES", "VARCHAR",
        "VARCHAR2", "VIEW", "WHENEVER", "WHERE", "WITH",
    ]
)
# fmt: on
MAX_NAME = 63  # PostgreSQL's limit in bytes; Oracle's is 128


class TokenReader:
    """A position in a list of tokens. `plsql` switches on what only PL/SQL expressions may contain."""

    def __init__(
        self,
        source: str | list[Token],
        *,
        text: str | None = None,
        plsql: bool = False,
        play: str = "19c",
        position: int = 0,
    ) -> None:
        """`source` is the text or its tokens (then `text` is the text they came from)."""
        self.text = source if isinstance(source, str) else (text or "")
        self.tokens = tokenize(source) if isinstance(source, str) else _with_end(source)
        self.position = position
        self.plsql = plsql
        self.embedded = False  # a statement inside PL/SQL: :NEW.x and RETURNING without INTO
        self.play = play
        self.bind_count = 0
        self.binds: list[str] = []
        self.conditional = False  # whether parentheses may hold a condition here
        self.token = self.tokens[position]

    # -- looking ---------------------------------------------------------------------------------------

    @property
    def offset(self) -> int:
        """Where the current token stands."""
        return self.token.offset

    def peek(self, ahead: int = 1) -> Token:
        """The token `ahead` places on; EOF stays EOF."""
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else self.tokens[-1]

    def at(self, *words: str) -> bool:
        """Whether the current token is one of these keywords or operators."""
        return self.token.word in words

    def at_sequence(self, *words: str) -> bool:
        """Whether these keywords or operators come next, in this order."""
        return all(self.peek(i).word == word for i, word in enumerate(words))

    def at_name(self) -> bool:
        """Whether the current token can be a name: quoted, or an identifier that is not reserved."""
        kind = self.token.kind
        return kind == T.QUOTED or (kind == T.IDENT and self.token.value not in RESERVED)

    @property
    def pos(self) -> int:
        """Index of the current token; PL/SQL's parser moves it."""
        return self.position

    @pos.setter
    def pos(self, position: int) -> None:
        self.seek(position)

    # -- moving ----------------------------------------------------------------------------------------

    def advance(self) -> Token:
        """The current token; the next one becomes current."""
        token = self.token
        if token.kind != T.EOF:
            self.position += 1
            self.token = self.tokens[self.position]
        return token

    def seek(self, position: int) -> None:
        """Go (back) to a position."""
        self.position = position
        self.token = self.tokens[position]

    def accept(self, *words: str) -> bool:
        """Take these keywords or operators if they come next, in this order."""
        if self.token.word != words[0] or not words[0]:
            return False
        if len(words) > 1 and not self.at_sequence(*words):
            return False
        for _ in words:
            self.advance()
        return True

    def accept_one(self, *words: str) -> str | None:
        """Take the current token if it is one of these; answer which."""
        word = self.token.word
        if word and word in words:
            self.advance()
            return word
        return None

    def expect(self, word: str, code: int = 905) -> Token:
        """Take `word` or raise `code` here."""
        if self.token.word != word:
            raise self.error(code)
        return self.advance()

    def expect_open(self) -> None:
        self.expect("(", 906)

    def expect_close(self) -> None:
        self.expect(")", 907)

    def error(self, code: int, *names: object) -> OracleError:
        """An error at the current token."""
        return refuse(code, self.token.offset, *names)

    def unsupported(self, what: str, offset: int | None = None) -> OracleError:
        """ORA-03001 for `what` at the current token."""
        return unsupported(what, self.token.offset if offset is None else offset)

    # -- names and numbers -----------------------------------------------------------------------------

    def name(self, code: int = 904) -> str:
        """One name. Raises `code` when none is here, ORA-00972 when it is too long."""
        token = self.token
        if not self.at_name():
            if code == 904:
                raise self.error(904, f'"{token.value}"' if token.kind == T.IDENT else ": invalid")
            raise self.error(code)
        self.advance()
        return self.checked_name(token)

    def checked_name(self, token: Token) -> str:
        """The name a token holds. Raises ORA-00972 beyond 128 bytes, ORA-03001 beyond PostgreSQL's 63."""
        value = token.value
        if len(value) > MAX_NAME // 4:
            size = len(value.encode())
            if size > 128:
                raise refuse(972, token.offset)
            if size > MAX_NAME:
                raise unsupported(f"a name longer than {MAX_NAME} bytes ({value})", token.offset)
        return value

    def dotted_name(self, code: int = 903) -> tuple[str, ...]:
        """a, a.b or a.b.c. A database link is refused by name."""
        parts = [self.name(code)]
        while self.accept("."):
            parts.append(self.name(code))
        if self.at("@"):
            raise self.unsupported("a database link")
        return tuple(parts)

    def integer(self, code: int = 905) -> int:
        """An unsigned integer literal."""
        token = self.token
        if token.kind != T.NUMBER or not token.value.isdigit():
            raise self.error(code)
        self.advance()
        return int(token.value)

    def signed_integer(self, code: int = 905) -> int:
        """An integer literal with an optional sign."""
        sign = -1 if self.accept("-") else 1
        self.accept("+")
        return sign * self.integer(code)

    def source_text(self, start: int, end_token: int | None = None) -> str:
        """The text from offset `start` to the end of the last token taken."""
        last = self.tokens[(self.position if end_token is None else end_token) - 1]
        return self.text[start : last.end]


def _with_end(tokens: list[Token]) -> list[Token]:
    """The tokens with EOF at their end: a slice of a PL/SQL unit comes without."""
    if tokens and tokens[-1].kind == T.EOF:
        return tokens
    end = tokens[-1].end if tokens else 0
    return [*tokens, Token(T.EOF, "", "", end, end)]
