"""Liveness (this process runs) and readiness (it can serve)."""

from __future__ import annotations

import time
from importlib.metadata import version

import msgspec
from litestar import Response, Router, get
from litestar.datastructures import State

from app.accounts.permissions import PUBLIC
from app.envelope import Envelope, Failure, documented, failure, ok
from app.oracle.errors import OracleError
from app.oracle.sources import source_files

VERSION = version("concord")
_NEWEST = max(file.name for file in source_files("schema"))


class Health(msgspec.Struct, frozen=True):
    """A sign of life."""

    status: str
    version: str


class Part(msgspec.Struct, frozen=True):
    """Something that the service needs, and how quickly it answers."""

    name: str
    ok: bool
    milliseconds: float
    finding: str


class Readiness(msgspec.Struct, frozen=True):
    """What the service needs. `status` is ready only when every part but the workers is good."""

    status: str
    parts: list[Part]


_READY = Readiness(
    "ready",
    [
        Part("database", True, 1.7, "It answers."),
        Part("schema", True, 1.9, "It is the one of this version."),
        Part("queue", True, 3.2, "3 jobs are due."),
        Part("workers", True, 1.1, "2 are alive."),
    ],
)


@get(
    "",
    opt=PUBLIC,
    security=[{}],
    operation_id="isAlive",
    summary="Liveness",
    description="200 while the process runs, whatever the database does.",
    responses=documented(200, Envelope[Health], "It runs.", Health("ok", VERSION)),
)
async def live() -> Envelope[Health]:
    """Asks nobody."""
    return ok(Health("ok", VERSION))


@get(
    "/ready",
    opt=PUBLIC,
    summary="Readiness",
    description="200 when the database answers, Concord's schema in it is the one of this version, and the first "
    "administrator exists. No workers is told, but is no reason not to take requests: jobs wait.",
    security=[{}],
    operation_id="isReady",
    responses=documented(200, Envelope[Readiness], "It can serve.", _READY),
)
async def ready(state: State) -> Envelope[Readiness] | Response[Failure]:
    """Each part is asked by itself, one after the other."""
    if not state.started.is_set():
        return failure(503, state.starting.sentence, headers={"Retry-After": "2"})
    parts = []
    try:
        for name, look in (
            ("database", _database),
            ("schema", _schema),
            ("queue", _queue),
            ("workers", _workers),
        ):
            began = time.perf_counter()
            good, finding = await look(state)
            parts.append(Part(name, good, round((time.perf_counter() - began) * 1000, 2), finding))
            if not good and name == "schema":
                return failure(503, finding, headers={"Retry-After": "60"})
    except OracleError as error:
        sentence = "Concord's database is not set up right." if error.misconfigured else error.sentence
        return failure(503, sentence, headers={"Retry-After": "2"})
    return ok(Readiness("ready", parts))


async def _database(state: State) -> tuple[bool, str]:
    await state.jobs.now()
    return True, "It answers."


async def _schema(state: State) -> tuple[bool, str]:
    """Packages and views of another version may serve for a while during an upgrade; a missing table may not."""
    sql = "select max(file_name) from schema_migrations where status = 'DONE' and file_name like 'schema/%'"
    installed = (await state.pool.rows("schema version", sql))[0][0] or ""
    if installed < _NEWEST:
        return False, "The schema in the database is older than this program: run `concord db upgrade`."
    return True, "It is the one of this version." if installed == _NEWEST else "It is of a newer version."


async def _queue(state: State) -> tuple[bool, str]:
    depth = (await state.dashboard.metrics(24)).queue_depth
    return True, "1 job is due." if depth == 1 else f"{depth:,} jobs are due."


async def _workers(state: State) -> tuple[bool, str]:
    alive = await state.jobs.workers_alive()
    return alive > 0, "1 is alive." if alive == 1 else f"{alive} are alive."


router = Router("/health", route_handlers=[live, ready], tags=["Operations"])
