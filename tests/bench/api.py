"""Requests per second and their times, beside a bare route: `python -m tests.bench.api`.

100,000 jobs stand in the table. `concord serve` runs once, then twice; a client in a process of its own sends
requests over connections that stay open, each as soon as the answer to the one before has come. The bare route is
a Litestar handler that returns a small struct, under the same server, with neither login nor database: what the
framework costs by itself. All of it shares the machine with the client and the local database.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import msgspec
from litestar import Litestar, get

from app.ops.server import listen, server_of
from tests.bench.api_process import logged_in, serving
from tests.bench.queue_setup import Bench, bench

_COLUMNS = "create table demo_api.{} (id number(9) primary key, name varchar2(40 char))"


class Small(msgspec.Struct):
    """What the bare route answers."""

    success: bool = True
    message: str = ""


@get("/bare")
async def bare() -> Small:
    """Nothing but the framework."""
    return Small()


def run_bare() -> None:
    """The bare route under the product's server; prints its address."""
    with listen("127.0.0.1", 0) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        server_of(Litestar([bare], openapi_config=None, logging_config=None)).run(sockets=[listening])


@contextmanager
def bare_process() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.api", "--bare"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(30)


def fill(each: Bench, jobs: int) -> list[str]:
    """Finished jobs, and two small tables to compare; some ids."""
    dba = each.queue.dba
    ids = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in range(jobs)]
    statuses = ("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "CANCELLED")
    with dba.cursor() as cursor:
        for first in range(0, jobs, 2000):
            rows = [
                (job_id, f"SALES.T{number % 100}", statuses[number % 5], f"user{number % 20}")
                for number, job_id in enumerate(ids[first : first + 2000])
            ]
            cursor.executemany(
                """insert into concord.comparison_jobs
                     (job_id, table_name, status, submitted_by, completed_at, match_percentage, request_config)
                   values (:1, :2, :3, :4, sys_extract_utc(systimestamp), 99.5, '{"engine": "auto"}')""",
                rows,
            )
            dba.commit()
        cursor.execute('create user demo_api identified by "Demo-Api-1" quota unlimited on users')
        for name in ("parts_a", "parts_b"):
            cursor.execute(_COLUMNS.format(name))
            cursor.execute(f"grant select on demo_api.{name} to {each.settings.db_user}")
    return random.Random(7).sample(ids, min(jobs, 1000))


async def _client(url: str, requests: Iterator[bytes], end: float, seconds: list[float]) -> None:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(next(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if status >= 400:
                raise RuntimeError(f"{status}: {body[:300]!r}")
            seconds.append(time.perf_counter() - began)
    finally:
        writer.close()


def _load(urls: Sequence[str], requests: Sequence[bytes], clients: int, seconds: float) -> list[float]:
    async def run(duration: float) -> list[float]:
        taken: list[float] = []
        turns = itertools.cycle(requests)
        end = time.perf_counter() + duration
        await asyncio.gather(*(_client(urls[n % len(urls)], turns, end, taken) for n in range(clients)))
        return taken

    asyncio.run(run(min(1.0, seconds)))  # warm
    return asyncio.run(run(seconds))


def measure(urls: Sequence[str], requests: Sequence[bytes], clients: int, seconds: float) -> list[float]:
    """Seconds of each request, from a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_load, (urls, requests, clients, seconds))


def _request(method: str, path: str, token: str = "", body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += ["Content-Type: application/json"] if content else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def _say(name: str, taken: Sequence[float], duration: float, base: float) -> float:
    ordered = sorted(taken)
    rate = len(ordered) / duration
    median, p99 = (ordered[int(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.99))
    share = f"{rate / base:6.1%} of bare" if base else ""
    print(f"{name:38}{rate:8.0f} /s   p50 {median:7.1f} ms   p99 {p99:7.1f} ms   {share}", flush=True)
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--bare", action="store_true", help="only serve the bare route")
    arguments = parser.parse_args()
    if arguments.bare:
        run_bare()
        return
    with bench() as each, bare_process() as bare_url:
        ids = fill(each, arguments.jobs)
        for processes in (1, 2):
            with ExitStack() as stack:
                urls = [
                    stack.enter_context(serving(each.settings, each.folder / f"api-{processes}-{n}.log")).url
                    for n in range(processes)
                ]
                token = logged_in(urls[0])
                pair = {"source": {"table": "DEMO_API.PARTS_A"}, "target": {"table": "DEMO_API.PARTS_B"}}
                cases = {
                    "GET /jobs": [_request("GET", "/api/v1/jobs", token)],
                    "GET /jobs/{id}": [_request("GET", f"/api/v1/jobs/{job_id}", token) for job_id in ids],
                    "POST /compare": [_request("POST", "/api/v1/compare", token, pair)],
                }
                print(f"{processes} API process(es), {arguments.clients} clients", flush=True)
                load = (arguments.clients, arguments.seconds)
                taken = measure([bare_url], [_request("GET", "/bare")], *load)
                base = _say("bare route, 1 process", taken, arguments.seconds, 0)
                for name, requests in cases.items():
                    _say(name, measure(urls, requests, *load), arguments.seconds, base)


if __name__ == "__main__":
    main()
