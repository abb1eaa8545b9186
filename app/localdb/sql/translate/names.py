"""Names: columns of the tables in scope, pseudo-columns, functions without parentheses, sequences, variables."""

from __future__ import annotations

import re
from abc import abstractmethod

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import ObjectKind
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate.base import Base
from app.localdb.sql.translate.functions import PLAIN
from app.localdb.sql.translate.scope import Block, Source
from app.localdb.sql.types import (
    DATE,
    NUMBER,
    ROWID,
    Ex,
    Ty,
    quote,
    text_literal,
    varchar2,
)

_DOTTED_NAME = r'"[^"]*"|[\w$#]+'
_DOTTED = rf"(?:{_DOTTED_NAME})(?:\s*\.\s*(?:{_DOTTED_NAME}))*"
_ZONED6 = Ty(OraType.TIMESTAMP_TZ, scale=6)
# Functions that are written without parentheses. A column of that name hides those that are not reserved.
RESERVED_FUNCTIONS = {
    "SYSDATE": Ex("oracle.date_of(statement_timestamp()::timestamp)", DATE, False),
    "USER": Ex("current_setting('oracle.user', true)", varchar2(128), False),
    "UID": Ex("oracle.uid()", NUMBER, False),
}
FUNCTIONS = {
    "SYSTIMESTAMP": Ex("oracle.zoned_at(statement_timestamp()::timestamp, 0)", _ZONED6, False),
    "CURRENT_TIMESTAMP": Ex("oracle.in_session_zone(statement_timestamp())", _ZONED6, False),
    "LOCALTIMESTAMP": Ex("oracle.local_time(statement_timestamp())", Ty(OraType.TIMESTAMP, scale=6), False),
    "CURRENT_DATE": Ex("oracle.date_of(oracle.local_time(statement_timestamp()))", DATE, False),
    "SESSIONTIMEZONE": Ex("oracle.session_time_zone()", varchar2(75), False),
    "DBTIMEZONE": Ex("'+00:00'::text", varchar2(6), False),
}


