"""A change of a table with triggers that the interpreter runs: the rows it concerns as queries, one per kind of change.

The session reads the rows, fires the triggers around each and changes it by its ROWID (fired.py).
"""

from __future__ import annotations

from app.localdb.contract import Column, Kind
from app.localdb.sql import nodes as n
from app.localdb.sql import statements as s
from app.localdb.sql.catalog import ColumnInfo, ObjectInfo, ObjectKind
from app.localdb.sql.compiled import Compiled, RowPlan, RowStep
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.base import Circumstances
from app.localdb.sql.translate.dml import Dml
from app.localdb.sql.translate.relation import Output
from app.localdb.sql.translate.scope import Block
from app.localdb.sql.types import ROWID, Ex, Family, describe, of_column, pg_type, quote, text_literal

Change = s.Insert | s.Update | s.Delete | s.Merge


def row_plan(node: Change, found: ObjectInfo, asked: Circumstances) -> RowPlan:
    """How the session runs `node`. Raises what the statement itself would."""
    view = found.kind is ObjectKind.VIEW
    if not view and not found.has_rowid:
        raise unsupported("a trigger of this kind on a table without ROWIDs", node.offset)
    steps: list[RowStep] = []
    if isinstance(node, s.Merge):
        if view:
            raise refuse(38106, node.offset)
        if node.delete_where is not None:
            raise unsupported("DELETE in a MERGE into a table with such a trigger", node.offset)
        if node.assignments:
            steps.append(RowChanges(asked).merge_update(node))
        if node.insert_values is not None:
            steps.append(RowChanges(asked).merge_insert(node))
    elif isinstance(node, s.Insert):
        steps.append(RowChanges(asked).insert(node))
    elif isinstance(node, s.Update):
        steps.append(RowChanges(asked).update(node))
    else:
        steps.append(RowChanges(asked).delete(node))
    alias = node.target.alias or found.name
    items, described = RowChanges(asked).row_items(found, alias)
    plan = RowPlan(found, quote(alias), steps, found.columns, items, described)
    if not isinstance(node, s.Merge) and node.returning is not None:
        if view:
            raise refuse(22816, node.returning.offset)
        plan.returning = RowChanges(asked).returned_row(node.returning, found, alias)
    return plan


