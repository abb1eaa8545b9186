"""A worker whose database is away: one clear line, no end, and still in order when told to leave."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from app.settings import Settings
from tests.queue.conftest import WorkerProcess, wait_for


@pytest.mark.parametrize("wakeup", ["poll", "cqn"])
def test_a_worker_without_a_database_says_so_once_and_leaves_when_told(tmp_path: Path, wakeup: str) -> None:
    with socket.socket() as taken:  # bound and not listening: nothing answers there
        taken.bind(("127.0.0.1", 0))
        settings = Settings(
            home=tmp_path,
            db_dsn=f"127.0.0.1:{taken.getsockname()[1]}/FREEPDB1",
            db_password="secret-of-the-test",
            heartbeat_seconds=0.2,
            wakeup=wakeup,  # type: ignore[arg-type]
        )
        worker = WorkerProcess(settings, tmp_path, "worker")
        try:
            wait_for(lambda: "database does not answer" in worker.text())
            time.sleep(1)  # several further tries
            worker.signal(signal.SIGTERM)
            assert worker.wait(10) == 0, worker.text()
        finally:
            worker.process.kill()
    lines = [line for line in worker.text().splitlines() if "nothing answers there" in line]
    assert len([line for line in lines if "database does not answer" in line]) == 1, worker.text()
    assert len(lines) == (2 if wakeup == "cqn" else 1), worker.text()
    assert "secret-of-the-test" not in worker.text()
    assert "Traceback" not in worker.text()
