"""docs/for-dbas.md does what it says: each task is run as it stands there, by a DBA."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any

import oracledb
import pytest

from app.oracle.scripts import split, substitute
from tests.queue.conftest import Queue, wait_for
from tests.queue.test_job_queue import complete, running
from tests.queue.test_job_queue_updates import ended, set_to
from tests.schedules.test_promotion import create

TEXT = (Path(__file__).parents[2] / "docs" / "for-dbas.md").read_text()
TASKS = {
    int(number): re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    for number, section in re.findall(r"^## (\d+)\. (.*?)(?=^## )", TEXT, re.DOTALL | re.MULTILINE)
}
Rows = list[tuple[Any, ...]]


def perform(queue: Queue, number: int, block: int, **variables: object) -> tuple[list[Rows], dict[str, Any]]:
    """Run one block of one task: the rows of its queries in order, and its SQL*Plus variables afterwards."""
    script = re.sub(r"^variable .*$", "", TASKS[number][block], flags=re.MULTILINE)
    script = substitute(script, {name: str(value) for name, value in variables.items()})
    results: list[Rows] = []
    values: dict[str, Any] = {}
    for statement in split(script):
        with queue.dba.cursor() as cursor:
            names = set(re.findall(r"(?<![\w:]):([a-z]\w*)", statement.text))
            binds = {name: cursor.var(str, 100) for name in names}
            cursor.execute(statement.text, binds)
            if cursor.description:
                results.append(cursor.fetchall())
            values |= {name: bind.getvalue() for name, bind in binds.items()}
    return results, values


def forgotten(queue: Queue, job: str) -> oracledb.Connection:
    """A session of somebody who has changed a job's row and gone for a coffee."""
    session = oracledb.connect(
        user=queue.settings.db_user, password=queue.settings.db_password, dsn=queue.settings.db_dsn
    )
    with session.cursor() as cursor:
        cursor.execute(f"alter session set current_schema = {queue.settings.db_owner}")
        cursor.execute("select 1 from comparison_jobs where job_id = :id for update", id=job)
    return session


def test_there_are_ten_tasks() -> None:
    assert sorted(TASKS) == list(range(1, 11))
    assert all(TASKS.values())


def test_1_what_is_going_on(queue: Queue) -> None:
    job, _ = running(queue)
    queue.enqueue()
    [depth, runs, workers], _ = perform(queue, 1, 0)
    assert [row[:5] for row in depth] == [("DEFAULT", 1, 1, 0, 0)]
    assert [row[0] for row in runs] == [job]
    assert [row[:4] for row in workers] == [("w1", "host", "ACTIVE", "poll")]


def test_2_a_job_does_not_get_on(queue: Queue) -> None:
    job = queue.enqueue()
    queue.register("w1")
    set_to(queue, job, "due_at = due_at - numtodsinterval(90, 'SECOND')")
    session = forgotten(queue, job)
    try:
        assert queue.claim("w1") == []

        def named() -> tuple[Any, ...] | None:
            [stuck, _], _ = perform(queue, 2, 0)
            [row] = stuck
            return row if row[5] is not None else None

        found = wait_for(named, 15, "the forgotten session in the view")
        assert found[:2] == (job, "NOT CLAIMED")
        assert found[4] == "MAY HOLD THE ROW"
        perform(queue, 2, 1, sid=found[5], serial=found[6])
        assert len(wait_for(lambda: queue.claim("w1") or None, 10, "the claim")) == 1
    finally:
        with pytest.raises(oracledb.DatabaseError), session.cursor() as cursor:
            cursor.execute("select 1 from dual")


def test_3_stop_a_job(queue: Queue) -> None:
    job, token = running(queue)
    assert perform(queue, 3, 0, job_id=job)[1] == {"status": "RUNNING"}
    assert queue.call("progress", job, token, None, None, None) == "CANCEL"
    waits = queue.enqueue()
    assert perform(queue, 3, 0, job_id=waits)[1] == {"status": "CANCELLED"}


