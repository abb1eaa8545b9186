"""The protocol of claims, fences and leases, proved by looking at every state that it can reach."""

from __future__ import annotations

import pytest

from tests.queue.fence_model import Protocol, search


def test_no_zombie_writes_and_no_job_is_stuck_in_any_reachable_state() -> None:
    found = search(Protocol())
    assert found.violation is None, " -> ".join(found.path)
    assert found.states > 1_000


@pytest.mark.parametrize(
    ("broken", "violation"),
    [
        (Protocol(fence_is_checked=False), "zombie"),
        (Protocol(fence="attempt"), "zombie"),
        (Protocol(claim_repeats_guard=False), "a running job was claimed"),
    ],
    ids=["no token check", "attempt as token", "claim without the repeated guard"],
)
def test_the_search_catches_a_broken_protocol(broken: Protocol, violation: str) -> None:
    found = search(broken)
    assert found.violation is not None
    assert violation in found.violation
    assert len(found.path) >= 3
