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

VERSION = version("concord")


class Health(msgspec.Struct, frozen=True):
    """A sign of life."""

    status: str
    version: str


class Readiness(msgspec.Struct, frozen=True):
    """What the service needs, and how quickly it answers."""

    status: str
    database_milliseconds: float
    workers_alive: int


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
    description="200 when the database answers, Concord is installed in it and the first administrator exists.",
    security=[{}],
    operation_id="isReady",
    responses=documented(200, Envelope[Readiness], "It can serve.", Readiness("ready", 1.7, 2)),
)
async def ready(state: State) -> Envelope[Readiness] | Response[Failure]:
    """One round trip to the database."""
    if not state.started.is_set():
        return failure(503, state.starting.sentence, headers={"Retry-After": "2"})
    began = time.perf_counter()
    try:
        workers = await state.jobs.workers_alive()
    except OracleError as error:
        sentence = "Concord's database is not set up right." if error.misconfigured else error.sentence
        return failure(503, sentence, headers={"Retry-After": "2"})
    milliseconds = round((time.perf_counter() - began) * 1000, 2)
    return ok(Readiness("ready", milliseconds, workers))


router = Router("/health", route_handlers=[live, ready], tags=["Operations"])
