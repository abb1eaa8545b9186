"""A change of a table whose triggers PL/SQL's interpreter runs: row by row, as Oracle does it.

BEFORE STATEMENT; then for each row BEFORE EACH ROW, the change, AFTER EACH ROW; then AFTER STATEMENT. Whatever
fails undoes all of it. PostgreSQL's guards (plsql/triggers.py) let only this pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.localdb import plsql
from app.localdb.errors import oracle_error
from app.localdb.pg_messages import Result
from app.localdb.portals import Portal
from app.localdb.sql.compiled import Compiled, RowPlan, RowStep
from app.localdb.sql.types import Family, of_column, pg_type, quote
from app.localdb.values import decode_rows, to_text

if TYPE_CHECKING:
    from app.localdb.session import Session

_ROWS = 200  # read, and locked, at a time

Texts = Sequence[bytes | None]


@dataclass(slots=True)
class FiredResult(Result):
    """`rows` are RETURNING's values."""

    changed: int = 0
    rowid: str | None = None
    returned: list[tuple[bytes | None, ...]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.changed


def run(session: Session, compiled: Compiled, texts: Texts) -> FiredResult:
    """One execution. Raises OracleError; then nothing of it is left."""
    assert compiled.plan is not None
    change = _Change(session, compiled, compiled.plan, texts)
    mark = session.link.mark()
    try:
        with _mutating(session, session.mutating):
            change.run()
    except BaseException:
        session.link.undo_to(mark)
        raise
    session.link.release(mark)
    change.result.rows = change.result.returned  # type: ignore[assignment]
    return change.result


def refuse_mutating(session: Session, compiled: Compiled) -> None:
    """ORA-04091: a row trigger must not see its table between the rows of a statement."""
    if session.mutating:
        for each in compiled.tables:
            for table in session.database.store.tables_in(*each):
                if table in session.mutating:
                    raise oracle_error(4091, ".".join(table))


@contextlib.contextmanager
def hidden(session: Session, compiled: Compiled) -> Iterator[None]:
    """While PostgreSQL runs the changes of a statement: the functions that it calls must not read its table."""
    tables = list(session.mutating)
    if compiled.target is not None and not compiled.single and '"fn$' in compiled.pg_text:
        tables += session.database.store.tables_in(*compiled.target)
    with _mutating(session, tables):
        yield


@contextlib.contextmanager
def _mutating(session: Session, tables: Sequence[tuple[str, str]]) -> Iterator[None]:
    """concord_catalog.refuse_mutating looks at it."""
    before = session.link.setting("oracle.mutating")
    session.link.set("oracle.mutating", "\n".join(map(".".join, tables)))
    try:
        yield
    finally:
        session.link.set("oracle.mutating", before)


def refuse_ending(session: Session, what: str) -> None:
    """ORA-04092: a trigger is part of a statement, which is part of the transaction."""
    if session.firing:
        raise oracle_error(4092, what)


class _Change:
    def __init__(self, session: Session, compiled: Compiled, plan: RowPlan, texts: Texts) -> None:
        self.session = session
        self.compiled = compiled
        self.plan = plan
        self.texts = texts
        self.result = FiredResult()
        self.table = (plan.target.schema, plan.target.name)

    def run(self) -> None:
        opened: list[tuple[RowStep, plsql.Firing, Portal]] = []
        taken = 0
        try:
            firings = []
            for step in self.plan.steps:
                firing = plsql.firing(self.session, self.plan.target, step.verb, step.given)
                firings.append(firing)
                firing.fire("BEFORE STATEMENT")
            for step, firing in zip(self.plan.steps, firings, strict=True):
                until = taken + len(step.query.params)
                opened.append((step, firing, self._open(step, self.texts[taken:until])))
                taken = until
            for step, firing, portal in opened:
                self._rows(step, firing, portal, self.texts[taken:])
        finally:
            for _, _, portal in opened:
                portal.close()
        for firing in reversed(firings):
            firing.fire("AFTER STATEMENT")

    def _open(self, step: RowStep, values: Texts) -> Portal:
        locking = step.verb != "INSERT" and self.plan.target.has_rowid
        with self.session.mapped(self.compiled), hidden(self.session, self.compiled):
            return self.session.link.query(
                step.query.pg_text, (), values, limit=_ROWS, ahead=_ROWS, locking=locking
            )

    def _fetched(self, portal: Portal, step: RowStep) -> Iterator[tuple[Any, ...]]:
        while True:
            with self.session.mapped(self.compiled), hidden(self.session, self.compiled):
                rows = portal.fetch(_ROWS)
            yield from decode_rows(rows, step.query.columns, self.session.link.transaction)
            if len(rows) < _ROWS:
                return

    def _rows(self, step: RowStep, firing: plsql.Firing, portal: Portal, returning: Texts) -> None:
        merging = len(self.plan.steps) > 1 or self.plan.target.has_rowid
        seen: set[str] = set()
        for values in self._fetched(portal, step):
            rowid, old, new = self._row(step, values)
            if step.verb == "UPDATE" and merging and rowid is not None:
                if rowid in seen:
                    raise oracle_error(30926)
                seen.add(rowid)
            before = list(new)
            view = not self.plan.target.has_rowid
            point = "INSTEAD OF EACH ROW" if view else "BEFORE EACH ROW"
            new = self._fire(firing, point, old, new, step, exempt=self.compiled.single)
            if view:
                self.result.changed += 1
                continue
            returned: list[tuple[bytes | None, ...]] = []
            if step.verb == "DELETE":
                returned = self._returned(rowid, returning)
            changed = self._apply(step, rowid, before, new)
            if changed is None:
                continue
            rowid, after = changed
            if step.verb != "DELETE":
                returned = self._returned(rowid, returning)
            self._fire(firing, "AFTER EACH ROW", old, after, step)
            self.result.changed += 1
            self.result.rowid = rowid
            self.result.returned += returned

    def _row(self, step: RowStep, values: tuple[Any, ...]) -> tuple[str | None, list[Any], list[Any]]:
        """ROWID, old and new values of all columns."""
        columns = self.plan.columns
        if step.verb == "INSERT":
            given = iter(values)
            return None, [None] * len(columns), [None if c.virtual else next(given) for c in columns]
        rowid = None
        if self.plan.target.has_rowid:
            rowid, values = values[0], values[1:]
        old = list(values[: len(columns)])
        if step.verb == "DELETE":
            return rowid, old, [None] * len(columns)
        news = dict(zip(step.given, values[len(columns) :], strict=True))
        return rowid, old, [news.get(c.name, o) for c, o in zip(columns, old, strict=True)]

    def _fire(
        self,
        firing: plsql.Firing,
        point: str,
        old: list[Any],
        new: list[Any],
        step: RowStep,
        *,
        exempt: bool = False,
    ) -> list[Any]:
        """The new values as the triggers leave them."""
        if not firing.has(point):
            return new
        mutating = self.session.mutating
        before = len(mutating)
        if not (exempt or point.startswith("INSTEAD")):
            mutating.append(self.table)
        try:
            with _mutating(self.session, mutating):
                return firing.fire_row(point, old, new)
        finally:
            del mutating[before:]

    def _apply(
        self, step: RowStep, rowid: str | None, before: list[Any], new: list[Any]
    ) -> tuple[str, list[Any]] | None:
        """Store one row: its ROWID and all its values afterwards."""
        relation = f"{self.plan.target.relation} AS {self.plan.alias}"
        values: list[Any] = []
        names: list[str] = []
        places: list[str] = []
        if step.verb != "DELETE":
            for column, given, value in zip(self.plan.columns, before, new, strict=True):
                same = given is value or given == value
                if column.virtual or (step.verb == "UPDATE" and column.name not in step.given and same):
                    continue
                names.append(quote(column.name))
                values.append(value)
                ty = of_column(column)
                place = f"${len(values)}::{'text' if ty.family is Family.ROWID else pg_type(ty)}"
                places.append(f"oracle.rowid_value({place})" if ty.family is Family.ROWID else place)
        if step.verb == "INSERT":
            text = f"INSERT INTO {relation} ({', '.join(names)}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(places)})"
        else:
            values.append(rowid)
            where = f'WHERE {self.plan.alias}."ROWID" = oracle.rowid_value(${len(values)}::text)'
            if step.verb == "DELETE":
                text = f"DELETE FROM {relation} {where}"
            else:
                pairs = ", ".join(f"{name} = {place}" for name, place in zip(names, places, strict=True))
                text = f"UPDATE {relation} SET {pairs} {where}"
        text += f' RETURNING oracle.rowid_text({self.plan.alias}."ROWID")'
        if step.verb != "DELETE":
            text += ", " + ", ".join(self.plan.items)
        link = self.session.link
        link.set("oracle.fired", ".".join(self.table))
        try:
            with self.session.mapped(self.compiled):
                rows = link.execute(text, (), [[to_text(value) for value in values]])[0].rows
        finally:
            link.set("oracle.fired", "")
        if not rows:
            return None
        row = rows[0]
        if step.verb == "DELETE":
            return (row[0] or b"").decode(), new
        after = decode_rows([row[1:]], self.plan.described, link.transaction)[0]
        return (row[0] or b"").decode(), list(after)

    def _returned(self, rowid: str | None, values: Texts) -> list[tuple[bytes | None, ...]]:
        query = self.plan.returning
        if query is None or rowid is None:
            return []
        with self.session.mapped(self.compiled):
            portal = self.session.link.query(query.pg_text, (), [*values, rowid.encode()], limit=0)
            return [tuple(row) for row in portal.fetch(1)]
