"""How long a drain takes under full load: `python -m tests.bench.queue_drain --tries 20`.

A worker with four slots, all busy with jobs that would run for minutes, one of them swallowing memory, and a backlog;
it gets SIGTERM and a grace of two seconds. Each time it must be gone within grace + 10 s with status 0, every job
back in the queue with its attempt.
"""

from __future__ import annotations

import argparse
import signal
import time
from dataclasses import replace

from tests.bench.queue_setup import Bench, bench
from tests.queue.conftest import wait_for

_GRACE_SECONDS = 2.0
_SLOTS = 4


def drain(each: Bench, number: int) -> tuple[float, int, int]:
    """Seconds, exit status and jobs that kept an attempt which they did not use."""
    each.queue.clear()
    settings = replace(
        each.settings,
        worker_slots=_SLOTS,
        drain_seconds=_GRACE_SECONDS,
        wakeup="cqn" if number % 2 else "poll",
    )
    [worker] = each.start_workers(1, settings)
    for job in range(3 * _SLOTS):
        each.queue.enqueue(**({"do": "swallow"} if job == 0 else {"do": "query"}))
    running = "select count(*) from comparison_jobs where status = 'RUNNING' and progress_percentage = 50"
    wait_for(lambda: each.queue.rows(running)[0][0] >= _SLOTS - 1, 60, "full load")
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    status = worker.wait(60)
    seconds = time.monotonic() - began
    wrong = "select count(*) from comparison_jobs where status = 'RUNNING' or (status = 'PENDING' and attempt > 0)"
    return seconds, status, int(each.queue.rows(wrong)[0][0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=20)
    arguments = parser.parse_args()
    good, found = 0, []
    with bench() as each:
        for number in range(arguments.tries):
            seconds, status, wrong = drain(each, number)
            found.append(seconds)
            good += seconds <= _GRACE_SECONDS + 10 and status == 0 and wrong == 0
            print(f"{seconds:5.2f} s, status {status}, {wrong} jobs not given back", flush=True)
    print(
        f"{good} of {arguments.tries} in order; longest {max(found):.2f} s with a grace of {_GRACE_SECONDS:g} s"
    )


if __name__ == "__main__":
    main()
