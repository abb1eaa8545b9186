"""What a repair changes: rows to be updated, inserted and deleted, from the files of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from worker.engines.differences import key_name
from worker.engines.display import texts
from worker.engines.errors import EngineError
from worker.engines.layout import ComparedColumn, Layout
from worker.engines.repair.literals import literal

MAX_ROWS = 10_000
"""Rows that one script changes at most; more is a matter for a job of its own, not for a script."""


class RepairRefused(EngineError):
    """No script can be written that would be right."""


@dataclass(frozen=True, slots=True)
class Task:
    """A comparison whose side B is to be repaired.

    names: what people call the sides. target: owner and name of the table on side B, as the dictionary
    spells them. files: by name, as `differences` wrote them. not_compared_b: columns of B that took no part.
    left_out: rows that the files lack because they were full.
    """

    names: tuple[str, str]
    target: tuple[str, str]
    layout: Layout
    summary: Mapping[str, Any]
    files: Mapping[str, Path]
    not_compared_b: Sequence[str]
    left_out: Mapping[str, int]


Values = dict[str, str]
"""Literals by column name of B."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row: its key, and values as they are and as they shall be; an insert has no old, a delete no new."""

    key: Values
    old: Values
    new: Values


@dataclass(slots=True)
class Repair:
    """The changes, and how many cells and rows cannot be repaired, by reason."""

    updates: list[Change] = field(default_factory=list)
    inserts: list[Change] = field(default_factory=list)
    deletes: list[Change] = field(default_factory=list)
    not_done: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows that are changed."""
        return len(self.updates) + len(self.inserts) + len(self.deletes)


def planned(task: Task) -> Repair:
    """The changes that make B what A is. Raises RepairRefused with the reason."""
    _refuse(task)
    repair = Repair()
    repair.updates = _updates(task, repair.not_done)
    complete = _complete(task, repair.not_done)
    if complete:
        repair.inserts = _whole_rows(task, 0, repair.not_done)
        repair.deletes = _whole_rows(task, 1, repair.not_done)
    return repair


def _refuse(task: Task) -> None:
    summary = task.summary
    for side in ("a", "b"):
        if count := summary[f"duplicate_keys_{side}"]:
            raise RepairRefused(
                f"No repair script: {count:,} keys occur more than once in {task.names['ab'.index(side)]}, so a "
                "statement by key would change the wrong rows. Compare by a unique key."
            )
    if task.left_out:
        raise RepairRefused("No repair script: the files of differences are not complete.")
    rows = summary["changed"] + summary["only_a"] + summary["only_b"]
    if rows > MAX_ROWS:
        raise RepairRefused(
            f"No repair script: {rows:,} rows differ, and a script changes at most {MAX_ROWS:,}."
        )


def _updates(task: Task, not_done: Counter[str]) -> list[Change]:
    columns = {column.name: column for column in task.layout.values}
    changes: dict[tuple[str, ...], Change] = {}
    for row in _rows(task.files.get("differences.parquet"), task.layout.key, key_name):
        column = columns[row["column_name"]]
        key = _literals(row, task.layout.key)
        old, new = (_literal(row[name], column) for name in ("value_b", "value_a"))
        if old is None or new is None or key is None:
            not_done[f"cells of {column.name}, whose values have no literal (large objects, long texts)"] += 1
            continue
        change = changes.setdefault(tuple(key.values()), Change(key, {}, {}))
        change.old[column.b.name] = old
        change.new[column.b.name] = new
    return list(changes.values())


def _complete(task: Task, not_done: Counter[str]) -> bool:
    """Whether whole rows are known, so that they can be inserted, deleted, and brought back."""
    if not task.not_compared_b:
        return True
    rows = task.summary["only_a"] + task.summary["only_b"]
    if rows:
        names = ", ".join(task.not_compared_b)
        not_done[f"rows only in A or B, for columns of B were not compared ({names})"] += rows
    return False


def _whole_rows(task: Task, side: int, not_done: Counter[str]) -> list[Change]:
    changes = []
    columns = task.layout.columns
    key_names = {column.b.name for column in task.layout.key}
    for row in _rows(task.files.get(f"only_{'ab'[side]}.parquet"), columns, lambda name: name):
        values = _literals(row, columns)
        if values is None:
            not_done[
                f"rows only in {'AB'[side]} with values that have no literal (large objects, long texts)"
            ] += 1
            continue
        key = {name: value for name, value in values.items() if name in key_names}
        changes.append(Change(key, {}, values) if side == 0 else Change(key, values, {}))
    return changes


def _rows(path: Path | None, typed: Sequence[ComparedColumn], name_of: Any) -> Iterator[dict[str, Any]]:
    """The rows of a file; the `typed` columns under their own names, as texts."""
    if path is None:
        return
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=4096):
            columns = {name: batch.column(name) for name in batch.schema.names}
            shown: dict[str, list[Any]] = {}
            for column in typed:
                array = columns.pop(name_of(column.name)).cast(column.type.storage)
                shown[column.name] = texts(array, column.type)
            for name, array in columns.items():
                shown[name] = _plain(array)
            for values in zip(*shown.values(), strict=True):
                yield dict(zip(shown, values, strict=True))


def _plain(array: pa.Array) -> list[Any]:
    found: list[Any] = array.to_pylist()
    return found


def _literals(row: Mapping[str, Any], columns: Sequence[ComparedColumn]) -> Values | None:
    """Literals by column name of B; None if one of the values has none."""
    values: Values = {}
    for column in columns:
        written = _literal(row[column.name], column)
        if written is None:
            return None
        values[column.b.name] = written
    return values


def _literal(text: str | None, column: ComparedColumn) -> str | None:
    length = column.b.length if column.b.padded else None
    return literal(text, column.type, column.b.oracle_type, length)
