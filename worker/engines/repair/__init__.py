"""Repair: a script that makes side B, an Oracle table, what side A is, and one that takes that back.

Both scripts are for SQL*Plus or SQLcl. They say first how many rows they change; every statement names the full
key and the old values of what it changes, and must change exactly one row: where the table is no longer what it
was when it was compared, the script stops and rolls back. They never commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from worker.engines.files import ResultFile
from worker.engines.layout import ComparedColumn, lay_out
from worker.engines.plan import ComparisonPlan
from worker.engines.repair.generated import VIRTUAL, generated_columns
from worker.engines.repair.plan import RepairRefused, Task
from worker.engines.repair.scripts import write
from worker.engines.sources.base import Source
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.sources.oracle_query import FilteredTable
from worker.engines.sources.wrapped import Renamed

__all__ = ["repair_of"]


def repair_of(
    source: Source,
    target: Source,
    plan: ComparisonPlan,
    document: dict[str, Any],
    files: tuple[ResultFile, ...],
    folder: Path,
) -> tuple[tuple[ResultFile, ...], dict[str, Any]]:
    """Write repair.sql and backout.sql to `folder` from a comparison's document and files.

    Returns the scripts, and what the document says of them: `rows` and `not_done`, or why it was `refused`.
    """
    layout = lay_out(source, target, plan)
    table = target
    if isinstance(table, Renamed):
        own = table.own_names
        table = table.source
        layout = replace(layout, key=_named(layout.key, own), values=_named(layout.values, own))
    if isinstance(table, FilteredTable):
        table = table.table
    if not isinstance(table, OracleTableSource):
        kind = table.account()["kind"]
        what = "whose values were compared as they are" if kind == "table" else "of an Oracle database"
        return (), {"refused": f"No repair script: {target.name} is no table {what}."}
    compared = {column.b.name for column in layout.columns}
    generated = generated_columns(table)
    task = Task(
        sources=(source, table),
        target=table.place,
        layout=layout,
        summary=document["summary"],
        files={file.name: file.path for file in files},
        generated=generated,
        not_compared_b=[
            column.name
            for column in table.schema()
            if column.name not in compared and generated.get(column.name) != VIRTUAL
        ],
        left_out=document.get("differences_left_out", {}),
    )
    try:
        scripts, repair = write(task, folder)
    except RepairRefused as refused:
        return (), {"refused": refused.sentence}
    return scripts, {"rows": repair.rows, "not_done": dict(repair.not_done)}


def _named(columns: tuple[ComparedColumn, ...], own: Mapping[str, str]) -> tuple[ComparedColumn, ...]:
    """The columns with B's under the names that its table has for them."""
    return tuple(replace(column, b=replace(column.b, name=own[column.b.name])) for column in columns)
