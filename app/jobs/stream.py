"""Server-sent events: one job's progress, or everything that happens, for clients without a WebSocket.

The stream is the text/event-stream of the HTML standard, section 9.2. Each `job` event carries an id; a client
that lost its connection sends the last one as `Last-Event-ID` and misses nothing. The id is the row's version
on a job's stream and the time of the change on the stream of everything, where the changes of the last seconds
before it may come again, with versions that the client knows already.
"""

from __future__ import annotations

import asyncio
import weakref
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

from app.accounts.guard import Principal
from app.accounts.permissions import Permission, needs
from app.accounts.presence import Presence, Visit
from app.envelope import errors_of
from app.jobs.listener import EVERYTHING, Listener, Update, job_topic
from app.jobs.live import EVENT_STREAM, LiveJobs
from app.jobs.models import JobProgress, JobStatus, is_job_id
from app.jobs.store import no_such_job
from app.oracle.dictionary import RequestError
from app.oracle.errors import OracleError

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 15.0
TICK_SECONDS = 2.0
_STILL_HERE = ServerSentEventMessage(data=None, comment="still here")
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
    'data: {"type":"job","job_id":"...","kind":"COMPARE","table_name":"DEMO.AIRPORTS_PROD","submitted_by":"ann",'
    '"status":"RUNNING","progress":40.0,"current_step":"comparing LAT","attempt":1,"estimated_completion":null,'
    '"match_percentage":null,"error":null,"version":5,"updated_at":"2026-01-31T12:00:01Z"}\r\n\r\n'
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
    responses=_documented(401, 403, 404, 422, 429),
)
async def job_stream(
    job_id: Annotated[str, Parameter(description="The job.", max_length=36)],
    request: Request[Principal, Any, Any],
    state: State,
    last_event_id: LastEventId = None,
) -> ServerSentEvent:
    """404 before the first event for an unknown job."""
    version = _version(last_event_id)
    stream = _Stream(request.user, state)
    try:
        if not is_job_id(job_id) or not await stream.live.follow_job(stream.listener, job_id, version):
            raise no_such_job(job_id)
        stream.listener.confirm(job_topic(job_id))
        # A job that ended before the last event that the client saw: nothing will ever come.
        ended = (await state.jobs.get(job_id)).status in _FINAL
    except BaseException:
        stream.close()
        raise
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
    responses=_documented(401, 403, 422, 429),
)
async def dashboard_stream(
    request: Request[Principal, Any, Any], state: State, last_event_id: LastEventId = None
) -> ServerSentEvent:
    """Until the client goes or its token ends."""
    since = _time(last_event_id)
    stream = _Stream(request.user, state)
    try:
        await stream.live.follow(stream.listener, EVERYTHING, since)
        stream.listener.confirm(EVERYTHING)
    except BaseException:
        stream.close()
        raise
    return ServerSentEvent(stream.everything(lambda: state.dashboard.metrics(24)))


class _Stream:
    """One client's events. It is closed when the client goes, also when he goes before the first event.

    Raises TooManyAttemptsError and BusyError.
    """

    def __init__(self, user: Principal, state: State) -> None:
        presence: Presence = state.presence
        self.live: LiveJobs = state.live
        self._visit = presence.enter(user)
        self.listener = self.live.listen(EVENT_STREAM)
        self._silent = 0.0
        self.close = weakref.finalize(self, _close, presence, self._visit, self.listener)

    async def until_final(self, ended: bool) -> AsyncIterator[ServerSentEventMessage]:
        """Events of one job up to its last."""
        try:
            while True:
                for update in await self._news(0.1 if ended else TICK_SECONDS):
                    yield self._told(_event_of(update, by_version=True))
                    if _is_final(update):
                        return
                if ended or self._visit.ended:
                    return
                if self._silent >= HEARTBEAT_SECONDS:
                    yield self._told(_STILL_HERE)
        finally:
            self.close()

    async def everything(self, figures: Figures) -> AsyncIterator[ServerSentEventMessage]:
        """Events of all jobs, and the figures when they changed."""
        told = ""
        try:
            while not self._visit.ended:
                for update in await self._news(TICK_SECONDS):
                    yield self._told(_event_of(update, by_version=False))
                text = await _figures(figures)
                if text and text != told:
                    told = text
                    yield self._told(ServerSentEventMessage(data=text, event="metrics"))
                if self._silent >= HEARTBEAT_SECONDS:
                    yield self._told(_STILL_HERE)
        finally:
            self.close()

    async def _news(self, seconds: float) -> list[Update | str]:
        """What there is within `seconds`: notices, then jobs by the time of their change."""
        if self._visit.seconds_left <= 0:
            self._visit.end("The token has expired.")
        try:
            async with asyncio.timeout(seconds):
                news = await self.listener.take()
        except TimeoutError:
            self._silent += seconds
            return []
        return [*news.notices, *sorted(news.updates, key=lambda update: _job_of(update).updated_at)]

    def _told(self, message: ServerSentEventMessage) -> ServerSentEventMessage:
        self._silent = 0.0
        return message


def _close(presence: Presence, visit: Visit, listener: Listener) -> None:
    presence.leave(visit)
    listener.close()


def _event_of(update: Update | str, *, by_version: bool) -> ServerSentEventMessage:
    if isinstance(update, str):
        return ServerSentEventMessage(data=_text({"message": update}), event="notice")
    event_id = str(update.version) if by_version else _job_of(update).updated_at.isoformat()
    return ServerSentEventMessage(data=update.text, event="job", id=event_id)


def _is_final(update: Update | str) -> bool:
    return isinstance(update, Update) and _job_of(update).status in _FINAL


def _job_of(update: Update) -> JobProgress:
    assert isinstance(update.state, JobProgress)  # streams follow jobs only
    return update.state


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
