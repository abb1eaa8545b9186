"""One process's sessions: an asynchronous pool whose sessions say who they are and heal by themselves."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import oracledb

from app.oracle.address import security
from app.oracle.errors import (
    PACKAGE_RELOADED,
    TRANSIENT,
    DatabaseUnavailableError,
    OracleError,
    code_of,
    translate,
    worth_repeating_now,
)
from app.settings import Settings

Result = TypeVar("Result")
Connection = oracledb.AsyncConnection

# On whose behalf this task works: a user, or a job and its token. Shown in V$SESSION as the client identifier.
acting_for: ContextVar[str] = ContextVar("acting_for", default="")

_SESSION_LIFE_SECONDS = 3600
_KEEPALIVE_MINUTES = 1
_CLOSE_SECONDS = 3.0  # for calls that run when the pool is to be closed
_BREAK_SECONDS = 3.0  # for the database to stop a call that took too long
_TOO_LONG = "DPY-4024"
_CONNECT_SECONDS = 5
_ROWS_PER_ROUND_TRIP = 500
_PLAIN_IDENTIFIER = re.compile(r"^[A-Za-z][A-Za-z0-9_$#]{0,127}$")


@dataclass(frozen=True, slots=True)
class Out:
    """An OUT bind of a PL/SQL block. size: bytes of text; length: of an index-by table, 0 for one value."""

    kind: Any = oracledb.DB_TYPE_VARCHAR
    size: int = 4000
    length: int = 0


Outs = dict[str, Any]
NUMBER_OUT = Out(oracledb.DB_TYPE_NUMBER)
TEXT_OUT = Out()


def declare_timestamps(cursor: oracledb.AsyncCursor, binds: Mapping[str, Any]) -> None:
    """Bind every datetime as TIMESTAMP: left alone, the driver sends a DATE and drops the microseconds."""
    sizes = {name: oracledb.DB_TYPE_TIMESTAMP for name, value in binds.items() if isinstance(value, datetime)}
    if sizes:
        cursor.setinputsizes(**sizes)


def to_database(moment: datetime) -> datetime:
    """A time as the naive UTC that TIMESTAMP columns hold; one without a zone is UTC already."""
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:  # within a day of the ends of the calendar
        return moment.replace(tzinfo=None)


class OraclePool:
    """A small pool. Opening it never fails because the database is away: the calls do, until it is back.

    module: what V$SESSION shows as MODULE, e.g. "concord-api". size: sessions; settings.db_pool_size if None.
    Raises OracleError for a database address or an owner that can never be one.
    """

    def __init__(self, settings: Settings, *, module: str, size: int | None = None) -> None:
        if not _PLAIN_IDENTIFIER.match(settings.db_owner):
            raise OracleError(f"The owner schema {settings.db_owner!r} is not a plain Oracle name.")
        try:
            oracledb.ConnectParams(**security(settings)).parse_connect_string(settings.db_dsn)
        except oracledb.Error as error:
            raise OracleError(
                f"The database address {settings.db_dsn!r} cannot be used. {translate(error)}"
            ) from error
        self._settings = settings
        self._module = module
        self._size = size or settings.db_pool_size
        self._pool: oracledb.AsyncConnectionPool | None = None
        self._running: set[asyncio.Future[Any]] = set()  # also calls whose callers have gone
        # Told of each call whether it succeeded, and its seconds.
        self.on_call: Callable[[bool, float], None] | None = None

    def open(self) -> None:
        """Make the pool; needs a running event loop."""
        self._pool = oracledb.create_pool_async(
            user=self._settings.db_user,
            password=self._settings.db_password,
            dsn=self._settings.db_dsn,
            min=1,
            max=self._size,
            getmode=oracledb.POOL_GETMODE_TIMEDWAIT,
            wait_timeout=int(self._settings.db_acquire_seconds * 1000),
            ping_interval=-1,  # see _session; a session that ended is noticed without it
            max_lifetime_session=_SESSION_LIFE_SECONDS,
            expire_time=_KEEPALIVE_MINUTES,
            tcp_connect_timeout=_CONNECT_SECONDS,
            session_callback=self._set_up,
            **security(self._settings),
        )

    async def close(self) -> None:
        """Let running calls end, then close all sessions; no call begins any more. Safe to call twice.

        Sessions whose calls do not end in time are left to the end of the process: the driver does not survive that
        a session is closed in the middle of a call.
        """
        pool, self._pool = self._pool, None
        late: set[asyncio.Future[Any]] = set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_CLOSE_SECONDS)
        if pool is not None and not late:
            await pool.close(force=True)

    @property
    def busy(self) -> int:
        """Sessions in use now."""
        return self._pool.busy if self._pool else 0

    @property
    def opened(self) -> int:
        """Sessions open now, busy or free."""
        return self._pool.opened if self._pool else 0

    async def call(
        self,
        action: str,
        work: Callable[[Connection], Awaitable[Result]],
        *,
        idempotent: bool = False,
    ) -> Result:
        """Run `work` with a session; every statement commits (one call, one transaction).

        action: V$SESSION.ACTION. idempotent: doing it twice is the same as once (every read is).
        A dead session is met by one repetition where that is safe, a replaced package by one for each session.
        Raises OracleError and its subclasses only.
        """
        # A caller who is cancelled (a client that went away) must not leave a session in the middle of a call,
        # which the driver does not survive: the call goes on to its end by itself.
        began = time.perf_counter()
        task = asyncio.ensure_future(self._call(action, work, idempotent=idempotent))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_noticed)
        task.add_done_callback(lambda done: self._note(done, time.perf_counter() - began))
        return await asyncio.shield(task)

    def _note(self, done: asyncio.Future[Any], seconds: float) -> None:
        if self.on_call is not None:
            self.on_call(not done.cancelled() and done.exception() is None, seconds)

    async def _call(
        self, action: str, work: Callable[[Connection], Awaitable[Result]], *, idempotent: bool
    ) -> Result:
        repeated = 0
        while True:
            try:
                async with self._session(action) as connection:
                    return await self._in_time(connection, work)
            except oracledb.Error as error:
                # A package that was replaced is told to each session once, and the next session may be another.
                most = self._size if code_of(error) in PACKAGE_RELOADED else 1
                if repeated >= most or not worth_repeating_now(error, idempotent=idempotent):
                    raise translate(error) from error
                repeated += 1

    async def rows(self, action: str, sql: str, binds: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query, in one round trip if they are few.

        NUMBER comes as Decimal, CLOB as str, or already parsed where the column has an IS JSON check.
        """

        async def fetch(connection: Connection) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.arraysize = _ROWS_PER_ROUND_TRIP
                cursor.prefetchrows = _ROWS_PER_ROUND_TRIP
                declare_timestamps(cursor, binds or {})
                await cursor.execute(sql, binds or {}, fetch_lobs=False, fetch_decimals=True)
                return list(await cursor.fetchall())

        return await self.call(action, fetch, idempotent=True)

    async def block(self, action: str, sql: str, binds: dict[str, Any], *, idempotent: bool = False) -> Outs:
        """Run an anonymous PL/SQL block. Binds that are Out instances come back by name.

        One round trip, one commit (autocommit travels with the call).
        """

        async def run(connection: Connection) -> Outs:
            with connection.cursor() as cursor:
                variables = {
                    name: cursor.arrayvar(bind.kind, bind.length, bind.size)
                    if bind.length
                    else cursor.var(bind.kind, bind.size)
                    for name, bind in binds.items()
                    if isinstance(bind, Out)
                }
                declare_timestamps(cursor, binds)
                await cursor.execute(sql, {**binds, **variables})
                return {name: variable.getvalue() for name, variable in variables.items()}

        return await self.call(action, run, idempotent=idempotent)

    # python-oracledb 26.1 ends the process (SIGSEGV) when an asynchronous session that was lost a moment ago is
    # pinged by its pool, given a call_timeout, or passes one: its methods then use a transport that is None. So
    # there are no pings here, no call_timeout, and no session is touched before it was asked whether it is there.

    @asynccontextmanager
    async def _session(self, action: str) -> AsyncIterator[Connection]:
        if self._pool is None:
            raise OracleError("The database pool is not open.")
        async with await self._acquire(self._pool) as connection:
            # A pooled session keeps the marks of its last user, so all of them are set each time. They
            # travel with the next round trip and cost none of their own.
            connection.module = self._module
            connection.action = action
            # None and never "": the driver sends an empty text as a byte that its own header denies.
            connection.client_identifier = acting_for.get().encode()[:64].decode(errors="ignore") or None
            connection.autocommit = True
            yield connection

    async def _acquire(self, pool: oracledb.AsyncConnectionPool) -> Connection:
        while True:
            connection: Connection = await pool.acquire()
            if connection.is_healthy():
                return connection
            await pool.drop(connection)  # type: ignore[arg-type]

    async def _in_time(
        self, connection: Connection, work: Callable[[Connection], Awaitable[Result]]
    ) -> Result:
        """The work, broken off after CONCORD_DB_CALL_SECONDS. Raises DatabaseUnavailableError then."""
        task = asyncio.ensure_future(work(connection))
        for seconds in (self._settings.db_call_seconds, _BREAK_SECONDS):
            done, _ = await asyncio.wait({task}, timeout=seconds)
            if done and not task.cancelled():
                return task.result()
            task.cancel()  # the driver asks the database to stop; the second time it is not waited for
        await asyncio.wait({task})
        if self._pool is not None:
            await self._pool.drop(connection)  # type: ignore[arg-type]
        raise DatabaseUnavailableError(
            f"The database could not do this now: {TRANSIENT[_TOO_LONG]}.", code=_TOO_LONG, retryable=True
        )

    async def _set_up(self, connection: Connection, requested_tag: str | None) -> None:
        """Once per new session: product SQL names Concord's tables and packages without their owner. And a database
        whose language is not English sorts text by its alphabet: then no index delivers the order of a claim."""
        await connection.execute(f"alter session set current_schema = {self._settings.db_owner}")
        if not connection.is_healthy():
            raise DatabaseUnavailableError("The session was lost at once.", code="DPY-4011", retryable=True)
        await connection.execute("alter session set nls_sort = binary nls_comp = binary")


def _noticed(task: asyncio.Future[Any]) -> None:
    """An error whose caller has gone is no news to anybody; asyncio would print it as never retrieved."""
    if not task.cancelled():
        task.exception()
