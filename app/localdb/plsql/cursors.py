"""Cursors: open, fetch, close, cursor variables, cursor FOR loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.localdb.contract import Kind, OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.code import Place, family, outer
from app.localdb.plsql.embedded import SqlCompiler, Statement
from app.localdb.plsql.failures import CompileError, failure, unsupported
from app.localdb.plsql.host import Host
from app.localdb.plsql.runtime import Context, Frame, Run
from app.localdb.plsql.scope import CursorSymbol, LoopSymbol, Scope
from app.localdb.plsql.types import INTEGER, VARCHAR2, CollectionType, RecordType, Type
from app.localdb.plsql.values import Collection, CursorHandle, Record
from app.localdb.sql import nodes as x
from app.localdb.sql.compiled import Compiled, Variable

Store = Callable[[Frame, tuple[Any, ...]], None]
_BATCH = 100  # rows that a cursor FOR loop fetches at once, as Oracle does


def attach(ctx: Context, handle: CursorHandle, result: Any, compiled: Compiled) -> None:
    """`handle` points to a newly opened result."""
    handle.abandoned = ctx.abandoned
    handle.result = result
    handle.compiled = compiled
    handle.is_open = True
    handle.found = None
    handle.row_count = 0
    handle.with_rowid = compiled.has_rowid
    handle.rowid = None


def fetch(handle: CursorHandle | None, count: int) -> list[tuple[Any, ...]]:
    """Up to `count` further rows; keeps the attributes and the last rowid."""
    if handle is None or not handle.is_open:
        raise failure(1001)
    rows: list[tuple[Any, ...]] = handle.result.fetch_values(count)
    if handle.with_rowid:
        if rows:
            handle.rowid = rows[-1][-1]
        rows = [row[:-1] for row in rows]
    handle.found = len(rows) > 0
    handle.row_count += len(rows)
    return rows


def close(handle: CursorHandle | None) -> None:
    if handle is None or not handle.is_open:
        raise failure(1001)
    handle.is_open = False
    handle.result.close()


class CursorCompiler(SqlCompiler):
    """Compiles statements about cursors."""

    loop_body: Callable[[str | None, list[n.Statement], Scope], tuple[Run, LoopSymbol]]
    labelled: Callable[[str | None, Scope], Scope]
    line_of: Callable[[int], int]
    current_of: set[str]  # cursors that WHERE CURRENT OF names
    unit_label: str

    # Targets

    def targets(self, into: n.Into, columns: int, s: Scope, types: list[Type] | None = None) -> Store:
        """How a fetched row goes into the targets: one record, or as many places as columns."""
        places = [self.place(target, s) for target in into.targets]
        if len(places) == 1 and isinstance(places[0].type, RecordType):
            record = places[0]
            type_ = record.type
            assert isinstance(type_, RecordType)
            if columns >= 0 and len(type_.fields) != columns:
                raise CompileError(
                    "PLS-00394: wrong number of values in the INTO list of a FETCH statement", into.start
                )
            fits = [self.row_fit(types, i, f.type) for i, f in enumerate(type_.fields)]
            store_record = record.store

            def into_record(frame: Frame, row: tuple[Any, ...]) -> None:
                if len(row) != len(fits):
                    raise failure(6504)
                store_record(frame, Record(type_, [fit(frame, v) for fit, v in zip(fits, row, strict=True)]))

            return into_record
        if columns >= 0 and len(places) != columns:
            code = "PLS-00394: wrong number of values in the INTO list of a FETCH statement"
            raise CompileError(code, into.start)
        stores = [(p.store, self.row_fit(types, i, p.type)) for i, p in enumerate(places)]
        if len(stores) == 1:
            store, fit = stores[0]

            def into_one(frame: Frame, row: tuple[Any, ...]) -> None:
                if len(row) != 1:
                    raise failure(6504)
                store(frame, fit(frame, row[0]))

            return into_one

        def into_places(frame: Frame, row: tuple[Any, ...]) -> None:
            if len(row) != len(stores):
                raise failure(6504)
            for (store, fit), value in zip(stores, row, strict=True):
                store(frame, fit(frame, value))

        return into_places

    def row_fit(self, types: list[Type] | None, index: int, target: Type) -> Callable[[Frame, Any], Any]:
        """A column's value as `target` takes it (the store fits it again: cheap and right)."""
        if types is not None and index < len(types):
            special = self.conversion(types[index], target)
            if special is not None:
                return special
        if family(target) == "k":
            return _nested_cursor
        return lambda frame, value: value

    def bulk_targets(
        self, into: n.Into, columns: int, s: Scope, types: list[Type] | None = None
    ) -> Callable[[Frame, list[tuple[Any, ...]]], None]:
        """How fetched rows replace collections: one of records, or one per column."""
        places = [self.place(target, s) for target in into.targets]
        for place in places:
            if not isinstance(place.type, CollectionType):
                raise CompileError(
                    f"PLS-00497: cannot mix between single row and multi-row (BULK) in INTO list: {place.name}",
                    into.start,
                )
        first = places[0].type
        assert isinstance(first, CollectionType)
        if len(places) == 1 and isinstance(first.element, RecordType):
            element, load = first.element, places[0].container
            if columns >= 0 and len(element.fields) != columns:
                raise CompileError(
                    "PLS-00394: wrong number of values in the INTO list of a FETCH statement", into.start
                )
            make, place = element.from_values, places[0]

            def records(frame: Frame, rows: list[tuple[Any, ...]]) -> None:
                _fill(place, load, frame, [make(row) for row in rows])

            return records
        if columns >= 0 and len(places) != columns:
            raise CompileError(
                "PLS-00394: wrong number of values in the INTO list of a FETCH statement", into.start
            )
        parts = []
        for index, place in enumerate(places):
            type_ = place.type
            assert isinstance(type_, CollectionType)
            special = self.conversion(types[index], type_.element) if types and index < len(types) else None
            parts.append((place, place.container, type_.element.fit, special))

        def lists(frame: Frame, rows: list[tuple[Any, ...]]) -> None:
            for index, (place, load, fit, special) in enumerate(parts):
                if special is not None:
                    values = [special(frame, row[index]) for row in rows]
                else:
                    values = [fit(row[index]) for row in rows]
                _fill(place, load, frame, values)

        return lists

    # Opening

    def cursor_symbol(self, node: x.Expr, s: Scope) -> tuple[CursorSymbol, list[x.Argument], Any] | None:
        """The explicit cursor that `node` names, with its arguments."""
        args: list[x.Argument] = []
        name = node
        if isinstance(node, x.Call):
            args, name = node.args, node.target
        if not isinstance(name, x.Name):
            return None
        found = self.first(list(name.parts), name.offset, s)
        if found is None or found[1] or not isinstance(found[0], CursorSymbol):
            return None
        return found[0], args, found[2]

    def open_explicit(
        self, symbol: CursorSymbol, args: list[x.Argument], package: Any, s: Scope, offset: int
    ) -> Callable[[Frame], CursorHandle]:
        """Opens an explicit cursor: arguments into its parameters, then the query runs."""
        values: dict[str, Run] = {}
        for position, argument in enumerate(args):
            name = argument.name
            if name is None and position < len(symbol.parameters):
                name = symbol.parameters[position].name
            formal = next((p for p in symbol.parameters if p.name == name), None)
            if formal is None or formal.name in values:
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{symbol.name}'", offset
                )
            values[formal.name] = self.coerced(argument.value, formal.type, s)
        takes: list[tuple[int, Run | None, Run | None]] = []
        for formal in symbol.parameters:
            if formal.name not in values and formal.default is None:
                raise CompileError(
                    f"PLS-00306: wrong number or types of arguments in call to '{symbol.name}'", offset
                )
            takes.append((formal.slot, values.get(formal.name), formal.default))
        distance = s.layout.level - symbol.level
        foreign = package is not None and package is not self.unit

        def run(frame: Frame) -> CursorHandle:
            home = frame.ctx.state(package) if foreign else outer(frame, distance)
            handle: CursorHandle = home.v[symbol.slot]
            if handle.is_open:
                raise failure(6511)
            given = [value(frame) if value is not None else default(home) if default is not None else None
                     for _, value, default in takes]  # fmt: skip
            for (slot, _, _), one in zip(takes, given, strict=True):
                home.v[slot] = one
            if symbol.query is None:
                raise failure(6508)
            host = frame.ctx.host
            here: Statement = symbol.query.now(host)
            attach(frame.ctx, handle, host.open_cursor(here.compiled, here.values(home)), here.compiled)
            return handle

        return run

    def open_statement(self, statement: n.Open, s: Scope) -> Run:
        found = self.cursor_symbol(statement.cursor, s)
        if found is None:
            raise CompileError(
                f"PLS-00201: identifier '{self.name_shown(statement.cursor)}' must be declared",
                statement.start,
            )
        symbol, args, package = found
        opened = self.open_explicit(symbol, args, package, s, statement.start)

        def run(frame: Frame) -> None:
            opened(frame)

        return run

    def open_for(self, statement: n.OpenFor, s: Scope) -> Run:
        place = self.place(statement.cursor, s)
        if family(place.type) != "k":
            raise CompileError("PLS-00382: expression is of wrong type", statement.start)
        opener: Callable[[Frame], tuple[Any, Compiled]]
        if isinstance(statement.source, n.Query):
            query = self.embedded(statement.source, s)

            def opener(frame: Frame) -> tuple[Any, Compiled]:
                host = frame.ctx.host
                here = query.now(host)
                return host.open_cursor(here.compiled, here.values(frame)), here.compiled
        else:
            opener = self.dynamic_opener(statement, s)

        def run(frame: Frame) -> None:
            result, compiled = opener(frame)
            handle = place.load(frame)
            if handle is None:
                handle = CursorHandle()
                place.store(frame, handle)
            elif handle.is_open:
                # OPEN FOR of an open cursor variable closes what it pointed to
                handle.result.close()
            attach(frame.ctx, handle, result, compiled)

        return run

    def dynamic_opener(self, statement: n.OpenFor, s: Scope) -> Callable[[Frame], tuple[Any, Compiled]]:
        assert not isinstance(statement.source, n.Query)
        text = self.coerced(statement.source, VARCHAR2, s)
        binds = [self.expression(u.value, s) for u in statement.using]
        if any(u.mode != "IN" for u in statement.using):
            raise unsupported("OUT in OPEN FOR ... USING", statement.start)

        def opener(frame: Frame) -> tuple[Any, Compiled]:
            host = frame.ctx.host
            source = dynamic_text(text(frame))
            if host.prepare(source).kind is not Kind.QUERY:
                raise OracleError(1003, "no statement parsed")
            compiled = dynamic_compiled(host, source, [b.type for b in binds])
            if len(compiled.params) and len(binds) == 0:
                raise OracleError(1008, "not all variables bound")
            values = [binds[position(p.ref)].run(frame) for p in compiled.params]
            return host.open_cursor(compiled, values), compiled

        return opener

    # Fetching and closing

    def fetch_statement(self, statement: n.Fetch, s: Scope) -> Run:
        handle_of = self.cursor_handle(statement.cursor, s)
        explicit = self.cursor_symbol(statement.cursor, s)
        row = explicit[0].row if explicit is not None else None
        columns = len(row.fields) if row is not None else -1
        types = [f.type for f in row.fields] if row is not None else None
        if statement.into.bulk:
            fill = self.bulk_targets(statement.into, columns, s, types)
            limit = self.coerced(statement.limit, INTEGER, s) if statement.limit is not None else None

            def fetch_bulk(frame: Frame) -> None:
                handle = handle_of(frame)
                if limit is None:
                    fill(frame, _fetch_all(handle))
                    return
                count = limit(frame)
                if count is None or count < 1:
                    raise OracleError(6502, "PL/SQL: numeric or value error")
                rows = fetch(handle, count)
                handle.found = len(rows) == count
                fill(frame, rows)

            return fetch_bulk
        store = self.targets(statement.into, columns, s, types)

        def fetch_row(frame: Frame) -> None:
            rows = fetch(handle_of(frame), 1)
            if rows:
                store(frame, rows[0])

        return fetch_row

    def close_statement(self, statement: n.Close, s: Scope) -> Run:
        handle_of = self.cursor_handle(statement.cursor, s)

        def run(frame: Frame) -> None:
            close(handle_of(frame))

        return run

    # Cursor FOR loops

    def for_cursor(self, statement: n.ForCursor, s: Scope) -> Run:
        inner = self.labelled(statement.label, s)
        opened: Callable[[Frame], CursorHandle]
        if isinstance(statement.source, n.Query):
            query = self.embedded(statement.source, s)
            row = self.row_type(query.compiled, statement.variable)

            def opened(frame: Frame) -> CursorHandle:
                host = frame.ctx.host
                here = query.now(host)
                handle = CursorHandle()
                attach(frame.ctx, handle, host.open_cursor(here.compiled, here.values(frame)), here.compiled)
                return handle
        else:
            found = self.cursor_symbol(statement.source, s)
            if found is None or found[0].row is None:
                raise CompileError(
                    f"PLS-00456: item '{self.name_shown(statement.source)}' is not a cursor", statement.start
                )
            symbol, args, package = found
            assert symbol.row is not None
            row = symbol.row
            opened = self.open_explicit(symbol, args, package, s, statement.start)
        variable = inner.variable(statement.variable, row)
        slot = variable.slot
        body, loop = self.loop_body(statement.label, statement.body, inner)
        leave, proceed = loop.exit, loop.proceed
        line = self.line_of(statement.start)

        def run(frame: Frame) -> Any:
            handle = opened(frame)
            batch = 1 if handle.compiled.for_update else _BATCH
            try:
                while True:
                    frame.line = line
                    rows = fetch(handle, batch)
                    # %ROWCOUNT counts the rows that the loop has seen, not those that were fetched ahead
                    seen = handle.row_count - len(rows)
                    for values in rows:
                        seen += 1
                        handle.row_count = seen
                        frame.v[slot] = row.from_values(values)
                        signal = body(frame)
                        if signal is not None and signal is not proceed:
                            return None if signal is leave else signal
                    if len(rows) < batch:
                        return None
            finally:
                if handle.is_open:
                    close(handle)

        return run


