"""Triggers that the interpreter runs: compiled once, fired by the session around each row that a statement changes.

Rows come and go as records of the table's columns. Whoever fires keeps one `Firing` a statement: a compound
trigger's variables live in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.blocks import UNCATCHABLE
from app.localdb.plsql.failures import CompileError, Lines
from app.localdb.plsql.host import Host
from app.localdb.plsql.parser import UnitParser
from app.localdb.plsql.runtime import Context, Event, Frame, ImplicitCursor, Run, raised
from app.localdb.plsql.scope import Layout, Scope, ScopeSymbol, Variable
from app.localdb.plsql.subprograms import autonomous
from app.localdb.plsql.types import FieldType, RecordType
from app.localdb.plsql.typing import type_of_table_column
from app.localdb.plsql.units import Compiler, Unit, cursors_with_current_of
from app.localdb.plsql.values import Record
from app.localdb.sql import nodes as x
from app.localdb.sql.catalog import ObjectInfo
from app.localdb.sql.lexer import T, Token
from app.localdb.sql.parser import Parser

if TYPE_CHECKING:
    from app.localdb.plsql.library import Library

MOST_LEVELS = 50  # of statements that triggers run inside statements


@dataclass(eq=False)
class Trigger(Unit):
    """A compiled trigger: what it does at each timing point, and in which frame."""

    tree: n.TriggerUnit | None = None
    layout: Layout = field(default_factory=lambda: Layout(0))
    row: RecordType | None = None
    inits: list[Run] = field(default_factory=list)
    when: Run | None = None
    # the code of each timing point; of a compound trigger's, the layout of its own frame
    points: dict[str, tuple[Run, Layout | None]] = field(default_factory=dict)

    def concerns(self, event: Event) -> bool:
        assert self.tree is not None
        if event.verb not in self.tree.events:
            return False
        return (
            event.verb != "UPDATE" or not self.tree.columns or not event.columns.isdisjoint(self.tree.columns)
        )


def compile_trigger(
    host: Host, library: Library, owner: str, name: str, source: str, table: ObjectInfo
) -> Trigger:
    """Its errors are in `errors`. Raises CompileError when it cannot be parsed."""
    lines, parser = Lines(source), UnitParser(source)
    tree = parser.unit()
    assert isinstance(tree, n.TriggerUnit)
    unit = Trigger(owner, name, "TRIGGER", False, library, source, lines=lines, tree=tree)
    compiler = Compiler(host, library, owner, unit.label, lines)
    compiler.current_of = cursors_with_current_of(parser.tokens)
    compiler.unit = unit
    unit.row = RecordType(table.name, [FieldType(c.name, type_of_table_column(c)) for c in table.columns])
    layout = unit.layout
    outside = Scope(None, layout)
    old, new = layout.slot(), layout.slot()
    assert (old, new) == (_OLD, _NEW)
    shared = Scope(outside, layout)
    outside.names[name] = ScopeSymbol(shared)
    try:
        if tree.timing == "COMPOUND":
            unit.inits = compiler.declare(tree.declarations, shared)
            compiler.unfinished(shared)
            for point, section in tree.sections.items():
                own = Layout(1)
                unit.points[point] = (compiler.block_body(section, _rows(unit, point, shared, own)), own)
        else:
            assert tree.body is not None
            body = compiler.block_body(tree.body, _rows(unit, tree.point, shared, layout))
            unit.points[tree.point] = (autonomous(body) if tree.body.autonomous else body, None)
        if tree.when is not None:
            unit.when = compiler.condition(
                _when(tree.when, source), _rows(unit, "AFTER EACH ROW", shared, layout)
            )
    except CompileError as error:
        compiler.errors.append(error)
    unit.errors = compiler.errors
    return unit


_OLD, _NEW = 0, 1


def _rows(unit: Trigger, point: str, parent: Scope, layout: Layout) -> Scope:
    """The scope of a section: with :OLD and :NEW when it is one for each row."""
    scope = Scope(parent, layout)
    if not point.endswith("EACH ROW"):
        return scope
    assert unit.row is not None
    assert unit.tree is not None
    changeable = point == "BEFORE EACH ROW" and unit.tree.events != ["DELETE"]
    for name, slot, writable in ((":OLD", _OLD, False), (":NEW", _NEW, changeable)):
        scope.names[name] = Variable(name, 0, slot, unit.row, writable=writable)
    return scope


def _when(when: n.Query, source: str) -> x.Expr:
    """WHEN (new.a > 1): NEW and OLD stand there without colons."""
    last = when.tokens[-1].end
    parser = Parser([*when.tokens, Token(T.EOF, "", "", last, last)], text=source, plsql=True)
    return with_colons(parser.expression())


def with_colons(node: x.Expr) -> x.Expr:
    """NEW.x and OLD.x of a WHEN clause as :NEW.x and :OLD.x."""
    if isinstance(node, x.Name) and node.parts[0] in ("NEW", "OLD"):
        return x.Name(node.offset, (":" + node.parts[0], *node.parts[1:]), node.quoted)
    for base in type(node).__mro__:
        for name in getattr(base, "__slots__", ()):
            setattr(node, name, _colons_within(getattr(node, name)))
    return node


def _colons_within(part: Any) -> Any:
    if isinstance(part, x.Expr):
        return with_colons(part)
    if isinstance(part, x.Argument):
        part.value = with_colons(part.value)
    elif isinstance(part, list | tuple):
        return type(part)(_colons_within(each) for each in part)
    return part


class Firing:
    """The triggers of one statement of one kind, in the order in which they fire."""

    def __init__(self, ctx: Context, triggers: list[Trigger], event: Event) -> None:
        self._ctx = ctx
        self._event = event
        self._triggers = [t for t in triggers if t.concerns(event)]
        self._states: dict[Trigger, Frame] = {}
        if len(ctx.events) >= MOST_LEVELS:
            raise OracleError(36, f"maximum number of recursive SQL levels ({MOST_LEVELS}) exceeded")

    def has(self, point: str) -> bool:
        return any(point in t.points for t in self._triggers)

    def fire(self, point: str, old: Record | None = None, new: Record | None = None) -> None:
        """Everything that is to happen at `point`; `new` may be changed. Raises OracleError."""
        for trigger in self._triggers:
            if point in trigger.points:
                self._run(trigger, point, old, new)

    def fire_row(self, point: str, old: list[Any], new: list[Any]) -> list[Any]:
        """The triggers of one row: its new values as they leave them."""
        assert self._triggers[0].row is not None
        row = self._triggers[0].row
        records = row.from_values(old), row.from_values(new)
        self.fire(point, *records)
        return records[1].values

    def _run(self, trigger: Trigger, point: str, old: Record | None, new: Record | None) -> None:
        ctx = self._ctx
        run, own = trigger.points[point]
        kept = ctx.handling, ctx.sql
        ctx.handling, ctx.sql = [], ImplicitCursor()
        ctx.events.append(self._event)
        host = ctx.host
        host.firing += 1
        state = self._states.get(trigger)
        frame = state or Frame(ctx, None, trigger.layout.size, trigger.label)
        try:
            if state is None and own is not None:
                for init in trigger.inits:
                    init(frame)
                self._states[trigger] = frame
            frame.v[_OLD], frame.v[_NEW] = old, new
            if trigger.when is not None and point.endswith("EACH ROW") and not trigger.when(frame):
                return
            inner = frame if own is None else Frame(ctx, frame, own.size, trigger.label)
            frame = inner
            if ctx.host.current_user == trigger.owner:
                run(inner)
            else:
                with ctx.host.as_user(trigger.owner):
                    run(inner)
        except OracleError as error:
            if error.code in UNCATCHABLE:
                raise
            found = raised(error)
            found.note(frame)
            found.trace.append(f"ORA-04088: error during execution of trigger '{trigger.label}'")
            raise found.for_client() from error
        finally:
            host.firing -= 1
            ctx.events.pop()
            ctx.handling, ctx.sql = kept


def triggers_of(host: Host, library: Library, table: ObjectInfo) -> list[Trigger]:
    """The enabled triggers of a table or view that the interpreter runs, those that FOLLOW others behind them.

    Raises ORA-04098 for one that does not compile.
    """
    found: list[Trigger] = []
    for owner, name in table.triggers:
        trigger = library.trigger(host, owner, name, table)
        if trigger.errors:
            raise OracleError(4098, f"trigger '{trigger.label}' is invalid and failed re-validation")
        found.append(trigger)
    ordered: list[Trigger] = []
    while found:
        waiting = {t.name for t in found}
        ready = [t for t in found if t.tree is not None and waiting.isdisjoint(f[-1] for f in t.tree.follows)]
        if not ready:
            raise OracleError(25023, f"Cyclic trigger dependency is not allowed: {found[0].label}")
        ordered += ready
        found = [t for t in found if t not in ready]
    return ordered


def firing(
    host: Host, ctx: Context, library: Library, table: ObjectInfo, verb: str, columns: list[str]
) -> Firing:
    """What fires when `verb` changes rows of `table`. Raises ORA-04098, ORA-00036."""
    return Firing(ctx, triggers_of(host, library, table), Event(verb, frozenset(columns)))
