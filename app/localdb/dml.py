"""Running a compiled INSERT, UPDATE, DELETE or MERGE of a session: once, in arrays, with batch errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.localdb import bulk
from app.localdb.contract import BatchError, Kind, Outcome
from app.localdb.errors import OracleError, oracle_error
from app.localdb.fired import FiredResult
from app.localdb.link import Link
from app.localdb.pg_messages import PgError, Result
from app.localdb.sql.compiled import Compiled
from app.localdb.values import decode_rows, to_text

_OF_KEYS = (1, 2291)  # found when the rows of an array are stored; all others as their values are looked at
NOT_OF_A_ROW = ("57014", "40P01", "40001", "55P03")  # cancel, deadlock, serialization, lock

Texts = Sequence[bytes | None]


def bound(compiled: Compiled, row: Sequence[Any]) -> list[bytes | None]:
    """The parameters of a compiled statement out of one row of bind values. Raises ORA-01008."""
    texts: list[bytes | None] = []
    for param in compiled.params:
        if param.bind is None or param.bind >= len(row):
            raise oracle_error(1008)
        value = row[param.bind]
        if (value is True or value is False) and param.pg_type != "boolean":
            value = int(value)
        texts.append(to_text(value))
    return texts


class Changes:
    """One statement on one session's connection. `mapped` makes the ORA- error of a PostgreSQL error."""

    def __init__(
        self,
        link: Link,
        compiled: Compiled,
        mapped: Callable[[PgError, Compiled], OracleError],
        fired: Callable[[Compiled, Texts], FiredResult],
    ) -> None:
        """`fired` runs a statement that has a plan for its triggers."""
        self._link = link
        self._compiled = compiled
        self._mapped = mapped
        self._fired = fired

    def run(self, rows: Sequence[Sequence[Any]], *, batch_errors: bool) -> Outcome:
        """Once per element of `rows`. Without `batch_errors` the first error is raised; it tells how many
        rows (row_count) and executions (row_counts) stand before it."""
        compiled = self._compiled
        texts = [bound(compiled, row) for row in rows]
        outcome = Outcome(Kind.DML)
        if (
            compiled.plan is None
            and len(texts) >= bulk.LEAST_ROWS
            and (inserted := self._insert_at_once(texts))
        ):
            outcome.row_count, outcome.row_counts = inserted[0], [1] * len(texts)
            outcome.last_rowid = inserted[1]
            return outcome
        text, counted = self._text_with_rowid()
        for offset, done in enumerate(self.each(texts, text, counted=counted, going_on=batch_errors)):
            if isinstance(done, OracleError):
                if not batch_errors:
                    done.row_count, done.row_counts = outcome.row_count, outcome.row_counts
                    raise done
                outcome.batch_errors.append(BatchError(offset, done.code, done.message))
                outcome.row_counts.append(0)
                if compiled.returning:
                    outcome.returned.append([[] for _ in compiled.returning])
                continue
            outcome.row_count += done.count
            outcome.row_counts.append(done.count)
            if compiled.returning:
                values = decode_rows(done.rows, compiled.columns, self._link.transaction)
                columns = [list(column) for column in zip(*values, strict=True)]
                outcome.returned.append(columns or [[] for _ in compiled.returning])
            elif isinstance(done, FiredResult):
                outcome.last_rowid = done.rowid
            elif done.rows and (rowid := done.rows[-1][-1]) is not None:
                outcome.last_rowid = rowid.decode()
        if compiled.single:
            outcome.batch_errors.sort(
                key=lambda error: error.code in _OF_KEYS
            )  # the rest in the order of the rows
        return outcome

    def each(
        self, rows: Sequence[Texts], text: str, *, counted: bool = False, going_on: bool
    ) -> list[Result | OracleError]:
        """Each execution's result. Oracle keeps what was done before a failing execution: since the pipeline
        undid all of it, run that part again, then go on behind the failed one (batch errors) or stop."""
        outcomes: list[Result | OracleError] = []
        if self._compiled.plan is not None:
            for row in rows:
                try:
                    outcomes.append(self._fired(self._compiled, row))
                except OracleError as error:
                    outcomes.append(error)
                    if not going_on:
                        break
            return outcomes
        start = 0
        while start < len(rows):
            try:
                outcomes += self._link.execute(text, (), rows[start:], counted=counted)
                break
            except PgError as error:
                step = max(error.step, 0)
                if step:
                    try:
                        outcomes += self._link.execute(text, (), rows[start : start + step], counted=counted)
                    except PgError as other:
                        raise self._mapped(other, self._compiled) from other
                outcomes.append(self._mapped(error, self._compiled))
                start += step + 1
                if not going_on:
                    break
        return outcomes

    def _text_with_rowid(self) -> tuple[str, bool]:
        """The statement to run, and whether its one row counts the rows that it changed.

        So that the client learns the ROWID of a row that was changed (when several, the one made last).
        """
        text = self._compiled.rowid_text
        if text is None:
            return self._compiled.pg_text, self._compiled.counted
        if text.startswith("INSERT"):
            return text, False
        return (
            f"WITH changed (r) AS ({text}) SELECT count(*), oracle.rowid_text(max(oracle.rowid_value(r))) FROM changed",
            True,
        )

    def _insert_at_once(self, rows: Sequence[Texts]) -> tuple[int, str | None] | None:
        """All rows of an array INSERT in few statements, and the last one's ROWID; None when it has to be
        done row by row."""
        text = bulk.statement(self._compiled)
        if text is None:
            return None
        suffix = (self._compiled.rowid_text or "")[len(self._compiled.pg_text) :]
        if suffix:
            text = f"WITH changed (r) AS ({text}{suffix}) SELECT count(*), oracle.rowid_text(max(oracle.rowid_value(r))) FROM changed"
        try:
            results = self._link.execute(
                text, (), list(bulk.chunks(self._compiled, rows)), counted=bool(suffix)
            )
        except PgError as error:
            if error.sqlstate in NOT_OF_A_ROW:
                raise
            return None  # undone; row by row will tell which one it is
        rowid = results[-1].rows[0][-1] if suffix else None
        return sum(result.count for result in results), rowid.decode() if rowid else None
