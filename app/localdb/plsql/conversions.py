"""Implicit conversions between types while compiling: what fits where, and by which code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.localdb.plsql.code import Code, family
from app.localdb.plsql.failures import CompileError
from app.localdb.plsql.names import NameCompiler
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.scope import Scope
from app.localdb.plsql.types import (
    BY_ORA,
    DOUBLE,
    INTEGER,
    NULL,
    NUMBER,
    TIMESTAMP_TZ,
    VARCHAR2,
    CollectionType,
    CursorType,
    RecordType,
    Scalar,
    Type,
)
from app.localdb.sql import nodes as x

_WEIGHTS = {
    ("n", "d"): 2, ("d", "n"): 2, ("n", "s"): 4, ("s", "n"): 4, ("d", "s"): 4, ("s", "d"): 4, ("s", "c"): 2,
    ("c", "s"): 3, ("D", "T"): 2, ("T", "D"): 2, ("T", "Z"): 2, ("Z", "T"): 3, ("D", "Z"): 3, ("Z", "D"): 3,
    ("s", "D"): 5, ("s", "T"): 5, ("s", "Z"): 5, ("D", "s"): 5, ("T", "s"): 5, ("Z", "s"): 5, ("r", "B"): 2,
    ("B", "r"): 3, ("s", "r"): 5, ("r", "s"): 5, ("s", "I"): 5, ("I", "s"): 5, ("s", "B"): 6,
}  # fmt: skip


class ConversionCompiler(NameCompiler):
    """Converts compiled expressions to the types where they go."""

    if TYPE_CHECKING:
        convert_by_sql: Callable[[Frame, Any, Type, Type], Any]
        cast_by_sql: Callable[[Frame, Any, Type, Type], Any]

    def coerced(self, node: x.Expr, target: Type, s: Scope) -> Run:
        """The value of `node` as a variable of type `target` would hold it (a composite is not copied)."""
        if isinstance(node, x.Null):
            fit = target.fit
            return lambda f: fit(None)
        return self.converted(self.expression(node, s), target, node.offset)

    def assignable(self, node: x.Expr, target: Type, s: Scope) -> Run:
        """The value of `node` in a form that a place of type `target` can store, which fits it."""
        code = self.expression(node, s)
        return self.convertible(code, target, node.offset)

    def convertible(self, code: Code, target: Type, offset: int) -> Run:
        run, source = code.run, code.type
        if source is target:
            return run
        if self.steps(source, target) is None:
            raise CompileError("PLS-00382: expression is of wrong type", offset)
        convert_value = self.conversion(source, target)
        return run if convert_value is None else lambda f: convert_value(f, run(f))

    def converted(self, code: Code, target: Type, offset: int) -> Run:
        """The value of `code` converted, if that must be done, to the kind of `target` and fitted to it."""
        run = self.convertible(code, target, offset)
        if code.type is target and not isinstance(target, Scalar):
            return run
        fit = target.fit
        return lambda f: fit(run(f))

    def conversion(self, source: Type, target: Type) -> Callable[[Frame, Any], Any] | None:
        """What must be done to a value beyond `target.fit`: text to times and back by SQL, and what depends on
        the session's time zone."""
        a, b = family(source), family(target)
        if (a in "DTZIY" and b in "sc") or (a in "sc" and b in "DTZIY"):
            fit = target.fit
            return lambda f, value: (
                fit(None) if value is None else fit(self.convert_by_sql(f, value, source, target))
            )
        if "Z" in (a, b) and a in "DTZ" and b in "DTZ" and source.ora is not target.ora:
            return lambda f, value: target.fit(
                None if value is None else self.cast_by_sql(f, value, source, target)
            )
        return None

    def steps(self, source: Type, target: Type) -> int | None:
        """How far `source` is from `target` for an implicit conversion; None when there is none."""
        if source is target:
            return 0
        a, b = family(source), family(target)
        if a == "0":
            return 1
        if a == b:
            if isinstance(source, RecordType) and isinstance(target, RecordType):
                if source.from_row or target.from_row:
                    return 1 if len(source.fields) == len(target.fields) else None
                return None
            if isinstance(source, CollectionType) and isinstance(target, CollectionType):
                if (source.from_client or target.from_client) and source.kind == target.kind == "INDEX BY":
                    return self.steps(source.element, target.element)
                return None
            return 0 if source.ora is target.ora else 1
        if isinstance(target, CursorType) or isinstance(source, CursorType):
            return None
        return _WEIGHTS.get((a, b))

    def as_text(self, code: Code, offset: int) -> Code:
        """Times become text by the session's NLS settings."""
        if family(code.type) in "DTZ":
            return Code(self.converted(code, VARCHAR2, offset), VARCHAR2)
        return code

    def alike(self, left: Code, right: Code, offset: int) -> tuple[Code, Code]:
        """Text compared with a time becomes that time, a time without a zone gets the session's."""
        a, b = family(left.type), family(right.type)
        if a == "s" and b in "DTZ":
            return Code(self.converted(left, right.type, offset), right.type), right
        if b == "s" and a in "DTZ":
            return left, Code(self.converted(right, left.type, offset), left.type)
        if a == "Z" and b in "DT":
            return left, Code(self.converted(right, TIMESTAMP_TZ, offset), TIMESTAMP_TZ)
        if b == "Z" and a in "DT":
            return Code(self.converted(left, TIMESTAMP_TZ, offset), TIMESTAMP_TZ), right
        return left, right

    def common_type(self, codes: list[Code]) -> Type | None:
        """The type of CASE, NVL, COALESCE ...: that of the first that is not NULL, without constraints."""
        known = [c.type for c in codes if family(c.type) != "0"]
        if not known:
            return NULL
        if any(family(t) == "d" for t in known) and all(family(t) in "nd" for t in known):
            return DOUBLE
        first = known[0]
        if not isinstance(first, Scalar):
            return first
        return {
            "n": INTEGER if all(t is INTEGER for t in known) else NUMBER,
            "s": VARCHAR2,
        }.get(family(first)) or _unconstrained(first)


def _unconstrained(type_: Scalar) -> Type:
    return BY_ORA[type_.ora]
