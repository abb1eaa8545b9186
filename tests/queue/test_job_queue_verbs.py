"""JOB_QUEUE by plain SQL: what people ask of it, and what a job keeps of its past."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import timedelta
from typing import Any

import oracledb
import pytest

from tests.queue.conftest import Queue
from tests.queue.test_job_queue import code_of, complete, running, seconds_until_due, silence


def later(queue: Queue, seconds: float) -> Any:
    """A UTC time of the database, `seconds` from now, ready to be bound as TIMESTAMP."""
    [(moment,)] = queue.rows("select sys_extract_utc(systimestamp) from dual")
    return timestamp(queue, moment + timedelta(seconds=seconds))


def timestamp(queue: Queue, moment: Any) -> Any:
    with queue.session.cursor() as cursor:
        variable = cursor.var(oracledb.DB_TYPE_TIMESTAMP)
        variable.setvalue(0, moment)
        return variable


def document(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


# Hold, priority


def test_a_held_job_is_not_claimed_until_it_is_let_go(queue: Queue) -> None:
    job = queue.enqueue()
    queue.register("w1")
    for _ in range(2):
        queue.do("hold", job, "ada")
        assert queue.claim("w1") == []
    assert queue.row(job, "status", "held", "ready", "current_step") == ("PENDING", 1, 0, "Held by ada")
    for _ in range(2):
        queue.do("unhold", job, "ada")
    assert [found for found, _, _ in queue.claim("w1")] == [job]


def test_a_held_job_of_the_future_still_waits_for_its_time_when_let_go(queue: Queue) -> None:
    job = queue.enqueue(options={"in_due_at": later(queue, 3600)})
    queue.register("w1")
    queue.do("hold", job, "ada")
    queue.do("unhold", job, "ada")
    assert queue.row(job, "held", "ready") == (0, 0)
    assert queue.claim("w1") == []


def test_a_held_job_whose_time_has_come_is_not_promoted(queue: Queue) -> None:
    job = queue.enqueue(options={"in_due_at": later(queue, 3600)})
    queue.do("hold", job, "ada")
    queue.as_owner("update comparison_jobs set due_at = created_at where job_id = :id", id=job)
    assert queue.call("promote_due") == 0
    queue.do("unhold", job, "ada")
    assert queue.row(job, "ready") == 1


def test_a_held_job_can_be_cancelled_and_is_free_when_retried(queue: Queue) -> None:
    job = queue.enqueue()
    queue.do("hold", job, "ada")
    assert queue.call("cancel", job, "ada") == "CANCELLED"
    assert queue.call("retry", job, "ada") == "PENDING"
    assert queue.row(job, "held", "ready") == (0, 1)


@pytest.mark.parametrize("verb", [("hold", "ada"), ("unhold", "ada"), ("set_priority", 1)])
def test_only_a_waiting_job_is_held_or_moved(queue: Queue, verb: tuple[str, Any]) -> None:
    procedure, argument = verb
    job, _ = running(queue)
    with pytest.raises(oracledb.DatabaseError, match="RUNNING; only a PENDING job") as raised:
        queue.do(procedure, job, argument)
    assert code_of(raised) == 20002
    with pytest.raises(oracledb.DatabaseError, match="no job nonsense") as raised:
        queue.do(procedure, "nonsense", argument)
    assert code_of(raised) == 20001


def test_a_job_with_a_better_priority_comes_first(queue: Queue) -> None:
    first, second = queue.enqueue(), queue.enqueue()
    queue.do("set_priority", second, 0)
    queue.register("w1")
    assert [job for job, _, _ in queue.claim("w1", 2)] == [second, first]
    with pytest.raises(oracledb.DatabaseError, match="0 to 9, not 10") as raised:
        queue.do("set_priority", first, 10)
    assert code_of(raised) == 20004


# Queues


def test_a_paused_queue_gives_nothing_and_the_others_go_on(queue: Queue) -> None:
    job, other = queue.enqueue(), queue.enqueue(options={"in_queue_name": "OTHER"})
    queue.register("w1")
    for _ in range(2):
        queue.do("pause_queue", "DEFAULT", "ada")
        assert queue.claim("w1") == []
    [(by, at)] = queue.rows_as_owner(
        "select paused_by, paused_at from job_queues where queue_name = 'DEFAULT'"
    )
    assert by == "ada"
    assert at is not None
    assert [found for found, _, _ in queue.claim("w1", queue="OTHER")] == [other]
    for _ in range(2):
        queue.do("resume_queue", "DEFAULT")
    assert [found for found, _, _ in queue.claim("w1")] == [job]


def test_a_pause_leaves_running_jobs_alone(queue: Queue) -> None:
    job, token = running(queue)
    queue.do("pause_queue", "DEFAULT", "ada")
    assert queue.call("progress", job, token, 10, "reading", None) == "GO"
    assert complete(queue, job, token) == 1


# Enqueue, many and again


def test_many_jobs_are_enqueued_in_one_round_trip(queue: Queue) -> None:
    tables = [f"T{number}" for number in range(50)]
    jobs = enqueue_many(queue, tables, trips_allowed=1)
    assert len(set(jobs)) == 50
    names = dict(queue.rows("select job_id, table_name from comparison_jobs"))
    assert [names[job] for job in jobs] == tables
    queue.register("w1")
    assert len(queue.claim("w1", 64)) == 50


def enqueue_many(
    queue: Queue, tables: list[str], unique_keys: list[str | None] | None = None, trips_allowed: int = 99
) -> list[str]:
    sql = """
        begin
           job_queue.enqueue_many(in_kind => 'TEST', in_table_names => :tables, in_request_configs => :requests
                                 ,in_submitted_by => 'tester', in_queue_name => null, in_priority => null
                                 ,in_due_at => null, in_max_attempts => null, in_unique_keys => :unique_keys
                                 ,in_limit_keys => :limit_keys, out_job_ids => :job_ids);
        end;"""
    with queue.session.cursor() as cursor:

        def texts(values: list[Any], size: int = 4000) -> Any:
            return cursor.arrayvar(oracledb.DB_TYPE_VARCHAR, values, size)

        job_ids = cursor.arrayvar(oracledb.DB_TYPE_VARCHAR, len(tables), 36)
        trips: list[str] = []
        queue.session.round_trip_callback = trips.append
        try:
            cursor.execute(
                sql,
                tables=texts(list(tables)),
                requests=texts(['{"do": "finish"}'] * len(tables), 32767),
                unique_keys=texts(unique_keys or [None] * len(tables)),
                limit_keys=texts([None] * len(tables)),
                job_ids=job_ids,
            )
        finally:
            queue.session.round_trip_callback = None
        assert len(trips) <= trips_allowed, trips
        return list(job_ids.getvalue())


def test_of_many_jobs_one_that_may_not_be_stops_all(queue: Queue) -> None:
    queue.enqueue(options={"in_unique_key": "nightly"})
    with pytest.raises(oracledb.DatabaseError, match="Nothing was enqueued") as raised:
        enqueue_many(queue, ["A", "B"], ["fresh", "nightly"])
    assert code_of(raised) == 20003
    assert queue.rows("select count(*) from comparison_jobs") == [(1,)]


def test_the_active_job_of_a_key_is_returned_where_that_is_asked_for(queue: Queue) -> None:
    keyed = {"in_unique_key": "nightly", "in_if_active": "RETURN"}
    first = queue.enqueue(options=keyed)
    assert queue.enqueue(options=keyed) == first
    queue.register("w1")
    [(_, token, _)] = queue.claim("w1")
    assert queue.enqueue(options=keyed) == first
    complete(queue, first, token)
    assert queue.enqueue(options=keyed) != first


def test_a_kind_gives_its_jobs_what_nobody_else_says(queue: Queue) -> None:
    queue.do("set_kind", in_kind="TEST", in_queue_name="NIGHT", in_priority=7, in_max_attempts=9)
    columns = ("queue_name", "priority", "max_attempts")
    assert queue.row(queue.enqueue(), *columns) == ("NIGHT", 7, 9)
    own = {"in_queue_name": "DAY", "in_priority": 1, "in_max_attempts": 2}
    assert queue.row(queue.enqueue(options=own), *columns) == ("DAY", 1, 2)
    assert queue.row(queue.enqueue(options={"in_kind": "OTHER"}), *columns) == ("DEFAULT", 5, 3)


# Attempts


def test_a_kinds_back_off_grows_by_its_factor_to_its_cap(queue: Queue) -> None:
    queue.do(
        "set_kind",
        in_kind="TEST",
        in_max_attempts=5,
        in_backoff_base_seconds=100,
        in_backoff_factor=3,
        in_backoff_cap_seconds=500,
        in_backoff_jitter=0,
    )
    job, token = running(queue)
    for seconds in (100, 300, 500, 500):
        assert queue.call("fail", job, token, '{"code": "crashed"}', 1) == "PENDING"
        assert seconds - 5 < seconds_until_due(queue, job) <= seconds
        queue.as_owner("update comparison_jobs set due_at = created_at where job_id = :id", id=job)
        [(_, token, _)] = queue.claim("w1")
    assert queue.call("fail", job, token, '{"code": "crashed"}', 1) == "FAILED"


@pytest.mark.parametrize(
    "policy", [{"in_backoff_factor": 0.5}, {"in_backoff_base_seconds": 700}, {"in_backoff_jitter": 1.5}]
)
def test_a_back_off_that_cannot_be_is_refused(queue: Queue, policy: dict[str, float]) -> None:
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.do("set_kind", in_kind="TEST", **policy)
    assert code_of(raised) == 20004


def test_every_attempt_stays_on_record_also_after_a_retry_by_hand(queue: Queue) -> None:
    job, token = running(queue)
    queue.call("release", job, token)
    [(_, token, _)] = queue.claim("w1")
    queue.call("fail", job, token, '{"code": "crashed"}', 1)
    queue.as_owner("update comparison_jobs set due_at = created_at where job_id = :id", id=job)
    queue.register("w2")
    queue.claim("w2")
    silence(queue, "w2")
    queue.requeue_lost()
    [(_, token, _)] = queue.claim("w1")
    queue.call("snooze", job, token, 0, "waits for the load to end")
    [(_, token, _)] = queue.claim("w1")
    queue.call("fail", job, token, '{"code": "bad_request"}', 0)
    queue.call("retry", job, "ada")
    [(_, token, _)] = queue.claim("w1")
    queue.call("cancel", job, "ada")
    queue.call("cancelled", job, token)
    queue.call("retry", job, "ada")
    [(_, token, _)] = queue.claim("w1")
    complete(queue, job, token)
    runs = queue.rows(
        "select run_token, attempt, worker_id, outcome, started_at, ended_at, error_details"
        " from job_attempts_v where job_id = :id order by run_token",
        id=job,
    )
    assert [run[:4] for run in runs] == [
        (1, 1, "w1", "RELEASED"),
        (2, 1, "w1", "FAILED"),
        (3, 2, "w2", "LOST"),
        (4, 3, "w1", "SNOOZED"),
        (5, 3, "w1", "FAILED"),
        (6, 1, "w1", "CANCELLED"),
        (7, 1, "w1", "COMPLETED"),
    ]
    assert all(started <= ended for *_, started, ended, _ in runs)
    codes = [document(run[6])["code"] if run[6] else None for run in runs]
    assert codes == [None, "crashed", "worker_lost", None, "bad_request", "cancelled", None]


def test_a_snoozed_job_waits_with_its_attempt_given_back(queue: Queue) -> None:
    job, token = running(queue, in_max_attempts=1)
    assert queue.call("snooze", job, token, 600, "waits for the load to end") == 1
    columns = ("status", "ready", "attempt", "worker_id", "current_step")
    assert queue.row(job, *columns) == ("PENDING", 0, 0, None, "waits for the load to end")
    assert 590 < seconds_until_due(queue, job) <= 600
    assert queue.call("snooze", job, token, 600, None) == 0
    assert queue.claim("w1") == []


def test_a_snooze_of_a_job_that_was_asked_to_stop_ends_it(queue: Queue) -> None:
    job, token = running(queue)
    queue.call("cancel", job, "ada")
    assert queue.call("snooze", job, token, 600, None) == 1
    assert queue.row(job, "status") == "CANCELLED"


# Checkpoints


def test_a_checkpoint_outlives_the_attempt_and_goes_with_the_completion(queue: Queue) -> None:
    job, token = running(queue)
    assert queue.call("save_checkpoint", job, token, '{"part": 3}') == 1
    queue.call("release", job, token)
    assert queue.call("save_checkpoint", job, token, '{"part": 4}') == 0
    [(_, token, _)] = queue.claim("w1")
    assert document(queue.row(job, "checkpoint")) == {"part": 3}
    with pytest.raises(oracledb.DatabaseError, match="not JSON") as raised:
        queue.call("save_checkpoint", job, token, "{part")
    assert code_of(raised) == 20004
    complete(queue, job, token)
    assert queue.row(job, "checkpoint") is None


# Housekeeping


def test_due_jobs_become_claimable_without_a_claim(queue: Queue) -> None:
    job = queue.enqueue(options={"in_due_at": later(queue, 3600)})
    assert queue.call("promote_due") == 0
    queue.as_owner("update comparison_jobs set due_at = created_at where job_id = :id", id=job)
    assert queue.rows("select ready_jobs, waiting_jobs from queue_depth_v") == [(0, 1)]
    assert queue.call("promote_due") == 1
    assert queue.rows("select ready_jobs, waiting_jobs from queue_depth_v") == [(1, 0)]


def test_one_worker_is_elected_until_its_term_ends(queue: Queue) -> None:
    assert queue.call("elect", "w1", 60) == 1
    assert queue.call("elect", "w2", 60) == 0
    [(since,)] = queue.rows_as_owner("select elected_at from housekeeping_leader")
    assert queue.call("elect", "w1", 60) == 1
    assert queue.rows_as_owner("select worker_id, elected_at from housekeeping_leader") == [("w1", since)]
    queue.as_owner("update housekeeping_leader set elected_until = elected_at - numtodsinterval(1, 'SECOND')")
    assert queue.call("elect", "w2", 60) == 1
    assert queue.call("elect", "w1", 60) == 0


def test_who_finds_the_election_under_way_does_not_wait_for_it(queue: Queue) -> None:
    with closing(queue.connect()) as other:
        other.autocommit = False
        with other.cursor() as cursor:
            elected = cursor.var(int)
            cursor.callproc("job_queue.elect", ["w1", 60, elected])
            assert elected.getvalue() == 1
        assert queue.call("elect", "w2", 60) == 0
        other.rollback()
    assert queue.call("elect", "w2", 60) == 1
