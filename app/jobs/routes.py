"""REST: look at jobs, their attempts and their results, cancel, retry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, put
from litestar.datastructures import State
from litestar.params import Parameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.jobs.access import JobIdPath, checked, jobs_of, must_be_manageable
from app.jobs.listing import DEFAULT_SORT, MAX_PAGE, SORTS, JobFilter
from app.jobs.models import MAX_TAGS, ComparisonJob, ComparisonResults, JobAttempt, JobStatus, Tag

_TEXT = r"^[^\x00]*$"  # a NUL is in no name, and not every database takes one


class JobStatusChange(msgspec.Struct, frozen=True):
    """Where a job stands after a request to cancel or retry it."""

    job_id: str
    status: Annotated[
        JobStatus,
        Meta(description="RUNNING after a cancel: its worker has been told to stop and does within seconds."),
    ]


class JobList(msgspec.Struct, frozen=True):
    """A page of jobs."""

    items: list[ComparisonJob]
    next_cursor: Annotated[
        str | None, Meta(description="Give it as `cursor` for the next page; null on the last.")
    ]
    total: Annotated[
        int | None, Meta(description="All jobs that the filters let through, if `total` was asked for.")
    ] = None


class AttemptList(msgspec.Struct, frozen=True):
    """The runs of a job."""

    items: Annotated[list[JobAttempt], Meta(description="Oldest first.")]


_CANCELLED = JobStatusChange(examples.JOB_ID, JobStatus.CANCELLED)
_RETRIED = JobStatusChange(examples.JOB_ID, JobStatus.PENDING)


@get(
    "/jobs",
    opt=needs(Permission.JOBS_READ),
    summary="List jobs",
    description="Newest first unless `sort` says otherwise. Pages follow a cursor, so jobs that come meanwhile "
    "neither repeat nor hide others.",
    operation_id="listJobs",
    responses=documented(200, Envelope[JobList], "A page.", JobList([examples.JOB], None), 401, 403, 422),
)
async def list_jobs(
    state: State,
    status: Annotated[
        list[JobStatus] | None, Parameter(description="Only these; may be given several times.")
    ] = None,
    kind: Annotated[
        str | None, Parameter(description="Only this kind, e.g. COMPARE.", max_length=30, pattern=_TEXT)
    ] = None,
    table: Annotated[
        str | None,
        Parameter(
            description="Only this source table, OWNER.TABLE in any case.", max_length=128, pattern=_TEXT
        ),
    ] = None,
    submitted_by: Annotated[
        str | None, Parameter(description="Only this user's.", max_length=128, pattern=_TEXT)
    ] = None,
    text: Annotated[
        str | None,
        Parameter(
            description="Only jobs with this in their id, table, submitter or error, in any case.",
            min_length=1,
            max_length=100,
            pattern=_TEXT,
        ),
    ] = None,
    tag: Annotated[
        list[Tag] | None,
        Parameter(
            description="Only jobs that have all these tags; may be given several times.", max_items=MAX_TAGS
        ),
    ] = None,
    created_from: Annotated[
        datetime | None, Parameter(description="Created at this time or later; UTC without an offset.")
    ] = None,
    created_to: Annotated[datetime | None, Parameter(description="Created before this time.")] = None,
    sort: Annotated[
        str, Parameter(description="A `-` sorts descending.", schema_extra={"enum": list(SORTS)})
    ] = DEFAULT_SORT,
    limit: Annotated[int, Parameter(description="Jobs on a page.", ge=1, le=MAX_PAGE)] = 50,
    cursor: Annotated[
        str | None, Parameter(description="`next_cursor` of the page before.", max_length=1000)
    ] = None,
    total: Annotated[bool, Parameter(description="Count all jobs that the filters let through.")] = False,
) -> Envelope[JobList]:
    """A page; the requests and results of the jobs are not in it."""
    filters = JobFilter(
        statuses=tuple(status or ()),
        kind=kind,
        table_name=table,
        submitted_by=submitted_by,
        text=text,
        tags=tuple(tag or ()),
        created_from=created_from,
        created_to=created_to,
        sort=sort,
        limit=limit,
        cursor=cursor,
    )
    page = await jobs_of(state).page(filters)
    counted = await jobs_of(state).count(filters) if total else None
    return ok(JobList(page.items, page.next_cursor, counted))


@get(
    "/jobs/{job_id:str}",
    opt=needs(Permission.JOBS_READ),
    summary="One job",
    operation_id="getJob",
    responses=documented(200, Envelope[ComparisonJob], "The job.", examples.JOB, 401, 403, 404),
)
async def get_job(job_id: JobIdPath, state: State) -> Envelope[ComparisonJob]:
    """The job with the request as it was accepted."""
    return ok(await jobs_of(state).get(checked(job_id)))


@get(
    "/jobs/{job_id:str}/results",
    opt=needs(Permission.JOBS_READ),
    summary="The results of a job",
    description="The whole result document. 409 until the job is COMPLETED.",
    operation_id="getResults",
    responses=documented(
        200, Envelope[ComparisonResults], "The document.", examples.RESULTS, 401, 403, 404, 409
    ),
)
async def get_results(job_id: JobIdPath, state: State) -> Envelope[ComparisonResults]:
    """Summary, columns, schema differences, samples and circumstances, joined from the row."""
    return ok(await jobs_of(state).results(checked(job_id)))


@get(
    "/jobs/{job_id:str}/attempts",
    opt=needs(Permission.JOBS_READ),
    summary="The attempts at a job",
    description="Every run of the job: who ran it, from when to when, and what came of it. Retrying a job by hand "
    "keeps them.",
    operation_id="getAttempts",
    responses=documented(
        200, Envelope[AttemptList], "The runs.", AttemptList(examples.ATTEMPTS), 401, 403, 404
    ),
)
async def get_attempts(job_id: JobIdPath, state: State) -> Envelope[AttemptList]:
    """Empty for a job that has never run."""
    return ok(AttemptList(await jobs_of(state).attempts(checked(job_id))))


@delete(
    "/jobs/{job_id:str}",
    status_code=200,
    opt=needs(Permission.JOBS_MANAGE_OWN),
    summary="Cancel a job",
    description="A waiting job is cancelled at once, a running one within seconds by its worker. The job stays "
    "for inspection. Analysts cancel their own jobs only.",
    operation_id="cancelJob",
    responses=documented(
        200, Envelope[JobStatusChange], "Cancelled, or told to stop.", _CANCELLED, 401, 403, 404, 409
    ),
)
async def cancel_job(
    job_id: JobIdPath, request: Request[Principal, Any, Any], state: State
) -> Envelope[JobStatusChange]:
    """CANCELLED, or RUNNING with the request to stop noted."""
    await must_be_manageable(request.user, job_id, state)
    status = JobStatus(await jobs_of(state).cancel(job_id, request.user.username))
    message = "The job is cancelled." if status is JobStatus.CANCELLED else "The job has been told to stop."
    return ok(JobStatusChange(job_id, status), message)


@put(
    "/jobs/{job_id:str}/retry",
    opt=needs(Permission.JOBS_MANAGE_OWN),
    summary="Run a failed or cancelled job again",
    description="The job is PENDING again, with all its attempts. Analysts retry their own jobs only.",
    operation_id="retryJob",
    responses=documented(200, Envelope[JobStatusChange], "Queued again.", _RETRIED, 401, 403, 404, 409),
)
async def retry_job(
    job_id: JobIdPath, request: Request[Principal, Any, Any], state: State
) -> Envelope[JobStatusChange]:
    """PENDING."""
    await must_be_manageable(request.user, job_id, state)
    status = JobStatus(await jobs_of(state).retry(job_id, request.user.username))
    return ok(JobStatusChange(job_id, status), "The job is queued again.")


router = Router(
    "/",
    route_handlers=[list_jobs, get_job, get_results, get_attempts, cancel_job, retry_job],
    tags=["Jobs"],
)
