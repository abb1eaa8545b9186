"""Columns and constraints as CREATE and ALTER TABLE define them."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.compiled import ColumnChange
from app.localdb.sql.ddl.base import DdlBase
from app.localdb.sql.ddl.purity import refuse_impure
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.dml import Dml
from app.localdb.sql.translate.scope import Block, Source
from app.localdb.sql.translate.walk import parts
from app.localdb.sql.types import (
    FAMILY_NAMES,
    LARGE,
    Ex,
    Family,
    Ty,
    of_column,
    of_type_name,
    pg_type,
    quote,
)

_DELETE_RULES = {("CASCADE",): "cascade", ("SET", "NULL"): "set null"}


@dataclass(slots=True)
class Constraint:
    """One constraint; `check` is its condition, `columns` those of a key."""

    name: str
    kind: str  # P, U, R, C
    columns: list[str] = field(default_factory=list)
    check: n.Expr | None = None
    only: str | None = None  # the column that the check belongs to, when it stands behind one
    reference: tuple[str, str] | None = None
    reference_columns: list[str] = field(default_factory=list)
    on_delete: str = ""
    deferrable: str = ""
    offset: int = 0
    text: str = ""


@dataclass(slots=True)
class ColumnDefinition:
    """One column as written. `written` tells what an ALTER TABLE MODIFY mentions."""

    name: str
    offset: int
    type: n.TypeName | None = None
    ty: Ty | None = None
    default: n.Expr | None = None
    default_text: str | None = None
    has_default: bool = False
    default_on_null: bool = False
    identity: str | None = None
    identity_options: str = ""
    virtual: n.Expr | None = None
    virtual_text: str | None = None
    nullable: bool = True
    null_written: bool = False
    not_null_name: str | None = None
    hidden: bool = False
    constraints: list[Constraint] = field(default_factory=list)


class ColumnsDdl(DdlBase):
    """Reads definitions and writes them as PostgreSQL's."""

    virtual_columns: frozenset[str] = frozenset()  # of the table at hand

    # -- reading ---------------------------------------------------------------------------------------

    def column_definition(self, *, modify: bool = False) -> ColumnDefinition:
        """name type [DEFAULT ...] [constraints]. With `modify` the type may be missing."""
        offset = self.offset
        found = ColumnDefinition(self.name(904), offset)
        if not self.at(
            ",", ")", "DEFAULT", "NOT", "NULL", "CONSTRAINT", "GENERATED", "AS", "PRIMARY", "UNIQUE", "CHECK",
            "INVISIBLE", "VISIBLE", "REFERENCES",
        ) and self.token.word + self.token.value:  # fmt: skip
            found.type = self.type_name()
            found.ty = of_type_name(found.type, self.play)
        while not self.at(",", ")") and (self.token.word or self.token.value):
            if not self._column_property(found):
                break
        if found.type is None and found.virtual is None and not modify:
            raise refuse(902, self.offset)
        return found

    def _column_property(self, found: ColumnDefinition) -> bool:
        if self.accept("DEFAULT"):
            if self.accept("ON", "NULL"):
                found.default_on_null, found.nullable, found.null_written = True, False, True
            start = self.offset
            found.default = self.value()
            found.default_text = self.source_text(start)
            found.has_default = True
        elif self.at("GENERATED") or (self.at("AS") and self.peek().word == "("):
            self._generated(found)
        elif self.at("INVISIBLE", "VISIBLE"):
            found.hidden = self.advance().word == "INVISIBLE"
        elif self.at("CONSTRAINT", "NOT", "NULL", "PRIMARY", "UNIQUE", "CHECK", "REFERENCES"):
            self._inline_constraint(found)
        else:
            return False
        return True

    def _generated(self, found: ColumnDefinition) -> None:
        always = True
        if self.accept("GENERATED"):
            if self.accept("BY"):
                self.expect("DEFAULT")
                always = False
                if self.accept("ON", "NULL"):
                    found.default_on_null = True
            else:
                self.expect("ALWAYS")
        self.expect("AS")
        if self.accept("IDENTITY"):
            found.identity = "ALWAYS" if always else "BY DEFAULT"
            found.nullable, found.null_written = False, True
            if self.accept("("):
                found.identity_options = self.sequence_options()
                self.expect_close()
            else:
                found.identity_options = self.sequence_options()
            return
        self.expect_open()
        start = self.offset
        found.virtual = self.value()
        found.virtual_text = self.source_text(start)
        self.expect_close()
        self.accept("VIRTUAL")

    def sequence_options(self) -> str:
        """START WITH ... CACHE ... as PostgreSQL writes them. CACHE is 1: PostgreSQL's is per session, and
        numbers would come in another order than Oracle gives them."""
        options = []
        while True:
            if self.accept("START", "WITH"):
                if self.accept("LIMIT", "VALUE"):
                    raise self.unsupported("START WITH LIMIT VALUE")
                options.append(f"start with {self.signed_integer()}")
            elif self.accept("INCREMENT", "BY"):
                options.append(f"increment by {self.signed_integer()}")
            elif self.at("MINVALUE", "MAXVALUE"):
                word = self.advance().word.lower()
                limit = max(-(2**63), min(2**63 - 1, self.signed_integer()))
                options.append(f"{word} {limit}")
            elif self.accept("CYCLE"):
                options.append("cycle")
            elif self.accept("CACHE"):
                self.integer()
            elif self.accept_one("NOCACHE", "NOCYCLE", "NOMINVALUE", "NOMAXVALUE", "ORDER", "NOORDER", "KEEP",
                                 "NOKEEP", "GLOBAL", "NOSCALE") is None:  # fmt: skip
                return " ".join(options)

    def _inline_constraint(self, found: ColumnDefinition) -> None:
        offset = self.offset
        name = self.name() if self.accept("CONSTRAINT") else None
        if self.accept("NOT"):
            self.expect("NULL", 908)
            found.nullable, found.null_written, found.not_null_name = False, True, name
        elif self.accept("NULL"):
            found.nullable, found.null_written = True, True
        elif self.accept("PRIMARY"):
            self.expect("KEY")
            found.constraints.append(self._key("P", name, [found.name], offset))
        elif self.accept("UNIQUE"):
            found.constraints.append(self._key("U", name, [found.name], offset))
        elif self.accept("CHECK"):
            check = self._check(name, offset)
            check.only = found.name
            found.constraints.append(check)
        elif self.at("REFERENCES"):
            found.constraints.append(self._foreign(name, [found.name], offset))
        else:
            raise self.error(2253)
        self._state(found.constraints[-1] if found.constraints else None)

    def table_constraint(self) -> Constraint:
        """An out-of-line constraint, with its name or without."""
        offset = self.offset
        name = self.name() if self.accept("CONSTRAINT") else None
        if self.accept("PRIMARY"):
            self.expect("KEY")
            found = self._key("P", name, self.names_in_parentheses(), offset)
        elif self.accept("UNIQUE"):
            found = self._key("U", name, self.names_in_parentheses(), offset)
        elif self.accept("FOREIGN"):
            self.expect("KEY")
            found = self._foreign(name, self.names_in_parentheses(), offset)
        elif self.accept("CHECK"):
            found = self._check(name, offset)
        else:
            raise self.error(904, ": invalid")
        self._state(found)
        return found

    def names_in_parentheses(self) -> list[str]:
        self.expect_open()
        names = [self.name()]
        while self.accept(","):
            names.append(self.name())
        self.expect_close()
        return names

    def _key(self, kind: str, name: str | None, columns: list[str], offset: int) -> Constraint:
        return Constraint(name or self.system_name(kind, *columns), kind, columns, offset=offset)

    def _check(self, name: str | None, offset: int) -> Constraint:
        self.expect_open()
        start = self.offset
        condition = self.condition()
        text = self.source_text(start)
        self.expect_close()
        return Constraint(
            name or self.system_name("C", str(offset)), "C", check=condition, offset=offset, text=text
        )

    def _foreign(self, name: str | None, columns: list[str], offset: int) -> Constraint:
        self.expect("REFERENCES")
        found = Constraint(name or self.system_name("R", *columns), "R", columns, offset=offset)
        start = self.offset
        found.reference = self.schema_name()
        parent = self.catalog.resolve(*found.reference, found.reference[0])
        if parent is not None and parent.temporary is not None:
            raise refuse(14455, start)
        if self.at("("):
            found.reference_columns = self.names_in_parentheses()
        if self.accept("ON"):
            self.expect("DELETE")
            for words, rule in _DELETE_RULES.items():
                if self.accept(*words):
                    found.on_delete = f" on delete {rule}"
                    return found
            raise self.error(905)
        return found

    def _state(self, found: Constraint | None) -> None:
        """DEFERRABLE, USING INDEX, ENABLE [VALIDATE] ... after a constraint."""
        while True:
            if self.accept("NOT", "DEFERRABLE") or self.accept("INITIALLY", "IMMEDIATE"):
                continue
            if self.accept("DEFERRABLE"):
                if found is not None:
                    found.deferrable = " deferrable" + found.deferrable
            elif self.accept("INITIALLY", "DEFERRED"):
                if found is not None:
                    found.deferrable = " deferrable initially deferred"
            elif self.accept("USING"):
                self.expect("INDEX")
                if self.at("("):
                    raise self.unsupported("USING INDEX with a statement of its own")
                self.skip_physical()
            elif self.at("ENABLE", "VALIDATE", "RELY", "NORELY") and self.peek().word != "ROW":
                self.advance()
            elif self.at("DISABLE", "NOVALIDATE") and self.peek().word != "ROW":
                raise self.unsupported("a constraint that is disabled or not validated")
            else:
                return

    # -- writing ---------------------------------------------------------------------------------------

    def translator(self, columns: dict[str, tuple[Ty, bool]], alias: str = "") -> Dml:
        """An expression translator in which these columns (type, nullable) are in scope."""
        translator = Dml(self.asked)
        translator.pure = True
        prefix = f"{alias}." if alias else ""
        source = Source(
            alias=alias,
            names=list(columns),
            columns={
                name: Ex(prefix + quote(name), ty, nullable) for name, (ty, nullable) in columns.items()
            },
        )
        translator.block = Block(sources=[source])
        return translator

    def column_sql(
        self, schema: str, table: str, found: ColumnDefinition, columns: dict[str, tuple[Ty, bool]]
    ) -> tuple[str, ColumnChange]:
        """A column for CREATE TABLE or ADD, and its entry in the catalogue."""
        if found.virtual is not None:
            return self._virtual_sql(found, columns)
        assert found.ty is not None
        written = [quote(found.name), pg_type(found.ty)]
        if found.identity is not None:
            sequence = self._identity_sequence(schema, table, found)
            found.default_text = f"{quote(schema)}.{quote(f'ISEQ$$_{table}'[:63])}.nextval"
            written.append(f"default nextval('{sequence}'::regclass)::numeric")
        elif found.default is not None:
            written.append(f"default {self.default_sql(found)}")
        if not found.nullable:
            if found.not_null_name:
                written.append(f"constraint {quote(found.not_null_name)}")
            written.append("not null")
        length = length_check(found)
        if length:
            written.append(length)
        return " ".join(written), self.entry(found)

    def default_sql(self, found: ColumnDefinition) -> str:
        """The DEFAULT expression, converted to the column's type."""
        assert found.default is not None
        assert found.ty is not None
        translator = self.translator({})
        translator.block = Block(values_clause=True, sequences_allowed=True)
        value = translator.value(found.default)
        if value.ty.family is Family.NULL:
            return "null"
        return c.convert(value, found.ty.family, found.default.offset).sql

    def _identity_sequence(self, schema: str, table: str, found: ColumnDefinition) -> str:
        name = f"ISEQ$$_{table}"[:63]
        sequence = self.qualified(schema, name)
        self.emit(f"create sequence {sequence} {found.identity_options}")
        return sequence.replace("'", "''")

    def _virtual_sql(
        self, found: ColumnDefinition, columns: dict[str, tuple[Ty, bool]]
    ) -> tuple[str, ColumnChange]:
        assert found.virtual is not None
        refuse_impure(found.virtual, impure=54002, subquery=22818)
        for part in parts(found.virtual):
            if isinstance(part, n.Name) and part.parts[-1] in self.virtual_columns:
                raise refuse(54012, part.offset)
        value = self.translator(columns).value(found.virtual)
        found.ty = found.ty or value.ty
        sql = c.convert(value, found.ty.family, found.virtual.offset).sql
        columns[found.name] = (found.ty, True)
        return f"{quote(found.name)} {pg_type(found.ty)} generated always as ({sql}) stored", self.entry(
            found
        )

    def constraint_sql(self, found: Constraint, columns: dict[str, tuple[Ty, bool]]) -> str:
        """A constraint as PostgreSQL writes it. Raises ORA-00904 for a column that is not there."""
        for name in found.columns:
            if name not in columns:
                raise refuse(904, found.offset, f'"{name}"')
        head = f"constraint {quote(found.name)} "
        keys = ", ".join(quote(name) for name in found.columns)
        for name in found.columns if found.kind != "R" else ():
            if columns[name][0].family in (*LARGE, Family.ZONED):
                raise refuse(2329, found.offset, FAMILY_NAMES[columns[name][0].family])
        if found.kind == "P":
            return f"{head}primary key ({keys}){found.deferrable}"
        if found.kind == "U":
            return f"{head}unique ({keys}){found.deferrable}"
        if found.kind == "R":
            assert found.reference is not None
            target = ", ".join(quote(name) for name in found.reference_columns)
            listed = f" ({target})" if target else ""
            return (
                f"{head}foreign key ({keys}) references {self.qualified(*found.reference)}{listed}"
                f"{found.on_delete}{found.deferrable}"
            )
        assert found.check is not None
        refuse_impure(found.check, impure=2436, subquery=2251)
        if found.only is not None and any(
            isinstance(part, n.Name) and part.parts[-1] in columns and part.parts[-1] != found.only
            for part in parts(found.check)
        ):
            raise refuse(2438, found.offset)
        return f"{head}check ({self.translator(columns).condition(found.check)})"

    def entry(self, found: ColumnDefinition) -> ColumnChange:
        """How the catalogue shows the column."""
        change = ColumnChange(found.name, None, nullable=found.nullable, hidden=found.hidden)
        change.default_changed = found.has_default or found.virtual is not None or found.identity is not None
        change.default = found.virtual_text or found.default_text
        change.default_on_null = found.default_on_null
        change.identity = found.identity
        change.virtual = found.virtual is not None
        if found.ty is not None:
            _describe(change, found.ty, found.type)
        return change


