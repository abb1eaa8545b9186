"""Real worker processes, real signals, and the rows that they leave."""

from __future__ import annotations

import signal
import socket
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from app.settings import Settings
from tests.queue.conftest import Queue, WorkerProcess, wait_for

Start = Callable[..., WorkerProcess]


def test_a_job_is_run_and_its_result_stored(queue: Queue, start: Start) -> None:
    worker = start()
    job = queue.enqueue(do="finish")
    queue.wait(job, "COMPLETED")
    assert queue.row(job, "attempt", "run_token", "match_percentage") == (1, 1, 100)
    [(worker_id,)] = queue.rows("select worker_id from workers where pid = :pid", pid=worker.pid)
    assert queue.row(job, "worker_id") == worker_id


def test_two_workers_never_run_the_same_job(queue: Queue, start: Start, tmp_path: Path) -> None:
    start(worker_slots=2)
    start(worker_slots=2)
    jobs = {
        queue.enqueue(do="sleep", seconds=0.3, mark=str(tmp_path / f"job-{number}")) for number in range(12)
    }
    for job in jobs:
        queue.wait(job, "COMPLETED", 60)
    for number in range(12):
        [mark] = (tmp_path / f"job-{number}").read_text().splitlines()
        assert mark.split()[1] == "1"
    by_worker = Counter(queue.row(job, "worker_id") for job in jobs)
    assert len(by_worker) == 2, by_worker


def test_progress_and_the_expected_end_are_written_by_the_databases_clock(queue: Queue, start: Start) -> None:
    start()
    job = queue.enqueue(do="sleep", seconds=300)
    wait_for(lambda: queue.row(job, "estimated_completion"), what="the estimate")
    percentage, step, left = queue.rows(
        """select progress_percentage, current_step
                 ,extract(minute from (estimated_completion - updated_at)) * 60
                  + extract(second from (estimated_completion - updated_at))
             from comparison_jobs where job_id = :id""",
        id=job,
    )[0]
    assert (percentage, step) == (50, "doing sleep")
    assert 0 < left < 20
    queue.call("cancel", job, "ada")
    queue.wait(job, "CANCELLED")


def test_a_failing_job_is_tried_again_later_and_says_why(queue: Queue, start: Start) -> None:
    start()
    job = queue.enqueue(do="segfault")
    wait_for(lambda: queue.row(job, "ready") == 0)
    [(code, sentence)] = queue.rows(
        "select error_code, error_sentence from job_failures_v where job_id = :id", id=job
    )
    assert code == "crashed"
    assert "SIGSEGV" in sentence


def test_the_job_of_a_killed_worker_is_run_again_by_another(
    queue: Queue, start: Start, tmp_path: Path
) -> None:
    marks, file = tmp_path / "marks", tmp_path / "go"
    job = queue.enqueue(do="finish after", file=str(file), mark=str(marks))
    first = start()
    queue.wait(job, "RUNNING")
    wait_for(marks.exists)
    first.signal(signal.SIGKILL)
    first.wait()
    second = start()
    wait_for(lambda: len(marks.read_text().splitlines()) == 2, what="the second run")
    file.touch()
    queue.wait(job, "COMPLETED")
    assert queue.row(job, "attempt", "run_token") == (2, 2)
    [(worker_id,)] = queue.rows("select worker_id from workers where pid = :pid", pid=second.pid)
    assert queue.row(job, "worker_id") == worker_id
    assert queue.rows("select count(*) from workers") == [(1,)]


def test_a_stalled_worker_that_comes_back_cannot_write_its_result(
    queue: Queue, start: Start, tmp_path: Path
) -> None:
    marks, file = tmp_path / "marks", tmp_path / "go"
    job = queue.enqueue(do="finish after", file=str(file), mark=str(marks))
    zombie = start()
    wait_for(marks.exists)
    zombie.signal(signal.SIGSTOP)
    second = start()
    wait_for(lambda: len(marks.read_text().splitlines()) == 2, what="the second run")
    [(worker_id,)] = queue.rows("select worker_id from workers where pid = :pid", pid=second.pid)
    zombie.signal(signal.SIGCONT)
    wait_for(lambda: "declared lost" in zombie.text() or "fence_lost" in zombie.text())
    assert queue.row(job, "status", "worker_id", "run_token") == ("RUNNING", worker_id, 2)
    file.touch()
    queue.wait(job, "COMPLETED")
    assert queue.row(job, "worker_id", "run_token") == (worker_id, 2)


