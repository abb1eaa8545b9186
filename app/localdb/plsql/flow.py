"""Control statements as closures: None to go on, or the signal with which a statement leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.localdb.plsql import nodes as n
from app.localdb.plsql import operators
from app.localdb.plsql.code import Code
from app.localdb.plsql.cursors import CursorCompiler
from app.localdb.plsql.failures import MESSAGES, CompileError, failure, value_error
from app.localdb.plsql.runtime import RETURN, Frame, Raised, Run, Signal, here
from app.localdb.plsql.scope import ExceptionSymbol, LoopSymbol, Scope, ScopeSymbol
from app.localdb.plsql.types import INTEGER, Type
from app.localdb.plsql.values import copied

_TURNS = 1023  # a loop looks for a cancel of the call once in so many turns


class FlowCompiler(CursorCompiler):
    """Compiles statements other than SQL."""

    loops: list[tuple[str | None, LoopSymbol]]
    returns: Type | None  # of the function being compiled
    line_of: Callable[[int], int]
    errors: list[CompileError]
    block: Callable[[n.Block, Scope], Run]
    sql_statement: Callable[[n.Statement, Scope], Run]

    def sequence(self, statements: list[n.Statement], s: Scope) -> Run:
        """Statements one after the other; errors are collected so that one run shows them all."""
        compiled: list[tuple[int, Run]] = []
        for statement in statements:
            try:
                compiled.append((self.line_of(statement.start), self.statement_code(statement, s)))
            except CompileError as error:
                self.errors.append(error)
                ignored = (
                    "PL/SQL: SQL Statement ignored"
                    if isinstance(statement, n.Sql)
                    else "PL/SQL: Statement ignored"
                )
                self.errors.append(CompileError(ignored, statement.start))
        if len(compiled) == 1:
            line, only = compiled[0]

            def run_one(frame: Frame) -> Any:
                frame.line = line
                return only(frame)

            return run_one

        def run(frame: Frame) -> Any:
            for line, step in compiled:
                frame.line = line
                signal = step(frame)
                if signal is not None:
                    return signal
            return None

        return run

    def statement_code(self, statement: n.Statement, s: Scope) -> Run:
        rule = _RULES.get(type(statement))
        if rule is not None:
            return rule(self, statement, s)
        return self.sql_statement(statement, s)

    def nested(self, statement: n.Block, s: Scope) -> Run:
        return self.block(statement, s)

    def assign(self, statement: n.Assign, s: Scope) -> Run:
        place = self.place(statement.target, s)
        value = self.assignable(statement.value, place.type, s)
        store = place.store

        def run(frame: Frame) -> None:
            store(frame, value(frame))

        return run

    def call_statement(self, statement: n.CallStatement, s: Scope) -> Run:
        found = self.resolved(statement.call, s, statement=True)
        if found is None:
            raise CompileError(
                f"PLS-00201: identifier '{self.name_shown(statement.call)}' must be declared",
                statement.call.offset,
            )
        if not isinstance(found, Code):
            raise CompileError(
                f"PLS-00221: '{self.name_shown(statement.call)}' is not a procedure or is undefined",
                statement.call.offset,
            )
        call = found.run

        def run(frame: Frame) -> None:
            call(frame)

        return run

    def if_statement(self, statement: n.If, s: Scope) -> Run:
        branches = [(self.condition(test, s), self.sequence(body, s)) for test, body in statement.branches]
        otherwise = self.sequence(statement.otherwise, s) if statement.otherwise else None
        if len(branches) == 1:
            test, body = branches[0]

            def run_one(frame: Frame) -> Any:
                if test(frame):
                    return body(frame)
                return otherwise(frame) if otherwise is not None else None

            return run_one

        def run(frame: Frame) -> Any:
            for test, body in branches:
                if test(frame):
                    return body(frame)
            return otherwise(frame) if otherwise is not None else None

        return run

    def case_statement(self, statement: n.CaseStatement, s: Scope) -> Run:
        hold: Run | None = None
        tests: list[Run] = []
        if statement.selector is None:
            tests = [self.condition(test, s) for test, _ in statement.branches]
        else:
            selector = self.expression(statement.selector, s)
            slot = s.layout.slot()
            held = Code(lambda f: f.v[slot], selector.type, selector.literal)
            hold = selector.run
            for test, _ in statement.branches:
                sides = self.alike(held, self.expression(test, s), test.offset)
                equal = operators.comparison("=", *sides)
                if equal is None:
                    raise CompileError("PLS-00615: type mismatch found at CASE operand", test.offset)
                tests.append(equal.run)
        bodies = [self.sequence(body, s) for _, body in statement.branches]
        branches = list(zip(tests, bodies, strict=True))
        otherwise = self.sequence(statement.otherwise, s) if statement.otherwise else None

        def run(frame: Frame) -> Any:
            if hold is not None:
                frame.v[slot] = hold(frame)
            for test, body in branches:
                if test(frame):
                    return body(frame)
            if otherwise is None:
                raise failure(6592)
            return otherwise(frame)

        return run

    # Loops

    def loop_body(self, label: str | None, body: list[n.Statement], s: Scope) -> tuple[Run, LoopSymbol]:
        symbol = LoopSymbol(Signal(), Signal())
        self.loops.append((label, symbol))
        try:
            return self.sequence(body, s), symbol
        finally:
            self.loops.pop()

    def plain_loop(self, statement: n.Loop, s: Scope) -> Run:
        body, symbol = self.loop_body(statement.label, statement.body, s)
        leave, proceed = symbol.exit, symbol.proceed

        def run(frame: Frame) -> Any:
            turns = 0
            while True:
                signal = body(frame)
                if signal is None or signal is proceed:
                    turns += 1
                    if not turns & _TURNS:
                        frame.ctx.host.check_cancelled()
                    continue
                return None if signal is leave else signal

        return run

    def while_loop(self, statement: n.While, s: Scope) -> Run:
        condition = self.condition(statement.condition, s)
        body, symbol = self.loop_body(statement.label, statement.body, s)
        leave, proceed = symbol.exit, symbol.proceed
        line = self.line_of(statement.start)

        def run(frame: Frame) -> Any:
            turns = 0
            while condition(frame):
                turns += 1
                if not turns & _TURNS:
                    frame.ctx.host.check_cancelled()
                signal = body(frame)
                if signal is not None and signal is not proceed:
                    return None if signal is leave else signal
                frame.line = line
            return None

        return run

    def for_range(self, statement: n.ForRange, s: Scope) -> Run:
        low = self.coerced(statement.low, INTEGER, s)
        high = self.coerced(statement.high, INTEGER, s)
        inner = self.labelled(statement.label, s)
        variable = inner.variable(statement.variable, INTEGER, writable=False)
        slot = variable.slot
        body, symbol = self.loop_body(statement.label, statement.body, inner)
        leave, proceed, reverse = symbol.exit, symbol.proceed, statement.reverse

        def run(frame: Frame) -> Any:
            first, last = low(frame), high(frame)
            if first is None or last is None:
                raise value_error()
            values = frame.v
            steps = range(last, first - 1, -1) if reverse else range(first, last + 1)
            for step in steps:
                if not step & _TURNS:
                    frame.ctx.host.check_cancelled()
                values[slot] = step
                signal = body(frame)
                if signal is not None and signal is not proceed:
                    return None if signal is leave else signal
            return None

        return run

    def exit_statement(self, statement: n.Exit, s: Scope) -> Run:
        word = "CONTINUE" if statement.proceed else "EXIT"
        symbol = None
        for label, candidate in reversed(self.loops):
            if statement.label is None or label == statement.label:
                symbol = candidate
                break
        if symbol is None:
            if statement.label is not None:
                raise CompileError(
                    f"PLS-00201: identifier '{statement.label}' must be declared", statement.start
                )
            raise CompileError(
                f"PLS-00376: illegal {word} statement; it must appear inside a loop", statement.start
            )
        signal = symbol.proceed if statement.proceed else symbol.exit
        if statement.condition is None:
            return lambda f: signal
        condition = self.condition(statement.condition, s)
        return lambda f: signal if condition(f) else None

    def return_statement(self, statement: n.Return, s: Scope) -> Run:
        if statement.value is None:
            if self.returns is not None:
                raise CompileError("PLS-00503: RETURN <value> statement required for this return from function",
                                   statement.start)  # fmt: skip
            return lambda f: RETURN
        if self.returns is None:
            raise CompileError(
                "PLS-00372: In a procedure, RETURN statement cannot contain an expression", statement.start
            )
        value = self.coerced(statement.value, self.returns, s)

        def run(frame: Frame) -> Signal:
            frame.result = copied(value(frame))
            return RETURN

        return run

    def null_statement(self, statement: n.Null, s: Scope) -> Run:
        return lambda f: None

    def raise_statement(self, statement: n.Raise, s: Scope) -> Run:
        if statement.name is None:
            if not self.in_handler:
                raise CompileError(
                    "PLS-00367: a RAISE statement with no exception name must be inside an exception handler",
                    statement.start,
                )
            return _raise_again
        symbol = self.exception(statement.name, statement.start, s)

        def run(frame: Frame) -> Any:
            found = new_exception(symbol)
            raise chained(found, frame)

        return run

    in_handler = 0

    def exception(self, name: tuple[str, ...], offset: int, s: Scope) -> ExceptionSymbol:
        symbol = self.symbol(name, offset, s)
        if not isinstance(symbol, ExceptionSymbol):
            raise CompileError(f"PLS-00484: redundant or wrong name '{name[-1]}': no exception", offset)
        return symbol

    def labelled(self, label: str | None, s: Scope) -> Scope:
        """A scope for a loop's variable; its label qualifies it."""
        inner = Scope(s, s.layout)
        if label is not None:
            outside = Scope(s, s.layout)
            outside.names[label] = ScopeSymbol(inner)
            inner.parent = outside
        return inner