def length_check(found: ColumnDefinition) -> str:
    """The check that holds a BYTE length; the figure itself bounds the characters as well."""
    ty = found.ty
    if ty is None or ty.type not in (OraType.VARCHAR2, OraType.CHAR, OraType.RAW):
        return ""
    if ty.type is OraType.RAW or found.type is None or by_characters(found.type):
        size = f"octet_length({quote(found.name)}) <= {ty.size}" if ty.type is OraType.RAW else ""
    else:
        size = f"octet_length({quote(found.name)}) <= {ty.chars}"
    return f"constraint {quote('$len_' + found.name[:50])} check ({size})" if size else ""


def by_characters(written: n.TypeName) -> bool:
    return written.semantics == "CHAR" or written.name.startswith("N")


def _describe(change: ColumnChange, ty: Ty, written: n.TypeName | None) -> None:
    """DATA_TYPE and its figures as the dictionary shows them."""
    assert ty.type is not None
    change.type = ty.type
    name = written.name if written is not None else ("N" if ty.national else "") + ty.type.name
    change.type_text = {
        "INTEGER": "NUMBER", "INT": "NUMBER", "SMALLINT": "NUMBER", "NUMERIC": "NUMBER", "DECIMAL": "NUMBER",
        "DEC": "NUMBER", "DOUBLE PRECISION": "FLOAT", "REAL": "FLOAT", "VARCHAR": "VARCHAR2",
    }.get(name, name)  # fmt: skip
    if ty.type in (OraType.VARCHAR2, OraType.CHAR):
        change.length = ty.chars
        if written is None:
            # made of a query: bytes, unless each character may have several
            change.char_used = "C" if ty.national or ty.size > ty.chars else "B"
        else:
            change.char_used = "C" if by_characters(written) else "B"
    elif ty.type is OraType.RAW:
        change.length = ty.size
    elif ty.type is OraType.NUMBER:
        # INTEGER and NUMBER(*,s): 38 digits, but no precision in the dictionary
        open_ended = (
            written is not None
            and written.name != "FLOAT"
            and (
                written.args[0] is None if written.args else written.name not in ("DOUBLE PRECISION", "REAL")
            )
        )
        change.precision = None if open_ended else ty.precision or None
        change.scale = ty.scale if ty.scale != -127 else None
    elif ty.type in (OraType.TIMESTAMP, OraType.TIMESTAMP_TZ, OraType.TIMESTAMP_LTZ):
        change.scale = ty.scale
        change.type_text = change.type_text.replace("TIMESTAMP", f"TIMESTAMP({ty.scale})", 1)
        if ty.type is not OraType.TIMESTAMP and written is None:
            local = "LOCAL " if ty.type is OraType.TIMESTAMP_LTZ else ""
            change.type_text = f"TIMESTAMP({ty.scale}) WITH {local}TIME ZONE"
    elif ty.type is OraType.INTERVAL_DS:
        change.precision, change.scale = ty.precision, ty.scale
        change.type_text = f"INTERVAL DAY({ty.precision}) TO SECOND({ty.scale})"
    elif ty.type is OraType.INTERVAL_YM:
        change.precision, change.scale = ty.precision, 0
        change.type_text = f"INTERVAL YEAR({ty.precision}) TO MONTH"


def scope_of(info_columns: list[object]) -> dict[str, tuple[Ty, bool]]:
    """The columns of an existing table as a scope."""
    from app.localdb.sql.catalog import ColumnInfo

    return {
        column.name: (of_column(column), column.nullable)
        for column in info_columns
        if isinstance(column, ColumnInfo)
    }


__all__ = ["ColumnDefinition", "ColumnsDdl", "Constraint", "length_check", "scope_of", "unsupported"]
