"""REST: comparisons that come again, by cron expressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.datastructures import State
from litestar.openapi.spec import Example
from litestar.params import Body, Parameter
from msgspec import Meta

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.jobs.plan import resolve
from app.oracle.errors import NotFoundError
from app.schedules.cron import Cron
from app.schedules.models import MissedRuns, NewSchedule, Schedule, ScheduleRequest
from app.schedules.store import ScheduleStorage

_NAME_LENGTH = 100

NamePath = Annotated[str, Parameter(description="Name of the schedule.")]


class ScheduleList(msgspec.Struct, frozen=True):
    """All schedules."""

    items: list[Schedule]


class ScheduledJob(msgspec.Struct, frozen=True):
    """The job that a schedule has made."""

    job_id: str
    link: Annotated[str, Meta(description="Where to look at it.")]


_NIGHT = datetime(2026, 2, 2, 4, 30, tzinfo=UTC)
_SCHEDULE = Schedule(
    name="airports-nightly",
    cron="30 5 * * MON-FRI",
    time_zone="Europe/Berlin",
    missed_runs=MissedRuns.ONCE,
    paused=False,
    next_run_at=_NIGHT,
    last_run_at=_NIGHT - timedelta(days=3),
    last_job_id=examples.JOB_ID,
    kind="COMPARE",
    table_name="DEMO.AIRPORTS_PROD",
    created_by="admin",
    created_at=_NIGHT - timedelta(days=30),
    updated_at=_NIGHT - timedelta(days=3),
    version=22,
    request=examples.REQUEST,
)
_REQUEST: dict[str, Any] = {
    "cron": _SCHEDULE.cron,
    "time_zone": _SCHEDULE.time_zone,
    "missed_runs": "ONCE",
    "paused": False,
    "request": examples.REQUEST,
}
_REQUESTS = [Example(summary="At half past five on working days", value=_REQUEST)]
_NEW = [Example(summary=_REQUESTS[0].summary, value={"name": _SCHEDULE.name, **_REQUEST})]
_MADE = ScheduledJob(examples.JOB_ID, f"/api/v1/jobs/{examples.JOB_ID}")


@get(
    "/",
    opt=needs(Permission.JOBS_READ),
    summary="List schedules",
    operation_id="listSchedules",
    responses=documented(200, Envelope[ScheduleList], "All of them.", ScheduleList([_SCHEDULE]), 401, 403),
)
async def list_schedules(state: State) -> Envelope[ScheduleList]:
    """By name."""
    return ok(ScheduleList(await _schedules(state).all()))


@post(
    "/",
    opt=needs(Permission.SCHEDULES_MANAGE),
    summary="Make a schedule",
    description="Checks the comparison against the data dictionary as POST /compare does. From then on each time of "
    "the expression makes one job, submitted in the name of who made the schedule.",
    operation_id="createSchedule",
    responses=documented(201, Envelope[Schedule], "Made.", _SCHEDULE, 401, 403, 409, 413, 422),
)
async def create_schedule(
    data: Annotated[NewSchedule, Body(examples=_NEW)], request: Request[Principal, Any, Any], state: State
) -> Envelope[Schedule]:
    """The schedule as it stands now."""
    plan = await resolve(state.catalog, data.request)
    await _schedules(state).create(
        data.name,
        data,
        plan.table_name,
        _next_run(data),
        request.user.username,
        limit_key=plan.limit_key,
    )
    return ok(await _schedules(state).get(data.name), "The schedule is made.")


@get(
    "/{name:str}",
    opt=needs(Permission.JOBS_READ),
    summary="One schedule",
    operation_id="getSchedule",
    responses=documented(200, Envelope[Schedule], "The schedule.", _SCHEDULE, 401, 403, 404),
)
async def get_schedule(name: NamePath, state: State) -> Envelope[Schedule]:
    """With the request of its jobs."""
    return ok(await _schedules(state).get(_known_length(name)))


@put(
    "/{name:str}",
    opt=needs(Permission.SCHEDULES_MANAGE),
    summary="Change a schedule",
    description="Replaces all of it; what is left out gets its default. Times that passed while it was paused are "
    "not made up for.",
    operation_id="changeSchedule",
    responses=documented(200, Envelope[Schedule], "Changed.", _SCHEDULE, 401, 403, 404, 413, 422),
)
async def change_schedule(
    name: NamePath, data: Annotated[ScheduleRequest, Body(examples=_REQUESTS)], state: State
) -> Envelope[Schedule]:
    """The schedule as it stands now."""
    plan = await resolve(state.catalog, data.request)
    await _schedules(state).change(
        _known_length(name), data, plan.table_name, _next_run(data), limit_key=plan.limit_key
    )
    return ok(await _schedules(state).get(name), "The schedule is changed.")


@delete(
    "/{name:str}",
    status_code=200,
    opt=needs(Permission.SCHEDULES_MANAGE),
    summary="Delete a schedule",
    description="Jobs that it has made stay as they are.",
    operation_id="deleteSchedule",
    responses=documented(200, Envelope[None], "Deleted.", None, 401, 403, 404),
)
async def delete_schedule(name: NamePath, state: State) -> Envelope[None]:
    """Nothing is left of it."""
    await _schedules(state).delete(_known_length(name))
    return ok(None, "The schedule is deleted.")


@post(
    "/{name:str}/run",
    status_code=202,
    opt=needs(Permission.SCHEDULES_MANAGE),
    summary="Run a schedule now",
    description="Queues one more job, also for a paused schedule. Its times stay as they are.",
    operation_id="runSchedule",
    responses=documented(202, Envelope[ScheduledJob], "Queued.", _MADE, 401, 403, 404),
)
async def run_schedule(
    name: NamePath, request: Request[Principal, Any, Any], state: State
) -> Envelope[ScheduledJob]:
    """The job."""
    job_id = await _schedules(state).run_now(_known_length(name), request.user.username)
    return ok(ScheduledJob(job_id, f"/api/v1/jobs/{job_id}"), "The job is queued.")


def _next_run(wanted: ScheduleRequest) -> datetime | None:
    return Cron(wanted.cron, wanted.time_zone).after(datetime.now(UTC))


def _known_length(name: str) -> str:
    """The name, or NotFoundError for what cannot be one: no database is asked about a text of any length."""
    if len(name) > _NAME_LENGTH:
        raise NotFoundError("There is no schedule of this name.", code="no-schedule")
    return name


def _schedules(state: State) -> ScheduleStorage:
    store: ScheduleStorage = state.schedules
    return store


router = Router(
    "/schedules",
    route_handlers=[
        list_schedules,
        create_schedule,
        get_schedule,
        change_schedule,
        delete_schedule,
        run_schedule,
    ],
    tags=["Schedules"],
)
