"""REST: a report of a finished comparison, and its result files."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Router, get
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import Parameter
from litestar.response import File

from app.accounts.permissions import Permission, needs
from app.envelope import errors_of
from app.jobs.models import is_job_id
from app.jobs.store import OracleJobStorage, no_such_job
from app.oracle.audit import Deed, record
from app.oracle.errors import ConflictError, NotFoundError
from app.reports.kept import FileGoneError, KeptFiles
from app.reports.view import side_name
from app.reports.write import KINDS, MEDIA_TYPES, ReportError, write

_OPEN_REPORTS = 2
_making = asyncio.Semaphore(_OPEN_REPORTS)
"""So many reports are made at the same time by this process; others wait."""

JobIdPath = Annotated[str, Parameter(description="A completed job.", max_length=36)]


def _documented(description: str, example: str, media_type: str, *errors: int) -> dict[int, ResponseSpec]:
    good = ResponseSpec(
        str,
        generate_examples=False,
        description=description,
        media_type=media_type,
        examples=[Example(value=example)],
    )
    return {200: good, **errors_of(*errors)}


@get(
    "/jobs/{job_id:str}/report",
    opt=needs(Permission.JOBS_READ),
    summary="A report of a comparison",
    description="html: one page that needs nothing else, to read and to print. xlsx: a workbook. csv and parquet: "
    "every differing cell. json: the result document. 409 until the job is COMPLETED, and for csv and parquet if "
    "no file of the differing cells was kept.",
    operation_id="getReport",
    responses=_documented("The report.", "<!doctype html>...", "text/html", 401, 403, 404, 409, 422),
)
async def get_report(
    job_id: JobIdPath,
    state: State,
    format: Annotated[
        str,
        Parameter(
            description="The kind of report.",
            schema_extra={"enum": list(KINDS)},
            pattern=f"^({'|'.join(KINDS)})$",
        ),
    ] = "html",
) -> File:
    """Made anew for each request, in a folder of its own that goes with the answer."""
    document = await document_of(job_id, state)
    folder = Path(tempfile.mkdtemp(prefix="concord-report-"))
    try:
        async with _making:
            target = await asyncio.to_thread(_make, format, document, job_id, state.kept_files, folder)
    except (FileGoneError, ReportError) as error:
        shutil.rmtree(folder)
        raise ConflictError(str(error), code="no-file") from error
    except BaseException:
        shutil.rmtree(folder)
        raise
    return File(
        target,
        filename=_file_name(document, format),
        media_type=MEDIA_TYPES[format],
        content_disposition_type="inline" if format == "html" else "attachment",
        background=BackgroundTask(shutil.rmtree, folder),
    )


@get(
    "/jobs/{job_id:str}/files/{name:str}",
    opt=needs(Permission.JOBS_READ),
    summary="Download a result file",
    description="A file that the result document names in `files`, checked against its checksum.",
    operation_id="getResultFile",
    responses=_documented("The file.", "PAR1...", "application/vnd.apache.parquet", 401, 403, 404, 409, 422),
)
async def get_result_file(
    job_id: JobIdPath,
    name: Annotated[str, Parameter(description="The file's name in `files`.", max_length=100)],
    state: State,
) -> File:
    """404 for a file that the job does not have, 409 for one that is gone or was changed."""
    document = await document_of(job_id, state)
    entry = next((entry for entry in document["files"] if entry["name"] == name), None)
    if entry is None:
        raise NotFoundError(f"Job {job_id} has no file {name!r}.", code="no-file")
    try:
        path = await asyncio.to_thread(state.kept_files.find, job_id, entry)
    except FileGoneError as error:
        raise ConflictError(str(error), code="no-file") from error
    await record(state.pool, Deed("job.download", job_id, after={"file": name}))
    return File(path, filename=name, media_type=entry["media_type"], content_disposition_type="attachment")


def _make(kind: str, document: dict[str, Any], job_id: str, kept: KeptFiles, folder: Path) -> Path:
    wanted = document["files"] if kind in ("csv", "parquet", "xlsx") else []
    files = kept.all_of(job_id, wanted)
    return write(kind, document, files, folder / f"report.{kind}")


async def document_of(job_id: str, state: State) -> dict[str, Any]:
    """The result document of a completed job. Raises NotFoundError and ConflictError."""
    if not is_job_id(job_id):
        raise no_such_job(job_id[:50])
    jobs: OracleJobStorage = state.jobs
    document: dict[str, Any] = msgspec.to_builtins(await jobs.results(job_id))
    return document


def _file_name(document: dict[str, Any], kind: str) -> str:
    """A.B-against-C.D.html, with nothing in it that a file system minds."""
    names = [side_name(document["compared"][side]) for side in ("source", "target")]
    plain = [re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:60] for name in names]
    return f"{'-against-'.join(plain)}.{kind}"


router = Router("/", route_handlers=[get_report, get_result_file], tags=["Results"])
