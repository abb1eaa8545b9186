"""Calls of SQL functions: the plain ones by the table in functions.py, the others by a method here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace

from app.localdb.contract import OraType
from app.localdb.sql import nodes as n
from app.localdb.sql.catalog import FunctionInfo, ObjectKind
from app.localdb.sql.refusals import refuse, unsupported
from app.localdb.sql.translate import conversions as c
from app.localdb.sql.translate.aggregates import AGGREGATES, ANALYTIC
from app.localdb.sql.translate.functions import NOT_KNOWN, NOT_KNOWN_PACKAGES, PLAIN, Plain
from app.localdb.sql.translate.json import Json
from app.localdb.sql.translate.names import FUNCTIONS, RESERVED_FUNCTIONS
from app.localdb.sql.types import (
    BLOB,
    CLOB,
    DATE,
    DOUBLE,
    NUMBER,
    PG_TYPES,
    VARCHAR2,
    Ex,
    Family,
    Ty,
    quote,
    varchar2,
)

_CODES: dict[str, Callable[[Ex, int], Ex]] = {
    "t": c.to_text,
    "n": c.to_number,
    "f": c.to_float,
    "d": c.to_date,
    "s": c.to_timestamp,
    "z": c.to_zoned,
    "r": c.to_raw,
    "i": c.to_interval_ds,
    "y": c.to_interval_ym,
    "a": c.same,
}
# Functions of supplied packages that SQL may call; a leading SYS. is the owner.
_PACKAGES = frozenset(
    ["DBMS_RANDOM", "UTL_RAW", "DBMS_LOB", "DBMS_UTILITY", "DBMS_FLASHBACK", "DBMS_DEBUG_JDWP"]
)


def _national(ex: Ex) -> Ex:
    """As text of the national character set, which is the same here but is described as its own."""
    return ex._replace(ty=replace(ex.ty, national=True))


class Calls(Json):
    """call() answers for every name( )."""

    @abstractmethod
    def condition(self, node: n.Expr) -> str: ...

    @abstractmethod
    def arithmetic(self, op: str, left: Ex, right: Ex, offset: int) -> Ex: ...

    def call(self, node: n.Call) -> Ex:
        """Any call. Raises ORA-00904 for a function nobody knows, ORA-00938 and ORA-00939 for its arguments."""
        name = _function_name(node.target)
        if name is None:
            return self.unknown(node)
        if name in AGGREGATES or name in ANALYTIC:
            return self.aggregate(name, node)
        if name == "SYS_CONNECT_BY_PATH":
            path = self.block.paths.get(id(node))
            if path is None:
                raise refuse(30002, node.offset)
            return Ex(path, VARCHAR2)
        if name in NOT_KNOWN:
            raise unsupported(f"the function {name}", node.offset)
        plain = PLAIN.get(name)
        special = _SPECIAL.get(name)
        if plain is None and special is None:
            return self._foreign(name, node)
        if node.over is not None or node.within_group is not None or node.keep is not None:
            raise refuse(30484 if node.over is None else 30483, node.offset)
        if node.distinct:
            raise refuse(30482, node.offset)
        if name.startswith("DBMS_FLASHBACK.") and self.catalog.resolve("SYS", "V_$DATABASE", "SYS") is None:
            raise refuse(
                904, node.offset, ".".join(f'"{part}"' for part in name.split("."))
            )  # no EXECUTE on it
        if plain is not None:
            return self._plain(plain, node)
        assert special is not None
        return special(self, node)

    def _foreign(self, name: str, node: n.Call) -> Ex:
        """A function that is not built in: PL/SQL's, or a pseudo-function written with parentheses."""
        if self.asked.resolve is not None:
            variable = self.asked.resolve(node)
            if variable is not None:
                return self.variable(variable, node.offset)
        stamp = {**FUNCTIONS, **RESERVED_FUNCTIONS}.get(name)
        if stamp is not None and name in ("CURRENT_TIMESTAMP", "LOCALTIMESTAMP") and len(node.args) == 1:
            return stamp
        parts = node.target.parts if isinstance(node.target, n.Name) else (name,)
        schema = parts[0] if len(parts) > 2 else None
        found = self.catalog.resolve(
            schema, parts[-2] if len(parts) > 1 else parts[0], self.asked.current_schema
        )
        if found is not None and found.kind in (ObjectKind.FUNCTION, ObjectKind.PACKAGE):
            member = parts[-1] if found.kind is ObjectKind.PACKAGE else None
            for function in self.catalog.functions(found, member):
                matched = self._matched(function, node.args)
                if matched is not None:
                    return self._called(function, matched)
            raise unsupported(f"the PL/SQL function {'.'.join(parts)} called from SQL", node.offset)
        if len(parts) > 1 and parts[-2] in NOT_KNOWN_PACKAGES:
            raise unsupported(f"the package {parts[-2]} in SQL", node.offset)
        raise refuse(904, node.offset, ".".join(f'"{part}"' for part in parts))

    @staticmethod
    def _matched(
        function: FunctionInfo, args: list[n.Argument]
    ) -> list[tuple[str, OraType, n.Argument]] | None:
        """The arguments by the parameters they are for; None when they are too many, too few or misnamed."""
        types = dict(function.parameters)
        names = [name for name, _ in function.parameters]
        found: list[tuple[str, OraType, n.Argument]] = []
        for position, argument in enumerate(args):
            if argument.name is None and position >= len(names):
                return None
            name = argument.name or names[position]
            if name not in types or any(name == other for other, _, _ in found):
                return None
            found.append((name, types[name], argument))
        if not set(names[: function.required]) <= {name for name, _, _ in found}:
            return None
        return found

    def _called(self, function: FunctionInfo, args: list[tuple[str, OraType, n.Argument]]) -> Ex:
        texts = []
        for name, kind, argument in args:
            value = c.convert(self.value(argument.value), c.kind_family(kind), argument.offset)
            texts.append(f"{quote('p$' + name)} => ({value.sql})::{PG_TYPES[kind]}")
        sql = f"{quote(function.schema)}.{quote(function.name)}({', '.join(texts)})"
        return Ex(sql, VARCHAR2 if function.returns is OraType.VARCHAR2 else Ty(function.returns))

    def _arguments(self, node: n.Call, least: int, most: int) -> list[Ex]:
        if any(argument.name is not None for argument in node.args) or len(node.args) < least:
            raise refuse(909 if least == most else 938, node.offset)
        if len(node.args) > most:
            raise refuse(909 if least == most else 939, node.offset)
        return [self.value(argument.value) for argument in node.args]

    def _plain(self, plain: Plain, node: n.Call) -> Ex:
        values = self._arguments(node, plain.required, len(plain.args))
        offsets = [argument.offset for argument in node.args]
        converted = [
            _CODES[code](value, offset)
            for code, value, offset in zip(plain.args, values, offsets, strict=False)
        ]
        texts = [value.sql for value in converted]
        sql = plain.sql.replace("{}", ", ".join(texts))
        for index, text in enumerate(texts):
            sql = sql.replace("{" + str(index) + "}", text)
        ty = plain.result if isinstance(plain.result, Ty) else plain.result(converted)
        if plain.clob and values and values[0].ty.family is Family.CLOB:
            return Ex(f"({sql})::oracle.clob", CLOB)
        return Ex(sql, ty, bool(values) or plain.required > 0)

    # -- NULL and choice -------------------------------------------------------------------------------------

    def _nvl(self, node: n.Call) -> Ex:
        values = self._arguments(node, 2, 2)
        offsets = [argument.offset for argument in node.args]
        if values[0].ty.family is Family.NULL:
            return values[1]
        converted, ty = c.shared(values, offsets, strict=False)
        return Ex(
            f"coalesce({converted[0].sql}, {converted[1].sql})", ty, values[0].nullable and values[1].nullable
        )

    def _nvl2(self, node: n.Call) -> Ex:
        values = self._arguments(node, 3, 3)
        converted, ty = c.shared(values[1:], [a.offset for a in node.args[1:]], strict=False)
        sql = f"CASE WHEN ({values[0].sql}) IS NOT NULL THEN {converted[0].sql} ELSE {converted[1].sql} END"
        return Ex(sql, ty, values[1].nullable or values[2].nullable)

    def _coalesce(self, node: n.Call) -> Ex:
        values = self._arguments(node, 2, 65535)
        converted, ty = c.shared(values, [a.offset for a in node.args])
        return Ex(f"coalesce({', '.join(v.sql for v in converted)})", ty, all(v.nullable for v in values))

    def _nullif(self, node: n.Call) -> Ex:
        left, right = self._arguments(node, 2, 2)
        if left.ty.family is Family.NULL:
            raise refuse(932, node.args[0].offset, "-", "CHAR")
        test = c.compare("=", left, right, node.args[1].offset)
        return Ex(
            f"CASE WHEN {test} THEN NULL ELSE {c.to_text(left).sql if left.ty.bpchar else left.sql} END",
            left.ty,
        )

    def _decode(self, node: n.Call) -> Ex:
        values = self._arguments(node, 3, 255)
        subject, rest, offsets = values[0], values[1:], [a.offset for a in node.args[1:]]
        searches, results, result_offsets = [], [], []
        while len(rest) >= 2:
            searches.append((rest[0], offsets[0]))
            results.append(rest[1])
            result_offsets.append(offsets[1])
            rest, offsets = rest[2:], offsets[2:]
        results.append(rest[0] if rest else c.NULL_EX)
        result_offsets.append(offsets[0] if offsets else node.offset)
        converted, ty = c.shared(results, result_offsets, strict=False)
        # all comparisons are made in the type of the first search value
        family = searches[0][0].ty.family
        if family is Family.NULL:
            family = Family.TEXT if subject.ty.family is Family.NULL else subject.ty.family
        parts = []
        compared = c.convert(subject, family, node.args[0].offset).sql
        for (search, offset), result in zip(searches, converted, strict=False):
            if search.ty.family is Family.NULL:
                test = f"({compared}) IS NULL"
            elif not search.nullable:
                test = f"{compared} = {c.convert(search, family, offset).sql}"
            else:
                test = f"({compared}) IS NOT DISTINCT FROM ({c.convert(search, family, offset).sql})"
            parts.append(f"WHEN {test} THEN {result.sql}")
        return Ex(f"CASE {' '.join(parts)} ELSE {converted[-1].sql} END", ty)

    def _extreme(self, node: n.Call) -> Ex:
        """GREATEST and LEAST: NULL when any argument is; the first one decides the type."""
        values = self._arguments(node, 1, 65535)
        name = _function_name(node.target)
        converted, ty = c.shared(values, [a.offset for a in node.args], strict=False)
        texts = [v.sql for v in converted]
        called = f"{name}({', '.join(texts)})"
        checks = [t for t, v in zip(texts, values, strict=True) if v.nullable]
        if not checks:
            return Ex(called, ty, False)
        missing = " OR ".join(f"({text}) IS NULL" for text in checks)
        return Ex(f"CASE WHEN {missing} THEN NULL ELSE {called} END", ty)

    def _concat(self, node: n.Call) -> Ex:
        if len(node.args) != 2 and self.play == "19c":
            raise refuse(909, node.offset)
        joined = node.args[0].value
        for argument in node.args[1:]:
            joined = n.Binary(argument.offset, "||", joined, argument.value)
        return self.value(joined)

    def _nanvl(self, node: n.Call) -> Ex:
        left, right = (c.to_float(v) for v in self._arguments(node, 2, 2))
        return Ex(f"coalesce(nullif({left.sql}, 'NaN'::float8), {right.sql})", DOUBLE)

    # -- numbers -------------------------------------------------------------------------------------------

    def _round(self, node: n.Call) -> Ex:
        """ROUND and TRUNC of numbers and dates."""
        values = self._arguments(node, 1, 2)
        name = str(_function_name(node.target)).lower()
        family = values[0].ty.family
        if family in c.DATETIME:
            day = c.to_date(values[0]).sql
            model = f", {c.to_text(values[1]).sql}" if len(values) > 1 else ""
            return Ex(f"oracle.{name}({day}{model})", DATE, values[0].nullable)
        if family in (Family.INTERVAL_DS, Family.INTERVAL_YM):
            raise unsupported(f"{name.upper()} of an interval", node.offset)
        if family is Family.FLOAT and len(values) == 1:
            return Ex(f"{name}({c.to_float(values[0]).sql})", DOUBLE)
        number = c.to_number(values[0], node.args[0].offset)
        if len(values) == 1:
            return Ex(f"{name}({number.sql})", NUMBER, number.nullable)
        return Ex(f"{name}({number.sql}, trunc({c.to_number(values[1]).sql})::int)", NUMBER)

    def _unary_number(self, node: n.Call) -> Ex:
        [value] = self._arguments(node, 1, 1)
        name = str(_function_name(node.target)).lower()
        if value.ty.family is Family.FLOAT:
            return Ex(f"{name}({c.to_float(value).sql})", DOUBLE)
        return Ex(f"{name}({c.to_number(value, node.offset).sql})", NUMBER, value.nullable)

    def _mod(self, node: n.Call) -> Ex:
        left, right = self._arguments(node, 2, 2)
        return Ex(f"oracle.mod({c.to_number(left).sql}, {c.to_number(right).sql})", NUMBER)

    # -- conversions ---------------------------------------------------------------------------------------

    def _to_char(self, node: n.Call) -> Ex:
        values = self._arguments(node, 1, 3)
        value, family = values[0], values[0].ty.family
        if len(values) > 2:
            raise unsupported("NLS parameters in TO_CHAR", node.args[2].offset)
        if len(values) == 1:
            text = c.to_text(value, node.offset)
            return Ex(f"({text.sql})", text.ty, text.nullable) if family is Family.CLOB else text
        format_ = c.to_text(values[1], node.args[1].offset).sql
        if family in (Family.NUMBER, Family.FLOAT, Family.NULL):
            return Ex(f"oracle.to_char({c.to_number(value).sql}, {format_})", varchar2(255, 255))
        if family in c.DATETIME:
            # the format is rewritten once, when PostgreSQL plans the statement
            fixed = self.pure and family is not Family.LOCAL and "TZD" not in format_.upper()
            if value.ty.type is OraType.TIMESTAMP_LTZ:
                value = c.to_timestamp(value)
            argument = f"({value.sql})::timestamp" if family is Family.DATE else value.sql
            kind = {Family.DATE: "D", Family.TIMESTAMP: "T", Family.ZONED: "Z"}[value.ty.family]
            sql = f"oracle.{'fixed' if fixed else 'format'}_datetime({argument}, oracle.datetime_format({format_}, '{kind}'))"
            return Ex(sql, varchar2(255, 255), value.nullable)
        if family is Family.TEXT:
            return Ex(f"oracle.to_char({c.to_number(value).sql}, {format_})", varchar2(255, 255))
        raise unsupported(f"TO_CHAR of {family} with a format", node.offset)

    def _to_number(self, node: n.Call) -> Ex:
        values = self._arguments(node, 1, 3)
        if len(values) > 2:
            raise unsupported("NLS parameters in TO_NUMBER", node.args[2].offset)
        if len(values) == 1:
            clob = values[0].ty.family is Family.CLOB
            return c.to_number(c.to_text(values[0]) if clob else values[0], node.offset)
        text, format_ = (c.to_text(v) for v in values)
        return Ex(f"oracle.to_number({text.sql}, {format_.sql})", NUMBER)

    def _to_clob(self, node: n.Call) -> Ex:
        [value] = self._arguments(node, 1, 1)
        return c.to_clob(value, node.offset)

    def _to_nchar(self, node: n.Call) -> Ex:
        return _national(self._to_char(node))

    def _to_nclob(self, node: n.Call) -> Ex:
        return _national(self._to_clob(node))

    def _to_blob(self, node: n.Call) -> Ex:
        [value] = self._arguments(node, 1, 1)
        return Ex(c.to_blob(value, node.offset).sql, BLOB)

    def _length_b(self, node: n.Call) -> Ex:
        [value] = self._arguments(node, 1, 1)
        if value.ty.family in (Family.RAW, Family.BLOB):
            return Ex(f"length({c.to_raw(value).sql})::numeric", NUMBER)
        return Ex(f"octet_length({c.to_text(value, node.offset).sql})::numeric", NUMBER)

    def _lob_length(self, node: n.Call) -> Ex:
        [value] = self._arguments(node, 1, 1)
        if value.ty.family in (Family.BLOB, Family.RAW):
            return Ex(f"length({c.to_raw(value).sql})::numeric", NUMBER)
        return Ex(f"length({c.to_text(value, node.offset).sql})::numeric", NUMBER)

    def _lob_compare(self, node: n.Call) -> Ex:
        """DBMS_LOB.COMPARE of two whole large objects: -1, 0, 1, or NULL."""
        a, b = self._arguments(node, 2, 2)
        if a.ty.family in (Family.BLOB, Family.RAW):
            one, other = c.to_raw(a).sql, c.to_raw(b).sql
        else:
            one, other = (f'{c.to_text(value, node.offset).sql} collate "C"' for value in (a, b))
        return Ex(f"(({one} > {other})::int - ({one} < {other})::int)::numeric", NUMBER)

    def _hash(self, node: n.Call) -> Ex:
        """STANDARD_HASH(value [, 'SHA256' | 'MD5' ...]): SHA-1 unless told otherwise."""
        values = self._arguments(node, 1, 2)
        method = "'SHA1'"
        if len(values) == 2:
            algorithm = node.args[1].value
            if not isinstance(algorithm, n.String):
                raise refuse(909, node.args[1].offset)
            method = f"'{algorithm.value.upper()}'"
        return Ex(
            f"oracle.standard_hash({self._hashed(values[0], node)}, {method})", Ty(OraType.RAW, size=64)
        )

    def _hashed(self, value: Ex, node: n.Call) -> str:
        family = value.ty.family
        if family in (Family.TEXT, Family.NULL):
            return f"convert_to({c.to_text(value).sql}, 'UTF8')"
        if family is Family.RAW:
            return value.sql
        if family is Family.NUMBER:
            return f"oracle.number_bytes({value.sql})"
        if family is Family.DATE:
            return f"oracle.date_bytes({value.sql})"
        if family is Family.TIMESTAMP:
            return f"oracle.timestamp_bytes({value.sql})"
        if family is Family.FLOAT:  # NaN has one form here as there; minus zero is zero
            width = 4 if value.ty.type is OraType.BINARY_FLOAT else 8
            return f"oracle.float_bytes(float{width}send(({value.sql}) + 0::float{width}))"
        raise unsupported(f"STANDARD_HASH of {family}", node.offset)

    def _ora_hash(self, node: n.Call) -> Ex:
        values = self._arguments(node, 1, 3)
        extra = "".join(f", {c.to_number(v).sql}" for v in values[1:])
        return Ex(f"oracle.ora_hash({self._hashed(values[0], node)}{extra})", NUMBER, False)

    def _vsize(self, node: n.Call) -> Ex:
        [value] = self._arguments(node, 1, 1)
        return Ex(f"length({self._hashed(value, node)})::numeric", NUMBER)

    def _condition_function(self, node: n.Call) -> Ex:
        if self.play == "19c":
            raise refuse(920, node.offset)
        return Ex(self.condition(node), Ty(OraType.BOOLEAN))


