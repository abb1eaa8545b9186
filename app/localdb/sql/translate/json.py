"""JSON functions on text: JSON_VALUE, JSON_QUERY, JSON_EXISTS, IS JSON and the functions that build JSON."""

from __future__ import annotations

import json
from abc import abstractmethod

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.windows import Windows
from app.localdb.sql.types import (
    BOOLEAN,
    CLOB,
    JSON,
    VARCHAR2,
    Ex,
    Family,
    Ty,
    of_type_name,
    pg_type,
    text_literal,
    varchar2,
)


def checked_path(path: str, offset: int) -> str:
    """A JSON path that means the same to PostgreSQL. Raises ORA-40442, ORA-03001 for what does not."""
    if not path.lstrip().startswith(("$", "lax", "strict")):
        raise refuse(40442, offset)
    if ".." in path:
        raise unsupported("a descendant step (..) in a JSON path", offset)
    return path


def _of_document(document: str, call: str) -> str:
    """After a NULL document PostgreSQL 18 can give NULL for the rows behind it, too: such a one never gets there."""
    return f"CASE WHEN {document} IS NOT NULL THEN {call} END"


# Scalars that JSON has no form for: their names in wire.oson, and their text.
_MARKED = {
    Family.DATE: ("date", "to_char(({})::timestamp, 'YYYY-MM-DD\"T\"HH24:MI:SS')"),
    Family.TIMESTAMP: ("timestamp", "to_char({}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
    Family.ZONED: ("timestamptz", "to_char(oracle.utc({}), 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
    Family.LOCAL: ("timestamptz", "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"),
    Family.INTERVAL_DS: ("ds", "(extract(epoch from {}) * 1000000)::bigint::text"),
    Family.INTERVAL_YM: ("ym", "oracle.ym_wire({})"),
    Family.FLOAT: ("double", "({})::text"),
    Family.RAW: ("raw", "encode({}, 'hex')"),
}


class Json(Windows):
    """PostgreSQL 18 has the SQL/JSON functions; what differs is what happens to text that is no JSON."""

    @abstractmethod
    def condition(self, node: n.Expr) -> str: ...

    def json_document(self, operand: Ex, offset: int, strict: bool = False) -> str:
        """The operand as jsonb; a text that is no JSON is NULL, or ORA-40441 when `strict`."""
        if operand.ty.family is Family.JSON:
            return f"oracle.json_plain({operand.sql})"
        function = "oracle.json_strict" if strict else "oracle.json_lax"
        return f"{function}({self.json_source(operand, offset)})"

    def json_source(self, operand: Ex, offset: int) -> str:
        """The text of a document."""
        family = operand.ty.family
        if family is Family.JSON:
            return f"oracle.json_plain({operand.sql})::text"
        if family is Family.BLOB:
            return f"convert_from(({operand.sql})::bytea, 'UTF8')"
        if family is Family.RAW:
            return f"convert_from({operand.sql}, 'UTF8')"
        if family not in (Family.TEXT, Family.CLOB, Family.NULL):
            raise c.mismatch(Family.TEXT, family, offset)
        return c.to_text(operand).sql

    def json_call(self, node: n.JsonCall) -> Ex:
        """JSON_VALUE and JSON_QUERY as values."""
        if node.kind == "JSON_EXISTS":
            if self.play == "19c":
                raise refuse(907, node.offset)
            return Ex(self.json_exists(node), BOOLEAN)
        if node.kind == "JSON_VALUE":
            return self._json_value(node)
        return self._json_query(node)

    def _passing(self, node: n.JsonCall) -> str:
        if not node.passing:
            return ""
        parts = []
        for value, name in node.passing:
            found = self.value(value)
            sql = c.to_text(found).sql if found.ty.family is Family.TEXT else found.sql
            parts.append(f'{sql} AS "{name}"')
        return " PASSING " + ", ".join(parts)

    def _json_value(self, node: n.JsonCall) -> Ex:
        operand = self.value(node.operand)
        error = node.on_error is not None and node.on_error.action == "ERROR"
        document = self.json_document(operand, node.offset, error)
        path = text_literal(checked_path(node.path, node.offset))
        ty = VARCHAR2 if node.returning is None else of_type_name(node.returning, self.play)
        if ty.family is Family.ZONED:
            raise unsupported("JSON_VALUE RETURNING TIMESTAMP WITH TIME ZONE", node.offset)
        textual = ty.family in (Family.TEXT, Family.CLOB)
        returning = "jsonb" if textual else "timestamp" if ty.family is Family.DATE else pg_type(ty)
        empty = node.on_empty or (node.on_error if error else None)  # no value counts as an error
        actions = self.json_action(empty, "EMPTY", ty, textual)
        actions += self.json_action(node.on_error, "ERROR", ty, textual)
        call = f"json_value({document}, {path}{self._passing(node)} RETURNING {returning}{actions})"
        sql = _of_document(document, call)
        if textual:
            # by way of jsonb: true stays the word
            size = ty.size if ty.family is Family.TEXT else 2147483647
            sql = f"oracle.json_sized({sql} #>> '{{}}', {size}, {'TRUE' if error else 'FALSE'})"
        if ty.family is Family.CLOB:
            sql = f"({sql})::oracle.clob"
        if ty.family is Family.DATE:
            sql = f"oracle.date_of({sql})"
        return Ex(sql, ty)

    def json_action(self, clause: n.OnClause | None, event: str, ty: Ty, quoted: bool = False) -> str:
        """DEFAULT .. ON EMPTY and the like, in PostgreSQL's words; `quoted`: the default becomes JSON."""
        if clause is None:
            return ""
        if clause.action == "DEFAULT" and clause.default is not None:
            default = c.convert(self.value(clause.default), ty.family, clause.offset)
            return f" DEFAULT {f'to_jsonb({default.sql}::text)' if quoted else default.sql} ON {event}"
        action = {"EMPTY": "EMPTY ARRAY"}.get(clause.action, clause.action)
        if action not in ("ERROR", "NULL", "EMPTY ARRAY", "EMPTY OBJECT"):
            raise refuse(907, clause.offset)
        return f" {action} ON {event}"

    def _json_query(self, node: n.JsonCall) -> Ex:
        operand = self.value(node.operand)
        error = node.on_error is not None and node.on_error.action == "ERROR"
        ty = VARCHAR2 if node.returning is None else of_type_name(node.returning, self.play)
        if node.returning is None and operand.ty.family is Family.JSON:
            ty = JSON
        if ty.family not in (Family.TEXT, Family.CLOB, Family.JSON):
            raise refuse(40449, node.offset)
        wrapper = {
            None: "",
            "WITHOUT": "",
            "WITH": " WITH WRAPPER",
            "CONDITIONAL": " WITH CONDITIONAL WRAPPER",
        }
        document = self.json_document(operand, node.offset, error)
        if ty is JSON and operand.ty.family is Family.JSON:
            document = operand.sql
        path = text_literal(checked_path(node.path, node.offset))
        empty = node.on_empty or (node.on_error if error else None)  # no value counts as an error
        actions = self.json_action(empty, "EMPTY", ty) + self.json_action(node.on_error, "ERROR", ty)
        call = f"json_query({document}, {path}{self._passing(node)} RETURNING jsonb{wrapper[node.wrapper]}{actions})"
        sql = _of_document(document, call)
        if ty.family is Family.JSON:
            return Ex(sql, ty)
        if node.wrapper in (None, "WITHOUT"):
            # without a wrapper a scalar is an error, which is NULL unless asked for
            sql = f"oracle.json_no_scalar({sql}, {'TRUE' if error else 'FALSE'})"
        source = self.json_source(operand, node.offset)
        text = f"oracle.json_text({source}, {sql}, {'TRUE' if node.pretty else 'FALSE'})"
        if ty.family is Family.CLOB:
            return Ex(f"({text})::oracle.clob", Ty(OraType.CLOB, is_json=True))
        return Ex(text, ty)

    def json_exists(self, node: n.JsonCall) -> str:
        """JSON_EXISTS as a condition."""
        operand = self.value(node.operand)
        error = node.on_error is not None and node.on_error.action == "ERROR"
        document = self.json_document(operand, node.offset, error)
        path = text_literal(checked_path(node.path, node.offset))
        action = ""
        if node.on_error is not None:
            if node.on_error.action not in ("TRUE", "FALSE", "ERROR"):
                raise refuse(40448, node.on_error.offset)
            action = f" {node.on_error.action} ON ERROR"
        call = f"json_exists({document}, {path}{self._passing(node)}{action})"
        return f"coalesce({_of_document(document, call)}, FALSE)"

    def is_json(self, node: n.IsJson) -> str:
        """operand IS [NOT] JSON."""
        operand = self.value(node.operand)
        if operand.ty.family is Family.JSON:
            text = f"oracle.json_plain({operand.sql})::text"
        elif operand.ty.family in (Family.BLOB, Family.RAW):
            text = f"oracle.utf8_text({c.to_raw(operand).sql})"
        else:
            text = c.to_text(operand, node.offset).sql
        shape = node.shape or "VALUE"
        unique = " WITH UNIQUE KEYS" if node.unique_keys else ""
        return f"({text} IS {'NOT ' if node.negated else ''}JSON {shape}{unique})"

    # -- building --------------------------------------------------------------------------------------------

    def json_build(self, node: n.JsonBuild) -> Ex:
        """JSON_OBJECT, JSON_ARRAY and their aggregates, JSON_SERIALIZE, JSON_MERGEPATCH, as text."""
        ty = VARCHAR2 if node.returning is None else of_type_name(node.returning, self.play)
        if ty.family not in (Family.TEXT, Family.CLOB, Family.BLOB):
            raise unsupported(f"{node.kind} RETURNING {ty.family}", node.offset)
        if node.kind in ("JSON", "JSON_SCALAR"):
            return self._json_of(node)
        if node.kind == "JSON_SERIALIZE":
            source = self.json_source(self.value(node.items[0][1]), node.offset)
            sql = f"oracle.json_serialized({source}, {'TRUE' if node.pretty else 'FALSE'})"
        elif node.kind == "JSON_MERGEPATCH":
            if len(node.items) != 2:
                raise refuse(938, node.offset)
            target, patch = (self.json_source(self.value(item[1]), node.offset) for item in node.items)
            sql = f"oracle.json_mergepatch({target}, {patch}, {'TRUE' if node.error_on_error else 'FALSE'})"
        elif node.kind in ("JSON_ARRAYAGG", "JSON_OBJECTAGG"):
            sql = self._json_aggregate(node)
        elif node.kind == "JSON_OBJECT":
            absent = bool(node.absent_on_null)
            parts = []
            for key, value, is_json in node.items:
                assert key is not None
                parts.append(f"{c.to_text(self.value(key)).sql}, {self._json_item(value, is_json)}")
            sql = f"oracle.json_object({'TRUE' if absent else 'FALSE'}, ARRAY[{', '.join(parts)}]::text[])"
        else:
            absent = node.absent_on_null is not False
            items = [self._json_item(value, is_json) for _, value, is_json in node.items]
            sql = f"oracle.json_array({'TRUE' if absent else 'FALSE'}, ARRAY[{', '.join(items)}]::text[])"
        if ty.family is Family.CLOB:
            return Ex(f"({sql})::oracle.clob", CLOB, False)
        if ty.family is Family.BLOB:
            return Ex(f"convert_to({sql}, 'UTF8')::oracle.blob", ty, False)
        return Ex(sql, varchar2(ty.chars), False)

    def _json_of(self, node: n.JsonBuild) -> Ex:
        """JSON(text) parses, JSON_SCALAR(value) makes a value of the type JSON that can be no object."""
        if self.play == "19c":
            raise refuse(904, node.offset, f'"{node.kind}"')
        if len(node.items) != 1:
            raise refuse(909, node.offset)
        value = self.value(node.items[0][1])
        family = value.ty.family
        if node.kind == "JSON" or family is Family.JSON:
            return c.to_json(value, node.offset)
        if family in (Family.NUMBER, Family.TEXT, Family.CLOB, Family.BOOLEAN):
            plain = c.to_text(value).sql if family in (Family.TEXT, Family.CLOB) else value.sql
            return Ex(f"to_jsonb({plain})", JSON, value.nullable)
        if family not in _MARKED:
            raise unsupported(f"JSON_SCALAR of {family}", node.offset)
        name, text = _MARKED[family]
        return Ex(f"oracle.json_marked('{name}', {text.format(value.sql)})", JSON, value.nullable)

    def dotted(self, column: Ex, steps: list[str]) -> Ex:
        """t.column.name.name of a JSON column: what lies there, in an array when it is several values."""
        path = text_literal("$" + "".join("." + json.dumps(step) for step in steps))
        call = f"json_query({column.sql}, {path} RETURNING jsonb WITH CONDITIONAL WRAPPER)"
        return Ex(_of_document(column.sql, call), JSON)

    def _json_item(self, node: n.Expr, is_json: bool) -> str:
        """One value as JSON text; NULL when it is NULL."""
        value = self.value(node)
        family = value.ty.family
        if (
            is_json
            or isinstance(node, n.JsonBuild)
            or (isinstance(node, n.JsonCall) and node.kind == "JSON_QUERY")
        ):
            return c.to_text(value).sql
        if family is Family.JSON:
            return f"oracle.json_compact(oracle.json_plain({value.sql}))"
        if family is Family.NUMBER:
            return f"oracle.json_number({value.sql})"
        if family is Family.BOOLEAN:
            return f"({value.sql})::text"
        if family in c.DATETIME:
            return f"oracle.json_time({value.sql})"
        return f"to_json({c.to_text(value, node.offset).sql})::text"

    def _json_aggregate(self, node: n.JsonBuild) -> str:
        block = self.block
        if not block.aggregates_allowed:
            raise refuse(934, node.offset)
        block.aggregates += 1
        block.inside_aggregate = True
        key, value, is_json = node.items[0]
        item = self._json_item(value, is_json)
        order = f" ORDER BY {self.order_list(node.order)}" if node.order else ""
        if node.kind == "JSON_ARRAYAGG":
            absent = node.absent_on_null is not False
            sql = f"oracle.json_array({'TRUE' if absent else 'FALSE'}, array_agg({item}{order}))"
        else:
            assert key is not None
            names = c.to_text(self.value(key)).sql
            absent = bool(node.absent_on_null)
            sql = f"oracle.json_objectagg({'TRUE' if absent else 'FALSE'}, array_agg({names}), array_agg({item}))"
        block.inside_aggregate = False
        return sql
