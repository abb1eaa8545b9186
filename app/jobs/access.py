"""What routes of one job share: its id in the path, the store, and who may change it."""

from __future__ import annotations

from typing import Annotated

from litestar.datastructures import State
from litestar.exceptions import PermissionDeniedException
from litestar.params import Parameter

from app.accounts.guard import Principal
from app.accounts.permissions import Permission
from app.jobs.models import is_job_id
from app.jobs.store import OracleJobStorage, no_such_job

JobIdPath = Annotated[
    str,
    Parameter(description="The id that POST /compare gave.", schema_extra={"format": "uuid"}),
]


def jobs_of(state: State) -> OracleJobStorage:
    """The store of the application."""
    store: OracleJobStorage = state.jobs
    return store


def checked(job_id: str) -> str:
    """The id, or NotFoundError for what cannot be one."""
    if not is_job_id(job_id):
        raise no_such_job(job_id[:50])
    return job_id


async def must_be_manageable(user: Principal, job_id: str, state: State) -> None:
    """404 for an unknown job, 403 for another user's unless the role covers everybody's."""
    checked(job_id)
    if user.may(Permission.JOBS_MANAGE_ANY):
        return
    job = await jobs_of(state).get(job_id)
    if job.submitted_by.lower() != user.username:
        raise PermissionDeniedException(
            f"Job {job_id} was submitted by {job.submitted_by}; your role may change only your own jobs."
        )
