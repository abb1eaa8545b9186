"""procrastinate's side of queue_throughput, run by the interpreter of a throw-away environment.

    python queue_procrastinate.py SOCKET_FOLDER WORKERS CONCURRENCY JOBS

Prints jobs per second from the moment all jobs are deferred until all are done. Workers are processes, warm before.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import procrastinate
import psycopg

folder, workers, concurrency, jobs = sys.argv[1], *map(int, sys.argv[2:5])
conninfo = f"host={folder} user=postgres dbname=postgres options='-c search_path=public'"
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))


@app.task(name="nothing")
async def nothing() -> None:
    """A job that does nothing."""


def count(connection: psycopg.Connection, status: str) -> int:
    found = connection.execute("select count(*) from procrastinate_jobs where status = %s", (status,))
    return found.fetchone()[0]


async def work() -> None:
    async with app.open_async():
        await app.run_worker_async(concurrency=concurrency, install_signal_handlers=True)


async def measure() -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("drop schema if exists public cascade")
        connection.execute("create schema public")
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        command = [sys.executable, __file__, *sys.argv[1:5], "work"]
        started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(workers)]
        try:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                warm = 20 * workers
                await nothing.batch_defer_async(*({} for _ in range(warm)))
                while count(connection, "succeeded") < warm:
                    await asyncio.sleep(0.05)
                await nothing.batch_defer_async(*({} for _ in range(jobs)))
                began = time.monotonic()
                while count(connection, "succeeded") < warm + jobs:
                    await asyncio.sleep(0.02)
                print(jobs / (time.monotonic() - began))
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(30)


if __name__ == "__main__":
    asyncio.run(work() if len(sys.argv) > 5 else measure())
