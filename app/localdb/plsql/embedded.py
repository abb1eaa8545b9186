"""SQL inside PL/SQL: compiled once per place by the SQL room, run on the session with the variables' values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.localdb.contract import Column, OraType
from app.localdb.errors import OracleError
from app.localdb.plsql.code import Code, family
from app.localdb.plsql.expressions import ExpressionCompiler
from app.localdb.plsql.failures import CompileError
from app.localdb.plsql.host import Host
from app.localdb.plsql.names import flatten, shown
from app.localdb.plsql.nodes import Query
from app.localdb.plsql.runtime import Frame, Run
from app.localdb.plsql.scope import RoutineSymbol, Scope
from app.localdb.plsql.types import (
    BOOLEAN,
    BY_ORA,
    CollectionType,
    FieldType,
    RecordType,
    Scalar,
    Type,
    element_of_sql,
)
from app.localdb.sql import nodes as x
from app.localdb.sql.compiled import Compiled, Variable
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.refusals import unsupported


@dataclass(eq=False)
class Statement:
    """One compiled statement: `values(frame)` are its parameters in order.

    Invoker-rights units resolve names by whoever runs them: then `recompile` is there and `compiled` is only
    what the creator saw.
    """

    compiled: Compiled
    runs: list[Run]
    row: list[Type] = field(default_factory=list)
    recompile: Callable[[Host], Statement] | None = None
    by_schema: dict[str, Statement] = field(default_factory=dict)

    def now(self, host: Host) -> Statement:
        """The statement as the present user means it."""
        if self.recompile is None:
            return self
        schema = host.current_schema
        found = self.by_schema.get(schema)
        if found is None:
            found = self.by_schema[schema] = self.recompile(host)
        return found

    def values(self, frame: Frame) -> list[Any]:
        return [run(frame) for run in self.runs]


def type_of_column(column: Column) -> Scalar:
    """The PL/SQL type that holds any value of a column."""
    ora = column.type
    if ora is OraType.JSON:
        raise unsupported("the type JSON in PL/SQL")
    if ora is OraType.NUMBER and (column.precision or column.scale != -127):
        return Scalar(ora, "NUMBER", column.precision, None if column.scale == -127 else column.scale)
    if ora in (OraType.VARCHAR2, OraType.CHAR) and column.size:
        base = BY_ORA[ora]
        # only CHAR must know its size, to pad; a query's text may be as long as it is
        return Scalar(ora, base.name, size=column.size) if ora is OraType.CHAR else base
    return BY_ORA.get(ora, BY_ORA[OraType.VARCHAR2])


def parameter_value(value: Any) -> Any:
    """A variable's value as the session sends it: collections as lists."""
    return value


