"""A short run of fuzz.py: misbehaving clients harm nobody but themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import LocalProcess
from tests.localdb.fuzz import Fuzzer, memory_mb


@pytest.mark.timeout(90)
def test_misbehaving_clients_harm_nobody(tmp_path: Path) -> None:
    with LocalProcess(tmp_path) as process:
        assert process.process is not None
        fuzzers = [Fuzzer(process.instance, seed) for seed in range(20260101, 20260105)]
        with ThreadPoolExecutor(len(fuzzers)) as pool:  # they wait for answers most of the time
            list(pool.map(lambda fuzzer: fuzzer.run(seconds=60, rounds=20), fuzzers))
        assert process.process.poll() is None
        assert memory_mb(process.process.pid) < 400
        assert "Traceback" not in (tmp_path / "localdb.log").read_text()
