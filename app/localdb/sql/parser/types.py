"""Data types as written: in columns, casts, JSON functions and PL/SQL declarations."""

from __future__ import annotations

from app.localdb.sql.lexer import T
from app.localdb.sql.nodes import TypeName
from app.localdb.sql.parser.base import TokenReader

_CHARACTER = frozenset(
    ["CHAR", "VARCHAR2", "VARCHAR", "NCHAR", "NVARCHAR2", "CHARACTER", "RAW", "UROWID", "STRING"]
)
_NUMERIC = frozenset(["NUMBER", "NUMERIC", "DECIMAL", "DEC", "FLOAT"])


class TypeParser(TokenReader):
    """Types of Oracle; a name that is none of them comes back as a user's type."""

    def type_name(self) -> TypeName:
        """One data type. Raises ORA-00902 where none is."""
        token = self.token
        if token.kind not in (T.IDENT, T.QUOTED):
            raise self.error(902)
        word = token.word
        found = TypeName(token.offset, word)
        if word in ("CHAR", "CHARACTER", "NCHAR") or word == "NATIONAL":
            return self._character(found)
        if word in _CHARACTER:
            self.advance()
            self._length(found)
        elif word in _NUMERIC:
            self.advance()
            self._precision(found)
        elif word == "TIMESTAMP":
            self._timestamp(found)
        elif word == "INTERVAL":
            self._interval_type(found)
        elif word == "DOUBLE":
            self.advance()
            self.expect("PRECISION", 902)
            found.name = "DOUBLE PRECISION"
        elif word == "LONG":
            self.advance()
            if self.accept("RAW"):
                found.name = "LONG RAW"
            elif self.accept("VARCHAR"):
                found.name = "LONG"
        elif word == "DATE":
            self.advance()
        else:
            self._other(found)
        return found

    def _character(self, found: TypeName) -> TypeName:
        national = self.accept("NATIONAL")
        word = self.advance().word
        if word == "CHARACTER":
            word = "CHAR"
        if word not in ("CHAR", "NCHAR"):
            raise self.error(902)
        if self.accept("VARYING"):
            found.name = "NVARCHAR2" if national or word == "NCHAR" else "VARCHAR2"
        else:
            found.name = "NCHAR" if national or word == "NCHAR" else "CHAR"
        self._length(found)
        return found

    def _length(self, found: TypeName) -> None:
        if self.accept("("):
            found.args.append(self.integer(910))
            found.semantics = self.accept_one("CHAR", "BYTE")
            self.expect_close()

    def _precision(self, found: TypeName) -> None:
        if not self.accept("("):
            return
        if self.accept("*"):
            found.args.append(None)
        else:
            found.args.append(self.integer(1727))
        if self.accept(","):
            found.args.append(self.signed_integer(1728))
        self.expect_close()

    def _timestamp(self, found: TypeName) -> None:
        self.advance()
        if self.accept("("):
            found.args.append(self.integer(30088))
            self.expect_close()
        if self.accept("WITH"):
            local = self.accept("LOCAL")
            self.expect("TIME")
            self.expect("ZONE")
            found.name = "TIMESTAMP WITH LOCAL TIME ZONE" if local else "TIMESTAMP WITH TIME ZONE"

    def _interval_type(self, found: TypeName) -> None:
        self.advance()
        leading = self.accept_one("DAY", "YEAR")
        if leading is None:
            raise self.error(902)
        found.args.append(self._digits())
        self.expect("TO")
        self.expect("SECOND" if leading == "DAY" else "MONTH")
        found.name = "INTERVAL DAY TO SECOND" if leading == "DAY" else "INTERVAL YEAR TO MONTH"
        if leading == "DAY":
            found.args.append(self._digits())

    def _digits(self) -> int | None:
        if not self.accept("("):
            return None
        digits = self.integer(30088)
        self.expect_close()
        return digits

    def _other(self, found: TypeName) -> None:
        parts = [self.advance().value]
        while self.at(".") and self.peek().kind in (T.IDENT, T.QUOTED):
            self.advance()
            parts.append(self.advance().value)
        found.name = ".".join(parts)
        found.parts = tuple(parts)
        if self.at("%") and self.peek().word in ("TYPE", "ROWTYPE"):
            self.advance()
            found.anchor = self.advance().word
        elif self.at("@"):
            raise self.unsupported("a type behind a database link")
        elif self.at("(") and len(parts) == 1 and self.peek().kind == T.NUMBER:
            # a PL/SQL subtype with a constraint: name(10)
            self._length(found)