class Names(Base):
    """Looks a name up as Oracle does: columns first, from the innermost block outwards."""

    def name(self, node: n.Name) -> Ex:
        """The value of a name. Raises ORA-00904, ORA-00918."""
        parts = node.parts
        if len(parts) == 1 and not (node.quoted and node.quoted[0]):
            reserved = self._reserved(parts[0], node)
            if reserved is not None:
                return reserved
        if parts[-1] == "ROWID" and len(parts) > 1:
            return self._rowid(parts[:-1], node)
        found = self.column(node)
        if found is not None:
            return found
        if parts == ("CONNECT_BY_ISLEAF",) and self.block.leaf is not None:
            return self.block.leaf
        if len(parts) == 1:
            simple = FUNCTIONS.get(parts[0])
            if simple is not None:
                return simple
            if parts[0] == "ORA_ROWSCN":
                return self._rowscn(None, node)
        elif parts[-1] in ("NEXTVAL", "CURRVAL"):
            return self._sequence(node)
        elif parts[-1] == "ORA_ROWSCN" and len(parts) == 2:
            return self._rowscn(parts[0], node)
        if len(parts) > 2:
            member = self._json_member(node)
            if member is not None:
                return member
        if len(parts) == 1 and parts[0] in self.block.item_names:
            return self.value(self.block.item_names[parts[0]])
        return self.unknown(node)

    def _json_member(self, node: n.Name) -> Ex | None:
        """t.column.a.b of a column of type JSON; the names behind it count as they are written."""
        for width in range(2, min(4, len(node.parts))):
            column = self.column(n.Name(node.offset, node.parts[:width], node.quoted[:width]))
            if column is not None and column.ty.type is OraType.JSON:
                text = re.match(_DOTTED, self.asked.text[node.offset :])
                written = re.findall(_DOTTED_NAME, text[0]) if text else []
                return self.dotted(column, [step.strip('"') for step in written[width:]])
        return None

    @abstractmethod
    def dotted(self, column: Ex, steps: list[str]) -> Ex: ...

    @abstractmethod
    def value(self, node: n.Expr) -> Ex: ...

    def unknown(self, node: n.Expr) -> Ex:
        """What is no column: a PL/SQL variable, or ORA-00904."""
        if self.asked.resolve is not None:
            variable = self.asked.resolve(node)
            if variable is not None:
                return self.variable(variable, node.offset)
        parts = node.parts if isinstance(node, n.Name) else ("",)
        if self.block.values_clause and isinstance(node, n.Name) and not self.is_unit(parts):
            raise refuse(984, node.offset)
        if isinstance(node, n.Name) and not node.outer and self.is_unit(parts):
            return self.call(n.Call(node.offset, node, []))
        raise refuse(904, node.offset, ".".join(f'"{part}"' for part in parts))

    def is_unit(self, parts: tuple[str, ...]) -> bool:
        """Whether a name can be a PL/SQL function written without parentheses."""
        if ".".join(parts[-2:]) in PLAIN:
            return len(parts) > 1
        schema = parts[0] if len(parts) > 2 else None
        name = parts[-2] if len(parts) > 1 else parts[0]
        found = self.catalog.resolve(schema, name, self.asked.current_schema)
        return found is not None and found.kind in (ObjectKind.FUNCTION, ObjectKind.PACKAGE)

    @abstractmethod
    def call(self, node: n.Call) -> Ex: ...

    def _reserved(self, word: str, node: n.Name) -> Ex | None:
        found = RESERVED_FUNCTIONS.get(word)
        if found is not None:
            return found
        if word == "ROWNUM":
            return self._rownum(node)
        if word == "LEVEL":
            return self._level(node)
        if word == "ROWID":
            return self._rowid((), node)
        return None

    def _level(self, node: n.Name) -> Ex:
        block: Block | None = self.block
        while block is not None:
            if block.level is not None:
                self._outside_groups(block, block.level.sql, node)
                return block.level
            block = block.parent
        raise refuse(976 if self.block.values_clause else 1788, node.offset)

    def _rownum(self, node: n.Name) -> Ex:
        block = self.block
        if block.rownum is None:
            raise refuse(976, node.offset) if block.values_clause else unsupported("ROWNUM here", node.offset)
        block.rownum_used = True
        self._outside_groups(block, block.rownum, node)
        return Ex(block.rownum, NUMBER, False)

    @staticmethod
    def _outside_groups(block: Block, sql: str, node: n.Name) -> None:
        """Note a value of single rows that stands outside aggregates and is not grouped."""
        if not block.inside_aggregate and sql not in block.groups:
            block.ungrouped.append(node.offset)

    # -- columns ---------------------------------------------------------------------------------------

    def column(self, node: n.Name) -> Ex | None:
        """The column a name stands for, in this block or one around it."""
        block: Block | None = self.block
        while block is not None:
            found = self._column_in(block, node)
            if found is not None:
                # what a name of the select list stands for was looked at there
                named = len(node.parts) == 1 and node.parts[0] in block.aliases
                if found.sql not in block.groups and not block.inside_aggregate and not named:
                    block.ungrouped.append(node.offset)
                return found
            block = block.parent
        return None

    def _column_in(self, block: Block, node: n.Name) -> Ex | None:
        parts = node.parts
        column = parts[-1]
        if len(parts) == 1:
            alias = block.aliases.get(column)
            if alias is not None:
                if len(alias) > 1 and len({a.sql for a in alias}) > 1:
                    raise refuse(960, node.offset)
                return alias[0]
            merged = block.merged.get(column)
            if merged is not None:
                return merged
            found: list[Source] = [s for s in block.sources if column in s.columns]
            if not found:
                return None
            if len(found) > 1 or column in found[0].duplicates:
                raise refuse(918, node.offset)
            return self._use(block, found[0], column, node)
        if len(parts) > 3:
            return None
        named = [
            source
            for source in block.sources
            if source.alias == parts[-2]
            and (len(parts) == 2 or source.schema == parts[0])
            and column in source.columns
        ]
        if not named:
            return None
        if column in named[0].joined:
            raise refuse(named[0].joined[column], node.offset)
        if len(named) > 1 or column in named[0].duplicates:
            raise refuse(918, node.offset)
        return self._use(block, named[0], column, node)

    def _use(self, block: Block, source: Source, column: str, node: n.Name) -> Ex:
        if node.outer:
            if block.outer_marks is None:
                raise refuse(30563, node.offset)
            if source.alias not in block.outer_marks:
                block.outer_marks.append(source.alias)
        block.dual_used = True
        return source.columns[column]

    def _rowid(self, qualifier: tuple[str, ...], node: n.Name) -> Ex:
        block: Block | None = self.block
        while block is not None:
            if not qualifier:
                candidates = block.sources
            else:
                candidates = [
                    s for s in block.sources
                    if s.alias == qualifier[-1] and (len(qualifier) == 1 or s.schema == qualifier[0])
                ]  # fmt: skip
            if len(candidates) > 1:
                raise refuse(918, node.offset)
            if candidates:
                source = candidates[0]
                if source.rowid is None:
                    if "ROWID" in source.columns:
                        return source.columns["ROWID"]
                    raise refuse(1446, node.offset)
                block.dual_used = True
                self._outside_groups(block, source.rowid, node)
                return Ex(source.rowid, ROWID, False)
            block = block.parent
        raise refuse(904, node.offset, ".".join(f'"{p}"' for p in (*qualifier, "ROWID")))

    def _rowscn(self, alias: str | None, node: n.Name) -> Ex:
        """ORA_ROWSCN: of a table only. Finer than a table without ROWDEPENDENCIES has it: per row."""
        found = [s for s in self.block.sources if alias is None or s.alias == alias]
        if len(found) > 1:
            raise refuse(918, node.offset)
        if not found or found[0].rowscn is None:
            raise refuse(904, node.offset, ".".join(f'"{part}"' for part in node.parts))
        self._outside_groups(self.block, found[0].rowscn, node)
        return Ex(found[0].rowscn, NUMBER)

    # -- sequences -------------------------------------------------------------------------------------

    def _sequence(self, node: n.Name) -> Ex:
        parts = node.parts
        if len(parts) > 3:
            return self.unknown(node)
        schema = parts[0] if len(parts) == 3 else None
        found = self.catalog.resolve(schema, parts[-2], self.asked.current_schema)
        if found is None or found.kind is not ObjectKind.SEQUENCE:
            if self.asked.resolve is not None:
                variable = self.asked.resolve(node)
                if variable is not None:
                    return self.variable(variable, node.offset)
            raise refuse(2289, node.offset)
        if not self.block.sequences_allowed:
            raise refuse(2287, node.offset)
        self.touch(found)
        function = "nextval" if parts[-1] == "NEXTVAL" else "currval"
        name = text_literal(f"{quote(found.schema)}.{quote(found.name)}")
        return Ex(f"{function}({name}::regclass)::numeric", NUMBER, False)
