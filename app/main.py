"""The API process: create_app() puts the parts together, serve() runs them."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.types import Receive, Scope, Send

from app.accounts import audit_routes, keys, signing_routes, users
from app.accounts import routes as account_routes
from app.accounts.audit import AuditStore
from app.accounts.first import ensure_administrator
from app.accounts.guard import Gate, require_permission
from app.accounts.logins import LoginStore
from app.accounts.passwords import PasswordRuleError, check_rules, prepare
from app.accounts.presence import Presence
from app.accounts.signing import SigningKeys
from app.accounts.store import AccountStore
from app.accounts.tokens import Tokens
from app.connections import routes as connection_routes
from app.connections.catalog import Catalog, Places
from app.dashboard import routes as dashboard_routes
from app.dashboard.routes import Dashboard
from app.dashboard.store import DashboardStore
from app.envelope import EXCEPTION_HANDLERS
from app.jobs import actions, queues, stream, submit
from app.jobs import routes as job_routes
from app.jobs.live import EVENT_STREAM, WEBSOCKET, LiveJobs
from app.jobs.socket import job_socket
from app.jobs.store import OracleJobStorage
from app.jobs.system import SystemFeed
from app.ops import health
from app.ops.edge import Edge
from app.ops.logs import configure_logging
from app.ops.metrics import Metrics, metrics
from app.ops.server import listen, server_of
from app.oracle.errors import OracleError
from app.oracle.pool import OraclePool
from app.profiles import routes as profile_routes
from app.profiles.store import ProfileStorage
from app.reports import mismatches
from app.reports import routes as report_routes
from app.reports.kept import KeptFiles
from app.schedules import routes as schedule_routes
from app.schedules.store import ScheduleStorage
from app.settings import Settings, SettingsError
from app.web.docs import docs_config, static_router
from app.web.schema import StrictStructPlugin

log = structlog.get_logger(__name__)

_FIRST_BACK_OFF_SECONDS = 0.5
_MAX_BACK_OFF_SECONDS = 10.0
_TIDY_SECONDS = 3600
_KEEP_LOGINS_DAYS = 30
_PURGE_BATCH = 1000


@dataclass
class Starting:
    """Why the service is not ready yet. Written by the start-up task, read by the readiness route."""

    sentence: str = "The service is starting."


class ConcordApi(Litestar):
    """The application, with the edge around everything it does, also around what no route takes."""

    edge: Edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        await self.edge(scope, receive, send)


def create_app(settings: Settings) -> Litestar:
    """The Litestar application. It starts whether or not the database is there.

    Raises SettingsError if the signing secret cannot be kept, OracleError for a database address or owner
    that cannot be one, and RuntimeError if a route names no permission.
    """
    settings = settings.with_jwt_secret()
    pool = OraclePool(settings, module="concord-api")
    jobs, logins = OracleJobStorage(pool), LoginStore(pool)
    signing_keys = SigningKeys(pool, settings.jwt_secrets)
    tokens = Tokens(signing_keys, timedelta(minutes=settings.access_token_minutes))
    gate = Gate(tokens, logins, settings.requests_per_minute)
    presence = Presence(gate, settings.live_connections_per_user)
    live, measured = LiveJobs(jobs, settings.poll_interval, SystemFeed(pool).standing), Metrics()
    state = State(
        {
            "jobs": jobs,
            "kept_files": KeptFiles(settings.results),
            "profiles": ProfileStorage(pool),
            "schedules": ScheduleStorage(pool),
            "pool": pool,
            "accounts": AccountStore(pool),
            "logins": logins,
            "audit": AuditStore(pool),
            "session_seconds": settings.session_hours * 3600,
            "catalog": Catalog.of(settings, pool, Places(settings.files, queries=bool(settings.query_user))),
            "tokens": tokens,
            "signing_keys": signing_keys,
            "gate": gate,
            "presence": presence,
            "live": live,
            "dashboard": Dashboard(DashboardStore(pool)),
            "metrics": measured,
            "started": asyncio.Event(),
            "starting": Starting(),
        }
    )
    measured.watch("concord_database_sessions", "Sessions open in the pool.", lambda: pool.opened)
    measured.watch("concord_database_sessions_busy", "Sessions in use.", lambda: pool.busy)
    measured.watch("concord_websocket_clients", "WebSocket clients connected.", lambda: live.count(WEBSOCKET))
    measured.watch("concord_sse_clients", "Event streams open.", lambda: live.count(EVENT_STREAM))
    pool.on_call = lambda good, seconds: measured.database_calls.labels("good" if good else "failed").observe(
        seconds
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        pool.open()
        work = (_start(state, settings), live.run(), presence.run(), _tidy_logins(state))
        tasks = [asyncio.create_task(task) for task in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await pool.close()

    api = Router(
        "/api/v1",
        route_handlers=[
            account_routes.router,
            users.router,
            keys.router,
            signing_routes.router,
            audit_routes.router,
            submit.router,
            actions.router,
            job_routes.router,
            queues.router,
            stream.router,
            report_routes.router,
            mismatches.router,
            schedule_routes.router,
            profile_routes.router,
            connection_routes.router,
            dashboard_routes.router,
            health.router,
        ],
    )
    app = ConcordApi(
        route_handlers=[api, job_socket, metrics, static_router()],
        guards=[require_permission],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=docs_config(health.VERSION),
        plugins=[StrictStructPlugin()],
        cors_config=_cors(settings.cors_origins.split()),
        request_max_body_size=settings.max_body_bytes,
        state=state,
        lifespan=[lifespan],
        logging_config=None,
    )
    _check_every_route_is_guarded(app)
    app.edge = Edge(super(ConcordApi, app).__call__, measured, settings.max_requests_at_once)
    return app


async def _start(state: State, settings: Settings) -> None:
    """Wait for the database as long as it takes, say why once, and make the first administrator."""
    await prepare()
    back_off = _FIRST_BACK_OFF_SECONDS
    while True:
        try:
            await ensure_administrator(state.accounts, settings)
        except OracleError as error:
            if state.starting.sentence != error.sentence:
                state.starting.sentence = error.sentence
                log.warning("waiting for the database", dsn=settings.db_dsn, reason=error.sentence)
            await asyncio.sleep(back_off * random.uniform(0.8, 1.2))
            back_off = min(back_off * 2, _MAX_BACK_OFF_SECONDS)
        else:
            state.started.set()
            log.info("ready", dsn=settings.db_dsn)
            return


def _cors(origins: list[str]) -> CORSConfig | None:
    """Who may call from pages of another origin: nobody unless named. Tokens travel in headers, never in cookies."""
    if not origins:
        return None
    exposed = ["X-Request-ID", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]
    return CORSConfig(
        allow_origins=origins,
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID", "Idempotency-Key"],
        allow_credentials=False,
        expose_headers=[*exposed, "Idempotent-Replayed"],
        max_age=600,
    )


async def _tidy_logins(state: State) -> None:
    """Every hour: delete what is left of logins that ended long ago. Several processes may do so at once."""
    await state.started.wait()
    while True:
        try:
            while await state.logins.purge(_KEEP_LOGINS_DAYS, _PURGE_BATCH) >= _PURGE_BATCH:
                await asyncio.sleep(0.1)
        except OracleError as error:
            log.warning("logins not tidied", code=error.code, reason=error.sentence)
        await asyncio.sleep(_TIDY_SECONDS * random.uniform(0.9, 1.1))


def _check_every_route_is_guarded(app: Litestar) -> None:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", None) or [route.route_handler]:  # type: ignore[union-attr]
            methods: set[str] = getattr(handler, "http_methods", set())
            if "OPTIONS" in methods and len(methods) == 1:
                handler.opt.setdefault("public", True)
            if not handler.opt.get("public") and "permission" not in handler.opt:
                raise RuntimeError(f"{route.path} names no permission and is not public")


def serve(settings: Settings) -> int:
    """Run the API until SIGTERM or Ctrl-C; the exit status. Says in one sentence why it cannot start."""
    configure_logging(settings)
    try:
        if settings.admin_password:
            check_rules(settings.admin_password)
        app = create_app(settings)
        listening = listen(settings.host, settings.port)
    except PasswordRuleError as error:
        return _fail(f"CONCORD_ADMIN_PASSWORD cannot be used. {error}")
    except (SettingsError, OracleError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(
            f"The API cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another port with CONCORD_PORT."
        )
    host, port = listening.getsockname()[:2]
    log.info("listening", url=f"http://{host}:{port}", docs=f"http://{host}:{port}/docs")
    # uvicorn shuts down in order and then raises the signal again; by then there is nothing left to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with listening, suppress(KeyboardInterrupt):
        server = server_of(app, settings.trusted_proxies.split())
        server.run(sockets=[listening])
        return 0 if server.started else 1
    return 0


def _fail(sentence: str) -> int:
    sys.stderr.write(f"concord: {sentence}\n")
    return 1