class RowChanges(Dml):
    """One instance for each query: the parameters of each count from $1."""

    def row_items(self, found: ObjectInfo, alias: str) -> tuple[list[str], list[Column]]:
        """The texts of all columns of the target as the session reads them, and what they give."""
        self.block = Block()
        self.object_source(found, alias)
        columns = self.block.sources[0].columns
        items = [c.shown(columns[column.name]) for column in found.columns]
        described = [
            describe(column.name, ex.ty, True) for column, ex in zip(found.columns, items, strict=True)
        ]
        return [item.sql for item in items], described

    def insert(self, node: s.Insert) -> RowStep:
        found = self._target_object(node.target)
        alias = node.target.alias or found.name
        columns = self._filled(node.columns, found, alias)
        if node.query is not None:
            self._insert_query(node, columns, found)  # its own checks
            self.params.clear()
            self.block, self.top = Block(), node.query
            relation = self.relation(node.query)
            if relation.fixed is not None or relation.distinct:
                relation = relation.wrapped(self.fresh("q"))
            given = {
                column.name: self._as_column(output.ex, column, found, node.query.offset)
                for output, column in zip(relation.columns, columns, strict=True)
            }
            relation.columns = self._whole_row(given, found)
            return self._step("INSERT", relation.sql, relation.columns, found, given)
        if len(node.rows) != 1:
            raise unsupported("several rows of VALUES for a table with such a trigger", node.offset)
        row = node.rows[0]
        if len(row) != len(columns):
            raise refuse(913 if len(row) > len(columns) else 947, node.target.offset)
        self.block = Block(values_clause=True, sequences_allowed=True)
        given = self._given(row, columns, found)
        whole = self._whole_row(given, found)
        return self._step("INSERT", "SELECT " + _listed(whole), whole, found, given)

    def _given(self, row: list[n.Expr], columns: list[ColumnInfo], found: ObjectInfo) -> dict[str, Ex]:
        given = {}
        for node, column in zip(row, columns, strict=True):
            sql = self._stored(node, column, found, True)
            given[column.name] = self._default(column, found) if sql == "DEFAULT" else _typed(sql, column)
        return given

    def _as_column(self, ex: Ex, column: ColumnInfo, found: ObjectInfo, offset: int) -> Ex:
        typed = _typed(self.assigned(ex, column, found, offset), column)
        if not column.default_on_null:
            return typed
        return Ex(f"coalesce({typed.sql}, {self._default(column, found).sql})", typed.ty)

    def _default(self, column: ColumnInfo, found: ObjectInfo) -> Ex:
        if column.identity is not None:
            names = f"{text_literal(found.relation)}, {text_literal(column.name)}"
            return _typed(f"oracle.identity_value({names})", column)
        return _typed(self.assigned(self.default_of(column, found), column, found, 0), column)

    def _whole_row(self, given: dict[str, Ex], found: ObjectInfo) -> list[Output]:
        """Every column that can be stored: what the statement gives, else its default."""
        return [
            Output(column.name, f"c{index}", c.shown(given.get(column.name) or self._default(column, found)))
            for index, column in enumerate(found.columns)
            if not column.virtual
        ]

    def update(self, node: s.Update) -> RowStep:
        found, alias, text = self._open_target(node.target)
        given = self._set_columns(node.assignments, found, alias)
        where = self._changed_rows(node.where, text)
        return self._existing("UPDATE", text, where, found, given)

    def delete(self, node: s.Delete) -> RowStep:
        found, _, text = self._open_target(node.target)
        return self._existing("DELETE", text, self._changed_rows(node.where, text), found, {})

    def _existing(self, verb: str, text: str, where: str, found: ObjectInfo, given: dict[str, Ex]) -> RowStep:
        """ROWID, the columns as they are, the new values of those that are set."""
        source = self.block.sources[0]
        items = [] if source.rowid is None else [Output("ROWID", "r", c.shown(Ex(source.rowid, ROWID)))]
        items += [Output(each.name, "o", c.shown(source.columns[each.name])) for each in found.columns]
        items += [Output(name, "n", c.shown(ex)) for name, ex in given.items()]
        lock = f" FOR UPDATE OF {quote(source.pg_alias)}" if source.rowid is not None else ""
        return self._step(verb, f"SELECT {_listed(items)} FROM {text}{where}{lock}", items, found, given)

    def _set_columns(self, nodes: list[s.Assignment], found: ObjectInfo, alias: str) -> dict[str, Ex]:
        given: dict[str, Ex] = {}
        kept = len(self.params)
        self._assignments(nodes, found, alias)  # its own checks
        del self.params[kept:]
        self.block.sequences_allowed = True
        for node in nodes:
            columns = [self._target_column(found, name, alias) for name in node.columns]
            if node.query is not None:
                relation = self.subquery(node.query)
                if relation.fixed is not None or relation.distinct:
                    relation = relation.wrapped(self.fresh("q"))
                for output, column in zip(relation.columns, columns, strict=True):
                    sql = self.assigned(output.ex, column, found, node.query.offset)
                    given[column.name] = _typed(
                        f"({relation.withs}{relation.prefix}{sql}{relation.suffix})", column
                    )
            elif node.default or node.value is None:
                given[columns[0].name] = self._default(columns[0], found)
            else:
                sql = self._stored(node.value, columns[0], found, False)
                given[columns[0].name] = (
                    self._default(columns[0], found) if sql == "DEFAULT" else _typed(sql, columns[0])
                )
        self.block.sequences_allowed = False
        return given

    def merge_update(self, node: s.Merge) -> RowStep:
        found, alias, text = self._open_target(node.target)
        source = self.source(node.source)
        on = self.condition(node.on)
        self._check_on_columns(node, found, alias)
        given = self._set_columns(node.assignments, found, alias)
        where = "" if node.update_where is None else f" WHERE {self.condition(node.update_where)}"
        return self._existing("UPDATE", f"{text} JOIN {source} ON {on}", where, found, given)

    def merge_insert(self, node: s.Merge) -> RowStep:
        found, alias, text = self._open_target(node.target)
        target = self.block.sources[0]
        source = self.source(node.source)
        on = self.condition(node.on)
        values = node.insert_values
        assert values is not None
        kept = len(self.params)
        self.block.sources = [each for each in self.block.sources if each is not target]
        self._merge_insert(node, found, alias)  # its own checks
        del self.params[kept:]
        columns = self._filled(node.insert_columns, found, alias)
        where = "" if node.insert_where is None else f" AND {self.condition(node.insert_where)}"
        self.block.sequences_allowed = True
        given = self._given(values, columns, found)
        whole = self._whole_row(given, found)
        query = (
            f"SELECT {_listed(whole)} FROM {source} WHERE NOT EXISTS (SELECT FROM {text} WHERE {on}){where}"
        )
        return self._step("INSERT", query, whole, found, given)

    def returned_row(self, node: s.Returning, found: ObjectInfo, alias: str) -> Compiled:
        """RETURNING's values of the row whose ROWID is the last parameter."""
        items = self._returning(node, found, alias).removeprefix(" RETURNING ")
        self.block = Block()
        text = self.object_source(found, alias)
        rowid = self.block.sources[0].rowid
        made = Compiled(Kind.QUERY, params=self.params)
        made.pg_text = (
            f"SELECT {items} FROM {text} WHERE {rowid} = oracle.rowid_value(${len(self.params) + 1}::text)"
        )
        made.columns = [describe(each.name, each.ty, each.ex.nullable) for each in self.returned]
        return made

    def _step(
        self, verb: str, text: str, items: list[Output], found: ObjectInfo, given: dict[str, Ex]
    ) -> RowStep:
        if any(self.moments):
            raise unsupported("a flashback query in DML")
        query = Compiled(Kind.QUERY, pg_text=text, params=self.params)
        query.columns = [describe(each.name, each.ty, each.ex.nullable) for each in items]
        query.tables, query.temporary = self.tables, self.temporary
        return RowStep(verb, query, list(given))


def _typed(sql: str, column: ColumnInfo) -> Ex:
    """A value of the column: a number that is too large for it is ORA-01438 before any trigger sees it."""
    ty = of_column(column)
    if sql == "NULL" or ty.family is Family.NUMBER:
        sql = f"({sql})::{pg_type(ty)}"
    return Ex(sql, ty)


def _listed(items: list[Output]) -> str:
    return ", ".join(f"{item.ex.sql} AS {quote(item.ident)}" for item in items)