class SqlCompiler(ExpressionCompiler):
    """Compiles embedded statements and the expressions that only SQL can evaluate."""

    host: Host
    text: str  # of the unit
    invoker_rights: bool

    # Expressions

    def is_sql_name(self, node: x.Expr) -> bool:
        """Whether an unknown name may be SQL's: a function, or a sequence's value."""
        chain = flatten(node)
        if chain is None:
            return False
        if isinstance(node, x.Call):
            return True
        names = [link for link in chain if isinstance(link, str)]
        return (len(names) > 1 and names[-1] in ("NEXTVAL", "CURRVAL")) or names[-1] in _SQL_WORDS

    def sql_value(self, node: x.Expr, s: Scope) -> Code:
        """`select node from dual`."""
        statement = self.statement(_select(node), s, node.offset, expression=True)
        type_ = type_of_column(statement.compiled.columns[0])
        fetch = self.fetch_one(statement)
        return Code(fetch, type_)

    def sql_condition(self, node: x.Expr, s: Scope) -> Code:
        """A condition as SQL evaluates it: true, false or NULL."""
        at = node.offset
        as_number = x.Case(
            at,
            None,
            [(node, x.Number(at, "1")), (x.Unary(at, "NOT", x.Paren(at, node)), x.Number(at, "0"))],
            None,
        )
        statement = self.statement(_select(as_number), s, at, expression=True)
        fetch = self.fetch_one(statement)
        return Code(lambda f: None if (v := fetch(f)) is None else v == 1, BOOLEAN)

    def fetch_one(self, statement: Statement) -> Run:
        def run(frame: Frame) -> Any:
            host = frame.ctx.host
            here = statement.now(host)
            return host.query_values(here.compiled, here.values(frame), 1)[0][0]

        return run

    def convert_by_sql(self, frame: Frame, value: Any, source: Type, target: Type) -> Any:
        """A time as text, or text as a time, by the session's NLS settings."""
        return convert_by_sql(frame.ctx.host, value, source, target)

    def cast_by_sql(self, frame: Frame, value: Any, source: Type, target: Type) -> Any:
        """A time with a zone as one without, or the other way round."""
        return cast_by_sql(frame.ctx.host, value, source, target)

    # Statements

    def statement(
        self, source: Any, s: Scope, offset: int, expression: bool = False, once: bool = False, **flags: Any
    ) -> Statement:
        """Compile a tree or tokens with the variables of `s`. Raises CompileError with the ORA- text.

        `expression` is for an expression of PL/SQL, where functions run before the statement. Inside SQL they
        run for each row: there they must be functions that SQL itself can call, unless `once` tells that the
        statement evaluates everything once.
        """

        def build(host: Host) -> Statement:
            compiled = host.compile_sql(source, resolve, text=self.text, locators=not expression, **flags)
            runs = [_run_of(p.ref) for p in compiled.params]
            return Statement(compiled, runs, [type_of_column(c) for c in compiled.columns])

        def resolve(node: x.Expr) -> Variable | None:
            if not expression and self.is_function(node, s) and not once:
                return None
            return self.variable(node, s)

        try:
            found = build(self.host)
        except OracleError as error:
            raise self.sql_error(error, offset, expression) from error
        if self.invoker_rights:
            found.recompile = build
        return found

    def is_function(self, node: x.Expr, s: Scope) -> bool:
        """Whether a name calls a routine. PLS-00231 for one that SQL cannot know at all."""
        chain = flatten(node)
        if chain is None or not isinstance(chain[0], str):
            return False
        if chain[0] in ("SQLCODE", "SQLERRM"):
            raise CompileError(f"PLS-00231: function '{chain[0]}' may not be used in SQL", node.offset)
        found = self.first(chain, node.offset, s)
        if found is None:
            return False
        symbol, _, package = found
        if not isinstance(symbol, RoutineSymbol):
            return False
        if package is None and not self.is_public(symbol):
            raise CompileError(f"PLS-00231: function '{symbol.name}' may not be used in SQL", node.offset)
        return True

    def is_public(self, symbol: RoutineSymbol) -> bool:
        """Whether SQL could name a routine that this unit declares, or that stands alone."""
        return any(r.announced or r.label == "SYS" for r in symbol.routines)

    def variable(self, node: x.Expr, s: Scope) -> Variable | None:
        """What SQL may use for a name that is no column."""
        try:
            code = self.native(node, s)
        except CompileError:
            return None
        if code is None:
            return None
        kind = family(code.type)
        if isinstance(code.type, CollectionType):
            element = element_of_sql(code.type)
            if element is None:
                return None
            load = code.run
            return Variable(OraType.VARCHAR2, Code(lambda f: load(f).elements(), code.type), element)
        if kind in "Rk":
            if isinstance(node, x.BindRef):
                raise CompileError("PLS-00382: expression is of wrong type", node.offset)
            return None
        if kind == "b" and self.host.play == "19c":
            raise CompileError("PLS-00382: expression is of wrong type", node.offset)
        ora = code.type.ora or OraType.VARCHAR2
        if ora is OraType.BINARY_INTEGER:
            ora = OraType.NUMBER
        return Variable(ora, code)

    def sql_error(self, error: OracleError, offset: int, expression: bool) -> CompileError:
        at = error.offset or offset
        if expression and error.code == 904:
            name = error.message.split(":")[0].replace('"', "")
            return CompileError(f"PLS-00201: identifier '{name}' must be declared", at)
        if error.code == 3001:
            return CompileError(error.text, at)
        return CompileError(f"PL/SQL: {error.text}", at)

    def embedded(self, query: Query, s: Scope, **flags: Any) -> Statement:
        """An embedded statement from its tokens."""
        tokens = query.tokens
        # INSERT .. VALUES of values only: each expression is evaluated exactly once
        flags["once"] = tokens[0].word == "INSERT" and not any(t.word == "SELECT" for t in tokens)
        last = tokens[-1].end if tokens else query.start
        return self.statement(
            [*tokens, Token(T.EOF, "", "", last, last)], s, query.start, embedded=True, **flags
        )

    def row_type(self, compiled: Compiled, name: str = "ROW") -> RecordType:
        """The record of a query's columns."""
        columns = compiled.columns
        if compiled.has_rowid:
            columns = columns[:-1]
        return RecordType(name, [FieldType(c.name, type_of_column(c)) for c in columns], from_row=True)

    def name_shown(self, node: x.Expr) -> str:
        return shown(flatten(node) or ["?"])


_SQL_WORDS = frozenset(
    ["CURRENT_DATE", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "SESSIONTIMEZONE", "DBTIMEZONE", "UID"]
)


def _run_of(ref: object) -> Run:
    assert isinstance(ref, Code)
    return ref.run


def _select(node: x.Expr) -> x.Query:
    at = node.offset
    body = x.Select(at, [x.SelectItem(at, node, "X")], [x.TableRef(at, ("SYS", "DUAL"))])
    return x.Query(at, body)


def convert_by_sql(host: Host, value: Any, source: Type, target: Type) -> Any:
    """`value` from one type to another by TO_CHAR, TO_DATE ... without a format."""
    function = {
        "D": "TO_DATE",
        "T": "TO_TIMESTAMP",
        "Z": "TO_TIMESTAMP_TZ",
        "I": "TO_DSINTERVAL",
        "Y": "TO_YMINTERVAL",
    }.get(family(target), "TO_CHAR")
    call = x.Call(0, x.Name(0, (function,), (False,)), [x.Argument(0, x.BindRef(0, "1", 0))])
    return _by_sql(host, value, source, function, call)


def cast_by_sql(host: Host, value: Any, source: Type, target: Type) -> Any:
    """`value` from one type of times to another, by CAST."""
    name = {
        OraType.DATE: "DATE",
        OraType.TIMESTAMP: "TIMESTAMP",
        OraType.TIMESTAMP_LTZ: "TIMESTAMP WITH LOCAL TIME ZONE",
    }.get(target.ora or OraType.TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE")
    digits: list[int | None] = [] if name == "DATE" else [9]
    return _by_sql(host, value, source, name, x.Cast(0, x.BindRef(0, "1", 0), x.TypeName(0, name, digits)))


def _by_sql(host: Host, value: Any, source: Type, name: str, node: x.Expr) -> Any:
    cache = host.database.plsql.conversions
    key = (name, source.ora, host.current_schema)
    compiled = cache.get(key)
    if compiled is None:
        ora = source.ora or OraType.VARCHAR2
        compiled = cache[key] = host.compile_sql(_select(node), lambda node: Variable(ora, None))
    return host.query_values(compiled, [value], 1)[0][0]
