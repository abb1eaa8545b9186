"""What workers can do: for each kind of job, what is looked up before its process starts, and what runs there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from app.connections.catalog import Catalog
from app.jobs.store import OracleJobStorage

Prepare = Callable[[OracleJobStorage, Catalog, str], Awaitable[dict[str, Any]]]


class Refused(Exception):
    """The job cannot be done, now or later: what it asks for is wrong. The text is a sentence."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job.

    runner: "module:function" of a worker.task.Runner, imported only in the job's process. prepare: reads the
    job's request and gives the JSON-able form that the runner gets; raises Refused or OracleError. preload:
    modules that its jobs need, imported once for all processes.
    """

    runner: str
    prepare: Prepare
    preload: tuple[str, ...] = ()
