"""Jobs of kind COMPARE: the request looked up by the worker, then two tables compared in the job's process."""

from __future__ import annotations

from typing import Any

import msgspec

from app.connections.catalog import Catalog
from app.connections.keyring import Keyring
from app.connections.store import SealError
from app.jobs.plan import ResolvedComparison, resolve
from app.jobs.rules import ColumnRule
from app.jobs.sides import Condition, Side
from app.jobs.store import OracleJobStorage
from app.oracle.dictionary import RequestError, Table
from app.oracle.login import Login
from worker.kinds import Kind, Refused
from worker.outcome import Failed
from worker.task import JobFailed, Report, Task

# What the interpreter and its libraries need of a process's memory before the engine holds a single row, MiB.
_LIBRARIES_MB = 256


class TablePlace(msgspec.Struct, frozen=True, tag="table"):
    """A table as the dictionary spells it; `where` are the conditions of the request."""

    owner: str
    name: str
    where: list[Condition] = []
    connection: str | None = None  # where it lies; None is Concord's own database
    login: Login | None = None  # to that connection


class QueryPlace(msgspec.Struct, frozen=True, tag="query"):
    """A query of the request."""

    text: str
    binds: dict[str, str | int | None]
    connection: str | None = None
    login: Login | None = None


class FilePlace(msgspec.Struct, frozen=True, tag="file"):
    """A file of the request, by its path below the folder of files."""

    side: Side
    folder: str = "."  # of its connection, below the folder of files


Place = TablePlace | QueryPlace | FilePlace


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What the job's process gets: a request with every name looked up."""

    source: Place
    target: Place
    key: list[str] | None
    columns: list[str] | None
    ignore: list[str]
    rules: dict[str, ColumnRule]
    renamed: dict[str, str]
    sample_limit: int
    require_unique_key: bool
    paranoid: bool = False
    engine: str = "auto"
    ml: bool = False
    export: bool = True
    repair: bool = False


async def prepare(storage: OracleJobStorage, catalog: Catalog, job_id: str) -> dict[str, Any]:
    """Look the request up anew: tables may have changed since, and jobs also come by plain SQL.

    Raises Refused and OracleError.
    """
    try:
        request = await storage.request(job_id)
        resolved = await resolve(catalog, request)
        keyring = catalog.connections.keyring
        source, target = (
            _place(side, table, resolved, keyring)
            for side, table in ((request.source, resolved.source), (request.target, resolved.target))
        )
    except msgspec.ValidationError as error:
        raise Refused(f"The request in REQUEST_CONFIG is not valid: {error}.") from error
    except RequestError as error:
        raise Refused(f"{error.field}: {error}") from error
    except SealError as error:
        raise Refused(error.sentence) from error
    columns = request.columns
    if columns is not None and resolved.columns is not None:
        columns = list(resolved.columns)
    comparison = Comparison(
        source=source,
        target=target,
        key=None if request.key is None else list(resolved.key),
        columns=columns,
        ignore=list(resolved.ignored),
        rules=resolved.rules,
        renamed=resolved.renamed,
        sample_limit=request.sample_limit,
        require_unique_key=request.require_unique_key,
        paranoid=request.paranoid,
        engine=request.engine,
        ml=request.ml,
        export=request.export,
        repair=request.repair,
    )
    document: dict[str, Any] = msgspec.to_builtins(comparison)
    return document


def _place(side: Side, table: Table | None, resolved: ResolvedComparison, keyring: Keyring) -> Place:
    name = side.connection
    connection = None if name is None else resolved.connections[name]
    if side.file is not None:
        return FilePlace(side, "." if connection is None else connection.shown.folder or "")
    login = None if connection is None else connection.login(keyring)
    if table is not None:
        return TablePlace(table.owner, table.name, side.where, name, login)
    return QueryPlace(side.query or "", side.binds, name, login)


def run(task: Task, report: Report) -> dict[str, Any]:
    """In the job's process: compare and return the result document. Raises JobFailed and oracledb.Error."""
    # Imported here: a worker that only supervises does not need the engines' libraries.
    from worker.engines import workflow
    from worker.engines.comparison import MIN_MEMORY_MB
    from worker.engines.errors import (
        EngineError,
        FileFailed,
        MemoryLimitReached,
        SourceFailed,
        WorkFolderFull,
    )
    from worker.engines.plan import ComparisonPlan
    from worker.sides import open_sides

    comparison = msgspec.convert(task.request, Comparison)
    plan = ComparisonPlan(
        key=None if comparison.key is None else tuple(comparison.key),
        columns=None if comparison.columns is None else tuple(comparison.columns),
        ignore=tuple(comparison.ignore),
        rules=comparison.rules,
        sample_limit=comparison.sample_limit,
        require_unique_key=comparison.require_unique_key,
        paranoid=comparison.paranoid,
    )
    try:
        report(0.0, "opening both sides")
        source, target = open_sides(task, comparison.source, comparison.target, comparison.renamed)
        memory_mb = max(MIN_MEMORY_MB, task.memory_limit_mb - _LIBRARIES_MB)
        wanted = workflow.Wanted(
            engine=comparison.engine, ml=comparison.ml, export=comparison.export, repair=comparison.repair
        )
        outcome = workflow.run(
            source,
            target,
            plan,
            wanted,
            report,
            task.work_dir,
            task.results_dir,
            memory_mb,
            resume=workflow.Resume(task.checkpoint, task.save_checkpoint),
        )
    except FileFailed as error:
        raise JobFailed(Failed("bad_request", error.sentence, error.retryable)) from error
    except SourceFailed as error:
        raise JobFailed(Failed("database", error.sentence, error.retryable)) from error
    except MemoryLimitReached as error:
        raise JobFailed(Failed("out_of_memory", error.sentence, error.retryable)) from error
    except WorkFolderFull as error:
        raise JobFailed(Failed("engine", error.sentence, error.retryable)) from error
    except EngineError as error:  # all others refuse what was asked for
        raise JobFailed(Failed("bad_request", error.sentence, error.retryable)) from error
    outcome.document["compared"] |= {"reading_a": source.account(), "reading_b": target.account()}
    return outcome.document


KINDS = {
    "COMPARE": Kind(
        runner="worker.compare:run",
        prepare=prepare,
        preload=(
            "worker.engines.workflow",
            "worker.engines.keyfinding",
            "worker.engines.polars_oracle",
            "worker.engines.pushdown",
            "worker.engines.repair",
            "worker.sides",
        ),
    )
}
