"""Views, sequences, synonyms, comments, TRUNCATE, RENAME, and every DROP."""

from __future__ import annotations

from abc import abstractmethod

from app.localdb.contract import Column, Kind
from app.localdb.sql.compiled import ColumnChange, Effect, make_temporary
from app.localdb.sql.ddl.tables import TablesDdl
from app.localdb.sql.refusals import refuse
from app.localdb.sql.types import quote, text_literal

_UNITS = frozenset(["PACKAGE", "PROCEDURE", "FUNCTION", "TRIGGER", "TYPE"])


class ObjectsDdl(TablesDdl):
    """Objects other than tables and their indexes."""

    @abstractmethod
    def view_column(self, name: str, column: Column) -> ColumnChange: ...

    def create_view(self) -> None:
        """After CREATE [OR REPLACE] [FORCE] VIEW."""
        from app.localdb.sql import compile as compile_sql

        optional = self.if_not_exists()
        schema, view = self.schema_name()
        self.moot = optional and self.is_there("VIEW", schema, view)
        names: list[str] = []
        if self.at("("):
            names = self.names_in_parentheses()
        self.expect("AS")
        start = self.offset
        self.query()
        text = self.source_text(start)
        read_only = self.accept("WITH", "READ", "ONLY")
        checked = not read_only and self.accept("WITH", "CHECK", "OPTION")
        if (read_only or checked) and self.at("CONSTRAINT"):
            raise self.unsupported("a named constraint of a view")
        compiled = compile_sql(
            text, self.catalog, user=self.asked.user, current_schema=schema, play=self.play, stored=True
        )
        if compiled.params:
            raise refuse(1027, start)
        if any(self.is_there("SEQUENCE", *table) for table in compiled.tables):
            raise refuse(2287, start)
        if names and len(names) != len(compiled.columns):
            raise refuse(1730, start)
        if not names and compiled.options.get("unnamed"):
            raise refuse(998, start)
        names = names or [column.name for column in compiled.columns]
        if len(set(names)) < len(names):
            raise refuse(957, start)
        listed = ", ".join(quote(name) for name in names)
        stars = sorted(compiled.options.get("stars", {}).items(), reverse=True)
        for place, (star, stood_for) in stars:  # when the view was made
            text = text[:place] + stood_for + text[place + len(star) :]
        option = " with check option" if checked else ""
        made = f"view {self.qualified(schema, view)} ({listed}) as {compiled.pg_text}{option}"
        if self.replacing:
            texts = ", ".join(text_literal(each) for each in (schema, view, made))
            self.emit(f"select concord_catalog.replace_view({texts})")
        else:
            self.emit(f"create {made}")
        entry = self.change("CREATE", "VIEW", schema, view)
        entry.text = text
        entry.options["texts"] = {"$mode": "READ ONLY" if read_only else "CHECK OPTION" if checked else ""}
        entry.options["made"] = made
        for column, name in zip(compiled.columns, names, strict=True):
            entry.columns.append(self.view_column(name, column))

    def create_sequence(self) -> None:
        optional = self.if_not_exists()
        schema, sequence = self.schema_name(2277)
        self.moot = optional and self.is_there("SEQUENCE", schema, sequence)
        options = self.sequence_options()
        self.emit(f"create sequence {self.qualified(schema, sequence)} {options}")
        self.change("CREATE", "SEQUENCE", schema, sequence)

    def alter_sequence(self) -> None:
        found = self.existing_if_any("SEQUENCE", 2289)
        if found is None:
            return
        restarted = self.accept("RESTART")
        if not restarted and self.at("START"):
            raise self.error(2283)
        options = self.sequence_options().replace("start with", "restart with")
        if restarted and "restart with" not in options:
            options += " restart"
        self.emit(f"alter sequence {self.qualified(found.schema, found.name)} {options}")
        self.change("ALTER", "SEQUENCE", found.schema, found.name)

    def create_synonym(self, *, public: bool, replace: bool) -> None:
        self.out.effect = Effect.CREATE_SYNONYM
        optional = self.if_not_exists()
        schema, synonym = self.schema_name(995)
        self.expect("FOR")
        parts = self.dotted_name(903)
        target = (parts[0], parts[-1]) if len(parts) == 2 else (self.asked.current_schema, parts[-1])
        self.out.names = ["PUBLIC" if public else schema, synonym]
        self.out.options = {
            "target": target, "replace": replace, "public": public, "if_not_exists": optional
        }  # fmt: skip

    def comment(self) -> None:
        """After COMMENT ON: TABLE or COLUMN name IS 'text'."""
        kind = self.accept_one("TABLE", "COLUMN", "MATERIALIZED", "INDEXTYPE", "OPERATOR")
        if kind not in ("TABLE", "COLUMN"):
            raise self.error(905) if kind is None else self.unsupported(f"COMMENT ON {kind}")
        offset = self.offset
        parts = list(self.dotted_name(903))
        column = None
        if kind == "COLUMN":
            if len(parts) < 2:
                raise refuse(1748, offset)
            column = parts.pop()
        schema = parts[0] if len(parts) == 2 else None
        found = self.catalog.resolve(schema, parts[-1], self.asked.current_schema)
        if found is None:
            raise refuse(942, offset)
        if column is not None and column not in found.by_name:
            raise refuse(904, offset, f'"{column}"')
        self.expect("IS")
        text = self.token.value
        if self.token.word or (not text and self.pos >= len(self.tokens) - 1):
            raise self.error(1780)
        self.advance()
        self.out.effect = Effect.COMMENT
        self.out.options = {"schema": found.schema, "object": found.name, "column": column, "text": text}

    def truncate(self) -> None:
        self.expect("TABLE", 3290)
        found = self.existing("TABLE", 942)
        self.accept("DROP", "STORAGE")
        self.accept("REUSE", "STORAGE")
        cascade = " cascade" if self.accept("CASCADE") else ""
        if found.temporary is not None:
            self.emit(make_temporary(found))
        self.emit(f"truncate table {found.relation}{cascade}")
        self.change("TRUNCATE", "TABLE", found.schema, found.name)

    def rename(self) -> None:
        """RENAME old TO new: an object of the own schema."""
        offset = self.offset
        before = self.name(903)
        self.expect("TO", 946)
        after = self.name(903)
        found = self.catalog.resolve(self.asked.user, before, self.asked.user)
        if found is None or found.kind not in ("TABLE", "VIEW", "SEQUENCE"):
            raise refuse(4043, offset, before)
        entry = self.change("RENAME", str(found.kind), found.schema, found.name)
        entry.new_name = after
        kind = str(found.kind).lower()
        if kind != "sequence":
            self.invalidate_views(found.schema, found.name)
        self.emit(f"alter {kind} {self.qualified(found.schema, found.name)} rename to {quote(after)}")

    # -- DROP --------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """After DROP."""
        if self.accept("TABLE"):
            self._drop_table()
        elif self.accept("VIEW"):
            self._drop_plain("VIEW", 942)
            self.accept("CASCADE", "CONSTRAINTS")
        elif self.accept("SEQUENCE"):
            self._drop_plain("SEQUENCE", 2289)
        elif self.accept("INDEX"):
            self._drop_index()
        elif self.at("PUBLIC", "SYNONYM"):
            public = self.accept("PUBLIC")
            self.expect("SYNONYM")
            self.out.effect = Effect.DROP_SYNONYM
            self.out.options = {"if_exists": self.if_exists()}
            schema, name = self.schema_name(995)
            self.accept("FORCE")
            self.out.names = ["PUBLIC" if public else schema, name]
        elif self.token.word in _UNITS:
            self._drop_unit()
        else:
            self.drop_account()

    def drop_account(self) -> None:
        """DROP USER and DROP ROLE: see accounts."""
        raise self.error(950)

    def _drop_table(self) -> None:
        found = self.existing_if_any("TABLE", 942)
        if found is None:
            return
        cascade = " cascade" if self.accept("CASCADE", "CONSTRAINTS") else ""
        self.accept("PURGE")
        self.refuse_in_use(found, 14452)
        self.invalidate_views(found.schema, found.name)
        self.emit(f"drop table {self.qualified(found.schema, found.name)}{cascade}")
        self.change("DROP", "TABLE", found.schema, found.name)

    def _drop_plain(self, kind: str, code: int) -> None:
        found = self.existing_if_any(kind, code)
        if found is None:
            return
        if kind == "VIEW":
            self.invalidate_views(found.schema, found.name)
        self.emit(f"drop {kind.lower()} {self.qualified(found.schema, found.name)}")
        self.change("DROP", kind, found.schema, found.name)

    def _drop_index(self) -> None:
        optional = self.if_exists()
        schema, index = self.schema_name(953)
        table = self.catalog.index_table(schema, index)
        if table is None:
            if optional:
                return self.skip_rest()
            raise self.error(1418)
        if index in self.catalog.constraint_names(*table):
            raise self.error(2429)
        self.accept("ONLINE")
        self.accept("FORCE")
        self.emit(f"drop index {self.qualified(schema, index)}")
        self.change("DROP", "INDEX", schema, index)

    def _drop_unit(self) -> None:
        kind = self.advance().word
        if kind in ("PACKAGE", "TYPE") and self.accept("BODY"):
            kind += " BODY"
        optional = self.if_exists()
        schema, name = self.schema_name(4043)
        self.accept("FORCE")
        self.out.kind = Kind.DDL
        self.out.effect = Effect.DROP_UNIT
        self.out.names = [schema, name]
        self.out.options = {"kind": kind, "if_exists": optional}