def _function_name(target: n.Expr) -> str | None:
    """UPPER, or DBMS_RANDOM.VALUE for functions of supplied packages; None when it is no plain name."""
    if not isinstance(target, n.Name):
        return None
    parts = target.parts
    if len(parts) > 1 and parts[0] in ("SYS", "STANDARD"):
        parts = parts[1:]
        if len(parts) > 1 and parts[0] == "STANDARD":
            parts = parts[1:]
    if len(parts) == 1:
        return parts[0]
    return ".".join(parts) if len(parts) == 2 and parts[0] in _PACKAGES else ".".join(target.parts)


_SPECIAL: dict[str, Callable[[Calls, n.Call], Ex]] = {
    "NVL": Calls._nvl,
    "NVL2": Calls._nvl2,
    "COALESCE": Calls._coalesce,
    "NULLIF": Calls._nullif,
    "DECODE": Calls._decode,
    "GREATEST": Calls._extreme,
    "LEAST": Calls._extreme,
    "CONCAT": Calls._concat,
    "NANVL": Calls._nanvl,
    "ROUND": Calls._round,
    "TRUNC": Calls._round,
    "CEIL": Calls._unary_number,
    "FLOOR": Calls._unary_number,
    "ABS": Calls._unary_number,
    "SIGN": Calls._unary_number,
    "MOD": Calls._mod,
    "TO_CHAR": Calls._to_char,
    "TO_NCHAR": Calls._to_nchar,
    "TO_NUMBER": Calls._to_number,
    "TO_CLOB": Calls._to_clob,
    "TO_NCLOB": Calls._to_nclob,
    "TO_LOB": Calls._to_clob,
    "TO_BLOB": Calls._to_blob,
    "LENGTHB": Calls._length_b,
    "DBMS_LOB.GETLENGTH": Calls._lob_length,
    "DBMS_LOB.COMPARE": Calls._lob_compare,
    "STANDARD_HASH": Calls._hash,
    "ORA_HASH": Calls._ora_hash,
    "VSIZE": Calls._vsize,
    "LNNVL": Calls._condition_function,
    "REGEXP_LIKE": Calls._condition_function,
}


def is_function(name: str) -> bool:
    """Whether SQL has a function of that name (upper case), with or without parentheses."""
    return (
        name in PLAIN
        or name in _SPECIAL
        or name in AGGREGATES
        or name in ANALYTIC
        or name in FUNCTIONS
        or name in RESERVED_FUNCTIONS
        or name in ("CAST", "EXTRACT", "TRIM", "JSON_VALUE", "JSON_QUERY", "JSON_EXISTS", "JSON_OBJECT")
        or name in ("JSON_ARRAY", "JSON_ARRAYAGG", "JSON_OBJECTAGG", "JSON_SERIALIZE", "JSON_MERGEPATCH")
    )
