"""Queries: WITH, query blocks, set operations, ORDER BY, row limits, FOR UPDATE."""

from __future__ import annotations

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import ObjectKind
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.groups import Groups, has_aggregate, is_nested_aggregate, unnested
from app.localdb.sql.translate.relation import Output, Relation
from app.localdb.sql.translate.scope import Block, Source
from app.localdb.sql.translate.walk import any_part, conjuncts, mentions
from app.localdb.sql.types import Ex, Family, Ty, quote

_SET_WORDS = {"MINUS": "EXCEPT", "MINUS ALL": "EXCEPT ALL"}


class Queries(Groups):
    """relation() translates a whole query."""

    top: n.Query | None = None  # the query in whose select list sequences may stand

    def subquery(self, query: n.Query, ordered: bool = False) -> Relation:
        """A query inside an expression; it sees the names around it. Only of a CURSOR rows have an order."""
        if not ordered:
            _refuse_tail(query)
        if not self.block.inside_aggregate:
            self.block.lone_queries.append(query.offset)
        return self.relation(query, lateral=True)

    def relation(self, query: n.Query, lateral: bool = False) -> Relation:
        """A query. With `lateral` it sees the names of the block that it stands in."""
        outer = self.block
        withs = self.with_clause(query.ctes)
        parent = outer if lateral else None
        try:
            found = self._body(query, parent)
        finally:
            self.block = outer
        if query.ctes:
            self.ctes.pop()
            if withs:
                found.withs = withs
        return found

    # -- bodies ----------------------------------------------------------------------------------------------

    def _body(self, query: n.Query, parent: Block | None) -> Relation:
        body = query.body
        self._check_for_update(query)
        if isinstance(body, n.Select):
            return self._select(query, body, parent)
        if isinstance(body, n.Query):
            if not (query.order_by or query.fetch is not None or query.row_offset is not None):
                self.top = body if query is self.top else self.top
                self.block = Block(parent=parent)
                return self.relation(body, lateral=True)
            self.block = Block(parent=parent)
            inner = self.relation(body, lateral=True)
            found = Relation(inner.columns, fixed=f"({inner.sql})", complex=True)
        else:
            found = self._set_operation(body, parent)
        return self._set_tail(query, found, parent)

    def _check_for_update(self, query: n.Query) -> None:
        lock = query.for_update
        if lock is None:
            return
        if query.fetch is not None or query.row_offset is not None:
            raise refuse(2014, query.fetch_offset)
        body = query.body
        if not isinstance(body, n.Select) or body.distinct or body.group_by:
            raise refuse(1786, lock.offset)

    def _set_operation(self, body: n.SetOperation, parent: Block | None) -> Relation:
        sides: list[Relation] = []
        for side in (body.left, body.right):
            self.block = Block(parent=parent)
            query = side if isinstance(side, n.Query) else n.Query(side.offset, side)
            _refuse_tail(query)
            sides.append(self.relation(query, lateral=True))
        left, right = sides
        if len(left.columns) != len(right.columns):
            raise refuse(1789, body.left.offset)
        columns = []
        changed_left, changed_right = left, right
        converted: list[tuple[Ex, Ex]] = []
        for a, b in zip(left.columns, right.columns, strict=True):
            pair, ty = self._branch_types(a.ex, b.ex, body)
            if body.op != "UNION ALL":
                c.sortable(ty, body.left.offset)
            converted.append((pair[0], pair[1]))
            ex = Ex(quote(a.ident), ty, a.ex.nullable or b.ex.nullable)
            columns.append(Output(a.name, a.ident, ex, a.named))
        if any(p[0].sql != a.ex.sql for p, a in zip(converted, left.columns, strict=True)):
            changed_left = self._reshaped(left, [column.ty.family for column in columns])
        if any(p[1].sql != b.ex.sql for p, b in zip(converted, right.columns, strict=True)):
            changed_right = self._reshaped(right, [column.ty.family for column in columns])
        op = _SET_WORDS.get(body.op, body.op)
        text = f"({changed_left.sql}) {op} ({changed_right.sql})"
        return Relation(columns, fixed=text, complex=True)

    def _branch_types(self, a: Ex, b: Ex, body: n.SetOperation) -> tuple[list[Ex], Ty]:
        try:
            return c.shared([a, b], [body.left.offset, body.left.offset])
        except OracleError as error:
            raise refuse(1790, body.left.offset) from error

    def _reshaped(self, found: Relation, families: list[Family]) -> Relation:
        """The same query with its columns converted."""
        if found.fixed is not None:
            found = found.wrapped(self.fresh("q"))
        for column, family in zip(found.columns, families, strict=True):
            target = Family.TEXT if family is Family.NULL else family
            column.ex = c.convert(column.ex, target)
        return found

    def _set_tail(self, query: n.Query, found: Relation, parent: Block | None) -> Relation:
        if not query.order_by and query.fetch is None and query.row_offset is None:
            return found
        parts = []
        for item in query.order_by:
            parts.append(self._set_key(item, found))
        order = f" ORDER BY {', '.join(parts)}" if parts else ""
        self.block = Block(parent=parent)
        columns = ", ".join(quote(column.ident) for column in found.columns)
        text = f'SELECT {columns} FROM ({found.fixed}) "{self.fresh("s")}"{order}{self._limit_text(query, bool(order))}'
        found.fixed = text
        return found

    def _set_key(self, item: n.OrderItem, found: Relation) -> str:
        value = item.value
        tail = (" DESC" if item.descending else "") + (f" NULLS {item.nulls}" if item.nulls else "")
        if isinstance(value, n.Number) and value.text.isdigit():
            position = int(value.text)
            if not 1 <= position <= len(found.columns):
                raise refuse(1785, value.offset)
            return f"{position}{tail}"
        if not isinstance(value, n.Name):
            raise refuse(1785, value.offset)
        block = Block()
        for column in found.columns:
            block.aliases.setdefault(column.name, []).append(Ex(quote(column.ident), column.ty))
        before, self.block = self.block, block
        try:
            sql = self.value(value).sql
        finally:
            self.block = before
        return sql + tail

    # -- one query block -------------------------------------------------------------------------------------

    def _select(self, query: n.Query, select: n.Select, parent: Block | None) -> Relation:
        block = self.block = Block(parent=parent)
        if select.group_by and any_part(select.items, is_nested_aggregate):
            select = unnested(select)
        from_text, wheres = self._from(query, select)
        limit = None
        if select.where is not None and mentions(select.where, "ROWNUM"):
            rest, limit = self.split_rownum(select.where)
            if wheres is None:
                wheres = [self.condition(condition) for condition in rest]
        elif wheres is None:
            wheres = [] if select.where is None else [self.condition(select.where)]
        uses_rownum = block.level is None and mentions(
            [select.items, query.order_by, select.group_by, select.having], "ROWNUM"
        )
        tail_limit = ""
        if limit is not None or uses_rownum:
            if query.for_update is not None and limit is not None:
                wheres = [self._limited_rowids(from_text, wheres, limit, query.for_update)]
            elif limit is not None and not uses_rownum and not self._needs_whole(query, select):
                tail_limit = f" LIMIT {limit}"
            elif limit is None and not select.group_by and not has_aggregate(select):
                block.rownum = "row_number() OVER ()::numeric"
            else:
                from_text, wheres = self._counted(from_text, wheres, limit)
        groups = self.group_by(select)
        block.ungrouped.clear()
        block.lone_queries.clear()
        block.sequences_allowed = query is self.top and not (
            select.distinct or groups or query.order_by or has_aggregate(select)
        )
        columns = self._items(select)
        block.sequences_allowed = False
        lone = len(block.lone_queries)
        having = self.having(select)
        del block.lone_queries[lone:]
        order = self._order_by(query, select, columns)
        self.check_groups(select)
        if select.from_missing or (block.dual_only and not block.dual_used):
            from_text = ""
        suffix = f" FROM {from_text}" if from_text else ""
        if wheres:
            suffix += f" WHERE {' AND '.join(wheres)}"
        suffix += groups + having + order + tail_limit + self._limit_text(query, bool(order))
        if query.for_update is not None:
            suffix += self._for_update(query.for_update)
        grouped = bool(select.distinct or select.group_by or block.aggregates or block.windowed)
        found = Relation(columns, "SELECT DISTINCT " if select.distinct else "SELECT ", suffix)
        found.distinct = select.distinct
        found.complex = grouped or bool(order) or limit is not None or query.fetch is not None or uses_rownum
        if len(block.sources) == 1:
            found.rowid = block.sources[0].rowid
        if not grouped and select.connect_by is None:
            for source in block.sources:
                found.lobs |= stored_lobs(source)
        return found

    def _from(self, query: n.Query, select: n.Select) -> tuple[str, list[str] | None]:
        """The text of FROM, and the conditions of WHERE when (+) made them part of the joins."""
        block = self.block
        outer = select.where is not None and any_part(select.where, _is_outer)
        sources = select.sources
        if outer and any(isinstance(item, n.Join) for item in sources):
            assert select.where is not None
            raise refuse(25156, select.where.offset)
        if select.connect_by is not None:
            return self.hierarchy(query, select), None
        if len(sources) == 1:
            item = sources[0]
            block.dual_only = isinstance(item, n.TableRef) and item.parts in (("DUAL",), ("SYS", "DUAL"))
            text = self.source(item)
            block.dual_used = not block.dual_only
            return text, None
        texts: list[str] = []
        groups: list[list[Source]] = []
        for item in sources:
            start = len(block.sources)
            texts.append(self.source(item))
            groups.append(block.sources[start:])
        block.dual_used = True
        if outer:
            return self.outer_joins(texts, groups, conjuncts(select.where))
        return ", ".join(texts), None

    def _needs_whole(self, query: n.Query, select: n.Select) -> bool:
        """Whether something happens to the rows after ROWNUM has cut them."""
        return bool(
            query.order_by
            or select.distinct
            or select.group_by
            or select.having is not None
            or query.fetch is not None
            or query.row_offset is not None
            or has_aggregate(select)
            or any_part(select.items, lambda part: isinstance(part, n.Call) and part.over is not None)
        )

    def _counted(self, from_text: str, wheres: list[str], limit: str | None) -> tuple[str, list[str]]:
        """Put the rows counted so far into an inline view; the block's columns are then that view's."""
        block = self.block
        alias = self.fresh("r")
        items: list[str] = []
        for source in block.sources:
            renamed: dict[str, Ex] = {}
            for name, ex in source.columns.items():
                ident = f"c{len(items)}"
                items.append(f"{ex.sql} AS {ident}")
                renamed[name] = Ex(f"{quote(alias)}.{ident}", ex.ty, ex.nullable)
            source.columns = renamed
            if source.rowid is not None:
                ident = f"c{len(items)}"
                items.append(f"{source.rowid} AS {ident}")
                source.rowid = f"{quote(alias)}.{ident}"
            if source.rowscn is not None:
                ident = f"c{len(items)}"
                items.append(f"{source.rowscn} AS {ident}")
                source.rowscn = f"{quote(alias)}.{ident}"
        for name, ex in block.merged.items():
            ident = f"c{len(items)}"
            items.append(f"{ex.sql} AS {ident}")
            block.merged[name] = Ex(f"{quote(alias)}.{ident}", ex.ty, ex.nullable)
        items.append("row_number() OVER ()::numeric AS rn")
        block.rownum = f"{quote(alias)}.rn"
        where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
        cut = f" LIMIT {limit}" if limit is not None else ""
        return f"(SELECT {', '.join(items)} FROM {from_text}{where}{cut}) {quote(alias)}", []

    def _limited_rowids(self, from_text: str, wheres: list[str], limit: str, lock: n.ForUpdate) -> str:
        """ROWNUM with FOR UPDATE: rows are chosen first, then locked or skipped."""
        sources = self.block.sources
        if any(source.complex for source in sources):
            raise refuse(2014, lock.offset)
        if len(sources) != 1 or sources[0].rowid is None:
            raise unsupported("ROWNUM with FOR UPDATE of a join or view", lock.offset)
        where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
        rowid = sources[0].rowid
        return f"{rowid} IN (SELECT {rowid} FROM {from_text}{where} LIMIT {limit})"

    # -- the select list -------------------------------------------------------------------------------------

    def _items(self, select: n.Select) -> list[Output]:
        block = self.block
        block.aggregates_allowed = block.windows_allowed = True
        columns: list[Output] = []
        used: set[str] = set()
        for item in select.items:
            if isinstance(item.value, n.Star):
                if len(select.items) > 1 and not item.value.qualifier:
                    raise refuse(923 if item is select.items[0] else 936, item.offset + 1)
                found, named = self._star_columns(item.value, item.text), True
            else:
                ex = self.value(item.value)
                if ex.sql == "NULL":
                    ex = Ex("NULL::text", ex.ty)
                named = item.alias is not None or isinstance(item.value, n.Name)
                if not isinstance(item.value, n.Name) or ex.sql.endswith(")"):
                    ex = ex._replace(nullable=True)  # DESCRIBE: only a NOT NULL column is not
                found = [(_item_name(item), ex)]
            for name, ex in found:
                if select.distinct:
                    c.sortable(ex.ty, item.offset)
                ident = name if name not in used and len(name.encode()) <= 63 else self.fresh("c")
                used.add(ident)
                columns.append(Output(name, ident, ex, named))
        return columns

    def _star_columns(self, star: n.Star, text: str) -> list[tuple[str, Ex]]:
        block = self.block
        found: list[tuple[str, Ex]] = []
        written: list[str] = []  # as the text of a view keeps it
        qualifier = star.qualifier
        sources = block.sources
        if qualifier:
            sources = [
                s for s in sources
                if s.alias == qualifier[-1] and (len(qualifier) == 1 or s.schema == qualifier[0])
            ]  # fmt: skip
            if not sources:
                raise refuse(904, star.offset, ".".join(f'"{part}"' for part in qualifier))
        elif block.merged:
            found += list(block.merged.items())
            written += map(quote, block.merged)
        for source in sources:
            for name in source.names:
                if name in source.duplicates:
                    raise refuse(918, star.offset)
                if not qualifier and name in block.merged:
                    continue
                ex = source.columns[name]
                if ex.sql not in block.groups:
                    block.ungrouped.append(star.offset)
                found.append((name, ex))
                written.append(
                    f"{quote(source.alias)}.{quote(name)}" if len(block.sources) > 1 else quote(name)
                )
        self.stars[star.offset] = (text, ", ".join(written))
        block.dual_used = True
        return found

    # -- ORDER BY, FETCH, FOR UPDATE -------------------------------------------------------------------------

    def _order_by(self, query: n.Query, select: n.Select, columns: list[Output]) -> str:
        if not query.order_by:
            return ""
        if query.siblings:
            if select.connect_by is None or select.group_by:
                raise refuse(30929, query.order_by[0].offset)
            return ""
        block = self.block
        for column in columns:
            # a name of the select list hides the tables' columns
            block.aliases.setdefault(column.name, []).append(column.ex)
        shown = {column.ex.sql for column in columns}
        parts = []
        for item in query.order_by:
            sql = self._order_key(item.value, columns)
            if select.distinct and sql not in shown:
                raise refuse(1791, item.offset)
            tail = (" DESC" if item.descending else "") + (f" NULLS {item.nulls}" if item.nulls else "")
            parts.append(sql + tail)
        block.aliases = {}
        return f" ORDER BY {', '.join(parts)}"

    def _order_key(self, value: n.Expr, columns: list[Output]) -> str:
        if isinstance(value, n.Number):
            if not value.text.isdigit() or not 1 <= int(value.text) <= len(columns):
                raise refuse(1785, value.offset)
            found = columns[int(value.text) - 1].ex
            c.sortable(found.ty, value.offset)
            return found.sql
        return self.key(value)

    def _limit_text(self, query: n.Query, ordered: bool) -> str:
        text = ""
        if query.row_offset is not None:
            text += f" OFFSET {self._count(query.row_offset, '0')}"
        if query.fetch is not None:
            if query.fetch_percent:
                raise unsupported("FETCH FIRST ... PERCENT", query.fetch_offset)
            count = self._count(query.fetch, "0")
            ties = " WITH TIES" if query.fetch_ties and ordered else " ONLY"
            text += f" FETCH FIRST {count} ROWS{ties}"
        return text

    def _count(self, node: n.Expr, null: str) -> str:
        if isinstance(node, n.Number) and node.text.isdigit():
            return node.text
        value = c.to_number(self.value(node), node.offset).sql
        return f"(greatest(coalesce(trunc({value}), {null}), 0)::bigint)"

    def _for_update(self, lock: n.ForUpdate) -> str:
        block = self.block
        if block.aggregates:
            raise refuse(1786, lock.offset)
        chosen: list[Source] = []
        for name in lock.of:
            source = self._locked_source(name)
            if source not in chosen:
                chosen.append(source)
        if not lock.of:
            chosen = [source for source in block.sources if source.object is not None or source.complex]
        for source in chosen:
            if source.complex:
                raise refuse(2014, lock.offset)
            if not source.inner:
                raise unsupported("FOR UPDATE of the optional table of an outer join", lock.offset)
        names = ", ".join(quote(source.pg_alias) for source in chosen if source.schema != "SYS")
        if not names:
            return ""
        wait = " NOWAIT" if lock.nowait else " SKIP LOCKED" if lock.skip_locked else ""
        # NO KEY: like Oracle's, this lock does not stop the insert of a child row
        return f" FOR NO KEY UPDATE OF {names}{wait}"

    def _locked_source(self, name: n.Name) -> Source:
        column = name.parts[-1]
        for source in self.block.sources:
            if len(name.parts) > 1 and source.alias != name.parts[-2]:
                continue
            if column in source.columns or (column == "ROWID" and source.rowid is not None):
                return source
        raise refuse(904, name.offset, ".".join(f'"{part}"' for part in name.parts))


def stored_lobs(source: Source) -> dict[str, tuple[str, str, str]]:
    """The CLOB and BLOB columns of a table, as Relation.lobs has them."""
    if source.object is None or source.object.kind is not ObjectKind.TABLE or source.rowid is None:
        return {}
    return {
        source.columns[column.name].sql: (source.object.relation, column.name, source.rowid)
        for column in source.object.columns
        if column.type in (OraType.CLOB, OraType.BLOB) and not column.virtual
    }


def _is_outer(part: object) -> bool:
    return isinstance(part, n.Name) and part.outer


def _refuse_tail(query: n.Query) -> None:
    """Oracle's grammar has no ORDER BY in a subquery, unless rows are cut off behind it, and no FOR UPDATE."""
    if query.for_update is not None:
        raise refuse(907, query.for_update.offset)
    if query.order_by and query.fetch is None and query.row_offset is None:
        raise refuse(907, query.order_by[0].offset)


def _item_name(item: n.SelectItem) -> str:
    if item.alias is not None:
        return item.alias
    value = item.value
    if isinstance(value, n.Name):
        return value.parts[-1]
    return "".join(item.text.split()).upper()[:128]
