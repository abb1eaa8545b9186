"""The figures at the top of a dashboard, counted at most once in a while however many ask."""

from __future__ import annotations

import asyncio
import time

from litestar import Router, get
from litestar.datastructures import State

from app.accounts.permissions import Permission, needs
from app.envelope import Envelope, documented, ok
from app.jobs import examples
from app.jobs.models import DashboardMetrics
from app.jobs.store import OracleJobStorage

REMEMBER_SECONDS = 1.0


class MetricsCache:
    """One query at a time, its answer good for REMEMBER_SECONDS; the others wait for it."""

    def __init__(self, store: OracleJobStorage) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._counted: tuple[float, DashboardMetrics] | None = None

    async def get(self) -> DashboardMetrics:
        """Figures not older than REMEMBER_SECONDS. Raises OracleError."""
        async with self._lock:
            if self._counted is None or time.monotonic() - self._counted[0] > REMEMBER_SECONDS:
                figures = await self._store.metrics()
                self._counted = (time.monotonic(), figures)
            return self._counted[1]


@get(
    "/metrics",
    opt=needs(Permission.DASHBOARD_READ),
    summary="Figures of now",
    description="Jobs by status, success rate, queue depth, oldest wait and workers alive.",
    operation_id="dashboardMetrics",
    responses=documented(200, Envelope[DashboardMetrics], "The figures.", examples.METRICS, 401, 403),
)
async def metrics(state: State) -> Envelope[DashboardMetrics]:
    """At most a second old."""
    return ok(await state.dashboard.get())


router = Router("/dashboard", route_handlers=[metrics], tags=["Dashboard"])
