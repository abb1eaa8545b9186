"""In a job's process: both sides of a comparison opened, as of one moment where the database can."""

from __future__ import annotations

from collections.abc import Mapping

from app.jobs.sides import CsvFormat, Side, check_query, file_below
from app.oracle.dictionary import RequestError
from worker.compare import FilePlace, Place, QueryPlace, TablePlace
from worker.engines.errors import BadPlan
from worker.engines.sources.aligned import aligned
from worker.engines.sources.base import Source
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.sources.files import FileOptions, open_file
from worker.engines.sources.oracle import OracleTableSource, current_scn, explained
from worker.engines.sources.oracle_query import OracleQuerySource, filtered
from worker.engines.sources.wrapped import Renamed
from worker.task import Task


def open_sides(task: Task, a: Place, b: Place, renamed: Mapping[str, str]) -> tuple[Source, Source]:
    """Both sources, ready for an engine; `renamed` maps B's names of columns to A's. Raises EngineError."""
    tables = [
        OracleTableSource(task.connect, place.owner, place.name) if isinstance(place, TablePlace) else None
        for place in (a, b)
    ]
    _pin(task, [table for table in tables if table is not None])
    source, target = (
        _open(task, place, table, name)
        for place, table, name in zip((a, b), tables, ("query A", "query B"), strict=True)
    )
    if renamed:
        target = Renamed(target, renamed)
    return aligned(source, target)


def _pin(task: Task, tables: list[OracleTableSource]) -> None:
    """All tables as of the same SCN, which is taken once."""
    if not tables:
        return
    with explained(tables[0].name):
        scn, why_not = current_scn(task.connect)
    for table in tables:
        table.schema()  # that it is not there is to be said first
        table.pin(scn, why_not)


def _open(task: Task, place: Place, table: OracleTableSource | None, name: str) -> Source:
    if isinstance(place, TablePlace):
        assert table is not None
        conditions = [(condition.column, condition.is_, condition.value) for condition in place.where]
        return filtered(table, [(_plain(c), op, v) for c, op, v in conditions]) if conditions else table
    if isinstance(place, QueryPlace):
        if not task.query_user:
            raise BadPlan("Queries cannot be compared here: the worker's CONCORD_QUERY_USER is not set.")
        try:
            check_query(place.text)
        except ValueError as error:
            raise BadPlan(f"{name}: {error}.") from error
        return OracleQuerySource(task.connect_for_queries, place.text, place.binds, name)
    assert isinstance(place, FilePlace)
    return _file(task, place.side)


def _file(task: Task, side: Side) -> Source:
    assert side.file is not None
    try:
        path = file_below(task.files_dir, side.file)
    except RequestError as error:
        sentence = str(error)
        raise BadPlan(sentence[0].upper() + sentence[1:]) from error
    csv = side.csv or CsvFormat()
    options = CsvOptions(
        delimiter=csv.delimiter,
        quote=csv.quote,
        encoding=csv.encoding,
        header=csv.header,
        nulls=tuple(csv.nulls) or ("",),
        decimal=csv.decimal,
        types={_plain(name): text for name, text in csv.types.items()},
        bad_lines=csv.bad_lines,
    )
    return open_file(path, side.file, FileOptions(side.format, options, side.sheet))


def _plain(name: str) -> str:
    """A column's name without the double quotes in which the request may have it."""
    return name[1:-1] if name.startswith('"') else name
