"""Time from the commit of an enqueue to the start of the job: `python -m tests.bench.queue_latency`.

Four cases: one worker that is idle, or whose other slots are busy with a stream of other jobs; with the bell alive
(change notification), or dead (polling alone, at most a second apart). The job's process itself takes the time at
which it starts to work; both ends are this machine's clock.
"""

from __future__ import annotations

import argparse
import itertools
import random
import threading
import time
from dataclasses import replace

from tests.bench.queue_setup import Bench, bench, percentiles
from tests.queue.conftest import Queue, wait_for

_POLL_SECONDS = 1.0


def stream(queue: Queue, ending: threading.Event, per_second: float) -> None:
    """Other jobs that keep the worker busy."""
    while not ending.wait(1 / per_second):
        queue.enqueue(do="finish")


def measure(each: Bench, jobs: int, wakeup: str, load: float) -> list[float]:
    """Seconds from commit to start, of each job."""
    each.queue.clear()
    settings = replace(each.settings, wakeup=wakeup, worker_slots=4, worker_poll_seconds=_POLL_SECONDS)  # type: ignore[arg-type]
    workers = each.start_workers(1, settings)
    mode = "select count(*) from workers where wakeup_mode = :wakeup_mode"
    wait_for(lambda: each.queue.rows(mode, wakeup_mode=wakeup) == [(1,)], 30, f"mode {wakeup}")
    ending = threading.Event()
    other = Queue(each.settings, each.queue.dba)
    streaming = threading.Thread(target=stream, args=(other, ending, load)) if load else None
    if streaming is not None:
        streaming.start()
    seconds = []
    try:
        for number in itertools.count():
            if number == jobs + 3:
                break
            time.sleep(random.uniform(0.3, 1.3))
            mark = each.folder / f"{wakeup}-{load}-{number}"
            each.queue.enqueue(do="note start", file=str(mark))
            committed = time.time()
            wait_for(mark.exists, 30)
            started = float(wait_for(mark.read_text))
            if number >= 3:  # the first ones meet cold caches
                seconds.append(started - committed)
    finally:
        ending.set()
        if streaming is not None:
            streaming.join()
        each.stop_workers(workers)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=100, help="of each case")
    parser.add_argument("--load", type=float, default=5.0, help="other jobs per second in the busy cases")
    arguments = parser.parse_args()
    with bench() as each:
        for wakeup, load in itertools.product(("cqn", "poll"), (0.0, arguments.load)):
            name = f"bell {'alive' if wakeup == 'cqn' else 'dead '}, {'busy' if load else 'idle'}"
            seconds = measure(each, arguments.jobs, wakeup, load)
            print(f"{name}:  {percentiles(seconds)}", flush=True)


if __name__ == "__main__":
    main()
