"""Server-sent events: one job's progress, or everything that happens, for clients without a WebSocket.

The stream is the text/event-stream of the HTML standard, section 9.2. Each `job` event carries an id; a client
that lost its connection sends the last one as `Last-Event-ID` and misses nothing. The id is the row's version
on a job's stream and the time of the change on the stream of everything, where the changes of the last seconds
before it may come again, with versions that the client knows already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Router, get
from litestar.datastructures import State
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, Parameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from app.accounts.guard import Gate, Principal, bearer_token
from app.accounts.permissions import Permission, needs
from app.accounts.tokens import TokenError
from app.envelope import errors_of
from app.jobs.live import EVENT_STREAM, EVERYTHING, Listener, LiveJobs
from app.jobs.models import JobProgress, JobStatus, is_job_id
from app.jobs.store import no_such_job
from app.oracle.dictionary import RequestError
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
FIGURES_SECONDS = 2.0
_FINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}

LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        max_length=40,
        description="The id of the last event that came; the stream goes on behind it.",
    ),
]
Figures = Callable[[], Awaitable[Any]]

_EVENTS = (
    "event: job\r\nid: 5\r\n"
    'data: {"job_id":"...","status":"RUNNING","progress":40.0,"current_step":"comparing LAT",'
    '"estimated_completion":null,"version":5,"updated_at":"2026-01-31T12:00:01Z"}\r\n\r\n'
)


def _documented(*errors: int) -> dict[int, ResponseSpec]:
    events = ResponseSpec(
        str,
        generate_examples=False,
        description="Events as they happen.",
        media_type="text/event-stream",
        examples=[Example(value=_EVENTS)],
    )
    return {200: events, **errors_of(*errors)}


@get(
    "/jobs/{job_id:str}/stream",
    opt=needs(Permission.JOBS_READ),
    summary="Follow one job",
    description="Server-sent events: `job` with its state now and at every change; the stream ends when the job "
    "does. Between events a comment comes every 15 seconds.",
    operation_id="followJob",
    tags=["Live"],
    media_type="text/event-stream",
    responses=_documented(401, 403, 404, 422),
)
async def job_stream(
    job_id: Annotated[str, Parameter(description="The job.", max_length=36)],
    request: Request[Principal, Any, Any],
    state: State,
    last_event_id: LastEventId = None,
) -> ServerSentEvent:
    """404 before the first event for an unknown job."""
    version = _version(last_event_id)
    live: LiveJobs = state.live
    listener = live.listen(EVENT_STREAM)
    try:
        if not is_job_id(job_id) or not await live.follow(listener, job_id, version):
            raise no_such_job(job_id)
        listener.confirm(job_id)
        # A job that ended before the last event that the client saw: nothing will ever come.
        ended = (await state.jobs.get(job_id)).status in _FINAL
    except BaseException:
        listener.close()
        raise
    stream = _Stream(state.gate, _proof(request), listener, by_version=True)
    return ServerSentEvent(stream.until_final(ended))


@get(
    "/dashboard/stream",
    opt=needs(Permission.DASHBOARD_READ),
    summary="Follow everything",
    description="Server-sent events: `job` at every change of any job, `metrics` (as GET /dashboard/metrics) when the "
    "figures changed, at most every two seconds. Between events a comment comes every 15 seconds.",
    operation_id="followEverything",
    tags=["Live"],
    media_type="text/event-stream",
    responses=_documented(401, 403, 422),
)
async def dashboard_stream(
    request: Request[Principal, Any, Any], state: State, last_event_id: LastEventId = None
) -> ServerSentEvent:
    """Until the client goes or its token ends."""
    since = _time(last_event_id)
    live: LiveJobs = state.live
    listener = live.listen(EVENT_STREAM)
    try:
        await live.follow_all(listener, since)
        listener.confirm(EVERYTHING)
    except BaseException:
        listener.close()
        raise
    stream = _Stream(state.gate, _proof(request), listener, by_version=False)
    return ServerSentEvent(stream.everything(lambda: state.dashboard.metrics(24)))


class _Stream:
    """One client's events. The listener is closed when the client goes."""

    def __init__(self, gate: Gate, proof: str, listener: Listener, *, by_version: bool) -> None:
        self._gate = gate
        self._proof = proof
        self._listener = listener
        self._by_version = by_version

    async def until_final(self, ended: bool) -> AsyncIterator[ServerSentEventMessage]:
        """Events of one job up to its last."""
        try:
            while True:
                async for message, change in self._news(0.1 if ended else HEARTBEAT_SECONDS):
                    yield message
                    if change is not None and change.status in _FINAL:
                        return
                if ended or not await self._still_admitted():
                    return
        finally:
            self._listener.close()

    async def everything(self, figures: Figures) -> AsyncIterator[ServerSentEventMessage]:
        """Events of all jobs, and the figures when they changed."""
        told, silent = "", 0.0
        try:
            while True:
                sent = False
                async for message, _ in self._news(FIGURES_SECONDS):
                    yield message
                    sent = True
                text = await _figures(figures)
                if text and text != told:
                    told, sent = text, True
                    yield ServerSentEventMessage(data=text, event="metrics")
                silent = 0.0 if sent else silent + FIGURES_SECONDS
                if silent >= HEARTBEAT_SECONDS:
                    silent = 0.0
                    yield ServerSentEventMessage(data=None, comment="still here")
                if not await self._still_admitted():
                    return
        finally:
            self._listener.close()

    async def _news(self, seconds: float) -> AsyncIterator[tuple[ServerSentEventMessage, JobProgress | None]]:
        """What there is within `seconds`; a comment if there is nothing on a job's stream."""
        try:
            async with asyncio.timeout(seconds):
                changes, notices = await self._listener.take()
        except TimeoutError:
            if self._by_version:
                yield ServerSentEventMessage(data=None, comment="still here"), None
            return
        for sentence in notices:
            yield ServerSentEventMessage(data=_text({"message": sentence}), event="notice"), None
        for change in sorted(changes, key=lambda one: one.updated_at):
            event_id = str(change.version) if self._by_version else change.updated_at.isoformat()
            data = _text(msgspec.structs.asdict(change))
            yield ServerSentEventMessage(data=data, event="job", id=event_id), change

    async def _still_admitted(self) -> bool:
        try:
            await self._gate.admit(self._proof, count=False)
        except TokenError:
            return False
        except OracleError as error:  # an outage ends no stream: the poller tells of it
            log.debug("stream goes on without a look at its token", code=error.code)
        return True


async def _figures(figures: Figures) -> str:
    """The figures without what changes with the clock; empty while the database is away."""
    try:
        document = msgspec.to_builtins(await figures())
    except OracleError as error:
        log.debug("no figures for the stream", code=error.code)
        return ""
    for name in ("as_of", "oldest_wait_seconds"):
        del document[name]
    return _text(document)


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _proof(request: Request[Principal, Any, Any]) -> str:
    proof = bearer_token(request)
    assert proof is not None  # the guard let the request in by it
    return proof


def _version(last_event_id: str | None) -> int:
    if not last_event_id:
        return 0
    if not (last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18):
        raise RequestError("Last-Event-ID", "it must be the id of an event of this stream, a whole number.")
    return int(last_event_id)


def _time(last_event_id: str | None) -> datetime | None:
    if not last_event_id:
        return None
    try:
        moment = datetime.fromisoformat(last_event_id)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError(
            "Last-Event-ID", "it must be the id of an event of this stream, a time."
        ) from error


router = Router("/", route_handlers=[job_stream, dashboard_stream])