def _nested_cursor(frame: Frame, value: Any) -> Any:
    raise OracleError(
        3001, "unimplemented feature: fetching a nested cursor is not supported by the local database"
    )


def _fetch_all(handle: CursorHandle | None) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    while True:
        rows = fetch(handle, 1000)
        found += rows
        if len(rows) < 1000:
            assert handle is not None
            handle.found = False
            return found


def _fill(place: Place, load: Run, frame: Frame, values: list[Any]) -> None:
    collection: Collection | None = load(frame)
    if collection is None:
        place.store(frame, None)
        collection = load(frame)
    assert collection is not None
    collection.load(values)


def dynamic_text(text: str | None) -> str:
    """The text of a dynamic statement; NULL is ORA-06535."""
    if text is None:
        raise OracleError(6535, "statement string in OPEN or EXECUTE IMMEDIATE is NULL or 0 length")
    return text


def position(ref: object) -> int:
    """The place of a bind in the USING list."""
    assert isinstance(ref, int)
    return ref


def dynamic_compiled(host: Host, text: str, types: list[Type]) -> Compiled:
    """A dynamic statement with its binds by position; compiled once per text, types and schema."""
    kinds = tuple(OraType.NUMBER if t.ora is OraType.BINARY_INTEGER else t.ora for t in types)
    key = (text, kinds, host.current_schema, host.current_user)
    cache: dict[Any, Compiled] = host.database.plsql.dynamic
    found = cache.get(key)
    if found is not None:
        return found

    def resolve(node: x.Expr) -> Variable | None:
        if not isinstance(node, x.BindRef):
            return None
        if node.index >= len(kinds):
            raise OracleError(1008, "not all variables bound")
        return Variable(kinds[node.index] or OraType.VARCHAR2, node.index)

    found = host.compile_sql(text, resolve, locators=True)
    if len(cache) > 500:
        cache.clear()
    cache[key] = found
    return found
