"""The views that a DBA reads: what they tell, and that every column of theirs says what it is."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import timedelta

import oracledb
import pytest

from app.oracle.sources import source_files
from tests.queue.conftest import Queue, wait_for
from tests.queue.test_job_queue import complete, running, silence
from tests.queue.test_job_queue_updates import set_to
from tests.schedules.test_promotion import create


def test_every_table_and_view_and_every_column_has_a_comment(queue: Queue) -> None:
    owner = queue.settings.db_owner
    silent = """
        select table_name from all_tab_comments where owner = :owner and comments is null
         union all
        select table_name || '.' || column_name
          from all_col_comments
         where owner = :owner and comments is null"""
    with queue.dba.cursor() as cursor:
        cursor.execute(silent, owner=owner)
        assert cursor.fetchall() == []


def test_the_depth_of_a_queue_counts_its_jobs_by_what_they_wait_for(queue: Queue) -> None:
    running(queue)
    queue.enqueue()
    held = queue.enqueue()
    queue.do("hold", held, "ada")
    queue.do("set_limit", "DEFAULT", 7)
    queue.do("pause_queue", "EMPTY", "ada")
    sql = """
        select queue_name, ready_jobs, waiting_jobs, running_jobs, held_jobs, paused, max_running
          from queue_depth_v
         order by queue_name"""
    assert queue.rows(sql) == [("DEFAULT", 1, 0, 1, 1, 0, 7), ("EMPTY", 0, 0, 0, 0, 1, None)]


def test_limits_are_shown_with_their_use(queue: Queue) -> None:
    running(queue, in_limit_key="PROD")
    queue.do("set_limit", "DEFAULT", 7)
    queue.do("set_key_limit", "PROD", 2)
    queue.do("set_key_limit", "UAT", 1)
    assert queue.rows("select * from job_limits_v order by limit_kind, limit_name") == [
        ("KEY", "PROD", 2, 1),
        ("KEY", "UAT", 1, 0),
        ("QUEUE", "DEFAULT", 7, 1),
    ]


def test_the_history_counts_what_ended_by_the_hour(queue: Queue) -> None:
    for status in ("COMPLETED", "COMPLETED", "FAILED", "CANCELLED"):
        job, token = running(queue)
        if status == "COMPLETED":
            complete(queue, job, token)
        elif status == "FAILED":
            queue.call("fail", job, token, "{}", 0)
        else:
            queue.call("cancel", job, "ada")
            queue.call("cancelled", job, token)
        set_to(queue, job, "completed_at = timestamp '2026-01-31 12:34:56', execution_time_seconds = 4")
    job, token = running(queue)
    complete(queue, job, token)
    sql = """
        select to_char(ended_hour, 'YYYY-MM-DD HH24:MI'), kind, queue_name, completed_jobs, failed_jobs,
               cancelled_jobs, average_run_seconds, longest_run_seconds
          from job_history_v
         order by ended_hour"""
    first, second = queue.rows(sql)
    assert first == ("2026-01-31 12:00", "TEST", "DEFAULT", 2, 1, 1, 4, 4)
    assert second[3:6] == (1, 0, 0)


def test_schedules_are_shown_with_what_became_of_their_last_job(queue: Queue) -> None:
    create(queue, "late", due_ago=timedelta(minutes=5))
    create(queue, "resting", due_ago=timedelta(minutes=5), paused=True)
    with queue.session.cursor() as cursor:
        job = cursor.var(str)
        cursor.callproc("schedules.run_now", ["resting", "ada", job])
    queue.register("w1")
    [(_, token, _)] = queue.claim("w1")
    queue.call("fail", job.getvalue(), token, '{"sentence": "There is no table S.A."}', 0)
    sql = "select schedule_name, overdue_seconds, last_status, last_error from schedules_v order by schedule_name"
    late, resting = queue.rows(sql)
    assert (late[0], late[2:]) == ("late", (None, None))
    assert 290 <= late[1] <= 400
    assert resting == ("resting", 0, "FAILED", "There is no table S.A.")


def test_the_elected_worker_is_marked(queue: Queue) -> None:
    for worker in ("w1", "w2"):
        queue.register(worker)
    queue.call("elect", "w2", 60)
    assert queue.rows("select worker_id, is_leader from workers_v order by worker_id") == [
        ("w1", 0),
        ("w2", 1),
    ]


# Stuck


STUCK = "select job_id, reason, holder_sid, holder_role from stuck_jobs_v"


def test_nothing_is_stuck_while_all_goes_well(queue: Queue) -> None:
    running(queue)
    queue.enqueue()
    assert queue.rows(STUCK) == []


@pytest.mark.parametrize("reason", ["WORKER LOST", "STOP IGNORED", "SILENT", "NOT CLAIMED"])
def test_a_job_that_does_not_get_on_is_shown_with_the_reason(queue: Queue, reason: str) -> None:
    if reason == "NOT CLAIMED":
        job = queue.enqueue()
        set_to(queue, job, "due_at = due_at - numtodsinterval(90, 'SECOND')")
    else:
        job, _ = running(queue)
    if reason == "WORKER LOST":
        silence(queue, "w1")
    if reason == "STOP IGNORED":
        queue.call("cancel", job, "ada")
    found = with_less_patience(queue) if reason in ("STOP IGNORED", "SILENT") else queue.rows(STUCK)
    assert found == [(job, reason, None, None)]


def with_less_patience(queue: Queue) -> list[tuple[str, str, int | None, str | None]]:
    """The view's own text with no time to wait for a sign of progress."""
    [text] = [file.text for file in source_files("views") if "stuck_jobs_v" in file.name]
    query = text[text.index("select s.job_id") : text.index(";")]
    for patience in ("(30,", "(900,"):
        assert patience in query
        query = query.replace(patience, "(0,")
    return queue.rows(f"select job_id, reason, holder_sid, holder_role from ({query})")


