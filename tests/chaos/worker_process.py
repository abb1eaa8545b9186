"""A worker of the chaos: `python -m tests.chaos.worker_process [--skew SECONDS]`.

SIGUSR1 cuts the sockets of its change notification, SIGUSR2 takes every session of its pool for five seconds,
and --skew sets its clock wrong: what must not depend on it, does not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import oracledb

import worker.main
from app.oracle.pool import OraclePool
from app.settings import Settings
from tests.chaos.runners import KINDS
from tests.queue.sockets import cut, sockets_to

_HELD_SECONDS = 5.0


def skew(seconds: float) -> None:
    """Set the clock of the worker wrong by so much."""
    real_time = time.time
    time.time = lambda: real_time() + seconds


def watch_subscriptions(port: int) -> set[int]:
    """Descriptors that subscriptions open from now on."""
    opened: set[int] = set()
    subscribe: Callable[..., Any] = oracledb.Connection.subscribe

    def watched(self: oracledb.Connection, *arguments: Any, **options: Any) -> Any:
        before = sockets_to(port)
        subscription = subscribe(self, *arguments, **options)
        opened.clear()
        opened.update(sockets_to(port) - before)
        return subscription

    oracledb.Connection.subscribe = watched  # type: ignore[method-assign]
    return opened


async def exhaust(pool: OraclePool) -> None:
    """Take every session that the pool gives, and keep them for a while."""
    async with contextlib.AsyncExitStack() as held:
        sessions = pool._pool
        assert sessions is not None
        with contextlib.suppress(oracledb.Error):
            for _ in range(sessions.max):
                await held.enter_async_context(sessions.acquire())
        await asyncio.sleep(_HELD_SECONDS)


def stacks() -> str:
    """Where each task waits, down to the innermost await."""
    lines = []
    for task in asyncio.all_tasks():
        lines.append(f"task {task.get_name()}")
        link: Any = task.get_coro()
        while link is not None:
            frame = getattr(link, "cr_frame", None) or getattr(link, "gi_frame", None)
            lines.append(f"   {frame.f_code.co_filename}:{frame.f_lineno}" if frame else f"   {link!r}")
            link = getattr(link, "cr_await", None) or getattr(link, "gi_yieldfrom", None)
    return "\n".join(lines)


def main() -> int:
    """The worker's exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--skew", type=float, default=0.0)
    if seconds := parser.parse_args().skew:
        skew(seconds)
    settings = Settings.from_env()
    opened = watch_subscriptions(int(settings.db_dsn.rpartition(":")[2].partition("/")[0]))
    signal.signal(signal.SIGUSR1, lambda *_: cut(opened))

    class Watched(OraclePool):
        def open(self) -> None:
            super().open()
            tasks: set[asyncio.Task[None]] = set()
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGUSR2, lambda: tasks.add(loop.create_task(exhaust(self))))

    signal.signal(signal.SIGTRAP, lambda *_: print(stacks(), file=sys.stderr, flush=True))
    worker.main.OraclePool = Watched  # type: ignore[attr-defined,misc]
    return worker.main.run(settings, KINDS)


if __name__ == "__main__":
    sys.exit(main())
