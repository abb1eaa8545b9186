"""What a schedule is on the wire."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.jobs.models import ComparisonRequest, Strict
from app.schedules.cron import Cron

ScheduleName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="Letters, digits, `_`, `.` and `-`.",
        examples=["airports-nightly"],
    ),
]


class MissedRuns(StrEnum):
    """What happens to due times at which nobody was there to make a job."""

    SKIP = "SKIP"
    ONCE = "ONCE"
    ALL = "ALL"


class ScheduleRequest(Strict, frozen=True, kw_only=True):
    """When to compare what. A PUT replaces all of it."""

    cron: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="Five fields of cron: minute, hour, day of month, month, day of week.",
            examples=["30 5 * * MON-FRI"],
        ),
    ]
    request: ComparisonRequest
    time_zone: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="IANA name of the zone in which `cron` is read.",
            examples=["Europe/Berlin"],
        ),
    ] = "UTC"
    missed_runs: Annotated[
        MissedRuns,
        Meta(
            description="Due times that pass while no worker is there: SKIP makes no job for those more than a "
            "minute old, ONCE one job for all of them, ALL one for each."
        ),
    ] = MissedRuns.ONCE
    paused: Annotated[bool, Meta(description="A paused schedule makes no job until it is resumed.")] = False

    def __post_init__(self) -> None:
        Cron(self.cron, self.time_zone)


class NewSchedule(ScheduleRequest, frozen=True, kw_only=True):
    """A schedule to be made."""

    name: ScheduleName


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as its row in JOB_SCHEDULES tells it."""

    name: str
    cron: str
    time_zone: str
    missed_runs: MissedRuns
    paused: bool
    next_run_at: Annotated[datetime | None, Meta(description="Null when the expression has no further time.")]
    last_run_at: Annotated[datetime | None, Meta(description="The time for which the last job was made.")]
    last_job_id: Annotated[
        str | None, Meta(description="The last job, also one run by hand; it may have been deleted.")
    ]
    kind: str
    table_name: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: Annotated[int, Meta(description="Raised by every change of the row.")]
    request: dict[str, Any]


class DueSchedule(msgspec.Struct, frozen=True):
    """A schedule whose time has come, as the promotion needs it."""

    name: str
    cron: str
    time_zone: str
    missed_runs: MissedRuns
    next_run_at: datetime
    version: int
