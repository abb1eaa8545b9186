"""The claim, lease and finish protocol of JOB_QUEUE as a small state machine, searched exhaustively.

One job, two workers, crashes, stalls and cancels anywhere. A worker that stalls goes on later as if nothing had
happened: that is the zombie. A claim is two steps, because a cursor's snapshot is older than its row locks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

MAX_ATTEMPTS = 2
MAX_CLAIMS = 4  # bounds the search; enough for every pair of runs to overlap
WORKERS = (0, 1)


class Job(NamedTuple):
    status: str = "PENDING"
    token: int = 0
    attempt: int = 0
    worker: int | None = None
    cancel: bool = False


class Run(NamedTuple):
    """What a worker believes that it runs."""

    token: int
    attempt: int
    number: int  # of the claim, counted by the model and unknown to the protocol


class Worker(NamedTuple):
    alive: bool = True
    registered: bool = True
    sees_pending: bool = False  # its claim's cursor is open and holds the job
    run: Run | None = None


@dataclass(frozen=True)
class State:
    job: Job
    workers: tuple[Worker, ...]
    claims: int = 0
    completed_by: int | None = None  # number of the claim whose result is stored
    retried: bool = False

    def with_worker(self, index: int, worker: Worker) -> State:
        workers = list(self.workers)
        workers[index] = worker
        return replace(self, workers=tuple(workers))


@dataclass(frozen=True)
class Protocol:
    """The rules of JOB_QUEUE; each can be broken to see that the search finds out."""

    fence_is_checked: bool = True
    fence: str = "token"  # which number of the run fences it
    claim_repeats_guard: bool = True
    claim_needs_registration: bool = True

    def fenced(self, job: Job, run: Run) -> bool:
        if job.status != "RUNNING":
            return False
        if not self.fence_is_checked:
            return True
        return job.token == run.token if self.fence == "token" else job.attempt == run.attempt

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Every step that can happen next, with its name."""
        for index, worker in enumerate(state.workers):
            if worker.alive:
                yield from self._worker_steps(state, index, worker)
            yield from self._worker_ends(state, index, worker)
        yield from self._people(state)
        yield from self._requeue_lost(state)

    def _worker_steps(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        job = state.job
        if not worker.registered:
            # The heartbeat registers it again; told that it was unknown, it drops what it ran.
            yield f"heartbeat {index}", state.with_worker(index, worker._replace(registered=True, run=None))
        idle = worker.run is None and not worker.sees_pending
        if idle and job.status == "PENDING" and state.claims < MAX_CLAIMS:
            yield f"open {index}", state.with_worker(index, worker._replace(sees_pending=True))
        if worker.sees_pending:
            yield f"claim {index}", self._claimed(state, index, worker._replace(sees_pending=False))
        if worker.run is not None:
            yield from self._run_ends(state, index, worker, worker.run)

    def _claimed(self, state: State, index: int, worker: Worker) -> State:
        job = state.job
        guard_holds = job.status == "PENDING" or (not self.claim_repeats_guard and job.status == "RUNNING")
        if not guard_holds or (self.claim_needs_registration and not worker.registered):
            return state.with_worker(index, worker)
        job = Job("RUNNING", job.token + 1, job.attempt + 1, index, False)
        run = Run(job.token, job.attempt, state.claims + 1)
        claimed = replace(state, job=job, claims=state.claims + 1)
        return claimed.with_worker(index, worker._replace(run=run))

    def _run_ends(self, state: State, index: int, worker: Worker, run: Run) -> Iterator[tuple[str, State]]:
        idle = state.with_worker(index, worker._replace(run=None))
        job = state.job
        if not self.fenced(job, run):
            yield f"refused {index}", idle
            return
        done = replace(idle, job=job._replace(status="COMPLETED", cancel=False), completed_by=run.number)
        yield f"complete {index}", done
        if job.cancel:
            ended = job._replace(status="CANCELLED", cancel=False)
            yield f"cancelled {index}", replace(idle, job=ended)
            return
        again = job.attempt < MAX_ATTEMPTS
        failed = job._replace(status="PENDING" if again else "FAILED", worker=None if again else job.worker)
        yield f"fail {index}", replace(idle, job=failed)
        released = job._replace(status="PENDING", attempt=job.attempt - 1, worker=None)
        yield f"release {index}", replace(idle, job=released)

    def _worker_ends(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        if worker.alive:
            dead = worker._replace(alive=False, run=None, sees_pending=False)
            yield f"crash {index}", state.with_worker(index, dead)
        else:
            yield f"restart {index}", state.with_worker(index, Worker(registered=False))

    def _people(self, state: State) -> Iterator[tuple[str, State]]:
        job = state.job
        if job.status == "PENDING":
            yield "cancel", replace(state, job=job._replace(status="CANCELLED"))
        if job.status == "RUNNING" and not job.cancel:
            yield "cancel", replace(state, job=job._replace(cancel=True))
        if job.status in ("FAILED", "CANCELLED") and not state.retried:
            pending = job._replace(status="PENDING", attempt=0, worker=None)
            yield "retry", replace(state, job=pending, retried=True)

    def _requeue_lost(self, state: State) -> Iterator[tuple[str, State]]:
        """The lease of any worker may be over at any time: it may be dead, or only stalled."""
        job = state.job
        for index, worker in enumerate(state.workers):
            if job.status == "RUNNING" and job.worker == index:
                again = job.attempt < MAX_ATTEMPTS and not job.cancel
                status = "CANCELLED" if job.cancel else "PENDING" if again else "FAILED"
                lost = job._replace(status=status, cancel=False, worker=None if again else index)
                yield (
                    f"lost {index}",
                    replace(state, job=lost).with_worker(index, worker._replace(registered=False)),
                )
            elif worker.registered:
                yield f"lost {index}", state.with_worker(index, worker._replace(registered=False))


@dataclass(frozen=True)
class Search:
    """Result of a search: how many states, and the first bad one with the way to it."""

    states: int
    violation: str | None
    path: tuple[str, ...]


def search(protocol: Protocol) -> Search:
    """Visit every reachable state, breadth first, so that a violation has a shortest path."""
    start = State(Job(), tuple(Worker() for _ in WORKERS))
    came_from: dict[State, tuple[State, str] | None] = {start: None}
    after: dict[State, list[State]] = {}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        after[state] = []
        for name, following in protocol.steps(state):
            after[state].append(following)
            violation = _violation(state, name, following)
            if violation is not None:
                return Search(len(came_from), violation, (*_path(came_from, state), name))
            if following not in came_from:
                came_from[following] = (state, name)
                queue.append(following)
    stuck = _never_ending(after)
    if stuck is not None:
        return Search(len(came_from), "the job can never end", _path(came_from, stuck))
    return Search(len(came_from), None, ())


def _violation(before: State, name: str, after: State) -> str | None:
    job = after.job
    if name.startswith("claim") and before.job.status == "RUNNING" and after.claims > before.claims:
        return "a running job was claimed"
    if after.completed_by is not None and after.completed_by != before.completed_by:
        if before.completed_by is not None:
            return "two results were stored"
        if after.completed_by != after.claims:
            return "a zombie's result was stored"
    if name.split()[0] in ("fail", "release", "cancelled"):
        writer = before.workers[int(name.split()[1])].run
        assert writer is not None
        if writer.number != before.claims:
            return "a zombie ended somebody else's run"
    if job.attempt > MAX_ATTEMPTS:
        return "an attempt too many"
    if job.token < before.job.token:
        return "the token fell"
    return None


def _never_ending(after: dict[State, list[State]]) -> State | None:
    """A state from which no final state can be reached."""
    before: dict[State, list[State]] = {state: [] for state in after}
    for state, following in after.items():
        for each in following:
            before[each].append(state)
    good = {state for state in after if state.job.status in ("COMPLETED", "FAILED", "CANCELLED")}
    queue = deque(good)
    while queue:
        for state in before[queue.popleft()]:
            if state not in good:
                good.add(state)
                queue.append(state)
    return next((state for state in after if state not in good), None)


def _path(came_from: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    steps: list[str] = []
    while (origin := came_from[state]) is not None:
        state, name = origin
        steps.append(name)
    return tuple(reversed(steps))
