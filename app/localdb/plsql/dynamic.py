"""EXECUTE IMMEDIATE: queries, DML, DDL and blocks whose text is made at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.localdb.contract import Kind
from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.code import Code, Place
from app.localdb.plsql.cursors import dynamic_compiled, dynamic_text, position
from app.localdb.plsql.failures import CompileError, failure
from app.localdb.plsql.flow import FlowCompiler
from app.localdb.plsql.runtime import Frame, ImplicitCursor, Run
from app.localdb.plsql.scope import Scope
from app.localdb.plsql.types import VARCHAR2, Type
from app.localdb.sql import nodes as x

Actual = tuple[str, Code, Place | None]


class DynamicCompiler(FlowCompiler):
    """Compiles dynamic SQL."""

    def execute_immediate(self, statement: n.ExecuteImmediate, s: Scope) -> Run:
        text = self.coerced(statement.text, VARCHAR2, s)
        actuals = self.using(statement, s)
        into = returned = None
        bulk = False
        if statement.into is not None:
            bulk = statement.into.bulk
            into = self.bulk_targets(statement.into, -1, s) if bulk else self.single(statement.into, s)
        if statement.returning is not None:
            returned = (
                self.bulk_targets(statement.returning, -1, s)
                if statement.returning.bulk
                else self.single(statement.returning, s)
            )
        inputs = [a for a in actuals if a[0] != "OUT"]

        def run(frame: Frame) -> None:
            host = frame.ctx.host
            source = dynamic_text(text(frame))
            kind = host.prepare(source).kind
            if kind is Kind.PLSQL:
                _run_block(frame, source, actuals)
            elif kind is Kind.DDL:
                if actuals:
                    raise OracleError(1027, "bind variables not allowed for data definition operations")
                host.run_ddl(source)
            else:
                compiled = dynamic_compiled(host, source, [code.type for _, code, _ in inputs])
                if len(inputs) > len({p.ref for p in compiled.params}):
                    raise OracleError(1006, "bind variable does not exist")
                values = [inputs[position(p.ref)][1].run(frame) for p in compiled.params]
                if kind is Kind.DML:
                    count, rows = host.run_dml(compiled, values)
                    frame.ctx.sql = ImplicitCursor(count)
                    if returned is not None:
                        returned(frame, rows)
                    elif rows and compiled.returning:
                        _returned_by_using(frame, rows, actuals)
                elif into is not None:
                    rows = host.query_values(compiled, values, 2**31 - 1 if bulk else 2)
                    frame.ctx.sql = ImplicitCursor(len(rows) if bulk else len(rows[:1]))
                    if not bulk and len(rows) != 1:
                        raise failure(1422 if rows else 1403)
                    into(frame, rows)

        return run

    def single(self, into: n.Into, s: Scope) -> Callable[[Frame, list[tuple[Any, ...]]], None]:
        """INTO of one row."""
        store = self.targets(into, -1, s)

        def one(frame: Frame, rows: list[tuple[Any, ...]]) -> None:
            if len(rows) > 1:
                raise failure(1422)
            if rows:
                store(frame, rows[0])

        return one

    def using(self, statement: n.ExecuteImmediate, s: Scope) -> list[Actual]:
        found: list[Actual] = []
        for actual in statement.using:
            place = self.place(actual.value, s) if actual.mode != "IN" else None
            if place is not None and isinstance(actual.value, x.BindRef) and actual.mode == "IN OUT":
                self.used.add(actual.value.name)
            code = Code(place.load, place.type) if place is not None else self.expression(actual.value, s)
            if code.type.ora is None and place is None:
                raise CompileError("PLS-00457: expressions have to be of SQL types", actual.start)
            found.append((actual.mode, code, place))
        return found

    def dynamic_change(self, statement: n.ExecuteImmediate, s: Scope) -> Callable[[Frame], Any]:
        """One DML statement of a FORALL: (rows changed, RETURNING values)."""
        text = self.coerced(statement.text, VARCHAR2, s)
        actuals = self.using(statement, s)

        def run(frame: Frame) -> Any:
            host = frame.ctx.host
            source = dynamic_text(text(frame))
            if host.prepare(source).kind is not Kind.DML:
                raise OracleError(
                    6550, "PLS-00435: DML statement without BULK In-BIND cannot be used inside FORALL"
                )
            compiled = dynamic_compiled(host, source, [code.type for _, code, _ in actuals])
            values = [actuals[position(p.ref)][1].run(frame) for p in compiled.params]
            return host.run_dml(compiled, values)

        return run


def _returned_by_using(frame: Frame, rows: list[tuple[Any, ...]], actuals: list[Actual]) -> None:
    outs = [place for mode, _, place in actuals if mode != "IN" and place is not None]
    if len(rows) > 1:
        raise failure(1422)
    for place, value in zip(outs, rows[0], strict=True):
        place.store(frame, value)


def _run_block(frame: Frame, source: str, actuals: list[Actual]) -> None:
    """A dynamic block: its binds are the names in it, each once, in order."""
    library = frame.ctx.host.database.plsql
    types: list[Type] = [code.type for _, code, _ in actuals]
    block = library.dynamic_block(frame.ctx.host, source, types)
    values = [None if mode == "OUT" else code.run(frame) for mode, code, _ in actuals]
    results = block.run(frame.ctx, values)
    for (mode, _, place), value in zip(actuals, results, strict=True):
        if mode != "IN" and place is not None:
            place.store(frame, value)
