"""What all DDL shares: the parser, names with their schema, the physical clauses that mean nothing here."""

from __future__ import annotations

import zlib

from app.localdb.contract import Kind
from app.localdb.errors import OracleError
from app.localdb.sql.catalog import ObjectInfo
from app.localdb.sql.compiled import Compiled, Effect, TableChange
from app.localdb.sql.lexer import T
from app.localdb.sql.parser.dml import DmlParser
from app.localdb.sql.translate.base import Circumstances
from app.localdb.sql.types import quote, text_literal

# Clauses of storage and planning with one argument, and those with none. They change no result.
_WITH_NUMBER = frozenset(["PCTFREE", "PCTUSED", "INITRANS", "MAXTRANS"])
_ALONE = frozenset(
    [
        "LOGGING", "NOLOGGING", "NOCOMPRESS", "COMPRESS", "NOCACHE", "CACHE", "NOPARALLEL", "PARALLEL",
        "ROWDEPENDENCIES", "NOROWDEPENDENCIES", "MONITORING", "NOMONITORING", "ONLINE", "COMPUTE", "REVERSE",
        "NOREVERSE", "VISIBLE", "SORT", "NOSORT",
    ]
)  # fmt: skip


class DdlBase(DmlParser):
    """A parser that collects PostgreSQL statements and catalogue changes on its way."""

    def __init__(self, text: str, circumstances: Circumstances) -> None:
        super().__init__(text, play=circumstances.play)
        self.asked = circumstances
        self.catalog = circumstances.catalog
        self.out = Compiled(Kind.DDL, effect=Effect.DDL)
        self.replacing = False  # CREATE OR REPLACE
        self.moot = False  # IF [NOT] EXISTS found that there is nothing to do

    def emit(self, statement: str) -> None:
        self.out.statements.append(statement)

    def invalidate_views(self, schema: str, name: str, column: str = "") -> None:
        """Before something is taken from under views: those over the table or view, or only over that column."""
        target = f"{text_literal(self.qualified(schema, name))}::pg_catalog.regclass"
        part = "0"
        if column:
            part = f"(select attnum from pg_catalog.pg_attribute where attrelid = {target} and attname = {text_literal(column)})"
        self.emit(f"select concord_catalog.invalidate_views('pg_catalog.pg_class', {target}, {part})")

    def change(self, action: str, kind: str, schema: str, name: str) -> TableChange:
        """A new entry for the catalogue."""
        entry = TableChange(action, kind, schema, name)
        self.out.changes.append(entry)
        return entry

    def finish(self) -> Compiled:
        """The statement must end here. Raises ORA-00933 or ORA-00922."""
        if self.token.kind != T.EOF:
            raise self.error(922)
        if self.moot:
            self.out.statements.clear()
            self.out.changes.clear()
        return self.out

    # -- IF [NOT] EXISTS of 23ai -----------------------------------------------------------------------

    def if_not_exists(self) -> bool:
        """IF NOT EXISTS before a name that is made. 19c takes IF for the name and stumbles over NOT."""
        if self.play == "19c" or not self.accept("IF", "NOT", "EXISTS"):
            return False
        if self.replacing:
            raise self.error(11541)
        return True

    def if_exists(self) -> bool:
        """IF EXISTS before a name that is altered or dropped. 19c takes IF for the name: ORA-00933 after it."""
        if not self.at_sequence("IF", "EXISTS"):
            return False
        self.advance()
        if self.play == "19c":
            raise self.error(933)
        self.advance()
        return True

    def skip_rest(self) -> None:
        """What is left of a statement that does nothing."""
        while self.token.kind != T.EOF:
            self.advance()

    def is_there(self, kind: str, schema: str, name: str) -> bool:
        """Whether an object of that kind exists, its owner aside no matter who may see it."""
        found = self.catalog.resolve(schema, name, schema)
        return found is not None and found.kind == kind and (found.schema, found.name) == (schema, name)

    # -- names -----------------------------------------------------------------------------------------

    def schema_name(self, code: int = 903) -> tuple[str, str]:
        """[schema.]name of an object that is made here; the current schema by default."""
        parts = self.dotted_name(code)
        if len(parts) > 2:
            raise self.error(code)
        schema = parts[0] if len(parts) == 2 else self.asked.current_schema
        if len(parts) == 2 and not self.catalog.schema_exists(schema):
            raise self.error(1918, schema) if schema != "SYS" else self.error(1031)
        return schema, parts[-1]

    def existing(self, kind: str, code: int) -> ObjectInfo:
        """[schema.]name of an object of a kind that exists; `code` at its name when it does not."""
        offset = self.offset
        parts = self.dotted_name(903)
        found = self.catalog.resolve(
            parts[0] if len(parts) == 2 else None, parts[-1], self.asked.current_schema
        )
        if found is None or found.kind != kind or len(parts) > 2:
            raise self._at(offset, code)
        return found

    def existing_if_any(self, kind: str, code: int) -> ObjectInfo | None:
        """[IF EXISTS] name: None, and the rest read, when IF EXISTS finds nothing."""
        optional, start = self.if_exists(), self.position
        try:
            return self.existing(kind, code)
        except OracleError:
            if not optional:
                raise
        self.seek(start)
        self.skip_rest()
        return None

    def _at(self, offset: int, code: int) -> Exception:
        from app.localdb.sql.refusals import refuse

        return refuse(code, offset)

    def system_name(self, *parts: str) -> str:
        """A name of the kind that Oracle gives to a constraint without one: SYS_C and digits."""
        return f"SYS_C{zlib.crc32('.'.join((self.text, *parts)).encode()) % 10**8:08d}"

    @staticmethod
    def qualified(schema: str, name: str) -> str:
        return f"{quote(schema)}.{quote(name)}"

    # -- clauses that mean nothing here ------------------------------------------------------------------

    def skip_physical(self) -> None:
        """Storage, logging, compression, parallelism: read and forgotten, for they change no result."""
        while True:
            word = self.token.word
            if word in _WITH_NUMBER:
                self.advance()
                self.integer(2211)
            elif word == "TABLESPACE":
                self.advance()
                self.name()
            elif word == "STORAGE":
                self.advance()
                self.expect_open()
                while not self.accept(")"):
                    if self.token.kind == T.EOF:
                        raise self.error(907)
                    self.advance()
            elif word == "SEGMENT":
                self.advance()
                self.expect("CREATION")
                if self.accept_one("IMMEDIATE", "DEFERRED") is None:
                    raise self.error(922)
            elif word in ("ENABLE", "DISABLE") and self.peek().word == "ROW":
                self.advance()
                self.advance()
                self.expect("MOVEMENT")
            elif word == "COMPUTE":
                self.advance()
                self.expect("STATISTICS")
            elif word == "ROW" and self.peek().word == "STORE":
                self.advance()
                self.advance()
                self.expect("COMPRESS")
                self.accept_one("BASIC", "ADVANCED")
            elif word in _ALONE:
                self.advance()
                if self.token.kind == T.NUMBER and word in ("COMPRESS", "PARALLEL"):
                    self.advance()
            else:
                return
