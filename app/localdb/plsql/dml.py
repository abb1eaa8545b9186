"""SELECT INTO, DML, FORALL and transaction control inside PL/SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.dynamic import DynamicCompiler
from app.localdb.plsql.embedded import Statement
from app.localdb.plsql.failures import CompileError, failure, value_error
from app.localdb.plsql.runtime import Frame, ImplicitCursor, Run
from app.localdb.plsql.scope import Computed, Scope
from app.localdb.plsql.types import INTEGER, ROWID, CollectionType, RecordType
from app.localdb.plsql.values import Collection
from app.localdb.sql import nodes as x
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.parser import Parser


class DmlCompiler(DynamicCompiler):
    """Compiles the statements that are SQL, or steer its transaction."""

    def sql_statement(self, statement: n.Statement, s: Scope) -> Run:
        rule = _RULES[type(statement)]
        return rule(self, statement, s)

    def sql(self, statement: n.Sql, s: Scope) -> Run:
        if statement.verb == "SELECT":
            return self.select_into(statement, s)
        return self.change(statement, s)

    def select_into(self, statement: n.Sql, s: Scope) -> Run:
        into = statement.into
        if into is None:
            raise CompileError(
                "PLS-00428: an INTO clause is expected in this SELECT statement", statement.start
            )
        query = self.embedded(statement.query, s)
        columns = len(query.compiled.columns)
        if into.bulk:
            fill = self.bulk_targets(into, columns, s, query.row)

            def run_bulk(frame: Frame) -> None:
                host = frame.ctx.host
                here = query.now(host)
                rows = host.query_values(here.compiled, here.values(frame), 2**31 - 1)
                frame.ctx.sql = ImplicitCursor(len(rows))
                fill(frame, rows)

            return run_bulk
        try:
            store = self.targets(into, columns, s, query.row)
        except CompileError as error:
            if error.text.startswith("PLS-00394"):
                wanted = "not enough" if len(into.targets) > columns else "too many"
                raise CompileError(f"PL/SQL: ORA-{947 if wanted != 'too many' else 913:05d}: {wanted} values",
                                   statement.start) from error  # fmt: skip
            raise

        def run(frame: Frame) -> None:
            host = frame.ctx.host
            here = query.now(host)
            rows = host.query_values(here.compiled, here.values(frame), 2)
            if len(rows) != 1:
                frame.ctx.sql = ImplicitCursor(len(rows[:1]))
                raise failure(1422 if rows else 1403)
            frame.ctx.sql = ImplicitCursor(1)
            store(frame, rows[0])

        return run

    def change(self, statement: n.Sql, s: Scope) -> Run:
        compiled = self.dml(statement, s)
        returned = self.returning(statement, compiled, s)

        def run(frame: Frame) -> None:
            host = frame.ctx.host
            here = compiled.now(host)
            count, rows = host.run_dml(here.compiled, here.values(frame))
            frame.ctx.sql = ImplicitCursor(count)
            if returned is not None:
                returned(frame, rows)

        return run

    def dml(self, statement: n.Sql, s: Scope) -> Statement:
        """The compiled statement; record forms and CURRENT OF are written out first."""
        tokens = statement.query.tokens
        tokens = self.record_insert(tokens, s)
        tokens = self.record_update(tokens, s)
        tokens, handle = self.current_of_cursor(tokens, s)
        query = n.Query(statement.query.start, tokens)
        if handle is None:
            return self.embedded(query, s)
        inner = Scope(s, s.layout)
        inner.names[_CURRENT_ROW] = handle
        return self.embedded(query, inner)

    def returning(
        self, statement: n.Sql, compiled: Statement, s: Scope
    ) -> Callable[[Frame, list[tuple[Any, ...]]], None] | None:
        into = statement.into
        if into is None:
            return None
        columns = len(compiled.compiled.columns)
        if into.bulk:
            return self.bulk_targets(into, columns, s, compiled.row)
        store = self.targets(into, columns, s, compiled.row)

        def single(frame: Frame, rows: list[tuple[Any, ...]]) -> None:
            if len(rows) > 1:
                raise failure(1422)
            if rows:
                store(frame, rows[0])

        return single

    # Record forms

    def record_insert(self, tokens: list[Token], s: Scope) -> list[Token]:
        """INSERT INTO t VALUES record: the fields one by one."""
        if tokens[0].word != "INSERT":
            return tokens
        at = next((i for i, t in enumerate(tokens) if t.word == "VALUES"), -1)
        if at < 0 or at + 1 >= len(tokens) or tokens[at + 1].word == "(":
            return tokens
        end, record = self.record_after(tokens, at + 1, s)
        name = tokens[at + 1 : end]
        listed: list[Token] = [_op("(", name[0])]
        for position, field in enumerate(record.fields):
            if position:
                listed.append(_op(",", name[0]))
            listed += _field(name, field.name)
        listed.append(_op(")", name[0]))
        return tokens[: at + 1] + listed + tokens[end:]

    def record_update(self, tokens: list[Token], s: Scope) -> list[Token]:
        """UPDATE t SET ROW = record: every column of the table."""
        if tokens[0].word != "UPDATE":
            return tokens
        at = next(
            (i for i, t in enumerate(tokens[:-3]) if t.word == "SET" and tokens[i + 1].word == "ROW"
             and tokens[i + 2].word == "="), -1,
        )  # fmt: skip
        if at < 0:
            return tokens
        end, record = self.record_after(tokens, at + 3, s)
        name = tokens[at + 3 : end]
        parts = [t.value for t in tokens[1:4] if t.kind in (T.IDENT, T.QUOTED)]
        schema = parts[0] if tokens[2].word == "." else None
        table = self.host.catalog.resolve(schema, parts[1] if schema else parts[0], self.owner)
        columns = [c for c in table.columns if not c.hidden and not c.virtual] if table is not None else []
        if len(columns) != len(record.fields):
            raise CompileError("PL/SQL: ORA-00913: too many values", tokens[at].offset)
        listed: list[Token] = []
        for position, (column, field) in enumerate(zip(columns, record.fields, strict=True)):
            if position:
                listed.append(_op(",", name[0]))
            listed.append(Token(T.QUOTED, column.name, "", name[0].offset, name[0].end))
            listed.append(_op("=", name[0]))
            listed += _field(name, field.name)
        return tokens[: at + 1] + listed + tokens[end:]

    def record_after(self, tokens: list[Token], at: int, s: Scope) -> tuple[int, RecordType]:
        """The record variable that starts at `at`, and where it ends."""
        last = tokens[-1].end
        parser = Parser([*tokens, Token(T.EOF, "", "", last, last)], text="", plsql=True)
        parser.pos = at
        node = parser.expression()
        type_ = self.expression(node, s).type
        if not isinstance(type_, RecordType):
            raise CompileError("PLS-00382: expression is of wrong type", node.offset)
        return parser.pos, type_

    # WHERE CURRENT OF

    def current_of_cursor(self, tokens: list[Token], s: Scope) -> tuple[list[Token], Any]:
        """WHERE CURRENT OF c as WHERE ROWID = (the row that c fetched last)."""
        at = next(
            (i for i, t in enumerate(tokens[:-2]) if t.word == "CURRENT" and tokens[i + 1].word == "OF"), -1
        )
        if at < 0:
            return tokens, None
        name = tokens[at + 2]
        handle_of = self.cursor_handle(x.Name(name.offset, (name.value,), (False,)), s)

        def rowid(frame: Frame) -> Any:
            handle = handle_of(frame)
            if handle is None or not handle.is_open or not handle.found or handle.rowid is None:
                raise OracleError(1410, "invalid ROWID")
            return handle.rowid

        replaced = [
            Token(T.IDENT, "ROWID", "ROWID", name.offset, name.end),
            _op("=", name),
            Token(T.QUOTED, _CURRENT_ROW, "", name.offset, name.end),
        ]
        return tokens[:at] + replaced + tokens[at + 3 :], Computed(ROWID, rowid)

    # FORALL

    def forall(self, statement: n.ForAll, s: Scope) -> Run:
        inner = Scope(s, s.layout)
        variable = inner.variable(statement.variable, INTEGER, writable=False)
        slot = variable.slot
        indexes = self.forall_indexes(statement, s)
        if isinstance(statement.body, n.ExecuteImmediate):
            return self.forall_dynamic(statement, indexes, slot, inner)
        compiled = self.dml(statement.body, inner)
        returned = None
        if statement.body.into is not None:
            if not statement.body.into.bulk:
                raise CompileError(
                    "PLS-00497: cannot mix between single row and multi-row (BULK) in INTO list",
                    statement.body.start,
                )
            returned = self.returning(statement.body, compiled, s)
        save = statement.save_exceptions

        def run(frame: Frame) -> None:
            host = frame.ctx.host
            here = compiled.now(host)
            rows: list[list[Any]] = []
            for index in indexes(frame):
                frame.v[slot] = index
                rows.append(here.values(frame))
            results = host.run_dml_many(here.compiled, rows, save) if rows else []
            finish_forall(frame, results, save, returned)

        return run

    def forall_indexes(self, statement: n.ForAll, s: Scope) -> Callable[[Frame], Sequence[int]]:
        if statement.indices_of is not None or statement.values_of is not None:
            node = statement.indices_of or statement.values_of
            assert node is not None
            code = self.expression(node, s)
            if not isinstance(code.type, CollectionType):
                raise CompileError("PLS-00487: Invalid reference to variable", node.offset)
            load, by_value = code.run, statement.values_of is not None

            def of_collection(frame: Frame) -> Sequence[int]:
                collection: Collection = load(frame)
                return collection.elements() if by_value else list(collection.keys())

            return of_collection
        assert statement.low is not None
        assert statement.high is not None
        low, high = self.coerced(statement.low, INTEGER, s), self.coerced(statement.high, INTEGER, s)

        def bounds(frame: Frame) -> Sequence[int]:
            first, last = low(frame), high(frame)
            if first is None or last is None:
                raise value_error()
            return range(first, last + 1)

        return bounds

    def forall_dynamic(
        self, statement: n.ForAll, indexes: Callable[[Frame], Sequence[int]], slot: int, s: Scope
    ) -> Run:
        assert isinstance(statement.body, n.ExecuteImmediate)
        one = self.dynamic_change(statement.body, s)
        save = statement.save_exceptions
        returned = None
        if statement.body.returning is not None:
            returned = self.bulk_targets(statement.body.returning, -1, s)

        def run(frame: Frame) -> None:
            results: list[Any] = []
            for index in indexes(frame):
                frame.v[slot] = index
                try:
                    results.append(one(frame))
                except OracleError as error:
                    results.append(error)
                    if not save:
                        break
            finish_forall(frame, results, save, returned)

        return run

    # Transactions

    def transaction(self, statement: n.Transaction, s: Scope) -> Run:
        name = statement.name
        if statement.verb == "COMMIT":
            return lambda f: f.ctx.host.commit()
        if statement.verb == "SAVEPOINT":
            assert name is not None
            return lambda f: f.ctx.host.savepoint(name)
        if name is not None:
            return lambda f: f.ctx.host.rollback_to(name)
        return lambda f: f.ctx.host.rollback()


def finish_forall(
    frame: Frame,
    results: list[Any],
    save: bool,
    returned: Callable[[Frame, list[tuple[Any, ...]]], None] | None,
) -> None:
    """Attributes and RETURNING values of a FORALL; raises its error, or ORA-24381 for saved ones."""
    counts: list[int] = []
    rows: list[tuple[Any, ...]] = []
    failed: list[tuple[int, int]] = []
    error: OracleError | None = None
    for position, result in enumerate(results, 1):
        if isinstance(result, OracleError):
            counts.append(0)
            failed.append((position, result.code))
            error = result
        else:
            counts.append(result[0])
            rows += result[1]
    frame.ctx.sql = ImplicitCursor(sum(counts), counts, failed)
    if returned is not None:
        returned(frame, rows)
    if error is not None:
        if save:
            raise failure(24381)
        raise error


_CURRENT_ROW = "the row under the cursor"


def _op(text: str, near: Token) -> Token:
    return Token(T.OP, text, text, near.offset, near.end)


def _field(name: list[Token], field: str) -> list[Token]:
    return [*name, _op(".", name[0]), Token(T.QUOTED, field, "", name[0].offset, name[0].end)]


_RULES: dict[type, Callable[[Any, Any, Scope], Run]] = {
    n.Sql: DmlCompiler.sql,
    n.ExecuteImmediate: DmlCompiler.execute_immediate,
    n.Open: DmlCompiler.open_statement,
    n.OpenFor: DmlCompiler.open_for,
    n.Fetch: DmlCompiler.fetch_statement,
    n.Close: DmlCompiler.close_statement,
    n.ForCursor: DmlCompiler.for_cursor,
    n.ForAll: DmlCompiler.forall,
    n.Transaction: DmlCompiler.transaction,
}
