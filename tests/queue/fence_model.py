"""The claim, lease and finish protocol of JOB_QUEUE as a small state machine, searched exhaustively.

One job, two workers, and anywhere: crashes, stalls, leases that run out, cancels, holds, a DBA's UPDATE, answers that
get lost on their way. A worker that stalls goes on later as if nothing had happened: that is the zombie. A claim is
two steps, because a cursor's snapshot is older than its row locks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

MAX_ATTEMPTS = 2
MAX_CLAIMS = 3  # bounds the search; enough for every pair of runs to overlap
WORKERS = (0, 1)
FINAL = ("COMPLETED", "FAILED", "CANCELLED")


class Job(NamedTuple):
    status: str = "PENDING"
    token: int = 0
    attempt: int = 0
    worker: int | None = None
    cancel: bool = False
    held: bool = False
    checkpoint_of: int = 0  # number of the claim that wrote the checkpoint; 0 for none

    def ended(self, status: str) -> Job:
        return self._replace(status=status, cancel=False)

    def waiting(self, attempt: int) -> Job:
        return self._replace(status="PENDING", attempt=attempt, worker=None, cancel=False)


class Run(NamedTuple):
    """What a worker believes that it runs."""

    token: int
    attempt: int
    number: int  # of the claim, counted by the model and unknown to the protocol
    answer_lost: bool = False  # it sent its completion and the connection died before the answer


class Worker(NamedTuple):
    registered: bool = True
    sees_pending: bool = False  # its claim's cursor is open and holds the job
    run: Run | None = None


@dataclass(frozen=True)
class State:
    job: Job
    workers: tuple[Worker, ...]
    claims: int = 0
    completed_by: int | None = None  # number of the claim whose result is stored
    believed: int | None = None  # number of the claim whose worker last heard "accepted"
    retried: bool = False
    put_back: bool = False

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
    claim_raises_token: bool = True
    release_keeps_token: bool = True
    checkpoint_is_fenced: bool = True
    retry_keeps_token: bool = True
    repeated_completion_names_token: bool = True
    cancel_outlives_the_run: bool = True

    def fenced(self, job: Job, run: Run) -> bool:
        if job.status != "RUNNING":
            return False
        if not self.fence_is_checked:
            return True
        return job.token == run.token if self.fence == "token" else job.attempt == run.attempt

    def steps(self, state: State) -> Iterator[tuple[str, State]]:
        """Every step that can happen next, with its name."""
        for index, worker in enumerate(state.workers):
            yield from self._worker_steps(state, index, worker)
            # It dies at any moment, and another one starts in its place, which nobody knows yet.
            yield f"crash {index}", state.with_worker(index, Worker(registered=False))
        yield from self._people(state)
        yield from self._requeue_lost(state)

    def _worker_steps(self, state: State, index: int, worker: Worker) -> Iterator[tuple[str, State]]:
        job = state.job
        if not worker.registered:
            # The heartbeat registers it again; told that it was unknown, it drops what it ran.
            yield f"heartbeat {index}", state.with_worker(index, worker._replace(registered=True, run=None))
        idle = worker.run is None and not worker.sees_pending
        if idle and job.status == "PENDING" and not job.held and state.claims < MAX_CLAIMS:
            yield f"open {index}", state.with_worker(index, worker._replace(sees_pending=True))
        if worker.sees_pending:
            yield f"claim {index}", self._claimed(state, index, worker._replace(sees_pending=False))
        if worker.run is not None:
            yield from self._run_writes(state, index, worker, worker.run)

    def _claimed(self, state: State, index: int, worker: Worker) -> State:
        job = state.job
        guard_holds = job.status == "PENDING" and not job.held
        if not self.claim_repeats_guard:
            guard_holds = job.status in ("PENDING", "RUNNING")
        if not guard_holds or not worker.registered or state.claims >= MAX_CLAIMS:
            return state.with_worker(index, worker)
        raised = 1 if self.claim_raises_token else 0
        claimed_job = job._replace(
            status="RUNNING", token=job.token + raised, attempt=job.attempt + 1, worker=index, cancel=False
        )
        run = Run(claimed_job.token, claimed_job.attempt, state.claims + 1)
        claimed = replace(state, job=claimed_job, claims=state.claims + 1)
        return claimed.with_worker(index, worker._replace(run=run))

    def _run_writes(self, state: State, index: int, worker: Worker, run: Run) -> Iterator[tuple[str, State]]:
        idle = state.with_worker(index, worker._replace(run=None))
        job = state.job
        if run.answer_lost:
            yield f"repeat {index}", self._completes_again(state, idle, run)
            return
        if not self.checkpoint_is_fenced or self.fenced(job, run):
            yield f"checkpoint {index}", replace(state, job=job._replace(checkpoint_of=run.number))
        if not self.fenced(job, run):
            yield f"refused {index}", idle
            return
        stored = self._stored(idle, run)
        yield f"complete {index}", replace(stored, believed=run.number)
        unanswered = worker._replace(run=run._replace(answer_lost=True))
        yield f"complete-unanswered {index}", stored.with_worker(index, unanswered)
        yield f"complete-unheard {index}", state.with_worker(index, unanswered)
        if job.cancel:
            yield f"cancelled {index}", replace(idle, job=job.ended("CANCELLED"))
            if self.cancel_outlives_the_run:
                return
        again = job.attempt < MAX_ATTEMPTS
        yield f"fail {index}", replace(idle, job=job.waiting(job.attempt) if again else job.ended("FAILED"))
        given_back = job.waiting(job.attempt - 1)
        if not self.release_keeps_token:
            given_back = given_back._replace(token=job.token - 1)
        yield f"release {index}", replace(idle, job=given_back)
        yield f"snooze {index}", replace(idle, job=given_back)

    def _stored(self, state: State, run: Run) -> State:
        job = state.job.ended("COMPLETED")._replace(checkpoint_of=0)
        return replace(state, job=job, completed_by=run.number)

    def _completes_again(self, state: State, idle: State, run: Run) -> State:
        """Refused the second time, the caller looks whether the first time had done it under its token."""
        job = state.job
        if self.fenced(job, run):
            return replace(self._stored(idle, run), believed=run.number)
        mine = job.token == run.token or not self.repeated_completion_names_token
        return replace(idle, believed=run.number) if job.status == "COMPLETED" and mine else idle

    def _people(self, state: State) -> Iterator[tuple[str, State]]:
        job = state.job
        if job.status == "PENDING":
            yield "cancel", replace(state, job=job.ended("CANCELLED")._replace(held=False))
            yield ("unhold" if job.held else "hold"), replace(state, job=job._replace(held=not job.held))
        if job.status == "RUNNING" and not job.cancel:
            yield "cancel", replace(state, job=job._replace(cancel=True))
        if job.status == "RUNNING" and not state.put_back:
            # A DBA's plain UPDATE of STATUS and WORKER_ID.
            yield "put back by hand", replace(state, job=job.waiting(job.attempt), put_back=True)
        if job.status in ("FAILED", "CANCELLED") and not state.retried:
            again = job.waiting(0)
            if not self.retry_keeps_token:
                again = again._replace(token=0)
            yield "retry", replace(state, job=again, retried=True)

    def _requeue_lost(self, state: State) -> Iterator[tuple[str, State]]:
        """The lease of any worker may be over at any time: it may be dead, or only stalled."""
        job = state.job
        for index, worker in enumerate(state.workers):
            if job.status == "RUNNING" and job.worker == index:
                if job.cancel and self.cancel_outlives_the_run:
                    lost = job.ended("CANCELLED")
                elif job.attempt < MAX_ATTEMPTS:
                    lost = job.waiting(job.attempt)
                else:
                    lost = job.ended("FAILED")
                gone = worker._replace(registered=False)
                yield f"lost {index}", replace(state, job=lost).with_worker(index, gone)
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
    job, step = after.job, name.split()[0]
    if job.token < before.job.token:
        return "the token fell"
    if step == "claim" and before.job.status == "RUNNING" and after.claims > before.claims:
        return "a running job was claimed"
    if step == "claim" and before.job.held and after.claims > before.claims:
        return "a held job was claimed"
    if after.completed_by is not None and after.completed_by != before.completed_by:
        if before.completed_by is not None:
            return "two results were stored"
        if after.completed_by != after.claims:
            return "a zombie's result was stored"
    if step in ("fail", "release", "snooze", "cancelled", "checkpoint"):
        writer = before.workers[int(name.split()[1])].run
        assert writer is not None
        if writer.number != before.claims or before.job.status != "RUNNING":
            return f"a zombie wrote ({step})"
    if after.believed is not None and after.believed != after.completed_by:
        return "a worker believes in a result that is not stored"
    if before.job.cancel and step in ("lost", "fail", "release", "snooze") and job.status == "PENDING":
        return "a job that was asked to stop goes on"
    # A job that a DBA puts back during its last attempt runs once more: that is what he asked for.
    if job.attempt > MAX_ATTEMPTS + after.put_back:
        return "an attempt too many"
    return None


def _never_ending(after: dict[State, list[State]]) -> State | None:
    """A state from which no final state can be reached."""
    before: dict[State, list[State]] = {state: [] for state in after}
    for state, following in after.items():
        for each in following:
            before[each].append(state)
    good = {state for state in after if state.job.status in FINAL}
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