def new_exception(symbol: ExceptionSymbol) -> Raised:
    """What RAISE name raises."""
    if symbol.code is None:
        return Raised(6510, MESSAGES[6510], symbol)
    code = 1403 if symbol.code == 100 else symbol.code
    return Raised(code, MESSAGES.get(code, ""))


def chained(found: Raised, frame: Frame) -> Raised:
    """A new exception; raised in a handler, it carries the one in handling below it."""
    found.trace.append(here(frame))
    found.noted = frame
    handling = frame.ctx.handling
    if handling:
        older = handling[-1]
        found.trace += [older.text, *older.trace]
    return found


def _raise_again(frame: Frame) -> Any:
    older = frame.ctx.handling[-1]
    again = Raised(older.code, older.message, older.symbol)
    again.trace = [here(frame), *older.trace]
    again.noted = frame
    raise again


_RULES: dict[type, Callable[[Any, Any, Scope], Run]] = {
    n.Block: FlowCompiler.nested,
    n.Assign: FlowCompiler.assign,
    n.CallStatement: FlowCompiler.call_statement,
    n.If: FlowCompiler.if_statement,
    n.CaseStatement: FlowCompiler.case_statement,
    n.Loop: FlowCompiler.plain_loop,
    n.While: FlowCompiler.while_loop,
    n.ForRange: FlowCompiler.for_range,
    n.Exit: FlowCompiler.exit_statement,
    n.Return: FlowCompiler.return_statement,
    n.Null: FlowCompiler.null_statement,
    n.Raise: FlowCompiler.raise_statement,
}
