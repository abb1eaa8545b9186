"""REST: cancel, retry or re-prioritise many jobs at once, after a look at how many they are."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.jobs.listing import JobFilter
from app.jobs.models import MAX_TAGS, JobStatus, Strict, Tag
from app.jobs.store import OracleJobStorage
from app.oracle.dictionary import RequestError
from app.oracle.errors import ConflictError, NotFoundError

MAX_JOBS = 500  # of one call
_SHOWN = 20
_TEXT = r"^[^\x00]*$"


class Action(StrEnum):
    """What to do with each job."""

    CANCEL = "cancel"
    RETRY = "retry"
    SET_PRIORITY = "set_priority"


_TAKES = {
    Action.CANCEL: (JobStatus.PENDING, JobStatus.RUNNING),
    Action.RETRY: (JobStatus.FAILED, JobStatus.CANCELLED),
    Action.SET_PRIORITY: (JobStatus.PENDING,),
}


class Selection(Strict, frozen=True):
    """Which jobs; what is left out does not restrict. Jobs in a state that the action does not take never count."""

    status: Annotated[list[JobStatus], Meta(max_length=5)] | None = None
    kind: Annotated[str, Meta(max_length=30, pattern=_TEXT)] | None = None
    table: Annotated[str, Meta(max_length=128, pattern=_TEXT)] | None = None
    submitted_by: Annotated[str, Meta(max_length=128, pattern=_TEXT)] | None = None
    text: Annotated[str, Meta(min_length=1, max_length=100, pattern=_TEXT)] | None = None
    tags: (
        Annotated[list[Tag], Meta(max_length=MAX_TAGS, description="Jobs that have all of them.")] | None
    ) = None
    created_from: datetime | None = None
    created_to: datetime | None = None


class ActionRequest(Strict, frozen=True):
    """What to do, to which jobs."""

    action: Action
    select: Selection = Selection()
    priority: Annotated[
        Annotated[int, Meta(ge=0, le=9)] | None, Meta(description="For set_priority: 0 runs first, 9 last.")
    ] = None
    expected: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Left out: nothing is done, only counted. Else the count that you were shown; if it is "
            "another by now, nothing is done: 409."
        ),
    ] = None


class Skipped(msgspec.Struct, frozen=True):
    """A job to which it could not be done."""

    job_id: str
    reason: str


class ActionOutcome(msgspec.Struct, frozen=True):
    """What was, or would be, done."""

    matched: Annotated[int, Meta(description="Jobs that the selection finds.")]
    done: int
    skipped: list[Skipped]
    shown: Annotated[list[str], Meta(description=f"Ids of the first {_SHOWN} of them.")]


@post(
    "/jobs/actions",
    status_code=200,
    opt=needs(Permission.JOBS_MANAGE_OWN),
    summary="Cancel, retry or re-prioritise many jobs",
    description="First without `expected`: tells how many jobs the selection finds. Then with that number: does it. "
    f"At most {MAX_JOBS} jobs in a call. Analysts reach their own jobs only.",
    operation_id="actOnJobs",
    responses=documented(
        200,
        Envelope[ActionOutcome],
        "Counted, or done.",
        ActionOutcome(3, 3, [], [examples.JOB_ID]),
        401,
        403,
        409,
        422,
        message="3 jobs: cancel was done.",
    ),
)
async def act(
    data: JSONBody[ActionRequest], request: Request[Principal, Any, Any], state: State
) -> Envelope[ActionOutcome]:
    """A job that changed its state meanwhile is skipped, and said so."""
    if (data.priority is not None) is not (data.action is Action.SET_PRIORITY):
        raise RequestError("priority", "set_priority needs it, and nothing else takes it.")
    jobs: OracleJobStorage = state.jobs
    filters = _filters(data, request.user)
    matched = 0 if filters is None else await jobs.count(filters)
    if filters is None or data.expected is None:
        shown = [] if filters is None else [job.job_id for job in (await jobs.page(filters)).items[:_SHOWN]]
        return ok(ActionOutcome(matched, 0, [], shown), f"{_jobs(matched)}: nothing was done yet.")
    if matched != data.expected:
        raise ConflictError(
            f"The selection finds {_jobs(matched)} now, not {data.expected}: nothing was done."
        )
    if matched > MAX_JOBS:
        raise RequestError("select", f"it finds {matched:,} jobs; at most {MAX_JOBS} in a call.")
    found = [job.job_id for job in (await jobs.page(filters)).items]
    skipped = []
    for job_id in found:
        try:
            await _do(jobs, data, job_id, request.user.username)
        except (ConflictError, NotFoundError) as error:
            skipped.append(Skipped(job_id, error.sentence))
    done = len(found) - len(skipped)
    return ok(
        ActionOutcome(matched, done, skipped, found[:_SHOWN]), f"{_jobs(done)}: {data.action} was done."
    )


def _filters(data: ActionRequest, user: Principal) -> JobFilter | None:
    """The selection cut down to what the action takes and the user may; None if nothing is left."""
    takes = _TAKES[data.action]
    statuses = tuple(status for status in takes if not data.select.status or status in data.select.status)
    submitted_by = data.select.submitted_by
    if not user.may(Permission.JOBS_MANAGE_ANY):
        if submitted_by is not None and submitted_by.lower() != user.username:
            return None
        submitted_by = user.username
    if not statuses:
        return None
    return JobFilter(
        statuses=statuses,
        kind=data.select.kind,
        table_name=data.select.table,
        submitted_by=submitted_by,
        text=data.select.text,
        tags=tuple(data.select.tags or ()),
        created_from=data.select.created_from,
        created_to=data.select.created_to,
        sort="created_at",
        limit=MAX_JOBS,
    )


async def _do(jobs: OracleJobStorage, data: ActionRequest, job_id: str, by: str) -> None:
    match data.action:
        case Action.CANCEL:
            await jobs.cancel(job_id, by)
        case Action.RETRY:
            await jobs.retry(job_id, by)
        case Action.SET_PRIORITY:
            assert data.priority is not None
            await jobs.set_priority(job_id, data.priority)


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"


router = Router("/", route_handlers=[act], tags=["Jobs"])
