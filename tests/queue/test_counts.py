"""What a job costs the database: one round trip, one statement and one commit for each step."""

from __future__ import annotations

import asyncio

from tests.bench.queue_counts import count
from tests.queue.conftest import Queue


def test_each_step_of_a_job_is_one_round_trip_one_statement_and_one_commit(queue: Queue) -> None:
    counted = asyncio.run(count(queue.settings, queue))
    assert {"claim of 1 job", "claim of 10 jobs", "completion", "failure"} <= {each.step for each in counted}
    for each in counted:
        assert (each.round_trips, each.statements, each.commits) == (1, 1, 1), each
