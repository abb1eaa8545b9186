"""REST: the result of a comparison piece by piece: one section of its document, pages of what differs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from litestar import Router, get
from litestar.datastructures import State
from litestar.params import Parameter
from msgspec import Meta

from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.oracle.dictionary import RequestError
from app.oracle.errors import ConflictError
from app.reports.cells import DIFFERENCES, FIXED
from app.reports.kept import FileGoneError
from app.reports.pages import Page, columns_of, page
from app.reports.routes import JobIdPath, document_of

MAX_PAGE = 1000
_MAX_KEYS = 32
_TEXT = r"^[^\x00]*$"
_OPEN_PAGES = 4
_reading = asyncio.Semaphore(_OPEN_PAGES)
"""So many pages are read at the same time by this process; others wait."""

Section = Literal[
    "summary", "columns", "schema", "samples", "compared", "ml_analysis", "workflow", "files", "critical", "cut", "repair"
]  # fmt: skip


class Mismatch(msgspec.Struct, frozen=True):
    """A cell that differs."""

    key: Annotated[dict[str, str | None], Meta(description="The key columns and their values, as texts.")]
    column: str | None
    a: Annotated[str | None, Meta(description="The value in side A as text; null for NULL.")]
    b: str | None
    change_class: str | None


class MismatchPage(msgspec.Struct, frozen=True):
    """A page of differing cells."""

    items: list[Mismatch]
    next_cursor: Annotated[
        str | None,
        Meta(
            description="Give it as `cursor` for the next page; null at the end. A page of a long file may have few "
            "items, or none, and still a cursor: it was ended to answer in time."
        ),
    ]


class RowPage(msgspec.Struct, frozen=True):
    """A page of rows that only one side has."""

    items: Annotated[list[dict[str, str | None]], Meta(description="Compared columns and values, as texts.")]
    next_cursor: Annotated[
        str | None, Meta(description="Give it as `cursor` for the next page; null at the end.")
    ]


_Limit = Annotated[int, Parameter(description="Items on a page.", ge=1, le=MAX_PAGE)]
_Cursor = Annotated[
    str | None, Parameter(description="`next_cursor` of the page before.", max_length=20, pattern="^[0-9]+$")
]
_Key = Annotated[
    list[str] | None,
    Parameter(
        description="Only rows with this in a key column, COLUMN=value; may be given several times.",
        max_items=_MAX_KEYS,
        schema_extra={"items": {"type": "string", "maxLength": 4000}},
    ),
]
_CELL = Mismatch({"ICAO": "00AK"}, "LAT", "59.94", "59.95", "rounded")


@get(
    "/jobs/{job_id:str}/results/{section:str}",
    opt=needs(Permission.JOBS_READ),
    summary="One section of the results",
    description="A part of the result document by its name. 409 until the job is COMPLETED.",
    operation_id="getResultSection",
    responses=documented(
        200, Envelope[Any], "The section.", examples.RESULTS.summary, 401, 403, 404, 409, 422
    ),
)
async def get_section(
    job_id: JobIdPath, section: Annotated[Section, Parameter(description="The part.")], state: State
) -> Envelope[Any]:
    """Null where the comparison made no such section."""
    return ok((await document_of(job_id, state))[section])


@get(
    "/jobs/{job_id:str}/mismatches",
    opt=needs(Permission.JOBS_READ),
    summary="Differing cells, page by page",
    description="Every cell that differs, column by column, with filters that must all hold. 409 until the job is "
    "COMPLETED, and if no file of the differing cells was kept.",
    operation_id="listMismatches",
    responses=documented(
        200, Envelope[MismatchPage], "A page.", MismatchPage([_CELL], "100"), 401, 403, 404, 409, 422
    ),
)
async def list_mismatches(
    job_id: JobIdPath,
    state: State,
    column: Annotated[
        str | None, Parameter(description="Only cells of this column.", max_length=128, pattern=_TEXT)
    ] = None,
    change_class: Annotated[
        str | None, Parameter(description="Only this class of change.", max_length=30, pattern=_TEXT)
    ] = None,
    a: Annotated[
        str | None,
        Parameter(description="Only cells with this text in side A.", max_length=4000, pattern=_TEXT),
    ] = None,
    b: Annotated[
        str | None,
        Parameter(description="Only cells with this text in side B.", max_length=4000, pattern=_TEXT),
    ] = None,
    key: _Key = None,
    limit: _Limit = 100,
    cursor: _Cursor = None,
) -> Envelope[MismatchPage]:
    """From the file of the job, not from its samples."""
    document = await document_of(job_id, state)
    wanted = {"column_name": column, "value_a": a, "value_b": b, "change_class": change_class}
    equal = {name: text for name, text in wanted.items() if text is not None}
    names = document["schema"]["key"]
    path = await _file(job_id, DIFFERENCES, document, state)
    if path is None:
        if any(found["different"] for found in document["columns"]):
            raise _not_kept(job_id, "differing cells")
        return ok(MismatchPage([], None))
    there = [name for name in await asyncio.to_thread(columns_of, path) if name not in FIXED]
    equal |= _key_texts(key, dict(zip(names, there, strict=True)))
    found = await _page(path, cursor, limit, equal)
    items = [
        Mismatch(
            key={name: row[kept] for name, kept in zip(names, there, strict=True)},
            column=row["column_name"],
            a=row["value_a"],
            b=row["value_b"],
            change_class=row["change_class"],
        )
        for row in found.rows
    ]
    return ok(MismatchPage(items, _next(found)))


@get(
    "/jobs/{job_id:str}/unmatched/{side:str}",
    opt=needs(Permission.JOBS_READ),
    summary="Rows of one side only, page by page",
    description="The compared columns of rows that have no partner on the other side. 409 until the job is "
    "COMPLETED, and if no file of these rows was kept.",
    operation_id="listUnmatched",
    responses=documented(
        200,
        Envelope[RowPage],
        "A page.",
        RowPage([{"ICAO": "00AL", "LAT": "34.86"}], None),
        *(401, 403, 404, 409, 422),
    ),
)
async def list_unmatched(
    job_id: JobIdPath,
    side: Annotated[Literal["a", "b"], Parameter(description="The side that has them.")],
    state: State,
    key: _Key = None,
    limit: _Limit = 100,
    cursor: _Cursor = None,
) -> Envelope[RowPage]:
    """From the file of the job, not from its samples."""
    document = await document_of(job_id, state)
    path = await _file(job_id, f"only_{side}.parquet", document, state)
    if path is None:
        if document["summary"][f"only_{side}"]:
            raise _not_kept(job_id, f"rows that only side {side.upper()} has")
        return ok(RowPage([], None))
    equal = _key_texts(key, {name: name for name in document["schema"]["key"]})
    found = await _page(path, cursor, limit, equal)
    return ok(RowPage(found.rows, _next(found)))


async def _file(job_id: str, name: str, document: dict[str, Any], state: State) -> Path | None:
    """The path of a result file; None if the job wrote none. Raises ConflictError if it is gone."""
    entry = next((entry for entry in document["files"] if entry["name"] == name), None)
    if entry is None:
        return None
    try:
        path: Path = await asyncio.to_thread(state.kept_files.find_again, job_id, entry)
    except FileGoneError as error:
        raise ConflictError(str(error), code="no-file") from error
    return path


async def _page(path: Path, cursor: str | None, limit: int, equal: Mapping[str, str]) -> Page:
    async with _reading:
        return await asyncio.to_thread(page, path, int(cursor or 0), limit, equal)


def _next(found: Page) -> str | None:
    return None if found.next_row is None else str(found.next_row)


def _key_texts(key: list[str] | None, kept: Mapping[str, str]) -> dict[str, str]:
    """The filter by key, by the names of the columns in the file. Raises RequestError."""
    texts = {}
    for given in key or []:
        name, equals, text = given.partition("=")
        if not equals or name not in kept:
            known = ", ".join(kept)
            raise RequestError("key", f"write COLUMN=value with one of the key columns {known}.")
        texts[kept[name]] = text
    return texts


def _not_kept(job_id: str, what: str) -> ConflictError:
    return ConflictError(
        f"Job {job_id} kept no file of the {what}; submit the comparison with `export`.", code="no-file"
    )


router = Router("/", route_handlers=[get_section, list_mismatches, list_unmatched], tags=["Results"])
