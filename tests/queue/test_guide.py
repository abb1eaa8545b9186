"""docs/queue.md and `concord worker --help` say what the worker does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from worker.main import EXIT_STATUSES

GUIDE = (Path(__file__).parents[2] / "docs" / "queue.md").read_text(encoding="utf-8")


def test_the_help_lists_every_exit_status_with_its_meaning() -> None:
    command = [sys.executable, "-m", "app.cli", "worker", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for status, meaning in EXIT_STATUSES.items():
        assert f"  {status:<3}  {meaning}" in shown


def test_the_guide_lists_every_exit_status() -> None:
    for status in EXIT_STATUSES:
        assert f"\n| {status} | " in GUIDE


def test_every_command_of_the_guide_exists() -> None:
    for line in GUIDE.splitlines():
        for part in line.split("`"):
            if part.startswith("python -m tests."):
                path = part.split()[2].replace(".", "/")
                root = Path(__file__).parents[2]
                assert (root / f"{path}.py").exists() or (root / path / "__main__.py").exists(), part
