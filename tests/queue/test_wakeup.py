"""Change notification through the driver: what rings the bell, and that a dead one is noticed and made anew."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.jobs.store import OracleJobStorage
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.queue.conftest import Queue
from tests.queue.sockets import cut, sockets_to
from worker.wakeup import ChangeNotification


class Bell:
    """A ChangeNotification that runs, and the times that it rang."""

    def __init__(self, settings: Settings, ping: Callable[[], object], **options: float) -> None:
        self.rings: asyncio.Queue[None] = asyncio.Queue()
        self.modes: list[str] = []
        self.notification = ChangeNotification(
            settings,
            ping,  # type: ignore[arg-type]
            lambda: self.modes.append(self.notification.mode),
            **options,
        )
        self.task = asyncio.create_task(self.notification.run(lambda: self.rings.put_nowait(None)))

    async def until_mode(self, mode: str) -> None:
        async with asyncio.timeout(20):
            while self.notification.mode != mode:
                await asyncio.sleep(0.02)

    async def rings_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.rings.get()
        except TimeoutError:
            return False
        return True

    async def silent(self) -> None:
        """Let what was rung before arrive, and forget it."""
        while await self.rings_within(0.5):
            pass


@contextlib.asynccontextmanager
async def listening(settings: Settings, **options: float) -> AsyncIterator[Bell]:
    pool = OraclePool(settings, module="test", size=1)
    pool.open()
    storage = OracleJobStorage(pool)
    bell = Bell(settings, lambda: storage.ping("w1"), **options)
    try:
        await bell.until_mode("cqn")
        await bell.silent()
        yield bell
    finally:
        bell.task.cancel()
        await asyncio.gather(bell.task, return_exceptions=True)
        await pool.close()


def test_a_committed_job_rings_and_nothing_else_does(queue: Queue) -> None:
    async def main() -> None:
        async with listening(queue.settings) as bell:
            queue.session.autocommit = False
            job = queue.enqueue()
            assert not await bell.rings_within(0.5)  # not committed yet
            queue.session.commit()
            assert await bell.rings_within(5)
            queue.enqueue()
            queue.session.rollback()
            queue.session.autocommit = True
            queue.call("cancel", job, "ada")  # an UPDATE
            queue.register("w1")  # another table
            assert not await bell.rings_within(0.5)

    asyncio.run(main())


def test_a_deaf_subscription_is_noticed_and_made_anew(queue: Queue) -> None:
    port = int(queue.settings.db_dsn.rpartition(":")[2].partition("/")[0])

    async def main() -> None:
        before = sockets_to(port)
        async with listening(queue.settings, quiet_seconds=0.5, answer_seconds=1) as bell:
            cut(sockets_to(port) - before)
            await bell.until_mode("cqn-degraded")
            await bell.until_mode("cqn")
            assert bell.notification.subscriptions >= 2
            await bell.silent()
            queue.enqueue()
            assert await bell.rings_within(5)

    asyncio.run(main())


def test_a_doubt_is_settled_by_a_ping_without_a_new_subscription(queue: Queue) -> None:
    async def main() -> None:
        async with listening(queue.settings, quiet_seconds=600, answer_seconds=0.2) as bell:
            [(first,)] = queue.rows("select pinged_at from notification_pings")
            await asyncio.sleep(0.3)  # a doubt just after a ping is ignored
            bell.notification.doubt()
            async with asyncio.timeout(10):
                while queue.rows("select pinged_at from notification_pings") == [(first,)]:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            assert bell.notification.mode == "cqn"
            assert bell.notification.subscriptions == 1

    asyncio.run(main())


def test_a_subscription_is_renewed_before_the_database_forgets_it(queue: Queue) -> None:
    async def main() -> None:
        async with listening(queue.settings, quiet_seconds=600, renew_seconds=1) as bell:
            async with asyncio.timeout(20):
                while bell.notification.subscriptions < 3:
                    await asyncio.sleep(0.02)
            assert "cqn-degraded" not in bell.modes

    asyncio.run(main())


def test_without_a_database_it_goes_on_trying_and_says_that_it_is_degraded(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = Settings(
            home=tmp_path, db_dsn=f"127.0.0.1:{taken.getsockname()[1]}/X", db_user="U", db_password="p"
        )

        async def main() -> None:
            bell = Bell(settings, lambda: None)
            async with asyncio.timeout(20):
                while bell.notification.subscriptions < 2:
                    await asyncio.sleep(0.02)
            assert bell.notification.mode == "cqn-degraded"
            assert not bell.task.done()
            bell.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await bell.task

        asyncio.run(main())
