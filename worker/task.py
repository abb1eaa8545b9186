"""What the code of one kind of job gets and gives, inside the job's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import oracledb

from worker.outcome import Failed

Report = Callable[[float, str], None]
"""Takes the fraction done, 0 to 1, and the current step in words."""

_CONNECT_SECONDS = 10


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
        return self._connect(self.user, self.password)

    def connect_for_queries(self) -> oracledb.Connection:
        """The same as the user of queries."""
        return self._connect(self.query_user, self.query_password)

    def _connect(self, user: str, password: str) -> oracledb.Connection:
        connection = oracledb.connect(
            user=user,
            password=password,
            dsn=self.dsn,
            tcp_connect_timeout=_CONNECT_SECONDS,
            expire_time=1,
            **self.secured,
        )
        connection.module = "concord-worker"
        connection.action = self.kind
        connection.client_identifier = f"{self.job_id}:{self.run_token}"
        return connection


class Runner(Protocol):
    """Does the work of one kind of job and returns its result document."""

    def __call__(self, task: Task, report: Report) -> dict[str, Any]: ...
