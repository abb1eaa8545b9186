"""The protocol of claims, fences, leases and limits, proved by looking at every state that it can reach."""

from __future__ import annotations

import re

import pytest

from tests.queue import limit_model
from tests.queue.fence_model import Protocol, search
from tests.queue.limit_model import LimitedClaim


def test_no_zombie_writes_and_no_job_is_stuck_in_any_reachable_state() -> None:
    found = search(Protocol())
    assert found.violation is None, " -> ".join(found.path)
    assert found.states > 10_000


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (Protocol(fence_is_checked=False), "zombie"),
        (Protocol(fence="attempt"), "zombie"),
        (Protocol(claim_repeats_guard=False), "a (running|held) job was claimed"),
        (Protocol(claim_raises_token=False), "zombie"),
        (Protocol(release_keeps_token=False), "the token fell"),
        (Protocol(checkpoint_is_fenced=False), r"a zombie wrote \(checkpoint\)"),
        (Protocol(retry_keeps_token=False), "the token fell"),
        (Protocol(repeated_completion_names_token=False), "believes in a result"),
        (Protocol(cancel_outlives_the_run=False), "asked to stop goes on"),
    ],
    ids=[
        "no token check",
        "attempt as token",
        "claim without the repeated guard",
        "claim does not raise the token",
        "release gives the token back",
        "checkpoint without the fence",
        "retry starts the token again",
        "repeated completion asks for the status only",
        "a lost run forgets the cancel",
    ],
)
def test_the_search_catches_a_broken_protocol(broken: Protocol, violation: str) -> None:
    found = search(broken)
    assert found.violation is not None
    assert re.search(violation, found.violation)
    assert len(found.path) >= 2


def test_a_limit_holds_in_every_reachable_state() -> None:
    states, path = limit_model.search(LimitedClaim())
    assert path is None
    assert states > 50


@pytest.mark.parametrize(
    "broken",
    [
        LimitedClaim(takes_lock=False),
        LimitedClaim(counts_under_lock=False),
        LimitedClaim(holds_lock_until_commit=False),
    ],
    ids=["no lock", "count before the lock", "lock given up before the commit"],
)
def test_the_search_catches_a_broken_limit(broken: LimitedClaim) -> None:
    _, path = limit_model.search(broken)
    assert path is not None
    assert path[-1].startswith("commit")
