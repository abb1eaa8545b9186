"""The proof of the chaos finds what it must find: each broken promise in a ledger made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.chaos.disasters import Event
from tests.chaos.ledger import Enqueued, Ledger, Transition
from tests.chaos.recovery import Recovery, figures, recoveries

BEGAN = datetime(2026, 1, 1)  # noqa: DTZ001 - as the database gives UTC
ENQUEUED = Transition("j", None, "PENDING", None, 0, None, None, None, "chaos-enqueuer", BEGAN)
CLAIMED = Transition(
    "j", "PENDING", "RUNNING", 0, 1, None, "w", None, "concord-worker", BEGAN + timedelta(seconds=1)
)
COMPLETED = Transition(
    "j", "RUNNING", "COMPLETED", 1, 1, "w", "w", "j:1", "concord-worker", BEGAN + timedelta(seconds=2)
)
GOOD = Ledger([ENQUEUED, CLAIMED, COMPLETED], [("j", 1)], {"j": "COMPLETED"})


def test_a_job_that_ran_as_it_should_breaks_nothing() -> None:
    assert GOOD.violations(Enqueued(committed={"j"})) == []


@pytest.mark.parametrize(
    ("ledger", "enqueued", "says"),
    [
        (GOOD, Enqueued(committed={"j", "k"}), "lost"),
        (GOOD, Enqueued(rolled_back={"j"}), "ghost"),
        (GOOD, Enqueued(), "ghost"),
        (replace(GOOD, statuses={"j": "RUNNING"}), Enqueued(committed={"j"}), "not final"),
        (replace(GOOD, effects=[]), Enqueued(committed={"j"}), "completed without its effect"),
        (replace(GOOD, effects=[("j", 2)]), Enqueued(committed={"j"}), "completed without its effect"),
        (
            replace(GOOD, transitions=[*GOOD.transitions, COMPLETED]),
            Enqueued(committed={"j"}),
            "completed 2 times",
        ),
        (
            replace(GOOD, transitions=[ENQUEUED, CLAIMED, replace(COMPLETED, client="j:0")]),
            Enqueued(committed={"j"}),
            "written by a zombie",
        ),
        (
            replace(GOOD, transitions=[ENQUEUED, CLAIMED, replace(COMPLETED, client=None)]),
            Enqueued(committed={"j"}),
            "completed by nobody",
        ),
        (
            replace(GOOD, transitions=[ENQUEUED, replace(CLAIMED, new_token=0), COMPLETED]),
            Enqueued(committed={"j"}),
            "token",
        ),
        (
            replace(
                GOOD,
                transitions=[
                    ENQUEUED,
                    CLAIMED,
                    replace(CLAIMED, old_status="RUNNING", old_token=1, old_worker="w", new_worker="v"),
                    COMPLETED,
                ],
            ),
            Enqueued(committed={"j"}),
            "taken over while it ran",
        ),
        (
            replace(GOOD, transitions=[*GOOD.transitions, replace(CLAIMED, old_status="COMPLETED")]),
            Enqueued(committed={"j"}),
            "illegal",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_promise_is_found(ledger: Ledger, enqueued: Enqueued, says: str) -> None:
    assert says in {each.partition(":")[0] for each in ledger.violations(enqueued)}


def test_the_time_from_a_workers_loss_to_the_next_run_is_taken_apart() -> None:
    def at(seconds: float) -> datetime:
        return BEGAN + timedelta(seconds=seconds)

    failed = replace(COMPLETED, new_status="PENDING", new_worker=None, at=at(9), due_at=at(14))
    again = replace(CLAIMED, old_token=1, new_token=2, new_worker="v", at=at(16))
    ledger = replace(GOOD, transitions=[ENQUEUED, CLAIMED, failed, again])
    events = [
        Event("worker stopped", at(3), worker="w"),
        Event("rows locked", at(2), locked=frozenset({"j"}), seconds=5),
        Event("worker killed", at(3), worker="v"),
    ]
    [found] = recoveries(ledger, events)
    assert found == Recovery(
        "j", at(3), 13.0, until_given_back=6.0, back_off=5.0, until_claimed=2.0, attempts=1
    )
    told = figures(replace(ledger, priorities={"j": 9}), [found], events)
    assert told["from loss to next run or end, seconds"]["back_off"] == {"median": 5.0, "longest": 5.0}
    longest = told["the longest"]
    assert longest["its row locked by hand, seconds"] == 4.0
    assert longest["first wait of jobs of this priority, seconds"] == {"median": 1.0, "longest": 1.0}
    ended = replace(GOOD, transitions=[ENQUEUED, CLAIMED, replace(COMPLETED, at=at(9))])
    [found] = recoveries(ended, events)
    assert (found.seconds, found.until_given_back, found.until_claimed) == (6.0, 6.0, 0.0)
