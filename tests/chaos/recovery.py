"""How long jobs of lost workers took to their next run or end, and what of it was which wait."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.disasters import Event
from tests.chaos.ledger import FINAL, Ledger


@dataclass(frozen=True, slots=True)
class Recovery:
    """One job that a worker ran when it was lost. Times in seconds; the three parts add up to `seconds`."""

    job_id: str
    lost_at: datetime
    seconds: float
    until_given_back: float  # the rest of the lease, and locks on the row; to the end for a job that ended
    back_off: float  # after an attempt that failed meanwhile: the worker was stopped and not dead
    until_claimed: float  # once it was due
    attempts: int  # runs until then


def recoveries(ledger: Ledger, events: Sequence[Event]) -> Iterator[Recovery]:
    """Of every job that ran on a worker when it was taken away."""
    for event in events:
        if event.worker is not None:
            for job_id in ledger.histories:
                if (found := _recovery(ledger, job_id, event.worker, event.at)) is not None:
                    yield found


def _recovery(ledger: Ledger, job_id: str, worker: str, lost_at: datetime) -> Recovery | None:
    history = ledger.histories[job_id]
    before = [each for each in history if each.at <= lost_at]
    if not before or (before[-1].new_status, before[-1].new_worker) != ("RUNNING", worker):
        return None
    given_back = due = None
    for each in history[len(before) :]:
        if each.new_status in FINAL or (each.new_status, each.old_status) == ("RUNNING", "PENDING"):
            back = given_back or each.at
            ready = min(max(back, due or back), each.at)
            return Recovery(
                job_id,
                lost_at,
                (each.at - lost_at).total_seconds(),
                (back - lost_at).total_seconds(),
                (ready - back).total_seconds(),
                (each.at - ready).total_seconds(),
                before[-1].new_token,
            )
        if each.new_status == "PENDING":
            given_back = given_back or each.at
            due = each.due_at
    return None


def figures(ledger: Ledger, found: Sequence[Recovery], events: Sequence[Event]) -> dict[str, Any]:
    """Median and longest of the whole and of each part, and the longest of all with what went on meanwhile.

    A job that is due waits for a slot behind all of higher priority: what jobs of its priority wait anyway is told
    with it.
    """
    if not found:
        return {"jobs taken from lost workers": 0}
    names = ("seconds", "until_given_back", "back_off", "until_claimed")
    parts = {name: _spread([getattr(each, name) for each in found]) for name in names}
    worst = max(found, key=lambda each: each.seconds)
    end = worst.lost_at + timedelta(seconds=worst.seconds)
    priority = ledger.priorities.get(worst.job_id, -1)
    return {
        "jobs taken from lost workers": len(found),
        "from loss to next run or end, seconds": parts,
        "the longest": {
            **{name: value for name, value in asdict(worst).items() if name != "lost_at"},
            "lost at": str(worst.lost_at),
            "priority": priority,
            "first wait of jobs of this priority, seconds": _spread(ledger.waits(priority)),
            "its row locked by hand, seconds": round(_locked(worst, end, events), 2),
            "other disasters meanwhile": [event.name for event in events if worst.lost_at < event.at < end],
        },
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values or [0]), 2), "longest": round(max(values or [0]), 2)}


def _locked(worst: Recovery, end: datetime, events: Sequence[Event]) -> float:
    """Seconds of a recovery in which a DBA held the job's row."""
    total = timedelta()
    for event in events:
        if worst.job_id in event.locked:
            until = min(event.at + timedelta(seconds=event.seconds), end)
            total += max(until - max(event.at, worst.lost_at), timedelta())
    return total.total_seconds()