def test_cancel_of_a_running_job_is_effective_within_two_seconds(
    queue: Queue, start: Start, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    start()
    job = queue.enqueue(do="sleep", seconds=300, mark=str(marks))
    child = wait_for(lambda: (marks.exists() and marks.read_text().split()) or None)[0]
    asked = time.monotonic()
    assert queue.call("cancel", job, "ada") == "RUNNING"
    queue.wait(job, "CANCELLED", 5)
    assert time.monotonic() - asked < 2
    assert not Path(f"/proc/{child}").exists()


def test_an_idle_worker_leaves_at_once_and_takes_its_row_with_it(queue: Queue, start: Start) -> None:
    worker = start(drain_seconds=60)
    worker.signal(signal.SIGTERM)
    assert worker.wait(5) == 0
    assert queue.rows("select count(*) from workers") == [(0,)]


def test_a_draining_worker_lets_a_job_end_within_the_grace_and_claims_no_other(
    queue: Queue, start: Start, tmp_path: Path
) -> None:
    marks, file = tmp_path / "marks", tmp_path / "go"
    worker = start(drain_seconds=30)
    job = queue.enqueue(do="finish after", file=str(file), mark=str(marks))
    wait_for(marks.exists)
    worker.signal(signal.SIGTERM)
    wait_for(lambda: queue.rows("select status from workers") == [("DRAINING",)])
    other = queue.enqueue(do="finish")
    file.touch()
    assert worker.wait(10) == 0
    assert queue.row(job, "status") == "COMPLETED"
    assert queue.row(other, "status") == "PENDING"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_after_the_grace_a_job_goes_back_with_its_attempt(
    queue: Queue, start: Start, tmp_path: Path, number: signal.Signals
) -> None:
    marks = tmp_path / "marks"
    worker = start(drain_seconds=1)
    job = queue.enqueue(do="sleep", seconds=300, mark=str(marks))
    child = wait_for(lambda: (marks.exists() and marks.read_text().split()) or None)[0]
    told = time.monotonic()
    worker.signal(number)
    assert worker.wait(11) == 0
    assert time.monotonic() - told < 11
    assert queue.row(job, "status", "attempt", "worker_id") == ("PENDING", 0, None)
    assert not Path(f"/proc/{child}").exists()


def test_a_second_signal_ends_the_grace(queue: Queue, start: Start, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    worker = start(drain_seconds=300)
    job = queue.enqueue(do="sleep", seconds=300, mark=str(marks))
    wait_for(marks.exists)
    worker.signal(signal.SIGTERM)
    wait_for(lambda: "draining" in worker.text())
    worker.signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert queue.row(job, "status", "attempt") == ("PENDING", 0)


def test_sigquit_leaves_at_once_and_another_worker_runs_the_job(
    queue: Queue, start: Start, tmp_path: Path
) -> None:
    marks, file = tmp_path / "marks", tmp_path / "go"
    worker = start(drain_seconds=300)
    job = queue.enqueue(do="finish after", file=str(file), mark=str(marks))
    child = wait_for(lambda: (marks.exists() and marks.read_text().split()) or None)[0]
    worker.signal(signal.SIGQUIT)
    assert worker.wait(5) == 131
    wait_for(lambda: not Path(f"/proc/{child}").exists())
    file.touch()
    start()
    queue.wait(job, "COMPLETED")
    assert queue.row(job, "attempt") == 2


def test_a_third_signal_does_not_wait_for_a_row_that_a_dba_has_locked(
    queue: Queue, start: Start, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    worker = start(drain_seconds=300)
    job = queue.enqueue(do="sleep", seconds=300, mark=str(marks))
    wait_for(marks.exists)
    with queue.dba.cursor() as cursor:
        cursor.execute("select 1 from comparison_jobs where job_id = :id for update", {"id": job})
    try:
        for says in ("draining", "told to stop again"):
            worker.signal(signal.SIGTERM)
            wait_for(lambda says=says: says in worker.text())
        worker.signal(signal.SIGTERM)
        assert worker.wait(3) == 131
    finally:
        queue.dba.rollback()


def test_prometheus_is_told_what_the_worker_did(queue: Queue, start: Start) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start(metrics_port=port)
    for do in ("finish", "refuse"):
        queue.wait(queue.enqueue(do=do), {"finish": "COMPLETED", "refuse": "FAILED"}[do])

    def scrape() -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    [(mode,)] = queue.rows("select wakeup_mode from workers")
    ended = 'concord_worker_jobs_ended_total{kind="TEST",outcome="%s"}'
    wait_for(lambda: (ended % "engine") in scrape())
    found = scrape()
    assert (found[ended % "completed"], found[ended % "engine"]) == (1, 1)
    assert found["concord_worker_jobs_claimed_total"] == 2
    assert found["concord_worker_slots"] == 1
    assert found[f'concord_worker_wakeup_mode{{mode="{mode}"}}'] == 1


def test_the_worker_tells_how_it_is_woken(queue: Queue, start: Start, worker_settings: Settings) -> None:
    start()
    mode = worker_settings.wakeup
    wait_for(lambda: queue.rows("select wakeup_mode from workers") == [(mode,)], what=f"mode {mode}")
