"""Sessions that are lost or hang: what python-oracledb would not survive, the pool does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import oracledb
import pytest

from app.oracle.errors import DatabaseUnavailableError
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.queue.conftest import Queue
from tests.queue.sockets import cut, sockets_to


@asynccontextmanager
async def sessions(settings: Settings, size: int = 1) -> AsyncIterator[OraclePool]:
    pool = OraclePool(settings, module="test-sessions", size=size)
    pool.open()
    try:
        yield pool
    finally:
        await pool.close()


def kill_sessions(queue: Queue) -> int:
    sql = "select sid, serial# from v$session where module = 'test-sessions'"
    with queue.dba.cursor() as cursor:
        found = cursor.execute(sql).fetchall()
        for sid, serial in found:
            with contextlib.suppress(oracledb.DatabaseError):
                cursor.execute(f"alter system kill session '{int(sid)},{int(serial)}' immediate")
    return len(found)


def test_killed_idle_sessions_are_replaced_without_an_error(queue: Queue) -> None:
    async def main() -> None:
        async with sessions(queue.settings, size=4) as pool:
            await asyncio.gather(*(pool.rows("a", "select 1 from dual") for _ in range(4)))
            for _ in range(5):
                assert kill_sessions(queue)
                asks = (pool.rows("b", "select 1 from dual") for _ in range(8))
                assert [len(rows) for rows in await asyncio.gather(*asks)] == [1] * 8

    asyncio.run(main())


def test_a_pool_that_is_closed_lets_calls_end_whose_callers_have_gone(queue: Queue) -> None:
    async def main() -> None:
        async with sessions(queue.settings, size=3) as pool:
            ended = []
            pool.on_call = lambda good, _: ended.append(good)
            sleep = "begin sys.dbms_session.sleep(0.5); end;"
            callers = [asyncio.ensure_future(pool.block("sleep", sleep, {})) for _ in range(3)]
            await asyncio.sleep(0.1)
            for caller in callers:
                caller.cancel()
            assert pool.opened
        assert ended == [True] * 3

    asyncio.run(main())


def test_a_session_lost_between_the_pools_look_and_ours_is_replaced(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(queue.settings.db_dsn.rpartition(":")[2].partition("/")[0])
    acquire = oracledb.AsyncConnectionPool.acquire
    losses = 0

    async def acquire_and_lose(self: oracledb.AsyncConnectionPool) -> oracledb.AsyncConnection:
        nonlocal losses
        connection = await acquire(self)
        if losses < 3:
            losses += 1
            cut(sockets_to(port) - before)
            await asyncio.sleep(0.1)  # the loop hears of it
        return connection

    before = sockets_to(port)

    async def main() -> None:
        async with sessions(queue.settings) as pool:
            monkeypatch.setattr(oracledb.AsyncConnectionPool, "acquire", acquire_and_lose)
            assert await pool.rows("a", "select 1 from dual") == [(1,)]

    asyncio.run(main())
    assert losses == 3


def test_a_call_that_takes_too_long_is_broken_off_and_its_session_replaced(queue: Queue) -> None:
    job = queue.enqueue()
    with queue.dba.cursor() as cursor:
        cursor.execute("select 1 from comparison_jobs where job_id = :id for update", {"id": job})

    async def main() -> None:
        async with sessions(replace(queue.settings, db_call_seconds=1.0)) as pool:
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailableError) as caught:
                await pool.block("a", "begin job_queue.hold(:id, 'ada'); end;", {"id": job})
            assert caught.value.code == "DPY-4024"
            assert 0.9 < time.monotonic() - began < 4.9
            assert await pool.rows("b", "select 1 from dual") == [(1,)]

    try:
        asyncio.run(main())
    finally:
        queue.dba.rollback()
    assert queue.row(job, "held") == 0
