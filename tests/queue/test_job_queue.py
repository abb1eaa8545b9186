"""JOB_QUEUE by plain SQL: claims, fences, retries, leases."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import oracledb
import pytest

from tests.queue.conftest import Queue, wait_for


def code_of(raised: pytest.ExceptionInfo[oracledb.DatabaseError]) -> int:
    return int(raised.value.args[0].code)


def running(queue: Queue, worker: str = "w1", **options: Any) -> tuple[str, int]:
    """A job that a registered worker has just claimed: its id and token."""
    job = queue.enqueue(options=options) if options else queue.enqueue()
    queue.register(worker)
    [(claimed, token, _)] = queue.claim(worker)
    assert claimed == job
    return job, token


def seconds_until_due(queue: Queue, job: str) -> float:
    sql = """
        select due_at - sys_extract_utc(systimestamp) from comparison_jobs where job_id = :job_id"""
    [(left,)] = queue.rows(sql, job_id=job)
    assert isinstance(left, timedelta)
    return left.total_seconds()


# Enqueue


def test_an_enqueued_job_waits_and_says_who_wants_it(queue: Queue) -> None:
    job = queue.enqueue()
    assert len(job) == 36
    assert job == job.lower()
    columns = ("status", "ready", "attempt", "run_token", "submitted_by", "row_version", "kind")
    assert queue.row(job, *columns) == ("PENDING", 1, 0, 0, "tester", 1, "TEST")


def test_the_callers_own_id_is_kept_and_refused_the_second_time(queue: Queue) -> None:
    job = "0b0e7e0e-6a3f-4f5b-9a53-0d7d5c1b8b6e"
    assert queue.enqueue(options={"in_job_id": job}) == job
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.enqueue(options={"in_job_id": job})
    assert code_of(raised) == 20004
    assert job in str(raised.value)


def test_what_a_request_calls_tags_is_indexed_and_goes_with_its_job(queue: Queue) -> None:
    config = {"tags": ["month end", "x" * 50, "y" * 51, "month end", 7, None, {"a": 1}]}
    job = queue.enqueue(options={"in_request_config": json.dumps(config)})
    other = queue.enqueue(options={"in_request_config": '{"tags": {"a": 1}}'})
    found = queue.rows(
        "select tag from job_tags where job_id in (:job, :other) order by tag", job=job, other=other
    )
    assert [tag for (tag,) in found] == ["7", "month end", "x" * 50]
    queue.call("cancel", job, "tester")
    assert queue.call("purge", datetime(2200, 1, 1, tzinfo=UTC).replace(tzinfo=None), 1) == 1
    assert not queue.rows("select tag from job_tags where job_id = :job", job=job)


def test_a_job_enqueued_in_a_transaction_that_is_rolled_back_never_was(queue: Queue) -> None:
    queue.session.autocommit = False
    job = queue.enqueue()
    queue.session.rollback()
    queue.session.autocommit = True
    assert queue.rows("select job_id from comparison_jobs where job_id = :id", id=job) == []


def test_a_unique_key_is_taken_until_its_job_has_ended(queue: Queue) -> None:
    keyed = {"in_unique_key": "nightly"}
    first = queue.enqueue(options=keyed)
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.enqueue(options=keyed)
    assert code_of(raised) == 20003
    queue.enqueue(options={**keyed, "in_kind": "OTHER"})
    queue.enqueue()
    queue.enqueue()
    queue.call("cancel", first, "tester")
    assert queue.enqueue(options=keyed) != first


@pytest.mark.parametrize(
    "options",
    [
        {"in_priority": 10},
        {"in_max_attempts": 0},
        {"in_request_config": "{not json"},
        {"in_request_config": None},
        {"in_kind": None},
        {"in_kind": "K" * 31},
        {"in_table_name": ""},
    ],
)
def test_a_bad_argument_is_refused_and_nothing_is_enqueued(queue: Queue, options: dict[str, Any]) -> None:
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.enqueue(options=options)
    assert code_of(raised) == 20004
    assert queue.rows("select count(*) from comparison_jobs") == [(0,)]


# Claim


def test_jobs_are_claimed_by_priority_then_age(queue: Queue) -> None:
    late, soon, first = (queue.enqueue(options={"in_priority": priority}) for priority in (5, 5, 0))
    queue.enqueue(options={"in_queue_name": "OTHER", "in_priority": 0})
    queue.register("w1")
    assert [job for job, _, _ in queue.claim("w1", 10)] == [first, late, soon]
    assert queue.claim("w1", 10) == []


def test_a_claim_takes_no_more_than_its_limit_and_stamps_the_row(queue: Queue) -> None:
    for _ in range(3):
        queue.enqueue()
    queue.register("w1")
    [(job, token, attempt), second] = queue.claim("w1", 2)
    assert (token, attempt) == (1, 1)
    assert second[0] != job
    assert queue.row(job, "status", "worker_id", "attempt", "run_token") == ("RUNNING", "w1", 1, 1)
    assert queue.row(job, "started_at") is not None
    assert queue.rows("select count(*) from comparison_jobs where status = 'PENDING'") == [(1,)]


def test_a_job_of_the_future_is_not_claimed_before_its_time(queue: Queue) -> None:
    [(due_at,)] = queue.rows("select sys_extract_utc(systimestamp) + numtodsinterval(1, 'SECOND') from dual")
    with queue.session.cursor() as cursor:
        when = cursor.var(oracledb.DB_TYPE_TIMESTAMP)
        when.setvalue(0, due_at)
        job = queue.enqueue(options={"in_due_at": when})
    queue.register("w1")
    assert queue.row(job, "ready") == 0
    assert queue.claim("w1") == []
    [(claimed, _, _)] = wait_for(lambda: queue.claim("w1") or None, 10)
    assert claimed == job
    assert seconds_until_due(queue, job) <= 0


def test_a_locked_row_is_passed_over_and_not_waited_for(queue: Queue) -> None:
    first, second = queue.enqueue(), queue.enqueue()
    queue.register("w1")
    with closing(queue.connect()) as other:
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("select 1 from comparison_jobs where job_id = :id for update", id=first)
        assert [job for job, _, _ in queue.claim("w1")] == [second]
        other.rollback()
    assert [job for job, _, _ in queue.claim("w1")] == [first]


def test_a_claim_locks_exactly_the_rows_that_it_takes(queue: Queue) -> None:
    jobs = [queue.enqueue() for _ in range(4)]
    queue.register("w1")
    queue.register("w2")
    with closing(queue.connect()) as other:
        other.autocommit = False
        taken = [job for job, _, _ in queue.claim("w1", 2, session=other)]
        # Uncommitted, and yet the others are free: a second claim is not short.
        assert [job for job, _, _ in queue.claim("w2", 2)] == [job for job in jobs if job not in taken]
        other.rollback()
    assert [job for job, _, _ in queue.claim("w2", 4)] == taken


def test_an_unregistered_worker_is_refused_and_takes_nothing(queue: Queue) -> None:
    job = queue.enqueue()
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.claim("nobody")
    assert code_of(raised) == 20002
    assert queue.row(job, "status", "run_token") == ("PENDING", 0)


@pytest.mark.parametrize("limit", [1, 5])
def test_a_claim_is_one_round_trip_whatever_its_size(queue: Queue, limit: int) -> None:
    for _ in range(limit):
        queue.enqueue()
    queue.register("w1")
    with closing(queue.connect()) as session:
        queue.claim("w1", limit, queue="EMPTY", session=session)  # the statement is known to the session now
        trips: list[str] = []
        session.round_trip_callback = lambda name: trips.append(name)
        assert len(queue.claim("w1", limit, session=session)) == limit
        assert len(trips) == 1, trips
    assert queue.rows("select count(*) from comparison_jobs where status = 'RUNNING'") == [(limit,)]


# Progress and the fence


def test_progress_is_written_and_brings_go(queue: Queue) -> None:
    job, token = running(queue)
    assert queue.call("progress", job, token, 12.5, "reading", None) == "GO"
    assert queue.row(job, "progress_percentage", "current_step") == (12.5, "reading")


def test_asking_without_news_writes_nothing(queue: Queue) -> None:
    job, token = running(queue)
    before = queue.row(job, "row_version", "updated_at")
    assert queue.call("progress", job, token, None, None, None) == "GO"
    assert queue.row(job, "row_version", "updated_at") == before


def test_every_change_is_stamped_also_a_dbas_plain_update(queue: Queue) -> None:
    job = queue.enqueue()
    version, updated_at = queue.row(job, "row_version", "updated_at")
    queue.as_owner("update comparison_jobs set priority = 1 where job_id = :id", id=job)
    assert queue.row(job, "row_version") == version + 1
    assert queue.row(job, "updated_at") > updated_at


@pytest.mark.parametrize("percentage", [None, 50])
def test_a_wrong_token_reads_stop(queue: Queue, percentage: int | None) -> None:
    job, token = running(queue)
    assert queue.call("progress", job, token - 1, percentage, None, None) == "STOP"
    assert queue.call("progress", job, token + 1, percentage, None, None) == "STOP"


def test_a_zombie_can_neither_complete_nor_fail_nor_release(queue: Queue) -> None:
    job, token = running(queue)
    queue.call("release", job, token)
    [(_, newer, _)] = queue.claim("w1")
    before = queue.row(job, "row_version")
    assert newer == token + 1
    assert complete(queue, job, token) == 0
    assert queue.call("fail", job, token, "{}", 1) == "STOP"
    assert queue.call("release", job, token) == 0
    assert queue.call("cancelled", job, token) == 0
    assert queue.row(job, "row_version") == before
    assert complete(queue, job, newer) == 1


def complete(queue: Queue, job: str, token: int) -> int:
    results, mismatches = '{"summary": {}}', '{"columns": []}'
    return int(queue.call("complete", job, token, results, mismatches, None, 10, 11, 99.5, 0, 0))


def test_a_completed_job_holds_its_result_and_cannot_be_completed_again(queue: Queue) -> None:
    job, token = running(queue)
    assert complete(queue, job, token) == 1
    assert complete(queue, job, token) == 0
    columns = ("status", "progress_percentage", "total_prod_records", "total_uat_records", "match_percentage")
    assert queue.row(job, *columns) == ("COMPLETED", 100, 10, 11, 99.5)
    assert queue.row(job, "completed_at") is not None
    assert queue.row(job, "execution_time_seconds") >= 0
    assert queue.row(job, "comparison_results") in ({"summary": {}}, '{"summary": {}}')


def test_a_result_of_a_megabyte_is_stored_whole(queue: Queue) -> None:
    job, token = running(queue)
    text = json.dumps({"text": "ä€" * 500_000}, ensure_ascii=False)
    assert queue.call("complete", job, token, text, None, None, 1, 1, 100, 0, 0) == 1
    [(length,)] = queue.rows(
        "select length(comparison_results) from comparison_jobs where job_id = :id", id=job
    )
    assert length == len(text)


# Failure


def test_a_failed_attempt_waits_longer_each_time_and_the_last_one_is_final(queue: Queue) -> None:
    job, token = running(queue, in_max_attempts=3)
    for shortest, longest in ((3.0, 6.5), (7.0, 12.6)):
        assert queue.call("fail", job, token, '{"code": "crashed"}', 1) == "PENDING"
        assert queue.row(job, "ready", "worker_id") == (0, None)
        assert shortest < seconds_until_due(queue, job) < longest
        assert queue.claim("w1") == []
        queue.as_owner(
            "update comparison_jobs set due_at = sys_extract_utc(systimestamp) where job_id = :id", id=job
        )
        [(_, token, _)] = queue.claim("w1")
    assert queue.call("fail", job, token, '{"code": "crashed"}', 1) == "FAILED"
    assert queue.row(job, "status", "attempt", "run_token") == ("FAILED", 3, 3)
    assert queue.rows("select error_code from job_failures_v where job_id = :id", id=job) == [("crashed",)]


def test_an_incurable_error_fails_at_once(queue: Queue) -> None:
    job, token = running(queue)
    assert queue.call("fail", job, token, '{"code": "bad_request"}', 0) == "FAILED"
    assert queue.row(job, "attempt") == 1


def test_the_time_of_a_failure_is_the_databases_whatever_the_worker_says(queue: Queue) -> None:
    sentence = "Grüße " * 2000
    for retryable, status in ((1, "PENDING"), (0, "FAILED")):
        job, token = running(queue)
        said = json.dumps(
            {"code": "engine", "sentence": sentence, "at": "1999-12-31T23:59:59.000Z", "facts": {"a": 1}}
        )
        assert queue.call("fail", job, token, said, retryable) == status
        details = queue.row(job, "error_details")
        details = json.loads(details) if isinstance(details, str) else details
        off = datetime.fromisoformat(details["at"]).replace(tzinfo=None) - queue.row(job, "updated_at")
        assert abs(off.total_seconds()) < 1
        assert (details["sentence"], details["facts"]) == (sentence, {"a": 1})


def test_error_details_that_are_not_json_are_refused(queue: Queue) -> None:
    job, token = running(queue)
    with pytest.raises(oracledb.DatabaseError, match="not JSON") as raised:
        queue.call("fail", job, token, "It broke.", 0)
    assert code_of(raised) == 20004
    assert queue.row(job, "status") == "RUNNING"


def test_release_gives_the_attempt_back_and_the_token_rises_all_the_same(queue: Queue) -> None:
    job, token = running(queue)
    assert queue.call("release", job, token) == 1
    assert queue.row(job, "status", "attempt", "worker_id") == ("PENDING", 0, None)
    [(_, newer, attempt)] = queue.claim("w1")
    assert (newer, attempt) == (token + 1, 1)


# Cancel and retry


def test_a_waiting_job_is_cancelled_at_once(queue: Queue) -> None:
    job = queue.enqueue()
    assert queue.call("cancel", job, "ada") == "CANCELLED"
    queue.register("w1")
    assert queue.claim("w1") == []
    details = queue.row(job, "error_details")
    details = json.loads(details) if isinstance(details, str) else details
    assert details["code"] == "cancelled"
    assert "ada" in details["sentence"]


def test_a_running_job_is_asked_to_stop_and_its_worker_confirms(queue: Queue) -> None:
    job, token = running(queue)
    assert queue.call("cancelled", job, token) == 0
    assert queue.call("cancel", job, "ada") == "RUNNING"
    assert queue.call("progress", job, token, None, None, None) == "CANCEL"
    assert queue.call("cancelled", job, token) == 1
    assert queue.row(job, "status", "cancel_requested") == ("CANCELLED", 0)


@pytest.mark.parametrize("end", ["fail", "release", "lost"])
def test_a_job_asked_to_stop_never_runs_again(queue: Queue, end: str) -> None:
    job, token = running(queue)
    queue.call("cancel", job, "ada")
    if end == "fail":
        assert queue.call("fail", job, token, '{"code": "crashed"}', 1) == "CANCELLED"
    elif end == "release":
        assert queue.call("release", job, token) == 1
    else:
        queue.as_owner("delete from workers")
        assert queue.requeue_lost() == (0, 1)
    assert queue.row(job, "status") == "CANCELLED"


def test_an_ended_job_cannot_be_cancelled_and_an_active_one_not_retried(queue: Queue) -> None:
    job, token = running(queue)
    with pytest.raises(oracledb.DatabaseError, match="RUNNING") as raised:
        queue.call("retry", job, "ada")
    assert code_of(raised) == 20002
    complete(queue, job, token)
    with pytest.raises(oracledb.DatabaseError, match="COMPLETED") as raised:
        queue.call("cancel", job, "ada")
    assert code_of(raised) == 20002


@pytest.mark.parametrize("procedure", ["cancel", "retry"])
def test_an_unknown_job_is_named(queue: Queue, procedure: str) -> None:
    with pytest.raises(oracledb.DatabaseError, match="no job nonsense") as raised:
        queue.call(procedure, "nonsense", "ada")
    assert code_of(raised) == 20001


def test_a_retried_job_has_all_its_attempts_and_a_higher_token(queue: Queue) -> None:
    job, token = running(queue)
    queue.call("fail", job, token, '{"code": "bad_request"}', 0)
    assert queue.call("retry", job, "ada") == "PENDING"
    [(_, newer, attempt)] = queue.claim("w1")
    assert (newer, attempt) == (token + 1, 1)


def test_a_retry_is_refused_while_another_job_has_its_unique_key(queue: Queue) -> None:
    keyed = {"in_unique_key": "nightly"}
    job = queue.enqueue(options=keyed)
    queue.call("cancel", job, "ada")
    queue.enqueue(options=keyed)
    with pytest.raises(oracledb.DatabaseError) as raised:
        queue.call("retry", job, "ada")
    assert code_of(raised) == 20003


# Workers


def test_the_first_heartbeat_registers_and_the_next_ones_are_known(queue: Queue) -> None:
    assert queue.register("w1") == 0
    assert queue.register("w1") == 1
    assert queue.rows("select worker_id, status from workers_v") == [("w1", "ACTIVE")]


def test_the_jobs_of_a_lost_worker_go_back_with_its_name(queue: Queue) -> None:
    job, token = running(queue)
    kept, _ = running(queue, "w2")
    silence(queue, "w1")
    assert queue.rows("select status from workers_v where worker_id = 'w1'") == [("LOST",)]
    assert queue.requeue_lost() == (1, 0)
    assert queue.requeue_lost() == (0, 0)
    assert queue.row(job, "status", "attempt", "worker_id") == ("PENDING", 1, None)
    assert queue.row(kept, "status") == "RUNNING"
    [(code, sentence)] = queue.rows(
        "select error_code, error_sentence from job_failures_v where job_id = :id", id=job
    )
    assert code == "worker_lost"
    assert "w1" in sentence
    assert complete(queue, job, token) == 0
    assert queue.register("w1") == 0  # it learns that it was declared lost


def silence(queue: Queue, worker: str) -> None:
    """Let a worker's lease be over."""
    queue.as_owner(
        "update workers set heartbeat_at = heartbeat_at - numtodsinterval(60, 'SECOND') where worker_id = :id",
        id=worker,
    )


