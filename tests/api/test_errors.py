"""What a database error becomes: which heal, which may be repeated at once, and what a person reads."""

from __future__ import annotations

import asyncio
from typing import Any

import oracledb
import pytest
from oracledb.errors import _Error

from app.oracle.errors import (
    ArgumentError,
    ConflictError,
    DatabaseUnavailableError,
    NotFoundError,
    OracleError,
    PackageError,
    heals,
    translate,
    worth_repeating_now,
)
from app.oracle.pool import OraclePool
from app.settings import Settings


def error(text: str) -> oracledb.Error:
    """As the driver raises it: an ORA- number becomes its own code where the driver says so."""
    number = int(text[4:9]) if text.startswith("ORA-") else 0
    return oracledb.DatabaseError(_Error(text, code=number))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (20001, NotFoundError),
        (20002, ConflictError),
        (20003, ConflictError),
        (20004, ArgumentError),
        (20777, PackageError),
    ],
)
def test_a_packages_refusal_keeps_the_packages_sentence_only(number: int, kind: type[PackageError]) -> None:
    refusal = translate(
        error(
            f'ORA-{number}: Job 7 is asleep.\nORA-06512: at "CONCORD.JOB_QUEUE", line 99\nORA-06512: at line 2'
        )
    )
    assert type(refusal) is kind
    assert refusal.sentence == "Job 7 is asleep."
    assert not refusal.retryable


def test_an_oracle_error_that_a_package_quotes_is_cut_off() -> None:
    quoted = error(
        "ORA-20004: The job breaks a rule of COMPARISON_JOBS: ORA-02290: check constraint (C.X) violated"
    )
    assert translate(quoted).sentence == "The job breaks a rule of COMPARISON_JOBS."


@pytest.mark.parametrize(
    "text",
    [
        "ORA-03113: end-of-file on communication channel",
        "ORA-12537: TNS:connection closed",
        "ORA-01034: ORACLE not available",
        "ORA-01033: ORACLE initialization or shutdown in progress",
        "ORA-00060: deadlock detected while waiting for resource",
        "ORA-30006: resource busy; acquire with WAIT timeout expired",
        "ORA-04068: existing state of packages has been discarded",
        "DPY-4005: timed out waiting for the connection pool to return a connection",
        "DPY-4024: call timeout of 10000 ms exceeded",
        'DPY-6001: Service "X" is not registered with the listener',
        "DPY-6005: cannot connect to database",
    ],
)
def test_what_heals_by_itself_is_told_as_unavailable(text: str) -> None:
    translated = translate(error(text))
    assert heals(error(text))
    assert isinstance(translated, DatabaseUnavailableError)
    assert translated.retryable


@pytest.mark.parametrize(
    "text",
    [
        "ORA-00001: unique constraint (C.X) violated",
        "ORA-00942: table or view does not exist",
        "ORA-01017: invalid credential",
    ],
)
def test_what_does_not_heal_is_not_retried(text: str) -> None:
    translated = translate(error(text))
    assert not heals(error(text))
    assert not translated.retryable
    assert not isinstance(translated, DatabaseUnavailableError)


def test_oracles_own_text_never_reaches_a_person() -> None:
    for text in (
        "ORA-00001: unique constraint (SECRET.X) violated",
        "ORA-03113: SECRET",
        'ORA-00942: "SECRET"."T"',
    ):
        assert "SECRET" not in translate(error(text)).sentence


def test_a_dead_session_is_met_by_repeating_only_what_may_be_done_twice() -> None:
    dead = error("ORA-03113: end-of-file on communication channel")
    assert worth_repeating_now(dead, idempotent=True)
    assert not worth_repeating_now(dead, idempotent=False)


def test_a_reloaded_package_did_nothing_so_any_call_may_be_repeated() -> None:
    assert worth_repeating_now(
        error("ORA-04068: existing state of packages has been discarded"), idempotent=False
    )


@pytest.mark.parametrize("owner", ["", "A B", "X;drop", 'A"B', "1A"])
def test_an_owner_that_is_no_plain_name_never_reaches_sql(owner: str) -> None:
    with pytest.raises(OracleError, match="not a plain Oracle name"):
        OraclePool(Settings(db_owner=owner), module="test")


class BrokenOnce(OraclePool):
    """A pool whose first call fails with the given error."""

    def __init__(self, failure: oracledb.Error) -> None:
        super().__init__(Settings(), module="test")
        self.failure: oracledb.Error | None = failure
        self.calls = 0

    def _session(self, action: str) -> Any:
        return self

    async def __aenter__(self) -> None:
        self.calls += 1
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    async def __aexit__(self, *_: object) -> None:
        pass


async def answer(_: Any) -> str:
    return "done"


def test_a_read_on_a_dead_session_is_repeated_on_another() -> None:
    pool = BrokenOnce(error("ORA-03113: end-of-file on communication channel"))
    assert asyncio.run(pool.call("read", answer, idempotent=True)) == "done"
    assert pool.calls == 2


def test_a_write_on_a_dead_session_is_not_repeated_behind_the_callers_back() -> None:
    pool = BrokenOnce(error("ORA-03113: end-of-file on communication channel"))
    with pytest.raises(DatabaseUnavailableError):
        asyncio.run(pool.call("write", answer))
    assert pool.calls == 1
