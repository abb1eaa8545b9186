"""The ledger: what a trigger saw happen to every job, what the jobs did, and what must hold of both.

CHAOS_TRANSITIONS gets one row for each change of a job's row, in the transaction of the change, with the session
that made it; CHAOS_EFFECTS one for each time a job's work was really done. Nothing changes a row of either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import oracledb

_DDL = (
    """create table concord.chaos_transitions (
          id           number generated always as identity
         ,job_id       varchar2(36 char) not null
         ,old_status   varchar2(20 char)
         ,new_status   varchar2(20 char) not null
         ,old_token    number(18)
         ,new_token    number(18) not null
         ,old_worker   varchar2(64 char)
         ,new_worker   varchar2(64 char)
         ,client       varchar2(64 char)
         ,module       varchar2(64 char)
         ,due_at       timestamp(6)
         ,at           timestamp(6) default sys_extract_utc(systimestamp) not null
       )""",
    """create table concord.chaos_effects (
          job_id       varchar2(36 char) not null
         ,run_token    number(18) not null
         ,at           timestamp(6) default sys_extract_utc(systimestamp) not null
       )""",
    "grant insert on concord.chaos_effects to concord_app",
    """create or replace trigger concord.chaos_transitions_trg
          after insert or update on concord.comparison_jobs
          for each row
       begin
          insert into concord.chaos_transitions (
             job_id, old_status, new_status, old_token, new_token, old_worker, new_worker, client, module
            ,due_at
          ) values (
             :new.job_id, :old.status, :new.status, :old.run_token, :new.run_token, :old.worker_id
            ,:new.worker_id, sys_context('USERENV', 'CLIENT_IDENTIFIER'), sys_context('USERENV', 'MODULE')
            ,:new.due_at
          );
       end;""",
)
_LEGAL = {
    (None, "PENDING"),
    ("PENDING", "PENDING"),
    ("PENDING", "RUNNING"),
    ("PENDING", "CANCELLED"),
    ("RUNNING", "RUNNING"),
    ("RUNNING", "PENDING"),
    ("RUNNING", "COMPLETED"),
    ("RUNNING", "FAILED"),
    ("RUNNING", "CANCELLED"),
}
FINAL = ("COMPLETED", "FAILED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of one job's row, in the order of the changes."""

    job_id: str
    old_status: str | None
    new_status: str
    old_token: int | None
    new_token: int
    old_worker: str | None
    new_worker: str | None
    client: str | None
    module: str | None
    at: datetime
    due_at: datetime | None = None


@dataclass
class Enqueued:
    """What the enqueuers know: written by them, read when they have ended."""

    committed: set[str] = field(default_factory=set)  # the commit was answered
    doubtful: set[str] = field(default_factory=set)  # the commit was not answered
    rolled_back: set[str] = field(default_factory=set)


def install_ledger(dba: oracledb.Connection) -> None:
    """Create it beside the installed schema."""
    with dba.cursor() as cursor:
        for statement in _DDL:
            cursor.execute(statement)
        cursor.execute("select name, line, text from all_errors where name like 'CHAOS%'")
        assert not (errors := cursor.fetchall()), errors


