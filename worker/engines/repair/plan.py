"""What a repair changes: rows to be updated, inserted and deleted, from the files of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from worker.engines.differences import key_name
from worker.engines.display import texts
from worker.engines.errors import EngineError
from worker.engines.layout import ComparedColumn, Layout
from worker.engines.repair.generated import IDENTITY
from worker.engines.repair.large import LONG, MAX_VALUE_BYTES, Key, Large, LargeObjects, long_columns
from worker.engines.repair.literals import literal
from worker.engines.sources.base import Source

MAX_ROWS = 10_000
"""Rows that one script changes at most; more is a matter for a job of its own, not for a script."""


_ONLY = ("only_a.parquet", "only_b.parquet")
_UNWRITTEN = f"cannot be written (texts beyond 4,000 bytes, large objects beyond {MAX_VALUE_BYTES:,} or changed since, LONG)"


class RepairRefused(EngineError):
    """No script can be written that would be right."""


@dataclass(frozen=True, slots=True)
class Task:
    """A comparison whose side B is to be repaired.

    names: what people call the sides. target: owner and name of the table on side B, as the dictionary
    spells them. files: by name, as `differences` wrote them. generated: columns of the target that take no value,
    and why. not_compared_b: columns of B that took no part, virtual ones aside.
    left_out: rows that the files lack because they were full. sources: both sides, of which large objects are
    read again.
    """

    sources: tuple[Source, Source]
    target: tuple[str, str]
    layout: Layout
    summary: Mapping[str, Any]
    files: Mapping[str, Path]
    generated: Mapping[str, str]
    not_compared_b: Sequence[str]
    left_out: Mapping[str, int]


Values = dict[str, str | Large]
"""Literals and large objects by column name of B."""


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
    complete = _complete(task, repair.not_done)
    large = _large(task, whole_rows=complete)
    repair.updates = _updates(task, large, repair.not_done)
    if complete:
        repair.inserts = _whole_rows(task, 0, large, repair.not_done)
        repair.deletes = _whole_rows(task, 1, large, repair.not_done)
    return repair


def _large(task: Task, *, whole_rows: bool) -> tuple[LargeObjects, LargeObjects]:
    """The large objects of both sides that changes need."""
    layout = task.layout
    names = {column.name for column in long_columns(layout)}
    if not names:
        return LargeObjects(task.sources[0], 0, layout, ()), LargeObjects(task.sources[1], 1, layout, ())
    changed = {
        _key(row, layout)
        for row in _rows(task.files.get("differences.parquet"), layout.key, key_name)
        if row["column_name"] in names
    }
    found = []
    for side, source in enumerate(task.sources):
        only = _rows(task.files.get(_ONLY[side]), layout.key, str) if whole_rows else ()
        found.append(LargeObjects(source, side, layout, changed | {_key(row, layout) for row in only}))
    return found[0], found[1]


def _key(row: Mapping[str, Any], layout: Layout) -> Key:
    return tuple(row[column.name] for column in layout.key)


def _refuse(task: Task) -> None:
    summary = task.summary
    for side in ("a", "b"):
        if count := summary[f"duplicate_keys_{side}"]:
            raise RepairRefused(
                f"No repair script: {count:,} {'key occurs' if count == 1 else 'keys occur'} more than once in "
                f"{task.sources['ab'.index(side)].name}, so a "
                "statement by key would change the wrong rows. Compare by a unique key."
            )
    if task.left_out:
        raise RepairRefused("No repair script: the files of differences are not complete.")
    rows = summary["changed"] + summary["only_a"] + summary["only_b"]
    if rows > MAX_ROWS:
        raise RepairRefused(
            f"No repair script: {rows:,} rows differ, and a script changes at most {MAX_ROWS:,}."
        )


def _updates(task: Task, large: tuple[LargeObjects, LargeObjects], not_done: Counter[str]) -> list[Change]:
    columns = {column.name: column for column in task.layout.values}
    changes: dict[Key, Change] = {}
    for row in _rows(task.files.get("differences.parquet"), task.layout.key, key_name):
        column = columns[row["column_name"]]
        if why := task.generated.get(column.b.name):
            not_done[f"cells of {column.name}, {why}"] += 1
            continue
        told = _key(row, task.layout)
        key = _literals(row, task.layout.key, told, large[1])
        old, new = (
            _literal(row[name], column, told, large[side]) for side, name in ((1, "value_b"), (0, "value_a"))
        )
        if old is None or new is None or key is None:
            not_done[f"cells of {column.name}, whose values {_UNWRITTEN}"] += 1
            continue
        change = changes.setdefault(told, Change(key, {}, {}))
        change.old[column.b.name] = old
        change.new[column.b.name] = new
    return list(changes.values())


def _complete(task: Task, not_done: Counter[str]) -> bool:
    """Whether whole rows are known, so that they can be inserted, deleted, and brought back."""
    always = [name for name, why in task.generated.items() if why == IDENTITY]
    if task.not_compared_b:
        reason = f"columns of B were not compared ({', '.join(task.not_compared_b)})"
    elif always:
        reason = f"{always[0]} is {IDENTITY}"
    else:
        return True
    if rows := task.summary["only_a"] + task.summary["only_b"]:
        not_done[f"rows only in A or B, for {reason}"] += rows
    return False


def _whole_rows(
    task: Task, side: int, large: tuple[LargeObjects, LargeObjects], not_done: Counter[str]
) -> list[Change]:
    changes = []
    columns = task.layout.columns
    key_names = {column.b.name for column in task.layout.key}
    for row in _rows(task.files.get(_ONLY[side]), columns, str):
        values = _literals(row, columns, _key(row, task.layout), large[side])
        if values is None:
            not_done[f"rows only in {'AB'[side]} with values that {_UNWRITTEN}"] += 1
            continue
        key = {name: value for name, value in values.items() if name in key_names}
        values = {name: value for name, value in values.items() if name not in task.generated}
        changes.append(Change(key, {}, values) if side == 0 else Change(key, values, {}))
    return changes


def _rows(
    path: Path | None, typed: Sequence[ComparedColumn], name_of: Callable[[str], str]
) -> Iterator[dict[str, Any]]:
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


def _literals(
    row: Mapping[str, Any], columns: Sequence[ComparedColumn], key: Key, large: LargeObjects
) -> Values | None:
    """Values by column name of B; None if one of them cannot be written."""
    values: Values = {}
    for column in columns:
        written = _literal(row[column.name], column, key, large)
        if written is None:
            return None
        values[column.b.name] = written
    return values


def _literal(text: str | None, column: ComparedColumn, key: Key, large: LargeObjects) -> str | Large | None:
    if column.type.kind in LONG:
        return large.literal(key, column, text)
    length = column.b.length if column.b.padded else None
    return literal(text, column.type, column.b.oracle_type, length)
