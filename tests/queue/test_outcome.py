"""Each way in which a job's process can end is told apart from the others."""

from __future__ import annotations

import signal

import pytest

from worker.outcome import OUT_OF_MEMORY_STATUS, Failed, Finished, Limits, Stop, Stopped, causes, judge

LIMITS = Limits(memory_mb=512, seconds=60)
RESULT = Finished({"summary": {}})
MEMORY = {"memory_limit_mb": 512, "memory_peak_mb": 600}
REFUSED = Failed("engine", "There is no key.", retryable=False)


def test_a_result_is_a_result() -> None:
    assert judge(0, None, RESULT, LIMITS) is RESULT


def test_last_words_are_believed() -> None:
    assert judge(0, None, REFUSED, LIMITS) is REFUSED


@pytest.mark.parametrize("stop", [Stop.CANCEL, Stop.DRAIN, Stop.TIME_LIMIT, Stop.MEMORY_LIMIT])
def test_a_result_that_came_just_before_the_kill_counts(stop: Stop) -> None:
    assert judge(-signal.SIGKILL, stop, RESULT, LIMITS) is RESULT


def test_a_result_under_a_lost_fence_is_thrown_away() -> None:
    assert judge(0, Stop.FENCE_LOST, RESULT, LIMITS) == Stopped(Stop.FENCE_LOST)


@pytest.mark.parametrize("stop", [Stop.CANCEL, Stop.DRAIN])
def test_what_we_stopped_is_no_failure(stop: Stop) -> None:
    assert judge(-signal.SIGKILL, stop, None, LIMITS) == Stopped(stop)


@pytest.mark.parametrize(
    ("status", "stop", "code", "says", "retryable", "facts"),
    [
        (
            -signal.SIGKILL,
            Stop.TIME_LIMIT,
            "timed_out",
            "limit of 60 seconds",
            False,
            {"time_limit_seconds": 60},
        ),
        (-signal.SIGKILL, Stop.MEMORY_LIMIT, "out_of_memory", "limit of 512 MiB", False, MEMORY),
        (OUT_OF_MEMORY_STATUS, None, "out_of_memory", "limit of 512 MiB", False, MEMORY),
        (
            -signal.SIGKILL,
            None,
            "crashed",
            "killed from outside",
            True,
            {"signal": "SIGKILL", "memory_peak_mb": 600},
        ),
        (-signal.SIGSEGV, None, "crashed", "SIGSEGV", True, {"signal": "SIGSEGV"}),
        (1, None, "crashed", "exit status 1", True, {"exit_status": 1}),
        (0, None, "crashed", "exit status 0", True, {"exit_status": 0}),
    ],
)
def test_each_failure_has_its_code_sentence_and_facts(
    status: int, stop: Stop | None, code: str, says: str, retryable: bool, facts: dict[str, object]
) -> None:
    outcome = judge(status, stop, None, LIMITS, 600)
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == (code, retryable)
    assert says in outcome.sentence
    assert outcome.facts == facts


def test_the_log_gets_the_whole_chain_of_causes() -> None:
    try:
        try:
            raise KeyError("ORA-00942: table or view does not exist")
        except KeyError as error:
            raise ValueError("The table cannot be read.") from error
    except ValueError as error:
        text = causes(error)
    assert text == (
        "ValueError: The table cannot be read. <- KeyError: 'ORA-00942: table or view does not exist'"
    )
