"""Calls of the packages fit their specifications."""

from __future__ import annotations

import pytest

from tests.gate.collect import Text, collect, documented
from tests.gate.packages import Parameter, calls, specifications, wrong_calls

GOOD = "begin job_queue.cancel(in_job_id => :job_id, in_by => :asked_by, out_status => :status); end;"


def wrong(text: str, file: str = "docs/x.md") -> list[str]:
    return list(wrong_calls(Text("x", file, 1, (text,))))


def test_specifications_are_read() -> None:
    assert specifications()["JOB_QUEUE.CANCEL"] == (
        Parameter("IN_JOB_ID", "IN", "text", False),
        Parameter("IN_BY", "IN", "text", False),
        Parameter("OUT_STATUS", "OUT", "text", False),
    )
    claim = {parameter.name: parameter for parameter in specifications()["JOB_QUEUE.CLAIM"]}
    assert claim["OUT_RUN_TOKENS"] == Parameter("OUT_RUN_TOKENS", "OUT", "number list", False)


def test_a_call_that_fits() -> None:
    assert wrong(GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("cancel(", "cancle(", "no package specification"),
        ("in_by =>", "in_who =>", "no parameter IN_WHO"),
        (", in_by => :asked_by", "", "IN_BY is missing"),
        ("in_by => :asked_by", ":asked_by", "without its name"),
        ("=> :status", "=> 'x'", "needs a variable"),
        ("in_by => :asked_by", "in_by => :asked_by, in_by => :b", "twice"),
    ],
)
def test_a_call_that_does_not(old: str, new: str, words: str) -> None:
    assert any(words in fault for fault in wrong(GOOD.replace(old, new))), wrong(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("job_queue.fail(in_job_id => :job_id, in_run_token => :run_token, in_error_details => :error_details,"
         " in_retryable => :status, out_status => :retryable)", "IN_RETRYABLE is IN, and :STATUS is an Out"),
        ("job_queue.fail(in_job_id => :run_token, in_run_token => :run_token, in_error_details => :error_details,"
         " in_retryable => :retryable, out_status => :status)", "IN_JOB_ID is text, and :RUN_TOKEN is number"),
    ],
)  # fmt: skip
def test_values_of_binds_are_checked(statement: str, words: str) -> None:
    text = Text("app/jobs/runs.py:RunStorage.fail", "app/jobs/runs.py", 1, (f"begin {statement}; end;",))
    assert any(words in fault for fault in wrong_calls(text)), list(wrong_calls(text))


def test_every_call_of_the_product_fits() -> None:
    every = [*collect().texts, *documented()]
    found = [fault for text in every for fault in wrong_calls(text)]
    assert not found, "\n".join(found)
    assert sum(1 for text in every for written in text.texts() for _ in calls(written)) > 60
