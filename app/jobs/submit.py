"""REST: submit comparisons, one or many, or ask first what would run."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, post
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter, JSONBody, QueryParameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.connections.catalog import Catalog
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.jobs.models import ComparisonRequest, JobStatus, Strict
from app.jobs.plan import ResolvedComparison, resolve, resolve_all
from app.jobs.store import OracleJobStorage
from app.oracle.dictionary import RequestError, Table
from app.oracle.errors import ArgumentError, NotFoundError

MAX_BATCH = 200
_JOBS = uuid.UUID("6f1c4b8e-0f0e-4c1b-9d3e-3f6d1f3b7a51")  # name space of ids made from idempotency keys


class JobLinks(msgspec.Struct, frozen=True):
    """Where to go from here."""

    self: str
    results: str
    live: str


class Submitted(msgspec.Struct, frozen=True):
    """A job that has been accepted."""

    job_id: str
    status: JobStatus
    key: Annotated[list[str], Meta(description="Columns that identify a row, as given or as inferred.")]
    key_origin: Annotated[str, Meta(description="given, primary key, unique key NAME, or to be found.")]
    columns: Annotated[
        int | None,
        Meta(description="Number of columns that will be compared; null if only the job learns it."),
    ]
    links: JobLinks


class PlannedColumn(msgspec.Struct, frozen=True):
    """A column that would be compared."""

    name: str
    source_type: str | None
    target_type: str | None


class Planned(msgspec.Struct, frozen=True):
    """What would run."""

    source: str
    target: str
    key: list[str]
    key_origin: str
    columns: Annotated[
        list[PlannedColumn] | None,
        Meta(description="null where a side is a file or a query, whose columns only the job learns."),
    ]
    only_in_source: list[str]
    only_in_target: list[str]
    ignored: list[str]
    source_rows: Annotated[int | None, Meta(description="By the statistics of the database; null without.")]
    target_rows: int | None


class Batch(Strict, frozen=True):
    """Many comparisons at once."""

    comparisons: Annotated[list[ComparisonRequest], Meta(min_length=1, max_length=MAX_BATCH)]


_PATH = f"/api/v1/jobs/{examples.JOB_ID}"
_LINKS = JobLinks(_PATH, f"{_PATH}/results", "/ws")
_SUBMITTED = Submitted(examples.JOB_ID, JobStatus.PENDING, ["ICAO"], "primary key", 10, _LINKS)
_PLANNED = Planned(
    "DEMO.AIRPORTS_PROD",
    "DEMO.AIRPORTS_UAT",
    ["ICAO"],
    "primary key",
    [PlannedColumn("LAT", "NUMBER", "NUMBER")],
    [],
    [],
    [],
    28_224,
    28_298,
)
_KEY = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same request gives the same job, however often it is sent: a request whose "
        "answer was lost may be sent again. Good as long as the job is kept.",
    ),
]
_DOCUMENTED = {
    200: ResponseSpec(
        Envelope[Planned],
        generate_examples=False,
        description="With `dry_run`: what would run. Nothing is queued.",
        examples=[Example(value=ok(_PLANNED, "Nothing is queued."))],
    ),
    **documented(
        202,
        Envelope[Submitted],
        "Queued.",
        _SUBMITTED,
        401,
        403,
        413,
        422,
        message="The comparison is queued.",
    ),
}


@post(
    "/compare",
    status_code=202,
    opt=needs(Permission.JOBS_SUBMIT),
    summary="Compare two tables",
    description="Checks the request against the data dictionary, then queues it. `source` is side A, the "
    "reference; `target` is side B, the candidate.",
    operation_id="compareTables",
    responses=_DOCUMENTED,
)
async def compare(
    data: Annotated[ComparisonRequest, Body(examples=examples.REQUESTS)],
    request: Request[Principal, Any, Any],
    state: State,
    dry_run: Annotated[bool, QueryParameter(description="Only tell what would run.")] = False,
    idempotency_key: _KEY = None,
) -> Response[Any]:
    """Nothing is queued unless every name in the request is known."""
    plan = await resolve(state.catalog, data)
    if dry_run:
        return Response(ok(await _planned(state.catalog, plan), "Nothing is queued."), status_code=200)
    jobs: OracleJobStorage = state.jobs
    user = request.user.username
    message = f"The comparison of {plan.source_name} with {plan.target_name} is queued."
    if idempotency_key is None:
        job_id = await jobs.enqueue(
            data, table_name=plan.table_name, submitted_by=user, limit_key=plan.limit_key
        )
        return Response(ok(_submitted(job_id, plan), message))
    job_id = str(uuid.uuid5(_JOBS, f"{user}\n{idempotency_key}"))
    before = await _sent_before(jobs, job_id, data)
    if before is None:
        try:
            await jobs.enqueue(
                data,
                table_name=plan.table_name,
                submitted_by=user,
                limit_key=plan.limit_key,
                job_id=job_id,
            )
        except ArgumentError:  # the same request, sent at the same moment, was first
            before = await _sent_before(jobs, job_id, data)
            if before is None:
                raise
    if before is None:
        return Response(ok(_submitted(job_id, plan), message))
    return Response(
        ok(_submitted(job_id, plan, before), "This comparison was queued before."),
        headers={"Idempotent-Replayed": "true"},
    )


@post(
    "/compare/batch",
    status_code=202,
    opt=needs(Permission.JOBS_SUBMIT),
    summary="Compare many pairs of tables",
    description=f"Up to {MAX_BATCH} comparisons, each a job of its own: all are queued or none.",
    operation_id="compareMany",
    responses=documented(
        202,
        Envelope[list[Submitted]],
        "Queued, in the order of the request.",
        [_SUBMITTED],
        401,
        403,
        413,
        422,
        message="1 comparison is queued.",
    ),
)
async def compare_many(
    data: JSONBody[Batch], request: Request[Principal, Any, Any], state: State
) -> Envelope[list[Submitted]]:
    """A fault is named by the place of its comparison."""
    prefixes = [f"comparisons[{place}]." for place in range(len(data.comparisons))]
    plans = await resolve_all(state.catalog, data.comparisons, prefixes)
    named = [
        (comparison, plan.table_name, plan.limit_key)
        for comparison, plan in zip(data.comparisons, plans, strict=True)
    ]
    job_ids = await state.jobs.enqueue_all(named, submitted_by=request.user.username)
    submitted = [_submitted(job_id, plan) for job_id, plan in zip(job_ids, plans, strict=True)]
    count = len(submitted)
    return ok(submitted, "1 comparison is queued." if count == 1 else f"{count} comparisons are queued.")


async def _sent_before(jobs: OracleJobStorage, job_id: str, data: ComparisonRequest) -> JobStatus | None:
    """The state of the job of an idempotency key; None if there is none. Raises RequestError for another request."""
    try:
        known = await jobs.get(job_id)
    except NotFoundError:
        return None
    if known.request != msgspec.json.decode(data.to_json()):
        raise RequestError("Idempotency-Key", "this key was used for another request.")
    return known.status


def _submitted(job_id: str, plan: ResolvedComparison, status: JobStatus = JobStatus.PENDING) -> Submitted:
    path = f"/api/v1/jobs/{job_id}"
    return Submitted(
        job_id=job_id,
        status=status,
        key=list(plan.key),
        key_origin=plan.key_origin,
        columns=None if plan.columns is None else len(plan.columns),
        links=JobLinks(path, f"{path}/results", "/ws"),
    )


async def _planned(catalog: Catalog, plan: ResolvedComparison) -> Planned:
    source, target = plan.source, plan.target
    both = source is not None and target is not None
    common = source.column_names & target.column_names if source and target else frozenset()
    return Planned(
        source=plan.source_name,
        target=plan.target_name,
        key=list(plan.key),
        key_origin=plan.key_origin,
        columns=None
        if plan.columns is None
        else [PlannedColumn(name, _type(source, name), _type(target, name)) for name in plan.columns],
        only_in_source=sorted(source.column_names - common) if source and both else [],
        only_in_target=sorted(target.column_names - common) if target and both else [],
        ignored=list(plan.ignored),
        source_rows=None if source is None else await catalog.estimated_rows(source),
        target_rows=None if target is None else await catalog.estimated_rows(target),
    )


def _type(table: Table | None, name: str) -> str | None:
    column = None if table is None else table.column(name)
    return None if column is None else column.data_type


router = Router("/", route_handlers=[compare, compare_many], tags=["Jobs"])
