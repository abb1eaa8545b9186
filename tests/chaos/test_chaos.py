"""Ninety seconds of the chaos, every kind of disaster at least once: the ledger must be without a violation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import run


@pytest.mark.timeout(900)
def test_ninety_seconds_of_chaos_lose_nothing(tmp_path: Path) -> None:
    report = run(tmp_path / "chaos", seconds=90, seed=7, window_seconds=8, measured_restarts=1)
    assert report.problems == {}, report.to_document()
    assert report.figures["jobs completed"] > 20
    assert sum(report.disasters.values()) >= 11
    # No worker was started again, and jobs were completed by claims made after the restart.
    assert report.restarts[0]["after"] > 0
