"""INSERT, UPDATE, DELETE, MERGE: targets, assignments to typed columns, RETURNING."""

from __future__ import annotations

from collections.abc import Sequence

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql import statements as s
from app.localdb.sql.catalog import ColumnInfo, ObjectInfo, ObjectKind
from app.localdb.sql.parser import Parser
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate import walk
from app.localdb.sql.translate.base import Circumstances
from app.localdb.sql.translate.multi_insert import MultiInsert
from app.localdb.sql.translate.queries import stored_lobs
from app.localdb.sql.translate.relation import Output
from app.localdb.sql.translate.scope import Block, Source
from app.localdb.sql.types import FAMILIES, Ex, Family, Ty, of_column, pg_type, quote, text_literal


class Dml(MultiInsert):
    """Every method answers the PostgreSQL text; RETURNING columns are left in `returned`."""

    def __init__(self, circumstances: Circumstances) -> None:
        super().__init__(circumstances)
        self.returned: list[Output] = []
        self.target: ObjectInfo | None = None
        self.verb = ""  # INSERT, UPDATE, DELETE, MERGE, INSERTALL
        self.returned_lobs: dict[str, tuple[str, str, str]] = {}  # see Relation.lobs
        self.rowid: str | None = None  # PostgreSQL text of the ROWID of a changed row

    def dml(self, node: s.Insert | s.InsertAll | s.Update | s.Delete | s.Merge) -> str:
        """Translate one statement."""
        self.verb = type(node).__name__.upper()
        if isinstance(node, s.Insert):
            return self._insert(node)
        if isinstance(node, s.Update):
            return self._update(node)
        if isinstance(node, s.Delete):
            return self._delete(node)
        if isinstance(node, s.Merge):
            return self._merge(node)
        text = self.insert_all(node)
        self.target = None
        return text

    # -- targets and assignments -----------------------------------------------------------------------------

    def _target_object(self, target: s.Target) -> ObjectInfo:
        if target.query is not None:
            raise unsupported("DML on an inline view", target.offset)
        found = self.object(target.parts, target.offset)
        if found.kind is ObjectKind.VIEW and found.schema == "SYS":
            raise refuse(1031, target.offset)
        if found.kind is ObjectKind.VIEW and not self.catalog.may_change(found, self.verb):
            raise refuse(1031, target.offset)
        if found.read_only:
            raise refuse(42399, target.offset)
        self.target = found
        return found

    def _target_column(self, found: ObjectInfo, name: n.Name, alias: str) -> ColumnInfo:
        parts = name.parts
        if len(parts) > 1 and parts[-2] not in (alias, found.name):
            raise refuse(904, name.offset, ".".join(f'"{part}"' for part in parts))
        column = found.by_name.get(parts[-1])
        if column is None:
            if parts[-1] in ("ROWID", "ROWNUM", "LEVEL"):
                raise refuse(1747, name.offset)
            raise refuse(904, name.offset, ".".join(f'"{part}"' for part in parts))
        return column

    def _filled(self, names: Sequence[n.Name], found: ObjectInfo, alias: str) -> list[ColumnInfo]:
        """The columns that an INSERT gives values: those it names, or all that can be seen and stored."""
        if not names:
            return [column for column in found.columns if not column.hidden and not column.virtual]
        columns = [self._target_column(found, name, alias) for name in names]
        if len({column.name for column in columns}) != len(columns):
            raise refuse(957, names[0].offset)
        return columns

    def assigned(self, ex: Ex, column: ColumnInfo, found: ObjectInfo, offset: int) -> str:
        """`ex` as a value of the column: converted, and checked for length as Oracle does (ORA-12899)."""
        ty = of_column(column)
        family = ty.family
        if ex.ty.family is Family.NULL:
            return "NULL"
        if family is Family.TEXT:
            text = c.to_text(ex, offset)
            return self._fitting(text, ex.ty, column, found)
        if family is Family.ROWID:
            return c.to_rowid(ex, offset).sql
        if family is Family.RAW:
            value = c.to_raw(ex, offset).sql
            if column.type is OraType.LONG_RAW:
                return value
            if ex.ty.family is Family.RAW and 0 < ex.ty.size <= column.size and column.size >= 2000:
                return value
            return f"oracle.fit_raw({value}, {column.size}, {_label(found, column)})"
        if family is Family.NUMBER and ex.ty.family is Family.BOOLEAN:
            return f"({ex.sql})::integer::numeric"
        if ex.ty.family is Family.BLOB and family is not Family.BLOB:
            raise c.mismatch(family, ex.ty.family, offset)
        return c.convert(ex, family, offset).sql

    def _fitting(self, text: Ex, given: Ty, column: ColumnInfo, found: ObjectInfo) -> str:
        by_chars = column.char_used == "C"
        limit = column.chars if by_chars else column.size
        sized = text.ty.chars if by_chars else text.ty.size
        if column.type is OraType.LONG or not limit:
            return text.sql
        known = given.type in (OraType.VARCHAR2, OraType.CHAR) and not text.sql.startswith("$")
        if known and 0 < sized <= limit and text.ty.chars <= limit and "(" not in text.sql:
            return text.sql
        return f"oracle.{'fit' if by_chars else 'fit_bytes'}({text.sql}, {limit}, {_label(found, column)})"

    def default_of(self, column: ColumnInfo, found: ObjectInfo) -> Ex:
        """The value of a column's DEFAULT; NULL when it has none."""
        if column.default is None:
            return c.NULL_EX
        before, self.block = self.block, Block(sequences_allowed=True)
        try:
            return self.value(Parser(column.default, play=self.play).value())
        finally:
            self.block = before

    def _stored(self, node: n.Expr, column: ColumnInfo, found: ObjectInfo, inserting: bool) -> str:
        """The value that an INSERT or UPDATE gives a column."""
        if column.virtual:
            raise refuse(54013 if inserting else 54017, node.offset)
        if isinstance(node, n.Name) and node.parts == ("DEFAULT",) and not node.quoted[0]:
            return "DEFAULT"
        if column.identity == "ALWAYS":
            raise refuse(32795 if inserting else 32796, node.offset)
        ex = self.value(node)
        sql = self.assigned(ex, column, found, node.offset)
        if inserting and column.default_on_null:
            default = self.assigned(self.default_of(column, found), column, found, node.offset)
            return default if ex.ty.family is Family.NULL else f"coalesce({sql}, {default})"
        return sql

    # -- INSERT ----------------------------------------------------------------------------------------------

    def _insert(self, node: s.Insert) -> str:
        found = self._target_object(node.target)
        alias = node.target.alias or found.name
        columns = self._filled(node.columns, found, alias)
        if node.record is not None:
            raise unsupported("INSERT ... VALUES record", node.record.offset)
        target = f"{found.relation} AS {quote(alias)}"
        names = ", ".join(quote(column.name) for column in columns)
        if node.query is not None:
            source = self._insert_query(node, columns, found)
        else:
            source = self._insert_rows(node.rows, columns, found, node)
            if found.has_rowid and len(node.rows) == 1:
                self.rowid = f'{quote(alias)}."ROWID"'
        return f"INSERT INTO {target} ({names}) {source}{self._returning(node.returning, found, alias)}"

    def _insert_rows(
        self, rows: list[list[n.Expr]], columns: list[ColumnInfo], found: ObjectInfo, node: s.Insert
    ) -> str:
        texts = []
        for row in rows:
            if len(row) > len(columns):
                raise refuse(913, row[len(columns)].offset if node.columns else node.target.offset)
            if len(row) < len(columns):
                raise refuse(947, node.target.offset)
            self.block = Block(values_clause=True, sequences_allowed=True)
            values = [
                self._stored(value, column, found, True) for value, column in zip(row, columns, strict=True)
            ]
            texts.append(f"({', '.join(values)})")
        return f"VALUES {', '.join(texts)}"

    def _insert_query(self, node: s.Insert, columns: list[ColumnInfo], found: ObjectInfo) -> str:
        assert node.query is not None
        self.block = Block()
        self.top = node.query
        relation = self.relation(node.query)
        if len(relation.columns) > len(columns):
            raise refuse(913, node.query.offset)
        if len(relation.columns) < len(columns):
            raise refuse(947, node.query.offset)
        if relation.fixed is not None or relation.distinct:
            relation = relation.wrapped(self.fresh("q"))
        for output, column in zip(relation.columns, columns, strict=True):
            if column.virtual:
                raise refuse(54013, node.query.offset)
            if column.identity == "ALWAYS":
                raise refuse(32795, node.query.offset)
            ex = output.ex
            sql = self.assigned(ex, column, found, node.query.offset)
            if sql == "NULL":
                sql = f"NULL::{_pg_column_type(column)}"
            if column.default_on_null:
                default = self.assigned(self.default_of(column, found), column, found, 0)
                sql = f"coalesce({sql}, {default})"
            output.ex = Ex(sql, ex.ty)
        for index, output in enumerate(relation.columns):
            output.ident = f"c{index}"
        return relation.sql

    # -- UPDATE, DELETE --------------------------------------------------------------------------------------

    def _open_target(self, target: s.Target) -> tuple[ObjectInfo, str, str]:
        """The target as the only table of the block: object, alias, text."""
        found = self._target_object(target)
        alias = target.alias or found.name
        self.block = Block()
        text = self.object_source(found, alias)
        return found, alias, text

    def _update(self, node: s.Update) -> str:
        found, alias, text = self._open_target(node.target)
        assignments = self._assignments(node.assignments, found, alias)
        where = self._changed_rows(node.where, text)
        self.rowid = self.block.sources[0].rowid
        returning = self._returning(node.returning, found, alias)
        return f"UPDATE {text} SET {assignments}{where}{returning}"

    def _assignments(self, nodes: Sequence[s.Assignment], found: ObjectInfo, alias: str) -> str:
        parts: list[str] = []
        seen: set[str] = set()
        self.block.sequences_allowed = True
        for node in nodes:
            if node.row:
                raise unsupported("SET ROW", node.offset)
            columns = [self._target_column(found, name, alias) for name in node.columns]
            for column in columns:
                if column.name in seen:
                    raise refuse(957, node.offset)
                if column.virtual:
                    raise refuse(54017, node.offset)
                if column.identity == "ALWAYS":
                    raise refuse(32796, node.offset)
                seen.add(column.name)
            if node.query is not None:
                parts.append(self._assigned_query(node, columns, found))
            elif node.default:
                parts.append(f"{quote(columns[0].name)} = DEFAULT")
            else:
                assert node.value is not None
                parts.append(
                    f"{quote(columns[0].name)} = {self._stored(node.value, columns[0], found, False)}"
                )
        self.block.sequences_allowed = False
        return ", ".join(parts)

    def _assigned_query(self, node: s.Assignment, columns: list[ColumnInfo], found: ObjectInfo) -> str:
        assert node.query is not None
        relation = self.subquery(node.query)
        if len(relation.columns) != len(columns):
            raise refuse(913 if len(relation.columns) > len(columns) else 947, node.query.offset)
        if relation.fixed is not None or relation.distinct:
            relation = relation.wrapped(self.fresh("q"))
        for output, column in zip(relation.columns, columns, strict=True):
            sql = self.assigned(output.ex, column, found, node.query.offset)
            output.ex = Ex(f"NULL::{_pg_column_type(column)}" if sql == "NULL" else sql, output.ty)
        names = ", ".join(quote(column.name) for column in columns)
        return f"({names}) = ({relation.sql})"

    def _changed_rows(self, where: n.Expr | None, text: str) -> str:
        if where is None:
            return ""
        if not walk.mentions(where, "ROWNUM"):
            return f" WHERE {self.condition(where)}"
        rowid = self.block.sources[0].rowid
        if rowid is None:
            raise unsupported("ROWNUM in DML on a view", where.offset)
        rest, limit = self.split_rownum(where)
        conditions = [self.condition(condition) for condition in rest]
        inner = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f" WHERE {rowid} IN (SELECT {rowid} FROM {text}{inner} LIMIT {limit})"

    def _delete(self, node: s.Delete) -> str:
        found, alias, text = self._open_target(node.target)
        where = self._changed_rows(node.where, text)
        self.rowid = self.block.sources[0].rowid
        return f"DELETE FROM {text}{where}{self._returning(node.returning, found, alias)}"

    def _returning(self, node: s.Returning | None, found: ObjectInfo, alias: str) -> str:
        if node is None:
            return ""
        self.block = Block(aggregates_allowed=True)
        self.object_source(found, alias)
        self.returned_lobs = stored_lobs(self.block.sources[-1]) if self.verb != "DELETE" else {}
        targets = node.into.targets
        for position, value in enumerate(node.values):
            if isinstance(value, n.Star):
                raise refuse(936, value.offset)
            ex = self.value(value)
            if position < len(targets):
                ex = self._as_target(ex, targets[position], value.offset)
            if ex.sql == "NULL":
                ex = Ex("NULL::text", ex.ty)
            self.returned.append(Output(f"C{len(self.returned)}", "", c.shown(ex, self.asked.native)))
        if self.block.aggregates:
            raise unsupported("an aggregate in RETURNING", node.offset)
        return " RETURNING " + ", ".join(output.ex.sql for output in self.returned)

    def _as_target(self, ex: Ex, target: n.Expr, offset: int) -> Ex:
        """A returned value as the type of the client's variable, where the two differ in kind."""
        binds = self.asked.binds
        if not isinstance(target, n.BindRef) or binds is None or target.index >= len(binds):
            return ex
        family = FAMILIES.get(binds[target.index].type, Family.NULL)
        if family not in (Family.TEXT, Family.NUMBER, Family.RAW) or ex.ty.family in (
            *(family, Family.NULL, Family.FLOAT),
            *((Family.CLOB, Family.ROWID) if family is Family.TEXT else ()),
            *((Family.BLOB,) if family is Family.RAW else ()),
        ):
            return ex
        return c.convert(ex, family, offset)

    # -- MERGE -----------------------------------------------------------------------------------------------

    def _merge(self, node: s.Merge) -> str:
        found, alias, text = self._open_target(node.target)
        target_source = self.block.sources[0]
        source_text = self.source(node.source)
        on = self.condition(node.on)
        sources = list(self.block.sources)
        self._check_on_columns(node, found, alias)
        parts = []
        if node.assignments:
            parts += self._merge_update(node, found, alias, target_source, sources)
        if node.insert_values is not None:
            self.block.sources = [source for source in sources if source is not target_source]
            parts.append(self._merge_insert(node, found, alias))
        return f"MERGE INTO {text} USING {source_text} ON {on} {' '.join(parts)}"

    def _check_on_columns(self, node: s.Merge, found: ObjectInfo, alias: str) -> None:
        for assignment in node.assignments:
            for name in assignment.columns:
                column = self._target_column(found, name, alias)
                used = f"{quote(self.block.sources[0].pg_alias)}.{quote(column.name)}"
                if used in self.condition(node.on):
                    raise refuse(38104, name.offset, f'"{alias}"."{column.name}"')

    def _merge_update(
        self, node: s.Merge, found: ObjectInfo, alias: str, target: Source, sources: list[Source]
    ) -> list[str]:
        parts = []
        where = "" if node.update_where is None else f" AND {self.condition(node.update_where)}"
        assignments = self._assignments(node.assignments, found, alias)
        if node.delete_where is not None:
            # DELETE WHERE looks at the row as the UPDATE would leave it
            before = dict(target.columns)
            changed = dict(before)
            for assignment in node.assignments:
                if assignment.value is None:
                    raise unsupported(
                        "DELETE in a MERGE that sets several columns at once", assignment.offset
                    )
                name = assignment.columns[0].parts[-1]
                value = self.value(assignment.value)
                family = before[name].ty.family
                changed[name] = Ex(c.convert(value, family, assignment.offset).sql, before[name].ty)
            target.columns = changed
            doomed = self.condition(node.delete_where)
            target.columns = before
            parts.append(f"WHEN MATCHED{where} AND {doomed} THEN DELETE")
        parts.append(f"WHEN MATCHED{where} THEN UPDATE SET {assignments}")
        return parts

    def _merge_insert(self, node: s.Merge, found: ObjectInfo, alias: str) -> str:
        values = node.insert_values
        assert values is not None
        columns = self._filled(node.insert_columns, found, alias)
        if len(values) != len(columns):
            raise refuse(913 if len(values) > len(columns) else 947, node.offset)
        where = "" if node.insert_where is None else f" AND {self.condition(node.insert_where)}"
        for name in (part for part in walk.parts(values) if isinstance(part, n.Name)):
            known = any(name.parts[-1] in source.columns for source in self.block.sources)
            if name.parts[-1] in found.by_name and (
                name.parts[-2:-1] == (alias,) or (len(name.parts) == 1 and not known)
            ):
                raise refuse(38101, name.offset, ".".join(f'"{part}"' for part in name.parts))
        names = ", ".join(quote(column.name) for column in columns)
        self.block.sequences_allowed = True
        texts = [
            self._stored(value, column, found, True) for value, column in zip(values, columns, strict=True)
        ]
        return f"WHEN NOT MATCHED{where} THEN INSERT ({names}) VALUES ({', '.join(texts)})"


def _label(found: ObjectInfo, column: ColumnInfo) -> str:
    return text_literal(f'"{found.schema}"."{found.name}"."{column.name}"')


def _pg_column_type(column: ColumnInfo) -> str:
    return pg_type(of_column(column))
