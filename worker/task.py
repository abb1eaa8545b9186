"""What the code of one kind of job gets and gives, inside the job's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import oracledb

from app.oracle.login import Login
from worker.outcome import Failed

Report = Callable[[float, str], None]
"""Takes the fraction done, 0 to 1, and the current step in words."""


class JobFailed(Exception):
    """Raised by a runner to end the attempt with this failure."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.sentence)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Task:
    """What the runner of a job gets."""

    job_id: str
    run_token: int
    kind: str
    request: dict[str, Any]  # as the worker prepared it for this kind
    work_dir: Path  # exists, empty, removed afterwards
    results_dir: Path  # of this attempt alone; made by whoever writes a file there, and stays
    memory_limit_mb: int  # of the whole process
    dsn: str
    user: str
    password: str
    secured: dict[str, Any] = field(default_factory=dict)  # see app.oracle.address
    files_dir: Path | None = None  # of files that requests may name
    query_user: str = ""  # with whose rights queries of requests run; queries are refused if empty
    query_password: str = ""
    checkpoint: dict[str, Any] | None = None  # what an earlier attempt at the job left
    save_checkpoint: Callable[[dict[str, Any]], None] = lambda _: None  # leaves it for a later one

    def connect(self) -> oracledb.Connection:
        """A connection that says which job it works for. Raises oracledb.Error."""
        return self.marked(Login(self.user, self.dsn, self.password, secured=self.secured))()

    def connect_for_queries(self) -> oracledb.Connection:
        """The same as the user of queries."""
        login = Login(self.query_user, self.dsn, self.query_password, secured=self.secured)
        return self.marked(login)()

    def marked(self, login: Login) -> Login:
        """The login, whose sessions say which job they work for."""
        who = f"{self.job_id}:{self.run_token}"
        return replace(login, module="concord-worker", action=self.kind, client_identifier=who)


class Runner(Protocol):
    """Does the work of one kind of job and returns its result document."""

    def __call__(self, task: Task, report: Report) -> dict[str, Any]: ...
