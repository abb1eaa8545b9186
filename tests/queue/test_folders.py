"""What jobs leave on the disk, and who removes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from worker.folders import WorkFolders, keep_only, remove

_WORKER = """
import sys, time
from pathlib import Path
from worker.folders import WorkFolders
folders = WorkFolders(Path(sys.argv[1]), sys.argv[2])
folders.open()
(folders.make("job") / "spill").write_text("much")
print("ready", flush=True)
time.sleep(60)
"""


def start(parent: Path, *names: str) -> list[subprocess.Popen[str]]:
    """Processes with a folder each; returns when all have theirs."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(parent), name], stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    for process in processes:
        assert process.stdout is not None
        assert "ready\n" in iter(process.stdout.readline, "")
    return processes


def end(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_killed_workers_folder_is_removed_by_the_next_one_and_a_living_ones_is_not(tmp_path: Path) -> None:
    parent = tmp_path / "work"
    killed, living = start(parent, "killed", "living")
    try:
        end(killed)
        assert list(parent.glob("killed/job-*/spill"))
        third = WorkFolders(parent, "third")
        third.open()
        names = ["living", "living.lock", "third", "third.lock"]
        assert sorted(path.name for path in parent.iterdir()) == names
        assert list(parent.glob("living/job-*/spill"))
        third.close()
        assert sorted(path.name for path in parent.iterdir()) == names[:2]
    finally:
        end(living)


def test_workers_that_start_together_get_a_folder_each_and_clean_up_after_the_dead(tmp_path: Path) -> None:
    end(*start(tmp_path, "a", "b", "c"))
    end(*start(tmp_path, "d", "e", "f", "g"))
    last = WorkFolders(tmp_path, "last")
    last.open()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last", "last.lock"]


def test_of_a_completed_job_the_files_of_one_attempt_are_kept(tmp_path: Path) -> None:
    for token in (1, 2, 30):
        (tmp_path / "job" / str(token)).mkdir(parents=True)
        (tmp_path / "job" / str(token) / "differences.parquet").touch()
    keep_only(tmp_path, "job", 2)
    assert [path.name for path in (tmp_path / "job").iterdir()] == ["2"]
    remove(tmp_path, "job", 1)
    assert (tmp_path / "job" / "2" / "differences.parquet").exists()
    remove(tmp_path, "job", 2)
    assert not (tmp_path / "job").exists()
    remove(tmp_path, "job", 2)
