"""Users, roles, grants, ALTER SESSION; and the dispatch of every DDL statement by its first words."""

from __future__ import annotations

from app.localdb.contract import Column, Kind, OraType
from app.localdb.errors import OracleError
from app.localdb.sql.compiled import ColumnChange, Compiled, Effect, Grant
from app.localdb.sql.ddl.columns import ColumnDefinition
from app.localdb.sql.ddl.objects import ObjectsDdl
from app.localdb.sql.lexer import T
from app.localdb.sql.refusals import refuse
from app.localdb.sql.types import Ty, text_literal

_UNITS = frozenset(["PACKAGE", "PROCEDURE", "FUNCTION", "TRIGGER", "TYPE", "LIBRARY", "JAVA"])
_OTHERS = frozenset(["ANALYZE", "FLASHBACK", "AUDIT", "NOAUDIT", "ASSOCIATE", "DISASSOCIATE", "ADMINISTER"])
_OBJECT_PRIVILEGES = frozenset(
    ["SELECT", "READ", "INSERT", "UPDATE", "DELETE", "ALTER", "INDEX", "REFERENCES", "EXECUTE", "DEBUG", "FLASHBACK",
     "ALL", "ON COMMIT REFRESH", "QUERY REWRITE"]
)  # fmt: skip


class AccountsDdl(ObjectsDdl):
    """The whole of DDL."""

    def compile(self) -> Compiled:
        """Read the statement. Raises ORA-00900, ORA-00901, ORA-00940, ORA-00950 for what is none."""
        word = self.advance().word
        if word == "CREATE":
            self._create()
        elif word == "ALTER":
            self._alter()
        elif word == "DROP":
            self.drop()
        elif word == "TRUNCATE":
            self.truncate()
        elif word == "COMMENT":
            self.expect("ON", 969)
            self.comment()
        elif word == "GRANT":
            self._grant(revoke=False)
        elif word == "REVOKE":
            self._grant(revoke=True)
        elif word == "RENAME":
            self.rename()
        elif word == "PURGE":
            while self.token.kind != T.EOF:
                self.advance()
        elif word in _OTHERS:
            raise self.unsupported(word, 0)
        else:
            raise refuse(900, 0)
        return self.finish()

    def _create(self) -> None:
        replace = self.replacing = self.accept("OR", "REPLACE")
        forced = self.accept("FORCE")
        self.accept("NO", "FORCE")
        if self.accept_one("EDITIONABLE", "NONEDITIONABLE"):
            pass
        if self.token.word in _UNITS:
            while self.token.kind != T.EOF:
                self.advance()
            self.out.kind, self.out.effect = Kind.PLSQL, Effect.CREATE_UNIT
        elif self.accept("TABLE"):
            self.create_table()
        elif self.accept("GLOBAL", "TEMPORARY", "TABLE"):
            self.create_table(temporary=True)
        elif self.accept("UNIQUE", "INDEX"):
            self.create_index(unique=True)
        elif self.accept("INDEX"):
            self.create_index(unique=False)
        elif self.accept("VIEW"):
            try:
                self.create_view()
            except OracleError as error:
                if forced and error.code in (904, 942, 1031):
                    raise self.unsupported("CREATE FORCE VIEW of a query with errors") from error
                raise
        elif self.accept("SEQUENCE"):
            self.create_sequence()
        elif self.at("SYNONYM") or self.at_sequence("PUBLIC", "SYNONYM"):
            public = self.accept("PUBLIC")
            self.advance()
            self.create_synonym(public=public, replace=replace)
        elif self.accept("USER"):
            self._user(Effect.CREATE_USER)
        elif self.accept("ROLE"):
            self.out.effect = Effect.CREATE_ROLE
            self.out.options = {"if_not_exists": self.if_not_exists()}
            self.out.names = [self.name()]
            self.accept("NOT", "IDENTIFIED")
        elif self.token.kind == T.IDENT:
            raise self.unsupported(f"CREATE {self.token.word}")
        else:
            raise self.error(901)

    def _alter(self) -> None:
        if self.accept("TABLE"):
            self.alter_table()
        elif self.accept("INDEX"):
            self.alter_index()
        elif self.accept("SEQUENCE"):
            self.alter_sequence()
        elif self.accept("SESSION"):
            self._alter_session()
        elif self.accept("SYSTEM"):
            self._alter_system()
        elif self.accept("USER"):
            self._user(Effect.ALTER_USER)
        elif self.token.word in _UNITS or self.at("VIEW"):
            self._compile_unit()
        elif self.token.kind == T.IDENT:
            raise self.unsupported(f"ALTER {self.token.word}")
        else:
            raise self.error(940)

    def _compile_unit(self) -> None:
        kind = self.advance().word
        schema, name = self.schema_name(4043)
        if kind == "TRIGGER" and self.at("ENABLE", "DISABLE"):
            found = self.catalog.resolve(schema, name, schema)
            if found is None or found.kind != "TRIGGER":
                raise self.error(4080, name)
            change = self.change("ALTER", "TRIGGER", schema, name)
            enabled = str(self.advance().word == "ENABLE").lower()
            texts = ", ".join(text_literal(each) for each in (change.schema, change.name))
            self.emit(f"select concord_catalog.enable_trigger({texts}, {enabled})")
            return
        self.expect("COMPILE", 922)
        self.accept("DEBUG")
        if self.accept("BODY"):
            kind += " BODY"
        self.accept("SPECIFICATION")
        self.accept("PACKAGE")
        self.accept("REUSE", "SETTINGS")
        self.out.effect = Effect.ALTER_UNIT
        self.out.names = [schema, name]
        self.out.options = {"kind": kind}

    def _alter_session(self) -> None:
        self.out.effect = Effect.ALTER_SESSION
        if self.accept_one("ENABLE", "DISABLE", "FORCE", "CLOSE"):
            raise self.unsupported("ALTER SESSION other than SET")
        self.expect("SET", 922)
        while self.token.kind == T.IDENT:
            name = self.advance().value
            self.expect("=", 922)
            token = self.token
            if token.kind == T.EOF:
                raise self.error(2248)
            value = token.value
            self.advance()
            while self.at("+", "-", ":") or value[-1:] in ("+", "-", ":"):
                value += self.advance().value
            self.out.options[name] = value
        if not self.out.options:
            raise self.error(2248)

    def _alter_system(self) -> None:
        """ALTER SYSTEM KILL | DISCONNECT SESSION 'sid,serial#' [IMMEDIATE | POST_TRANSACTION]."""
        if not (self.accept("KILL", "SESSION") or self.accept("DISCONNECT", "SESSION")):
            raise self.unsupported("ALTER SYSTEM other than KILL SESSION")
        if self.token.kind != T.STRING:
            raise self.error(26)
        numbers = self.advance().value.replace(" ", "").split(",")
        if len(numbers) < 2 or not (numbers[0].isdigit() and numbers[1].isdigit()):
            raise self.error(26)
        if self.at("POST_TRANSACTION"):
            raise self.unsupported("POST_TRANSACTION")
        self.accept("IMMEDIATE")
        self.out.effect = Effect.KILL_SESSION
        self.out.names = numbers[:2]

    # -- users -------------------------------------------------------------------------------------------

    def _user(self, effect: Effect) -> None:
        self.out.effect = effect
        options = self.out.options
        if effect is Effect.CREATE_USER:
            options["if_not_exists"] = self.if_not_exists()
        self.out.names = [self.name(1935)]
        while self.token.kind != T.EOF:
            if self.accept("IDENTIFIED"):
                if self.accept_one("EXTERNALLY", "GLOBALLY"):
                    raise self.unsupported("external authentication")
                self.expect("BY", 924)
                options["password"] = self._password()
                if self.accept("REPLACE"):
                    self._password()
            elif self.accept("NO", "AUTHENTICATION"):
                options["no_authentication"] = True
            elif self.at("DEFAULT", "TEMPORARY") and self.peek().word == "TABLESPACE":
                self.advance()
                self.advance()
                options["tablespace"] = self.name()
            elif self.accept("QUOTA"):
                size = -1 if self.accept("UNLIMITED") else self._size()
                self.expect("ON", 969)
                options.setdefault("quotas", {})[self.name()] = size
            elif self.accept("ACCOUNT"):
                options["locked"] = self.accept_one("LOCK", "UNLOCK") == "LOCK"
            elif self.accept("PROFILE"):
                self.name() if not self.accept("DEFAULT") else None
            elif self.accept("PASSWORD"):
                self.expect("EXPIRE", 922)
                raise self.unsupported("PASSWORD EXPIRE")
            elif self.accept("ENABLE", "EDITIONS"):
                pass
            elif self.accept("DEFAULT", "ROLE"):
                self.accept_one("ALL", "NONE")
            else:
                raise self.error(922)

    def _password(self) -> str:
        token = self.token
        if token.kind not in (T.IDENT, T.QUOTED):
            raise self.error(988)
        self.advance()
        # A password keeps its case although it looks like an identifier.
        return token.value if token.kind == T.QUOTED else self.text[token.offset : token.end]

    def _size(self) -> int:
        """A size: a number with K, M, G or T. The lexer gives `10M` as a number and a name, or as one name."""
        size = self.integer(2248)
        unit = self.accept_one("K", "M", "G", "T")
        return size * 1024 ** ("KMGT".index(unit) + 1) if unit else size

    def drop_account(self) -> None:
        kind = self.accept_one("USER", "ROLE")
        if kind is None:
            if self.token.kind == T.IDENT:
                raise self.unsupported(f"DROP {self.token.word}")
            raise self.error(950)
        self.out.effect = Effect.DROP_USER if kind == "USER" else Effect.DROP_ROLE
        self.out.options = {"if_exists": self.if_exists()}
        self.out.names = [self.name()]
        if kind == "USER":
            self.out.options["cascade"] = self.accept("CASCADE")

    # -- grants ------------------------------------------------------------------------------------------

    def _grant(self, *, revoke: bool) -> None:
        self.out.effect = Effect.REVOKE if revoke else Effect.GRANT
        privileges: list[str] = []
        columns: dict[str, list[str]] = {}
        while True:
            words = []
            while self.token.kind in (T.IDENT, T.QUOTED) and not self.at("ON", "TO", "FROM"):
                words.append(self.advance().value)
                if self.at("(") and len(words) == 1:
                    columns[words[0]] = self.names_in_parentheses()
            if not words:
                raise self.error(990)
            privilege = " ".join(words)
            privileges.append("ALL" if privilege == "ALL PRIVILEGES" else privilege)
            if not self.accept(","):
                break
        grant = Grant(privileges, [], columns=columns)
        if self.accept("ON"):
            if self.at("DIRECTORY", "USER", "EDITION"):
                raise self.unsupported(f"GRANT ... ON {self.token.word}")
            for privilege in privileges:
                if privilege not in _OBJECT_PRIVILEGES:
                    raise refuse(990, 0)
            offset = self.offset
            parts = self.dotted_name(903)
            found = self.catalog.resolve(
                parts[0] if len(parts) == 2 else None, parts[-1], self.asked.current_schema
            )
            if found is None:
                raise refuse(942, offset)
            grant.schema, grant.object = found.schema, found.name
        self.expect("FROM" if revoke else "TO", 923 if revoke else 946)
        while True:
            grant.grantees.append("PUBLIC" if self.accept("PUBLIC") else self.name(987))
            if not self.accept(","):
                break
        if self.accept("WITH"):
            self.accept_one("GRANT", "ADMIN")
            self.expect("OPTION")
            grant.grantable = True
        if revoke:
            self.accept("CASCADE", "CONSTRAINTS")
            self.accept("FORCE")
        if self.accept("IDENTIFIED"):
            raise self.unsupported("GRANT ... IDENTIFIED BY")
        self.out.grant = grant

    def view_column(self, name: str, column: Column) -> ColumnChange:
        """A view's column as the catalogue keeps it."""
        definition = ColumnDefinition(name, 0)
        definition.ty = Ty(
            column.type, column.precision, column.scale, column.size, column.chars,
            national=column.national, bpchar=column.type is OraType.CHAR, is_json=column.is_json,
        )  # fmt: skip
        change = self.entry(definition)
        change.is_json = column.is_json
        return change
