"""A DBA's plain UPDATEs: what they may do works, what would harm is refused by the table itself."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

import oracledb
import pytest

from tests.queue.conftest import Queue
from tests.queue.test_job_queue import complete, running
from tests.queue.test_job_queue_verbs import timestamp


def set_to(queue: Queue, job: str, assignments: str, **binds: Any) -> None:
    queue.as_owner(f"update comparison_jobs set {assignments} where job_id = :job_id", job_id=job, **binds)


ILLEGAL = [
    ("PENDING", "status = 'SLEEPING'", "COMPARISON_JOBS_(STATUS|ENDED)_CK"),
    ("PENDING", "ready = 2", "COMPARISON_JOBS_READY_CK"),
    ("PENDING", "held = 2", "COMPARISON_JOBS_HELD_CK"),
    ("PENDING", "worker_id = 'w1'", "COMPARISON_JOBS_PENDING_CK"),
    ("PENDING", "cancel_requested = 1", "COMPARISON_JOBS_CANCEL_CK"),
    ("PENDING", "status = 'CANCELLED'", "COMPARISON_JOBS_ENDED_CK"),
    ("PENDING", "completed_at = created_at", "COMPARISON_JOBS_ENDED_CK"),
    ("PENDING", "status = 'RUNNING', worker_id = 'w1', started_at = created_at", "started by a claim"),
    ("PENDING", "status = 'RUNNING', run_token = 1, started_at = created_at", "COMPARISON_JOBS_R"),
    ("PENDING", "status = 'RUNNING', run_token = 1, worker_id = 'w1'", "COMPARISON_JOBS_R"),
    ("PENDING", "priority = 10", "COMPARISON_JOBS_PRIORITY_CK"),
    ("PENDING", "checkpoint = '{'", "COMPARISON_JOBS_CHECKPOINT_CK"),
    ("PENDING", "request_config = null", "REQUEST_CONFIG"),
    ("PENDING", "attempt = -1", "COMPARISON_JOBS_ATTEMPT_CK"),
    ("RUNNING", "worker_id = null", "COMPARISON_JOBS_RUNNING_CK"),
    ("RUNNING", "started_at = null", "COMPARISON_JOBS_RUNNING_CK"),
    ("RUNNING", "attempt = 0", "COMPARISON_JOBS_RUN_CK"),
    ("RUNNING", "run_token = 0", "never falls"),
    ("RUNNING", "held = 1", "COMPARISON_JOBS_HELD_CK"),
    ("RUNNING", "status = 'COMPLETED'", "COMPARISON_JOBS_ENDED_CK"),
    ("RUNNING", "status = 'PENDING'", "COMPARISON_JOBS_PENDING_CK"),
    ("COMPLETED", "status = 'PENDING'", "COMPARISON_JOBS_(ENDED|PENDING)_CK"),
    ("COMPLETED", "completed_at = null", "COMPARISON_JOBS_ENDED_CK"),
    ("COMPLETED", "status = 'RUNNING', completed_at = null", "started by a claim"),
]


@pytest.mark.parametrize(("state", "assignments", "refusal"), ILLEGAL)
def test_an_update_that_makes_no_sense_is_refused_by_name(
    queue: Queue, state: str, assignments: str, refusal: str
) -> None:
    job = in_state(queue, state)
    before = queue.row(job, "row_version")
    with pytest.raises(oracledb.DatabaseError, match=refusal):
        set_to(queue, job, assignments)
    queue.dba.rollback()
    assert queue.row(job, "row_version") == before


def in_state(queue: Queue, state: str) -> str:
    if state == "PENDING":
        return queue.enqueue()
    job, token = running(queue)
    if state == "COMPLETED":
        complete(queue, job, token)
    return job


def test_a_job_put_off_by_hand_is_not_claimed_before_its_time(queue: Queue) -> None:
    job = queue.enqueue()
    queue.register("w1")
    [(now,)] = queue.rows("select sys_extract_utc(systimestamp) from dual")
    set_to(queue, job, "due_at = :due_at", due_at=timestamp(queue, now + timedelta(hours=1)))
    assert queue.claim("w1") == []
    set_to(queue, job, "due_at = :due_at", due_at=timestamp(queue, now - timedelta(hours=1)))
    assert len(queue.claim("w1")) == 1


def test_a_job_held_by_hand_is_not_claimed_and_let_go_by_hand_it_is(queue: Queue) -> None:
    job = queue.enqueue()
    queue.register("w1")
    set_to(queue, job, "held = 1")
    assert queue.claim("w1") == []
    set_to(queue, job, "held = 0")
    assert len(queue.claim("w1")) == 1


def test_a_cancel_request_by_hand_reaches_the_worker(queue: Queue) -> None:
    job, token = running(queue)
    set_to(queue, job, "cancel_requested = 1")
    assert queue.call("progress", job, token, None, None, None) == "CANCEL"
    assert queue.call("cancelled", job, token) == 1


@pytest.mark.parametrize(
    "assignments",
    [
        "status = 'PENDING', worker_id = null, ready = 1",
        "status = 'CANCELLED', completed_at = updated_at",
        "run_token = run_token + 1",
    ],
)
def test_a_job_taken_from_its_worker_by_hand_makes_a_zombie_that_cannot_write(
    queue: Queue, assignments: str
) -> None:
    job, token = running(queue)
    set_to(queue, job, assignments)
    assert queue.call("progress", job, token, 50, "reading", None) == "STOP"
    assert complete(queue, job, token) == 0
    assert queue.call("fail", job, token, "{}", 1) == "STOP"
    assert queue.call("snooze", job, token, 1, None) == 0
    assert queue.call("save_checkpoint", job, token, "{}") == 0


def test_a_job_put_back_by_hand_runs_under_a_new_token(queue: Queue) -> None:
    job, token = running(queue)
    set_to(queue, job, "status = 'PENDING', worker_id = null")
    [(_, newer, _)] = queue.claim("w1")
    assert newer == token + 1


def test_another_queue_or_number_of_attempts_by_hand_is_taken_as_given(queue: Queue) -> None:
    job = queue.enqueue()
    set_to(queue, job, "queue_name = 'NIGHT', max_attempts = 1")
    queue.register("w1")
    assert queue.claim("w1") == []
    [(_, token, _)] = queue.claim("w1", queue="NIGHT")
    assert queue.call("fail", job, token, '{"code": "crashed"}', 1) == "FAILED"


def test_an_uncommitted_update_hides_a_job_and_hangs_no_claim(queue: Queue) -> None:
    job = queue.enqueue()
    queue.register("w1")
    with queue.dba.cursor() as cursor:
        cursor.execute("update comparison_jobs set priority = 1 where job_id = :id", id=job)
    assert queue.claim("w1") == []
    queue.dba.rollback()
    assert len(queue.claim("w1")) == 1


# Retention


def ended(queue: Queue, days_ago: float = 0, status: str = "COMPLETED") -> str:
    job, token = running(queue)
    queue.call("release", job, token)  # a row in JOB_ATTEMPTS goes with its job
    [(_, token, _)] = queue.claim("w1")
    if status == "FAILED":
        queue.call("fail", job, token, "{}", 0)
    elif status == "CANCELLED":
        queue.call("cancel", job, "ada")
        queue.call("cancelled", job, token)
    else:
        complete(queue, job, token)
    set_to(queue, job, "completed_at = completed_at - numtodsinterval(:days, 'DAY')", days=days_ago)
    return job


def purge(queue: Queue, days: float | None, jobs: int | None, limit: int = 100) -> int:
    with queue.session.cursor() as cursor:
        horizon = cursor.callfunc("job_queue.purge_horizon", oracledb.DB_TYPE_TIMESTAMP, [days, jobs])
    purged = queue.call("purge", None if horizon is None else timestamp(queue, horizon), limit)
    return int(purged)


def test_only_jobs_that_ended_long_ago_are_purged(queue: Queue) -> None:
    old = [ended(queue, 10, status) for status in ("COMPLETED", "FAILED", "CANCELLED")]
    young = ended(queue, 1)
    runs, _ = running(queue)
    waits = queue.enqueue()
    for job in (runs, waits):
        set_to(queue, job, "created_at = created_at - 100, due_at = due_at - 100")
    assert purge(queue, 5, None) == len(old)
    assert {job for (job,) in queue.rows("select job_id from comparison_jobs")} == {young, runs, waits}
    assert {job for (job,) in queue.rows_as_owner("select job_id from job_attempts")} == {young}


def test_the_newest_jobs_are_kept_by_number(queue: Queue) -> None:
    jobs = [ended(queue, days) for days in (5, 4, 3, 2, 1)]
    assert purge(queue, None, 5) == 0
    assert purge(queue, None, 2) == 3
    assert {job for (job,) in queue.rows("select job_id from comparison_jobs")} == set(jobs[3:])
    assert purge(queue, None, 0) == 2


def test_a_job_goes_when_either_limit_says_so(queue: Queue) -> None:
    for days in (30, 20, 2, 1):
        ended(queue, days)
    assert purge(queue, 25, 3) == 1
    assert purge(queue, 10, 3) == 1
    assert purge(queue, 10, 1) == 1


def test_nothing_is_purged_unless_somebody_says_so(queue: Queue) -> None:
    ended(queue, 1000)
    assert purge(queue, None, None) == 0


def test_a_purge_ends_at_its_limit_and_passes_over_locked_rows(queue: Queue) -> None:
    jobs = [ended(queue, 10) for _ in range(4)]
    with closing(queue.connect()) as other:
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("select 1 from comparison_jobs where job_id = :id for update", id=jobs[0])
        assert [purge(queue, 5, None, limit=2) for _ in range(3)] == [2, 1, 0]
        other.rollback()
    assert purge(queue, 5, None, limit=2) == 1


@pytest.mark.parametrize("limit", [None, 0, 10_001])
def test_a_purge_without_a_sensible_limit_is_refused(queue: Queue, limit: int | None) -> None:
    with pytest.raises(oracledb.DatabaseError, match="1 to 10000"):
        queue.call("purge", None, limit)
