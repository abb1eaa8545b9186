"""REST: hold and re-prioritise a waiting job, pause and limit a queue, limit what jobs of one key put load on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, put
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.jobs.access import JobIdPath, jobs_of, must_be_manageable
from app.jobs.models import LIMIT_KEY, QUEUE_NAME, ComparisonJob, JobStatus, KeyLimit, Queue, Strict

QueuePath = Annotated[
    str, Parameter(description="A queue, upper case.", pattern=QUEUE_NAME, schema_extra={"example": "NIGHT"})
]
KeyPath = Annotated[
    str, Parameter(description="A limit key.", pattern=LIMIT_KEY, schema_extra={"example": "PROD"})
]


class PriorityRequest(Strict, frozen=True):
    """When the job's turn comes."""

    priority: Annotated[int, Meta(ge=0, le=9, description="0 runs first, 9 last.")]


class LimitRequest(Strict, frozen=True):
    """How many jobs run at once in the whole fleet."""

    max_running: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None,
        Meta(description="0 lets none start; null is no limit. What runs already is left alone."),
    ]


class QueueList(msgspec.Struct, frozen=True):
    """Queues that hold work, are paused or are limited."""

    items: Annotated[list[Queue], Meta(description="By name, at most 1000.")]


class KeyLimitList(msgspec.Struct, frozen=True):
    """Limits by key."""

    items: Annotated[list[KeyLimit], Meta(description="By key, at most 1000.")]


_HELD = msgspec.structs.replace(
    examples.JOB,
    status=JobStatus.PENDING,
    progress=0.0,
    current_step="Held by admin",
    held=True,
    worker_id=None,
)
_PAUSED_AT = datetime(2026, 1, 31, 11, 55, tzinfo=UTC)
_QUEUE = Queue(
    name="NIGHT",
    ready=12,
    waiting=1,
    running=2,
    held=0,
    oldest_wait_seconds=340,
    paused=True,
    paused_by="admin",
    paused_at=_PAUSED_AT,
    max_running=4,
)
_LIMIT = KeyLimit(key="PROD", max_running=2, running=1)
_LIMIT_EXAMPLES = [
    Example(value={"max_running": 2}),
    Example(summary="No limit", value={"max_running": None}),
]


def _waiting_job(example: ComparisonJob) -> Any:
    return documented(
        200, Envelope[ComparisonJob], "The job as it stands now.", example, 401, 403, 404, 409, 422
    )


@put(
    "/jobs/{job_id:str}/hold",
    opt=needs(Permission.JOBS_MANAGE_OWN),
    summary="Hold a waiting job",
    description="No worker takes the job until it is let go. 409 for a job that runs or has ended. Analysts hold "
    "their own jobs only.",
    operation_id="holdJob",
    responses=_waiting_job(_HELD),
    tags=["Jobs"],
)
async def hold_job(
    job_id: JobIdPath, request: Request[Principal, Any, Any], state: State
) -> Envelope[ComparisonJob]:
    """Holding a held job changes nothing."""
    await must_be_manageable(request.user, job_id, state)
    await jobs_of(state).hold(job_id, request.user.username)
    return ok(await jobs_of(state).get(job_id), "The job is held.")


@put(
    "/jobs/{job_id:str}/unhold",
    opt=needs(Permission.JOBS_MANAGE_OWN),
    summary="Let a held job go",
    description="It is run when its turn comes. 409 for a job that runs or has ended. Analysts let go their own jobs "
    "only.",
    operation_id="unholdJob",
    responses=_waiting_job(msgspec.structs.replace(_HELD, current_step="Let go by admin", held=False)),
    tags=["Jobs"],
)
async def unhold_job(
    job_id: JobIdPath, request: Request[Principal, Any, Any], state: State
) -> Envelope[ComparisonJob]:
    """A job that is not held stays as it is."""
    await must_be_manageable(request.user, job_id, state)
    await jobs_of(state).unhold(job_id, request.user.username)
    return ok(await jobs_of(state).get(job_id), "The job waits for its turn.")


@put(
    "/jobs/{job_id:str}/priority",
    opt=needs(Permission.JOBS_MANAGE_OWN),
    summary="Give a waiting job another priority",
    description="409 for a job that runs or has ended. Analysts change their own jobs only.",
    operation_id="setPriority",
    responses=_waiting_job(msgspec.structs.replace(_HELD, current_step=None, held=False, priority=0)),
    tags=["Jobs"],
)
async def set_priority(
    job_id: JobIdPath,
    data: Annotated[PriorityRequest, Body(examples=[Example(value={"priority": 0})])],
    request: Request[Principal, Any, Any],
    state: State,
) -> Envelope[ComparisonJob]:
    """Jobs of the same priority keep their order by age."""
    await must_be_manageable(request.user, job_id, state)
    await jobs_of(state).set_priority(job_id, data.priority)
    return ok(await jobs_of(state).get(job_id), f"The job has priority {data.priority}.")