def test_a_job_that_has_lost_its_last_attempt_fails(queue: Queue) -> None:
    job, _ = running(queue, in_max_attempts=1)
    silence(queue, "w1")
    assert queue.requeue_lost() == (0, 1)
    assert queue.row(job, "status") == "FAILED"
    assert queue.row(job, "completed_at") is not None


def test_a_worker_that_says_good_bye_with_jobs_left_loses_them_at_once(queue: Queue) -> None:
    job, _ = running(queue)
    with queue.session.cursor() as cursor:
        cursor.callproc("job_queue.retire_worker", ["w1"])
    assert queue.requeue_lost() == (1, 0)
    assert queue.row(job, "status") == "PENDING"


def test_housekeeping_passes_over_a_locked_row_and_keeps_its_worker_for_later(queue: Queue) -> None:
    job, _ = running(queue)
    silence(queue, "w1")
    with closing(queue.connect()) as other:
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("select 1 from comparison_jobs where job_id = :id for update", id=job)
        assert queue.requeue_lost() == (0, 0)
        assert queue.rows("select count(*) from workers") == [(1,)]
        other.rollback()
    assert queue.requeue_lost() == (1, 0)
    assert queue.rows("select count(*) from workers") == [(0,)]


def test_a_row_that_somebody_holds_is_waited_for_five_seconds_only(queue: Queue) -> None:
    job, token = running(queue)
    with closing(queue.connect()) as other:
        other.autocommit = False
        with other.cursor() as cursor:
            cursor.execute("select 1 from comparison_jobs where job_id = :id for update", id=job)
        with pytest.raises(oracledb.DatabaseError) as raised:
            complete(queue, job, token)
        assert code_of(raised) == 30006
        other.rollback()
    assert complete(queue, job, token) == 1


# What a DBA reads


def test_the_views_tell_depth_and_what_runs(queue: Queue) -> None:
    running(queue)
    queue.enqueue()
    depth = queue.rows("select queue_name, ready_jobs, waiting_jobs, running_jobs from queue_depth_v")
    assert depth == [("DEFAULT", 1, 0, 1)]
    sql = "select worker_id, hostname, attempt, running_seconds, worker_silent_seconds from running_jobs_v"
    [(worker, host, attempt, seconds, silent)] = queue.rows(sql)
    assert (worker, host, attempt) == ("w1", "host", 1)
    assert 0 <= seconds < 60
    assert 0 <= silent < 60