@dataclass
class Ledger:
    """All that was written, read after the end."""

    transitions: list[Transition]
    effects: list[tuple[str, int]]
    statuses: dict[str, str]
    priorities: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, dba: oracledb.Connection) -> Ledger:
        with dba.cursor() as cursor:
            cursor.arraysize = 5000
            cursor.execute("""
                select job_id, old_status, new_status, old_token, new_token, old_worker, new_worker, client
                      ,module, at, due_at
                  from concord.chaos_transitions
                 order by id""")
            transitions = [Transition(*row) for row in cursor]
            cursor.execute("select job_id, run_token from concord.chaos_effects")
            effects = [(job_id, int(token)) for job_id, token in cursor]
            cursor.execute("select job_id, status, priority from concord.comparison_jobs")
            jobs = cursor.fetchall()
        statuses = {job_id: status for job_id, status, _ in jobs}
        priorities = {job_id: int(priority) for job_id, _, priority in jobs}
        return cls(transitions, effects, statuses, priorities)

    def violations(self, enqueued: Enqueued) -> list[str]:
        """Everything that must not have happened, in words; empty when the queue kept its word."""
        return [*self._lost(enqueued), *self._illegal(), *self._by_zombies(), *self._without_effect()]

    def _lost(self, enqueued: Enqueued) -> Iterator[str]:
        for job_id in enqueued.committed - set(self.statuses):
            yield f"lost: job {job_id} was committed and is not there"
        for job_id in enqueued.rolled_back & set(self.statuses):
            yield f"ghost: job {job_id} was rolled back and is there"
        for job_id, status in self.statuses.items():
            if status not in FINAL:
                yield f"not final: job {job_id} is {status}"
        for job_id in set(self.statuses) - enqueued.committed - enqueued.doubtful:
            yield f"ghost: nobody enqueued job {job_id}"

    def _illegal(self) -> Iterator[str]:
        completed = Counter(
            each.job_id
            for each in self.transitions
            if each.new_status == "COMPLETED" and each.old_status != "COMPLETED"
        )
        for job_id, times in completed.items():
            if times > 1:
                yield f"completed {times} times: job {job_id}"
        for each in self.transitions:
            if (each.old_status, each.new_status) not in _LEGAL:
                yield f"illegal: {each}"
            claimed = (each.old_status, each.new_status) == ("PENDING", "RUNNING")
            if each.old_token is not None and each.new_token != each.old_token + claimed:
                yield f"token: {each}"
            if (
                each.old_status == each.new_status == "RUNNING" and each.old_worker != each.new_worker
            ) or each.new_token < (each.old_token or 0):
                yield f"taken over while it ran: {each}"

    def _by_zombies(self) -> Iterator[str]:
        """A worker's session says for which job and token it writes; the row says whose turn it was."""
        for each in self.transitions:
            if each.module == "concord-worker" and each.client is not None:
                turn = f"{each.job_id}:{each.old_token}"
                if each.client != turn or each.old_status != "RUNNING":
                    yield f"written by a zombie: {each}"
            elif each.new_status == "COMPLETED":
                yield f"completed by nobody: {each}"

    def _without_effect(self) -> Iterator[str]:
        done = set(self.effects)
        for each in self.transitions:
            if each.new_status == "COMPLETED" and (each.job_id, each.new_token) not in done:
                yield f"completed without its effect: {each}"

    @cached_property
    def histories(self) -> dict[str, list[Transition]]:
        by_job: dict[str, list[Transition]] = {}
        for each in self.transitions:
            by_job.setdefault(each.job_id, []).append(each)
        return by_job

    # Figures

    def figures(self) -> dict[str, int]:
        """What happened, counted."""
        states = Counter(self.statuses.values())
        effects = Counter(job_id for job_id, _ in self.effects)
        return {
            "jobs": len(self.statuses),
            **{f"jobs {state.lower()}": states[state] for state in FINAL},
            "claims": sum(each.new_status == "RUNNING" != each.old_status for each in self.transitions),
            "effects": len(self.effects),
            "jobs executed more than once": sum(times > 1 for times in effects.values()),
            "changes of job rows": len(self.transitions),
        }

    def waits(self, priority: int) -> list[float]:
        """Seconds from the enqueue to the first claim, of the jobs of a priority."""
        return [
            (each.at - history[0].at).total_seconds()
            for job_id, history in self.histories.items()
            if self.priorities.get(job_id) == priority
            for each in history
            if (each.old_status, each.new_status, each.new_token) == ("PENDING", "RUNNING", 1)
        ]

    def completions(self) -> list[datetime]:
        """When jobs were completed, in order."""
        return sorted(each.at for each in self.transitions if each.new_status == "COMPLETED")

    def longest_standstill(self) -> tuple[float, datetime | None]:
        """Longest time, seconds, without a completed job, and when it began."""
        times = self.completions()
        gaps = [((after - before).total_seconds(), before) for before, after in pairwise(times)]
        return max(gaps, default=(0.0, None))


def summary(violations: list[str], most: int = 20) -> dict[str, Any]:
    """Violations by kind, with the first few in full."""
    kinds = Counter(each.partition(":")[0] for each in violations)
    return {"violations": dict(kinds), "first": violations[:most]}