@get(
    "/queues",
    opt=needs(Permission.JOBS_READ),
    summary="List queues",
    description="Queues with jobs that wait or run, and those that are paused or limited.",
    operation_id="listQueues",
    responses=documented(200, Envelope[QueueList], "By name.", QueueList([_QUEUE]), 401, 403),
)
async def list_queues(state: State) -> Envelope[QueueList]:
    """How much work each holds now."""
    return ok(QueueList(await jobs_of(state).queues()))


@put(
    "/queues/{name:str}/pause",
    opt=needs(Permission.QUEUES_MANAGE),
    summary="Pause a queue",
    description="No worker takes jobs from it; what runs goes on, and jobs can still be submitted.",
    operation_id="pauseQueue",
    responses=documented(200, Envelope[Queue], "Paused.", _QUEUE, 401, 403, 422),
)
async def pause_queue(
    name: QueuePath, request: Request[Principal, Any, Any], state: State
) -> Envelope[Queue]:
    """Pausing a paused queue changes nothing."""
    await jobs_of(state).pause_queue(name, request.user.username)
    return ok(await jobs_of(state).queue(name), f"Queue {name} is paused.")


@put(
    "/queues/{name:str}/resume",
    opt=needs(Permission.QUEUES_MANAGE),
    summary="Resume a queue",
    description="Workers take jobs from it again.",
    operation_id="resumeQueue",
    responses=documented(
        200,
        Envelope[Queue],
        "Resumed.",
        msgspec.structs.replace(_QUEUE, paused=False, paused_by=None, paused_at=None),
        401,
        403,
        422,
    ),
)
async def resume_queue(name: QueuePath, state: State) -> Envelope[Queue]:
    """Resuming a queue that is not paused changes nothing."""
    await jobs_of(state).resume_queue(name)
    return ok(await jobs_of(state).queue(name), f"Queue {name} is not paused.")


@put(
    "/queues/{name:str}/limit",
    opt=needs(Permission.QUEUES_MANAGE),
    summary="Limit a queue",
    description="How many of its jobs run at once, over all workers.",
    operation_id="limitQueue",
    responses=documented(200, Envelope[Queue], "As it stands now.", _QUEUE, 401, 403, 422),
)
async def limit_queue(
    name: QueuePath, data: Annotated[LimitRequest, Body(examples=_LIMIT_EXAMPLES)], state: State
) -> Envelope[Queue]:
    """From the next claim on."""
    await jobs_of(state).set_limit(name, data.max_running)
    return ok(await jobs_of(state).queue(name), f"Queue {name}: {_of(data)}.")


@get(
    "/limits",
    opt=needs(Permission.JOBS_READ),
    summary="List limits by key",
    description="A job's limit key says what it puts load on: `limit_key` of the request.",
    operation_id="listLimits",
    responses=documented(200, Envelope[KeyLimitList], "By key.", KeyLimitList([_LIMIT]), 401, 403),
)
async def list_limits(state: State) -> Envelope[KeyLimitList]:
    """Keys without a limit are not listed."""
    return ok(KeyLimitList(await jobs_of(state).key_limits()))


@put(
    "/limits/{key:str}",
    opt=needs(Permission.QUEUES_MANAGE),
    summary="Limit the jobs of a key",
    description="How many jobs with this limit key run at once, over all workers and queues.",
    operation_id="limitKey",
    responses=documented(200, Envelope[KeyLimit], "As it stands now.", _LIMIT, 401, 403, 422),
)
async def limit_key(
    key: KeyPath, data: Annotated[LimitRequest, Body(examples=_LIMIT_EXAMPLES)], state: State
) -> Envelope[KeyLimit]:
    """From the next claim on."""
    await jobs_of(state).set_key_limit(key, data.max_running)
    return ok(await jobs_of(state).key_limit(key), f"Jobs with the limit key {key}: {_of(data)}.")


def _of(data: LimitRequest) -> str:
    return "no limit" if data.max_running is None else f"at most {data.max_running} at once"


router = Router(
    "/",
    route_handlers=[
        hold_job,
        unhold_job,
        set_priority,
        list_queues,
        pause_queue,
        resume_queue,
        limit_queue,
        list_limits,
        limit_key,
    ],
    tags=["Queues"],
)
