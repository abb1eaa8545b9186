"""Claims that keep a limit, as a small state machine: three sessions, three jobs, two of which may run at once.

A claim looks, takes and commits in steps of its own; others see what it took only after its commit. A session can
die at any step: then its transaction is rolled back and its lock is free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LIMIT = 2
JOBS = 3
SESSIONS = 3


class Session(NamedTuple):
    step: str = "idle"  # idle, locked, counted, taken
    seen: int = 0  # running jobs when it counted
    taken: int = 0  # jobs that it took and has not committed


class State(NamedTuple):
    running: int = 0  # committed
    waiting: int = JOBS
    locked_by: int | None = None
    sessions: tuple[Session, ...] = (Session(),) * SESSIONS

    def to(self, index: int, session: Session, **changes: int | None) -> State:
        sessions = (*self.sessions[:index], session, *self.sessions[index + 1 :])
        return self._replace(sessions=sessions, **changes)


@dataclass(frozen=True)
class LimitedClaim:
    """How JOB_QUEUE claims within limits; each rule can be broken."""

    takes_lock: bool = True
    counts_under_lock: bool = True
    holds_lock_until_commit: bool = True

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        for index, session in enumerate(state.sessions):
            yield from self._claim(state, index, session)
            if session.step != "idle":
                free = None if state.locked_by == index else state.locked_by
                back = state.waiting + session.taken
                yield f"die {index}", state.to(index, Session(), locked_by=free, waiting=back)
        if state.running:
            yield "finish", state._replace(running=state.running - 1)

    def _claim(self, state: State, index: int, session: Session) -> Iterator[tuple[str, State]]:
        counted = Session("counted", seen=state.running)
        match session.step:
            case "idle" if not self.takes_lock:
                yield f"count {index}", state.to(index, counted)
            case "idle" if not self.counts_under_lock:
                yield f"count {index}", state.to(index, counted._replace(step="wants lock"))
            case "idle" if state.locked_by is None:
                yield f"lock {index}", state.to(index, Session("locked"), locked_by=index)
            case "wants lock" if state.locked_by is None:
                yield f"lock {index}", state.to(index, session._replace(step="counted"), locked_by=index)
            case "locked":
                yield f"count {index}", state.to(index, counted)
            case "counted":
                taken = min(LIMIT - session.seen, state.waiting) if session.seen < LIMIT else 0
                free = state.locked_by if self.holds_lock_until_commit else None
                took = Session("taken", session.seen, taken)
                yield f"take {index}", state.to(index, took, waiting=state.waiting - taken, locked_by=free)
            case "taken":
                running = state.running + session.taken
                free = None if state.locked_by == index else state.locked_by
                yield f"commit {index}", state.to(index, Session(), running=running, locked_by=free)


def search(claim: LimitedClaim) -> tuple[int, tuple[str, ...] | None]:
    """How many states can be reached, and the shortest way to one in which too many jobs run; None if there is none."""
    came_from: dict[State, tuple[str, ...]] = {State(): ()}
    queue = deque([State()])
    while queue:
        state = queue.popleft()
        for name, following in claim.steps(state):
            if following in came_from:
                continue
            came_from[following] = (*came_from[state], name)
            if following.running > LIMIT:
                return len(came_from), came_from[following]
            queue.append(following)
    return len(came_from), None
