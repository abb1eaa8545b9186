"""What live listeners cost and how late they hear: `python -m tests.bench.api_live`.

One API process; its clients are WebSockets in a process of their own, each with a key of its own, subscribed to
everything. First they idle: CPU and memory of the API process and its calls to the database. Then rows of
COMPARISON_JOBS are changed by plain SQL, and each client notes when it hears of it: seconds from the return of the
commit to the message, both by this machine's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import httpx
import websockets

from app.settings import Settings
from tests.bench.api_process import ApiProcess, logged_in, serving
from tests.bench.queue_setup import Bench, bench

JOB_ID = "00000000-0000-4000-8000-00000000000a"


async def _listen(url: str, key: str, ready: asyncio.Semaphore, heard: list[tuple[str, float]]) -> None:
    headers = {"X-API-Key": key}
    async with websockets.connect(url, additional_headers=headers, compression=None) as socket:
        await socket.send('{"type": "subscribe", "topic": "everything"}')
        async for text in socket:
            at = time.time()
            message = json.loads(text)
            if message["type"] == "subscribed":
                ready.release()
            elif message["type"] == "job":
                heard.append((message["current_step"], at))


def _clients(url: str, keys: Sequence[str], pipe: Connection) -> None:
    """Connect, say "ready", and at each word of the other side send what was heard since."""

    async def run() -> None:
        ready, heard = asyncio.Semaphore(0), list[tuple[str, float]]()
        tasks = []
        for key in keys:
            tasks.append(asyncio.create_task(_listen(url, key, ready, heard)))
            await asyncio.wait_for(ready.acquire(), 30)
        pipe.send("ready")
        while await asyncio.to_thread(pipe.recv) != "end":
            pipe.send(heard)
            heard.clear()
        for task in tasks:
            task.cancel()

    asyncio.run(run())


def _keys(url: str, number: int) -> list[str]:
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as http:
        http.headers["Authorization"] = f"Bearer {logged_in(url)}"
        return [http.post("/api-keys", json={"label": "bench"}).json()["data"]["key"] for _ in range(number)]


def _insert_job(each: Bench) -> None:
    with each.queue.dba.cursor() as cursor:
        cursor.execute(
            "insert into concord.comparison_jobs (job_id, table_name, status, completed_at, request_config) "
            "values (:1, 'T', 'COMPLETED', sys_extract_utc(systimestamp), '{}')",
            [JOB_ID],
        )
    each.queue.dba.commit()


def _change(each: Bench, changes: int, pause: float) -> dict[str, float]:
    """When each change was committed, by its mark."""
    committed = {}
    with each.queue.dba.cursor() as cursor:
        for number in range(changes):
            mark = f"change {number}"
            cursor.execute(
                "update concord.comparison_jobs set current_step = :1 where job_id = :2", [mark, JOB_ID]
            )
            each.queue.dba.commit()
            committed[mark] = time.time()
            time.sleep(pause)
    return committed


def measure(each: Bench, api: ApiProcess, keys: Sequence[str], idle_seconds: float, changes: int) -> None:
    ours, theirs = multiprocessing.Pipe()
    url = api.url.replace("http", "ws", 1) + "/ws"
    before = api.memory_mb()
    process = multiprocessing.get_context("spawn").Process(target=_clients, args=(url, keys, theirs))
    process.start()
    try:
        assert ours.poll(300)
        ours.recv()
        memory = api.memory_mb() - before
        trips, cpu, began = api.round_trips(), api.cpu_seconds(), time.monotonic()
        time.sleep(idle_seconds)
        seconds = time.monotonic() - began
        cpu = (api.cpu_seconds() - cpu) / seconds
        trips = (api.round_trips() - trips) / seconds
        print(
            f"{len(keys):5} idle: {cpu * 100:5.1f} % of a core, {memory:6.1f} MB more than before "
            f"({memory * 1024 / len(keys):.0f} kB each), {trips:.1f} calls to the database a second",
            flush=True,
        )
        committed = _change(each, changes, 0.5)
        time.sleep(3)
        ours.send("give")
        late = sorted(at - committed[mark] for mark, at in ours.recv() if mark in committed)
        p50, p95 = (late[int(share * (len(late) - 1))] * 1000 for share in (0.5, 0.95))
        print(
            f"{len(keys):5} told: {len(late)} of {changes * len(keys)}, p50 {p50:.0f} ms, p95 {p95:.0f} ms after "
            "the commit",
            flush=True,
        )
        ours.send("end")
    finally:
        process.join(30)
        process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--idle", type=float, default=20.0, help="seconds")
    parser.add_argument("--changes", type=int, default=30)
    arguments = parser.parse_args()
    with bench() as each, serving(each.settings, each.folder / "api.log") as api:
        print(f"a look every {Settings().poll_interval} s", flush=True)
        _insert_job(each)
        keys = _keys(api.url, max(arguments.clients))
        for clients in arguments.clients:
            measure(each, api, keys[:clients], arguments.idle, arguments.changes)


if __name__ == "__main__":
    main()
