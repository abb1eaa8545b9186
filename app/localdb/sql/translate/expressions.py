"""Expressions: literals, arithmetic, concatenation, CASE, casts."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.calls import Calls
from app.localdb.sql.translate.literals import bounds_of, checked_date, microseconds_of, months_of
from app.localdb.sql.translate.relation import Relation
from app.localdb.sql.types import (
    BOOLEAN,
    CLOB,
    DATE,
    DOUBLE,
    NUMBER,
    RAW,
    TIMESTAMP,
    TIMESTAMP_TZ,
    Ex,
    Family,
    Ty,
    describe,
    literal_text,
    of_type_name,
    pg_type,
    text_literal,
    varchar2,
)

_CONDITIONS = (
    n.Compare, n.IsNull, n.IsCondition, n.IsJson, n.Like, n.Between, n.InList, n.InQuery, n.Exists, n.MemberOf,
)  # fmt: skip


class Expressions(Calls):
    """value() answers the PostgreSQL text and the Oracle type of any expression."""

    @abstractmethod
    def subquery(self, query: n.Query, ordered: bool = False) -> Relation: ...

    def value(self, node: n.Expr) -> Ex:
        """Translate one expression. Inside GROUP BY queries it also notices what is grouped."""
        before = len(self.block.ungrouped)
        translate = _TRANSLATORS.get(type(node))
        if translate is None:
            found = self._boolean_value(node)
        else:
            found = translate(self, node)
        if self.block.groups and found.sql in self.block.groups:
            del self.block.ungrouped[before:]
        return found

    def _boolean_value(self, node: n.Expr) -> Ex:
        if self.play == "19c":
            raise refuse(936 if isinstance(node, n.Exists) else 907, node.offset)
        return Ex(self.condition(node), BOOLEAN)

    # -- literals ----------------------------------------------------------------------------------------

    def _number(self, node: n.Number) -> Ex:
        text = node.text
        if text[-1] in "fFdD":
            kind = OraType.BINARY_DOUBLE if text[-1] in "dD" else OraType.BINARY_FLOAT
            pg = "float8" if kind is OraType.BINARY_DOUBLE else "float4"
            return Ex(f"{text_literal(text[:-1])}::{pg}", Ty(kind), False)
        if len(text) > 39 and len(Decimal(text).as_tuple().digits) > 40:
            return Ex(f"oracle.num({text}::numeric)", NUMBER, False)
        return Ex(f"{text}::numeric", NUMBER, False)

    def _string(self, node: n.String) -> Ex:
        if not node.value:
            return c.NULL_EX
        return Ex(f"{text_literal(node.value)}::text", literal_text(node.value, node.national), False)

    def _null(self, node: n.Null) -> Ex:
        return c.NULL_EX

    def _boolean(self, node: n.Boolean) -> Ex:
        return Ex("TRUE" if node.value else "FALSE", BOOLEAN, False)

    def _datetime(self, node: n.DateTime) -> Ex:
        text = node.text.strip()
        if node.kind == "DATE":
            found = re.fullmatch(r"([+-]?\d{1,4})-(\d{1,2})-(\d{1,2})", text)
            if found is None:
                raise refuse(1861, node.offset)
            if text.startswith("-") and int(found.group(1)) >= -4712:
                raise unsupported("years before Christ", node.offset)
            year, month, day = (int(part) for part in found.groups())
            checked = checked_date(year, month, day, node.offset)
            return Ex(f"'{checked:%Y-%m-%d}'::oracle.date", DATE, False)
        found = re.fullmatch(
            r"(\d{1,4})-(\d{1,2})-(\d{1,2})\s+(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?\s*(.*)", text
        )
        if found is None:
            raise refuse(1861, node.offset)
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        checked_date(year, month, day, node.offset)
        if hour > 23 or minute > 59 or second > 59:
            raise refuse(1850 if hour > 23 else 1851 if minute > 59 else 1852, node.offset)
        stamp = datetime(year, month, day, hour, minute, second).isoformat(" ") + (found.group(7) or "")  # noqa: DTZ001
        if (found.group(7) or "")[7:].strip("0"):
            raise unsupported("more than six decimals of a second", node.offset)
        zone = found.group(8)
        if not zone:
            return Ex(f"'{stamp}'::timestamp", TIMESTAMP, False)
        if not re.fullmatch(r"[+-]\d{1,2}:\d{2}|[A-Za-z][\w+/-]*( +[A-Za-z]+)?", zone):
            raise refuse(1882, node.offset)
        region, _, abbreviation = zone.partition(" ")
        sql = f"oracle.from_tz('{stamp}'::timestamp, {text_literal(region)})"
        if abbreviation:
            sql = f"oracle.with_abbreviation({sql}, {text_literal(abbreviation.strip())})"
        return Ex(sql, TIMESTAMP_TZ, False)

    def _interval(self, node: n.Interval) -> Ex:
        if node.leading in ("YEAR", "MONTH"):
            return Ex(
                f"'{months_of(node)} mons'::interval", Ty(OraType.INTERVAL_YM, node.precision or 2, 0), False
            )
        micros = microseconds_of(node)
        sign = "-" if micros < 0 else ""
        days, rest = divmod(abs(micros), 86_400_000_000)
        seconds, fraction = divmod(rest, 1_000_000)
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"
        digits = 6 if node.fraction is None else node.fraction
        ty = Ty(OraType.INTERVAL_DS, node.precision or 2, digits)
        return Ex(f"'{sign}{days} days {sign}{clock}'::interval", ty, False)

    # -- operators ---------------------------------------------------------------------------------------

    def _paren(self, node: n.Paren) -> Ex:
        return self.value(node.operand)

    def _unary(self, node: n.Unary) -> Ex:
        if node.op == "NOT":
            return self._boolean_value(node)
        if node.op in ("PRIOR", "CONNECT_BY_ROOT"):
            return self.hierarchical(node)
        operand = self.value(node.operand)
        if operand.ty.family in (Family.INTERVAL_DS, Family.INTERVAL_YM, Family.FLOAT):
            pass
        else:
            operand = c.to_number(operand, node.offset)
        return operand if node.op == "+" else Ex(f"(- {operand.sql})", _loose(operand.ty), operand.nullable)

    def hierarchical(self, node: n.Unary) -> Ex:
        """PRIOR and CONNECT_BY_ROOT: only inside a hierarchical query."""
        raise unsupported(f"{node.op} outside a hierarchical query's conditions", node.offset)

    def _binary(self, node: n.Binary) -> Ex:
        op = node.op
        if op == "||":
            return self._concatenation(node)
        if op in ("AND", "OR"):
            return self._boolean_value(node)
        left, right = self.value(node.left), self.value(node.right)
        return self.arithmetic(op, left, right, node.offset)

    def arithmetic(self, op: str, left: Ex, right: Ex, offset: int) -> Ex:
        """left op right for numbers, dates, intervals."""
        a, b = left.ty.family, right.ty.family
        nullable = left.nullable or right.nullable
        if a in c.DATETIME or b in c.DATETIME:
            return self._date_arithmetic(op, left, right, offset, nullable)
        intervals = (Family.INTERVAL_DS, Family.INTERVAL_YM)
        if a in intervals or b in intervals:
            return self._interval_arithmetic(op, left, right, offset, nullable)
        if a is Family.FLOAT or b is Family.FLOAT:
            x, y = c.to_float(left, offset), c.to_float(right, offset)
            if op == "/":
                return Ex(f"oracle.float_div({x.sql}, {y.sql})", DOUBLE, nullable)
            return Ex(f"({x.sql} {op} {y.sql})", DOUBLE, nullable)
        x, y = c.to_number(left, offset), c.to_number(right, offset)
        if op == "/":
            return Ex(f"oracle.div({x.sql}, {y.sql})", NUMBER, nullable)
        bounds = bounds_of(op, x, y)
        if bounds is not None:
            return Ex(f"({x.sql} {op} {y.sql})", Ty(OraType.NUMBER, digits=bounds), nullable)
        return Ex(f"oracle.num({x.sql} {op} {y.sql})", NUMBER, nullable)

    def _date_arithmetic(self, op: str, left: Ex, right: Ex, offset: int, nullable: bool) -> Ex:
        a, b = left.ty.family, right.ty.family
        if op not in ("+", "-"):
            raise c.mismatch(Family.NUMBER, a if a in c.DATETIME else b, offset)
        if a in c.DATETIME and b in c.DATETIME:
            if op == "+":
                raise refuse(975, offset)
            if a is b is Family.DATE:
                return Ex(f"oracle.days_between({left.sql}, {right.sql})", NUMBER, nullable)
            x, y = left, right
            if Family.ZONED in (a, b) or Family.LOCAL in (a, b):
                x, y = (Ex(f"oracle.utc({c.to_zoned(ex).sql})", TIMESTAMP) for ex in (left, right))
            difference = f"({c.to_timestamp(x).sql} - {c.to_timestamp(y).sql})"
            return Ex(difference, Ty(OraType.INTERVAL_DS, 9, 6), nullable)
        if b in c.DATETIME:
            if op == "-":
                raise c.mismatch(Family.NUMBER, b, offset)
            left, right, a, b = right, left, b, a
        if b is Family.INTERVAL_DS:
            if a is Family.DATE:
                return Ex(f"oracle.date_of({c.to_timestamp(left).sql} {op} {right.sql})", DATE, nullable)
            if a is Family.ZONED:
                sign = "" if op == "+" else "- "
                return Ex(f"oracle.zoned_plus({left.sql}, {sign}{right.sql})", left.ty, nullable)
            return Ex(f"({left.sql} {op} {right.sql})", left.ty, nullable)
        if b is Family.INTERVAL_YM:
            months = right.sql if op == "+" else f"(- {right.sql})"
            if a is Family.DATE:
                return Ex(f"oracle.date_of(oracle.add_ym({left.sql}::timestamp, {months}))", DATE, nullable)
            if a is Family.ZONED:
                return Ex(f"oracle.zoned_add_ym({left.sql}, {months})", left.ty, nullable)
            if a is Family.LOCAL:
                later = f"oracle.zoned_add_ym({c.to_zoned(left).sql}, {months})"
                return c.to_local(Ex(later, TIMESTAMP_TZ, nullable))
            return Ex(f"oracle.add_ym({left.sql}, {months})", left.ty, nullable)
        days = c.to_number(right, offset).sql
        signed = days if op == "+" else f"(- {days})"
        return Ex(f"oracle.add_days({c.to_date(left).sql}, {signed})", DATE, nullable)

    def _interval_arithmetic(self, op: str, left: Ex, right: Ex, offset: int, nullable: bool) -> Ex:
        a, b = left.ty.family, right.ty.family
        ty = Ty(left.ty.type, 9, 6 if a is Family.INTERVAL_DS else 0)
        if op in ("+", "-") and a is b:
            return Ex(f"justify_interval({left.sql} {op} {right.sql})" if a is Family.INTERVAL_YM
                      else f"justify_hours({left.sql} {op} {right.sql})", ty, nullable)  # fmt: skip
        if op == "*" and a not in (Family.INTERVAL_DS, Family.INTERVAL_YM):
            left, right, a, b = right, left, b, a
            ty = Ty(left.ty.type, 9, 6 if a is Family.INTERVAL_DS else 0)
        if op in ("*", "/") and b not in (Family.INTERVAL_DS, Family.INTERVAL_YM):
            number = c.to_number(right, offset).sql
            function = "oracle.ds_scale" if a is Family.INTERVAL_DS else "oracle.ym_scale"
            factor = number if op == "*" else f"oracle.div(1::numeric, {number})"
            return Ex(f"{function}({left.sql}, {factor})", ty, nullable)
        raise refuse(30081, offset)

    def _concatenation(self, node: n.Binary) -> Ex:
        """a || b || c: NULL is nothing, and nothing at all is NULL."""
        operands: list[n.Expr] = []
        pending: list[n.Expr] = [node]
        while pending:
            part = pending.pop()
            if isinstance(part, n.Binary) and part.op == "||":
                pending += [part.right, part.left]
            else:
                operands.append(part)
        values = [self.value(part) for part in operands]
        families = {v.ty.family for v in values}
        if Family.RAW in families and families <= {Family.RAW, Family.NULL}:
            joined = " || ".join(f"coalesce({c.to_raw(v).sql}, ''::bytea)" for v in values)
            return Ex(f"nullif({joined}, ''::bytea)", RAW)
        clob = any(v.ty.family is Family.CLOB for v in values)
        texts = [c.to_text(v, o.offset) for v, o in zip(values, operands, strict=True)]
        solid = any(not v.nullable for v in texts)
        joined = " || ".join(v.sql if not v.nullable else f"coalesce({v.sql}, '')" for v in texts)
        sql = f"({joined})" if solid else f"nullif({joined}, '')"
        if clob:
            return Ex(f"{sql}::oracle.clob", CLOB, not solid)
        known = [t.ty for t, v in zip(texts, values, strict=True) if v.ty.family is not Family.NULL]
        if sum(ty.size for ty in known) > 4000:
            sql = f"oracle.concat_limit({sql})"
        return Ex(sql, varchar2(sum(ty.chars for ty in known), sum(ty.size for ty in known)), not solid)

    # -- CASE, subqueries ----------------------------------------------------------------------------------

    def _case(self, node: n.Case) -> Ex:
        tests: list[str] = []
        if node.operand is None:
            tests = [self.condition(test) for test, _ in node.whens]
        else:
            operand = self.value(node.operand)
            for test, _ in node.whens:
                tests.append(c.compare("=", operand, self.value(test), test.offset))
        results = [self.value(result) for _, result in node.whens]
        offsets = [result.offset for _, result in node.whens]
        if node.otherwise is not None:
            results.append(self.value(node.otherwise))
            offsets.append(node.otherwise.offset)
        converted, ty = c.shared(results, offsets)
        whens = " ".join(f"WHEN {t} THEN {r.sql}" for t, r in zip(tests, converted, strict=False))
        otherwise = f" ELSE {converted[-1].sql}" if node.otherwise is not None else ""
        nullable = node.otherwise is None or any(r.nullable for r in results)
        return Ex(f"CASE {whens}{otherwise} END", ty, nullable)

    def _scalar(self, node: n.Scalar) -> Ex:
        found = self.subquery(node.query)
        if len(found.columns) != 1:
            raise refuse(913, node.offset)
        return Ex(f"({found.sql})", found.columns[0].ty)

    def _row(self, node: n.Row) -> Ex:
        raise refuse(907, node.items[1].offset)

    def _star(self, node: n.Star) -> Ex:
        raise refuse(936, node.offset)

    def _cursor(self, node: n.CursorExpr) -> Ex:
        """CURSOR(query): its rows as a JSON text, of which the session makes a result of its own."""
        if self.asked.stored:
            raise unsupported("a CURSOR expression in a view or table", node.offset)
        found = self.subquery(node.query, ordered=True)
        if any(column.ty.type in (None, OraType.CURSOR) for column in found.columns):
            raise unsupported("a CURSOR expression with a cursor or NULL in it", node.offset)
        described = [describe(column.name, column.ty, column.ex.nullable) for column in found.columns]
        if found.fixed is not None or found.distinct:
            found = found.wrapped(self.fresh("q"))
        items = ", ".join(_as_read(column.ex) for column in found.columns)
        rows = f"{found.withs}SELECT json_build_array({items}) AS r{found.suffix}"
        sql = f"(SELECT coalesce(json_agg(q.r), '[]')::text FROM ({rows}) q)"
        self.nested[sql] = described
        return Ex(sql, Ty(OraType.CURSOR))

    # -- casts, dates --------------------------------------------------------------------------------------

    def _cast(self, node: n.Cast) -> Ex:
        ty = of_type_name(node.type, self.play)
        if node.on_error is not None:
            raise unsupported("CAST ... DEFAULT ... ON CONVERSION ERROR", node.offset)
        if node.format is not None:
            raise unsupported("CAST with a format", node.offset)
        return self.cast(self.value(node.operand), ty, node.offset)

    def cast(self, operand: Ex, ty: Ty, offset: int) -> Ex:
        """Explicit conversion: to the length and precision of the type."""
        if ty.family in (Family.CLOB, Family.BLOB) and operand.ty.family is not Family.NULL:
            return c.convert(operand, ty.family, offset)
        converted = c.convert(operand, ty.family, offset)
        if ty.family is Family.TEXT:
            if ty.bpchar:
                return Ex(f"({converted.sql})::bpchar({ty.chars})", ty, operand.nullable)
            return Ex(f"({converted.sql})::varchar({ty.chars})", ty, operand.nullable)
        if ty.family in (Family.DATE, Family.ROWID, Family.BOOLEAN):
            return converted
        if ty.family is Family.RAW:
            return Ex(f"substring({converted.sql} from 1 for {ty.size})", ty, operand.nullable)
        return Ex(f"({converted.sql})::{pg_type(ty)}", ty, operand.nullable)

    def _extract(self, node: n.Extract) -> Ex:
        operand = self.value(node.operand)
        family, word = operand.ty.family, node.field
        if family is Family.TEXT:
            raise refuse(30076, node.offset)
        allowed = _EXTRACTS.get(family)
        if allowed is None or word not in allowed:
            raise refuse(30076, node.offset)
        sql = operand.sql
        if word.startswith("TIMEZONE"):
            ty = varchar2(64) if word in ("TIMEZONE_REGION", "TIMEZONE_ABBR") else NUMBER
            return Ex(_ZONE_PARTS[word].format(sql), ty, operand.nullable)
        if family is Family.DATE:
            sql = f"({sql})::timestamp"
        elif family is Family.ZONED:  # the fields of UTC's clock, not of its own
            sql = f"oracle.utc({sql})"
        return Ex(f"trim_scale(extract({word.lower()} from {sql}))", NUMBER, operand.nullable)

    def _trim(self, node: n.Trim) -> Ex:
        operand = self.value(node.operand)
        function = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "btrim"}[node.mode]
        chars = ""
        if node.chars is not None:
            chars = f", oracle.one_character({c.to_text(self.value(node.chars)).sql})"
        text = c.to_text(operand, node.offset)
        found = f"nullif({function}({text.sql}{chars}), '')"
        if operand.ty.family is Family.CLOB:
            return Ex(f"{found}::oracle.clob", CLOB)
        return Ex(found, varchar2(text.ty.chars, text.ty.size))

    def _at_time_zone(self, node: n.AtTimeZone) -> Ex:
        operand = self.value(node.operand)
        if operand.ty.family is Family.DATE:
            raise refuse(30084, node.offset)
        zoned = c.to_zoned(operand, node.offset)
        zone = "oracle.session_time_zone()"
        if node.zone is not None:
            zone = c.to_text(self.value(node.zone), node.zone.offset).sql
        return Ex(f"oracle.in_zone({zoned.sql}, {zone})", TIMESTAMP_TZ, operand.nullable)

    def _interval_of(self, node: n.IntervalOf) -> Ex:
        operand = self.value(node.operand)
        if node.leading == "DAY":
            if operand.ty.family is Family.NUMBER:
                sql = f"oracle.numtodsinterval({operand.sql}, 'DAY')"
                return Ex(sql, Ty(OraType.INTERVAL_DS, node.precision or 2, 6), operand.nullable)
            ty = Ty(OraType.INTERVAL_DS, node.precision or 2, 6 if node.fraction is None else node.fraction)
            return Ex(c.to_interval_ds(operand, node.offset).sql, ty, operand.nullable)
        return c.to_interval_ym(operand, node.offset)

    def _field(self, node: n.Field | n.Attribute) -> Ex:
        return self.unknown(node)


def _as_read(ex: Ex) -> str:
    """A value as the text that PostgreSQL would send for it."""
    if ex.ty.family is Family.BOOLEAN:
        return f"CASE WHEN {ex.sql} THEN 't' WHEN NOT {ex.sql} THEN 'f' END"
    return f"({c.shown(ex).sql})::text"


_ZONE_PARTS = {
    "TIMEZONE_HOUR": "(oracle.offset_of({0}) / 60)::numeric",
    "TIMEZONE_MINUTE": "mod(oracle.offset_of({0}), 60)::numeric",
    "TIMEZONE_REGION": "oracle.region_or_unknown({0})",
    "TIMEZONE_ABBR": "coalesce(oracle.zone_abbreviation({0}), 'UNK')",
}
_EXTRACTS: dict[Family, frozenset[str]] = {
    Family.DATE: frozenset(["YEAR", "MONTH", "DAY"]),
    Family.TIMESTAMP: frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"]),
    Family.ZONED: frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", *_ZONE_PARTS]),
    Family.LOCAL: frozenset(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"]),
    Family.INTERVAL_DS: frozenset(["DAY", "HOUR", "MINUTE", "SECOND"]),
    Family.INTERVAL_YM: frozenset(["YEAR", "MONTH"]),
}


def _loose(ty: Ty) -> Ty:
    return NUMBER if ty.family is Family.NUMBER else ty


_TRANSLATORS: dict[type[n.Expr], Callable[[Any, Any], Ex]] = {
    n.Number: Expressions._number,
    n.String: Expressions._string,
    n.Null: Expressions._null,
    n.Boolean: Expressions._boolean,
    n.DateTime: Expressions._datetime,
    n.Interval: Expressions._interval,
    n.BindRef: Expressions.bind,
    n.Name: Expressions.name,
    n.Star: Expressions._star,
    n.Call: Expressions.call,
    n.Field: Expressions._field,
    n.Attribute: Expressions._field,
    n.Unary: Expressions._unary,
    n.Binary: Expressions._binary,
    n.Case: Expressions._case,
    n.Row: Expressions._row,
    n.Paren: Expressions._paren,
    n.Scalar: Expressions._scalar,
    n.CursorExpr: Expressions._cursor,
    n.AtTimeZone: Expressions._at_time_zone,
    n.IntervalOf: Expressions._interval_of,
    n.Cast: Expressions._cast,
    n.Extract: Expressions._extract,
    n.Trim: Expressions._trim,
    n.JsonCall: Expressions.json_call,
    n.JsonBuild: Expressions.json_build,
}
