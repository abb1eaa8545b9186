"""In a job's process: both sides of a comparison opened, as of one moment where the database can."""

from __future__ import annotations

from collections.abc import Mapping

from app.jobs.sides import CsvFormat, check_query, file_below, folder_below
from app.oracle.dictionary import RequestError, located
from worker.compare import FilePlace, Place, QueryPlace, TablePlace
from worker.engines.errors import BadPlan
from worker.engines.sources.aligned import aligned
from worker.engines.sources.base import Source
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.sources.files import FileOptions, open_file
from worker.engines.sources.oracle import OracleTableSource, pin
from worker.engines.sources.oracle_query import OracleQuerySource, filtered
from worker.engines.sources.wrapped import Renamed
from worker.task import Task


def open_sides(task: Task, a: Place, b: Place, renamed: Mapping[str, str]) -> tuple[Source, Source]:
    """Both sources, ready for an engine; `renamed` maps B's names of columns to A's. Raises EngineError."""
    tables = [_table(task, place) if isinstance(place, TablePlace) else None for place in (a, b)]
    pin(*(table for table in tables if table is not None))
    source, target = (
        _open(task, place, table, name)
        for place, table, name in zip((a, b), tables, ("query A", "query B"), strict=True)
    )
    if renamed:
        target = Renamed(target, renamed)
    return aligned(source, target)


def _table(task: Task, place: TablePlace) -> OracleTableSource:
    connect = task.connect if place.login is None else task.marked(place.login)
    name = located(f"{place.owner}.{place.name}", place.connection)
    return OracleTableSource(connect, place.owner, place.name, name=name)


def _open(task: Task, place: Place, table: OracleTableSource | None, name: str) -> Source:
    if isinstance(place, TablePlace):
        assert table is not None
        conditions = [(condition.column, condition.is_, condition.value) for condition in place.where]
        return filtered(table, [(_plain(c), op, v) for c, op, v in conditions]) if conditions else table
    if isinstance(place, QueryPlace):
        return _query(task, place, located(name, place.connection))
    assert isinstance(place, FilePlace)
    return _file(task, place)


def _query(task: Task, place: QueryPlace, name: str) -> Source:
    if place.login is None and not task.query_user:
        raise BadPlan("Queries cannot be compared here: the worker's CONCORD_QUERY_USER is not set.")
    try:
        check_query(place.text)
    except ValueError as error:
        raise BadPlan(f"{name}: {error}.") from error
    connect = task.connect_for_queries if place.login is None else task.marked(place.login)
    return OracleQuerySource(connect, place.text, place.binds, name)


def _file(task: Task, place: FilePlace) -> Source:
    side = place.side
    assert side.file is not None
    try:
        path = file_below(folder_below(task.files_dir, place.folder), side.file)
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
    return open_file(path, str(side), FileOptions(side.format, options, side.sheet))


def _plain(name: str) -> str:
    """A column's name without the double quotes in which the request may have it."""
    return name[1:-1] if name.startswith('"') else name
