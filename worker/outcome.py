"""How a job's process ended, told apart: finished, stopped by us, or failed, with a sentence for people."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

OUT_OF_MEMORY_STATUS = 70
"""Exit status of a child that ran out of memory and could not send last words."""


class Stop(Enum):
    """Why the worker killed a job's process."""

    CANCEL = auto()
    FENCE_LOST = auto()
    DRAIN = auto()
    TIME_LIMIT = auto()
    MEMORY_LIMIT = auto()


@dataclass(frozen=True, slots=True)
class Finished:
    """The job has a result document."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job was stopped without a result, and that is no error: CANCEL, FENCE_LOST or DRAIN."""

    why: Stop


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt ended with an error. `code` is one of those of ERROR_DETAILS.

    detail: for the log only. facts: what the sentence says, for machines.
    """

    code: str
    sentence: str
    retryable: bool
    detail: str = ""
    facts: dict[str, str | int | float] = field(default_factory=dict)


Outcome = Finished | Stopped | Failed


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job's process may use."""

    memory_mb: int
    seconds: float


def judge(
    exit_status: int,
    stop: Stop | None,
    last_words: Finished | Failed | None,
    limits: Limits,
    peak_mb: int = 0,
) -> Outcome:
    """What became of a job's process.

    exit_status: as of subprocess, negative for a signal. stop: why the worker killed it, if it did.
    peak_mb: the most memory it used, 0 = not known.
    last_words: what it sent at its end, if it came to that; a result that arrived whole counts even when the
    process was killed afterwards, except by a lost fence.
    """
    if stop is Stop.FENCE_LOST:
        return Stopped(stop)
    if isinstance(last_words, Finished):
        return last_words
    if stop in (Stop.CANCEL, Stop.DRAIN):
        return Stopped(stop)
    if stop is Stop.TIME_LIMIT:
        return Failed(
            "timed_out",
            f"The job ran longer than its limit of {limits.seconds:g} seconds and was stopped.",
            retryable=False,
            facts={"time_limit_seconds": limits.seconds},
        )
    if stop is Stop.MEMORY_LIMIT:
        return _out_of_memory(limits, peak_mb)
    if last_words is not None:
        return last_words
    if exit_status == OUT_OF_MEMORY_STATUS:
        return _out_of_memory(limits, peak_mb)
    if exit_status == -signal.SIGKILL:
        return Failed(
            "crashed",
            "The job's process was killed from outside (SIGKILL); Linux does that to the largest process when "
            "the machine has no memory left.",
            retryable=True,
            facts={"signal": "SIGKILL", "memory_peak_mb": peak_mb},
        )
    if exit_status < 0:
        name = _signal_name(-exit_status)
        return Failed(
            "crashed", f"The job's process crashed ({name}).", retryable=True, facts={"signal": name}
        )
    return Failed(
        "crashed",
        f"The job's process ended with exit status {exit_status} and left no result.",
        retryable=True,
        facts={"exit_status": exit_status},
    )


def causes(error: BaseException) -> str:
    """The texts of an error and of what caused it, for the log: the database's own words among them."""
    texts: list[str] = []
    link: BaseException | None = error
    while link is not None:
        text = f"{type(link).__name__}: {link}"
        if text not in texts:
            texts.append(text)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return " <- ".join(texts)


def _out_of_memory(limits: Limits, peak_mb: int) -> Failed:
    return Failed(
        "out_of_memory",
        f"The job needed more than its memory limit of {limits.memory_mb} MiB and was stopped.",
        retryable=False,
        facts={"memory_limit_mb": limits.memory_mb, "memory_peak_mb": peak_mb},
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
