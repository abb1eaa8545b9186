"""FROM: tables, views, inline views, JSON_TABLE, TABLE( ), joins by words and by (+)."""

from __future__ import annotations

from abc import abstractmethod

from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import InvalidView, ObjectInfo, ObjectKind
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate import pivot
from app.localdb.sql.translate.json import checked_path
from app.localdb.sql.translate.relation import Relation
from app.localdb.sql.translate.rownum import Rownum
from app.localdb.sql.translate.scope import Block, Source
from app.localdb.sql.translate.walk import any_part
from app.localdb.sql.types import (
    CLOB,
    NUMBER,
    VARCHAR2,
    Ex,
    Family,
    Ty,
    of_column,
    of_type_name,
    pg_type,
    quote,
    text_literal,
    varchar2,
)

_LISTS = {"ODCINUMBERLIST": NUMBER, "ODCIVARCHAR2LIST": VARCHAR2}


class Sources(Rownum):
    """source() adds one item of FROM to the block and answers its PostgreSQL text."""

    json_text_of = ""  # the document of the JSON_TABLE that is being translated

    @abstractmethod
    def relation(self, query: n.Query, lateral: bool = False) -> Relation: ...

    def source(self, item: n.FromItem) -> str:
        """Translate one item of FROM."""
        if isinstance(item, n.TableRef):
            return self._table(item)
        if isinstance(item, n.Join):
            return self._join(item)
        if isinstance(item, n.DerivedTable):
            return self._derived(item)
        if isinstance(item, n.Pivot | n.Unpivot):
            query = pivot.as_query(item, self._names_of)
            return self._derived(n.DerivedTable(item.offset, query, item.alias))
        if isinstance(item, n.JsonTable):
            return self._json_table(item)
        if isinstance(item, n.TableFunction):
            return self._table_function(item)
        return self._values(item)

    def _names_of(self, item: n.FromItem) -> list[str]:
        """The columns of an item of FROM, which is translated elsewhere."""
        before, kept = self.block, len(self.params)
        self.block = Block()
        self.source(item)
        names = [name for source in self.block.sources for name in source.names]
        self.block = before
        del self.params[kept:]
        return names

    def _pg_alias(self, alias: str) -> str:
        return alias if self.block.source(alias) is None else self.fresh(alias)

    def _table(self, item: n.TableRef) -> str:
        parts = item.parts
        if len(parts) == 1:
            for level in reversed(self.ctes):
                cte = level.get(parts[0])
                if cte is not None:
                    alias = item.alias or parts[0]
                    pg = self._pg_alias(alias)
                    columns = {
                        name: Ex(f"{quote(pg)}.{ex.sql}", ex.ty, ex.nullable)
                        for name, ex in cte.columns.items()
                    }
                    self.block.sources.append(Source(alias, cte.names, columns, pg_alias=pg, complex=True))
                    return f"{quote(cte.pg_name)} {quote(pg)}"
        if parts in (("DUAL",), ("SYS", "DUAL")):
            alias = item.alias or "DUAL"
            pg = self._pg_alias(alias)
            dummy = Ex(f'{quote(pg)}."DUMMY"', varchar2(1))
            self.block.sources.append(Source(alias, ["DUMMY"], {"DUMMY": dummy}, "SYS", pg_alias=pg))
            return f"(VALUES ('X'::varchar(1))) {quote(pg)}(\"DUMMY\")"
        found = self.object(parts, item.offset)
        self.moments.append(item.as_of)
        if item.as_of is not None and found.schema == "SYS":
            raise unsupported("flashback query of the dictionary", item.as_of.offset)
        sql = self.object_source(found, item.alias or parts[-1])
        if item.sample is None:
            return sql
        if found.kind is not ObjectKind.TABLE:
            raise unsupported("SAMPLE of a view", item.sample.offset)
        return f"{sql} TABLESAMPLE {'SYSTEM' if item.sample.blocks else 'BERNOULLI'} ({item.sample.percent})"

    def object(self, parts: tuple[str, ...], offset: int) -> ObjectInfo:
        """The table or view of that name. Raises ORA-00942."""
        if len(parts) > 2:
            raise refuse(933, offset)
        schema = parts[0] if len(parts) == 2 else None
        found = self.catalog.resolve(schema, parts[-1], self.asked.current_schema)
        if found is None:
            raise refuse(942, offset)
        if found.kind not in (ObjectKind.TABLE, ObjectKind.VIEW):
            raise refuse(2201 if found.kind is ObjectKind.SEQUENCE else 4044, offset)
        if found.invalid:
            raise InvalidView(found.schema, found.name)
        self.touch(found)
        return found

    def object_source(self, found: ObjectInfo, alias: str, nameless: bool = False) -> str:
        """Put a table or view into the block under an alias."""
        pg = self._pg_alias(alias)
        prefix = "" if nameless else f"{quote(pg)}."
        columns = {
            column.name: Ex(f"{prefix}{quote(column.name)}", of_column(column), column.nullable)
            for column in found.columns
        }
        names = [column.name for column in found.columns if not column.hidden]
        source = Source(alias, names, columns, found.schema, found, pg_alias=pg)
        if found.has_rowid:
            source.rowid, source.rowscn = f'{prefix}"ROWID"', f"oracle.row_scn({prefix}xmin)"
        self.block.sources.append(source)
        return f"{found.relation} {quote(pg)}"

    def _derived(self, item: n.DerivedTable, lateral: bool = False) -> str:
        if item.query.for_update is not None:
            raise refuse(907, item.query.for_update.offset)
        lateral = lateral or item.lateral
        found = self.relation(item.query, lateral)
        alias = item.alias or self.fresh("v")
        pg = self._pg_alias(alias)
        source = relation_source(found, alias, pg)
        self.block.sources.append(source)
        return f"{'LATERAL ' if lateral else ''}({found.sql}) {quote(pg)}"

    # -- joins -----------------------------------------------------------------------------------------------

    def _join(self, item: n.Join) -> str:
        start = len(self.block.sources)
        left_sql = self.source(item.left)
        middle = len(self.block.sources)
        apply = item.kind.endswith("APPLY")
        if apply and isinstance(item.right, n.DerivedTable):
            right_sql = self._derived(item.right, lateral=True)
        else:
            right_sql = self.source(item.right)
        if isinstance(item.right, n.Join):
            right_sql = f"({right_sql})"
        lefts, rights = self.block.sources[start:middle], self.block.sources[middle:]
        condition = ""
        if item.on is not None:
            if any_part(item.on, lambda part: isinstance(part, n.Name) and part.outer):
                raise refuse(25156, item.on.offset)
            condition = f" ON {self.condition(item.on)}"
        names = item.using
        if item.natural:
            names = _common_names(lefts, rights)
        if names is not None:
            condition = self._using(item, names, lefts, rights)
        if item.kind in ("LEFT", "FULL", "OUTER APPLY"):
            _make_nullable(rights)
        if item.kind in ("RIGHT", "FULL"):
            _make_nullable(lefts)
        word = {"CROSS APPLY": "CROSS", "OUTER APPLY": "LEFT"}.get(item.kind, item.kind)
        if item.kind == "OUTER APPLY":
            condition = " ON TRUE"
        if not condition and word != "CROSS":
            condition = " ON TRUE"
        return f"{left_sql} {word} JOIN {right_sql}{condition}"

    def _using(self, item: n.Join, names: list[str], lefts: list[Source], rights: list[Source]) -> str:
        tests = []
        for name in names:
            left, right = _find(lefts, name), _find(rights, name)
            if name in self.block.merged and left is not None:
                left = self.block.merged[name]
            if left is None or right is None:
                raise refuse(904, item.offset, f'"{name}"')
            tests.append(c.compare("=", left, right, item.offset))
            for source in (*lefts, *rights):
                if name in source.columns:
                    source.joined[name] = 25155 if item.natural else 25154
            if item.kind == "FULL":
                merged = Ex(f"coalesce({left.sql}, {right.sql})", left.ty)
            else:
                merged = right if item.kind == "RIGHT" else left
            self.block.merged[name] = merged
        return " ON " + (" AND ".join(tests) or "TRUE")

    def outer_joins(
        self, texts: list[str], groups: list[list[Source]], conditions: list[n.Expr]
    ) -> tuple[str, list[str]]:
        """Oracle's own outer joins: FROM text and the conditions that stay in WHERE.

        `texts` and `groups` are the items of FROM and the sources that each made.
        """
        wheres: list[str] = []
        optional: dict[int, list[str]] = {}  # index of the item behind (+) -> its conditions
        needs: dict[int, set[int]] = {}
        place = {id(source): index for index, group in enumerate(groups) for source in group}
        for condition in conditions:
            if not any_part(condition, lambda part: isinstance(part, n.Name) and part.outer):
                wheres.append(self.condition(condition))
                continue
            if any_part(condition, _is_alternative):
                raise refuse(1719, condition.offset)
            marks: list[str] = []
            self.block.outer_marks = marks
            sql = self.condition(condition)
            self.block.outer_marks = None
            if len(marks) != 1:
                raise refuse(1468, condition.offset)
            if any_part(condition, lambda part: isinstance(part, n.InQuery | n.Scalar | n.Exists)):
                raise refuse(1799, condition.offset)
            marked = next(s for s in self.block.sources if s.alias == marks[0])
            index = place[id(marked)]
            optional.setdefault(index, []).append(sql)
            others = {place[id(s)] for s in self._mentioned(condition)} - {index}
            needs.setdefault(index, set()).update(others)
        joined = [index for index in range(len(texts)) if index not in optional]
        sql = " CROSS JOIN ".join(_grouped(texts[index]) for index in joined)
        done, waiting = set(joined), sorted(optional)
        if not sql:
            raise refuse(1416, conditions[0].offset)
        while waiting:
            ready = next((index for index in waiting if needs[index] <= done), None)
            if ready is None:
                raise refuse(1416, conditions[0].offset)
            sql += f" LEFT JOIN {_grouped(texts[ready])} ON {' AND '.join(optional[ready])}"
            _make_nullable(groups[ready])
            done.add(ready)
            waiting.remove(ready)
        return sql, wheres

    def _mentioned(self, condition: n.Expr) -> list[Source]:
        found: list[Source] = []

        def look(part: object) -> bool:
            if isinstance(part, n.Name):
                for source in self.block.sources:
                    qualified = len(part.parts) > 1 and part.parts[-2] == source.alias
                    if part.parts[-1] in source.columns and (qualified or len(part.parts) == 1):
                        found.append(source)
            return False

        any_part(condition, look)
        return found

    # -- row sources that are no tables ----------------------------------------------------------------------

    def _table_function(self, item: n.TableFunction) -> str:
        value = item.value
        while isinstance(value, n.Cast | n.Paren):
            value = value.operand
        alias = item.alias or self.fresh("t")
        pg = self._pg_alias(alias)
        array: str | None = None
        ty = VARCHAR2
        if (
            isinstance(value, n.Call)
            and isinstance(value.target, n.Name)
            and value.target.parts[-1] in _LISTS
        ):
            ty = _LISTS[value.target.parts[-1]]
            items = [c.convert(self.value(a.value), ty.family, a.offset).sql for a in value.args]
            array = f"ARRAY[{', '.join(items)}]::{'numeric' if ty is NUMBER else 'text'}[]"
        elif self.asked.resolve is not None:
            variable = self.asked.resolve(value)
            if variable is not None:
                array, ty = self.array(variable, item.offset)
        if array is None:
            raise unsupported("TABLE( ) of this expression", item.offset)
        column = Ex(f'{quote(pg)}."COLUMN_VALUE"', ty)
        self.block.sources.append(
            Source(alias, ["COLUMN_VALUE"], {"COLUMN_VALUE": column}, pg_alias=pg, complex=True)
        )
        return f'unnest({array}) {quote(pg)}("COLUMN_VALUE")'

    def _values(self, item: n.ValuesTable) -> str:
        alias = item.alias or self.fresh("t")
        pg = self._pg_alias(alias)
        width = len(item.rows[0])
        table = [[self.value(cell) for cell in row] for row in item.rows]
        if any(len(row) != width for row in table):
            raise refuse(1789, item.offset)
        columns = item.columns or [f"COLUMN{i + 1}" for i in range(width)]
        shared = [
            c.shared([row[i] for row in table], [row[i].offset for row in item.rows]) for i in range(width)
        ]
        rows = ", ".join(
            "(" + ", ".join(shared[i][0][r].sql for i in range(width)) + ")" for r in range(len(table))
        )
        named = {
            name: Ex(f"{quote(pg)}.{quote(name)}", ty) for name, (_, ty) in zip(columns, shared, strict=True)
        }
        self.block.sources.append(Source(alias, columns, named, pg_alias=pg, complex=True))
        return f"(VALUES {rows}) {quote(pg)}({', '.join(quote(name) for name in columns)})"

    def _json_table(self, item: n.JsonTable) -> str:
        operand = self.value(item.operand)
        error = item.on_error is not None and item.on_error.action == "ERROR"
        document = self.json_document(operand, item.offset, error)
        alias = item.alias or self.fresh("j")
        pg = self._pg_alias(alias)
        columns: dict[str, Ex] = {}
        names: list[str] = []
        self.json_text_of = self.json_source(operand, item.offset)
        definitions = self._json_columns(item.columns, pg, names, columns)
        path = text_literal(checked_path(item.path, item.offset))
        self.block.sources.append(Source(alias, names, columns, pg_alias=pg, complex=True))
        on_error = " ERROR ON ERROR" if error else ""
        return f"JSON_TABLE({document}, {path} COLUMNS ({definitions}){on_error}) {quote(pg)}"

    def _json_columns(
        self, items: list[n.JsonColumn], pg: str, names: list[str], columns: dict[str, Ex]
    ) -> str:
        parts = []
        for item in items:
            if item.kind == "NESTED":
                inner = self._json_columns(item.columns, pg, names, columns)
                path = text_literal(checked_path(item.path or "$", item.offset))
                parts.append(f"NESTED PATH {path} COLUMNS ({inner})")
                continue
            names.append(item.name)
            reference = f"{quote(pg)}.{quote(item.name)}"
            if item.kind == "ORDINALITY":
                columns[item.name] = Ex(f"{reference}::numeric", NUMBER)
                parts.append(f"{quote(item.name)} FOR ORDINALITY")
                continue
            if item.path is None:
                raise unsupported("a JSON_TABLE column without PATH", item.offset)
            path = text_literal(checked_path(item.path, item.offset))
            ty = VARCHAR2 if item.type is None else of_type_name(item.type, self.play)
            if item.kind == "EXISTS":
                parts.append(f"{quote(item.name)} boolean EXISTS PATH {path}")
                flag = f"CASE WHEN {reference} THEN {{}} ELSE {{}} END"
                values = ("1::numeric", "0::numeric") if ty.family is Family.NUMBER else ("'true'", "'false'")
                columns[item.name] = Ex(flag.format(*values), ty)
                continue
            parts.append(self._json_column(item, ty, path))
            columns[item.name] = _json_reference(reference, item, ty, self.json_text_of)
        return ", ".join(parts)

    def _json_column(self, item: n.JsonColumn, ty: Ty, path: str) -> str:
        if ty.family is Family.ZONED:
            raise unsupported("a column of JSON_TABLE that is TIMESTAMP WITH TIME ZONE", item.offset)
        actions = self.json_action(item.on_empty, "EMPTY", ty) + self.json_action(item.on_error, "ERROR", ty)
        if item.kind == "QUERY":
            wrapper = {None: "", "WITHOUT": "", "CONDITIONAL": " WITH CONDITIONAL WRAPPER"}.get(
                item.wrapper, " WITH WRAPPER"
            )
            return f"{quote(item.name)} jsonb FORMAT JSON PATH {path}{wrapper}{actions}"
        stored = {Family.CLOB: "text", Family.DATE: "timestamp"}.get(ty.family) or pg_type(ty)
        return f"{quote(item.name)} {stored} PATH {path}{actions}"


