"""Fleet-wide limits, by queue and by key: exact however many workers claim at once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import oracledb
import pytest

from tests.queue.conftest import Queue
from tests.queue.test_job_queue import code_of, complete


def keyed(queue: Queue, key: str, **options: Any) -> str:
    return queue.enqueue(options={"in_limit_key": key, **options})


def test_a_queue_runs_no_more_than_its_limit(queue: Queue) -> None:
    jobs = [queue.enqueue() for _ in range(4)]
    other = queue.enqueue(options={"in_queue_name": "OTHER"})
    queue.register("w1")
    queue.do("set_limit", "DEFAULT", 3)
    assert [job for job, _, _ in queue.claim("w1", 2)] == jobs[:2]
    [(third, token, _)] = queue.claim("w1", 2)
    assert queue.claim("w1", 2) == []
    assert [job for job, _, _ in queue.claim("w1", 2, queue="OTHER")] == [other]
    complete(queue, third, token)
    assert [job for job, _, _ in queue.claim("w1", 2)] == [jobs[3]]


def test_a_limit_of_zero_stops_a_queue_and_none_frees_it(queue: Queue) -> None:
    queue.enqueue()
    queue.register("w1")
    queue.do("set_limit", "DEFAULT", 0)
    assert queue.claim("w1") == []
    queue.do("set_limit", "DEFAULT", None)
    assert len(queue.claim("w1")) == 1


def test_the_jobs_of_a_full_key_are_passed_over(queue: Queue) -> None:
    queue.do("set_key_limit", "PROD", 2)
    prod = [keyed(queue, "PROD") for _ in range(5)]
    uat, plain = keyed(queue, "UAT"), queue.enqueue()
    queue.register("w1")
    claimed = queue.claim("w1", 4)
    assert [job for job, _, _ in claimed] == [*prod[:2], uat, plain]
    assert queue.claim("w1", 4) == []
    complete(queue, prod[0], claimed[0][1])
    assert [job for job, _, _ in queue.claim("w1", 4)] == [prod[2]]


def test_a_batch_full_of_one_key_does_not_hide_the_jobs_behind_it(queue: Queue) -> None:
    queue.do("set_key_limit", "A", 1)
    queue.do("set_key_limit", "B", 1)
    first_a, *_ = [keyed(queue, "A") for _ in range(6)]
    first_b, *_ = [keyed(queue, "B") for _ in range(6)]
    plain = queue.enqueue()
    queue.register("w1")
    assert [job for job, _, _ in queue.claim("w1", 3)] == [first_a, first_b, plain]


def test_a_key_counts_over_all_queues_together_with_the_limit_of_the_queue(queue: Queue) -> None:
    queue.do("set_key_limit", "PROD", 2)
    queue.do("set_limit", "DEFAULT", 1)
    queue.register("w1")
    for name in ("DEFAULT", "OTHER"):
        for _ in range(3):
            keyed(queue, "PROD", in_queue_name=name)
    assert len(queue.claim("w1", 3)) == 1
    assert len(queue.claim("w1", 3, queue="OTHER")) == 1
    assert queue.claim("w1", 3, queue="OTHER") == []


def test_priority_holds_within_limits(queue: Queue) -> None:
    queue.do("set_key_limit", "PROD", 1)
    keyed(queue, "PROD", in_priority=5)
    urgent = keyed(queue, "PROD", in_priority=0)
    queue.register("w1")
    assert [job for job, _, _ in queue.claim("w1", 2)] == [urgent]


@pytest.mark.parametrize(("procedure", "name"), [("set_limit", "DEFAULT"), ("set_key_limit", "PROD")])
def test_a_limit_below_zero_or_of_nothing_is_refused(queue: Queue, procedure: str, name: str) -> None:
    for arguments in ((name, -1), (None, 1)):
        with pytest.raises(oracledb.DatabaseError) as raised:
            queue.do(procedure, *arguments)
        assert code_of(raised) == 20004


def test_a_claim_within_limits_is_one_round_trip_too(queue: Queue) -> None:
    queue.do("set_key_limit", "PROD", 2)
    queue.register("w1")
    with closing(queue.connect()) as session:
        queue.claim("w1", 3, queue="EMPTY", session=session)  # the statement is known to the session now
        for _ in range(4):
            keyed(queue, "PROD")
        trips: list[str] = []
        session.round_trip_callback = trips.append
        assert len(queue.claim("w1", 3, session=session)) == 2
        assert len(trips) == 1, trips


def test_without_a_limit_no_claim_waits_for_another(queue: Queue) -> None:
    """Proof that the lock is taken only where a limit is to be kept: with it held, a claim goes on."""
    jobs = [queue.enqueue() for _ in range(2)]
    for worker in ("w1", "w2"):
        queue.register(worker)
    with closing(queue.connect()) as other:
        other.autocommit = False
        assert len(queue.claim("w1", session=other)) == 1
        assert len(queue.claim("w2")) == 1
        other.commit()
    assert sorted(job for (job,) in queue.rows("select job_id from running_jobs_v")) == sorted(jobs)


def test_a_claim_with_a_limit_to_keep_waits_for_the_commit_of_another(queue: Queue) -> None:
    queue.do("set_key_limit", "PROD", 1)
    jobs = [keyed(queue, "PROD") for _ in range(2)]
    for worker in ("w1", "w2"):
        queue.register(worker)
    claimed: list[list[tuple[str, int, int]]] = []
    with closing(queue.connect()) as first, closing(queue.connect()) as second:
        first.autocommit = False
        assert [job for job, _, _ in queue.claim("w1", session=first)] == [jobs[0]]
        # The second job's row is free: only the lock keeps this claim from taking it.
        waiting = threading.Thread(target=lambda: claimed.append(queue.claim("w2", session=second)))
        waiting.start()
        waiting.join(0.3)
        first.commit()
        waiting.join()
    assert claimed == [[]]


def test_no_limit_is_ever_passed_by_many_workers_at_once(queue: Queue) -> None:
    """Eight sessions claim, keep and end jobs while a ninth counts what runs: each count is one moment."""
    limits = {"PROD": 2, "UAT": 1}
    queue_limit, workers = 5, 8
    for key, limit in limits.items():
        queue.do("set_key_limit", key, limit)
    queue.do("set_limit", "DEFAULT", queue_limit)
    keys = ["PROD", "UAT", None] * 20
    random.Random(4).shuffle(keys)
    for key in keys:
        queue.enqueue(options={"in_limit_key": key} if key else {})
    done: list[str] = []
    finished = threading.Event()
    all_have_claimed, counted = threading.Barrier(workers + 1), threading.Barrier(workers + 1)

    def end(session: oracledb.Connection, job: str, token: int) -> None:
        with session.cursor() as cursor:
            accepted = cursor.var(int)
            arguments = [job, token, "{}", "{}", None, 1, 1, 100, 0, 0, accepted]
            cursor.callproc("job_queue.complete", arguments)
            assert accepted.getvalue() == 1
        done.append(job)

    def work(number: int) -> None:
        chance, worker, kept = random.Random(number), f"w{number}", list[tuple[str, int, int]]()
        try:
            with closing(queue.connect()) as session:
                kept += queue.claim(worker, 3, session=session)
                all_have_claimed.wait(30)
                counted.wait(30)
                while not finished.is_set():
                    if kept and chance.random() < 0.5:
                        job, token, _ = kept.pop(0)
                        end(session, job, token)
                    else:
                        kept += queue.claim(worker, chance.randint(1, 3), session=session)
        finally:
            finished.set()  # also when this worker breaks: nobody waits for its jobs

    def running_now() -> Counter[str]:
        running = queue.rows("select limit_key from comparison_jobs where status = 'RUNNING'")
        return Counter([key for (key,) in running if key] + ["all"] * len(running))

    for number in range(workers):
        queue.register(f"w{number}")
    with ThreadPoolExecutor(workers) as threads:
        works = [threads.submit(work, number) for number in range(workers)]
        all_have_claimed.wait(30)
        most = running_now()
        assert most["all"] == queue_limit
        counted.wait(30)
        while len(done) < len(keys) and not finished.is_set():
            most |= running_now()
        finished.set()
    for each in works:
        each.result()
    assert len(done) == len(set(done)) == len(keys)
    assert most["all"] == queue_limit
    assert all(most[key] <= limit for key, limit in limits.items())
