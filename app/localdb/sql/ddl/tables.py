"""CREATE TABLE, ALTER TABLE and indexes."""

from __future__ import annotations

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import ObjectInfo
from app.localdb.sql.compiled import TableChange
from app.localdb.sql.ddl.columns import ColumnDefinition, ColumnsDdl, Constraint, length_check, scope_of
from app.localdb.sql.ddl.purity import refuse_impure
from app.localdb.sql.refusals import refuse
from app.localdb.sql.types import FAMILY_NAMES, LARGE, Family, Ty, describe, pg_type, quote, text_literal

_ROWID = "\"ROWID\" bigint not null default nextval('oracle.rowid_seq'::regclass)"


class TablesDdl(ColumnsDdl):
    """Tables and their indexes."""

    # -- CREATE TABLE ------------------------------------------------------------------------------------

    def create_table(self, *, temporary: bool = False) -> None:
        """After CREATE TABLE: the name, columns and constraints, physical clauses, or AS query."""
        optional = self.if_not_exists()
        schema, table = self.schema_name()
        self.moot = optional and self.is_there("TABLE", schema, table)
        definitions: list[ColumnDefinition] = []
        constraints: list[Constraint] = []
        if self.accept("("):
            while True:
                if self.at("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
                    constraints.append(self.table_constraint())
                else:
                    definitions.append(self.column_definition())
                if not self.accept(","):
                    break
            if not self.at(")"):
                raise self.error(907)
            self.advance()
        self.skip_physical()
        kept = self._on_commit() if temporary else None
        if self.accept("ORGANIZATION"):
            self._organization(definitions, constraints)
        if self.at("ORGANIZATION", "PARTITION", "CLUSTER", "LOB", "NESTED", "XMLTYPE", "EXTERNAL"):
            raise self.unsupported(f"{self.token.word} in CREATE TABLE")
        if self.accept("AS"):
            if temporary:
                raise self.unsupported("CREATE GLOBAL TEMPORARY TABLE ... AS")
            self._create_as(schema, table, definitions)
            return
        if not definitions:
            raise self.error(922 if not constraints else 904)
        entry = self._write_table(schema, table, definitions, constraints)
        if kept is not None:
            keys = [each for each in constraints if each.kind == "R"]
            if keys:
                raise refuse(14455, keys[0].offset)
            entry.options.setdefault("texts", {})["$temporary"] = kept

    def _organization(self, definitions: list[ColumnDefinition], constraints: list[Constraint]) -> None:
        """ORGANIZATION HEAP | INDEX: a table by its key is kept like any other, with ROWIDs like any other's."""
        if self.accept("HEAP"):
            self.skip_physical()
            return
        if not self.accept("INDEX"):
            raise self.unsupported(f"ORGANIZATION {self.token.word} in CREATE TABLE")
        made = [*constraints, *(inline for each in definitions for inline in each.constraints)]
        if not any(each.kind == "P" for each in made):
            raise self.error(25175)
        self.skip_physical()
        if self.at("INCLUDING", "OVERFLOW", "PCTTHRESHOLD", "MAPPING"):
            raise self.unsupported(f"{self.token.word} of an index-organized table")

    def _on_commit(self) -> str:
        """ON COMMIT DELETE | PRESERVE ROWS of a temporary table; the rows go unless told."""
        kept = "DELETE"
        if self.accept("ON"):
            self.expect("COMMIT")
            kept = self.accept_one("DELETE", "PRESERVE") or ""
            if not kept:
                raise self.error(905)
            self.expect("ROWS")
            self.skip_physical()
        return kept

    def refuse_in_use(self, found: ObjectInfo, code: int) -> None:
        """No DDL on a temporary table while a session has rows in it."""
        if found.temporary is not None:
            name = text_literal(self.qualified(found.schema, found.name))
            self.emit(f"select concord_catalog.check_temporary_unused({name}, {code})")

    def _write_table(
        self,
        schema: str,
        table: str,
        definitions: list[ColumnDefinition],
        constraints: list[Constraint],
    ) -> TableChange:
        columns: dict[str, tuple[Ty, bool]] = {}
        for each in definitions:
            if each.name in columns:
                raise refuse(957, each.offset)
            if each.virtual is not None:
                self.virtual_columns |= {each.name}
            if each.ty is not None:
                columns[each.name] = (each.ty, each.nullable)
            else:
                columns[each.name] = (Ty(OraType.VARCHAR2, size=4000, chars=4000), True)
        entry = TableChange("CREATE", "TABLE", schema, table)
        parts = []
        for each in definitions:
            sql, change = self.column_sql(schema, table, each, columns)
            parts.append(sql)
            entry.columns.append(change)
            constraints.extend(each.constraints)
        parts.append(_ROWID)
        for found in constraints:
            parts.append(self.constraint_sql(found, columns))
            self._note_check(found, entry)
        self.emit(f"create table {self.qualified(schema, table)} ({', '.join(parts)})")
        self._finish_table(schema, table, definitions)
        self.out.changes.append(entry)
        return entry

    def _finish_table(self, schema: str, table: str, definitions: list[ColumnDefinition]) -> None:
        name = self.qualified(schema, table)
        self.emit(f'create unique index on {name} ("ROWID")')
        for each in definitions:
            if each.identity is not None:
                sequence = self.qualified(schema, f"ISEQ$$_{table}"[:63])
                self.emit(f"alter sequence {sequence} owned by {name}.{quote(each.name)}")
                # the default draws from it with the rights of whoever inserts
                self.emit(f"grant usage on sequence {sequence} to public")

    @staticmethod
    def _note_check(found: Constraint, entry: TableChange) -> None:
        """Keep the condition as written, and which column it makes JSON."""
        check = found.check
        if check is not None:
            entry.options.setdefault("texts", {})[found.name] = found.text
        while isinstance(check, n.Paren):
            check = check.operand
        if isinstance(check, n.IsJson) and not check.negated and isinstance(check.operand, n.Name):
            for change in entry.columns:
                if change.name == check.operand.parts[-1]:
                    change.is_json = True

    def _create_as(self, schema: str, table: str, definitions: list[ColumnDefinition]) -> None:
        from app.localdb.sql import compile as compile_sql

        start = self.offset
        self.query()
        compiled = compile_sql(
            self.source_text(start),
            self.catalog,
            user=self.asked.user,
            current_schema=self.asked.current_schema,
            play=self.play,
            stored=True,
        )
        if compiled.params:
            raise refuse(1027, start)
        entry = TableChange("CREATE", "TABLE", schema, table)
        parts = []
        if definitions and len(definitions) != len(compiled.columns):
            raise refuse(1730, start)
        names = [each.name for each in definitions] or [column.name for column in compiled.columns]
        if not definitions and compiled.options.get("unnamed"):
            raise refuse(998, start)
        if len(set(names)) < len(names):
            raise refuse(957, start)
        for name, column in zip(names, compiled.columns, strict=True):
            found = ColumnDefinition(name, start)
            found.ty = Ty(
                column.type, column.precision, column.scale, column.size, column.chars,
                national=column.national, bpchar=column.type is OraType.CHAR,
            )  # fmt: skip
            parts.append(f"{quote(name)} {pg_type(found.ty)}")
            entry.columns.append(self.entry(found))
        name = self.qualified(schema, table)
        self.emit(f"create table {name} ({', '.join([*parts, _ROWID])})")
        listed = ", ".join(part.split(" ", 1)[0] for part in parts)
        self.emit(f"insert into {name} ({listed}) {compiled.pg_text}")
        self._finish_table(schema, table, [])
        self.out.changes.append(entry)

    # -- ALTER TABLE -------------------------------------------------------------------------------------

    def alter_table(self) -> None:
        """After ALTER TABLE: one or more of ADD, MODIFY, DROP, RENAME."""
        found = self.existing_if_any("TABLE", 942)
        if found is None:
            return
        self._entry = self.change("ALTER", "TABLE", found.schema, found.name)
        self.refuse_in_use(found, 14450)
        columns = scope_of(list(found.columns))
        self.virtual_columns = frozenset(each.name for each in found.columns if each.virtual)
        name = self.qualified(found.schema, found.name)
        while self.token.word or self.token.value:
            if self.accept("ADD"):
                self._add(found, name, columns)
            elif self.accept("MODIFY"):
                self._modify(found, name, columns)
            elif self.accept("DROP"):
                self._drop(found, name)
            elif self.accept("RENAME"):
                self._rename(found, name)
            else:
                before = self.pos
                self.skip_physical()
                if self.pos == before:
                    if self.at("ENABLE", "DISABLE") and self.peek().word == "ALL":
                        self._all_triggers(name)
                        continue
                    if self.at("ENABLE", "DISABLE"):
                        self._switch_constraint(found, name)
                        continue
                    if self.at("MOVE", "SET", "SHRINK", "PARTITION", "READ"):
                        raise self.unsupported(f"ALTER TABLE ... {self.token.word}")
                    raise self.error(1735)

    def _switch_constraint(self, found: ObjectInfo, name: str) -> None:
        """ENABLE | DISABLE CONSTRAINT name."""
        switch = self.advance().word
        if not self.accept("CONSTRAINT"):
            raise self.unsupported(f"ALTER TABLE ... {switch} {self.token.word}")
        self._switch(found, name, self.name(), switch)

    def _switch(self, found: ObjectInfo, name: str, constraint: str, switch: str | None) -> None:
        kind = self.catalog.constraint_names(found.schema, found.name).get(constraint)
        if kind is None:
            raise self.error(2431 if switch == "DISABLE" else 2430, constraint)
        if switch is None or kind not in "RC":
            raise self.unsupported("this change of a constraint of this kind")
        enabled = str(switch == "ENABLE").lower()
        texts = f"{text_literal(name)}, {text_literal(constraint)}"
        self.emit(f"select concord_catalog.enable_constraint({texts}, {enabled})")

    def _all_triggers(self, name: str) -> None:
        """ENABLE | DISABLE ALL TRIGGERS."""
        enabled = str(self.advance().word == "ENABLE").lower()
        self.expect("ALL")
        self.expect("TRIGGERS")
        self.emit(f"select concord_catalog.enable_all_triggers({text_literal(name)}, {enabled})")

    def _add(self, found: ObjectInfo, name: str, columns: dict[str, tuple[Ty, bool]]) -> None:
        grouped = self.accept("(")
        while True:
            if self.at("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK"):
                constraint = self.table_constraint()
                self.emit(f"alter table {name} add {self.constraint_sql(constraint, columns)}")
                self._note_added_check(constraint)
            else:
                self._add_column(found, name, columns)
            if not (grouped and self.accept(",")):
                break
        if grouped:
            self.expect_close()

    def _add_column(self, found: ObjectInfo, name: str, columns: dict[str, tuple[Ty, bool]]) -> None:
        each = self.column_definition()
        if each.name in columns:
            raise refuse(1430, each.offset)
        if each.ty is not None:
            columns[each.name] = (each.ty, each.nullable)
        sql, change = self.column_sql(found.schema, found.name, each, columns)
        self._entry.columns.append(change)
        self.emit(f"alter table {name} add column {sql}")
        for constraint in each.constraints:
            self.emit(f"alter table {name} add {self.constraint_sql(constraint, columns)}")
            self._note_check(constraint, self._entry)

    def _note_added_check(self, constraint: Constraint) -> None:
        check = constraint.check
        if isinstance(check, n.IsJson) and isinstance(check.operand, n.Name):
            change = self.entry(ColumnDefinition(check.operand.parts[-1], constraint.offset))
            self._entry.columns.append(change)
        self._note_check(constraint, self._entry)

    def _modify(self, found: ObjectInfo, name: str, columns: dict[str, tuple[Ty, bool]]) -> None:
        if self.accept("CONSTRAINT"):
            return self._switch(found, name, self.name(), self.accept_one("ENABLE", "DISABLE"))
        if self.at("PRIMARY", "UNIQUE"):
            raise self.unsupported(f"ALTER TABLE ... MODIFY {self.token.word}")
        grouped = self.accept("(")
        while True:
            each = self.column_definition(modify=True)
            if each.name not in columns:
                raise refuse(904, each.offset, f'"{each.name}"')
            if each.ty is not None:
                self.invalidate_views(found.schema, found.name, each.name)
            self._modify_column(name, each, columns)
            if not (grouped and self.accept(",")):
                break
        if grouped:
            self.expect_close()

    def _modify_column(self, name: str, each: ColumnDefinition, columns: dict[str, tuple[Ty, bool]]) -> None:
        alter = f"alter table {name} alter column {quote(each.name)}"
        if each.identity is not None or each.virtual is not None:
            raise self.unsupported("MODIFY to an identity or virtual column", each.offset)
        if each.ty is not None:
            self.emit(f"alter table {name} drop constraint if exists {quote('$len_' + each.name[:50])}")
            self._change_type(name, each, columns[each.name][0], each.ty, alter)
            columns[each.name] = (each.ty, each.nullable)
            if check := length_check(each):
                self.emit(f"alter table {name} add {check}")
        if each.has_default:
            if each.ty is None:
                each.ty = columns[each.name][0]
                self.emit(f"{alter} set default {self.default_sql(each)}")
                each.ty = None
            else:
                self.emit(f"{alter} set default {self.default_sql(each)}")
        if each.null_written:
            self.emit(f"{alter} {'drop' if each.nullable else 'set'} not null")
        for constraint in each.constraints:
            self.emit(f"alter table {name} add {self.constraint_sql(constraint, columns)}")
        self._entry.columns.append(self.entry(each))

    def _change_type(self, name: str, each: ColumnDefinition, old: Ty, new: Ty, alter: str) -> None:
        """A column with values keeps its kind of type and may only grow (a text may shrink to its values)."""
        lobs = (Family.CLOB, Family.BLOB)
        kept = old.family is new.family or (old.family, new.family) == (Family.DATE, Family.TIMESTAMP)
        if not kept and (old.family in lobs or new.family in lobs):
            raise refuse(22858 if new.family in lobs else 22859, each.offset)
        smaller = new.family is Family.NUMBER and old.family is Family.NUMBER and _shrinks(old, new)
        if not kept or smaller:
            texts = f"{text_literal(name)}, {text_literal(each.name)}"
            self.emit(f"select concord_catalog.refuse_unless_empty({texts}, {1440 if kept else 1439})")
        self.emit(f"{alter} type {pg_type(new)}{'' if kept else ' using null'}")

    def _drop(self, found: ObjectInfo, name: str) -> None:
        if self.accept("COLUMN"):
            names = [self.name()]
        elif self.at("("):
            names = self.names_in_parentheses()
        else:
            self._drop_constraint(found, name)
            return
        cascade = " cascade" if self.accept("CASCADE", "CONSTRAINTS") else ""
        for column in names:
            if column not in found.by_name:
                raise self.error(904, f'"{column}"')
            self.invalidate_views(found.schema, found.name, column)
            self.emit(f"alter table {name} drop column {quote(column)}{cascade}")
            self._entry.dropped_columns.append(column)

    def _drop_constraint(self, found: ObjectInfo, name: str) -> None:
        known = self.catalog.constraint_names(found.schema, found.name)
        if self.accept("PRIMARY"):
            self.expect("KEY")
            names = [each for each, kind in known.items() if kind == "P"]
            if not names:
                raise self.error(2441)
        elif self.accept("CONSTRAINT"):
            names = [self.name()]
            if names[0] not in known:
                raise self.error(2443)
        else:
            raise self.error(905)
        cascade = " cascade" if self.accept("CASCADE") else ""
        self.accept("KEEP", "INDEX")
        self.accept("DROP", "INDEX")
        for each in names:
            self.emit(f"alter table {name} drop constraint {quote(each)}{cascade}")

    def _rename(self, found: ObjectInfo, name: str) -> None:
        if self.accept("COLUMN"):
            before = self.name()
            self.expect("TO")
            after = self.name()
            if before not in found.by_name:
                raise self.error(904, f'"{before}"')
            if after in found.by_name:
                raise self.error(957)
            self.invalidate_views(found.schema, found.name, before)
            self.emit(f"alter table {name} rename column {quote(before)} to {quote(after)}")
            self._entry.renamed_columns[before] = after
        elif self.accept("CONSTRAINT"):
            before = self.name()
            self.expect("TO")
            self.emit(f"alter table {name} rename constraint {quote(before)} to {quote(self.name())}")
        else:
            self.expect("TO")
            self._entry.action = "RENAME"
            self._entry.new_name = self.name()
            self.invalidate_views(found.schema, found.name)
            self.emit(f"alter table {name} rename to {quote(self._entry.new_name)}")

    # -- indexes -----------------------------------------------------------------------------------------

    def create_index(self, *, unique: bool) -> None:
        """After CREATE [UNIQUE] INDEX. A row whose keys are all NULL has no entry, as in Oracle."""
        optional = self.if_not_exists()
        schema, index = self.schema_name(953)
        self.moot = optional and self.catalog.index_table(schema, index) is not None
        self.expect("ON", 969)
        table = self.existing("TABLE", 942)
        self.refuse_in_use(table, 14452)
        columns = scope_of(list(table.columns))
        translator = self.translator(columns)
        keys: list[str] = []
        nullable: list[str] = []
        always = False
        self.expect_open()
        texts: dict[str, str] = {}
        while True:
            start = self.offset
            node = self.value()
            refuse_impure(node, impure=1743, subquery=22818)
            value = translator.value(node)
            if value.ty.family in LARGE:
                raise refuse(2327, node.offset, FAMILY_NAMES[value.ty.family])
            if translator.params:
                raise refuse(1027, node.offset)
            direction = " desc" if self.accept("DESC") else ""
            self.accept("ASC")
            plain = isinstance(node, n.Name)
            if not plain:
                texts[str(len(keys) + 1)] = self.text[start : self._before_direction()]
            keys.append((value.sql if plain else f"({value.sql})") + direction)
            nullable.append(f"({value.sql}) is not null")
            always = always or not value.nullable
            if not self.accept(","):
                break
        self.expect_close()
        self.skip_physical()
        kind = "unique index" if unique else "index"
        # Two entries that agree in NULLs, too, are duplicates for Oracle.
        nulls = " nulls not distinct" if unique else ""
        where = "" if always else f" where {' or '.join(nullable)}"
        if schema != table.schema:
            raise self.unsupported("an index in another schema than its table's")
        self.emit(
            f"create {kind} {quote(index)} on {self.qualified(table.schema, table.name)}"
            f" ({', '.join(keys)}){nulls}{where}"
        )
        self.emit(f"select concord_catalog.refuse_same_index({text_literal(self.qualified(schema, index))})")
        self.change("CREATE", "INDEX", schema, index).options["texts"] = texts

    def _before_direction(self) -> int:
        """Where the expression ends whose ASC or DESC may just have been read."""
        last = self.tokens[self.position - 1]
        return self.tokens[self.position - 2].end if last.word in ("ASC", "DESC") else last.end

    def alter_index(self) -> None:
        """After ALTER INDEX: RENAME, or what only reorganizes."""
        optional = self.if_exists()
        schema, index = self.schema_name(953)
        if self.catalog.index_table(schema, index) is None:
            if optional:
                return self.skip_rest()
            raise self.error(1418)
        if self.accept("RENAME"):
            self.expect("TO")
            entry = self.change("RENAME", "INDEX", schema, index)
            entry.new_name = self.name()
            self.emit(f"alter index {self.qualified(schema, index)} rename to {quote(entry.new_name)}")
        elif self.at("REBUILD", "COALESCE"):
            self.advance()
            self.skip_physical()
        else:
            before = self.pos
            self.skip_physical()
            if self.pos == before:
                raise self.unsupported(f"ALTER INDEX ... {self.token.word}")


def _shrinks(old: Ty, new: Ty) -> bool:
    """Whether a NUMBER loses digits before or behind the point."""
    if not new.precision or new.scale == -127:
        return False
    if not old.precision or old.scale == -127:
        return True
    return new.scale < old.scale or new.precision - new.scale < old.precision - old.scale


__all__ = ["TablesDdl", "describe"]