def _json_reference(reference: str, item: n.JsonColumn, ty: Ty, document: str) -> Ex:
    if item.kind == "QUERY":
        text = f"oracle.json_text({document}, {reference}, FALSE)"
        return Ex(f"({text})::oracle.clob", CLOB) if ty.family is Family.CLOB else Ex(text, ty)
    if ty.family is Family.CLOB:
        return Ex(f"{reference}::oracle.clob", ty)
    if ty.family is Family.DATE:
        return Ex(f"oracle.date_of({reference})", ty)
    return Ex(f"nullif({reference}, '')" if ty.family is Family.TEXT else reference, ty)


def relation_source(found: Relation, alias: str, pg: str) -> Source:
    """An inline view as a source."""
    columns: dict[str, Ex] = {}
    duplicates: set[str] = set()
    for column in found.columns:
        if column.name in columns:
            duplicates.add(column.name)
            continue
        ty = column.ty
        columns[column.name] = Ex(f"{quote(pg)}.{quote(column.ident)}", ty, column.ex.nullable)
    names = [column.name for column in found.columns]
    return Source(alias, names, columns, duplicates=duplicates, pg_alias=pg, complex=found.complex)


def _is_alternative(part: object) -> bool:
    """OR, or IN with several values: a condition with (+) cannot be in one."""
    return (isinstance(part, n.Binary) and part.op == "OR") or (
        isinstance(part, n.InList) and len(part.items) > 1
    )


def _grouped(text: str) -> str:
    return f"({text})" if " JOIN " in text and not text.startswith("(") else text


def _find(sources: list[Source], name: str) -> Ex | None:
    for source in sources:
        if name in source.columns:
            return source.columns[name]
    return None


def _common_names(lefts: list[Source], rights: list[Source]) -> list[str]:
    right = {name for source in rights for name in source.names}
    return [name for source in lefts for name in source.names if name in right]


def _make_nullable(sources: list[Source]) -> None:
    for source in sources:
        source.inner = False
        source.columns = {name: Ex(ex.sql, ex.ty, True) for name, ex in source.columns.items()}
