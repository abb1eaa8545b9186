"""How a worker hears of new jobs: by change notification (cqn), or not at all (poll).

Polling is always on; this only shortens the wait. The driver's listener can die without a word (its socket was
cut, the database restarted, a callback raised), so the subscription is proven: when nothing was heard for a while
the worker inserts a row that must be announced (JOB_QUEUE.PING), and a deaf subscription is made anew.

python-oracledb 26.1 in thin mode: subscriptions need a synchronous connection and `client_initiated=True`; each
opens a second connection that lives as long as it does; only INSERTs are asked for, as every update by every
worker would otherwise wake every worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import oracledb
import structlog

from app.oracle.address import security
from app.oracle.errors import OracleError, code_of, translate
from app.settings import Settings
from worker.pacing import Pause

log = structlog.get_logger("worker")

_CONNECT_SECONDS = 5
_CALL_MILLISECONDS = 10_000
_SUBSCRIBE_SECONDS = 30.0  # after which a subscription that does not come about is given up
_RETRY_SECONDS = (1.0, 60.0)
_REGISTRATION_SECONDS = 3600  # the database forgets a registration that nobody renews


class Bell(Protocol):
    """Rings when there may be new jobs. It may miss some and may ring for nothing."""

    @property
    def mode(self) -> str:
        """As WORKERS.WAKEUP_MODE tells it: poll, cqn, or cqn-degraded while notification is down."""

    async def run(self, ring: Callable[[], None]) -> None:
        """Listen and call `ring` until cancelled. Never raises on database errors."""

    def doubt(self) -> None:
        """Work was found that the bell had not announced."""


class NoBell:
    """Nothing is announced: the worker polls."""

    mode = "poll"

    async def run(self, ring: Callable[[], None]) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()

    def doubt(self) -> None:
        """Nothing was promised."""


class ChangeNotification:
    """Notified by the database of rows inserted into COMPARISON_JOBS.

    ping: inserts into NOTIFICATION_PINGS. changed: called when `mode` has changed. quiet_seconds: silence after
    which the subscription is tested. answer_seconds: how soon a ping must be heard. renew_seconds: age at which
    a subscription is replaced.
    """

    def __init__(
        self,
        settings: Settings,
        ping: Callable[[], Awaitable[None]],
        changed: Callable[[], None],
        *,
        quiet_seconds: float = 60.0,
        answer_seconds: float = 5.0,
        renew_seconds: float = _REGISTRATION_SECONDS / 2,
    ) -> None:
        self._settings = settings
        self._ping = ping
        self._changed = changed
        self._quiet_seconds = quiet_seconds
        self._answer_seconds = answer_seconds
        self._renew_seconds = renew_seconds
        self._mode = "cqn-degraded"
        self._heard = asyncio.Event()
        self._doubted = asyncio.Event()
        self._pinged_at = 0.0
        self.subscriptions = 0  # made so far
        self.trouble: OracleError | None = None  # why there is no subscription now

    @property
    def mode(self) -> str:
        """cqn once a notification has been heard, cqn-degraded until then and whenever it fails."""
        return self._mode

    def doubt(self) -> None:
        """Test the subscription now, unless that was just done."""
        if time.monotonic() > self._pinged_at + self._answer_seconds:
            self._doubted.set()

    async def run(self, ring: Callable[[], None]) -> None:
        """Subscribe, test, renew, subscribe again: until cancelled."""
        pause = Pause(*_RETRY_SECONDS)
        old: _Subscription | None = None
        told = False  # that there is no notification: once an outage
        try:
            while True:
                try:
                    new = await self._subscribe(ring)
                except OracleError as error:
                    self.trouble = error
                    self._set_mode("cqn-degraded")
                    say = log.debug if told else log.warning
                    say("no change notification; polling", error=str(error), code=error.code)
                    told = True
                else:
                    if old is not None:
                        old.end()
                    old, told, self.trouble = new, False, None
                    ring()  # what came while nobody listened
                    if await self._watch():
                        pause.reset()
                        continue
                    self._set_mode("cqn-degraded")
                    log.warning("change notification went silent; subscribing again")
                await asyncio.sleep(pause.seconds())
        finally:
            if old is not None:
                old.end()

    async def _subscribe(self, ring: Callable[[], None]) -> _Subscription:
        loop = asyncio.get_running_loop()

        def hear(message: Any) -> None:
            # On the driver's thread, where an exception would end all listening.
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._hear, message, ring)

        subscription = _Subscription(self._settings, hear)
        self.subscriptions += 1
        try:
            async with asyncio.timeout(_SUBSCRIBE_SECONDS):
                await subscription.started()
        except TimeoutError:
            subscription.end()
            raise OracleError("The subscription did not come about in time.") from None
        return subscription

    def _hear(self, message: Any, ring: Callable[[], None]) -> None:
        if message.type == oracledb.EVENT_DEREG:
            self._doubted.set()
            return
        self._heard.set()
        if any(table.name.upper().endswith("COMPARISON_JOBS") for table in message.tables):
            ring()

    async def _watch(self) -> bool:
        """Until the subscription is due for renewal (True) or deaf (False)."""
        renew_at = time.monotonic() + self._renew_seconds
        while time.monotonic() < renew_at:
            if not await self._answers():
                return False
            self._set_mode("cqn")
            self._doubted.clear()
            await self._until_quiet(renew_at)
        return True

    async def _answers(self) -> bool:
        self._heard.clear()
        self._pinged_at = time.monotonic()
        try:
            await self._ping()
            async with asyncio.timeout(self._answer_seconds):
                await self._heard.wait()
        except OracleError as error:
            log.debug("ping failed", error=str(error), code=error.code)
            return False
        except TimeoutError:
            return False
        return True

    async def _until_quiet(self, renew_at: float) -> None:
        """Wait until nothing was heard for the quiet time, or somebody doubts. One ping serves all workers:
        those that hear it stay quiet themselves."""
        while not self._doubted.is_set():
            self._heard.clear()
            quiet = self._quiet_seconds * (1 + random.random() / 2)
            wait = min(quiet, max(renew_at - time.monotonic(), 0))
            heard = asyncio.ensure_future(self._heard.wait())
            doubted = asyncio.ensure_future(self._doubted.wait())
            done, pending = await asyncio.wait({heard, doubted}, timeout=wait, return_when="FIRST_COMPLETED")
            for future in pending:
                future.cancel()
            if heard not in done:
                return

    def _set_mode(self, mode: str) -> None:
        if mode != self._mode:
            self._mode = mode
            log.info("wake-up mode", mode=mode)
            self._changed()


class _Subscription:
    """One subscription with its connection, on a thread of its own: none of its calls can hold up the loop.

    The thread is a daemon, as the driver's own listener is: neither can keep the process from ending.
    """

    def __init__(self, settings: Settings, hear: Callable[[Any], None]) -> None:
        self._settings = settings
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._result: asyncio.Future[None] = self._loop.create_future()
        self._end = threading.Event()
        threading.Thread(target=self._live, name="change-notification", daemon=True).start()

    async def started(self) -> None:
        """Wait until it listens. Raises OracleError."""
        await asyncio.shield(self._result)

    def end(self) -> None:
        """Stop listening soon; returns at once."""
        self._end.set()

    def _live(self) -> None:
        try:
            connection = self._connect()
        except oracledb.Error as error:
            return self._tell(translate(error))
        try:
            subscription = self._subscribe(connection)
        except oracledb.Error as error:
            self._tell(translate(error))
            with contextlib.suppress(oracledb.Error):
                connection.close()
            return None
        self._tell(None)
        self._end.wait()
        try:
            connection.unsubscribe(subscription)
            connection.close()
        except (oracledb.Error, AttributeError) as error:
            # It may be dead: that is why it is ended. The database forgets the registration by itself. (The
            # driver takes a deregistered subscription apart, hence the AttributeError.)
            code = code_of(error) if isinstance(error, oracledb.Error) else "deregistered"
            log.debug("subscription not ended in order", code=code)
        return None

    def _connect(self) -> oracledb.Connection:
        connection = oracledb.connect(
            user=self._settings.db_user,
            password=self._settings.db_password,
            dsn=self._settings.db_dsn,
            tcp_connect_timeout=_CONNECT_SECONDS,
            expire_time=1,
            events=True,
            **security(self._settings),
        )
        connection.call_timeout = _CALL_MILLISECONDS
        connection.module = "concord-worker"
        connection.action = "change notification"
        return connection

    def _subscribe(self, connection: oracledb.Connection) -> oracledb.Subscription:
        owner = self._settings.db_owner
        subscription: oracledb.Subscription = connection.subscribe(
            callback=self._hear,
            operations=oracledb.OPCODE_INSERT,
            timeout=_REGISTRATION_SECONDS,
            client_initiated=True,
        )
        subscription.registerquery(f"select job_id from {owner}.comparison_jobs")
        subscription.registerquery(f"select worker_id from {owner}.notification_pings")
        return subscription

    def _tell(self, error: OracleError | None) -> None:
        def tell() -> None:
            if self._result.done():
                return
            if error is None:
                self._result.set_result(None)
            else:
                self._result.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop has closed: the worker is leaving
            self._loop.call_soon_threadsafe(tell)
