"""Transactions and locks: COMMIT, ROLLBACK, SAVEPOINT, SET TRANSACTION, LOCK TABLE."""

from __future__ import annotations

from app.localdb.sql import statements as s
from app.localdb.sql.lexer import T
from app.localdb.sql.parser.dml import DmlParser

Control = s.Commit | s.Rollback | s.Savepoint | s.SetTransaction | s.LockTable
CONTROL_WORDS = ("COMMIT", "ROLLBACK", "SAVEPOINT", "SET", "LOCK")


class Parser(DmlParser):
    """Everything but DDL."""

    def control(self) -> Control:
        """One statement; the current token is one of CONTROL_WORDS."""
        token = self.advance()
        if token.word == "COMMIT":
            return self._commit(token.offset)
        if token.word == "ROLLBACK":
            return self._rollback(token.offset)
        if token.word == "SAVEPOINT":
            return s.Savepoint(token.offset, self.name())
        if token.word == "LOCK":
            return self._lock(token.offset)
        return self._set(token.offset)

    def _commit(self, offset: int) -> s.Commit:
        self.accept("WORK")
        if self.accept("COMMENT"):
            if self.token.kind != T.STRING:
                raise self.error(905)
            self.advance()
        if self.at("FORCE"):
            raise self.unsupported("COMMIT FORCE")
        if self.accept("WRITE"):
            while self.accept_one("WAIT", "NOWAIT", "IMMEDIATE", "BATCH"):
                pass
        if self.token.kind != T.EOF:
            raise self.error(2185)
        return s.Commit(offset)

    def _rollback(self, offset: int) -> s.Rollback:
        self.accept("WORK")
        if self.at("FORCE"):
            raise self.unsupported("ROLLBACK FORCE")
        if self.accept("TO"):
            self.accept("SAVEPOINT")
            return s.Rollback(offset, self.name())
        if self.token.kind != T.EOF:
            raise self.error(2181)
        return s.Rollback(offset)

    def _set(self, offset: int) -> s.SetTransaction:
        if self.at("ROLE", "CONSTRAINT", "CONSTRAINTS"):
            raise self.unsupported(f"SET {self.token.word}")
        if not self.accept("TRANSACTION"):
            raise self.error(922)
        found = s.SetTransaction(offset)
        if self.accept("READ"):
            word = self.accept_one("ONLY", "WRITE")
            if word is None:
                raise self.error(905)
            found.read_only = word == "ONLY"
        elif self.accept("ISOLATION"):
            self.expect("LEVEL")
            if self.accept("SERIALIZABLE"):
                found.serializable = True
            else:
                self.expect("READ")
                self.expect("COMMITTED")
        elif not self.at("NAME"):
            raise self.error(900)
        if self.accept("NAME"):
            if self.token.kind != T.STRING:
                raise self.error(905)
            found.name = self.advance().value
        return found

    def _lock(self, offset: int) -> s.LockTable:
        self.expect("TABLE")
        found = s.LockTable(offset, [self.dotted_name()], "")
        while self.accept(","):
            found.tables.append(self.dotted_name())
        self.expect("IN", 1738)
        words = []
        while not self.at("MODE") and self.token.kind == T.IDENT:
            words.append(self.advance().word)
        self.expect("MODE")
        found.mode = " ".join(words)
        if found.mode == "SHARE UPDATE":
            found.mode = "ROW SHARE"
        if found.mode not in ("ROW SHARE", "ROW EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE"):
            raise self.error(1737)
        if self.accept("NOWAIT"):
            found.nowait = True
        elif self.accept("WAIT"):
            found.wait = self.integer()
        return found
