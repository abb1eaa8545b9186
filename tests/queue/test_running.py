"""One job in a real process of its own, with the database played by a record of what was written."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from app.jobs.models import ClaimedJob, JobError
from app.ops.worker_metrics import WorkerMetrics
from app.oracle.errors import DatabaseUnavailableError, OracleError
from app.settings import Settings
from tests.queue.runners import SUMMARY
from worker.folders import WorkFolders
from worker.kinds import Kind, Refused
from worker.outcome import Stop
from worker.processes import JobProcesses
from worker.running import Run, resident_mb


class Record:
    """Stands for OracleJobStorage: keeps what was written, answers as the test says."""

    def __init__(self) -> None:
        self.ends: list[tuple[Any, ...]] = []
        self.progress_calls: list[tuple[float | None, str | None]] = []
        self.verdict = "GO"
        self.outages = 0  # calls that still fail
        self.progressed = asyncio.Event()
        self.left: dict[str, Any] | None = None  # the checkpoint
        self.failed_as = "FAILED"

    async def progress(
        self, _job: str, _token: int, percentage: float | None, step: str | None, _: Any = None
    ) -> str:
        self.progress_calls.append((percentage, step))
        if percentage is not None:
            self.progressed.set()
        return self.verdict

    async def checkpoint(self, _job: str) -> dict[str, Any] | None:
        return self.left

    async def save_checkpoint(self, _job: str, _token: int, checkpoint: dict[str, Any]) -> bool:
        self.left = checkpoint
        return True

    async def complete(self, job_id: str, run_token: int, document: dict[str, Any]) -> bool:
        self._maybe_away()
        self.ends.append(("complete", job_id, run_token, document))
        return True

    async def fail(self, job_id: str, run_token: int, error: JobError, *, retryable: bool) -> str:
        self._maybe_away()
        self.ends.append(("fail", error.code, error.sentence, retryable))
        return self.failed_as

    async def cancelled(self, *_: Any) -> bool:
        self.ends.append(("cancelled",))
        return True

    async def release(self, *_: Any) -> bool:
        self.ends.append(("release",))
        return True

    def _maybe_away(self) -> None:
        if self.outages:
            self.outages -= 1
            raise DatabaseUnavailableError("The database is not available.", code="DPY-6005", retryable=True)


def make_run(tmp_path: Path, record: Record, request: dict[str, Any], **changes: Any) -> Run:
    async def prepare(*_: Any) -> dict[str, Any]:
        return request

    settings = Settings(home=tmp_path, **{"job_memory_mb": 300, "job_time_limit_seconds": 30, **changes})
    folders = WorkFolders(tmp_path / "work", f"worker-{uuid.uuid4()}")
    folders.open()
    return Run(
        claimed=ClaimedJob("job-1", 7, "TEST", 1),
        kind=Kind("tests.queue.runners:run", prepare),
        storage=record,  # type: ignore[arg-type]
        catalog=None,  # type: ignore[arg-type]
        settings=settings,
        metrics=WorkerMetrics(),
        folders=folders,
        processes=JobProcesses(["tests.queue.runners"]),
        worker_id="worker-1",
        give_up=asyncio.Event(),
    )


def end_of(tmp_path: Path, request: dict[str, Any], **changes: Any) -> tuple[Any, ...]:
    """Run the job to its end; what was written about it."""

    async def main() -> tuple[Any, ...]:
        record = Record()
        await make_run(tmp_path, record, request, **changes).work()
        [end] = record.ends
        return end

    return asyncio.run(main())


def test_a_result_is_stored_under_the_runs_token(tmp_path: Path) -> None:
    end = end_of(tmp_path, {"do": "finish"})
    assert end == ("complete", "job-1", 7, {"summary": SUMMARY, "columns": [], "text": ""})


def test_rows_and_seconds_of_comparisons_are_counted_by_engine_and_attempts_to_come(tmp_path: Path) -> None:
    compared = {"engine": "arrow-duckdb", "seconds": 2.5}

    async def main() -> WorkerMetrics:
        record = Record()
        first = make_run(tmp_path, record, {"do": "finish", "more": {"compared": compared}})
        await first.work()
        record.failed_as = "PENDING"
        again = make_run(tmp_path, record, {"do": "refuse", "retryable": True})
        again.metrics = first.metrics
        await again.work()
        return first.metrics

    value = asyncio.run(main()).registry.get_sample_value
    engine = {"engine": "arrow-duckdb"}
    assert value("concord_worker_rows_compared_total", engine) == SUMMARY["rows_a"] + SUMMARY["rows_b"]
    assert value("concord_worker_compare_seconds_total", engine) == 2.5
    assert value("concord_worker_jobs_retried_total", {"kind": "TEST"}) == 1


@pytest.mark.parametrize(("do", "kept"), [("finish", ["7"]), ("refuse", ["6"]), ("segfault", ["6"])])
def test_result_files_of_attempts_that_came_to_nothing_are_removed(
    tmp_path: Path, do: str, kept: list[str]
) -> None:
    results = tmp_path / "results" / "job-1"
    for token in ("6", "7"):
        (results / token).mkdir(parents=True)
        (results / token / "differences.parquet.part").touch()
    end_of(tmp_path, {"do": do})
    assert [folder.name for folder in results.iterdir()] == kept


def test_what_one_attempt_leaves_the_next_one_gets(tmp_path: Path) -> None:
    record = Record()
    asyncio.run(make_run(tmp_path, record, {"do": "leave", "seconds": 1.5}).work())
    assert record.left == {"step": 1}
    asyncio.run(make_run(tmp_path, record, {"do": "leave", "seconds": 0}).work())
    assert record.ends[-1][3]["text"] == "step 1 was there"


def test_a_result_of_ten_megabytes_arrives_whole(tmp_path: Path) -> None:
    end = end_of(tmp_path, {"do": "finish", "size": 10_000_000})
    assert len(end[3]["text"]) == 10_000_000


@pytest.mark.parametrize(
    ("do", "code", "says", "retryable"),
    [
        ("segfault", "crashed", "SIGSEGV", True),
        ("exit", "crashed", "exit status 3", True),
        ("refuse", "engine", "There is no key.", False),
        ("break", "engine", "ZeroDivisionError", True),
        ("memory error", "out_of_memory", "300 MiB", False),
        ("swallow", "out_of_memory", "300 MiB", False),
    ],
)
def test_a_failure_is_written_with_its_cause(
    tmp_path: Path, do: str, code: str, says: str, retryable: bool
) -> None:
    verb, written_code, sentence, written_retryable = end_of(tmp_path, {"do": do})
    assert (verb, written_code, written_retryable) == ("fail", code, retryable)
    assert says in sentence


def test_a_job_over_its_time_is_stopped(tmp_path: Path) -> None:
    end = end_of(tmp_path, {"do": "sleep", "seconds": 60}, job_time_limit_seconds=1.0)
    assert end[:2] == ("fail", "timed_out")


def test_a_request_that_is_refused_fails_for_good_without_a_process(tmp_path: Path) -> None:
    async def refuse(*_: Any) -> dict[str, Any]:
        raise Refused("There is no table X.")

    async def main() -> None:
        record = Record()
        run = make_run(tmp_path, record, {})
        run.kind = Kind("no.such.module:run", refuse)
        await run.work()
        assert record.ends == [("fail", "bad_request", "There is no table X.", False)]

    asyncio.run(main())


def test_an_unknown_kind_is_refused_by_name(tmp_path: Path) -> None:
    async def main() -> None:
        record = Record()
        run = make_run(tmp_path, record, {})
        run.kind = None
        await run.work()
        assert record.ends[0][1] == "bad_request"
        assert "TEST" in record.ends[0][2]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("verdict", "ends"), [("CANCEL", [("cancelled",)]), ("STOP", [])], ids=["cancel", "fence lost"]
)
def test_the_databases_word_stops_a_long_query_of_an_engine_within_two_seconds(
    tmp_path: Path, verdict: str, ends: list[Any]
) -> None:
    async def main() -> None:
        record = Record()
        work = asyncio.create_task(make_run(tmp_path, record, {"do": "query"}, job_memory_mb=2000).work())
        async with asyncio.timeout(20):
            await record.progressed.wait()
        record.verdict = verdict
        asked = time.monotonic()
        async with asyncio.timeout(20):
            await work
        assert time.monotonic() - asked < 2
        assert record.ends == ends

    asyncio.run(main())


def test_a_silent_job_is_asked_about_without_writing(tmp_path: Path) -> None:
    async def main() -> None:
        record = Record()
        work = asyncio.create_task(make_run(tmp_path, record, {"do": "sleep", "seconds": 60}).work())
        async with asyncio.timeout(20):
            await record.progressed.wait()
        before = len(record.progress_calls)
        while len(record.progress_calls) < before + 2:
            await asyncio.sleep(0.05)
        assert set(record.progress_calls[before:]) == {(None, None)}
        record.verdict = "STOP"
        await work

    asyncio.run(main())


def test_a_drained_job_is_released(tmp_path: Path) -> None:
    async def main() -> None:
        record = Record()
        run = make_run(tmp_path, record, {"do": "sleep", "seconds": 60})
        work = asyncio.create_task(run.work())
        async with asyncio.timeout(20):
            await record.progressed.wait()
        run.stop(Stop.DRAIN)
        async with asyncio.timeout(5):
            await work
        assert record.ends == [("release",)]

    asyncio.run(main())


def test_the_end_is_written_again_until_the_database_is_back(tmp_path: Path) -> None:
    async def main() -> None:
        record = Record()
        record.outages = 2
        async with asyncio.timeout(30):
            await make_run(tmp_path, record, {"do": "finish"}).work()
        assert [end[0] for end in record.ends] == ["complete"]

    asyncio.run(main())


def test_a_result_that_the_database_refuses_becomes_a_failure(tmp_path: Path) -> None:
    async def main() -> None:
        record = Record()

        async def refuse(*_: Any) -> bool:
            raise OracleError("The database reported an error (ORA-02290).", code="ORA-02290")

        record.complete = refuse  # type: ignore[method-assign]
        await make_run(tmp_path, record, {"do": "finish"}).work()
        [(verb, code, sentence, retryable)] = record.ends
        assert (verb, code, retryable) == ("fail", "engine", False)
        assert "ORA-02290" in sentence

    asyncio.run(main())


def test_the_work_folder_is_gone_afterwards_however_the_job_ended(tmp_path: Path) -> None:
    for do in ("finish", "segfault"):
        end_of(tmp_path, {"do": do})
        assert not list((tmp_path / "work").glob("*/*"))


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    """The parent is a process of its own, killed without a word; its child must not outlive it."""
    marks = tmp_path / "marks"

    async def parent() -> None:
        await make_run(tmp_path, Record(), {"do": "sleep", "seconds": 300, "mark": str(marks)}).work()

    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(parent())
        finally:
            os._exit(9)
    try:
        child = _wait_for(lambda: int(marks.read_text().split()[0]) if marks.exists() else None)
        assert resident_mb(child) > 1
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    _wait_for(lambda: True if not _alive(child) else None)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _wait_for(look: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
