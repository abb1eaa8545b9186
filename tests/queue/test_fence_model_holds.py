"""JOB_QUEUE does what the model says: random walks through the model, each step done in the database as well.

The model proves the rules over every state; this shows that the package keeps to them. Each walk is a fresh job and
two workers; after every step the row and the model must agree.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import oracledb
import pytest

from tests.queue.conftest import Queue
from tests.queue.fence_model import FINAL, MAX_ATTEMPTS, MAX_CLAIMS, WORKERS, Protocol, Run, State, Worker
from tests.queue.fence_model import Job as ModelJob
from tests.queue.test_job_queue import complete
from tests.queue.test_job_queue_updates import set_to

STEPS = 25
VERBS = {
    "open",
    "claim",
    "heartbeat",
    "crash",
    "lost",
    "checkpoint",
    "refused",
    "complete",
    "complete-unanswered",
    "complete-unheard",
    "repeat",
    "cancelled",
    "fail",
    "release",
    "snooze",
    "cancel",
    "hold",
    "unhold",
    "retry",
    "put",
}


class Walk:
    """One job in the database beside its model."""

    def __init__(self, queue: Queue, number: int) -> None:
        self.queue = queue
        self.state = State(ModelJob(), tuple(Worker() for _ in WORKERS))
        self.job = queue.enqueue(options={"in_max_attempts": MAX_ATTEMPTS})
        # A process that is started again has another name: names[slot] are all that a slot ever had.
        self.names = [[f"{number}-{slot}-0"] for slot in WORKERS]
        for slot in WORKERS:
            queue.register(self.names[slot][-1])
        self.path: list[str] = []

    def step(self, name: str, following: State) -> None:
        """Do a step of the model in the database; its answers must be the model's."""
        verb, _, rest = name.partition(" ")
        slot = int(rest) if rest.isdigit() else 0
        run = self.state.workers[slot].run
        self.path.append(name)
        getattr(
            self, "do_" + (verb if rest.isdigit() or not rest else name).replace(" ", "_").replace("-", "_")
        )(slot, run, following)
        self.state = following
        assert self.row() == self.expected(), " -> ".join(self.path)

    def over(self) -> bool:
        """Only crashes and heartbeats are left."""
        idle = all(worker.run is None for worker in self.state.workers)
        status, retried = self.state.job.status, self.state.retried
        return idle and (status == "COMPLETED" or (status in FINAL and retried))

    def row(self) -> tuple[Any, ...]:
        columns = ("status", "run_token", "attempt", "worker_id", "cancel_requested", "held", "checkpoint")
        *row, checkpoint = self.queue.row(self.job, *columns)
        kept = json.loads(checkpoint) if isinstance(checkpoint, str) else checkpoint
        worker = next((slot for slot in WORKERS if row[3] in self.names[slot]), None)
        return (*row[:3], worker, *row[4:], 0 if kept is None else kept["of"])

    def expected(self) -> tuple[Any, ...]:
        job = self.state.job
        return (*job[:4], int(job.cancel), int(job.held), job.checkpoint_of)

    def do_open(self, slot: int, run: Run | None, following: State) -> None:
        """A claim of the package opens its cursor and takes the job at once."""

    def do_claim(self, slot: int, run: Run | None, following: State) -> None:
        claimable = self.state.job.status == "PENDING" and not self.state.job.held
        if claimable and not self.state.workers[slot].registered:
            with pytest.raises(oracledb.DatabaseError, match="is not registered"):
                self.queue.claim(self.names[slot][-1])
            return
        claimed = self.queue.claim(self.names[slot][-1])
        expected = following.workers[slot].run
        assert [found[1:] for found in claimed] == ([] if expected is None else [expected[:2]])

    def do_heartbeat(self, slot: int, run: Run | None, following: State) -> None:
        assert self.queue.register(self.names[slot][-1]) == 0

    def do_crash(self, slot: int, run: Run | None, following: State) -> None:
        self.names[slot].append(f"{self.names[slot][0]}-{len(self.names[slot])}")

    def do_checkpoint(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert self.queue.call("save_checkpoint", self.job, run.token, f'{{"of": {run.number}}}') == 1

    def do_refused(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert self.queue.call("progress", self.job, run.token, 50, "zombie", None) == "STOP"
        assert self.queue.call("fail", self.job, run.token, "{}", 1) == "STOP"
        for procedure in ("cancelled", "release"):
            assert self.queue.call(procedure, self.job, run.token) == 0
        assert self.queue.call("snooze", self.job, run.token, 0, None) == 0
        assert self.queue.call("save_checkpoint", self.job, run.token, "{}") == 0
        assert complete(self.queue, self.job, run.token) == 0

    def do_complete(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert complete(self.queue, self.job, run.token) == 1

    do_complete_unanswered = do_complete

    def do_complete_unheard(self, slot: int, run: Run | None, following: State) -> None:
        """The call never reached the database."""

    def do_repeat(self, slot: int, run: Run | None, following: State) -> None:
        """As OracleJobStorage.complete does after a dead connection."""
        assert run is not None
        accepted = complete(self.queue, self.job, run.token) == 1
        if not accepted:
            accepted = self.queue.row(self.job, "status", "run_token") == ("COMPLETED", run.token)
        assert accepted == (following.believed == run.number)

    def do_cancelled(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert self.queue.call("cancelled", self.job, run.token) == 1

    def do_fail(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert self.queue.call("fail", self.job, run.token, "{}", 1) == following.job.status

    def do_release(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert self.queue.call("release", self.job, run.token) == 1

    def do_snooze(self, slot: int, run: Run | None, following: State) -> None:
        assert run is not None
        assert self.queue.call("snooze", self.job, run.token, 0, None) == 1

    def do_lost(self, slot: int, run: Run | None, following: State) -> None:
        for name in self.names[slot]:
            self.queue.as_owner(
                "update workers set heartbeat_at = started_at - 1 where worker_id = :id", id=name
            )
        self.queue.requeue_lost()

    def do_cancel(self, slot: int, run: Run | None, following: State) -> None:
        self.queue.call("cancel", self.job, "ada")

    def do_retry(self, slot: int, run: Run | None, following: State) -> None:
        self.queue.call("retry", self.job, "ada")

    def do_hold(self, slot: int, run: Run | None, following: State) -> None:
        self.queue.do("hold", self.job, "ada")

    def do_unhold(self, slot: int, run: Run | None, following: State) -> None:
        self.queue.do("unhold", self.job, "ada")

    def do_put_back_by_hand(self, slot: int, run: Run | None, following: State) -> None:
        set_to(self.queue, self.job, "status = 'PENDING', worker_id = null, cancel_requested = 0")


def weight(step: str, done: Counter[str], state: State) -> float:
    """What was done seldom comes first; crashes and the like are always possible and would crowd out the rest."""
    verb = step.split()[0]
    if verb == "cancel":
        return 1 / (1 + done["cancelled"]) if state.job.status == "RUNNING" else 0.02
    return (0.05 if verb in ("crash", "lost", "heartbeat", "hold") else 1) / (1 + done[verb])


@pytest.mark.parametrize("seed", range(4))
def test_the_package_follows_the_model_step_by_step(queue: Queue, seed: int) -> None:
    queue.do("set_kind", in_kind="TEST", in_backoff_base_seconds=0, in_backoff_jitter=0)
    chance = random.Random(seed)
    protocol = Protocol()
    done = Counter[str]()
    for number in range(20):
        walk = Walk(queue, number)
        for _ in range(STEPS):
            bounded = walk.state.claims >= MAX_CLAIMS  # where the model ends and the database does not
            steps = [
                each for each in protocol.steps(walk.state) if not (bounded and each[0].startswith("claim"))
            ]
            if walk.over():
                break
            weights = [weight(name, done, walk.state) for name, _ in steps]
            name, following = chance.choices(steps, weights)[0]
            walk.step(name, following)
            done[name.split()[0]] += 1
        if walk.state.job.status in ("PENDING", "RUNNING"):
            queue.as_owner("delete from comparison_jobs where job_id = :id", id=walk.job)
    assert set(done) == VERBS, done
