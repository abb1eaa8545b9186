"""A short run of fuzz.py: misbehaving clients harm nobody but themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LocalProcess
from tests.localdb.fuzz import Fuzzer, memory_mb


@pytest.mark.timeout(90)
def test_misbehaving_clients_harm_nobody(tmp_path: Path) -> None:
    with LocalProcess(tmp_path) as process:
        assert process.process is not None
        fuzzer = Fuzzer(process.instance, seed=20260101)
        fuzzer.run(seconds=60, rounds=60)
        assert process.process.poll() is None
        assert memory_mb(process.process.pid) < 400
        assert "Traceback" not in (tmp_path / "localdb.log").read_text()