def test_a_paused_queue_is_not_stuck(queue: Queue) -> None:
    job = queue.enqueue()
    set_to(queue, job, "due_at = due_at - numtodsinterval(90, 'SECOND')")
    queue.do("pause_queue", "DEFAULT", "ada")
    assert queue.rows(STUCK) == []


def test_the_session_that_keeps_a_worker_waiting_is_named(queue: Queue) -> None:
    job, token = running(queue)
    with closing(queue.connect()) as worker, queue.dba.cursor() as holder:
        worker.module, worker.client_identifier = "concord-worker", f"{job}:{token}"
        holder.execute("select sys_context('USERENV', 'SID') from dual")
        [(sid,)] = holder.fetchall()
        holder.execute("update comparison_jobs set priority = 1 where job_id = :id", id=job)
        failures: list[int] = []

        def write() -> None:
            try:
                with worker.cursor() as cursor:
                    verdict = cursor.var(str)
                    cursor.callproc("job_queue.progress", [job, token, 50, "reading", None, verdict])
            except oracledb.DatabaseError as error:
                failures.append(error.args[0].code)

        waiting = threading.Thread(target=write)
        waiting.start()
        [found] = wait_for(lambda: queue.rows(STUCK) or None, 4, "the wait in the view")
        waiting.join()
        queue.dba.rollback()
    assert found == (job, "ROW LOCKED", int(sid), "HOLDS THE ROW")
    assert failures == [30006]


def test_a_forgotten_session_is_named_as_the_possible_holder(queue: Queue) -> None:
    job = queue.enqueue()
    set_to(queue, job, "due_at = due_at - numtodsinterval(90, 'SECOND')")
    with closing(queue.connect()) as other, other.cursor() as cursor:
        other.autocommit = False
        other.module = "SQL*Plus"
        cursor.execute("select 1 from comparison_jobs where job_id = :id for update", id=job)
        sql = "select module from job_locks_v where schema_name = :owner"
        locks = lambda: queue.rows(sql, owner=queue.settings.db_owner)  # noqa: E731
        assert locks() == [("SQL*Plus",)]
        [(_, _, sid, role)] = wait_for(
            lambda: [row for row in queue.rows(STUCK) if row[2] is not None] or None, 10, "five idle seconds"
        )
        assert role == "MAY HOLD THE ROW"
        assert sid is not None
        other.rollback()
        assert locks() == []


def test_the_runtime_user_reads_every_view(queue: Queue) -> None:
    sql = "select view_name from all_views where owner = :owner"
    views = [name for (name,) in queue.rows(sql, owner=queue.settings.db_owner)]
    assert len(views) >= 10
    for view in views:
        queue.rows(f"select count(*) from {view}")
