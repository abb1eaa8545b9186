"""The dashboard over REST: figures, trends, activity. Counted at most once in a while however many ask."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from litestar import Router, get
from litestar.datastructures import State
from litestar.params import Parameter

from app.accounts.permissions import Permission, needs
from app.dashboard import examples
from app.dashboard.models import ActivityPage, DashboardMetrics, Step, Trends
from app.dashboard.store import DashboardStore
from app.dashboard.trends import bounds, points
from app.envelope import Envelope, documented, ok
from app.jobs.listing import CursorError
from app.oracle.dictionary import RequestError

REMEMBER_SECONDS = 1.0
MAX_HOURS = 24 * 366
MAX_POINTS = 400
_MAX_REMEMBERED = 64


class Remembered:
    """What was counted a moment ago. One count at a time of each sort; the others wait for its answer."""

    def __init__(self, seconds: float = REMEMBER_SECONDS) -> None:
        self._seconds = seconds
        self._answers: OrderedDict[Any, tuple[float, Any]] = OrderedDict()
        self._locks: dict[Any, asyncio.Lock] = {}

    async def get(self, key: Any, count: Callable[[], Awaitable[Any]]) -> Any:
        """The answer to `key`, at most `seconds` old. What `count` raises comes out; nothing is kept of it."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            known = self._answers.get(key)
            if known is None or time.monotonic() - known[0] > self._seconds:
                answer = await count()
                self._answers[key] = known = (time.monotonic(), answer)
                self._answers.move_to_end(key)
        while len(self._answers) > _MAX_REMEMBERED:
            oldest, _ = self._answers.popitem(last=False)
            self._locks.pop(oldest, None)
        return known[1]


class Dashboard:
    """The figures of one process."""

    def __init__(self, store: DashboardStore) -> None:
        self._store = store
        self._remembered = Remembered()

    async def metrics(self, hours: int) -> DashboardMetrics:
        """At most a second old. Raises OracleError."""
        figures: DashboardMetrics = await self._remembered.get(
            ("metrics", hours), lambda: self._store.metrics(hours)
        )
        return figures

    async def trends(self, step: Step, count: int, zone: ZoneInfo) -> Trends:
        """The last `count` buckets. Raises OracleError."""
        ends = bounds(datetime.now(UTC), step, count, zone)
        quarters = await self._remembered.get(
            ("trends", ends[0], ends[-1]), lambda: self._store.quarters(ends[0], ends[-1])
        )
        return Trends(step=step, timezone=zone.key, points=points(ends, quarters, zone))

    async def activity(self, cursor: str | None, limit: int) -> ActivityPage:
        """A page of the feed. Raises OracleError and CursorError."""
        place = None if cursor is None else _unpack(cursor)
        found = await self._store.activity(place, limit + 1)
        items = found[:limit]
        more = len(found) > limit
        return ActivityPage(
            items=items,
            next_cursor=_pack(items[-1].at, items[-1].job_id, items[-1].event) if more else None,
        )


@get(
    "/metrics",
    opt=needs(Permission.DASHBOARD_READ),
    summary="Figures of now and of a window",
    description="Jobs by status, queue depth, oldest wait and workers alive as they stand; what finished within "
    "the window, what finished within the one before, and the change. At most a second old.",
    operation_id="dashboardMetrics",
    responses=documented(200, Envelope[DashboardMetrics], "The figures.", examples.METRICS, 401, 403, 422),
)
async def metrics(
    state: State,
    window_hours: Annotated[
        int, Parameter(description="Length of the window, hours.", ge=1, le=MAX_HOURS)
    ] = 24,
) -> Envelope[DashboardMetrics]:
    """A hundred dashboards cost one count."""
    return ok(await state.dashboard.metrics(window_hours))


@get(
    "/trends",
    opt=needs(Permission.DASHBOARD_READ),
    summary="Trends",
    description="What finished per hour, day or week of a time zone; buckets without jobs are there too.",
    operation_id="dashboardTrends",
    responses=documented(200, Envelope[Trends], "The buckets, oldest first.", examples.TRENDS, 401, 403, 422),
)
async def trends(
    state: State,
    step: Annotated[Step, Parameter(description="Width of a bucket.")] = Step.HOUR,
    count: Annotated[int, Parameter(description="Number of buckets.", ge=1, le=MAX_POINTS)] = 24,
    timezone: Annotated[
        str, Parameter(description="IANA name, e.g. Europe/Vienna.", max_length=64, pattern=r"^[^\x00]*$")
    ] = "UTC",
) -> Envelope[Trends]:
    """The last bucket is the one of now."""
    return ok(await state.dashboard.trends(step, count, _zone(timezone)))


@get(
    "/activity",
    opt=needs(Permission.DASHBOARD_READ),
    summary="What happened last",
    description="Jobs submitted, completed, failed and cancelled, newest first.",
    operation_id="dashboardActivity",
    responses=documented(
        200, Envelope[ActivityPage], "A page of the feed.", examples.ACTIVITY, 401, 403, 422
    ),
)
async def activity(
    state: State,
    limit: Annotated[int, Parameter(description="Lines on a page.", ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Parameter(description="`next_cursor` of the page before.", max_length=400)
    ] = None,
) -> Envelope[ActivityPage]:
    """Pages follow a cursor: what happens meanwhile neither repeats nor hides lines."""
    return ok(await state.dashboard.activity(cursor, limit))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise RequestError("timezone", f"there is no time zone {name!r}.") from error


def _pack(at: datetime, job_id: str, event: str) -> str:
    packed = msgspec.json.encode((at, job_id, event))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _unpack(cursor: str) -> tuple[datetime, str, str]:
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, job_id, event = msgspec.json.decode(packed, type=tuple[datetime, str, str])
        return at.astimezone(UTC), job_id, event
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise CursorError("`cursor` is not one that this feed gave out.") from error


router = Router("/dashboard", route_handlers=[metrics, trends, activity], tags=["Dashboard"])
