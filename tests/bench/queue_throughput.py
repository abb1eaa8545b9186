"""Trivial jobs per second of 1, 2 and 4 workers: `python -m tests.bench.queue_throughput`.

With --procrastinate PYTHON the same run measures procrastinate on the same kind of PostgreSQL: PYTHON is an
interpreter of a throw-away environment that has procrastinate and psycopg; the project does not depend on them. Its
task does nothing, in the worker's own process; ours is forked for each job and its result document stored. It speaks
to PostgreSQL directly; ours passes through the local database, which interprets the PL/SQL in Python.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from app.localdb.postgres import Postgres
from tests.bench.queue_setup import Bench, bench

_SLOTS = 2
_RIVAL = Path(__file__).parent / "queue_procrastinate.py"


def ours(each: Bench, workers: int, jobs: int) -> float:
    """Jobs per second from the first completion on, workers warm."""
    each.queue.clear()
    settings = replace(each.settings, worker_slots=_SLOTS, wakeup="cqn")
    started = each.start_workers(workers, settings)
    each.enqueue_many(4 * workers)  # their processes have imported all there is
    while each.completed() < 4 * workers:
        time.sleep(0.05)
    each.enqueue_many(jobs)
    began = time.monotonic()
    while each.completed() < 4 * workers + jobs:
        time.sleep(0.1)
    rate = jobs / (time.monotonic() - began)
    each.stop_workers(started)
    return rate


def profile(each: Bench, jobs: int) -> str:
    """Where the time of one worker's jobs goes: the time from claim to completion, and CPU by process."""
    each.queue.clear()
    settings = replace(each.settings, worker_slots=1, wakeup="cqn")
    started = each.start_workers(1, settings)
    each.enqueue_many(4)
    while each.completed() < 4:
        time.sleep(0.05)
    server = each.process.process
    assert server is not None
    before = cpu(started[0].pid, server.pid)
    began = time.monotonic()
    each.enqueue_many(jobs)
    while each.completed() < 4 + jobs:
        time.sleep(0.05)
    wall = (time.monotonic() - began) / jobs * 1000
    used = {
        name: (seconds - before[name]) / jobs * 1000
        for name, seconds in cpu(started[0].pid, server.pid).items()
    }
    sql = """
        select avg(extract(second from (completed_at - started_at)))
          from comparison_jobs"""
    [(inside,)] = each.queue.rows(sql)
    each.stop_workers(started)
    parts = ", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in used.items())
    return f"one worker, one slot: {wall:.1f} ms a job, {float(inside) * 1000:.1f} of it from claim to completion; CPU: {parts}"


def cpu(worker: int, server: int) -> dict[str, float]:
    """CPU seconds so far, ended children included, of the worker, its jobs, the local database and PostgreSQL."""
    children: dict[int, list[int]] = {}
    spent: dict[int, tuple[float, float]] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                _, _, rest = (each / "stat").read_text().rpartition(")")
            except (FileNotFoundError, ProcessLookupError):
                continue
            values = rest.split()
            pid = int(each.name)
            children.setdefault(int(values[1]), []).append(pid)
            ticks = os.sysconf("SC_CLK_TCK")
            spent[pid] = (
                (int(values[11]) + int(values[12])) / ticks,
                (int(values[13]) + int(values[14])) / ticks,
            )

    def tree(pid: int) -> float:
        return sum(spent[pid]) + sum(tree(child) for child in children.get(pid, ()))

    return {
        "worker": spent[worker][0],
        "jobs' processes": sum(tree(child) for child in children.get(worker, ())),
        "local database": spent[server][0],
        "PostgreSQL": sum(tree(child) for child in children.get(server, ())),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=150, help="for each worker")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--procrastinate", type=Path, metavar="PYTHON")
    arguments = parser.parse_args()
    rates: dict[tuple[str, int], list[float]] = {}
    with bench() as each, tempfile.TemporaryDirectory(prefix="concord-pg-") as folder:
        rival = None
        if arguments.procrastinate:
            rival = Postgres(Path(folder) / "data")
            rival.start()
        try:
            for _ in range(arguments.rounds):
                for workers in (1, 2, 4):
                    jobs = arguments.jobs * workers
                    rates.setdefault(("concord", workers), []).append(ours(each, workers, jobs))
                    if rival is not None:
                        command = [
                            arguments.procrastinate,
                            _RIVAL,
                            rival.cluster,
                            str(workers),
                            str(_SLOTS),
                            str(jobs),
                        ]
                        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                        rates.setdefault(("procrastinate", workers), []).append(float(done.stdout))
                    for (name, number), found in rates.items():
                        if number == workers:
                            print(f"{name:14} {workers} workers: {found[-1]:7.1f} jobs/s", flush=True)
            print(profile(each, arguments.jobs))
        finally:
            if rival is not None:
                rival.stop()
    print("medians")
    for (name, workers), found in rates.items():
        print(f"{name:14} {workers} workers of {_SLOTS} slots: {statistics.median(found):7.1f} jobs/s")


if __name__ == "__main__":
    sys.exit(main())