def test_4_maintenance(queue: Queue) -> None:
    job, token = running(queue)
    other = queue.enqueue()
    assert perform(queue, 4, 0)[0] == [[(1,)]]
    assert queue.claim("w1") == []
    complete(queue, job, token)
    perform(queue, 4, 1)
    assert [found for found, _, _ in queue.claim("w1")] == [other]


def test_5_protect_a_database(queue: Queue) -> None:
    for _ in range(5):
        queue.enqueue(options={"in_limit_key": "PROD"})
    queue.register("w1")
    [limits], _ = perform(queue, 5, 0)
    assert sorted(limits) == [("KEY", "PROD", 2, 0), ("QUEUE", "DEFAULT", 4, 0)]
    assert len(queue.claim("w1", 5)) == 2
    perform(queue, 5, 1)
    assert len(queue.claim("w1", 5)) == 3


def test_6_this_one_first(queue: Queue) -> None:
    first, second, third = (queue.enqueue() for _ in range(3))
    queue.register("w1")
    perform(queue, 6, 0, job_id=third, other_job_id=first)
    assert [job for job, _, _ in queue.claim("w1", 3)] == [third, second]
    perform(queue, 6, 1, other_job_id=first)
    assert [job for job, _, _ in queue.claim("w1", 3)] == [first]


def test_7_what_failed_and_again(queue: Queue) -> None:
    failed = []
    for code in ("database", "database", "bad_request"):
        job, token = running(queue)
        details = f'{{"code": "{code}", "sentence": "It went wrong."}}'
        assert queue.call("fail", job, token, details, 0) == "FAILED"
        failed.append(job)
    [counts, listed], _ = perform(queue, 7, 0)
    assert [row[:2] for row in counts] == [("database", 2), ("bad_request", 1)]
    assert [row[0] for row in listed] == failed
    perform(queue, 7, 1, error_code="database")
    assert sorted(job for job, _, _ in queue.claim("w1", 3)) == sorted(failed[:2])
    [runs], _ = perform(queue, 7, 2, job_id=failed[0])
    assert [(row[0], row[1], row[5]) for row in runs] == [
        (1, "FAILED", "It went wrong."),
        (1, "RUNNING", None),
    ]


def test_8_a_host_has_died(queue: Queue) -> None:
    job, token = running(queue)
    assert perform(queue, 8, 0, hostname="host")[1] == {"requeued": "1", "ended": "0"}
    assert queue.row(job, "status") == "PENDING"
    assert complete(queue, job, token) == 0


def test_9_a_comparison_from_sql_and_schedules(queue: Queue) -> None:
    first = perform(queue, 9, 0)[1]["job_id"]
    assert queue.row(first, "kind", "status", "table_name") == ("COMPARE", "PENDING", "DEMO.AIRPORTS_PROD")
    assert perform(queue, 9, 0)[1]["job_id"] == first
    create(queue, "nightly")
    [schedules], values = perform(queue, 9, 1, schedule_name="nightly")
    assert [row[0] for row in schedules] == ["nightly"]
    assert queue.row(values["scheduled_job_id"], "schedule_name", "status") == ("nightly", "PENDING")
    assert queue.rows("select paused from job_schedules") == [(1,)]


def test_10_delete_what_is_old(queue: Queue) -> None:
    for days in (200, 100, 10):
        ended(queue, days)
    young = ended(queue)
    [history], _ = perform(queue, 10, 0)
    assert sum(row[2] for row in history) == 1
    assert queue.rows("select count(*) from comparison_jobs") == [(2,)]
    assert queue.row(young, "status") == "COMPLETED"


@pytest.mark.parametrize("column", ["PRIORITY", "MAX_ATTEMPTS", "QUEUE_NAME", "LIMIT_KEY", "DUE_AT", "HELD"])
def test_the_columns_that_may_be_updated_are_there(queue: Queue, column: str) -> None:
    """What an update of each does is tested in test_job_queue_updates."""
    assert f"`{column}`" in TEXT
    with closing(queue.session.cursor()) as cursor:
        cursor.execute("select * from comparison_jobs where 1 = 0")
        assert column in [item[0] for item in cursor.description]
